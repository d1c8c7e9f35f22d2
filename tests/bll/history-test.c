/* History, as those who may read it ask for it: by time and by number, of rooms, everyone and
 * dialogues, page after page.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "receiver.h"

#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The texts of a page, each followed by '|' (of notes, their kinds in brackets), and the place it
 * tells to go on from. */
struct told {
    char texts[4000];
    char next[V2_PLACE_MAX + 1];
    uint64_t count;
};

static void note_entry(struct told *told, struct bytes bytes)
{
    struct v2_frame past, entry;
    size_t len = strlen(told->texts);

    assert_int_equal(v2_parse(bytes, &past, NULL), 0);
    assert_int_equal(past.verb, V2_VERB_PAST);
    assert_int_equal(v2_parse(past.frame, &entry, NULL), 0);
    if (entry.verb == V2_VERB_NOTE)
        snprintf(told->texts + len, sizeof(told->texts) - len, "[%.*s]|", BYTES_ARG(entry.kind));
    else
        snprintf(told->texts + len, sizeof(told->texts) - len, "%s%.*s|",
                 entry.verb == V2_VERB_WHISPER ? "psst " : "", BYTES_ARG(entry.text));
}

static struct told page(struct line *line, const char *target, const char *range)
{
    const char *at = line_ask(line, "history:%s:%s", target, range);
    struct told told = {.count = 0};
    struct v2_frame end;

    while (strncmp(at, "past:", 5) == 0) {
        size_t len = strcspn(at, "\003");
        note_entry(&told, (struct bytes){.data = at, .len = len});
        told.count++;
        at += len + 1;
    }
    if (v2_parse(bytes_of(at), &end, NULL) < 0 || end.verb != V2_VERB_END)
        fail_msg("no end of a page: %s", at);
    assert_true(bytes_is(end.key, "history"));
    assert_int_equal(end.count, told.count);
    snprintf(told.next, sizeof(told.next), "%.*s", BYTES_ARG(end.place));
    return told;
}

/* Says something in a millisecond of its own: what is said within one may stand in any order. */
static const char *say_to(struct client *one, const char *to, const char *text)
{
    static unsigned key;
    uint64_t now = clock_real_ms();
    const char *sent;

    while (clock_real_ms() == now)
        ;
    sent = line_ask(one->line, "send:k%u:%s:%s", ++key, to, text);
    assert_begins(sent, "sent:");
    return sent;
}

static void expect(struct line *line, const char *target, const char *range, const char *texts)
{
    struct told told = page(line, target, range);

    assert_string_equal(told.texts, texts);
}

static void a_room_is_read_by_number(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct told told;

    (void)line_ask(alice.line, "join:#lobby");
    for (int i = 2; i <= 9; i++) {
        char text[8];
        snprintf(text, sizeof(text), "line %d", i);
        (void)say_to(&alice, "#lobby", text);
    }
    expect(alice.line, "#lobby", "number:0:0:3", "line 7|line 8|line 9|");
    expect(alice.line, "#Lobby", "number:3:5:200", "line 3|line 4|line 5|");
    expect(alice.line, "#1", "number:20:30:200", "");
    told = page(alice.line, "#lobby", "number:0:4:3");
    assert_string_equal(told.texts, "line 2|line 3|line 4|");
    assert_string_equal(told.next, "1");
    told = page(alice.line, "#lobby", "number:0:1:3");
    assert_string_equal(told.texts, "[joined]|");
    assert_string_equal(told.next, "");
}

/* All of it, read backwards page by page, is all there is, each entry once. */
static void pages_leave_nothing_out(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");
    char range[V2_PLACE_MAX + 40] = "time:0:0:3", all[1000] = "", joined[2000];
    struct told told;

    (void)line_ask(alice.line, "join:#lobby");
    (void)line_ask(bob.line, "join:#lobby");
    for (int i = 1; i <= 10; i++) {
        char text[8];
        snprintf(text, sizeof(text), "%d", i);
        (void)say_to(&alice, i % 3 ? "#lobby" : "#lobby/bob", text);
    }
    do {
        told = page(alice.line, "#lobby", range);
        snprintf(joined, sizeof(joined), "%s%s", told.texts, all);
        assert_true(strlen(joined) < sizeof(all));
        strcpy(all, joined);
        snprintf(range, sizeof(range), "time:0:%s:3", told.next);
    } while (told.next[0] != '\0');
    assert_string_equal(all, "[joined]|[joined]|1|2|psst 3|4|5|psst 6|7|8|psst 9|10|");
}

/* Whispers are in the history of those two alone, in their place. */
static void whispers_are_in_it_for_the_two(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");
    struct client carol = client(fixture, "carol", "laptop");

    (void)line_ask(alice.line, "join:#lobby");
    (void)line_ask(bob.line, "join:#lobby");
    (void)line_ask(carol.line, "join:#lobby");
    (void)say_to(&alice, "#lobby", "one");
    (void)say_to(&alice, "#lobby/bob", "two");
    (void)say_to(&bob, "#lobby", "three");
    expect(alice.line, "#lobby", "time:0:0:3", "one|psst two|three|");
    expect(bob.line, "#lobby", "time:0:0:3", "one|psst two|three|");
    expect(carol.line, "#lobby", "time:0:0:2", "one|three|");
    expect(bob.line, "#lobby", "number:4:0:9", "one|three|");
    assert_non_null(strstr(line_ask(alice.line, "history:#lobby:time:0:0:2"), "/bob:1:"));
}

