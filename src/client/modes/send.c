/* `multichat send`: one message, for scripts, with an exit code that tells what became of it.
 *
 * What earlier runs left in the outbox is sent first, so that order holds. One attempt, unless a
 * time is given: what cannot be handed over now stays in the outbox for the next run. With --wait
 * it goes on until the receiver has acknowledged the message.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"
#include "client/letter.h"
#include "client/modes/errand.h"
#include "client/modes/modes.h"
#include "client/modes/sending.h"
#include "client/output.h"
#include "client/password.h"
#include "util/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct send {
    struct errand errand;
    const struct invocation *invocation;
    struct account *account;
    struct outbox *outbox;
    const struct outbox_entry *own; /* the message of this run, NULL once it is answered */
    bool dropped;                   /* `own` is not kept */
    bool awaiting;                  /* it is stored */
    int stop_fd;
};

/* -- waiting for the receiver -------------------------------------------------------------------
 */

/* An exchange_fn: of the await. */
static void awaited(void *userdata, const struct exchange_report *report)
{
    struct send *send = userdata;

    if (report->event == EXCHANGE_DONE)
        send->errand.code = EXIT_DONE;
    else if (report->event == EXCHANGE_REFUSED)
        errand_say("stored, but nothing will tell when it is acknowledged: %s (%s)", report->reason,
                   report->code);
}

static void wait_for_receiver(struct send *send, const struct courier_report *report)
{
    const struct exchange_options options = {.timeout_us = UINT64_MAX}; /* the errand has its end */
    const struct v2_frame request = {
        .verb = V2_VERB_AWAIT, .conversation = report->conversation, .seq = report->seq};

    send->awaiting = true;
    send->errand.code = EXIT_UNDELIVERED;
    send->errand.patient = true;
    if (exchange_call(send->errand.exchange, &request, &options, awaited, send) < 0)
        errand_say("stored, but out of memory");
}

/* -- the message --------------------------------------------------------------------------------
 */

static void own_settled(struct send *send, int code)
{
    send->own = NULL;
    send->errand.code = code;
}

/* A courier_fn: a message was answered, or cannot be; or nobody gets in. */
static void settled(void *userdata, const struct courier_report *report)
{
    struct send *send = userdata;
    bool own = report->entry && report->entry == send->own;
    const char *whose = own ? "the message" : "an earlier message";

    switch (report->event) {
    case COURIER_STORED:
        if (own)
            own_settled(send, EXIT_DONE);
        if (own && send->invocation->wait)
            wait_for_receiver(send, report);
        break;
    case COURIER_REFUSED:
        errand_say("%s to %s was refused: %s (%s)", whose, report->recipient, report->reason,
                   report->code);
        if (own)
            own_settled(send, EXIT_REFUSED);
        break;
    case COURIER_SHUT_OUT: /* where the user can mend that, the message is his to send again */
        if (send->awaiting)
            send->errand.code = EXIT_UNDELIVERED;
        send->dropped = send->own && account_refusal(send->account) != ACCOUNT_UNTRUSTED;
        break;
    case COURIER_UNREADABLE:
        errand_say("%s cannot be read: %s", whose, report->reason);
        send->errand.over = true;
        break;
    case COURIER_DAMAGED:
        errand_say("%s was damaged in the outbox and is dropped: %s", whose, report->reason);
        if (own)
            own_settled(send, EXIT_KEPT);
        break;
    default: /* the errand's */
        break;
    }
}

/* Opens the outbox and puts the message into it. 0 or -errno. */
static int keep(struct send *send, struct bytes text)
{
    const struct settings *settings = &send->invocation->settings;
    char *folder = NULL;
    int r = settings_state_path(settings, "outbox", &folder);

    if (r == 0)
        r = outbox_open(folder, settings->outbox.messages, settings->outbox.bytes, &send->outbox);
    free(folder);
    if (r == 0)
        r = outbox_add(send->outbox, bytes_of(send->invocation->to), text, &send->own);
    return r;
}

