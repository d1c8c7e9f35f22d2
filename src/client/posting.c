/* What the user sends: see posting.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/posting.h"

#include "client/client.h"
#include "client/doing.h"
#include "client/letter.h"
#include "util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PASTED_AT_ONCE 32 /* lines in a turn of the loop */

/* -- into the outbox -------------------------------------------------------------------------- */

/* Where a message to a window goes; `userid` makes it a whisper. */
static void format_recipient(const struct window *window, struct bytes userid,
                             char ret[V2_RECIPIENT_MAX + 1])
{
    snprintf(ret, V2_RECIPIENT_MAX + 1, userid.len > 0 ? "%s/%.*s" : "%s", window->name,
             BYTES_ARG(userid));
}

/* Perhaps things are in order by now. */
static void knock_again(struct input *input)
{
    if (input->shut_out) {
        account_try_again(input->account);
        courier_resume(&input->courier);
        session_wake(input->session, SESSION_RECEIVER);
    }
    input->shut_out = false;
}

/* A message as it will come back in the history. */
static void show_own(struct input *input, struct window *window, struct bytes userid,
                     struct bytes text, const struct outbox_entry *entry)
{
    const char *user = input->invocation->settings.user;
    struct v2_frame own = {
        .verb = userid.len > 0 ? V2_VERB_WHISPER : V2_VERB_MSG,
        .time_ms = clock_real_ms(),
        .conversation = {.name = userid.len > 0 ? userid : bytes_of(window->name)},
        .userid = bytes_of(user),
        .name = bytes_of(input->name ? input->name : user),
        .key = bytes_of(entry->name),
        .text = text,
    };
    bool touched;

    if (userid.len > 0)
        own.room = (struct v2_conversation){.id = window->number, .name = bytes_of(window->name)};
    (void)!input->view->class->show(input->view, window, &own, VIEW_OWN | VIEW_WAITING, &touched);
    if (userid.len == 0 && strcmp(window->name, user) == 0)
        echo_remember(&input->echo, text);
}

bool posting_send(struct input *input, struct window *told_in, struct window *window,
                  struct bytes userid, struct bytes text)
{
    const char *refusal = letter_text_refusal(text);
    const struct outbox_entry *entry;
    char recipient[V2_RECIPIENT_MAX + 1], reason[128];
    int r;

    if (refusal) {
        input_refuse(input, told_in, "not sent: %s", refusal);
        return false;
    }
    format_recipient(window, userid, recipient);
    r = outbox_add(input->outbox, bytes_of(recipient), text, &entry);
    if (r < 0) {
        input_refuse(input, told_in, "not sent, for it could not be kept in the outbox: %s",
                     r == -ENOBUFS ? "it is full" : strerror_r(-r, reason, sizeof(reason)));
        return false;
    }
    knock_again(input);
    if (input->terminal)
        show_own(input, window, userid, text, entry);
    return true;
}

/* -- lines that are not typed ----------------------------------------------------------------- */

void posting_paste(struct input *input, const struct window *window, struct bytes lines)
{
    if (input->pasted) {
        input_refuse(input, NULL, "not sent: what was pasted before is still being sent");
        return;
    }
    if (asprintf(&input->pasted, "%.*s\n", BYTES_ARG(lines)) < 0) {
        input->pasted = NULL;
        input_refuse(input, NULL, "not sent: out of memory");
        return;
    }
    input->pasted_at = 0;
    input->pasted_for = window->id;
}

static void end_paste(struct input *input)
{
    free(input->pasted);
    input->pasted = NULL;
}

static void take_pasted(struct input *input)
{
    struct window *window = windows_by_id(&input->windows, input->pasted_for);

    for (int i = 0; i < PASTED_AT_ONCE; i++) {
        char *line = input->pasted + input->pasted_at, *newline = strchr(line, '\n');
        struct bytes text;
        if (!window || !newline) {
            end_paste(input);
            return;
        }
        text = (struct bytes){line, (size_t)(newline - line)};
        if (!doing_is_blank(text) &&
            !posting_send(input, window, window, (struct bytes){0}, text)) {
            end_paste(input);
            return;
        }
        input->pasted_at += text.len + 1;
    }
}

static void take_piped(struct input *input)
{
    enum lines_result result;
    struct bytes line;

    input->lines_wait = false;
    while (!input->ended) {
        /* Nobody would type again what the outbox has no room for. */
        if (!outbox_has_room(input->outbox, CLIENT_TEXT_MAX) ||
            exchange_count(input->exchange) > 0) {
            input->lines_wait = true;
            return;
        }
        result = lines_next(&input->lines, &line);
        if (result == LINES_NONE)
            return;
        if (result == LINES_LINE)
            doing_line(input, line);
        else if (result == LINES_TOO_LONG)
            input_refuse(input, NULL, "not sent: a line is longer than %d bytes", CLIENT_TEXT_MAX);
        else
            input_end(input, true);
    }
}

