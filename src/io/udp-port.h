/* A UDP port: datagrams in batches (recvmmsg), handed on one by one, and their answers.
 *
 * An answer leaves from the address the datagram came to (IP_PKTINFO, IPV6_PKTINFO) and is never
 * longer than it. Answers of a batch leave together at its end (sendmmsg); one that the kernel does
 * not take at once is dropped and counted.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/loop.h"
#include "util/addr.h"
#include "util/bytes.h"
#include "util/metrics.h"

struct udp_port;

/* Writes an answer of at most `size` bytes (never more than datagram.len) to `answer`. Returns its
 * length, 0 for none. */
typedef size_t (*udp_datagram_fn)(void *userdata, const struct addr *from, struct bytes datagram,
                                  char *answer, size_t size);

/* Takes over `fd`, a bound datagram socket, on success. Datagrams over `datagram_max` bytes are
 * counted and dropped. Handles a bounded number of batches a turn, so that a flood of datagrams
 * leaves room for the rest. 0 or -errno. */
MUST_USE int udp_port_new(struct loop *loop, int fd, size_t datagram_max, struct metrics *metrics,
                          udp_datagram_fn callback, void *userdata, struct udp_port **ret);
void udp_port_free(struct udp_port *port);

/* Makes and binds a UDP socket: the descriptor or -errno. */
MUST_USE int udp_port_bind(const struct addr *addr);
