/* The link that messages come over: see attachment.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/attachment.h"

#include "proto/error.h"
#include "util/clock.h"

#include <stdio.h>
#include <sys/random.h>

#define PAUSE_MIN_US  (USEC_PER_SEC / 4)
#define PAUSE_MAX_US  (30 * USEC_PER_SEC)
#define PING_US       (20 * USEC_PER_SEC) /* after something was said last */
#define ANSWER_US     (10 * USEC_PER_SEC)
#define FAILURES_TOLD 3 /* in a row, before the user is told */

int attachment_init(struct attachment *attachment, struct session *session)
{
    *attachment = (struct attachment){.session = session, .deadline = UINT64_MAX};
    return link_init(&attachment->link, session->receiving->account);
}

void attachment_deinit(struct attachment *attachment)
{
    link_deinit(&attachment->link);
}

static bool is_up(const struct attachment *attachment)
{
    return attachment->state >= ATTACHMENT_ATTACHING;
}

/* -- the end of a connection ------------------------------------------------------------------ */

static void down(struct attachment *attachment)
{
    link_close(&attachment->link);
    attachment->state = ATTACHMENT_DOWN;
    attachment->deadline = UINT64_MAX;
    attachment->stalled = false;
}

/* The next try is put off: by twice the last pause, give or take a quarter, so that many clients do
 * not come back in step, or by what the server asks for. */
static void put_off(struct attachment *attachment, uint64_t at_least, uint64_t now)
{
    uint32_t random = 0;
    uint64_t pause = attachment->pause ? attachment->pause * 2 : PAUSE_MIN_US;

    if (pause > PAUSE_MAX_US)
        pause = PAUSE_MAX_US;
    attachment->pause = pause;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = 0;
    pause = pause * 3 / 4 + pause / 2 * (random % 1024) / 1024;
    attachment->next_try = now + (pause > at_least ? pause : at_least);
}

static void failed(struct attachment *attachment, const char *reason, uint64_t at_least,
                   uint64_t now)
{
    struct session *session = attachment->session;
    bool leaving = attachment->state == ATTACHMENT_LEAVING;

    down(attachment);
    if (leaving)
        return;
    put_off(attachment, at_least, now);
    session_doubt(session);
    if (session_server_state(session, NULL) == SERVER_PRESENT &&
        ++attachment->failures == FAILURES_TOLD)
        session_notice(session, "messages cannot arrive: %s", reason);
}

/* Says goodbye; the server closes. */
static void leave(struct attachment *attachment, uint64_t now)
{
    const struct v2_frame goodbye = {.verb = V2_VERB_GOODBYE};

    if (link_write(&attachment->link, &goodbye) < 0) {
        down(attachment);
        return;
    }
    attachment->state = ATTACHMENT_LEAVING;
    attachment->deadline = now + ANSWER_US;
}

/* -- what is said ----------------------------------------------------------------------------- */

static void say(struct attachment *attachment, enum v2_verb verb, uint64_t now)
{
    const struct v2_frame frame = {.verb = verb};
    int r = link_write(&attachment->link, &frame);

    if (r < 0) {
        failed(attachment, "nothing can be sent", 0, now);
        return;
    }
    attachment->next_ping = now + PING_US;
    attachment->deadline = now + ANSWER_US;
}

static void signed_on(struct attachment *attachment, uint64_t now)
{
    const struct tls_session *tls = attachment->link.channel.tls;
    uint8_t fingerprint[TLS_FINGERPRINT_LEN];
    char text[TLS_FINGERPRINT_TEXT_MAX] = "";

    if (tls && tls_session_fingerprint(tls, fingerprint))
        tls_fingerprint_format(fingerprint, text);
    session_set_fingerprint(attachment->session, text);
    session_report(attachment->session, SERVER_PRESENT, NULL);
    session_wake(attachment->session, SESSION_POLLER); /* now it can poll */
    if (!session_attach(attachment->session)) {
        leave(attachment, now);
        return;
    }
    attachment->state = ATTACHMENT_ATTACHING;
    say(attachment, V2_VERB_ATTACH, now);
}

/* Messages do not come this way any more: we said so, or another connection took over. */
static void detached(struct attachment *attachment, uint64_t now)
{
    if (attachment->state == ATTACHMENT_LEAVING) /* both at once: the second changes nothing */
        return;
    if (attachment->state != ATTACHMENT_DETACHING)
        session_set_attach(attachment->session, false);
    leave(attachment, now);
}

static void attached(struct attachment *attachment)
{
    attachment->failures = 0;
    attachment->pause = 0;
    if (attachment->state == ATTACHMENT_ATTACHING)
        attachment->state = ATTACHMENT_ATTACHED;
}

static void refused(struct attachment *attachment, const struct v2_frame *err, uint64_t now)
{
    char reason[sizeof(attachment->link.reason)];

    /* Of an ack: we are not of that room any more, say. It changes nothing. */
    if (attachment->state == ATTACHMENT_LEAVING || bytes_is(err->key, v2_verb_name(V2_VERB_ACK)))
        return;
    if (proto_error_from_code(err->code) == PROTO_ERROR_UNKNOWN_SESSION)
        account_drop(attachment->session->receiving->account, attachment->link.session.generation);
    snprintf(reason, sizeof(reason), "%.*s (%.*s)", BYTES_ARG(err->text), BYTES_ARG(err->code));
    failed(attachment, reason, 0, now);
}

