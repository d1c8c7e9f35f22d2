/* What TLS contexts are made of: files that are right, wrong, missing; and the self-signed pair.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Fails unless the context is refused with `result` and words that have `path` and `why` in them.
 */
static void expect_refusal(const struct tls_server_config *config, int result, const char *path,
                           const char *why)
{
    struct tls_context *context = NULL;
    char *error = NULL;
    assert_int_equal(tls_context_server(config, &context, &error), result);
    assert_null(context);
    assert_non_null(error);
    if (strstr(error, path) == NULL || strstr(error, why) == NULL)
        fail_msg("\"%s\" does not tell of %s: %s", error, path, why);
    free(error);
}

static struct tls_server_config good_config(void)
{
    return (struct tls_server_config){.certificate = localhost->certificate_file,
                                      .key = localhost->key_file};
}

static void test_files_that_cannot_be_read(void **state)
{
    (void)state;
    char missing[PATH_MAX], folder[PATH_MAX];
    snprintf(missing, sizeof missing, "%s", pki_path("missing.pem"));
    snprintf(folder, sizeof folder, "%s", pki_path("."));
    const char *ca = authority->certificate_file;
    const struct {
        struct tls_server_config config;
        const char *path;
        int result;
    } cases[] = {
        {{.certificate = missing, .key = localhost->key_file}, missing, -ENOENT},
        {{.certificate = folder, .key = localhost->key_file}, folder, -EISDIR},
        {{.certificate = localhost->certificate_file, .key = missing}, missing, -ENOENT},
        {{.ca = missing}, missing, -ENOENT},
        {{.ca = ca, .crl = missing}, missing, -ENOENT},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct tls_server_config config = cases[i].config;
        if (config.certificate == NULL) {
            config.certificate = localhost->certificate_file;
            config.key = localhost->key_file;
        }
        expect_refusal(&config, cases[i].result, cases[i].path, strerror(-cases[i].result));
    }
}

static void test_files_with_something_else(void **state)
{
    (void)state;
    char garbage[PATH_MAX], broken[PATH_MAX];
    struct tls_server_config config;
    pki_write("garbage.pem", "no certificate at all\n");
    pki_write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    snprintf(garbage, sizeof garbage, "%s", pki_path("garbage.pem"));
    snprintf(broken, sizeof broken, "%s", pki_path("broken.pem"));

    config = good_config();
    config.certificate = garbage;
    expect_refusal(&config, -EINVAL, garbage, "there is no certificate");
    config.certificate = broken;
    expect_refusal(&config, -EINVAL, broken, "");
    config.certificate = localhost->key_file;
    expect_refusal(&config, -EINVAL, localhost->key_file, "there is no certificate");
    config = good_config();
    config.key = garbage;
    expect_refusal(&config, -EINVAL, garbage, "there is no private key");
    config = good_config();
    config.ca = garbage;
    expect_refusal(&config, -EINVAL, garbage, "there is no certificate");
    config.ca = authority->certificate_file;
    config.crl = authority->certificate_file;
    expect_refusal(&config, -EINVAL, config.crl, "there is no list");
}

static void test_key_of_another_certificate(void **state)
{
    (void)state;
    struct tls_server_config config = good_config();
    config.key = alice->key_file;
    expect_refusal(&config, -EINVAL, alice->key_file, "does not belong to the certificate");
}

static void test_encrypted_key_does_not_ask(void **state)
{
    (void)state;
    struct tls_server_config config = good_config();
    config.key = pki_path("encrypted.key");
    FILE *file = fopen(config.key, "w");
    assert_int_equal(PEM_write_PrivateKey(file, localhost->key, EVP_aes_128_cbc(),
                                          (const unsigned char *)"secret", 6, NULL, NULL),
                     1);
    fclose(file);
    expect_refusal(&config, -EINVAL, config.key, "passphrase");
}

static void test_settings_that_would_protect_nothing(void **state)
{
    (void)state;
    struct tls_server_config config = good_config();
    config.peers = TLS_PEERS_REQUIRED;
    expect_refusal(&config, -EINVAL, "", "without a CA");
    config = good_config();
    config.crl = "/some/list.pem";
    expect_refusal(&config, -EINVAL, config.crl, "without a CA");
}

static void test_client_contexts(void **state)
{
    (void)state;
    struct tls_context *context = NULL;
    char *error = NULL;
    struct tls_client_config config = {.ca = pki_path("missing.pem")};
    assert_int_equal(tls_context_client(&config, &context, &error), -ENOENT);
    assert_non_null(strstr(error, config.ca));
    free(error);
    config = (struct tls_client_config){
        .ca = NULL, .certificate = alice->certificate_file, .key = localhost->key_file};
    assert_int_equal(tls_context_client(&config, &context, &error), -EINVAL);
    assert_non_null(strstr(error, localhost->key_file));
    free(error);
    tls_context_unref(client_context(&(struct tls_client_config){.ca = ""}));
    tls_context_unref(NULL);
}

/* What the client makes of a server with this file of certificates. */
static int judge_chain(const char *certificate, const char *key)
{
    struct talk talk;
    talk_begin(&talk,
               server_context(&(struct tls_server_config){.certificate = certificate, .key = key}),
               client_context(&(struct tls_client_config){.ca = authority->certificate_file}),
               "leaf.test");
    talk_shake(&talk);
    int result = talk.client_result;
    talk_end(&talk);
    return result;
}

