/* Who answers the requests of this run: the daemon if there is one, else this process.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/session.h"
#include "ctl/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct session {
    int fd;                    /* to the daemon, or -1 */
    struct storage_host *host; /* or NULL */
};

static const char *control_path(const struct ctl *ctl)
{
    return ctl->options.control ? ctl->options.control : ctl->config.listen.control;
}

/* Nobody listens: the command is carried out here if it can be. */
static int open_without_daemon(struct ctl *ctl)
{
    if (ctl->reach == REACH_DAEMON)
        return print_failure(ctl, EXIT_NO_DAEMON, "no-daemon",
                             "no daemon is running: nothing listens at %s", control_path(ctl));
    int code = storage_open_configured(ctl, ctl->config.storage.migrate);
    if (code != EXIT_OK)
        return code;
    int error = storage_host_new(&ctl->config, &ctl->session->host);
    if (error < 0) {
        storage_close();
        return print_failure(ctl, EXIT_UNREACHABLE, "internal", "%s", strerror(-error));
    }
    return EXIT_OK;
}

static int open_session(struct ctl *ctl)
{
    ctl->session = calloc(1, sizeof(*ctl->session));
    if (!ctl->session)
        return print_failure(ctl, EXIT_UNREACHABLE, "internal", "no memory");
    int fd = control_connect(control_path(ctl));
    ctl->session->fd = fd >= 0 ? fd : -1;
    if (fd >= 0)
        return EXIT_OK;
    if (fd == -ENOENT || fd == -ECONNREFUSED || fd == -ENOTDIR)
        return open_without_daemon(ctl);
    if (fd == -EACCES || fd == -EPERM)
        return print_failure(ctl, EXIT_REFUSED, "forbidden",
                             "%s: only root and the members of its group may administer",
                             control_path(ctl));
    return print_failure(ctl, EXIT_UNREACHABLE, "unreachable", "%s: %s", control_path(ctl),
                         strerror(-fd));
}

static const char *exchange_words(int error)
{
    switch (error) {
    case -ETIMEDOUT:
        return "it did not answer in time";
    case -ECONNRESET:
        return "it closed the connection without an answer";
    case -EBADMSG:
        return "what it answered is not understood";
    default:
        return strerror(-error);
    }
}

static int exchange(struct ctl *ctl, json_t *request, json_t **ret_answer)
{
    int error;

    if (ctl->session->host) {
        error = storage_host_request(ctl->session->host, request, ret_answer);
        return error < 0 ? print_failure(ctl, EXIT_UNREACHABLE, "internal", "%s", strerror(-error))
                         : EXIT_OK;
    }
    error = control_exchange(ctl->session->fd, request, ctl->command->patience, ret_answer);
    return error < 0 ? print_failure(ctl, EXIT_UNREACHABLE, "unreachable", "the daemon at %s: %s",
                                     control_path(ctl), exchange_words(error))
                     : EXIT_OK;
}

int session_request(struct ctl *ctl, json_t *request, json_t **ret_answer)
{
    int code = EXIT_OK;

    if (!request)
        return print_failure(ctl, EXIT_UNREACHABLE, "internal", "no memory");
    if (!ctl->session)
        code = open_session(ctl);
    if (code == EXIT_OK)
        code = exchange(ctl, request, ret_answer);
    json_decref(request);
    return code;
}

void session_close(struct ctl *ctl)
{
    struct session *session = ctl->session;

    if (!session)
        return;
    if (session->fd >= 0)
        close(session->fd);
    if (session->host) {
        storage_close();
        storage_host_free(session->host);
    }
    free(session);
    ctl->session = NULL;
}
