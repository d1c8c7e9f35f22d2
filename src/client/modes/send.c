/* `multichat send`: one message, for scripts, with an exit code that tells what became of it.
 *
 * What earlier runs left in the outbox is sent first, so that order holds. One attempt: what
 * cannot be handed over now stays in the outbox for the next run.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"
#include "client/courier.h"
#include "client/letter.h"
#include "client/modes/modes.h"
#include "client/modes/sending.h"
#include "client/output.h"
#include "client/password.h"
#include "client/server.h"
#include "util/buffer.h"
#include "util/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HOSTS_MAX   16
#define WAIT_MAX_US (30 * USEC_PER_SEC) /* for a server that limits how fast messages come */

struct send {
    struct courier courier;
    struct outbox *outbox;
    const struct invocation *invocation;
    struct account *account;
    const struct outbox_entry *own; /* the message of this run, NULL once it is answered */
    int code;                       /* what became of it so far */
    bool over;                      /* no further attempt */
    bool dropped;                   /* `own` is not kept */
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

static void own_settled(struct send *send, int code)
{
    send->own = NULL;
    send->code = code;
}

/* Nobody gets in. Where the user can mend that, the message is his to send again. */
static void shut_out(struct send *send)
{
    enum account_refusal refusal = account_refusal(send->account);

    send->over = true;
    send->code = sending_exit_code(refusal);
    if (send->own && refusal != ACCOUNT_UNTRUSTED)
        send->dropped = true;
}

/* A message was answered, or cannot be; or none can be. */
static void settled(void *userdata, const struct courier_report *report)
{
    struct send *send = userdata;
    const struct settings *settings = &send->invocation->settings;
    bool own = report->entry && report->entry == send->own;
    const char *whose = own ? "the message" : "an earlier message";

    switch (report->event) {
    case COURIER_STORED:
        if (own)
            own_settled(send, EXIT_DONE);
        return;
    case COURIER_REFUSED:
        say("%s to %s was refused: %s (%s)", whose, report->recipient, report->reason,
            report->code);
        if (own)
            own_settled(send, EXIT_REFUSED);
        return;
    case COURIER_LIMITED:
        if (report->pause_us <= WAIT_MAX_US) {
            if (report->pause_us >= COURIER_LIMIT_TOLD_US)
                say("too many messages in too short a time (limited); waiting %u s",
                    courier_pause_seconds(report));
            return;
        }
        say("the server takes no more now: %s (%s)", report->reason, report->code);
        break;
    case COURIER_POSTPONED:
        say("the server cannot store it now: %s (%s)", report->reason, report->code);
        break;
    case COURIER_UNREACHABLE:
        say("cannot reach the server %s, port %u: %s", settings->server,
            (unsigned)settings->write_port, report->reason);
        send->unreachable = true;
        return;
    case COURIER_SHUT_OUT:
        shut_out(send);
        return;
    case COURIER_UNREADABLE:
        say("%s cannot be read: %s", whose, report->reason);
        break;
    case COURIER_DAMAGED:
        say("%s was damaged in the outbox and is dropped: %s", whose, report->reason);
        if (own)
            own_settled(send, EXIT_KEPT);
        return;
    }
    send->over = true;
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
        if (poll(fds, ARRAY_SIZE(fds), clock_poll_ms(due, now)) < 0 && errno != EINTR)
            return;
        if (fds[1].revents) {
            send->over = true;
            return;
        }
        courier_turn(&send->courier, server, fds[0].revents, clock_monotonic_us());
        if (account_password_wanted(send->account) &&
            password_supply(send->account, send->invocation->password_fd, send->stop_fd) ==
                -ECANCELED)
            return;
    }
}

static void carry_anywhere(struct send *send)
{
    const struct settings *settings = &send->invocation->settings;
    struct addr hosts[HOSTS_MAX];
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

/* Opens the outbox and puts the message into it. 0 or -errno. */
static int keep(struct send *send, const char *recipient, struct bytes text)
{
    const struct settings *settings = &send->invocation->settings;
    char *folder = NULL;
    int r = settings_state_path(settings, "outbox", &folder);

    if (r == 0)
        r = outbox_open(folder, settings->outbox.messages, settings->outbox.bytes, &send->outbox);
    free(folder);
    if (r == 0)
        r = outbox_add(send->outbox, bytes_of(recipient), text, &send->own);
    return r;
}

/* What is in the outbox, this message last. */
static int deliver(struct send *send)
{
    if (courier_init(&send->courier, send->account, send->outbox, settled, send) < 0) {
        say("no descriptor is left");
        return EXIT_SYSTEM;
    }
    carry_anywhere(send);
    courier_deinit(&send->courier);
    if (send->dropped)
        (void)outbox_remove(send->outbox, send->own);
    else if (send->own)
        say("the message is kept in the outbox, and sent by the next run");
    return send->code;
}

static int send_text(struct send *send, const char *recipient, struct bytes text)
{
    int r = keep(send, recipient, text), code = EXIT_NOT_KEPT;
    char reason[128];

    if (r < 0)
        say("not sent, for it could not be kept in the outbox: %s",
            r == -ENOBUFS ? "it is full" : strerror_r(-r, reason, sizeof(reason)));
    else
        code = deliver(send);
    outbox_close(send->outbox);
    return code;
}

/* The text from the command line or standard input; `input` is where that is kept. NULL, or why it
 * cannot be sent, in `reason` or static. */
static const char *take_text(const struct invocation *invocation, struct buffer *input, int stop_fd,
                             struct bytes *ret, char *reason, size_t size)
{
    int r = 0;

    if (invocation->operand_count == 1)
        r = read_text(input, stop_fd);
    if (r == -EMSGSIZE)
        return "the text is longer than 65536 bytes";
    if (r < 0)
        return strerror_r(-r, reason, size);
    *ret = strip_newline(invocation->operand_count > 1 ? bytes_of(invocation->operands[1])
                                                       : buffer_peek(input));
    return letter_text_refusal(*ret);
}

/* With the account at hand. */
static int run_with(const struct invocation *invocation, struct account *account, int stop_fd)
{
    struct send send = {
        .invocation = invocation, .account = account, .code = EXIT_KEPT, .stop_fd = stop_fd};
    struct buffer input;
    struct bytes text;
    char words[128];
    const char *refusal;
    int code = EXIT_USAGE;

    buffer_init(&input, CLIENT_TEXT_MAX + 3);
    refusal = take_text(invocation, &input, stop_fd, &text, words, sizeof(words));
    if (refusal)
        say("not sent: %s", refusal);
    else
        code = send_text(&send, invocation->operands[0], text);
    buffer_deinit(&input);
    return code;
}

int run_send(const struct invocation *invocation, int stop_fd)
{
    const char *refusal = letter_recipient_refusal(bytes_of(invocation->operands[0]));
    struct sending sending;
    int code;

    if (refusal) {
        say("not sent: %s", refusal);
        return EXIT_USAGE;
    }
    code = sending_open(&invocation->settings, &sending);
    if (code != EXIT_DONE)
        return code;
    if (password_prepare(sending.account, invocation->password_fd, stop_fd) == 0)
        code = run_with(invocation, sending.account, stop_fd);
    else
        code = EXIT_USAGE;
    sending_close(&sending);
    return code;
}
