/* A logic unit to test: over a real store (SQLite in a folder of its own), with a real password
 * pool at its lowest cost, an outlet that writes down what comes out, and a clock the test sets.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bll/bll.h"
#include "dal/dal.h"

#include <stdbool.h>

struct pushed {
    struct addr to;
    char payload[4096];
    void *token;
};

struct fixture {
    char folder[64];
    struct dal_config storage;
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
};

/* What became of a frame. */
struct answer {
    bool ended;
    bool close;
    char text[600]; /* without its ETX */
};

int fixture_setup(void **state); /* with the users alice, bob and carol, passwords "pw-<userid>" */
int fixture_teardown(void **state); /* nothing may be left pushing */

/* Storage and logic go away and come again, as in a restart; cursors are stored before if `clean`.
 */
void fixture_restart(struct fixture *fixture, bool clean);

void fixture_add_user(struct fixture *fixture, const char *userid);
void fixture_add_room(struct fixture *fixture, const char *room);
void fixture_join(struct fixture *fixture, const char *room, const char *userid);

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

/* Handles results until `condition` holds; fails the test after a generous time. */
#define WAIT_FOR(fixture, condition)                                                               \
    do {                                                                                           \
        while (!(condition))                                                                       \
            fixture_step((fixture), #condition);                                                   \
    } while (0)
void fixture_step(struct fixture *fixture, const char *awaited);

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
