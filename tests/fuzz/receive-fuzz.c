/* Fuzzes what a client takes from who connects to it, whoever that is: the dialogue of a push
 * connection, and what is shown of a message. (Answers to polls: reach-fuzz.c.)
 *
 * The input is frames with their ETX. One that is to be answered must name our session, nothing is
 * taken before that, and no message that is taken can change the terminal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/printable.h"
#include "client/push-dialogue.h"
#include "proto/frame.h"
#include "util/utf8.h"

#include "fuzz.h"

#define SESSION "session"

static const uint8_t key[V2_KEY_LEN] = "a key of thirty-two bytes, as is";

static void try_line(const struct v2_frame *msg, bool own, bool again)
{
    char *line = printable_message(msg, own, again, 0);
    size_t len;

    MUST(line);
    len = strlen(line);
    MUST(len > 0 || msg->verb == V2_VERB_NOTE);
    MUST(len == 0 || line[len - 1] == '\n');
    MUST(utf8_valid((struct bytes){line, len}));
    for (size_t i = 0; i < len; i++)
        MUST((unsigned char)line[i] >= ' ' || line[i] == '\n' || line[i] == '\t');
    free(line);
}

static void take(struct push_dialogue *dialogue, struct bytes frame)
{
    bool proven = dialogue->proven;
    struct v2_frame result, push;
    uint8_t mac[V2_MAC_LEN];

    switch (push_dialogue_take(dialogue, frame, bytes_of(SESSION), key, &result)) {
    case PUSH_PROVE:
        MUST(!proven && dialogue->proven && result.verb == V2_VERB_PROOF);
        MUST(v2_parse(frame, &push, NULL) == 0 && bytes_is(push.session, SESSION));
        v2_mac_proof(key, push.session, push.nonce, mac);
        MUST(v2_mac_equal(mac, result.mac));
        break;
    case PUSH_MESSAGE:
        MUST(proven && result.seq > 0 && result.conversation.id > 0);
        for (int way = 0; way < 4; way++)
            try_line(&result, way & 1, way & 2);
        break;
    case PUSH_ERROR:
    case PUSH_NOTHING:
        MUST(proven);
        break;
    case PUSH_BREAK:
        MUST(dialogue->proven == proven);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = fuzz_bytes(data, size), frame;
    struct push_dialogue stranger = {0}, server = {.proven = true};
    size_t scanned = 0, consumed;

    while (frame_cut(rest, rest.len, &scanned, &frame, &consumed) == FRAME_CUT_FRAME) {
        take(&stranger, frame);
        take(&server, frame);
        rest.data += consumed;
        rest.len -= consumed;
    }
    return 0;
}
