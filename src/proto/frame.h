/* Cutting a TCP byte stream into frames: a frame ends with ETX.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/bytes.h"

#define FRAME_END '\003'

enum frame_cut {
    FRAME_CUT_NONE,     /* no whole frame yet */
    FRAME_CUT_FRAME,    /* `frame` is one, without its ETX */
    FRAME_CUT_TOO_LONG, /* more than `max` bytes and no ETX among them */
};

/* Looks for the first frame in `stream`, of at most `max` bytes without its ETX. `scanned` is how
 * many bytes at the start are known to hold no ETX, and is brought up to date (0 after a frame),
 * so that a frame that arrives byte by byte is not searched again and again. `ret_consumed` is
 * what to drop from the stream once the frame has been dealt with. */
enum frame_cut frame_cut(struct bytes stream, size_t max, size_t *scanned, struct bytes *frame,
                         size_t *ret_consumed);
