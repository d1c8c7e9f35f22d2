/* Requests and their answers: see exchange.h.
 *
 * Answers come in the order of their requests, so it is always the first of those asked that a
 * frame belongs to; only an `acked` comes whenever it is true.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/exchange.h"

#include "client/link.h"
#include "proto/frame.h"
#include "util/buffer.h"
#include "util/list.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_TIMEOUT_US (30 * USEC_PER_SEC)
#define PAUSE_MIN_US      (USEC_PER_SEC / 4)
#define PAUSE_MAX_US      (10 * USEC_PER_SEC)
#define PING_US           (20 * USEC_PER_SEC) /* while only acks are waited for */

/* What a request is answered with. */
struct kind {
    bool known;
    bool is_list;         /* rows, and an end */
    enum v2_verb row;     /* of a list */
    enum v2_verb answer;  /* the last frame */
    bool done_if_outside; /* said again, "not-member" means that it was done the first time */
};

#define LIST_OF(symbol)                                                                            \
    {                                                                                              \
        .known = true, .is_list = true, .row = V2_VERB_##symbol, .answer = V2_VERB_END             \
    }

static const struct kind kinds[V2_VERB_COUNT] = {
    [V2_VERB_JOIN] = {.known = true, .answer = V2_VERB_ROOM},
    [V2_VERB_LOOK] = {.known = true, .answer = V2_VERB_ROOM},
    [V2_VERB_PART] = {.known = true, .answer = V2_VERB_DONE, .done_if_outside = true},
    [V2_VERB_TOPIC] = {.known = true, .answer = V2_VERB_DONE},
    [V2_VERB_ACCESS] = {.known = true, .answer = V2_VERB_DONE},
    [V2_VERB_REMOVE] = {.known = true, .answer = V2_VERB_DONE, .done_if_outside = true},
    [V2_VERB_INVITE] = {.known = true, .answer = V2_VERB_DONE},
    [V2_VERB_NICK] = {.known = true, .answer = V2_VERB_NAMED},
    [V2_VERB_AWAIT] = {.known = true, .answer = V2_VERB_ACKED},
    [V2_VERB_ROOMS] = LIST_OF(ROOM),
    [V2_VERB_WHO] = LIST_OF(MEMBER),
    [V2_VERB_HISTORY] = LIST_OF(PAST),
    [V2_VERB_UNREAD] = LIST_OF(WAITING),
};

struct call {
    struct list link; /* on one of the exchange's lists */
    long number;
    exchange_fn callback; /* NULL: it was cancelled, or is over; its answer is still to come */
    void *userdata;
    uint64_t rows_wanted;
    uint64_t timeout_us;
    uint64_t deadline; /* monotonic, µs; of the page it is at */
    uint64_t rows;     /* told */
    bool again;        /* it was said before, and the answer lost */
    int error;         /* why its page cannot be kept: -ENOBUFS, it is too long; -ENOMEM; or 0 */
    struct buffer page;
    size_t page_rows;
    char place[V2_PLACE_MAX + 1]; /* where its next page is, if it is not the first */
    struct v2_frame request;      /* its parts are in `bytes` */
    char bytes[];
};

struct exchange {
    struct list queued;   /* to be said */
    struct list asked;    /* said; the first is answered next */
    struct list awaiting; /* awaits that were accepted */
    size_t count;         /* of all that somebody waits for */
    long last_number;
    uint64_t paused_until; /* nothing is said before */
    uint64_t pause;        /* the last one, 0 after an answer */
    uint64_t answer_by;    /* of the first that was asked */
    uint64_t ping_at;      /* while something is awaited */
    uint64_t pong_by;      /* 0: none is owed */
    char code[32];         /* the last trouble */
    char reason[V2_REASON_MAX + 1];
};

int exchange_new(struct exchange **ret)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));

    if (!exchange)
        return -ENOMEM;
    list_init(&exchange->queued);
    list_init(&exchange->asked);
    list_init(&exchange->awaiting);
    *ret = exchange;
    return 0;
}

static void call_free(struct call *call)
{
    list_remove(&call->link);
    buffer_deinit(&call->page);
    free(call);
}

static void free_all(struct list *list)
{
    LIST_FOREACH_SAFE (link, list)
        call_free(LIST_ENTRY(link, struct call, link));
}

void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    free_all(&exchange->queued);
    free_all(&exchange->asked);
    free_all(&exchange->awaiting);
    free(exchange);
}

