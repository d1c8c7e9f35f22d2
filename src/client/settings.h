/* The client's settings: what its configuration file holds, and what options put over it.
 *
 * Filled before any thread starts and constant from then on. Times are microseconds here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "config/config-table.h"
#include "proto/v2.h"
#include "util/attributes.h"

#include <stdbool.h>
#include <stdint.h>

#define CLIENT_TEXT_MAX 65536 /* bytes of the longest text the client takes from its user */

struct settings {
    char *user;   /* never "" once settings_load() has returned */
    char *server; /* a host name or an address */
    uint64_t poll_port, write_port;
    char *listen; /* "", "none", or an address with or without a port */
    char *password_file;
    char *password_command;
    struct {
        bool use;
        char *ca;                /* "", TRUST_SYSTEM or a file */
        char *certificate, *key; /* files, or "" */
    } tls;
    struct {
        uint64_t messages, bytes;
    } outbox;
    bool bell;    /* rings when something is for the user himself */
    char *notify; /* a shell command that is run then; "": none */
};

/* For config_table_load() and its kin. */
extern const struct config_table settings_table;

/* Loads `file`, or with `file` NULL $XDG_CONFIG_HOME/multichat/config, which may be absent. 1 if
 * there was a file, 0 if there was none, or -errno with the error in words (freed by the caller,
 * NULL only when memory is out). Freed with settings_deinit(), which takes a zeroed struct. */
MUST_USE int settings_load(const char *file, struct settings *ret, char **ret_error);
void settings_deinit(struct settings *settings);

/* Fills in what is left to the system (the login name as user) and judges what belongs together.
 * As settings_load(). */
MUST_USE int settings_complete(struct settings *settings, char **ret_error);

/* The folder of the configuration file, freed by the caller. 0, -ENOMEM, or -ENOENT when neither
 * XDG_CONFIG_HOME nor HOME says where. */
MUST_USE int settings_config_folder(char **ret);

/* The folder of the state of one kind ("outbox") for this server and user, freed by the caller. 0,
 * -ENOMEM, or -ENOENT when neither XDG_STATE_HOME nor HOME says where. */
MUST_USE int settings_state_path(const struct settings *settings, const char *kind, char **ret);

/* The folder of what is not of one server alone, freed by the caller. 0, -ENOMEM, or -ENOENT when
 * neither XDG_DATA_HOME nor HOME says where. */
MUST_USE int settings_data_path(char **ret);

/* False: the server is not to connect to us, and messages come over a connection that is kept. */
bool settings_listens(const struct settings *settings);

/* The address to listen on for pushes of a server at `server`: the one that is set, else its
 * loopback if the server is there, else every address of its family. `settings` is complete, and
 * listens. */
void settings_listen_addr(const struct settings *settings, const struct addr *server,
                          struct addr *ret);
