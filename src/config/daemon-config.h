/* The keys of multichatd.conf(5), and the struct they fill: shared by multichatd and multichatctl.
 *
 * Times are microseconds and sizes bytes here, whatever the unit in the file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "config/config-table.h"

#include <syslog.h>

/* Where the file is looked for when nothing else is said; it may be absent. */
#define DAEMON_CONFIG_FILE MULTICHAT_SYSCONFDIR "/multichatd.conf"

enum daemon_driver {
    DAEMON_DRIVER_SQLITE,
    DAEMON_DRIVER_MYSQL,
};

/* In the order of enum port_order (bll/bll.h). */
enum daemon_port_order {
    DAEMON_PORT_ORDER_AUTO,
    DAEMON_PORT_ORDER_HOST,
    DAEMON_PORT_ORDER_NETWORK,
};

/* In the order of enum tls_peers (io/tls.h). */
enum daemon_tls_clients {
    DAEMON_TLS_CLIENTS_NONE,
    DAEMON_TLS_CLIENTS_OPTIONAL,
    DAEMON_TLS_CLIENTS_REQUIRED,
};

/* Who makes rooms. */
enum daemon_room_makers {
    DAEMON_ROOMS_BY_ANYONE,
    DAEMON_ROOMS_BY_ADMINISTRATOR,
};

/* A limit of rate: a minute, and at once after a pause. */
struct daemon_rate {
    uint64_t per_minute; /* 0: no limit */
    uint64_t burst;
};

struct daemon_config {
    int log_level; /* index of "err", "warning", …: see daemon_config_priority() */
    struct {
        struct addr polls;
        struct addr writes;
        char *control;
        char *ready_file; /* "" for none */
    } listen;
    struct {
        int driver; /* enum daemon_driver */
        uint64_t readers, writers, queue;
        bool migrate;
        char *sqlite_path;
        struct {
            char *host, *socket, *database, *user, *password_file;
            uint64_t port;
        } mysql;
    } storage;
    struct {
        struct config_networks networks;
        int port_order; /* enum daemon_port_order */
    } version1;
    struct {
        char *certificate, *key; /* "" for credentials, or a pair of our own in `folder` */
        char *folder;
        char *name;     /* of the certificate made there; "" for the host's */
        char *ca, *crl; /* "" for none */
        int clients;    /* enum daemon_tls_clients */
        struct config_networks plain;
    } tls;
    struct {
        char *secret_file;
    } session;
    struct {
        uint64_t threads, queue, memory, operations;
    } password;
    struct {
        int make; /* enum daemon_room_makers */
    } rooms;
    struct {
        uint64_t text;
        uint64_t connections, connections_per_address, memory;
        uint64_t idle, frame, sign_on, answers;
        uint64_t pushes, pushes_per_address, push_connect, push_deliver;
        uint64_t recent, devices, signons, waiting;
        uint64_t rooms, rooms_per_user;
    } limits;
    struct {
        struct daemon_rate handshakes, signons, failures, sends_address, sends, dials;
        struct daemon_rate changes, requests;
    } rates;
    struct {
        struct config_networks excluded;
        uint64_t window, window_bytes, idle;
    } push;
    struct {
        uint64_t present, poll, probe, forget, retry, cursors;
    } presence;
    struct {
        uint64_t days, messages; /* 0: for ever, any number */
    } retention;
};

/* For config_table_load() and its kin. */
extern const struct config_table daemon_config_table;

/* Loads `file`, or with `file` NULL the one at the default place, where a missing file means all
 * defaults. As config_table_load(); frees with daemon_config_deinit(). */
MUST_USE int daemon_config_load(const char *file, struct daemon_config *ret, char **ret_error);
void daemon_config_deinit(struct daemon_config *config);

/* log.level as a priority of syslog(3). */
int daemon_config_priority(const struct daemon_config *config);

/* storage.driver as dal.h names it. */
const char *daemon_config_driver(const struct daemon_config *config);

/* The password for the MySQL server: the first line of storage.mysql.password_file, else of the
 * credential "mysql-password" in $CREDENTIALS_DIRECTORY, else NULL. 0 with `*ret` to be freed by
 * the caller (wiped first, or by daemon_config_free_secret()), or -errno with the error in words.
 */
MUST_USE int daemon_config_mysql_password(const struct daemon_config *config, char **ret,
                                          char **ret_error);

/* The first line of `path`, as above; -ENODATA where it is empty. */
MUST_USE int daemon_config_read_secret(const char *path, char **ret, char **ret_error);

/* Wipes and frees; takes NULL. */
void daemon_config_free_secret(char *secret);
