/* The first run at a terminal: see first-run.h.
 *
 * The password is sent only when the user has said that the server is the one he
 * means. The session that is got here is that of the device, so that the program goes on without
 * asking for the password again.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/modes/first-run.h"

#include "client/client.h"
#include "client/folder.h"
#include "client/modes/errand.h"
#include "client/modes/sending.h"
#include "client/output.h"
#include "client/password.h"
#include "client/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_FILE   "config"
#define PASSWORD_FILE "password"
#define ANSWER_MAX    512 /* bytes */

bool first_run_wanted(const struct invocation *invocation)
{
    return invocation->mode == MODE_LINE && !invocation->placed && isatty(STDIN_FILENO) &&
           isatty(STDOUT_FILENO);
}

/* -- asking -------------------------------------------------------------------------------------
 */

/* A line from the terminal, without the blanks around it. False: the user gave up. */
static bool read_answer(int stop_fd, char ret[ANSWER_MAX])
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = stop_fd, .events = POLLIN}};
    char line[ANSWER_MAX], *start = line;
    ssize_t len;

    while (poll(fds, ARRAY_SIZE(fds), -1) < 0)
        if (errno != EINTR)
            return false;
    len = fds[1].revents ? 0 : read(STDIN_FILENO, line, sizeof(line) - 1);
    if (len <= 0)
        return false;
    while (len > 0 && strchr(" \t\r\n", line[len - 1]))
        len--;
    line[len] = '\0';
    start += strspn(line, " \t");
    memmove(ret, start, strlen(start) + 1);
    return true;
}

/* Asks for what is in *value now (freed then); an empty answer leaves it. */
static bool ask(const char *question, char **value, int stop_fd)
{
    char answer[ANSWER_MAX], *copy;

    printf("%s [%s]: ", question, *value);
    fflush(stdout);
    if (!read_answer(stop_fd, answer))
        return false;
    if (answer[0] == '\0')
        return true;
    copy = strdup(answer);
    if (!copy)
        return false;
    free(*value);
    *value = copy;
    return true;
}

/* `usual` is what an empty answer means. False: no, or the user gave up. */
static bool ask_whether(const char *question, bool usual, int stop_fd)
{
    char answer[ANSWER_MAX];

    printf("%s [%s]: ", question, usual ? "Y/n" : "y/N");
    fflush(stdout);
    if (!read_answer(stop_fd, answer))
        return false;
    return answer[0] == '\0' ? usual : answer[0] == 'y' || answer[0] == 'Y';
}

/* False: there is no such server, which the user has been told. */
static bool is_known(const char *server)
{
    const char *reason;
    struct addr host;

    if (server_resolve(server, 0, &host, 1, &reason) > 0)
        return true;
    errand_say("cannot find the server %s: %s", server, reason);
    if (strchr(server, ':'))
        errand_say("a port is not named here: where the server's are not the usual ones, begin "
                   "multichat with --write-port PORT --poll-port PORT");
    return false;
}

/* It is looked up before anything else is asked. False: the user gave up. */
static bool ask_server(char **server, int stop_fd)
{
    while (ask("Server (its name or address)", server, stop_fd))
        if (is_known(*server))
            return true;
    return false;
}

/* Server and userid, until they have the shape of ones. False: the user gave up. */
static bool ask_who(struct settings *settings, int stop_fd)
{
    char *error = NULL;

    while (ask_server(&settings->server, stop_fd) &&
           ask("Your userid there", &settings->user, stop_fd)) {
        if (settings_complete(settings, &error) == 0)
            return true;
        output_notice(error ? error : "out of memory");
        free(error);
    }
    return false;
}

/* 0 or -errno; the user has been told. */
static int ask_password(const struct invocation *invocation, int stop_fd,
                        char ret[V2_PASSWORD_MAX + 1])
{
    char *warning = NULL, *error = NULL;
    int r = password_get(&invocation->settings, invocation->password_fd, stop_fd, ret, &warning,
                         &error);

    if (warning)
        output_notice(warning);
    if (r < 0 && r != -ECANCELED)
        output_notice(error ? error : "out of memory");
    free(warning);
    free(error);
    return r;
}

/* -- signing on ---------------------------------------------------------------------------------
 */

struct signing {
    const struct invocation *invocation;
    struct account *account;
    int stop_fd;
    bool meant; /* the user has said so of the server */
};

/* An exchange_fn: whatever is answered, it is to somebody who is signed on. */
static void told(void *userdata, const struct exchange_report *report)
{
    struct errand *errand = userdata;

    if (report->event == EXCHANGE_DONE || report->event == EXCHANGE_REFUSED)
        errand->code = EXIT_DONE;
}

