/* See tls-pair.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls-pair.h"

#include "fuzz.h"

#include <unistd.h>

static struct tls_context *server_tls, *client_tls;

static void make_contexts(void)
{
    char folder[] = "/tmp/multichat-fuzz-XXXXXX", certificate[64], key[64];
    char *error = NULL;

    if (server_tls)
        return;
    MUST(mkdtemp(folder));
    (void)snprintf(certificate, sizeof(certificate), "%s/c", folder);
    (void)snprintf(key, sizeof(key), "%s/k", folder);
    MUST(tls_make_self_signed(certificate, key, "localhost", 365, &error) == 0);
    const struct tls_server_config server = {.certificate = certificate, .key = key};
    const struct tls_client_config client = {0};
    MUST(tls_context_server(&server, &server_tls, &error) == 0);
    MUST(tls_context_client(&client, &client_tls, &error) == 0);
    (void)unlink(certificate);
    (void)unlink(key);
    (void)rmdir(folder);
}

struct tls_context *tls_pair_server(void)
{
    make_contexts();
    return server_tls;
}

struct tls_context *tls_pair_client(void)
{
    make_contexts();
    return client_tls;
}
