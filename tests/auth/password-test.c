/* Password hashes and fingerprints.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/password.h"

#include <errno.h>

static const struct password_cost cheap = {.operations = 1, .memory = 8 * 1024 * 1024};

static void test_hash_verifies_its_password_and_no_other(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_MAX];
    assert_int_equal(password_hash(&cheap, bytes_of("secret"), hash), 0);
    assert_int_equal(password_verify(hash, bytes_of("secret")), 1);
    assert_int_equal(password_verify(hash, bytes_of("Secret")), 0);
    assert_int_equal(password_verify(hash, bytes_of("secre")), 0);
    assert_int_equal(password_verify(hash, bytes_of("secret ")), 0);
    assert_int_equal(password_verify(hash, bytes_of("")), 0);
}

static void test_hash_says_what_it_cost(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_MAX];
    const struct password_cost cost = {.operations = 3, .memory = 9 * 1024 * 1024};
    assert_int_equal(password_hash(&cost, bytes_of("secret"), hash), 0);
    assert_memory_equal(hash, "$argon2id$", 10);
    assert_non_null(strstr(hash, "m=9216,t=3,"));
    assert_null(strstr(hash, "secret"));
}

static void test_two_hashes_of_one_password_differ(void **state)
{
    (void)state;
    char a[PASSWORD_HASH_MAX], b[PASSWORD_HASH_MAX];
    assert_int_equal(password_hash(&cheap, bytes_of("secret"), a), 0);
    assert_int_equal(password_hash(&cheap, bytes_of("secret"), b), 0);
    assert_string_not_equal(a, b);
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    const struct bytes one = {.data = "a\0b", .len = 3}, other = {.data = "a\0c", .len = 3};
    char hash[PASSWORD_HASH_MAX];
    assert_int_equal(password_hash(&cheap, one, hash), 0);
    assert_int_equal(password_verify(hash, one), 1);
    assert_int_equal(password_verify(hash, other), 0);
}

static void test_what_is_no_hash_verifies_nothing(void **state)
{
    (void)state;
    static const char *const hashes[] = {
        "", "*", "$argon2id$", "$6$salt$hash", "secret", "$argon2id$v=19$m=8192,t=1,p=1$AAAA$AAAA"};
    for (size_t i = 0; i < ARRAY_SIZE(hashes); i++)
        assert_int_equal(password_verify(hashes[i], bytes_of("secret")), 0);
}

static void test_too_much_memory_is_an_error(void **state)
{
    (void)state;
    const struct password_cost cost = {.operations = 1, .memory = SIZE_MAX / 2};
    char hash[PASSWORD_HASH_MAX] = "untouched";
    assert_int_equal(password_hash(&cost, bytes_of("secret"), hash), -ENOMEM);
    assert_string_equal(hash, "untouched");
}

static void test_fingerprint_tells_key_account_and_password_apart(void **state)
{
    (void)state;
    uint8_t key[PASSWORD_FINGERPRINT_LEN], other_key[PASSWORD_FINGERPRINT_LEN];
    uint8_t a[PASSWORD_FINGERPRINT_LEN], b[PASSWORD_FINGERPRINT_LEN];
    password_fingerprint_key(key);
    password_fingerprint_key(other_key);
    assert_false(password_fingerprint_equal(key, other_key));
    password_fingerprint(key, 7, bytes_of("secret"), a);
    password_fingerprint(key, 7, bytes_of("secret"), b);
    assert_true(password_fingerprint_equal(a, b));
    password_fingerprint(key, 8, bytes_of("secret"), b);
    assert_false(password_fingerprint_equal(a, b));
    password_fingerprint(key, 7, bytes_of("secreT"), b);
    assert_false(password_fingerprint_equal(a, b));
    password_fingerprint(key, 7, bytes_of(""), b);
    assert_false(password_fingerprint_equal(a, b));
    password_fingerprint(other_key, 7, bytes_of("secret"), b);
    assert_false(password_fingerprint_equal(a, b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_verifies_its_password_and_no_other),
        cmocka_unit_test(test_hash_says_what_it_cost),
        cmocka_unit_test(test_two_hashes_of_one_password_differ),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_what_is_no_hash_verifies_nothing),
        cmocka_unit_test(test_too_much_memory_is_an_error),
        cmocka_unit_test(test_fingerprint_tells_key_account_and_password_apart),
    };
    return cmocka_run_group_tests_name("password", tests, NULL, NULL);
}
