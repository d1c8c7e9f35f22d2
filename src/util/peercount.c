/* Counts per address. A peer is in the table exactly while it holds something, so the table is
 * never larger than the total that is allowed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/peercount.h"

#include "util/hash.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct peer {
    struct peer_key key;
    unsigned held;
    UT_hash_handle hh;
};

struct peercount {
    struct peer *peers;
    unsigned per_address, total;
    unsigned held;
};

int peercount_new(unsigned per_address, unsigned total, struct peercount **ret)
{
    struct peercount *count = calloc(1, sizeof(*count));

    if (!count)
        return -ENOMEM;
    peercount_set_limits(count, per_address, total);
    *ret = count;
    return 0;
}

static void remove_peer(struct peercount *count, struct peer *peer)
{
    HASH_DEL(count->peers, peer);
    free(peer);
}

void peercount_free(struct peercount *count)
{
    if (!count)
        return;
    while (count->peers)
        remove_peer(count, count->peers);
    free(count);
}

void peercount_set_limits(struct peercount *count, unsigned per_address, unsigned total)
{
    count->per_address = per_address;
    count->total = total;
}

static struct peer *find_peer(const struct peercount *count, const struct addr *addr,
                              struct peer_key *ret_key)
{
    struct peer_key key = addr_peer_key(addr);
    struct peer *peer;

    HASH_FIND(hh, count->peers, &key, sizeof(key), peer);
    *ret_key = key;
    return peer;
}

static int add_peer(struct peercount *count, const struct peer_key *key, struct peer **ret)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    if (!peer)
        return -ENOMEM;
    peer->key = *key;
    HASH_ADD(hh, count->peers, key, sizeof(peer->key), peer);
    if (!peer->hh.tbl) { /* how uthash tells that it had no memory */
        free(peer);
        return -ENOMEM;
    }
    *ret = peer;
    return 0;
}

int peercount_take(struct peercount *count, const struct addr *addr)
{
    struct peer_key key;

    if (count->held >= count->total)
        return -EAGAIN;
    struct peer *peer = find_peer(count, addr, &key);
    if ((peer ? peer->held : 0) >= count->per_address)
        return -EBUSY;
    if (!peer) {
        int r = add_peer(count, &key, &peer);
        if (r < 0)
            return r;
    }
    peer->held++;
    count->held++;
    return 0;
}

void peercount_give(struct peercount *count, const struct addr *addr)
{
    struct peer_key key;
    struct peer *peer = find_peer(count, addr, &key);

    assert(peer);
    count->held--;
    if (--peer->held == 0)
        remove_peer(count, peer);
}

unsigned peercount_total(const struct peercount *count)
{
    return count->held;
}
