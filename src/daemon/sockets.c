/* The sockets the daemon serves.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/sockets.h"

#include "daemon/control-peer.h"
#include "io/listener.h"
#include "io/udp-port.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#if HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#define CONTROL_MODE 0660

static int bind_polls(struct sockets *sockets, const struct daemon_config *config);
static int bind_writes(struct sockets *sockets, const struct daemon_config *config);
static int bind_control(struct sockets *sockets, const struct daemon_config *config);

static const struct {
    const char *name; /* FileDescriptorName= and the word in the ready file */
    int type;
    bool listens, local;
    const char *allowed;
    int (*bind)(struct sockets *sockets, const struct daemon_config *config);
} roles[SOCKET_ROLES] = {
    [SOCKET_POLLS] = {"polls", SOCK_DGRAM, false, false, "a UDP socket", bind_polls},
    [SOCKET_WRITES] = {"writes", SOCK_STREAM, true, false, "a TCP socket that listens",
                       bind_writes},
    [SOCKET_CONTROL] = {"control", SOCK_STREAM, true, true, "a unix stream socket that listens",
                        bind_control},
};

static int add(struct sockets *sockets, enum socket_role role, int fd)
{
    if (sockets->count[role] == SOCKETS_MAX)
        return -E2BIG;
    sockets->fds[role][sockets->count[role]++] = fd;
    return 0;
}

/* -- binding ---------------------------------------------------------------------------------- */

static int add_bound(struct sockets *sockets, enum socket_role role, int fd, const char *where)
{
    if (fd < 0) {
        log_error("listen.%s: cannot bind %s: %s", roles[role].name, where, strerror(-fd));
        return fd;
    }
    return add(sockets, role, fd);
}

static int bind_polls(struct sockets *sockets, const struct daemon_config *config)
{
    char text[ADDR_TEXT_MAX];
    return add_bound(sockets, SOCKET_POLLS, udp_port_bind(&config->listen.polls),
                     addr_format(&config->listen.polls, text));
}

static int bind_writes(struct sockets *sockets, const struct daemon_config *config)
{
    char text[ADDR_TEXT_MAX];
    return add_bound(sockets, SOCKET_WRITES, listener_bind(&config->listen.writes),
                     addr_format(&config->listen.writes, text));
}

static int bind_control(struct sockets *sockets, const struct daemon_config *config)
{
    const char *path = config->listen.control;
    int fd = listener_bind_unix(path, CONTROL_MODE);
    if (fd >= 0) {
        sockets->control_path = strdup(path);
        /* As root the group has to be given by hand; otherwise it is the daemon's own. */
        gid_t group = control_peer_group();
        if (geteuid() == 0 && group != (gid_t)-1 && chown(path, (uid_t)-1, group) < 0)
            log_warning("%s: cannot be given to the group %s: %s", path, CONTROL_GROUP,
                        strerror(errno));
    }
    return add_bound(sockets, SOCKET_CONTROL, fd, path);
}

/* -- adopting --------------------------------------------------------------------------------- */

#if HAVE_SYSTEMD

static int set_flags(int fd)
{
    int status = fcntl(fd, F_GETFL), flags = fcntl(fd, F_GETFD);
    if (status < 0 || flags < 0 || fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}

static bool fits(enum socket_role role, int fd)
{
    int listens = roles[role].listens ? 1 : -1;
    if (roles[role].local)
        return sd_is_socket_unix(fd, roles[role].type, listens, NULL, 0) > 0;
    return sd_is_socket(fd, AF_INET, roles[role].type, listens) > 0 ||
           sd_is_socket(fd, AF_INET6, roles[role].type, listens) > 0;
}

static int adopt_one(struct sockets *sockets, int fd, const char *name)
{
    if (descriptor_store_knows(name)) {
        int r = set_flags(fd);
        return r < 0 ? r : kept_connections_add(&sockets->kept, name, fd);
    }
    int role = 0;
    while (role < SOCKET_ROLES && strcmp(roles[role].name, name) != 0)
        role++;
    if (role == SOCKET_ROLES) {
        log_error("descriptor %d from systemd is called \"%s\": allowed are \"polls\", \"writes\" "
                  "and \"control\" (FileDescriptorName=)",
                  fd, name);
        return -EINVAL;
    }
    if (!fits(role, fd)) {
        log_error("descriptor %d from systemd, \"%s\": allowed is %s", fd, name,
                  roles[role].allowed);
        return -EINVAL;
    }
    int r = set_flags(fd);
    if (r == 0)
        r = add(sockets, role, fd);
    if (r < 0)
        log_error("descriptor %d from systemd, \"%s\", cannot be used: %s", fd, name, strerror(-r));
    return r;
}

static int adopt(struct sockets *sockets)
{
    char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names), r = count < 0 ? count : 0;
    if (count < 0)
        log_error("the sockets from systemd cannot be taken over: %s", strerror(-count));
    for (int i = 0; i < count; i++) {
        if (r == 0)
            r = adopt_one(sockets, SD_LISTEN_FDS_START + i, names[i]);
        free(names[i]);
    }
    free(names);
    kept_connections_forget(&sockets->kept);
    return r;
}

