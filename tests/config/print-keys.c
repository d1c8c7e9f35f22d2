/* Prints the daemon's keys, a line each: path, default as a file has it, and whether a running
 * daemon takes a new value up. For the test that holds table, sample and manual page together.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "config/daemon-config.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    struct daemon_config config;
    if (config_table_init(&daemon_config_table, &config) < 0)
        return EXIT_FAILURE;
    int status = EXIT_SUCCESS;
    for (size_t i = 0; i < daemon_config_table.count && status == EXIT_SUCCESS; i++) {
        const struct config_key *key = &daemon_config_table.keys[i];
        char *value = NULL;
        if (key->help == NULL || config_key_format(key, &config, &value) < 0)
            status = EXIT_FAILURE;
        else
            printf("%s\t%s\t%s\n", key->path, value, key->reloadable ? "reload" : "restart");
        free(value);
    }
    daemon_config_deinit(&config);
    return status;
}
