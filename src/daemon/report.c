/* What the daemon tells about itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/report.h"

#include "dal/dal.h"
#include "util/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static json_t *counters(const struct metrics *metrics)
{
    json_t *object = json_object();
    for (int i = 0; object != NULL && i < METRIC_COUNT; i++)
        json_object_set_new(object, metric_name((enum metric)i),
                            json_integer((json_int_t)metrics->value[i]));
    return object;
}

static json_t *presence(const struct bll_status *status)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "accounts", (json_int_t)status->accounts,
                     "devices", (json_int_t)status->devices, "present", (json_int_t)status->present,
                     "pushing", (json_int_t)status->pushing, "streams", (json_int_t)status->streams,
                     "attached", (json_int_t)status->attached, "waiting",
                     (json_int_t)status->waiting, "recent_bytes", (json_int_t)status->tail_bytes);
}

static json_t *connections(const struct report *report)
{
    const struct connections *open = report->connections;
    return json_pack("{s:i,s:i,s:I,s:i,s:i,s:i}", "clients", (int)open->count, "tls",
                     (int)open->secure_count, "memory_bytes", (json_int_t)open->memory, "dialling",
                     (int)report->dials, "pushes", (int)report->pushes, "control",
                     (int)report->control_connections);
}

static json_t *queues(const struct report *report, const struct bll_status *status)
{
    struct dal_status storage;
    dal_status(&storage);
    return json_pack("{s:I,s:I,s:I}", "storage", (json_int_t)storage.queued, "passwords",
                     (json_int_t)password_pool_waiting(report->pool), "devices",
                     (json_int_t)status->waiting);
}

static json_t *tls(const struct certificate *certificate)
{
    char date[CERTIFICATE_DATE_MAX];
    return json_pack("{s:s,s:s,s:s}", "fingerprint", certificate->fingerprint, "source",
                     certificate->source, "expires", certificate_expires(certificate, date));
}

void report_add(const struct report *report, json_t *into)
{
    struct bll_status status;
    bll_status(report->bll, &status);
    json_object_set_new(into, "daemon",
                        json_pack("{s:s,s:I,s:I}", "version", PACKAGE_VERSION, "pid",
                                  (json_int_t)getpid(), "uptime_s",
                                  (json_int_t)(report->uptime_us / USEC_PER_SEC)));
    json_object_set_new(into, "tls", tls(report->certificate));
    json_object_set_new(into, "presence", presence(&status));
    json_object_set_new(into, "connections", connections(report));
    json_object_set_new(into, "queues", queues(report, &status));
    json_object_set_new(into, "rates", rates_to_json(report->rates));
    json_object_set_new(into, "counters", counters(report->metrics));
}

/* -- who is connected ------------------------------------------------------------------------- */

static const char *const reaches[] = {
    [BLL_REACH_POLLS] = "polls",         [BLL_REACH_PUSHED] = "pushed",
    [BLL_REACH_ATTACHED] = "attached",   [BLL_REACH_FAILED] = "unreachable",
    [BLL_REACH_SIGNED_ON] = "signed-on",
};

struct listing {
    json_t *clients;
    json_t *last; /* place */
};

static void list_client(void *userdata, const struct bll_client *client)
{
    struct listing *listing = userdata;
    json_int_t since_ms = (json_int_t)(clock_real_ms() - client->there_us / USEC_PER_MSEC);
    json_array_append_new(listing->clients,
                          json_pack("{s:s,s:s,s:i,s:s,s:s,s:I,s:I}", "userid", client->userid,
                                    "device", client->device, "version", (int)client->version,
                                    "address", client->address, "reached", reaches[client->reach],
                                    "since_ms", since_ms, "waiting", (json_int_t)client->waiting));
    json_decref(listing->last);
    listing->last = json_string(client->place);
}

json_t *report_clients(const struct bll *bll, const struct admin_clients *asked)
{
    const struct bll_clients_query query = {
        .after = asked->after, .max = asked->limit, .by_waiting = asked->by_waiting};
    struct listing listing = {.clients = json_array()};
    long count = bll_clients(bll, &query, list_client, &listing);
    json_t *answer = NULL;
    if (count >= 0)
        answer = json_pack("{s:b,s:O,s:I}", "ok", 1, "clients", listing.clients, "count",
                           (json_int_t)count);
    if (json_array_size(listing.clients) == asked->limit && !asked->by_waiting)
        json_object_set(answer, "next", listing.last);
    json_decref(listing.clients);
    json_decref(listing.last);
    return answer;
}

/* -- the service's status line ---------------------------------------------------------------- */

void report_line(const struct report *report, char *text, size_t size)
{
    struct dal_status storage;
    struct bll_status status;
    dal_status(&storage);
    bll_status(report->bll, &status);
    snprintf(text, size, "storage %s%s%s, %" PRIu64 " device%s present", storage.up ? "up" : "down",
             storage.trouble[0] != '\0' ? ": " : "", storage.trouble, status.present,
             status.present == 1 ? "" : "s");
}
