/* The poller thread: finds the server, tells it by signed UDP polls that this client is here and
 * where it listens, and learns from the answers how messages are to come (client/reach.h).
 *
 * When several polls in a row stay without an answer, when the server's host says that nobody takes
 * them, or when another thread has doubts, it looks whether the server's TCP port answers. Only
 * that tells whether the server is away: then it probes at growing intervals until it is back.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Runs until the session stops. `session` is a struct session; returns NULL. */
void *poller_main(void *session);
