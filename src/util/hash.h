/* Hash tables: uthash with a keyed hash (SipHash-2-4), so that names chosen by a peer cannot be
 * made to collide. Include this and never <uthash.h> itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Picks the key of this process. Called once, by main or a test's setup, before any table is used
 * and before any thread is started. Aborts if the system has no randomness. */
void hash_setup(void);

/* SipHash-2-4 of `len` bytes under the key of this process. */
uint32_t hash_bytes(const void *data, size_t len);

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = hash_bytes((keyptr), (keylen)))
#define HASH_NONFATAL_OOM                    1
#include <uthash.h>
