/* The logic unit as a whole: building it up and taking it down, its clockwork, and what leaves it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "proto/v1.h"
#include "util/clock.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define ANSWER_MAX 512

uint64_t bll_now(const struct bll *bll)
{
    return bll->outlet.now(bll->outlet.userdata);
}

bool bll_serves(const struct bll *bll, const struct addr *from)
{
    for (size_t i = 0; i < bll->config.v1_network_count; i++)
        if (network_contains(&bll->networks[i], from))
            return true;
    return false;
}

static void answer(struct bll *bll, void *reply, const char *data, long len, bool close)
{
    struct bytes bytes = {.data = data, .len = len > 0 ? (size_t)len : 0};
    bll->outlet.reply(bll->outlet.userdata, reply, bytes, close);
}

void bll_answer_ack(struct bll *bll, void *reply)
{
    char out[ANSWER_MAX];

    metrics_add(bll->metrics, METRIC_WRITES_STORED, 1);
    answer(bll, reply, out, v1_build_ack(out, sizeof(out)), false);
}

static enum metric refusal_metric(enum proto_error error)
{
    switch (error) {
    case PROTO_ERROR_DENIED:
        return METRIC_WRITES_DENIED;
    case PROTO_ERROR_UNAVAILABLE:
    case PROTO_ERROR_UNCERTAIN:
        return METRIC_WRITES_UNAVAILABLE;
    case PROTO_ERROR_MALFORMED:
        return METRIC_FRAMES_MALFORMED;
    default:
        return METRIC_WRITES_REFUSED;
    }
}

static void answer_error(struct bll *bll, void *reply, enum proto_error error, const char *reason,
                         bool close)
{
    char out[ANSWER_MAX];
    struct bytes code = bytes_of(proto_error_code(error));
    struct bytes words = bytes_of(reason ? reason : proto_error_help(error));

    answer(bll, reply, out, v1_build_error(code, words, out, sizeof(out)), close);
}

void bll_answer_error(struct bll *bll, void *reply, enum proto_error error, const char *reason)
{
    metrics_add(bll->metrics, refusal_metric(error), 1);
    answer_error(bll, reply, error, reason, false);
}

/* The I/O unit has counted these two. */
void bll_refuse_too_long(struct bll *bll, void *reply)
{
    answer_error(bll, reply, PROTO_ERROR_TOO_LONG, NULL, true);
}

void bll_refuse_idle(struct bll *bll, void *reply)
{
    answer_error(bll, reply, PROTO_ERROR_TIMEOUT, NULL, true);
}

int bll_reconfigure(struct bll *bll, const struct bll_config *config)
{
    size_t size = config->v1_network_count * sizeof(*config->v1_networks);
    struct network *networks = malloc(size ? size : 1);

    if (!networks)
        return -ENOMEM;
    if (size)
        memcpy(networks, config->v1_networks, size);
    free(bll->networks);
    bll->networks = networks;
    bll->config = *config;
    bll->config.v1_networks = networks;
    peercount_set_limits(bll->signons, config->signons_per_address, UINT_MAX);
    peercount_set_limits(bll->polls, (config->signons_per_address + 1) / 2, UINT_MAX);
    tail_shrink(bll, config->tail_max);
    return 0;
}

static void init_lists(struct bll *bll)
{
    list_init(&bll->by_use);
    list_init(&bll->stale);
    list_init(&bll->sought_in_vain);
    list_init(&bll->present);
    list_init(&bll->ready);
    list_init(&bll->makings);
    list_init(&bll->dirty);
    list_init(&bll->saving);
    list_init(&bll->aged);
}

int bll_new(const struct bll_config *config, const struct bll_outlet *outlet,
            struct password_pool *pool, struct metrics *metrics, struct bll **ret)
{
    struct bll *bll = calloc(1, sizeof(*bll));

    if (!bll)
        return -ENOMEM;
    init_lists(bll);
    bll->outlet = *outlet;
    bll->started_us = bll_now(bll);
    bll->pool = pool;
    bll->metrics = metrics;
    /* Two processes of one store never make the same key: the time, and random bits. */
    password_fingerprint_key(bll->fingerprint_key);
    memcpy(&bll->key_epoch, bll->fingerprint_key, sizeof(bll->key_epoch));
    bll->key_epoch = (clock_real_ms() << 20) | (bll->key_epoch & 0xfffff);
    password_fingerprint_key(bll->fingerprint_key);
    if (peercount_new(0, 0, &bll->signons) < 0 || peercount_new(0, 0, &bll->polls) < 0 ||
        bll_reconfigure(bll, config) < 0) {
        bll_free(bll);
        return -ENOMEM;
    }
    *ret = bll;
    return 0;
}

void bll_free(struct bll *bll)
{
    if (!bll)
        return;
    accounts_free(bll);
    seeks_free(bll);
    peercount_free(bll->signons);
    peercount_free(bll->polls);
    free(bll->storing);
    free(bll->networks);
    free(bll);
}

void bll_turn_end(struct bll *bll)
{
    delivery_run(bll);
    dal_flush();
}

void bll_tick(struct bll *bll)
{
    uint64_t now = bll_now(bll);

    presence_sweep(bll, now);
    tail_expire(bll, now);
    accounts_forget(bll, now);
    accounts_refresh(bll);
    seeks_expire(bll, now);
    if (now - bll->saved_us >= bll->config.cursor_flush_us)
        cursors_save(bll);
    bll_turn_end(bll);
}

void bll_quiesce(struct bll *bll)
{
    bll->quiesced = true;
}

bool bll_flush_cursors(struct bll *bll)
{
    cursors_save(bll);
    /* One that moves while it is being stored has to be stored again afterwards. */
    return list_empty(&bll->dirty) && !bll->storing;
}

void bll_status(const struct bll *bll, struct bll_status *ret)
{
    const uint64_t *states = bll->device_states;

    *ret = (struct bll_status){
        .accounts = HASH_COUNT(bll->accounts),
        .present = bll->present_count,
        .pushing = states[DEVICE_PUSHING],
        .waiting = states[DEVICE_READY] + states[DEVICE_READING] + states[DEVICE_RESTING],
        .tail_bytes = bll->tail_bytes,
    };
    for (int i = 0; i < DEVICE_STATES; i++)
        ret->devices += states[i];
}
