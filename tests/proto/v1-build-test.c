/* Version 1 of the wire, writing: byte for byte, room to the byte, what no frame can carry, and
 * long texts split into pushes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/v1.h"

#include "../lib/exact.h"
#include "util/utf8.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct v1_poll a_poll = {
    .userid = LITERAL("alice"), .password = LITERAL("secret"), .port = 10001};
static const struct v1_write a_write = {.userid = LITERAL("alice"),
                                        .password = LITERAL("secret"),
                                        .recipient = LITERAL("#room"),
                                        .text = LITERAL("a:b\n\xed\x95\x9c")};

typedef long (*build_fn)(char *out, size_t size);

static long build_poll(char *out, size_t size)
{
    return v1_build_poll(&a_poll, out, size);
}

static long build_write(char *out, size_t size)
{
    return v1_build_write(&a_write, out, size);
}

static long build_error(char *out, size_t size)
{
    return v1_build_error(bytes_of("denied"), bytes_of("no: really"), out, size);
}

static void builds_byte_for_byte_in_just_the_room(void **state)
{
    static const struct {
        build_fn build;
        struct bytes expected;
    } cases[] = {
        {build_poll, LITERAL("poll:alice:secret:10001")},
        {build_write, LITERAL("wrmsg:alice:secret:#room:a:b\n\xed\x95\x9c\003")},
        {v1_build_ack, LITERAL("ack\003")},
        {build_error, LITERAL("err:denied:no: really\003")},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (size_t size = 0; size <= cases[i].expected.len + 1; size++) {
            char *out = malloc(size);
            long n = cases[i].build(out, size);
            if (size < cases[i].expected.len) {
                assert_int_equal(n, -ENOBUFS);
            } else {
                assert_int_equal(n, cases[i].expected.len);
                assert_memory_equal(out, cases[i].expected.data, (size_t)n);
            }
            free(out);
        }
}

static void parsers_take_what_is_built(void **state)
{
    char out[256];
    struct v1_poll poll;
    struct v1_write write;
    struct bytes code, reason;

    long n = build_poll(out, sizeof(out));
    assert_int_equal(v1_parse_poll((struct bytes){out, (size_t)n}, &poll, NULL), 0);
    assert_true(bytes_equal(poll.userid, a_poll.userid));
    assert_true(bytes_equal(poll.password, a_poll.password));
    assert_int_equal(poll.port, a_poll.port);
    n = build_write(out, sizeof(out));
    assert_int_equal(v1_parse_write((struct bytes){out, (size_t)n - 1}, &write, NULL), 0);
    assert_true(bytes_equal(write.recipient, a_write.recipient));
    assert_true(bytes_equal(write.text, a_write.text));
    n = v1_build_ack(out, sizeof(out));
    assert_int_equal(v1_parse_answer((struct bytes){out, (size_t)n - 1}, &code, &reason), 1);
    n = build_error(out, sizeof(out));
    assert_int_equal(v1_parse_answer((struct bytes){out, (size_t)n - 1}, &code, &reason), 0);
    assert_true(bytes_is(code, "denied"));
    assert_true(bytes_is(reason, "no: really"));
}

/* A field with a colon or an ETX would be read as something else by the other side. */
static void builds_no_frame_that_would_be_misread(void **state)
{
    static const struct bytes bad[] = {
        LITERAL(""),
        LITERAL("a:b"),
        LITERAL("a\003b"),
        LITERAL("a\nb"),
        LITERAL("a\0b"),
        LITERAL("\xff"),
        LITERAL("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    };
    char out[1024];

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct v1_poll polls[] = {a_poll, a_poll};
        struct v1_write writes[] = {a_write, a_write, a_write};
        polls[0].userid = polls[1].password = bad[i];
        writes[0].userid = writes[1].password = writes[2].recipient = bad[i];
        for (size_t j = 0; j < ARRAY_SIZE(polls); j++)
            assert_int_equal(v1_build_poll(&polls[j], out, sizeof(out)), -EINVAL);
        for (size_t j = 0; j < ARRAY_SIZE(writes); j++)
            assert_int_equal(v1_build_write(&writes[j], out, sizeof(out)), -EINVAL);
    }
}

static void builds_no_text_that_would_end_early(void **state)
{
    static const struct bytes bad[] = {LITERAL(""), LITERAL("a\003goodbye"), LITERAL("a\0"),
                                       LITERAL("\xc3")};
    char out[256];

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct v1_write write = a_write;
        write.text = bad[i];
        assert_int_equal(v1_build_write(&write, out, sizeof(out)), -EINVAL);
        assert_int_equal(v1_build_error(bytes_of("x"), bad[i], out, sizeof(out)), -EINVAL);
    }
    assert_int_equal(v1_build_error(bytes_of(""), bytes_of("x"), out, sizeof(out)), -EINVAL);
    assert_int_equal(v1_build_error(bytes_of("a:b"), bytes_of("x"), out, sizeof(out)), -EINVAL);
}

