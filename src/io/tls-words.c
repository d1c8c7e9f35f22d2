/* What TLS has to say to people: why something failed, and fingerprints.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tls-private.h"

#include "util/attributes.h"

#include <openssl/sslerr.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* OpenSSL's own words are for those who know its sources; these failures are everyday ones. */
static const struct {
    int reason; /* of ERR_LIB_SSL */
    const char *words;
} failures[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, "the peer does not speak TLS 1.3"},
    {SSL_R_VERSION_TOO_LOW, "the peer does not speak TLS 1.3"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the peer does not speak TLS 1.3"},
    {SSL_R_WRONG_VERSION_NUMBER, "the peer does not speak TLS"},
    {SSL_R_HTTP_REQUEST, "the peer does not speak TLS but HTTP"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the peer shows no certificate"},
    {SSL_R_NO_SHARED_CIPHER, "the peer knows none of the ciphers"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "the peer wants a certificate"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the peer refuses the certificate"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "the peer refuses the certificate: unsupported"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "the peer refuses the certificate: revoked"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the peer refuses the certificate: expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the peer refuses the certificate"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the peer does not know who signed the certificate"},
};

static const char *describe(unsigned long error)
{
    if (ERR_GET_LIB(error) == ERR_LIB_SSL)
        for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
            if (ERR_GET_REASON(error) == failures[i].reason)
                return failures[i].words;
    const char *words = ERR_reason_error_string(error);
    return words != NULL ? words : "no reason known";
}

const char *tls_take_error(void)
{
    unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    return describe(error);
}

bool tls_describe_failure(long verified, char *text, size_t size)
{
    unsigned long error = ERR_peek_error();
    bool distrusted = ERR_GET_LIB(error) == ERR_LIB_SSL &&
                      ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    ERR_clear_error();
    if (distrusted)
        snprintf(text, size, "the peer's certificate is refused: %s",
                 X509_verify_cert_error_string(verified));
    else
        snprintf(text, size, "%s", describe(error));
    return distrusted;
}

int tls_complain(char **ret_error, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(ret_error, format, arguments) < 0)
        *ret_error = NULL;
    va_end(arguments);
    return error;
}

const char *tls_fingerprint_format(const uint8_t fingerprint[TLS_FINGERPRINT_LEN],
                                   char text[TLS_FINGERPRINT_TEXT_MAX])
{
    static const char prefix[] = "SHA256";
    char *end = text + sizeof prefix - 1;
    memcpy(text, prefix, sizeof prefix);
    for (size_t i = 0; i < TLS_FINGERPRINT_LEN; i++)
        end += sprintf(end, ":%02X", fingerprint[i]);
    return text;
}
