/* The error codes a client can be told, as they stand in `err:<code>:<reason>`.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/bytes.h"

/* X(symbol, code on the wire, what it means) */
#define PROTO_ERROR_TABLE(X)                                                                       \
    X(MALFORMED, "malformed", "the frame is not one of the protocol's")                            \
    X(TOO_LONG, "too-long", "the frame or its text is longer than allowed")                        \
    X(DENIED, "denied", "unknown user, wrong password or disabled account")                        \
    X(FORBIDDEN, "forbidden", "this protocol is not served to this address")                       \
    X(UNKNOWN, "unknown", "there is no such recipient")                                            \
    X(NOT_MEMBER, "not-member", "only members may write to this room")                             \
    X(BUSY, "busy", "a limit is reached; try again later")                                         \
    X(UNAVAILABLE, "unavailable", "storage is away; nothing was stored, try again later")          \
    X(UNCERTAIN, "uncertain",                                                                      \
      "storage failed during the commit; the message may have been stored")                        \
    X(LIMITED, "limited", "too many in too short a time")                                          \
    X(KEY_USED, "key-used", "this key was used for another message")                               \
    X(NOT_SIGNED_ON, "not-signed-on", "sign on first, with hello or resume")                       \
    X(UNKNOWN_SESSION, "unknown-session", "there is no such session any more; sign on with hello") \
    X(TIME, "time", "the clock is more than a minute from the server's")                           \
    X(TLS_REQUIRED, "tls-required", "from this address only TLS is served")                        \
    X(VERSION, "version", "this version of the protocol is not spoken here")                       \
    X(TIMEOUT, "timeout", "nothing complete arrived in time")                                      \
    X(CLOSED, "closed", "this room is closed; somebody in it has to invite you")                   \
    X(TAKEN, "taken", "this name is in use")                                                       \
    X(NOT_ALLOWED, "not-allowed", "only operators of the room may do that")                        \
    X(FULL, "full", "a limit on rooms is reached")                                                 \
    X(INTERNAL, "internal", "the server failed; its log says why")

enum proto_error {
#define X(symbol, code, help) PROTO_ERROR_##symbol,
    PROTO_ERROR_TABLE(X)
#undef X
        PROTO_ERROR_COUNT
};

const char *proto_error_code(enum proto_error error);
const char *proto_error_help(enum proto_error error);

/* The error whose code is `code`, or -1: a newer server may know more of them. */
int proto_error_from_code(struct bytes code);
