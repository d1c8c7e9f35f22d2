/* How a request reaches the administrative verbs: through the daemon's control socket, or carried
 * out here on the storage itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ctl/ctl.h"
#include "dal/dal.h"

/* Sends `request` (taken over) and waits for its answer. The first request opens the session as
 * the command's reach says. EXIT_OK with a new reference, whatever the answer says, or another
 * exit code after having said why. */
MUST_USE int session_request(struct ctl *ctl, json_t *request, json_t **ret_answer);

/* Closes what the first request opened. */
void session_close(struct ctl *ctl);

/* -- control-client.c: a connection to the daemon --------------------------------------------- */

/* The descriptor, or -ENOENT or -ECONNREFUSED when nobody listens there, or another -errno. */
MUST_USE int control_connect(const char *path);

/* One line out and one line in, within `seconds`. 0 with a new reference; -errno: -ETIMEDOUT,
 * -ECONNRESET (closed without an answer), -EBADMSG (no JSON object, or too long). */
MUST_USE int control_exchange(int fd, json_t *request, unsigned seconds, json_t **ret_answer);

/* -- storage-host.c: the verbs without a daemon ------------------------------------------------ */

/* Where the service manager finds the password of the MySQL server (multichatd.service). */
#define MYSQL_CREDENTIAL "/etc/credstore/multichat.mysql-password"

/* What this process's storage is told, which is to migrate; borrows from `config` and `password`.
 */
struct dal_config storage_config(const struct daemon_config *config, const char *password);

/* Opens storage and waits until it is up. On SQLite, root becomes the owner of the database's
 * folder first, so that the daemon can use what is made. EXIT_OK, or another exit code after having
 * said why (and nothing is left open). */
MUST_USE int storage_open(struct ctl *ctl, const struct dal_config *config);
void storage_close(void);

/* What the configuration says of storage. `*ret_password` is the database's, if it was NULL and
 * there is one; it is given to secret_free(), whatever is returned. */
MUST_USE int storage_configured(const struct ctl *ctl, struct dal_config *ret, char **ret_password);

/* Root becomes the owner of the folder that the database `path` is in. */
MUST_USE int storage_become_owner(const struct ctl *ctl, const char *path);

/* As storage_open() with all that the configuration file says. */
MUST_USE int storage_open_configured(struct ctl *ctl, bool migrate);

struct storage_host;

/* Carries out administrative verbs on storage that is open. 0 or -errno. */
MUST_USE int storage_host_new(const struct daemon_config *config, struct storage_host **ret);
/* After storage_close(). Takes NULL. */
void storage_host_free(struct storage_host *host);
/* 0 with a new reference, or -errno. */
MUST_USE int storage_host_request(struct storage_host *host, json_t *request, json_t **ret_answer);
