/* Version 2 of the wire, frames: every verb both ways, byte for byte; every field at its limits;
 * prefixes, damage and bytes of chance. Every input stands in a block of its exact size.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/v2.h"

#include "../lib/exact.h"
#include "proto/field.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define KEY_DIGITS   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"
#define NONCE_DIGITS "000102030405060708090a0b0c0d0eff"
#define X8           "xxxxxxxx"
#define X64          X8 X8 X8 X8 X8 X8 X8 X8
#define X128         X64 X64

/* One of each verb, without its ETX. */
static const struct bytes frames[V2_VERB_COUNT] = {
    [V2_VERB_HELLO] = LITERAL("hello:2:alice:secret word:lap top"),
    [V2_VERB_RESUME] = LITERAL("resume:7-Zk3_q:1763700000123:" NONCE_DIGITS),
    [V2_VERB_WELCOME] = LITERAL("welcome:7-Zk3_q:" KEY_DIGITS ":1763700000123:3:Al\xc3\xaf"
                                "ce"),
    [V2_VERB_SEND] = LITERAL("send:k.1_a-B:#lobby:two: lines\nof \"text\""),
    [V2_VERB_SENT] = LITERAL("sent:k.1_a-B:17/#lobby:42:1763700000123"),
    [V2_VERB_ATTACH] = LITERAL("attach"),
    [V2_VERB_ATTACHED] = LITERAL("attached"),
    [V2_VERB_DETACH] = LITERAL("detach"),
    [V2_VERB_DETACHED] = LITERAL("detached"),
    [V2_VERB_PUSH] = LITERAL("push:7-Zk3_q:" NONCE_DIGITS),
    [V2_VERB_PROOF] = LITERAL("proof:" NONCE_DIGITS),
    [V2_VERB_MSG] = LITERAL("msg:1/*:9223372036854775807:0:bob:Bob B.:a:b:c"),
    [V2_VERB_ACK] = LITERAL("ack:5/alice:1"),
    [V2_VERB_PASSWD] = LITERAL("passwd:secret word:better word"),
    [V2_VERB_PING] = LITERAL("ping"),
    [V2_VERB_PONG] = LITERAL("pong"),
    [V2_VERB_GOODBYE] = LITERAL("goodbye"),
    [V2_VERB_ERR] = LITERAL("err:limited:send:1500 ms to wait: slower"),
    [V2_VERB_JOIN] = LITERAL("join:#lobby"),
    [V2_VERB_PART] = LITERAL("part:#17"),
    [V2_VERB_LOOK] = LITERAL("look:#lobby"),
    [V2_VERB_ROOMS] = LITERAL("rooms:17.a_b-c"),
    [V2_VERB_ROOM] = LITERAL("room:17/#lobby:3:closed:operator:2000:tea: at four"),
    [V2_VERB_WHO] = LITERAL("who:#lobby:bob"),
    [V2_VERB_MEMBER] = LITERAL("member:bob:present:operator:Bob B."),
    [V2_VERB_NICK] = LITERAL("nick:Robert"),
    [V2_VERB_NAMED] = LITERAL("named:Robert"),
    [V2_VERB_TOPIC] = LITERAL("topic:#lobby:tea: at four"),
    [V2_VERB_ACCESS] = LITERAL("access:#lobby:closed"),
    [V2_VERB_REMOVE] = LITERAL("remove:#lobby:bob"),
    [V2_VERB_INVITE] = LITERAL("invite:#lobby:bob"),
    [V2_VERB_DONE] = LITERAL("done:topic"),
    [V2_VERB_HISTORY] = LITERAL("history:#lobby:number:100:17.a_b-c:200"),
    [V2_VERB_PAST] = LITERAL("past:msg:1/*:42:1763700000123:bob:Bob B.:a:b:c"),
    [V2_VERB_UNREAD] = LITERAL("unread"),
    [V2_VERB_WAITING] = LITERAL("waiting:17/#lobby:12"),
    [V2_VERB_AWAIT] = LITERAL("await:5/alice:42"),
    [V2_VERB_AWAITING] = LITERAL("awaiting:5/alice:43"),
    [V2_VERB_ACKED] = LITERAL("acked:5/alice:44"),
    [V2_VERB_WHISPER] = LITERAL("whisper:5/alice:42:1763700000123:17/#lobby:bob:Bob B.:a:b:c"),
    [V2_VERB_NOTE] = LITERAL("note:5/alice:42:1763700000123:invited:17/#lobby:bob:Bob B.:a:b"),
    [V2_VERB_END] = LITERAL("end:history:200:17.a_b-c"),
};

static int parse(struct bytes frame, struct v2_frame *ret, const char **ret_reason)
{
    struct bytes exact = exact_copy(frame.data, frame.len);
    int r = v2_parse(exact, ret, ret_reason);

    if (r == 0)
        assert_int_equal(ret->verb, v2_parse_verb(exact));
    exact_free(exact);
    return r;
}