static void take_frame(struct attachment *attachment, const struct v2_frame *frame, uint64_t now)
{
    if (attachment->state != ATTACHMENT_LEAVING)
        attachment->deadline = UINT64_MAX; /* it lives */
    switch (frame->verb) {
    case V2_VERB_MSG:
    case V2_VERB_WHISPER:
    case V2_VERB_NOTE:
        if (session_deliver(attachment->session, frame) < 0)
            failed(attachment, "out of memory", 0, now);
        break;
    case V2_VERB_ATTACHED:
        attached(attachment);
        break;
    case V2_VERB_DETACHED:
        detached(attachment, now);
        break;
    case V2_VERB_ERR:
        refused(attachment, frame, now);
        break;
    default: /* pong, and what a newer server may say */
        break;
    }
}

/* -- turning ---------------------------------------------------------------------------------- */

/* Begins where it is time to, and ends what is not wanted any more. True if it did. */
static bool plan(struct attachment *attachment, uint64_t now)
{
    struct session *session = attachment->session;
    bool wanted = session_attach(session);
    unsigned recoveries;
    enum server_state server_state = session_server_state(session, &recoveries);
    struct addr server;

    if (session_stopping(session))
        return false;
    if (recoveries != attachment->recoveries && attachment->failures == 0)
        attachment->next_try = 0; /* it is back */
    attachment->recoveries = recoveries;
    if (attachment->state == ATTACHMENT_DOWN && wanted && server_state == SERVER_PRESENT &&
        now >= attachment->next_try &&
        account_refusal(session->receiving->account) == ACCOUNT_WELCOME &&
        session_server(session, &server)) {
        attachment->state = ATTACHMENT_SIGNING_ON;
        link_open(&attachment->link, &server);
    } else if (attachment->state == ATTACHMENT_ATTACHED && !wanted) {
        attachment->state = ATTACHMENT_DETACHING;
        say(attachment, V2_VERB_DETACH, now);
    } else if (attachment->state == ATTACHMENT_ATTACHED && now >= attachment->next_ping) {
        say(attachment, V2_VERB_PING, now);
    } else {
        return false;
    }
    return true;
}

static void go_on(struct attachment *attachment, short revents, uint64_t now)
{
    struct v2_frame frame;

    attachment->stalled = false;
    while (attachment->state != ATTACHMENT_DOWN) {
        if (is_up(attachment) && session_full(attachment->session)) {
            attachment->stalled = true;
            /* It cannot wait: poll(2) would tell of it without end. What is lost comes again. */
            if (revents & (POLLERR | POLLHUP))
                failed(attachment, "the connection broke", 0, now);
            return;
        }
        enum link_event event = link_turn(&attachment->link, revents, now, &frame);
        revents = 0;
        switch (event) {
        case LINK_WAITING:
            return;
        case LINK_SIGNED_ON:
            signed_on(attachment, now);
            break;
        case LINK_FRAME:
            take_frame(attachment, &frame, now);
            break;
        case LINK_REFUSED: /* the user knows */
            down(attachment);
            break;
        case LINK_BROKEN:
            failed(attachment, attachment->link.reason, attachment->link.pause_us, now);
            break;
        }
    }
}

struct pollfd attachment_pollfd(const struct attachment *attachment)
{
    struct pollfd fd = link_pollfd(&attachment->link);

    if (attachment->stalled)
        fd.events &= (short)~POLLIN;
    return fd;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t attachment_due(const struct attachment *attachment)
{
    struct session *session = attachment->session;
    uint64_t due;

    if (attachment->state == ATTACHMENT_DOWN) {
        bool waits = session_attach(session) &&
                     account_refusal(session->receiving->account) == ACCOUNT_WELCOME &&
                     session_server_state(session, NULL) == SERVER_PRESENT;
        return waits ? attachment->next_try : UINT64_MAX;
    }
    due = link_due(&attachment->link);
    if (!attachment->stalled) /* else the answer may be among what is not read */
        due = earlier(due, attachment->deadline);
    return attachment->state == ATTACHMENT_ATTACHED ? earlier(due, attachment->next_ping) : due;
}

void attachment_turn(struct attachment *attachment, short revents, uint64_t now)
{
    go_on(attachment, revents, now);
    if (plan(attachment, now)) /* also upon what has just come */
        go_on(attachment, 0, now);
    if (attachment->state != ATTACHMENT_DOWN && !attachment->stalled && now >= attachment->deadline)
        failed(attachment, "the server does not answer", 0, now);
}

void attachment_acknowledge(struct attachment *attachment, const struct v2_frame *ack)
{
    uint64_t now = clock_monotonic_us();

    if (!is_up(attachment) || attachment->state == ATTACHMENT_LEAVING)
        return;
    if (link_write(&attachment->link, ack) < 0)
        failed(attachment, "nothing can be sent", 0, now);
    else
        attachment->next_ping = now + PING_US;
}

void attachment_finish(struct attachment *attachment)
{
    if (is_up(attachment) && attachment->state != ATTACHMENT_LEAVING)
        leave(attachment, clock_monotonic_us());
    else if (attachment->state == ATTACHMENT_SIGNING_ON)
        down(attachment);
}

bool attachment_open(const struct attachment *attachment)
{
    return attachment->state != ATTACHMENT_DOWN;
}
