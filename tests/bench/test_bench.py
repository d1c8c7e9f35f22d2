"""multichat-bench speaking version 1, against a server that is right, and against servers that are wrong in one thing
each, which it has to find.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import socket
import subprocess
import threading

import pytest

from harness import MODES, ROOMS, USERS, bench
from multichat import ETX, PATIENCE, program


class Server:
    """Version 1 in memory. `mangle(count, deliveries)` may change what is about to be delivered for
    the message number `count`: a list of (receiver, payload)."""

    def __init__(self, mangle=lambda count, deliveries: deliveries, answer=lambda count: b"ack"):
        self.mangle, self.answer = mangle, answer
        self.lock = threading.Lock()
        self.ports, self.waiting, self.count = {}, {name: [] for name in USERS}, 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.open = True
        self.threads = [threading.Thread(target=target, daemon=True)
                        for target in (self._polls, self._accept)]
        for thread in self.threads:
            thread.start()

    def _polls(self):
        while self.open:
            _, userid, _, port = self.udp.recv(512).decode().split(":")
            with self.lock:
                self.ports[userid] = int(port)
                self._push(userid)

    def _push(self, userid):
        while userid in self.ports and self.waiting[userid]:
            with socket.create_connection(("127.0.0.1", self.ports[userid])) as push:
                push.sendall(self.waiting[userid].pop(0))
                push.shutdown(socket.SHUT_WR)
                push.recv(1)

    def _accept(self):
        while self.open:
            connection, _ = self.tcp.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        data = b""
        with connection:
            while chunk := connection.recv(65536):
                data += chunk
                while ETX in data:
                    frame, data = data.split(ETX, 1)
                    connection.sendall(self._write(frame.decode()) + ETX)

    def _write(self, frame):
        _, sender, _, to, text = frame.split(":", 4)
        receivers = {"*": USERS, **ROOMS}.get(to, [to])
        payload = "newmsg:1:%s:%s:%s" % (sender, sender, text)
        deliveries = [(name, payload.encode()) for name in receivers if to == name or name != sender]
        with self.lock:
            answer = b"ack"
            if "sign-on" not in text:
                self.count += 1
                deliveries = self.mangle(self.count, deliveries)
                answer = self.answer(self.count)
            for name, data in deliveries:
                self.waiting[name].append(data)
                self._push(name)
            return answer

    def close(self):
        self.open = False
        self.udp.sendto(b"poll:::1", self.udp.getsockname())
        socket.create_connection(self.tcp.getsockname()).close()
        for thread in self.threads:
            thread.join(PATIENCE)
        self.udp.close()
        self.tcp.close()

    def arguments(self):
        return ["--protocol", "1", "--polls", "127.0.0.1:%d" % self.udp.getsockname()[1],
                "--writes", "127.0.0.1:%d" % self.tcp.getsockname()[1]]


@pytest.mark.parametrize("mode", MODES)
def test_right_server_passes(serve, mode):
    report = bench(mode, *MODES[mode], "--pid", str(os.getpid()), *serve())
    assert report["passed"], report
    assert report["resident-after"] > 0
    if mode == "polls":
        assert report["polls"] >= 50 and report["cpu-per-poll"] >= 0
    else:
        assert report["acknowledged"] == report["sent"] == int(MODES[mode][-1])
        assert report["delivered"] >= report["sent"]


def lose(count, deliveries):
    return deliveries[1:] if count == 50 else deliveries


def repeat(count, deliveries):
    return deliveries + deliveries[:1] if count == 50 else deliveries


def stray(count, deliveries):
    wrong = [name for name in USERS if name not in dict(deliveries)][-1]
    return deliveries + [(wrong, deliveries[0][1])] if count == 50 else deliveries


def damage(count, deliveries):
    return [(n, d[:-1]) for n, d in deliveries] if count == 50 else deliveries


class Swap:
    """Holds one message back until the next one."""

    def __init__(self):
        self.held = []

    def __call__(self, count, deliveries):
        if count == 50:
            self.held = deliveries
            return []
        deliveries, self.held = deliveries + self.held, []
        return deliveries


@pytest.mark.parametrize("mangle,figure", [
    (lose, "lost"), (repeat, "repeated"), (stray, "unexpected"), (damage, "damaged")],
    ids=lambda value: value if isinstance(value, str) else "")
def test_fault_is_found(serve, mangle, figure):
    report = bench("conserve", *MODES["conserve"], *serve(mangle=mangle))
    assert report[figure] > 0
    assert not report["passed"]


def test_wrong_order_is_found(serve):
    report = bench("one-to-one", "--writers", "1", "--count", "100", *serve(mangle=Swap()))
    assert report["out-of-order"] == 1
    assert not report["passed"]


def test_repeats_can_be_tolerated(serve):
    report = bench("conserve", *MODES["conserve"], "--tolerate-repeats", *serve(mangle=repeat))
    assert report["repeated"] == 1
    assert report["passed"]


def test_refused_messages_are_not_owed(serve):
    refuse = {"answer": lambda count: b"err:busy:later" if count % 2 else b"ack",
              "mangle": lambda count, deliveries: [] if count % 2 else deliveries}
    report = bench("one-to-one", "--writers", "1", "--count", "100", *serve(**refuse))
    assert report["passed"] and report["refused"] == 50 == report["acknowledged"]


def test_uncertain_messages_may_come_or_not(serve):
    unsure = {"answer": lambda count: b"err:uncertain:?" if count % 2 else b"ack",
              "mangle": lambda count, deliveries: [] if count % 4 == 1 else deliveries}
    report = bench("one-to-one", "--writers", "1", "--count", "100", *serve(**unsure))
    assert report["passed"] and report["unacknowledged"] == 50


@pytest.mark.parametrize("arguments,words", [
    ([], "mode"), (["nonsense"], "mode"), (["conserve"], "--users"),
    (["conserve", "--users", "/dev/null", "--rate", "many"], "--rate"),
    (["conserve", "--users", "/dev/null", "--size", "10"], "48 to 3800"),
    (["conserve", "--users", "/dev/null", "--polls", "localhost"], "--polls"),
    (["conserve", "--users", "/dev/null", "--seconds", "0"], "--count"),
    (["conserve", "--users", "/dev/null", "--nonsense"], "nonsense"),
    (["conserve", "--users", "/dev/null", "extra"], "nothing else")])
def test_wrong_usage(arguments, words):
    result = subprocess.run([program("multichat-bench"), *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, encoding="utf-8", check=False)
    assert result.returncode == 2
    assert words in result.stderr and result.stdout == ""


def test_server_that_is_not_there(tmp_path):
    users = tmp_path / "users"
    users.write_text("".join("%s:secret\n" % name for name in USERS))
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        result = subprocess.run(
            [program("multichat-bench"), "backlog", "--protocol", "1", "--users", str(users), "--writers", "2",
             "--drain", "1", "--writes", "127.0.0.1:%d" % nobody.getsockname()[1]],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    assert (result.returncode, result.stdout) == (3, b"")
    assert b"the server takes no connection" in result.stderr


@pytest.mark.parametrize("content,words", [("", "no users"), ("alice\n", ":1:"), (":x\n", ":1:"),
                                           ("a:b\n\nalice:\n", ":3:"), ("a:b\n", "more than")])
def test_wrong_users_file(tmp_path, content, words):
    users = tmp_path / "users"
    users.write_text(content)
    result = subprocess.run([program("multichat-bench"), "polls", "--users", str(users)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                            check=False)
    assert result.returncode == 3
    assert words in result.stderr
