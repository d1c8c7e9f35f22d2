/* Whom the client takes for the server: seen first, known, changed, and a file that people and
 * other processes write to as well. The certificates are real ones, shown in real handshakes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/known-servers.h"
#include "client/trust.h"

#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FIRST  0
#define SECOND 1

static struct tls_context *servers[2];
static char prints[2][TLS_FINGERPRINT_TEXT_MAX];
static char path[128]; /* of known_servers */

static int make_servers(void **state)
{
    for (int i = 0; i < 2; i++) {
        char certificate[128], key[128], *error = NULL;
        uint8_t fingerprint[TLS_FINGERPRINT_LEN];
        if (home_make() < 0)
            return -1;
        snprintf(certificate, sizeof(certificate), "%s/certificate.pem", home);
        snprintf(key, sizeof(key), "%s/key.pem", home);
        if (tls_make_self_signed(certificate, key, "localhost", 10, &error) < 0)
            return -1;
        const struct tls_server_config config = {.certificate = certificate, .key = key};
        if (tls_context_server(&config, &servers[i], &error) < 0)
            return -1;
        tls_context_fingerprint(servers[i], fingerprint);
        tls_fingerprint_format(fingerprint, prints[i]);
        home_remove();
    }
    return 0;
}

static int free_servers(void **state)
{
    tls_context_unref(servers[FIRST]);
    tls_context_unref(servers[SECOND]);
    return 0;
}

static int setup(void **state)
{
    int r = home_make();

    snprintf(path, sizeof(path), "%s/.local/share/multichat/known_servers", home);
    return r;
}

static int teardown(void **state)
{
    return home_remove();
}

/* -- the file --------------------------------------------------------------------------------- */

static void write_file(const char *content)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(content, file);
    assert_int_equal(fclose(file), 0);
}

