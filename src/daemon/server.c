/* The daemon as a whole.
 *
 * Built up in the order of struct server, taken down from the outside in: first nothing comes in,
 * then storage and the hash pool give back everything they hold, and only then goes what their
 * callbacks point to.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/server.h"

#include "admin/admin.h"
#include "admin/settings.h"
#include "daemon/connections.h"
#include "daemon/control.h"
#include "daemon/identity.h"
#include "daemon/messages.h"
#include "daemon/outlet.h"
#include "daemon/report.h"
#include "daemon/retention.h"
#include "daemon/service.h"
#include "daemon/settings.h"
#include "daemon/signals.h"
#include "daemon/sockets.h"
#include "io/udp-port.h"
#include "proto/v1.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#define FIRST_CONNECT_US (2 * USEC_PER_SEC)    /* that storage may take before it counts as away */
#define TICK_US          (100 * USEC_PER_MSEC) /* between two calls of bll_tick() */
#define DAY_US           (24ULL * 60 * 60 * USEC_PER_SEC)
#define STATUS_TICKS     10                    /* ticks between two looks at rates and status */
#define STOP_US          (3 * USEC_PER_SEC)    /* time to finish what is under way */
#define STOP_STREAMS_US  (500 * USEC_PER_MSEC) /* of it for acknowledgements on their way */
#define STOP_CHECK_US    (10 * USEC_PER_MSEC)

struct server {
    struct daemon_config config;
    const char *config_file;
    struct identity identity;
    uint64_t started_us;
    struct metrics metrics;
    struct rates rates;
    struct loop *loop;
    struct signals signals;
    struct sockets sockets;
    struct password_pool *pool;
    struct loop_source pool_source;
    bool storage_open;
    bool storage_tried; /* every thread has connected, or found that it cannot */
    struct loop_source storage_source;
    struct pusher *pusher;
    struct dials dials;
    struct outlet outlet;
    struct bll *bll;
    struct udp_port *ports[SOCKETS_MAX];
    unsigned port_count;
    struct connections connections;
    struct admin *admin;
    struct control control;
    struct service service;
    struct loop_timer tick, daily;
    struct retention retention;
    unsigned ticks;
    struct loop_timer stop_check;
    uint64_t stop_deadline_us; /* 0 while it serves */
};

/* -- reporting -------------------------------------------------------------------------------- */

static struct report report_of(const struct server *server)
{
    return (struct report){
        .bll = server->bll,
        .metrics = &server->metrics,
        .rates = &server->rates,
        .pool = server->pool,
        .certificate = &server->identity.certificate,
        .uptime_us = loop_now(server->loop) - server->started_us,
        .connections = &server->connections,
        .pushes = pusher_active(server->pusher),
        .dials = dials_active(&server->dials),
        .control_connections = server->control.connection_count,
    };
}

static void add_status(void *userdata, json_t *into)
{
    struct report report = report_of(userdata);
    report_add(&report, into);
}

static json_t *clients(void *userdata, const struct admin_clients *asked)
{
    const struct server *server = userdata;
    return report_clients(server->bll, asked);
}

static void tell_status(struct server *server)
{
    char line[SERVICE_STATUS_MAX];
    struct report report = report_of(server);
    report_line(&report, line, sizeof line);
    service_status(&server->service, line);
}

/* -- certificate and secret ------------------------------------------------------------------- */

static int open_identity(struct server *server)
{
    char *error = NULL;
    int r = identity_load(&server->config, NULL, &server->identity, &error);
    if (r < 0)
        settings_log_mistakes(error);
    else
        certificate_log(&server->identity.certificate);
    free(error);
    return r;
}

static void daily(void *userdata)
{
    struct server *server = userdata;
    certificate_warn(&server->identity.certificate);
    int r = loop_timer_set(server->loop, &server->daily, loop_now(server->loop) + DAY_US);
    (void)r; /* the timer has had its place in the heap before */
}

/* -- storage and the hash pool ---------------------------------------------------------------- */

static void storage_ready(void *userdata, uint32_t events)
{
    dal_dispatch();
}

static void pool_ready(void *userdata, uint32_t events)
{
    password_pool_dispatch(userdata);
}

/* The storage unit logs it. */
static void storage_changed(void *userdata)
{
    struct server *server = userdata;
    if (server->bll != NULL)
        tell_status(server);
}

