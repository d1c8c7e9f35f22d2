/* Line mode: what is told and shown goes above the line being typed or, where there is no terminal,
 * to standard output and standard error. See view.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/completion.h"
#include "client/doing.h"
#include "client/input.h"
#include "client/output.h"
#include "client/posting.h"
#include "client/printable.h"
#include "client/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A hook of the terminal. */
static void take_typed(void *userdata, const char *line)
{
    struct view *view = userdata;

    if (line)
        doing_line(view->input, bytes_of(line));
    else
        input_end(view->input, false);
}

/* A hook of the terminal. */
static void complete(void *userdata, struct bytes line, size_t cursor, struct terminal_words *ret)
{
    const struct view *view = userdata;

    completion_find(&view->input->windows, line, cursor, ret);
}

static int line_open(struct view *view)
{
    char text[WINDOW_PROMPT_MAX];

    if (!view->input->terminal)
        return 0;
    window_prompt(windows_current(&view->input->windows), text);
    view->hooks = (struct terminal_hooks){
        .line = take_typed,
        .complete = complete,
        .userdata = view,
    };
    return terminal_open(text, &view->hooks);
}

static void line_close(struct view *view)
{
    if (view->input->terminal)
        terminal_close();
}

static void line_read(struct view *view)
{
    struct input *input = view->input;

    if (input->terminal) {
        terminal_read();
        return;
    }
    if (lines_read(&input->lines, STDIN_FILENO) < 0) {
        input_tell(input, NULL, "standard input cannot be read");
        input_end(input, true);
    }
    posting_take_lines(input);
}

static int line_show(struct view *view, struct window *window, const struct v2_frame *frame,
                     unsigned how, bool *ret_touched)
{
    const struct input *input = view->input;
    char *line = printable_message(frame, how & VIEW_OWN, how & VIEW_AGAIN, time(NULL));
    int r;

    if (!line)
        return -ENOMEM;
    if (input->terminal) {
        *ret_touched = true;
        r = terminal_print(line);
    } else {
        r = output_write(STDOUT_FILENO, bytes_of(line), input->stop_fd, ret_touched);
    }
    free(line);
    return r;
}

static void line_tell(struct view *view, struct window *window, enum view_tone tone,
                      const char *text)
{
    char *line = NULL;
    size_t size;
    FILE *out;

    if (!view->input->terminal) {
        output_notice(text);
        return;
    }
    out = open_memstream(&line, &size);
    if (!out)
        return;
    fputs("-- ", out);
    printable_write(out, bytes_of(text), PRINTABLE_NAME);
    fputc('\n', out);
    if (fclose(out) == 0)
        (void)!terminal_print(line);
    free(line);
}

static void line_print(struct view *view, struct window *window, const char *lines)
{
    const struct input *input = view->input;

    if (input->terminal)
        (void)!terminal_print(lines);
    else
        (void)!output_write(STDERR_FILENO, bytes_of(lines), input->stop_fd, NULL);
}

static void line_switched(struct view *view)
{
    char text[WINDOW_PROMPT_MAX];

    window_prompt(windows_current(&view->input->windows), text);
    if (view->input->terminal)
        terminal_set_prompt(text);
}

static void line_pause(struct view *view)
{
    terminal_pause();
}

static void line_resume(struct view *view)
{
    terminal_resume();
}

static void line_resized(struct view *view)
{
    terminal_resized();
}

static void line_ring(struct view *view)
{
    if (view->input->terminal)
        (void)!output_write(STDOUT_FILENO, bytes_of("\a"), view->input->stop_fd, NULL);
}

static const struct view_class view_line = {
    .open = line_open,
    .close = line_close,
    .read = line_read,
    .pause = line_pause,
    .resume = line_resume,
    .resized = line_resized,
    .show = line_show,
    .tell = line_tell,
    .print = line_print,
    .switched = line_switched,
    .ring = line_ring,
};

struct view *view_line_new(struct input *input)
{
    struct view *view = calloc(1, sizeof(*view));

    if (view)
        *view = (struct view){.class = &view_line, .input = input};
    return view;
}

void view_free(struct view *view)
{
    if (!view)
        return;
    view->class->close(view);
    free(view);
}
