/* Showing what has arrived, so that a crash at any point neither loses a message nor repeats one
 * silently: the cursor is told before, the screen shows, the cursor is told after. The input
 * thread's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/session.h"

/* Puts a message on the screen; `again`: it may have been shown before. 0, or -errno: it is not
 * there as a whole, and `ret_touched` says whether a part of it may be. */
typedef int (*show_fn)(void *userdata, const struct v2_frame *msg, bool again, bool *ret_touched);

enum show_result {
    SHOW_NOTHING, /* none waits */
    SHOW_SHOWN,
    SHOW_SKIPPED, /* it had been shown before */
    SHOW_FAILED,  /* show_fn did; the message waits on */
    SHOW_UNKEPT,  /* it was not shown, for that could not be written down; it waits on */
};

/* Shows the oldest message that waits, and gives it back to the receiver. `ret_error` is set to
 * -errno for FAILED and UNKEPT. */
MUST_USE enum show_result show_next(struct session *session, show_fn show, void *userdata,
                                    int *ret_error);
