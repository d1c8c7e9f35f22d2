/* The dialogue of a push connection: see push-dialogue.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/push-dialogue.h"

static enum push_verdict prove(struct push_dialogue *dialogue, const struct v2_frame *push,
                               struct bytes session, const uint8_t key[V2_KEY_LEN],
                               struct v2_frame *ret)
{
    struct v2_frame proof = {.verb = V2_VERB_PROOF};

    if (!bytes_equal(push->session, session))
        return PUSH_BREAK;
    v2_mac_proof(key, session, push->nonce, proof.mac);
    dialogue->proven = true;
    *ret = proof;
    return PUSH_PROVE;
}

enum push_verdict push_dialogue_take(struct push_dialogue *dialogue, struct bytes frame,
                                     struct bytes session, const uint8_t key[V2_KEY_LEN],
                                     struct v2_frame *ret)
{
    struct v2_frame parsed;

    if (dialogue->proven && v2_parse_verb(frame) < 0)
        return PUSH_NOTHING; /* of a server to come */
    if (v2_parse(frame, &parsed, NULL) < 0)
        return PUSH_BREAK;
    if (!dialogue->proven)
        return parsed.verb == V2_VERB_PUSH ? prove(dialogue, &parsed, session, key, ret)
                                           : PUSH_BREAK;
    switch (parsed.verb) {
    case V2_VERB_MSG:
    case V2_VERB_WHISPER:
    case V2_VERB_NOTE:
        *ret = parsed;
        return PUSH_MESSAGE;
    case V2_VERB_ERR:
        *ret = parsed;
        return PUSH_ERROR;
    case V2_VERB_PONG:
    case V2_VERB_DETACHED:
        return PUSH_NOTHING;
    default:
        return PUSH_BREAK;
    }
}
