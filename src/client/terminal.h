/* The terminal: the line being typed, which readline edits, and either the lines that arrive above
 * it (line mode), or a full screen that somebody else paints.
 *
 * One at a time; all of it is used by the input thread alone.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

#include <stdbool.h>

#define TERMINAL_PASTE_MAX (8 << 20) /* bytes; what is pasted beyond it is dropped */

/* Keys that do not edit. Each is bound in every keymap of readline. */
enum terminal_key {
    TERMINAL_KEY_WINDOW, /* Alt-1 … Alt-0; `number` 1 to 10 */
    TERMINAL_KEY_NEXT_ACTIVE,
    TERMINAL_KEY_NEXT,
    TERMINAL_KEY_PREVIOUS,
    TERMINAL_KEY_PAGE_UP,
    TERMINAL_KEY_PAGE_DOWN,
    TERMINAL_KEY_TOP,
    TERMINAL_KEY_END,
    TERMINAL_KEY_MEMBERS,    /* shows or hides them */
    TERMINAL_KEY_MEMBERS_UP, /* and scrolls them */
    TERMINAL_KEY_MEMBERS_DOWN,
    TERMINAL_KEY_REDRAW,
};

/* What Tab could put in the place of the bytes from `start` to the cursor. */
struct terminal_words {
    size_t start;
    char **words; /* malloc()ed, as the words; the terminal frees them */
    size_t count;
};

struct terminal_hooks {
    /* `line` is what was typed, or NULL at the end of input. Whatever becomes of it, the next line
     * begins empty, and it is in the history. terminal_print() may be called from it. */
    void (*line)(void *userdata, const char *line);
    /* What could stand where the cursor is. */
    void (*complete)(void *userdata, struct bytes line, size_t cursor, struct terminal_words *ret);

    /* The others are for a full screen. NULL: line mode, in which readline shows the line. */
    void (*edited)(void *userdata, struct bytes prompt, struct bytes line, size_t cursor);
    void (*key)(void *userdata, enum terminal_key key, unsigned number);
    /* Several lines were pasted; their ends are newlines. `cut`: more than that was. */
    void (*pasted)(void *userdata, struct bytes text, bool cut);
    /* A key, while terminal_ask() is in force: true if that is over now. */
    bool (*answered)(void *userdata, char key);
    /* What Tab could put there, if that is more than one; 0: nothing any more. */
    void (*proposed)(void *userdata, char *const *words, size_t count);
    void *userdata;
};

/* True if standard input and output are one that can be used so. */
bool terminal_usable(void);

/* Takes the terminal over and shows `prompt`. `hooks` is borrowed. 0 or -ENOMEM. */
MUST_USE int terminal_open(const char *prompt, const struct terminal_hooks *hooks);
/* Gives it back as it was. Harmless when it is not open. */
void terminal_close(void);

/* Standard input is readable. */
void terminal_read(void);

/* Line mode: writes `text` (whole lines) above the line being typed, which stays. 0 or -EIO. */
MUST_USE int terminal_print(const char *text);

void terminal_set_prompt(const char *prompt);

/* Gives what is typed next to hooks.answered(), until that says that it is over. */
void terminal_ask(void);

/* Ends what is asked or being pasted, and empties the line being typed. False: there was nothing.
 */
bool terminal_interrupt(void);

/* Gives the terminal to somebody else for a while, and takes it again. Harmless when it is not
 * open. */
void terminal_pause(void);
void terminal_resume(void);

/* SIGWINCH came. */
void terminal_resized(void);
