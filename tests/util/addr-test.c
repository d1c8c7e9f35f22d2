/* Addresses and networks: what is taken, what is refused, and that IPv4-mapped is always IPv4.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/addr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct addr parse(const char *text)
{
    struct addr addr;

    if (addr_parse(text, &addr) < 0)
        fail_msg("%s is refused", text);
    return addr;
}

static struct network parse_network(const char *text)
{
    struct network network;

    if (network_parse(text, &network) < 0)
        fail_msg("%s is refused", text);
    return network;
}

static void parses_what_it_formats(void **state)
{
    static const struct {
        const char *text, *formatted, *host;
    } cases[] = {
        {"192.0.2.1:9001", "192.0.2.1:9001", "192.0.2.1"},
        {"0.0.0.0:0", "0.0.0.0:0", "0.0.0.0"},
        {"255.255.255.255:65535", "255.255.255.255:65535", "255.255.255.255"},
        {"[::1]:9001", "[::1]:9001", "::1"},
        {"[::]:1", "[::]:1", "::"},
        {"*:9001", "[::]:9001", "::"},
        {"[2001:DB8:0:0::1]:80", "[2001:db8::1]:80", "2001:db8::1"},
        {"[::ffff:192.0.2.1]:80", "192.0.2.1:80", "192.0.2.1"},
        {"[::ffff:c000:201]:80", "192.0.2.1:80", "192.0.2.1"},
        {"[fe80::1%7]:80", "[fe80::1%7]:80", "fe80::1%7"},
        {"[fe80::1%lo]:80", "[fe80::1%1]:80", "fe80::1%1"},
        {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[ADDR_TEXT_MAX];
        struct addr addr = parse(cases[i].text);
        assert_string_equal(addr_format(&addr, text), cases[i].formatted);
        assert_string_equal(addr_format_host(&addr, text), cases[i].host);
        struct addr again = parse(cases[i].formatted);
        assert_true(addr_equal(&addr, &again));
    }
}

static void refuses_what_is_no_address(void **state)
{
    static const char *const cases[] = {
        "",
        ":",
        ":9001",
        "9001",
        "*",
        "*:",
        "*:65536",
        "*:-1",
        "*:+1",
        "*: 1",
        "*:1 ",
        "*:1x",
        "**:1",
        "localhost:1",
        "192.0.2:1",
        "192.0.2.256:1",
        "192.0.2.1.1:1",
        "192.0.2.1",
        " 192.0.2.1:1",
        "::1:9001",
        "[::1]",
        "[::1]:",
        "[::1",
        "::1]:1",
        "[]:1",
        "[192.0.2.1]:1",
        "[::1]]:1",
        "[[::1]]:1",
        "[::g]:1",
        "[*]:1",
        "[fe80::1%]:1",
        "[fe80::1%0]:1",
        "[fe80::1%4294967296]:1",
        "[fe80::1%no-such-interface-here]:1",
        "[fe80::1%1%1]:1",
        "1111111111111111111111111111111111111111111111111111111111111111111111111111111111:1",
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct addr addr = {.port = 77};
        if (addr_parse(cases[i], &addr) != -EINVAL)
            fail_msg("'%s' is taken", cases[i]);
        assert_int_equal(addr.port, 77);
    }
}

static void goes_through_sockaddr(void **state)
{
    static const char *const cases[] = {"192.0.2.1:9001", "[2001:db8::1]:1", "[fe80::1%3]:65535"};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct addr addr = parse(cases[i]), back;
        struct sockaddr_storage storage;
        socklen_t len = addr_to_sockaddr(&addr, &storage);
        assert_int_equal(len, addr.family == AF_INET ? sizeof(struct sockaddr_in)
                                                     : sizeof(struct sockaddr_in6));
        assert_int_equal(addr_from_sockaddr((struct sockaddr *)&storage, len, &back), 0);
        assert_true(addr_equal(&addr, &back));
        assert_int_equal(addr_from_sockaddr((struct sockaddr *)&storage, len - 1, &back),
                         -EAFNOSUPPORT);
        assert_int_equal(addr_from_sockaddr((struct sockaddr *)&storage, 0, &back), -EAFNOSUPPORT);
    }
}

static void mapped_sockaddr_is_ipv4(void **state)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_scope_id = 9};
    static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
    struct addr addr, plain = parse("127.0.0.1:80");

    memcpy(&in6.sin6_addr, mapped, sizeof(mapped));
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&in6, sizeof(in6), &addr), 0);
    assert_true(addr_equal(&addr, &plain));
    assert_true(addr_is_loopback(&addr));
}

static void refuses_other_families(void **state)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNIX};
    struct addr addr;

    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&storage, sizeof(storage), &addr),
                     -EAFNOSUPPORT);
}

static void compares(void **state)
{
    struct addr a = parse("192.0.2.1:1"), b = parse("192.0.2.1:2"), c = parse("192.0.2.2:1"),
                d = parse("[c000:201::]:1"), e = parse("[fe80::1%1]:1"), f = parse("[fe80::1%2]:1");

    assert_true(addr_equal(&a, &a));
    assert_false(addr_equal(&a, &b));
    assert_true(addr_same_host(&a, &b));
    assert_false(addr_same_host(&a, &c));
    assert_false(addr_same_host(&a, &d)); /* the same bytes in the other family */
    assert_false(addr_same_host(&e, &f));
}

