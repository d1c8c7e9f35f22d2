/* The certificate the daemon shows.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/certificate.h"

#include "config/credential.h"
#include "daemon/messages.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CREDENTIAL_CERTIFICATE "tls-certificate"
#define CREDENTIAL_KEY         "tls-key"
#define OWN_CERTIFICATE        "certificate.pem"
#define OWN_KEY                "key.pem"
#define OWN_DAYS               3650 /* its fingerprint is known to clients, so it lasts */
#define DAY_S                  (24 * 60 * 60)

_Static_assert((int)DAEMON_TLS_CLIENTS_NONE == (int)TLS_PEERS_ANY &&
                   (int)DAEMON_TLS_CLIENTS_OPTIONAL == (int)TLS_PEERS_OPTIONAL &&
                   (int)DAEMON_TLS_CLIENTS_REQUIRED == (int)TLS_PEERS_REQUIRED,
               "the file's choices are in the order of io/tls.h");

static const char from_files[] = "files";
static const char from_credentials[] = "credentials";
static const char own_make[] = "self-signed";

/* Where the pair is; the paths are owned. */
struct pair {
    char *certificate, *key;
    const char *source;
};

static void pair_deinit(struct pair *pair)
{
    free(pair->certificate);
    free(pair->key);
}

/* Both credentials, or none: then `pair` stays empty. */
static int find_credentials(struct pair *pair, char **ret_error)
{
    int r = credential_path(CREDENTIAL_CERTIFICATE, &pair->certificate);
    if (r == 0)
        r = credential_path(CREDENTIAL_KEY, &pair->key);
    if (r < 0 || (pair->certificate == NULL) == (pair->key == NULL))
        return r;
    const char *there = pair->key == NULL ? CREDENTIAL_CERTIFICATE : CREDENTIAL_KEY;
    const char *missing = pair->key == NULL ? CREDENTIAL_KEY : CREDENTIAL_CERTIFICATE;
    if (asprintf(ret_error,
                 "the credential \"%s\" is there without \"%s\": allowed are both or none", there,
                 missing) < 0)
        *ret_error = NULL;
    return -EINVAL;
}

static int find_pair(const struct daemon_config *config, struct pair *pair, char **ret_error)
{
    if (config->tls.certificate[0] != '\0') {
        pair->source = from_files;
        pair->certificate = strdup(config->tls.certificate);
        pair->key = strdup(config->tls.key);
        return pair->certificate != NULL && pair->key != NULL ? 0 : -ENOMEM;
    }
    pair->source = from_credentials;
    int r = find_credentials(pair, ret_error);
    if (r < 0 || pair->certificate != NULL)
        return r;
    pair->source = own_make;
    if (asprintf(&pair->certificate, "%s/" OWN_CERTIFICATE, config->tls.folder) < 0) {
        pair->certificate = NULL;
        return -ENOMEM;
    }
    if (asprintf(&pair->key, "%s/" OWN_KEY, config->tls.folder) < 0) {
        pair->key = NULL;
        return -ENOMEM;
    }
    return 0;
}

static bool missing(const char *path)
{
    return access(path, F_OK) < 0 && errno == ENOENT;
}

/* Whoever comes second finds the pair of the first. */
static int make_pair(const struct daemon_config *config, const struct pair *pair, char **ret_error)
{
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) < 0)
        return -errno;
    const char *name = config->tls.name[0] != '\0' ? config->tls.name : host;
    int r = tls_make_self_signed(pair->certificate, pair->key, name, OWN_DAYS, ret_error);
    if (r == 0)
        log_notice("%s: a self-signed certificate for %s was made", pair->certificate, name);
    if (r != -EEXIST)
        return r;
    free(*ret_error);
    *ret_error = NULL;
    return 0;
}

/* Credentials are the service manager's business. */
static void look_at_key(const struct pair *pair)
{
    struct stat st;
    if (pair->source != from_credentials && stat(pair->key, &st) == 0 &&
        (st.st_mode & S_IRWXO) != 0)
        log_warning("%s: the key has mode %04o, so that everybody on this host can pass for the "
                    "server: allowed would be 0600",
                    pair->key, st.st_mode & 07777);
}

static const char *or_null(const char *path)
{
    return path[0] != '\0' ? path : NULL;
}

static int read_pair(const struct daemon_config *config, const struct pair *pair,
                     const struct certificate *previous, struct certificate *ret, char **ret_error)
{
    const struct tls_server_config settings = {
        .certificate = pair->certificate,
        .key = pair->key,
        .ca = or_null(config->tls.ca),
        .crl = or_null(config->tls.crl),
        .peers = (enum tls_peers)config->tls.clients,
        .previous = previous != NULL ? previous->context : NULL,
    };
    struct certificate certificate = {.source = pair->source};
    uint8_t fingerprint[TLS_FINGERPRINT_LEN];
    int r = tls_context_server(&settings, &certificate.context, ret_error);
    if (r < 0)
        return r;
    look_at_key(pair);
    tls_context_fingerprint(certificate.context, fingerprint);
    tls_fingerprint_format(fingerprint, certificate.fingerprint);
    certificate.expires_s = tls_context_expires(certificate.context);
    *ret = certificate;
    return 0;
}

int certificate_load(const struct daemon_config *config, bool make,
                     const struct certificate *previous, struct certificate *ret, char **ret_error)
{
    struct pair pair = {0};
    *ret_error = NULL;
    int r = find_pair(config, &pair, ret_error);
    if (r == 0 && pair.source == own_make && missing(pair.certificate))
        r = make ? make_pair(config, &pair, ret_error) : 1;
    if (r == 0)
        r = read_pair(config, &pair, previous, ret, ret_error);
    pair_deinit(&pair);
    return r;
}

void certificate_deinit(struct certificate *certificate)
{
    tls_context_unref(certificate->context);
    *certificate = (struct certificate){0};
}

const char *certificate_expires(const struct certificate *certificate,
                                char text[CERTIFICATE_DATE_MAX])
{
    time_t when = (time_t)certificate->expires_s;
    struct tm tm;
    if (gmtime_r(&when, &tm) == NULL ||
        strftime(text, CERTIFICATE_DATE_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        text[0] = '\0';
    return text;
}

void certificate_warn(const struct certificate *certificate)
{
    char date[CERTIFICATE_DATE_MAX];
    uint64_t now = (uint64_t)time(NULL);
    if (certificate->expires_s > now + (uint64_t)CERTIFICATE_SOON_DAYS * DAY_S)
        return;
    log_catalogued(LOG_WARNING, MESSAGE_CERTIFICATE_ENDS, "the certificate %s %s (%s)",
                   certificate->expires_s > now ? "expires on" : "has expired on",
                   certificate_expires(certificate, date), certificate->source);
}

void certificate_log(const struct certificate *certificate)
{
    char date[CERTIFICATE_DATE_MAX];
    log_info("certificate %s (%s), until %s", certificate->fingerprint, certificate->source,
             certificate_expires(certificate, date));
    certificate_warn(certificate);
}
