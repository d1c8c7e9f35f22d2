/* Sessions of version 2: stateless. A session's name on the wire is the base64url of what the
 * server has to know of it, and its key is derived from that and the server's secret. Who makes up
 * a name does not know its key, so the name needs no signature of its own, and the server stores
 * nothing.
 *
 * A session ends when its user's auth epoch goes up (password change, revocation), when its device
 * is deleted, or when the server's secret is another one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/bll.h"
#include "proto/v2.h"

#define SESSION_NONCE_LEN 8

struct session {
    uint64_t user;   /* id */
    uint64_t device; /* id; 0: a session without a device, for sending alone */
    uint32_t epoch;  /* the user's auth epoch when he signed on */
    bool secure;     /* signed on over TLS: it is of no use without */
    uint8_t nonce[SESSION_NONCE_LEN];
    char name[V2_SESSION_MAX + 1];
    uint8_t key[V2_KEY_LEN];
};

/* A new one: nonce, name and key are filled in. */
void session_make(const uint8_t secret[BLL_SECRET_LEN], uint64_t user, uint64_t device,
                  uint32_t epoch, bool secure, struct session *ret);

/* One that was made before, from what is remembered of it. */
void session_again(const uint8_t secret[BLL_SECRET_LEN], uint64_t user, uint64_t device,
                   uint32_t epoch, bool secure, const uint8_t nonce[SESSION_NONCE_LEN],
                   struct session *ret);

/* Takes a name apart and derives the key: 0, or -EBADMSG if it is no name of ours. Nothing is known
 * before a MAC under that key has been verified. No allocation. */
MUST_USE int session_parse(const uint8_t secret[BLL_SECRET_LEN], struct bytes name,
                           struct session *ret);
