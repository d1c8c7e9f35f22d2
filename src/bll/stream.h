/* Streams: connections over which the messages of a version 2 device flow, from the first try to
 * make one. Shared by dial.c, which brings a push connection as far as its proof, stream.c, and
 * flow.c, which sends over it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/internal.h"
#include "bll/window.h"

/* Whether there is more to send over a stream, and what that waits for. */
enum stream_flow {
    FLOW_CAUGHT_UP, /* all there was has been sent */
    FLOW_DUE,       /* for the end of the turn: on bll.flowing */
    FLOW_READING,   /* for a page to be read */
    FLOW_FULL,      /* for an acknowledgement */
    FLOW_STALLED,   /* for output to leave, or storage or memory to be there: on bll.stalled */
};

struct stream {
    struct bll *bll;
    struct device *device;   /* NULL: given up, and waits for what the outlet was asked for */
    struct account *account; /* the device's, pinned */
    struct bll_link *link;   /* NULL while DIALLING */
    struct list by_flow;     /* on bll.flowing or bll.stalled */
    struct list by_time;     /* on bll.awaiting or bll.idling */
    uint64_t since_us;       /* when it came onto that list */
    struct window window;
    uint8_t proof[V2_MAC_LEN]; /* while PROVING: what the device has to answer */
    enum stream_stage stage;
    enum stream_flow flow;
    bool progressed; /* something was acknowledged over it */
};

/* Without memory: NULL. */
struct stream *stream_new(struct bll *bll, struct device *device, enum stream_stage stage);
/* Frees it, off its link and every list; the device has let it go before. */
void stream_free(struct stream *stream);
void stream_advance(struct stream *stream, enum stream_stage stage);
/* It has `link` and has come as far as to carry messages: takes over from the device's present
 * stream. */
void stream_begin(struct bll *bll, struct stream *stream);

/* It is waited for an acknowledgement from now on, or for traffic, or for nothing. */
void stream_watch(struct bll *bll, struct stream *stream);

/* There is more to send, at the end of the turn. */
void stream_make_due(struct stream *stream);

/* A connection to the device could not be made, or not be used: it is tried again later. */
void dial_failed(struct bll *bll, struct device *device);
/* What is under way to the device is not wanted any more. */
void dial_give_up(struct bll *bll, struct device *device);
