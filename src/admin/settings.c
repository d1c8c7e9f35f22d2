/* Settings of storage and passwords.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/settings.h"

struct password_cost settings_password(const struct daemon_config *config)
{
    return (struct password_cost){
        .operations = config->password.operations,
        .memory = config->password.memory,
    };
}

struct dal_config settings_storage(const struct daemon_config *config, const char *password)
{
    return (struct dal_config){
        .driver = daemon_config_driver(config),
        .sqlite_path = config->storage.sqlite_path,
        .mysql_host = config->storage.mysql.host,
        .mysql_socket = config->storage.mysql.socket,
        .mysql_database = config->storage.mysql.database,
        .mysql_user = config->storage.mysql.user,
        .mysql_password = password,
        .mysql_port = (unsigned)config->storage.mysql.port,
        .writers = (unsigned)config->storage.writers,
        .readers = (unsigned)config->storage.readers,
        .queue_max = (unsigned)config->storage.queue,
        .migrate = config->storage.migrate,
    };
}
