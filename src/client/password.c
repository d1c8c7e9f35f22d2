/* Where the password comes from: see password.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/password.h"

#include "client/shell.h"
#include "util/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int fail(char **ret_error, int error, const char *what, const char *why)
{
    if (asprintf(ret_error, "%s: %s", what, why) < 0)
        *ret_error = NULL;
    return -error;
}

static int fail_errno(char **ret_error, int error, const char *what)
{
    char text[128];

    return fail(ret_error, error, what, strerror_r(error, text, sizeof(text)));
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* Reads up to the first newline or the end into `line` (with room for one byte too many). Returns
 * the length, or -ECANCELED, -EMSGSIZE, -errno. */
static long read_line(int fd, int stop_fd, char *line, size_t size)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};
    size_t len = 0;

    /* Byte by byte: what follows the line in a descriptor given by the user is not ours. */
    for (;;) {
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
            return -errno;
        if (fds[1].revents)
            return -ECANCELED;
        if (!fds[0].revents)
            continue;
        ssize_t n = read(fd, line + len, 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return -errno;
        if (n == 0 || line[len] == '\n')
            break;
        if (++len == size)
            return -EMSGSIZE;
    }
    while (len > 0 && line[len - 1] == '\r')
        len--;
    return (long)len;
}

static const char *refusal(struct bytes password)
{
    if (password.len == 0)
        return "the password is empty";
    if (!utf8_valid(password))
        return "the password is not valid UTF-8";
    for (size_t i = 0; i < password.len; i++)
        if (password.data[i] == ':' || (unsigned char)password.data[i] < 0x20 ||
            password.data[i] == 0x7f)
            return "a password has no control characters and no ':'";
    return NULL;
}

static int take_line(int fd, int stop_fd, const char *what, char ret[V2_PASSWORD_MAX + 1],
                     char **ret_error)
{
    char line[V2_PASSWORD_MAX + 2];
    long len = read_line(fd, stop_fd, line, sizeof(line) - 1);
    const char *why = NULL;
    int r = 0;

    if (len == -ECANCELED)
        r = -ECANCELED;
    else if (len == -EMSGSIZE || len > V2_PASSWORD_MAX)
        r = fail(ret_error, EINVAL, what, "the password is longer than 128 bytes");
    else if (len < 0)
        r = fail_errno(ret_error, (int)-len, what);
    else if ((why = refusal((struct bytes){line, (size_t)len})))
        r = fail(ret_error, EINVAL, what, why);
    if (r == 0) {
        memcpy(ret, line, (size_t)len);
        ret[len] = '\0';
    }
    explicit_bzero(line, sizeof(line));
    return r;
}

static int from_file(const char *path, int stop_fd, char ret[V2_PASSWORD_MAX + 1],
                     char **ret_warning, char **ret_error)
{
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return fail_errno(ret_error, errno, path);
    if ((st.st_mode & (S_IRGRP | S_IROTH)) &&
        asprintf(ret_warning, "%s can be read by others; chmod 600 would keep the password secret",
                 path) < 0)
        *ret_warning = NULL;
    return take_line(fd, stop_fd, path, ret, ret_error);
}

static int from_command(const char *command, int stop_fd, char ret[V2_PASSWORD_MAX + 1],
                        char **ret_error)
{
    int fds[2], status, r;
    pid_t child;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return fail_errno(ret_error, errno, "password_command");
    /* Standard input holds messages, which are not the command's to read. */
    r = shell_start(command, SHELL_NULL, fds[1], NULL, &child);
    close(fds[1]);
    if (r < 0) {
        close(fds[0]);
        return fail_errno(ret_error, -r, "password_command");
    }
    r = take_line(fds[0], stop_fd, "password_command", ret, ret_error);
    close(fds[0]);
    if (r == -ECANCELED)
        kill(child, SIGTERM);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    /* A SIGPIPE only means that it had more to say than its first line. */
    bool failed = WIFEXITED(status) ? WEXITSTATUS(status) != 0 : WTERMSIG(status) != SIGPIPE;
    if (failed && r != -ECANCELED) {
        if (r < 0)
            free(*ret_error);
        explicit_bzero(ret, V2_PASSWORD_MAX + 1);
        return fail(ret_error, EINVAL, "password_command", "the command failed");
    }
    return r;
}

static int from_terminal(const char *prompt, int stop_fd, char ret[V2_PASSWORD_MAX + 1],
                         char **ret_error)
{
    CLEANUP(close_fd) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios before, silent;
    int r;

    if (fd < 0 || tcgetattr(fd, &before) < 0)
        return fail(ret_error, EINVAL, "no password",
                    "there is no terminal to ask at; give --password-file, --password-command or "
                    "--password-fd");
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &silent);
    dprintf(fd, "%s: ", prompt);
    r = take_line(fd, stop_fd, "terminal", ret, ret_error);
    tcsetattr(fd, TCSAFLUSH, &before);
    dprintf(fd, "\n");
    return r;
}

int password_get(const struct settings *settings, int password_fd, int stop_fd,
                 char ret[V2_PASSWORD_MAX + 1], char **ret_warning, char **ret_error)
{
    char prompt[512];

    *ret_warning = NULL;
    if (password_fd != PASSWORD_FD_NONE)
        return take_line(password_fd, stop_fd, "--password-fd", ret, ret_error);
    if (settings->password_file[0])
        return from_file(settings->password_file, stop_fd, ret, ret_warning, ret_error);
    if (settings->password_command[0])
        return from_command(settings->password_command, stop_fd, ret, ret_error);
    snprintf(prompt, sizeof(prompt), "Password of %s at %s", settings->user, settings->server);
    return from_terminal(prompt, stop_fd, ret, ret_error);
}

/* Asked for twice: what nobody sees, nobody sees to be mistyped. */
static int new_from_terminal(int stop_fd, char ret[V2_PASSWORD_MAX + 1], char **ret_error)
{
    char again[V2_PASSWORD_MAX + 1] = "";
    int r = from_terminal("New password", stop_fd, ret, ret_error);

    if (r == 0)
        r = from_terminal("New password, again", stop_fd, again, ret_error);
    if (r == 0 && strcmp(ret, again) != 0)
        r = fail(ret_error, EINVAL, "terminal", "the two are not the same");
    explicit_bzero(again, sizeof(again));
    return r;
}

int password_get_new(const char *file, int password_fd, int stop_fd, char ret[V2_PASSWORD_MAX + 1],
                     char **ret_warning, char **ret_error)
{
    *ret_warning = NULL;
    if (password_fd != PASSWORD_FD_NONE)
        return take_line(password_fd, stop_fd, "--new-password-fd", ret, ret_error);
    if (file)
        return from_file(file, stop_fd, ret, ret_warning, ret_error);
    return new_from_terminal(stop_fd, ret, ret_error);
}

int password_supply(struct account *account, int password_fd, int stop_fd)
{
    char password[V2_PASSWORD_MAX + 1], *warning = NULL, *error = NULL;
    int r =
        password_get(account_settings(account), password_fd, stop_fd, password, &warning, &error);

    if (warning)
        account_tell(account, warning);
    if (r == 0)
        account_give_password(account, password);
    else if (r != -ECANCELED)
        account_refuse(account, ACCOUNT_NO_PASSWORD, error ? error : "out of memory");
    explicit_bzero(password, sizeof(password));
    free(warning);
    free(error);
    return r;
}

int password_prepare(struct account *account, int password_fd, int stop_fd)
{
    if (password_fd == PASSWORD_FD_NONE && account_session(account, NULL))
        return 0;
    return password_supply(account, password_fd, stop_fd);
}
