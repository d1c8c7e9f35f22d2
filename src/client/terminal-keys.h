/* The keys of the full screen that do not edit, as readline knows them. Private to terminal.c.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/terminal.h"

typedef void (*terminal_key_fn)(enum terminal_key key, unsigned number);

/* Binds them in all keymaps. readline has been initialised. */
void terminal_keys_bind(terminal_key_fn callback);
