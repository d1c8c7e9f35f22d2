-- multichat schema 1 for SQLite: users, conversations as logs of messages, cursors.
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- Each statement ends with a semicolon at the end of a line. All of a file runs in one transaction.
-- Lengths are in bytes and the same as in sql/mysql.

-- A message's number is one more than the greatest of its conversation, so whatever thins out old
-- messages one day has to leave the newest of each conversation.

CREATE TABLE conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL UNIQUE CHECK (length(CAST(name AS BLOB)) <= 65)
);

-- AUTOINCREMENT: an id is never given again, also after its user was deleted.
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    userid TEXT NOT NULL UNIQUE CHECK (length(CAST(userid AS BLOB)) <= 64),
    name TEXT NOT NULL CHECK (length(CAST(name AS BLOB)) <= 64),
    name_key TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL CHECK (length(CAST(password_hash AS BLOB)) <= 255),
    auth_epoch INTEGER NOT NULL DEFAULT 1,
    created_ms INTEGER NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0,
    inbox INTEGER NOT NULL UNIQUE REFERENCES conversations (id)
);

CREATE TABLE members (
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    since INTEGER NOT NULL,
    PRIMARY KEY (conversation, user)
) WITHOUT ROWID;

CREATE INDEX members_user ON members (user);

-- userid and name are the sender's as they were: reading needs no join, and a message outlives its
-- sender. origin is a device, context the room of a whisper, both 0 for none.
CREATE TABLE messages (
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    sender INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    context INTEGER NOT NULL,
    userid TEXT NOT NULL CHECK (length(CAST(userid AS BLOB)) <= 64),
    name TEXT NOT NULL CHECK (length(CAST(name AS BLOB)) <= 64),
    ckey TEXT NOT NULL CHECK (length(CAST(ckey AS BLOB)) <= 64),
    text TEXT NOT NULL,
    PRIMARY KEY (conversation, seq),
    UNIQUE (sender, ckey)
) WITHOUT ROWID;

CREATE TABLE devices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL CHECK (length(CAST(name AS BLOB)) <= 96),
    seen_ms INTEGER NOT NULL,
    UNIQUE (user, name)
);

CREATE TABLE cursors (
    device INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    PRIMARY KEY (device, conversation)
) WITHOUT ROWID;

CREATE INDEX cursors_conversation ON cursors (conversation);

CREATE TABLE schema_version (
    version INTEGER PRIMARY KEY,
    applied_ms INTEGER NOT NULL
);

-- Everyone's conversation. Its id, after which those of all others come, is made of the time: a client
-- that remembers places in conversations of another store, which was here before, does not take them
-- for places in these. It stays below 2^53, which every reader of JSON can count to.
INSERT INTO conversations (id, kind, name)
VALUES (CAST(strftime('%s', 'now') AS INTEGER) << 20, 0, '*');
