/* A home folder of its own for a test program, removed in the end.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char home[64];

static inline int home_remove_one(const char *path, const struct stat *st, int type,
                                  struct FTW *ftw)
{
    return remove(path);
}

/* Makes it, and leads everything that asks the environment there. 0 or -1. */
static inline int home_make(void)
{
    strcpy(home, "/tmp/multichat-home-XXXXXX");
    if (!mkdtemp(home))
        return -1;
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("XDG_DATA_HOME");
    unsetenv("XDG_STATE_HOME");
    return setenv("HOME", home, 1);
}

static inline int home_remove(void)
{
    return nftw(home, home_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
