/* The password pool: answers, the bounded queue, its end, equal time for users unknown, and no
 * password left in memory that is freed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/password-pool.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define PATIENCE_MS 60000
#define SECRET      "correct horse battery staple"

static const struct password_cost cheap = {.operations = 1, .memory = 8 * 1024 * 1024};
static struct password_pool *pool;
static char hash[PASSWORD_HASH_MAX];
static bool in_call;
static unsigned answers[3]; /* wrong, right, error */
static unsigned hashes;
static char last_hash[PASSWORD_HASH_MAX];

/* -- freed memory must not hold a password */

static atomic_uint passwords_freed, freed;

void __real_free(void *data);
void __wrap_free(void *data);
void __wrap_free(void *data)
{
    if (data != NULL) {
        atomic_fetch_add(&freed, 1);
        if (memmem(data, malloc_usable_size(data), SECRET, strlen(SECRET)) != NULL)
            atomic_fetch_add(&passwords_freed, 1);
    }
    __real_free(data);
}

static void on_verified(void *userdata, int verified)
{
    assert_ptr_equal(userdata, answers);
    assert_false(in_call);
    answers[verified < 0 ? 2 : verified]++;
}

static void on_hashed(void *userdata, const char *made)
{
    assert_ptr_equal(userdata, answers);
    assert_false(in_call);
    hashes++;
    strcpy(last_hash, made != NULL ? made : "none");
}

static int verify(const char *against, const char *password)
{
    in_call = true;
    int error = password_pool_verify(pool, against, bytes_of(password), on_verified, answers);
    in_call = false;
    return error;
}

static unsigned answered(void)
{
    return answers[0] + answers[1] + answers[2] + hashes;
}

static void wait_for(unsigned count)
{
    while (answered() < count) {
        struct pollfd ready = {.fd = password_pool_fd(pool), .events = POLLIN};
        assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
        password_pool_dispatch(pool);
    }
}

static void start(unsigned threads, unsigned queue_max)
{
    memset(answers, 0, sizeof answers);
    hashes = 0;
    assert_int_equal(password_pool_new(threads, queue_max, &cheap, &pool), 0);
}

static void stop(void)
{
    password_pool_free(pool);
    pool = NULL;
}

static int setup(void **state)
{
    (void)state;
    return password_hash(&cheap, bytes_of(SECRET), hash);
}

