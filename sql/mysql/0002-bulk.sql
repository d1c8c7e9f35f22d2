-- multichat schema 2 for MySQL and MariaDB: the right to send in bulk.
-- SPDX-License-Identifier: GPL-3.0-or-later

-- 1: limits of rate do not hold for what the user sends. Only MariaDB has ADD COLUMN IF NOT EXISTS,
-- so that this can be run again: the statement is made here, and is an empty one the second time.
SET @statement = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE users ADD COLUMN bulk TINYINT UNSIGNED NOT NULL DEFAULT 0', 'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'users' AND column_name = 'bulk');
PREPARE migration FROM @statement;
EXECUTE migration;
DEALLOCATE PREPARE migration;
