/* Entries of a log: see entry.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/entry.h"

#include <stdio.h>
#include <stdlib.h>

bool entry_is(const struct v2_frame *frame)
{
    return frame->verb == V2_VERB_MSG || frame->verb == V2_VERB_WHISPER ||
           frame->verb == V2_VERB_NOTE;
}

const char *entry_kind(const struct v2_frame *entry)
{
    int note;

    if (entry->verb == V2_VERB_MSG)
        return "message";
    if (entry->verb == V2_VERB_WHISPER)
        return "whisper";
    note = v2_note_of(entry->kind);
    return note < 0 ? NULL : v2_note_name((enum v2_note)note);
}

bool entry_is_text(const struct v2_frame *entry)
{
    return entry->verb != V2_VERB_NOTE || v2_note_of(entry->kind) == V2_NOTE_ANNOUNCEMENT;
}

/* Who is meant by a conversation's name. */
static const char *audience(struct bytes conversation)
{
    if (bytes_is(conversation, "*"))
        return "everyone";
    return conversation.len > 0 && conversation.data[0] == '#' ? "room" : "user";
}

/* Puts `value` (stolen) into the object. False without memory. */
static bool set(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

/* What not every entry has. */
static bool set_rest(json_t *object, const struct v2_frame *entry, bool again)
{
    struct bytes room = entry->room.name;

    if (entry->room.id > 0 && !set(object, "room", json_stringn(room.data, room.len)))
        return false;
    return !again || set(object, "again", json_true());
}

json_t *entry_object(const struct v2_frame *entry, bool again)
{
    const struct v2_conversation *conversation = &entry->conversation;
    const char *kind = entry_kind(entry);
    json_t *object = json_pack(
        "{s:s, s:I, s:I, s:s%, s:s%, s:s, s:s%, s:I, s:I, s:s%}", "kind", kind ? kind : "unknown",
        "time", (json_int_t)(entry->time_ms / 1000), "time_ms", (json_int_t)entry->time_ms, "from",
        entry->userid.data, entry->userid.len, "name", entry->name.data, entry->name.len, "to",
        audience(conversation->name), "conversation", conversation->name.data,
        conversation->name.len, "number", (json_int_t)conversation->id, "seq",
        (json_int_t)entry->seq, "text", entry->text.data, entry->text.len);

    if (object && !set_rest(object, entry, again)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

char *entry_json(const struct v2_frame *entry, bool again, size_t flags)
{
    json_t *object = entry_object(entry, again);
    char *dump = object ? json_dumps(object, flags) : NULL, *line = NULL;

    if (dump && asprintf(&line, "%s\n", dump) < 0)
        line = NULL;
    free(dump);
    json_decref(object);
    return line;
}
