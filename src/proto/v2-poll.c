/* Version 2 of the wire: the signed poll and its answer. A datagram is one or none: no terminator
 * and nothing after the MAC.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/field.h"
#include "proto/v2.h"
#include "util/cursor.h"

#include <assert.h>
#include <errno.h>

static const char poll_verb[] = "poll2";
static const char polled_verb[] = "polled";

static const char *const states[V2_STATE_COUNT] = {
    [V2_STATE_IDLE] = "idle",
    [V2_STATE_PUSHING] = "pushing",
    [V2_STATE_UNREACHABLE] = "unreachable",
    [V2_STATE_UNKNOWN] = "unknown",
};

const char *v2_state_name(enum v2_state state)
{
    assert(state < V2_STATE_COUNT);
    return states[state];
}

int v2_parse_poll(struct bytes datagram, struct v2_poll *ret, const char **ret_reason)
{
    struct reader reader;
    struct v2_poll poll;
    uint64_t port;
    int r;

    if (datagram.len > V2_POLL_MAX)
        return field_refuse(-EBADMSG, "the poll is too long; it may have at most 256 bytes",
                            ret_reason);
    reader_init(&reader, datagram);
    struct bytes verb = reader_field(&reader, ':');
    poll.session = reader_field(&reader, ':');
    struct bytes time = reader_field(&reader, ':');
    struct bytes port_text = reader_field(&reader, ':');
    struct bytes mac = reader_rest(&reader);
    if (reader.error || !bytes_is(verb, poll_verb))
        return field_refuse(
            -EBADMSG, "this is no poll; it is poll2:<session>:<time ms>:<port>:<mac>", ret_reason);
    if ((r = field_check(FIELD_SESSION, poll.session, ret_reason)) < 0 ||
        (r = field_parse_number(NUMBER_TIME, time, &poll.time_ms, ret_reason)) < 0 ||
        (r = field_parse_number(NUMBER_PORT, port_text, &port, ret_reason)) < 0 ||
        (r = field_parse_hex(HEX_MAC, mac, poll.mac, ret_reason)) < 0)
        return -EBADMSG;
    poll.port = (uint16_t)port;
    poll.signed_part = (struct bytes){
        .data = datagram.data, .len = (size_t)(port_text.data + port_text.len - datagram.data)};
    *ret = poll;
    return 0;
}
_Static_assert(V2_POLL_MAX == 256, "the sentence names it");

static int parse_state(struct bytes name, enum v2_state *ret)
{
    for (int i = 0; i < V2_STATE_COUNT; i++) {
        if (bytes_is(name, states[i])) {
            *ret = (enum v2_state)i;
            return 0;
        }
    }
    return -EBADMSG;
}

int v2_parse_polled(struct bytes datagram, struct v2_polled *ret)
{
    struct reader reader;
    struct v2_polled polled;

    if (datagram.len > V2_POLL_MAX)
        return -EBADMSG;
    reader_init(&reader, datagram);
    struct bytes verb = reader_field(&reader, ':');
    polled.session = reader_field(&reader, ':');
    struct bytes state = reader_field(&reader, ':');
    struct bytes mac = reader_rest(&reader);
    if (reader.error || !bytes_is(verb, polled_verb) ||
        field_check(FIELD_SESSION, polled.session, NULL) < 0 ||
        parse_state(state, &polled.state) < 0 ||
        field_parse_hex(HEX_MAC, mac, polled.mac, NULL) < 0)
        return -EBADMSG;
    *ret = polled;
    return 0;
}

bool v2_poll_verify(const struct v2_poll *poll, const uint8_t key[V2_KEY_LEN])
{
    uint8_t mac[V2_MAC_LEN];

    v2_mac(key, poll->signed_part, mac);
    return v2_mac_equal(mac, poll->mac);
}

/* "polled:<session>:<state>:"; signed, the time of the poll follows it, sent, the MAC. */
static void write_polled(struct writer *writer, struct bytes session, enum v2_state state)
{
    writer_text(writer, polled_verb);
    writer_char(writer, ':');
    writer_bytes(writer, session);
    writer_char(writer, ':');
    writer_text(writer, v2_state_name(state));
    writer_char(writer, ':');
}

static void mac_polled(struct bytes session, enum v2_state state, uint64_t poll_time_ms,
                       const uint8_t key[V2_KEY_LEN], uint8_t ret[V2_MAC_LEN])
{
    char data[V2_POLL_MAX];
    struct writer writer;

    writer_init(&writer, data, sizeof(data));
    write_polled(&writer, session, state);
    writer_u64(&writer, poll_time_ms);
    assert(!writer.error); /* sessions are no longer than V2_SESSION_MAX */
    v2_mac(key, (struct bytes){.data = data, .len = writer.len}, ret);
}

bool v2_polled_verify(const struct v2_polled *polled, uint64_t poll_time_ms,
                      const uint8_t key[V2_KEY_LEN])
{
    uint8_t mac[V2_MAC_LEN];

    mac_polled(polled->session, polled->state, poll_time_ms, key, mac);
    return v2_mac_equal(mac, polled->mac);
}

static void write_poll(struct writer *writer, struct bytes session, uint64_t time_ms, uint16_t port)
{
    writer_text(writer, poll_verb);
    writer_char(writer, ':');
    writer_bytes(writer, session);
    writer_char(writer, ':');
    writer_u64(writer, time_ms);
    writer_char(writer, ':');
    writer_u64(writer, port);
}

long v2_build_poll(struct bytes session, uint64_t time_ms, uint16_t port,
                   const uint8_t key[V2_KEY_LEN], char *out, size_t size)
{
    uint8_t mac[V2_MAC_LEN];
    struct writer writer;

    if (field_check(FIELD_SESSION, session, NULL) < 0 ||
        field_check_number(NUMBER_TIME, time_ms, NULL) < 0 ||
        field_check_number(NUMBER_PORT, port, NULL) < 0)
        return -EINVAL;
    writer_init(&writer, out, size);
    write_poll(&writer, session, time_ms, port);
    if (writer.error)
        return writer.error;
    v2_mac(key, (struct bytes){.data = out, .len = writer.len}, mac);
    writer_char(&writer, ':');
    field_write_hex(&writer, HEX_MAC, mac);
    return writer.error ? writer.error : (long)writer.len;
}

/* Bytes of the shortest poll with this session and time. */
static size_t shortest_poll(struct bytes session, uint64_t time_ms)
{
    char data[V2_POLL_MAX];
    struct writer writer;

    writer_init(&writer, data, sizeof(data));
    write_poll(&writer, session, time_ms, 0);
    return writer.len + strlen(":") + field_hex_max(HEX_MAC);
}

long v2_build_polled(struct bytes session, enum v2_state state, uint64_t poll_time_ms,
                     const uint8_t key[V2_KEY_LEN], char *out, size_t size)
{
    uint8_t mac[V2_MAC_LEN];
    struct writer writer;

    if (field_check(FIELD_SESSION, session, NULL) < 0 || state >= V2_STATE_COUNT ||
        field_check_number(NUMBER_TIME, poll_time_ms, NULL) < 0)
        return -EINVAL;
    writer_init(&writer, out, size);
    write_polled(&writer, session, state);
    mac_polled(session, state, poll_time_ms, key, mac);
    field_write_hex(&writer, HEX_MAC, mac);
    if (writer.error)
        return writer.error;
    /* Whoever forges a source address must gain nothing by it. */
    return writer.len > shortest_poll(session, poll_time_ms) ? -EINVAL : (long)writer.len;
}
