/* Connections that others made to us: see pushes.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/pushes.h"

#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STRANGER_US (10 * USEC_PER_SEC)  /* to become known */
#define IDLE_US     (600 * USEC_PER_SEC) /* the server ends it long before, if it lives */

void pushes_init(struct pushes *pushes, struct session *session)
{
    *pushes = (struct pushes){.session = session};
    for (size_t i = 0; i < PUSHES_MAX; i++)
        channel_init(&pushes->all[i].channel);
}

void pushes_deinit(struct pushes *pushes)
{
    for (size_t i = 0; i < PUSHES_MAX; i++)
        channel_close(&pushes->all[i].channel);
}

static bool is_open(const struct push *push)
{
    return push->channel.fd >= 0;
}

static bool is_proven(const struct push *push)
{
    return is_open(push) && push->dialogue.proven;
}

/* Tells the others whether the server has a connection to us. */
static void tell(struct pushes *pushes)
{
    bool any = false;

    for (size_t i = 0; i < PUSHES_MAX && !any; i++)
        any = is_proven(&pushes->all[i]);
    session_set_pushed(pushes->session, any);
}

/* -- accepting -------------------------------------------------------------------------------- */

/* True if `a` gives way before `b`. Those that are proven give way to nobody. */
static bool gives_way(const struct push *a, const struct push *b)
{
    if (a->dialogue.proven != b->dialogue.proven)
        return b->dialogue.proven;
    if (a->of_server != b->of_server)
        return b->of_server;
    return a->deadline < b->deadline;
}

/* A place for a newcomer, or NULL. */
static struct push *find_place(struct pushes *pushes, bool of_server)
{
    struct push *first = &pushes->all[0];

    for (size_t i = 0; i < PUSHES_MAX; i++) {
        struct push *push = &pushes->all[i];
        if (!is_open(push))
            return push;
        if (gives_way(push, first))
            first = push;
    }
    if (first->dialogue.proven || (first->of_server && !of_server))
        return NULL;
    channel_close(&first->channel);
    return first;
}

/* Takes a connection over: 0, or -errno and it is the caller's. */
static int take(struct pushes *pushes, int fd, const struct addr *from, uint64_t now)
{
    struct receiving *receiving = pushes->session->receiving;
    bool of_server = session_is_server(pushes->session, from);
    struct account_session signed_on;
    struct push *push;
    bool secure;
    int r;

    if (!account_session(receiving->account, &signed_on))
        return -EACCES; /* nobody can prove anything to us, nor we to him */
    secure = signed_on.secure;
    explicit_bzero(&signed_on, sizeof(signed_on));
    push = find_place(pushes, of_server);
    if (!push)
        return -EBUSY;
    r = channel_open(&push->channel, fd, secure ? trust_context(receiving->trust) : NULL,
                     trust_host(receiving->trust));
    if (r < 0)
        return r;
    push->dialogue = (struct push_dialogue){0};
    push->deadline = now + STRANGER_US;
    push->of_server = of_server;
    push->stalled = false;
    return 0;
}

