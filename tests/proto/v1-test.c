/* Version 1 of the wire, reading: byte for byte, every prefix of a valid frame, every field at its
 * limits, hostile bytes, and bytes of chance. Every input stands in a block of its exact size.
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

#define X64  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X128 X64 X64

/* Fields that no field but a text may hold. */
static const struct bytes bad_names[] = {
    LITERAL("a\nb"),      LITERAL("a\tb"),         LITERAL("a\033b"),   LITERAL("\177"),
    LITERAL("a\0b"),      LITERAL("\001"),         LITERAL("a\x80"),    LITERAL("\xff"),
    LITERAL("\xc3"),      LITERAL("\xed\xa0\x80"), LITERAL("\xc0\x80"), LITERAL("\xc2\x9b"),
    LITERAL("a\xc2\x80"),
};

/* Fields that every field may hold as far as its shape goes. */
static const struct bytes good_names[] = {
    LITERAL("a"),
    LITERAL("alice"),
    LITERAL("with space"),
    LITERAL("\xc2\xa0"),
    LITERAL("%"),
    LITERAL("#room"),
    LITERAL("*"),
    LITERAL("\"'\\"),
    LITERAL("\xed\x95\x9c"),
    LITERAL("\xf0\x9f\x98\x80"),
    LITERAL(X64),
};

typedef int (*parse_fn)(struct bytes input, const char **ret_reason);

static int parse_poll(struct bytes input, const char **ret_reason)
{
    struct v1_poll poll;
    return v1_parse_poll(input, &poll, ret_reason);
}

static int parse_write(struct bytes input, const char **ret_reason)
{
    struct v1_write write;
    return v1_parse_write(input, &write, ret_reason);
}

/* Joins three parts in a block of their size and parses them. */
static int parse_joined(parse_fn parse, const char *before, struct bytes field, const char *after,
                        const char **ret_reason)
{
    char text[1024];
    size_t len = strlen(before);

    memcpy(text, before, len);
    memcpy(text + len, field.data, field.len);
    len += field.len;
    memcpy(text + len, after, strlen(after));
    struct bytes input = exact_copy(text, len + strlen(after));
    int r = parse(input, ret_reason);
    exact_free(input);
    return r;
}

static void reads_a_poll(void **state)
{
    static const struct {
        struct bytes datagram;
        uint16_t port;
    } cases[] = {
        {LITERAL("poll:alice:secret:10001"), 10001},
        {LITERAL("poll:alice:secret:4391"), 4391},
        {LITERAL("poll:alice:secret:1"), 1},
        {LITERAL("poll:alice:secret:65535"), 65535},
        {LITERAL("poll:alice:secret:010001"), 10001},
        {LITERAL("poll:alice:secret:10001\0"), 10001},
        {LITERAL("poll:alice:secret:10001\003"), 10001},
        {LITERAL("poll:alice:secret:10001\n"), 10001},
        {LITERAL("poll:alice:secret:10001\r\n"), 10001},
        {LITERAL("poll:alice:secret:10001\003\0\r\n\n\0\0\003"), 10001},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes input = exact_copy(cases[i].datagram.data, cases[i].datagram.len);
        struct v1_poll poll;
        assert_int_equal(v1_parse_poll(input, &poll, NULL), 0);
        assert_true(bytes_is(poll.userid, "alice"));
        assert_true(bytes_is(poll.password, "secret"));
        assert_int_equal(poll.port, cases[i].port);
        assert_ptr_equal(poll.userid.data, input.data + 5);
        exact_free(input);
    }
}

