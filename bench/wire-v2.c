/* Clients of version 2: everyone signs on once by password and, without a need for his connection,
 * leaves again; writers keep theirs. Who receives polls with signed datagrams, whose answers are
 * checked, and is pushed to; or, with --attach, stays connected and does not poll.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/v2.h"

#include "util/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_US        2000
#define POLLS_A_TICK   4096
#define SLOW_POLL_US   (200 * USEC_PER_MSEC) /* at least, while not everyone has signed on */
#define ANSWERS_A_TURN 256

static struct v2 *v2_of(struct wire *wire)
{
    return (struct v2 *)wire;
}

void v2_fail(struct v2 *v2, int error)
{
    v2->handler.failed(v2->handler.userdata, error);
}

bool v2_take_entry(struct user *user, const struct v2_frame *entry)
{
    struct v2 *v2 = user->v2;
    bool is_note = entry->verb == V2_VERB_NOTE;

    if (entry->verb != V2_VERB_MSG && entry->verb != V2_VERB_WHISPER && !is_note)
        return false;
    int r = member_read(&user->member, entry);
    if (r < 0)
        v2_fail(v2, r);
    else if (r == 0)
        v2->counts.redelivered++;
    else if (is_note)
        v2->counts.notes++;
    else
        v2->handler.delivered(v2->handler.userdata, user->index, entry->userid, entry->text);
    return true;
}

/* -- polls ------------------------------------------------------------------------------------ */

static int poll_once(struct v2 *v2, struct user *user)
{
    char datagram[V2_POLL_MAX];
    long len;

    if (!user->member.signed_on)
        return 0;
    len = member_poll(&user->member, user->port, datagram, sizeof(datagram));
    if (len < 0)
        return (int)len;
    /* A server that is away answers with ICMP; the poll is lost, as UDP may lose it. */
    if (send(v2->poll_fd, datagram, (size_t)len, 0) < 0 && errno == EAGAIN)
        return -EAGAIN;
    v2->counts.polls++;
    return 0;
}

static void poll_due(struct v2 *v2, uint64_t now)
{
    uint64_t interval_us = v2->options->poll_interval * USEC_PER_MSEC, due;

    if (!v2->all_signed_on && interval_us < SLOW_POLL_US)
        interval_us = SLOW_POLL_US;
    due = (now - v2->receive_us) * v2->roster->user_count / interval_us;
    for (int i = 0; i < POLLS_A_TICK && v2->polls_due < due; i++) {
        if (poll_once(v2, &v2->users[v2->polls_due % v2->roster->user_count]) < 0)
            return;
        v2->polls_due++;
    }
}

static void begin_polling(struct v2 *v2)
{
    v2->receive_us = loop_now(v2->loop);
    v2->polls_due = 0;
}

static void tick(void *userdata)
{
    struct v2 *v2 = userdata;
    uint64_t now = loop_now(v2->loop);

    links_tick(v2);
    if (v2->receiving && !v2->options->attach)
        poll_due(v2, now);
    if (loop_timer_set(v2->loop, &v2->tick, now + TICK_US) < 0)
        abort(); /* its place in the heap was there before */
}

static void take_answer(struct v2 *v2, struct bytes datagram)
{
    struct v2_polled polled;
    struct member *member = NULL;
    struct user *user;

    if (v2_parse_polled(datagram, &polled) == 0) {
        HASH_FIND(hh, v2->by_session, polled.session.data, polled.session.len, member);
        if (!member && v2->forgotten)
            return;
    }
    if (!member || !member_polled(member, &polled)) {
        v2->counts.poll_answers_wrong++;
        return;
    }
    v2->counts.poll_answers++;
    user = CONTAINER_OF(member, struct user, member);
    if (polled.state == V2_STATE_UNKNOWN) {
        link_forget(user);
        return;
    }
    user->reachable = polled.state != V2_STATE_UNREACHABLE;
    user->unreachable = !user->reachable;
}

static void poll_socket_ready(void *userdata, uint32_t events)
{
    struct v2 *v2 = userdata;
    char datagram[V2_POLL_MAX];

    (void)events;
    for (int i = 0; i < ANSWERS_A_TURN; i++) {
        ssize_t n = recv(v2->poll_fd, datagram, sizeof(datagram), 0);
        if (n < 0)
            return;
        take_answer(v2, (struct bytes){.data = datagram, .len = (size_t)n});
    }
}

static int make_poll_socket(struct v2 *v2)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&v2->options->polls, &sa);

    v2->poll_fd = push_socket(v2, SOCK_DGRAM);
    if (v2->poll_fd < 0)
        return v2->poll_fd;
    if (connect(v2->poll_fd, (struct sockaddr *)&sa, len) < 0)
        return -errno;
    return loop_add(v2->loop, &v2->poll_source, v2->poll_fd, EPOLLIN, poll_socket_ready, v2);
}

/* -- the table -------------------------------------------------------------------------------- */

static int v2_receive(struct wire *wire)
{
    struct v2 *v2 = v2_of(wire);

    v2->receiving = true;
    begin_polling(v2);
    for (size_t i = 0; v2->options->attach && i < v2->roster->user_count; i++)
        link_attach(&v2->users[i]);
    return 0;
}

