/* The state the three threads share: see session.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/session.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NOTICE_MAX 1024 /* bytes of a notice with its NUL */

int session_init(struct session *session, const struct settings *settings,
                 struct receiving *receiving, bool chatty)
{
    /* At first messages come over a link: then they come at once, whatever lies in between. */
    *session = (struct session){
        .settings = settings, .receiving = receiving, .chatty = chatty, .attach = true};
    for (int i = 0; i < SESSION_THREADS; i++)
        session->wake[i] = -1;
    list_init(&session->incoming);
    list_init(&session->settled);
    list_init(&session->notices);
    pthread_mutex_init(&session->lock, NULL);
    for (int i = 0; i < SESSION_THREADS; i++) {
        session->wake[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (session->wake[i] < 0) {
            int r = -errno;
            session_deinit(session);
            return r;
        }
    }
    return 0;
}

static void free_incoming(struct list *list)
{
    LIST_FOREACH_SAFE (link, list)
        free(LIST_ENTRY(link, struct incoming, link));
    list_init(list);
}

void session_deinit(struct session *session)
{
    struct notice *notice;

    if (!session->settings)
        return;
    free_incoming(&session->incoming);
    free_incoming(&session->settled);
    while ((notice = session_next_notice(session)))
        free(notice);
    for (int i = 0; i < SESSION_THREADS; i++)
        if (session->wake[i] >= 0)
            close(session->wake[i]);
    pthread_mutex_destroy(&session->lock);
    *session = (struct session){0};
}

void session_wake(struct session *session, enum session_thread thread)
{
    /* A full counter is awake enough. */
    (void)!write(session->wake[thread], &(uint64_t){1}, sizeof(uint64_t));
}

void session_woken(struct session *session, enum session_thread thread)
{
    uint64_t count;

    (void)!read(session->wake[thread], &count, sizeof(count));
}

void session_stop(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    session->stopping = true;
    pthread_mutex_unlock(&session->lock);
    for (int i = 0; i < SESSION_THREADS; i++)
        session_wake(session, i);
}

/* What is at `flag`, read under the lock. */
static bool read_flag(struct session *session, const bool *flag)
{
    bool value;

    pthread_mutex_lock(&session->lock);
    value = *flag;
    pthread_mutex_unlock(&session->lock);
    return value;
}

/* Sets the flag and returns what it was. */
static bool swap_flag(struct session *session, bool *flag, bool value)
{
    bool before;

    pthread_mutex_lock(&session->lock);
    before = *flag;
    *flag = value;
    pthread_mutex_unlock(&session->lock);
    return before;
}

bool session_stopping(struct session *session)
{
    return read_flag(session, &session->stopping);
}

void session_set_server(struct session *session, const struct addr *hosts, size_t count)
{
    assert(count > 0 && count <= SESSION_HOSTS_MAX);
    pthread_mutex_lock(&session->lock);
    session->server = hosts[0];
    memcpy(session->hosts, hosts, count * sizeof(*hosts));
    session->host_count = count;
    pthread_mutex_unlock(&session->lock);
    session_wake(session, SESSION_RECEIVER);
    session_wake(session, SESSION_INPUT);
}

bool session_server(struct session *session, struct addr *ret)
{
    bool known;

    pthread_mutex_lock(&session->lock);
    known = session->server.family != 0;
    if (known)
        *ret = session->server;
    pthread_mutex_unlock(&session->lock);
    return known;
}

bool session_is_server(struct session *session, const struct addr *from)
{
    bool found = false;

    pthread_mutex_lock(&session->lock);
    for (size_t i = 0; i < session->host_count && !found; i++)
        found = addr_same_host(&session->hosts[i], from);
    pthread_mutex_unlock(&session->lock);
    return found;
}

void session_report(struct session *session, enum server_state state, const char *reason)
{
    enum server_state before;

    assert(state != SERVER_UNKNOWN);
    pthread_mutex_lock(&session->lock);
    before = session->server_state;
    session->server_state = state;
    if (state == SERVER_PRESENT && before != SERVER_PRESENT)
        session->recoveries++;
    pthread_mutex_unlock(&session->lock);
    if (before == state)
        return;
    if (state == SERVER_AWAY)
        session_notice(session, "the server is away (%s); keeping your messages", reason);
    else if (before == SERVER_AWAY)
        session_notice(session, "the server is back");
    session_wake(session, SESSION_INPUT);
    session_wake(session, SESSION_POLLER);
    session_wake(session, SESSION_RECEIVER);
}

enum server_state session_server_state(struct session *session, unsigned *ret_recoveries)
{
    enum server_state state;