static void refuses_what_is_no_poll(void **state)
{
    static const struct bytes cases[] = {
        LITERAL(""),
        LITERAL("\0"),
        LITERAL("\r\n"),
        LITERAL(":"),
        LITERAL(":::"),
        LITERAL("poll"),
        LITERAL("poll:"),
        LITERAL("poll:::"),
        LITERAL("POLL:alice:secret:1"),
        LITERAL(" poll:alice:secret:1"),
        LITERAL("polls:alice:secret:1"),
        LITERAL("poll:alice:secret"),
        LITERAL("poll:alice:secret:"),
        LITERAL("poll:alice:secret:0"),
        LITERAL("poll:alice:secret:00000"),
        LITERAL("poll:alice:secret:65536"),
        LITERAL("poll:alice:secret:99999999999999999999999"),
        LITERAL("poll:alice:secret:-1"),
        LITERAL("poll:alice:secret:+1"),
        LITERAL("poll:alice:secret: 1"),
        LITERAL("poll:alice:secret:1 "),
        LITERAL("poll:alice:secret:0x50"),
        LITERAL("poll:alice:secret:1:2"),
        LITERAL("poll:alice:secret:1\0x"),
        LITERAL("poll:alice:secret:\n1"),
        LITERAL("poll::secret:1"),
        LITERAL("poll:alice::1"),
        LITERAL("wrmsg:alice:secret:bob:1"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes input = exact_copy(cases[i].data, cases[i].len);
        const char *reason = NULL;
        struct v1_poll poll = {.port = 77};
        if (v1_parse_poll(input, &poll, &reason) != -EBADMSG)
            fail_msg("'%.*s' is taken", BYTES_ARG(input));
        assert_non_null(reason);
        assert_int_equal(poll.port, 77);
        assert_int_equal(v1_parse_poll(input, &poll, NULL), -EBADMSG);
        exact_free(input);
    }
}

static void says_which_field_of_a_poll_is_wrong(void **state)
{
    static const struct {
        const char *datagram, *word;
    } cases[] = {
        {"poll::secret:1", "userid is empty"},
        {"poll:alice::1", "password is empty"},
        {"poll:alice:secret:", "port is empty"},
        {"poll:alice:secret:x", "port is not"},
        {"poll:a\tb:secret:1", "userid holds a control"},
        {"poll:alice:s\x7f:1", "password holds a control"},
        {"poll:\xff:secret:1", "userid is not valid UTF-8"},
        {"poll:alice:\xff:1", "password is not valid UTF-8"},
        {"poll:x" X64 ":secret:1", "userid is too long"},
        {"poll:alice:x" X128 ":1", "password is too long"},
        {"poll:alice", "no poll"},
        {"hello", "no poll"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes input = exact_copy(cases[i].datagram, strlen(cases[i].datagram));
        const char *reason = "";
        assert_int_equal(parse_poll(input, &reason), -EBADMSG);
        if (!strstr(reason, cases[i].word))
            fail_msg("%s: %s", cases[i].datagram, reason);
        exact_free(input);
    }
}

static void poll_has_a_longest_length(void **state)
{
    char text[V1_POLL_MAX + 1] = "poll:alice:secret:1";
    const char *reason = "";

    memset(text + strlen(text), '\n', sizeof(text) - strlen(text));
    for (size_t len = V1_POLL_MAX; len <= V1_POLL_MAX + 1; len++) {
        struct bytes input = exact_copy(text, len);
        assert_int_equal(parse_poll(input, &reason), len > V1_POLL_MAX ? -EBADMSG : 0);
        exact_free(input);
    }
    assert_non_null(strstr(reason, "too long"));
}

static void names_have_a_shape(void **state)
{
    static const struct {
        parse_fn parse;
        const char *before, *after;
    } places[] = {
        {parse_poll, "poll:", ":secret:1"},
        {parse_poll, "poll:alice:", ":1"},
        {parse_write, "wrmsg:", ":secret:bob:text"},
        {parse_write, "wrmsg:alice:", ":bob:text"},
        {parse_write, "wrmsg:alice:secret:", ":text"},
    };
    const char *reason;

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(bad_names); j++)
            if (parse_joined(places[i].parse, places[i].before, bad_names[j], places[i].after,
                             &reason) != -EBADMSG)
                fail_msg("%s: bad name %zu is taken", places[i].before, j);
        for (size_t j = 0; j < ARRAY_SIZE(good_names); j++)
            if (parse_joined(places[i].parse, places[i].before, good_names[j], places[i].after,
                             &reason) != 0)
                fail_msg("%s: good name %zu is refused: %s", places[i].before, j, reason);
    }
}

