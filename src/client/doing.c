/* Carrying out what is typed: see doing.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/doing.h"

#include "client/asking.h"
#include "client/commands.h"
#include "client/letter.h"
#include "client/posting.h"
#include "client/printable.h"
#include "client/when.h"
#include "util/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LAST_DEFAULT 50 /* messages that /history shows where nobody says how many */

static const char keys[] = "Tab                 complete a name, a room or a command\n"
                           "PgUp, PgDn          scroll, to what was said before, too\n"
                           "Alt-1 to Alt-0      go to window 1 to 10\n"
                           "Ctrl-N, Ctrl-P      go to the next or previous window\n"
                           "Alt-A               go where something has happened\n"
                           "Up, Down, Ctrl-R    take a typed line again, or find one\n"
                           "F9, F11, F12        hide the members; scroll them\n"
                           "Ctrl-L              paint the screen anew\n"
                           "Ctrl-C              empty the line; twice: end multichat\n";

static const char line_keys[] = "Tab                 complete a name, a room or a command\n"
                                "Up, Down, Ctrl-R    take a typed line again, or find one\n"
                                "Ctrl-C, Ctrl-D      end multichat\n";

bool doing_is_blank(struct bytes text)
{
    size_t i = 0;

    while (i < text.len && (text.data[i] == ' ' || text.data[i] == '\t'))
        i++;
    return i == text.len;
}

static struct window *current(const struct input *input)
{
    return windows_current(&input->windows);
}

/* The userid of who is meant by `name`, a userid or the display name of a member. */
static struct bytes userid_of(const struct input *input, struct bytes name)
{
    struct screen_member member;

    return window_find_member(current(input), name, &member) ? member.userid : name;
}

/* The room that is meant, by its name, whose # may be left out, or as the current window; empty,
 * and told, if that is none. Valid until the next call. */
static struct bytes room_of(struct input *input, struct bytes name)
{
    const struct window *window = current(input);

    if (name.len > 0 && name.data[0] == '#')
        return name;
    if (name.len > 0) {
        snprintf(input->room, sizeof(input->room), "#%.*s", BYTES_ARG(name));
        return bytes_of(input->room);
    }
    if (window->kind == WINDOW_ROOM)
        return bytes_of(window->name);
    input_refuse(input, NULL, "this is no room; go to its window, or name it (#room)");
    return (struct bytes){0};
}

/* Finds or makes the window of a recipient. NULL, and told, if it is none. */
static struct window *open_recipient(struct input *input, struct bytes name)
{
    const char *refusal;
    struct window *window;

    name = userid_of(input, name);
    refusal = memchr(name.data, '/', name.len) ? "a whisper goes to #ROOM/USER with /msg alone"
                                               : letter_recipient_refusal(name);
    window = refusal ? NULL : windows_open(&input->windows, name);
    if (!window)
        input_refuse(input, NULL, "%s", refusal ? refusal : "there are too many windows");
    return window;
}

static void print_text(struct input *input, FILE *out, char **text)
{
    if (fclose(out) == 0)
        input_print(input, *text);
    free(*text);
}

/* -- what is said ----------------------------------------------------------------------------- */

static void do_say(struct input *input, const struct command *command)
{
    if (!doing_is_blank(command->text))
        (void)posting_send(input, NULL, current(input), (struct bytes){0}, command->text);
}

static void do_msg(struct input *input, const struct command *command)
{
    const char *slash = memchr(command->word.data, '/', command->word.len);
    struct bytes to = command->word, userid = {0};
    struct window *window;

    if (slash) { /* #room/userid */
        to.len = (size_t)(slash - to.data);
        userid = (struct bytes){slash + 1, command->word.len - to.len - 1};
    }
    window = open_recipient(input, to);
    if (!window || !posting_send(input, NULL, window, userid, command->text))
        return;
    if (input->full_screen && window != current(input))
        input_tell(input, NULL, "said in window %zu, %.*s", screen_window_number(window->shown),
                   BYTES_ARG(screen_window_title(window->shown)));
}

