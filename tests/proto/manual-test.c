/* The examples of version 2 in multichat-protocol(7): the parser takes each of them, the builder
 * makes each of them again, and each signature is right under the key that the page's welcome
 * tells.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/v2.h"

#include "proto/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LINE_MAX_BYTES 1024

/* What the lines that were read have told. */
struct story {
    uint8_t key[V2_KEY_LEN];
    uint8_t nonce[V2_NONCE_LEN]; /* of the last push */
    char session[V2_SESSION_MAX];
    size_t session_len;
    uint64_t poll_ms;                 /* of the first poll */
    char signed_part[LINE_MAX_BYTES]; /* the last line, in case the next one is its MAC */
    unsigned verbs[V2_VERB_COUNT];
    unsigned states[V2_STATE_COUNT];
    unsigned polls, vectors;
};

static struct bytes session_of(const struct story *story)
{
    return (struct bytes){.data = story->session, .len = story->session_len};
}

static void assert_same_mac(const uint8_t a[V2_MAC_LEN], const uint8_t b[V2_MAC_LEN],
                            const char *line)
{
    if (!v2_mac_equal(a, b))
        fail_msg("the MAC is wrong: %s", line);
}

/* Learns from a frame, and looks at what it signs. */
static void follow(struct story *story, const struct v2_frame *frame, const char *line)
{
    uint8_t mac[V2_MAC_LEN];

    story->verbs[frame->verb]++;
    switch (frame->verb) {
    case V2_VERB_WELCOME:
        memcpy(story->key, frame->session_key, sizeof(story->key));
        memcpy(story->session, frame->session.data, frame->session.len);
        story->session_len = frame->session.len;
        break;
    case V2_VERB_RESUME:
        assert_true(bytes_equal(frame->session, session_of(story)));
        v2_mac_resume(story->key, frame->session, frame->time_ms, mac);
        assert_same_mac(frame->mac, mac, line);
        break;
    case V2_VERB_PUSH:
        assert_true(bytes_equal(frame->session, session_of(story)));
        memcpy(story->nonce, frame->nonce, sizeof(story->nonce));
        break;
    case V2_VERB_PROOF:
        v2_mac_proof(story->key, session_of(story), story->nonce, mac);
        assert_same_mac(frame->mac, mac, line);
        break;
    default:
        break;
    }
}

static void check_frame(struct story *story, const char *line, size_t len)
{
    char out[LINE_MAX_BYTES];
    struct v2_frame frame;
    const char *reason = "";

    if (v2_parse((struct bytes){.data = line, .len = len}, &frame, &reason) != 0)
        fail_msg("%s: %s", line, reason);
    assert_int_equal(v2_build(&frame, out, sizeof(out)), len + 1);
    assert_memory_equal(out, line, len);
    follow(story, &frame, line);
}

static void check_poll(struct story *story, const char *line)
{
    char out[V2_POLL_MAX];
    struct v2_poll poll;

    assert_int_equal(v2_parse_poll(bytes_of(line), &poll, NULL), 0);
    if (!v2_poll_verify(&poll, story->key))
        fail_msg("the MAC is wrong: %s", line);
    assert_int_equal(
        v2_build_poll(session_of(story), poll.time_ms, poll.port, story->key, out, sizeof(out)),
        strlen(line));
    assert_memory_equal(out, line, strlen(line));
    if (story->polls++ == 0)
        story->poll_ms = poll.time_ms;
}

static void check_polled(struct story *story, const char *line)
{
    struct v2_polled polled;

    assert_int_equal(v2_parse_polled(bytes_of(line), &polled), 0);
    assert_true(bytes_equal(polled.session, session_of(story)));
    if (!v2_polled_verify(&polled, story->poll_ms, story->key))
        fail_msg("the MAC is wrong: %s", line);
    story->states[polled.state]++;
}

/* "    <32 digits>": the MAC of the line before. */
static void check_vector(struct story *story, const char *digits)
{
    uint8_t expected[V2_MAC_LEN], mac[V2_MAC_LEN];

    assert_int_equal(field_parse_hex(HEX_MAC, bytes_of(digits), expected, NULL), 0);
    v2_mac(story->key, bytes_of(story->signed_part), mac);
    assert_same_mac(expected, mac, story->signed_part);
    story->vectors++;
}

/* Puts the characters in the place of mandoc's names for them, "\[uC608]", all of three bytes. */
static void resolve_characters(char *line)
{
    for (char *at; (at = strstr(line, "\\[u"));) {
        unsigned long code = strtoul(at + 3, NULL, 16);
        char text[4] = {(char)(0xe0 | code >> 12), (char)(0x80 | (code >> 6 & 0x3f)),
                        (char)(0x80 | (code & 0x3f))};
        assert_in_range(code, 0x800, 0xffff);
        memcpy(at, text, 3);
        memmove(at + 3, strchr(at, ']') + 1, strlen(strchr(at, ']') + 1) + 1);
    }
}

static void check_line(struct story *story, char *line)
{
    resolve_characters(line);
    char *end = strstr(line, "<ETX>");
    if (end) {
        *end = '\0';
        check_frame(story, line, strlen(line));
    } else if (strncmp(line, "    ", 4) == 0) {
        check_vector(story, line + 4);
    } else if (strncmp(line, "poll2:", 6) == 0 && strlen(strrchr(line, ':')) == 33) {
        check_poll(story, line);
    } else if (strncmp(line, "polled:", 7) == 0 && strlen(strrchr(line, ':')) == 33) {
        check_polled(story, line);
    }
    memcpy(story->signed_part, line, strlen(line) + 1);
}

/* Nothing that an example would add to. */
static bool is_plain(enum v2_verb verb)
{
    return verb == V2_VERB_DETACH || verb == V2_VERB_DETACHED || verb == V2_VERB_PING ||
           verb == V2_VERB_PONG || verb == V2_VERB_PASSWD;
}

static void examples_are_right(void **state)
{
    const char *folder = getenv("MULTICHAT_SRCDIR");
    char path[4096], line[LINE_MAX_BYTES];
    struct story story = {0};
    bool within = false;

    (void)snprintf(path, sizeof(path), "%s/man/multichat-protocol.7", folder ? folder : ".");
    FILE *page = fopen(path, "re");
    if (!page)
        fail_msg("%s cannot be opened; MULTICHAT_SRCDIR is where it lies", path);
    while (fgets(line, sizeof(line), page)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, ".Sh ", 4) == 0)
            within = strcmp(line, ".Sh EXAMPLES OF VERSION 2") == 0;
        else if (within && line[0] != '.' && !strstr(line, "Ql"))
            check_line(&story, line);
    }
    (void)fclose(page);

    for (int verb = 0; verb < V2_VERB_COUNT; verb++)
        if (story.verbs[verb] == 0 && !is_plain((enum v2_verb)verb))
            fail_msg("there is no example of %s", v2_verb_name((enum v2_verb)verb));
    for (int i = 0; i < V2_STATE_COUNT; i++)
        assert_int_equal(story.states[i], 1);
    assert_int_equal(story.polls, 2);
    assert_int_equal(story.vectors, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_are_right),
    };

    return cmocka_run_group_tests_name("proto/manual", tests, NULL, NULL);
}
