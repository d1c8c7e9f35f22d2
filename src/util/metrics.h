/* What the daemon counts: one table, from which the counters, `multichatctl status` and the manual
 * page's list all come. Used from the reactor thread alone, hence plain integers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdint.h>

/* X(symbol, name shown, what it counts) */
#define METRICS_TABLE(X)                                                                           \
    X(POLLS, "polls", "datagrams received on the poll port")                                       \
    X(POLLS_ACCEPTED, "polls-accepted", "polls whose password or signature was right")             \
    X(POLLS_MALFORMED, "polls-malformed", "datagrams that are no poll, dropped")                   \
    X(POLLS_FORBIDDEN, "polls-forbidden", "polls from networks not served, dropped")               \
    X(POLLS_DENIED, "polls-denied",                                                                \
      "polls of an unknown or disabled user or with a wrong password")                             \
    X(POLLS_DROPPED, "polls-dropped", "polls dropped because a limit was reached")                 \
    X(POLLS_TRUNCATED, "polls-truncated", "datagrams longer than any poll, dropped")               \
    X(POLLS_UNANSWERED, "polls-unanswered", "answers to polls that could not be sent")             \
    X(POLLS_FORGED, "polls-forged",                                                                \
      "signed polls of no session of ours or with a wrong MAC, dropped")                           \
    X(POLLS_LATE, "polls-late",                                                                    \
      "signed polls with a time too far from the server's, or before its start, dropped")          \
    X(POLLS_UNLOADED, "polls-unloaded",                                                            \
      "signed polls of a user who had to be loaded first, not answered")                           \
    X(POLLS_ENDED, "polls-ended", "signed polls of a session that has ended, answered so")         \
    X(POLLS_REPLAYED, "polls-replayed",                                                            \
      "signed polls no later than one before of the same device, dropped")                         \
    X(CONNECTIONS, "connections", "TCP connections accepted")                                      \
    X(CONNECTIONS_REFUSED, "connections-refused", "connections closed at once by a limit")         \
    X(CONNECTIONS_EVICTED, "connections-evicted", "connections closed to make room for others")    \
    X(CONNECTIONS_TIMED_OUT, "connections-timed-out", "connections closed for being idle")         \
    X(CONNECTIONS_SLOW, "connections-slow",                                                        \
      "connections closed because a frame or a handshake took too long")                           \
    X(TLS_HANDSHAKES, "tls-handshakes", "TLS handshakes that succeeded")                           \
    X(TLS_RESUMED, "tls-resumed", "those of them that a ticket cut short")                         \
    X(TLS_FAILED, "tls-failed", "TLS handshakes that failed")                                      \
    X(TLS_LIMITED, "tls-limited",                                                                  \
      "connections closed because TLS handshakes of their address are limited")                    \
    X(FRAMES, "frames", "frames received on TCP connections")                                      \
    X(FRAMES_MALFORMED, "frames-malformed", "frames refused because they were malformed")          \
    X(FRAMES_TOO_LONG, "frames-too-long", "frames refused for their length")                       \
    X(SIGNONS, "signons", "version 2 sign-ons, by password or by session")                         \
    X(SIGNONS_DENIED, "signons-denied", "version 2 sign-ons with a wrong user or password")        \
    X(SIGNONS_ENDED, "signons-ended", "version 2 sign-ons with a session that holds no more")      \
    X(SIGNONS_LIMITED, "signons-limited", "version 2 sign-ons refused by a limit of rate")         \
    X(ASKS_LIMITED, "asks-limited",                                                                \
      "changes of and questions about rooms, names and history refused by a limit of rate")        \
    X(WRITES_STORED, "writes-stored", "messages committed and acknowledged")                       \
    X(WRITES_REFUSED, "writes-refused", "messages refused for any other reason")                   \
    X(WRITES_DENIED, "writes-denied", "messages refused for user or password")                     \
    X(WRITES_LIMITED, "writes-limited", "messages refused by a limit of rate")                     \
    X(WRITES_UNAVAILABLE, "writes-unavailable", "messages refused because storage was away")       \
    X(PUSHES, "pushes", "push connections attempted")                                              \
    X(PUSHES_DELIVERED, "pushes-delivered", "push connections the receiver closed in order")       \
    X(PUSHES_REFUSED, "pushes-refused", "push connections refused by the receiver's host")         \
    X(PUSHES_FAILED, "pushes-failed", "push connections that failed or timed out")                 \
    X(DIALS, "dials", "connections to listeners of version 2 attempted")                           \
    X(DIALS_PROVEN, "dials-proven", "of them, those that proved themselves")                       \
    X(DIALS_FAILED, "dials-failed", "failures to reach a listener or to deliver to it")            \
    X(DIALS_LIMITED, "dials-limited", "tries to reach a listener put off by rates.dials")          \
    X(STREAMS_TIMED_OUT, "streams-timed-out",                                                      \
      "connections closed because nothing was acknowledged or proven")                             \
    X(MESSAGES_DELIVERED, "messages-delivered", "messages acknowledged by a device")               \
    X(MESSAGES_DELETED, "messages-deleted", "messages deleted by retention")                       \
    X(PASSWORDS_CHECKED, "passwords-checked", "slow password hashes computed")                     \
    X(PASSWORDS_BUSY, "passwords-busy", "sign-ons dropped because the hash queue was full")

enum metric {
#define X(symbol, name, help) METRIC_##symbol,
    METRICS_TABLE (X)
#undef X
        METRIC_COUNT
};

struct metrics {
    uint64_t value[METRIC_COUNT];
};

static inline void metrics_add(struct metrics *metrics, enum metric metric, uint64_t count)
{
    metrics->value[metric] += count;
}

/* "polls-accepted"; `metric` < METRIC_COUNT. */
const char *metric_name(enum metric metric);
