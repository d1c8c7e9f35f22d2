/* The terminal, as terminfo describes it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/terminal.h"
#include "util/bytes.h"
#include "util/utf8.h"

#include <curses.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>
#include <uniwidth.h>

#define LINES_FALLBACK   24
#define COLUMNS_FALLBACK 80

/* What a capability is, or NULL where the terminal has none of that name. */
static const char *capability(const char *name)
{
    const char *text = tigetstr(name);

    return text == (const char *)-1 ? NULL : text;
}

static void put(const char *name)
{
    const char *text = capability(name);

    if (text)
        (void)putp(text);
}

bool terminal_usable(void)
{
    int error = 0;

    return isatty(STDOUT_FILENO) && setupterm(NULL, STDOUT_FILENO, &error) == OK &&
           capability("cup") && capability("el");
}

/* Keys come one by one and are not shown; those that make signals still do. */
static void take_keys(struct terminal *terminal)
{
    terminal->has_keys = tcgetattr(STDIN_FILENO, &terminal->before) == 0;
    if (!terminal->has_keys)
        return;
    struct termios modes = terminal->before;
    modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
}

void terminal_begin(struct terminal *terminal)
{
    if (terminal->begun)
        return;
    terminal->begun = true;
    take_keys(terminal);
    put("smcup");
    put("civis");
    fflush(stdout);
}

void terminal_end(struct terminal *terminal)
{
    unsigned height, width;

    if (!terminal->begun)
        return;
    terminal->begun = false;
    terminal_size(&height, &width);
    (void)putp(tiparm(capability("cup"), (int)height - 1, 0));
    put("el");
    put("cnorm");
    put("rmcup");
    fflush(stdout);
    if (terminal->has_keys)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
}

void terminal_size(unsigned *ret_height, unsigned *ret_width)
{
    struct winsize size = {0};

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        size = (struct winsize){0};
    *ret_height = size.ws_row > 0 ? size.ws_row : LINES_FALLBACK;
    *ret_width = size.ws_col > 0 ? size.ws_col : COLUMNS_FALLBACK;
}

/* The bytes of `line` that fit into so many columns, and how many columns they take. */
static size_t clip(struct bytes line, unsigned width, unsigned *ret_taken)
{
    size_t used = 0;
    unsigned taken = 0;

    while (used < line.len) {
        struct bytes rest = {line.data + used, line.len - used};
        uint32_t character = 0;
        int len = utf8_decode(rest, &character);
        int cells = len > 0 ? uc_width(character, "UTF-8") : 0;
        unsigned more = cells > 0 ? (unsigned)cells : 0;
        if (len <= 0 || taken + more > width)
            break;
        taken += more;
        used += (size_t)len;
    }
    *ret_taken = taken;
    return used;
}

/* What was on the rest of the line is erased; where there is no rest, the cursor stands on the last
 * column still, and erasing would take that. */
static void paint_line(unsigned number, struct bytes line, unsigned width, bool title)
{
    unsigned taken = 0;
    size_t len = clip(line, width, &taken);

    (void)putp(tiparm(capability("cup"), (int)number, 0));
    if (title)
        put("rev");
    fwrite(line.data, 1, len, stdout);
    if (title)
        put("sgr0");
    if (taken < width)
        put("el");
}

void terminal_paint(const char *text, unsigned title)
{
    unsigned height, width;

    terminal_size(&height, &width);
    for (unsigned number = 0; number < height; number++) {
        size_t len = strcspn(text, "\n");
        paint_line(number, (struct bytes){text, len}, width, number == title);
        text += len + (text[len] == '\n');
    }
    fflush(stdout);
}