static int v2_sign_on(struct wire *wire, size_t *ret_missing)
{
    struct v2 *v2 = v2_of(wire);
    size_t missing = 0;

    for (size_t i = 0; i < v2->roster->user_count; i++) {
        const struct user *user = &v2->users[i];
        if (user->refused)
            return -EACCES;
        missing += !user->member.signed_on || (v2->receiving && !user->reachable);
    }
    *ret_missing = missing;
    if (missing == 0 && !v2->all_signed_on) {
        v2->all_signed_on = true;
        begin_polling(v2);
    }
    return 0;
}

static bool v2_ready(const struct wire *wire, uint32_t writer)
{
    return link_ready(&((const struct v2 *)wire)->users[writer]);
}

static int v2_send(struct wire *wire, uint32_t writer, struct bytes recipient, struct bytes text,
                   uint32_t tag)
{
    return link_send(&v2_of(wire)->users[writer], recipient, text, tag);
}

static void v2_counts(const struct wire *wire, struct wire_counts *ret)
{
    const struct v2 *v2 = (const struct v2 *)wire;

    *ret = v2->counts;
    for (size_t i = 0; i < v2->roster->user_count; i++) {
        const struct user *user = &v2->users[i];
        ret->unreachable += user->unreachable;
        if (!v2_user_writes(user))
            continue;
        ret->connects += user->connects;
        ret->reconnects += user->connects > 0 ? user->connects - 1 : 0;
    }
}

/* -- setting up ------------------------------------------------------------------------------- */

static int make_user(struct v2 *v2, uint32_t index)
{
    struct user *user = &v2->users[index];

    if (index < v2->options->writers) {
        user->pending = calloc(v2->options->window, sizeof(*user->pending));
        if (!user->pending)
            return -ENOMEM;
    }
    link_want(user);
    return v2->options->attach ? 0 : push_listen(user);
}

static int make_users(struct v2 *v2)
{
    size_t count = v2->roster->user_count;
    int r = 0;

    v2->users = calloc(count, sizeof(*v2->users));
    if (!v2->users)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        v2->users[i] =
            (struct user){.v2 = v2, .index = (uint32_t)i, .fd = -1, .listener = {.fd = -1}};
        list_init(&v2->users[i].wanting);
    }
    for (size_t i = 0; i < count && r == 0; i++)
        r = make_user(v2, (uint32_t)i);
    return r;
}

static int make_tls(struct v2 *v2)
{
    const struct tls_client_config any = {.ca = NULL};
    char *error = NULL;
    int r = v2->options->tls ? tls_context_client(&any, &v2->tls, &error) : 0;

    if (r < 0)
        fprintf(stderr, "multichat-bench: %s\n", error ? error : strerror(-r));
    free(error);
    return r;
}

static int name_run(struct v2 *v2)
{
    uint64_t run;

    if (getrandom(&run, sizeof(run), 0) != (ssize_t)sizeof(run))
        return -EIO;
    snprintf(v2->run, sizeof(v2->run), "%016" PRIx64, run);
    return 0;
}

static void v2_free(struct wire *wire)
{
    struct v2 *v2 = v2_of(wire);

    if (!v2)
        return;
    loop_timer_cancel(v2->loop, &v2->tick);
    pushes_end(v2);
    HASH_CLEAR(hh, v2->by_session);
    for (size_t i = 0; v2->users && i < v2->roster->user_count; i++) {
        link_deinit(&v2->users[i]);
        push_deinit(&v2->users[i]);
        member_deinit(&v2->users[i].member);
    }
    if (v2->poll_fd >= 0) {
        loop_remove(v2->loop, &v2->poll_source);
        close(v2->poll_fd);
    }
    tls_context_unref(v2->tls);
    free(v2->users);
    free(v2);
}

static int v2_make(struct loop *loop, const struct options *options, const struct roster *roster,
                   const struct wire_handler *handler, struct wire **ret)
{
    struct v2 *v2 = calloc(1, sizeof(*v2));
    int r;

    if (!v2)
        return -ENOMEM;
    *v2 = (struct v2){.wire = {.type = &wire_v2},
                      .loop = loop,
                      .options = options,
                      .roster = roster,
                      .handler = *handler,
                      .poll_fd = -1,
                      .poll_source = {.fd = -1}};
    list_init(&v2->wanting);
    list_init(&v2->pushes);
    loop_timer_init(&v2->tick, tick, v2);
    r = name_run(v2);
    if (r == 0)
        r = make_tls(v2);
    if (r == 0)
        r = make_poll_socket(v2);
    if (r == 0)
        r = make_users(v2);
    if (r == 0)
        r = loop_timer_set(loop, &v2->tick, 0);
    if (r < 0) {
        v2_free(&v2->wire);
        return r;
    }
    *ret = &v2->wire;
    return 0;
}

const struct wire_type wire_v2 = {
    .make = v2_make,
    .free = v2_free,
    .signs_on = true,
    .receive = v2_receive,
    .sign_on = v2_sign_on,
    .ready = v2_ready,
    .send = v2_send,
    .counts = v2_counts,
};
