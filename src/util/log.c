/* The log. Three ways out: the journal with fields, standard error with "<N>" for whoever reads it
 * by sd-daemon(3)'s rule, standard error plain for a person at a terminal.
 *
 * Where it leads is found out once, in log_setup(), before there is a second thread; only the
 * level changes later. A line is built on the stack and leaves in one call, so lines of several
 * threads do not mix. What cannot be shown harmlessly on a terminal is escaped here, since names
 * and system texts that a peer had a hand in end up in lines.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "util/log.h"

#include "util/bytes.h"
#include "util/clock.h"
#include "util/cursor.h"
#include "util/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unictype.h>
#include <unistd.h>
#if HAVE_SYSTEMD
#include <systemd/sd-journal.h>
#endif

#define MESSAGE_MAX 2048 /* bytes before escaping */
#define LINE_BYTES  4096 /* bytes that leave; PIPE_BUF, so that a pipe takes them whole */

enum destination {
    DESTINATION_PREFIXED,
    DESTINATION_TERMINAL,
    DESTINATION_JOURNAL,
};

static struct {
    const char *identifier;
    enum destination destination;
    atomic_int level;
} logger = {.identifier = "multichat", .level = LOG_INFO};

/* True if standard error is the stream that systemd connected to the journal (systemd.exec(5),
 * $JOURNAL_STREAM): a shell in between may have sent it elsewhere. */
static bool stderr_is_journal(void)
{
#if HAVE_SYSTEMD
    const char *stream = getenv("JOURNAL_STREAM");
    struct reader reader;
    uint64_t device, inode;
    struct stat st;

    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;
    reader_init(&reader, bytes_of(stream));
    struct bytes first = reader_field(&reader, ':');
    struct bytes second = reader_rest(&reader);
    if (bytes_to_u64(first, UINT64_MAX, &device) < 0 ||
        bytes_to_u64(second, UINT64_MAX, &inode) < 0)
        return false;
    return st.st_dev == device && st.st_ino == inode;
#else
    return false;
#endif
}

void log_setup(const char *identifier)
{
    logger.identifier = identifier;
    if (stderr_is_journal())
        logger.destination = DESTINATION_JOURNAL;
    else if (isatty(STDERR_FILENO))
        logger.destination = DESTINATION_TERMINAL;
    else
        logger.destination = DESTINATION_PREFIXED;
}

void log_set_level(int priority)
{
    atomic_store_explicit(&logger.level, priority, memory_order_relaxed);
}

bool log_enabled(int priority)
{
    return priority <= atomic_load_explicit(&logger.level, memory_order_relaxed);
}

int log_level_from_name(const char *name)
{
    static const struct {
        const char *name;
        int priority;
    } levels[] = {
        {"err", LOG_ERR},   {"warning", LOG_WARNING}, {"notice", LOG_NOTICE},
        {"info", LOG_INFO}, {"debug", LOG_DEBUG},
    };

    for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
        if (strcmp(levels[i].name, name) == 0)
            return levels[i].priority;
    return -EINVAL;
}

/* True if a terminal may act on the character instead of showing it. */
static bool acts_on_terminal(uint32_t character)
{
    return uc_is_general_category_withtable(character, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf |
                                                           UC_CATEGORY_MASK_Zl |
                                                           UC_CATEGORY_MASK_Zp);
}

/* Writes the character at the start of `text`, escaped where needed; returns the bytes it took. */
static size_t write_character(struct writer *line, struct bytes text)
{
    char escape[16];
    uint32_t character;
    int len = utf8_decode(text, &character);

    if (len < 0) {
        len = 1;
        snprintf(escape, sizeof(escape), "\\x%02x", (unsigned char)text.data[0]);
    } else if (character == '\n') {
        strcpy(escape, "\\n");
    } else if (acts_on_terminal(character)) {
        snprintf(escape, sizeof(escape), "\\u%04x", character);
    } else {
        writer_bytes(line, (struct bytes){.data = text.data, .len = (size_t)len});
        return (size_t)len;
    }
    writer_text(line, escape);
    return (size_t)len;
}

static void write_escaped(struct writer *line, struct bytes text)
{
    for (size_t i = 0; i < text.len && !line->error;)
        i += write_character(line, (struct bytes){.data = text.data + i, .len = text.len - i});
    line->error = 0; /* what did not fit any more is left out */
}

