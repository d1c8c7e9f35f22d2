"""A restart with the service manager's descriptor store: connections that are open stay open, and a
frame of which a part had been read is finished by the next daemon.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import signal
import socket
import sys

import pytest

import multichat

# Becomes the daemon with the descriptors its arguments name (NAME=NUMBER) from 3 on.
HAND_OVER = """
import os, sys
at = sys.argv.index("--")
names, fds = zip(*(argument.split("=") for argument in sys.argv[1:at]))
for place, fd in enumerate(fds):
    os.dup2(int(fd), 200 + place)
for place in range(len(fds)):
    os.dup2(200 + place, 3 + place)
    os.set_inheritable(3 + place, True)
    os.close(200 + place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)),
                  LISTEN_FDNAMES=":".join(names))
os.execv(sys.argv[at + 1], sys.argv[at + 1:])
"""


class Manager:
    """Holds the sockets of a daemon, and between two daemons what it stored."""

    def __init__(self):
        self.daemon = multichat.Daemon()
        self.polls = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.polls.bind(("127.0.0.1", 0))
        self.writes = socket.create_server(("127.0.0.1", 0))
        self.stored = []
        self.daemon.polls = self.polls.getsockname()
        self.daemon.writes = self.writes.getsockname()

    def start(self):
        self.daemon.write_config()
        handed = [("polls", self.polls.fileno()), ("writes", self.writes.fileno())]
        for line, descriptors in self.stored:
            name = line.split("=", 1)[1]
            handed.extend((name, descriptor) for descriptor in descriptors)
        for _, descriptor in handed:
            os.set_inheritable(descriptor, True)
        self.daemon.process = multichat.Process(
            [sys.executable, "-c", HAND_OVER, *("%s=%d" % pair for pair in handed), "--",
             multichat.program("multichatd"), "--config", self.daemon.config],
            self.daemon.directory, pass_fds=[descriptor for _, descriptor in handed])
        self.daemon.process.wait_ready()
        self.drop_stored()

    def stop(self):
        process = self.daemon.process
        assert process.end(signal.SIGTERM, keep_stored=True) == 0, process.text()
        self.stored = process.take_stored()

    def drop_stored(self):
        for _, descriptors in self.stored:
            for descriptor in descriptors:
                os.close(descriptor)
        self.stored = []

    def close(self):
        self.drop_stored()
        self.daemon.close()
        self.polls.close()
        self.writes.close()


@pytest.fixture(name="manager")
def make_manager():
    manager = Manager()
    yield manager
    manager.close()


def restart(manager):
    manager.stop()
    manager.start()


def test_connections_and_half_frames_outlive_a_restart(manager):
    manager.start()
    manager.daemon.add_users("alice", "bob")
    bob = multichat.V1Client(manager.daemon, "bob")
    alice = multichat.V1Client(manager.daemon, "alice")
    with alice.connect() as connection, alice.connect() as idle:
        connection.sendall(alice.frame("bob", "whole") + multichat.ETX + b"wrmsg:alice:")
        assert multichat.read_answers(connection, 1) == ["ack"]
        restart(manager)
        manager.daemon.process.wait_log("2 of 2 connections go on after the restart")
        connection.sendall(alice.frame("bob", "half")[len("wrmsg:alice:"):] + multichat.ETX)
        assert multichat.read_answers(connection, 1) == ["ack"]
        idle.sendall(alice.frame("bob", "idle") + multichat.ETX)
        assert multichat.read_answers(idle, 1) == ["ack"]
        restart(manager)
        idle.sendall(alice.frame("bob", "twice") + multichat.ETX)
        assert multichat.read_answers(idle, 1) == ["ack"]
    bob.poll()
    bob.wait(4)
    assert bob.texts() == ["whole", "half", "idle", "twice"]
    alice.close()
    bob.close()
    manager.stop()


def test_a_writer_that_came_back_has_the_time_of_writers(manager):
    manager.daemon.settings.update({"limits.sign_on": 1})
    manager.start()
    manager.daemon.add_users("alice", "bob")
    alice = multichat.V1Client(manager.daemon, "alice")
    with alice.connect() as writer:
        writer.sendall(alice.frame("bob", "before") + multichat.ETX)
        assert multichat.read_answers(writer, 1) == ["ack"]
        restart(manager)
        with alice.connect() as stranger:
            assert multichat.read_answers(stranger, 1)[0].startswith("err:timeout:")
        writer.sendall(alice.frame("bob", "after") + multichat.ETX)
        assert multichat.read_answers(writer, 1) == ["ack"]
    alice.close()
    manager.stop()


def test_what_came_back_is_taken_out_of_the_store(manager):
    manager.start()
    with socket.create_connection(manager.daemon.writes) as connection:
        connection.sendall(b"nonsense" + multichat.ETX)
        multichat.read_answers(connection, 1)
        manager.stop()
        names = [line for line, _ in manager.stored]
        assert len(names) == 1
        manager.start()
        notices = manager.daemon.process.notices
        assert notices[notices.index("FDSTOREREMOVE=1") + 1] == names[0]


def test_a_peer_that_left_meanwhile_is_no_error(manager):
    manager.start()
    connection = socket.create_connection(manager.daemon.writes)
    connection.sendall(b"nonsense" + multichat.ETX)
    multichat.read_answers(connection, 1)
    manager.stop()
    connection.close()
    manager.start()
    manager.daemon.process.wait_log("go on after the restart")
    manager.daemon.wait_figure("clients", lambda count: count == 0)
    manager.stop()


def test_writes_made_while_it_is_down_wait_in_the_backlog(manager):
    manager.start()
    manager.daemon.add_users("alice", "bob")
    alice = multichat.V1Client(manager.daemon, "alice")
    manager.stop()
    with alice.connect() as connection:
        connection.sendall(alice.frame("bob", "early") + multichat.ETX)
        manager.start()
        assert multichat.read_answers(connection, 1) == ["ack"]
    alice.close()
    manager.stop()
