/* The courier carries the outbox to the server: one message at a time, oldest first, again and
 * again with growing pauses until each is stored or refused.
 *
 * It never waits and is driven like its sender. Used by the input thread alone.
 *
 * What becomes of a message:
 *   stored                                    removed
 *   refused (unknown, not-member, too-long …) removed, and told
 *   denied, forbidden                         kept; nothing more is sent until courier_resume()
 *   busy, unavailable, timeout, internal      kept, tried again
 *   uncertain, or no answer                   kept, tried again: it may be there twice then
 *   no connection, or no reading of its file  kept, tried again
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/outbox.h"
#include "client/sender.h"
#include "client/settings.h"

#include <stdbool.h>

enum courier_event {
    COURIER_STORED,
    COURIER_REFUSED,
    COURIER_DENIED,
    COURIER_POSTPONED,   /* the server answered that it cannot store it now */
    COURIER_UNREACHABLE, /* not handed over */
    COURIER_UNCERTAIN,   /* it may or may not have been stored */
    COURIER_UNREADABLE,  /* its file cannot be read now */
    COURIER_DAMAGED,     /* its file is not one of the outbox's: dropped */
};

struct courier_report {
    enum courier_event event;
    const struct outbox_entry *entry; /* about to be removed, or kept */
    const char *recipient;            /* as it was written; "" when it is not known */
    const char *code;                 /* of a refusal, else "" */
    const char *reason;               /* in words, as the server or the system gave it */
};

/* Must not call the courier. */
typedef void (*courier_fn)(void *userdata, const struct courier_report *report);

struct courier {
    const struct settings *settings;
    const char *password;
    struct outbox *outbox; /* borrowed */
    courier_fn callback;
    void *userdata;
    struct sender sender;
    const struct outbox_entry *entry; /* under way, or NULL */
    char recipient[V1_RECIPIENT_MAX + 1];
    uint64_t retry_at; /* monotonic, µs; 0: at once */
    uint64_t pause;    /* the last one, 0 after a success */
    bool suspended;    /* after a denial */
};

void courier_init(struct courier *courier, const struct settings *settings, const char *password,
                  struct outbox *outbox, courier_fn callback, void *userdata);
void courier_deinit(struct courier *courier);

/* Tries again at once what was put off: the server is back, or the user wants it. */
void courier_resume(struct courier *courier);

/* For poll(2); fd -1 when there is nothing to poll for. */
struct pollfd courier_pollfd(const struct courier *courier);
uint64_t courier_due(const struct courier *courier);

/* Goes on: with what is under way, and with the next message. `server` is NULL while its address
 * is not known. */
void courier_turn(struct courier *courier, const struct addr *server, short revents, uint64_t now);

/* True while a message is on its way. */
bool courier_busy(const struct courier *courier);
