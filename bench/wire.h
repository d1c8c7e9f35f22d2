/* How a run speaks to the server: as clients of version 1 or of version 2, behind one table.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bench/options.h"
#include "bench/roster.h"
#include "io/loop.h"
#include "util/bytes.h"

enum wire_answer {
    WIRE_ACK,
    WIRE_REFUSED, /* nothing was stored */
    WIRE_UNKNOWN, /* the server does not know, or the connection was lost and it cannot be asked */
};

struct wire_handler {
    /* The answer to the message that was sent with `tag`. */
    void (*answered)(void *userdata, uint32_t tag, enum wire_answer answer);
    /* There is room for a message of this writer, or room again. */
    void (*ready)(void *userdata, uint32_t writer);
    void (*delivered)(void *userdata, uint32_t user, struct bytes from, struct bytes text);
    /* Something came that is no message. */
    void (*damaged)(void *userdata);
    /* It cannot go on: -errno, with the reason told on standard error. */
    void (*failed)(void *userdata, int error);
    void *userdata;
};

struct wire_counts {
    uint64_t connects;   /* of the writers */
    uint64_t reconnects; /* of these: after the first of each */
    uint64_t polls;      /* sent */
    /* Version 2 alone. */
    uint64_t poll_answers;
    uint64_t poll_answers_wrong; /* by their signature, or that no poll had asked for */
    uint64_t redelivered; /* messages that came again, as their receivers knew by the number */
    uint64_t notes;       /* of the server, about rooms and names */
    uint64_t unreachable; /* users of whom the last answer said so */
};

struct wire;

struct wire_type {
    /* Connects the writers and listens for everyone; nobody polls yet. All is borrowed but the
     * handler, which is copied. 0 or -errno. */
    int (*make)(struct loop *loop, const struct options *options, const struct roster *roster,
                const struct wire_handler *handler, struct wire **ret);
    void (*free)(struct wire *wire);
    /* Everybody signs on before anybody writes, whatever the mode says. */
    bool signs_on;
    /* From now on everyone receives. 0 or -errno. */
    int (*receive)(struct wire *wire);
    /* Goes on with signing everybody on; called again and again until `ret_missing`, how many are
     * still to come, is 0. 0 or -errno. */
    int (*sign_on)(struct wire *wire, size_t *ret_missing);
    /* True if this writer can send a message now. */
    bool (*ready)(const struct wire *wire, uint32_t writer);
    /* ready() must hold. 0 or -errno. */
    int (*send)(struct wire *wire, uint32_t writer, struct bytes recipient, struct bytes text,
                uint32_t tag);
    void (*counts)(const struct wire *wire, struct wire_counts *ret);
};

/* Each implementation begins with this. */
struct wire {
    const struct wire_type *type;
};

extern const struct wire_type wire_v1, wire_v2;
