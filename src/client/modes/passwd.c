/* `multichat passwd`: another password, after which every other session of the user has ended.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"
#include "client/link.h"
#include "client/modes/modes.h"
#include "client/modes/sending.h"
#include "client/output.h"
#include "client/password.h"
#include "client/server.h"
#include "util/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define HOSTS_MAX         16
#define ANSWER_TIMEOUT_US (30 * USEC_PER_SEC) /* two slow hashes, behind those of others */

struct passwd {
    const struct invocation *invocation;
    struct link link;
    char old[V2_PASSWORD_MAX + 1], new[V2_PASSWORD_MAX + 1];
    uint64_t answer_by; /* once it was said, else UINT64_MAX */
    int code;           /* enum exit_code, or -1 while it goes on */
    bool unreachable;   /* at the address tried last */
};

static void say(const char *format, ...) PRINTF_LIKE(1, 2);

static void say(const char *format, ...)
{
    char text[640];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    output_notice(text);
}

static void ask(struct passwd *passwd, uint64_t now)
{
    const struct v2_frame frame = {
        .verb = V2_VERB_PASSWD,
        .password = bytes_of(passwd->old),
        .new_password = bytes_of(passwd->new),
    };
    int r = link_write(&passwd->link, &frame);

    if (r < 0) {
        say("the password was not changed: it cannot be said");
        passwd->code = EXIT_SYSTEM;
    }
    passwd->answer_by = now + ANSWER_TIMEOUT_US;
}

static void answered(struct passwd *passwd, const struct v2_frame *frame)
{
    if (frame->verb == V2_VERB_WELCOME) {
        account_welcome(passwd->link.account, frame, passwd->link.session.secure);
        say("the password was changed; every other session of yours has ended");
        passwd->code = EXIT_DONE;
    } else if (frame->verb == V2_VERB_ERR) {
        say("the password was not changed: %.*s (%.*s)", BYTES_ARG(frame->text),
            BYTES_ARG(frame->code));
        passwd->code = EXIT_REFUSED;
    }
}

static void broken(struct passwd *passwd, const char *reason)
{
    const struct settings *settings = &passwd->invocation->settings;

    if (passwd->answer_by != UINT64_MAX) {
        say("it is not known whether the password was changed (%s)", reason);
        passwd->code = EXIT_KEPT;
    } else {
        say("cannot reach the server %s, port %u: %s", settings->server,
            (unsigned)settings->write_port, reason);
        passwd->unreachable = true;
    }
}

static void follow(struct passwd *passwd, short revents, uint64_t now)
{
    enum link_event event;
    struct v2_frame frame;

    while (passwd->code < 0 &&
           (event = link_turn(&passwd->link, revents, now, &frame)) != LINK_WAITING) {
        revents = 0;
        if (event == LINK_SIGNED_ON)
            ask(passwd, now);
        else if (event == LINK_FRAME)
            answered(passwd, &frame);
        else if (event == LINK_REFUSED)
            passwd->code = sending_exit_code(account_refusal(passwd->link.account));
        else
            broken(passwd, passwd->link.reason);
    }
}

/* Tries at one address. */
static void try(struct passwd *passwd, const struct addr *server, int stop_fd)
{
    passwd->unreachable = false;
    link_open(&passwd->link, server);
    while (passwd->code < 0 && !passwd->unreachable) {
        struct pollfd fds[] = {link_pollfd(&passwd->link), {.fd = stop_fd, .events = POLLIN}};
        uint64_t now = clock_monotonic_us(), due = link_due(&passwd->link);
        if (passwd->answer_by < due)
            due = passwd->answer_by;
        if (poll(fds, ARRAY_SIZE(fds), clock_poll_ms(due, now)) < 0)
            continue;
        now = clock_monotonic_us();
        if (fds[1].revents)
            broken(passwd, "interrupted");
        else if (now >= passwd->answer_by)
            broken(passwd, "it gives no answer");
        else
            follow(passwd, fds[0].revents, now);
    }
    link_close(&passwd->link);
}

static int try_anywhere(struct passwd *passwd, int stop_fd)
{
    const struct settings *settings = &passwd->invocation->settings;
    struct addr hosts[HOSTS_MAX];
    const char *reason;
    long count = server_resolve(settings->server, (uint16_t)settings->write_port, hosts,
                                ARRAY_SIZE(hosts), &reason);

    if (count < 0)
        say("cannot find the server %s: %s", settings->server, reason);
    for (long i = 0; i < count && passwd->code < 0; i++)
        try(passwd, &hosts[i], stop_fd);
    return passwd->code < 0 ? EXIT_KEPT : passwd->code;
}

/* 0, or -errno, which the user has been told. */
static int get_passwords(struct passwd *passwd, int stop_fd)
{
    const struct invocation *invocation = passwd->invocation;
    char *warning = NULL, *error = NULL;
    int r = password_get(&invocation->settings, invocation->password_fd, stop_fd, passwd->old,
                         &warning, &error);

    if (warning)
        output_notice(warning);
    free(warning);
    warning = NULL;
    if (r == 0)
        r = password_get_new(invocation->new_password_file, invocation->new_password_fd, stop_fd,
                             passwd->new, &warning, &error);
    if (warning)
        output_notice(warning);
    free(warning);
    if (r < 0 && r != -ECANCELED)
        output_notice(error ? error : "out of memory");
    free(error);
    return r;
}

int run_passwd(const struct invocation *invocation, int stop_fd)
{
    struct passwd passwd = {.invocation = invocation, .answer_by = UINT64_MAX, .code = -1};
    struct sending sending;
    int code = EXIT_USAGE;

    if (get_passwords(&passwd, stop_fd) == 0)
        code = sending_open(&invocation->settings, &sending);
    if (code == EXIT_DONE) {
        account_give_password(sending.account, passwd.old);
        code = link_init(&passwd.link, sending.account) < 0 ? EXIT_SYSTEM
                                                            : try_anywhere(&passwd, stop_fd);
        link_deinit(&passwd.link);
        sending_close(&sending);
    }
    explicit_bzero(passwd.old, sizeof(passwd.old));
    explicit_bzero(passwd.new, sizeof(passwd.new));
    return code;
}