static void do_whisper(struct input *input, const struct command *command)
{
    struct bytes userid = userid_of(input, command->word);
    const char *refusal = letter_recipient_refusal(userid);

    if (room_of(input, (struct bytes){0}).len == 0)
        return;
    if (refusal) {
        input_refuse(input, NULL, "%s", refusal);
        return;
    }
    (void)posting_send(input, NULL, current(input), userid, command->text);
}

static void do_to(struct input *input, const struct command *command)
{
    struct window *window = current(input);

    if (command->word.len > 0) {
        window = open_recipient(input, command->word);
        if (!window)
            return;
        input_switch(input, window);
    }
    input_tell(input, NULL, "lines go to %s",
               window->kind == WINDOW_EVERYONE ? "everyone" : window->name);
}

/* -- rooms and names -------------------------------------------------------------------------- */

static void do_join(struct input *input, const struct command *command)
{
    struct bytes room = room_of(input, command->word);

    if (room.len > 0)
        asking_join(input, room);
}

static void do_part(struct input *input, const struct command *command)
{
    struct bytes room = room_of(input, command->word);

    if (room.len > 0)
        asking_part(input, room);
}

static void do_nick(struct input *input, const struct command *command)
{
    const struct v2_frame request = {.verb = V2_VERB_NICK, .name = command->word};
    char words[V2_NAME_MAX + 32];

    snprintf(words, sizeof(words), "you are called %.*s now", BYTES_ARG(command->word));
    asking_change(input, &request, command_name(command->kind), words);
}

/* Who is asked for: of the room that is named, or where one is. */
static void do_names(struct input *input, const struct command *command)
{
    const struct window *window = current(input);
    struct bytes room = command->word;

    if (room.len == 0 && window->kind == WINDOW_EVERYONE)
        room = bytes_of(window->name);
    if (!bytes_is(room, "*"))
        room = room_of(input, room);
    if (room.len > 0)
        asking_names(input, room, command->kind == COMMAND_WHO);
}

static void do_topic(struct input *input, const struct command *command)
{
    const struct window *window = current(input);
    struct v2_frame request = {.verb = V2_VERB_TOPIC, .topic = command->text};

    request.to = room_of(input, (struct bytes){0});
    if (request.to.len == 0)
        return;
    if (bytes_is(command->text, "-"))
        request.topic = (struct bytes){0};
    if (command->text.len > 0)
        asking_change(input, &request, command_name(command->kind),
                      request.topic.len > 0 ? "the topic is changed"
                                            : "there is no topic any more");
    else if (window->topic && window->topic[0])
        input_tell(input, NULL, "%s is about: %s", window->name, window->topic);
    else
        input_tell(input, NULL, "%s has no topic; /topic TEXT sets one", window->name);
}

static void do_list(struct input *input, const struct command *command)
{
    asking_list(input);
}

/* /invite and /kick: the one who is named, and a room. */
static void do_with_user(struct input *input, const struct command *command)
{
    bool invite = command->kind == COMMAND_INVITE;
    struct v2_frame request = {.verb = invite ? V2_VERB_INVITE : V2_VERB_REMOVE};
    char words[2 * V2_USERID_MAX + 32];

    request.to = room_of(input, command->second);
    if (request.to.len == 0)
        return;
    request.userid = userid_of(input, command->word);
    snprintf(words, sizeof(words), "%.*s is %s %.*s", BYTES_ARG(request.userid),
             invite ? "invited to" : "not in", BYTES_ARG(request.to));
    asking_change(input, &request, command_name(command->kind), words);
}