static void reads_the_verb(void **state)
{
    static const struct {
        struct bytes frame;
        int verb;
    } cases[] = {
        {LITERAL("wrmsg:"), V1_VERB_WRITE},
        {LITERAL("wrmsg:a:b:c:d"), V1_VERB_WRITE},
        {LITERAL("goodbye"), V1_VERB_GOODBYE},
        {LITERAL(""), -EBADMSG},
        {LITERAL("wrmsg"), -EBADMSG},
        {LITERAL("wrmsgs:"), -EBADMSG},
        {LITERAL("WRMSG:a"), -EBADMSG},
        {LITERAL("goodbye\n"), -EBADMSG},
        {LITERAL("goodby"), -EBADMSG},
        {LITERAL("goodbye:"), -EBADMSG},
        {LITERAL("poll:a:b:1"), -EBADMSG},
        {LITERAL("\x16\x03\x01"), -EBADMSG},
        {LITERAL("\0"), -EBADMSG},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes input = exact_copy(cases[i].frame.data, cases[i].frame.len);
        const char *reason = NULL;
        assert_int_equal(v1_parse_verb(input, &reason), cases[i].verb);
        assert_int_equal(reason == NULL, cases[i].verb >= 0);
        assert_int_equal(v1_parse_verb(input, NULL), cases[i].verb);
        exact_free(input);
    }
}

static void says_where_a_poll_belongs(void **state)
{
    const char *reason = "";

    assert_int_equal(v1_parse_verb(bytes_of("poll:a:b:1"), &reason), -EBADMSG);
    assert_non_null(strstr(reason, "datagram"));
}

static void reads_a_write(void **state)
{
    static const struct {
        const char *frame, *recipient;
        struct bytes text;
    } cases[] = {
        {"wrmsg:alice:secret:bob:hello", "bob", LITERAL("hello")},
        {"wrmsg:alice:secret:%:x", "%", LITERAL("x")},
        {"wrmsg:alice:secret:*:x", "*", LITERAL("x")},
        {"wrmsg:alice:secret:#room:a:b::c:", "#room", LITERAL("a:b::c:")},
        {"wrmsg:alice:secret:bob::", "bob", LITERAL(":")},
        {"wrmsg:alice:secret:bob:\"q' \\ two\nlines\ttab\r\n", "bob",
         LITERAL("\"q' \\ two\nlines\ttab\r\n")},
        {"wrmsg:alice:secret:bob:\x1b[0m", "bob", LITERAL("\x1b[0m")},
        {"wrmsg:alice:secret:bob:\xed\x95\x9c\xf0\x9f\x98\x80", "bob",
         LITERAL("\xed\x95\x9c\xf0\x9f\x98\x80")},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes input = exact_copy(cases[i].frame, strlen(cases[i].frame));
        struct v1_write write;
        assert_int_equal(v1_parse_write(input, &write, NULL), 0);
        assert_true(bytes_is(write.userid, "alice"));
        assert_true(bytes_is(write.password, "secret"));
        assert_true(bytes_is(write.recipient, cases[i].recipient));
        assert_true(bytes_equal(write.text, cases[i].text));
        exact_free(input);
    }
}