void posting_take_lines(struct input *input)
{
    if (input->pasted)
        take_pasted(input);
    else
        take_piped(input);
}

/* -- what became of it ------------------------------------------------------------------------ */

/* The server answered, whatever it said. */
static void reached(struct input *input, const struct courier_report *report)
{
    input->last = report->event;
    session_report(input->session, SERVER_PRESENT, NULL);
}

static void tell_kept_sent(struct input *input)
{
    if (input->kept_sent > 0)
        input_tell(input, NULL, "%u kept message%s sent", input->kept_sent,
                   input->kept_sent == 1 ? " was" : "s were");
    input->kept_sent = 0;
}

/* A message of an earlier run is about to leave the outbox. */
static void kept_settled(struct input *input, bool stored)
{
    input->kept_sent += stored;
    if (outbox_adopted(input->outbox) == 1) /* it was the last */
        tell_kept_sent(input);
}

/* Nobody gets in, which the user knows. */
static void shut_out(struct input *input)
{
    input->shut_out = true;
    if (!input->terminal)
        input_end(input, true); /* nobody is there to set it right */
}

/* The server takes messages more slowly than they come. Told once until all are gone. */
static void limited(struct input *input, const struct courier_report *report)
{
    if (report->pause_us < COURIER_LIMIT_TOLD_US || input->limit_told)
        return;
    input_tell(input, NULL,
               "too many messages in too short a time (limited); they are kept, and sent one by "
               "one, the next in %u s",
               courier_pause_seconds(report));
    input->limit_told = true;
}

/* The server is there and takes nothing now. */
static void put_off(struct input *input, const struct courier_report *report)
{
    if (!input->troubled)
        input_tell(input, NULL,
                   "the server cannot store messages now: %s (%s); keeping your messages",
                   report->reason, report->code);
    input->troubled = true;
}

static void stored(struct input *input)
{
    if (input->troubled)
        input_tell(input, NULL, "the server stores messages again");
    input->troubled = false;
    if (outbox_count(input->outbox) <= 1) /* it was the last */
        input->limit_told = false;
}

/* Where a message was shown; NULL: nowhere. */
static struct window *window_of(const struct input *input, const char *recipient)
{
    return windows_find(&input->windows, (struct bytes){recipient, strcspn(recipient, "/")});
}

/* What is told of a message that is settled one way or another. */
static void refused(struct input *input, const struct courier_report *report)
{
    if (report->event == COURIER_REFUSED)
        input_refuse(input, window_of(input, report->recipient), "not sent to %s: %s (%s)",
                     report->recipient, report->reason, report->code);
    else
        input_refuse(input, NULL, "a message in the outbox was damaged and is dropped: %s",
                     report->reason);
}

/* The screen has it as waiting. */
static void show_settled(struct input *input, const struct courier_report *report)
{
    const struct view_settled settled = {
        .key = bytes_of(report->entry->name),
        .stored = report->event == COURIER_STORED,
        .conversation = report->conversation.id,
        .seq = report->seq,
        .whisper = strchr(report->recipient, '/') != NULL,
        .time_ms = report->time_ms,
    };

    if (input->view->class->settled)
        input->view->class->settled(input->view, &settled);
}

void posting_settled(void *userdata, const struct courier_report *report)
{
    struct input *input = userdata;

    if (report->event == COURIER_STORED || report->event == COURIER_REFUSED ||
        report->event == COURIER_LIMITED || report->event == COURIER_POSTPONED)
        reached(input, report);
    switch (report->event) {
    case COURIER_STORED:
        stored(input);
        break;
    case COURIER_REFUSED:
    case COURIER_DAMAGED:
        refused(input, report);
        break;
    case COURIER_LIMITED:
        limited(input, report);
        break;
    case COURIER_POSTPONED:
        put_off(input, report);
        break;
    case COURIER_UNREACHABLE:
        input->last = report->event;
        session_doubt(input->session); /* one connection that broke does not mean that it is away */
        break;
    case COURIER_SHUT_OUT:
        shut_out(input);
        break;
    case COURIER_UNREADABLE:
        input_tell(input, NULL, "a message in the outbox cannot be read: %s", report->reason);
        break;
    }
    if (report->event != COURIER_STORED && report->event != COURIER_REFUSED &&
        report->event != COURIER_DAMAGED)
        return;
    show_settled(input, report);
    if (report->entry->adopted)
        kept_settled(input, report->event == COURIER_STORED);
}

void posting_say_goodbye(struct input *input)
{
    size_t count = outbox_count(input->outbox);

    tell_kept_sent(input);
    if (count > 0)
        input_tell(input, NULL, "%zu message%s kept in the outbox, and sent by the next run", count,
                   count == 1 ? " is" : "s are");
}
