/* Version 2 of the wire: what a client and a server say to each other on a connection, and the
 * signed poll and its answer. Pure functions on bytes; the manual page is the contract:
 * multichat-protocol(7).
 *
 * A frame's fields point into the bytes that were parsed. What a field may hold is told by one
 * table, used both ways, so a builder never writes what the other side's parser would refuse.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define V2_VERSION       "2"
#define V2_USERID_MAX    64 /* bytes, as all lengths here */
#define V2_NAME_MAX      64 /* a display name */
#define V2_PASSWORD_MAX  128
#define V2_RECIPIENT_MAX 130 /* "#room/userid" */
#define V2_DEVICE_MAX    64  /* as a name; V2_NO_DEVICE for none */
#define V2_NO_DEVICE     "-"
#define V2_CKEY_MAX      48 /* a client key: letters, digits, '.', '_', '-' */
#define V2_SESSION_MAX   64 /* opaque to clients: letters, digits, '_', '-' */
#define V2_KEY_LEN       32 /* of a session's key; twice as many digits on the wire */
#define V2_MAC_LEN       16 /* of a MAC; twice as many digits on the wire */
#define V2_NONCE_LEN     16
#define V2_POLL_MAX      256 /* a poll2 datagram */
#define V2_REASON_MAX    400 /* of an error */
#define V2_ROOM_MAX      65  /* "#name" or "#number" */
#define V2_TOPIC_MAX     300
#define V2_PLACE_MAX     80 /* in a list, opaque to clients */

/* Entries of one answer, at most. */
#define V2_ROOMS_PAGE 100
#define V2_WHO_PAGE   200
#define V2_PAST_PAGE  200
#define V2_PAST_BYTES 65536 /* of texts; one is always told */

/* A poll or a resume whose time is further from the server's than this is refused. */
#define V2_TIME_SLACK_MS 60000

/* X(symbol, verb) */
#define V2_VERB_TABLE(X)                                                                           \
    X(HELLO, "hello")       /* hello:2:<userid>:<password>:<device> */                             \
    X(RESUME, "resume")     /* resume:<session>:<time ms>:<mac> */                                 \
    X(WELCOME, "welcome")   /* welcome:<session>:<key>:<time ms>:<poll seconds>:<display name> */  \
    X(SEND, "send")         /* send:<key>:<to>:<text> */                                           \
    X(SENT, "sent")         /* sent:<key>:<conversation>:<seq>:<time ms> */                        \
    X(ATTACH, "attach")     /* attach */                                                           \
    X(ATTACHED, "attached") /* attached */                                                         \
    X(DETACH, "detach")     /* detach */                                                           \
    X(DETACHED, "detached") /* detached */                                                         \
    X(PUSH, "push")         /* push:<session>:<nonce> */                                           \
    X(PROOF, "proof")       /* proof:<mac> */                                                      \
    X(MSG, "msg")           /* msg:<conversation>:<seq>:<time ms>:<from>:<display name>:<text> */  \
    X(ACK, "ack")           /* ack:<conversation>:<seq> */                                         \
    X(PASSWD, "passwd")     /* passwd:<old>:<new> */                                               \
    X(PING, "ping")         /* ping */                                                             \
    X(PONG, "pong")         /* pong */                                                             \
    X(GOODBYE, "goodbye")   /* goodbye */                                                          \
    X(ERR, "err")           /* err:<code>:<key or verb>:<reason> */                                \
    X(JOIN, "join")         /* join:<room> */                                                      \
    X(PART, "part")         /* part:<room> */                                                      \
    X(LOOK, "look")         /* look:<room> */                                                      \
    X(ROOMS, "rooms")       /* rooms[:<after>] */                                                  \
    X(ROOM, "room")       /* room:<conversation>:<number>:<access>:<standing>:<members>:<topic> */ \
    X(WHO, "who")         /* who:<room or *>[:<after>] */                                          \
    X(MEMBER, "member")   /* member:<userid>:<presence>:<standing>:<display name> */               \
    X(NICK, "nick")       /* nick:<new name> */                                                    \
    X(NAMED, "named")     /* named:<display name> */                                               \
    X(TOPIC, "topic")     /* topic:<room>:<topic> */                                               \
    X(ACCESS, "access")   /* access:<room>:<access> */                                             \
    X(REMOVE, "remove")   /* remove:<room>:<userid> */                                             \
    X(INVITE, "invite")   /* invite:<room>:<userid> */                                             \
    X(DONE, "done")       /* done:<verb> */                                                        \
    X(HISTORY, "history") /* history:<target>:<by>:<from>:<to>:<max> */                            \
    X(PAST, "past")       /* past:<frame> */                                                       \
    X(UNREAD, "unread")   /* unread */                                                             \
    X(WAITING, "waiting") /* waiting:<conversation>:<count> */                                     \
    X(AWAIT, "await")     /* await:<conversation>:<seq> */                                         \
    X(AWAITING, "awaiting") /* awaiting:<conversation>:<seq> */                                    \
    X(ACKED, "acked")       /* acked:<conversation>:<seq> */                                       \
    X(WHISPER, "whisper") /* whisper:<conversation>:<seq>:<time ms>:<room>:<from>:<name>:<text> */ \
    X(NOTE, "note") /* note:<conversation>:<seq>:<time ms>:<kind>:<room>:<from>:<name>:<text> */   \
    X(END, "end")   /* end:<verb>:<count>:<next> */