static void builds_what_it_read(void **state)
{
    for (int verb = 0; verb < V2_VERB_COUNT; verb++) {
        struct bytes input = exact_copy(frames[verb].data, frames[verb].len);
        struct v2_frame frame;
        const char *reason = "";
        char out[256];
        if (v2_parse(input, &frame, &reason) != 0)
            fail_msg("%.*s: %s", BYTES_ARG(input), reason);
        assert_int_equal(frame.verb, verb);
        long len = v2_build(&frame, out, sizeof(out));
        assert_int_equal(len, input.len + 1);
        assert_memory_equal(out, input.data, input.len);
        assert_int_equal(out[input.len], '\003');
        assert_int_equal(v2_build(&frame, out, input.len + 1), len);
        for (size_t size = 0; size <= input.len; size++)
            assert_int_equal(v2_build(&frame, out, size), -ENOBUFS);
        exact_free(input);
    }
}

static void reads_the_fields(void **state)
{
    static const uint8_t nonce[V2_NONCE_LEN] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                8, 9, 10, 11, 12, 13, 14, 255};
    struct v2_frame frame;

    assert_int_equal(v2_parse(frames[V2_VERB_HELLO], &frame, NULL), 0);
    assert_true(bytes_is(frame.userid, "alice"));
    assert_true(bytes_is(frame.password, "secret word"));
    assert_true(bytes_is(frame.device, "lap top"));
    assert_int_equal(v2_parse(frames[V2_VERB_RESUME], &frame, NULL), 0);
    assert_true(bytes_is(frame.session, "7-Zk3_q"));
    assert_int_equal(frame.time_ms, 1763700000123);
    assert_memory_equal(frame.mac, nonce, V2_MAC_LEN);
    assert_int_equal(v2_parse(frames[V2_VERB_WELCOME], &frame, NULL), 0);
    assert_true(bytes_is(frame.session, "7-Zk3_q"));
    assert_memory_equal(frame.session_key, nonce, V2_NONCE_LEN - 1);
    assert_int_equal(frame.session_key[V2_KEY_LEN - 1], 255);
    assert_int_equal(frame.time_ms, 1763700000123);
    assert_int_equal(frame.poll_seconds, 3);
    assert_true(bytes_is(frame.name, "Al\xc3\xaf"
                                     "ce"));
    assert_int_equal(v2_parse(frames[V2_VERB_SEND], &frame, NULL), 0);
    assert_true(bytes_is(frame.key, "k.1_a-B"));
    assert_true(bytes_is(frame.to, "#lobby"));
    assert_true(bytes_is(frame.text, "two: lines\nof \"text\""));
    assert_int_equal(v2_parse(frames[V2_VERB_SENT], &frame, NULL), 0);
    assert_int_equal(frame.conversation.id, 17);
    assert_true(bytes_is(frame.conversation.name, "#lobby"));
    assert_int_equal(frame.seq, 42);
    assert_int_equal(v2_parse(frames[V2_VERB_PUSH], &frame, NULL), 0);
    assert_memory_equal(frame.nonce, nonce, V2_NONCE_LEN);
    assert_int_equal(v2_parse(frames[V2_VERB_MSG], &frame, NULL), 0);
    assert_true(bytes_is(frame.conversation.name, "*"));
    assert_int_equal(frame.seq, INT64_MAX);
    assert_true(bytes_is(frame.userid, "bob"));
    assert_true(bytes_is(frame.name, "Bob B."));
    assert_true(bytes_is(frame.text, "a:b:c"));
    assert_int_equal(v2_parse(frames[V2_VERB_PASSWD], &frame, NULL), 0);
    assert_true(bytes_is(frame.password, "secret word"));
    assert_true(bytes_is(frame.new_password, "better word"));
    assert_int_equal(v2_parse(frames[V2_VERB_ERR], &frame, NULL), 0);
    assert_true(bytes_is(frame.code, "limited"));
    assert_true(bytes_is(frame.key, "send"));
    assert_true(bytes_is(frame.text, "1500 ms to wait: slower"));
}

