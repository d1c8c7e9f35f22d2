/* What is asked of the server: see asking.h.
 *
 * A call outlives the line that was typed, and perhaps its window: what is needed when its answer
 * comes is kept in a struct asked, which ends with the call.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/asking.h"

#include "client/arriving.h"
#include "client/printable.h"
#include "client/when.h"
#include "util/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define EVERYONE_MAX   2000 /* of everyone, so many are shown as members */
#define MEMBERS_OLD_US (30 * USEC_PER_SEC)
#define PAGE           100 /* rows of a page of history that is scrolled back to */

struct asked {
    struct list link; /* of the input's */
    struct input *input;
    uint64_t window; /* its id; 0: none */
    char what[64];   /* the command that was typed; "": none was */
    char done[160];  /* of changes: what is told when it is done */
    bool prints;     /* its rows are gathered, and printed at the end */
    bool each;       /* of names: one on a line */
    uint64_t count, present;
    FILE *out; /* where rows are gathered, or NULL */
    char *text;
    size_t size;
};

static struct window *window_of(const struct asked *asked)
{
    return windows_by_id(&asked->input->windows, asked->window);
}

static void free_asked(struct asked *asked)
{
    list_remove(&asked->link);
    if (asked->out)
        (void)fclose(asked->out);
    free(asked->text);
    free(asked);
}

void asking_end(struct input *input)
{
    LIST_FOREACH_SAFE (link, &input->asked)
        free_asked(LIST_ENTRY(link, struct asked, link));
}

/* Asks. Where that is not possible the user is told, if he has typed it (`what`). */
static bool call(const struct asked *asked, const struct v2_frame *request,
                 const struct exchange_options *options, exchange_fn callback)
{
    struct asked *copy = malloc(sizeof(*copy));
    bool ready = copy != NULL;
    long r = -ENOMEM;

    if (copy) {
        *copy = *asked;
        list_append(&asked->input->asked, &copy->link);
        if (asked->prints)
            copy->out = open_memstream(&copy->text, &copy->size);
        ready = !asked->prints || copy->out;
    }
    if (ready)
        r = exchange_call(asked->input->exchange, request, options, callback, copy);
    if (r > 0 && asked->what[0] &&
        session_server_state(asked->input->session, NULL) != SERVER_PRESENT)
        input_tell(asked->input, NULL, "%s: waiting for the server", asked->what);
    if (r > 0)
        return true;
    if (copy)
        free_asked(copy);
    if (asked->what[0])
        input_refuse(asked->input, NULL, "%s: %s", asked->what,
                     r == -EINVAL ? "that is longer, or another thing, than there may be"
                                  : "there is too much under way; try again");
    return false;
}

/* Tells what has gone wrong, if the user has asked. True: it was the last word on the call, whose
 * `asked` may end. */
static bool is_over(const struct asked *asked, const struct exchange_report *report)
{
    struct input *input = asked->input;

    if (asked->what[0] && report->event == EXCHANGE_REFUSED)
        input_refuse(input, window_of(asked), "%s: %s (%s)", asked->what, report->reason,
                     report->code);
    else if (asked->what[0] && report->event == EXCHANGE_FAILED && !report->shut_out)
        input_refuse(input, window_of(asked), "%s: no answer: %s", asked->what, report->reason);
    return report->event == EXCHANGE_DONE || report->event == EXCHANGE_REFUSED ||
           report->event == EXCHANGE_FAILED;
}

/* Prints what was gathered. */
static void print(struct asked *asked)
{
    if (fclose(asked->out) == 0)
        input_print(asked->input, asked->text);
    asked->out = NULL;
}

/* -- members ---------------------------------------------------------------------------------- */

static void set_member(struct window *window, const struct v2_frame *row)
{
    const struct screen_member member = {
        .userid = row->userid,
        .name = row->name,
        .is_operator = row->standing == V2_STANDING_OPERATOR,
        .present = row->presence == V2_PRESENCE_PRESENT,
    };

    (void)!screen_member_set(window->shown, &member); /* the pane has its limit */
}

