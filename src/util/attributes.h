/* Compiler attributes and the few macros every folder uses.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stddef.h>

/* The caller has to look at the result. */
#define MUST_USE __attribute__((warn_unused_result))

/* printf-like: `text` and `first` are the 1-based argument numbers. */
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* Runs `function(&variable)` when the variable leaves its scope. */
#define CLEANUP(function) __attribute__((cleanup(function)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The struct of type `type` whose field `member` is at `pointer`. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
