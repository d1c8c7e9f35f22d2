#!/usr/bin/python3
"""A room of many who are all present: how long until the last member has a message, what that costs
the daemon, and how many rows it stores for it.

usage: crowd.py [--engine sqlite|mariadb|both] [--members N] [--messages N] [--rate N] [--plain]
                [--pushes] [--window N]

Makes the members and their room in a private daemon, has all of them receive, over connections of
their own or, with --pushes, over those that the daemon makes, and one of them write, with
multichat-bench. Run it in the build folder, with MULTICHAT_SRCDIR/tests/lib in PYTHONPATH.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import argparse
import contextlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
import time

import multichat

ROOM = "#crowd"
SETTINGS = {"log.level": "info", "limits.signons": 8192, "password.queue": 8192,
            "limits.connections": 20000, "limits.connections_per_address": 20000}
FIGURES = ("acknowledged", "delivered", "lost", "repeated", "notes", "ack-p50", "delivery-p50",
           "last-p50", "last-p99", "last-max", "deliveries-per-second", "cpu-time",
           "cpu-per-delivery", "resident-max", "sign-on-time")


def rows(daemon, database):
    """How many messages are stored, as the engine itself counts."""
    question = "SELECT COUNT(*) FROM messages"
    if database:
        schema = daemon.settings["storage.mysql.database"]
        return int(database.query("USE %s; %s" % (schema, question)))
    with contextlib.closing(sqlite3.connect(daemon.settings["storage.sqlite.path"])) as file:
        return file.execute(question).fetchone()[0]


def furnish(daemon, members):
    """Makes the members and the room; the paths of the files multichat-bench reads, and how long
    the joining took."""
    names = ["member%05d" % number for number in range(members)]
    daemon.add_users(*names)
    daemon.control([{"verb": "room add", "room": ROOM}])
    begun = time.monotonic()
    daemon.control({"verb": "room join", "room": ROOM, "userid": name} for name in names)
    joining = time.monotonic() - begun
    paths = [os.path.join(daemon.directory, name) for name in ("users", "rooms")]
    with open(paths[0], "w", encoding="utf-8") as file:
        file.writelines("%s:pw-%s\n" % (name, name) for name in names)
    with open(paths[1], "w", encoding="utf-8") as file:
        file.write("%s %s\n" % (ROOM, " ".join(names)))
    return paths, joining


def run(options, database=None):
    """The figures of one run, and why it failed, if it did."""
    daemon = multichat.Daemon(database.new_storage() if database else None,
                              **{key.replace(".", "__"): value for key, value in SETTINGS.items()})
    with contextlib.closing(daemon):
        daemon.start()
        (users, rooms), joining = furnish(daemon, options.members)
        before = rows(daemon, database)
        argv = [multichat.program("multichat-bench"), "room", "--users", users, "--rooms", rooms,
                "--writers", "1", "--window", str(options.window), "--rate", str(options.rate),
                "--count", str(options.messages), "--seconds", "0", "--json",
                "--polls", "%s:%d" % daemon.polls, "--writes", "%s:%d" % daemon.writes,
                "--pid", str(daemon.process.pid)]
        argv += [] if options.plain else ["--tls"]
        argv += [] if options.pushes else ["--attach"]
        result = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                encoding="utf-8", check=False)
        assert result.returncode in (0, 1), result.stderr
        report = json.loads(result.stdout)
        figures = {name: report[name] for name in FIGURES}
        figures["joining-time"] = round(joining, 3)
        figures["rows-per-message"] = (rows(daemon, database) - before) / report["acknowledged"]
        return figures, report["reasons"]


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--engine", choices=["sqlite", "mariadb", "both"], default="both")
    parser.add_argument("--members", type=int, default=2000)
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--rate", type=int, default=2, help="messages a second; 0: no pause")
    parser.add_argument("--window", type=int, default=1, help="unanswered messages of the writer")
    parser.add_argument("--plain", action="store_true", help="without TLS")
    parser.add_argument("--pushes", action="store_true", help="listen instead of attaching")
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[1:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    failed = False
    for engine in ("sqlite", "mariadb") if options.engine == "both" else (options.engine,):
        database = multichat.MariaDB() if engine == "mariadb" else None
        with contextlib.closing(database) if database else contextlib.nullcontext():
            figures, reasons = run(options, database)
        failed = failed or bool(reasons) or figures["rows-per-message"] != 1
        print("%s: %s" % (engine, "FAIL: " + reasons if reasons else "PASS"))
        print(json.dumps(figures, indent=1), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
