/* The poller thread: finds the server, tells it every second by a UDP poll that this client is
 * here and where it listens, and watches whether the server can be reached.
 *
 * Version 1 answers no poll. What is known comes from the sends of the input thread, and from
 * this: a poll that the server's host answers with an ICMP error makes the poller probe the TCP
 * port, and while the server is away it probes at growing intervals until it is back.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/session.h"

/* Runs until the session stops. `session` is a struct session; returns NULL. */
void *poller_main(void *session);
