/* The receiver thread: messages in, acknowledgements out. They come over connections that the
 * server makes to us (client/pushes.h), or over a link of ours (client/attachment.h); for a moment
 * it can be both, and then the cursors see to it that each is shown once.
 *
 * A message goes into the mailbox, is shown by the input thread, and comes back; what has come back
 * by then is written to the disk with one sync, and then acknowledged with one frame for each
 * conversation.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Runs until the session stops, and acknowledges before it ends what was shown. `session` is a
 * struct session; returns NULL. */
void *receiver_main(void *session);
