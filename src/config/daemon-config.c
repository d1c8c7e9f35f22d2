/* The daemon's table of keys. etc/multichatd.conf and multichatd.conf(5) repeat it for people, and
 * a test holds the three together.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/daemon-config.h"

#include "config/credential.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#define MIB                 (1024ULL * 1024)
#define SOCKET_PATH_MAX     (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define PASSWORD_LINE_MAX   1024
#define CREDENTIAL_PASSWORD "mysql-password"
#define FILE_PATH_MAX       4095
#define RATE_MAX            10000000

static const char *const levels[] = {"err", "warning", "notice", "info", "debug", NULL};
static const char *const drivers[] = {"sqlite", "mysql", NULL};
static const char *const port_orders[] = {"auto", "host", "network", NULL};
static const char *const room_makers[] = {"anyone", "administrator", NULL};
static const char *const tls_clients[] = {"none", "optional", "required", NULL};

#if HAVE_SQLITE
#define DEFAULT_DRIVER "sqlite"
#else
#define DEFAULT_DRIVER "mysql"
#endif

#define FIELD(member) .offset = offsetof(struct daemon_config, member)

/* The two keys of a limit of rate. A burst of 0 would let nothing pass. */
#define RATE(name, minute, at_once, what)                                                          \
    {"rates." #name,  CONFIG_NUMBER,      FIELD(rates.name.per_minute), .fallback = minute,        \
     .max = RATE_MAX, .unit = "a minute", .reloadable = true,           .help = what},             \
    {                                                                                              \
        "rates." #name "_burst", CONFIG_NUMBER, FIELD(rates.name.burst),                           \
            .fallback = at_once, .min = 1, .max = RATE_MAX, .reloadable = true,                    \
            .help = "of them at once"                                                              \
    }