static struct call *first_of(const struct list *list)
{
    return list_empty(list) ? NULL : LIST_FIRST(list, struct call, link);
}

/* -- queueing and cancelling --------------------------------------------------------------------
 */

/* A call with the request's own copy in it. 0 or -errno. */
static int make_call(const struct v2_frame *request, struct call **ret)
{
    size_t size = v2_frame_max(0);
    struct call *call = calloc(1, sizeof(*call) + size);
    long len;

    if (!call)
        return -ENOMEM;
    len = v2_build(request, call->bytes, size);
    if (len < 0 ||
        v2_parse((struct bytes){call->bytes, (size_t)len - 1}, &call->request, NULL) < 0) {
        free(call);
        return -EINVAL;
    }
    list_init(&call->link);
    buffer_init(&call->page, EXCHANGE_PAGE_MAX);
    *ret = call;
    return 0;
}

static uint64_t deadline_after(uint64_t timeout_us)
{
    return timeout_us == UINT64_MAX ? UINT64_MAX : clock_monotonic_us() + timeout_us;
}

long exchange_call(struct exchange *exchange, const struct v2_frame *request,
                   const struct exchange_options *options, exchange_fn callback, void *userdata)
{
    const struct exchange_options plain = {0};
    struct call *call;
    int r;

    assert(callback);
    if (request->verb >= V2_VERB_COUNT || !kinds[request->verb].known)
        return -EINVAL;
    if (exchange->count >= EXCHANGE_CALLS_MAX)
        return -ENOBUFS;
    r = make_call(request, &call);
    if (r < 0)
        return r;
    if (!options)
        options = &plain;
    call->number = ++exchange->last_number;
    call->callback = callback;
    call->userdata = userdata;
    call->rows_wanted = options->rows;
    call->timeout_us = options->timeout_us ? options->timeout_us : EXCHANGE_TIMEOUT_US;
    call->deadline = deadline_after(call->timeout_us);
    list_append(&exchange->queued, &call->link);
    exchange->count++;
    return call->number;
}

/* Nobody waits for it any more. It stays where its answer is still to come. */
static void let_go(struct exchange *exchange, struct call *call)
{
    bool asked = false;

    LIST_FOREACH (link, &exchange->asked)
        asked = asked || link == &call->link;
    if (call->callback)
        exchange->count--;
    call->callback = NULL;
    if (!asked)
        call_free(call);
}

static struct call *find_number(struct list *list, long number)
{
    LIST_FOREACH (link, list) {
        struct call *call = LIST_ENTRY(link, struct call, link);
        if (call->number == number && call->callback)
            return call;
    }
    return NULL;
}

void exchange_cancel(struct exchange *exchange, long number)
{
    struct call *call = find_number(&exchange->queued, number);

    if (!call)
        call = find_number(&exchange->asked, number);
    if (!call)
        call = find_number(&exchange->awaiting, number);
    if (call)
        let_go(exchange, call);
}

size_t exchange_count(const struct exchange *exchange)
{
    return exchange->count;
}

/* -- telling ------------------------------------------------------------------------------------
 */

static void tell(struct call *call, struct exchange_report *report)
{
    report->request = &call->request;
    report->rows = call->rows;
    if (!report->code)
        report->code = "";
    if (!report->reason)
        report->reason = "";
    if (report->event != EXCHANGE_REFUSED)
        report->error = -1;
    if (call->callback)
        call->callback(call->userdata, report);
}

/* The last word on a call, which has been answered or is not asked. */
static void end_call(struct exchange *exchange, struct call *call, struct exchange_report *report)
{
    if (call->callback)
        exchange->count--;
    list_remove(&call->link);
    tell(call, report);
    call_free(call);
}

/* The last word on a call whose answer may still come. */
static void fail_call(struct exchange *exchange, struct call *call, bool shut_out)
{
    struct exchange_report report = {.event = EXCHANGE_FAILED,
                                     .code = exchange->code,
                                     .reason = exchange->reason,
                                     .shut_out = shut_out};
    exchange_fn callback = call->callback;

    if (!exchange->reason[0])
        report.reason = "no answer came in time";
    call->callback = NULL; /* so that it cannot be cancelled meanwhile */
    exchange->count--;
    report.request = &call->request;
    report.rows = call->rows;
    report.error = -1;
    callback(call->userdata, &report);
    let_go(exchange, call);
}

/* -- pages --------------------------------------------------------------------------------------
 */

static void forget_page(struct call *call)
{
    buffer_deinit(&call->page);
    call->page_rows = 0;
    call->error = 0;
}

