/* terminal.h in a build without readline: no terminal is usable, so none of the rest is reached,
 * nor is the full screen, and the terminal is read as a pipe is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/terminal.h"

#include "client/view.h"

#include <errno.h>

bool terminal_usable(void)
{
    return false;
}

int terminal_open(const char *prompt, const struct terminal_hooks *hooks)
{
    return -ENOTTY;
}

void terminal_close(void)
{
}

void terminal_read(void)
{
}

int terminal_print(const char *text)
{
    return -EIO;
}

void terminal_set_prompt(const char *prompt)
{
}

void terminal_pause(void)
{
}

void terminal_resume(void)
{
}

void terminal_resized(void)
{
}

struct view *view_screen_new(struct input *input)
{
    return NULL;
}