static int start_pool(struct server *server)
{
    struct password_cost cost = settings_password(&server->config);
    int r = password_pool_new((unsigned)server->config.password.threads,
                              (unsigned)server->config.password.queue, &cost, &server->pool);
    if (r == 0)
        r = loop_add(server->loop, &server->pool_source, password_pool_fd(server->pool), EPOLLIN,
                     pool_ready, server->pool);
    if (r < 0)
        log_error("the threads for passwords cannot be started: %s", strerror(-r));
    return r;
}

static void answered(void *userdata, enum dal_outcome outcome)
{
    *(bool *)userdata = true;
}

/* Storage takes a moment to connect, or to find that it cannot; who came meanwhile would be refused
 * for nothing. Nothing is served yet, so waiting is allowed here. */
static void await_storage(struct server *server)
{
    uint64_t now = clock_monotonic_us(), end = now + FIRST_CONNECT_US;
    struct pollfd fd = {.fd = dal_fd(), .events = POLLIN};
    bool *done = &server->storage_tried;
    if (dal_ping(answered, done) < 0)
        return;
    for (; !*done && now < end; now = clock_monotonic_us()) {
        if (poll(&fd, 1, (int)((end - now) / USEC_PER_MSEC) + 1) > 0)
            dal_dispatch();
    }
}

static int open_storage(struct server *server)
{
    char *password = NULL, *error = NULL;
    int r = daemon_config_mysql_password(&server->config, &password, &error);
    if (r == 0) {
        struct dal_config config = settings_storage(&server->config, password);
        r = dal_open(&config, &error);
        server->storage_open = r == 0;
    }
    if (r < 0)
        log_error("storage cannot be opened: %s", error != NULL ? error : strerror(-r));
    free(error);
    daemon_config_free_secret(password);
    if (r < 0)
        return r;
    await_storage(server);
    dal_on_state(storage_changed, server);
    return loop_add(server->loop, &server->storage_source, dal_fd(), EPOLLIN, storage_ready, NULL);
}

/* -- logic, ports, connections, control ------------------------------------------------------- */

static int start_logic(struct server *server)
{
    struct pusher_limits limits = settings_pusher(&server->config);
    struct dialer_limits dials = settings_dialer(&server->config);
    int r = pusher_new(server->loop, &limits, &server->metrics, &server->pusher);
    if (r == 0)
        r = dials_init(&server->dials, server->loop, &dials, &server->connections);
    if (r < 0)
        return r;
    outlet_init(&server->outlet, server->loop, server->pusher, &server->dials);
    struct bll_config config = settings_bll(&server->config, server->identity.secret);
    struct bll_outlet outlet = outlet_interface(&server->outlet);
    r = bll_new(&config, &outlet, server->pool, &server->metrics, &server->bll);
    explicit_bzero(config.secret, sizeof config.secret);
    server->outlet.bll = server->dials.bll = server->bll;
    return r;
}

static size_t datagram(void *userdata, const struct addr *from, struct bytes datagram, char *answer,
                       size_t size)
{
    return bll_datagram(userdata, from, datagram, answer, size);
}

static int open_ports(struct server *server)
{
    for (unsigned i = 0; i < server->sockets.count[SOCKET_POLLS]; i++) {
        int fd = sockets_take(&server->sockets, SOCKET_POLLS, i);
        int r = udp_port_new(server->loop, fd, V1_POLL_MAX, &server->metrics, datagram, server->bll,
                             &server->ports[i]);
        if (r < 0) {
            server->sockets.fds[SOCKET_POLLS][i] = fd;
            return r;
        }
        server->port_count++;
    }
    return 0;
}

static void account_changed(void *userdata, struct bytes userid)
{
    struct server *server = userdata;
    bll_account_changed(server->bll, userid);
}

static bool kick(void *userdata, struct bytes userid, const char *reason)
{
    struct server *server = userdata;
    return bll_kick(server->bll, userid, reason);
}

static uint64_t present(void *userdata, uint64_t conversation)
{
    struct server *server = userdata;
    return bll_present_members(server->bll, conversation);
}

static void stored(void *userdata, struct message *message)
{
    struct server *server = userdata;
    bll_stored(server->bll, message);
}

static int start_control(struct server *server)
{
    const struct admin_hooks hooks = {.account_changed = account_changed,
                                      .status = add_status,
                                      .clients = clients,
                                      .kick = kick,
                                      .present = present,
                                      .stored = stored,
                                      .userdata = server};
    int r = admin_new(server->pool, &hooks, &server->admin);
    if (r < 0)
        return r;
    return control_init(&server->control, server->loop, server->admin, &server->sockets);
}

