"""Sockets from the service manager: adopted by their names, several of each, checked for their
type; what is not handed over is bound; and the ready file says where everything is.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import re
import socket
import stat
import sys

import pytest

import multichat

# Binds what its arguments say, in this order from descriptor 3 on, and becomes the daemon:
# NAME=KIND, then "--", then the daemon's own command line.
ACTIVATE = """
import os, socket, sys
at = sys.argv.index("--")
kinds = {"udp": (socket.AF_INET, socket.SOCK_DGRAM), "tcp": (socket.AF_INET, socket.SOCK_STREAM),
         "deaf": (socket.AF_INET, socket.SOCK_STREAM), "udp6": (socket.AF_INET6, socket.SOCK_DGRAM),
         "unix": (socket.AF_UNIX, socket.SOCK_STREAM)}
made, names = [], []
for argument in sys.argv[1:at]:
    name, kind = argument.split("=", 1)
    kind, _, path = kind.partition(":")
    end = socket.socket(*kinds[kind])
    end.bind(path or (("::1", 0) if kind == "udp6" else ("127.0.0.1", 0)))
    if kind in ("tcp", "unix"):
        end.listen()
    made.append(os.dup(end.fileno()))
    names.append(name)
base = 100
for number, fd in enumerate(made):
    os.dup2(fd, base + number)
for number in range(len(made)):
    os.dup2(base + number, 3 + number)
    os.set_inheritable(3 + number, True)
    os.close(base + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(made)),
                  LISTEN_FDNAMES=":".join(names))
os.execv(sys.argv[at + 1], sys.argv[at + 1:])
"""


def activate(daemon, *sockets):
    """Starts the daemon with sockets that are there already."""
    daemon.write_config()
    daemon.process = multichat.Process(
        [sys.executable, "-c", ACTIVATE, *sockets, "--", multichat.program("multichatd"),
         "--config", daemon.config], daemon.directory)


def ready_lines(daemon):
    daemon.process.wait_ready()
    with open(daemon.ready_file, encoding="utf-8") as ready:
        return [line.rstrip("\n").split(" ", 1) for line in ready]


@pytest.fixture(name="daemon")
def make_daemon():
    daemon = multichat.Daemon()
    yield daemon
    daemon.close()


def test_adopts_several_of_each(daemon):
    path = os.path.join(daemon.directory, "handed-over")
    activate(daemon, "polls=udp", "control=unix:" + path, "polls=udp6", "writes=tcp", "writes=tcp")
    lines = ready_lines(daemon)
    assert [name for name, _ in lines] == ["polls", "polls", "writes", "writes", "control"]
    assert lines[4][1] == path
    assert not os.path.exists(os.path.join(daemon.directory, "control"))

    for name, address in lines[:2]:
        host, port = daemon._address(address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            udp.sendto(b"no poll", (host, port))
    for name, address in lines[2:4]:
        with socket.create_connection(daemon._address(address)) as tcp:
            tcp.settimeout(multichat.PATIENCE)
            tcp.sendall(b"nonsense" + multichat.ETX)
            assert multichat.error_code(multichat.read_answers(tcp, 1)[0]) == "malformed"
    daemon.settings["listen.control"] = path
    daemon.write_config()
    daemon.wait_figure("polls-malformed", lambda count: count == 2)

    daemon.stop()
    assert os.path.exists(path), "a socket of systemd's was removed"


def test_binds_what_is_not_handed_over(daemon):
    activate(daemon, "polls=udp")
    assert [name for name, _ in ready_lines(daemon)] == ["polls", "writes", "control"]
    daemon.status()


@pytest.mark.parametrize("given, words", [
    ("pols=udp", r'called "pols": allowed are "polls", "writes" and "control"'),
    ("polls=tcp", r'"polls": allowed is a UDP socket'),
    ("writes=udp", r'"writes": allowed is a TCP socket that listens'),
    ("writes=deaf", r'"writes": allowed is a TCP socket that listens'),
    ("control=tcp", r'"control": allowed is a unix stream socket that listens'),
    ("polls=unix:%s/x", r'"polls": allowed is a UDP socket'),
])
def test_refuses(daemon, given, words):
    activate(daemon, given.replace("%s", daemon.directory))
    process, daemon.process = daemon.process, None
    assert process.end(0) == 1
    assert re.search("descriptor 3 from systemd.*" + words, process.text()), process.text()


def test_address_in_use(daemon):
    with socket.create_server(("127.0.0.1", 0)) as other:
        daemon.write_config(listen__writes="127.0.0.1:%d" % other.getsockname()[1])
        process = multichat.Process([multichat.program("multichatd"), "--config", daemon.config],
                                    daemon.directory)
        assert process.end(0) == 1
    assert "listen.writes: cannot bind 127.0.0.1" in process.text()
    assert "Address already in use" in process.text()


def test_own_files_are_private_and_removed(daemon):
    daemon.start()
    control = os.path.join(daemon.directory, "control")
    assert stat.S_IMODE(os.stat(control).st_mode) == 0o660
    assert stat.S_IMODE(os.stat(daemon.settings["storage.sqlite.path"]).st_mode) == 0o600
    daemon.stop()
    assert not os.path.exists(control)
    assert not os.path.exists(daemon.ready_file)


def test_control_socket_of_a_killed_daemon_is_replaced(daemon):
    daemon.start()
    daemon.kill()
    assert os.path.exists(os.path.join(daemon.directory, "control"))
    daemon.start()
    daemon.status()


def test_control_socket_of_a_living_daemon_is_not(daemon):
    daemon.start()
    process = multichat.Process([multichat.program("multichatd"), "--config", daemon.config],
                                daemon.directory)
    assert process.end(0) == 1
    assert "cannot bind" in process.text()
    daemon.status()
