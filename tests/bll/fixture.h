/* A logic unit to test: over a real store (SQLite in a folder of its own), with a real password
 * pool at its lowest cost, an outlet that writes down what comes out, and a clock the test sets.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/bll.h"
#include "dal/dal.h"
#include "proto/v2.h"
#include "util/list.h"

#include <stdbool.h>

struct pushed {
    struct addr to;
    char payload[4096];
    void *token;
};

/* What the unit asked to be dialled. */
struct dialled {
    struct addr to;
    bool secure;
    void *token;
};

struct fixture {
    char folder[64];
    struct dal_config storage;
    int (*open_storage)(const struct dal_config *config, char **ret_error);
    struct bll_config config;
    struct network networks[2];
    struct password_pool *pool;
    struct metrics metrics;
    struct bll *bll;
    uint64_t now_us;
    int push_result;       /* what the outlet answers to the next pushes */
    struct pushed *pushes; /* accepted and not yet ended, oldest first */
    unsigned push_count;
    unsigned pushes_ever;
    uint64_t real_ms;      /* since the epoch */
    struct list lines;     /* struct line */
    int dial_result;       /* what the outlet answers to the next dials */
    struct dialled *dials; /* accepted and not yet ended, oldest first */
    unsigned dial_count;
    unsigned dials_ever;
};

/* What became of a frame. */
struct answer {
    bool ended;
    bool close;
    char text[100000]; /* without its last ETX */
};

/* A connection, as the unit sees it. Closed by the test or by fixture_teardown(). */
struct line {
    struct list by_fixture;
    struct fixture *fixture;
    struct bll_link *link; /* NULL once it is closed */
    bool closing;          /* the unit has asked for that */
    enum bll_link_role role;
    size_t waiting; /* what the outlet says of it */
    size_t written; /* bytes, in all */
    bool mute;      /* what is written is not kept */
    char **frames;  /* that nobody asked for, without their ETX, oldest first */
    unsigned frame_count, frame_room;
};

int fixture_setup(void **state); /* with the users alice, bob and carol, passwords "pw-<userid>" */
int fixture_teardown(void **state); /* nothing may be left pushing */

/* Storage and logic go away and come again, as in a restart; cursors are stored before if `clean`.
 */
void fixture_restart(struct fixture *fixture, bool clean);

void fixture_add_user(struct fixture *fixture, const char *userid);
void fixture_add_room(struct fixture *fixture, const char *room);
/* Puts a user into a room, as the administrator does; the second one waits until memory knows. */
void fixture_put_in(struct fixture *fixture, const char *room, const char *userid);
void fixture_join(struct fixture *fixture, const char *room, const char *userid);

/* The administrator's order on a room and a user; the logic unit is not told. */
void fixture_order(struct fixture *fixture, enum dal_room_verb verb, const char *room,
                   const char *userid);

/* A dal_done_fn that sets the bool it is given. */
void note_done(void *userdata, enum dal_outcome outcome);

struct addr address(const char *text);

void poll_from(struct fixture *fixture, const char *userid, const char *password, const char *from,
               unsigned port);
/* A poll with the right password from 127.0.0.1; waits until it is accepted. */
void present(struct fixture *fixture, const char *userid, unsigned port);

/* A frame from `from`; `answer` lives until it is ended. */
void frame_from(struct fixture *fixture, const char *from, const char *frame,
                struct answer *answer);
/* A wrmsg of `userid` with the right password from 127.0.0.1; waits for the answer and returns it.
 */
const char *send_text(struct fixture *fixture, const char *userid, const char *to,
                      const char *text);

void assert_begins(const char *text, const char *with);

/* The tests' connections. */
struct line *line_open(struct fixture *fixture, const char *from, bool secure);
void line_close(struct line *line); /* takes NULL */
/* A frame on it; `answer` lives until it is ended. */
void line_frame(struct line *line, struct answer *answer, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Waits for the answer and returns it; valid until the next one. */
const char *line_ask(struct line *line, const char *format, ...) PRINTF_LIKE(2, 3);
/* Waits for the oldest frame nobody asked for; valid until the next one. */
const char *line_take(struct line *line);
/* What welcome told. */
struct welcomed {
    char session[V2_SESSION_MAX + 1];
    uint8_t key[V2_KEY_LEN];
    uint64_t time_ms;
    uint64_t poll_seconds;
    char name[V2_NAME_MAX + 1];
};
struct welcomed parse_welcome(const char *text);
/* Signs on with the right password. */
struct welcomed line_hello(struct line *line, const char *userid, const char *device);
/* The frame that signs on with a session; valid until the next one. */
const char *resume_frame_of(const struct welcomed *session, uint64_t time_ms);

/* A signed poll from `from`, a millisecond after the one before; the state it is answered, "" for
 * no answer. */
const char *poll_signed(struct fixture *fixture, const struct welcomed *session, const char *from,
                        unsigned port);
/* Waits for the oldest dial; it succeeds, or fails. */
struct line *dial_open(struct fixture *fixture);
void dial_fail(struct fixture *fixture, enum bll_dial why);
/* Answers the push:… that comes first over such a line. */
void line_prove(struct line *line, const struct welcomed *session);

/* Handles results until `condition` holds; fails the test after a generous time. */
#define WAIT_FOR(fixture, condition)                                                               \
    do {                                                                                           \
        while (!(condition))                                                                       \
            fixture_step((fixture), #condition);                                                   \
    } while (0)
void fixture_step(struct fixture *fixture, const char *awaited);

/* Handles results of storage alone until `done`: what the password pool has to say waits. */
void await_from_storage(struct fixture *fixture, const bool *done);

/* Every storage thread has its connection. */
void await_storage(struct fixture *fixture);

/* Everything storage and the pool had to say has been said, and nothing is pushed because of it
 * that is not on fixture->pushes. */
void settle(struct fixture *fixture);

/* Ends the oldest push. */
void end_push(struct fixture *fixture, enum bll_push result);
/* Waits for a push, checks the text it ends with and the port it goes to, and delivers it. */
void expect_delivery(struct fixture *fixture, unsigned port, const char *text);
/* Checks that none is under way once everything has settled. */
void expect_no_push(struct fixture *fixture);

uint64_t counted(const struct fixture *fixture, enum metric metric);
