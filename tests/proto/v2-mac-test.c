/* Version 2 of the wire, signatures: the bytes that are signed, and vectors that were computed by
 * another implementation of HMAC-SHA-256.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/v2.h"

#include "../lib/exact.h"
#include "proto/field.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint8_t key[V2_KEY_LEN]; /* 00 01 02 … 1f */

static int setup(void **state)
{
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    return 0;
}

static void assert_mac(const uint8_t mac[V2_MAC_LEN], const char *digits)
{
    char text[2 * V2_MAC_LEN + 1] = "";
    struct writer writer;

    writer_init(&writer, text, sizeof(text) - 1);
    field_write_hex(&writer, HEX_MAC, mac);
    assert_string_equal(text, digits);
}

static void signs_bytes(void **state)
{
    uint8_t mac[V2_MAC_LEN], other[V2_KEY_LEN];

    v2_mac(key, LITERAL(""), mac);
    assert_mac(mac, "d38b42096d80f45f826b44a9d5607de7");
    memset(other, 0xaa, sizeof(other));
    v2_mac(other, LITERAL("Test"), mac);
    assert_mac(mac, "552f7d08dd87170a459f5c057fedb081");
}

static void signs_a_resume(void **state)
{
    uint8_t mac[V2_MAC_LEN], same[V2_MAC_LEN];

    v2_mac_resume(key, bytes_of("7-Zk3_q"), 1763700000123, mac);
    assert_mac(mac, "139fa07a160d78a2ca203d42cbbff7b1");
    v2_mac(key, bytes_of("resume:7-Zk3_q:1763700000123"), same);
    assert_true(v2_mac_equal(mac, same));
}

static void signs_a_proof(void **state)
{
    static const uint8_t nonce[V2_NONCE_LEN] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                8, 9, 10, 11, 12, 13, 14, 255};
    uint8_t mac[V2_MAC_LEN], same[V2_MAC_LEN];

    v2_mac_proof(key, bytes_of("7-Zk3_q"), nonce, mac);
    assert_mac(mac, "c2d18946fa472fc7659c8dc8c3db1c06");
    v2_mac(key, bytes_of("proof:7-Zk3_q:000102030405060708090a0b0c0d0eff"), same);
    assert_true(v2_mac_equal(mac, same));
}

static void longest_sessions_are_signed(void **state)
{
    char session[V2_SESSION_MAX];
    static const uint8_t nonce[V2_NONCE_LEN];
    struct bytes longest = {.data = session, .len = sizeof(session)};
    uint8_t mac[V2_MAC_LEN], other[V2_MAC_LEN];

    memset(session, 's', sizeof(session));
    v2_mac_resume(key, longest, UINT64_MAX, mac);
    v2_mac_proof(key, longest, nonce, other);
    assert_false(v2_mac_equal(mac, other));
}

static void every_bit_counts(void **state)
{
    uint8_t mac[V2_MAC_LEN], other[V2_MAC_LEN];

    v2_mac(key, LITERAL("data"), mac);
    for (size_t bit = 0; bit < 8 * sizeof(mac); bit++) {
        memcpy(other, mac, sizeof(mac));
        other[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(v2_mac_equal(mac, other));
    }
    assert_true(v2_mac_equal(mac, mac));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_bytes),      cmocka_unit_test(signs_a_resume),
        cmocka_unit_test(signs_a_proof),    cmocka_unit_test(longest_sessions_are_signed),
        cmocka_unit_test(every_bit_counts),
    };

    return cmocka_run_group_tests_name("proto/v2-mac", tests, setup, NULL);
}