static void reads_the_fields_of_rooms(void **state)
{
    struct v2_frame frame;

    assert_int_equal(v2_parse(frames[V2_VERB_ROOM], &frame, NULL), 0);
    assert_int_equal(frame.conversation.id, 17);
    assert_int_equal(frame.number, 3);
    assert_int_equal(frame.access, V2_ACCESS_CLOSED);
    assert_int_equal(frame.standing, V2_STANDING_OPERATOR);
    assert_int_equal(frame.count, 2000);
    assert_true(bytes_is(frame.topic, "tea: at four"));
    assert_int_equal(v2_parse(frames[V2_VERB_WHO], &frame, NULL), 0);
    assert_true(bytes_is(frame.to, "#lobby"));
    assert_true(bytes_is(frame.place, "bob"));
    assert_int_equal(v2_parse(frames[V2_VERB_MEMBER], &frame, NULL), 0);
    assert_true(bytes_is(frame.userid, "bob"));
    assert_int_equal(frame.presence, V2_PRESENCE_PRESENT);
    assert_int_equal(frame.standing, V2_STANDING_OPERATOR);
    assert_true(bytes_is(frame.name, "Bob B."));
    assert_int_equal(v2_parse(frames[V2_VERB_TOPIC], &frame, NULL), 0);
    assert_true(bytes_is(frame.to, "#lobby"));
    assert_true(bytes_is(frame.topic, "tea: at four"));
    assert_int_equal(v2_parse(frames[V2_VERB_ACCESS], &frame, NULL), 0);
    assert_int_equal(frame.access, V2_ACCESS_CLOSED);
    assert_int_equal(v2_parse(frames[V2_VERB_REMOVE], &frame, NULL), 0);
    assert_true(bytes_is(frame.userid, "bob"));
    assert_int_equal(v2_parse(frames[V2_VERB_DONE], &frame, NULL), 0);
    assert_true(bytes_is(frame.key, "topic"));
}

static void reads_the_fields_of_what_was(void **state)
{
    struct v2_frame frame, entry;

    assert_int_equal(v2_parse(frames[V2_VERB_HISTORY], &frame, NULL), 0);
    assert_true(bytes_is(frame.to, "#lobby"));
    assert_int_equal(frame.by, V2_BY_NUMBER);
    assert_int_equal(frame.from, 100);
    assert_true(bytes_is(frame.place, "17.a_b-c"));
    assert_int_equal(frame.max, 200);
    assert_int_equal(v2_parse(frames[V2_VERB_END], &frame, NULL), 0);
    assert_true(bytes_is(frame.key, "history"));
    assert_int_equal(frame.count, 200);
    assert_true(bytes_is(frame.place, "17.a_b-c"));
    assert_int_equal(v2_parse(frames[V2_VERB_WHISPER], &frame, NULL), 0);
    assert_int_equal(frame.room.id, 17);
    assert_true(bytes_is(frame.room.name, "#lobby"));
    assert_int_equal(frame.conversation.id, 5);
    assert_true(bytes_is(frame.text, "a:b:c"));
    assert_int_equal(v2_parse(frames[V2_VERB_NOTE], &frame, NULL), 0);
    assert_int_equal(v2_note_of(frame.kind), V2_NOTE_INVITED);
    assert_int_equal(frame.room.id, 17);
    assert_true(bytes_is(frame.text, "a:b"));
    assert_int_equal(v2_parse(frames[V2_VERB_PAST], &frame, NULL), 0);
    assert_int_equal(v2_parse(frame.frame, &entry, NULL), 0);
    assert_int_equal(entry.verb, V2_VERB_MSG);
    assert_int_equal(entry.seq, 42);
    assert_true(bytes_is(entry.text, "a:b:c"));
}

/* What may be left out is empty then, and is left out again. */
static void fields_may_be_left_out(void **state)
{
    static const struct bytes cases[] = {
        LITERAL("rooms"),
        LITERAL("who:#lobby"),
        LITERAL("who:*"),
        LITERAL("room:17/#lobby:3:open:none:0:"),
        LITERAL("topic:#lobby:"),
        LITERAL("end:rooms:0:"),
        LITERAL("note:17/#lobby:1:0:joined:-:bob:Bob:"),
        LITERAL("past:note:17/#lobby:1:0:joined:-:bob:Bob:"),
        LITERAL("note:17/#lobby:1:0:kind-to-come:-:*:*:text"),
        LITERAL("await:5/:1"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct v2_frame frame;
        const char *reason = "";
        char out[256];
        if (v2_parse(cases[i], &frame, &reason) != 0)
            fail_msg("%.*s: %s", BYTES_ARG(cases[i]), reason);
        assert_int_equal(frame.topic.len + frame.place.len + frame.room.id, 0);
        assert_int_equal(v2_build(&frame, out, sizeof(out)), cases[i].len + 1);
        assert_memory_equal(out, cases[i].data, cases[i].len);
    }
}

static void words_lead_back(void **state)
{
    for (int note = V2_NOTE_JOINED; note < V2_NOTE_COUNT; note++)
        assert_int_equal(v2_note_of(bytes_of(v2_note_name((enum v2_note)note))), note);
    assert_int_equal(v2_note_of(LITERAL("")), -EBADMSG);
    assert_int_equal(v2_note_of(LITERAL("join")), -EBADMSG);
    assert_int_equal(v2_note_of(LITERAL("JOINED")), -EBADMSG);
    assert_string_equal(v2_access_name(V2_ACCESS_OPEN), "open");
    assert_string_equal(v2_standing_name(V2_STANDING_INVITED), "invited");
    assert_string_equal(v2_presence_name(V2_PRESENCE_ABSENT), "absent");
    assert_string_equal(v2_by_name(V2_BY_TIME), "time");
}

/* At once, it is what it is made of two parts. */
static void builds_a_past_frame_at_once(void **state)
{
    static const enum v2_verb entries[] = {V2_VERB_MSG, V2_VERB_WHISPER, V2_VERB_NOTE};

    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        struct v2_frame entry, past = {.verb = V2_VERB_PAST, .frame = frames[entries[i]]};
        char slow[256], fast[256];
        assert_int_equal(v2_parse(frames[entries[i]], &entry, NULL), 0);
        long len = v2_build(&past, slow, sizeof(slow));
        assert_int_equal(v2_build_past(&entry, fast, sizeof(fast)), len);
        assert_memory_equal(slow, fast, (size_t)len);
        for (size_t size = 0; size < (size_t)len; size++)
            assert_int_equal(v2_build_past(&entry, fast, size), -ENOBUFS);
        entry.seq = 0;
        assert_int_equal(v2_build_past(&entry, fast, sizeof(fast)), -EINVAL);
    }
    struct v2_frame ping = {.verb = V2_VERB_PING}, none = {.verb = V2_VERB_COUNT};
    char out[256];
    assert_int_equal(v2_build_past(&ping, out, sizeof(out)), -EINVAL);
    assert_int_equal(v2_build_past(&none, out, sizeof(out)), -EINVAL);
}

