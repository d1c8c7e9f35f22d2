/* Sessions: their names and their keys.
 *
 * A token is 30 bytes: version, flags, user, device, epoch, nonce, numbers in network order. Its
 * base64url has 40 digits and no padding, and there is one way to write it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/session.h"

#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#define TOKEN_VERSION 1
#define FLAG_SECURE   0x01

struct token {
    uint8_t version;
    uint8_t flags;
    uint8_t user[8];
    uint8_t device[8];
    uint8_t epoch[4];
    uint8_t nonce[SESSION_NONCE_LEN];
};
_Static_assert(sizeof(struct token) == 30 && sizeof(struct token) % 3 == 0,
               "it is the token, byte for byte, and no digit of its base64 is left in part");

#define NAME_LEN (sizeof(struct token) / 3 * 4)
_Static_assert(NAME_LEN <= V2_SESSION_MAX, "a name of ours is one of the protocol's");

/* Keys of other purposes may come from the same secret one day. */
static const char context[] = "multichat session key";

_Static_assert(V2_KEY_LEN >= crypto_generichash_BYTES_MIN &&
                   V2_KEY_LEN <= crypto_generichash_BYTES_MAX &&
                   BLL_SECRET_LEN >= crypto_generichash_KEYBYTES_MIN &&
                   BLL_SECRET_LEN <= crypto_generichash_KEYBYTES_MAX,
               "a session's key is a BLAKE2b hash, keyed by the secret");

static void derive_key(const uint8_t secret[BLL_SECRET_LEN], const struct token *token,
                       uint8_t ret[V2_KEY_LEN])
{
    crypto_generichash_state state;

    if (crypto_generichash_init(&state, secret, BLL_SECRET_LEN, V2_KEY_LEN) < 0 ||
        crypto_generichash_update(&state, (const uint8_t *)context, sizeof(context)) < 0 ||
        crypto_generichash_update(&state, (const uint8_t *)token, sizeof(*token)) < 0 ||
        crypto_generichash_final(&state, ret, V2_KEY_LEN) < 0)
        abort(); /* the lengths are right, and nothing else can be wrong */
    sodium_memzero(&state, sizeof(state));
}

static void write_name(const struct token *token, char name[V2_SESSION_MAX + 1])
{
    (void)sodium_bin2base64(name, V2_SESSION_MAX + 1, (const uint8_t *)token, sizeof(*token),
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void session_again(const uint8_t secret[BLL_SECRET_LEN], uint64_t user, uint64_t device,
                   uint32_t epoch, bool secure, const uint8_t nonce[SESSION_NONCE_LEN],
                   struct session *ret)
{
    uint64_t user_be = htobe64(user), device_be = htobe64(device);
    uint32_t epoch_be = htobe32(epoch);
    struct token token = {.version = TOKEN_VERSION, .flags = secure ? FLAG_SECURE : 0};

    memcpy(token.user, &user_be, sizeof(token.user));
    memcpy(token.device, &device_be, sizeof(token.device));
    memcpy(token.epoch, &epoch_be, sizeof(token.epoch));
    memcpy(token.nonce, nonce, sizeof(token.nonce));
    *ret = (struct session){.user = user, .device = device, .epoch = epoch, .secure = secure};
    memcpy(ret->nonce, nonce, sizeof(ret->nonce));
    write_name(&token, ret->name);
    derive_key(secret, &token, ret->key);
}

void session_make(const uint8_t secret[BLL_SECRET_LEN], uint64_t user, uint64_t device,
                  uint32_t epoch, bool secure, struct session *ret)
{
    uint8_t nonce[SESSION_NONCE_LEN];

    randombytes_buf(nonce, sizeof(nonce));
    session_again(secret, user, device, epoch, secure, nonce, ret);
}

static int parse_token(struct bytes name, struct token *ret)
{
    size_t len;

    if (name.len != NAME_LEN ||
        sodium_base642bin((uint8_t *)ret, sizeof(*ret), name.data, name.len, NULL, &len, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) < 0 ||
        len != sizeof(*ret))
        return -EBADMSG;
    if (ret->version != TOKEN_VERSION || (ret->flags & ~FLAG_SECURE))
        return -EBADMSG;
    return 0;
}

int session_parse(const uint8_t secret[BLL_SECRET_LEN], struct bytes name, struct session *ret)
{
    uint64_t user_be, device_be;
    uint32_t epoch_be;
    struct token token;
    int r = parse_token(name, &token);

    if (r < 0)
        return r;
    memcpy(&user_be, token.user, sizeof(user_be));
    memcpy(&device_be, token.device, sizeof(device_be));
    memcpy(&epoch_be, token.epoch, sizeof(epoch_be));
    session_again(secret, be64toh(user_be), be64toh(device_be), be32toh(epoch_be),
                  token.flags & FLAG_SECURE, token.nonce, ret);
    return 0;
}
