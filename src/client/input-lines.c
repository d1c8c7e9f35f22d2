/* The input thread's lines: see input-lines.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/input-lines.h"

#include "client/commands.h"
#include "client/letter.h"
#include "client/output.h"
#include "client/printable.h"
#include "client/show.h"
#include "client/terminal.h"
#include "util/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* A line of the program's own, made printable. */
static void notice(const struct input *input, const char *text)
{
    char *line = NULL;
    size_t size;
    FILE *out;

    if (!input->terminal) {
        output_notice(text);
        return;
    }
    out = open_memstream(&line, &size);
    if (!out)
        return;
    fputs("-- ", out);
    printable_write(out, bytes_of(text), PRINTABLE_NAME);
    fputc('\n', out);
    if (fclose(out) == 0)
        (void)!terminal_print(line);
    free(line);
}

static void say(const struct input *input, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(const struct input *input, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    notice(input, text);
}

/* Shows a message. As show_fn. */
static int show_message(const struct input *input, const struct v2_frame *msg, bool own, bool again,
                        bool *ret_touched)
{
    char *line = printable_message(msg, own, again, time(NULL));
    int r;

    if (!line)
        return -ENOMEM;
    if (input->terminal) {
        *ret_touched = true;
        r = terminal_print(line);
    } else {
        r = output_write(STDOUT_FILENO, bytes_of(line), input->stop_fd, ret_touched);
    }
    free(line);
    return r;
}

/* A show_fn. */
static int show_incoming(void *userdata, const struct v2_frame *msg, bool again, bool *ret_touched)
{
    struct input *input = userdata;
    bool own = bytes_is(msg->userid, input->invocation->settings.user);

    /* Sent from here and shown then: it is here twice otherwise. What he wrote to others came from
     * another device of his. */
    if (own && bytes_equal(msg->conversation.name, msg->userid) &&
        echo_recognise(&input->echo, msg->text))
        return 0;
    return show_message(input, msg, own, again, ret_touched);
}

static void show_messages(struct input *input)
{
    for (;;) {
        char reason[128];
        int error;
        enum show_result result = show_next(input->session, show_incoming, input, &error);
        input->unshowable = result == SHOW_FAILED || result == SHOW_UNKEPT;
        if (result == SHOW_NOTHING)
            return;
        if (result == SHOW_FAILED) {
            /* A signal is for the loop to see; memory may come back. */
            input->unshown = error != -ECANCELED && error != -ENOMEM;
            return;
        }
        if (result == SHOW_UNKEPT && !input->unkept)
            say(input, "what is shown cannot be written down (%s); messages wait at the server",
                strerror_r(-error, reason, sizeof(reason)));
        input->unkept = result == SHOW_UNKEPT;
        if (input->unkept)
            return;
    }
}

void input_show(struct input *input)
{
    struct notice *waiting;

    while ((waiting = session_next_notice(input->session))) {
        notice(input, waiting->text);
        free(waiting);
    }
    if (!input->unshown)
        show_messages(input);
}

static void prompt(const struct input *input, char *text, size_t size)
{
    if (strcmp(input->to, "*") == 0)
        snprintf(text, size, "> ");
    else
        snprintf(text, size, "%s> ", input->to);
}

/* Puts a message into the outbox and shows it. False: it was not taken, and is to be kept where
 * it was typed. */
static bool post(struct input *input, struct bytes to, struct bytes text)
{
    const char *refusal = letter_recipient_refusal(to);
    char reason[128];
    int r;

    if (!refusal)
        refusal = letter_text_refusal(text);
    if (refusal) {
        say(input, "not sent: %s", refusal);
        input->refused++;
        return false;
    }
    r = outbox_add(input->outbox, to, text, NULL);
    if (r < 0) {
        say(input, "not sent, for it could not be kept in the outbox: %s",
            r == -ENOBUFS ? "it is full" : strerror_r(-r, reason, sizeof(reason)));
        input->refused++;
        return false;
    }
    if (input->shut_out) { /* perhaps things are in order by now */
        account_try_again(input->account);
        courier_resume(&input->courier);
        session_wake(input->session, SESSION_RECEIVER);
    }
    input->shut_out = false;
    if (input->terminal) {
        const struct v2_frame own = {.verb = V2_VERB_MSG,
                                     .time_ms = clock_real_ms(),
                                     .conversation = {.name = to},
                                     .text = text};
        bool touched;
        (void)!show_message(input, &own, true, false, &touched);
        if (bytes_is(to, input->invocation->settings.user))
            echo_remember(&input->echo, text);
    }
    return true;
}

static bool is_blank(struct bytes text)
{
    size_t i = 0;

    while (i < text.len && (text.data[i] == ' ' || text.data[i] == '\t'))
        i++;
    return i == text.len;
}

static bool do_say(struct input *input, const struct command *command)
{
    return is_blank(command->text) || post(input, bytes_of(input->to), command->text);
}

static bool do_msg(struct input *input, const struct command *command)
{
    return post(input, command->to, command->text);
}

static bool do_to(struct input *input, const struct command *command)
{
    const char *refusal;
    char text[sizeof(input->to) + 2];

    if (command->to.len > 0) {
        refusal = letter_recipient_refusal(command->to);
        if (refusal) {
            say(input, "%s", refusal);
            return false;
        }
        snprintf(input->to, sizeof(input->to), "%.*s", BYTES_ARG(command->to));
        prompt(input, text, sizeof(text));
        if (input->terminal)
            terminal_set_prompt(text);
    }
    say(input, "lines go to %s", strcmp(input->to, "*") == 0 ? "everyone" : input->to);
    return true;
}

/* Lines that were asked for. Not made printable: they are the program's own. */
static void print(const struct input *input, const char *text)
{
    if (input->terminal)
        (void)!terminal_print(text);
    else
        (void)!output_write(STDERR_FILENO, bytes_of(text), input->stop_fd, NULL);
}

static bool do_status(struct input *input, const struct command *command)
{
    char *text = session_describe(input->session), *whole;

    if (text && asprintf(&whole, "%soutbox: %zu\n", text, outbox_count(input->outbox)) >= 0) {
        print(input, whole);
        free(whole);
    }
    free(text);
    return true;
}

static bool do_help(struct input *input, const struct command *command)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return true;
    command_write_help(out);
    if (fclose(out) == 0)
        print(input, text);
    free(text);
    return true;
}