static void verbs_lead_back(void **state)
{
    for (int verb = 0; verb < V2_VERB_COUNT; verb++) {
        const char *name = v2_verb_name((enum v2_verb)verb);
        char text[32];
        assert_int_equal(v2_parse_verb(bytes_of(name)), verb);
        assert_int_equal(v2_parse_verb(frames[verb]), verb);
        (void)snprintf(text, sizeof(text), "%s:", name);
        assert_int_equal(v2_parse_verb(bytes_of(text)), verb);
        (void)snprintf(text, sizeof(text), "%sx:", name);
        assert_int_equal(v2_parse_verb(bytes_of(text)), -EBADMSG);
        (void)snprintf(text, sizeof(text), ":%s", name);
        assert_int_equal(v2_parse_verb(bytes_of(text)), -EBADMSG);
    }
}

static void other_verbs_are_not_version_2(void **state)
{
    static const struct bytes cases[] = {
        LITERAL(""),       LITERAL(":"),    LITERAL("wrmsg:a:b:*:text"), LITERAL("poll2:s:1:0:00"),
        LITERAL("HELLO"),  LITERAL("hell"), LITERAL("hello\0"),          LITERAL("GET / HTTP/1.1"),
        LITERAL(" hello"), LITERAL("\026"), LITERAL("SSH-2.0-x"),        {0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct v2_frame frame;
        const char *reason = NULL;
        assert_int_equal(v2_parse_verb(cases[i]), -EBADMSG);
        assert_int_equal(v2_parse(cases[i], &frame, &reason), -EBADMSG);
        assert_non_null(reason);
    }
}

struct refusal {
    struct bytes frame;
    int error;
    const char *word;
};

static void check_refusals(const struct refusal *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct v2_frame frame;
        const char *reason = "";
        int r = parse(cases[i].frame, &frame, &reason);
        if (r != cases[i].error || !strstr(reason, cases[i].word))
            fail_msg("%.*s: %d, %s", BYTES_ARG(cases[i].frame), r, reason);
    }
}

