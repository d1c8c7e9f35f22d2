/* Line mode at a terminal: see terminal.h.
 *
 * readline's callback interface: it is called when there is something to read, and keeps the line
 * in between. Its state is global, hence the one static struct here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/terminal.h"

#include <errno.h>
#include <readline/history.h>
#include <readline/readline.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HISTORY_MAX 500

static struct {
    terminal_line_fn callback;
    void *userdata;
    bool open;
    bool editing;   /* a prompt is on the screen */
    char *put_back; /* a line that was not taken */
} terminal;

bool terminal_usable(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* The enter key: takes the typed line off the screen, for it comes back as a message. */
static int enter_key(int count, int key)
{
    rl_clear_visible_line();
    fflush(rl_outstream);
    rl_done = 1;
    return 0;
}

/* A new line is begun. */
static int begin_line(void)
{
    terminal.editing = true;
    if (terminal.put_back) {
        rl_insert_text(terminal.put_back);
        free(terminal.put_back);
        terminal.put_back = NULL;
    }
    return 0;
}

static void line_done(char *line)
{
    terminal.editing = false;
    if (terminal.callback(terminal.userdata, line)) {
        if (line && line[0])
            add_history(line);
        free(line);
    } else {
        terminal.put_back = line;
    }
}

int terminal_open(const char *prompt, terminal_line_fn callback, void *userdata)
{
    static const char keys[] = {'\r', '\n'};

    terminal.callback = callback;
    terminal.userdata = userdata;
    rl_readline_name = "multichat";
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_inhibit_completion = 1;
    rl_startup_hook = begin_line;
    if (rl_initialize() != 0)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof(keys); i++) {
        rl_bind_key_in_map(keys[i], enter_key, emacs_standard_keymap);
        rl_bind_key_in_map(keys[i], enter_key, vi_insertion_keymap);
        rl_bind_key_in_map(keys[i], enter_key, vi_movement_keymap);
    }
    using_history();
    stifle_history(HISTORY_MAX);
    rl_callback_handler_install(prompt, line_done);
    terminal.open = true;
    return 0;
}

void terminal_close(void)
{
    if (!terminal.open)
        return;
    if (terminal.editing)
        rl_clear_visible_line();
    rl_callback_handler_remove();
    fflush(stdout);
    rl_clear_history();
    free(terminal.put_back);
    terminal.put_back = NULL;
    terminal.open = terminal.editing = false;
}

void terminal_read(void)
{
    rl_callback_read_char();
}

int terminal_print(const char *text)
{
    bool failed;

    if (terminal.editing)
        rl_clear_visible_line();
    failed = fputs(text, stdout) < 0;
    if (terminal.editing)
        rl_forced_update_display();
    failed |= fflush(stdout) != 0;
    clearerr(stdout);
    return failed ? -EIO : 0;
}

void terminal_set_prompt(const char *prompt)
{
    rl_set_prompt(prompt);
    if (terminal.editing)
        rl_forced_update_display();
}

void terminal_resized(void)
{
    rl_resize_terminal();
}

void terminal_pause(void)
{
    if (!terminal.open)
        return;
    rl_clear_visible_line();
    fflush(stdout);
    rl_deprep_terminal();
}

void terminal_resume(void)
{
    if (!terminal.open)
        return;
    rl_prep_terminal(1);
    rl_resize_terminal();
    rl_forced_update_display();
}

void terminal_suspend(void)
{
    terminal_pause();
    kill(getpid(), SIGSTOP);
    terminal_resume();
}