/* -- the clock -------------------------------------------------------------------------------- */

static void tick(void *userdata)
{
    struct server *server = userdata;
    bll_tick(server->bll);
    connections_tick(&server->connections);
    if (++server->ticks % STATUS_TICKS == 0) {
        rates_take(&server->rates, &server->metrics, loop_now(server->loop));
        tell_status(server);
    }
    if (loop_timer_set(server->loop, &server->tick, loop_now(server->loop) + TICK_US) < 0)
        loop_stop(server->loop, -ENOMEM);
}

/* -- stopping --------------------------------------------------------------------------------- */

static void close_ports(struct server *server)
{
    while (server->port_count > 0)
        udp_port_free(server->ports[--server->port_count]);
}

static void check_stopped(void *userdata)
{
    struct server *server = userdata;
    uint64_t now = loop_now(server->loop);
    connections_finish(&server->connections,
                       now + STOP_US - STOP_STREAMS_US >= server->stop_deadline_us);
    unsigned connections = server->connections.count;
    unsigned pushes = pusher_active(server->pusher);
    bool stored = bll_flush_cursors(server->bll);
    bool late = now >= server->stop_deadline_us;
    if (late && (connections > 0 || pushes > 0))
        log_warning("stopping with %u connections and %u pushes not finished", connections, pushes);
    if (late || (connections == 0 && pushes == 0 && stored))
        loop_stop(server->loop, 0);
    else if (loop_timer_set(server->loop, &server->stop_check,
                            loop_now(server->loop) + STOP_CHECK_US) < 0)
        loop_stop(server->loop, -ENOMEM);
}

/* A second signal does not wait. */
static void stop(struct server *server)
{
    if (server->stop_deadline_us != 0) {
        loop_stop(server->loop, 0);
        return;
    }
    log_notice("stopping");
    service_stopping();
    retention_stop(&server->retention);
    server->stop_deadline_us = loop_now(server->loop) + STOP_US;
    bll_quiesce(server->bll);
    close_ports(server);
    control_stop(&server->control);
    check_stopped(server);
}

/* -- reloading -------------------------------------------------------------------------------- */

/* Takes over `config` and `identity`. */
static int apply(struct server *server, struct daemon_config *config, struct identity *identity)
{
    struct bll_config logic = settings_bll(config, identity->secret);
    int r = bll_reconfigure(server->bll, &logic);
    explicit_bzero(logic.secret, sizeof logic.secret);
    if (r == 0)
        r = retention_configure(&server->retention, config);
    if (r < 0)
        return r;
    struct password_cost cost = settings_password(config);
    struct pusher_limits pushes = settings_pusher(config);
    password_pool_set_cost(server->pool, &cost);
    pusher_set_limits(server->pusher, &pushes);
    struct dialer_limits dials = settings_dialer(config);
    dials_set_limits(&server->dials, &dials);
    connections_configure(&server->connections, config, identity->certificate.context);
    log_set_level(daemon_config_priority(config));
    daemon_config_deinit(&server->config);
    server->config = *config;
    identity_deinit(&server->identity);
    server->identity = *identity;
    certificate_log(&server->identity.certificate);
    return 0;
}

/* Everything new is read before anything of it holds. */
static int take_up(struct server *server, char **ret_error)
{
    struct daemon_config config;
    struct identity identity = {0};
    int r = daemon_config_load(server->config_file, &config, ret_error);
    if (r < 0)
        return r;
    r = settings_keep_fixed(&config, &server->config);
    if (r == 0)
        r = identity_load(&config, &server->identity, &identity, ret_error);
    if (r == 0)
        r = apply(server, &config, &identity);
    if (r < 0) {
        identity_deinit(&identity);
        daemon_config_deinit(&config);
    }
    return r;
}

static void reload(struct server *server)
{
    char *error = NULL;
    service_reloading();
    int r = take_up(server, &error);
    if (r < 0) {
        settings_log_mistakes(error);
        log_catalogued(LOG_ERR, MESSAGE_BAD_CONFIG, "reload: the configuration in force stays so");
    } else {
        log_notice("reload: the new configuration is in force");
    }
    free(error);
    service_ready();
}

static void signalled(void *userdata, int signo)
{
    struct server *server = userdata;
    if (signo != SIGHUP)
        stop(server);
    else if (server->stop_deadline_us == 0)
        reload(server);
}

