/* From the configuration file's struct to what each unit wants to be told.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/settings.h"

#include "daemon/secret.h"
#include "proto/v1.h"
#include "proto/v2.h"
#include "util/log.h"

#include <errno.h>
#include <stdlib.h>

/* What a frame of version 1 holds beside its text: verb, colons, and the longest names. A frame
 * over limits.text by more than this, or by what version 2 has beside it, is refused before it is
 * whole.
 */
#define V1_OVERHEAD (sizeof "wrmsg::::" + V1_USERID_MAX + V1_PASSWORD_MAX + V1_RECIPIENT_MAX)

/* Bytes that may wait for one connection to take them before it is read no more. A stream is
 * written to up to as many. */
#define OUTPUT_MAX (64 * 1024)

_Static_assert(SECRET_LEN == BLL_SECRET_LEN, "the secret is what sessions are derived from");
_Static_assert((int)DAEMON_PORT_ORDER_AUTO == (int)PORT_ORDER_AUTO &&
                   (int)DAEMON_PORT_ORDER_HOST == (int)PORT_ORDER_HOST &&
                   (int)DAEMON_PORT_ORDER_NETWORK == (int)PORT_ORDER_NETWORK,
               "the file's choices are in the logic unit's order");

static struct rate rate_of(const struct daemon_rate *rate)
{
    return (struct rate){.per_minute = rate->per_minute, .burst = rate->burst};
}

struct bll_config settings_bll(const struct daemon_config *config,
                               const uint8_t secret[BLL_SECRET_LEN])
{
    struct bll_config logic = {
        .v1_networks = config->version1.networks.items,
        .v1_network_count = config->version1.networks.count,
        .v1_port_order = (enum port_order)config->version1.port_order,
        .plain_networks = config->tls.plain.items,
        .plain_network_count = config->tls.plain.count,
        .excluded_networks = config->push.excluded.items,
        .excluded_network_count = config->push.excluded.count,
        .rates = {.signons_per_address = rate_of(&config->rates.signons),
                  .failures_per_address = rate_of(&config->rates.failures),
                  .sends_per_address = rate_of(&config->rates.sends_address),
                  .sends_per_user = rate_of(&config->rates.sends),
                  .dials_per_user = rate_of(&config->rates.dials),
                  .changes_per_user = rate_of(&config->rates.changes),
                  .requests_per_user = rate_of(&config->rates.requests)},
        .poll_us = config->presence.poll,
        .probe_us = config->presence.probe,
        .window_messages = (unsigned)config->push.window,
        .window_bytes = config->push.window_bytes,
        .push_idle_us = config->push.idle,
        .push_deliver_us = config->limits.push_deliver,
        .text_max = config->limits.text,
        .present_us = config->presence.present,
        .forget_us = config->presence.forget,
        .retry_us = config->presence.retry,
        .cursor_flush_us = config->presence.cursors,
        .tail_max = config->limits.recent,
        .devices_max = (unsigned)config->limits.devices,
        .signons_per_address = (unsigned)config->limits.signons,
        .waiting_max = (unsigned)config->limits.waiting,
        .rooms_by_anyone = config->rooms.make == DAEMON_ROOMS_BY_ANYONE,
        .rooms_max = (unsigned)config->limits.rooms,
        .rooms_per_user = (unsigned)config->limits.rooms_per_user,
    };
    memcpy(logic.secret, secret, sizeof logic.secret);
    return logic;
}

struct pusher_limits settings_pusher(const struct daemon_config *config)
{
    return (struct pusher_limits){
        .total = (unsigned)config->limits.pushes,
        .per_address = (unsigned)config->limits.pushes_per_address,
        .connect_us = config->limits.push_connect,
        .deliver_us = config->limits.push_deliver,
    };
}

struct dialer_limits settings_dialer(const struct daemon_config *config)
{
    return (struct dialer_limits){
        .total = (unsigned)config->limits.pushes,
        .per_address = (unsigned)config->limits.pushes_per_address,
        .connect_us = config->limits.push_connect,
    };
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

struct connection_settings settings_connections(const struct daemon_config *config)
{
    const struct connection_limits common = {
        .frame_max = larger(config->limits.text + V1_OVERHEAD, v2_frame_max(config->limits.text)),
        .output_max = OUTPUT_MAX,
        .owed_max = (unsigned)config->limits.answers,
        .idle_us = config->limits.idle,
        .frame_us = config->limits.frame,
    };
    struct connection_settings settings = {
        .limits = {[BLL_LINK_STRANGER] = common,
                   [BLL_LINK_WRITER] = common,
                   [BLL_LINK_SIGNED_ON] = common,
                   [BLL_LINK_STREAM] = common},
        .count_max = (unsigned)config->limits.connections,
        .per_address = (unsigned)config->limits.connections_per_address,
        .handshakes = rate_of(&config->rates.handshakes),
        .memory_max = config->limits.memory,
    };
    settings.limits[BLL_LINK_STRANGER].idle_us = config->limits.sign_on;
    settings.limits[BLL_LINK_STREAM].idle_us = 0; /* messages come when they come */
    return settings;
}

int settings_keep_fixed(struct daemon_config *config, const struct daemon_config *running)
{
    for (size_t i = 0; i < daemon_config_table.count; i++) {
        const struct config_key *key = &daemon_config_table.keys[i];
        if (key->reloadable || config_key_equal(key, config, running))
            continue;
        log_warning("reload: key \"%s\" cannot change while the daemon runs; restart it for the "
                    "new value",
                    key->path);
        int r = config_key_copy(key, config, running);
        if (r < 0)
            return r;
    }
    return 0;
}

void settings_log_mistakes(char *error)
{
    if (error == NULL)
        log_error("%s", strerror(ENOMEM));
    for (char *mistake; (mistake = strsep(&error, "\n")) != NULL;)
        log_error("%s", mistake);
}
