#!/usr/bin/python3
"""Nothing lost, nothing twice, in order: a private daemon under load, on either engine.

usage: conservation.py [--engine sqlite|mariadb|both] [--users N] [--writers N] [--rate N]
                       [--seconds N] [--kill-daemon] [--kill-database]

Makes users and rooms of five, has multichat-bench write direct messages and messages to rooms while
every user polls each second, and judges its books, the daemon's memory, and the database as
`multichatctl db check` finds it. With --kill-daemon and --kill-database these are killed with
SIGKILL in the middle and started again at once. MULTICHAT_BUILDDIR names the build folder (default:
where you are).

SPDX-License-Identifier: GPL-3.0-or-later
"""
import argparse
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lib"))
sys.dont_write_bytecode = True

import multichat  # noqa: E402  (found by the path above)

ROOM_SIZE = 5
# Memory is flat if the last quarter of the run stays so close to the second: what is left to grow is
# the page cache of SQLite, which has a limit but takes long to fill.
GROWTH_MAX = 4 << 20

SETTINGS = {"log.level": "info", "limits.recent": 1, "limits.signons": 4096,
            "password.queue": 4096, "limits.connections_per_address": 1024}


def prepare(daemon, users):
    """Makes users and rooms; returns the paths of the files multichat-bench reads."""
    names = ["user%05d" % number for number in range(users)]
    rooms = {"#room%05d" % begin: names[begin:begin + ROOM_SIZE]
             for begin in range(0, users - ROOM_SIZE + 1, ROOM_SIZE)}
    daemon.add_users(*names)
    daemon.control({"verb": "room add", "room": room} for room in rooms)
    daemon.control({"verb": "room join", "room": room, "userid": member}
                   for room, members in rooms.items() for member in members)
    paths = [os.path.join(daemon.directory, name) for name in ("users", "rooms")]
    with open(paths[0], "w", encoding="utf-8") as file:
        file.writelines("%s:pw-%s\n" % (name, name) for name in names)
    with open(paths[1], "w", encoding="utf-8") as file:
        file.writelines("%s %s\n" % (room, " ".join(members)) for room, members in rooms.items())
    return paths


class Load:
    """multichat-bench, and how far it is."""

    def __init__(self, daemon, options, kills):
        users, rooms = prepare(daemon, options.users)
        argv = [multichat.program("multichat-bench"), "conserve", "--protocol", "1", "--users", users,
                "--rooms", rooms, "--writers", str(options.writers), "--rate", str(options.rate),
                "--seconds", str(options.seconds), "--json",
                "--polls", "%s:%d" % daemon.polls, "--writes", "%s:%d" % daemon.writes,
                "--pid", str(daemon.process.pid)]
        if kills:
            argv.append("--tolerate-repeats")
        self.daemon = daemon
        self.memory = []
        self.acknowledged = 0
        self.changed = threading.Condition()
        self.child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      encoding="utf-8")
        self.log = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.child.stderr:
            self.log.append(line)
            progress = re.search(r"(\d+) acknowledged", line)
            with self.changed:
                if progress:
                    self.acknowledged = int(progress.group(1))
                    if self.daemon.process:
                        self.memory.append(self.daemon.process.resident())
                self.changed.notify_all()

    def wait_for(self, acknowledged, patience):
        multichat.wait_until(
            lambda: self.acknowledged >= acknowledged or self.child.poll() is not None,
            "%d messages acknowledged" % acknowledged, self.changed, patience)

    def finish(self):
        self.reader.join()
        out = self.child.stdout.read()
        self.child.stdout.close()
        self.child.stderr.close()
        status = self.child.wait()
        if status not in (0, 1):
            raise AssertionError("multichat-bench ended with %d:\n%s" % (
                status, "".join(self.log[-20:])))
        return json.loads(out)


def growth(samples):
    """By how many bytes the last quarter lies above the second."""
    quarter = len(samples) // 4
    if quarter == 0:
        return 0
    return max(samples[-quarter:]) - max(samples[quarter:2 * quarter])


def run(options, database):
    """One run; returns the report and a list of what was wrong."""
    kills = options.kill_daemon or (options.kill_database and database is not None)
    storage = database.new_storage() if database else None
    daemon = multichat.Daemon(storage, multichat.FRUGAL, **{k.replace(".", "__"): v for k, v in SETTINGS.items()})
    load = None
    try:
        daemon.start()
        load = Load(daemon, options, kills)
        total = options.rate * options.seconds
        patience = options.seconds + 600
        if options.kill_daemon:
            load.wait_for(total // 3, patience)
            daemon.kill()
            daemon.start()
        if options.kill_database and database:
            load.wait_for(total // 2, patience)
            database.kill()
            database.start()
        report = load.finish()
        wrong = [] if report["passed"] else [report["reasons"]]
        report["memory-growth"] = growth(load.memory)
        if not kills and report["memory-growth"] > GROWTH_MAX:
            wrong.append("memory grew by %d KiB" % (report["memory-growth"] >> 10))
        check = daemon.ctl("db", "check", check=False)
        if check.returncode != 0:
            wrong.append("db check: " + check.stdout + check.stderr)
        report["daemon-log"] = [line for line in (daemon.past_log.splitlines() + daemon.process.log)
                                if not re.match("<[67]>", line)][-10:]
        return report, wrong
    finally:
        if load and load.child.poll() is None:
            load.child.kill()
        daemon.close()


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--engine", choices=["sqlite", "mariadb", "both"], default="both")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--writers", type=int, default=50)
    parser.add_argument("--rate", type=int, default=200, help="messages a second in all")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--kill-daemon", action="store_true")
    parser.add_argument("--kill-database", action="store_true")
    return parser.parse_args(arguments)


def run_engine(options, engine):
    """One run on the engine, with a MariaDB of its own where that is it."""
    database = multichat.MariaDB() if engine == "mariadb" else None
    try:
        return run(options, database)
    finally:
        if database:
            database.close()


def main():
    options = parse(sys.argv[1:])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    failed = False
    for engine in ("sqlite", "mariadb") if options.engine == "both" else (options.engine,):
        report, wrong = run_engine(options, engine)
        failed = failed or bool(wrong)
        print("%s: %s" % (engine, "FAIL: " + "; ".join(wrong) if wrong else "PASS"))
        print(json.dumps(report, indent=1, ensure_ascii=False))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