/* Keeps a row of `who` as a member of the window. The first empties what was there. */
static void keep_member(struct asked *asked, const struct v2_frame *row)
{
    struct window *window = window_of(asked);

    if (bytes_is(row->userid, asked->input->invocation->settings.user) &&
        (!asked->input->name || !bytes_is(row->name, asked->input->name)))
        arriving_name_self(asked->input, row->name);
    if (window && asked->count == 0)
        screen_members_clear(window->shown);
    if (window)
        set_member(window, row);
    asked->count++;
    asked->present += row->presence == V2_PRESENCE_PRESENT;
}

/* An exchange_fn: `who`, for the pane. */
static void take_members(void *userdata, const struct exchange_report *report)
{
    struct asked *asked = userdata;
    struct window *window = window_of(asked);

    if (report->event == EXCHANGE_ROW)
        keep_member(asked, report->row);
    if (report->event == EXCHANGE_FAILED && window)
        window->members_at = 0;
    if (is_over(asked, report))
        free_asked(asked);
}

static void ask_members(struct input *input, struct window *window)
{
    const struct asked asked = {.input = input, .window = window->id};
    const struct v2_frame request = {.verb = V2_VERB_WHO, .to = bytes_of(window->name)};
    const struct exchange_options options = {
        .rows = window->kind == WINDOW_EVERYONE ? EVERYONE_MAX : EXCHANGE_ALL_ROWS};
    uint64_t now = clock_monotonic_us();

    if (!window->joined || window->kind == WINDOW_DIALOGUE ||
        (window->members_at > 0 && now - window->members_at < MEMBERS_OLD_US))
        return;
    window->members_at = now;
    (void)!call(&asked, &request, &options, take_members);
}

static void print_member(const struct asked *asked, const struct v2_frame *row)
{
    bool operator= row->standing == V2_STANDING_OPERATOR;

    if (asked->each)
        fputs("  ", asked->out);
    else if (asked->count > 0)
        fputs(", ", asked->out);
    if (operator)
        fputc('@', asked->out);
    printable_write(asked->out, row->name, PRINTABLE_NAME);
    if (asked->each || !bytes_equal(row->name, row->userid)) {
        fputs(" (", asked->out);
        printable_write(asked->out, row->userid, PRINTABLE_NAME);
        fputc(')', asked->out);
    }
    if (asked->each)
        fprintf(asked->out, ", %s%s\n",
                v2_presence_name(row->presence), operator? ", operator" : "");
}

/* An exchange_fn: `who`, for the user. */
static void take_names(void *userdata, const struct exchange_report *report)
{
    struct asked *asked = userdata;

    if (report->event == EXCHANGE_ROW) {
        print_member(asked, report->row);
        keep_member(asked, report->row);
    }
    if (report->event == EXCHANGE_DONE) {
        fprintf(asked->out, "%s%" PRIu64 " in all, %" PRIu64 " present%s\n",
                asked->each ? "" : "; ", asked->count, asked->present,
                asked->each ? "" : "; @ is an operator");
        print(asked);
    }
    if (is_over(asked, report))
        free_asked(asked);
}

void asking_names(struct input *input, struct bytes room, bool each)
{
    const struct window *window = windows_find(&input->windows, room);
    const struct asked asked = {
        .input = input,
        .window = window ? window->id : 0,
        .what = "/names",
        .prints = true,
        .each = each,
    };
    const struct v2_frame request = {.verb = V2_VERB_WHO, .to = room};
    const struct exchange_options options = {.rows = EXCHANGE_ALL_ROWS};

    (void)!call(&asked, &request, &options, take_names);
}

/* -- history ---------------------------------------------------------------------------------- */

static void tell_greeting(struct input *input, struct window *window)
{
    if (window->greeting)
        input_tell(input, window, "%s", window->greeting);
    free(window->greeting);
    window->greeting = NULL;
}