static void says_what_is_wrong(void **state)
{
    static const struct refusal cases[] = {
        {LITERAL("hello"), -EBADMSG, "it is hello:2:"},
        {LITERAL("hello:2:alice:secret"), -EBADMSG, "a field is missing"},
        {LITERAL("hello:3:alice:secret:d"), -EPROTONOSUPPORT, "version 2 alone"},
        {LITERAL("hello:02:alice:secret:d"), -EPROTONOSUPPORT, "version 2 alone"},
        {LITERAL("hello:2::secret:d"), -EBADMSG, "the userid is empty"},
        {LITERAL("hello:2:a\nb:secret:d"), -EBADMSG, "the userid holds a control"},
        {LITERAL("hello:2:alice::d"), -EBADMSG, "the password is empty"},
        {LITERAL("hello:2:alice:secret:"), -EBADMSG, "the device is empty"},
        {LITERAL("hello:2:alice:secret:a:b"), -EBADMSG, "the device holds a colon"},
        {LITERAL("hello:2:alice:\xff:d"), -EBADMSG, "the password is not valid UTF-8"},
        {LITERAL("hello:2:" X64 "x:p:d"), -EMSGSIZE, "userid is too long; it may have 1 to 64"},
        {LITERAL("hello:2:u:" X128 "x:d"), -EMSGSIZE, "password is too long; it may have 1 to 128"},
        {LITERAL("hello:2:u:p:" X64 "x"), -EMSGSIZE, "device is too long; it may have 1 to 64"},
        {LITERAL("resume:a.b:1:" NONCE_DIGITS), -EBADMSG, "the session may hold"},
        {LITERAL("resume:" X64 "x:1:" NONCE_DIGITS), -EMSGSIZE, "the session is too long"},
        {LITERAL("resume:s:-1:" NONCE_DIGITS), -EBADMSG, "the time is not"},
        {LITERAL("resume:s:+1:" NONCE_DIGITS), -EBADMSG, "the time is not"},
        {LITERAL("resume:s:01:" NONCE_DIGITS), -EBADMSG, "the time is not"},
        {LITERAL("resume:s::" NONCE_DIGITS), -EBADMSG, "the time is not"},
        {LITERAL("resume:s:9223372036854775808:" NONCE_DIGITS), -EBADMSG, "the time is not"},
        {LITERAL("resume:s:1:" NONCE_DIGITS "0"), -EBADMSG, "the MAC is not 32"},
        {LITERAL("resume:s:1:00"), -EBADMSG, "the MAC is not 32"},
        {LITERAL("resume:s:1:000102030405060708090a0b0c0d0efg"), -EBADMSG, "the MAC is not 32"},
        {LITERAL("resume:s:1:0001020304050607:8090a0b0c0d0eff"), -EBADMSG, "the MAC is not 32"},
        {LITERAL("welcome:s:" NONCE_DIGITS ":1:3:n"), -EBADMSG, "key is not 64"},
        {LITERAL("welcome:s:" KEY_DIGITS ":1:0:n"), -EBADMSG, "poll interval is not"},
        {LITERAL("welcome:s:" KEY_DIGITS ":1:86401:n"), -EBADMSG, "poll interval is not"},
        {LITERAL("welcome:s:" KEY_DIGITS ":1:3:" X64 "x"), -EMSGSIZE, "display name is too long"},
        {LITERAL("send:k:*"), -EBADMSG, "it is send:<key>:<to>:<text>"},
        {LITERAL("send::*:text"), -EBADMSG, "the key is empty"},
        {LITERAL("send:a b:*:text"), -EBADMSG, "the key may hold"},
        {LITERAL("send:" X8 X8 X8 X8 X8 X8 "x:*:text"), -EMSGSIZE, "the key is too long"},
        {LITERAL("send:k::text"), -EBADMSG, "it must be a userid, #room, #room/userid or *"},
        {LITERAL("send:k:" X128 "xxx:text"), -EMSGSIZE, "the recipient is too long"},
        {LITERAL("send:k:*:"), -EBADMSG, "the text is empty"},
        {LITERAL("send:k:*:a\0b"), -EBADMSG, "NUL or ETX"},
        {LITERAL("send:k:*:a\003b"), -EBADMSG, "NUL or ETX"},
        {LITERAL("send:k:*:\xed\xa0\x80"), -EBADMSG, "the text is not valid UTF-8"},
        {LITERAL("sent:k:17:1:1"), -EBADMSG, "<number>/<name>"},
        {LITERAL("sent:k:0/a:1:1"), -EBADMSG, "<number>/<name>"},
        {LITERAL("sent:k:017/a:1:1"), -EBADMSG, "<number>/<name>"},
        {LITERAL("sent:k:9223372036854775808/a:1:1"), -EBADMSG, "<number>/<name>"},
        {LITERAL("sent:k:17/:1:1"), -EBADMSG, "name of the conversation is empty"},
        {LITERAL("sent:k:17/" X128 "xxx:1:1"), -EMSGSIZE, "of the conversation is too long"},
        {LITERAL("sent:k:17/a:0:1"), -EBADMSG, "the sequence number is not"},
        {LITERAL("sent:k:17/a:1:1:1"), -EBADMSG, "the time is not"},
        {LITERAL("attach:"), -EBADMSG, "nothing may follow"},
        {LITERAL("ping:1"), -EBADMSG, "nothing may follow"},
        {LITERAL("push:s:" NONCE_DIGITS "00"), -EBADMSG, "the nonce is not 32"},
        {LITERAL("proof"), -EBADMSG, "it is proof:<mac>"},
        {LITERAL("proof:"), -EBADMSG, "the MAC is not 32"},
        {LITERAL("ack:17/a:"), -EBADMSG, "the sequence number is not"},
        {LITERAL("ack:/:1"), -EBADMSG, "<number>/<name>"},
        {LITERAL("passwd:old"), -EBADMSG, "it is passwd:<old>:<new>"},
        {LITERAL("passwd:old:"), -EBADMSG, "the new password is empty"},
        {LITERAL("passwd:old:a:b"), -EBADMSG, "the new password holds a colon"},
        {LITERAL("err:denied:hello"), -EBADMSG, "it is err:"},
        {LITERAL("err:denied::reason"), -EBADMSG, "the key or verb is empty"},
        {LITERAL("err:no code:x:reason"), -EBADMSG, "the code may hold"},
        {LITERAL("err:denied:x:"), -EBADMSG, "the reason is empty"},
        {LITERAL("err:denied:x:" X128 X128 X128 X8 X8 "x"), -EMSGSIZE, "the reason is too long"},
    };

    check_refusals(cases, ARRAY_SIZE(cases));
}

