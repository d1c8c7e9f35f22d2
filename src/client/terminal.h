/* Line mode at a terminal: the line being typed, and lines that arrive above it, kept apart.
 *
 * One at a time; all of it is used by the input thread alone. Built on readline.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#include <stdbool.h>

/* `line` is what was typed, or NULL at the end of input. False: it was not taken, and is put back
 * to be edited. terminal_print() may be called from it. */
typedef bool (*terminal_line_fn)(void *userdata, const char *line);

/* True if standard input and output are one that can be used so. */
bool terminal_usable(void);

/* Takes the terminal over and shows `prompt`. 0 or -ENOMEM. */
MUST_USE int terminal_open(const char *prompt, terminal_line_fn callback, void *userdata);
/* Gives it back as it was. Harmless when it is not open. */
void terminal_close(void);

/* Standard input is readable. */
void terminal_read(void);

/* Writes `text` (whole lines) above the line being typed, which stays. 0 or -EIO. */
MUST_USE int terminal_print(const char *text);

void terminal_set_prompt(const char *prompt);

/* Gives the terminal to somebody else for a while, and takes it again. Harmless when it is not
 * open. */
void terminal_pause(void);
void terminal_resume(void);

/* SIGWINCH came. */
void terminal_resized(void);
/* SIGTSTP came: gives the terminal back, stops the process, and takes up again when it goes on. */
void terminal_suspend(void);
