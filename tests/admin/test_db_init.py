"""multichatctl db init: a database, its user and the password file in one command.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import stat
import subprocess

import pytest

from multichat import PATIENCE, program
from sites import USAGE, UNREACHABLE, drivers, needs_mysql

pytestmark = pytest.mark.skipif("sqlite" not in drivers(), reason="built without SQLite")


def test_init_sqlite(alone):
    answer = alone.json("db", "init")
    assert answer["driver"] == "sqlite" and answer["database"] == alone.database
    assert answer["schema_before"] == 0 and answer["schema_version"] > 0
    assert answer["settings"] == {}
    again = alone.json("db", "init", "--driver", "sqlite")
    assert again["schema_before"] == again["schema_version"] == answer["schema_version"]
    told = alone.run("db", "init").stdout
    assert alone.database in told and "needs no change" in told


@needs_mysql
def test_init_sqlite_in_the_place_of_mysql(alone):
    alone.write_config(storage__driver="mysql")
    answer = alone.json("db", "init", "--driver", "sqlite")
    assert answer["settings"] == {"storage.driver": "sqlite"}


def init_mariadb(site, mariadb, *arguments, **options):
    return site.json("db", "init", "--driver", "mysql", "--socket", mariadb.socket, *arguments,
                     **options)


def test_init_mariadb(alone, mariadb):
    secret = os.path.join(alone.directory, "credstore", "password")
    arguments = ["--database", "chatbase", "--user", "chatter", "--password-file", secret]
    answer = init_mariadb(alone, mariadb, *arguments)
    assert answer["schema_before"] == 0 and answer["schema_version"] > 0
    assert "MariaDB" in answer["server"] and answer["database"] == "chatbase"
    settings = answer["settings"]
    assert settings == {"storage.driver": "mysql", "storage.mysql.socket": mariadb.socket,
                        "storage.mysql.database": "chatbase", "storage.mysql.user": "chatter",
                        "storage.mysql.password_file": secret}
    assert stat.S_IMODE(os.stat(secret).st_mode) == 0o600
    with open(secret, encoding="ascii") as stream:
        password = stream.read()
    assert len(password) == 33 and password.endswith("\n")

    alone.write_config(**settings)  # as it says, and it works
    alone.add("alice")
    assert alone.userids() == ["alice"]
    assert mariadb.query("SELECT COUNT(*) FROM chatbase.users").strip() == "1"
    told = alone.run("db", "init").stdout
    assert "needs no change" in told and "already" in told
    with open(secret, encoding="ascii") as stream:
        assert stream.read() == password
    assert password.strip() not in told
    assert alone.userids() == ["alice"]


def test_init_mariadb_prints_what_the_configuration_takes(alone, mariadb):
    secret = os.path.join(alone.directory, 'a "quoted" \\ path')
    arguments = ["db", "init", "--driver", "mysql", "--socket", mariadb.socket, "--database",
                 "pasted", "--user", "paster", "--password-file", secret]
    told = alone.run(*arguments).stdout
    groups = told.split("\n\n")[1] + "\n"
    assert groups.startswith('storage:\n{\n    driver = "mysql";\n    mysql:\n    {\n')
    with open(alone.config, "w", encoding="utf-8") as config:
        config.write('listen: { control = "%s"; };\n' % alone.control + groups)
    assert "needs no change" in alone.run(*arguments).stdout
    assert mariadb.query("SELECT COUNT(*) FROM pasted.users").strip() == "0"
    alone.add("alice")
    assert mariadb.query("SELECT COUNT(*) FROM pasted.users").strip() == "1"


def test_init_mariadb_tells_that_a_password_was_changed(alone, mariadb):
    def init(name, *options):
        return alone.run("db", "init", "--driver", "mysql", "--socket", mariadb.socket,
                         "--database", "changed", "--user", "changer", "--password-file",
                         os.path.join(alone.directory, name), *options).stderr

    line = ("multichatctl: the database user changer was there already; "
            "his password has been changed\n")
    assert init("first") == ""
    assert init("first") == ""
    assert init("second") == line
    assert init("second", "--json") == ""
    assert init("first", "--json") == line


def test_init_mariadb_relative_paths(alone, mariadb):
    """The configuration takes absolute ones alone, so those are what it is told."""
    socket_name = os.path.join("..", os.path.basename(mariadb.directory), "socket")
    arguments = ["db", "init", "--driver", "mysql", "--socket", socket_name, "--database",
                 "relbase", "--user", "related", "--password-file", "rel.pw"]
    settings = alone.json(*arguments, cwd=alone.directory)["settings"]
    secret = os.path.join(os.path.realpath(alone.directory), "rel.pw")
    assert settings["storage.mysql.password_file"] == secret and os.path.exists(secret)
    assert settings["storage.mysql.socket"] == os.path.realpath(mariadb.socket)
    alone.write_config(**settings)
    assert alone.json(*arguments, cwd=alone.directory)["settings"] == {}
    alone.add("alice")
    told = alone.json("db", "init", "--driver", "mysql", "--socket", "none/such", code=USAGE)
    assert "none/such: No such file" in told["error"]


def test_init_mariadb_with_an_administrator(alone, mariadb):
    mariadb.query("CREATE USER boss@localhost IDENTIFIED BY 'its secret'; "
                  "GRANT ALL ON *.* TO boss@localhost WITH GRANT OPTION")
    secret = os.path.join(alone.directory, "password")
    arguments = ["--database", "bossbase", "--user", "bossed", "--password-file", secret,
                 "--admin-user", "boss", "--admin-password-file"]
    wrong = init_mariadb(alone, mariadb, *arguments, alone.file("wrong", "no\n"), code=UNREACHABLE)
    assert wrong["code"] == "unavailable" and "boss" in wrong["error"]
    assert not os.path.exists(secret)
    answer = init_mariadb(alone, mariadb, *arguments, alone.file("right", "its secret\n"))
    assert answer["ok"] and os.path.exists(secret)


def test_init_mariadb_hostile_names(alone, mariadb):
    """Names of databases and users are data, whatever they look like."""
    before = mariadb.query("SHOW DATABASES; SELECT user FROM mysql.user")
    for database in ("a`; DROP DATABASE mysql; --", "x'y"):
        secret = os.path.join(alone.directory, "hostile")
        subprocess.run(
            [program("multichatctl"), "--config", alone.config, "db", "init", "--driver", "mysql",
             "--socket", mariadb.socket, "--database", database, "--user", "u'; --",
             "--password-file", secret], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    after = mariadb.query("SHOW DATABASES; SELECT user FROM mysql.user")
    for line in before.splitlines():
        assert line in after.splitlines()


@needs_mysql
@pytest.mark.parametrize("option", ["--database", "--user"])
@pytest.mark.parametrize("name", ["my db", "", "a" * 65, "밥"])
def test_init_mariadb_names_that_are_not_allowed(alone, option, name):
    """That is seen without a server, and leaves nothing behind."""
    secret = os.path.join(alone.directory, "password")
    answer = alone.json("db", "init", "--driver", "mysql", "--socket", "/nonexistent/socket",
                        "--password-file", secret, option, name, code=USAGE)
    assert answer["code"] == "usage" and '"%s"' % name in answer["error"]
    assert "letters, digits" in answer["error"]
    assert not os.path.exists(secret)


@needs_mysql
def test_init_mariadb_without_server(alone):
    secret = os.path.join(alone.directory, "password")
    answer = alone.json("db", "init", "--driver", "mysql", "--socket", "/nonexistent/socket",
                        "--password-file", secret, code=UNREACHABLE)
    assert "/nonexistent/socket" in answer["error"]
    assert not os.path.exists(secret)


def test_init_mariadb_password_file_that_is_wrong(alone, mariadb):
    answer = init_mariadb(alone, mariadb, "--password-file", alone.file("empty", ""), code=USAGE)
    assert "empty" in answer["error"]
    answer = init_mariadb(alone, mariadb, "--password-file", alone.directory, code=USAGE)
    assert alone.directory in answer["error"]