/* An exchange_fn: a page of history for a window. */
static void take_page(void *userdata, const struct exchange_report *report)
{
    struct asked *asked = userdata;
    struct window *window = window_of(asked);
    bool opening = report->request->from > 0; /* else it was scrolled back to */

    if (window && report->event == EXCHANGE_ROW)
        arriving_show_past(asked->input, window, report->past);
    if (window && report->event == EXCHANGE_DONE) {
        snprintf(window->before, sizeof(window->before), "%.*s", BYTES_ARG(report->next));
        window->complete = report->next.len == 0 && !opening;
        if (report->next.len == 0 && opening)
            snprintf(window->before, sizeof(window->before), "%" PRIu64, report->request->from);
        if (report->rows == 0 && opening && screen_newest_ms(window->shown) == 0)
            input_tell(asked->input, window, "nothing was said here today%s",
                       asked->input->full_screen ? "; PgUp shows what was said before" : "");
    }
    if (window && report->event == EXCHANGE_FAILED && opening)
        window->entered = false; /* it is asked for when he looks again */
    if (is_over(asked, report)) {
        if (window) {
            window->asking = false;
            tell_greeting(asked->input, window);
        }
        free_asked(asked);
    }
}

static void ask_page(struct input *input, struct window *window, uint64_t from, const char *to,
                     unsigned max)
{
    const struct asked asked = {.input = input, .window = window->id};
    const struct v2_frame request = {
        .verb = V2_VERB_HISTORY,
        .to = bytes_of(window->name),
        .by = V2_BY_TIME,
        .from = from,
        .place = bytes_of(to),
        .max = max,
    };

    window->asking = call(&asked, &request, NULL, take_page);
}

/* The history of the day, and from where it was read to. */
static void ask_day(struct input *input, struct window *window)
{
    uint64_t from, to;

    if (window->entered || !window->joined || when_day("today", time(NULL), &from, &to) < 0)
        return;
    if (window->read_ms > 0 && window->read_ms < from)
        from = window->read_ms;
    ask_page(input, window, from, "0", V2_PAST_PAGE);
    window->entered = window->asking; /* too much may be under way */
}

void asking_enter(struct input *input, struct window *window)
{
    input_know(input, window);
    ask_members(input, window);
    ask_day(input, window);
}

void asking_older(struct input *input, struct window *window)
{
    if (!window->asking && !window->complete && window->before[0])
        ask_page(input, window, 0, window->before, PAGE);
}

/* An exchange_fn: history that is printed. */
static void take_history(void *userdata, const struct exchange_report *report)
{
    struct asked *asked = userdata;

    if (report->event == EXCHANGE_ROW && report->past &&
        !arriving_ignores(asked->input, report->past->userid)) {
        bool own = bytes_is(report->past->userid, asked->input->invocation->settings.user);
        char *line = printable_message(report->past, own, false, time(NULL));
        fputs(line ? line : "", asked->out);
        free(line);
    }
    if (report->event == EXCHANGE_DONE) {
        fprintf(asked->out, "%" PRIu64 " message%s%s\n", report->rows, report->rows == 1 ? "" : "s",
                report->next.len > 0 ? "; there are older ones" : "");
        print(asked);
    }
    if (is_over(asked, report))
        free_asked(asked);
}

void asking_history(struct input *input, struct window *window, const struct v2_frame *request)
{
    const struct asked asked = {
        .input = input, .window = window->id, .what = "/history", .prints = true};
    struct v2_frame whole = *request;

    whole.verb = V2_VERB_HISTORY;
    whole.to = bytes_of(window->name);
    (void)!call(&asked, &whole, NULL, take_history);
}

/* -- rooms ------------------------------------------------------------------------------------ */

/* A room of the user's: it has a window. */
static struct window *open_room(struct input *input, const struct v2_frame *room)
{
    struct window *window = windows_open(&input->windows, room->conversation.name);

    if (!window || window_learn(window, room) < 0)
        return NULL;
    input_know(input, window);
    return window;
}

