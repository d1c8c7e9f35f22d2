/* Goes through a corpus: gives each of its files to the fuzz target it is linked with, and says in
 * TAP that the target came back. Which file a crash was about is the last line before it.
 *
 * Usage: TARGET-fuzz [FILE]..., without files all of tests/fuzz/corpus/TARGET/ below
 * $MULTICHAT_SRCDIR.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fuzz.h"

#include <glob.h>

/* The block has exactly the size of the file, so that a sanitizer sees a read beyond it. */
static int replay(const char *path)
{
    uint8_t *data;
    long size;

    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    if (fseek(file, 0, SEEK_END) < 0 || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) < 0 ||
        !(data = malloc(size > 0 ? (size_t)size : 1))) {
        (void)fclose(file);
        return -1;
    }
    size_t got = fread(data, 1, (size_t)size, file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, got);
    free(data);
    return got == (size_t)size ? 0 : -1;
}

/* "…/tests/fuzz/v2-fuzz" has its files in corpus/v2/. */
static int find_corpus(const char *program, glob_t *ret)
{
    const char *folder = getenv("MULTICHAT_SRCDIR");
    const char *slash = strrchr(program, '/');
    const char *name = slash ? slash + 1 : program;
    const char *end = strstr(name, "-fuzz");
    char pattern[4096];

    (void)snprintf(pattern, sizeof(pattern), "%s/tests/fuzz/corpus/%.*s/*", folder ? folder : ".",
                   end ? (int)(end - name) : (int)strlen(name), name);
    return glob(pattern, 0, NULL, ret);
}

int main(int argc, char **argv)
{
    glob_t found = {0};
    char **paths = argv + 1;
    size_t count = (size_t)argc - 1, failed = 0;

    if (argc <= 1) {
        if (find_corpus(argv[0], &found) != 0) {
            printf("Bail out! there is no corpus: MULTICHAT_SRCDIR says where the sources are\n");
            return 1;
        }
        paths = found.gl_pathv;
        count = found.gl_pathc;
    }
    printf("1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        const char *slash = strrchr(paths[i], '/');
        printf("# %s\n", paths[i]);
        (void)fflush(stdout);
        int r = replay(paths[i]);
        failed += r < 0;
        printf("%sok %zu - %s\n", r < 0 ? "not " : "", i + 1, slash ? slash + 1 : paths[i]);
    }
    globfree(&found);
    return failed > 0;
}
