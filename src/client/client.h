/* multichat(1) as a function.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The exit codes, as multichat(1) documents them. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,   /* the server refused a message or request, or who sent it */
    EXIT_USAGE = 2,     /* command line, configuration, password, or a text that cannot be sent */
    EXIT_KEPT = 3,      /* not handed over yet; kept in the outbox */
    EXIT_NOT_KEPT = 4,  /* the outbox took it not: nothing was sent */
    EXIT_TIME_OUT = 5,  /* no answer, or not the messages that were asked for, in time */
    EXIT_OUTPUT = 6,    /* standard output took it not; it was not acknowledged */
    EXIT_SYSTEM = 7,    /* the system refused something (memory, descriptors, threads) */
    EXIT_UNTRUSTED = 8, /* the server's certificate is not the one it has to be */
    EXIT_NETWORK = 9,   /* a request: the server cannot be reached */
    EXIT_UNDELIVERED = 10, /* send --wait: stored, and not acknowledged in time */
    EXIT_COMMAND = 11,     /* recv --exec: the command failed; the message was not acknowledged */
};

/* Runs the program; returns an enum exit_code. */
int client_main(int argc, char *argv[]);
