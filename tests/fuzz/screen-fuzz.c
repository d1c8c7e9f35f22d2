/* Fuzzes what the full-screen client shows of what others say.
 *
 * The input is the terminal's rows and columns, a byte each, and commands: a byte that says which
 * one, and its argument up to a NUL. Whatever comes, the picture holds whole characters without
 * anything that controls a terminal, wide ones have the room they need, and the cursor is on it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/internal.h"
#include "util/utf8.h"

#include "fuzz.h"

#define SIDE_MAX 90 /* larger ones are slow, and have nothing new */

struct state {
    struct screen *screen;
    struct frame frame;
    uint64_t time_ms;
};

static void check_cell(const struct cell *cell)
{
    MUST(utf8_valid((struct bytes){cell->text, cell->len}));
    for (unsigned i = 0; i < cell->len; i++)
        MUST((unsigned char)cell->text[i] >= ' ' && cell->text[i] != 0x7f);
    for (unsigned i = 0; i + 1 < cell->len; i++) /* C1 controls are two bytes */
        MUST((unsigned char)cell->text[i] != 0xc2 || (unsigned char)cell->text[i + 1] >= 0xa0);
}

static void check_picture(struct state *state)
{
    const struct frame *frame = &state->frame;

    MUST(screen_draw(state->screen, &state->frame) == 0);
    MUST(frame->cursor_row < frame->rows && frame->cursor_column < frame->columns);
    for (unsigned row = 0; row < frame->rows; row++) {
        const struct cell *cells = frame_row(frame, row);

        for (unsigned column = 0; column < frame->columns; column += cells[column].width) {
            MUST(cells[column].width == 1 || cells[column].width == 2);
            MUST(column + cells[column].width <= frame->columns);
            MUST(cells[column].len > 0 && (cells[column].width == 1 || cells[column + 1].len == 0));
            check_cell(&cells[column]);
        }
    }
}

static void say(struct state *state, enum screen_kind kind, struct bytes text)
{
    const char *colon = memchr(text.data, ':', text.len);
    struct bytes name = {text.data, colon ? (size_t)(colon - text.data) : 0};
    const struct screen_line line = {
        .kind = kind,
        .mention = name.len % 2,
        .time_ms = state->time_ms += 10000000,
        .tag = text.len,
        .name = name,
        .text = {text.data + name.len, text.len - name.len},
    };

    MUST(screen_add(screen_shown(state->screen), &line) >= 0);
}

static void set(struct state *state, unsigned char what, struct bytes text)
{
    struct screen_window *window = screen_shown(state->screen);
    const struct screen_member member = {text, text, text.len % 2, text.len % 3};
    const struct screen_status status = {text, text, text.len};

    if (what == 't')
        MUST(screen_window_set_topic(window, text) == 0);
    else if (what == 'm')
        MUST(screen_member_set(window, &member) == 0);
    else if (what == 'i')
        MUST(screen_set_input(state->screen, text, text, text.len / 2) == 0);
    else if (what == 'h')
        MUST(screen_set_hint(state->screen, text) == 0);
    else if (what == 's')
        MUST(screen_set_status(state->screen, &status) == 0);
    else
        screen_set_read(window, state->time_ms / 2);
}

static void obey(struct state *state, unsigned char what, struct bytes text)
{
    if (what == 'z')
        screen_resize(state->screen, text.len % SIDE_MAX, 3 * text.len % SIDE_MAX);
    else if (what == 'u')
        screen_scroll(state->screen, -(int)text.len);
    else if (what == 'd')
        screen_scroll(state->screen, (int)text.len);
    else if (what == 'f')
        MUST(screen_search(state->screen, text, text.len % 2) <= 1);
    else if (what <= SCREEN_ERROR)
        say(state, what, text);
    else
        set(state, what, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct screen_limits limits = {.window_lines = 20};
    struct state state = {.screen = NULL};
    struct screen_window *window;
    struct bytes rest = {(const char *)data, size};

    if (size < 2)
        return 0;
    hash_setup();
    state.screen = screen_new(data[0] % SIDE_MAX, data[1] % SIDE_MAX, &limits);
    MUST(state.screen);
    MUST(screen_window_new(state.screen, bytes_of("#room"), NULL, &window) == 0);
    rest = (struct bytes){rest.data + 2, rest.len - 2};
    while (rest.len > 0) {
        const char *end = memchr(rest.data + 1, '\0', rest.len - 1);
        size_t len = end ? (size_t)(end - rest.data) : rest.len;

        obey(&state, (unsigned char)rest.data[0], (struct bytes){rest.data + 1, len - 1});
        check_picture(&state);
        len += end != NULL;
        rest = (struct bytes){rest.data + len, rest.len - len};
    }
    frame_deinit(&state.frame);
    screen_free(state.screen);
    return 0;
}
