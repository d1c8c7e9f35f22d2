/* The windows of the client: one for each conversation the user looks at. Everyone's is the first,
 * and always there. Line mode has them too: there the current one is where lines go, and the screen
 * that holds them is never painted.
 *
 * What is on the screen, and who the members are, is the screen's (screen/screen.h); what else is
 * known of a conversation is kept here. Used by the input thread alone.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "proto/v2.h"
#include "screen/screen.h"
#include "util/attributes.h"
#include "util/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define WINDOWS_ROOMS_MAX 1000 /* that are remembered to be completed */
#define WINDOWS_MAX       400  /* at which the dialogue that is quiet for longest makes way */

enum window_kind {
    WINDOW_EVERYONE,
    WINDOW_ROOM,
    WINDOW_DIALOGUE,
};

struct window {
    struct screen_window *shown;
    uint64_t id; /* never given again, for who keeps it over time */
    enum window_kind kind;
    char name[V2_USERID_MAX + 2];  /* "*", "#room", or a userid */
    char *folded;                  /* the same, for comparing */
    uint64_t number;               /* of a room; 0 until it is known */
    bool joined;                   /* the user is a member */
    bool closed;                   /* only who is invited comes in */
    bool operates;                 /* the user is an operator */
    char *topic;                   /* of a room; NULL: none, or not known */
    char *greeting;                /* to be told below the history that is asked for; or NULL */
    uint64_t used;                 /* grows with each use of any window */
    bool known;                    /* whether it was looked up what was read */
    uint64_t read_ms;              /* what is later was not seen */
    uint64_t members_at;           /* monotonic, when they were asked for; 0: never */
    bool entered;                  /* the history of the day was asked for */
    bool asking;                   /* a page of history is under way */
    bool complete;                 /* there is nothing before what is shown */
    char before[V2_PLACE_MAX + 1]; /* where the page before what is shown begins; "": not known */
};

struct windows {
    struct screen *screen;
    char **rooms; /* names of rooms that were heard of */
    size_t room_count;
    uint64_t uses, ids;
    uint64_t previous; /* the id of the one that was looked at before */
};

/* With everyone's alone, on a screen of that size. 0 or -ENOMEM. */
MUST_USE int windows_init(struct windows *windows, unsigned rows, unsigned columns);
void windows_deinit(struct windows *windows); /* takes a zeroed struct */

size_t windows_count(const struct windows *windows);
/* By its number, from 1; NULL: there are fewer. */
struct window *windows_at(const struct windows *windows, size_t number);
struct window *windows_everyone(const struct windows *windows);
/* The one that is looked at, or where lines go. */
struct window *windows_current(const struct windows *windows);
/* The one with that id; NULL: it has been closed. */
struct window *windows_by_id(const struct windows *windows, uint64_t id);
/* That of "*", a #room in any spelling that folds alike, #number, or a userid; NULL: none. */
struct window *windows_find(const struct windows *windows, struct bytes name);

/* The same, and makes it if there is none. NULL when there are too many, or without memory. `name`
 * is a recipient (client/letter.h), a whisper excepted. */
MUST_USE struct window *windows_open(struct windows *windows, struct bytes name);
/* Closes it, unless it is everyone's. */
void windows_close(struct windows *windows, struct window *window);

/* There is a room of that name. */
void windows_hear_of(struct windows *windows, struct bytes room);

/* Looks at it from now on: true if that is a change. */
bool windows_switch(struct windows *windows, struct window *window);
/* The one after or before the current one, round and round. */
struct window *windows_beside(const struct windows *windows, bool after);
/* Where to go next: where there is most activity; when all is quiet, where the user was before.
 * NULL: nowhere. */
struct window *windows_next(const struct windows *windows);

/* The one to which a message, whisper or note belongs that concerns `user`; made if need be, as
 * windows_open(). */
MUST_USE struct window *windows_of(struct windows *windows, const struct v2_frame *frame,
                                   const char *user);

/* What a frame `room` says of it. 0 or -ENOMEM. */
MUST_USE int window_learn(struct window *window, const struct v2_frame *room);
MUST_USE int window_set_topic(struct window *window, struct bytes topic);

#define WINDOW_PROMPT_MAX (V2_USERID_MAX + 5)

/* What stands before the line that is typed there. */
void window_prompt(const struct window *window, char ret[WINDOW_PROMPT_MAX]);

/* A member of that userid, or, if there is none, of that display name. */
bool window_find_member(const struct window *window, struct bytes name, struct screen_member *ret);
