/* Fuzzes the parsers of version 2: frames, signed polls and their answers. What is taken can be
 * built again, and that is read as the same.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/v2.h"

#include "fuzz.h"

static const uint8_t key[V2_KEY_LEN] = "a key of thirty-two bytes, as is";

/* A past is built out of what it holds as well. */
static void try_past(const struct v2_frame *past, const char *built, size_t size)
{
    struct v2_frame entry;
    char *out = malloc(size);

    MUST(out && v2_parse(past->frame, &entry, NULL) == 0);
    MUST(size <= v2_frame_max(entry.text.len));
    MUST(v2_build_past(&entry, out, size) == (long)size && memcmp(out, built, size) == 0);
    free(out);
}

static void try_frame(struct bytes input)
{
    struct v2_frame frame, again;
    const char *reason = NULL;

    if (v2_parse(input, &frame, &reason) < 0) {
        MUST(reason);
        return;
    }
    size_t size = input.len + 1;
    char *out = malloc(size), *more = malloc(size);
    MUST(out && more);
    MUST(frame.verb == V2_VERB_PAST || size <= v2_frame_max(frame.text.len));
    MUST(v2_build(&frame, out, size) == (long)size);
    MUST(v2_parse((struct bytes){.data = out, .len = size - 1}, &again, NULL) == 0);
    MUST(again.verb == frame.verb && again.seq == frame.seq && again.time_ms == frame.time_ms);
    MUST(v2_build(&again, more, size) == (long)size && memcmp(out, more, size) == 0);
    if (frame.verb == V2_VERB_PAST)
        try_past(&frame, out, size);
    free(out);
    free(more);
}

/* A poll that was not signed with the key does not verify; the same one signed does, and each
 * answer to it is no longer. */
static void try_poll(struct bytes input)
{
    struct v2_poll poll;
    char out[V2_POLL_MAX], answer[V2_POLL_MAX];
    const char *reason = NULL;

    if (v2_parse_poll(input, &poll, &reason) < 0) {
        MUST(reason);
        return;
    }
    long len = v2_build_poll(poll.session, poll.time_ms, poll.port, key, out, sizeof(out));
    MUST(len == (long)input.len);
    MUST(memcmp(out, input.data, poll.signed_part.len) == 0);
    struct bytes built = {.data = out, .len = (size_t)len};
    MUST(v2_parse_poll(built, &poll, NULL) == 0 && v2_poll_verify(&poll, key));
    for (int state = 0; state < V2_STATE_COUNT; state++) {
        struct v2_polled polled;
        long said = v2_build_polled(poll.session, (enum v2_state)state, poll.time_ms, key, answer,
                                    sizeof(answer));
        MUST(said <= len);
        if (said < 0)
            continue;
        MUST(v2_parse_polled((struct bytes){.data = answer, .len = (size_t)said}, &polled) == 0);
        MUST(polled.state == (enum v2_state)state && v2_polled_verify(&polled, poll.time_ms, key));
    }
}

static void try_polled(struct bytes input)
{
    struct v2_polled polled;

    if (v2_parse_polled(input, &polled) == 0)
        (void)v2_polled_verify(&polled, 1767225603000, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = fuzz_bytes(data, size);

    try_frame(input);
    try_poll(input);
    try_polled(input);
    return 0;
}
