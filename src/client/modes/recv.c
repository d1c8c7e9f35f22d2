/* `multichat recv`: messages to standard output, as lines or as JSON, for scripts.
 *
 * A message counts as shown when write(2) has taken all of it; then the receiver acknowledges it,
 * also when it was the last and the program is about to end.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"
#include "client/crew.h"
#include "client/modes/modes.h"
#include "client/modes/sending.h"
#include "client/output.h"
#include "client/password.h"
#include "client/printable.h"
#include "client/show.h"
#include "util/clock.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct recv {
    const struct invocation *invocation;
    struct session *session;
    int stop_fd;
    size_t json_flags;
    uint64_t shown;
    int code; /* enum exit_code, or -1 while it goes on */
};

/* Who is meant by a conversation's name. */
static const char *audience(struct bytes conversation)
{
    if (bytes_is(conversation, "*"))
        return "everyone";
    return conversation.len > 0 && conversation.data[0] == '#' ? "room" : "user";
}

/* One object and a newline, freed by the caller; NULL without memory. */
static char *json_line(const struct v2_frame *msg, bool again, size_t flags)
{
    const struct v2_conversation *conversation = &msg->conversation;
    json_t *object =
        json_pack("{s:I, s:I, s:s%, s:s%, s:s, s:s%, s:I, s:I, s:s%}", "time",
                  (json_int_t)(msg->time_ms / 1000), "time_ms", (json_int_t)msg->time_ms, "from",
                  msg->userid.data, msg->userid.len, "name", msg->name.data, msg->name.len, "to",
                  audience(conversation->name), "conversation", conversation->name.data,
                  conversation->name.len, "number", (json_int_t)conversation->id, "seq",
                  (json_int_t)msg->seq, "text", msg->text.data, msg->text.len);
    char *dump, *line = NULL;

    if (object && again && json_object_set_new(object, "again", json_true()) < 0) {
        json_decref(object);
        return NULL;
    }
    dump = object ? json_dumps(object, flags) : NULL;
    if (dump && asprintf(&line, "%s\n", dump) < 0)
        line = NULL;
    free(dump);
    json_decref(object);
    return line;
}

/* A show_fn. */
static int show(void *userdata, const struct v2_frame *msg, bool again, bool *ret_touched)
{
    const struct recv *recv = userdata;
    bool own = bytes_is(msg->userid, recv->invocation->settings.user);
    char *line = recv->invocation->json ? json_line(msg, again, recv->json_flags)
                                        : printable_message(msg, own, again, time(NULL));
    int r;

    if (!line)
        return -ENOMEM;
    r = output_write(STDOUT_FILENO, bytes_of(line), recv->stop_fd, ret_touched);
    free(line);
    return r;
}

static void give_up(struct recv *recv, const char *what, int error, enum exit_code code)
{
    char text[256], reason[128];

    snprintf(text, sizeof(text), "%s: %s; the message was not acknowledged", what,
             strerror_r(-error, reason, sizeof(reason)));
    output_notice(text);
    recv->code = code;
}

static void show_messages(struct recv *recv)
{
    while (recv->code < 0) {
        int error;
        enum show_result result = show_next(recv->session, show, recv, &error);
        switch (result) {
        case SHOW_NOTHING:
            return;
        case SHOW_SKIPPED:
            break;
        case SHOW_SHOWN:
            recv->shown++;
            if (recv->invocation->count > 0 && recv->shown == recv->invocation->count)
                recv->code = EXIT_DONE;
            break;
        case SHOW_FAILED:
            if (error == -ECANCELED)
                return; /* a signal: the loop sees it */
            give_up(recv, "standard output", error, EXIT_OUTPUT);
            break;
        case SHOW_UNKEPT:
            give_up(recv, "what was shown cannot be written down", error, EXIT_SYSTEM);
            break;
        }
    }
}

/* What the account wants of this thread. */
static void serve_account(struct recv *recv)
{
    struct account *account = recv->session->receiving->account;

    if (account_password_wanted(account))
        (void)!password_supply(account, recv->invocation->password_fd, recv->stop_fd);
    if (recv->code < 0 && account_refusal(account) != ACCOUNT_WELCOME)
        recv->code = sending_exit_code(account_refusal(account)); /* the user has been told */
}

static void show_notices(struct session *session)
{
    struct notice *notice;

    while ((notice = session_next_notice(session))) {
        output_notice(notice->text);
        free(notice);
    }
}

/* Waits for something and does it. `deadline` is monotonic, UINT64_MAX for none. */
static void turn(struct recv *recv, uint64_t deadline)
{
    struct pollfd fds[] = {
        {.fd = recv->stop_fd, .events = POLLIN},
        {.fd = recv->session->wake[SESSION_INPUT], .events = POLLIN},
        {.fd = STDOUT_FILENO}, /* only to learn that its reader has gone */
    };
    uint64_t now = clock_monotonic_us();

    if (now >= deadline) {
        recv->code = EXIT_TIME_OUT;
        return;
    }
    if (poll(fds, ARRAY_SIZE(fds), clock_poll_ms(deadline, now)) <= 0)
        return;
    if (fds[0].revents) {
        recv->code = recv->invocation->count > 0 ? EXIT_TIME_OUT : EXIT_DONE;
        return;
    }
    if (fds[1].revents)
        session_woken(recv->session, SESSION_INPUT);
    show_notices(recv->session);
    show_messages(recv);
    serve_account(recv);
    if (recv->code < 0 && fds[2].revents) {
        output_notice("standard output was closed");
        recv->code = EXIT_OUTPUT;
    }
}

static int receive(struct recv *recv, struct receiving *receiving)
{
    const struct invocation *invocation = recv->invocation;
    uint64_t deadline = UINT64_MAX;
    struct crew crew;

    if (invocation->timeout_us > 0)
        deadline = clock_monotonic_us() + invocation->timeout_us;
    if (crew_start(&crew, &invocation->settings, receiving, invocation->verbose) < 0) {
        output_notice("cannot start the threads");
        return EXIT_SYSTEM;
    }
    recv->session = &crew.session;
    while (recv->code < 0)
        turn(recv, deadline);
    show_notices(&crew.session);
    crew_end(&crew);
    return recv->code;
}

int run_recv(const struct invocation *invocation, int stop_fd)
{
    struct recv recv = {
        .invocation = invocation,
        .stop_fd = stop_fd,
        /* Harmless on a terminal, readable in a file. */
        .json_flags = JSON_COMPACT | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0),
        .code = -1,
    };
    struct receiving receiving;
    int code = receiving_open(&invocation->settings, &receiving);

    if (code != EXIT_DONE)
        return code;
    if (password_prepare(receiving.account, invocation->password_fd, stop_fd) < 0)
        code = EXIT_USAGE;
    else
        code = receive(&recv, &receiving);
    receiving_close(&receiving);
    return code;
}
