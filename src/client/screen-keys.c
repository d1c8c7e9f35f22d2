/* The keys of the full screen, and what is pasted there: see view-screen.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/view-screen.h"

#include "client/completion.h"
#include "client/doing.h"
#include "client/posting.h"

#include <stdio.h>
#include <stdlib.h>

void full_screen_set_hint(struct full_screen *full, const char *hint)
{
    full->passing = false;
    (void)!screen_set_hint(full->screen, bytes_of(hint)); /* it is a courtesy */
}

/* -- the line --------------------------------------------------------------------------------- */

/* A hook of the terminal, as all of these. */
static void take_typed(void *userdata, const char *line)
{
    struct full_screen *full = userdata;

    full_screen_set_hint(full, "");
    if (line)
        doing_line(full->view.input, bytes_of(line));
    else
        input_end(full->view.input, false);
}

static void edited(void *userdata, struct bytes prompt, struct bytes line, size_t cursor)
{
    struct full_screen *full = userdata;

    full->warned = false;
    (void)!screen_set_input(full->screen, prompt, line, cursor);
}

static void complete(void *userdata, struct bytes line, size_t cursor, struct terminal_words *ret)
{
    const struct full_screen *full = userdata;

    completion_find(&full->view.input->windows, line, cursor, ret);
}

static void proposed(void *userdata, char *const *words, size_t count)
{
    struct full_screen *full = userdata;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return;
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%s", i > 0 ? " " : "", words[i]);
    if (fclose(out) == 0)
        full_screen_set_hint(full, text);
    free(text);
}

/* -- keys ------------------------------------------------------------------------------------- */

static void go_to(struct full_screen *full, struct window *window)
{
    if (window)
        input_switch(full->view.input, window);
}

static void key_pressed(void *userdata, enum terminal_key key, unsigned number)
{
    struct full_screen *full = userdata;
    const struct windows *windows = &full->view.input->windows;

    switch (key) {
    case TERMINAL_KEY_WINDOW:
        go_to(full, windows_at(windows, number));
        break;
    case TERMINAL_KEY_NEXT_ACTIVE:
        go_to(full, windows_next(windows));
        break;
    case TERMINAL_KEY_NEXT:
    case TERMINAL_KEY_PREVIOUS:
        go_to(full, windows_beside(windows, key == TERMINAL_KEY_NEXT));
        break;
    case TERMINAL_KEY_PAGE_UP:
    case TERMINAL_KEY_PAGE_DOWN:
        screen_scroll_pages(full->screen, key == TERMINAL_KEY_PAGE_UP ? -1 : 1);
        full->older = key == TERMINAL_KEY_PAGE_UP;
        break;
    case TERMINAL_KEY_TOP:
        screen_scroll_top(full->screen);
        full->older = true;
        break;
    case TERMINAL_KEY_END:
        screen_scroll_end(full->screen);
        break;
    case TERMINAL_KEY_MEMBERS:
        screen_show_members(full->screen, !screen_members_are_shown(full->screen));
        break;
    case TERMINAL_KEY_MEMBERS_UP:
    case TERMINAL_KEY_MEMBERS_DOWN:
        screen_scroll_members(full->screen, key == TERMINAL_KEY_MEMBERS_UP ? -5 : 5);
        break;
    case TERMINAL_KEY_REDRAW:
        painter_forget(full->painter);
        break;
    }
}

/* -- what is pasted --------------------------------------------------------------------------- */

static void forget_pasted(struct full_screen *full)
{
    free(full->pasted);
    full->pasted = NULL;
    full_screen_set_hint(full, "");
}

static size_t count_lines(const char *text)
{
    size_t count = 1;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static void pasted(void *userdata, struct bytes text, bool cut)
{
    struct full_screen *full = userdata;
    const struct window *window = windows_current(&full->view.input->windows);
    char hint[256];

    forget_pasted(full);
    full->pasted = strndup(text.data, text.len);
    if (!full->pasted)
        return;
    full->pasted_for = window->id;
    snprintf(hint, sizeof(hint),
             "paste %zu lines%s to %.*s? y: send each, o: as one message, n: no",
             count_lines(full->pasted), cut ? " (cut)" : "",
             BYTES_ARG(screen_window_title(window->shown)));
    full_screen_set_hint(full, hint);
    terminal_ask();
}

static bool answered(void *userdata, char key)
{
    struct full_screen *full = userdata;
    struct input *input = full->view.input;
    struct window *window = windows_by_id(&input->windows, full->pasted_for);
    struct bytes text = bytes_of(full->pasted ? full->pasted : "");

    if (window && (key == 'y' || key == 'Y'))
        posting_paste(input, window, text);
    else if (window && (key == 'o' || key == 'O'))
        (void)posting_send(input, window, window, (struct bytes){0}, text);
    else if (window && key != 'n' && key != 'N' && key != '\033')
        return false;
    forget_pasted(full);
    return true;
}

/* Ctrl-C takes back what is typed or pasted; with nothing there it ends the program, the second
 * time, for fingers are quick. */
bool full_screen_interrupted(struct view *view)
{
    struct full_screen *full = full_screen_of(view);
    bool warned = full->warned;

    forget_pasted(full);
    if (terminal_interrupt())
        return true;
    full->warned = true;
    full_screen_set_hint(full, "Ctrl-C again ends multichat");
    return !warned;
}

void full_screen_hooks(struct full_screen *full)
{
    full->view.hooks = (struct terminal_hooks){
        .line = take_typed,
        .complete = complete,
        .edited = edited,
        .key = key_pressed,
        .pasted = pasted,
        .answered = answered,
        .proposed = proposed,
        .userdata = full,
    };
}