/* Keeps a row until the page's end. */
static void keep_row(struct call *call, const struct v2_frame *row)
{
    size_t size = v2_frame_max(row->frame.len);
    char *space;
    long room, len;

    if (!call->callback || call->error < 0)
        return;
    room = buffer_reserve(&call->page, size, &space);
    len = room < 0 ? room : v2_build(row, space, (size_t)room);
    if (len < 0) {
        call->error = (int)len;
        return;
    }
    buffer_commit(&call->page, (size_t)len);
    call->page_rows++;
}

static void tell_row(struct call *call, struct bytes bytes)
{
    struct exchange_report report = {.event = EXCHANGE_ROW};
    struct v2_frame row, past;

    if (v2_parse(bytes, &row, NULL) < 0)
        return; /* it was built from a frame: cannot be */
    report.row = &row;
    if (row.verb == V2_VERB_PAST) {
        if (v2_parse(row.frame, &past, NULL) < 0)
            return; /* of a server to come */
        report.past = &past;
    }
    call->rows++;
    tell(call, &report);
}

static void tell_page(struct call *call)
{
    while (call->callback && buffer_len(&call->page) > 0) {
        struct bytes rest = buffer_peek(&call->page);
        const char *end = memchr(rest.data, FRAME_END, rest.len);
        size_t len = (size_t)(end - rest.data);
        tell_row(call, (struct bytes){rest.data, len});
        buffer_consume(&call->page, len + 1);
    }
    forget_page(call);
}

/* True if another page is to be asked for. */
static bool wants_more(const struct call *call, const struct v2_frame *end)
{
    return call->callback && end->place.len > 0 && call->rows < call->rows_wanted;
}

/* Its next page is asked for when it is its turn again. */
static void turn_page(struct exchange *exchange, struct call *call, const struct v2_frame *end)
{
    struct exchange_report report = {.event = EXCHANGE_PAGE, .answer = NULL, .next = end->place};

    snprintf(call->place, sizeof(call->place), "%.*s", BYTES_ARG(end->place));
    call->request.place = bytes_of(call->place);
    call->again = false;
    call->deadline = deadline_after(call->timeout_us);
    tell(call, &report);
    if (call->callback) {
        list_remove(&call->link);
        list_append(exchange->queued.next, &call->link); /* before the first */
    } else {
        call_free(call);
    }
}

static void end_page(struct exchange *exchange, struct call *call, const struct v2_frame *end)
{
    struct exchange_report report = {.event = EXCHANGE_DONE, .answer = end, .next = end->place};

    if (call->error < 0) {
        report = (struct exchange_report){.event = EXCHANGE_FAILED,
                                          .reason = call->error == -ENOMEM
                                                        ? "out of memory"
                                                        : "the answer is longer than it may be"};
    } else {
        tell_page(call);
        if (wants_more(call, end)) {
            turn_page(exchange, call, end);
            return;
        }
    }
    end_call(exchange, call, &report);
}

/* -- answers ------------------------------------------------------------------------------------
 */

static void note_trouble(struct exchange *exchange, struct bytes code, struct bytes reason)
{
    snprintf(exchange->code, sizeof(exchange->code), "%.*s", BYTES_ARG(code));
    snprintf(exchange->reason, sizeof(exchange->reason), "%.*s", BYTES_ARG(reason));
}

/* Nothing is said for a while, and the call is the next then. */
static void ask_again(struct exchange *exchange, struct call *call, uint64_t pause, uint64_t now)
{
    forget_page(call);
    list_remove(&call->link);
    list_append(exchange->queued.next, &call->link);
    if (now + pause > exchange->paused_until)
        exchange->paused_until = now + pause;
}

/* What is put off: how long, or 0 if asking again is of no use. */
static uint64_t pause_for(struct exchange *exchange, const struct v2_frame *err)
{
    switch (proto_error_from_code(err->code)) {
    case PROTO_ERROR_LIMITED:
        exchange->pause = link_reason_pause(err->text);
        break;
    case PROTO_ERROR_BUSY:
    case PROTO_ERROR_UNAVAILABLE:
    case PROTO_ERROR_UNCERTAIN:
    case PROTO_ERROR_TIMEOUT:
    case PROTO_ERROR_INTERNAL:
        exchange->pause *= 2;
        break;
    default:
        return 0;
    }
    if (exchange->pause < PAUSE_MIN_US)
        exchange->pause = PAUSE_MIN_US;
    if (exchange->pause > PAUSE_MAX_US && proto_error_from_code(err->code) != PROTO_ERROR_LIMITED)
        exchange->pause = PAUSE_MAX_US;
    return exchange->pause;
}

