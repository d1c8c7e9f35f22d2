/* The file in which a session is remembered, so that the password is needed once: mode 0600, for
 * it holds the session's key.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "proto/v2.h"
#include "util/attributes.h"

#include <stdbool.h>
#include <stdint.h>

struct saved_session {
    char name[V2_SESSION_MAX + 1];
    uint8_t key[V2_KEY_LEN];
    bool secure; /* it was made over TLS */
    uint64_t poll_seconds;
    int64_t offset_ms; /* of the server's time to ours */
};

/* 0, -ENOENT, -EBADMSG (not one of ours: as if there were none), -errno. */
MUST_USE int session_file_load(int folder, struct saved_session *ret);

/* Puts it in the place of the one before. 0 or -errno. Several processes may share the file. */
MUST_USE int session_file_save(int folder, const struct saved_session *session);

/* Removes it, if it still holds the session of that name. */
void session_file_remove(int folder, const char *name);