static void do_access(struct input *input, const struct command *command)
{
    bool open = bytes_is(command->word, v2_access_name(V2_ACCESS_OPEN));
    struct v2_frame request = {.verb = V2_VERB_ACCESS,
                               .access = open ? V2_ACCESS_OPEN : V2_ACCESS_CLOSED};

    if (!open && !bytes_is(command->word, v2_access_name(V2_ACCESS_CLOSED))) {
        input_refuse(input, NULL, "usage: /access open|closed [#ROOM]");
        return;
    }
    request.to = room_of(input, command->second);
    if (request.to.len == 0)
        return;
    asking_change(input, &request, command_name(command->kind),
                  open ? "anyone comes in now" : "only who is invited comes in now");
}

/* -- what was said ---------------------------------------------------------------------------- */

/* What /history is asked for: a day, numbers of messages ("10-20", "7-"), or how many. */
static int parse_range(const char *text, struct v2_frame *request, char *place, size_t size)
{
    uint64_t from = 0, to = 0;
    bool several = strchr(text, '-') != NULL;

    if (text[0] == '\0') {
        request->max = LAST_DEFAULT;
    } else if (when_day(text, time(NULL), &from, &to) == 0) {
        request->from = from;
    } else if (when_numbers(text, &from, &to) < 0 || from == 0) {
        return -EINVAL;
    } else if (several) {
        request->by = V2_BY_NUMBER;
        request->from = from;
    } else {
        request->max = from < V2_PAST_PAGE ? from : V2_PAST_PAGE;
        to = 0;
    }
    snprintf(place, size, "%" PRIu64, to);
    return 0;
}

static void do_history(struct input *input, const struct command *command)
{
    struct v2_frame request = {.by = V2_BY_TIME, .max = V2_PAST_PAGE};
    char text[32], place[24];

    snprintf(text, sizeof(text), "%.*s", BYTES_ARG(command->text));
    if (parse_range(text, &request, place, sizeof(place)) < 0) {
        input_refuse(input, NULL,
                     "/history takes a day (today, yesterday, 2026-11-21), how many (50), or "
                     "numbers of messages (10-20)");
        return;
    }
    request.place = bytes_of(place);
    asking_history(input, current(input), &request);
}

static void do_search(struct input *input, const struct command *command)
{
    if (input->view->class->search)
        input->view->class->search(input->view, command->text);
    else
        input_tell(input, NULL, "/search is for the full screen");
}

/* -- this client ------------------------------------------------------------------------------ */

static void list_ignored(struct input *input)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return;
    for (size_t i = 0; i < input->ignored.count; i++) {
        fputs("  ", out);
        printable_write(out, bytes_of(input->ignored.entries[i].name), PRINTABLE_NAME);
        fputc('\n', out);
    }
    fprintf(out, "%zu ignored\n", input->ignored.count);
    print_text(input, out, &text);
}

static void do_ignore(struct input *input, const struct command *command)
{
    bool ignore = command->kind == COMMAND_IGNORE;
    struct bytes userid = userid_of(input, command->word);
    char reason[128];
    int r;

    if (userid.len == 0) {
        list_ignored(input);
        return;
    }
    r = notebook_set(&input->ignored, userid, ignore ? clock_real_ms() : 0);
    if (r == 0)
        r = notebook_save(&input->ignored);
    if (r < 0)
        input_refuse(input, NULL, "that cannot be kept: %s",
                     strerror_r(-r, reason, sizeof(reason)));
    else
        input_tell(input, NULL, ignore ? "%.*s is ignored" : "%.*s is not ignored",
                   BYTES_ARG(userid));
}

static void list_windows(struct input *input)
{
    struct window *window;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return;
    for (size_t i = 1; (window = windows_at(&input->windows, i)); i++) {
        fprintf(out, "%c %2zu ", window == current(input) ? '*' : ' ', i);
        printable_write(out, screen_window_title(window->shown), PRINTABLE_NAME);
        fputs(window->joined ? "\n" : " (not a member)\n", out);
    }
    print_text(input, out, &text);
}

/* The window that is meant: by its number, its name, or the beginning of that. */
static struct window *meant_window(const struct input *input, struct bytes word)
{
    struct window *window = windows_find(&input->windows, word);
    char digits[8];
    unsigned number;
    char rest;

