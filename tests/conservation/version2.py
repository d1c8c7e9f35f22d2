#!/usr/bin/python3
"""Conservation over version 2: the real clients on a bad network (faulty_path.py), while clients, server
and database are killed at random. Nothing may be lost, shown twice, out of order or unexpected.

usage: version2.py [--engine sqlite|mariadb|both] [--kills N] [--receivers N] [--seed N]

Beside messages to users, to a room and to everyone there are whispers, and comers who join the room,
rename themselves and leave it again and again: each receiver has to be told each of these changes,
once and in order, and the room's history may have no gap.

Receivers are `multichat recv --follow --json`, whose lines go to files. Some senders are `multichat send`; their
exit status 0 says that a message is stored, and one that was killed may be stored or not. The others
send by keys, over TLS, again and again until they have their answer: each of their messages has to
arrive. Run it in the build folder, with MULTICHAT_SRCDIR/tests/lib in PYTHONPATH.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import argparse
import collections
import contextlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time

import multichat
from faulty_path import CLIENTS, CLIENT_SIDE, SERVER, FaultyPath
from v2 import Closed, Connection, Refused, client_context

SETTLE = 120.0  # seconds for everything to arrive once the faults have ended
SETTINGS = {"log.level": "info", "presence.poll": 1, "presence.probe": 2,
            "limits.push_connect": 2, "storage.readers": 1}
AGAIN = {"busy", "unavailable", "uncertain", "limited", "timeout", "internal"}
TEXTS = ("message", "whisper")  # the kinds that are no notes


class Truth:
    """What was sent: texts that must arrive, and texts that may."""

    def __init__(self):
        self.lock = threading.Lock()
        self.stored = {}   # text: (recipient, sender, number)
        self.possible = {}

    def sends(self, text, to, sender, number):
        with self.lock:
            self.possible[text] = (to, sender, number)

    def is_stored(self, text):
        with self.lock:
            self.stored[text] = self.possible[text]


class Persistent(threading.Thread):
    """Does one thing after the other over connections that break, each again and again until it is
    answered."""

    def __init__(self, site, name):
        super().__init__(daemon=True)
        self.site, self.name_ = site, name
        self.rng = random.Random("%s %d" % (name, site.options.seed))
        self.context = client_context()
        self.connection = None
        self.stopping = threading.Event()
        self.answers_again = 0

    def _connect(self):
        with self.site.path.clients:
            self.connection = Connection.open(self.site.writes, True, self.context)
        self.connection.socket.settimeout(5)
        self.connection.sign_on("hello:2:%s:pw-%s:-" % (self.name_, self.name_))

    def _try(self, do):
        """True once do(connection) was answered."""
        try:
            if self.connection is None:
                self._connect()
            do(self.connection)
            return True
        except Refused as refused:
            assert refused.code in AGAIN, refused
        except (OSError, Closed):
            pass
        self._disconnect()
        return False

    def _disconnect(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def _persist(self, do):
        while not self._try(do):
            self.answers_again += 1
            self.stopping.wait(0.1)


class KeyedSender(Persistent):
    """Sends messages, each by its key."""

    def __init__(self, site, name, targets):
        super().__init__(site, name)
        self.targets = targets

    def run(self):
        number = 0
        while not self.stopping.is_set():
            number += 1
            to = self.rng.choice(self.targets)
            text, key = "%s:%d" % (self.name_, number), secrets.token_hex(8)
            self.site.truth.sends(text, to, self.name_, number)
            self._persist(lambda connection, to=to, text=text, key=key:
                          connection.send(to, text, key))
            self.site.truth.is_stored(text)
            self.stopping.wait(0.02)
        self._disconnect()


class Comer(Persistent):
    """Joins the room, renames himself in it, leaves it, and renames himself outside."""

    def __init__(self, site, name):
        super().__init__(site, name)
        self.told = {"#room": [], "*": []}  # the kind and name of each note, in order

    def _leave(self, connection):
        try:
            connection.change("part:#room")
        except Refused as refused:
            if refused.code != "not-member":  # that it was left by an earlier try
                raise

    def _rename(self, name, *places):
        self._persist(lambda connection: connection.ask("nick:" + name, "named"))
        for place in places:
            self.told[place].append(("renamed", name))
        return name

    def run(self):
        number, name = 0, self.name_
        while not self.stopping.is_set():
            number += 1
            self._persist(lambda connection: connection.room("join", "#room"))
            self.told["#room"].append(("joined", name))
            name = self._rename("%s-in-%d" % (self.name_, number), "#room", "*")
            self._persist(self._leave)
            self.told["#room"].append(("left", name))
            name = self._rename("%s-out-%d" % (self.name_, number), "*")
            self.stopping.wait(0.1)
        self._disconnect()


class RealSender(threading.Thread):
    """`multichat send`, a process for each message; may be killed."""

    def __init__(self, site, name, targets):
        super().__init__(daemon=True)
        self.site, self.name_, self.targets = site, name, targets
        self.rng = random.Random("%s %d" % (name, site.options.seed))
        self.client = site.client(name)
        self.child = None
        self.stopping = threading.Event()
        self.complaints = collections.Counter()

    def _send(self, to, text):
        self.child = self.client.begin("send", to, text)
        _, err = self.child.communicate()
        if self.child.returncode not in (0, -signal.SIGKILL):
            self.complaints[err.decode("utf-8", "replace").strip()[-200:]] += 1
        assert not multichat.SANITIZER.search(err.decode("utf-8", "replace")), err
        self.client.running.remove(self.child)
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            pipe.close()
        return self.child.returncode == 0

    def run(self):
        number = 0
        while not self.stopping.is_set():
            number += 1
            to, text = self.rng.choice(self.targets), "%s:%d" % (self.name_, number)
            self.site.truth.sends(text, to, self.name_, number)
            if self._send(to, text):
                self.site.truth.is_stored(text)
            self.stopping.wait(0.05)

    def flush(self):
        """What is left in the outbox goes out with one more message."""
        text = "%s:last" % self.name_
        self.site.truth.sends(text, "*", self.name_, 1 << 30)
        multichat.wait_until(lambda: self._send("*", text), "the outbox of %s is empty: %r" % (
            self.name_, self.complaints), patience=SETTLE)
        self.site.truth.is_stored(text)

    def kill(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            return True
        return False


class Receiver:
    """`multichat recv --follow --json` with its lines in a file, begun again when it is killed."""

    def __init__(self, site, name):
        self.name = name
        self.client = site.client(name)
        self.file = os.path.join(self.client.directory, "lines")
        self.errors = os.path.join(self.client.directory, "errors")
        self.child = None
        self.start()
        site.closing.callback(self.end)

    def start(self):
        with open(self.file, "ab") as out, open(self.errors, "ab") as err:
            self.child = subprocess.Popen(self.client._argv("recv", "--follow", "--json"), stdout=out,
                                          stderr=err, stdin=subprocess.DEVNULL,
                                          env=self.client._environment())

    def end(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def kill(self):
        self.end()
        self.start()

    def lines(self):
        """What has been shown so far; a half-written line at the end of a killed one's output is told
        by its having no newline."""
        with open(self.file, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            self.child.wait(multichat.PATIENCE)
        with open(self.errors, encoding="utf-8", errors="replace") as errors:
            text = errors.read()
        assert not multichat.SANITIZER.search(text), text


class Site:
    """Everything of one run. What it has made is on `closing`, also where begin() fails."""

    def __init__(self, options, database):
        self.options, self.database = options, database
        self.truth = Truth()
        self.closing = contextlib.ExitStack()
        self.rng = random.Random(options.seed)
        self.kills = collections.Counter()

    def begin(self):
        options, database = self.options, self.database
        self.path = FaultyPath(options.seed)
        self.closing.callback(self.path.close)
        self.daemon = multichat.Daemon(
            database.new_storage() if database else None, host=self.path.server, address=SERVER,
            **{k.replace(".", "__"): v for k, v in SETTINGS.items()})
        self.closing.callback(self.daemon.close)
        self.daemon.start()
        receivers = ["r%d" % n for n in range(options.receivers)]
        keyed = ["k%d" % n for n in range(options.keyed)]
        real = ["s%d" % n for n in range(options.real)]
        comers = ["c%d" % n for n in range(options.comers)]
        self.daemon.add_users(*receivers, *keyed, *real, *comers)
        self.daemon.add_room("#room", *receivers, *keyed, *real)
        self.path.open(self.daemon.polls[1], self.daemon.writes[1])
        self.writes = (CLIENT_SIDE, self.daemon.writes[1])
        targets = receivers + ["#room", "*"] + ["#room/" + name for name in receivers]
        self.receivers = [Receiver(self, name) for name in receivers]
        self.senders = [KeyedSender(self, name, targets) for name in keyed] + [
            RealSender(self, name, targets) for name in real]
        self.comers = [Comer(self, name) for name in comers]

    def client(self, name):
        client = multichat.Client(self.daemon, name, host=self.path.clients, listen=CLIENTS,
                                  server=CLIENT_SIDE)
        self.closing.callback(client.close)
        return client

    # -- faults

    def kill_client(self):
        victim = self.rng.choice(self.receivers + [
            sender for sender in self.senders if isinstance(sender, RealSender)])
        if isinstance(victim, Receiver):
            victim.kill()
            self.kills["client"] += 1
        elif multichat.wait_until(victim.kill, "a sender is at work"):
            self.kills["client"] += 1

    def kill_daemon(self):
        self.daemon.kill()
        self.daemon.start()
        self.kills["server"] += 1

    def kill_database(self):
        if self.database:
            self.database.kill()
            self.database.start()
            self.kills["database"] += 1

    def torment(self):
        """The given number of kills of each kind, with resets in between, at random moments."""
        pause = threading.Event()
        for _ in range(self.options.kills):
            for kill in (self.kill_client, self.kill_daemon, self.kill_database):
                pause.wait(self.rng.uniform(0.1, 0.9))
                self.path.cut(0.5)
                pause.wait(self.rng.uniform(0.1, 0.6))
                kill()

    # -- judgement

    @staticmethod
    def is_for(receiver, to):
        return to in (receiver, "#room", "*", "#room/" + receiver)

    def expected(self, receiver):
        return {text for text, (to, _, _) in self.truth.stored.items() if self.is_for(receiver, to)}

    def allowed(self, receiver):
        return {text for text, (to, _, _) in self.truth.possible.items()
                if self.is_for(receiver, to)}

    def has_all(self, receiver):
        lines = receiver.lines()
        return self.expected(receiver.name) <= {line["text"] for line in lines} and all(
            len(self.notes(lines, comer, place)) >= len(told)
            for comer in self.comers for place, told in comer.told.items())

    @staticmethod
    def notes(lines, comer, place):
        """What was told of a comer there."""
        return [(line["kind"], line["name"]) for line in lines
                if line["kind"] not in TEXTS and line["from"] == comer.name_ and
                line["conversation"] == place]

    def judge_notes(self, lines):
        """How many notes are not those that were to come, in their order."""
        wrong = 0
        for comer in self.comers:
            for place, told in comer.told.items():
                came = self.notes(lines, comer, place)
                wrong += abs(len(came) - len(told)) + sum(
                    one != other for one, other in zip(came, told))
        return wrong

    def is_whisper(self, line):
        return self.truth.possible.get(line["text"], ("",))[0].startswith("#room/")

    def history_gaps(self):
        """How many numbers of the room its history does not have, from the first to the last."""
        with self.path.clients:
            connection = Connection.open(self.writes, True)
        with connection:
            name = self.receivers[0].name
            connection.sign_on("hello:2:%s:pw-%s:-" % (name, name))
            numbers = [entry.seq for entry in connection.history("#room", "number")]
        return len(set(range(1, numbers[-1] + 1)) ^ set(numbers)) + len(numbers) - len(set(numbers))

    def judge(self, receiver):
        everything = receiver.lines()
        lines = [line for line in everything if line["kind"] in TEXTS]
        shown = collections.Counter(line["text"] for line in lines)
        last, disorder, by_sender = {}, 0, {}
        for line in everything:
            disorder += line["seq"] <= last.get(line["number"], 0)
            last[line["number"]] = line["seq"]
        for line in lines:
            to, sender, number = self.truth.possible.get(line["text"], (None, None, 0))
            disorder += number < by_sender.get((to, sender), 0)
            by_sender[to, sender] = number
        return collections.Counter({
            "shown": sum(shown.values()),
            "lost": len(self.expected(receiver.name) - set(shown)),
            "duplicated": sum(count - 1 for count in shown.values()),
            "marked as perhaps repeated": sum(bool(line.get("again")) for line in lines),
            "out of order": disorder,
            "unexpected": len(set(shown) - self.allowed(receiver.name)) + sum(
                (line["kind"] == "whisper") != self.is_whisper(line) for line in lines),
            "notes": len(everything) - len(lines),
            "wrong notes": self.judge_notes(everything)})

    def run(self):
        for sender in self.senders + self.comers:
            sender.start()
        self.torment()
        self.path.calm()
        for sender in self.senders + self.comers:
            sender.stopping.set()
        for sender in self.senders + self.comers:
            sender.join(SETTLE)
            assert not sender.is_alive(), "%s does not end" % sender.name_
        for sender in self.senders:
            if isinstance(sender, RealSender):
                sender.flush()
        with contextlib.suppress(TimeoutError):
            multichat.wait_until(lambda: all(self.has_all(one) for one in self.receivers),
                                 "all has arrived", patience=SETTLE)
        report = sum((self.judge(one) for one in self.receivers), collections.Counter())
        for one in self.receivers:
            one.stop()
        check = self.daemon.ctl("db", "check", check=False)
        return dict({name: report[name] for name in (
            "shown", "lost", "duplicated", "marked as perhaps repeated", "out of order",
            "unexpected", "notes", "wrong notes")}, sent=len(self.truth.stored),
            gaps=self.history_gaps(), kills=dict(self.kills),
            resets=self.path.resets, datagrams=self.path.datagrams, dropped=self.path.lost,
            doubled=self.path.doubled, reordered=self.path.reordered,
            check="ok" if check.returncode == 0 else check.stdout + check.stderr)


def passed(report):
    return report["check"] == "ok" and report["shown"] > 0 and not any(
        report[name] for name in ("lost", "duplicated", "out of order", "unexpected", "wrong notes",
                                  "gaps"))


def run_engine(options, engine):
    database = multichat.MariaDB() if engine == "mariadb" else None
    try:
        site = Site(options, database)
        with site.closing:
            site.begin()
            return site.run()
    finally:
        if database:
            database.close()


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--engine", choices=["sqlite", "mariadb", "both"], default="both")
    parser.add_argument("--kills", type=int, default=50, help="of clients, server and database")
    parser.add_argument("--receivers", type=int, default=6)
    parser.add_argument("--keyed", type=int, default=4)
    parser.add_argument("--real", type=int, default=2)
    parser.add_argument("--comers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    failed = False
    for engine in ("sqlite", "mariadb") if options.engine == "both" else (options.engine,):
        begun = time.monotonic()
        report = run_engine(options, engine)
        report["seconds"] = round(time.monotonic() - begun)
        failed = failed or not passed(report)
        print("%s: %s (seed %d)" % (engine, "PASS" if passed(report) else "FAIL", options.seed))
        print(json.dumps(report, indent=1, ensure_ascii=False), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
