/* Clients of version 1: each writer has a lane, everyone polls and is pushed to. A message is sent
 * once, whatever its answer: a lost connection leaves it unknown.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/wire.h"

#include "bench/lane.h"
#include "bench/receivers.h"
#include "bench/sign-on.h"
#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>

#define SIGN_ON_RETRY (1 * USEC_PER_SEC)

struct v1;

struct scribe {
    struct v1 *v1;
    uint32_t user;
    struct lane *lane;
};

struct v1 {
    struct wire wire;
    struct loop *loop;
    const struct roster *roster;
    struct wire_handler handler;
    struct receivers *receivers;
    struct sign_on *sign_on;
    struct scribe *scribes;
    uint32_t scribe_count;
    bool signing_on;
    uint64_t retry_us;
};

static struct v1 *v1_of(struct wire *wire)
{
    return (struct v1 *)wire;
}

static const enum wire_answer answers[] = {
    [LANE_ACK] = WIRE_ACK,
    [LANE_REFUSED] = WIRE_REFUSED,
    [LANE_UNKNOWN] = WIRE_UNKNOWN,
};

static void answered(void *userdata, uint32_t tag, enum lane_answer answer)
{
    const struct scribe *scribe = userdata;
    struct v1 *v1 = scribe->v1;

    if (sign_on_is_tag(tag))
        sign_on_answered(v1->sign_on, tag, answer == LANE_ACK);
    else
        v1->handler.answered(v1->handler.userdata, tag, answers[answer]);
}

static void sign_on_some(struct v1 *v1, struct lane *lane)
{
    int r = sign_on_send(v1->sign_on, lane);

    if (r < 0)
        v1->handler.failed(v1->handler.userdata, r);
}

static void lane_free_again(void *userdata, struct lane *lane)
{
    const struct scribe *scribe = userdata;
    struct v1 *v1 = scribe->v1;

    if (v1->signing_on)
        sign_on_some(v1, lane);
    else
        v1->handler.ready(v1->handler.userdata, scribe->user);
}

static void received(void *userdata, uint32_t user, struct bytes payload)
{
    struct v1 *v1 = userdata;
    struct v1_push push;

    if (v1_parse_push(payload, &push) < 0)
        v1->handler.damaged(v1->handler.userdata);
    else if (!sign_on_received(v1->sign_on, user, push.text))
        v1->handler.delivered(v1->handler.userdata, user, push.userid, push.text);
}

static int v1_sign_on(struct wire *wire, size_t *ret_missing)
{
    struct v1 *v1 = v1_of(wire);
    uint64_t now = loop_now(v1->loop);

    if (now >= v1->retry_us) {
        sign_on_again(v1->sign_on);
        v1->retry_us = now + SIGN_ON_RETRY;
        for (uint32_t i = 0; i < v1->scribe_count; i++)
            sign_on_some(v1, v1->scribes[i].lane);
    }
    *ret_missing = sign_on_missing(v1->sign_on);
    v1->signing_on = *ret_missing > 0;
    return 0;
}

static int v1_receive(struct wire *wire)
{
    return receivers_start(v1_of(wire)->receivers);
}

static bool v1_ready(const struct wire *wire, uint32_t writer)
{
    return lane_ready(((const struct v1 *)wire)->scribes[writer].lane);
}

static int v1_send(struct wire *wire, uint32_t writer, struct bytes recipient, struct bytes text,
                   uint32_t tag)
{
    const struct v1 *v1 = v1_of(wire);
    const struct roster_user *who = &v1->roster->users[writer];
    const struct v1_write write = {
        .userid = bytes_of(who->userid),
        .password = bytes_of(who->password),
        .recipient = recipient,
        .text = text,
    };

    return lane_send(v1->scribes[writer].lane, &write, tag);
}

static void v1_counts(const struct wire *wire, struct wire_counts *ret)
{
    const struct v1 *v1 = (const struct v1 *)wire;

    *ret = (struct wire_counts){.polls = receivers_polls(v1->receivers)};
    for (uint32_t i = 0; i < v1->scribe_count; i++) {
        uint64_t connects = lane_connects(v1->scribes[i].lane);
        ret->connects += connects;
        ret->reconnects += connects > 0 ? connects - 1 : 0;
    }
}

static int make_scribes(struct v1 *v1, const struct options *options)
{
    int r = 0;

    v1->scribes = calloc(options->writers, sizeof(*v1->scribes));
    if (!v1->scribes)
        return -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < options->writers; i++) {
        struct scribe *scribe = &v1->scribes[i];
        struct lane_handler handler = {
            .answered = answered, .ready = lane_free_again, .userdata = scribe};
        *scribe = (struct scribe){.v1 = v1, .user = i};
        v1->scribe_count++;
        r = lane_new(v1->loop, &options->writes, &options->listen, (unsigned)options->window,
                     &handler, &scribe->lane);
    }
    return r;
}

static void v1_free(struct wire *wire)
{
    struct v1 *v1 = v1_of(wire);

    if (!v1)
        return;
    for (uint32_t i = 0; i < v1->scribe_count; i++)
        lane_free(v1->scribes[i].lane);
    receivers_free(v1->receivers);
    sign_on_free(v1->sign_on);
    free(v1->scribes);
    free(v1);
}

static int v1_make(struct loop *loop, const struct options *options, const struct roster *roster,
                   const struct wire_handler *handler, struct wire **ret)
{
    struct v1 *v1 = calloc(1, sizeof(*v1));
    struct receivers_config config = {
        .roster = roster,
        .polls = options->polls,
        .listen = options->listen,
        .interval_us = options->poll_interval * USEC_PER_MSEC,
    };
    int r;

    if (!v1)
        return -ENOMEM;
    *v1 = (struct v1){.wire = {.type = &wire_v1},
                      .loop = loop,
                      .roster = roster,
                      .handler = *handler,
                      .signing_on = options->mode->sign_on_first};
    r = sign_on_new(roster, &v1->sign_on);
    if (r == 0)
        r = receivers_new(loop, &config, received, v1, &v1->receivers);
    if (r == 0)
        r = make_scribes(v1, options);
    if (r < 0) {
        v1_free(&v1->wire);
        return r;
    }
    *ret = &v1->wire;
    return 0;
}

const struct wire_type wire_v1 = {
    .make = v1_make,
    .free = v1_free,
    .receive = v1_receive,
    .sign_on = v1_sign_on,
    .ready = v1_ready,
    .send = v1_send,
    .counts = v1_counts,
};