static const struct config_key keys[] = {
    {"log.level", CONFIG_CHOICE, FIELD(log_level), .fallback = "info", .choices = levels,
     .reloadable = true, .help = "the least urgent messages that are logged"},

    {"listen.polls", CONFIG_ADDRESS, FIELD(listen.polls), .fallback = "*:9001",
     .help = "UDP address for polls, unless systemd hands over sockets"},
    {"listen.writes", CONFIG_ADDRESS, FIELD(listen.writes), .fallback = "*:9002",
     .help = "TCP address for writes, unless systemd hands over sockets"},
    {"listen.control", CONFIG_PATH, FIELD(listen.control), .fallback = "/run/multichat/control",
     .min = 1, .max = SOCKET_PATH_MAX, .help = "unix socket of multichatctl"},
    {"listen.ready_file", CONFIG_PATH, FIELD(listen.ready_file), .fallback = "",
     .help = "file that is written with the bound addresses once ready"},

    {"storage.driver", CONFIG_CHOICE, FIELD(storage.driver), .fallback = DEFAULT_DRIVER,
     .choices = drivers, .help = "which database"},
    {"storage.readers", CONFIG_NUMBER, FIELD(storage.readers), .fallback = "2", .min = 1, .max = 64,
     .unit = "threads", .help = "threads that read"},
    {"storage.writers", CONFIG_NUMBER, FIELD(storage.writers), .fallback = "2", .min = 1, .max = 64,
     .unit = "threads", .help = "threads that write; SQLite always has one"},
    {"storage.queue", CONFIG_NUMBER, FIELD(storage.queue), .fallback = "8192", .min = 64,
     .max = 1048576, .unit = "requests", .help = "requests queued or under way at most"},
    {"storage.migrate", CONFIG_BOOL, FIELD(storage.migrate), .fallback = "true",
     .help = "bring an older schema up to date"},
    {"storage.sqlite.path", CONFIG_PATH, FIELD(storage.sqlite_path),
     .fallback = MULTICHAT_STATEDIR "/multichat.db", .min = 1, .max = FILE_PATH_MAX,
     .help = "the database file"},
    {"storage.mysql.host", CONFIG_STRING, FIELD(storage.mysql.host), .fallback = "", .max = 255,
     .help = "host of the server; empty for the local socket"},
    {"storage.mysql.port", CONFIG_NUMBER, FIELD(storage.mysql.port), .fallback = "0", .max = 65535,
     .help = "its port; 0 for the usual one"},
    {"storage.mysql.socket", CONFIG_PATH, FIELD(storage.mysql.socket), .fallback = "",
     .max = SOCKET_PATH_MAX, .help = "its local socket; empty for the usual one"},
    {"storage.mysql.database", CONFIG_STRING, FIELD(storage.mysql.database),
     .fallback = "multichat", .min = 1, .max = 64, .help = "name of the database"},
    {"storage.mysql.user", CONFIG_STRING, FIELD(storage.mysql.user), .fallback = "multichat",
     .min = 1, .max = 80, .help = "who signs on to it"},
    {"storage.mysql.password_file", CONFIG_PATH, FIELD(storage.mysql.password_file), .fallback = "",
     .max = FILE_PATH_MAX, .help = "file whose first line is the password"},

    {"version1.networks", CONFIG_NETWORKS, FIELD(version1.networks), .fallback = "127.0.0.0/8, ::1",
     .max = 256, .reloadable = true, .help = "version 1 of the protocol is served to these"},
    {"version1.port_order", CONFIG_CHOICE, FIELD(version1.port_order), .fallback = "auto",
     .choices = port_orders, .reloadable = true, .help = "what the port in a poll means"},

    {"tls.certificate", CONFIG_PATH, FIELD(tls.certificate), .fallback = "", .max = FILE_PATH_MAX,
     .reloadable = true, .help = "file of the certificate and its chain, PEM"},
    {"tls.key", CONFIG_PATH, FIELD(tls.key), .fallback = "", .max = FILE_PATH_MAX,
     .reloadable = true, .help = "file of its private key, PEM"},
    {"tls.folder", CONFIG_PATH, FIELD(tls.folder), .fallback = MULTICHAT_STATEDIR, .min = 1,
     .max = FILE_PATH_MAX - 32, .reloadable = true,
     .help = "where a certificate of the daemon's own making is kept"},
    {"tls.name", CONFIG_STRING, FIELD(tls.name), .fallback = "", .max = 253, .reloadable = true,
     .help = "the host that certificate is for; empty for this host's name"},
    {"tls.ca", CONFIG_PATH, FIELD(tls.ca), .fallback = "", .max = FILE_PATH_MAX, .reloadable = true,
     .help = "file of the authorities that clients' certificates come from, PEM"},
    {"tls.crl", CONFIG_PATH, FIELD(tls.crl), .fallback = "", .max = FILE_PATH_MAX,
     .reloadable = true, .help = "file of revocation lists of theirs, PEM"},
    {"tls.clients", CONFIG_CHOICE, FIELD(tls.clients), .fallback = "none", .choices = tls_clients,
     .reloadable = true, .help = "whether clients show a certificate, too"},
    {"tls.plain", CONFIG_NETWORKS, FIELD(tls.plain), .fallback = "127.0.0.0/8, ::1", .max = 256,
     .reloadable = true, .help = "version 2 is served without TLS to these"},

    {"session.secret_file", CONFIG_PATH, FIELD(session.secret_file),
     .fallback = MULTICHAT_STATEDIR "/server-secret", .min = 1, .max = FILE_PATH_MAX - 32,
     .reloadable = true, .help = "what the keys of sessions are derived from"},

    {"password.threads", CONFIG_NUMBER, FIELD(password.threads), .fallback = "1", .min = 1,
     .max = 64, .unit = "threads", .help = "threads that compute slow hashes"},
    {"password.queue", CONFIG_NUMBER, FIELD(password.queue), .fallback = "1024", .min = 1,
     .max = 65536, .unit = "requests", .help = "hashes that may wait"},
    {"password.memory", CONFIG_NUMBER, FIELD(password.memory), .fallback = "19", .min = 8,
     .max = 1024, .scale = MIB, .unit = "MiB", .reloadable = true,
     .help = "memory a new hash takes"},
    {"password.operations", CONFIG_NUMBER, FIELD(password.operations), .fallback = "2", .min = 1,
     .max = 16, .unit = "passes", .reloadable = true, .help = "passes a new hash takes"},

    {"rooms.make", CONFIG_CHOICE, FIELD(rooms.make), .fallback = "anyone", .choices = room_makers,
     .reloadable = true, .help = "who makes rooms: whoever joins one first, or multichatctl alone"},

    {"limits.text", CONFIG_NUMBER, FIELD(limits.text), .fallback = "16384", .min = 64, .max = 65536,
     .unit = "bytes", .reloadable = true, .help = "length of a message's text"},
    {"limits.connections", CONFIG_NUMBER, FIELD(limits.connections), .fallback = "4096", .min = 1,
     .max = 1000000, .reloadable = true, .help = "TCP connections at a time"},
    {"limits.connections_per_address", CONFIG_NUMBER, FIELD(limits.connections_per_address),
     .fallback = "512", .min = 1, .max = 1000000, .reloadable = true,
     .help = "of them from one address"},
    {"limits.memory", CONFIG_NUMBER, FIELD(limits.memory), .fallback = "256", .min = 4,
     .max = 1048576, .scale = MIB, .unit = "MiB", .reloadable = true,
     .help = "memory of all connections together"},
    {"limits.idle", CONFIG_NUMBER, FIELD(limits.idle), .fallback = "60", .min = 1, .max = 86400,
     .scale = USEC_PER_SEC, .unit = "seconds", .reloadable = true,
     .help = "a connection has this long for its next whole frame"},
    {"limits.frame", CONFIG_NUMBER, FIELD(limits.frame), .fallback = "10", .min = 1, .max = 3600,
     .scale = USEC_PER_SEC, .unit = "seconds", .reloadable = true,
     .help = "from the first byte of a frame or handshake to its last"},
    {"limits.sign_on", CONFIG_NUMBER, FIELD(limits.sign_on), .fallback = "10", .min = 1,
     .max = 3600, .scale = USEC_PER_SEC, .unit = "seconds", .reloadable = true,
     .help = "time for a stranger to sign on"},
    {"limits.answers", CONFIG_NUMBER, FIELD(limits.answers), .fallback = "64", .min = 1,
     .max = 65536, .reloadable = true, .help = "answers owed to one connection"},
    {"limits.pushes", CONFIG_NUMBER, FIELD(limits.pushes), .fallback = "256", .min = 1,
     .max = 65536, .reloadable = true, .help = "push connections at a time"},
    {"limits.pushes_per_address", CONFIG_NUMBER, FIELD(limits.pushes_per_address),
     .fallback = "128", .min = 1, .max = 65536, .reloadable = true,
     .help = "of them to one address"},
    {"limits.push_connect", CONFIG_NUMBER, FIELD(limits.push_connect), .fallback = "5", .min = 1,
     .max = 300, .scale = USEC_PER_SEC, .unit = "seconds", .reloadable = true,
     .help = "time for a push to connect"},
    {"limits.push_deliver", CONFIG_NUMBER, FIELD(limits.push_deliver), .fallback = "10", .min = 1,
     .max = 300, .scale = USEC_PER_SEC, .unit = "seconds", .reloadable = true,
     .help = "time from then until the receiver has closed"},
    {"limits.recent", CONFIG_NUMBER, FIELD(limits.recent), .fallback = "16", .min = 1, .max = 65536,
     .scale = MIB, .unit = "MiB", .reloadable = true, .help = "recent messages kept in memory"},
    {"limits.devices", CONFIG_NUMBER, FIELD(limits.devices), .fallback = "8", .min = 1, .max = 256,
     .reloadable = true, .help = "devices of one user"},
    {"limits.signons", CONFIG_NUMBER, FIELD(limits.signons), .fallback = "128", .min = 1,
     .max = 65536, .reloadable = true, .help = "passwords of one address that may wait"},
    {"limits.waiting", CONFIG_NUMBER, FIELD(limits.waiting), .fallback = "256", .min = 1,
     .max = 65536, .reloadable = true, .help = "requests of one user that wait for his sign-on"},
    {"limits.rooms", CONFIG_NUMBER, FIELD(limits.rooms), .fallback = "10000", .min = 1,
     .max = 1000000, .reloadable = true, .help = "rooms in all that users may make"},
    {"limits.rooms_per_user", CONFIG_NUMBER, FIELD(limits.rooms_per_user), .fallback = "100",
     .min = 1, .max = 65536, .reloadable = true, .help = "rooms one user may be in, or have made"},

    RATE(handshakes, "6000", "1000", "TLS handshakes of one address"),
    RATE(signons, "6000", "1000", "sign-ons of one address"),
    RATE(failures, "20", "10", "sign-ons of one address that are denied"),
    RATE(sends_address, "60000", "10000", "messages from one address"),
    RATE(sends, "3000", "1000", "messages from one user"),
    RATE(dials, "30", "10", "connections to where one user may be reached, until he is"),
    RATE(changes, "60", "30", "changes to rooms, memberships and names by one user"),
    RATE(requests, "1200", "300", "requests for lists and history of one user"),

    {"push.excluded", CONFIG_NETWORKS, FIELD(push.excluded), .fallback = "", .max = 256,
     .reloadable = true, .help = "networks that are never connected to"},
    {"push.window", CONFIG_NUMBER, FIELD(push.window), .fallback = "256", .min = 1, .max = 65536,
     .unit = "messages", .reloadable = true, .help = "sent to one device and not acknowledged"},
    {"push.window_bytes", CONFIG_NUMBER, FIELD(push.window_bytes), .fallback = "262144",
     .min = 4096, .max = 67108864, .unit = "bytes", .reloadable = true, .help = "bytes of these"},
    {"push.idle", CONFIG_NUMBER, FIELD(push.idle), .fallback = "30", .min = 1, .max = 86400,
     .scale = USEC_PER_SEC, .unit = "seconds", .reloadable = true,
     .help = "a push connection without traffic is closed after this"},

    {"presence.present", CONFIG_NUMBER, FIELD(presence.present), .fallback = "10", .min = 1,
     .max = 3600, .scale = USEC_PER_SEC, .unit = "seconds", .reloadable = true,
     .help = "a device is present this long after a poll"},
    {"presence.poll", CONFIG_NUMBER, FIELD(presence.poll), .fallback = "3", .min = 1, .max = 3600,
     .scale = USEC_PER_SEC, .unit = "seconds", .reloadable = true,
     .help = "how often clients of version 2 are told to poll"},
    {"presence.probe", CONFIG_NUMBER, FIELD(presence.probe), .fallback = "30", .min = 1,
     .max = 86400, .scale = USEC_PER_SEC, .unit = "seconds", .reloadable = true,
     .help = "least time between two tries to reach a device that is attached"},
    {"presence.forget", CONFIG_NUMBER, FIELD(presence.forget), .fallback = "3600", .min = 10,
     .max = 604800, .scale = USEC_PER_SEC, .unit = "seconds", .reloadable = true,
     .help = "a user nobody heard of for this long leaves the memory"},
    {"presence.retry", CONFIG_NUMBER, FIELD(presence.retry), .fallback = "1000", .min = 10,
     .max = 3600000, .scale = USEC_PER_MSEC, .unit = "milliseconds", .reloadable = true,
     .help = "least time between a failed push and the next"},
    {"presence.cursors", CONFIG_NUMBER, FIELD(presence.cursors), .fallback = "250", .min = 10,
     .max = 60000, .scale = USEC_PER_MSEC, .unit = "milliseconds", .reloadable = true,
     .help = "what was delivered is stored at most this late"},

    {"retention.days", CONFIG_NUMBER, FIELD(retention.days), .fallback = "0", .max = 36500,
     .unit = "days", .reloadable = true, .help = "older messages are deleted; 0: none for its age"},
    {"retention.messages", CONFIG_NUMBER, FIELD(retention.messages), .fallback = "0",
     .max = 1000000000, .unit = "messages", .reloadable = true,
     .help = "the newest of a conversation that are kept; 0: all"},
};

