/* A user's own connection of version 2: made when there is something to do on it, and again when it
 * was lost. By password once, later by session. A message is said again, with its key, on each
 * connection until it is answered.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/v2.h"

#include "util/clock.h"
#include "util/cursor.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE     "bench"
#define RETRY_US   (100 * USEC_PER_MSEC)
#define BUSY_US    (250 * USEC_PER_MSEC)
#define SIGNING_ON 16 /* passwords under way at a time: each is a slow hash */
#define OUTPUT_MAX (1 << 20)
#define KEY_MAX    32

static void key_of(const struct v2 *v2, uint32_t tag, char key[KEY_MAX])
{
    snprintf(key, KEY_MAX, "%s-%08" PRIx32, v2->run, tag);
}

static bool is_needed(const struct user *user)
{
    const struct v2 *v2 = user->v2;

    return !user->refused && (!user->member.signed_on || v2_user_writes(user) ||
                              (v2->options->attach && v2->receiving));
}

void link_want(struct user *user)
{
    if (user->link_state == LINK_NONE && is_needed(user))
        list_move(&user->v2->wanting, &user->wanting);
}

static void want_later(struct user *user, uint64_t wait_us)
{
    user->retry_us = loop_now(user->v2->loop) + wait_us;
    link_want(user);
}

static void set_state(struct user *user, enum link_state state)
{
    if (user->by_password)
        user->v2->signing_on--;
    user->by_password = false;
    user->link_state = state;
}

static void drop(struct user *user, uint64_t wait_us)
{
    stream_close(user->link);
    user->link = NULL;
    set_state(user, LINK_NONE);
    if (user->v2->options->attach)
        user->reachable = false;
    want_later(user, wait_us);
}

void link_forget(struct user *user)
{
    struct member *member = &user->member;

    if (member->signed_on) {
        HASH_DEL(user->v2->by_session, member);
        user->v2->forgotten = true;
    }
    member->signed_on = false;
    user->reachable = false;
    link_want(user);
}

static void say(struct user *user, const struct v2_frame *frame)
{
    if (stream_say(user->link, frame) < 0)
        drop(user, RETRY_US);
}

static void say_verb(struct user *user, enum v2_verb verb)
{
    say(user, &(struct v2_frame){.verb = verb});
}

/* -- signing on ------------------------------------------------------------------------------- */

static void sign_on(struct user *user)
{
    const struct roster_user *who = &user->v2->roster->users[user->index];
    struct v2_frame frame = {.verb = V2_VERB_HELLO,
                             .userid = bytes_of(who->userid),
                             .password = bytes_of(who->password),
                             .device = bytes_of(DEVICE)};

    user->link_state = LINK_SIGNING_ON;
    if (user->member.signed_on) {
        frame = member_resume(&user->member);
    } else if (!user->by_password) {
        user->by_password = true;
        user->v2->signing_on++;
    }
    say(user, &frame);
}

static void opened(void *userdata)
{
    sign_on(userdata);
}

/* What was not answered is said again, in order. */
static void say_pending(struct user *user)
{
    for (unsigned i = 0; i < user->waiting; i++) {
        const struct pending *pending =
            &user->pending[(user->first + i) % user->v2->options->window];
        if (stream_say_bytes(user->link, pending->frame) < 0) {
            drop(user, RETRY_US);
            return;
        }
    }
}

static void welcomed(struct user *user, const struct v2_frame *welcome)
{
    struct v2 *v2 = user->v2;
    struct member *member = &user->member;

    if (member->signed_on)
        HASH_DEL(v2->by_session, member);
    member_welcome(member, welcome);
    HASH_ADD_STR(v2->by_session, session, member);
    set_state(user, LINK_UP);
    user->connects++;
    if (!is_needed(user)) {
        say_verb(user, V2_VERB_GOODBYE);
        return;
    }
    if (v2->options->attach && v2->receiving)
        say_verb(user, V2_VERB_ATTACH);
    if (user->link_state == LINK_UP)
        say_pending(user);
}

/* The first number of the reason, in milliseconds. */
static uint64_t wait_of(const struct v2_frame *err)
{
    struct reader reader;
    uint64_t ms;

    reader_init(&reader, err->text);
    if (bytes_to_u64(reader_field(&reader, ' '), 3600000, &ms) < 0)
        return BUSY_US;
    return ms * USEC_PER_MSEC;
}

static void tell_refusal(struct user *user, const struct v2_frame *err)
{
    if (user->v2->told_refusal)
        return;
    user->v2->told_refusal = true;
    fprintf(stderr, "multichat-bench: %s is refused: %.*s: %.*s\n",
            user->v2->roster->users[user->index].userid, BYTES_ARG(err->code),
            BYTES_ARG(err->text));
}

/* Signing on was refused: as a session that has ended, for now, or for good. */
static void sign_on_refused(struct user *user, const struct v2_frame *err)
{
    static const char *const temporary[] = {"busy", "unavailable", "timeout", "internal"};

    if (bytes_is(err->code, "unknown-session") && user->member.signed_on) {
        link_forget(user);
        drop(user, 0);
        return;
    }
    if (bytes_is(err->code, "limited")) {
        tell_refusal(user, err);
        drop(user, wait_of(err));
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(temporary); i++) {
        if (bytes_is(err->code, temporary[i])) {
            drop(user, BUSY_US);
            return;
        }
    }
    tell_refusal(user, err);
    user->refused = true;
    drop(user, 0);
}

