/* PEM files: certificates, keys, lists of revoked certificates.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tls-private.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX                                                                                   \
    (64 * 1024 * 1024) /* bytes; the lists of large authorities have several millions */

static int read_all(int fd, char *data, size_t size, size_t *ret_len)
{
    size_t len = 0;
    ssize_t count = 1;
    while (len < size && count > 0) {
        count = read(fd, data + len, size - len);
        if (count < 0)
            return -errno;
        len += (size_t)count;
    }
    *ret_len = len;
    return 0;
}

static int read_open(int fd, struct tls_pem *pem)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    if (status.st_size > FILE_MAX)
        return -EFBIG;
    pem->data = malloc((size_t)status.st_size + 1);
    if (pem->data == NULL)
        return -ENOMEM;
    return read_all(fd, pem->data, (size_t)status.st_size, &pem->len);
}

int tls_pem_read(struct tls_pem *pem, const char *path, char **ret_error)
{
    *pem = (struct tls_pem){.path = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int r = fd < 0 ? -errno : read_open(fd, pem);
    if (fd >= 0)
        close(fd);
    if (r < 0)
        tls_complain(ret_error, r, "cannot read %s: %s", path, strerror(-r));
    return r;
}

void tls_pem_free(struct tls_pem *pem)
{
    if (pem->data != NULL)
        OPENSSL_cleanse(pem->data, pem->len);
    free(pem->data);
    *pem = (struct tls_pem){0};
}

static BIO *open_pem(const struct tls_pem *pem)
{
    return BIO_new_mem_buf(pem->data, (int)pem->len);
}

/* Objects are read until there is no more: that is an end, anything else an error. */
static bool at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* Judges a file of which `count` objects could be read and then no more. */
static int judge_end(const struct tls_pem *pem, int count, const char *what, char **ret_error)
{
    bool ended = at_end();
    const char *words = tls_take_error();
    if (!ended)
        return tls_complain(ret_error, -EINVAL, "%s: %s", pem->path, words);
    if (count == 0)
        return tls_complain(ret_error, -EINVAL, "there is no %s in %s", what, pem->path);
    return count;
}

int tls_pem_certificates(const struct tls_pem *pem, tls_take_certificate_fn take, void *userdata,
                         char **ret_error)
{
    int count = 0;
    X509 *certificate;
    BIO *bio = open_pem(pem);
    if (bio == NULL)
        return tls_complain(ret_error, -ENOMEM, "%s: %s", pem->path, tls_take_error());
    for (; (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; count++) {
        if (take(userdata, certificate))
            continue;
        BIO_free(bio);
        return tls_complain(ret_error, -EINVAL, "a certificate in %s cannot be used: %s", pem->path,
                            tls_take_error());
    }
    BIO_free(bio);
    return judge_end(pem, count, "certificate", ret_error);
}

int tls_pem_crls(const struct tls_pem *pem, X509_STORE *store, char **ret_error)
{
    int count = 0;
    bool added = true;
    X509_CRL *crl;
    BIO *bio = open_pem(pem);
    if (bio == NULL)
        return tls_complain(ret_error, -ENOMEM, "%s: %s", pem->path, tls_take_error());
    for (; added && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL; count++) {
        added = X509_STORE_add_crl(store, crl) == 1;
        X509_CRL_free(crl);
    }
    BIO_free(bio);
    if (!added)
        return tls_complain(ret_error, -EINVAL, "%s: %s", pem->path, tls_take_error());
    return judge_end(pem, count, "list of revoked certificates", ret_error);
}

/* Without it OpenSSL would ask at the terminal. */
static int no_passphrase(char *text, int size, int writing, void *userdata)
{
    (void)text;
    (void)size;
    (void)writing;
    *(bool *)userdata = true;
    return -1;
}

int tls_pem_key(const struct tls_pem *pem, EVP_PKEY **ret, char **ret_error)
{
    bool encrypted = false;
    BIO *bio = open_pem(pem);
    EVP_PKEY *key =
        bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (key == NULL && encrypted)
        return tls_complain(ret_error, -EINVAL, "the key in %s is encrypted with a passphrase",
                            pem->path);
    if (key == NULL)
        return tls_complain(ret_error, -EINVAL, "there is no private key in %s", pem->path);
    *ret = key;
    return 0;
}