static void poll_needs_a_port(void **state)
{
    struct v1_poll poll = a_poll;
    char out[64];

    poll.port = 0;
    assert_int_equal(v1_build_poll(&poll, out, sizeof(out)), -EINVAL);
}

static struct v1_push make_push(struct bytes text)
{
    return (struct v1_push){
        .time_s = 1700000000, .name = LITERAL("Al Ice"), .userid = LITERAL("alice"), .text = text};
}

static void builds_a_push_byte_for_byte(void **state)
{
    struct v1_push push = make_push(bytes_of("a:b\n"));
    struct bytes expected = LITERAL("newmsg:1700000000:Al Ice:alice:a:b\n");
    char *out = malloc(V1_PUSH_MAX);
    size_t next = 77;

    assert_int_equal(v1_build_push(&push, 0, out, V1_PUSH_MAX, &next), expected.len);
    assert_memory_equal(out, expected.data, expected.len);
    assert_int_equal(next, 4);
    next = 77;
    assert_int_equal(v1_build_push(&push, 0, out, V1_PUSH_MAX - 1, &next), -ENOBUFS);
    assert_int_equal(next, 77);
    free(out);
}

/* Builds every part of `push`, checks each, and that they make up the text. Returns how many. */
static unsigned check_parts(const struct v1_push *push)
{
    char *out = malloc(V1_PUSH_MAX);
    size_t offset = 0, next;
    unsigned parts = 0;

    do {
        struct v1_push part;
        long n = v1_build_push(push, offset, out, V1_PUSH_MAX, &next);
        assert_in_range(n, 1, V1_PUSH_MAX);
        assert_true(next > offset);
        struct bytes built = exact_copy(out, (size_t)n);
        assert_int_equal(v1_parse_push(built, &part), 0);
        assert_int_equal(part.time_s, push->time_s);
        assert_true(bytes_equal(part.name, push->name));
        assert_true(bytes_equal(part.userid, push->userid));
        assert_true(
            bytes_equal(part.text, (struct bytes){push->text.data + offset, next - offset}));
        /* No part is shorter than it has to be: the next character would not have fitted. */
        if (next < push->text.len) {
            uint32_t character;
            int len = utf8_decode((struct bytes){push->text.data + next, push->text.len - next},
                                  &character);
            assert_true(n + len > V1_PUSH_MAX);
        }
        exact_free(built);
        offset = next;
        parts++;
    } while (offset < push->text.len);
    assert_int_equal(offset, push->text.len);
    free(out);
    return parts;
}

static void splits_on_character_boundaries(void **state)
{
    static const char *const characters[] = {"x", "\xc3\xa9", "\xed\x95\x9c", "\xf0\x9f\x98\x80"};
    const size_t header = strlen("newmsg:1700000000:Al Ice:alice:");
    const size_t room = V1_PUSH_MAX - header;

    for (size_t width = 1; width <= 4; width++)
        for (size_t lead = 0; lead < 4; lead++) {
            char text[16384];
            size_t len = lead;
            memset(text, 'a', lead);
            while (len + width <= sizeof(text)) {
                memcpy(text + len, characters[width - 1], width);
                len += width;
            }
            struct v1_push push = make_push(exact_copy(text, len));
            size_t per_part = room - (room - lead) % width;
            unsigned parts = check_parts(&push);
            assert_true(parts >= len / per_part && parts <= len / (room - 3) + 1);
            exact_free(push.text);
        }
}

