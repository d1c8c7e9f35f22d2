/* A connection that is signed on: see link.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/link.h"

#include "client/server.h"
#include "util/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_US (10 * USEC_PER_SEC) /* TCP and TLS */
#define SIGN_ON_TIMEOUT_US (30 * USEC_PER_SEC) /* the server may have many passwords to check */

/* What link_turn() does is a step after the other; a step without an event leads to the next. */
#define LINK_ON ((enum link_event)(-1))

int link_init(struct link *link, struct account *account)
{
    *link = (struct link){.account = account};
    channel_init(&link->channel);
    list_init(&link->waiter.link);
    link->waiter.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return link->waiter.fd < 0 ? -errno : 0;
}

void link_deinit(struct link *link)
{
    link_close(link);
    if (link->waiter.fd >= 0)
        close(link->waiter.fd);
    link->waiter.fd = -1;
}

static void move(struct link *link, enum link_state state, uint64_t deadline)
{
    if (link->state == LINK_GREETING)
        account_released(link->account);
    link->state = state;
    link->deadline = deadline;
}

void link_close(struct link *link)
{
    if (link->state == LINK_CLOSED)
        return;
    move(link, LINK_CLOSED, UINT64_MAX);
    account_leave(link->account, &link->waiter);
    channel_close(&link->channel);
    explicit_bzero(&link->session, sizeof(link->session));
}

void link_open(struct link *link, const struct addr *server)
{
    assert(link->state == LINK_CLOSED);
    link->server = *server;
    link->time_told = false;
    move(link, LINK_ASKING, 0);
}

struct pollfd link_pollfd(const struct link *link)
{
    struct pollfd none = {.fd = -1};

    if (link->state == LINK_CLOSED)
        return none;
    if (link->state == LINK_ASKING || link->state == LINK_HELD)
        return (struct pollfd){.fd = link->waiter.fd, .events = POLLIN};
    return channel_pollfd(&link->channel);
}

uint64_t link_due(const struct link *link)
{
    return link->state == LINK_CLOSED ? UINT64_MAX : link->deadline;
}

/* -- ends ------------------------------------------------------------------------------------- */

static enum link_event broken(struct link *link, const char *reason)
{
    link->code[0] = '\0';
    link->pause_us = 0;
    snprintf(link->reason, sizeof(link->reason), "%s", reason);
    link_close(link);
    return LINK_BROKEN;
}

static enum link_event broken_errno(struct link *link, int error)
{
    char text[128];

    return broken(link, strerror_r(error, text, sizeof(text)));
}

static enum link_event refused(struct link *link)
{
    link_close(link);
    return LINK_REFUSED;
}

/* -- up to the sign-on --------------------------------------------------------------------------
 */

/* Asks the account; connects if that is of use. */
static enum link_event ask(struct link *link, uint64_t now)
{
    const struct trust *trust = account_trust(link->account);
    int fd, r;

    switch (account_way(link->account, &link->waiter, false, NULL, NULL)) {
    case ACCOUNT_REFUSED:
        return refused(link);
    case ACCOUNT_WAIT_PASSWORD:
    case ACCOUNT_WAIT_WELCOME:
        link->deadline = UINT64_MAX;
        return LINK_WAITING;
    default:
        break;
    }
    fd = server_connect(&link->server);
    if (fd < 0)
        return broken_errno(link, -fd);
    r = channel_open(&link->channel, fd, trust_context(trust), trust_host(trust));
    if (r < 0) {
        close(fd);
        return broken_errno(link, -r);
    }
    move(link, LINK_CONNECTING, now + CONNECT_TIMEOUT_US);
    return LINK_WAITING;
}

/* Builds the frame and queues it. */
static int write_frame(struct link *link, const struct v2_frame *frame, size_t text_len)
{
    size_t size = v2_frame_max(text_len);
    char *bytes = malloc(size);
    long len;
    int r;

    if (!bytes)
        return -ENOMEM;
    len = v2_build(frame, bytes, size);
    r = len < 0 ? (int)len : channel_write(&link->channel, (struct bytes){bytes, (size_t)len});
    explicit_bzero(bytes, size); /* a hello has the password in it */
    free(bytes);
    return r;
}

static enum link_event say(struct link *link, const struct v2_frame *frame, enum link_state state,
                           uint64_t now)
{
    int r = write_frame(link, frame, 0);

    move(link, state, now + SIGN_ON_TIMEOUT_US);
    return r < 0 ? broken_errno(link, -r) : LINK_ON;
}

static enum link_event say_resume(struct link *link, uint64_t now)
{
    struct v2_frame frame = {
        .verb = V2_VERB_RESUME,
        .session = bytes_of(link->session.name),
        .time_ms = account_now_ms(link->account),
    };