/* -- the whole -------------------------------------------------------------------------------- */

static int start_loop(struct server *server)
{
    int r = loop_new(&server->loop);
    if (r < 0)
        return r;
    server->started_us = loop_now(server->loop);
    loop_timer_init(&server->tick, tick, server);
    loop_timer_init(&server->daily, daily, server);
    loop_timer_init(&server->stop_check, check_stopped, server);
    retention_init(&server->retention, server->loop, &server->metrics);
    return signals_init(&server->signals, server->loop, signalled, server);
}

static int start_outside(struct server *server)
{
    int r = open_ports(server);
    if (r == 0)
        r = connections_init(&server->connections, server->loop, server->bll, &server->metrics,
                             &server->config, server->identity.certificate.context,
                             &server->sockets);
    if (r == 0)
        r = start_control(server);
    if (r == 0)
        r = service_init(&server->service, server->loop);
    if (r == 0)
        r = loop_timer_set(server->loop, &server->tick, loop_now(server->loop) + TICK_US);
    if (r == 0)
        r = loop_timer_set(server->loop, &server->daily, loop_now(server->loop) + DAY_US);
    if (r == 0)
        r = retention_configure(&server->retention, &server->config);
    return r;
}

static int start(struct server *server)
{
    int r = start_loop(server);
    if (r == 0) {
        r = sockets_init(&server->sockets, &server->config);
        if (r < 0)
            return r; /* said why */
        if ((r = open_identity(server)) < 0 || (r = start_pool(server)) < 0 ||
            (r = open_storage(server)) < 0)
            return r;
        r = start_logic(server);
    }
    if (r == 0)
        r = start_outside(server);
    if (r < 0)
        log_error("cannot start: %s", strerror(-r));
    return r;
}

int server_new(struct daemon_config *config, const char *config_file, struct server **ret)
{
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        daemon_config_deinit(config);
        return -ENOMEM;
    }
    server->config = *config;
    server->config_file = config_file;
    int r = start(server);
    if (r < 0)
        server_free(server);
    else
        *ret = server;
    return r;
}

static void log_sockets(const struct server *server)
{
    const char *rest = server->sockets.addresses;
    while (*rest != '\0') {
        size_t len = strcspn(rest, "\n");
        log_info("%.*s", (int)len, rest);
        rest += len + (rest[len] != '\0');
    }
}

int server_run(struct server *server)
{
    log_sockets(server);
    int r = sockets_announce(&server->sockets, &server->config);
    if (r < 0)
        return r;
    tell_status(server);
    service_ready();
    log_notice("multichatd " PACKAGE_VERSION " is ready");
    r = loop_run(server->loop);
    if (r < 0)
        log_error("the event loop failed: %s", strerror(-r));
    return r;
}

/* No more comes in, and pushes that are left have failed. */
static void close_outside(struct server *server)
{
    service_deinit(&server->service);
    loop_timer_cancel(server->loop, &server->tick);
    loop_timer_cancel(server->loop, &server->daily);
    loop_timer_cancel(server->loop, &server->stop_check);
    retention_stop(&server->retention);
    close_ports(server);
    control_stop(&server->control);
    if (server->bll != NULL)
        bll_quiesce(server->bll);
    connections_deinit(&server->connections);
    dials_deinit(&server->dials);
    pusher_free(server->pusher);
    if (server->bll != NULL) {
        outlet_abandon(&server->outlet);
        (void)!bll_flush_cursors(server->bll);
    }
}

/* Everything that is queued is called back by dal_close() and admin_free(). */
static void close_inside(struct server *server)
{
    loop_remove(server->loop, &server->storage_source);
    loop_remove(server->loop, &server->pool_source);
    if (server->storage_open)
        dal_close();
    password_pool_free(server->pool);
    admin_free(server->admin);
    bll_free(server->bll);
    outlet_deinit(&server->outlet);
    control_deinit(&server->control);
    signals_deinit(&server->signals);
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    if (server->loop != NULL) {
        close_outside(server);
        close_inside(server);
        if (loop_turn(server->loop, 0) < 0) /* what was closed is freed at the end of a turn */
            log_debug("the last turn of the loop failed");
        connections_free(&server->connections);
        loop_free(server->loop);
    }
    sockets_deinit(&server->sockets);
    identity_deinit(&server->identity);
    daemon_config_deinit(&server->config);
    free(server);
}
