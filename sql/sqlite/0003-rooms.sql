-- multichat schema 3 for SQLite: rooms with numbers and topics, notices, whispers, look-alike names.
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- The folded names (name_key, userid_key) of what is there already are filled in by the program.

-- AUTOINCREMENT: a number is never given again. name_key is the folded name without its '#', and not
-- unique, as rooms of before may look alike: whoever makes a room has looked first. access is 1 for
-- closed. made_by is a user, 0 for the administrator or nobody known.
CREATE TABLE rooms (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL UNIQUE REFERENCES conversations (id) ON DELETE CASCADE,
    name_key TEXT NOT NULL DEFAULT '',
    topic TEXT NOT NULL DEFAULT '' CHECK (length(CAST(topic AS BLOB)) <= 300),
    access INTEGER NOT NULL DEFAULT 0,
    made_by INTEGER NOT NULL DEFAULT 0,
    made_ms INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX rooms_name_key ON rooms (name_key);

INSERT INTO rooms (conversation) SELECT id FROM conversations WHERE kind = 1 ORDER BY id;

-- 1: an operator of the room.
ALTER TABLE members ADD COLUMN role INTEGER NOT NULL DEFAULT 0;

CREATE TABLE invitations (
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    invited_by INTEGER NOT NULL,
    invited_ms INTEGER NOT NULL,
    PRIMARY KEY (conversation, user)
) WITHOUT ROWID;

CREATE INDEX invitations_user ON invitations (user);

-- Not unique, for users of before may look alike.
ALTER TABLE users ADD COLUMN userid_key TEXT NOT NULL DEFAULT '';

CREATE INDEX users_userid_key ON users (userid_key);

-- enum message_kind.
ALTER TABLE messages ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;

-- 1: written to a user, outside of rooms. These alone are indexed, for the history of two users: an
-- index of all messages would cost half as much as storing them.
ALTER TABLE messages ADD COLUMN direct INTEGER NOT NULL DEFAULT 0;

UPDATE messages SET direct = 1
WHERE context = 0 AND conversation IN (SELECT id FROM conversations WHERE kind = 2);

CREATE INDEX messages_sent ON messages (sender, conversation, seq) WHERE direct = 1;

-- Two rows for each whisper, of who sent and of who got it: the whispers of a user in a room, in the
-- order of its history.
CREATE TABLE whispers (
    room INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    time_ms INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (room, user, time_ms, conversation, seq),
    FOREIGN KEY (conversation, seq) REFERENCES messages (conversation, seq) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX whispers_message ON whispers (conversation, seq);

CREATE INDEX whispers_user ON whispers (user);
