/* The receiver thread: listens, and takes one newmsg from each connection up to its end of stream.
 *
 * The close is the acknowledgement, so a message is shown first and its connection closed then. A
 * message that could not be shown is answered by a reset, and the server keeps it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/session.h"

/* Runs until the session stops. `session` is a struct session; returns NULL. */
void *receiver_main(void *session);
