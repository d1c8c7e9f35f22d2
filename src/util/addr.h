/* Network addresses: one small value type for IPv4 and IPv6, without the room a sockaddr_storage
 * wastes, and networks to match them against. An IPv4-mapped IPv6 address is always turned into
 * the IPv4 one, so the same host is the same value whichever socket it came through.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct addr {
    uint8_t ip[16];  /* 4 bytes used for IPv4, the rest zero; network order */
    uint32_t scope;  /* IPv6 scope id (link-local), else 0 */
    uint16_t port;   /* host order */
    uint16_t family; /* AF_INET or AF_INET6, or 0 for none */
};

/* A network: the first `prefix` bits of `ip`. */
struct network {
    uint8_t ip[16];
    uint16_t family;
    uint16_t prefix;
};

/* What tells peers apart where something is counted or limited for each. No padding: it can be
 * hashed as bytes. An IPv6 host can choose the last 64 bits of its address freely (RFC 4291 2.5.4),
 * so they tell nobody apart. */
struct peer_key {
    uint16_t family;
    uint8_t ip[8];
};
_Static_assert(sizeof(struct peer_key) == 10, "hashed as bytes");

#define ADDR_TEXT_MAX 80 /* "[ipv6%scope]:port" and its NUL */

/* 0, or -EAFNOSUPPORT. */
MUST_USE int addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr *ret);

/* Fills `ret` for connect(2) or bind(2) and returns its length. */
socklen_t addr_to_sockaddr(const struct addr *addr, struct sockaddr_storage *ret);

/* "192.0.2.1:9001", "[::1]:9001", "*:9001" (every address: [::], both families). No names: that
 * would be a look-up. 0 or -EINVAL. */
MUST_USE int addr_parse(const char *text, struct addr *ret);

/* "192.0.2.0/24", "::1", "fe80::/10"; without "/N" all bits. 0 or -EINVAL. */
MUST_USE int network_parse(const char *text, struct network *ret);
bool network_contains(const struct network *network, const struct addr *addr);

bool addr_equal(const struct addr *a, const struct addr *b);     /* host and port */
bool addr_same_host(const struct addr *a, const struct addr *b); /* port not compared */
struct peer_key addr_peer_key(const struct addr *addr);
bool addr_is_loopback(const struct addr *addr);

/* "192.0.2.1:9001" or "[::1]:9001" into `text`, which is returned. */
const char *addr_format(const struct addr *addr, char text[ADDR_TEXT_MAX]);

/* Without the port: "192.0.2.1" or "::1". */
const char *addr_format_host(const struct addr *addr, char text[ADDR_TEXT_MAX]);
