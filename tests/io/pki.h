/* Authorities and certificates for tests, as PEM files in a folder of the test's own.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define DAY (24 * 3600L)

struct identity {
    X509 *certificate;
    EVP_PKEY *key;
    char certificate_file[PATH_MAX];
    char key_file[PATH_MAX];
};

/* Makes the folder; pki_end() removes it with the files in it. */
void pki_begin(void);
void pki_end(void);

/* "<folder>/<name>"; static, for two at a time. */
const char *pki_path(const char *name);
void pki_write(const char *name, const char *content);

/* An authority, signed by `issuer` or (NULL) by itself; its files are NAME.pem and NAME.key. */
struct identity *pki_authority(const char *name, struct identity *issuer);
/* A certificate for the host `name` (also the name of its files) and 127.0.0.1, signed by `issuer`,
 * valid from now + `from` to now + `to` seconds. */
struct identity *pki_certificate(const char *name, struct identity *issuer, long from, long to);
void pki_free(struct identity *identity);

/* The file of a list in which `issuer` revokes `revoked` (or NULL: nobody). */
const char *pki_crl(const char *name, struct identity *issuer, struct identity *revoked);
