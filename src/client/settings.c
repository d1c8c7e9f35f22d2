/* The table of the client's configuration keys, and where its files are.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/settings.h"

#include "client/trust.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PORT_MIN 1024 /* the server connects to none below it */

#define LISTEN_NONE "none"

#define FIELD(member) offsetof(struct settings, member)

static const struct config_key settings_keys[] = {
    {.path = "user",
     .type = CONFIG_STRING,
     .offset = FIELD(user),
     .fallback = "",
     .max = V2_USERID_MAX,
     .help = "userid; empty: the login name"},
    {.path = "server",
     .type = CONFIG_STRING,
     .offset = FIELD(server),
     .fallback = "localhost",
     .min = 1,
     .max = 253,
     .help = "name or address of the server"},
    {.path = "poll_port",
     .type = CONFIG_NUMBER,
     .offset = FIELD(poll_port),
     .fallback = "9001",
     .min = 1,
     .max = 65535,
     .help = "UDP port of the server for polls"},
    {.path = "write_port",
     .type = CONFIG_NUMBER,
     .offset = FIELD(write_port),
     .fallback = "9002",
     .min = 1,
     .max = 65535,
     .help = "TCP port of the server for messages"},
    {.path = "listen",
     .type = CONFIG_STRING,
     .offset = FIELD(listen),
     .fallback = "",
     .max = ADDR_TEXT_MAX - 3,
     .help = "address to listen on for messages, or none; empty: chosen after the server's"},
    {.path = "password_file",
     .type = CONFIG_PATH,
     .offset = FIELD(password_file),
     .fallback = "",
     .help = "file whose first line is the password"},
    {.path = "password_command",
     .type = CONFIG_STRING,
     .offset = FIELD(password_command),
     .fallback = "",
     .help = "shell command whose first line of output is the password"},
    {.path = "tls.use",
     .type = CONFIG_BOOL,
     .offset = FIELD(tls.use),
     .fallback = "true",
     .help = "encrypt; false sends password and messages in clear"},
    {.path = "tls.ca",
     .type = CONFIG_STRING,
     .offset = FIELD(tls.ca),
     .fallback = "",
     .help = "file of the CAs the server's certificate is verified against, or \"system\"; empty: "
             "it is known by its first use"},
    {.path = "tls.certificate",
     .type = CONFIG_PATH,
     .offset = FIELD(tls.certificate),
     .fallback = "",
     .help = "own certificate, for servers that ask for one"},
    {.path = "tls.key",
     .type = CONFIG_PATH,
     .offset = FIELD(tls.key),
     .fallback = "",
     .help = "its key"},
    {.path = "outbox.messages",
     .type = CONFIG_NUMBER,
     .offset = FIELD(outbox.messages),
     .fallback = "1000",
     .min = 1,
     .max = 100000,
     .help = "most messages that are kept until the server has them"},
    {.path = "outbox.bytes",
     .type = CONFIG_NUMBER,
     .offset = FIELD(outbox.bytes),
     .fallback = "16777216",
     .min = CLIENT_TEXT_MAX + 1024,
     .max = 1ULL << 40,
     .unit = "bytes",
     .help = "most bytes of them"},
    {.path = "bell",
     .type = CONFIG_BOOL,
     .offset = FIELD(bell),
     .fallback = "true",
     .help = "ring the terminal's bell for a whisper, a direct message, or the user's name"},
    {.path = "notify",
     .type = CONFIG_STRING,
     .offset = FIELD(notify),
     .fallback = "",
     .help = "shell command that is run then, as notify-send"},
};

const struct config_table settings_table = {
    .keys = settings_keys,
    .count = ARRAY_SIZE(settings_keys),
};

/* $`variable`/`rest`, or $HOME/`fallback`/`rest`; XDG ignores relative paths. */
static int xdg_path(const char *variable, const char *fallback, const char *rest, char **ret)
{
    char *path;
    const char *base = getenv(variable);
    int r;

    if (base && base[0] == '/') {
        r = asprintf(&path, "%s/%s", base, rest);
    } else {
        const char *home = getenv("HOME");
        if (!home || home[0] != '/')
            return -ENOENT;
        r = asprintf(&path, "%s/%s/%s", home, fallback, rest);
    }
    if (r < 0)
        return -ENOMEM;
    *ret = path;
    return 0;
}

int settings_config_folder(char **ret)
{
    return xdg_path("XDG_CONFIG_HOME", ".config", "multichat", ret);
}

/* 1, or -errno. */
static int load_file(const char *file, struct settings *ret, char **ret_error)
{
    int r = config_table_load(&settings_table, file, ret, ret_error);

    return r < 0 ? r : 1;
}

int settings_load(const char *file, struct settings *ret, char **ret_error)
{
    char *folder = NULL, *path = NULL;
    int r;

    if (file)
        return load_file(file, ret, ret_error);
    r = settings_config_folder(&folder);
    if (r == 0 && asprintf(&path, "%s/config", folder) < 0)
        r = -ENOMEM;
    free(folder);
    if (r == 0 && access(path, F_OK) < 0)
        r = -ENOENT;
    if (r == -ENOENT) {
        *ret_error = NULL;
        r = config_table_init(&settings_table, ret);
    } else if (r == 0) {
        r = load_file(path, ret, ret_error);
    }
    free(path);
    return r;
}