    snprintf(digits, sizeof(digits), "%.*s", BYTES_ARG(word));
    if (!window && sscanf(digits, "%4u%c", &number, &rest) == 1)
        window = windows_at(&input->windows, number);
    for (size_t i = 1; !window && i <= windows_count(&input->windows); i++) {
        struct bytes title = screen_window_title(windows_at(&input->windows, i)->shown);
        if (title.len >= word.len && memcmp(title.data, word.data, word.len) == 0)
            window = windows_at(&input->windows, i);
    }
    return window;
}

static void do_win(struct input *input, const struct command *command)
{
    struct window *window;

    if (command->word.len == 0) {
        list_windows(input);
        return;
    }
    if (bytes_is(command->word, "close")) {
        if (current(input)->kind == WINDOW_EVERYONE)
            input_refuse(input, NULL, "the window of everyone stays");
        else
            input_close_window(input, current(input));
        return;
    }
    window = meant_window(input, command->word);
    if (!window) {
        input_refuse(input, NULL, "there is no such window; /win lists them");
        return;
    }
    input_switch(input, window);
}

static void do_clear(struct input *input, const struct command *command)
{
    if (input->view->class->clear)
        input->view->class->clear(input->view, current(input));
}

static void do_status(struct input *input, const struct command *command)
{
    char *text = session_describe(input->session), *whole;

    if (text && asprintf(&whole, "%soutbox: %zu\n", text, outbox_count(input->outbox)) >= 0) {
        input_print(input, whole);
        free(whole);
    }
    free(text);
}

static void do_help(struct input *input, const struct command *command)
{
    int kind = command->word.len > 0 ? command_find(command->word) : COMMAND_SAY;
    char *text = NULL;
    size_t size;
    FILE *out;

    if (bytes_is(command->word, "keys")) {
        input_print(input, input->full_screen ? keys : line_keys);
        return;
    }
    if (kind < 0) {
        input_refuse(input, NULL, "there is no such command; /help shows them");
        return;
    }
    out = open_memstream(&text, &size);
    if (!out)
        return;
    if (kind == COMMAND_SAY)
        command_write_help(out);
    else
        command_write_usage(out, (enum command_kind)kind);
    print_text(input, out, &text);
}

static void do_quit(struct input *input, const struct command *command)
{
    input_end(input, !input->terminal);
}

void doing_line(struct input *input, struct bytes line)
{
    static void (*const handlers[])(struct input *, const struct command *) = {
        [COMMAND_SAY] = do_say,         [COMMAND_JOIN] = do_join,
        [COMMAND_PART] = do_part,       [COMMAND_MSG] = do_msg,
        [COMMAND_WHISPER] = do_whisper, [COMMAND_TO] = do_to,
        [COMMAND_NICK] = do_nick,       [COMMAND_NAMES] = do_names,
        [COMMAND_WHO] = do_names,       [COMMAND_TOPIC] = do_topic,
        [COMMAND_LIST] = do_list,       [COMMAND_INVITE] = do_with_user,
        [COMMAND_KICK] = do_with_user,  [COMMAND_ACCESS] = do_access,
        [COMMAND_HISTORY] = do_history, [COMMAND_SEARCH] = do_search,
        [COMMAND_IGNORE] = do_ignore,   [COMMAND_UNIGNORE] = do_ignore,
        [COMMAND_WIN] = do_win,         [COMMAND_CLEAR] = do_clear,
        [COMMAND_STATUS] = do_status,   [COMMAND_HELP] = do_help,
        [COMMAND_QUIT] = do_quit,
    };
    struct command command;
    const char *reason;

    _Static_assert(ARRAY_SIZE(handlers) == COMMAND_COUNT, "each command has its handler");
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    if (command_parse(line, &command, &reason) < 0) {
        input_refuse(input, NULL, "%s", reason);
        return;
    }
    handlers[command.kind](input, &command);
}
