/* Keys that do not edit: see terminal-keys.h. They are those of irssi, WeeChat and senpai, as far
 * as these agree.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/terminal-keys.h"

#include <readline/readline.h>
#include <stdio.h>

static const struct row {
    enum terminal_key key;
    const char *sequence; /* as in an inputrc */
} rows[] = {
    {TERMINAL_KEY_NEXT_ACTIVE, "\\ea"},     {TERMINAL_KEY_NEXT, "\\C-n"},
    {TERMINAL_KEY_NEXT, "\\e[1;3C"}, /* Alt with an arrow */
    {TERMINAL_KEY_NEXT, "\\e[1;3B"},        {TERMINAL_KEY_PREVIOUS, "\\C-p"},
    {TERMINAL_KEY_PREVIOUS, "\\e[1;3D"},    {TERMINAL_KEY_PREVIOUS, "\\e[1;3A"},
    {TERMINAL_KEY_PAGE_UP, "\\e[5~"},       {TERMINAL_KEY_PAGE_UP, "\\ep"},
    {TERMINAL_KEY_PAGE_DOWN, "\\e[6~"},     {TERMINAL_KEY_PAGE_DOWN, "\\en"},
    {TERMINAL_KEY_TOP, "\\e[1;5H"}, /* Ctrl-Home, Ctrl-End, and with Alt */
    {TERMINAL_KEY_TOP, "\\e[1;3H"},         {TERMINAL_KEY_END, "\\e[1;5F"},
    {TERMINAL_KEY_END, "\\e[1;3F"},         {TERMINAL_KEY_MEMBERS, "\\em"},
    {TERMINAL_KEY_MEMBERS, "\\e[20~"},    /* F9 */
    {TERMINAL_KEY_MEMBERS_UP, "\\e[23~"}, /* F11, F12 */
    {TERMINAL_KEY_MEMBERS_DOWN, "\\e[24~"}, {TERMINAL_KEY_REDRAW, "\\C-l"},
};

/* readline hands over no userdata. */
static terminal_key_fn pressed;

/* readline tells the last character of a sequence alone, so the sequence says which row it is. */
static int key_function(int count, int key)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char bytes[16];
        int len = 0;
        if (rl_translate_keyseq(rows[i].sequence, bytes, &len) == 0 &&
            len == rl_key_sequence_length && memcmp(bytes, rl_executing_keyseq, (size_t)len) == 0) {
            pressed(rows[i].key, 0);
            break;
        }
    }
    return 0;
}

static int window_function(int count, int key)
{
    pressed(TERMINAL_KEY_WINDOW, key == '0' ? 10 : (unsigned)(key - '0'));
    return 0;
}

void terminal_keys_bind(terminal_key_fn callback)
{
    Keymap maps[] = {emacs_standard_keymap, vi_insertion_keymap, vi_movement_keymap};

    pressed = callback;
    for (size_t map = 0; map < ARRAY_SIZE(maps); map++) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
            rl_bind_keyseq_in_map(rows[i].sequence, key_function, maps[map]);
        for (char digit = '0'; digit <= '9'; digit++) {
            char sequence[] = {'\\', 'e', digit, '\0'};
            rl_bind_keyseq_in_map(sequence, window_function, maps[map]);
        }
    }
}