static bool do_quit(struct input *input, const struct command *command)
{
    input_end(input, !input->terminal);
    return true;
}

/* True if the line was dealt with; false if it is to be corrected. */
static bool take_line(struct input *input, struct bytes line)
{
    static bool (*const handlers[])(struct input *, const struct command *) = {
        [COMMAND_SAY] = do_say,       [COMMAND_MSG] = do_msg,   [COMMAND_TO] = do_to,
        [COMMAND_STATUS] = do_status, [COMMAND_HELP] = do_help, [COMMAND_QUIT] = do_quit,
    };
    struct command command;
    const char *reason;

    _Static_assert(ARRAY_SIZE(handlers) == COMMAND_COUNT, "each command has its handler");
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    if (command_parse(line, &command, &reason) < 0) {
        say(input, "%s", reason);
        input->refused++;
        return false;
    }
    return handlers[command.kind](input, &command);
}

/* A terminal_line_fn. */
static bool take_typed(void *userdata, const char *line)
{
    struct input *input = userdata;

    if (line)
        return take_line(input, bytes_of(line));
    input_end(input, false);
    return true;
}

int input_open_terminal(struct input *input)
{
    char text[sizeof(input->to) + 2];
    sigset_t set;

    /* At a terminal these two concern the program, too. */
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGTSTP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    if (signalfd(input->stop_fd, &set, SFD_CLOEXEC | SFD_NONBLOCK) < 0)
        return -errno;
    prompt(input, text, sizeof(text));
    return terminal_open(text, take_typed, input);
}

void input_read(struct input *input)
{
    if (input->terminal) {
        terminal_read();
        return;
    }
    if (lines_read(&input->lines, STDIN_FILENO) < 0) {
        say(input, "standard input cannot be read");
        input_end(input, true);
    }
    input_take_lines(input);
}

void input_take_lines(struct input *input)
{
    enum lines_result result;
    struct bytes line;

    input->lines_wait = false;
    while (!input->ended) {
        if (!outbox_has_room(input->outbox, CLIENT_TEXT_MAX)) {
            input->lines_wait = true;
            return;
        }
        result = lines_next(&input->lines, &line);
        if (result == LINES_NONE)
            return;
        if (result == LINES_LINE) {
            (void)take_line(input, line);
        } else if (result == LINES_TOO_LONG) {
            say(input, "not sent: a line is longer than %d bytes", CLIENT_TEXT_MAX);
            input->refused++;
        } else {
            input_end(input, true);
        }
    }
}

/* The server answered, whatever it said. */
static void reached(struct input *input, const struct courier_report *report)
{
    input->last = report->event;
    session_report(input->session, SERVER_PRESENT, NULL);
}

static void tell_kept_sent(struct input *input)
{
    if (input->kept_sent > 0)
        say(input, "%u kept message%s sent", input->kept_sent,
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
    say(input,
        "too many messages in too short a time (limited); they are kept, and sent one by "
        "one, the next in %u s",
        courier_pause_seconds(report));
    input->limit_told = true;
}

/* The server is there and takes nothing now. */
static void put_off(struct input *input, const struct courier_report *report)
{
    if (!input->troubled)
        say(input, "the server cannot store messages now: %s (%s); keeping your messages",
            report->reason, report->code);
    input->troubled = true;
}

static void stored(struct input *input)
{
    if (input->troubled)
        say(input, "the server stores messages again");
    input->troubled = false;
    if (outbox_count(input->outbox) <= 1) /* it was the last */
        input->limit_told = false;
}

/* What is told of a message that is settled one way or another. */
static void refused(struct input *input, const struct courier_report *report)
{
    if (report->event == COURIER_REFUSED)
        say(input, "not sent to %s: %s (%s)", report->recipient, report->reason, report->code);
    else
        say(input, "a message in the outbox was damaged and is dropped: %s", report->reason);
    input->refused++;
}

void input_settled(void *userdata, const struct courier_report *report)
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
        say(input, "a message in the outbox cannot be read: %s", report->reason);
        break;
    }
    if (report->entry && report->entry->adopted &&
        (report->event == COURIER_STORED || report->event == COURIER_REFUSED ||
         report->event == COURIER_DAMAGED))
        kept_settled(input, report->event == COURIER_STORED);
}

void input_say_goodbye(struct input *input)
{
    size_t count = outbox_count(input->outbox);

    tell_kept_sent(input);
    if (count > 0)
        say(input, "%zu message%s kept in the outbox, and sent by the next run", count,
            count == 1 ? " is" : "s are");
}