static void says_what_is_wrong_with_a_write(void **state)
{
    static const struct {
        struct bytes frame;
        int error;
        const char *word;
    } cases[] = {
        {LITERAL("wrmsg:"), -EBADMSG, "field is missing"},
        {LITERAL("wrmsg:a:b:c"), -EBADMSG, "field is missing"},
        {LITERAL("wrmsg::b:c:d"), -EBADMSG, "userid is empty"},
        {LITERAL("wrmsg:a::c:d"), -EBADMSG, "password is empty"},
        {LITERAL("wrmsg:a:b::d"), -EBADMSG, "recipient is empty"},
        {LITERAL("wrmsg:a:b:c:"), -EBADMSG, "text is empty"},
        {LITERAL("wrmsg:x" X64 ":b:c:d"), -EMSGSIZE, "userid is too long"},
        {LITERAL("wrmsg:a:x" X128 ":c:d"), -EMSGSIZE, "password is too long"},
        {LITERAL("wrmsg:a:b:xx" X64 ":d"), -EMSGSIZE, "recipient is too long"},
        {LITERAL("wrmsg:\xff:b:c:d"), -EBADMSG, "userid is not valid UTF-8"},
        {LITERAL("wrmsg:a:\xff:c:d"), -EBADMSG, "password is not valid UTF-8"},
        {LITERAL("wrmsg:a:b:\xff:d"), -EBADMSG, "recipient is not valid UTF-8"},
        {LITERAL("wrmsg:a:b:c:d\xff"), -EBADMSG, "text is not valid UTF-8"},
        {LITERAL("wrmsg:a:b:c:d\xed\x95"), -EBADMSG, "text is not valid UTF-8"},
        {LITERAL("wrmsg:a\n:b:c:d"), -EBADMSG, "userid holds a control"},
        {LITERAL("wrmsg:a:b\n:c:d"), -EBADMSG, "password holds a control"},
        {LITERAL("wrmsg:a:b:c\n:d"), -EBADMSG, "recipient holds a control"},
        {LITERAL("wrmsg:a:b:c:d\0"), -EBADMSG, "NUL or ETX"},
        {LITERAL("wrmsg:a:b:c:d\003e"), -EBADMSG, "NUL or ETX"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes input = exact_copy(cases[i].frame.data, cases[i].frame.len);
        struct v1_write write = {0};
        const char *reason = "";
        assert_int_equal(v1_parse_write(input, &write, &reason), cases[i].error);
        if (!strstr(reason, cases[i].word))
            fail_msg("%zu: %s", i, reason);
        assert_null(write.userid.data);
        assert_int_equal(v1_parse_write(input, &write, NULL), cases[i].error);
        exact_free(input);
    }
}

static void reads_fields_at_their_longest(void **state)
{
    struct bytes input =
        exact_copy("wrmsg:" X64 ":" X128 ":#" X64 ":t", 6 + 64 + 1 + 128 + 1 + 65 + 2);
    struct v1_write write;

    assert_int_equal(v1_parse_write(input, &write, NULL), 0);
    assert_int_equal(write.userid.len, V1_USERID_MAX);
    assert_int_equal(write.password.len, V1_PASSWORD_MAX);
    assert_int_equal(write.recipient.len, V1_RECIPIENT_MAX);
    exact_free(input);
}

/* Of a valid poll or write, the prefixes that are valid are those that end in the last field. */
static void prefixes_are_refused_until_the_last_field(void **state)
{
    static const struct {
        parse_fn parse;
        const char *text;
        size_t valid_from;
    } cases[] = {
        {parse_poll, "poll:alice:secret:10001", 19},
        {parse_write, "wrmsg:alice:secret:bob:hello:you", 24},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (size_t len = 0; len <= strlen(cases[i].text); len++) {
            struct bytes input = exact_copy(cases[i].text, len);
            const char *reason = NULL;
            assert_int_equal(cases[i].parse(input, &reason),
                             len >= cases[i].valid_from ? 0 : -EBADMSG);
            assert_int_equal(reason == NULL, len >= cases[i].valid_from);
            exact_free(input);
        }
}

static void reads_a_push(void **state)
{
    struct bytes input = exact_copy("newmsg:1700000000:Al Ice:alice:a:b\n", 35);
    struct v1_push push;

    assert_int_equal(v1_parse_push(input, &push), 0);
    assert_int_equal(push.time_s, 1700000000);
    assert_true(bytes_is(push.name, "Al Ice"));
    assert_true(bytes_is(push.userid, "alice"));
    assert_true(bytes_is(push.text, "a:b\n"));
    exact_free(input);
}

static void refuses_what_is_no_push(void **state)
{
    static const struct bytes cases[] = {
        LITERAL(""),
        LITERAL("newmsg"),
        LITERAL("newmsg:1:a:b"),
        LITERAL("newmsg:1:a:b:"),
        LITERAL("newmsg:1::b:t"),
        LITERAL("newmsg:1:a::t"),
        LITERAL("newmsg::a:b:t"),
        LITERAL("newmsg:x:a:b:t"),
        LITERAL("newmsg:-1:a:b:t"),
        LITERAL("newmsg:18446744073709551616:a:b:t"),
        LITERAL("newmsgs:1:a:b:t"),
        LITERAL("newmsg:1:a\x1b:b:t"),
        LITERAL("newmsg:1:a:b\n:t"),
        LITERAL("newmsg:1:a:b:\xff"),
        LITERAL("newmsg:1:a:b:t\0"),
        LITERAL("newmsg:1:a:b:t\003"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes input = exact_copy(cases[i].data, cases[i].len);
        struct v1_push push = {.time_s = 77};
        assert_int_equal(v1_parse_push(input, &push), -EBADMSG);
        assert_int_equal(push.time_s, 77);
        exact_free(input);
    }
}

static void push_has_a_longest_length(void **state)
{
    char text[V1_PUSH_MAX + 1];
    struct v1_push push;

    memset(text, 'x', sizeof(text));
    memcpy(text, "newmsg:1:a:b:", 13);
    for (size_t len = V1_PUSH_MAX; len <= V1_PUSH_MAX + 1; len++) {
        struct bytes input = exact_copy(text, len);
        assert_int_equal(v1_parse_push(input, &push), len > V1_PUSH_MAX ? -EBADMSG : 0);
        exact_free(input);
    }
}

static void reads_answers(void **state)
{
    static const struct {
        struct bytes frame;
        int result;
        const char *code, *reason;
    } cases[] = {
        {LITERAL("ack"), 1, "", ""},
        {LITERAL("err:denied:no: really"), 0, "denied", "no: really"},
        {LITERAL("err:denied"), -EBADMSG, "", ""},
        {LITERAL("err:denied:"), -EBADMSG, "", ""},
        {LITERAL("err::why"), -EBADMSG, "", ""},
        {LITERAL("err:"), -EBADMSG, "", ""},
        {LITERAL(""), -EBADMSG, "", ""},
        {LITERAL("ack\n"), -EBADMSG, "", ""},
        {LITERAL("ack\003"), -EBADMSG, "", ""},
        {LITERAL("acknowledged"), -EBADMSG, "", ""},
        {LITERAL("ac"), -EBADMSG, "", ""},
        {LITERAL("error:denied:why"), -EBADMSG, "", ""},
        {LITERAL("err:denied:\xff"), -EBADMSG, "", ""},
        {LITERAL("err:denied:a\0b"), -EBADMSG, "", ""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes input = exact_copy(cases[i].frame.data, cases[i].frame.len);
        struct bytes code = {0}, reason = {0};
        assert_int_equal(v1_parse_answer(input, &code, &reason), cases[i].result);
        assert_true(bytes_is(code, cases[i].code));
        assert_true(bytes_is(reason, cases[i].reason));
        exact_free(input);
    }
}

static bool lies_within(struct bytes inner, struct bytes outer)
{
    return inner.data >= outer.data && inner.data + inner.len <= outer.data + outer.len;
}

static void assert_field(struct bytes field, struct bytes input, size_t max)
{
    assert_true(lies_within(field, input));
    assert_in_range(field.len, 1, max);
    assert_true(utf8_valid(field));
}

/* Whatever is taken has the shape the logic unit may rely on. */
static void check_all_parsers(struct bytes input)
{
    struct v1_poll poll;
    struct v1_write write;
    struct v1_push push;
    struct bytes code, answer;
    const char *reason = NULL;

    int r = v1_parse_poll(input, &poll, &reason);
    assert_true(r == 0 || (r == -EBADMSG && reason));
    if (r == 0) {
        assert_field(poll.userid, input, V1_USERID_MAX);
        assert_field(poll.password, input, V1_PASSWORD_MAX);
        assert_true(poll.port > 0);
    }
    reason = NULL;
    r = v1_parse_verb(input, &reason);
    assert_true(r >= 0 || (r == -EBADMSG && reason));
    reason = NULL;
    r = v1_parse_write(input, &write, &reason);
    assert_true(r == 0 || ((r == -EBADMSG || r == -EMSGSIZE) && reason));
    if (r == 0) {
        assert_field(write.userid, input, V1_USERID_MAX);
        assert_field(write.password, input, V1_PASSWORD_MAX);
        assert_field(write.recipient, input, V1_RECIPIENT_MAX);
        assert_field(write.text, input, input.len);
    }
    if (v1_parse_push(input, &push) == 0) {
        assert_field(push.name, input, V1_USERID_MAX);
        assert_field(push.userid, input, V1_USERID_MAX);
        assert_field(push.text, input, input.len);
    }
    if (v1_parse_answer(input, &code, &answer) == 0) {
        assert_field(code, input, input.len);
        assert_field(answer, input, input.len);
    }
}

static void survives_bytes_of_chance(void **state)
{
    uint64_t seed = 123456789;

    for (unsigned round = 0; round < 100000; round++) {
        char text[600];
        size_t len = exact_random(&seed) % (round % 20 ? 40 : sizeof(text));
        for (size_t i = 0; i < len; i++)
            text[i] = (char)exact_random(&seed);
        struct bytes input = exact_copy(text, len);
        check_all_parsers(input);
        exact_free(input);
    }
}

/* Valid frames with a few bytes changed, dropped or doubled come nearer to the corners. */
static void survives_damaged_frames(void **state)
{
    static const char *const frames[] = {
        "poll:alice:secret:10001\r\n",
        "wrmsg:alice:secret:#room:hello \xed\x95\x9c:\xf0\x9f\x98\x80",
        "newmsg:1700000000:Alice:alice:hello \xc3\xa9",
        "err:denied:unknown user or wrong password",
        "goodbye",
    };
    static const char spice[] = ":::\003\n%#*0\xc2\x9b\xff";
    uint64_t seed = 987654321;

    for (unsigned round = 0; round < 200000; round++) {
        char text[200];
        const char *frame = frames[exact_random(&seed) % ARRAY_SIZE(frames)];
        size_t len = strlen(frame);
        memcpy(text, frame, len);
        for (unsigned n = exact_random(&seed) % 4; n > 0 && len > 1 && len < 150; n--) {
            size_t at = exact_random(&seed) % len;
            switch (exact_random(&seed) % 3) {
            case 0: /* the NUL of the literal is one of the spices */
                text[at] = spice[exact_random(&seed) % sizeof(spice)];
                break;
            case 1:
                memmove(text + at, text + at + 1, len - at - 1);
                len--;
                break;
            default:
                memmove(text + at + 1, text + at, len - at);
                len++;
            }
        }
        struct bytes input = exact_copy(text, len);
        check_all_parsers(input);
        exact_free(input);
    }
}

static void no_input_at_all_is_refused(void **state)
{
    check_all_parsers((struct bytes){0});
    assert_int_equal(parse_poll((struct bytes){0}, NULL), -EBADMSG);
    assert_int_equal(parse_write((struct bytes){0}, NULL), -EBADMSG);
}

static void swaps_the_bytes_of_a_port(void **state)
{
    assert_int_equal(v1_swap_port(10001), 4391);
    assert_int_equal(v1_swap_port(4391), 10001);
    assert_int_equal(v1_swap_port(0), 0);
    assert_int_equal(v1_swap_port(1), 256);
    assert_int_equal(v1_swap_port(0xffff), 0xffff);
    for (unsigned port = 0; port <= 0xffff; port++)
        assert_int_equal(v1_swap_port(v1_swap_port((uint16_t)port)), port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_poll),
        cmocka_unit_test(refuses_what_is_no_poll),
        cmocka_unit_test(says_which_field_of_a_poll_is_wrong),
        cmocka_unit_test(poll_has_a_longest_length),
        cmocka_unit_test(names_have_a_shape),
        cmocka_unit_test(reads_the_verb),
        cmocka_unit_test(says_where_a_poll_belongs),
        cmocka_unit_test(reads_a_write),
        cmocka_unit_test(says_what_is_wrong_with_a_write),
        cmocka_unit_test(reads_fields_at_their_longest),
        cmocka_unit_test(prefixes_are_refused_until_the_last_field),
        cmocka_unit_test(reads_a_push),
        cmocka_unit_test(refuses_what_is_no_push),
        cmocka_unit_test(push_has_a_longest_length),
        cmocka_unit_test(reads_answers),
        cmocka_unit_test(survives_bytes_of_chance),
        cmocka_unit_test(survives_damaged_frames),
        cmocka_unit_test(no_input_at_all_is_refused),
        cmocka_unit_test(swaps_the_bytes_of_a_port),
    };

    return cmocka_run_group_tests_name("proto/v1", tests, NULL, NULL);
}
