/* Passwords, by libsodium: argon2id where the hash is stored, keyed BLAKE2b where it is only
 * remembered.
 *
 * argon2id of libsodium was chosen over yescrypt of libcrypt because its cost is given as memory
 * and passes, it allocates its memory itself and reports when there is none, and it is the same
 * on every system the server is built on.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "auth/password.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

static_assert(PASSWORD_HASH_MAX >= crypto_pwhash_STRBYTES, "a hash must fit");
static_assert(PASSWORD_FINGERPRINT_LEN >= crypto_generichash_BYTES_MIN &&
                  PASSWORD_FINGERPRINT_LEN <= crypto_generichash_BYTES_MAX &&
                  PASSWORD_FINGERPRINT_LEN >= crypto_generichash_KEYBYTES_MIN &&
                  PASSWORD_FINGERPRINT_LEN <= crypto_generichash_KEYBYTES_MAX,
              "a fingerprint must be a BLAKE2b hash and key");

/* Chooses the fastest implementation for this processor the first time, costs nothing later; safe
 * from any thread. Fails only where the system has no source of randomness. */
static void setup(void)
{
    if (sodium_init() < 0)
        abort();
}

int password_hash(const struct password_cost *cost, struct bytes password,
                  char ret[PASSWORD_HASH_MAX])
{
    char hash[crypto_pwhash_STRBYTES];
    setup();
    if (crypto_pwhash_str_alg(hash, password.data, password.len, cost->operations, cost->memory,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return -ENOMEM;
    memcpy(ret, hash, sizeof hash);
    return 0;
}

int password_verify(const char *hash, struct bytes password)
{
    setup();
    errno = 0;
    if (crypto_pwhash_str_verify(hash, password.data, password.len) == 0)
        return 1;
    return errno == ENOMEM ? -ENOMEM : 0;
}

void password_fingerprint_key(uint8_t key[PASSWORD_FINGERPRINT_LEN])
{
    setup();
    randombytes_buf(key, PASSWORD_FINGERPRINT_LEN);
}

void password_fingerprint(const uint8_t key[PASSWORD_FINGERPRINT_LEN], uint64_t account,
                          struct bytes password, uint8_t ret[PASSWORD_FINGERPRINT_LEN])
{
    crypto_generichash_state state;
    setup();
    crypto_generichash_init(&state, key, PASSWORD_FINGERPRINT_LEN, PASSWORD_FINGERPRINT_LEN);
    crypto_generichash_update(&state, (const unsigned char *)&account, sizeof account);
    crypto_generichash_update(&state, (const unsigned char *)password.data, password.len);
    crypto_generichash_final(&state, ret, PASSWORD_FINGERPRINT_LEN);
    sodium_memzero(&state, sizeof state);
}

bool password_fingerprint_equal(const uint8_t a[PASSWORD_FINGERPRINT_LEN],
                                const uint8_t b[PASSWORD_FINGERPRINT_LEN])
{
    return sodium_memcmp(a, b, PASSWORD_FINGERPRINT_LEN) == 0;
}