    v2_mac_resume(link->session.key, frame.session, frame.time_ms, frame.mac);
    return say(link, &frame, LINK_RESUMING, now);
}

static enum link_event say_hello(struct link *link, const char *password, uint64_t now)
{
    const struct v2_frame frame = {
        .verb = V2_VERB_HELLO,
        .userid = bytes_of(account_settings(link->account)->user),
        .password = bytes_of(password),
        .device = bytes_of(account_device(link->account)),
    };

    return say(link, &frame, LINK_GREETING, now);
}

/* Connected to whom it has to be: signs on. */
static enum link_event sign_on(struct link *link, uint64_t now)
{
    char password[V2_PASSWORD_MAX + 1] = "";
    enum link_event event = LINK_WAITING;

    switch (account_way(link->account, &link->waiter, true, &link->session, password)) {
    case ACCOUNT_REFUSED:
        return refused(link);
    case ACCOUNT_RESUME:
        return say_resume(link, now);
    case ACCOUNT_HELLO:
        event = say_hello(link, password, now);
        explicit_bzero(password, sizeof(password));
        break;
    case ACCOUNT_WAIT_PASSWORD: /* longer than the server would wait */
        channel_close(&link->channel);
        move(link, LINK_ASKING, UINT64_MAX);
        break;
    case ACCOUNT_WAIT_WELCOME:
        if (link->state != LINK_HELD)
            move(link, LINK_HELD, now + SIGN_ON_TIMEOUT_US);
        break;
    }
    return event;
}

/* -- answers to it ------------------------------------------------------------------------------
 */

/* The milliseconds that the reason of an err:limited or err:time begins with, 0 for none. */
static uint64_t reason_ms(struct bytes reason)
{
    uint64_t number = 0;

    for (size_t i = 0; i < reason.len && i < 18; i++) {
        if (reason.data[i] < '0' || reason.data[i] > '9')
            break;
        number = number * 10 + (uint64_t)(reason.data[i] - '0');
    }
    return number;
}

bool link_is_refused(struct bytes code)
{
    switch (proto_error_from_code(code)) {
    case PROTO_ERROR_DENIED:
    case PROTO_ERROR_FORBIDDEN:
    case PROTO_ERROR_TLS_REQUIRED:
    case PROTO_ERROR_UNKNOWN_SESSION:
    case PROTO_ERROR_NOT_SIGNED_ON:
        return true;
    default:
        return false;
    }
}

uint64_t link_reason_pause(struct bytes reason)
{
    uint64_t ms = reason_ms(reason);

    return ms < LINK_PAUSE_MAX_US / USEC_PER_MSEC ? ms * USEC_PER_MSEC : LINK_PAUSE_MAX_US;
}

static enum link_event session_unknown(struct link *link, const struct v2_frame *frame,
                                       uint64_t now)
{
    account_drop(link->account, link->session.generation);
    return sign_on(link, now);
}

static enum link_event time_refused(struct link *link, const struct v2_frame *frame, uint64_t now)
{
    if (link->time_told)
        return broken(link, "it refuses the time it has told");
    link->time_told = true;
    account_set_time(link->account, reason_ms(frame->text));
    return sign_on(link, now);
}

/* Another time may be better. */
static enum link_event put_off(struct link *link, const struct v2_frame *frame, uint64_t now)
{
    char reason[sizeof(link->reason)];
    uint64_t pause_us = 0;

    snprintf(reason, sizeof(reason), "%.*s", BYTES_ARG(frame->text));
    if (proto_error_from_code(frame->code) == PROTO_ERROR_LIMITED)
        pause_us = link_reason_pause(frame->text);
    snprintf(link->code, sizeof(link->code), "%.*s", BYTES_ARG(frame->code));
    memcpy(link->reason, reason, sizeof(reason));
    link->pause_us = pause_us;
    link_close(link);
    return LINK_BROKEN;
}

/* No other try would do better. */
static enum link_event turned_away(struct link *link, const struct v2_frame *frame, uint64_t now)
{
    int error = proto_error_from_code(frame->code);
    const char *as = "", *user = "", *hint = "";
    char text[768];

    if (error == PROTO_ERROR_DENIED) { /* it may be the login name, which nobody has thought of */
        as = " as ";
        user = account_settings(link->account)->user;
    }
    if (error == PROTO_ERROR_TLS_REQUIRED)
        hint = "; do without --no-tls";
    snprintf(text, sizeof(text), "refused%s%s: %.*s (%.*s)%s", as, user, BYTES_ARG(frame->text),
             BYTES_ARG(frame->code), hint);
    account_refuse(link->account, ACCOUNT_DENIED, text);
    return refused(link);
}