void settings_deinit(struct settings *settings)
{
    config_table_deinit(&settings_table, settings);
}

static int complain(char **ret_error, const char *text)
{
    *ret_error = strdup(text);
    return *ret_error ? -EINVAL : -ENOMEM;
}

static const char *userid_refusal(const char *user)
{
    if (user[0] == '\0')
        return "no user: the login name is not known; give --user";
    for (const char *c = user; *c; c++)
        if (strchr(":#*%/", *c) || isspace((unsigned char)*c))
            return "user: a userid has no blank and none of : # * % /";
    return NULL;
}

/* Takes "192.0.2.1:4000" and "192.0.2.1", "[::1]:4000" and "::1". */
static int parse_listen(const char *text, struct addr *ret)
{
    char with_port[ADDR_TEXT_MAX + 4];
    const char *colon = strchr(text, ':');

    if (addr_parse(text, ret) == 0)
        return 0;
    if (colon && strchr(colon + 1, ':') && text[0] != '[')
        snprintf(with_port, sizeof(with_port), "[%s]:0", text);
    else
        snprintf(with_port, sizeof(with_port), "%s:0", text);
    return addr_parse(with_port, ret);
}

/* NULL: it is as it has to be. */
static const char *listen_refusal(const char *listen)
{
    struct addr addr;

    if (listen[0] == '\0' || strcmp(listen, LISTEN_NONE) == 0)
        return NULL;
    if (parse_listen(listen, &addr) < 0)
        return "listen: allowed is none, or an address with or without a port, like 192.0.2.1, "
               "192.0.2.1:4000 or [::1]:4000";
    if (addr.port > 0 && addr.port < PORT_MIN)
        return "listen: the server connects to no port below 1024; allowed is 0 (any free one) or "
               "1024 to 65535";
    return NULL;
}

/* NULL: it is as it has to be. */
static const char *tls_refusal(const struct settings *settings)
{
    const char *ca = settings->tls.ca;

    if (ca[0] != '\0' && ca[0] != '/' && strcmp(ca, TRUST_SYSTEM) != 0)
        return "tls.ca: allowed is an absolute path, or \"" TRUST_SYSTEM "\"";
    if ((settings->tls.certificate[0] == '\0') != (settings->tls.key[0] == '\0'))
        return "tls.certificate and tls.key: one is of no use without the other";
    return NULL;
}

int settings_complete(struct settings *settings, char **ret_error)
{
    const char *refusal;

    if (settings->user[0] == '\0') {
        const struct passwd *entry = getpwuid(getuid());
        char *user = strdup(entry ? entry->pw_name : "");
        if (!user)
            return -ENOMEM;
        free(settings->user);
        settings->user = user;
    }
    refusal = userid_refusal(settings->user);
    if (!refusal)
        refusal = tls_refusal(settings);
    if (!refusal)
        refusal = listen_refusal(settings->listen);
    return refusal ? complain(ret_error, refusal) : 0;
}

/* A file name is any bytes but '/' and NUL; what else is escaped keeps it easy to type. */
static void escape_name(FILE *out, const char *text)
{
    for (const char *start = text; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = isalnum(c) || c == '_' || c == '-' || c >= 0x80 || (c == '.' && text > start);
        fprintf(out, plain ? "%c" : "%%%02X", c);
    }
}

int settings_state_path(const struct settings *settings, const char *kind, char **ret)
{
    char *base = NULL, *path = NULL;
    size_t len;
    int r = xdg_path("XDG_STATE_HOME", ".local/state", "multichat", &base);

    if (r < 0)
        return r;
    FILE *out = open_memstream(&path, &len);
    if (!out) {
        free(base);
        return -ENOMEM;
    }
    fprintf(out, "%s/%s/", base, kind);
    free(base);
    escape_name(out, settings->server);
    fprintf(out, ":%u,", (unsigned)settings->write_port);
    escape_name(out, settings->user);
    if (fclose(out) != 0) {
        free(path);
        return -ENOMEM;
    }
    *ret = path;
    return 0;
}

int settings_data_path(char **ret)
{
    return xdg_path("XDG_DATA_HOME", ".local/share", "multichat", ret);
}

bool settings_listens(const struct settings *settings)
{
    return strcmp(settings->listen, LISTEN_NONE) != 0;
}

void settings_listen_addr(const struct settings *settings, const struct addr *server,
                          struct addr *ret)
{
    struct addr addr = {.family = server->family};

    if (settings->listen[0]) {
        int r = parse_listen(settings->listen, &addr);
        assert(r == 0); /* settings_complete() has judged it */
        (void)r;
    } else if (addr_is_loopback(server)) {
        /* Not always the server's own: it may be 127.0.0.2, say. */
        memcpy(addr.ip, server->ip, sizeof(addr.ip));
    }
    *ret = addr;
}