enum v2_verb {
#define X(symbol, verb) V2_VERB_##symbol,
    V2_VERB_TABLE(X)
#undef X
        V2_VERB_COUNT
};

/* What a conversation is called on the wire: "<number>/<name>", e.g. "1/" "*", "17/#lobby",
 * "5/alice". The number is never given to another one; the name is for people. */
struct v2_conversation {
    uint64_t id;
    struct bytes name; /* "*", "#room" or a userid; may be empty in an ack */
};

enum v2_access { V2_ACCESS_OPEN, V2_ACCESS_CLOSED, V2_ACCESS_COUNT };

/* What somebody is to a room. */
enum v2_standing {
    V2_STANDING_NONE,
    V2_STANDING_INVITED,
    V2_STANDING_MEMBER,
    V2_STANDING_OPERATOR,
    V2_STANDING_COUNT
};

enum v2_presence { V2_PRESENCE_ABSENT, V2_PRESENCE_PRESENT, V2_PRESENCE_COUNT };

/* What the range of a history is told in. */
enum v2_by { V2_BY_TIME, V2_BY_NUMBER, V2_BY_COUNT };

/* What a note tells. */
enum v2_note {
    V2_NOTE_JOINED = 1,
    V2_NOTE_LEFT,
    V2_NOTE_RENAMED, /* name: the new one; text: the old one */
    V2_NOTE_TOPIC,   /* text: the topic */
    V2_NOTE_INVITED, /* room: to which */
    V2_NOTE_REMOVED, /* text: the userid of who was */
    V2_NOTE_ANNOUNCEMENT,
    V2_NOTE_ACCESS, /* text: the access */
    V2_NOTE_COUNT
};

const char *v2_access_name(enum v2_access access);
const char *v2_standing_name(enum v2_standing standing);
const char *v2_presence_name(enum v2_presence presence);
const char *v2_by_name(enum v2_by by);
const char *v2_note_name(enum v2_note note);

/* The enum v2_note that a note's kind names; -EBADMSG: one of servers to come, to be acknowledged
 * and ignored. */
MUST_USE int v2_note_of(struct bytes kind);

struct v2_frame {
    enum v2_verb verb;
    struct bytes session;      /* resume, welcome, push */
    struct bytes userid;       /* hello; msg, whisper, note: who; member; remove, invite: whom */
    struct bytes password;     /* hello; passwd: the old one */
    struct bytes new_password; /* passwd */
    struct bytes device;       /* hello */
    struct bytes key;          /* send, sent; err: a client key or a verb; done, end: a verb */
    struct bytes to;           /* send; history: a target; else a room, in who also "*" */
    struct bytes text;         /* send, msg, whisper; note: may be empty; err: the reason */
    struct bytes name;         /* welcome, msg, whisper, note, member, nick, named */
    struct bytes code;         /* err */
    struct bytes topic;        /* topic, room; may be empty */
    struct bytes kind;         /* note: a word, see v2_note_of() */
    struct bytes place;        /* rooms, who: after which, empty where it is left out;
                                * history: to where, a number or a place; end: the next, or empty */
    struct bytes frame;        /* past: the frame within, without ETX */
    struct v2_conversation conversation; /* sent, msg, whisper, note, ack, room, waiting, await,
                                          * awaiting, acked */
    struct v2_conversation room;         /* whisper, note; its id is 0 where a note has none */
    uint64_t seq;                        /* sent, msg, whisper, note, ack, await, awaiting, acked */
    uint64_t time_ms;          /* resume, welcome, sent, msg, whisper, note: since the epoch */
    uint64_t poll_seconds;     /* welcome */
    uint64_t number;           /* room: the small one */
    uint64_t count;            /* waiting, end; room: its members */
    uint64_t from;             /* history: milliseconds or a seq */
    uint64_t max;              /* history: 1 to V2_PAST_PAGE */
    enum v2_access access;     /* room, access */
    enum v2_standing standing; /* room, member */
    enum v2_presence presence; /* member */
    enum v2_by by;             /* history */
    uint8_t session_key[V2_KEY_LEN]; /* welcome */
    uint8_t nonce[V2_NONCE_LEN];     /* push */
    uint8_t mac[V2_MAC_LEN];         /* resume, proof */
};