static void a_dialogue_is_what_both_said(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");
    const char *answer;

    (void)line_ask(alice.line, "join:#lobby");
    (void)line_ask(bob.line, "join:#lobby");
    (void)say_to(&alice, "bob", "how are you");
    (void)say_to(&bob, "alice", "well");
    (void)say_to(&alice, "#lobby/bob", "whispered");
    (void)say_to(&alice, "carol", "not for bob");
    (void)say_to(&alice, "bob", "and where");
    expect(alice.line, "bob", "time:0:0:9", "how are you|well|and where|");
    expect(bob.line, "alice", "time:0:0:9", "how are you|well|and where|");
    expect(alice.line, "bob", "time:0:0:1", "and where|");
    answer = line_ask(alice.line, "history:bob:time:0:0:9");
    assert_non_null(strstr(answer, "/bob:1:"));
    assert_non_null(strstr(answer, "/alice:1:"));
    (void)say_to(&alice, "alice", "a note to myself");
    expect(alice.line, "alice", "time:0:0:9", "a note to myself|");
    assert_begins(line_ask(alice.line, "history:bob:number:0:0:9"), "err:malformed:history:");
    assert_begins(line_ask(alice.line, "history:nobody:time:0:0:9"), "err:unknown:history:");
}

static void members_alone_may_read(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    struct client bob = client(fixture, "bob", "laptop");

    (void)line_ask(alice.line, "join:#lobby");
    assert_begins(line_ask(bob.line, "history:#lobby:time:0:0:9"), "err:not-member:history:");
    assert_begins(line_ask(bob.line, "history:#nowhere:time:0:0:9"), "err:unknown:history:");
    (void)say_to(&bob, "*", "hello all");
    expect(alice.line, "*", "time:0:0:9", "hello all|");
    (void)line_ask(bob.line, "join:#lobby");
    expect(bob.line, "#lobby", "time:0:0:9", "[joined]|[joined]|"); /* also what was before */
    (void)line_ask(bob.line, "part:#lobby");
    assert_begins(line_ask(bob.line, "history:#lobby:time:0:0:9"), "err:not-member:history:");
}

static uint64_t time_of(const char *sent)
{
    struct v2_frame frame;

    assert_int_equal(v2_parse(bytes_of(sent), &frame, NULL), 0);
    assert_int_equal(frame.verb, V2_VERB_SENT);
    return frame.time_ms;
}

static void days_are_ranges_of_time(void **state)
{
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    uint64_t last;
    char range[100];

    (void)say_to(&alice, "*", "yesterday");
    last = time_of(say_to(&alice, "*", "today"));
    snprintf(range, sizeof(range), "time:%llu:0:200", (unsigned long long)last);
    expect(alice.line, "*", range, "today|");
    snprintf(range, sizeof(range), "time:0:%llu:200", (unsigned long long)last);
    expect(alice.line, "*", range, "yesterday|");
}

static void places_that_were_not_told_are_refused(void **state)
{
    static const char *const ranges[] = {"time:0:x:9",      "time:0:1.2:9",     "time:0:1.2.3.4:9",
                                         "time:0:1.2.x:9",  "number:0:1.2.3:9", "time:0:..:9",
                                         "time:0:1.2.3:201"};
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");

    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
        assert_begins(line_ask(alice.line, "history:*:%s", ranges[i]), "err:malformed:history:");
}

/* One page is bounded in bytes, and tells something at least. */
static void a_page_is_bounded_in_bytes(void **state)
{
    enum { LONG = 16000, COUNT = 8 };
    struct fixture *fixture = *state;
    struct client alice = client(fixture, "alice", "laptop");
    static char text[LONG + 1];
    const char *at;
    unsigned told = 0;

    memset(text, 'x', LONG);
    for (int i = 0; i < COUNT; i++)
        (void)say_to(&alice, "*", text);
    for (at = line_ask(alice.line, "history:*:time:0:0:200"); strncmp(at, "past:", 5) == 0; told++)
        at += strcspn(at, "\003") + 1;
    assert_in_range(told, V2_PAST_BYTES / LONG, V2_PAST_BYTES / LONG + 1);
    assert_begins(at, "end:history:");
    assert_true(at[strlen(at) - 1] != ':'); /* there is more */
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_room_is_read_by_number),
        CASE(pages_leave_nothing_out),
        CASE(whispers_are_in_it_for_the_two),
        CASE(a_dialogue_is_what_both_said),
        CASE(members_alone_may_read),
        CASE(days_are_ranges_of_time),
        CASE(places_that_were_not_told_are_refused),
        CASE(a_page_is_bounded_in_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
