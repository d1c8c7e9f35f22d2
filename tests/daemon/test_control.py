"""The control socket: its lines, its limits, and who may use it.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os
import socket
import subprocess
import sys
import threading

import pytest

import multichat

REQUEST_MAX = 256 * 1024
CONNECTIONS_MAX = 32
NOBODY = 65534


@pytest.fixture(name="daemon", scope="module")
def make_daemon():
    daemon = multichat.Daemon()
    daemon.start()
    yield daemon
    daemon.close()


def connect(daemon):
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end.settimeout(multichat.PATIENCE)
    end.connect(daemon.settings["listen.control"])
    return end


def answers(end, count):
    """So many answers, or fewer where the connection ends before."""
    data = b""
    while data.count(b"\n") < count:
        chunk = end.recv(65536)
        if not chunk:
            break
        data += chunk
    return [json.loads(line) for line in data.splitlines()]


def over(end):
    """True if the daemon has closed the connection."""
    try:
        return end.recv(1) == b""
    except ConnectionResetError:
        return True


def test_requests_in_one_piece_are_answered_in_order(daemon):
    with connect(daemon) as end:
        end.sendall(b'{"verb":"status"}\n{"verb":"no such"}\nno json\n{"verb":"user list"}\n')
        first, second, third, fourth = answers(end, 4)
    assert first["ok"] and "storage" in first
    assert second["code"] == "unknown-verb"
    assert third["code"] == "malformed"
    assert fourth["ok"] and "users" in fourth


def test_request_byte_by_byte(daemon):
    with connect(daemon) as end:
        for byte in b'{"verb":"status"}\n':
            end.sendall(bytes([byte]))
        assert answers(end, 1)[0]["ok"]


def test_many_requests_at_once(daemon):
    count = 3000
    with connect(daemon) as end:
        sender = threading.Thread(target=end.sendall, args=(b'{"verb":"no such"}\n' * count,))
        sender.start()
        assert len(answers(end, count)) == count
        sender.join(multichat.PATIENCE)


def test_answer_after_half_close(daemon):
    with connect(daemon) as end:
        end.sendall(b'{"verb":"user list"}\n')
        end.shutdown(socket.SHUT_WR)
        assert answers(end, 1)[0]["ok"]
        assert over(end)


def test_half_a_request_is_none(daemon):
    with connect(daemon) as end:
        end.sendall(b'{"verb":"status"}')
        end.shutdown(socket.SHUT_WR)
        assert over(end)


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_overlong_request_is_refused(daemon, ending):
    with connect(daemon) as end:
        try:
            end.sendall(b"x" * (REQUEST_MAX + 1) + ending)
        except (BrokenPipeError, ConnectionResetError):
            pass
        refusal = answers(end, 1)[0]
        assert refusal["code"] == "malformed" and "longer" in refusal["error"]
        assert over(end)


def test_longest_request_is_read(daemon):
    with connect(daemon) as end:
        request = b'{"verb":"no such","padding":"' + b"x" * 200000 + b'"}\n'
        end.sendall(request)
        assert answers(end, 1)[0]["code"] == "unknown-verb"


def test_connections_are_bounded(daemon):
    ends = [connect(daemon) for _ in range(CONNECTIONS_MAX)]
    try:
        for end in ends:
            end.sendall(b'{"verb":"status"}\n')
            assert answers(end, 1)[0]["ok"]
        with connect(daemon) as one_more:
            assert answers(one_more, 1)[0]["code"] == "busy"
            assert over(one_more)
    finally:
        for end in ends:
            end.close()
    daemon.wait_figure("control", lambda count: count == 1)


def test_hanging_up_while_it_is_carried_out(daemon):
    for number in range(10):
        with connect(daemon) as end:
            request = {"verb": "user add", "userid": "gone%d" % number, "password": "secret"}
            end.sendall(json.dumps(request).encode() + b"\n")
    daemon.wait_figure("control", lambda count: count == 1)
    multichat.wait_until(
        lambda: sum(user["userid"].startswith("gone") for user in
                    json.loads(daemon.ctl("--json", "user", "list").stdout)["users"]) == 10,
        "all ten users")


def test_password_is_not_logged(daemon):
    daemon.add_users(("carol", "open sesame"))
    assert "open sesame" not in daemon.process.text()


ASK = """
import os, socket, sys
os.setgroups([int(g) for g in sys.argv[3].split(",") if g])
os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
end = socket.socket(socket.AF_UNIX)
end.connect(sys.argv[1])
try:
    end.sendall(b'{"verb":"status"}\\n')
except BrokenPipeError:
    pass
print(end.makefile().readline(), end="")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="to be somebody else, one has to be root")
def test_others_are_refused(daemon):
    """Even where the file's mode would let them in: the kernel says who they are."""
    path = daemon.settings["listen.control"]
    os.chmod(daemon.directory, 0o711)
    os.chmod(path, 0o666)
    try:
        result = subprocess.run([sys.executable, "-c", ASK, path, str(NOBODY), ""], check=True,
                                stdout=subprocess.PIPE, encoding="utf-8")
    finally:
        os.chmod(path, 0o660)
    assert json.loads(result.stdout)["code"] == "forbidden"
    daemon.process.wait_log("uid %d may not administer" % NOBODY)
