/* What comes in: datagrams and frames, from their bytes to whoever deals with them. For a datagram
 * the cheap questions come first: from where, how long, which fields, who, and only then work.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "proto/v1.h"

#include <errno.h>

/* Version 1 has no answer to polls. */
static void handle_poll(struct bll *bll, const struct addr *from, struct bytes datagram)
{
    struct request request = {.kind = REQUEST_POLL, .from = *from};
    struct account *account;
    struct v1_poll poll;

    if (!bll_serves(bll, from)) {
        metrics_add(bll->metrics, METRIC_POLLS_FORBIDDEN, 1);
        return;
    }
    if (v1_parse_poll(datagram, &poll, NULL) < 0) {
        metrics_add(bll->metrics, METRIC_POLLS_MALFORMED, 1);
        return;
    }
    account = account_find(bll, poll.userid);
    if (account && signon_known(bll, account, poll.password)) {
        presence_poll(bll, account, from, poll.port);
        return;
    }
    request.port = poll.port;
    request.userid = poll.userid;
    request.password = poll.password;
    if (signon_wait(bll, &request) < 0)
        metrics_add(bll->metrics, METRIC_POLLS_DROPPED, 1);
}

/* What a poll of version 2 begins with. */
static const char signed_verb[] = "poll2:";

size_t bll_datagram(struct bll *bll, const struct addr *from, struct bytes datagram, char *answer,
                    size_t size)
{
    if (datagram.len >= strlen(signed_verb) &&
        memcmp(datagram.data, signed_verb, strlen(signed_verb)) == 0)
        return signed_poll(bll, from, datagram, answer, size);
    handle_poll(bll, from, datagram);
    return 0;
}

static void handle_write(struct bll *bll, const struct addr *from, struct bytes frame, void *reply)
{
    struct request request = {.kind = REQUEST_WRITE, .from = *from, .reply = reply};
    const char *reason = NULL;
    struct account *account;
    struct v1_write write;
    int r = v1_parse_write(frame, &write, &reason);

    if (r < 0) {
        bll_answer_error(bll, reply, r == -EMSGSIZE ? PROTO_ERROR_TOO_LONG : PROTO_ERROR_MALFORMED,
                         reason);
        return;
    }
    if (write.text.len > bll->config.text_max) {
        bll_answer_error(bll, reply, PROTO_ERROR_TOO_LONG, NULL);
        return;
    }
    account = account_find(bll, write.userid);
    if (account && signon_known(bll, account, write.password)) {
        write_message(bll, account, from, reply, write.recipient, write.text);
        return;
    }
    request.userid = write.userid;
    request.password = write.password;
    request.recipient = write.recipient;
    request.text = write.text;
    r = signon_wait(bll, &request);
    if (r < 0)
        bll_answer_error(bll, reply, r == -ENOMEM ? PROTO_ERROR_INTERNAL : PROTO_ERROR_BUSY, NULL);
}

static void handle_goodbye(struct bll *bll, const struct addr *from, struct bytes frame,
                           void *reply)
{
    bll->outlet.reply(bll->outlet.userdata, reply, (struct bytes){0}, true);
}

static void (*const handlers[])(struct bll *bll, const struct addr *from, struct bytes frame,
                                void *reply) = {
    [V1_VERB_WRITE] = handle_write,
    [V1_VERB_GOODBYE] = handle_goodbye,
};

void v1_frame(struct bll *bll, const struct addr *from, struct bytes frame, void *reply)
{
    const char *reason = NULL;
    int verb;

    if (!bll_serves(bll, from)) {
        bll_answer_error(bll, reply, PROTO_ERROR_FORBIDDEN, NULL);
        return;
    }
    verb = v1_parse_verb(frame, &reason);
    if (verb < 0)
        bll_answer_error(bll, reply, PROTO_ERROR_MALFORMED, reason);
    else
        handlers[verb](bll, from, frame, reply);
}