static void refused(struct exchange *exchange, struct call *call, const struct v2_frame *err,
                    uint64_t now)
{
    struct exchange_report report = {.event = EXCHANGE_REFUSED,
                                     .error = proto_error_from_code(err->code),
                                     .code = exchange->code,
                                     .reason = exchange->reason};
    uint64_t pause = pause_for(exchange, err);

    note_trouble(exchange, err->code, err->text);
    if (!call->callback) {
        end_call(exchange, call, &report);
    } else if (pause > 0 && call->deadline - now > pause) {
        ask_again(exchange, call, pause, now);
    } else if (call->again && kinds[call->request.verb].done_if_outside &&
               report.error == PROTO_ERROR_NOT_MEMBER) {
        const struct v2_frame done = {.verb = V2_VERB_DONE, .key = err->key};
        report = (struct exchange_report){.event = EXCHANGE_DONE, .answer = &done};
        end_call(exchange, call, &report);
    } else {
        end_call(exchange, call, &report);
    }
}

static void answered(struct exchange *exchange, struct call *call, const struct v2_frame *frame)
{
    struct exchange_report report = {.event = EXCHANGE_DONE, .answer = frame};

    exchange->pause = 0;
    exchange->reason[0] = exchange->code[0] = '\0';
    if (kinds[call->request.verb].is_list)
        end_page(exchange, call, frame);
    else
        end_call(exchange, call, &report);
}

static bool is_about(const struct call *call, const struct v2_frame *frame)
{
    return call->request.conversation.id == frame->conversation.id &&
           call->request.seq == frame->seq;
}

/* Comes for an await that was accepted or, instead of that, for the one just asked; or for one
 * that nobody waits for any more. */
static void acked(struct exchange *exchange, const struct v2_frame *frame)
{
    struct call *call = first_of(&exchange->asked);

    if (call && call->request.verb == V2_VERB_AWAIT && is_about(call, frame)) {
        answered(exchange, call, frame);
        return;
    }
    LIST_FOREACH (link, &exchange->awaiting) {
        call = LIST_ENTRY(link, struct call, link);
        if (is_about(call, frame)) {
            answered(exchange, call, frame);
            return;
        }
    }
}

/* True if it is what the first of those asked waits for. */
static bool take_answer(struct exchange *exchange, struct call *call, const struct v2_frame *frame,
                        uint64_t now)
{
    const struct kind *kind = &kinds[call->request.verb];
    bool has_verb =
        frame->verb == V2_VERB_ERR || frame->verb == V2_VERB_DONE || frame->verb == V2_VERB_END;

    if (has_verb && !bytes_is(frame->key, v2_verb_name(call->request.verb)))
        return false;
    if (frame->verb == V2_VERB_ERR) {
        if (link_is_refused(frame->code))
            return false;
        refused(exchange, call, frame, now);
    } else if (frame->verb == V2_VERB_AWAITING && call->request.verb == V2_VERB_AWAIT) {
        list_move(&exchange->awaiting, &call->link);
        exchange->ping_at = now + PING_US;
        if (!call->callback)
            call_free(call);
    } else if (kind->is_list && frame->verb == kind->row) {
        keep_row(call, frame);
    } else if (frame->verb == kind->answer) {
        answered(exchange, call, frame);
    } else {
        return false;
    }
    return true;
}

bool exchange_take(struct exchange *exchange, const struct v2_frame *frame, uint64_t now)
{
    struct call *call = first_of(&exchange->asked);

    if (frame->verb == V2_VERB_ACKED) {
        acked(exchange, frame);
    } else if (frame->verb == V2_VERB_PONG && exchange->pong_by > 0) {
        exchange->pong_by = 0;
    } else if (!call || !take_answer(exchange, call, frame, now)) {
        return false;
    }
    exchange->answer_by = now + ANSWER_TIMEOUT_US;
    return true;
}

/* -- turning ------------------------------------------------------------------------------------
 */

