/* The full-screen client's picture: windows with their lines and members, the status line and the
 * line being typed. This is the model: it knows no terminal, no network and no keyboard. painter.h
 * puts it on a terminal.
 *
 * All text may come from others and is taken as it is; it is made harmless when it is drawn
 * (cell.h). Whatever others can make grow has a limit here: lines per window and in all, bytes in
 * all, members, windows.
 *
 * Used by one thread. No function keeps a pointer it is given: text is copied.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define SCREEN_WINDOWS_MAX 1000
#define SCREEN_MEMBERS_MAX 20000

/* How much the windows hold. 0: the default. */
struct screen_limits {
    size_t window_lines; /* lines of one window (10,000) */
    size_t lines;        /* lines of all windows together (50,000) */
    size_t bytes;        /* bytes of text and names in them (64 MiB) */
};

struct screen;
struct screen_window;

/* A screen of `rows` by `columns` without windows. NULL without memory. */
MUST_USE struct screen *screen_new(unsigned rows, unsigned columns,
                                   const struct screen_limits *limits);
void screen_free(struct screen *screen);

/* The terminal has another size; anything from 1 by 1 up to SCREEN_SIDE_MAX is served, what does
 * not fit is left out. */
#define SCREEN_SIDE_MAX 1000
void screen_resize(struct screen *screen, unsigned rows, unsigned columns);
unsigned screen_rows(const struct screen *screen);
unsigned screen_columns(const struct screen *screen);

/* -- windows --------------------------------------------------------------------------------- */

/* What has happened in a window that is not looked at. */
enum screen_activity {
    SCREEN_QUIET,
    SCREEN_NOTICES,  /* somebody came or went */
    SCREEN_MESSAGES, /* somebody said something */
    SCREEN_MENTION,  /* it was said to the user: a whisper, a direct message, a mention */
};

/* A window is added at the end; the first one is shown at once. `userdata` is the caller's.
 * 0, -ENOBUFS (SCREEN_WINDOWS_MAX), -ENOMEM. */
MUST_USE int screen_window_new(struct screen *screen, struct bytes title, void *userdata,
                               struct screen_window **ret_window);
/* Takes it away with its lines; those after it move up by one number. If it was shown, the one
 * before it is shown. NULL is harmless. */
void screen_window_free(struct screen_window *window);

/* Windows are numbered from 1 on, in the order of the status line. */
size_t screen_window_count(const struct screen *screen);
/* NULL if there is none of that number. */
struct screen_window *screen_window_at(const struct screen *screen, size_t number);
size_t screen_window_number(const struct screen_window *window);
void *screen_window_userdata(const struct screen_window *window);
struct bytes screen_window_title(const struct screen_window *window);

/* -ENOMEM, or 0. An empty topic: none. */
MUST_USE int screen_window_set_title(struct screen_window *window, struct bytes title);
MUST_USE int screen_window_set_topic(struct screen_window *window, struct bytes topic);

/* Shows a window; its activity is forgotten. */
void screen_show(struct screen_window *window);
/* The one that is shown; NULL if there is none. */
struct screen_window *screen_shown(const struct screen *screen);

/* Raises the activity of a window that is not shown (of the shown one nothing is kept). */
void screen_raise(struct screen_window *window, enum screen_activity activity);
enum screen_activity screen_activity(const struct screen_window *window);
/* Where to go next: the highest activity, of those the one that has waited longest. NULL: all is
 * quiet. */
struct screen_window *screen_next_activity(const struct screen *screen);

/* -- lines ----------------------------------------------------------------------------------- */

enum screen_kind {
    SCREEN_MESSAGE,      /* 12:34 <Alice> text */
    SCREEN_OWN,          /* 12:34 <Me> text, the name set off */
    SCREEN_WAITING,      /* as OWN, faint: not yet stored */
    SCREEN_WHISPER,      /* 12:34 [Alice whispers] text */
    SCREEN_OWN_WHISPER,  /* 12:34 [to Alice] text */
    SCREEN_NOTICE,       /* 12:34 -- text (faint): joined, left, topic … */
    SCREEN_ANNOUNCEMENT, /* 12:34 *** text */
    SCREEN_INFO,         /* -- text: what the program says of itself */
    SCREEN_ERROR,        /* !! text */
};

struct screen_line {
    enum screen_kind kind;
    bool mention;        /* the user is named: set off */
    uint64_t time_ms;    /* real time; what its place among the lines is. 0: now, at the end */
    uint64_t tag;        /* the caller's name for it, unique within the window; 0: none */
    struct bytes name;   /* who, as shown; empty for NOTICE and below */
    struct bytes userid; /* what the colour of the name follows from; empty: the name */
    struct bytes text;   /* may hold newlines and anything else */
};

