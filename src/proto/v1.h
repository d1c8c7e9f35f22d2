/* Version 1 of the wire, byte for byte: see multichat-protocol(7).
 *
 * Parsing borrows: every field points into the input. Nothing here judges names or passwords
 * beyond their shape; that is the logic unit's business.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdint.h>

#define V1_POLL_MAX      512  /* bytes of the longest poll datagram that is looked at */
#define V1_PUSH_MAX      4095 /* bytes of the longest newmsg the original client can take */
#define V1_USERID_MAX    64   /* bytes */
#define V1_PASSWORD_MAX  128  /* bytes */
#define V1_RECIPIENT_MAX 65   /* '#' and a name */

/* poll:<userid>:<password>:<port> */
struct v1_poll {
    struct bytes userid;
    struct bytes password;
    uint16_t port; /* the number as it stands; the order of its bytes is not known here */
};

/* wrmsg:<userid>:<password>:<userto>:<text> */
struct v1_write {
    struct bytes userid;
    struct bytes password;
    struct bytes recipient;
    struct bytes text;
};

/* newmsg:<timestamp>:<userfrom_name>:<userfrom>:<text> */
struct v1_push {
    uint64_t time_s; /* seconds since the epoch */
    struct bytes name;
    struct bytes userid;
    struct bytes text;
};

enum v1_verb {
    V1_VERB_WRITE,
    V1_VERB_GOODBYE,
};

/* Parses a datagram; a trailing run of NUL, ETX, CR or LF is tolerated. 0, or -EBADMSG, and then
 * `ret_reason` (may be NULL) says in words what was wrong and what is allowed. */
MUST_USE int v1_parse_poll(struct bytes datagram, struct v1_poll *ret, const char **ret_reason);

/* The verb of a frame: an enum v1_verb, or -EBADMSG with the reason in words. */
MUST_USE int v1_parse_verb(struct bytes frame, const char **ret_reason);

/* Parses a wrmsg frame whose verb is known. 0; -EBADMSG (shape, empty field, no UTF-8, a control
 * character in a name) or -EMSGSIZE (a field too long), with the reason in words. The length of
 * the text is not judged. */
MUST_USE int v1_parse_write(struct bytes frame, struct v1_write *ret, const char **ret_reason);

/* Parses what a push connection carried. 0 or -EBADMSG. */
MUST_USE int v1_parse_push(struct bytes data, struct v1_push *ret);

/* The parts of an answer: 1 for "ack", 0 for "err:<code>:<reason>" (then `ret_code` and
 * `ret_reason` are set), or -EBADMSG. */
MUST_USE int v1_parse_answer(struct bytes frame, struct bytes *ret_code, struct bytes *ret_reason);

/* Builders write into `out` (`size` bytes) and return the length, -ENOBUFS, or -EINVAL when a field
 * is not one the parser of the other side would take (a text longer than it may be excepted). */
MUST_USE long v1_build_poll(const struct v1_poll *poll, char *out, size_t size);
/* With its ETX. */
MUST_USE long v1_build_write(const struct v1_write *write, char *out, size_t size);
/* "ack" and "err:…", with their ETX. */
MUST_USE long v1_build_ack(char *out, size_t size);
MUST_USE long v1_build_error(struct bytes code, struct bytes reason, char *out, size_t size);

/* Builds the part of a message that begins at byte `offset` of its text, in at most V1_PUSH_MAX
 * bytes, cut on a character boundary. `size` must be at least V1_PUSH_MAX. Returns the length;
 * `ret_next` is the offset of the next part, equal to push->text.len after the last one. The
 * fields come from the store and are not judged again; -ENOBUFS only if the names alone fill it. */
MUST_USE long v1_build_push(const struct v1_push *push, size_t offset, char *out, size_t size,
                            size_t *ret_next);

/* The number an early client would have printed for `port`: its bytes swapped. */
uint16_t v1_swap_port(uint16_t port);