/* The server shows what leads to the root, if it is in the file. */
static void test_chain_is_shown(void **state)
{
    (void)state;
    char command[3 * PATH_MAX];
    struct identity *between = pki_authority("between", authority);
    struct identity *leaf = pki_certificate("leaf.test", between, -DAY, DAY);
    snprintf(command, sizeof command, "cat %s %s > %s", leaf->certificate_file,
             between->certificate_file, pki_path("chain.pem"));
    assert_int_equal(system(command), 0);
    assert_int_equal(judge_chain(leaf->certificate_file, leaf->key_file), -EPROTO);
    assert_int_equal(judge_chain(pki_path("chain.pem"), leaf->key_file), 1);
    pki_free(between);
    pki_free(leaf);
}

/* -- the self-signed pair */

struct pair {
    char certificate[PATH_MAX], key[PATH_MAX];
};

static struct pair pair_named(const char *name)
{
    struct pair pair;
    char file[100];
    snprintf(file, sizeof file, "%s.pem", name);
    snprintf(pair.certificate, sizeof pair.certificate, "%s", pki_path(file));
    snprintf(file, sizeof file, "%s.key", name);
    snprintf(pair.key, sizeof pair.key, "%s", pki_path(file));
    return pair;
}

static unsigned mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void make(const struct pair *pair, const char *name)
{
    char *error = NULL;
    if (tls_make_self_signed(pair->certificate, pair->key, name, 100, &error) < 0)
        fail_msg("no pair: %s", error);
}

static void test_self_signed_pair_serves(void **state)
{
    (void)state;
    static const char *const names[] = {
        "chat.example.org", "192.0.2.1", "2001:db8::1",
        "a-name-that-is-longer-than-what-fits-into-the-common-name-of-a-certificate.example.org"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char name[16];
        struct talk talk;
        snprintf(name, sizeof name, "self-%zu", i);
        struct pair pair = pair_named(name);
        make(&pair, names[i]);
        assert_int_equal(mode_of(pair.certificate), 0644);
        assert_int_equal(mode_of(pair.key), 0600);
        /* Who takes the certificate for an authority finds it good for that name. */
        talk_begin(&talk,
                   server_context(&(struct tls_server_config){.certificate = pair.certificate,
                                                              .key = pair.key}),
                   client_context(&(struct tls_client_config){.ca = pair.certificate}), names[i]);
        talk_shake(&talk);
        if (talk.client_result != 1)
            fail_msg("%s: %s", names[i], tls_session_error(talk.client));
        talk_end(&talk);
    }
}

static void test_end_of_a_certificate_is_known(void **state)
{
    (void)state;
    struct pair pair = pair_named("ends");
    make(&pair, "chat.example.org"); /* for 100 days */
    struct tls_context *context = server_context(
        &(struct tls_server_config){.certificate = pair.certificate, .key = pair.key});
    uint64_t now = (uint64_t)time(NULL), day = 24 * 60 * 60;
    assert_in_range(tls_context_expires(context), now + 99 * day, now + 101 * day);
    tls_context_unref(context);
}

static char *content_of(const char *path)
{
    static char content[2][10000];
    static unsigned turn;
    char *data = content[turn++ % 2];
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, data, 9999);
    assert_true(len > 0);
    data[len] = '\0';
    close(fd);
    return data;
}

static void test_self_signed_pair_replaces_nothing(void **state)
{
    (void)state;
    struct pair pair = pair_named("kept");
    char *error = NULL;
    make(&pair, "kept.test");
    char *certificate = content_of(pair.certificate);
    assert_int_equal(tls_make_self_signed(pair.certificate, pair.key, "x.test", 1, &error),
                     -EEXIST);
    assert_non_null(strstr(error, pair.certificate));
    free(error);
    assert_string_equal(certificate, content_of(pair.certificate));

    /* Without its certificate, as after a crash, the key is taken. */
    char *key = content_of(pair.key);
    assert_int_equal(unlink(pair.certificate), 0);
    make(&pair, "kept.test");
    assert_string_equal(key, content_of(pair.key));
    tls_context_unref(server_context(
        &(struct tls_server_config){.certificate = pair.certificate, .key = pair.key}));
}

static void test_self_signed_pair_that_cannot_be_written(void **state)
{
    (void)state;
    char *error = NULL;
    struct pair pair = pair_named("no/folder");
    assert_int_equal(tls_make_self_signed(pair.certificate, pair.key, "x.test", 1, &error),
                     -ENOENT);
    assert_non_null(strstr(error, pair.key));
    free(error);
    static const char *const names[] = {"", "a,DNS:b.test", "a b", "a\nb", "*"};
    pair = pair_named("badly-named");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_int_equal(tls_make_self_signed(pair.certificate, pair.key, names[i], 1, &error),
                         -EINVAL);
        free(error);
        assert_int_equal(access(pair.key, F_OK), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_files_with_something_else),
        cmocka_unit_test(test_key_of_another_certificate),
        cmocka_unit_test(test_encrypted_key_does_not_ask),
        cmocka_unit_test(test_settings_that_would_protect_nothing),
        cmocka_unit_test(test_client_contexts),
        cmocka_unit_test(test_chain_is_shown),
        cmocka_unit_test(test_self_signed_pair_serves),
        cmocka_unit_test(test_end_of_a_certificate_is_known),
        cmocka_unit_test(test_self_signed_pair_replaces_nothing),
        cmocka_unit_test(test_self_signed_pair_that_cannot_be_written),
    };
    return cmocka_run_group_tests_name("tls-files", tests, tls_setup, tls_teardown);
}