static int try_account(const struct signing *signing)
{
    const struct v2_frame request = {.verb = V2_VERB_ROOMS};
    struct errand errand;
    int code = EXIT_SYSTEM;

    if (errand_init(&errand, signing->invocation, signing->account, NULL, NULL, NULL,
                    signing->stop_fd) < 0)
        return code;
    if (exchange_call(errand.exchange, &request, NULL, told, &errand) > 0)
        code = errand_run(&errand);
    errand_deinit(&errand);
    return code;
}

/* A trust_confirm_fn. */
static bool is_meant(void *userdata, const char *server, const char *shown)
{
    struct signing *signing = userdata;

    printf("The server %s is seen for the first time. Its certificate is\n%s\n"
           "(\"multichatctl status\" on the server shows the true one)\n",
           server, shown);
    signing->meant = ask_whether("Is this the server you mean?", true, signing->stop_fd);
    return signing->meant;
}

/* Signs on with what was answered. An enum exit_code; the user has been told. */
static int sign_on(struct signing *signing, const char *password)
{
    struct sending sending;
    int code = sending_open_as_device(&signing->invocation->settings, &sending);

    if (code != EXIT_DONE)
        return code;
    signing->account = sending.account;
    trust_set_confirm(sending.trust, is_meant, signing);
    account_give_password(sending.account, password);
    code = try_account(signing);
    if (code == EXIT_NETWORK && signing->meant) /* the server did not wait for the answer */
        code = try_account(signing);
    sending_close(&sending);
    return code;
}

/* -- writing it down ----------------------------------------------------------------------------
 */

/* A string of a configuration file. */
static void write_string(FILE *out, const char *key, const char *value)
{
    fprintf(out, "%s = \"", key);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            fputc('\\', out);
        fputc(*value, out);
    }
    fputs("\";\n", out);
}

/* What the file is to hold, freed by the caller; NULL without memory. */
static char *make_config(const struct settings *settings)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fputs("# The configuration of multichat(1), which tells what else may stand here.\n", out);
    write_string(out, "server", settings->server);
    write_string(out, "user", settings->user);
    fprintf(out, "poll_port = %u;\nwrite_port = %u;\n", (unsigned)settings->poll_port,
            (unsigned)settings->write_port);
    if (settings->password_file[0])
        write_string(out, "password_file", settings->password_file);
    if (settings->password_command[0])
        write_string(out, "password_command", settings->password_command);
    if (!settings->tls.use)
        fputs("tls: { use = false; };\n", out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* Keeps the password beside the configuration, if the user wants that. 0 or -errno. */
static int keep_password(struct settings *settings, int folder, const char *path,
                         const char *password, int stop_fd)
{
    char line[V2_PASSWORD_MAX + 2], *file = NULL;
    int r;

    if (settings->password_file[0] || settings->password_command[0] ||
        !ask_whether("Keep the password in a file that only you can read", false, stop_fd))
        return 0;
    if (asprintf(&file, "%s/" PASSWORD_FILE, path) < 0)
        return -ENOMEM;
    snprintf(line, sizeof(line), "%s\n", password);
    r = folder_replace(folder, PASSWORD_FILE, bytes_of(line));
    explicit_bzero(line, sizeof(line));
    if (r < 0) {
        free(file);
        return r;
    }
    free(settings->password_file);
    settings->password_file = file;
    return 0;
}

/* 0 or -errno. `path` is of the folder. */
static int write_down(struct settings *settings, const char *path, const char *password,
                      int stop_fd)
{
    CLEANUP(folder_close_fd) int folder = folder_make(path);
    char *text;
    int r;

    if (folder < 0)
        return folder;
    r = keep_password(settings, folder, path, password, stop_fd);
    text = r == 0 ? make_config(settings) : NULL;
    if (r == 0)
        r = text ? folder_replace(folder, CONFIG_FILE, bytes_of(text)) : -ENOMEM;
    free(text);
    return r;
}

static void keep_answers(struct settings *settings, const char *password, int stop_fd)
{
    char *path = NULL, reason[128];
    int r = settings_config_folder(&path);

    if (r == 0)
        r = write_down(settings, path, password, stop_fd);
    if (r == 0)
        printf("Written to %s/" CONFIG_FILE "; multichat --help and the manual page tell more.\n",
               path);
    else
        errand_say("the configuration cannot be written: %s",
                   strerror_r(-r, reason, sizeof(reason)));
    free(path);
}

int first_run(struct invocation *invocation, int stop_fd)
{
    char password[V2_PASSWORD_MAX + 1];
    int code = EXIT_USAGE;

    printf("Nothing says yet which server is yours. A few questions; ^C ends.\n");
    while (code != EXIT_DONE) {
        struct signing signing = {.invocation = invocation, .stop_fd = stop_fd};
        if (!ask_who(&invocation->settings, stop_fd) ||
            ask_password(invocation, stop_fd, password) < 0)
            return EXIT_USAGE;
        code = sign_on(&signing, password);
        if (code == EXIT_DONE)
            keep_answers(&invocation->settings, password, stop_fd);
        explicit_bzero(password, sizeof(password));
    }
    return code;
}