    pthread_mutex_lock(&session->lock);
    state = session->server_state;
    if (ret_recoveries)
        *ret_recoveries = session->recoveries;
    pthread_mutex_unlock(&session->lock);
    return state;
}

void session_set_fingerprint(struct session *session, const char *text)
{
    pthread_mutex_lock(&session->lock);
    snprintf(session->fingerprint, sizeof(session->fingerprint), "%s", text);
    pthread_mutex_unlock(&session->lock);
}

void session_doubt(struct session *session)
{
    (void)swap_flag(session, &session->doubted, true);
    session_wake(session, SESSION_POLLER);
}

bool session_doubted(struct session *session)
{
    return swap_flag(session, &session->doubted, false);
}

/* -- how messages come ------------------------------------------------------------------------ */

void session_set_bound(struct session *session, const struct addr *bound)
{
    pthread_mutex_lock(&session->lock);
    session->listening = bound ? LISTENING_BOUND : LISTENING_NOWHERE;
    if (bound)
        session->bound = *bound;
    pthread_mutex_unlock(&session->lock);
    session_wake(session, SESSION_POLLER);
}

enum listening session_bound(struct session *session, struct addr *ret)
{
    enum listening listening;

    pthread_mutex_lock(&session->lock);
    listening = session->listening;
    if (listening == LISTENING_BOUND)
        *ret = session->bound;
    pthread_mutex_unlock(&session->lock);
    return listening;
}

void session_set_attach(struct session *session, bool attach)
{
    if (swap_flag(session, &session->attach, attach) != attach)
        session_wake(session, SESSION_RECEIVER);
}

bool session_attach(struct session *session)
{
    return read_flag(session, &session->attach);
}

void session_set_pushed(struct session *session, bool pushed)
{
    (void)swap_flag(session, &session->pushed, pushed);
}

bool session_pushed(struct session *session)
{
    return read_flag(session, &session->pushed);
}

void session_set_reached_by(struct session *session, enum reached_by by)
{
    bool by_link = by == REACHED_BY_LINK, told, changed;
    struct addr bound;

    pthread_mutex_lock(&session->lock);
    changed = session->reached_by != by;
    session->reached_by = by;
    bound = session->bound;
    /* That the server connects to us is what everybody expects. */
    told = session->listening != LISTENING_BOUND || session->link_told == by_link;
    if (!told)
        session->link_told = by_link;
    pthread_mutex_unlock(&session->lock);
    if (changed)
        session_wake(session, SESSION_INPUT); /* which may show it */
    if (told || !session->chatty)
        return;
    if (by_link)
        session_notice(session,
                       "the server could not connect to this client so far; receiving over a kept "
                       "connection");
    else
        session_notice(session, "receiving by pushes on port %u", (unsigned)bound.port);
}

/* -- the mailbox ------------------------------------------------------------------------------ */

/* The parts of an entry that are text. */
#define MSG_PARTS 6

static void list_parts(struct v2_frame *msg, struct bytes *ret[MSG_PARTS])
{
    ret[0] = &msg->conversation.name;
    ret[1] = &msg->userid;
    ret[2] = &msg->name;
    ret[3] = &msg->text;
    ret[4] = &msg->kind;
    ret[5] = &msg->room.name;
}

static size_t incoming_size(const struct incoming *incoming)
{
    struct v2_frame msg = incoming->msg;
    struct bytes *parts[MSG_PARTS];
    size_t size = sizeof(*incoming);

    list_parts(&msg, parts);
    for (size_t i = 0; i < MSG_PARTS; i++)
        size += parts[i]->len;
    return size;
}

int session_deliver(struct session *session, const struct v2_frame *msg)
{
    struct incoming head = {.msg = *msg}, *incoming;
    struct bytes *parts[MSG_PARTS];
    char *out;

    if (session_stopping(session))
        return 0;
    incoming = malloc(incoming_size(&head));
    if (!incoming)
        return -ENOMEM;
    *incoming = head;
    out = incoming->bytes;
    list_parts(&incoming->msg, parts);
    for (size_t i = 0; i < MSG_PARTS; i++) {
        if (parts[i]->len > 0)
            memcpy(out, parts[i]->data, parts[i]->len);
        parts[i]->data = out;
        out += parts[i]->len;
    }
    list_init(&incoming->link);
    pthread_mutex_lock(&session->lock);
    list_append(&session->incoming, &incoming->link);
    session->incoming_bytes += incoming_size(incoming);
    pthread_mutex_unlock(&session->lock);
    session_wake(session, SESSION_INPUT);
    return 0;
}

bool session_full(struct session *session)
{
    bool full;

    pthread_mutex_lock(&session->lock);
    full = session->incoming_bytes >= SESSION_INCOMING_MAX && !session->stopping;
    pthread_mutex_unlock(&session->lock);
    return full;
}

void session_take_settled(struct session *session, struct list *ret)
{
    pthread_mutex_lock(&session->lock);
    list_splice(ret, &session->settled);
    LIST_FOREACH (link, ret)
        session->incoming_bytes -= incoming_size(LIST_ENTRY(link, struct incoming, link));
    pthread_mutex_unlock(&session->lock);
}

struct incoming *session_next_incoming(struct session *session)
{
    struct incoming *incoming = NULL;