static void says_what_is_wrong_with_rooms(void **state)
{
    static const struct refusal cases[] = {
        {LITERAL("join"), -EBADMSG, "it is join:<room>"},
        {LITERAL("join:"), -EBADMSG, "the room is empty; it must be #name or #number"},
        {LITERAL("join:lobby"), -EBADMSG, "the room does not begin with '#'"},
        {LITERAL("join:*"), -EBADMSG, "it must be #name or #number"},
        {LITERAL("join:#a:b"), -EBADMSG, "the room holds a colon"},
        {LITERAL("join:#" X64 "x"), -EMSGSIZE, "the room is too long; it may have 1 to 65"},
        {LITERAL("rooms:"), -EBADMSG, "the place is empty"},
        {LITERAL("rooms:a:b"), -EBADMSG, "the place holds a colon"},
        {LITERAL("rooms:" X64 X8 X8 "x"), -EMSGSIZE, "the place is too long"},
        {LITERAL("who"), -EBADMSG, "it is who:<room> or who:<room>:<after>"},
        {LITERAL("who:bob"), -EBADMSG, "it must be #name, #number or *"},
        {LITERAL("who:#a:"), -EBADMSG, "the place is empty"},
        {LITERAL("who:#a:b:c"), -EBADMSG, "the place holds a colon"},
        {LITERAL("room:17/#a:0:open:none:0:"), -EBADMSG, "the room's number is not"},
        {LITERAL("room:17/#a:1:shut:none:0:"), -EBADMSG, "neither open nor closed"},
        {LITERAL("room:17/#a:1:open:guest:0:"), -EBADMSG, "the standing is none of"},
        {LITERAL("room:17/#a:1:open:none:-1:"), -EBADMSG, "the count is not"},
        {LITERAL("room:17/#a:1:open:none:0"), -EBADMSG, "a field is missing"},
        {LITERAL("member:bob:here:member:Bob"), -EBADMSG, "neither present nor absent"},
        {LITERAL("member:bob:present:invited:Bob"), -EBADMSG, "neither member nor operator"},
        {LITERAL("nick:"), -EBADMSG, "the display name is empty"},
        {LITERAL("nick:a:b"), -EBADMSG, "the display name holds a colon"},
        {LITERAL("topic:#a"), -EBADMSG, "it is topic:<room>:<topic>"},
        {LITERAL("topic:#a:b\nc"), -EBADMSG, "the topic holds a control character"},
        {LITERAL("topic:#a:" X128 X128 X8 X8 X8 X8 X8 "xxxxx"), -EMSGSIZE, "topic is too long"},
        {LITERAL("access:#a:"), -EBADMSG, "neither open nor closed"},
        {LITERAL("remove:#a:"), -EBADMSG, "the userid is empty"},
        {LITERAL("invite:bob:#a"), -EBADMSG, "the room does not begin"},
    };

    check_refusals(cases, ARRAY_SIZE(cases));
}

static void says_what_is_wrong_with_what_was(void **state)
{
    static const struct refusal cases[] = {
        {LITERAL("history:#a:time:0:0"), -EBADMSG, "a field is missing"},
        {LITERAL("history:#a:day:0:0:1"), -EBADMSG, "neither time nor number"},
        {LITERAL("history:#a:time:-1:0:1"), -EBADMSG, "the beginning is not"},
        {LITERAL("history:#a:time:0::1"), -EBADMSG, "the place is empty"},
        {LITERAL("history:#a:time:0:0:0"), -EBADMSG, "from 1 to 200"},
        {LITERAL("history:#a:time:0:0:201"), -EBADMSG, "from 1 to 200"},
        {LITERAL("history::time:0:0:1"), -EBADMSG, "it must be a userid, #room or *"},
        {LITERAL("past:"), -EBADMSG, "is a msg, a whisper or a note"},
        {LITERAL("past:ping"), -EBADMSG, "is a msg, a whisper or a note"},
        {LITERAL("past:past:msg:1/*:1:0:b:B:t"), -EBADMSG, "is a msg, a whisper or a note"},
        {LITERAL("past:msg:1/*:0:0:b:B:t"), -EBADMSG, "the sequence number is not"},
        {LITERAL("unread:1"), -EBADMSG, "nothing may follow"},
        {LITERAL("waiting:5/a:x"), -EBADMSG, "the count is not"},
        {LITERAL("await:5/a:0"), -EBADMSG, "the sequence number is not"},
        {LITERAL("acked:5/:1"), -EBADMSG, "name of the conversation is empty"},
        {LITERAL("whisper:5/a:1:0:-:b:B:t"), -EBADMSG, "<number>/<name>"},
        {LITERAL("whisper:5/a:1:0:17/#a:b:B:"), -EBADMSG, "the text is empty"},
        {LITERAL("note:5/a:1:0:no kind:-:b:B:"), -EBADMSG, "the kind may hold"},
        {LITERAL("note:5/a:1:0:joined::b:B:"), -EBADMSG, "<number>/<name>"},
        {LITERAL("note:5/a:1:0:joined:-:b:B"), -EBADMSG, "a field is missing"},
        {LITERAL("end:rooms:1"), -EBADMSG, "it is end:<verb>:<count>:<next>"},
    };

    check_refusals(cases, ARRAY_SIZE(cases));
}