/* What is in the outbox, this message last. */
static int deliver(struct send *send)
{
    int code;

    if (errand_init(&send->errand, send->invocation, send->account, send->outbox, settled, send,
                    send->stop_fd) < 0) {
        errand_say("no descriptor is left");
        return EXIT_SYSTEM;
    }
    send->errand.code = EXIT_KEPT;
    code = errand_run(&send->errand);
    errand_deinit(&send->errand);
    if (send->dropped)
        (void)outbox_remove(send->outbox, send->own);
    else if (send->own)
        errand_say("the message is kept in the outbox, and sent by the next run");
    else if (code == EXIT_UNDELIVERED)
        errand_say("stored, but not acknowledged by the receiver so far");
    return code;
}

static int send_text(struct send *send, struct bytes text)
{
    int r = keep(send, text), code = EXIT_NOT_KEPT;
    char reason[128];

    if (r < 0)
        errand_say("not sent, for it could not be kept in the outbox: %s",
                   r == -ENOBUFS ? "it is full" : strerror_r(-r, reason, sizeof(reason)));
    else
        code = deliver(send);
    outbox_close(send->outbox);
    return code;
}

/* -- the text -----------------------------------------------------------------------------------
 */

/* All that can be read of `fd`. 0 or -errno; -EMSGSIZE when it is longer than any text may be. */
static int read_text(int fd, struct buffer *ret, int stop_fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};

    for (;;) {
        char *space;
        long room = buffer_reserve(ret, 8192, &space);
        if (room < 0)
            return room == -ENOBUFS ? -EMSGSIZE : (int)room;
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
            return -errno;
        if (fds[1].revents)
            return -ECANCELED;
        ssize_t n = read(fd, space, (size_t)room);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        if (n == 0)
            return 0;
        if (n > 0)
            buffer_commit(ret, (size_t)n);
    }
}

/* Of the file that was named, else of standard input. As above. */
static int read_input(const struct invocation *invocation, struct buffer *ret, int stop_fd)
{
    const char *file = invocation->file;
    int fd, r;

    if (!file || strcmp(file, "-") == 0)
        return read_text(STDIN_FILENO, ret, stop_fd);
    fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = read_text(fd, ret, stop_fd);
    close(fd);
    return r;
}

static struct bytes strip_newline(struct bytes text)
{
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    if (text.len > 0 && text.data[text.len - 1] == '\r')
        text.len--;
    return text;
}

/* The text, wherever it comes from; `input` is where what was read is kept. NULL, or why it cannot
 * be sent, in `reason` or static. */
static const char *take_text(const struct invocation *invocation, struct buffer *input, int stop_fd,
                             struct bytes *ret, char *reason, size_t size)
{
    int r = invocation->text ? 0 : read_input(invocation, input, stop_fd);

    if (r == -EMSGSIZE)
        return "the text is longer than 65536 bytes";
    if (r < 0)
        return strerror_r(-r, reason, size);
    *ret = strip_newline(invocation->text ? bytes_of(invocation->text) : buffer_peek(input));
    return letter_text_refusal(*ret);
}

/* With the account at hand. */
static int run_with(const struct invocation *invocation, struct account *account, int stop_fd)
{
    struct send send = {.invocation = invocation, .account = account, .stop_fd = stop_fd};
    struct buffer input;
    struct bytes text;
    char words[128];
    const char *refusal;
    int code = EXIT_USAGE;

    buffer_init(&input, CLIENT_TEXT_MAX + 3);
    refusal = take_text(invocation, &input, stop_fd, &text, words, sizeof(words));
    if (refusal && invocation->file)
        errand_say("not sent: %s: %s", invocation->file, refusal);
    else if (refusal)
        errand_say("not sent: %s", refusal);
    else
        code = send_text(&send, text);
    buffer_deinit(&input);
    return code;
}

/* NULL, or why nothing can be sent to whom the command line names. */
static const char *recipient_refusal(const struct invocation *invocation)
{
    const char *to = invocation->to;

    if (invocation->wait && (strcmp(to, "*") == 0 || (to[0] == '#' && !strchr(to, '/'))))
        return "--wait is for messages to one user: a userid, or #room/userid";
    return letter_recipient_refusal(bytes_of(to));
}

int run_send(const struct invocation *invocation, int stop_fd)
{
    const char *refusal = recipient_refusal(invocation);
    struct sending sending;
    int code;

    if (refusal) {
        errand_say("not sent: %s", refusal);
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