    pthread_mutex_lock(&session->lock);
    if (!list_empty(&session->incoming) && !session->stopping) {
        incoming = LIST_FIRST(&session->incoming, struct incoming, link);
        list_remove(&incoming->link);
    }
    pthread_mutex_unlock(&session->lock);
    return incoming;
}

void session_settle(struct session *session, struct incoming *incoming)
{
    bool first;

    pthread_mutex_lock(&session->lock);
    first = list_empty(&session->settled);
    list_append(&session->settled, &incoming->link);
    pthread_mutex_unlock(&session->lock);
    if (first) /* else it was woken for the one before */
        session_wake(session, SESSION_RECEIVER);
}

void session_put_back(struct session *session, struct incoming *incoming)
{
    pthread_mutex_lock(&session->lock);
    list_append(session->incoming.next, &incoming->link); /* before the first */
    pthread_mutex_unlock(&session->lock);
}

void session_notice(struct session *session, const char *format, ...)
{
    struct notice *notice = malloc(sizeof(*notice) + NOTICE_MAX), *dropped = NULL;
    va_list args;

    if (!notice)
        return; /* a notice is a courtesy; nothing depends on it */
    va_start(args, format);
    vsnprintf(notice->text, NOTICE_MAX, format, args);
    va_end(args);
    pthread_mutex_lock(&session->lock);
    if (session->notice_count == SESSION_NOTICES_MAX) {
        dropped = LIST_FIRST(&session->notices, struct notice, link);
        list_remove(&dropped->link);
        session->notice_count--;
    }
    list_append(&session->notices, &notice->link);
    session->notice_count++;
    pthread_mutex_unlock(&session->lock);
    free(dropped);
    session_wake(session, SESSION_INPUT);
}

struct notice *session_next_notice(struct session *session)
{
    struct notice *notice = NULL;

    pthread_mutex_lock(&session->lock);
    if (!list_empty(&session->notices)) {
        notice = LIST_FIRST(&session->notices, struct notice, link);
        list_remove(&notice->link);
        session->notice_count--;
    }
    pthread_mutex_unlock(&session->lock);
    return notice;
}

const char *session_reach(struct session *session)
{
    static const char *const words[] = {[REACHED_BY_NOTHING] = "connecting",
                                        [REACHED_BY_PUSHES] = "push",
                                        [REACHED_BY_LINK] = "attached"};
    const char *word;

    pthread_mutex_lock(&session->lock);
    word = words[session->reached_by];
    if (session->server_state == SERVER_AWAY)
        word = "no server";
    else if (session->server_state == SERVER_PRESENT && session->reached_by == REACHED_BY_NOTHING)
        word = words[REACHED_BY_LINK]; /* at first that is how */
    pthread_mutex_unlock(&session->lock);
    return word;
}

static const char *word_of(enum server_state state)
{
    static const char *const words[] = {
        [SERVER_UNKNOWN] = "not found yet", [SERVER_AWAY] = "away", [SERVER_PRESENT] = "present"};

    return words[state];
}

static void describe_receiving(FILE *out, const struct session *session)
{
    switch (session->reached_by) {
    case REACHED_BY_NOTHING:
        fputs("receiving: not yet\n", out);
        break;
    case REACHED_BY_PUSHES:
        fprintf(out, "receiving: by pushes on port %u\n", (unsigned)session->bound.port);
        break;
    case REACHED_BY_LINK:
        fputs("receiving: over a kept connection\n", out);
        break;
    }
}

char *session_describe(struct session *session)
{
    struct receiving *receiving = session->receiving;
    char addr[ADDR_TEXT_MAX], *text = NULL;
    struct account_session signed_on;
    bool is_signed_on = account_session(receiving->account, &signed_on);
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    pthread_mutex_lock(&session->lock);
    fprintf(out, "server: %s, %s", session->settings->server, word_of(session->server_state));
    if (session->server.family != 0)
        fprintf(out, " (%s)", addr_format(&session->server, addr));
    fputc('\n', out);
    fprintf(out, "fingerprint: %s\n", session->fingerprint[0] ? session->fingerprint : "none");
    fprintf(out, "user: %s\n", session->settings->user);
    fprintf(out, "session: %s\n", is_signed_on ? signed_on.name : "none");
    fprintf(out, "device: %s (number %u)\n", receiving->device.name, receiving->device.number);
    describe_receiving(out, session);
    pthread_mutex_unlock(&session->lock);
    explicit_bzero(&signed_on, sizeof(signed_on));
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
