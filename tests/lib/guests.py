"""Users of a daemon that many tests share: each test gets new ones, with names of their own, who
ask over one connection and receive over another, both of one device.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import contextlib
import itertools

from multichat import wait_until
from v2 import BETWEEN, Connection, Refused, now_ms, parse_entry


class Guest:
    """A user. Nothing comes to him before he listens."""

    def __init__(self, daemon, userid, password=None, device="desk"):
        self.daemon, self.userid = daemon, userid
        self.password = password or "pw-" + userid
        self.device = device
        self.session = None
        self.opened = contextlib.ExitStack()
        self._say = self._ear = None

    def sign_on(self):
        """Another connection of his."""
        connection = self.opened.enter_context(Connection.open(self.daemon.writes, tls=False))
        if self.session:
            connection.sign_on(self.session.resume())
        else:
            self.session = connection.sign_on("hello:2:%s:%s:%s" % (
                self.userid, self.password, self.device))
        return connection

    @property
    def say(self):
        """Over which he asks."""
        self._say = self._say or self.sign_on()
        return self._say

    def say_in_turn(self, to, text):
        """A message whose time is before that of all that follow, in whatever conversation."""
        sent = self.say.send(to, text)
        wait_until(lambda: now_ms() > sent.time_ms, "the clock has moved")
        return sent

    def listen(self):
        """From now on entries come to him."""
        self._ear = self._ear or self.sign_on()
        self._ear.ask("attach", "attached")
        return self

    def hear(self, count=1):
        """The next entries, acknowledged."""
        entries = []
        while len(entries) < count:
            verb, *fields = self._ear.read()
            if verb in BETWEEN:
                entries.append(parse_entry(verb, *fields))
                self._ear.write("ack:%d/:%d" % (entries[-1].number, entries[-1].seq))
        return entries

    def heard(self):
        """All that comes up to now, without what marks its end: a message to himself, of another
        device, is stored after it."""
        with Connection.open(self.daemon.writes, tls=False) as other:
            other.sign_on("hello:2:%s:%s:-" % (self.userid, self.password))
            mark = other.send(self.userid, "mark")
        entries = []
        while True:
            entry, = self.hear()
            if (entry.name, entry.seq) == (self.userid, mark.seq):
                self._settle()
                return entries
            entries.append(entry)

    def _settle(self):
        """Waits until the server has had the acknowledgements, of which that of a room which he has
        left is refused."""
        self._ear.write("ping")
        while (answer := self._ear.read()) != ["pong"]:
            assert answer[:3] == ["err", "unknown", "ack"], answer

    def refusal(self, frame):
        """The code with which a frame is refused."""
        code, about, reason = self.say.ask(frame, "err")
        assert about == frame.split(":", 1)[0] and reason
        return code

    def refused_to_send(self, to, text="x"):
        try:
            self.say.send(to, text)
        except Refused as refused:
            return refused
        raise AssertionError("not refused: " + to)

    def close(self):
        self.opened.close()


class Hall:
    """A daemon with guests. Names that tests choose are made their own by a number."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.numbers = itertools.count(1)
        self.guests = []

    def name(self, stem):
        return "%s%d" % (stem, next(self.numbers))

    def guests_named(self, *userids):
        self.daemon.add_users(*userids)
        guests = [Guest(self.daemon, userid) for userid in userids]
        self.guests += guests
        return guests

    def guest(self, count):
        """So many new ones."""
        return self.guests_named(*(self.name("guest") for _ in range(count)))

    def again(self, guest, device="desk"):
        """The same user at another device."""
        self.guests.append(Guest(self.daemon, guest.userid, guest.password, device))
        return self.guests[-1]

    def leave(self):
        """Ends the connections of those of one test."""
        for guest in self.guests:
            guest.close()
        self.guests.clear()


def kinds(entries):
    """What notes tell, in short."""
    return [(entry.kind, entry.name.split("/")[0], entry.userid) for entry in entries]

