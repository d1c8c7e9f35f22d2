/* The full screen: what is told and shown becomes lines of the screen's windows (screen/screen.h),
 * which are painted once at the end of each turn. See view.h.
 *
 * The keys, and what is pasted, are in screen-keys.c.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/view-screen.h"

#include "client/asking.h"
#include "client/doing.h"
#include "client/entry.h"
#include "client/output.h"
#include "client/printable.h"
#include "client/terminal.h"
#include "util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TAG_OWN (1ULL << 63) /* what has no number yet */

/* A line's name on the screen, so that what is in the history too is there once. */
static uint64_t tag_of(uint64_t conversation, uint64_t seq)
{
    return ((conversation << 40) ^ seq) & ~TAG_OWN;
}

/* The same for a message that waits in the outbox, whose key is unlike all others. FNV-1a. */
static uint64_t tag_of_key(struct bytes key)
{
    uint64_t hash = 14695981039346656037ULL;

    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * 1099511628211ULL;
    return hash | TAG_OWN;
}

/* -- the terminal ----------------------------------------------------------------------------- */

/* A painter_write_fn. */
static int write_out(void *userdata, struct bytes bytes)
{
    const struct full_screen *full = userdata;

    return output_write(STDOUT_FILENO, bytes, full->view.input->stop_fd, NULL);
}

static void measure(const struct full_screen *full)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        screen_resize(full->screen, size.ws_row, size.ws_col);
}

static int full_open(struct view *view)
{
    struct full_screen *full = full_screen_of(view);
    const char *no_colour = getenv("NO_COLOR");
    char prompt[WINDOW_PROMPT_MAX];
    const struct painter_options options = {
        .colours = !no_colour || no_colour[0] == '\0',
        .write = write_out,
        .userdata = full,
    };
    int r;

    full->screen = view->input->windows.screen;
    r = painter_new(&options, &full->painter);
    if (r == 0)
        r = painter_begin(full->painter);
    if (r < 0)
        return r;
    full->open = true;
    measure(full);
    full_screen_hooks(full);
    window_prompt(windows_current(&view->input->windows), prompt);
    return terminal_open(prompt, &view->hooks);
}

static void full_close(struct view *view)
{
    struct full_screen *full = full_screen_of(view);

    if (full->open) {
        terminal_close();
        (void)!painter_end(full->painter);
        if (full->words && view->input->shut_out) /* what was on the screen is gone */
            output_notice(full->words);
    }
    full->open = false;
    painter_free(full->painter);
    full->painter = NULL;
    free(full->pasted);
    free(full->words);
    full->pasted = full->words = NULL;
}

static void full_read(struct view *view)
{
    struct full_screen *full = full_screen_of(view);

    if (full->passing)
        full_screen_set_hint(full, "");
    terminal_read();
    /* While somebody sits there he sees who has come and gone. */
    asking_enter(view->input, windows_current(&view->input->windows));
}

static void full_pause(struct view *view)
{
    struct full_screen *full = full_screen_of(view);

    terminal_pause();
    (void)!painter_end(full->painter);
    full->open = false;
}

static void full_resized(struct view *view)
{
    struct full_screen *full = full_screen_of(view);

    measure(full);
    painter_forget(full->painter);
    terminal_resized();
}

static void full_resume(struct view *view)
{
    struct full_screen *full = full_screen_of(view);

    full->open = painter_begin(full->painter) == 0;
    terminal_resume();
    full_resized(view);
}

/* -- the lines below -------------------------------------------------------------------------- */

static void show_status(struct full_screen *full)
{
    struct input *input = full->view.input;
    const char *user = input->invocation->settings.user;
    const struct screen_status status = {
        .who = bytes_of(input->name ? input->name : user),
        .reached = bytes_of(session_reach(input->session)),
        .waiting = outbox_count(input->outbox),
    };

    (void)!screen_set_status(full->screen, &status); /* the next turn tries again */
}

static void full_finish(struct view *view)
{
    struct full_screen *full = full_screen_of(view);
    int r;

    if (!full->open)
        return;
    if (full->older && screen_at_top(full->screen))
        asking_older(view->input, windows_current(&view->input->windows));
    full->older = false;
    show_status(full);
    r = painter_paint(full->painter, full->screen);
    if (r < 0 && r != -ENOMEM && r != -ECANCELED)
        view->input->unshown = true;
}

static void full_switched(struct view *view)
{
    char prompt[WINDOW_PROMPT_MAX];

    window_prompt(windows_current(&view->input->windows), prompt);
    terminal_set_prompt(prompt);
    if (!full_screen_of(view)->pasted)
        full_screen_set_hint(full_screen_of(view), "");
}

/* -- lines ------------------------------------------------------------------------------------ */

static enum screen_kind kind_of(const struct v2_frame *frame, unsigned how)
{
    bool own = how & VIEW_OWN;

    if (frame->verb == V2_VERB_NOTE)
        return entry_is_text(frame) ? SCREEN_ANNOUNCEMENT : SCREEN_NOTICE;
    if (frame->verb == V2_VERB_WHISPER)
        return own ? SCREEN_OWN_WHISPER : SCREEN_WHISPER;
    if (how & VIEW_WAITING)
        return SCREEN_WAITING;
    return own ? SCREEN_OWN : SCREEN_MESSAGE;
}