void pushes_accept(struct pushes *pushes, int listener, uint64_t now)
{
    /* A bounded number a turn, so that reading is never starved. */
    for (int i = 0; i < PUSHES_MAX; i++) {
        struct sockaddr_storage storage;
        socklen_t len = sizeof(storage);
        struct addr from;
        int fd = accept4(listener, (struct sockaddr *)&storage, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
            return;
        if (addr_from_sockaddr((const struct sockaddr *)&storage, len, &from) < 0 ||
            take(pushes, fd, &from, now) < 0)
            close(fd);
    }
}

/* -- what they say ---------------------------------------------------------------------------- */

/* True if it is the server that shows its certificate. */
static bool judge(const struct pushes *pushes, const struct push *push)
{
    char *text = NULL;
    enum trust_verdict verdict =
        trust_judge(pushes->session->receiving->trust, push->channel.tls, false, &text);

    free(text); /* strangers are no news */
    return verdict == TRUST_KNOWN;
}

static int say(struct push *push, const struct v2_frame *frame)
{
    char out[512];
    long len = v2_build(frame, out, sizeof(out));

    return len < 0 ? (int)len : channel_write(&push->channel, (struct bytes){out, (size_t)len});
}

/* It has become the newest of those that are proven; the server has taken over with it. */
static void proven(struct pushes *pushes, struct push *push)
{
    struct push *oldest = push;
    unsigned count = 0;

    push->number = pushes->proven++;
    for (size_t i = 0; i < PUSHES_MAX; i++) {
        if (!is_proven(&pushes->all[i]))
            continue;
        count++;
        if (pushes->all[i].number < oldest->number)
            oldest = &pushes->all[i];
    }
    if (count > PUSHES_PROVEN_MAX)
        channel_close(&oldest->channel);
    session_report(pushes->session, SERVER_PRESENT, NULL);
}

/* False: it is to be closed. */
static bool take_frame(struct pushes *pushes, struct push *push, struct bytes frame, uint64_t now)
{
    struct account_session signed_on;
    enum push_verdict verdict;
    struct v2_frame result;

    if (!account_session(pushes->session->receiving->account, &signed_on))
        return false;
    verdict = push_dialogue_take(&push->dialogue, frame, bytes_of(signed_on.name), signed_on.key,
                                 &result);
    explicit_bzero(&signed_on, sizeof(signed_on));
    if (verdict == PUSH_BREAK)
        return false;
    push->deadline = now + IDLE_US;
    if (verdict == PUSH_MESSAGE)
        return session_deliver(pushes->session, &result) == 0;
    if (verdict == PUSH_ERROR)
        account_heed_dismissal(pushes->session->receiving->account, &result);
    if (verdict == PUSH_PROVE) {
        proven(pushes, push);
        return say(push, &result) == 0;
    }
    return true;
}

static void go_on(struct pushes *pushes, struct push *push, short revents, uint64_t now)
{
    struct bytes frame;

    push->stalled = false;
    for (;;) {
        if (push->dialogue.proven && session_full(pushes->session)) {
            push->stalled = true;
            /* It cannot wait: poll(2) would tell of it without end. What is lost comes again. */
            if (revents & (POLLERR | POLLHUP))
                channel_close(&push->channel);
            return;
        }
        enum channel_event event = channel_turn(&push->channel, revents, &frame);
        bool keep = event != CHANNEL_CLOSED && event != CHANNEL_BROKEN;
        revents = 0;
        if (event == CHANNEL_WAITING)
            return;
        if (event == CHANNEL_OPEN)
            keep = judge(pushes, push);
        else if (event == CHANNEL_FRAME)
            keep = take_frame(pushes, push, frame, now);
        if (!keep) {
            channel_close(&push->channel);
            return;
        }
    }
}

/* -- turning ---------------------------------------------------------------------------------- */

void pushes_pollfds(const struct pushes *pushes, struct pollfd fds[PUSHES_MAX])
{
    for (size_t i = 0; i < PUSHES_MAX; i++) {
        fds[i] = channel_pollfd(&pushes->all[i].channel);
        if (pushes->all[i].stalled)
            fds[i].events &= (short)~POLLIN;
    }
}

uint64_t pushes_due(const struct pushes *pushes)
{
    uint64_t due = UINT64_MAX;

    for (size_t i = 0; i < PUSHES_MAX; i++)
        if (is_open(&pushes->all[i]) && pushes->all[i].deadline < due)
            due = pushes->all[i].deadline;
    return due;
}

void pushes_turn(struct pushes *pushes, const struct pollfd fds[PUSHES_MAX], uint64_t now)
{
    for (size_t i = 0; i < PUSHES_MAX; i++) {
        struct push *push = &pushes->all[i];
        if (!is_open(push))
            continue;
        if (fds[i].revents || push->stalled)
            go_on(pushes, push, fds[i].revents, now);
        if (is_open(push) && now >= push->deadline)
            channel_close(&push->channel);
    }
    tell(pushes);
}

bool pushes_acknowledge(struct pushes *pushes, const struct v2_frame *ack)
{
    struct push *newest = NULL;

    for (size_t i = 0; i < PUSHES_MAX; i++) {
        struct push *push = &pushes->all[i];
        if (is_proven(push) && (!newest || push->number > newest->number))
            newest = push;
    }
    if (newest && say(newest, ack) < 0)
        channel_close(&newest->channel); /* it reads nothing: the server delivers again */
    return newest != NULL;
}

void pushes_finish(struct pushes *pushes)
{
    for (size_t i = 0; i < PUSHES_MAX; i++) {
        struct push *push = &pushes->all[i];
        if (is_proven(push))
            channel_finish(&push->channel);
        else
            channel_close(&push->channel);
    }
}

bool pushes_open(const struct pushes *pushes)
{
    bool any = false;

    for (size_t i = 0; i < PUSHES_MAX; i++)
        any = any || is_open(&pushes->all[i]);
    return any;
}
