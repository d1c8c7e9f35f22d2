/* Calls that change the disk, of which one fails or ends the process on demand, and a folder to try
 * it in. A program that includes this is linked with DISK_FAULT_WRAPS.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CRASHED 42 /* exit code of a process that a fault ended */

enum fault_kind {
    FAULT_NONE,
    FAULT_CRASH, /* the process ends before the call */
    FAULT_TORN,  /* as FAULT_CRASH, but a write(2) writes half before */
    FAULT_ERROR, /* the call fails with EIO */
};

static struct {
    enum fault_kind kind;
    unsigned countdown; /* calls until it happens; 1: the next */
    bool happened;
    char trace[256]; /* the calls by their letters */
    size_t calls;
    void (*during_sync)(void); /* another thread, as it were */
} fault;

/* True if the call that `letter` stands for is the one. */
static bool fault_is_due(char letter)
{
    if (fault.calls < sizeof(fault.trace) - 1)
        fault.trace[fault.calls++] = letter;
    return fault.kind != FAULT_NONE && fault.countdown > 0 && --fault.countdown == 0;
}

/* True if this call has to fail. */
static bool fault_step(char letter)
{
    if (!fault_is_due(letter))
        return false;
    if (fault.kind != FAULT_ERROR)
        _exit(CRASHED);
    fault.happened = true;
    errno = EIO;
    return true;
}

#define WRAP(letter, type, name, parameters, arguments)                                            \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return fault_step(letter) ? -1 : __real_##name arguments;                                  \
    }

WRAP('m', int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
WRAP('r', int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP('u', int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
WRAP('s', int, fsync, (int fd), (fd))
WRAP('l', int, flock, (int fd, int operation), (fd, operation))

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int __wrap_fdatasync(int fd)
{
    if (fault.during_sync)
        fault.during_sync();
    return fault_step('d') ? -1 : __real_fdatasync(fd);
}

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    if (fault.kind == FAULT_TORN && fault.countdown == 1)
        (void)!__real_write(fd, data, size / 2);
    return fault_step('w') ? -1 : __real_write(fd, data, size);
}

int __real_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...);

int __wrap_openat(int fd, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fault_step('o') ? -1 : __real_openat(fd, path, flags, mode);
}

static void arm(enum fault_kind kind, unsigned countdown)
{
    memset(&fault, 0, sizeof(fault));
    fault.kind = kind;
    fault.countdown = countdown;
}

/* A folder for the test, empty at first. */
static char folder[64];

static int make_folder(void)
{
    arm(FAULT_NONE, 0);
    strcpy(folder, "/tmp/multichat-disk-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static int remove_folder(void)
{
    arm(FAULT_NONE, 0);
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Runs live() in a process whose n-th call ends it or fails. What it reports through the descriptor
 * is a string in `report`. True if there was an n-th. */
static inline bool live_with(void (*live)(int report), enum fault_kind kind, unsigned n,
                             char *report, size_t size)
{
    int fds[2], status;
    pid_t child;
    ssize_t len;

    assert_int_equal(pipe(fds), 0);
    child = fork();
    if (child == 0) {
        close(fds[0]);
        arm(kind, n);
        live(fds[1]);
        _exit(kind == FAULT_ERROR && fault.happened ? CRASHED : 0);
    }
    close(fds[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    len = read(fds[0], report, size - 1);
    assert_true(len >= 0);
    report[len] = '\0';
    close(fds[0]);
    return WEXITSTATUS(status) == CRASHED;
}