static int full_show(struct view *view, struct window *window, const struct v2_frame *frame,
                     unsigned how, bool *ret_touched)
{
    bool own_whisper = frame->verb == V2_VERB_WHISPER && (how & VIEW_OWN);
    struct screen_line line = {
        .kind = kind_of(frame, how),
        .mention = how & VIEW_CALL,
        .time_ms = frame->time_ms,
        .tag = how & VIEW_WAITING ? tag_of_key(frame->key)
                                  : tag_of(frame->conversation.id, frame->seq),
        .name = own_whisper ? frame->conversation.name : frame->name,
        .userid = own_whisper ? frame->conversation.name : frame->userid,
        .text = frame->text,
    };
    char *words = NULL;
    int r;

    if (line.kind == SCREEN_NOTICE) {
        words = printable_note(frame);
        if (!words)
            return -ENOMEM;
        line.text = bytes_of(words);
        line.name = (struct bytes){0};
    }
    r = screen_add(window->shown, &line);
    free(words);
    if (how & VIEW_WAITING) /* who speaks wants to see it */
        screen_scroll_end(full_screen_of(view)->screen);
    return r < 0 ? r : 0;
}

static void add_words(struct window *window, enum screen_kind kind, struct bytes text)
{
    const struct screen_line line = {.kind = kind, .text = text};

    (void)!screen_add(window->shown, &line); /* without memory there is nobody to tell */
}

static void full_tell(struct view *view, struct window *window, enum view_tone tone,
                      const char *text)
{
    struct full_screen *full = full_screen_of(view);

    if (!full->painter) {
        output_notice(text);
        return;
    }
    free(full->words);
    full->words = strdup(text);
    add_words(window, tone == VIEW_ERROR ? SCREEN_ERROR : SCREEN_INFO, bytes_of(text));
    screen_raise(window->shown, tone == VIEW_ERROR ? SCREEN_MESSAGES : SCREEN_NOTICES);
}

static void full_print(struct view *view, struct window *window, const char *lines)
{
    screen_scroll_end(full_screen_of(view)->screen);
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        add_words(window, SCREEN_INFO, (struct bytes){lines, len});
        lines += len + (lines[len] == '\n');
    }
}

/* The line of a message that has waited gets the place it has in the history. */
static void set_stored(struct window *window, uint64_t tag, const struct view_settled *settled)
{
    uint64_t stored = tag_of(settled->conversation, settled->seq);

    if (screen_retag(window->shown, tag, stored) == -EEXIST)
        screen_drop(window->shown, tag); /* the history was quicker */
    else
        (void)!screen_change(window->shown, stored,
                             settled->whisper ? SCREEN_OWN_WHISPER : SCREEN_OWN, settled->time_ms);
}

static void full_settled(struct view *view, const struct view_settled *settled)
{
    uint64_t tag = tag_of_key(settled->key);
    struct window *window;

    for (size_t i = 1; (window = windows_at(&view->input->windows, i)); i++) {
        if (!screen_has(window->shown, tag))
            continue;
        if (settled->stored)
            set_stored(window, tag, settled);
        else
            (void)!screen_change(window->shown, tag, SCREEN_ERROR, 0);
        return;
    }
}

static void full_ring(struct view *view)
{
    (void)!painter_ring(full_screen_of(view)->painter);
}

static void clear_window(struct view *view, struct window *window)
{
    screen_clear(window->shown);
    window->complete = false;
    snprintf(window->before, sizeof(window->before), "%llu",
             (unsigned long long)clock_real_ms() + 1);
}

static void search(struct view *view, struct bytes text)
{
    struct full_screen *full = full_screen_of(view);
    bool again = text.len == 0;
    int r;

    if (again && full->sought[0] == '\0') {
        input_refuse(view->input, NULL, "usage: /search TEXT");
        return;
    }
    if (!again)
        snprintf(full->sought, sizeof(full->sought), "%.*s", BYTES_ARG(text));
    r = screen_search(full->screen, bytes_of(full->sought), again);
    if (r == 0) {
        full_screen_set_hint(full, again ? "nothing further up in what is loaded; PgUp loads more"
                                         : "not found in what is loaded; PgUp loads more");
        full->passing = true;
    }
}

static const struct view_class view_screen = {
    .open = full_open,
    .close = full_close,
    .read = full_read,
    .finish = full_finish,
    .pause = full_pause,
    .resume = full_resume,
    .resized = full_resized,
    .interrupted = full_screen_interrupted,
    .show = full_show,
    .tell = full_tell,
    .print = full_print,
    .settled = full_settled,
    .switched = full_switched,
    .ring = full_ring,
    .clear = clear_window,
    .search = search,
};

struct view *view_screen_new(struct input *input)
{
    struct full_screen *full = calloc(1, sizeof(*full));

    if (!full)
        return NULL;
    full->view = (struct view){.class = &view_screen, .input = input};
    return &full->view;
}
