/* The file known_servers: see known-servers.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/known-servers.h"

#include "client/folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FILE_MAX (4 << 20)
#define BLANKS   " \t\r"

/* The next word of a line, cut off its front. */
static struct bytes next_word(struct bytes *line)
{
    struct bytes word;

    while (line->len > 0 && strchr(BLANKS, line->data[0])) {
        line->data++;
        line->len--;
    }
    word = (struct bytes){line->data, 0};
    while (word.len < line->len && !strchr(BLANKS, line->data[word.len]))
        word.len++;
    line->data += word.len;
    line->len -= word.len;
    return word;
}

static bool is_server(struct bytes word, const char *server)
{
    return word.len == strlen(server) && strncasecmp(word.data, server, word.len) == 0;
}

/* 1 and `ret`, or 0. */
static int find(struct bytes content, const char *server, struct known_server *ret)
{
    for (unsigned number = 1; content.len > 0; number++) {
        const char *newline = memchr(content.data, '\n', content.len);
        struct bytes line = {content.data,
                             newline ? (size_t)(newline - content.data) : content.len};

        content.data += line.len + (newline != NULL);
        content.len -= line.len + (newline != NULL);
        if (!is_server(next_word(&line), server))
            continue;
        struct bytes fingerprint = next_word(&line);
        snprintf(ret->fingerprint, sizeof(ret->fingerprint), "%.*s", BYTES_ARG(fingerprint));
        ret->line = number;
        return 1;
    }
    return 0;
}

/* Reads the file, which may be missing, into `buffer`. 0 or -errno. */
static int read_file(int folder, struct buffer *buffer)
{
    int r = folder_read(folder, KNOWN_SERVERS_NAME, buffer);

    return r == -ENOENT ? 0 : r;
}

int known_servers_find(int folder, const char *server, struct known_server *ret)
{
    struct buffer buffer;
    int r;

    buffer_init(&buffer, FILE_MAX);
    r = read_file(folder, &buffer);
    if (r == 0)
        r = find(buffer_peek(&buffer), server, ret);
    buffer_deinit(&buffer);
    return r;
}

/* Appends the line to what is in `buffer`. 0 or -errno. */
static int append(struct buffer *buffer, const char *server, const char *fingerprint)
{
    struct bytes content = buffer_peek(buffer);
    bool unended = content.len > 0 && content.data[content.len - 1] != '\n';
    const char *const parts[] = {unended ? "\n" : "", server, " ", fingerprint, "\n"};
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(parts) && r == 0; i++)
        r = buffer_append(buffer, bytes_of(parts[i]));
    return r;
}

int known_servers_learn(int folder, const char *server, const char *fingerprint,
                        struct known_server *ret)
{
    CLEANUP(folder_close_fd) int lock = folder_take_turn(folder, KNOWN_SERVERS_NAME ".lock");
    struct buffer buffer;
    int r;

    if (lock < 0)
        return lock;
    buffer_init(&buffer, FILE_MAX);
    r = read_file(folder, &buffer);
    if (r == 0)
        r = find(buffer_peek(&buffer), server, ret);
    if (r == 0)
        r = append(&buffer, server, fingerprint);
    if (r == 0)
        r = folder_replace(folder, KNOWN_SERVERS_NAME, buffer_peek(&buffer));
    buffer_deinit(&buffer);
    return r;
}
