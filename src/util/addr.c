/* Network addresses and networks: conversions, parsing, comparison.
 *
 * Every way in ends in unmap(), which is what keeps an IPv4 host the same value whichever socket
 * it came through.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/addr.h"

#include "util/cursor.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#define MAPPED_BITS 96 /* of the prefix ::ffff:0:0/96, RFC 4291 2.5.5.2 */

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static unsigned family_bits(uint16_t family)
{
    return family == AF_INET ? 32 : 128;
}

/* True if `ip` was an IPv4-mapped address and has been turned into the IPv4 one. */
static bool unmap(uint8_t ip[16], uint16_t *family)
{
    if (*family != AF_INET6 || memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) != 0)
        return false;
    memmove(ip, ip + 12, 4);
    memset(ip + 4, 0, 12);
    *family = AF_INET;
    return true;
}

int addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr *ret)
{
    struct addr addr = {0};

    if (len >= sizeof(struct sockaddr_in) && sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        memcpy(addr.ip, &in.sin_addr, 4);
        addr.port = ntohs(in.sin_port);
        addr.family = AF_INET;
    } else if (len >= sizeof(struct sockaddr_in6) && sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        memcpy(addr.ip, &in6.sin6_addr, 16);
        addr.port = ntohs(in6.sin6_port);
        addr.family = AF_INET6;
        if (!unmap(addr.ip, &addr.family))
            addr.scope = in6.sin6_scope_id;
    } else {
        return -EAFNOSUPPORT;
    }
    *ret = addr;
    return 0;
}

socklen_t addr_to_sockaddr(const struct addr *addr, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (addr->family == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
        memcpy(&in.sin_addr, addr->ip, 4);
        memcpy(ret, &in, sizeof(in));
        return sizeof(in);
    }
    assert(addr->family == AF_INET6);
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(addr->port), .sin6_scope_id = addr->scope};
    memcpy(&in6.sin6_addr, addr->ip, 16);
    memcpy(ret, &in6, sizeof(in6));
    return sizeof(in6);
}

/* A scope is a number or the name of an interface of this host. */
static int parse_scope(const char *text, uint32_t *ret)
{
    uint64_t number;

    if (bytes_to_u64(bytes_of(text), UINT32_MAX, &number) < 0)
        number = if_nametoindex(text);
    if (number == 0)
        return -EINVAL;
    *ret = (uint32_t)number;
    return 0;
}

/* An address without a port, changed in place while it is taken apart. */
static int parse_host(char *host, struct addr *ret)
{
    struct addr addr = {0};

    if (inet_pton(AF_INET, host, addr.ip) == 1) {
        addr.family = AF_INET;
        *ret = addr;
        return 0;
    }
    char *scope = strchr(host, '%');
    if (scope) {
        *scope++ = '\0';
        if (parse_scope(scope, &addr.scope) < 0)
            return -EINVAL;
    }
    if (inet_pton(AF_INET6, host, addr.ip) != 1)
        return -EINVAL;
    addr.family = AF_INET6;
    if (unmap(addr.ip, &addr.family))
        addr.scope = 0;
    *ret = addr;
    return 0;
}

int addr_parse(const char *text, struct addr *ret)
{
    const char *colon = strrchr(text, ':');
    char host[ADDR_TEXT_MAX];
    struct addr addr = {.family = AF_INET6};
    uint64_t port;

    if (!colon || (size_t)(colon - text) >= sizeof(host))
        return -EINVAL;
    if (bytes_to_u64(bytes_of(colon + 1), UINT16_MAX, &port) < 0)
        return -EINVAL;
    size_t len = (size_t)(colon - text);
    memcpy(host, text, len);
    host[len] = '\0';

    bool bracketed = len >= 2 && host[0] == '[' && host[len - 1] == ']';
    if (bracketed) {
        host[len - 1] = '\0';
        if (!strchr(host, ':') || parse_host(host + 1, &addr) < 0)
            return -EINVAL;
    } else if (strcmp(host, "*") != 0) {
        /* Without brackets only IPv4: "::1:9001" could be read in two ways. */
        if (strchr(host, ':') || parse_host(host, &addr) < 0)
            return -EINVAL;
    }
    addr.port = (uint16_t)port;
    *ret = addr;
    return 0;
}

/* Clears what lies behind the first `prefix` bits. */
static void mask_ip(uint8_t ip[16], unsigned prefix)
{
    for (unsigned i = 0; i < 16; i++) {
        if (prefix >= 8 * (i + 1))
            continue;
        unsigned kept = prefix > 8 * i ? prefix - 8 * i : 0;
        ip[i] &= (uint8_t)(0xff00U >> kept);
    }
}

int network_parse(const char *text, struct network *ret)
{
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    char host[ADDR_TEXT_MAX];
    struct network network = {0};

    if (len >= sizeof(host))
        return -EINVAL;
    memcpy(host, text, len);
    host[len] = '\0';
    if (inet_pton(AF_INET, host, network.ip) == 1)
        network.family = AF_INET;
    else if (inet_pton(AF_INET6, host, network.ip) == 1)
        network.family = AF_INET6;
    else
        return -EINVAL;

    uint64_t prefix = family_bits(network.family);
    if (slash && bytes_to_u64(bytes_of(slash + 1), prefix, &prefix) < 0)
        return -EINVAL;
    if (prefix >= MAPPED_BITS && unmap(network.ip, &network.family))
        prefix -= MAPPED_BITS;
    network.prefix = (uint16_t)prefix;
    mask_ip(network.ip, network.prefix);
    *ret = network;
    return 0;
}

bool network_contains(const struct network *network, const struct addr *addr)
{
    uint8_t ip[16];

    if (network->family != addr->family)
        return false;
    memcpy(ip, addr->ip, sizeof(ip));
    mask_ip(ip, network->prefix);
    return memcmp(ip, network->ip, sizeof(ip)) == 0;
}

bool addr_same_host(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && a->scope == b->scope && memcmp(a->ip, b->ip, 16) == 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return a->port == b->port && addr_same_host(a, b);
}

struct peer_key addr_peer_key(const struct addr *addr)
{
    struct peer_key key = {.family = addr->family};

    memcpy(key.ip, addr->ip, sizeof(key.ip));
    return key;
}

bool addr_is_loopback(const struct addr *addr)
{
    static const uint8_t loopback6[16] = {[15] = 1};

    if (addr->family == AF_INET)
        return addr->ip[0] == 127;
    return addr->family == AF_INET6 && memcmp(addr->ip, loopback6, 16) == 0;
}

const char *addr_format_host(const struct addr *addr, char text[ADDR_TEXT_MAX])
{
    if (addr->family != AF_INET && addr->family != AF_INET6)
        return strcpy(text, "none");
    const char *done = inet_ntop(addr->family, addr->ip, text, ADDR_TEXT_MAX);
    assert(done);
    (void)done;
    if (addr->scope != 0) {
        size_t len = strlen(text);
        snprintf(text + len, ADDR_TEXT_MAX - len, "%%%u", addr->scope);
    }
    return text;
}

const char *addr_format(const struct addr *addr, char text[ADDR_TEXT_MAX])
{
    char host[ADDR_TEXT_MAX];
    bool brackets = addr->family == AF_INET6;

    addr_format_host(addr, host);
    /* The longest host is 45 bytes of address and 11 of scope. */
    snprintf(text, ADDR_TEXT_MAX, "%s%.*s%s:%u", brackets ? "[" : "", ADDR_TEXT_MAX - 10, host,
             brackets ? "]" : "", addr->port);
    return text;
}