/* An exchange_fn: `look`. */
static void take_look(void *userdata, const struct exchange_report *report)
{
    struct asked *asked = userdata;

    if (report->event == EXCHANGE_DONE)
        (void)!open_room(asked->input, report->answer);
    if (is_over(asked, report))
        free_asked(asked);
}

void asking_look(struct input *input, struct window *window)
{
    const struct asked asked = {.input = input, .window = window->id};
    const struct v2_frame request = {.verb = V2_VERB_LOOK, .to = bytes_of(window->name)};

    (void)!call(&asked, &request, NULL, take_look);
}

/* What is told of a room that was entered, freed by the caller; NULL without memory. */
static char *describe_room(const struct window *window, const struct v2_frame *room)
{
    char *text = NULL;

    if (asprintf(
            &text, "you are in %s, with %" PRIu64 " member%s%s%s%s", window->name, room->count,
            room->count == 1 ? "" : "s", window->closed ? "; only who is invited comes in" : "",
            room->topic.len > 0 ? "; about: " : "", room->topic.len > 0 ? window->topic : "") < 0)
        return NULL;
    return text;
}

/* Greets now, or below the history that is on its way. */
static void greet(struct input *input, struct window *window, const struct v2_frame *room)
{
    free(window->greeting);
    window->greeting = describe_room(window, room);
    if (!window->asking)
        tell_greeting(input, window);
}

/* An exchange_fn: `join`. */
static void take_join(void *userdata, const struct exchange_report *report)
{
    struct asked *asked = userdata;
    struct input *input = asked->input;

    if (report->event == EXCHANGE_DONE) {
        struct window *window = open_room(input, report->answer);
        if (window) {
            window->members_at = 0;
            input_switch(input, window);
            asking_enter(input, window);
            greet(input, window, report->answer);
        }
    }
    if (is_over(asked, report))
        free_asked(asked);
}

void asking_join(struct input *input, struct bytes room)
{
    struct asked asked = {.input = input};
    const struct v2_frame request = {.verb = V2_VERB_JOIN, .to = room};

    snprintf(asked.what, sizeof(asked.what), "/join %.*s", BYTES_ARG(room));
    (void)!call(&asked, &request, NULL, take_join);
}

/* An exchange_fn: `part`. */
static void take_part(void *userdata, const struct exchange_report *report)
{
    struct asked *asked = userdata;

    if (report->event == EXCHANGE_DONE) {
        struct window *window = windows_find(&asked->input->windows, report->request->to);
        if (window)
            input_close_window(asked->input, window);
        input_tell(asked->input, NULL, "you have left %.*s", BYTES_ARG(report->request->to));
    }
    if (is_over(asked, report))
        free_asked(asked);
}

void asking_part(struct input *input, struct bytes room)
{
    const struct window *window = windows_find(&input->windows, room);
    const struct asked asked = {.input = input, .window = window ? window->id : 0, .what = "/part"};
    const struct v2_frame request = {.verb = V2_VERB_PART, .to = room};

    (void)!call(&asked, &request, NULL, take_part);
}

static void print_room(const struct asked *asked, const struct v2_frame *room)
{
    fputs("  ", asked->out);
    printable_write(asked->out, room->conversation.name, PRINTABLE_NAME);
    fprintf(asked->out, ", %" PRIu64 " member%s", room->count, room->count == 1 ? "" : "s");
    if (room->access == V2_ACCESS_CLOSED)
        fputs(", closed", asked->out);
    if (room->standing != V2_STANDING_NONE)
        fprintf(asked->out, "; you: %s", v2_standing_name(room->standing));
    if (room->topic.len > 0) {
        fputs("; ", asked->out);
        printable_write(asked->out, room->topic, PRINTABLE_NAME);
    }
    fputc('\n', asked->out);
}

/* An exchange_fn: `rooms`, for the user. */
static void take_list(void *userdata, const struct exchange_report *report)
{
    struct asked *asked = userdata;

    if (report->event == EXCHANGE_ROW) {
        print_room(asked, report->row);
        windows_hear_of(&asked->input->windows, report->row->conversation.name);
    }
    if (report->event == EXCHANGE_DONE) {
        if (report->rows == 0)
            fputs("there are no rooms; /join #NAME makes one\n", asked->out);
        else
            fprintf(asked->out, "%" PRIu64 " room%s; /join #NAME enters one\n", report->rows,
                    report->rows == 1 ? "" : "s");
        print(asked);
    }
    if (is_over(asked, report))
        free_asked(asked);
}

