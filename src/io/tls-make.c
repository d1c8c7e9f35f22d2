/* A certificate for those who have none: self-signed, to be pinned by its fingerprint.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tls-private.h"

#include "util/new-file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECONDS_PER_DAY (24 * 3600L)
#define COMMON_NAME_MAX                                                                            \
    64 /* RFC 5280, ub-common-name; a longer name stands among the others alone */

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

/* OpenSSL reads the value as a list: a name with a comma would become two entries. */
static bool is_plain_name(const char *name)
{
    return name[0] != '\0' &&
           name[strspn(
               name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_")] == '\0';
}

static bool add_names(X509 *certificate, const char *name)
{
    char value[TLS_HOST_MAX + 8];
    struct in6_addr scrap;
    bool address = inet_pton(AF_INET, name, &scrap) == 1 || inet_pton(AF_INET6, name, &scrap) == 1;
    const char *common = strlen(name) <= COMMON_NAME_MAX ? name : "multichat";
    snprintf(value, sizeof value, "%s:%s", address ? "IP" : "DNS", name);
    X509_NAME *subject = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common,
                                      -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1 &&
           add_extension(certificate, NID_subject_alt_name, value);
}

static bool add_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool added = number != NULL && BN_rand(number, 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
                 BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return added;
}

/* Valid from yesterday on: clocks differ. */
static bool fill_in(X509 *certificate, EVP_PKEY *key, const char *name, unsigned days)
{
    return X509_set_version(certificate, X509_VERSION_3) == 1 && add_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -SECONDS_PER_DAY) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, NULL) != NULL &&
           X509_set_pubkey(certificate, key) == 1 && add_names(certificate, name) &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

/* Writes what `bio` has, and frees it. */
static int write_bio(BIO *bio, const char *path, mode_t mode)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    int r = new_file_write(path, mode, (struct bytes){.data = data, .len = (size_t)len});
    OPENSSL_cleanse(data, (size_t)len);
    BIO_free(bio);
    return r;
}

static int write_key(EVP_PKEY *key, const char *path)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        BIO_free(bio);
        return -ENOMEM;
    }
    return write_bio(bio, path, 0600);
}

/* The key that is there already, from a time when the certificate could not be written, or a new
 * one, which is written. */
static int take_key(const char *path, EVP_PKEY **ret, char **ret_error)
{
    struct tls_pem pem;
    if (access(path, F_OK) == 0) {
        int r = tls_pem_read(&pem, path, ret_error);
        if (r == 0)
            r = tls_pem_key(&pem, ret, ret_error);
        tls_pem_free(&pem);
        return r;
    }
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key == NULL)
        return tls_complain(ret_error, -EIO, "cannot make a key: %s", tls_take_error());
    int r = write_key(key, path);
    if (r < 0) {
        EVP_PKEY_free(key);
        return tls_complain(ret_error, r, "cannot write %s: %s", path, strerror(-r));
    }
    *ret = key;
    return 0;
}

static int make_certificate(EVP_PKEY *key, const char *path, const char *name, unsigned days,
                            char **ret_error)
{
    X509 *certificate = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool made = certificate != NULL && bio != NULL && fill_in(certificate, key, name, days) &&
                PEM_write_bio_X509(bio, certificate) == 1;
    X509_free(certificate);
    if (!made) {
        BIO_free(bio);
        return tls_complain(ret_error, -EIO, "cannot make a certificate for %s: %s", name,
                            tls_take_error());
    }
    int r = write_bio(bio, path, 0644);
    if (r < 0)
        return tls_complain(ret_error, r, "cannot write %s: %s", path, strerror(-r));
    return 0;
}

int tls_make_self_signed(const char *certificate, const char *key, const char *name, unsigned days,
                         char **ret_error)
{
    EVP_PKEY *pair;
    if (!is_plain_name(name) || strlen(name) >= TLS_HOST_MAX)
        return tls_complain(ret_error, -EINVAL, "\"%s\" is no name of a host", name);
    if (access(certificate, F_OK) == 0)
        return tls_complain(ret_error, -EEXIST, "%s is there already", certificate);
    int r = take_key(key, &pair, ret_error);
    if (r < 0)
        return r;
    r = make_certificate(pair, certificate, name, days, ret_error);
    EVP_PKEY_free(pair);
    return r;
}
