/* What the configuration says of rooms and rates reaches the logic unit, each key its own field.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/settings.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t secret[BLL_SECRET_LEN] = {1};

static int make_config(void **state)
{
    static struct daemon_config config;
    *state = &config;
    return config_table_init(&daemon_config_table, &config);
}

static int free_config(void **state)
{
    daemon_config_deinit(*state);
    return 0;
}

static void set(struct daemon_config *config, const char *key, const char *value)
{
    char *error = NULL;
    if (config_table_set(&daemon_config_table, config, key, value, "test", &error) < 0)
        fail_msg("%s", error);
}

static void test_rooms(void **state)
{
    struct daemon_config *config = *state;
    assert_true(settings_bll(config, secret).rooms_by_anyone);
    set(config, "rooms.make", "administrator");
    set(config, "limits.rooms", "21");
    set(config, "limits.rooms_per_user", "22");
    struct bll_config logic = settings_bll(config, secret);
    assert_false(logic.rooms_by_anyone);
    assert_int_equal(logic.rooms_max, 21);
    assert_int_equal(logic.rooms_per_user, 22);
}

static void test_rates(void **state)
{
    struct daemon_config *config = *state;
    struct bll_rates rates;
    const struct {
        const char *key, *burst_key;
        const struct rate *rate;
    } pairs[] = {
        {"rates.signons", "rates.signons_burst", &rates.signons_per_address},
        {"rates.failures", "rates.failures_burst", &rates.failures_per_address},
        {"rates.sends_address", "rates.sends_address_burst", &rates.sends_per_address},
        {"rates.sends", "rates.sends_burst", &rates.sends_per_user},
        {"rates.dials", "rates.dials_burst", &rates.dials_per_user},
        {"rates.changes", "rates.changes_burst", &rates.changes_per_user},
        {"rates.requests", "rates.requests_burst", &rates.requests_per_user},
    };
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        set(config, pairs[i].key, "4711");
        set(config, pairs[i].burst_key, "42");
        rates = settings_bll(config, secret).rates;
        assert_int_equal(pairs[i].rate->per_minute, 4711);
        assert_int_equal(pairs[i].rate->burst, 42);
        set(config, pairs[i].key, "1");
        set(config, pairs[i].burst_key, "1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rooms, make_config, free_config),
        cmocka_unit_test_setup_teardown(test_rates, make_config, free_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
