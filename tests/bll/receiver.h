/* Clients of version 2 that receive: signed on, attached or pushed to, and what they take and
 * acknowledge.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "fixture.h"

#include "bll/internal.h"

#define HOME "127.0.0.1:40000" /* where clients are */

/* A client, signed on over a connection of its own. */
struct client {
    struct fixture *fixture;
    struct line *line;
    struct welcomed session;
};

struct client client(struct fixture *fixture, const char *userid, const char *device);
/* The same, and its messages flow there. */
struct client attached(struct fixture *fixture, const char *userid, const char *device);
/* It polls, and a connection to it is made and proven. */
struct line *pushed(struct client *one, unsigned port);
struct device *device_of(struct client *one);
/* What the inbox of who has signed on is called on the wire ("5/"). */
const char *inbox_of(const struct line *line);

/* Waits for the next message over the line; checks its text and number, and returns what its
 * conversation is called ("5/"). */
const char *take_message(struct line *line, const char *text, uint64_t seq);
void ack(struct line *line, const char *conversation, uint64_t seq);
/* Nothing is written once everything has settled. */
void expect_silence(struct line *line);
uint64_t cursor_of(struct device *device, const char *conversation);

/* A message of version 1. */
void say(struct fixture *fixture, const char *from, const char *to, const char *text);
/* `count` of alice to bob, from "line <first>" on. */
void say_lines(struct fixture *fixture, unsigned first, unsigned count);
/* They arrive, and their numbers are those in their texts. */
void take_lines(struct line *line, unsigned first, unsigned count);

/* Time passes, and a tick comes. */
void pass(struct fixture *fixture, uint64_t seconds);
