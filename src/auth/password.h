/* Passwords: argon2id by libsodium for what is stored, keyed BLAKE2b for what is remembered.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define PASSWORD_HASH_MAX        128 /* with its NUL */
#define PASSWORD_FINGERPRINT_LEN 32

struct password_cost {
    uint64_t operations; /* argon2id passes, 1 … 16 */
    size_t memory;       /* bytes, at least 8 MiB */
};

/* Hashes `password` slowly. 0 or -ENOMEM. Takes tens of milliseconds: never on the reactor thread.
 */
MUST_USE int password_hash(const struct password_cost *cost, struct bytes password,
                           char ret[PASSWORD_HASH_MAX]);

/* 1 if `password` is the one `hash` was made from, 0 if not. As slow as password_hash(). */
MUST_USE int password_verify(const char *hash, struct bytes password);

/* Fills `key` with random bytes. */
void password_fingerprint_key(uint8_t key[PASSWORD_FINGERPRINT_LEN]);

/* The fast keyed hash by which a verified password is known again. `account` keeps the
 * fingerprints of two users with one password apart. */
void password_fingerprint(const uint8_t key[PASSWORD_FINGERPRINT_LEN], uint64_t account,
                          struct bytes password, uint8_t ret[PASSWORD_FINGERPRINT_LEN]);

/* Compares in constant time. */
bool password_fingerprint_equal(const uint8_t a[PASSWORD_FINGERPRINT_LEN],
                                const uint8_t b[PASSWORD_FINGERPRINT_LEN]);
