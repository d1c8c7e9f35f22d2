/* The commands: words, options, who carries them out, how long they may take.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ctl.h"

#define PASSWORD (OPTION_PASSWORD_FILE | OPTION_PASSWORD_FD)
#define MYSQL    (OPTION_DATABASE | OPTION_USER | OPTION_SERVER_SOCKET | OPTION_SECRET_FILE)
#define ADMIN    (OPTION_ADMIN_USER | OPTION_ADMIN_PASSWORD_FILE)

/* Some of them scan every message or wait for a hundred slow hashes. */
#define PATIENCE       60
#define PATIENCE_BATCH 600
#define PATIENCE_CHECK 7200
#define PATIENCE_LIVE  5 /* who looks on wants to be told */

const struct command command_table[] = {
    {"user add", "[USERID]", 0, 1, OPTION_CONTROL | OPTION_NAME | PASSWORD | OPTION_BATCH,
     REACH_ANY, PATIENCE_BATCH, command_user_add,
     "Add a user, or with --batch many. The password is asked for on the terminal."},
    {"user passwd", "USERID", 1, 1, OPTION_CONTROL | PASSWORD, REACH_ANY, PATIENCE,
     command_user_passwd, "Give a user a new password."},
    {"user list", "", 0, 0, OPTION_CONTROL, REACH_ANY, PATIENCE, command_user_list,
     "List the users."},
    {"user disable", "USERID", 1, 1, OPTION_CONTROL, REACH_ANY, PATIENCE, command_user_disable,
     "Refuse a user until he is enabled again. His messages wait."},
    {"user enable", "USERID", 1, 1, OPTION_CONTROL, REACH_ANY, PATIENCE, command_user_enable,
     "Let a disabled user in again."},
    {"user bulk", "USERID on|off", 2, 2, OPTION_CONTROL, REACH_ANY, PATIENCE, command_user_bulk,
     "Give a user the right to send without limits of rate, or take it."},
    {"user revoke", "USERID", 1, 1, OPTION_CONTROL, REACH_ANY, PATIENCE, command_user_revoke,
     "End a user's sessions: he has to sign on with his password again."},
    {"user devices", "USERID", 1, 1, OPTION_CONTROL, REACH_ANY, PATIENCE, command_user_devices,
     "List a user's devices."},
    {"user forget", "USERID DEVICE", 2, 2, OPTION_CONTROL, REACH_ANY, PATIENCE, command_user_forget,
     "Delete a device of a user, with what it has read and its sessions."},
    {"user delete", "USERID", 1, 1, OPTION_CONTROL, REACH_ANY, PATIENCE, command_user_delete,
     "Delete a user with his inbox and memberships. What he wrote to others stays."},
    {"room add", "ROOM", 1, 1, OPTION_CONTROL, REACH_ANY, PATIENCE, command_room_add,
     "Make a room. Its name may be given with or without the #."},
    {"room delete", "ROOM", 1, 1, OPTION_CONTROL, REACH_ANY, PATIENCE, command_room_delete,
     "Delete a room with its messages."},
    {"room list", "", 0, 0, OPTION_CONTROL, REACH_ANY, PATIENCE, command_room_list,
     "List the rooms."},
    {"room join", "ROOM USERID", 2, 2, OPTION_CONTROL, REACH_ANY, PATIENCE, command_room_join,
     "Make a user a member of a room, for what is written from now on."},
    {"room part", "ROOM USERID", 2, 2, OPTION_CONTROL, REACH_ANY, PATIENCE, command_room_part,
     "End a user's membership of a room."},
    {"room members", "ROOM", 1, 1, OPTION_CONTROL, REACH_ANY, PATIENCE, command_room_members,
     "List the members of a room."},
    {"room set", "ROOM NAME=VALUE...", 2, ARGUMENTS_MAX, OPTION_CONTROL, REACH_ANY, PATIENCE,
     command_room_set,
     "Set topic=TEXT, access=open|closed, operator=USERID or plain=USERID of a room."},
    {"room invite", "ROOM USERID", 2, 2, OPTION_CONTROL, REACH_ANY, PATIENCE, command_room_invite,
     "Invite a user into a room, which lets him into a closed one."},
    {"rooms", "", 0, 0, OPTION_CONTROL, REACH_DAEMON, PATIENCE, command_rooms,
     "List the rooms with how many of their members are present."},
    {"status", "", 0, 0, OPTION_CONTROL | OPTION_ALL, REACH_DAEMON, PATIENCE, command_status,
     "Show what the daemon and its storage are doing."},
    {"top", "", 0, 0, OPTION_CONTROL | OPTION_ONCE, REACH_DAEMON, PATIENCE_LIVE, command_top,
     "Show who is connected and what the daemon is doing, refreshed every second."},
    {"kick", "USERID [ROOM]", 1, 2, OPTION_CONTROL | OPTION_REASON, REACH_ANY, PATIENCE,
     command_kick, "Close a user's connections, telling him why; or remove him from a room."},
    {"announce", "TEXT", 1, 1, OPTION_CONTROL, REACH_ANY, PATIENCE, command_announce,
     "Tell everyone something."},
    {"db init", "", 0, 0, OPTION_DRIVER | MYSQL | ADMIN, REACH_STORAGE, PATIENCE, command_db_init,
     "Make the database and its tables. Running it again changes nothing."},
    {"db migrate", "", 0, 0, 0, REACH_STORAGE, PATIENCE, command_db_migrate,
     "Bring the tables of an older version up to date."},
    {"db check", "", 0, 0, OPTION_CONTROL, REACH_ANY, PATIENCE_CHECK, command_db_check,
     "Look the whole database over."},
    {"db copy", "", 0, 0, OPTION_TO | MYSQL, REACH_STORAGE, PATIENCE, command_db_copy,
     "Copy everything into an empty database of the other driver. The daemon is stopped."},
    {"export", "[FILE]", 0, 1, 0, REACH_STORAGE, PATIENCE, command_export,
     "Write everything to a file, or with - to standard output, also while the daemon runs."},
    {"import", "[FILE]", 0, 1, 0, REACH_STORAGE, PATIENCE, command_import,
     "Fill an empty database with an export. The daemon is stopped."},
    {0},
};