bool exchange_needs_link(const struct exchange *exchange)
{
    return exchange->count > 0 || !list_empty(&exchange->asked);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t first_deadline(const struct list *list)
{
    uint64_t due = UINT64_MAX;

    LIST_FOREACH (link, list) {
        const struct call *call = LIST_ENTRY(link, struct call, link);
        if (call->callback)
            due = earlier(due, call->deadline);
    }
    return due;
}

uint64_t exchange_due(const struct exchange *exchange)
{
    uint64_t due = earlier(first_deadline(&exchange->queued), first_deadline(&exchange->asked));

    due = earlier(due, first_deadline(&exchange->awaiting));
    if (!list_empty(&exchange->asked))
        due = earlier(due, exchange->answer_by);
    if (!list_empty(&exchange->awaiting))
        due = earlier(due, exchange->pong_by > 0 ? exchange->pong_by : exchange->ping_at);
    if (!list_empty(&exchange->queued) && exchange->paused_until > 0)
        due = earlier(due, exchange->paused_until);
    return due;
}

/* The first whose time is over, or NULL. */
static struct call *overdue(const struct list *list, uint64_t now)
{
    LIST_FOREACH (link, list) {
        struct call *call = LIST_ENTRY(link, struct call, link);
        if (call->callback && now >= call->deadline)
            return call;
    }
    return NULL;
}

static void time_out(struct exchange *exchange, struct list *list, uint64_t now)
{
    struct call *call;

    while ((call = overdue(list, now)))
        fail_call(exchange, call, false);
}

/* History asks for no more rows than are wanted. */
static struct v2_frame next_request(const struct call *call)
{
    struct v2_frame request = call->request;
    uint64_t left = call->rows_wanted - call->rows;

    if (request.verb == V2_VERB_HISTORY && call->rows_wanted > 0 && left < request.max)
        request.max = left;
    return request;
}

static size_t length_of(const struct list *list)
{
    size_t count = 0;

    LIST_FOREACH (link, list)
        count++;
    return count;
}

static void say_queued(struct exchange *exchange, struct link *link, uint64_t now)
{
    struct call *call;

    while (length_of(&exchange->asked) < EXCHANGE_WINDOW && (call = first_of(&exchange->queued))) {
        const struct v2_frame request = next_request(call);
        if (link_write(link, &request) < 0)
            return; /* it takes more when it has sent what waits */
        if (list_empty(&exchange->asked))
            exchange->answer_by = now + ANSWER_TIMEOUT_US;
        list_move(&exchange->asked, &call->link);
    }
}

/* A link over which nothing is said for long would be closed by the server, or be dead without
 * anybody knowing. */
static void ping(struct exchange *exchange, struct link *link, uint64_t now)
{
    const struct v2_frame frame = {.verb = V2_VERB_PING};

    if (list_empty(&exchange->awaiting) || exchange->pong_by > 0 || now < exchange->ping_at)
        return;
    exchange->ping_at = now + PING_US;
    if (link_write(link, &frame) == 0)
        exchange->pong_by = now + ANSWER_TIMEOUT_US;
}

int exchange_turn(struct exchange *exchange, struct link *link, uint64_t now)
{
    if (!link)
        exchange->pong_by = 0; /* the one that owed it is closed */
    time_out(exchange, &exchange->queued, now);
    time_out(exchange, &exchange->asked, now);
    time_out(exchange, &exchange->awaiting, now);
    if ((!list_empty(&exchange->asked) && now >= exchange->answer_by) ||
        (exchange->pong_by > 0 && now >= exchange->pong_by))
        return -ETIMEDOUT;
    if (now >= exchange->paused_until)
        exchange->paused_until = 0;
    if (link && exchange->paused_until == 0)
        say_queued(exchange, link, now);
    if (link)
        ping(exchange, link, now);
    return 0;
}

/* -- the end of a link --------------------------------------------------------------------------
 */

void exchange_unlinked(struct exchange *exchange, const char *code, const char *reason)
{
    struct list again;

    note_trouble(exchange, bytes_of(code), bytes_of(reason));
    list_init(&again);
    list_splice(&again, &exchange->asked);
    list_splice(&again, &exchange->awaiting);
    LIST_FOREACH_SAFE (link, &again) {
        struct call *call = LIST_ENTRY(link, struct call, link);
        forget_page(call);
        call->again = true;
        if (!call->callback)
            call_free(call);
    }
    list_splice(&again, &exchange->queued);
    list_splice(&exchange->queued, &again);
}

void exchange_shut_out(struct exchange *exchange)
{
    size_t left;

    exchange_unlinked(exchange, "", "not signed on");
    for (left = length_of(&exchange->queued); left > 0; left--) /* and none that come meanwhile */
        if (!list_empty(&exchange->queued))
            fail_call(exchange, first_of(&exchange->queued), true);
}