static bool driver_built(int driver)
{
    return driver == DAEMON_DRIVER_SQLITE ? HAVE_SQLITE : HAVE_MYSQL;
}

static bool check(const void *values, const char **ret_path, const char **ret_reason)
{
    const struct daemon_config *config = values;
    const struct {
        bool wrong;
        const char *path, *reason;
    } rules[] = {
        {!driver_built(config->storage.driver), "storage.driver",
         "allowed are the drivers this program was built with, and it is not one of them"},
        {config->storage.mysql.host[0] != '\0' && config->storage.mysql.socket[0] != '\0',
         "storage.mysql.socket", "allowed is \"\" where storage.mysql.host is set"},
        {config->storage.mysql.host[0] == '\0' && config->storage.mysql.port != 0,
         "storage.mysql.port", "allowed is 0 where storage.mysql.host is \"\""},
        {config->tls.certificate[0] != '\0' && config->tls.key[0] == '\0', "tls.key",
         "allowed is the file of the key where tls.certificate is set"},
        {config->tls.certificate[0] == '\0' && config->tls.key[0] != '\0', "tls.certificate",
         "allowed is the file of the certificate where tls.key is set"},
        {config->tls.ca[0] == '\0' && config->tls.crl[0] != '\0', "tls.crl",
         "allowed is \"\" where tls.ca is \"\""},
        {config->tls.ca[0] == '\0' && config->tls.clients != DAEMON_TLS_CLIENTS_NONE, "tls.clients",
         "allowed is \"none\" where tls.ca is \"\""},
        {config->push.window_bytes < config->limits.text, "push.window_bytes",
         "allowed is limits.text or more, so that every message fits"},
        {config->presence.present <= config->presence.poll, "presence.poll",
         "allowed is less than presence.present, so that who polls stays present"},
        {config->presence.forget < config->presence.present, "presence.forget",
         "allowed is presence.present or more"},
        {strcmp(config->listen.ready_file, config->listen.control) == 0, "listen.ready_file",
         "allowed is another path than listen.control"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (rules[i].wrong) {
            *ret_path = rules[i].path;
            *ret_reason = rules[i].reason;
            return false;
        }
    }
    return true;
}

const struct config_table daemon_config_table = {keys, ARRAY_SIZE(keys), check};

int daemon_config_load(const char *file, struct daemon_config *ret, char **ret_error)
{
    const char *path = file != NULL ? file : DAEMON_CONFIG_FILE;
    int r = config_table_load(&daemon_config_table, path, ret, ret_error);
    if (r != -ENOENT || file != NULL)
        return r;
    free(*ret_error);
    return config_table_load(&daemon_config_table, "/dev/null", ret, ret_error);
}

void daemon_config_deinit(struct daemon_config *config)
{
    config_table_deinit(&daemon_config_table, config);
}

int daemon_config_priority(const struct daemon_config *config)
{
    return log_level_from_name(levels[config->log_level]);
}

const char *daemon_config_driver(const struct daemon_config *config)
{
    return drivers[config->storage.driver];
}

static int secret_failed(const char *path, int error, char **ret_error)
{
    const char *why = error == -ENODATA ? "its first line is empty"
                      : error == -E2BIG ? "its first line is too long or holds a NUL byte"
                                        : strerror(-error);
    if (asprintf(ret_error, "%s: the password cannot be read: %s", path, why) < 0) {
        *ret_error = NULL;
        return -ENOMEM;
    }
    return error;
}

/* The first line of `in` without its end: 0, -ENODATA (empty), -E2BIG (not all of it fits, or a NUL
 * cuts it off) or another -errno. */
static int first_line(FILE *in, char line[PASSWORD_LINE_MAX])
{
    errno = 0;
    if (fgets(line, PASSWORD_LINE_MAX, in) == NULL)
        return ferror(in) ? -errno : -ENODATA;
    size_t len = strcspn(line, "\r\n");
    if (line[len] == '\0' && !feof(in))
        return -E2BIG;
    line[len] = '\0';
    return len > 0 ? 0 : -ENODATA;
}

int daemon_config_read_secret(const char *path, char **ret, char **ret_error)
{
    char line[PASSWORD_LINE_MAX];
    FILE *in = fopen(path, "re");
    *ret_error = NULL;
    if (in == NULL)
        return secret_failed(path, -errno, ret_error);
    setvbuf(in, NULL, _IONBF, 0); /* no second copy of the password in a buffer */
    int r = first_line(in, line);
    char *secret = r == 0 ? strdup(line) : NULL;
    explicit_bzero(line, sizeof line);
    fclose(in);
    if (r < 0)
        return secret_failed(path, r, ret_error);
    if (secret == NULL)
        return -ENOMEM;
    *ret = secret;
    return 0;
}

int daemon_config_mysql_password(const struct daemon_config *config, char **ret, char **ret_error)
{
    *ret_error = NULL;
    if (config->storage.mysql.password_file[0] != '\0')
        return daemon_config_read_secret(config->storage.mysql.password_file, ret, ret_error);
    char *path = NULL;
    int r = credential_path(CREDENTIAL_PASSWORD, &path);
    if (r < 0)
        return r;
    *ret = NULL;
    if (path != NULL)
        r = daemon_config_read_secret(path, ret, ret_error);
    free(path);
    return r;
}

void daemon_config_free_secret(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}
