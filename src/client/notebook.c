/* A small file of names: see notebook.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/notebook.h"

#include "client/folder.h"
#include "util/buffer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX (NOTEBOOK_MAX * (NOTEBOOK_NAME_MAX + 24))

static struct notebook_entry *find(const struct notebook *notebook, struct bytes name)
{
    for (size_t i = 0; i < notebook->count; i++)
        if (bytes_is(name, notebook->entries[i].name))
            return &notebook->entries[i];
    return NULL;
}

static void take_out(struct notebook *notebook, struct notebook_entry *entry)
{
    free(entry->name);
    *entry = notebook->entries[--notebook->count];
}

static struct notebook_entry *least(const struct notebook *notebook)
{
    struct notebook_entry *found = &notebook->entries[0];

    for (size_t i = 1; i < notebook->count; i++)
        if (notebook->entries[i].number < found->number)
            found = &notebook->entries[i];
    return found;
}

static int add(struct notebook *notebook, struct bytes name, uint64_t number)
{
    char *copy = strndup(name.data, name.len);

    if (!copy)
        return -ENOMEM;
    if (notebook->count == NOTEBOOK_MAX)
        take_out(notebook, least(notebook));
    notebook->entries[notebook->count++] = (struct notebook_entry){number, copy};
    return 0;
}

/* A line of the file, "NUMBER NAME". */
static int read_line(struct notebook *notebook, struct bytes line)
{
    const char *blank = memchr(line.data, ' ', line.len);
    struct bytes name;
    uint64_t number;
    char *end;

    if (!blank)
        return 0;
    number = strtoull(line.data, &end, 10); /* the blank ends it */
    name = (struct bytes){blank + 1, line.len - (size_t)(blank + 1 - line.data)};
    if (end != blank || number == 0 || name.len == 0 || name.len > NOTEBOOK_NAME_MAX)
        return 0;
    return find(notebook, name) ? 0 : add(notebook, name, number);
}

static int read_file(struct notebook *notebook)
{
    struct buffer content;
    struct bytes rest;
    int r;

    buffer_init(&content, FILE_MAX);
    r = folder_read(notebook->folder, notebook->file, &content);
    rest = buffer_peek(&content);
    while (r == 0 && rest.len > 0) {
        const char *newline = memchr(rest.data, '\n', rest.len);
        size_t len = newline ? (size_t)(newline - rest.data) : rest.len;
        if (newline) /* one that was torn does not count */
            r = read_line(notebook, (struct bytes){rest.data, len});
        rest.data += len + (newline ? 1 : 0);
        rest.len -= len + (newline ? 1 : 0);
    }
    buffer_deinit(&content);
    return r == -ENOMEM ? r : 0;
}

int notebook_open(struct notebook *notebook, int folder, const char *file)
{
    int r;

    *notebook = (struct notebook){.folder = folder, .file = file};
    notebook->entries = calloc(NOTEBOOK_MAX, sizeof(*notebook->entries));
    r = notebook->entries ? read_file(notebook) : -ENOMEM;
    if (r < 0)
        notebook_close(notebook);
    return r;
}

void notebook_close(struct notebook *notebook)
{
    while (notebook->count > 0)
        take_out(notebook, &notebook->entries[0]);
    free(notebook->entries);
    *notebook = (struct notebook){0};
}

uint64_t notebook_get(const struct notebook *notebook, struct bytes name)
{
    const struct notebook_entry *entry = find(notebook, name);

    return entry ? entry->number : 0;
}

int notebook_set(struct notebook *notebook, struct bytes name, uint64_t number)
{
    struct notebook_entry *entry = find(notebook, name);
    int r = 0;

    if (name.len == 0 || name.len > NOTEBOOK_NAME_MAX || memchr(name.data, '\n', name.len))
        return -EINVAL;
    if (number == (entry ? entry->number : 0))
        return 0;
    if (number == 0)
        take_out(notebook, entry);
    else if (entry)
        entry->number = number;
    else
        r = add(notebook, name, number);
    if (r == 0)
        notebook->changed = true;
    return r;
}

int notebook_save(struct notebook *notebook)
{
    char *text = NULL;
    size_t size;
    FILE *out;
    int r;

    if (!notebook->changed)
        return 0;
    out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < notebook->count; i++)
        fprintf(out, "%" PRIu64 " %s\n", notebook->entries[i].number, notebook->entries[i].name);
    r = fclose(out) == 0
            ? folder_replace(notebook->folder, notebook->file, (struct bytes){text, size})
            : -ENOMEM;
    free(text);
    if (r == 0)
        notebook->changed = false;
    return r;
}
