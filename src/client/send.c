/* `multichat send`: one message, for scripts, with an exit code that tells what became of it.
 *
 * What earlier runs left in the outbox is sent first, so that order holds. One attempt: what
 * cannot be handed over now stays in the outbox for the next run.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"
#include "client/courier.h"
#include "client/letter.h"
#include "client/modes.h"
#include "client/output.h"
#include "client/server.h"
#include "client/session.h"
#include "util/buffer.h"
#include "util/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct send {
    struct courier courier;
    struct outbox *outbox;
    const struct settings *settings;
    const struct outbox_entry *own; /* the message of this run, NULL once it is answered */
    int code;                       /* what became of it so far */
    bool over;                      /* no further attempt */
    bool unreachable;               /* at the address tried last */
    int stop_fd;
};

static void say(const char *format, ...) PRINTF_LIKE(1, 2);

static void say(const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    output_notice(text);
}

/* One message was answered, or cannot be. */
static void settled(void *userdata, const struct courier_report *report)
{
    struct send *send = userdata;
    bool own = report->entry == send->own;
    const char *whose = own ? "the message" : "an earlier message";

    switch (report->event) {
    case COURIER_STORED:
        if (own)
            send->code = EXIT_DONE;
        break;
    case COURIER_REFUSED:
        say("%s to %s was refused: %s (%s)", whose, report->recipient, report->reason,
            report->code);
        if (own)
            send->code = EXIT_REFUSED;
        break;
    case COURIER_DENIED:
        say("refused: %s (%s)", report->reason, report->code);
        send->code = EXIT_REFUSED;
        send->over = true;
        return;
    case COURIER_POSTPONED:
        say("the server cannot store it now: %s (%s)", report->reason, report->code);
        send->over = true;
        return;
    case COURIER_UNREACHABLE:
        say("cannot reach the server %s, port %u: %s", send->settings->server,
            (unsigned)send->settings->write_port, report->reason);
        send->unreachable = true;
        return;
    case COURIER_UNCERTAIN:
        say("it is not known whether %s to %s was stored (%s); it may appear twice", whose,
            report->recipient, report->reason);
        send->over = true;
        return;
    case COURIER_UNREADABLE:
        say("%s cannot be read: %s", whose, report->reason);
        send->over = true;
        return;
    case COURIER_DAMAGED:
        say("%s was damaged in the outbox and is dropped: %s", whose, report->reason);
        break;
    }
    if (own)
        send->own = NULL;
}

/* Carries the outbox to one address until it is empty or cannot go on. */
static void carry(struct send *send, const struct addr *server)
{
    courier_resume(&send->courier);
    send->unreachable = false;
    while (!send->over && !send->unreachable && outbox_count(send->outbox) > 0) {
        struct pollfd fds[] = {courier_pollfd(&send->courier),
                               {.fd = send->stop_fd, .events = POLLIN}};
        uint64_t now = clock_monotonic_us(), due = courier_due(&send->courier);
        int timeout = due > now ? (int)((due - now + 999) / 1000) : 0;
        if (poll(fds, ARRAY_SIZE(fds), timeout) < 0 && errno != EINTR)
            return;
        if (fds[1].revents) {
            send->over = true;
            return;
        }
        courier_turn(&send->courier, server, fds[0].revents, clock_monotonic_us());
    }
}

static void carry_anywhere(struct send *send)
{
    const struct settings *settings = send->settings;
    struct addr hosts[SESSION_HOSTS_MAX];
    const char *reason;
    long count = server_resolve(settings->server, (uint16_t)settings->write_port, hosts,
                                ARRAY_SIZE(hosts), &reason);

    if (count < 0)
        say("cannot find the server %s: %s", settings->server, reason);
    for (long i = 0; i < count && !send->over; i++) {
        carry(send, &hosts[i]);
        if (!send->unreachable)
            return;
    }
}

/* Standard input as a whole, without the newline at its end. 0 or -errno; -EMSGSIZE when it is
 * longer than any text may be. */
static int read_text(struct buffer *ret, int stop_fd)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = stop_fd, .events = POLLIN}};

    for (;;) {
        char *space;
        long room = buffer_reserve(ret, 8192, &space);
        if (room < 0)
            return room == -ENOBUFS ? -EMSGSIZE : (int)room;
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
            return -errno;
        if (fds[1].revents)
            return -ECANCELED;
        ssize_t n = read(STDIN_FILENO, space, (size_t)room);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        if (n == 0)
            return 0;
        if (n > 0)
            buffer_commit(ret, (size_t)n);
    }
}

static struct bytes strip_newline(struct bytes text)
{
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    if (text.len > 0 && text.data[text.len - 1] == '\r')
        text.len--;
    return text;
}

static int send_text(const struct settings *settings, const char *password, const char *recipient,
                     struct bytes text, int stop_fd)
{
    struct send send = {.settings = settings, .code = EXIT_KEPT, .stop_fd = stop_fd};
    char *folder = NULL, reason[128];
    int r = settings_state_path(settings, "outbox", &folder);

    if (r == 0)
        r = outbox_open(folder, settings->outbox.messages, settings->outbox.bytes, &send.outbox);
    free(folder);
    if (r == 0)
        r = outbox_add(send.outbox, bytes_of(recipient), text, &send.own);
    if (r < 0) {
        say("not sent, for it could not be kept in the outbox: %s",
            r == -ENOBUFS ? "it is full" : strerror_r(-r, reason, sizeof(reason)));
        outbox_close(send.outbox);
        return EXIT_NOT_KEPT;
    }
    courier_init(&send.courier, settings, password, send.outbox, settled, &send);
    carry_anywhere(&send);
    courier_deinit(&send.courier);
    if (send.code == EXIT_REFUSED && send.own) /* the caller knows; it is his to send it again */
        outbox_remove(send.outbox, send.own);
    if (send.code == EXIT_KEPT)
        say("the message is kept in the outbox, and sent by the next run");
    outbox_close(send.outbox);
    return send.code;
}

int run_send(const struct invocation *invocation, const char *password, int stop_fd)
{
    const char *recipient = invocation->operands[0];
    const char *refusal = letter_recipient_refusal(bytes_of(recipient));
    struct buffer input;
    struct bytes text;
    char reason[128];
    int code = EXIT_USAGE, r = 0;

    buffer_init(&input, CLIENT_TEXT_MAX + 3);
    if (!refusal && invocation->operand_count == 1)
        r = read_text(&input, stop_fd);
    text = strip_newline(invocation->operand_count > 1 ? bytes_of(invocation->operands[1])
                                                       : buffer_peek(&input));
    if (r == -EMSGSIZE)
        refusal = "the text is longer than 65536 bytes";
    else if (r < 0)
        refusal = strerror_r(-r, reason, sizeof(reason));
    else if (!refusal)
        refusal = letter_text_refusal(text);
    if (refusal)
        say("not sent: %s", refusal);
    else
        code = send_text(&invocation->settings, password, recipient, text, stop_fd);
    buffer_deinit(&input);
    return code;
}
