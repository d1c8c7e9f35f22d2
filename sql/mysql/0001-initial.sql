-- multichat schema 1 for MySQL and MariaDB: users, conversations as logs of messages, cursors.
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- Each statement ends with a semicolon at the end of a line. The server commits after each
-- CREATE, so every statement can be run again after a crash in the middle.

-- Names, keys and hashes are VARBINARY: the utf8mb4_bin collation ignores trailing blanks when it
-- compares, and two names are the same only if their bytes are. Texts are utf8mb4.

-- A message's number is one more than the greatest of its conversation, so whatever thins out old
-- messages one day has to leave the newest of each conversation.

CREATE TABLE IF NOT EXISTS conversations (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    kind TINYINT UNSIGNED NOT NULL,
    name VARBINARY(65) NOT NULL,
    UNIQUE KEY name (name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- AUTO_INCREMENT: an id is never given again, also after its user was deleted.
CREATE TABLE IF NOT EXISTS users (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    userid VARBINARY(64) NOT NULL,
    name VARBINARY(64) NOT NULL,
    name_key VARBINARY(1024) NOT NULL,
    password_hash VARBINARY(255) NOT NULL,
    auth_epoch INT UNSIGNED NOT NULL DEFAULT 1,
    created_ms BIGINT UNSIGNED NOT NULL,
    disabled TINYINT UNSIGNED NOT NULL DEFAULT 0,
    inbox BIGINT UNSIGNED NOT NULL,
    UNIQUE KEY userid (userid),
    UNIQUE KEY name_key (name_key),
    UNIQUE KEY inbox (inbox),
    CONSTRAINT users_inbox FOREIGN KEY (inbox) REFERENCES conversations (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS members (
    conversation BIGINT UNSIGNED NOT NULL,
    user BIGINT UNSIGNED NOT NULL,
    since BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (conversation, user),
    KEY members_user (user),
    CONSTRAINT members_conversation FOREIGN KEY (conversation) REFERENCES conversations (id)
        ON DELETE CASCADE,
    CONSTRAINT members_user FOREIGN KEY (user) REFERENCES users (id) ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- userid and name are the sender's as they were: reading needs no join, and a message outlives its
-- sender. origin is a device, context the room of a whisper, both 0 for none.
CREATE TABLE IF NOT EXISTS messages (
    conversation BIGINT UNSIGNED NOT NULL,
    seq BIGINT UNSIGNED NOT NULL,
    time_ms BIGINT UNSIGNED NOT NULL,
    sender BIGINT UNSIGNED NOT NULL,
    origin BIGINT UNSIGNED NOT NULL,
    context BIGINT UNSIGNED NOT NULL,
    userid VARBINARY(64) NOT NULL,
    name VARBINARY(64) NOT NULL,
    ckey VARBINARY(64) NOT NULL,
    text MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (conversation, seq),
    UNIQUE KEY sender_key (sender, ckey),
    CONSTRAINT messages_conversation FOREIGN KEY (conversation) REFERENCES conversations (id)
        ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS devices (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user BIGINT UNSIGNED NOT NULL,
    name VARBINARY(96) NOT NULL,
    seen_ms BIGINT UNSIGNED NOT NULL,
    UNIQUE KEY user_name (user, name),
    CONSTRAINT devices_user FOREIGN KEY (user) REFERENCES users (id) ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS cursors (
    device BIGINT UNSIGNED NOT NULL,
    conversation BIGINT UNSIGNED NOT NULL,
    seq BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (device, conversation),
    KEY cursors_conversation (conversation),
    CONSTRAINT cursors_device FOREIGN KEY (device) REFERENCES devices (id) ON DELETE CASCADE,
    CONSTRAINT cursors_conversation FOREIGN KEY (conversation) REFERENCES conversations (id)
        ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS schema_version (
    version INT UNSIGNED NOT NULL PRIMARY KEY,
    applied_ms BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Everyone's conversation. Its id, after which those of all others come, is made of the time: a client
-- that remembers places in conversations of another store, which was here before, does not take them
-- for places in these. It stays below 2^53, which every reader of JSON can count to.
INSERT IGNORE INTO conversations (id, kind, name)
VALUES (UNIX_TIMESTAMP() << 20, 0, '*');
