/* Fuzzes the administrative requests: each line of an input is one. Each is answered exactly once,
 * with an object that says whether it was done, and that is no longer than it may be.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/admin.h"

#include "fuzz.h"
#include "memory-store.h"

static unsigned answers;

static void answered(void *userdata, json_t *answer)
{
    char *line = json_dumps(answer, JSON_COMPACT);

    answers++;
    MUST(line && strlen(line) < ADMIN_ANSWER_MAX);
    MUST(json_is_boolean(json_object_get(answer, "ok")));
    if (json_is_false(json_object_get(answer, "ok")))
        MUST(json_is_string(json_object_get(answer, "code")) &&
             json_is_string(json_object_get(answer, "error")));
    free(line);
}

static void set_up(void)
{
    memory_store_reset();
    memory_store_add_user("alice", "sesame");
    memory_store_add_user("bob", "open");
    memory_store_add_room("#lobby");
    memory_store_join("#lobby", "alice");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = fuzz_bytes(data, size), line;
    struct admin *admin;
    unsigned asked = 0;

    set_up();
    answers = 0;
    MUST(admin_new(memory_pool(), NULL, &admin) == 0);
    while (asked < 64 && fuzz_line(&rest, &line)) {
        bool away = line.len > 0 && line.data[line.len - 1] == '\t';
        asked++;
        admin_handle_line(admin, line, answered, NULL);
        if (away)
            memory_store_run(0, MEMORY_FAULT_AWAY);
        if (asked % 3 == 0)
            memory_store_settle();
    }
    memory_store_settle();
    MUST(answers == asked);
    admin_free(admin);
    memory_store_reset();
    return 0;
}
