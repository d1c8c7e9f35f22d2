/* The intrusive list.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/list.h"

#include "util/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    char name;
    struct list link;
};

/* Compares the names on `head`, in order and backwards, with `names`. */
static void assert_names(struct list *head, const char *names)
{
    char text[16];
    size_t count = 0;

    LIST_FOREACH (link, head)
        text[count++] = LIST_ENTRY(link, struct item, link)->name;
    assert_true(bytes_is((struct bytes){text, count}, names));
    for (struct list *link = head->prev; link != head; link = link->prev)
        assert_int_equal(LIST_ENTRY(link, struct item, link)->name, names[--count]);
    assert_int_equal(count, 0);
    assert_int_equal(list_empty(head), names[0] == '\0');
}

static void make_items(struct item *items, size_t count, struct list *head)
{
    for (size_t i = 0; i < count; i++) {
        items[i].name = (char)('a' + i);
        list_init(&items[i].link);
        assert_false(list_linked(&items[i].link));
        list_append(head, &items[i].link);
        assert_true(list_linked(&items[i].link));
    }
}

static void appends_and_removes(void **state)
{
    struct list head = LIST_INIT(head);
    struct item items[4];

    assert_names(&head, "");
    make_items(items, 4, &head);
    assert_names(&head, "abcd");
    assert_ptr_equal(LIST_FIRST(&head, struct item, link), &items[0]);
    list_remove(&items[1].link);
    assert_names(&head, "acd");
    assert_false(list_linked(&items[1].link));
    list_remove(&items[1].link); /* twice is harmless */
    assert_names(&head, "acd");
    list_remove(&items[0].link);
    list_remove(&items[3].link);
    list_remove(&items[2].link);
    assert_names(&head, "");
}

static void moves(void **state)
{
    struct list head = LIST_INIT(head), other = LIST_INIT(other);
    struct item items[3];

    make_items(items, 3, &head);
    list_move(&head, &items[0].link);
    assert_names(&head, "bca");
    list_move(&other, &items[2].link);
    assert_names(&head, "ba");
    assert_names(&other, "c");
}

static void splices(void **state)
{
    struct list head = LIST_INIT(head), other = LIST_INIT(other);
    struct item items[3];

    make_items(items, 3, &head);
    list_splice(&head, &other); /* nothing */
    assert_names(&head, "abc");
    list_splice(&other, &head);
    assert_names(&head, "");
    assert_names(&other, "abc");
    list_move(&head, &items[1].link);
    list_splice(&other, &head);
    assert_names(&other, "acb");
    assert_names(&head, "");
}

static void may_remove_while_walking(void **state)
{
    struct list head = LIST_INIT(head);
    struct item items[5];

    make_items(items, 5, &head);
    LIST_FOREACH_SAFE (link, &head)
        if (LIST_ENTRY(link, struct item, link)->name != 'c')
            list_remove(link);
    assert_names(&head, "c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_and_removes),
        cmocka_unit_test(moves),
        cmocka_unit_test(splices),
        cmocka_unit_test(may_remove_while_walking),
    };

    return cmocka_run_group_tests_name("util/list", tests, NULL, NULL);
}
