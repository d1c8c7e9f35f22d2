/* Carrying the outbox to the server: see courier.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/courier.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define PAUSE_MIN_US      (USEC_PER_SEC / 4)
#define PAUSE_MAX_US      (30 * USEC_PER_SEC)
#define ANSWER_TIMEOUT_US (30 * USEC_PER_SEC)
#define IDLE_US           (10 * USEC_PER_SEC) /* people answer one another */

int courier_init(struct courier *courier, struct account *account, struct outbox *outbox,
                 courier_fn callback, void *userdata)
{
    *courier = (struct courier){
        .outbox = outbox,
        .callback = callback,
        .userdata = userdata,
        /* What an earlier run could not hand over goes alone, lest what is said now overtakes it
         * should it be put off once more. */
        .window = outbox && outbox_count(outbox) > 0 ? 1 : COURIER_WINDOW,
        .idle_at = UINT64_MAX,
    };
    return link_init(&courier->link, account);
}

void courier_deinit(struct courier *courier)
{
    link_deinit(&courier->link);
}

void courier_set_exchange(struct courier *courier, struct exchange *exchange)
{
    courier->exchange = exchange;
}

void courier_resume(struct courier *courier)
{
    courier->suspended = false;
    courier->retry_at = 0;
}

unsigned courier_pause_seconds(const struct courier_report *report)
{
    return (unsigned)((report->pause_us + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

bool courier_busy(const struct courier *courier)
{
    return courier->link.state != LINK_CLOSED;
}

struct pollfd courier_pollfd(const struct courier *courier)
{
    return link_pollfd(&courier->link);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static size_t messages(const struct courier *courier)
{
    return courier->outbox ? outbox_count(courier->outbox) : 0;
}

/* True if there are messages that are not on their way. */
static bool has_more(const struct courier *courier)
{
    return messages(courier) > courier->flight_count;
}

static bool has_calls(const struct courier *courier)
{
    return courier->exchange && exchange_needs_link(courier->exchange);
}

uint64_t courier_due(const struct courier *courier)
{
    uint64_t due = earlier(link_due(&courier->link), courier->idle_at);
    bool more = courier->flight_count < courier->window && has_more(courier);

    if (courier->flight_count > 0)
        due = earlier(due, courier->answer_by);
    if (courier->exchange)
        due = earlier(due, exchange_due(courier->exchange));
    if (courier->suspended)
        return has_calls(courier) ? 0 : due;
    if (courier_busy(courier))
        return more && courier->retry_at > 0 ? earlier(due, courier->retry_at) : due;
    return (more || has_calls(courier)) && !courier->lost ? earlier(due, courier->retry_at) : due;
}

/* -- what becomes of messages -------------------------------------------------------------------
 */

/* Nothing is sent for a while: twice as long as the last time, give or take a quarter, so that many
 * clients do not come back in step; at least `least`. */
static void put_off(struct courier *courier, uint64_t least, uint64_t now)
{
    uint32_t random = 0;
    uint64_t pause = courier->pause ? courier->pause * 2 : PAUSE_MIN_US;

    if (pause > PAUSE_MAX_US)
        pause = PAUSE_MAX_US;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = 0;
    courier->pause = pause;
    pause = pause * 3 / 4 + pause / 2 * (random % 1024) / 1024;
    courier->retry_at = now + (pause > least ? pause : least);
}

/* There is no link any more, and no answer to what was on its way: it is sent again. */
static void unlinked(struct courier *courier, const char *code, const char *reason)
{
    link_close(&courier->link);
    if (courier->exchange)
        exchange_unlinked(courier->exchange, code, reason);
    courier->flight_count = 0;
    courier->idle_at = UINT64_MAX;
}

/* The same, for a reason that concerns all that waits; a server that was tired of waiting for
 * nothing concerns nobody. */
static void tell_all(struct courier *courier, enum courier_event event, const char *code,
                     const char *reason, uint64_t pause_us)
{
    const struct courier_report report = {
        .event = event, .recipient = "", .code = code, .reason = reason, .pause_us = pause_us};

    if (messages(courier) > 0 || has_calls(courier))
        courier->callback(courier->userdata, &report);
}

static void unreachable(struct courier *courier, const char *reason, uint64_t now)
{
    unlinked(courier, "", reason);
    put_off(courier, 0, now);
    tell_all(courier, COURIER_UNREACHABLE, "", reason, 0);
}

static enum courier_event judge(struct bytes code)
{
    switch (proto_error_from_code(code)) {
    case PROTO_ERROR_LIMITED:
        return COURIER_LIMITED;
    case PROTO_ERROR_BUSY:
    case PROTO_ERROR_UNAVAILABLE:
    case PROTO_ERROR_UNCERTAIN:
    case PROTO_ERROR_TIMEOUT:
    case PROTO_ERROR_INTERNAL:
        return COURIER_POSTPONED;
    default: /* also what a newer server may say: trying again would not make it better */
        return COURIER_REFUSED;
    }
}

/* The link broke, or the server did not take it in. */
static void unlink_broken(struct courier *courier, uint64_t now)
{
    struct link *link = &courier->link;
    enum courier_event event = link->code[0] ? judge(bytes_of(link->code)) : COURIER_UNREACHABLE;

    unlinked(courier, link->code, link->reason);
    put_off(courier, link->pause_us, now);
    tell_all(courier, event, link->code, link->reason, link->pause_us);
}

static void shut_out(struct courier *courier)
{
    unlinked(courier, "", "");
    courier->suspended = true;
    tell_all(courier, COURIER_SHUT_OUT, "", "", 0);
    if (courier->exchange)
        exchange_shut_out(courier->exchange);
}

/* What is told of a message; those that are settled leave the outbox. */
static void settle(struct courier *courier, const struct courier_report *report)
{
    bool settled = report->event == COURIER_STORED || report->event == COURIER_REFUSED ||
                   report->event == COURIER_DAMAGED;

    courier->callback(courier->userdata, report);
    if (!settled)
        return;
    (void)outbox_remove(courier->outbox, report->entry); /* what comes back has its key */
    courier->pause = 0;
}

/* -- answers ------------------------------------------------------------------------------------
 */

/* The flight with that key, or NULL. */
static struct courier_flight *find_flight(struct courier *courier, struct bytes key)
{
    for (size_t i = 0; i < courier->flight_count; i++)
        if (bytes_is(key, courier->flights[i].entry->name))
            return &courier->flights[i];
    return NULL;
}

static void land(struct courier *courier, const struct courier_flight *flight, uint64_t now)
{
    size_t index = (size_t)(flight - courier->flights);

    courier->flight_count--;
    memmove(&courier->flights[index], &courier->flights[index + 1],
            (courier->flight_count - index) * sizeof(courier->flights[0]));
    courier->answer_by = now + ANSWER_TIMEOUT_US;
}

static void stored(struct courier *courier, struct courier_flight *flight,
                   const struct v2_frame *sent, uint64_t now)
{
    struct courier_flight done = *flight;
    const struct courier_report report = {.event = COURIER_STORED,
                                          .entry = done.entry,
                                          .recipient = done.recipient,
                                          .code = "",
                                          .reason = "",
                                          .conversation = sent->conversation,
                                          .seq = sent->seq,
                                          .time_ms = sent->time_ms};

    land(courier, flight, now);
    if (++courier->calm >= COURIER_WINDOW)
        courier->window = COURIER_WINDOW;
    settle(courier, &report);
}

/* Only one is on its way from now on, until all is well for a while: others behind one that is put
 * off would overtake it. */
static void narrow_down(struct courier *courier)
{
    courier->window = 1;
    courier->calm = 0;
}

static void refused(struct courier *courier, struct courier_flight *flight,
                    const struct v2_frame *frame, uint64_t now)
{
    struct courier_flight done = *flight;
    char code[32], reason[V2_REASON_MAX + 1];
    struct courier_report report = {.event = judge(frame->code),
                                    .entry = done.entry,
                                    .recipient = done.recipient,
                                    .code = code,
                                    .reason = reason};

    snprintf(code, sizeof(code), "%.*s", BYTES_ARG(frame->code));
    snprintf(reason, sizeof(reason), "%.*s", BYTES_ARG(frame->text));
    land(courier, flight, now);
    if (report.event == COURIER_LIMITED) {
        report.pause_us = link_reason_pause(frame->text);
        courier->retry_at = now + (report.pause_us > 0 ? report.pause_us : PAUSE_MIN_US);
        narrow_down(courier);
    } else if (report.event == COURIER_POSTPONED) {
        if (now >= courier->retry_at) /* of many that were on their way the first counts */
            put_off(courier, 0, now);
        narrow_down(courier);
    }
    settle(courier, &report);
}

/* Said of the connection, not of a message: it is of no more use. */
static void told_off(struct courier *courier, const struct v2_frame *frame, uint64_t now)
{
    char reason[V2_REASON_MAX + 40];
    int error = proto_error_from_code(frame->code);

    snprintf(reason, sizeof(reason), "%.*s (%.*s)", BYTES_ARG(frame->text), BYTES_ARG(frame->code));
    switch (error) {
    case PROTO_ERROR_UNKNOWN_SESSION:
    case PROTO_ERROR_NOT_SIGNED_ON:
        account_drop(courier->link.account, courier->link.session.generation);
        unlinked(courier, "", reason);
        put_off(courier, 0, now);
        break;
    case PROTO_ERROR_DENIED:
    case PROTO_ERROR_FORBIDDEN:
    case PROTO_ERROR_TLS_REQUIRED:
        account_refuse(courier->link.account, ACCOUNT_DENIED, reason);
        shut_out(courier);
        break;
    default:
        unreachable(courier, reason, now);
    }
}

static void take_answer(struct courier *courier, const struct v2_frame *frame, uint64_t now)
{
    bool err = frame->verb == V2_VERB_ERR;
    struct courier_flight *flight = NULL;

    if (courier->exchange && exchange_take(courier->exchange, frame, now)) {
        courier->pause = 0;
        return;
    }
    if (err || frame->verb == V2_VERB_SENT)
        flight = find_flight(courier, frame->key);
    /* A frame that is too long is not read as far as to tell whose it is. But answers come in the
     * order of their frames. */
    if (!flight && courier->flight_count > 0 && err &&
        proto_error_from_code(frame->code) == PROTO_ERROR_TOO_LONG)
        flight = &courier->flights[0];
    if (flight && err && !link_is_refused(frame->code))
        refused(courier, flight, frame, now);
    else if (err)
        told_off(courier, frame, now);
    else if (flight)
        stored(courier, flight, frame, now);
    else
        unreachable(courier, "it answers what was not asked", now);
}

static void follow_link(struct courier *courier, short revents, uint64_t now)
{
    enum link_event event;
    struct v2_frame frame;

    while ((event = link_turn(&courier->link, revents, now, &frame)) != LINK_WAITING) {
        revents = 0;
        switch (event) {
        case LINK_FRAME:
            take_answer(courier, &frame, now);
            break;
        case LINK_REFUSED:
            shut_out(courier);
            break;
        case LINK_BROKEN:
            unlink_broken(courier, now);
            break;
        default:
            break;
        }
    }
}

/* -- messages -----------------------------------------------------------------------------------
 */

static bool in_flight(const struct courier *courier, const struct outbox_entry *entry)
{
    for (size_t i = 0; i < courier->flight_count; i++)
        if (courier->flights[i].entry == entry)
            return true;
    return false;
}

static const struct outbox_entry *next_entry(const struct courier *courier)
{
    const struct outbox_entry *entry = courier->outbox ? outbox_first(courier->outbox) : NULL;

    while (entry && in_flight(courier, entry))
        entry = outbox_next(courier->outbox, entry);
    return entry;
}

static void unreadable(struct courier *courier, const struct outbox_entry *entry, int error,
                       uint64_t now)
{
    bool damaged = error == EBADMSG || error == ENOENT;
    char reason[128];
    const struct courier_report report = {
        .event = damaged ? COURIER_DAMAGED : COURIER_UNREADABLE,
        .entry = entry,
        .recipient = "",
        .code = "",
        .reason = strerror_r(error, reason, sizeof(reason)),
    };

    if (!damaged)
        put_off(courier, 0, now);
    settle(courier, &report);
}

/* Sends a message. 0; -ENOBUFS when the link takes no more now; another -errno concerns its file.
 */
static int send_entry(struct courier *courier, const struct outbox_entry *entry, uint64_t now)
{
    struct courier_flight *flight = &courier->flights[courier->flight_count];
    struct outbox_letter letter;
    int r = outbox_load(courier->outbox, entry, &letter);

    if (r < 0)
        return r;
    const struct v2_frame frame = {
        .verb = V2_VERB_SEND,
        .key = bytes_of(entry->name),
        .to = letter.recipient,
        .text = letter.text,
    };
    r = link_write(&courier->link, &frame);
    if (r == 0) {
        flight->entry = entry;
        snprintf(flight->recipient, sizeof(flight->recipient), "%.*s", BYTES_ARG(letter.recipient));
        if (courier->flight_count++ == 0)
            courier->answer_by = now + ANSWER_TIMEOUT_US;
    }
    outbox_letter_deinit(&letter);
    return r == -EINVAL ? -EBADMSG : r; /* what the protocol cannot say, nobody put in here */
}

static void send_more(struct courier *courier, uint64_t now)
{
    const struct outbox_entry *entry;
    int r = 0;

    if (now >= courier->retry_at)
        courier->retry_at = 0;
    while (r != -ENOBUFS && courier->retry_at == 0 && courier->flight_count < courier->window &&
           (entry = next_entry(courier))) {
        r = send_entry(courier, entry, now);
        if (r < 0 && r != -ENOBUFS)
            unreadable(courier, entry, -r, now);
    }
}

/* Opens the link when there is something to send, and closes it when there was nothing for long. */
static void tend_link(struct courier *courier, const struct addr *server, uint64_t now)
{
    bool idle = messages(courier) == 0 && !has_calls(courier);

    if (!courier_busy(courier)) {
        if (server && !idle && !courier->suspended && now >= courier->retry_at)
            link_open(&courier->link, server);
        return;
    }
    if (!idle)
        courier->idle_at = UINT64_MAX;
    else if (courier->idle_at == UINT64_MAX)
        courier->idle_at = now + IDLE_US;
    else if (now >= courier->idle_at) {
        courier->idle_at = UINT64_MAX;
        link_close(&courier->link);
    }
}

/* Calls have their time also while there is no link. */
static void turn_exchange(struct courier *courier, uint64_t now)
{
    struct link *link = courier->link.state == LINK_UP ? &courier->link : NULL;

    if (courier->exchange && exchange_turn(courier->exchange, link, now) < 0)
        unreachable(courier, "it gives no answer", now);
}

void courier_turn(struct courier *courier, const struct addr *server, short revents, uint64_t now)
{
    courier->lost = !server;
    follow_link(courier, revents, now);
    if (courier->flight_count > 0 && now >= courier->answer_by)
        unreachable(courier, "it gives no answer", now);
    if (courier->suspended && courier->exchange)
        exchange_shut_out(courier->exchange);
    tend_link(courier, server, now);
    follow_link(courier, 0, now);
    turn_exchange(courier, now);
    if (courier->link.state == LINK_UP)
        send_more(courier, now);
}