static void knows_loopback(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
    } cases[] = {
        {"127.0.0.1:1", true},  {"127.255.255.254:1", true},  {"[::1]:1", true},
        {"128.0.0.1:1", false}, {"126.255.255.255:1", false}, {"[::]:1", false},
        {"[::2]:1", false},     {"[7f00::1]:1", false},       {"[::ffff:127.0.0.1]:1", true},
    };
    struct addr none = {0};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct addr addr = parse(cases[i].text);
        if (addr_is_loopback(&addr) != cases[i].loopback)
            fail_msg("%s", cases[i].text);
    }
    assert_false(addr_is_loopback(&none));
}

static void formats_no_address(void **state)
{
    struct addr none = {0};
    char text[ADDR_TEXT_MAX];

    assert_string_equal(addr_format_host(&none, text), "none");
    assert_string_equal(addr_format(&none, text), "none:0");
}

static void network_holds_what_it_says(void **state)
{
    static const struct {
        const char *network, *addr;
        bool inside;
    } cases[] = {
        {"192.0.2.0/24", "192.0.2.0:1", true},
        {"192.0.2.0/24", "192.0.2.255:1", true},
        {"192.0.2.0/24", "192.0.3.0:1", false},
        {"192.0.2.0/24", "192.0.1.255:1", false},
        {"192.0.2.77/24", "192.0.2.1:1", true},
        {"192.0.2.1", "192.0.2.1:1", true},
        {"192.0.2.1", "192.0.2.2:1", false},
        {"192.0.2.1/32", "192.0.2.0:1", false},
        {"192.0.2.0/31", "192.0.2.1:1", true},
        {"192.0.2.0/31", "192.0.2.2:1", false},
        {"128.0.0.0/1", "255.0.0.1:1", true},
        {"128.0.0.0/1", "127.0.0.1:1", false},
        {"0.0.0.0/0", "255.255.255.255:1", true},
        {"0.0.0.0/0", "[::1]:1", false},
        {"::/0", "[::1]:1", true},
        {"::/0", "1.2.3.4:1", false},
        {"fe80::/10", "[febf:ffff::1]:1", true},
        {"fe80::/10", "[fec0::]:1", false},
        {"::1", "[::1]:1", true},
        {"::1", "[::2]:1", false},
        {"::1/127", "[::]:1", true},
        {"::ffff:127.0.0.0/104", "127.9.9.9:1", true},
        {"::ffff:127.0.0.0/104", "128.0.0.0:1", false},
        {"::ffff:127.0.0.1", "127.0.0.1:1", true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct network network = parse_network(cases[i].network);
        struct addr addr = parse(cases[i].addr);
        if (network_contains(&network, &addr) != cases[i].inside)
            fail_msg("%s and %s", cases[i].network, cases[i].addr);
    }
}

static void refuses_what_is_no_network(void **state)
{
    static const char *const cases[] = {
        "",
        "/",
        "/24",
        "*",
        "localhost",
        "192.0.2.0/",
        "192.0.2/24",
        "10/8",
        "192.0.2.0/33",
        "::/129",
        "::/-1",
        "::/ 1",
        "::/1/1",
        "[::1]",
        "192.0.2.0/a",
        "192.0.2.0 /8",
        "fe80::1%1",
        "::/340282366920938463463",
        "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111/1",
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct network network = {.prefix = 77};
        if (network_parse(cases[i], &network) != -EINVAL)
            fail_msg("'%s' is taken", cases[i]);
        assert_int_equal(network.prefix, 77);
    }
}

static void every_prefix_length_counts_its_bits(void **state)
{
    struct addr addr = parse("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1");

    for (unsigned prefix = 0; prefix <= 128; prefix++) {
        char text[64];
        snprintf(text, sizeof(text), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/%u", prefix);
        struct network network = parse_network(text);
        for (unsigned bit = 0; bit < 128; bit++) {
            struct addr other = addr;
            other.ip[bit / 8] ^= (uint8_t)(0x80U >> bit % 8);
            assert_int_equal(network_contains(&network, &other), bit >= prefix);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_what_it_formats),
        cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(goes_through_sockaddr),
        cmocka_unit_test(mapped_sockaddr_is_ipv4),
        cmocka_unit_test(refuses_other_families),
        cmocka_unit_test(compares),
        cmocka_unit_test(knows_loopback),
        cmocka_unit_test(formats_no_address),
        cmocka_unit_test(network_holds_what_it_says),
        cmocka_unit_test(refuses_what_is_no_network),
        cmocka_unit_test(every_prefix_length_counts_its_bits),
    };

    return cmocka_run_group_tests_name("util/addr", tests, NULL, NULL);
}
