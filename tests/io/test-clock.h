/* A clock that also goes on when the test says so. The program that uses it is linked with
 * -Wl,--wrap=clock_monotonic_us.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "io/loop.h"

/* Lets that much time pass, and `loop` do what is due. */
void pass_seconds(struct loop *loop, unsigned seconds);
