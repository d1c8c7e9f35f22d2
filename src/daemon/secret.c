/* The server's secret.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/secret.h"

#include "config/credential.h"
#include "util/log.h"
#include "util/new-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREDENTIAL  "server-secret"
#define SECRET_MODE 0600
#define OTHERS      (S_IRWXG | S_IRWXO)

/* Says it in words and returns `error`. */
static int fail(char **ret_error, int error, const char *format, ...) PRINTF_LIKE(3, 4);
static int fail(char **ret_error, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vasprintf(ret_error, format, args) < 0)
        *ret_error = NULL;
    va_end(args);
    return error;
}

static int unreadable(const char *path, int error, char **ret_error)
{
    return fail(ret_error, error, "%s: the server's secret cannot be read: %s", path,
                strerror(-error));
}

/* A credential has the mode that the service manager's way of handing it over gives it. */
static int judge(const char *path, const struct stat *st, bool credential, char **ret_error)
{
    if (!S_ISREG(st->st_mode))
        return fail(ret_error, -EINVAL, "%s: the server's secret is no regular file", path);
    if (!credential && (st->st_mode & OTHERS) != 0)
        return fail(ret_error, -EPERM,
                    "%s: the server's secret has mode %04o: allowed is 0600; if somebody may have "
                    "read it, remove it, and a new one is made",
                    path, st->st_mode & 07777);
    if (st->st_size != SECRET_LEN)
        return fail(ret_error, -EINVAL, "%s: the server's secret has %lld bytes: allowed are %d",
                    path, (long long)st->st_size, SECRET_LEN);
    return 0;
}

static int read_whole(int fd, const char *path, uint8_t ret[SECRET_LEN], char **ret_error)
{
    uint8_t secret[SECRET_LEN];
    ssize_t count = read(fd, secret, sizeof secret);
    int r = 0;
    if (count == SECRET_LEN)
        memcpy(ret, secret, sizeof secret);
    else
        r = unreadable(path, count < 0 ? -errno : -EIO, ret_error);
    explicit_bzero(secret, sizeof secret);
    return r;
}

static int read_secret(const char *path, bool credential, uint8_t ret[SECRET_LEN], char **ret_error)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int error = -errno;
        if (fd >= 0)
            close(fd);
        return unreadable(path, error, ret_error);
    }
    int r = judge(path, &st, credential, ret_error);
    if (r == 0)
        r = read_whole(fd, path, ret, ret_error);
    close(fd);
    return r;
}

/* Whoever comes second finds the file of the first. */
static int make_secret(const char *path, char **ret_error)
{
    uint8_t secret[SECRET_LEN];
    randombytes_buf(secret, sizeof secret);
    int r = new_file_write(path, SECRET_MODE,
                           (struct bytes){.data = (const char *)secret, .len = sizeof secret});
    explicit_bzero(secret, sizeof secret);
    if (r == 0)
        log_notice("%s: the server's secret was made", path);
    if (r < 0 && r != -EEXIST)
        return fail(ret_error, r, "%s: the server's secret cannot be made: %s", path, strerror(-r));
    return 0;
}

int secret_load(const char *file, bool make, uint8_t ret[SECRET_LEN], char **ret_error)
{
    char *credential = NULL;
    *ret_error = NULL;
    int r = credential_path(CREDENTIAL, &credential);
    if (r < 0)
        return r;
    if (credential != NULL) {
        r = read_secret(credential, true, ret, ret_error);
        free(credential);
        return r;
    }
    if (access(file, F_OK) < 0 && errno == ENOENT) {
        if (!make)
            return 1;
        r = make_secret(file, ret_error);
    }
    return r < 0 ? r : read_secret(file, false, ret, ret_error);
}
