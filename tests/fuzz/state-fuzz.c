/* Fuzzes the files a client keeps: whatever stands in one, after a crash, a bad disk or an editor,
 * is read or refused, and what is written over it is read again as it was.
 *
 * The first byte of an input says which file it is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/cursors.h"
#include "client/device.h"
#include "client/known-servers.h"
#include "client/outbox.h"
#include "client/session-file.h"

#include "fuzz.h"
#include "proto/field.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVER      "chat.example:9002"
#define FINGERPRINT "SHA256:00:11:22"

static char folder[] = "/dev/shm/multichat-fuzz-XXXXXX";
static int folder_fd = -1;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    return remove(path);
}

static void remove_folder(void)
{
    (void)nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void set_up_once(void)
{
    if (folder_fd >= 0)
        return;
    if (!mkdtemp(folder)) {
        memcpy(folder, "/var/tmp", strlen("/var/tmp"));
        MUST(mkdtemp(folder));
    }
    (void)atexit(remove_folder);
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MUST(folder_fd >= 0);
}

static void put_file(const char *name, struct bytes content)
{
    int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    MUST(fd >= 0);
    MUST(write(fd, content.data, content.len) == (ssize_t)content.len);
    (void)close(fd);
}

static void try_session(struct bytes content)
{
    struct saved_session session, again;

    put_file("session", content);
    if (session_file_load(folder_fd, &session) < 0)
        return;
    MUST(field_check(FIELD_SESSION, bytes_of(session.name), NULL) == 0);
    MUST(session_file_save(folder_fd, &session) == 0);
    MUST(session_file_load(folder_fd, &again) == 0);
    MUST(strcmp(session.name, again.name) == 0 && session.secure == again.secure &&
         memcmp(session.key, again.key, sizeof(again.key)) == 0 &&
         session.poll_seconds == again.poll_seconds && session.offset_ms == again.offset_ms);
}

static void try_known_servers(struct bytes content)
{
    struct known_server known;

    put_file(KNOWN_SERVERS_NAME, content);
    int found = known_servers_find(folder_fd, SERVER, &known);
    MUST(found >= 0);
    int there = known_servers_learn(folder_fd, SERVER, FINGERPRINT, &known);
    MUST(there == found);
    MUST(known_servers_find(folder_fd, SERVER, &known) == 1);
    MUST(found == 1 || strcmp(known.fingerprint, FINGERPRINT) == 0);
}

/* What was shown after the journal was read is known to have been by the next process. */
static void try_cursors(struct bytes content)
{
    static const uint64_t conversations[] = {1, 17, 9223372036854775807};
    struct cursors *cursors;

    put_file("cursors", content);
    MUST(cursors_open(folder_fd, &cursors) == 0);
    for (size_t i = 0; i < ARRAY_SIZE(conversations); i++) {
        if (cursors_judge(cursors, conversations[i], 42) == CURSORS_SHOWN)
            continue;
        MUST(cursors_begin(cursors, conversations[i], 42) == 0);
        cursors_end(cursors, conversations[i], 42, true);
    }
    MUST(cursors_sync(cursors) == 0);
    cursors_close(cursors);
    MUST(cursors_open(folder_fd, &cursors) == 0);
    for (size_t i = 0; i < ARRAY_SIZE(conversations); i++) {
        MUST(cursors_judge(cursors, conversations[i], 42) == CURSORS_SHOWN);
        MUST(cursors_judge(cursors, conversations[i], 41) == CURSORS_SHOWN);
    }
    cursors_close(cursors);
}

/* A message whose file was changed behind the back of the outbox. */
static void try_outbox(struct bytes content)
{
    char path[256], pattern[320];
    struct outbox_letter letter;
    struct outbox *outbox;
    glob_t found;

    (void)snprintf(path, sizeof(path), "%s/outbox", folder);
    MUST(outbox_open(path, 100, 1 << 20, &outbox) == 0);
    MUST(outbox_add(outbox, bytes_of("bob"), bytes_of("text"), NULL) == 0);
    const struct outbox_entry *entry = outbox_first(outbox);
    (void)snprintf(pattern, sizeof(pattern), "%s/*/%s", path, entry->name);
    MUST(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1);
    put_file(found.gl_pathv[0], content);
    globfree(&found);
    if (outbox_load(outbox, entry, &letter) == 0) {
        MUST(letter.recipient.len + letter.text.len <= content.len);
        outbox_letter_deinit(&letter);
    }
    MUST(outbox_remove(outbox, entry) == 0);
    MUST(outbox_count(outbox) == 0);
    outbox_close(outbox);
}

/* Whatever the file of the name says, the device gets one that can be told. */
static void try_device(struct bytes content)
{
    struct device device = {0};
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/devices", folder);
    MUST(mkdir(path, 0700) == 0 || errno == EEXIST);
    (void)snprintf(path, sizeof(path), "%s/devices/1", folder);
    MUST(mkdir(path, 0700) == 0 || errno == EEXIST);
    put_file("devices/1/name", content);
    (void)snprintf(path, sizeof(path), "%s/devices", folder);
    if (device_open(path, &device) == 0)
        MUST(field_check(FIELD_DEVICE, bytes_of(device.name), NULL) == 0);
    device_close(&device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct bytes content) = {
        try_session, try_known_servers, try_cursors, try_outbox, try_device,
    };

    if (size == 0)
        return 0;
    set_up_once();
    tries[data[0] % ARRAY_SIZE(tries)](fuzz_bytes(data + 1, size - 1));
    return 0;
}