static void assert_file(const char *expected)
{
    char content[4096];
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    content[fread(content, 1, sizeof(content) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(content, expected);
}

static void test_lines_of_people_stay(void **state)
{
    struct known_server known;
    int folder = open(home, O_RDONLY | O_DIRECTORY);

    snprintf(path, sizeof(path), "%s/known_servers", home);
    assert_int_equal(known_servers_find(folder, "a:1", &known), 0);
    write_file("# mine: a:1 SHA256:00\n\n  B.Example:1\tSHA256:11  note\n c:1\nunended");
    assert_int_equal(known_servers_find(folder, "a:1", &known), 0);
    assert_int_equal(known_servers_find(folder, "b.example:1", &known), 1);
    assert_int_equal(known.line, 3);
    assert_string_equal(known.fingerprint, "SHA256:11");
    assert_int_equal(known_servers_find(folder, "c:1", &known), 1);
    assert_string_equal(known.fingerprint, "");
    assert_int_equal(known_servers_learn(folder, "a:1", "SHA256:22", &known), 0);
    assert_file("# mine: a:1 SHA256:00\n\n  B.Example:1\tSHA256:11  note\n c:1\nunended\n"
                "a:1 SHA256:22\n");
    assert_int_equal(known_servers_learn(folder, "a:1", "SHA256:33", &known), 1);
    assert_int_equal(known.line, 6);
    assert_string_equal(known.fingerprint, "SHA256:22");
    close(folder);
}

#define LEARNERS 8
#define LEARNED  8

static void *learn_many(void *who)
{
    int folder = open(home, O_RDONLY | O_DIRECTORY);
    struct known_server known;
    char server[32];

    for (int i = 0; i < LEARNED; i++) {
        snprintf(server, sizeof(server), "%d.%d:1", (int)(intptr_t)who, i);
        assert_int_equal(known_servers_learn(folder, server, "SHA256:00", &known), 0);
    }
    close(folder);
    return NULL;
}

static void test_nobody_overwrites_what_others_learn(void **state)
{
    pthread_t threads[LEARNERS];
    int folder = open(home, O_RDONLY | O_DIRECTORY);
    struct known_server known;
    char server[32];

    for (intptr_t i = 0; i < LEARNERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, learn_many, (void *)i), 0);
    for (int i = 0; i < LEARNERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < LEARNERS * LEARNED; i++) {
        snprintf(server, sizeof(server), "%d.%d:1", i / LEARNED, i % LEARNED);
        assert_int_equal(known_servers_find(folder, server, &known), 1);
    }
    close(folder);
}

/* -- verdicts --------------------------------------------------------------------------------- */

static struct settings settings_with(const char *server, const char *ca)
{
    struct settings settings;
    char *error = NULL;

    assert_int_equal(config_table_init(&settings_table, &settings), 0);
    assert_int_equal(config_table_set(&settings_table, &settings, "server", server, "", &error), 0);
    assert_int_equal(config_table_set(&settings_table, &settings, "tls.ca", ca, "", &error), 0);
    return settings;
}

static struct trust *open_trust(const struct settings *settings)
{
    struct trust *trust;
    char *error = NULL;

    assert_int_equal(trust_open(settings, &trust, &error), 0);
    return trust;
}

/* Shakes hands with one of the servers, and judges it. */
static enum trust_verdict meet(struct trust *trust, int server, bool first_use, char **ret_text)
{
    struct tls_session *ours, *theirs;
    enum trust_verdict verdict;
    int fds[2], here = 0, there = 0;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(tls_session_new(trust_context(trust), fds[0], trust_host(trust), &ours), 0);
    assert_int_equal(tls_session_new(servers[server], fds[1], NULL, &theirs), 0);
    while (here == 0 || there == 0) {
        here = here == 0 ? tls_session_handshake(ours) : here;
        there = there == 0 ? tls_session_handshake(theirs) : there;
    }
    assert_int_equal(here, 1);
    verdict = trust_judge(trust, ours, first_use, ret_text);
    tls_session_free(ours);
    tls_session_free(theirs);
    close(fds[0]);
    close(fds[1]);
    return verdict;
}

static void test_known_from_its_first_use(void **state)
{
    struct settings settings = settings_with("localhost", "");
    struct trust *trust = open_trust(&settings);
    char *text, expected[256];
    struct stat st;

    assert_int_equal(meet(trust, FIRST, false, &text), TRUST_REFUSED); /* by a push: too early */
    assert_null(text);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(meet(trust, FIRST, true, &text), TRUST_LEARNED);
    assert_non_null(strstr(text, "localhost:9002"));
    assert_non_null(strstr(text, prints[FIRST]));
    assert_non_null(strstr(text, "multichatctl status"));
    free(text);
    snprintf(expected, sizeof(expected), "localhost:9002 %s\n", prints[FIRST]);
    assert_file(expected);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    trust_close(trust);
    trust = open_trust(&settings); /* also for the next process */
    assert_int_equal(meet(trust, FIRST, true, &text), TRUST_KNOWN);
    assert_int_equal(meet(trust, FIRST, false, &text), TRUST_KNOWN);
    assert_null(text);
    trust_close(trust);
    settings_deinit(&settings);
}

static void test_another_certificate_is_refused_in_words(void **state)
{
    struct settings settings = settings_with("localhost", "");
    struct trust *trust = open_trust(&settings);
    char *text, place[200], content[512];

    snprintf(content, sizeof(content), "# one\nlocalhost:9002 %s\n", prints[FIRST]);
    write_file(content);
    for (int first_use = 0; first_use < 2; first_use++) {
        assert_int_equal(meet(trust, SECOND, first_use, &text), TRUST_REFUSED);
        assert_non_null(strstr(text, "localhost:9002"));
        assert_non_null(strstr(text, prints[FIRST]));
        assert_non_null(strstr(text, prints[SECOND]));
        assert_non_null(strstr(text, "multichatctl status"));
        snprintf(place, sizeof(place), "remove line 2 of %s", path);
        assert_non_null(strstr(text, place));
        free(text);
    }
    assert_file(content);
    write_file("# one\n"); /* what the text says to do */
    assert_int_equal(meet(trust, SECOND, true, &text), TRUST_LEARNED);
    free(text);
    trust_close(trust);
    settings_deinit(&settings);
}

static void test_each_server_has_its_line(void **state)
{
    struct settings settings = settings_with("::1", "");
    struct trust *trust = open_trust(&settings);
    struct known_server known;
    char *text;

    write_file("::1:9002 SHA256:00\n[::1]:9003 SHA256:00\n[::1]:9002\n");
    assert_int_equal(meet(trust, FIRST, true, &text), TRUST_REFUSED); /* line 3 says nothing */
    assert_non_null(strstr(text, "line 3"));
    free(text);
    write_file("::1:9002 SHA256:00\n");
    assert_int_equal(meet(trust, FIRST, true, &text), TRUST_LEARNED);
    free(text);
    int folder = open(home, O_RDONLY | O_DIRECTORY);
    assert_int_equal(known_servers_find(folder, "[::1]:9002", &known), 0); /* not in this folder */
    close(folder);
    trust_close(trust);
    settings_deinit(&settings);
}

static void test_what_cannot_be_remembered_is_refused(void **state)
{
    struct settings settings = settings_with("localhost", "");
    struct trust *trust = open_trust(&settings);
    char *text;

    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(meet(trust, FIRST, true, &text), TRUST_REFUSED);
    assert_non_null(strstr(text, path));
    free(text);
    trust_close(trust);
    settings_deinit(&settings);
}

static void test_plain_is_plain(void **state)
{
    struct settings settings = settings_with("localhost", "");
    char *text;

    settings.tls.use = false;
    struct trust *trust = open_trust(&settings);
    assert_null(trust_context(trust));
    assert_int_equal(trust_judge(trust, NULL, false, &text), TRUST_KNOWN);
    trust_close(trust);
    settings.tls.use = true;
    trust = open_trust(&settings);
    assert_int_equal(trust_judge(trust, NULL, true, &text), TRUST_REFUSED);
    trust_close(trust);
    settings_deinit(&settings);
}

static void test_a_ca_that_is_missing(void **state)
{
    struct settings settings = settings_with("localhost", "/nowhere/ca.pem");
    struct trust *trust;
    char *error = NULL;

    assert_true(trust_open(&settings, &trust, &error) < 0);
    assert_non_null(strstr(error, "/nowhere/ca.pem"));
    free(error);
    settings_deinit(&settings);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_lines_of_people_stay),     TEST(test_nobody_overwrites_what_others_learn),
        TEST(test_known_from_its_first_use), TEST(test_another_certificate_is_refused_in_words),
        TEST(test_each_server_has_its_line), TEST(test_what_cannot_be_remembered_is_refused),
        TEST(test_plain_is_plain),           TEST(test_a_ca_that_is_missing),
    };

    return cmocka_run_group_tests_name("trust", tests, make_servers, free_servers);
}
