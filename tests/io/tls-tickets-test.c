/* Tickets: who comes again is known, over a reload too, and from any thread.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls-fixture.h"

#include <pthread.h>

/* One session from handshake to end: whether it was resumed. */
static bool visit(struct tls_context *server, struct tls_context *client, const char *host,
                  bool in_order)
{
    struct talk talk;
    talk_begin(&talk, tls_context_ref(server), tls_context_ref(client), host);
    talk_shake(&talk);
    assert_int_equal(talk.server_result, 1);
    assert_int_equal(talk.client_result, 1);
    talk_pass(talk.server, talk.client, "the ticket comes before this");
    bool resumed = tls_session_resumed(talk.client);
    assert_int_equal(tls_session_resumed(talk.server), resumed);
    if (in_order)
        assert_int_equal(tls_session_shutdown(talk.client), 0);
    talk_end(&talk);
    return resumed;
}

static void test_second_visit_is_cut_short(void **state)
{
    (void)state;
    struct tls_context *server = plain_server(), *client = trusting_client();
    assert_false(visit(server, client, "localhost", true));
    assert_true(visit(server, client, "localhost", true));
    assert_true(visit(server, client, "localhost", false)); /* cut off */
    assert_true(visit(server, client, "localhost", true));
    assert_false(visit(server, client, "127.0.0.1", true));
    assert_false(visit(server, client, NULL, true));
    assert_false(visit(server, client, NULL, true));
    tls_context_unref(server);
    tls_context_unref(client);
}

static void test_resumed_session_tells_the_fingerprint(void **state)
{
    (void)state;
    uint8_t fingerprint[TLS_FINGERPRINT_LEN], own[TLS_FINGERPRINT_LEN];
    struct tls_context *server = plain_server(), *client = trusting_client();
    struct talk talk;
    tls_context_fingerprint(server, own);
    (void)visit(server, client, "localhost", true);
    talk_begin(&talk, server, client, "localhost");
    talk_shake(&talk);
    assert_true(tls_session_resumed(talk.client));
    assert_true(tls_session_fingerprint(talk.client, fingerprint));
    assert_memory_equal(fingerprint, own, sizeof own);
    talk_end(&talk);
}

static void test_few_hosts_are_remembered(void **state)
{
    (void)state;
    struct tls_context *server = plain_server(), *client = trusting_client();
    char host[] = "host-a";
    for (; host[5] < 'a' + 20; host[5]++)
        assert_false(visit(server, client, host, true));
    assert_false(visit(server, client, "host-a", true));
    assert_true(visit(server, client, "host-t", true));
    tls_context_unref(server);
    tls_context_unref(client);
}

/* The same again after a reload, unless what peers are judged by has changed. */
static void test_tickets_over_a_reload(void **state)
{
    (void)state;
    struct tls_server_config config = {.certificate = localhost->certificate_file,
                                       .key = localhost->key_file,
                                       .ca = authority->certificate_file,
                                       .peers = TLS_PEERS_OPTIONAL};
    struct tls_context *client = client_context(&(struct tls_client_config){
        .certificate = alice->certificate_file, .key = alice->key_file});
    struct tls_context *first = server_context(&config);
    assert_false(visit(first, client, "localhost", true));
    struct tls_context *stranger_to_it = server_context(&config);
    assert_false(visit(stranger_to_it, client, "localhost", true));
    assert_false(visit(first, client, "localhost", true));
    config.previous = first;
    struct tls_context *second = server_context(&config);
    assert_true(visit(second, client, "localhost", true));
    config.previous = second;
    config.crl = pki_crl("reload.pem", authority, NULL);
    struct tls_context *third = server_context(&config);
    assert_false(visit(third, client, "localhost", true));
    config.previous = third;
    config.peers = TLS_PEERS_REQUIRED;
    struct tls_context *fourth = server_context(&config);
    assert_false(visit(fourth, client, "localhost", true));
    assert_true(visit(fourth, client, "localhost", true));
    struct tls_context *all[] = {client, first, stranger_to_it, second, third, fourth};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        tls_context_unref(all[i]);
}

/* Several threads of one process resume with one context. */
static struct tls_context *shared_server, *shared_client;

static void *visit_often(void *failed)
{
    for (int i = 0; i < 50; i++)
        if (!visit(shared_server, shared_client, "localhost", i % 3 != 0))
            ++*(unsigned *)failed;
    return NULL;
}

static void test_threads_share_a_context(void **state)
{
    (void)state;
    pthread_t threads[4];
    unsigned failed[ARRAY_SIZE(threads)] = {0};
    shared_server = plain_server();
    shared_client = trusting_client();
    (void)visit(shared_server, shared_client, "localhost", true);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit_often, &failed[i]), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(failed[i], 0);
    }
    tls_context_unref(shared_server);
    tls_context_unref(shared_client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_visit_is_cut_short),
        cmocka_unit_test(test_resumed_session_tells_the_fingerprint),
        cmocka_unit_test(test_few_hosts_are_remembered),
        cmocka_unit_test(test_tickets_over_a_reload),
        cmocka_unit_test(test_threads_share_a_context),
    };
    return cmocka_run_group_tests_name("tls-tickets", tests, tls_setup, tls_teardown);
}
