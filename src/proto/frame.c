/* Cutting frames.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/frame.h"

enum frame_cut frame_cut(struct bytes stream, size_t max, size_t *scanned, struct bytes *frame,
                         size_t *ret_consumed)
{
    /* An ETX may stand at most right behind the longest frame. */
    size_t searchable = stream.len > max ? max + 1 : stream.len;

    if (*scanned < searchable) {
        const char *end = memchr(stream.data + *scanned, FRAME_END, searchable - *scanned);
        if (end) {
            size_t len = (size_t)(end - stream.data);
            *scanned = 0;
            *frame = (struct bytes){.data = stream.data, .len = len};
            *ret_consumed = len + 1;
            return FRAME_CUT_FRAME;
        }
        *scanned = searchable;
    }
    return stream.len > max ? FRAME_CUT_TOO_LONG : FRAME_CUT_NONE;
}
