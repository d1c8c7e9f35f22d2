/* Fuzzes the cutting of a stream into frames: however the bytes are split on their way, the same
 * frames come out.
 *
 * The first four bytes of an input say how the rest is split.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/frame.h"

#include "../lib/exact.h"
#include "fuzz.h"

#define FRAME_BYTES_MAX 64

/* The next frame of `rest` the plain way; false where there is none, or it is too long. */
static bool next_frame(struct bytes *rest, struct bytes *ret)
{
    const char *end = rest->len > 0 ? memchr(rest->data, FRAME_END, rest->len) : NULL;

    if (!end || (size_t)(end - rest->data) > FRAME_BYTES_MAX)
        return false;
    *ret = (struct bytes){.data = rest->data, .len = (size_t)(end - rest->data)};
    rest->data += ret->len + 1;
    rest->len -= ret->len + 1;
    return true;
}

/* Cuts what has arrived; false once a frame is too long. */
static bool cut_all(struct bytes arrived, size_t *used, size_t *scanned, struct bytes *expected)
{
    for (;;) {
        struct bytes frame = {0}, wanted = {0};
        struct bytes stream = {.data = arrived.data + *used, .len = arrived.len - *used};
        size_t consumed = 0;
        switch (frame_cut(stream, FRAME_BYTES_MAX, scanned, &frame, &consumed)) {
        case FRAME_CUT_NONE:
            MUST(stream.len <= FRAME_BYTES_MAX);
            return true;
        case FRAME_CUT_TOO_LONG:
            MUST(!next_frame(expected, &wanted) && expected->len > FRAME_BYTES_MAX);
            return false;
        case FRAME_CUT_FRAME:
            MUST(next_frame(expected, &wanted));
            MUST(bytes_equal(frame, wanted) && consumed == frame.len + 1);
            *used += consumed;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t seed = 1;
    size_t used = 0, scanned = 0, arrived = 0;

    if (size < 4)
        return 0;
    for (size_t i = 0; i < 4; i++)
        seed = seed << 8 | data[i];
    struct bytes stream = fuzz_bytes(data + 4, size - 4);
    struct bytes expected = stream;
    while (arrived < stream.len) {
        arrived += 1 + exact_random(&seed) % (seed % 5 == 0 ? 100 : 3);
        if (arrived > stream.len)
            arrived = stream.len;
        struct bytes part = {.data = stream.data, .len = arrived};
        if (!cut_all(part, &used, &scanned, &expected))
            return 0;
    }
    struct bytes wanted;
    MUST(!next_frame(&expected, &wanted));
    return 0;
}