static void test_right_wrong_and_unknown(void **state)
{
    (void)state;
    char too_long[2 * PASSWORD_HASH_MAX];
    memset(too_long, '$', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    start(1, 8);
    assert_int_equal(verify(hash, SECRET), 0);
    assert_int_equal(verify(hash, "wrong"), 0);
    assert_int_equal(verify(NULL, SECRET), 0);
    assert_int_equal(verify("", SECRET), 0);
    assert_int_equal(verify(too_long, SECRET), 0);
    assert_int_equal(answered(), 0);
    wait_for(5);
    assert_int_equal(answers[1], 1);
    assert_int_equal(answers[0], 4);
    stop();
}

static void test_hash_has_the_cost_that_was_set(void **state)
{
    (void)state;
    const struct password_cost cost = {.operations = 2, .memory = 9 * 1024 * 1024};
    start(1, 8);
    password_pool_set_cost(pool, &cost);
    assert_int_equal(password_pool_hash(pool, bytes_of(SECRET), on_hashed, answers), 0);
    wait_for(1);
    assert_non_null(strstr(last_hash, "m=9216,t=2,"));
    assert_int_equal(password_verify(last_hash, bytes_of(SECRET)), 1);
    stop();
}

static void test_without_memory_the_answer_is_an_error(void **state)
{
    (void)state;
    const struct password_cost impossible = {.operations = 1, .memory = SIZE_MAX / 2};
    start(1, 8);
    password_pool_set_cost(pool, &impossible);
    assert_int_equal(password_pool_hash(pool, bytes_of(SECRET), on_hashed, answers), 0);
    assert_int_equal(verify(NULL, SECRET), 0);
    wait_for(2);
    assert_string_equal(last_hash, "none");
    assert_int_equal(answers[2], 1);
    stop();
}

static void test_full_queue_refuses(void **state)
{
    (void)state;
    enum { QUEUE = 3 };
    unsigned taken = 0;
    start(1, QUEUE);
    while (taken < 1000 && verify(hash, SECRET) == 0)
        taken++;
    assert_true(taken >= QUEUE);
    assert_true(taken < 1000);
    wait_for(taken);
    assert_int_equal(answers[1], taken); /* the refused one was not called back */
    assert_int_equal(verify(hash, SECRET), 0);
    wait_for(taken + 1);
    stop();
}

static void test_freeing_drops_what_waits(void **state)
{
    (void)state;
    start(2, 64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(verify(hash, SECRET), 0);
    stop();
    assert_int_equal(answered(), 0);
    password_pool_free(NULL);
}

static void test_freeing_drops_results_nobody_fetched(void **state)
{
    (void)state;
    struct pollfd ready;
    start(1, 8);
    assert_int_equal(verify(hash, SECRET), 0);
    ready = (struct pollfd){.fd = password_pool_fd(pool), .events = POLLIN};
    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    stop();
    assert_int_equal(answered(), 0);
}

static void on_verified_again(void *userdata, int verified)
{
    on_verified(userdata, verified);
    assert_int_equal(verify(hash, "wrong"), 0);
}

static void test_callback_may_ask_again(void **state)
{
    (void)state;
    start(1, 8);
    assert_int_equal(password_pool_verify(pool, hash, bytes_of(SECRET), on_verified_again, answers),
                     0);
    wait_for(2);
    assert_int_equal(answers[0], 1);
    assert_int_equal(answers[1], 1);
    stop();
}

static void test_many_threads_answer_each_request_once(void **state)
{
    (void)state;
    enum { REQUESTS = 60 };
    const struct password_cost other = {.operations = 2, .memory = 8 * 1024 * 1024};
    start(4, REQUESTS);
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(verify(hash, i % 3 == 0 ? SECRET : "wrong"), 0);
        if (i == REQUESTS / 2)
            password_pool_set_cost(pool, &other);
    }
    wait_for(REQUESTS);
    password_pool_dispatch(pool);
    assert_int_equal(answers[1], REQUESTS / 3);
    assert_int_equal(answers[0], REQUESTS - REQUESTS / 3);
    stop();
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cost_of(const char *against)
{
    enum { TIMES = 10 };
    unsigned before = answered();
    double begun = cpu_seconds();
    for (unsigned i = 0; i < TIMES; i++)
        assert_int_equal(verify(against, "wrong"), 0);
    wait_for(before + TIMES);
    return cpu_seconds() - begun;
}

static void test_unknown_user_takes_as_long_as_a_wrong_password(void **state)
{
    (void)state;
    start(1, 16);
    (void)cost_of(hash); /* memory is mapped, pages are known */
    double wrong = cost_of(hash), unknown = cost_of(NULL);
    assert_true(unknown > wrong / 2);
    assert_true(unknown < wrong * 2);
    stop();
}

/* Last: looks at everything that has been freed so far. */
static void test_no_password_was_left_in_freed_memory(void **state)
{
    (void)state;
    assert_true(atomic_load(&freed) > 100);
    assert_int_equal(atomic_load(&passwords_freed), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_wrong_and_unknown),
        cmocka_unit_test(test_hash_has_the_cost_that_was_set),
        cmocka_unit_test(test_without_memory_the_answer_is_an_error),
        cmocka_unit_test(test_full_queue_refuses),
        cmocka_unit_test(test_freeing_drops_what_waits),
        cmocka_unit_test(test_freeing_drops_results_nobody_fetched),
        cmocka_unit_test(test_callback_may_ask_again),
        cmocka_unit_test(test_many_threads_answer_each_request_once),
        cmocka_unit_test(test_unknown_user_takes_as_long_as_a_wrong_password),
        cmocka_unit_test(test_no_password_was_left_in_freed_memory),
    };
    return cmocka_run_group_tests_name("password-pool", tests, setup, NULL);
}