void asking_list(struct input *input)
{
    const struct asked asked = {.input = input, .what = "/list", .prints = true};
    const struct v2_frame request = {.verb = V2_VERB_ROOMS};
    const struct exchange_options options = {.rows = EXCHANGE_ALL_ROWS};

    (void)!call(&asked, &request, &options, take_list);
}

/* An exchange_fn: `rooms`, when the screen begins. */
static void take_own_rooms(void *userdata, const struct exchange_report *report)
{
    struct asked *asked = userdata;
    struct input *input = asked->input;

    if (report->event == EXCHANGE_ROW)
        windows_hear_of(&input->windows, report->row->conversation.name);
    if (report->event == EXCHANGE_ROW && report->row->standing >= V2_STANDING_MEMBER)
        (void)!open_room(input, report->row);
    if (report->event == EXCHANGE_ROW && report->row->standing == V2_STANDING_INVITED)
        input_tell(input, NULL, "you are invited to %.*s; /join %.*s enters it",
                   BYTES_ARG(report->row->conversation.name),
                   BYTES_ARG(report->row->conversation.name));
    if (is_over(asked, report))
        free_asked(asked);
}

void asking_begin(struct input *input)
{
    const struct asked asked = {.input = input};
    const struct v2_frame request = {.verb = V2_VERB_ROOMS};
    const struct exchange_options options = {.rows = EXCHANGE_ALL_ROWS, .timeout_us = UINT64_MAX};
    struct window *everyone = windows_everyone(&input->windows);
    const struct settings *settings = &input->invocation->settings;

    input_tell(input, everyone,
               "you are %s at %s; /join #ROOM enters a room, /help tells the commands and keys",
               settings->user, settings->server);
    (void)!call(&asked, &request, &options, take_own_rooms);
    asking_enter(input, everyone);
}

/* -- changes ---------------------------------------------------------------------------------- */

/* The user is called something else. */
static void rename_self(struct input *input, struct bytes name)
{
    struct bytes user = bytes_of(input->invocation->settings.user);
    struct window *window;

    arriving_name_self(input, name);
    for (size_t i = 1; (window = windows_at(&input->windows, i)); i++)
        arriving_rename(window, user, name);
}

/* What others are told by a note the device that did it is not. */
static void apply_change(struct input *input, const struct v2_frame *request,
                         const struct v2_frame *answer)
{
    struct window *window = windows_find(&input->windows, request->to);

    if (answer->verb == V2_VERB_NAMED)
        rename_self(input, answer->name);
    else if (window && request->verb == V2_VERB_TOPIC)
        (void)!window_set_topic(window, request->topic); /* the next look makes good for it */
    else if (window && request->verb == V2_VERB_ACCESS)
        window->closed = request->access == V2_ACCESS_CLOSED;
    else if (window && request->verb == V2_VERB_REMOVE)
        screen_member_remove(window->shown, request->userid);
}

/* An exchange_fn: what is answered by done or named. */
static void take_change(void *userdata, const struct exchange_report *report)
{
    struct asked *asked = userdata;

    if (report->event == EXCHANGE_DONE) {
        apply_change(asked->input, report->request, report->answer);
        input_tell(asked->input, window_of(asked), "%s", asked->done);
    }
    if (is_over(asked, report))
        free_asked(asked);
}

void asking_change(struct input *input, const struct v2_frame *request, const char *command,
                   const char *done)
{
    struct asked asked = {.input = input, .window = windows_current(&input->windows)->id};

    snprintf(asked.what, sizeof(asked.what), "/%s", command);
    snprintf(asked.done, sizeof(asked.done), "%s", done);
    (void)!call(&asked, request, NULL, take_change);
}
