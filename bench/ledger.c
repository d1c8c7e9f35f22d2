/* Keeping the books. A text is "mcb1 RUN NUMBER " and padding, so that a delivery names the message
 * it is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/ledger.h"

#include "util/cursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MAGIC   "mcb1"
#define NOT_FOR SIZE_MAX

enum state {
    STATE_OPEN,
    STATE_ACKNOWLEDGED,
    STATE_REFUSED,
    STATE_UNACKNOWLEDGED,
};

struct entry {
    uint64_t sent_us;
    size_t first_seen; /* in ledger->seen, one for each place in the conversation */
    uint32_t sender;
    uint32_t arrived; /* receivers that have it */
    struct target target;
    enum state state;
};

/* What came to one place of a conversation, in order. */
struct arrivals {
    uint32_t *numbers;
    size_t count;
};

/* The last message of one sender that came to one place. */
struct last {
    uint32_t *numbers; /* by sender, each plus 1; NULL before the first */
};

struct ledger {
    const struct roster *roster;
    uint32_t senders;
    uint64_t run;
    char *text;
    uint32_t size;
    struct entry *entries;
    size_t entry_count, entry_room;
    uint8_t *seen;
    size_t seen_count, seen_room;
    struct arrivals
        *arrivals;     /* by place: those of the rooms, then one for each user of everyone */
    struct last *last; /* by place, and then one for each user's inbox */
    struct ledger_counts counts;
    uint64_t owed;
    struct histogram answer_us, delivery_us, last_us;
};

/* -- places ----------------------------------------------------------------------------------- */

static size_t everyone_place(const struct ledger *ledger)
{
    return ledger->roster->place_count;
}

static size_t shared_places(const struct ledger *ledger)
{
    return everyone_place(ledger) + ledger->roster->user_count;
}

static size_t all_places(const struct ledger *ledger)
{
    return shared_places(ledger) + ledger->roster->user_count;
}

/* How many places a target has. */
static size_t target_places(const struct ledger *ledger, struct target target)
{
    switch (target.kind) {
    case TARGET_ROOM:
        return ledger->roster->rooms[target.index].member_count;
    case TARGET_EVERYONE:
        return ledger->roster->user_count;
    default:
        return 1;
    }
}

/* Number of a target's first place. */
static size_t target_first(const struct ledger *ledger, struct target target)
{
    switch (target.kind) {
    case TARGET_ROOM:
        return ledger->roster->rooms[target.index].first_place;
    case TARGET_EVERYONE:
        return everyone_place(ledger);
    default:
        return shared_places(ledger) + target.index;
    }
}

/* Who sits at place `place` of the target. */
static uint32_t target_user(const struct ledger *ledger, struct target target, size_t place)
{
    switch (target.kind) {
    case TARGET_ROOM:
        return ledger->roster->rooms[target.index].members[place];
    case TARGET_EVERYONE:
        return (uint32_t)place;
    default:
        return target.index;
    }
}

static size_t target_find(const struct ledger *ledger, struct target target, uint32_t user)
{
    size_t count = target_places(ledger, target);

    if (target.kind == TARGET_EVERYONE)
        return user;
    for (size_t place = 0; place < count; place++)
        if (target_user(ledger, target, place) == user)
            return place;
    return NOT_FOR;
}

/* True if the user has to get the message: a sender does not get back what he said to many. */
static bool is_for(const struct entry *entry, uint32_t user)
{
    return entry->target.kind == TARGET_USER || user != entry->sender;
}

static uint32_t expected(const struct ledger *ledger, const struct entry *entry)
{
    size_t count = target_places(ledger, entry->target);

    if (!is_for(entry, entry->sender) &&
        target_find(ledger, entry->target, entry->sender) != NOT_FOR)
        count--;
    return (uint32_t)count;
}

/* -- entering --------------------------------------------------------------------------------- */

int ledger_new(const struct roster *roster, uint32_t senders, uint32_t size, struct ledger **ret)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));

    if (!ledger)
        return -ENOMEM;
    ledger->roster = roster;
    ledger->senders = senders;
    ledger->size = size;
    ledger->text = malloc(size);
    ledger->arrivals = calloc(shared_places(ledger), sizeof(*ledger->arrivals));
    ledger->last = calloc(all_places(ledger), sizeof(*ledger->last));
    if (!ledger->text || !ledger->arrivals || !ledger->last ||
        getrandom(&ledger->run, sizeof(ledger->run), 0) != sizeof(ledger->run)) {
        ledger_free(ledger);
        return -ENOMEM;
    }
    *ret = ledger;
    return 0;
}

void ledger_free(struct ledger *ledger)
{
    if (!ledger)
        return;
    for (size_t i = 0; ledger->arrivals && i < shared_places(ledger); i++)
        free(ledger->arrivals[i].numbers);
    for (size_t i = 0; ledger->last && i < all_places(ledger); i++)
        free(ledger->last[i].numbers);
    free(ledger->arrivals);
    free(ledger->last);
    free(ledger->entries);
    free(ledger->seen);
    free(ledger->text);
    free(ledger);
}

