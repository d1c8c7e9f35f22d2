/* From the configuration file's struct to what each unit wants to be told.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/bll.h"
#include "config/daemon-config.h"
#include "io/connection.h"
#include "io/dialer.h"
#include "io/pusher.h"

/* What these return borrows from `config` where it holds pointers. The first holds the secret: to
 * be wiped. */
struct bll_config settings_bll(const struct daemon_config *config,
                               const uint8_t secret[BLL_SECRET_LEN]);
struct pusher_limits settings_pusher(const struct daemon_config *config);
struct dialer_limits settings_dialer(const struct daemon_config *config);

/* What connections may take: each by what it is used for, and all together. */
struct connection_settings {
    struct connection_limits limits[BLL_LINK_STREAM + 1];
    unsigned count_max, per_address;
    struct rate handshakes; /* of one address */
    size_t memory_max;
};
struct connection_settings settings_connections(const struct daemon_config *config);

/* Makes `config`, just loaded, fit to replace `running`: keys that cannot change while the daemon
 * runs keep their running value, and a warning names them. 0 or -ENOMEM. */
MUST_USE int settings_keep_fixed(struct daemon_config *config, const struct daemon_config *running);

/* Logs what is wrong with a configuration, a line for each mistake; `error` is as
 * daemon_config_load() and identity_load() give it, and may be NULL: memory was out. */
void settings_log_mistakes(char *error);