/* -- answers ---------------------------------------------------------------------------------- */

/* The answer to the message that waits longest, if `key` is its key. */
static void answered(struct user *user, struct bytes key, enum wire_answer answer)
{
    struct v2 *v2 = user->v2;
    struct pending *pending;
    char expected[KEY_MAX];
    uint32_t tag;

    if (user->waiting == 0) {
        v2->handler.damaged(v2->handler.userdata);
        return;
    }
    pending = &user->pending[user->first];
    key_of(v2, pending->tag, expected);
    if (!bytes_is(key, expected)) {
        v2->handler.damaged(v2->handler.userdata);
        return;
    }
    tag = pending->tag;
    free((char *)pending->frame.data);
    user->first = (unsigned)((user->first + 1) % v2->options->window);
    user->waiting--;
    v2->handler.answered(v2->handler.userdata, tag, answer);
}

static void refused(struct user *user, const struct v2_frame *err)
{
    if (user->link_state == LINK_SIGNING_ON) {
        sign_on_refused(user, err);
    } else if (bytes_is(err->code, "unknown-session")) {
        link_forget(user);
        drop(user, 0);
    } else if (user->waiting > 0 && !bytes_is(err->code, "timeout")) {
        tell_refusal(user, err);
        answered(user, err->key, bytes_is(err->code, "uncertain") ? WIRE_UNKNOWN : WIRE_REFUSED);
    }
}

static void frame(void *userdata, const struct v2_frame *frame)
{
    struct user *user = userdata;

    if (v2_take_entry(user, frame))
        return;
    switch (frame->verb) {
    case V2_VERB_WELCOME:
        welcomed(user, frame);
        break;
    case V2_VERB_SENT:
        answered(user, frame->key, WIRE_ACK);
        break;
    case V2_VERB_ERR:
        refused(user, frame);
        break;
    case V2_VERB_ATTACHED:
        user->reachable = true;
        break;
    default:
        break;
    }
}

static void paused(void *userdata)
{
    struct user *user = userdata;

    if (user->link_state != LINK_UP)
        return;
    if (user->v2->options->attach && member_acknowledge(&user->member, user->link) < 0)
        drop(user, RETRY_US);
    else if (link_ready(user))
        user->v2->handler.ready(user->v2->handler.userdata, user->index);
}

static void ended(void *userdata, const char *reason)
{
    struct user *user = userdata;

    (void)reason;
    user->link = NULL; /* the stream closes itself */
    drop(user, RETRY_US);
}

/* -- making links ----------------------------------------------------------------------------- */

static void make(struct user *user)
{
    struct v2 *v2 = user->v2;
    const struct stream_handler handler = {
        .opened = opened, .frame = frame, .paused = paused, .ended = ended, .userdata = user};

    list_remove(&user->wanting);
    if (stream_connect(v2->loop, &v2->options->writes, &v2->options->listen, v2->tls, &handler,
                       &user->link) < 0) {
        want_later(user, RETRY_US);
        return;
    }
    user->link_state = LINK_OPENING;
    if (!user->member.signed_on) {
        user->by_password = true;
        v2->signing_on++;
    }
}

void links_tick(struct v2 *v2)
{
    uint64_t now = loop_now(v2->loop);

    LIST_FOREACH_SAFE (link, &v2->wanting) {
        struct user *user = LIST_ENTRY(link, struct user, wanting);
        if (user->retry_us <= now && (user->member.signed_on || v2->signing_on < SIGNING_ON))
            make(user);
    }
}

void link_attach(struct user *user)
{
    if (user->link_state == LINK_UP)
        say_verb(user, V2_VERB_ATTACH);
    else
        link_want(user);
}

/* -- sending ---------------------------------------------------------------------------------- */

bool link_ready(const struct user *user)
{
    return user->link_state == LINK_UP && v2_user_writes(user) &&
           user->waiting < user->v2->options->window && stream_waiting(user->link) < OUTPUT_MAX;
}

int link_send(struct user *user, struct bytes recipient, struct bytes text, uint32_t tag)
{
    const struct v2 *v2 = user->v2;
    struct v2_frame frame = {.verb = V2_VERB_SEND, .to = recipient, .text = text};
    size_t size = v2_frame_max(text.len);
    char key[KEY_MAX], *bytes = malloc(size);
    long len;
    int r;

    assert(link_ready(user));
    if (!bytes)
        return -ENOMEM;
    key_of(v2, tag, key);
    frame.key = bytes_of(key);
    len = v2_build(&frame, bytes, size);
    r = len < 0 ? (int)len
                : stream_say_bytes(user->link, (struct bytes){.data = bytes, .len = (size_t)len});
    if (r < 0) {
        free(bytes);
        return r;
    }
    user->pending[(user->first + user->waiting++) % v2->options->window] =
        (struct pending){.tag = tag, .frame = {.data = bytes, .len = (size_t)len}};
    return 0;
}

void link_deinit(struct user *user)
{
    stream_close(user->link);
    list_remove(&user->wanting);
    for (unsigned i = 0; i < user->waiting; i++)
        free((char *)user->pending[(user->first + i) % user->v2->options->window].frame.data);
    free(user->pending);
}