#else

static int adopt(struct sockets *sockets)
{
    return 0;
}

#endif

/* -- addresses -------------------------------------------------------------------------------- */

static void describe(int fd, FILE *out)
{
    struct sockaddr_storage storage = {0};
    socklen_t len = sizeof storage;
    struct addr addr;
    char text[ADDR_TEXT_MAX];
    if (getsockname(fd, (struct sockaddr *)&storage, &len) < 0)
        return;
    if (storage.ss_family == AF_UNIX)
        fputs(((struct sockaddr_un *)&storage)->sun_path, out);
    else if (addr_from_sockaddr((struct sockaddr *)&storage, len, &addr) == 0)
        fputs(addr_format(&addr, text), out);
}

static int describe_all(struct sockets *sockets)
{
    size_t len;
    FILE *out = open_memstream(&sockets->addresses, &len);
    if (out == NULL)
        return -ENOMEM;
    for (int role = 0; role < SOCKET_ROLES; role++) {
        for (unsigned i = 0; i < sockets->count[role]; i++) {
            fprintf(out, "%s ", roles[role].name);
            describe(sockets->fds[role][i], out);
            fputc('\n', out);
        }
    }
    return fclose(out) == 0 ? 0 : -ENOMEM;
}

int sockets_init(struct sockets *sockets, const struct daemon_config *config)
{
    *sockets = (struct sockets){0};
    int r = adopt(sockets);
    for (int role = 0; role < SOCKET_ROLES && r == 0; role++)
        if (sockets->count[role] == 0)
            r = roles[role].bind(sockets, config);
    return r < 0 ? r : describe_all(sockets);
}

void sockets_deinit(struct sockets *sockets)
{
    for (int role = 0; role < SOCKET_ROLES; role++)
        for (unsigned i = 0; i < sockets->count[role]; i++)
            if (sockets->fds[role][i] >= 0)
                close(sockets->fds[role][i]);
    kept_connections_deinit(&sockets->kept);
    if (sockets->control_path != NULL)
        unlink(sockets->control_path);
    if (sockets->ready_file != NULL)
        unlink(sockets->ready_file);
    free(sockets->control_path);
    free(sockets->ready_file);
    free(sockets->addresses);
    *sockets = (struct sockets){0};
}

int sockets_take(struct sockets *sockets, enum socket_role role, unsigned index)
{
    int fd = sockets->fds[role][index];
    sockets->fds[role][index] = -1;
    return fd;
}

/* -- the ready file --------------------------------------------------------------------------- */

static int write_whole(const char *path, const char *text)
{
    FILE *out = fopen(path, "we");
    if (out == NULL)
        return -errno;
    bool written = fputs(text, out) >= 0 && fchmod(fileno(out), 0644) == 0;
    return fclose(out) == 0 && written ? 0 : -EIO;
}

int sockets_announce(struct sockets *sockets, const struct daemon_config *config)
{
    const char *path = config->listen.ready_file;
    char *temporary = NULL;
    if (path[0] == '\0')
        return 0;
    sockets->ready_file = strdup(path);
    if (sockets->ready_file == NULL || asprintf(&temporary, "%s.new", path) < 0)
        return -ENOMEM;
    int r = write_whole(temporary, sockets->addresses);
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0) {
        log_error("listen.ready_file: %s cannot be written: %s", path, strerror(-r));
        unlink(temporary);
    }
    free(temporary);
    return r;
}
