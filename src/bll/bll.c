/* The logic unit as a whole: building it up and taking it down, its clockwork, and what leaves it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/internal.h"
#include "proto/v1.h"
#include "util/clock.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MAX 512

/* Addresses whose rates are limited at a time. */
#define RATE_ADDRESSES 16384

uint64_t bll_now(const struct bll *bll)
{
    return bll->outlet.now(bll->outlet.userdata);
}

static bool listed(const struct network *networks, size_t count, const struct addr *addr)
{
    for (size_t i = 0; i < count; i++)
        if (network_contains(&networks[i], addr))
            return true;
    return false;
}

bool bll_serves(const struct bll *bll, const struct addr *from)
{
    return listed(bll->config.v1_networks, bll->config.v1_network_count, from);
}

bool bll_serves_plain(const struct bll *bll, const struct addr *from)
{
    return listed(bll->config.plain_networks, bll->config.plain_network_count, from);
}

const char *bll_limited_reason(uint64_t wait_us, char reason[LIMITED_REASON_MAX])
{
    uint64_t ms = wait_us / USEC_PER_MSEC + (wait_us % USEC_PER_MSEC != 0);

    (void)snprintf(reason, LIMITED_REASON_MAX, "%llu ms to wait: %s", (unsigned long long)ms,
                   proto_error_help(PROTO_ERROR_LIMITED));
    return reason;
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
    case PROTO_ERROR_LIMITED:
        return METRIC_WRITES_LIMITED;
    default:
        return METRIC_WRITES_REFUSED;
    }
}

void bll_count_refusal(struct bll *bll, enum proto_error error)
{
    metrics_add(bll->metrics, refusal_metric(error), 1);
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
    bll_count_refusal(bll, error);
    answer_error(bll, reply, error, reason, false);
}

void bll_refuse_v1(struct bll *bll, void *reply, enum proto_error error)
{
    answer_error(bll, reply, error, NULL, true);
}

enum proto_error bll_outcome_error(enum dal_outcome outcome)
{
    switch (outcome) {
    case DAL_MISSING:
        return PROTO_ERROR_UNKNOWN;
    case DAL_UNAVAILABLE:
        return PROTO_ERROR_UNAVAILABLE;
    case DAL_UNCERTAIN:
        return PROTO_ERROR_UNCERTAIN;
    default:
        return PROTO_ERROR_INTERNAL;
    }
}

enum proto_error bll_submit_error(int error)
{
    return error == -EAGAIN ? PROTO_ERROR_BUSY : PROTO_ERROR_INTERNAL;
}

static struct network *append(struct network *to, const struct network *from, size_t count)
{
    if (count > 0)
        memcpy(to, from, count * sizeof(*to));
    return to + count;
}

int bll_reconfigure(struct bll *bll, const struct bll_config *config)
{
    size_t count =
        config->v1_network_count + config->plain_network_count + config->excluded_network_count;
    bool other_secret = sodium_memcmp(bll->config.secret, config->secret, BLL_SECRET_LEN) != 0;
    struct network *networks = calloc(count + 1, sizeof(*networks)), *plain, *excluded;

    if (!networks)
        return -ENOMEM;
    plain = append(networks, config->v1_networks, config->v1_network_count);
    excluded = append(plain, config->plain_networks, config->plain_network_count);
    (void)append(excluded, config->excluded_networks, config->excluded_network_count);
    free(bll->networks);
    bll->networks = networks;
    bll->config = *config;
    bll->config.v1_networks = networks;
    bll->config.plain_networks = plain;
    bll->config.excluded_networks = excluded;
    peercount_set_limits(bll->signons, config->signons_per_address, UINT_MAX);
    peercount_set_limits(bll->polls, (config->signons_per_address + 1) / 2, UINT_MAX);
    tail_shrink(bll, config->tail_max);
    if (other_secret)
        links_end_all(bll);
    return 0;
}

static void init_lists(struct bll *bll)
{
    list_init(&bll->by_use);
    list_init(&bll->awake);
    list_init(&bll->stale);
    list_init(&bll->leaving);
    list_init(&bll->sought_in_vain);
    list_init(&bll->present);
    list_init(&bll->ready);
    list_init(&bll->makings);
    list_init(&bll->flowing);
    list_init(&bll->stalled);
    list_init(&bll->awaiting);
    list_init(&bll->idling);
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
    bll->started_ms = outlet->real_ms(outlet->userdata);
    bll->pool = pool;
    bll->metrics = metrics;
    /* Two processes of one store never make the same key: the time, and random bits. */
    password_fingerprint_key(bll->fingerprint_key);
    memcpy(&bll->key_epoch, bll->fingerprint_key, sizeof(bll->key_epoch));
    bll->key_epoch = (clock_real_ms() << 20) | (bll->key_epoch & 0xfffff);
    password_fingerprint_key(bll->fingerprint_key);
    if (peercount_new(0, 0, &bll->signons) < 0 || peercount_new(0, 0, &bll->polls) < 0 ||
        rate_table_new(RATE_ADDRESSES, &bll->signon_rates) < 0 ||
        rate_table_new(RATE_ADDRESSES, &bll->failure_rates) < 0 ||
        rate_table_new(RATE_ADDRESSES, &bll->send_rates) < 0 || bll_reconfigure(bll, config) < 0) {
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
    rate_table_free(bll->signon_rates);
    rate_table_free(bll->failure_rates);
    rate_table_free(bll->send_rates);
    free(bll->storing);
    free(bll->built.data);
    free(bll->networks);
    sodium_memzero(bll->config.secret, sizeof(bll->config.secret));
    free(bll);
}

void bll_turn_end(struct bll *bll)
{
    links_go_on(bll);
    delivery_run(bll);
    streams_run(bll);
    dal_flush();
}

void bll_tick(struct bll *bll)
{
    uint64_t now = bll_now(bll);

    presence_sweep(bll, now);
    streams_sweep(bll, now);
    tail_expire(bll, now);
    memberships_settle(bll, now);
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
        .pushing = states[DEVICE_PUSHING] + bll->stream_stages[STREAM_DIALLING] +
                   bll->stream_stages[STREAM_PROVING],
        .streams = bll->stream_stages[STREAM_PUSHED],
        .attached = bll->stream_stages[STREAM_ATTACHED],
        .waiting = states[DEVICE_READY] + states[DEVICE_READING] + states[DEVICE_RESTING],
        .tail_bytes = bll->tail_bytes,
    };
    for (int i = 0; i < DEVICE_STATES; i++)
        ret->devices += states[i];
}
