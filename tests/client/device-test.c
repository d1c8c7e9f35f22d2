/* Device slots: who gets which, and names that stay.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/device.h"

#include "disk-faults.h"

#include <setjmp.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

static int setup(void **state)
{
    return make_folder();
}

static int teardown(void **state)
{
    return remove_folder();
}

static void open_slot(struct device *ret, unsigned number)
{
    assert_int_equal(device_open(folder, ret), 0);
    assert_int_equal(ret->number, number);
    assert_true(strlen(ret->name) > 12);
    assert_null(strpbrk(ret->name, ":#*%/. \n"));
}

static void test_started_again_it_is_the_same_device(void **state)
{
    struct device device;
    char name[DEVICE_NAME_SIZE];

    open_slot(&device, 1);
    strcpy(name, device.name);
    device_close(&device);
    open_slot(&device, 1);
    assert_string_equal(device.name, name);
    device_close(&device);
    device_close(&device); /* harmless */
}

static void test_two_at_a_time_are_two_devices(void **state)
{
    struct device first, second, third;
    char name[DEVICE_NAME_SIZE];

    open_slot(&first, 1);
    open_slot(&second, 2);
    assert_string_not_equal(first.name, second.name);
    strcpy(name, first.name);
    device_close(&first);
    open_slot(&third, 1); /* the first that is free */
    assert_string_equal(third.name, name);
    device_close(&third);
    device_close(&second);
}

static void test_slots_are_bounded(void **state)
{
    static struct device devices[DEVICE_SLOTS];
    struct device more = {0};

    for (unsigned i = 0; i < DEVICE_SLOTS; i++)
        open_slot(&devices[i], i + 1);
    assert_int_equal(device_open(folder, &more), -EUSERS);
    for (unsigned i = 0; i < DEVICE_SLOTS; i++)
        device_close(&devices[i]);
}

static void test_a_damaged_name_is_made_anew(void **state)
{
    static const char *const contents[] = {"",
                                           "\n",
                                           "a b\n",
                                           "a/b\n",
                                           "-\n",
                                           "a:b",
                                           "\xff\n",
                                           ("12345678901234567890123456789012345678901234567890"
                                            "12345678901234567890\n")};
    struct device device;

    open_slot(&device, 1);
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        char name[DEVICE_NAME_SIZE];
        int fd = openat(device.folder, "name", O_WRONLY | O_TRUNC | O_CLOEXEC);
        assert_int_equal(write(fd, contents[i], strlen(contents[i])), strlen(contents[i]));
        close(fd);
        strcpy(name, device.name);
        device_close(&device);
        open_slot(&device, 1);
        assert_string_not_equal(device.name, name);
    }
    device_close(&device);
}

/* Runs device_open() with a fault; true if it happened. */
static bool open_with(enum fault_kind kind, unsigned n)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct device device;
        arm(kind, n);
        if (device_open(folder, &device) == 0) {
            char name[DEVICE_NAME_SIZE];
            strcpy(name, device.name);
            device_close(&device);
            arm(FAULT_NONE, 0);
            /* Who was told a name goes on with it. */
            _exit(device_open(folder, &device) == 0 && strcmp(name, device.name) == 0 ? 0 : 1);
        }
        _exit(fault.happened ? CRASHED : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
    return WEXITSTATUS(status) == CRASHED;
}

static void test_a_fault_at_each_call(void **state)
{
    for (enum fault_kind kind = FAULT_CRASH; kind <= FAULT_ERROR; kind++) {
        unsigned n = 0;
        bool more = true;
        while (more) {
            struct device device;
            more = open_with(kind, ++n);
            open_slot(&device, 1);
            device_close(&device);
            if (more) { /* as it was */
                assert_int_equal(remove_folder(), 0);
                assert_int_equal(mkdir(folder, 0700), 0);
            }
        }
        assert_true(n > 6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_started_again_it_is_the_same_device, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_at_a_time_are_two_devices, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slots_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_name_is_made_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_fault_at_each_call, setup, teardown),
    };

    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
