/* Allocations that fail on demand. A program that includes this is linked with FAULT_WRAPS, which
 * lead every allocation of its own objects and of the static libraries through here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);

/* How many allocations of this thread succeed before one fails; negative: none fails. */
static _Thread_local long fault_countdown = -1;

static bool fault_due(void)
{
    return fault_countdown >= 0 && fault_countdown-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fault_due() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fault_due() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fault_due() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return fault_due() ? NULL : __real_reallocarray(old, count, size);
}
