#!/usr/bin/python3
"""Good clients beside slow ones: how long do sends take with and without 1,000 connections that send a
byte a second?

usage: slow.py [--slow N] [--good N] [--rounds N]

Runs a daemon of its own and measures in turns, without and with the slow ones; prints medians and
99th percentiles. Run it in the build folder, with MULTICHAT_SRCDIR/tests/lib in PYTHONPATH.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import argparse
import contextlib
import selectors
import socket
import threading
import time

import multichat
from v2 import Connection

FRAME = b"hello:2:nobody:" + b"x" * 120


class SlowSenders:
    """Connections from several addresses of loopback, each of which gives a byte every second and, when
    it is cut, may begin again."""

    def __init__(self, address, count, again=False):
        self.address, self.again = address, again
        self.changed = threading.Condition()
        self.count, self.cut, self.connected = count, 0, 0
        self.stopping = False
        self.selector = selectors.DefaultSelector()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _connect(self, number):
        source = "127.0.%d.%d" % (1 + number // 250, 1 + number % 250)
        connection = socket.create_connection(self.address, source_address=(source, 0))
        connection.setblocking(False)
        self.selector.register(connection, selectors.EVENT_READ, [number, 0])
        with self.changed:
            self.connected += 1
            self.changed.notify_all()

    def _end(self, key):
        self.selector.unregister(key.fileobj)
        key.fileobj.close()
        with self.changed:
            self.cut += 1
            self.changed.notify_all()
        if self.again and not self.stopping:
            self._connect(key.data[0])

    def _give(self):
        for key in list(self.selector.get_map().values()):
            with contextlib.suppress(OSError):
                key.fileobj.send(FRAME[key.data[1] % len(FRAME):][:1])
                key.data[1] += 1

    def _run(self):
        for number in range(self.count):
            self._connect(number)
        due = time.monotonic()
        while not self.stopping and (self.again or self.cut < self.count):
            if time.monotonic() >= due:
                self._give()
                due += 1
            for key, _ in self.selector.select(max(0, due - time.monotonic())):
                try:
                    if key.fileobj.recv(4096):
                        continue
                except BlockingIOError:
                    continue
                except OSError:
                    pass
                self._end(key)

    def wait_connected(self):
        multichat.wait_until(lambda: self.connected >= self.count, "the slow ones are connected",
                             self.changed)

    def wait_cut(self):
        multichat.wait_until(lambda: self.cut >= self.count, "the slow ones are cut", self.changed)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join(multichat.PATIENCE)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def converse(daemon, users, rounds):
    """Each user signs on over TLS and sends to the next one, one after the other; the seconds from send
    to sent."""
    connections = []
    latencies = []
    try:
        for user in users:
            connections.append(Connection.open(daemon.writes))
            connections[-1].sign_on("hello:2:%s:pw-%s:-" % (user, user))
        for number in range(rounds):
            for index, connection in enumerate(connections):
                begun = time.monotonic()
                connection.send(users[(index + 1) % len(users)], "message %d" % number)
                latencies.append(time.monotonic() - begun)
    finally:
        for connection in connections:
            connection.close()
    return latencies


def describe(latencies):
    ordered = sorted(latencies)
    return "p50 %.2f ms, p99 %.2f ms" % tuple(
        ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--slow", type=int, default=1000)
    parser.add_argument("--good", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    daemon = multichat.Daemon(log__level="notice").start()
    try:
        users = ["good%d" % number for number in range(options.good)]
        daemon.add_users(*users)
        converse(daemon, users, 1)  # passwords are known from here on
        for turn in range(3):
            print("turn %d, alone:       %s" % (turn, describe(
                converse(daemon, users, options.rounds))), flush=True)
            with SlowSenders(daemon.writes, options.slow, again=True) as senders:
                senders.wait_connected()
                print("turn %d, beside %d: %s" % (turn, options.slow, describe(
                    converse(daemon, users, options.rounds))), flush=True)
    finally:
        daemon.close()


if __name__ == "__main__":
    main()
