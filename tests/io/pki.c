/* What openssl(1) would do, in the process: quicker, and without a configuration file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "pki.h"

#include "support.h"

#include <dirent.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/multichat-pki-XXXXXX";
static long serial;

void pki_begin(void)
{
    assert_non_null(mkdtemp(folder));
}

void pki_end(void)
{
    DIR *listing = opendir(folder);
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing))
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(listing), entry->d_name, 0);
    closedir(listing);
    assert_int_equal(rmdir(folder), 0);
}

const char *pki_path(const char *name)
{
    static char paths[2][PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

void pki_write(const char *name, const char *content)
{
    FILE *file = create(pki_path(name));
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void extend(struct identity *identity, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(identity->certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static struct identity *make(const char *name, long from, long to)
{
    struct identity *identity = calloc(1, sizeof *identity);
    assert_non_null(identity);
    identity->key = EVP_EC_gen("P-256");
    X509 *certificate = identity->certificate = X509_new();
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)name, -1, -1, 0);
    assert_int_equal(X509_set_pubkey(certificate, identity->key), 1);
    return identity;
}

static void sign_and_write(struct identity *identity, struct identity *issuer, const char *name)
{
    X509_set_issuer_name(identity->certificate, X509_get_subject_name(issuer->certificate));
    assert_true(X509_sign(identity->certificate, issuer->key, EVP_sha256()) > 0);
    snprintf(identity->certificate_file, PATH_MAX, "%s/%s.pem", folder, name);
    snprintf(identity->key_file, PATH_MAX, "%s/%s.key", folder, name);
    FILE *file = create(identity->certificate_file);
    assert_int_equal(PEM_write_X509(file, identity->certificate), 1);
    fclose(file);
    file = create(identity->key_file);
    assert_int_equal(PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

struct identity *pki_authority(const char *name, struct identity *issuer)
{
    struct identity *authority = make(name, -DAY, DAY);
    extend(authority, NID_basic_constraints, "critical,CA:TRUE");
    sign_and_write(authority, issuer != NULL ? issuer : authority, name);
    return authority;
}

struct identity *pki_certificate(const char *name, struct identity *issuer, long from, long to)
{
    char names[300];
    struct identity *identity = make(name, from, to);
    snprintf(names, sizeof names, "DNS:%s,IP:127.0.0.1", name);
    extend(identity, NID_subject_alt_name, names);
    sign_and_write(identity, issuer, name);
    return identity;
}

void pki_free(struct identity *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
    free(identity);
}

static void enter(X509_CRL *crl, struct identity *revoked)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->certificate));
    X509_REVOKED_set_revocationDate(entry, now);
    ASN1_TIME_free(now);
    assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
}

const char *pki_crl(const char *name, struct identity *issuer, struct identity *revoked)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, -DAY), *to = X509_gmtime_adj(NULL, DAY);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate));
    X509_CRL_set1_lastUpdate(crl, from);
    X509_CRL_set1_nextUpdate(crl, to);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    if (revoked != NULL)
        enter(crl, revoked);
    assert_true(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
    const char *path = pki_path(name);
    FILE *file = create(path);
    assert_int_equal(PEM_write_X509_CRL(file, crl), 1);
    fclose(file);
    X509_CRL_free(crl);
    return path;
}
