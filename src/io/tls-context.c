/* TLS contexts: who we are, and whom we believe.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tls-private.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <time.h>

/* -- both roles ------------------------------------------------------------------------------- */

/* What every session gets. Without AUTO_RETRY a read returns after each record, so that a peer
 * cannot keep a thread busy with records that carry nothing. */
static bool set_basics(SSL_CTX *ssl)
{
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ssl, 1);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_early_data(ssl, 0) == 1;
}

static int context_new(bool server, struct tls_context **ret, char **ret_error)
{
    /* Without NO_ATEXIT a thread that still talks when the process ends would find OpenSSL gone. */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
        return tls_complain(ret_error, -EIO, "OpenSSL cannot begin: %s", tls_take_error());
    struct tls_context *context = calloc(1, sizeof *context);
    if (context == NULL)
        return tls_complain(ret_error, -ENOMEM, "%s", strerror(ENOMEM));
    atomic_init(&context->references, 1);
    context->server = server;
    context->ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    context->socket = tls_socket_method();
    if (context->ssl == NULL || context->socket == NULL || !set_basics(context->ssl)) {
        tls_context_unref(context);
        return tls_complain(ret_error, -EIO, "OpenSSL cannot do TLS 1.3: %s", tls_take_error());
    }
    *ret = context;
    return 0;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (context == NULL ||
        atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(context->ssl);
    BIO_meth_free(context->socket);
    tls_tickets_free(context->tickets);
    free(context);
}

void tls_context_fingerprint(const struct tls_context *context, uint8_t ret[TLS_FINGERPRINT_LEN])
{
    memcpy(ret, context->fingerprint, TLS_FINGERPRINT_LEN);
}

uint64_t tls_context_expires(const struct tls_context *context)
{
    const X509 *certificate = SSL_CTX_get0_certificate(context->ssl);
    struct tm tm;
    if (certificate == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return 0;
    time_t when = timegm(&tm);
    return when > 0 ? (uint64_t)when : 0;
}

/* -- our own certificate ---------------------------------------------------------------------- */

struct chain {
    struct tls_context *context;
    bool begun; /* its first certificate is ours, the others lead from it to a root */
};

static bool take_own(struct tls_context *context, X509 *certificate)
{
    unsigned len = TLS_FINGERPRINT_LEN;
    return SSL_CTX_use_certificate(context->ssl, certificate) == 1 &&
           X509_digest(certificate, EVP_sha256(), context->fingerprint, &len) == 1;
}

static bool take_chain(void *userdata, X509 *certificate)
{
    struct chain *chain = userdata;
    bool taken = chain->begun ? SSL_CTX_add1_chain_cert(chain->context->ssl, certificate) == 1
                              : take_own(chain->context, certificate);
    chain->begun = true;
    X509_free(certificate);
    return taken;
}

static int use_key(struct tls_context *context, const struct tls_pem *pem, const char *certificate,
                   char **ret_error)
{
    EVP_PKEY *key;
    int r = tls_pem_key(pem, &key, ret_error);
    if (r < 0)
        return r;
    if (X509_check_private_key(SSL_CTX_get0_certificate(context->ssl), key) != 1) {
        ERR_clear_error();
        r = tls_complain(ret_error, -EINVAL, "the key %s does not belong to the certificate %s",
                         pem->path, certificate);
    } else if (SSL_CTX_use_PrivateKey(context->ssl, key) != 1) {
        r = tls_complain(ret_error, -EINVAL, "the key %s cannot be used: %s", pem->path,
                         tls_take_error());
    }
    EVP_PKEY_free(key);
    return r;
}

static int show_certificate(struct tls_context *context, const char *certificate, const char *key,
                            char **ret_error)
{
    struct tls_pem certificate_pem = {0}, key_pem = {0};
    struct chain chain = {.context = context};
    int r = tls_pem_read(&certificate_pem, certificate, ret_error);
    if (r == 0)
        r = tls_pem_read(&key_pem, key, ret_error);
    if (r == 0)
        r = tls_pem_certificates(&certificate_pem, take_chain, &chain, ret_error);
    if (r > 0)
        r = use_key(context, &key_pem, certificate, ret_error);
    tls_pem_free(&certificate_pem);
    tls_pem_free(&key_pem);
    return r;
}

/* -- whom we believe -------------------------------------------------------------------------- */

static bool take_authority(void *userdata, X509 *certificate)
{
    const struct tls_context *context = userdata;
    bool taken = X509_STORE_add_cert(SSL_CTX_get_cert_store(context->ssl), certificate) == 1 &&
                 (!context->server || SSL_CTX_add_client_CA(context->ssl, certificate) == 1);
    X509_free(certificate);
    return taken;
}

static int trust_authorities(struct tls_context *context, const struct tls_pem *pem,
                             char **ret_error)
{
    int count = tls_pem_certificates(pem, take_authority, context, ret_error);
    return count < 0 ? count : 0;
}

/* Of the whole chain: a certificate in between can be revoked too. */
static int distrust_revoked(struct tls_context *context, const struct tls_pem *pem,
                            char **ret_error)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context->ssl);
    int count = tls_pem_crls(pem, store, ret_error);
    if (count < 0)
        return count;
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return 0;
}

