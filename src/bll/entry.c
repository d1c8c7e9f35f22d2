/* Entries of a log as frames of version 2: a message, a whisper, or a note that tells what
 * happened.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"

_Static_assert((int)MESSAGE_JOINED == (int)V2_NOTE_JOINED &&
                   (int)MESSAGE_LEFT == (int)V2_NOTE_LEFT &&
                   (int)MESSAGE_RENAMED == (int)V2_NOTE_RENAMED &&
                   (int)MESSAGE_TOPIC == (int)V2_NOTE_TOPIC &&
                   (int)MESSAGE_INVITED == (int)V2_NOTE_INVITED &&
                   (int)MESSAGE_REMOVED == (int)V2_NOTE_REMOVED &&
                   (int)MESSAGE_ANNOUNCEMENT == (int)V2_NOTE_ANNOUNCEMENT &&
                   (int)MESSAGE_ACCESS == (int)V2_NOTE_ACCESS &&
                   (int)MESSAGE_KINDS == (int)V2_NOTE_COUNT,
               "a notice's kind is its note's");

/* A whisper whose room is gone is a message from one to the other. */
static enum v2_verb verb_of(const struct message *message)
{
    if (message->kind != MESSAGE_TEXT)
        return V2_VERB_NOTE;
    return message->room.len > 0 ? V2_VERB_WHISPER : V2_VERB_MSG;
}

struct v2_frame entry_frame(const struct message *message, struct bytes conversation)
{
    struct v2_frame frame = {
        .verb = verb_of(message),
        .conversation = {.id = message->conversation, .name = conversation},
        .seq = message->seq,
        .time_ms = message->time_ms,
        .userid = message->userid,
        .name = message->name,
        .text = message->text,
    };

    if (frame.verb == V2_VERB_NOTE)
        frame.kind = bytes_of(v2_note_name((enum v2_note)message->kind));
    if (message->room.len > 0)
        frame.room = (struct v2_conversation){.id = message->context, .name = message->room};
    return frame;
}