/* Puts a line where its time says: after all lines that are not later. Live lines and older pages
 * may be given in any order. One whose tag is there already is not put in a second time. A place
 * that is scrolled to stays where it is.
 * 1; 0 if it was there already, or if it is older than all lines of a full window (the scroll-back
 * is at its limit; screen_full() tells); -ENOMEM. */
MUST_USE int screen_add(struct screen_window *window, const struct screen_line *line);
/* Another kind, and place (0: it stays where it is), for the line with this tag: what was waiting
 * is stored. -ENOENT. */
MUST_USE int screen_change(struct screen_window *window, uint64_t tag, enum screen_kind kind,
                           uint64_t time_ms);
/* Gives the line with the tag `from` the tag `to`. -ENOENT; -EEXIST if there is one of that tag. */
MUST_USE int screen_retag(struct screen_window *window, uint64_t from, uint64_t to);
bool screen_has(const struct screen_window *window, uint64_t tag);
/* Takes the line with that tag away, if it is there. */
void screen_drop(struct screen_window *window, uint64_t tag);
void screen_clear(struct screen_window *window);

size_t screen_line_count(const struct screen_window *window);
/* True if older lines would not be kept. */
bool screen_full(const struct screen_window *window);
/* The time of the newest line that has one, 0 if there is none: what to remember as read. */
uint64_t screen_newest_ms(const struct screen_window *window);

/* The unread line is drawn before the first line of somebody (not INFO or ERROR) that is later than
 * `time_ms`. 0: none is drawn. */
void screen_set_read(struct screen_window *window, uint64_t time_ms);

/* -- scrolling ------------------------------------------------------------------------------- */

/* Moves what is seen of the shown window by `rows` (< 0: to older lines), as far as there are
 * lines. */
void screen_scroll(struct screen *screen, int rows);
/* By pages: a page is what is seen but two rows. */
void screen_scroll_pages(struct screen *screen, int pages);
void screen_scroll_top(struct screen *screen);
void screen_scroll_end(struct screen *screen);
/* True if the oldest line of the shown window is seen: time to ask for older ones. */
bool screen_at_top(const struct screen *screen);
/* True if the newest is seen, and new ones come into sight by themselves. */
bool screen_at_end(const struct screen *screen);
/* Scrolls the shown window to the next older line that contains `text` (regardless of case, width
 * and composition) and sets it off; begins at the newest when `again` is false. 1, 0 if there is
 * none (nothing moves), -errno. screen_scroll_end() ends it. */
MUST_USE int screen_search(struct screen *screen, struct bytes text, bool again);

/* -- members --------------------------------------------------------------------------------- */

struct screen_member {
    struct bytes userid, name;
    bool is_operator, present;
};

/* Adds a member, or changes the one of that userid. 0, -ENOBUFS, -ENOMEM. */
MUST_USE int screen_member_set(struct screen_window *window, const struct screen_member *member);
void screen_member_remove(struct screen_window *window, struct bytes userid);
void screen_members_clear(struct screen_window *window);
size_t screen_member_count(const struct screen_window *window);
/* In the order shown (operators, those present, the others; by folded name), from 0. False: no such
 * place. What `ret` points to holds until members change. */
bool screen_member_at(struct screen_window *window, size_t index, struct screen_member *ret);
/* False if there is none of that userid. */
bool screen_member_find(const struct screen_window *window, struct bytes userid,
                        struct screen_member *ret);

/* The pane at the right is shown where there is room (60 columns and more) and members. */
void screen_show_members(struct screen *screen, bool shown);
bool screen_members_are_shown(const struct screen *screen);
void screen_scroll_members(struct screen *screen, int rows);

/* -- the lines below ------------------------------------------------------------------------- */

struct screen_status {
    struct bytes who;     /* the user */
    struct bytes reached; /* "push", "attached", "not connected" … */
    size_t waiting;       /* messages in the outbox; 0 is not shown */
};

/* -ENOMEM, or 0. */
MUST_USE int screen_set_status(struct screen *screen, const struct screen_status *status);

/* The line being typed: `cursor` is a byte offset in `text` (readline's rl_display_prompt,
 * rl_line_buffer, rl_end and rl_point). It grows to several rows where there is room.
 * -ENOMEM, or 0. */
MUST_USE int screen_set_input(struct screen *screen, struct bytes prompt, struct bytes text,
                              size_t cursor);
/* A row above it: a question, what Tab could complete. Empty: none. -ENOMEM, or 0. */
MUST_USE int screen_set_hint(struct screen *screen, struct bytes hint);
