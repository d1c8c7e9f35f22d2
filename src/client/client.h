/* multichat(1) as a function.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The exit codes, as multichat(1) documents them. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,   /* the server refused a message, or who sent it */
    EXIT_USAGE = 2,     /* command line, configuration, password, or a text that cannot be sent */
    EXIT_KEPT = 3,      /* not handed over yet; kept in the outbox */
    EXIT_NOT_KEPT = 4,  /* the outbox took it not: nothing was sent */
    EXIT_TIME_OUT = 5,  /* recv: ended before the messages asked for had come */
    EXIT_OUTPUT = 6,    /* standard output took it not; it was not acknowledged */
    EXIT_SYSTEM = 7,    /* the system refused something (memory, descriptors, threads) */
    EXIT_UNTRUSTED = 8, /* the server's certificate is not the one it has to be */
};

/* Runs the program; returns an enum exit_code. */
int client_main(int argc, char *argv[]);
