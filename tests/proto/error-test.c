/* The error codes: each has a code of its own that leads back to it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/error.h"

#include "../lib/exact.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void codes_lead_back(void **state)
{
    for (int i = 0; i < PROTO_ERROR_COUNT; i++) {
        const char *code = proto_error_code((enum proto_error)i);
        struct bytes exact = exact_copy(code, strlen(code));
        assert_int_equal(proto_error_from_code(exact), i);
        exact_free(exact);
    }
}

static void codes_can_stand_in_a_frame(void **state)
{
    for (int i = 0; i < PROTO_ERROR_COUNT; i++) {
        const char *code = proto_error_code((enum proto_error)i);
        const char *help = proto_error_help((enum proto_error)i);
        assert_true(code[0] != '\0');
        assert_int_equal(strspn(code, "abcdefghijklmnopqrstuvwxyz-"), strlen(code));
        assert_true(strlen(help) > 10);
        assert_null(strpbrk(help, "\003\n"));
    }
}

static void other_codes_are_unknown(void **state)
{
    static const char *const codes[] = {"", "malforme", "malformedx", "MALFORMED", "malformed "};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct bytes exact = exact_copy(codes[i], strlen(codes[i]));
        assert_int_equal(proto_error_from_code(exact), -1);
        exact_free(exact);
    }
    assert_int_equal(proto_error_from_code(LITERAL("denied\0")), -1);
    assert_int_equal(proto_error_from_code((struct bytes){0}), -1);
}

static void known_codes_are_the_documented_ones(void **state)
{
    assert_string_equal(proto_error_code(PROTO_ERROR_MALFORMED), "malformed");
    assert_string_equal(proto_error_code(PROTO_ERROR_DENIED), "denied");
    assert_string_equal(proto_error_code(PROTO_ERROR_NOT_MEMBER), "not-member");
    assert_string_equal(proto_error_code(PROTO_ERROR_UNAVAILABLE), "unavailable");
    assert_string_equal(proto_error_code(PROTO_ERROR_INTERNAL), "internal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_lead_back),
        cmocka_unit_test(codes_can_stand_in_a_frame),
        cmocka_unit_test(other_codes_are_unknown),
        cmocka_unit_test(known_codes_are_the_documented_ones),
    };

    return cmocka_run_group_tests_name("proto/error", tests, NULL, NULL);
}
