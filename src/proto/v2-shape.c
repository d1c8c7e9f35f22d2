/* Version 2 of the wire: the table of what each verb has.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/v2-shape.h"

#include "proto/field.h"
#include "proto/v2-word.h"

#define AT(member) offsetof(struct v2_frame, member)
#define PART(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define PROTOCOL()                PART(PART_VERSION, NEED_FULL, 0, 0)
#define TEXT(rule, member)        PART(PART_TEXT, NEED_FULL, FIELD_##rule, AT(member))
#define MAYBE_EMPTY(rule, member) PART(PART_TEXT, NEED_FIELD, FIELD_##rule, AT(member))
#define OPTIONAL(rule, member)    PART(PART_TEXT, NEED_OPTIONAL, FIELD_##rule, AT(member))
#define NUMBER(rule, member)      PART(PART_NUMBER, NEED_FULL, NUMBER_##rule, AT(member))
#define WORD(rule, member)        PART(PART_WORD, NEED_FULL, WORD_##rule, AT(member))
#define HEX(rule, member)         PART(PART_HEX, NEED_FULL, HEX_##rule, AT(member))
#define CONVERSATION(rule)        CONVERSATION_AT(rule, conversation)
#define CONVERSATION_AT(rule, member)                                                              \
    PART(PART_CONVERSATION, NEED_FULL, CONVERSATION_##rule, AT(member))
#define FRAME(member) PART(PART_FRAME, NEED_FULL, 0, AT(member))

#define SHAPE(symbol, text, form, parts_count, ...)                                                \
    [V2_VERB_##symbol] = {text, "a field is missing; it is " form, parts_count, {__VA_ARGS__}}
#define BARE(symbol, text)                                                                         \
    [V2_VERB_##symbol] = {text, "nothing may follow this verb; it is " text, 0, {{0}}}

const struct shape v2_shapes[V2_VERB_COUNT] = {
    SHAPE(HELLO, "hello", "hello:2:<userid>:<password>:<device>", 4, PROTOCOL(),
          TEXT(USERID, userid), TEXT(PASSWORD, password), TEXT(DEVICE, device)),
    SHAPE(RESUME, "resume", "resume:<session>:<time ms>:<mac>", 3, TEXT(SESSION, session),
          NUMBER(TIME, time_ms), HEX(MAC, mac)),
    SHAPE(WELCOME, "welcome", "welcome:<session>:<key>:<time ms>:<poll seconds>:<display name>", 5,
          TEXT(SESSION, session), HEX(SESSION_KEY, session_key), NUMBER(TIME, time_ms),
          NUMBER(POLL_SECONDS, poll_seconds), TEXT(NAME, name)),
    SHAPE(SEND, "send", "send:<key>:<to>:<text>", 3, TEXT(KEY, key), TEXT(RECIPIENT, to),
          TEXT(TEXT, text)),
    SHAPE(SENT, "sent", "sent:<key>:<conversation>:<seq>:<time ms>", 4, TEXT(KEY, key),
          CONVERSATION(NAMED), NUMBER(SEQ, seq), NUMBER(TIME, time_ms)),
    BARE(ATTACH, "attach"),
    BARE(ATTACHED, "attached"),
    BARE(DETACH, "detach"),
    BARE(DETACHED, "detached"),
    SHAPE(PUSH, "push", "push:<session>:<nonce>", 2, TEXT(SESSION, session), HEX(NONCE, nonce)),
    SHAPE(PROOF, "proof", "proof:<mac>", 1, HEX(MAC, mac)),
    SHAPE(MSG, "msg", "msg:<conversation>:<seq>:<time ms>:<from>:<display name>:<text>", 6,
          CONVERSATION(NAMED), NUMBER(SEQ, seq), NUMBER(TIME, time_ms), TEXT(USERID, userid),
          TEXT(NAME, name), TEXT(TEXT, text)),
    SHAPE(ACK, "ack", "ack:<conversation>:<seq>", 2, CONVERSATION(NAMELESS), NUMBER(SEQ, seq)),
    SHAPE(PASSWD, "passwd", "passwd:<old>:<new>", 2, TEXT(PASSWORD, password),
          TEXT(NEW_PASSWORD, new_password)),
    BARE(PING, "ping"),
    BARE(PONG, "pong"),
    BARE(GOODBYE, "goodbye"),
    SHAPE(ERR, "err", "err:<code>:<key or verb>:<reason>", 3, TEXT(CODE, code),
          TEXT(KEY_OR_VERB, key), TEXT(REASON, text)),
    SHAPE(JOIN, "join", "join:<room>", 1, TEXT(ROOM, to)),
    SHAPE(PART, "part", "part:<room>", 1, TEXT(ROOM, to)),
    SHAPE(LOOK, "look", "look:<room>", 1, TEXT(ROOM, to)),
    SHAPE(ROOMS, "rooms", "rooms or rooms:<after>", 1, OPTIONAL(PLACE, place)),
    SHAPE(ROOM, "room", "room:<conversation>:<number>:<access>:<standing>:<members>:<topic>", 6,
          CONVERSATION(NAMED), NUMBER(ROOM, number), WORD(ACCESS, access), WORD(STANDING, standing),
          NUMBER(COUNT, count), MAYBE_EMPTY(TOPIC, topic)),
    SHAPE(WHO, "who", "who:<room> or who:<room>:<after>", 2, TEXT(ROOM_OR_ALL, to),
          OPTIONAL(PLACE, place)),
    SHAPE(MEMBER, "member", "member:<userid>:<presence>:<standing>:<display name>", 4,
          TEXT(USERID, userid), WORD(PRESENCE, presence), WORD(MEMBER_STANDING, standing),
          TEXT(NAME, name)),
    SHAPE(NICK, "nick", "nick:<new name>", 1, TEXT(NAME, name)),
    SHAPE(NAMED, "named", "named:<display name>", 1, TEXT(NAME, name)),
    SHAPE(TOPIC, "topic", "topic:<room>:<topic>", 2, TEXT(ROOM, to), MAYBE_EMPTY(TOPIC, topic)),
    SHAPE(ACCESS, "access", "access:<room>:<open or closed>", 2, TEXT(ROOM, to),
          WORD(ACCESS, access)),
    SHAPE(REMOVE, "remove", "remove:<room>:<userid>", 2, TEXT(ROOM, to), TEXT(USERID, userid)),
    SHAPE(INVITE, "invite", "invite:<room>:<userid>", 2, TEXT(ROOM, to), TEXT(USERID, userid)),
    SHAPE(DONE, "done", "done:<verb>", 1, TEXT(KEY_OR_VERB, key)),
    SHAPE(HISTORY, "history", "history:<target>:<by>:<from>:<to>:<max>", 5, TEXT(TARGET, to),
          WORD(BY, by), NUMBER(FROM, from), TEXT(PLACE, place), NUMBER(MAX, max)),
    SHAPE(PAST, "past", "past:<frame>", 1, FRAME(frame)),
    BARE(UNREAD, "unread"),
    SHAPE(WAITING, "waiting", "waiting:<conversation>:<count>", 2, CONVERSATION(NAMED),
          NUMBER(COUNT, count)),
    SHAPE(AWAIT, "await", "await:<conversation>:<seq>", 2, CONVERSATION(NAMELESS),
          NUMBER(SEQ, seq)),
    SHAPE(AWAITING, "awaiting", "awaiting:<conversation>:<seq>", 2, CONVERSATION(NAMED),
          NUMBER(SEQ, seq)),
    SHAPE(ACKED, "acked", "acked:<conversation>:<seq>", 2, CONVERSATION(NAMED), NUMBER(SEQ, seq)),
    SHAPE(WHISPER, "whisper",
          "whisper:<conversation>:<seq>:<time ms>:<room>:<from>:<display name>:<text>", 7,
          CONVERSATION(NAMED), NUMBER(SEQ, seq), NUMBER(TIME, time_ms),
          CONVERSATION_AT(NAMED, room), TEXT(USERID, userid), TEXT(NAME, name), TEXT(TEXT, text)),
    SHAPE(NOTE, "note",
          "note:<conversation>:<seq>:<time ms>:<kind>:<room>:<from>:<display name>:<text>", 8,
          CONVERSATION(NAMED), NUMBER(SEQ, seq), NUMBER(TIME, time_ms), TEXT(KIND, kind),
          CONVERSATION_AT(OR_NONE, room), TEXT(USERID, userid), TEXT(NAME, name),
          MAYBE_EMPTY(TEXT, text)),
    SHAPE(END, "end", "end:<verb>:<count>:<next>", 3, TEXT(KEY_OR_VERB, key), NUMBER(COUNT, count),
          MAYBE_EMPTY(PLACE, place)),
};

bool v2_is_entry(int verb)
{
    return verb == V2_VERB_MSG || verb == V2_VERB_WHISPER || verb == V2_VERB_NOTE;
}
