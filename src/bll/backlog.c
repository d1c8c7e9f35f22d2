/* Pages read from storage on behalf of a device; few of them, hence a list.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/backlog.h"

#include <errno.h>
#include <stdlib.h>

struct page {
    struct list link;
    unsigned next, count; /* a page whose messages are all gone is freed */
    struct message *messages[];
};

static struct message *head(const struct page *page)
{
    return page->messages[page->next];
}

static void page_free(struct backlog *backlog, struct page *page)
{
    while (page->next < page->count)
        message_unref(page->messages[page->next++]);
    list_remove(&page->link);
    backlog->count--;
    free(page);
}

/* Drops the first message; the page may be gone afterwards. */
static bool page_pop(struct backlog *backlog, struct page *page)
{
    message_unref(page->messages[page->next++]);
    if (page->next < page->count)
        return true;
    page_free(backlog, page);
    return false;
}

void backlog_init(struct backlog *backlog)
{
    list_init(&backlog->pages);
    backlog->count = 0;
}

void backlog_clear(struct backlog *backlog)
{
    while (!list_empty(&backlog->pages))
        page_free(backlog, LIST_FIRST(&backlog->pages, struct page, link));
}

bool backlog_full(const struct backlog *backlog)
{
    return backlog->count >= BACKLOG_PAGES;
}

int backlog_keep(struct backlog *backlog, struct message *const *messages, size_t count)
{
    struct page *page;

    if (backlog_full(backlog))
        return -ENOBUFS;
    page = malloc(sizeof(*page) + count * sizeof(struct message *));
    if (!page)
        return -ENOMEM;
    page->next = 0;
    page->count = (unsigned)count;
    for (size_t i = 0; i < count; i++)
        page->messages[i] = message_ref(messages[i]);
    list_append(&backlog->pages, &page->link);
    backlog->count++;
    return 0;
}

struct message *backlog_next(struct backlog *backlog, uint64_t conversation, uint64_t seq)
{
    LIST_FOREACH_SAFE (link, &backlog->pages) {
        struct page *page = LIST_ENTRY(link, struct page, link);
        bool left = head(page)->conversation == conversation;
        while (left && head(page)->seq < seq)
            left = page_pop(backlog, page);
        if (left)
            return head(page);
    }
    return NULL;
}

void backlog_advance(struct backlog *backlog, const struct message *message)
{
    LIST_FOREACH_SAFE (link, &backlog->pages) {
        struct page *page = LIST_ENTRY(link, struct page, link);
        if (head(page) == message) {
            (void)page_pop(backlog, page);
            return;
        }
    }
}
