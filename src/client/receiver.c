/* The receiver thread: see receiver.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/receiver.h"

#include "client/attachment.h"
#include "client/listening.h"
#include "client/pushes.h"
#include "util/clock.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define SYNC_AGAIN_US USEC_PER_SEC /* after the disk took it not */
#define FAREWELL_US   USEC_PER_SEC /* for the last acknowledgements to leave */
#define ACKS_MAX      64           /* gathered at a time */

enum {
    FD_WAKE = PUSHES_MAX,
    FD_LISTENER,
    FD_LINK,
    FD_COUNT,
};

/* All of one conversation up to `seq`. */
struct ack {
    uint64_t conversation, seq;
};

struct receiver {
    struct session *session;
    struct listener listener;
    struct pushes pushes;
    struct attachment attachment;
    struct list settled; /* struct incoming, not yet acknowledged */
    uint64_t next_sync;  /* monotonic; when the disk is asked again */
    bool unkept_told;
    struct ack acks[ACKS_MAX];
    size_t ack_count;
};

/* -- acknowledging ---------------------------------------------------------------------------- */

/* By whatever way the server can be told: that may be another than the one by which the message
 * came, which may be gone. */
static void send_acks(struct receiver *receiver)
{
    for (size_t i = 0; i < receiver->ack_count; i++) {
        const struct v2_frame frame = {
            .verb = V2_VERB_ACK,
            .conversation = {.id = receiver->acks[i].conversation},
            .seq = receiver->acks[i].seq,
        };
        if (!pushes_acknowledge(&receiver->pushes, &frame))
            attachment_acknowledge(&receiver->attachment, &frame);
    }
    receiver->ack_count = 0;
}

/* One for each conversation: it speaks for all that was shown of it before. */
static void gather_ack(struct receiver *receiver, const struct incoming *incoming)
{
    const struct ack ack = {incoming->msg.conversation.id, incoming->msg.seq};
    size_t i = 0;

    while (i < receiver->ack_count && receiver->acks[i].conversation != ack.conversation)
        i++;
    if (i == ACKS_MAX) {
        send_acks(receiver);
        i = 0;
    }
    if (i == receiver->ack_count) {
        receiver->ack_count++;
        receiver->acks[i] = ack;
    } else if (ack.seq > receiver->acks[i].seq) { /* not one that came again by another way */
        receiver->acks[i] = ack;
    }
}

/* What was shown is written down and acknowledged. */
static void acknowledge(struct receiver *receiver, uint64_t now)
{
    char reason[128];
    int r;

    session_take_settled(receiver->session, &receiver->settled);
    if (list_empty(&receiver->settled) || now < receiver->next_sync)
        return;
    r = cursors_sync(receiver->session->receiving->cursors);
    if (r < 0) {
        receiver->next_sync = now + SYNC_AGAIN_US;
        if (!receiver->unkept_told)
            session_notice(receiver->session,
                           "what was shown cannot be written down (%s); it is not acknowledged",
                           strerror_r(-r, reason, sizeof(reason)));
        receiver->unkept_told = true;
        return;
    }
    receiver->unkept_told = false;
    LIST_FOREACH_SAFE (link, &receiver->settled) {
        struct incoming *incoming = LIST_ENTRY(link, struct incoming, link);
        gather_ack(receiver, incoming);
        list_remove(link);
        free(incoming);
    }
    send_acks(receiver);
}

/* -- the loop --------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t due(const struct receiver *receiver)
{
    uint64_t due = earlier(pushes_due(&receiver->pushes), attachment_due(&receiver->attachment));

    due = earlier(due, listening_due(&receiver->listener));
    return list_empty(&receiver->settled) ? due : earlier(due, receiver->next_sync);
}

/* Waits until `until` at the latest, and goes on with what is ready. */
static void turn(struct receiver *receiver, uint64_t until)
{
    struct session *session = receiver->session;
    struct pollfd fds[FD_COUNT] = {
        [FD_WAKE] = {.fd = session->wake[SESSION_RECEIVER], .events = POLLIN},
        [FD_LISTENER] = {.fd = receiver->listener.fd, .events = POLLIN},
        [FD_LINK] = attachment_pollfd(&receiver->attachment),
    };
    uint64_t now = clock_monotonic_us();

    pushes_pollfds(&receiver->pushes, fds);
    if (poll(fds, FD_COUNT, clock_poll_ms(earlier(due(receiver), until), now)) < 0)
        return; /* EINTR */
    now = clock_monotonic_us();
    if (fds[FD_WAKE].revents)
        session_woken(session, SESSION_RECEIVER);
    acknowledge(receiver, now);
    pushes_turn(&receiver->pushes, fds, now);
    attachment_turn(&receiver->attachment, fds[FD_LINK].revents, now);
    if (fds[FD_LISTENER].revents)
        pushes_accept(&receiver->pushes, receiver->listener.fd, now);
}

/* The last acknowledgements leave, as far as the server takes them soon. */
static void say_farewell(struct receiver *receiver)
{
    uint64_t now = clock_monotonic_us(), end = now + FAREWELL_US;

    acknowledge(receiver, now);
    listening_deinit(&receiver->listener);
    pushes_finish(&receiver->pushes);
    attachment_finish(&receiver->attachment);
    while (now < end &&
           (pushes_open(&receiver->pushes) || attachment_open(&receiver->attachment))) {
        turn(receiver, end);
        now = clock_monotonic_us();
    }
}

static void run(struct receiver *receiver)
{
    while (!session_stopping(receiver->session)) {
        listening_keep(&receiver->listener, clock_monotonic_us());
        turn(receiver, UINT64_MAX);
    }
    say_farewell(receiver);
}

void *receiver_main(void *session)
{
    struct receiver receiver = {.session = session};
    char reason[128];
    int r = attachment_init(&receiver.attachment, session);

    if (r < 0) {
        session_notice(session, "messages cannot arrive: %s",
                       strerror_r(-r, reason, sizeof(reason)));
        return NULL;
    }
    list_init(&receiver.settled);
    listening_init(&receiver.listener, session);
    pushes_init(&receiver.pushes, session);
    run(&receiver);
    attachment_deinit(&receiver.attachment);
    pushes_deinit(&receiver.pushes);
    LIST_FOREACH_SAFE (link, &receiver.settled)
        free(LIST_ENTRY(link, struct incoming, link));
    return NULL;
}
