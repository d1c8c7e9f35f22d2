/* Version 2 of the wire: the signatures. HMAC-SHA-256 (RFC 2104), cut to half its length.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/field.h"
#include "proto/v2.h"

#include <assert.h>
#include <sodium.h>

_Static_assert(V2_KEY_LEN == crypto_auth_hmacsha256_KEYBYTES, "the session's key is that of HMAC");
_Static_assert(V2_MAC_LEN <= crypto_auth_hmacsha256_BYTES, "a MAC is cut from it");

void v2_mac(const uint8_t key[V2_KEY_LEN], struct bytes data, uint8_t ret[V2_MAC_LEN])
{
    uint8_t whole[crypto_auth_hmacsha256_BYTES];

    crypto_auth_hmacsha256(whole, (const unsigned char *)data.data, data.len, key);
    memcpy(ret, whole, V2_MAC_LEN);
    sodium_memzero(whole, sizeof(whole));
}

bool v2_mac_equal(const uint8_t a[V2_MAC_LEN], const uint8_t b[V2_MAC_LEN])
{
    return sodium_memcmp(a, b, V2_MAC_LEN) == 0;
}

/* Room for a verb, a session and a number or nonce. */
#define SIGNED_MAX (V2_SESSION_MAX + 64)

/* "<verb>:<session>:", on which what else is signed follows. */
static void begin(struct writer *writer, char *out, const char *verb, struct bytes session)
{
    writer_init(writer, out, SIGNED_MAX);
    writer_text(writer, verb);
    writer_char(writer, ':');
    writer_bytes(writer, session);
    writer_char(writer, ':');
}

static void end(const struct writer *writer, const uint8_t key[V2_KEY_LEN], uint8_t ret[V2_MAC_LEN])
{
    assert(!writer->error); /* sessions are no longer than V2_SESSION_MAX */
    v2_mac(key, (struct bytes){.data = writer->data, .len = writer->len}, ret);
}

void v2_mac_resume(const uint8_t key[V2_KEY_LEN], struct bytes session, uint64_t time_ms,
                   uint8_t ret[V2_MAC_LEN])
{
    char data[SIGNED_MAX];
    struct writer writer;

    begin(&writer, data, v2_verb_name(V2_VERB_RESUME), session);
    writer_u64(&writer, time_ms);
    end(&writer, key, ret);
}

void v2_mac_proof(const uint8_t key[V2_KEY_LEN], struct bytes session,
                  const uint8_t nonce[V2_NONCE_LEN], uint8_t ret[V2_MAC_LEN])
{
    char data[SIGNED_MAX];
    struct writer writer;

    begin(&writer, data, v2_verb_name(V2_VERB_PROOF), session);
    field_write_hex(&writer, HEX_NONCE, nonce);
    end(&writer, key, ret);
}
