-- multichat schema 2 for SQLite: the right to send in bulk.
-- SPDX-License-Identifier: GPL-3.0-or-later

-- 1: limits of rate do not hold for what the user sends.
ALTER TABLE users ADD COLUMN bulk INTEGER NOT NULL DEFAULT 0;
