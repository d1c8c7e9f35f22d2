/* The terminal: see terminal.h.
 *
 * readline's callback interface: it is called when there is something to read, and keeps the line
 * in between. Its state is global, hence the one static struct here. On a full screen it is given
 * its bytes from a queue of ours, so that what is pasted goes by it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/terminal.h"

#include "client/terminal-keys.h"
#include "util/buffer.h"

#include <errno.h>
#include <readline/history.h>
#include <readline/readline.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HISTORY_MAX 500
#define QUEUE_MAX   65536
#define READ_MAX    4096

static struct {
    const struct terminal_hooks *hooks;
    bool open;
    bool editing;   /* a prompt is on the screen */
    bool asking;    /* what is typed is for hooks->answered() */
    bool pasting;   /* what comes is pasted, up to its end */
    bool paste_cut; /* it was more than is kept */
    struct buffer queue, paste;
    struct terminal_words words; /* that Tab goes through */
    size_t word;                 /* which of them is in the line */
} terminal;

bool terminal_usable(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static bool is_full_screen(void)
{
    return terminal.hooks->edited != NULL;
}

/* -- the line being typed --------------------------------------------------------------------- */

/* The enter key: takes the typed line off the screen, for it comes back as a message. */
static int enter_key(int count, int key)
{
    if (!is_full_screen())
        rl_clear_visible_line();
    fflush(rl_outstream);
    rl_done = 1;
    return 0;
}

/* A new line is begun. */
static int begin_line(void)
{
    terminal.editing = true;
    return 0;
}

static void line_done(char *line)
{
    terminal.editing = false;
    terminal.hooks->line(terminal.hooks->userdata, line);
    if (line && line[0])
        add_history(line);
    free(line);
}

/* readline's redisplay function on a full screen. */
static void show_line(void)
{
    terminal.hooks->edited(terminal.hooks->userdata,
                           bytes_of(rl_display_prompt ? rl_display_prompt : ""),
                           (struct bytes){rl_line_buffer, (size_t)rl_end}, (size_t)rl_point);
}

/* Shows the line anew. */
static void show_again(void)
{
    if (is_full_screen())
        show_line();
    else
        rl_forced_update_display();
}

bool terminal_interrupt(void)
{
    bool empty = rl_end == 0 && !RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH);
    bool meant = terminal.asking || terminal.pasting;

    if (terminal.pasting) /* what could have become the mark of its end */
        buffer_consume(&terminal.queue, buffer_len(&terminal.queue));
    terminal.asking = false;
    terminal.pasting = false; /* its end may have been flushed with what was typed before ^C */
    buffer_deinit(&terminal.paste);
    if (empty)
        return meant;
    rl_callback_sigcleanup();
    rl_replace_line("", 1);
    rl_restore_prompt();
    show_again();
    return true;
}

/* -- Tab -------------------------------------------------------------------------------------- */

static void forget_words(void)
{
    for (size_t i = 0; i < terminal.words.count; i++)
        free(terminal.words.words[i]);
    free(terminal.words.words);
    terminal.words = (struct terminal_words){0};
    if (terminal.hooks->proposed)
        terminal.hooks->proposed(terminal.hooks->userdata, NULL, 0);
}

/* Puts the word in turn between where it has to begin and the cursor. */
static void put_word(void)
{
    rl_begin_undo_group();
    rl_delete_text((int)terminal.words.start, rl_point);
    rl_point = (int)terminal.words.start;
    rl_insert_text(terminal.words.words[terminal.word]);
    rl_end_undo_group();
}

/* The tab key: the first of what is possible, and the next each time it is pressed again. */
static int tab_key(int count, int key)
{
    if (rl_last_func == tab_key && terminal.words.count > 0) {
        terminal.word = (terminal.word + 1) % terminal.words.count;
        put_word();
        return 0;
    }
    forget_words();
    terminal.hooks->complete(terminal.hooks->userdata,
                             (struct bytes){rl_line_buffer, (size_t)rl_end}, (size_t)rl_point,
                             &terminal.words);
    terminal.word = 0;
    if (terminal.words.count == 0)
        return rl_ding();
    put_word();
    if (terminal.words.count > 1 && terminal.hooks->proposed)
        terminal.hooks->proposed(terminal.hooks->userdata, terminal.words.words,
                                 terminal.words.count);
    return 0;
}

/* -- what is pasted --------------------------------------------------------------------------- */

static int begin_paste(int count, int key)
{
    terminal.pasting = true;
    terminal.paste_cut = false;
    return 0;
}

/* Line ends are newlines, and none stands at the end. */
static size_t settle_ends(char *text, size_t len)
{
    size_t out = 0;
    char before = '\0';

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c != '\n' || before != '\r')
            text[out++] = c == '\r' ? '\n' : c;
        before = c;
    }
    while (out > 0 && text[out - 1] == '\n')
        out--;
    return out;
}

static void end_paste(void)
{
    struct bytes raw = buffer_peek(&terminal.paste);
    char *text = malloc(raw.len + 1);

    terminal.pasting = false;
    if (text) {
        if (raw.len > 0)
            memcpy(text, raw.data, raw.len);
        size_t len = settle_ends(text, raw.len);
        text[len] = '\0';
        if (memchr(text, '\n', len)) {
            terminal.hooks->pasted(terminal.hooks->userdata, (struct bytes){text, len},
                                   terminal.paste_cut);
        } else {
            rl_insert_text(text);
            show_again();
        }
        free(text);
    }
    buffer_deinit(&terminal.paste);
}

