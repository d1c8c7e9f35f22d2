/* Messages: a copy of their own, counted references, one allocation that may fail.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/message.h"

#include "../lib/exact.h"
#include "../lib/fault.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct message original = {.references = 99,
                                        .conversation = 1,
                                        .seq = 2,
                                        .time_ms = 3,
                                        .sender = 4,
                                        .origin = 5,
                                        .context = 6,
                                        .userid = LITERAL("alice"),
                                        .name = LITERAL("Al Ice"),
                                        .key = LITERAL("k\0y"),
                                        .text = LITERAL("text")};

static void copies_everything(void **state)
{
    struct message source = original, *message;
    struct bytes text = exact_copy("text", 4);

    source.text = text;
    assert_int_equal(message_new(&source, &message), 0);
    exact_free(text); /* the copy stands by itself */
    assert_int_equal(message->references, 1);
    assert_int_equal(message->conversation, 1);
    assert_int_equal(message->seq, 2);
    assert_int_equal(message->time_ms, 3);
    assert_int_equal(message->sender, 4);
    assert_int_equal(message->origin, 5);
    assert_int_equal(message->context, 6);
    assert_true(bytes_is(message->userid, "alice"));
    assert_true(bytes_is(message->name, "Al Ice"));
    assert_true(bytes_equal(message->key, LITERAL("k\0y")));
    assert_true(bytes_is(message->text, "text"));
    assert_int_equal(message_size(message), sizeof(*message) + 5 + 6 + 3 + 4);
    message_unref(message);
}

static void copies_empty_fields(void **state)
{
    struct message nothing = {0}, *message;

    assert_int_equal(message_new(&nothing, &message), 0);
    assert_int_equal(message->text.len, 0);
    assert_int_equal(message_size(message), sizeof(*message));
    message_unref(message);
}

static void lives_until_the_last_reference(void **state)
{
    struct message *message;

    assert_int_equal(message_new(&original, &message), 0);
    assert_ptr_equal(message_ref(message), message);
    assert_ptr_equal(message_ref(message), message);
    message_unref(message);
    message_unref(message);
    assert_int_equal(message->references, 1);
    assert_true(bytes_is(message->text, "text"));
    message_unref(message); /* the leak and address checks tell whether it was freed, and once */
    message_unref(NULL);
}

static void survives_without_memory(void **state)
{
    struct message *message = NULL;

    fault_countdown = 0;
    assert_int_equal(message_new(&original, &message), -ENOMEM);
    fault_countdown = -1;
    assert_null(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_everything),
        cmocka_unit_test(copies_empty_fields),
        cmocka_unit_test(lives_until_the_last_reference),
        cmocka_unit_test(survives_without_memory),
    };

    return cmocka_run_group_tests_name("model/message", tests, NULL, NULL);
}
