/* Signed polls: the ladder that a poll2 datagram climbs, from cheap to dear. Each rung has its
 * counter, and nothing is answered to who falls off, save that his session has ended. For an
 * account in memory there is neither a query nor an allocation.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"

#include <errno.h>

static size_t drop(struct bll *bll, enum metric rung)
{
    metrics_add(bll->metrics, rung, 1);
    return 0;
}

/* Whoever listened on the way may send a poll again, later or to a server that was started anew:
 * what a device has polled with before is known since the start alone. */
static bool is_in_time(const struct bll *bll, uint64_t time_ms)
{
    uint64_t now = bll->outlet.real_ms(bll->outlet.userdata);
    uint64_t off = time_ms > now ? time_ms - now : now - time_ms;

    return off <= V2_TIME_SLACK_MS && time_ms > bll->started_ms;
}

/* The rungs that need nothing but the datagram and the secret: METRIC_POLLS_ACCEPTED if it has
 * passed them. */
static enum metric verify(const struct bll *bll, const struct addr *from, struct bytes datagram,
                          struct v2_poll *ret_poll, struct session *ret_session)
{
    if (v2_parse_poll(datagram, ret_poll, NULL) < 0)
        return METRIC_POLLS_MALFORMED;
    if (session_parse(bll->config.secret, ret_poll->session, ret_session) < 0 ||
        !v2_poll_verify(ret_poll, ret_session->key))
        return METRIC_POLLS_FORGED;
    if (!is_in_time(bll, ret_poll->time_ms))
        return METRIC_POLLS_LATE;
    if (!ret_session->secure && !bll_serves_plain(bll, from))
        return METRIC_POLLS_FORBIDDEN;
    return METRIC_POLLS_ACCEPTED;
}

static bool is_ended(const struct account *account, const struct session *session)
{
    return account->disabled || account->auth_epoch != session->epoch;
}

static size_t answer_poll(const struct v2_poll *poll, const struct session *session,
                          enum v2_state state, char *answer, size_t size)
{
    long len = v2_build_polled(poll->session, state, poll->time_ms, session->key, answer, size);

    return len < 0 ? 0 : (size_t)len;
}

size_t signed_poll(struct bll *bll, const struct addr *from, struct bytes datagram, char *answer,
                   size_t size)
{
    struct addr endpoint = *from;
    struct account *account;
    struct session session;
    struct device *device = NULL;
    struct v2_poll poll;
    enum metric rung = verify(bll, from, datagram, &poll, &session);
    int r;

    if (rung != METRIC_POLLS_ACCEPTED)
        return drop(bll, rung);
    if (size > datagram.len)
        size = datagram.len;
    r = account_get_id(bll, session.user, &account);
    if (r < 0 && r != -ENOENT)
        return drop(bll, r == -EINPROGRESS ? METRIC_POLLS_UNLOADED : METRIC_POLLS_DROPPED);
    if (r == 0 && !is_ended(account, &session))
        device = device_by_id(account, session.device);
    if (!device) {
        metrics_add(bll->metrics, METRIC_POLLS_ENDED, 1);
        return answer_poll(&poll, &session, V2_STATE_UNKNOWN, answer, size);
    }
    if (poll.time_ms <= device->v2.poll_ms)
        return drop(bll, METRIC_POLLS_REPLAYED);
    device->v2.poll_ms = poll.time_ms;
    endpoint.port = poll.port;
    presence_signed_poll(bll, device, &endpoint, &session);
    return answer_poll(&poll, &session, dial_state(device), answer, size);
}
