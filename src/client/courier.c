/* Carrying the outbox to the server: see courier.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/courier.h"

#include "proto/error.h"
#include "util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define PAUSE_MIN_US (USEC_PER_SEC / 4)
#define PAUSE_MAX_US (30 * USEC_PER_SEC)

void courier_init(struct courier *courier, const struct settings *settings, const char *password,
                  struct outbox *outbox, courier_fn callback, void *userdata)
{
    *courier = (struct courier){
        .settings = settings,
        .password = password,
        .outbox = outbox,
        .callback = callback,
        .userdata = userdata,
    };
    sender_init(&courier->sender);
}

void courier_deinit(struct courier *courier)
{
    sender_deinit(&courier->sender);
}

void courier_resume(struct courier *courier)
{
    courier->suspended = false;
    courier->retry_at = 0;
}

bool courier_busy(const struct courier *courier)
{
    return courier->entry != NULL;
}

struct pollfd courier_pollfd(const struct courier *courier)
{
    return sender_pollfd(&courier->sender);
}

uint64_t courier_due(const struct courier *courier)
{
    if (courier->entry)
        return sender_due(&courier->sender);
    if (outbox_count(courier->outbox) == 0 || courier->suspended)
        return UINT64_MAX;
    return courier->retry_at;
}

/* The next pause: twice the last one, give or take a quarter, so that many clients do not come
 * back in step. */
static void put_off(struct courier *courier, uint64_t now)
{
    uint32_t random = 0;
    uint64_t pause = courier->pause ? courier->pause * 2 : PAUSE_MIN_US;

    if (pause > PAUSE_MAX_US)
        pause = PAUSE_MAX_US;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = 0;
    courier->pause = pause;
    courier->retry_at = now + pause * 3 / 4 + pause / 2 * (random % 1024) / 1024;
}

static enum courier_event judge_refusal(const char *code)
{
    switch (proto_error_from_code(bytes_of(code))) {
    case PROTO_ERROR_DENIED:
    case PROTO_ERROR_FORBIDDEN:
        return COURIER_DENIED;
    case PROTO_ERROR_BUSY:
    case PROTO_ERROR_UNAVAILABLE:
    case PROTO_ERROR_TIMEOUT:
    case PROTO_ERROR_INTERNAL:
        return COURIER_POSTPONED;
    case PROTO_ERROR_UNCERTAIN:
        return COURIER_UNCERTAIN;
    default: /* also what a newer server may say: trying again would not make it better */
        return COURIER_REFUSED;
    }
}

/* Ends what was under way with the entry it was about. */
static void finish(struct courier *courier, const struct outbox_entry *entry,
                   enum courier_event event, const char *code, const char *reason, uint64_t now)
{
    const struct courier_report report = {
        .event = event,
        .entry = entry,
        .recipient = courier->recipient,
        .code = code,
        .reason = reason,
    };

    courier->entry = NULL;
    courier->callback(courier->userdata, &report);
    if (event == COURIER_STORED || event == COURIER_REFUSED || event == COURIER_DAMAGED) {
        outbox_remove(courier->outbox, entry);
        courier->pause = 0;
        courier->retry_at = 0;
    } else if (event == COURIER_DENIED) {
        courier->suspended = true;
    } else {
        put_off(courier, now);
    }
    if (outbox_count(courier->outbox) == 0 || event != COURIER_STORED)
        sender_close(&courier->sender); /* an idle client costs the server no socket */
}

static void unreadable(struct courier *courier, const struct outbox_entry *entry, int error,
                       uint64_t now)
{
    bool damaged = error == EBADMSG || error == ENOENT;
    char reason[128];

    courier->recipient[0] = '\0';
    finish(courier, entry, damaged ? COURIER_DAMAGED : COURIER_UNREADABLE, "",
           strerror_r(error, reason, sizeof(reason)), now);
}

/* The frame for a letter: its length, and the bytes freed by the caller, or -errno. */
static long build_frame(const struct courier *courier, const struct outbox_letter *letter,
                        char **ret)
{
    const struct v1_write write = {
        .userid = bytes_of(courier->settings->user),
        .password = bytes_of(courier->password),
        .recipient = letter->recipient,
        .text = letter->text,
    };
    size_t size = letter->text.len + V1_USERID_MAX + V1_PASSWORD_MAX + V1_RECIPIENT_MAX + 64;
    char *frame = malloc(size);
    long len;

    if (!frame)
        return -ENOMEM;
    len = v1_build_write(&write, frame, size);
    if (len < 0)
        free(frame);
    else
        *ret = frame;
    return len;
}

static void start_next(struct courier *courier, const struct addr *server, uint64_t now)
{
    const struct outbox_entry *entry = outbox_first(courier->outbox);
    struct outbox_letter letter;
    char *frame = NULL;
    long len;
    int r = outbox_load(courier->outbox, entry, &letter);

    if (r == 0 && letter.recipient.len > V1_RECIPIENT_MAX) {
        outbox_letter_deinit(&letter);
        r = -EBADMSG;
    }
    if (r < 0) {
        unreadable(courier, entry, -r, now);
        return;
    }
    snprintf(courier->recipient, sizeof(courier->recipient), "%.*s", BYTES_ARG(letter.recipient));
    len = build_frame(courier, &letter, &frame);
    outbox_letter_deinit(&letter);
    if (len < 0) {
        unreadable(courier, entry, (int)-len, now);
        return;
    }
    r = sender_start(&courier->sender, server, (struct bytes){frame, (size_t)len}, now);
    explicit_bzero(frame, (size_t)len);
    free(frame);
    if (r < 0)
        finish(courier, entry, COURIER_UNREACHABLE, "", courier->sender.reason, now);
    else
        courier->entry = entry;
}

static void go_on(struct courier *courier, short revents, uint64_t now)
{
    struct sender *sender = &courier->sender;

    switch (sender_turn(sender, revents, now)) {
    case SENDER_PENDING:
        break;
    case SENDER_STORED:
        finish(courier, courier->entry, COURIER_STORED, "", "", now);
        break;
    case SENDER_REFUSED:
        finish(courier, courier->entry, judge_refusal(sender->code), sender->code, sender->reason,
               now);
        break;
    case SENDER_FAILED:
        finish(courier, courier->entry, COURIER_UNREACHABLE, "", sender->reason, now);
        break;
    case SENDER_UNKNOWN:
        finish(courier, courier->entry, COURIER_UNCERTAIN, "", sender->reason, now);
        break;
    }
}

void courier_turn(struct courier *courier, const struct addr *server, short revents, uint64_t now)
{
    if (courier->entry)
        go_on(courier, revents, now);
    if (!courier->entry && server && !courier->suspended && outbox_count(courier->outbox) > 0 &&
        now >= courier->retry_at)
        start_next(courier, server, now);
}