/* Formats into `text` and returns the bytes there; what is cut off ends in "...", on a character's
 * boundary. */
static PRINTF_LIKE(2, 0) struct bytes
    format_text(char text[MESSAGE_MAX], const char *format, va_list arguments)
{
    static const char cut[] = "...";
    int len = vsnprintf(text, MESSAGE_MAX, format, arguments);

    if (len < 0)
        return bytes_of(format);
    if (len < MESSAGE_MAX)
        return (struct bytes){.data = text, .len = (size_t)len};
    struct bytes whole = {.data = text, .len = MESSAGE_MAX - 1};
    size_t kept = utf8_prefix(whole, MESSAGE_MAX - sizeof(cut));
    memcpy(text + kept, cut, sizeof(cut));
    return (struct bytes){.data = text, .len = kept + sizeof(cut) - 1};
}

static void write_stderr(int priority, struct bytes text)
{
    char data[LINE_BYTES];
    struct writer line;

    writer_init(&line, data, sizeof(data) - 1); /* the newline always fits */
    if (logger.destination == DESTINATION_TERMINAL) {
        writer_text(&line, logger.identifier);
        writer_text(&line, ": ");
    } else {
        writer_char(&line, '<');
        writer_u64(&line, (uint64_t)priority);
        writer_char(&line, '>');
    }
    write_escaped(&line, text);
    data[line.len++] = '\n';
    /* There is nobody left to tell if this fails. */
    while (write(STDERR_FILENO, data, line.len) < 0 && errno == EINTR)
        continue;
}

#if HAVE_SYSTEMD
#define FIELD_MAX 256

static struct iovec make_field(char data[FIELD_MAX], const char *name, const char *value)
{
    int len = snprintf(data, FIELD_MAX, "%s=%s", name, value);

    return (struct iovec){.iov_base = data,
                          .iov_len = len < FIELD_MAX ? (size_t)len : FIELD_MAX - 1};
}

static int write_journal(int priority, const char *file, int line, const char *function,
                         const char *message_id, struct bytes text)
{
    char fields[6][FIELD_MAX], number[16], message[LINE_BYTES];
    struct iovec iov[7];
    struct writer writer;
    int count = 0;

    writer_init(&writer, message, sizeof(message));
    writer_text(&writer, "MESSAGE=");
    write_escaped(&writer, text);
    iov[count++] = (struct iovec){.iov_base = message, .iov_len = writer.len};
    snprintf(number, sizeof(number), "%d", priority);
    iov[count++] = make_field(fields[0], "PRIORITY", number);
    iov[count++] = make_field(fields[1], "SYSLOG_IDENTIFIER", logger.identifier);
    iov[count++] = make_field(fields[2], "CODE_FILE", file);
    snprintf(number, sizeof(number), "%d", line);
    iov[count++] = make_field(fields[3], "CODE_LINE", number);
    iov[count++] = make_field(fields[4], "CODE_FUNC", function);
    if (message_id)
        iov[count++] = make_field(fields[5], "MESSAGE_ID", message_id);
    return sd_journal_sendv(iov, count);
}
#else
static int write_journal(int priority, const char *file, int line, const char *function,
                         const char *message_id, struct bytes text)
{
    return -EOPNOTSUPP;
}
#endif

void log_write(int priority, const char *file, int line, const char *function,
               const char *message_id, const char *format, ...)
{
    int saved_errno = errno; /* for "%m", and for the caller */
    char data[MESSAGE_MAX];
    va_list arguments;

    va_start(arguments, format);
    struct bytes text = format_text(data, format, arguments);
    va_end(arguments);
    if (logger.destination != DESTINATION_JOURNAL ||
        write_journal(priority, file, line, function, message_id, text) < 0)
        write_stderr(priority, text);
    errno = saved_errno;
}

bool log_limit_pass(struct log_limit *limit, int priority, const char *what)
{
    uint64_t now = clock_monotonic_us();

    if (now - limit->window_start >= limit->interval_us) {
        if (limit->suppressed > 0)
            log_at(priority, "%s: %u more lines like this were left out", what, limit->suppressed);
        limit->window_start = now;
        limit->written = limit->suppressed = 0;
    }
    if (limit->written < limit->burst) {
        limit->written++;
        return true;
    }
    limit->suppressed++;
    return false;
}
