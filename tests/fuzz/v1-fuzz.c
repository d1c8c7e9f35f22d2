/* Fuzzes the parsers of version 1: poll, frame, answer and push. What is taken can be built again
 * and is then the same.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/v1.h"

#include "fuzz.h"

static void try_poll(struct bytes input)
{
    struct v1_poll poll, again;
    char out[V1_POLL_MAX];
    const char *reason = NULL;

    if (v1_parse_poll(input, &poll, &reason) < 0) {
        MUST(reason);
        return;
    }
    long len = v1_build_poll(&poll, out, sizeof(out));
    MUST(len > 0 && (size_t)len <= input.len);
    MUST(v1_parse_poll((struct bytes){.data = out, .len = (size_t)len}, &again, NULL) == 0);
    MUST(bytes_equal(poll.userid, again.userid) && bytes_equal(poll.password, again.password) &&
         poll.port == again.port);
}

static void try_frame(struct bytes input)
{
    struct v1_write write, again;
    const char *reason = NULL;
    int verb = v1_parse_verb(input, &reason);

    MUST(verb >= 0 || reason);
    if (v1_parse_write(input, &write, &reason) < 0) {
        MUST(reason);
        return;
    }
    MUST(verb == V1_VERB_WRITE);
    char *out = malloc(input.len + 1);
    MUST(out);
    MUST(v1_build_write(&write, out, input.len + 1) == (long)input.len + 1);
    MUST(v1_parse_write((struct bytes){.data = out, .len = input.len}, &again, NULL) == 0);
    MUST(bytes_equal(write.text, again.text) && bytes_equal(write.recipient, again.recipient));
    free(out);
}

static void try_answer(struct bytes input)
{
    struct bytes code, reason;

    if (v1_parse_answer(input, &code, &reason) != 0)
        return;
    char *out = malloc(input.len + 1);
    MUST(out);
    MUST(v1_build_error(code, reason, out, input.len + 1) == (long)input.len + 1);
    MUST(memcmp(out, input.data, input.len) == 0);
    free(out);
}

/* The parts of a push are the whole text, and each of them is one that a client takes. */
static void try_push(struct bytes input)
{
    struct v1_push push, part;
    char out[V1_PUSH_MAX];
    size_t offset = 0;

    if (v1_parse_push(input, &push) < 0)
        return;
    do {
        size_t next = 0;
        long len = v1_build_push(&push, offset, out, sizeof(out), &next);
        MUST(len > 0 && next > offset);
        MUST(v1_parse_push((struct bytes){.data = out, .len = (size_t)len}, &part) == 0);
        MUST(part.text.len == next - offset);
        MUST(memcmp(part.text.data, push.text.data + offset, part.text.len) == 0);
        offset = next;
    } while (offset < push.text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = fuzz_bytes(data, size);

    try_poll(input);
    try_frame(input);
    try_answer(input);
    try_push(input);
    return 0;
}
