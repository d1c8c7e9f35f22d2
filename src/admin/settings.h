/* From the configuration file's struct to what storage and passwords want to be told: the same for
 * the daemon and for multichatctl without one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "auth/password.h"
#include "config/daemon-config.h"
#include "dal/dal.h"

/* Borrows from `config` and `password`, which may be NULL. */
struct dal_config settings_storage(const struct daemon_config *config, const char *password);

struct password_cost settings_password(const struct daemon_config *config);
