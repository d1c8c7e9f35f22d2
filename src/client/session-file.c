/* The file of a session: see session-file.h. It is one line, its fields parted by blanks:
 *
 *     1 <session> <key, in hexadecimal> <tls|plain> <seconds between polls> <offset, in ms>
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/session-file.h"

#include "client/folder.h"
#include "proto/field.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME   "session"
#define LOCK_NAME   FILE_NAME ".lock"
#define CONTENT_MAX 512
#define FORMAT      "1"

enum { WORD_VERSION, WORD_NAME, WORD_KEY, WORD_CARRIER, WORD_POLL, WORD_OFFSET, WORDS };

/* Cuts `line` at its blanks. True if it has all fields and nothing more. */
static bool split(char *line, const char *ret[WORDS])
{
    char *rest = line;
    size_t count = 0;

    for (char *word = strsep(&rest, " \n"); word; word = strsep(&rest, " \n")) {
        if (word[0] == '\0')
            continue;
        if (count == WORDS)
            return false;
        ret[count++] = word;
    }
    return count == WORDS;
}

static int parse(char *line, struct saved_session *ret)
{
    const char *fields[WORDS];
    size_t key_len = 0;
    char *end;

    if (!split(line, fields) || strcmp(fields[WORD_VERSION], FORMAT) != 0)
        return -EBADMSG;
    if (field_check(FIELD_SESSION, bytes_of(fields[WORD_NAME]), NULL) < 0)
        return -EBADMSG;
    snprintf(ret->name, sizeof(ret->name), "%s", fields[WORD_NAME]);
    if (sodium_hex2bin(ret->key, sizeof(ret->key), fields[WORD_KEY], strlen(fields[WORD_KEY]), NULL,
                       &key_len, NULL) < 0 ||
        key_len != sizeof(ret->key))
        return -EBADMSG;
    ret->secure = strcmp(fields[WORD_CARRIER], "tls") == 0;
    ret->poll_seconds = strtoull(fields[WORD_POLL], NULL, 10);
    ret->offset_ms = strtoll(fields[WORD_OFFSET], &end, 10);
    return *end == '\0' && ret->poll_seconds > 0 ? 0 : -EBADMSG;
}

int session_file_load(int folder, struct saved_session *ret)
{
    char line[CONTENT_MAX + 1];
    struct saved_session session;
    struct buffer buffer;
    int r;

    buffer_init(&buffer, CONTENT_MAX);
    r = folder_read(folder, FILE_NAME, &buffer);
    if (r == 0) {
        struct bytes content = buffer_peek(&buffer);
        memcpy(line, content.data, content.len);
        line[content.len] = '\0';
        r = strlen(line) == content.len ? parse(line, &session) : -EBADMSG;
        explicit_bzero(line, sizeof(line));
    }
    if (r == 0)
        *ret = session;
    explicit_bzero(&session, sizeof(session));
    buffer_deinit(&buffer);
    return r == -ENOBUFS ? -EBADMSG : r;
}

int session_file_save(int folder, const struct saved_session *session)
{
    CLEANUP(folder_close_fd) int lock = folder_take_turn(folder, LOCK_NAME);
    char key[2 * V2_KEY_LEN + 1], line[CONTENT_MAX];
    int len, r;

    if (lock < 0)
        return lock;
    sodium_bin2hex(key, sizeof(key), session->key, sizeof(session->key));
    len =
        snprintf(line, sizeof(line), FORMAT " %s %s %s %" PRIu64 " %" PRId64 "\n", session->name,
                 key, session->secure ? "tls" : "plain", session->poll_seconds, session->offset_ms);
    r = folder_replace(folder, FILE_NAME, (struct bytes){line, (size_t)len});
    explicit_bzero(key, sizeof(key));
    explicit_bzero(line, sizeof(line));
    return r;
}

void session_file_remove(int folder, const char *name)
{
    CLEANUP(folder_close_fd) int lock = folder_take_turn(folder, LOCK_NAME);
    struct saved_session session;

    if (lock >= 0 && session_file_load(folder, &session) == 0 && strcmp(session.name, name) == 0)
        (void)unlinkat(folder, FILE_NAME, 0);
    explicit_bzero(&session, sizeof(session));
}
