/* The dialogue of a push connection: who gets a proof, and what is taken when.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/push-dialogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NONCE "00112233445566778899aabbccddeeff"
#define MSG   "msg:17/#room:42:1700000000123:bob:Bob:a:b"

static const uint8_t key[V2_KEY_LEN] = {1, 2, 3};

static enum push_verdict take(struct push_dialogue *dialogue, const char *frame,
                              struct v2_frame *ret)
{
    return push_dialogue_take(dialogue, bytes_of(frame), bytes_of("session"), key, ret);
}

static void test_proof_and_messages(void **state)
{
    struct push_dialogue dialogue = {0};
    uint8_t nonce[V2_NONCE_LEN], mac[V2_MAC_LEN];
    struct v2_frame frame;

    for (unsigned i = 0; i < V2_NONCE_LEN; i++)
        nonce[i] = (uint8_t)(i * 0x11);
    v2_mac_proof(key, bytes_of("session"), nonce, mac);
    assert_int_equal(take(&dialogue, "push:session:" NONCE, &frame), PUSH_PROVE);
    assert_int_equal(frame.verb, V2_VERB_PROOF);
    assert_memory_equal(frame.mac, mac, V2_MAC_LEN);
    assert_true(dialogue.proven);
    assert_int_equal(take(&dialogue, MSG, &frame), PUSH_MESSAGE);
    assert_int_equal(frame.conversation.id, 17);
    assert_true(bytes_is(frame.conversation.name, "#room"));
    assert_int_equal(frame.seq, 42);
    assert_true(bytes_is(frame.text, "a:b"));
    assert_int_equal(take(&dialogue, "pong", &frame), PUSH_NOTHING);
    assert_int_equal(take(&dialogue, "err:busy:-:wait", &frame), PUSH_ERROR);
    assert_true(bytes_is(frame.text, "wait"));
    assert_int_equal(take(&dialogue, "detached", &frame), PUSH_NOTHING);
    assert_int_equal(take(&dialogue, "later:of a server to come", &frame), PUSH_NOTHING);
    assert_int_equal(take(&dialogue, MSG, &frame), PUSH_MESSAGE);
}

static void test_whispers_and_notes_are_delivered_too(void **state)
{
    struct push_dialogue dialogue = {.proven = true};
    struct v2_frame frame;

    assert_int_equal(take(&dialogue, "whisper:9/alice:4:0:17/#room:bob:Bob:psst", &frame),
                     PUSH_MESSAGE);
    assert_int_equal(take(&dialogue, "note:17/#room:1:0:joined:-:bob:Bob:", &frame), PUSH_MESSAGE);
    assert_int_equal(take(&dialogue, "note:17/#room:1:0:newer:-:bob:Bob:", &frame), PUSH_MESSAGE);
}

static void test_nothing_is_taken_from_strangers(void **state)
{
    static const char *const frames[] = {"",
                                         "push",
                                         "push:session",
                                         "push:session:",
                                         "push:other:" NONCE,
                                         "push::" NONCE,
                                         "push:session:" NONCE "00",
                                         "push:session:0011",
                                         "push:sessio:" NONCE,
                                         "push:session:" NONCE ":more",
                                         "PUSH:session:" NONCE,
                                         MSG,
                                         "pong",
                                         "attached",
                                         "detached",
                                         "err:denied:hello:no",
                                         "hello:2:a:b:c",
                                         "newmsg:1:Bob:bob:text",
                                         "GET / HTTP/1.0\r\n\r\n",
                                         "SSH-2.0-x",
                                         "proof:" NONCE};

    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct push_dialogue dialogue = {0};
        struct v2_frame frame;
        assert_int_equal(take(&dialogue, frames[i], &frame), PUSH_BREAK);
        assert_false(dialogue.proven);
    }
}

static void test_what_the_server_may_not_say(void **state)
{
    static const char *const frames[] = {("push:session:" NONCE),
                                         "ping",
                                         "welcome:s:k:1:3:A",
                                         "attached",
                                         "msg",
                                         "msg:17/#room:0:1:bob:Bob:text",
                                         "msg:0/*:1:1:bob:Bob:text",
                                         "msg:17:1:1:bob:Bob:text",
                                         "msg:17/#room:1:1:bob:Bob:",
                                         "msg:17/#room:1:1:b\x1b:Bob:text",
                                         "sent:k:1/*:1:1",
                                         "ack:1/:1",
                                         "goodbye"};

    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct push_dialogue dialogue = {.proven = true};
        struct v2_frame frame;
        assert_int_equal(take(&dialogue, frames[i], &frame), PUSH_BREAK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proof_and_messages),
        cmocka_unit_test(test_whispers_and_notes_are_delivered_too),
        cmocka_unit_test(test_nothing_is_taken_from_strangers),
        cmocka_unit_test(test_what_the_server_may_not_say),
    };

    return cmocka_run_group_tests_name("push-dialogue", tests, NULL, NULL);
}
