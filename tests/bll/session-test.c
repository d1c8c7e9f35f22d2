/* Sessions: what a name tells, what it does not, and that the key depends on all of it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/session.h"

#include "../lib/exact.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t secret[BLL_SECRET_LEN] = "a secret of thirty-two bytes ok";

static void check_same(const struct session *a, const struct session *b)
{
    assert_true(a->user == b->user && a->device == b->device && a->epoch == b->epoch);
    assert_int_equal(a->secure, b->secure);
    assert_memory_equal(a->nonce, b->nonce, sizeof(a->nonce));
    assert_string_equal(a->name, b->name);
    assert_memory_equal(a->key, b->key, sizeof(a->key));
}

static void what_was_made_is_found_again(void **state)
{
    static const struct {
        uint64_t user, device;
        uint32_t epoch;
        bool secure;
    } cases[] = {
        {1, 0, 1, false},
        {1, 2, 3, true},
        {UINT64_MAX, UINT64_MAX, UINT32_MAX, true},
        {0x0102030405060708, 0x090a0b0c0d0e0f10, 0x11121314, false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct session made, parsed, again;
        session_make(secret, cases[i].user, cases[i].device, cases[i].epoch, cases[i].secure,
                     &made);
        assert_true(made.user == cases[i].user && made.device == cases[i].device);
        assert_int_equal(made.epoch, cases[i].epoch);
        assert_int_equal(made.secure, cases[i].secure);
        assert_int_equal(session_parse(secret, bytes_of(made.name), &parsed), 0);
        check_same(&parsed, &made);
        session_again(secret, made.user, made.device, made.epoch, made.secure, made.nonce, &again);
        check_same(&again, &made);
    }
}

static void a_name_is_one_of_the_protocol(void **state)
{
    struct session session;
    size_t len;

    session_make(secret, 1, 2, 3, true, &session);
    len = strlen(session.name);
    assert_in_range(len, 1, V2_SESSION_MAX);
    assert_int_equal(strspn(session.name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                          "0123456789_-"),
                     len);
}

static void two_of_the_same_are_not_the_same(void **state)
{
    struct session a, b;

    session_make(secret, 1, 2, 3, true, &a);
    session_make(secret, 1, 2, 3, true, &b);
    assert_string_not_equal(a.name, b.name);
    assert_memory_not_equal(a.key, b.key, sizeof(a.key));
}

/* Known by heart: sessions survive an upgrade. */
static void names_and_keys_stay_what_they_are(void **state)
{
    static const uint8_t key[V2_KEY_LEN] = {0xa1, 0x01, 0x93, 0xd5, 0x98, 0xb1, 0x84, 0x5e,
                                            0xc2, 0x93, 0x9d, 0x9d, 0xd1, 0x32, 0x8f, 0x4c,
                                            0x6e, 0xcb, 0xe0, 0x76, 0xaa, 0x50, 0x10, 0x1b,
                                            0x9b, 0xb0, 0x28, 0xf3, 0x84, 0xc0, 0x0c, 0x2f};
    struct session session;

    session_again(secret, 7, 9, 2, true, (const uint8_t *)"nonce678", &session);
    assert_string_equal(session.name, "AQEAAAAAAAAABwAAAAAAAAAJAAAAAm5vbmNlNjc4");
    assert_memory_equal(session.key, key, sizeof(key));
}

static void another_secret_gives_another_key(void **state)
{
    uint8_t other[BLL_SECRET_LEN];
    struct session made, parsed;

    memcpy(other, secret, sizeof(other));
    other[BLL_SECRET_LEN - 1] ^= 1;
    session_make(secret, 1, 2, 3, true, &made);
    assert_int_equal(session_parse(other, bytes_of(made.name), &parsed), 0);
    assert_memory_not_equal(parsed.key, made.key, sizeof(made.key));
}

/* Whoever alters a name gets none of ours, or a session whose key he does not know. */
static void every_digit_counts(void **state)
{
    struct session made, parsed;
    char name[V2_SESSION_MAX + 1];

    session_make(secret, 1, 2, 3, true, &made);
    for (size_t i = 0; i < strlen(made.name); i++) {
        memcpy(name, made.name, sizeof(name));
        name[i] = name[i] == 'A' ? 'B' : 'A';
        if (session_parse(secret, bytes_of(name), &parsed) == 0)
            assert_memory_not_equal(parsed.key, made.key, sizeof(made.key));
    }
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const names[] = {
        "",
        "A",
        "-",
        "AQEAAAAAAAAABwAAAAAAAAAJAAAAAm5vbmNlNjc",   /* a digit too few */
        "AQEAAAAAAAAABwAAAAAAAAAJAAAAAm5vbmNlNjc4A", /* too many */
        "AQEAAAAAAAAABwAAAAAAAAAJAAAAAm5vbmNlNjc4AAAA",
        "AQEAAAAAAAAABwAAAAAAAAAJAAAAAm5vbmNlNjc=",
        "AQEAAAAAAAAABwAAAAAAAAAJAAAAAm5vbmNlNj+4", /* the other base64 */
        "AQEAAAAAAAAABwAAAAAAAAAJAAAAAm5vbmNlNj/4",
        "AQEAAAAAAAAABwAAAAAAAAAJAAAAAm5vbmNlNjc ",
        "AgEAAAAAAAAABwAAAAAAAAAJAAAAAm5vbmNlNjc4", /* version 2 */
        "AQIAAAAAAAAABwAAAAAAAAAJAAAAAm5vbmNlNjc4", /* a flag that is not known */
    };
    struct session session;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct bytes name = exact_copy(names[i], strlen(names[i]));
        memset(&session, 0x55, sizeof(session));
        assert_int_equal(session_parse(secret, name, &session), -EBADMSG);
        assert_int_equal(session.name[0], 0x55); /* written on success alone */
        exact_free(name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_made_is_found_again),
        cmocka_unit_test(a_name_is_one_of_the_protocol),
        cmocka_unit_test(two_of_the_same_are_not_the_same),
        cmocka_unit_test(names_and_keys_stay_what_they_are),
        cmocka_unit_test(another_secret_gives_another_key),
        cmocka_unit_test(every_digit_counts),
        cmocka_unit_test(what_is_no_name_is_refused),
    };

    return cmocka_run_group_tests_name("bll/session", tests, NULL, NULL);
}
