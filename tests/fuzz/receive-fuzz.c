/* Fuzzes what a client takes from who connects to it, whoever that is: the dialogue of a push
 * connection, what is shown of a message, and answers to polls.
 *
 * The input is frames with their ETX. One that is to be answered must name our session, nothing is
 * taken before that, and no message that is taken can change the terminal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/printable.h"
#include "client/push-dialogue.h"
#include "client/reach.h"
#include "proto/frame.h"
#include "util/utf8.h"

#include "fuzz.h"

#define SESSION "session"
#define POLL_MS 1700000000000ULL

static const uint8_t key[V2_KEY_LEN] = "a key of thirty-two bytes, as is";

static void try_line(const struct v2_frame *msg, bool own, bool again)
{
    char *line = printable_message(msg, own, again, 0);
    size_t len;

    MUST(line);
    len = strlen(line);
    MUST(len > 0 && line[len - 1] == '\n');
    MUST(utf8_valid((struct bytes){line, len}));
    for (size_t i = 0; i < len; i++)
        MUST((unsigned char)line[i] >= ' ' || line[i] == '\n' || line[i] == '\t');
    free(line);
}

static void take(struct push_dialogue *dialogue, struct bytes frame)
{
    bool proven = dialogue->proven;
    struct v2_frame result;

    switch (push_dialogue_take(dialogue, frame, bytes_of(SESSION), key, &result)) {
    case PUSH_PROVE:
        MUST(!proven && dialogue->proven && result.verb == V2_VERB_PROOF);
        MUST(frame.len > 13 && memcmp(frame.data, "push:" SESSION ":", 13) == 0);
        break;
    case PUSH_MESSAGE:
        MUST(proven && result.seq > 0 && result.conversation.id > 0);
        for (int way = 0; way < 4; way++)
            try_line(&result, way & 1, way & 2);
        break;
    case PUSH_NOTHING:
        MUST(proven);
        break;
    case PUSH_BREAK:
        MUST(dialogue->proven == proven);
        break;
    }
}

/* What is no answer of the server's counts for nothing. */
static void try_answer(struct bytes datagram)
{
    struct v2_polled polled;
    struct reach reach;
    enum v2_state state;

    reach_init(&reach);
    reach_polled(&reach, POLL_MS, 1);
    if (reach_answered(&reach, datagram, bytes_of(SESSION), key, &state))
        MUST(v2_parse_polled(datagram, &polled) == 0 && v2_polled_verify(&polled, POLL_MS, key));
    else
        MUST(reach.silent == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = fuzz_bytes(data, size), frame;
    struct push_dialogue stranger = {0}, server = {.proven = true};
    size_t scanned = 0, consumed;

    try_answer(rest);
    while (frame_cut(rest, rest.len, &scanned, &frame, &consumed) == FRAME_CUT_FRAME) {
        take(&stranger, frame);
        take(&server, frame);
        rest.data += consumed;
        rest.len -= consumed;
    }
    return 0;
}