/* The name of a verb as it stands on the wire. */
const char *v2_verb_name(enum v2_verb verb);

/* The verb a frame begins with (an enum v2_verb), or -EBADMSG if it is none of version 2's. Looks
 * at nothing but the first field. */
MUST_USE int v2_parse_verb(struct bytes frame);

/* Parses a frame (without its ETX). 0; -EBADMSG (unknown verb, shape, a field that is empty or may
 * not hold what it holds), -EMSGSIZE (a field too long), -EPROTONOSUPPORT (a hello of another
 * version), with the reason in words in `ret_reason` (may be NULL). The length of a text is not
 * judged. Fields that the verb does not have are zero. */
MUST_USE int v2_parse(struct bytes frame, struct v2_frame *ret, const char **ret_reason);

/* Builds the frame with its ETX. The length, -ENOBUFS, or -EINVAL when a field is not one the
 * parser would take. */
MUST_USE long v2_build(const struct v2_frame *frame, char *out, size_t size);

/* Builds "past:" and `inner`, which is a msg, whisper or note, with the ETX: what v2_build() makes
 * of a past, without the copy. As v2_build(). */
MUST_USE long v2_build_past(const struct v2_frame *inner, char *out, size_t size);

/* Bytes that v2_build() and v2_build_past() need at most for a frame whose text has `text_len`
 * bytes. */
size_t v2_frame_max(size_t text_len);

/* -- signatures ------------------------------------------------------------------------------- */

/* HMAC-SHA-256 of `data` under a session's key, cut to its first V2_MAC_LEN bytes. */
void v2_mac(const uint8_t key[V2_KEY_LEN], struct bytes data, uint8_t ret[V2_MAC_LEN]);

/* Compares in constant time. */
bool v2_mac_equal(const uint8_t a[V2_MAC_LEN], const uint8_t b[V2_MAC_LEN]);

/* The MAC of a resume: over "resume:<session>:<time ms>". */
void v2_mac_resume(const uint8_t key[V2_KEY_LEN], struct bytes session, uint64_t time_ms,
                   uint8_t ret[V2_MAC_LEN]);

/* The MAC of a proof: over "proof:<session>:<nonce>", the nonce as 32 hexadecimal digits. */
void v2_mac_proof(const uint8_t key[V2_KEY_LEN], struct bytes session,
                  const uint8_t nonce[V2_NONCE_LEN], uint8_t ret[V2_MAC_LEN]);

/* -- polls ------------------------------------------------------------------------------------ */

/* poll2:<session>:<time ms>:<port>:<mac>; no terminator. Port 0: I do not listen. The MAC is over
 * all that stands before the last colon. */
struct v2_poll {
    struct bytes session;
    uint64_t time_ms;
    uint16_t port;
    uint8_t mac[V2_MAC_LEN];
    struct bytes signed_part; /* set by the parser */
};

enum v2_state {
    V2_STATE_IDLE,        /* you can be reached, nothing waits for you */
    V2_STATE_PUSHING,     /* a connection to you is being made or in use */
    V2_STATE_UNREACHABLE, /* you could not be reached: attach */
    V2_STATE_UNKNOWN,     /* no such session (any more): sign on with the password */
    V2_STATE_COUNT
};

/* polled:<session>:<state>:<mac>; state: "idle", "pushing", "unreachable", "unknown". The MAC is
 * over "polled:<session>:<state>:<time ms>", the time being that of the poll it answers. Never
 * longer than that poll. */
struct v2_polled {
    struct bytes session;
    enum v2_state state;
    uint8_t mac[V2_MAC_LEN];
};

const char *v2_state_name(enum v2_state state);

/* 0, or -EBADMSG with the reason in words (may be NULL). The MAC is not checked. */
MUST_USE int v2_parse_poll(struct bytes datagram, struct v2_poll *ret, const char **ret_reason);
MUST_USE int v2_parse_polled(struct bytes datagram, struct v2_polled *ret);

/* True if the MAC is right. */
bool v2_poll_verify(const struct v2_poll *poll, const uint8_t key[V2_KEY_LEN]);
bool v2_polled_verify(const struct v2_polled *polled, uint64_t poll_time_ms,
                      const uint8_t key[V2_KEY_LEN]);

/* The length, or -ENOBUFS, -EINVAL (a field that the parser would refuse; an answer that could be
 * longer than the poll with that time, which no clock near to right makes). They compute the MAC.
 */
MUST_USE long v2_build_poll(struct bytes session, uint64_t time_ms, uint16_t port,
                            const uint8_t key[V2_KEY_LEN], char *out, size_t size);
MUST_USE long v2_build_polled(struct bytes session, enum v2_state state, uint64_t poll_time_ms,
                              const uint8_t key[V2_KEY_LEN], char *out, size_t size);