static int reserve(void *array, size_t size, size_t need, size_t *room)
{
    void **at = array, *more;
    size_t wanted = *room ? *room : 1024;

    if (need <= *room)
        return 0;
    while (wanted < need)
        wanted *= 2;
    more = realloc(*at, wanted * size);
    if (!more)
        return -ENOMEM;
    *at = more;
    *room = wanted;
    return 0;
}

static struct bytes write_text(struct ledger *ledger, uint32_t number)
{
    struct writer writer;

    memset(ledger->text, 'x', ledger->size);
    writer_init(&writer, ledger->text, ledger->size);
    writer_text(&writer, MAGIC " ");
    writer_u64(&writer, ledger->run);
    writer_char(&writer, ' ');
    writer_u64(&writer, number);
    writer_char(&writer, ' ');
    return (struct bytes){.data = ledger->text, .len = ledger->size};
}

long ledger_enter(struct ledger *ledger, uint32_t sender, struct target target, uint64_t now_us,
                  struct bytes *ret_text)
{
    size_t places = target_places(ledger, target);
    uint32_t number = (uint32_t)ledger->entry_count;

    if (reserve(&ledger->entries, sizeof(*ledger->entries), ledger->entry_count + 1,
                &ledger->entry_room) < 0 ||
        reserve(&ledger->seen, 1, ledger->seen_count + places, &ledger->seen_room) < 0)
        return -ENOMEM;
    ledger->entries[ledger->entry_count++] = (struct entry){
        .sent_us = now_us,
        .first_seen = ledger->seen_count,
        .sender = sender,
        .target = target,
    };
    memset(ledger->seen + ledger->seen_count, 0, places);
    ledger->seen_count += places;
    ledger->counts.sent++;
    *ret_text = write_text(ledger, number);
    return number;
}

void ledger_answer(struct ledger *ledger, uint32_t number, enum ledger_answer answer,
                   uint64_t now_us)
{
    struct entry *entry = &ledger->entries[number];

    switch (answer) {
    case LEDGER_ACKNOWLEDGED:
        entry->state = STATE_ACKNOWLEDGED;
        ledger->counts.acknowledged++;
        ledger->owed += expected(ledger, entry) - entry->arrived;
        histogram_add(&ledger->answer_us, now_us - entry->sent_us);
        break;
    case LEDGER_REFUSED:
        entry->state = STATE_REFUSED;
        ledger->counts.refused++;
        ledger->counts.unexpected += entry->arrived;
        break;
    case LEDGER_UNACKNOWLEDGED:
        entry->state = STATE_UNACKNOWLEDGED;
        ledger->counts.unacknowledged++;
        break;
    }
}

/* -- delivering ------------------------------------------------------------------------------- */

/* The number of the message that `text` is. 0, -ENOENT when it belongs to another run, -EBADMSG. */
static int read_text(struct ledger *ledger, struct bytes text, uint32_t *ret)
{
    struct reader reader;
    struct bytes magic, run, number, whole;
    uint64_t run_id, value;

    reader_init(&reader, text);
    magic = reader_field(&reader, ' ');
    run = reader_field(&reader, ' ');
    number = reader_field(&reader, ' ');
    if (reader.error || !bytes_is(magic, MAGIC) || bytes_to_u64(run, UINT64_MAX, &run_id) < 0 ||
        run_id != ledger->run)
        return -ENOENT;
    if (bytes_to_u64(number, UINT32_MAX, &value) < 0 || value >= ledger->entry_count)
        return -EBADMSG;
    whole = write_text(ledger, (uint32_t)value);
    if (!bytes_equal(whole, text))
        return -EBADMSG;
    *ret = (uint32_t)value;
    return 0;
}

static int append(struct arrivals *arrivals, uint32_t number)
{
    if ((arrivals->count & (arrivals->count - 1)) == 0) {
        size_t room = arrivals->count ? arrivals->count * 2 : 1;
        uint32_t *more = realloc(arrivals->numbers, room * sizeof(*more));
        if (!more)
            return -ENOMEM;
        arrivals->numbers = more;
    }
    arrivals->numbers[arrivals->count++] = number;
    return 0;
}

static int check_order(struct ledger *ledger, const struct entry *entry, uint32_t number,
                       size_t place)
{
    struct last *last = &ledger->last[target_first(ledger, entry->target) + place];

    if (!last->numbers) {
        last->numbers = calloc(ledger->senders, sizeof(*last->numbers));
        if (!last->numbers)
            return -ENOMEM;
    }
    if (last->numbers[entry->sender] > number + 1)
        ledger->counts.out_of_order++;
    else
        last->numbers[entry->sender] = number + 1;
    if (entry->target.kind == TARGET_USER)
        return 0;
    return append(&ledger->arrivals[target_first(ledger, entry->target) + place], number);
}

