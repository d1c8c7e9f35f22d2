/* Whom to take for the server: see trust.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/trust.h"

#include "client/folder.h"
#include "client/known-servers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct trust {
    const struct settings *settings;
    struct tls_context *context; /* NULL: plain */
    char *server;                /* HOST:PORT, as in known_servers */
    char *path;                  /* of known_servers, for the user */
    int folder;                  /* that holds it; -1 when nothing is pinned */
    trust_confirm_fn confirm;    /* NULL: what is new is learned unasked */
    void *userdata;
};

/* What is wrong with a file of the user's, in words; -errno. */
static int fail(char **ret_error, int error, const char *what)
{
    char reason[128];

    if (asprintf(ret_error, "%s: %s", what, strerror_r(error, reason, sizeof(reason))) < 0)
        *ret_error = NULL;
    return -error;
}

/* An IPv6 address is put in brackets, or its port could not be told from it. */
static int name_server(struct trust *trust)
{
    const struct settings *settings = trust->settings;
    bool address = strchr(settings->server, ':') != NULL;
    int r = asprintf(&trust->server, address ? "[%s]:%u" : "%s:%u", settings->server,
                     (unsigned)settings->write_port);

    if (r < 0)
        trust->server = NULL;
    return r < 0 ? -ENOMEM : 0;
}

static int open_context(struct trust *trust, char **ret_error)
{
    const struct settings *settings = trust->settings;
    const char *ca = settings->tls.ca;
    const struct tls_client_config config = {
        .ca = ca[0] == '\0'                   ? NULL
              : strcmp(ca, TRUST_SYSTEM) == 0 ? ""
                                              : ca,
        .certificate = settings->tls.certificate[0] ? settings->tls.certificate : NULL,
        .key = settings->tls.key[0] ? settings->tls.key : NULL,
    };

    return tls_context_client(&config, &trust->context, ret_error);
}

/* Opens the folder of known_servers. */
static int open_folder(struct trust *trust, char **ret_error)
{
    char *folder = NULL;
    int r = settings_data_path(&folder);

    if (r == -ENOENT) {
        *ret_error = strdup("neither XDG_DATA_HOME nor HOME says where known_servers is to be");
        return r;
    }
    if (r == 0 && asprintf(&trust->path, "%s/" KNOWN_SERVERS_NAME, folder) < 0) {
        trust->path = NULL;
        r = -ENOMEM;
    }
    if (r == 0)
        r = trust->folder = folder_make(folder);
    if (r < 0)
        r = fail(ret_error, -r, folder ? folder : KNOWN_SERVERS_NAME);
    free(folder);
    return r < 0 ? r : 0;
}

int trust_open(const struct settings *settings, struct trust **ret, char **ret_error)
{
    struct trust *trust = calloc(1, sizeof(*trust));
    int r = 0;

    *ret_error = NULL;
    if (!trust)
        return -ENOMEM;
    trust->settings = settings;
    trust->folder = -1;
    if (settings->tls.use) {
        r = name_server(trust);
        if (r == 0)
            r = open_context(trust, ret_error);
        if (r == 0 && settings->tls.ca[0] == '\0')
            r = open_folder(trust, ret_error);
    }
    if (r < 0) {
        trust_close(trust);
        return r;
    }
    *ret = trust;
    return 0;
}

void trust_close(struct trust *trust)
{
    if (!trust)
        return;
    folder_close_fd(&trust->folder);
    tls_context_unref(trust->context);
    free(trust->server);
    free(trust->path);
    free(trust);
}

void trust_set_confirm(struct trust *trust, trust_confirm_fn confirm, void *userdata)
{
    trust->confirm = confirm;
    trust->userdata = userdata;
}

struct tls_context *trust_context(const struct trust *trust)
{
    return trust->context;
}

const char *trust_host(const struct trust *trust)
{
    return trust->settings->server;
}

static char *format(const char *pattern, ...) PRINTF_LIKE(1, 2);

/* NULL without memory. */
static char *format(const char *pattern, ...)
{
    va_list args;
    char *text;
    int r;

    va_start(args, pattern);
    r = vasprintf(&text, pattern, args);
    va_end(args);
    return r < 0 ? NULL : text;
}

static enum trust_verdict judge_known(const struct trust *trust, const char *shown,
                                      const struct known_server *known, char **ret_text)
{
    if (strcasecmp(shown, known->fingerprint) == 0)
        return TRUST_KNOWN;
    *ret_text =
        format("THE SERVER %s SHOWS ANOTHER CERTIFICATE THAN BEFORE; nothing was told to it\n"
               "known:  %s\n"
               "shown:  %s\n"
               "Either its administrator has replaced the certificate, or somebody on the way "
               "pretends to be the server, to read passwords and messages.\n"
               "Compare with what \"multichatctl status\" says on the server itself, or ask its "
               "administrator. Only if the shown one is right, remove line %u of %s and try again.",
               trust->server, known->fingerprint[0] ? known->fingerprint : "(nothing)", shown,
               known->line, trust->path);
    return TRUST_REFUSED;
}

static enum trust_verdict judge_new(const struct trust *trust, const char *shown, char **ret_text)
{
    struct known_server known;
    char reason[128];
    int r;

    if (trust->confirm && !trust->confirm(trust->userdata, trust->server, shown)) {
        *ret_text =
            format("%s is not the server that is meant; nothing was told to it", trust->server);
        return TRUST_REFUSED;
    }
    r = known_servers_learn(trust->folder, trust->server, shown, &known);
    if (r == 1) /* another process was faster */
        return judge_known(trust, shown, &known, ret_text);
    if (r < 0) {
        *ret_text = format("the server %s cannot be remembered in %s: %s", trust->server,
                           trust->path, strerror_r(-r, reason, sizeof(reason)));
        return TRUST_REFUSED;
    }
    if (trust->confirm) /* he has seen it */
        return TRUST_LEARNED;
    *ret_text = format("the server %s is seen for the first time, and from now on known by its "
                       "certificate:\n"
                       "%s\n"
                       "(\"multichatctl status\" on the server shows the true one)",
                       trust->server, shown);
    return TRUST_LEARNED;
}

static enum trust_verdict judge_pinned(const struct trust *trust, const char *shown, bool first_use,
                                       char **ret_text)
{
    struct known_server known;
    char reason[128];
    int r = known_servers_find(trust->folder, trust->server, &known);

    if (r == 1)
        return judge_known(trust, shown, &known, ret_text);
    if (r == 0 && first_use)
        return judge_new(trust, shown, ret_text);
    if (r < 0)
        *ret_text =
            format("%s cannot be read: %s", trust->path, strerror_r(-r, reason, sizeof(reason)));
    return TRUST_REFUSED;
}

enum trust_verdict trust_judge(struct trust *trust, const struct tls_session *session,
                               bool first_use, char **ret_text)
{
    uint8_t fingerprint[TLS_FINGERPRINT_LEN];
    char shown[TLS_FINGERPRINT_TEXT_MAX];

    *ret_text = NULL;
    if (!trust->context)
        return session ? TRUST_REFUSED : TRUST_KNOWN;
    if (!session || !tls_session_fingerprint(session, fingerprint))
        return TRUST_REFUSED;
    if (trust->folder < 0) /* the handshake has verified it */
        return TRUST_KNOWN;
    tls_fingerprint_format(fingerprint, shown);
    return judge_pinned(trust, shown, first_use, ret_text);
}