static void splits_only_what_does_not_fit(void **state)
{
    const size_t room = V1_PUSH_MAX - strlen("newmsg:1700000000:Al Ice:alice:");
    static char text[2 * V1_PUSH_MAX];

    memset(text, 'x', sizeof(text));
    for (size_t extra = 0; extra < 2; extra++) {
        struct v1_push one = make_push(exact_copy(text, room - 1 + extra));
        struct v1_push two = make_push(exact_copy(text, room + 1 + extra));
        assert_int_equal(check_parts(&one), 1);
        assert_int_equal(check_parts(&two), 2);
        exact_free(one.text);
        exact_free(two.text);
    }
}

static void splits_texts_of_chance(void **state)
{
    static const char *const characters[] = {
        "x", ":", "\n", "\xc3\xa9", "\xed\x95\x9c", "\xf0\x9f\x98\x80"};
    uint64_t seed = 5;

    for (unsigned round = 0; round < 300; round++) {
        static char text[20000];
        size_t len = 0, end = 1 + exact_random(&seed) % (sizeof(text) - 4);
        while (len < end) {
            const char *c = characters[exact_random(&seed) % ARRAY_SIZE(characters)];
            memcpy(text + len, c, strlen(c));
            len += strlen(c);
        }
        struct v1_push push = make_push(exact_copy(text, len));
        check_parts(&push);
        exact_free(push.text);
    }
}

/* Names of any length: whatever room they leave, parts advance or are refused. */
static void names_that_leave_no_room_are_refused(void **state)
{
    static char name[V1_PUSH_MAX];
    char *out = malloc(V1_PUSH_MAX);
    const size_t fixed = strlen("newmsg:1::alice:");
    size_t next;

    memset(name, 'n', sizeof(name));
    for (size_t room = 0; room <= 5; room++) {
        struct v1_push push = {.time_s = 1,
                               .name = {name, V1_PUSH_MAX - fixed - room},
                               .userid = LITERAL("alice"),
                               .text = LITERAL("\xf0\x9f\x98\x80!")};
        long n = v1_build_push(&push, 0, out, V1_PUSH_MAX, &next);
        if (room < 4) {
            assert_int_equal(n, -ENOBUFS);
        } else {
            assert_int_equal(n, V1_PUSH_MAX);
            assert_int_equal(next, room == 4 ? 4 : 5);
        }
    }
    struct v1_push push = {.name = {name, V1_PUSH_MAX}, .text = LITERAL("x")};
    assert_int_equal(v1_build_push(&push, 0, out, V1_PUSH_MAX, &next), -ENOBUFS);
    free(out);
}

static void text_that_is_no_utf8_makes_no_endless_parts(void **state)
{
    static char text[3 * V1_PUSH_MAX];
    struct v1_push push = make_push((struct bytes){text, sizeof(text)});
    char *out = malloc(V1_PUSH_MAX);
    size_t next;

    memset(text, 0x80, sizeof(text));
    assert_int_equal(v1_build_push(&push, 0, out, V1_PUSH_MAX, &next), -ENOBUFS);
    free(out);
}

static void message_without_text_is_one_part(void **state)
{
    struct v1_push push = make_push((struct bytes){0});
    char *out = malloc(V1_PUSH_MAX);
    size_t next = 77;

    assert_int_equal(v1_build_push(&push, 0, out, V1_PUSH_MAX, &next),
                     strlen("newmsg:1700000000:Al Ice:alice:"));
    assert_int_equal(next, 0);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_byte_for_byte_in_just_the_room),
        cmocka_unit_test(parsers_take_what_is_built),
        cmocka_unit_test(builds_no_frame_that_would_be_misread),
        cmocka_unit_test(builds_no_text_that_would_end_early),
        cmocka_unit_test(poll_needs_a_port),
        cmocka_unit_test(builds_a_push_byte_for_byte),
        cmocka_unit_test(splits_on_character_boundaries),
        cmocka_unit_test(splits_only_what_does_not_fit),
        cmocka_unit_test(splits_texts_of_chance),
        cmocka_unit_test(names_that_leave_no_room_are_refused),
        cmocka_unit_test(text_that_is_no_utf8_makes_no_endless_parts),
        cmocka_unit_test(message_without_text_is_one_part),
    };

    return cmocka_run_group_tests_name("proto/v1-build", tests, NULL, NULL);
}