/* What each refusal of a sign-on leads to; what is not here turns away. */
static enum link_event judge_refusal(struct link *link, const struct v2_frame *frame, uint64_t now)
{
    static enum link_event (*const steps[PROTO_ERROR_COUNT])(struct link *, const struct v2_frame *,
                                                             uint64_t) = {
        [PROTO_ERROR_UNKNOWN_SESSION] = session_unknown,
        [PROTO_ERROR_TIME] = time_refused,
        [PROTO_ERROR_LIMITED] = put_off,
        [PROTO_ERROR_BUSY] = put_off,
        [PROTO_ERROR_UNAVAILABLE] = put_off,
        [PROTO_ERROR_UNCERTAIN] = put_off,
        [PROTO_ERROR_TIMEOUT] = put_off,
        [PROTO_ERROR_INTERNAL] = put_off,
    };
    int error = proto_error_from_code(frame->code);

    if (error >= 0 && steps[error])
        return steps[error](link, frame, now);
    return turned_away(link, frame, now);
}

static enum link_event answered(struct link *link, const struct v2_frame *frame, uint64_t now)
{
    if (frame->verb == V2_VERB_ERR)
        return judge_refusal(link, frame, now);
    if (frame->verb != V2_VERB_WELCOME)
        return broken(link, "it answers with something else than a welcome");
    account_welcome(link->account, frame, link->channel.tls != NULL);
    (void)account_session(link->account, &link->session);
    move(link, LINK_UP, UINT64_MAX);
    return LINK_SIGNED_ON;
}

/* -- the channel --------------------------------------------------------------------------------
 */

/* The handshake itself has refused whom it met. */
static enum link_event distrusted(struct link *link, const char *reason)
{
    const struct settings *settings = account_settings(link->account);
    char text[640];

    snprintf(text, sizeof(text), "the server %s is not trusted: %s", settings->server, reason);
    account_refuse(link->account, ACCOUNT_UNTRUSTED, text);
    return refused(link);
}

/* Connected: to whom? */
static enum link_event opened(struct link *link, uint64_t now)
{
    char *text = NULL;
    enum trust_verdict verdict =
        trust_judge(account_trust(link->account), link->channel.tls, true, &text);

    if (verdict == TRUST_REFUSED)
        account_refuse(link->account, ACCOUNT_UNTRUSTED,
                       text ? text : "the server showed no certificate");
    else if (text)
        account_tell(link->account, text);
    free(text);
    return verdict == TRUST_REFUSED ? refused(link) : sign_on(link, now);
}

static enum link_event take_frame(struct link *link, struct bytes bytes, uint64_t now,
                                  struct v2_frame *ret)
{
    struct v2_frame frame;

    if (link->state == LINK_UP && v2_parse_verb(bytes) < 0)
        return LINK_ON; /* of a server to come */
    if (v2_parse(bytes, &frame, NULL) < 0)
        return broken(link, "it says something else than multichat's protocol");
    if (link->state == LINK_RESUMING || link->state == LINK_GREETING)
        return answered(link, &frame, now);
    account_heed_dismissal(link->account, &frame);
    *ret = frame;
    return LINK_FRAME;
}

static enum link_event turn_channel(struct link *link, short revents, uint64_t now,
                                    struct v2_frame *ret)
{
    char reason[sizeof(link->channel.reason)];
    struct bytes frame;

    switch (channel_turn(&link->channel, revents, &frame)) {
    case CHANNEL_OPEN:
        return opened(link, now);
    case CHANNEL_FRAME:
        return take_frame(link, frame, now, ret);
    case CHANNEL_CLOSED:
        return broken(link, "it closed the connection");
    case CHANNEL_BROKEN:
        memcpy(reason, link->channel.reason, sizeof(reason));
        return link->channel.distrusted ? distrusted(link, reason) : broken(link, reason);
    case CHANNEL_WAITING:
        break;
    }
    return now >= link->deadline ? broken_errno(link, ETIMEDOUT) : LINK_WAITING;
}

enum link_event link_turn(struct link *link, short revents, uint64_t now, struct v2_frame *ret)
{
    enum link_event event = LINK_ON;
    uint64_t count;

    while (event == LINK_ON) {
        switch (link->state) {
        case LINK_CLOSED:
            return LINK_WAITING;
        case LINK_ASKING:
            (void)!read(link->waiter.fd, &count, sizeof(count));
            event = ask(link, now);
            break;
        case LINK_HELD:
            (void)!read(link->waiter.fd, &count, sizeof(count));
            event = now >= link->deadline ? broken_errno(link, ETIMEDOUT) : sign_on(link, now);
            break;
        default:
            event = turn_channel(link, revents, now, ret);
        }
        revents = 0;
    }
    return event;
}

int link_write(struct link *link, const struct v2_frame *frame)
{
    assert(link->state == LINK_UP);
    return write_frame(link, frame, frame->text.len);
}