int ledger_deliver(struct ledger *ledger, uint32_t receiver, struct bytes sender, struct bytes text,
                   uint64_t now_us)
{
    struct entry *entry;
    uint32_t number;
    size_t place;
    uint8_t *seen;
    int r = read_text(ledger, text, &number);

    if (r == -ENOENT)
        ledger->counts.foreign++;
    if (r == -EBADMSG)
        ledger->counts.damaged++;
    if (r < 0)
        return 0;
    entry = &ledger->entries[number];
    place = target_find(ledger, entry->target, receiver);
    if (place == NOT_FOR || !is_for(entry, receiver) || entry->state == STATE_REFUSED ||
        !bytes_is(sender, ledger->roster->users[entry->sender].userid)) {
        ledger->counts.unexpected++;
        return 0;
    }
    seen = &ledger->seen[entry->first_seen + place];
    if (*seen > 0) {
        ledger->counts.repeated++;
        return 0;
    }
    *seen = 1;
    entry->arrived++;
    ledger->counts.delivered++;
    if (entry->state == STATE_ACKNOWLEDGED)
        ledger->owed--;
    histogram_add(&ledger->delivery_us, now_us - entry->sent_us);
    if (entry->arrived == expected(ledger, entry))
        histogram_add(&ledger->last_us, now_us - entry->sent_us);
    return check_order(ledger, entry, number, place);
}

void ledger_damaged(struct ledger *ledger)
{
    ledger->counts.damaged++;
}

uint64_t ledger_owed(const struct ledger *ledger)
{
    return ledger->owed;
}

const struct ledger_counts *ledger_counts(const struct ledger *ledger)
{
    return &ledger->counts;
}

const struct histogram *ledger_answer_us(const struct ledger *ledger)
{
    return &ledger->answer_us;
}

const struct histogram *ledger_delivery_us(const struct ledger *ledger)
{
    return &ledger->delivery_us;
}

const struct histogram *ledger_last_us(const struct ledger *ledger)
{
    return &ledger->last_us;
}

/* -- closing ---------------------------------------------------------------------------------- */

/* Merging the orders of a conversation's places: a message can be taken once it is at the head of
 * every order that contains it. If none can, the orders contradict each other. */
struct merge {
    struct arrivals *orders;
    size_t *heads;
    size_t count;
    uint32_t *containing; /* by message: orders that contain it */
    uint32_t *leading;    /* by message: orders whose head it is */
};

/* Message `number` has become the head of one more order. */
static void lead(struct merge *merge, size_t order, uint32_t *ready, size_t *ready_count)
{
    uint32_t number;

    if (merge->heads[order] == merge->orders[order].count)
        return;
    number = merge->orders[order].numbers[merge->heads[order]];
    if (++merge->leading[number] == merge->containing[number])
        ready[(*ready_count)++] = number;
}

static bool orders_agree(struct merge *merge, uint32_t *ready)
{
    size_t ready_count = 0, left = 0;

    for (size_t i = 0; i < merge->count; i++) {
        left += merge->orders[i].count;
        for (size_t j = 0; j < merge->orders[i].count; j++)
            merge->containing[merge->orders[i].numbers[j]]++;
    }
    for (size_t i = 0; i < merge->count; i++)
        lead(merge, i, ready, &ready_count);
    while (ready_count > 0) {
        uint32_t number = ready[--ready_count];
        for (size_t i = 0; i < merge->count; i++) {
            const struct arrivals *order = &merge->orders[i];
            if (merge->heads[i] == order->count || order->numbers[merge->heads[i]] != number)
                continue;
            merge->heads[i]++;
            left--;
            lead(merge, i, ready, &ready_count);
        }
    }
    return left == 0;
}

static int compare_orders(struct ledger *ledger, struct target target)
{
    size_t entries = ledger->entry_count + 1, places = target_places(ledger, target);
    uint32_t *scratch = calloc(3 * entries, sizeof(*scratch));
    struct merge merge = {
        .orders = &ledger->arrivals[target_first(ledger, target)],
        .heads = calloc(places + 1, sizeof(*merge.heads)),
        .count = places,
        .containing = scratch,
        .leading = scratch ? scratch + entries : NULL,
    };
    int r = -ENOMEM;

    if (scratch && merge.heads) {
        if (!orders_agree(&merge, scratch + 2 * entries))
            ledger->counts.contradictions++;
        r = 0;
    }
    free(merge.heads);
    free(scratch);
    return r;
}

int ledger_close(struct ledger *ledger)
{
    int r = compare_orders(ledger, (struct target){.kind = TARGET_EVERYONE});

    for (size_t i = 0; r == 0 && i < ledger->roster->room_count; i++)
        r = compare_orders(ledger, (struct target){.kind = TARGET_ROOM, .index = (uint32_t)i});
    ledger->counts.lost = ledger->owed;
    return r;
}