/* Takes what is pasted off the queue, up to the end of it that the terminal marks. */
static void take_paste(void)
{
    static const char end[] = "\033[201~";
    const size_t mark = sizeof(end) - 1;
    struct bytes queued = buffer_peek(&terminal.queue);
    const char *found = memmem(queued.data, queued.len, end, mark);
    /* The mark may have come in part. */
    size_t len = found ? (size_t)(found - queued.data) : queued.len < mark ? 0 : queued.len - mark;

    if (buffer_append(&terminal.paste, (struct bytes){queued.data, len}) < 0)
        terminal.paste_cut = true;
    buffer_consume(&terminal.queue, len + (found ? mark : 0));
    if (found)
        end_paste();
}

/* -- what is read ----------------------------------------------------------------------------- */

/* readline's getc on a full screen. It is called with an empty queue only for the rest of a
 * sequence that it will not leave unread. */
static int next_byte(FILE *stream)
{
    struct bytes queued = buffer_peek(&terminal.queue);
    unsigned char byte;

    if (queued.len == 0)
        return read(STDIN_FILENO, &byte, 1) == 1 ? byte : EOF;
    byte = (unsigned char)queued.data[0];
    buffer_consume(&terminal.queue, 1);
    return byte;
}

static int has_byte(void)
{
    return buffer_len(&terminal.queue) > 0;
}

static void take_answer(void)
{
    char key = buffer_peek(&terminal.queue).data[0];

    buffer_consume(&terminal.queue, 1);
    terminal.asking = !terminal.hooks->answered(terminal.hooks->userdata, key);
}

static void take_queue(void)
{
    size_t before = SIZE_MAX;

    /* An end of what is pasted that has come in part stays on the queue. */
    while (has_byte() && buffer_len(&terminal.queue) < before) {
        before = buffer_len(&terminal.queue);
        if (terminal.pasting)
            take_paste();
        else if (terminal.asking)
            take_answer();
        else
            rl_callback_read_char();
        if (rl_last_func != tab_key && terminal.words.count > 0)
            forget_words();
    }
}

void terminal_read(void)
{
    char *space;
    long room;
    ssize_t len;

    if (!is_full_screen()) {
        rl_callback_read_char();
        return;
    }
    room = buffer_reserve(&terminal.queue, READ_MAX, &space);
    if (room < 0)
        return;
    len = read(STDIN_FILENO, space, (size_t)room);
    if (len > 0) {
        buffer_commit(&terminal.queue, (size_t)len);
        take_queue();
    } else if (len == 0 || (errno != EAGAIN && errno != EINTR)) {
        line_done(NULL);
    }
}

void terminal_ask(void)
{
    terminal.asking = true;
}

/* -- opening and closing ---------------------------------------------------------------------- */

/* Asks the terminal to mark what is pasted; with a redisplay function of ours readline does not. */
static void mark_pastes(bool on)
{
    if (!is_full_screen())
        return;
    fputs(on ? "\033[?2004h" : "\033[?2004l", stdout);
    fflush(stdout);
}

/* The modes are held from one end to the other: readline would give them back for as long as a line
 * is being dealt with, and what is typed in that time would be echoed across the screen. */
static void hold_modes(void)
{
    rl_prep_term_function = NULL;
    rl_deprep_term_function = NULL;
    rl_prep_terminal(1);
    mark_pastes(true);
}

static void give_modes_back(void)
{
    mark_pastes(false);
    rl_deprep_terminal();
}

/* A terminal_key_fn. */
static void key_pressed(enum terminal_key key, unsigned number)
{
    terminal.hooks->key(terminal.hooks->userdata, key, number);
}

static void bind_keys(void)
{
    static const char enter[] = {'\r', '\n'};
    Keymap maps[] = {emacs_standard_keymap, vi_insertion_keymap, vi_movement_keymap};

    for (size_t map = 0; map < ARRAY_SIZE(maps); map++) {
        for (size_t i = 0; i < sizeof(enter); i++)
            rl_bind_key_in_map(enter[i], enter_key, maps[map]);
        rl_bind_key_in_map('\t', tab_key, maps[map]);
        if (is_full_screen())
            rl_bind_keyseq_in_map("\\e[200~", begin_paste, maps[map]);
    }
    if (is_full_screen())
        terminal_keys_bind(key_pressed);
}

int terminal_open(const char *prompt, const struct terminal_hooks *hooks)
{
    terminal.hooks = hooks;
    buffer_init(&terminal.queue, QUEUE_MAX);
    buffer_init(&terminal.paste, TERMINAL_PASTE_MAX);
    rl_readline_name = "multichat";
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_startup_hook = begin_line;
    if (is_full_screen()) {
        rl_redisplay_function = show_line;
        rl_getc_function = next_byte;
        rl_input_available_hook = has_byte;
    }
    if (rl_initialize() != 0)
        return -ENOMEM;
    bind_keys();
    using_history();
    stifle_history(HISTORY_MAX);
    hold_modes();
    rl_callback_handler_install(prompt, line_done);
    terminal.open = true;
    return 0;
}

void terminal_close(void)
{
    if (!terminal.open)
        return;
    forget_words();
    if (terminal.editing && !is_full_screen())
        rl_clear_visible_line();
    rl_callback_handler_remove();
    fflush(stdout);
    give_modes_back();
    rl_clear_history();
    buffer_deinit(&terminal.queue);
    buffer_deinit(&terminal.paste);
    terminal.open = terminal.editing = false;
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
        show_again();
}

void terminal_resized(void)
{
    rl_resize_terminal();
}

void terminal_pause(void)
{
    if (!terminal.open)
        return;
    if (!is_full_screen())
        rl_clear_visible_line();
    fflush(stdout);
    give_modes_back();
}

void terminal_resume(void)
{
    if (!terminal.open)
        return;
    hold_modes();
    rl_resize_terminal();
    show_again();
}
