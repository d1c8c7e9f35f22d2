/* Who may administer: judged by what the kernel says of a peer, groups included.
 *
 * To be somebody else a test has to be root; without that only the cases about oneself are run.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/control-peer.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SOMEBODY 54321
#define PRIMARY  54322
#define SECOND   54323
#define OTHER    54324

static int listen_here(struct sockaddr_un *ret, socklen_t *ret_len)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    int len = snprintf(ret->sun_path + 1, sizeof ret->sun_path - 1, "control-peer-test-%ld",
                       (long)getpid());
    *ret_len = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 + (socklen_t)len;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)ret, *ret_len), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* In the child: connects as SOMEBODY, or as who one is, and waits for the other side to close. */
static void connect_and_wait(const struct sockaddr_un *addr, socklen_t len, bool as_somebody)
{
    const gid_t groups[] = {OTHER + 1, SECOND};
    char byte;
    if (as_somebody && (setgroups(2, groups) < 0 || setgid(PRIMARY) < 0 || setuid(SOMEBODY) < 0))
        _exit(1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)addr, len) < 0)
        _exit(2);
    _exit(read(fd, &byte, 1) == 0 ? 0 : 3);
}

/* The connection of a child process; `ret_child` ends once it is closed. */
static int accept_from(bool as_somebody, pid_t *ret_child)
{
    struct sockaddr_un addr;
    socklen_t len;
    int listening = listen_here(&addr, &len);
    *ret_child = fork();
    assert_true(*ret_child >= 0);
    if (*ret_child == 0)
        connect_and_wait(&addr, len, as_somebody);
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    close(listening);
    return fd;
}

static void end(int fd, pid_t child)
{
    int status;
    close(fd);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_oneself_is_allowed(void **state)
{
    (void)state;
    pid_t child;
    uid_t uid;
    int fd = accept_from(false, &child);
    assert_true(control_peer_allowed(fd, (gid_t)-1, &uid));
    assert_int_equal(uid, getuid());
    end(fd, child);
}

static void test_somebody_is_judged_by_his_groups(void **state)
{
    (void)state;
    pid_t child;
    uid_t uid;
    if (geteuid() != 0)
        return;
    int fd = accept_from(true, &child);
    assert_false(control_peer_allowed(fd, (gid_t)-1, &uid));
    assert_int_equal(uid, SOMEBODY);
    assert_false(control_peer_allowed(fd, OTHER, &uid));
    assert_true(control_peer_allowed(fd, PRIMARY, &uid));
    assert_true(control_peer_allowed(fd, SECOND, &uid));
    end(fd, child);
}

static void test_what_is_no_socket_is_refused(void **state)
{
    (void)state;
    uid_t uid = 0;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_false(control_peer_allowed(ends[0], 0, &uid));
    assert_int_equal(uid, (uid_t)-1);
    close(ends[0]);
    close(ends[1]);
    assert_false(control_peer_allowed(-1, 0, &uid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oneself_is_allowed),
        cmocka_unit_test(test_somebody_is_judged_by_his_groups),
        cmocka_unit_test(test_what_is_no_socket_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