static void takes_fields_at_their_longest(void **state)
{
    static const struct bytes cases[] = {
        LITERAL("hello:2:" X64 ":" X128 ":" X64),
        LITERAL("hello:2:u:p:-"),
        LITERAL("resume:" X64 ":9223372036854775807:" NONCE_DIGITS),
        LITERAL("resume:s:0:" NONCE_DIGITS),
        LITERAL("welcome:" X64 ":" KEY_DIGITS ":1:86400:" X64),
        LITERAL("send:" X8 X8 X8 X8 X8 X8 ":" X128 "xx:t"),
        LITERAL("sent:k:9223372036854775807/" X128 "xx:9223372036854775807:1"),
        LITERAL("sent:k:3/#room/alice:1:1"),
        LITERAL("ack:17/:1"),
        LITERAL("passwd:" X128 ":" X128),
        LITERAL("err:" X8 X8 X8 X8 ":" X8 X8 X8 X8 X8 X8 ":" X128 X128 X128 X8 X8),
        LITERAL("send:k:*:\001\n\r\177\xc2\x80"),
        LITERAL("join:#" X64),
        LITERAL("history:#" X64 ":time:9223372036854775807:" X64 X8 X8 ":200"),
        LITERAL("topic:#a:" X128 X128 X8 X8 X8 X8 X8 "xxxx"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct v2_frame frame;
        const char *reason = "";
        char out[1024];
        if (v2_parse(cases[i], &frame, &reason) != 0)
            fail_msg("%.*s: %s", BYTES_ARG(cases[i]), reason);
        assert_int_equal(v2_build(&frame, out, sizeof(out)), cases[i].len + 1);
        assert_memory_equal(out, cases[i].data, cases[i].len);
    }
}

static void hexadecimal_digits_are_taken_in_both_cases(void **state)
{
    struct v2_frame upper, lower;
    char out[64];

    assert_int_equal(parse(LITERAL("proof:00FFabCD030405060708090A0B0C0D0E"), &upper, NULL), 0);
    assert_int_equal(parse(LITERAL("proof:00ffabcd030405060708090a0b0c0d0e"), &lower, NULL), 0);
    assert_memory_equal(upper.mac, lower.mac, V2_MAC_LEN);
    assert_int_equal(v2_build(&upper, out, sizeof(out)), 39);
    assert_memory_equal(out, "proof:00ffabcd030405060708090a0b0c0d0e\003", 39);
}

static void builds_nothing_that_would_be_refused(void **state)
{
    static const struct v2_frame cases[] = {
        {.verb = V2_VERB_COUNT},
        {.verb = V2_VERB_HELLO},
        {.verb = V2_VERB_HELLO,
         .userid = LITERAL("a:b"),
         .password = LITERAL("p"),
         .device = LITERAL("d")},
        {.verb = V2_VERB_HELLO, .userid = LITERAL("a"), .password = LITERAL("p")},
        {.verb = V2_VERB_RESUME, .session = LITERAL("s"), .time_ms = UINT64_MAX},
        {.verb = V2_VERB_WELCOME, .session = LITERAL("s"), .name = LITERAL("n")},
        {.verb = V2_VERB_SEND, .key = LITERAL("k:"), .to = LITERAL("*"), .text = LITERAL("t")},
        {.verb = V2_VERB_SEND, .key = LITERAL("k"), .to = LITERAL("*"), .text = LITERAL("\003")},
        {.verb = V2_VERB_SEND, .key = LITERAL("k"), .to = LITERAL("*")},
        {.verb = V2_VERB_SENT, .key = LITERAL("k"), .conversation = {17, LITERAL("#lobby")}},
        {.verb = V2_VERB_SENT, .key = LITERAL("k"), .conversation = {.id = 17}, .seq = 1},
        {.verb = V2_VERB_ACK, .conversation = {.name = LITERAL("#lobby")}, .seq = 1},
        {.verb = V2_VERB_ACK, .conversation = {17, LITERAL("#lobby")}},
        {.verb = V2_VERB_ERR, .code = LITERAL("denied"), .key = LITERAL("hello")},
        {.verb = V2_VERB_JOIN, .to = LITERAL("lobby")},
        {.verb = V2_VERB_ACCESS, .to = LITERAL("#a"), .access = V2_ACCESS_COUNT},
        {.verb = V2_VERB_MEMBER, .userid = LITERAL("b"), .name = LITERAL("B")},
        {.verb = V2_VERB_PAST, .frame = LITERAL("ping")},
        {.verb = V2_VERB_PAST},
    };
    char out[512];

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(v2_build(&cases[i], out, sizeof(out)), -EINVAL);
}

static void an_error_leaves_the_result_alone(void **state)
{
    struct v2_frame frame = {.verb = V2_VERB_PING, .seq = 7};

    assert_int_equal(parse(LITERAL("ack:17/a:x"), &frame, NULL), -EBADMSG);
    assert_int_equal(frame.verb, V2_VERB_PING);
    assert_int_equal(frame.seq, 7);
}

/* The longest frame there is has room, and no more is told than that. */
static void tells_the_room_a_frame_needs(void **state)
{
    static const char x130[] = X128 "xx";
    char text[3000];
    struct v2_frame note = {
        .verb = V2_VERB_NOTE,
        .kind = LITERAL(X8 X8 X8 X8),
        .conversation = {.id = INT64_MAX, .name = LITERAL(x130)},
        .room = {.id = INT64_MAX, .name = LITERAL(x130)},
        .seq = INT64_MAX,
        .time_ms = INT64_MAX,
        .userid = LITERAL(X64),
        .name = LITERAL(X64),
    };
    char out[4000];

    memset(text, 't', sizeof(text));
    for (size_t len = 0; len <= sizeof(text); len += 100) {
        note.text = (struct bytes){.data = text, .len = len};
        assert_int_equal(v2_build_past(&note, out, sizeof(out)), v2_frame_max(len));
    }
}

/* Whatever is taken can be built again, and is then the same frame. */
static void check_round_trip(struct bytes input)
{
    struct bytes exact = exact_copy(input.data, input.len);
    struct v2_frame frame, again;
    char first[1024], second[1024];
    const char *reason = NULL;

    int r = v2_parse(exact, &frame, &reason);
    assert_int_equal(reason != NULL, r != 0);
    if (r == 0) {
        long len = v2_build(&frame, first, sizeof(first));
        assert_int_equal(len, input.len + 1);
        assert_int_equal(
            v2_parse((struct bytes){.data = first, .len = (size_t)len - 1}, &again, NULL), 0);
        assert_int_equal(v2_build(&again, second, sizeof(second)), len);
        assert_memory_equal(first, second, (size_t)len);
    }
    exact_free(exact);
}

static void prefixes_are_survived(void **state)
{
    for (int verb = 0; verb < V2_VERB_COUNT; verb++)
        for (size_t len = 0; len <= frames[verb].len; len++)
            check_round_trip((struct bytes){.data = frames[verb].data, .len = len});
}

static void damage_is_survived(void **state)
{
    static const char bytes[] = "\0\003:/#*-0a\xc3\xff\n";
    uint64_t seed = 20261121;
    char text[256];

    for (int i = 0; i < 50000; i++) {
        const struct bytes *frame = &frames[exact_random(&seed) % V2_VERB_COUNT];
        memcpy(text, frame->data, frame->len);
        for (uint32_t n = 1 + exact_random(&seed) % 3; n > 0; n--) {
            size_t at = exact_random(&seed) % frame->len;
            uint32_t chance = exact_random(&seed);
            text[at] = chance % 2 ? bytes[chance / 2 % (sizeof(bytes) - 1)] : (char)(chance >> 8);
        }
        check_round_trip((struct bytes){.data = text, .len = frame->len});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_what_it_read),
        cmocka_unit_test(reads_the_fields),
        cmocka_unit_test(reads_the_fields_of_rooms),
        cmocka_unit_test(reads_the_fields_of_what_was),
        cmocka_unit_test(fields_may_be_left_out),
        cmocka_unit_test(words_lead_back),
        cmocka_unit_test(builds_a_past_frame_at_once),
        cmocka_unit_test(verbs_lead_back),
        cmocka_unit_test(other_verbs_are_not_version_2),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(says_what_is_wrong_with_rooms),
        cmocka_unit_test(says_what_is_wrong_with_what_was),
        cmocka_unit_test(takes_fields_at_their_longest),
        cmocka_unit_test(hexadecimal_digits_are_taken_in_both_cases),
        cmocka_unit_test(builds_nothing_that_would_be_refused),
        cmocka_unit_test(an_error_leaves_the_result_alone),
        cmocka_unit_test(tells_the_room_a_frame_needs),
        cmocka_unit_test(prefixes_are_survived),
        cmocka_unit_test(damage_is_survived),
    };

    return cmocka_run_group_tests_name("proto/v2-frame", tests, NULL, NULL);
}
