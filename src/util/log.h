/* Log lines for the administrator: to the journal with fields where standard error is the journal,
 * else to standard error, each line preceded by its priority as "<N>" (sd-daemon(3)) when it is
 * not a terminal.
 *
 * A failure is logged exactly once, by the one who knows who and why. Never a password, never a
 * text. What a peer can cause goes through log_limited(). Safe from any thread.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

/* `identifier` names the program (kept by reference). Finds out where standard error leads. */
void log_setup(const char *identifier);

/* The least urgent priority that is written: LOG_ERR … LOG_DEBUG. Default LOG_INFO. */
void log_set_level(int priority);
bool log_enabled(int priority);

/* The priority called `name` ("err", "warning", "notice", "info", "debug"), or -EINVAL. */
int log_level_from_name(const char *name);

/* One line. `file`, `line` and `function` become journal fields. */
void log_write(int priority, const char *file, int line, const char *function,
               const char *message_id, const char *format, ...) PRINTF_LIKE(6, 7);

#define log_at(priority, ...)                                                                      \
    do {                                                                                           \
        if (log_enabled(priority))                                                                 \
            log_write((priority), __FILE__, __LINE__, __func__, NULL, __VA_ARGS__);                \
    } while (0)

#define log_error(...)   log_at(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_DEBUG, __VA_ARGS__)

/* With a MESSAGE_ID (128-bit hexadecimal, sd-id128(3)) that the message catalog explains. */
#define log_catalogued(priority, id, ...)                                                          \
    do {                                                                                           \
        if (log_enabled(priority))                                                                 \
            log_write((priority), __FILE__, __LINE__, __func__, (id), __VA_ARGS__);                \
    } while (0)

/* One source of lines a peer can cause: at most `burst` lines in `interval_us`, then one line that
 * tells how many were left out. Static storage, zero-initialised but for the two numbers; used
 * from one thread only. */
struct log_limit {
    unsigned burst;
    uint64_t interval_us;
    uint64_t window_start;
    unsigned written, suppressed;
};

/* True if the line may be written now; says itself how many were suppressed before. */
bool log_limit_pass(struct log_limit *limit, int priority, const char *what);

#define log_limited(limit, priority, what, ...)                                                    \
    do {                                                                                           \
        if (log_enabled(priority) && log_limit_pass((limit), (priority), (what)))                  \
            log_write((priority), __FILE__, __LINE__, __func__, NULL, __VA_ARGS__);                \
    } while (0)
