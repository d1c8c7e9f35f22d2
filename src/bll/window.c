/* A ring of what is under way. Entries leave at its front; what is acknowledged behind the front
 * keeps its place until the front has gone, or until the place is needed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/window.h"

#include <errno.h>
#include <stdlib.h>

#define WINDOW_INITIAL 8  /* entries; a power of two, as every size of the ring is */
#define WINDOW_KEPT    64 /* of an empty window */

static struct window_entry *slot(const struct window *window, unsigned place)
{
    return &window->entries[(window->first + place) & (window->size - 1)];
}

void window_init(struct window *window)
{
    *window = (struct window){0};
}

void window_deinit(struct window *window)
{
    free(window->entries);
    window_init(window);
}

/* Lets what is still under way move up into the places of what is not. */
static void compact(struct window *window)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < window->used; i++)
        if (slot(window, i)->conversation != 0)
            *slot(window, kept++) = *slot(window, i);
    window->used = kept;
}

static int grow(struct window *window)
{
    unsigned size = window->size ? window->size * 2 : WINDOW_INITIAL;
    struct window_entry *entries = calloc(size, sizeof(*entries));

    if (!entries)
        return -ENOMEM;
    for (unsigned i = 0; i < window->used; i++)
        entries[i] = *slot(window, i);
    free(window->entries);
    window->entries = entries;
    window->size = size;
    window->first = 0;
    return 0;
}

/* A place at the end: more room only when most of it is really taken, or else each message would
 * have the others move. */
static int make_room(struct window *window)
{
    if (window->used < window->size)
        return 0;
    if (window->count <= window->size / 2)
        compact(window);
    return window->used < window->size ? 0 : grow(window);
}

int window_add(struct window *window, uint64_t conversation, uint64_t seq, size_t bytes)
{
    int r = make_room(window);

    if (r < 0)
        return r;
    *slot(window, window->used++) =
        (struct window_entry){.conversation = conversation, .seq = seq, .bytes = bytes};
    window->count++;
    window->bytes += bytes;
    return 0;
}

static void drop_front(struct window *window)
{
    while (window->used > 0 && slot(window, 0)->conversation == 0) {
        window->first = (window->first + 1) & (window->size - 1);
        window->used--;
    }
    if (window->used == 0 && window->size > WINDOW_KEPT)
        window_deinit(window);
}

static void drop_entry(struct window *window, struct window_entry *entry)
{
    entry->conversation = 0;
    window->count--;
    window->bytes -= entry->bytes;
}

unsigned window_acknowledge(struct window *window, uint64_t conversation, uint64_t *seq)
{
    unsigned messages = 0;

    for (unsigned i = 0; i < window->used; i++) {
        struct window_entry *entry = slot(window, i);
        if (entry->conversation != conversation)
            continue;
        if (entry->seq > *seq && entry->bytes > 0)
            break;
        if (entry->seq > *seq)
            *seq = entry->seq;
        messages += entry->bytes > 0;
        drop_entry(window, entry);
    }
    drop_front(window);
    return messages;
}

void window_prune(struct window *window, bool (*kept)(const void *userdata, uint64_t conversation),
                  const void *userdata)
{
    for (unsigned i = 0; i < window->used; i++) {
        struct window_entry *entry = slot(window, i);
        if (entry->conversation != 0 && !kept(userdata, entry->conversation))
            drop_entry(window, entry);
    }
    drop_front(window);
}
