/* The keyed hash below every table. The key is of this process alone: it never leaves it, and is
 * written once, before there is a second thread.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/hash.h"

#include <assert.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct {
    unsigned char bytes[crypto_shorthash_KEYBYTES];
    bool made;
} key;

void hash_setup(void)
{
    if (sodium_init() < 0)
        abort();
    crypto_shorthash_keygen(key.bytes);
    key.made = true;
}

uint32_t hash_bytes(const void *data, size_t len)
{
    unsigned char hash[crypto_shorthash_BYTES];
    uint32_t low;

    assert(key.made);
    crypto_shorthash(hash, data, len, key.bytes);
    memcpy(&low, hash, sizeof(low));
    return low;
}
