/* Fuzzes the loader of configuration files, with the tables of the daemon and the client. What is
 * loaded can be written, and that is loaded as the same; what is refused is refused in words.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/settings.h"
#include "config/daemon-config.h"

#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

/* libconfig forgets the texts of strings where it meets an error of syntax. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

union values {
    struct daemon_config daemon;
    struct settings client;
};

/* The file lies in memory; its path is written to `path`. */
static int make_file(struct bytes content, char path[64])
{
    int fd = memfd_create("config", MFD_CLOEXEC);

    MUST(fd >= 0);
    MUST(write(fd, content.data, content.len) == (ssize_t)content.len);
    (void)snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

/* Each value as it would be written is taken, and is then the same. */
static void write_and_read(const struct config_table *table, union values *values)
{
    union values again = {0};

    MUST(config_table_init(table, &again) == 0);
    for (size_t i = 0; i < table->count; i++) {
        const struct config_key *key = &table->keys[i];
        char *text = NULL;
        MUST(config_key_format(key, values, &text) == 0 && text);
        MUST(config_key_copy(key, &again, values) == 0);
        MUST(config_key_equal(key, &again, values));
        free(text);
    }
    config_table_deinit(table, &again);
}

static void try_table(const struct config_table *table, const char *path)
{
    union values values = {0};
    char *error = NULL;

    int r = config_table_load(table, path, &values, &error);
    MUST((r < 0) == (error != NULL));
    if (r == 0) {
        write_and_read(table, &values);
        config_table_deinit(table, &values);
    }
    free(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];

    /* Other files are not for the chance to read. */
    if (size > 0 && memmem(data, size, "include", strlen("include")))
        return 0;
    int fd = make_file(fuzz_bytes(data, size), path);
    try_table(&daemon_config_table, path);
    try_table(&settings_table, path);
    (void)close(fd);
    return 0;
}
