-- multichat schema 3 for MySQL and MariaDB: rooms with numbers and topics, notices, whispers,
-- look-alike names.
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- The folded names (name_key, userid_key) of what is there already are filled in by the program. As
-- in schema 2, what cannot be asked for twice is put together here, and is nothing the second time.

-- AUTO_INCREMENT: a number is never given again. name_key is the folded name without its '#', and
-- not unique, as rooms of before may look alike: whoever makes a room has looked first. access is 1
-- for closed. made_by is a user, 0 for the administrator or nobody known.
CREATE TABLE IF NOT EXISTS rooms (
    number BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    conversation BIGINT UNSIGNED NOT NULL,
    name_key VARBINARY(1024) NOT NULL DEFAULT '',
    topic VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    access TINYINT UNSIGNED NOT NULL DEFAULT 0,
    made_by BIGINT UNSIGNED NOT NULL DEFAULT 0,
    made_ms BIGINT UNSIGNED NOT NULL DEFAULT 0,
    UNIQUE KEY conversation (conversation),
    KEY rooms_name_key (name_key),
    CONSTRAINT rooms_conversation FOREIGN KEY (conversation) REFERENCES conversations (id)
        ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO rooms (conversation)
SELECT c.id FROM conversations c LEFT JOIN rooms r ON r.conversation = c.id
WHERE c.kind = 1 AND r.conversation IS NULL ORDER BY c.id;

-- 1: an operator of the room.
SET @statement = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE members ADD COLUMN role TINYINT UNSIGNED NOT NULL DEFAULT 0', 'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'members' AND column_name = 'role');
PREPARE migration FROM @statement;
EXECUTE migration;

CREATE TABLE IF NOT EXISTS invitations (
    conversation BIGINT UNSIGNED NOT NULL,
    user BIGINT UNSIGNED NOT NULL,
    invited_by BIGINT UNSIGNED NOT NULL,
    invited_ms BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (conversation, user),
    KEY invitations_user (user),
    CONSTRAINT invitations_conversation FOREIGN KEY (conversation) REFERENCES conversations (id)
        ON DELETE CASCADE,
    CONSTRAINT invitations_user FOREIGN KEY (user) REFERENCES users (id) ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Not unique, for users of before may look alike.
SET @statement = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE users ADD COLUMN userid_key VARBINARY(1024) NOT NULL DEFAULT '''', ADD KEY users_userid_key (userid_key)', 'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'users' AND column_name = 'userid_key');
PREPARE migration FROM @statement;
EXECUTE migration;

-- kind: enum message_kind. direct is 1 for what was written to a user, outside of rooms, and
-- messages_sent is for the history of two users.
SET @statement = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE messages ADD COLUMN kind TINYINT UNSIGNED NOT NULL DEFAULT 0, ADD COLUMN direct TINYINT UNSIGNED NOT NULL DEFAULT 0', 'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'messages' AND column_name = 'kind');
PREPARE migration FROM @statement;
EXECUTE migration;
UPDATE messages m JOIN conversations c ON c.id = m.conversation SET m.direct = 1
WHERE c.kind = 2 AND m.context = 0;
SET @statement = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE messages ADD KEY messages_sent (sender, direct, conversation, seq)', 'DO 0')
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'messages' AND index_name = 'messages_sent');
PREPARE migration FROM @statement;
EXECUTE migration;
DEALLOCATE PREPARE migration;

-- Two rows for each whisper, of who sent and of who got it: the whispers of a user in a room, in the
-- order of its history.
CREATE TABLE IF NOT EXISTS whispers (
    room BIGINT UNSIGNED NOT NULL,
    user BIGINT UNSIGNED NOT NULL,
    time_ms BIGINT UNSIGNED NOT NULL,
    conversation BIGINT UNSIGNED NOT NULL,
    seq BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (room, user, time_ms, conversation, seq),
    KEY whispers_message (conversation, seq),
    KEY whispers_user (user),
    CONSTRAINT whispers_room FOREIGN KEY (room) REFERENCES conversations (id) ON DELETE CASCADE,
    CONSTRAINT whispers_user FOREIGN KEY (user) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT whispers_message FOREIGN KEY (conversation, seq)
        REFERENCES messages (conversation, seq) ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The server has committed at each step. What the program fills in belongs together.
START TRANSACTION;