/* -- servers ---------------------------------------------------------------------------------- */

/* A ticket is a verdict of the past: it is good as long as we are the same and judge by the same.
 */
static bool tie_tickets(const struct tls_context *context, const struct tls_server_config *config,
                        const struct tls_pem *ca, const struct tls_pem *crl)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const uint64_t about[] = {(uint64_t)config->peers, ca->len, crl->len};
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool done = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(md, context->fingerprint, TLS_FINGERPRINT_LEN) == 1 &&
                EVP_DigestUpdate(md, about, sizeof about) == 1 &&
                EVP_DigestUpdate(md, ca->data, ca->len) == 1 &&
                EVP_DigestUpdate(md, crl->data, crl->len) == 1 &&
                EVP_DigestFinal_ex(md, digest, &len) == 1 &&
                SSL_CTX_set_session_id_context(context->ssl, digest, len) == 1;
    EVP_MD_CTX_free(md);
    return done;
}

static void ask_peers(SSL_CTX *ssl, enum tls_peers peers)
{
    static const int modes[] = {
        [TLS_PEERS_ANY] = SSL_VERIFY_NONE,
        [TLS_PEERS_OPTIONAL] = SSL_VERIFY_PEER,
        [TLS_PEERS_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    SSL_CTX_set_verify(ssl, modes[peers], NULL);
}

/* A setting without the one it needs would look like protection and be none. */
static int check_config(const struct tls_server_config *config, char **ret_error)
{
    if (config->peers != TLS_PEERS_ANY && config->ca == NULL)
        return tls_complain(ret_error, -EINVAL,
                            "peers' certificates cannot be verified without a CA");
    if (config->crl != NULL && config->ca == NULL)
        return tls_complain(ret_error, -EINVAL, "%s revokes nothing without a CA", config->crl);
    return 0;
}

static int configure_server(struct tls_context *context, const struct tls_server_config *config,
                            char **ret_error)
{
    struct tls_pem ca = {0}, crl = {0};
    int r = show_certificate(context, config->certificate, config->key, ret_error);
    if (r == 0 && config->ca != NULL)
        r = tls_pem_read(&ca, config->ca, ret_error);
    if (r == 0 && config->ca != NULL)
        r = trust_authorities(context, &ca, ret_error);
    if (r == 0 && config->crl != NULL)
        r = tls_pem_read(&crl, config->crl, ret_error);
    if (r == 0 && config->crl != NULL)
        r = distrust_revoked(context, &crl, ret_error);
    if (r == 0) {
        ask_peers(context->ssl, config->peers);
        if (!tie_tickets(context, config, &ca, &crl) ||
            tls_tickets_go_on(context->ssl, config->previous) < 0)
            r = tls_complain(ret_error, -EIO, "no session tickets: %s", tls_take_error());
    }
    tls_pem_free(&ca);
    tls_pem_free(&crl);
    return r;
}

int tls_context_server(const struct tls_server_config *config, struct tls_context **ret,
                       char **ret_error)
{
    struct tls_context *context;
    int r = check_config(config, ret_error);
    if (r == 0)
        r = context_new(true, &context, ret_error);
    if (r < 0)
        return r;
    r = configure_server(context, config, ret_error);
    if (r < 0) {
        tls_context_unref(context);
        return r;
    }
    *ret = context;
    return 0;
}

/* -- clients ---------------------------------------------------------------------------------- */

static int trust(struct tls_context *context, const char *ca, char **ret_error)
{
    struct tls_pem pem = {0};
    if (ca[0] == '\0') {
        if (SSL_CTX_set_default_verify_paths(context->ssl) == 1)
            return 0;
        return tls_complain(ret_error, -EIO, "the system's certificates cannot be read: %s",
                            tls_take_error());
    }
    int r = tls_pem_read(&pem, ca, ret_error);
    if (r == 0)
        r = trust_authorities(context, &pem, ret_error);
    tls_pem_free(&pem);
    return r;
}

static int configure_client(struct tls_context *context, const struct tls_client_config *config,
                            char **ret_error)
{
    int r = 0;
    context->verifies = config->ca != NULL;
    SSL_CTX_set_verify(context->ssl, context->verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (config->ca != NULL)
        r = trust(context, config->ca, ret_error);
    if (r == 0 && config->certificate != NULL)
        r = show_certificate(context, config->certificate, config->key, ret_error);
    if (r == 0 && tls_tickets_new(context->ssl, &context->tickets) < 0)
        r = tls_complain(ret_error, -ENOMEM, "%s", strerror(ENOMEM));
    return r;
}

int tls_context_client(const struct tls_client_config *config, struct tls_context **ret,
                       char **ret_error)
{
    struct tls_context *context;
    int r = context_new(false, &context, ret_error);
    if (r < 0)
        return r;
    r = configure_client(context, config, ret_error);
    if (r < 0) {
        tls_context_unref(context);
        return r;
    }
    *ret = context;
    return 0;
}
