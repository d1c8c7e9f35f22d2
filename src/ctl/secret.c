/* Passwords: where they come from.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/secret.h"
#include "ctl/print.h"
#include "model/name.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

void secret_free(char *secret)
{
    daemon_config_free_secret(secret);
}

void secret_random(char ret[SECRET_TEXT_LEN + 1])
{
    unsigned char random[24];

    randombytes_buf(random, sizeof(random));
    sodium_bin2base64(ret, SECRET_TEXT_LEN + 1, random, sizeof(random),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof(random));
}
_Static_assert(sodium_base64_ENCODED_LEN(24, sodium_base64_VARIANT_URLSAFE_NO_PADDING) ==
                   SECRET_TEXT_LEN + 1,
               "24 bytes are 32 characters");

/* -- files and descriptors -------------------------------------------------------------------- */

/* Reads `fd` up to its first newline or end, byte by byte so that what stands behind it is left to
 * others. 0, -E2BIG, -EBADMSG (a NUL), -ENODATA (nothing), or another -errno. */
static int read_line(int fd, char line[PASSWORD_MAX_BYTES + 1])
{
    size_t len = 0;

    for (;;) {
        char c;
        ssize_t got = read(fd, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0 || c == '\n')
            break;
        if (c == '\0')
            return -EBADMSG;
        if (len == PASSWORD_MAX_BYTES)
            return -E2BIG;
        line[len++] = c;
    }
    line[len] = '\0';
    return len > 0 ? 0 : -ENODATA;
}

static const char *read_words(int error)
{
    switch (error) {
    case -E2BIG:
        return "its first line is longer than any password";
    case -EBADMSG:
        return "it holds a NUL byte";
    case -ENODATA:
        return "its first line is empty";
    default:
        return strerror(-error);
    }
}

static int from_fd(const struct ctl *ctl, int fd, const char *origin, char **ret)
{
    char line[PASSWORD_MAX_BYTES + 1];
    int error = read_line(fd, line);
    char *secret = error == 0 ? strdup(line) : NULL;

    explicit_bzero(line, sizeof(line));
    if (error == 0 && !secret)
        error = -ENOMEM;
    if (error < 0)
        return print_failure(ctl, EXIT_USAGE, "usage", "the password in %s: %s", origin,
                             read_words(error));
    *ret = secret;
    return EXIT_OK;
}

static int from_file(const struct ctl *ctl, const char *path, char **ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return print_failure(ctl, EXIT_USAGE, "usage", "the password in %s: %s", path,
                             strerror(errno));
    int code = from_fd(ctl, fd, path, ret);
    close(fd);
    return code;
}

int secret_for_server(const struct ctl *ctl, const char *path, char **ret)
{
    char *error = NULL;
    int result = daemon_config_read_secret(path, ret, &error);

    if (result < 0)
        print_failure(ctl, EXIT_USAGE, "usage", "%s", error ? error : strerror(-result));
    free(error);
    return result < 0 ? EXIT_USAGE : EXIT_OK;
}

static int from_fd_option(const struct ctl *ctl, char **ret)
{
    const char *text = ctl->options.password_fd;
    char *end, origin[32];
    long fd = strtol(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end || fd > 65535)
        return print_failure(ctl, EXIT_USAGE, "usage",
                             "--password-fd %s: allowed is the number of an open descriptor", text);
    snprintf(origin, sizeof(origin), "descriptor %ld", fd);
    return from_fd(ctl, (int)fd, origin, ret);
}

/* -- the terminal ----------------------------------------------------------------------------- */

/* Asks for one line on the terminal without echo. Signals that would end the program wait until
 * the terminal is as it was. 0, -EINTR if one came, or as read_line(). */
static int ask_hidden(int tty, const char *prompt, const char *userid,
                      char line[PASSWORD_MAX_BYTES + 1])
{
    struct termios before, hidden;
    sigset_t ending, mask;

    if (tcgetattr(tty, &before) < 0)
        return -errno;
    sigemptyset(&ending);
    for (size_t i = 0; i < 4; i++)
        sigaddset(&ending, (const int[]){SIGINT, SIGTERM, SIGHUP, SIGQUIT}[i]);
    int signals = signalfd(-1, &ending, SFD_CLOEXEC);
    if (signals < 0)
        return -errno;
    sigprocmask(SIG_BLOCK, &ending, &mask);
    hidden = before;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    tcsetattr(tty, TCSAFLUSH, &hidden); /* before the prompt: what is typed after it counts */
    dprintf(tty, "%s %s: ", prompt, userid);
    struct pollfd entries[2] = {{.fd = tty, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    int ready;
    do
        ready = poll(entries, 2, -1);
    while (ready < 0 && errno == EINTR);
    int error = entries[1].revents || ready < 0 ? -EINTR : read_line(tty, line);
    tcsetattr(tty, TCSAFLUSH, &before);
    dprintf(tty, "\n");
    close(signals);
    sigprocmask(SIG_SETMASK, &mask, NULL); /* a signal that waited ends the program here */
    return error;
}

static int prompt_once(const struct ctl *ctl, int tty, const char *prompt, const char *userid,
                       char line[PASSWORD_MAX_BYTES + 1])
{
    int error = ask_hidden(tty, prompt, userid, line);

    if (error < 0)
        return print_failure(ctl, EXIT_USAGE, "usage", "the password typed: %s",
                             error == -ENODATA ? "it is empty" : read_words(error));
    return EXIT_OK;
}

static int open_terminal(void)
{
    return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool secret_is_typed(const struct ctl *ctl)
{
    int tty = ctl->options.password_file || ctl->options.password_fd ? -1 : open_terminal();

    if (tty >= 0)
        close(tty);
    return tty >= 0;
}

static int from_terminal(const struct ctl *ctl, const char *userid, char **ret)
{
    char first[PASSWORD_MAX_BYTES + 1] = "", second[PASSWORD_MAX_BYTES + 1] = "";
    int tty = open_terminal();

    if (tty < 0)
        return print_failure(ctl, EXIT_USAGE, "usage",
                             "there is no terminal to ask for the password on: "
                             "give --password-file or --password-fd");
    int code = prompt_once(ctl, tty, "Password for", userid, first);
    if (code == EXIT_OK)
        code = prompt_once(ctl, tty, "Once more, the password for", userid, second);
    if (code == EXIT_OK && strcmp(first, second) != 0)
        code = print_failure(ctl, EXIT_USAGE, "usage", "the two passwords are not the same");
    if (code == EXIT_OK && !(*ret = strdup(first)))
        code = print_failure(ctl, EXIT_UNREACHABLE, "internal", "no memory");
    explicit_bzero(first, sizeof(first));
    explicit_bzero(second, sizeof(second));
    close(tty);
    return code;
}

int secret_obtain(const struct ctl *ctl, const char *userid, char **ret)
{
    if (ctl->options.password_file && ctl->options.password_fd)
        return print_failure(ctl, EXIT_USAGE, "usage",
                             "--password-file and --password-fd exclude each other");
    if (ctl->options.password_file)
        return from_file(ctl, ctl->options.password_file, ret);
    if (ctl->options.password_fd)
        return from_fd_option(ctl, ret);
    return from_terminal(ctl, userid, ret);
}
