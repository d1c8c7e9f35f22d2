"""multichat-bench speaking version 2, against a server in memory that is right, or wrong in one
thing, and against the real one.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import contextlib
import secrets
import socket
import threading

import pytest

import crowd
from harness import MODES, ROOMS, USERS, bench, run
from multichat import ETX, PATIENCE, Daemon
from v2 import mac, now_ms

NUMBERS = {name: number for number, name in enumerate(["*", *ROOMS, *USERS], 1)}


class Inbox:
    """What a user has been sent and has not acknowledged, and the connection it goes over."""

    def __init__(self, name):
        self.session, self.key = "s-" + name, secrets.token_hex(32)
        self.waiting, self.stream, self.port = [], None, 0

    def mac(self, text):
        return mac(bytes.fromhex(self.key), text)

    def flow(self):
        if self.stream:
            with contextlib.suppress(OSError):
                self.stream.sendall(b"".join(frame + ETX for _, _, frame in self.waiting))

    def put(self, number, seq, frame):
        self.waiting.append((number, seq, frame))
        if self.stream:
            with contextlib.suppress(OSError):
                self.stream.sendall(frame + ETX)

    def acknowledge(self, number, seq):
        self.waiting = [entry for entry in self.waiting if entry[0] != number or entry[1] > seq]


class Server:
    """Version 2 in memory, without TLS. `mangle(count, deliveries)` may change the receivers of the
    message number `count`; `answer(count)` may be an error; `sign` spoils the answers to polls;
    `cut(count)`: the connection is closed in the place of the answer."""

    def __init__(self, mangle=lambda count, names: names, answer=lambda count: None,
                 sign=lambda signature: signature, cut=lambda count: False):
        self.mangle, self.answer, self.sign, self.cut = mangle, answer, sign, cut
        self.lock = threading.RLock()
        self.inboxes = {name: Inbox(name) for name in USERS}
        self.sessions = {inbox.session: name for name, inbox in self.inboxes.items()}
        self.sent, self.ends, self.count = {}, dict.fromkeys(NUMBERS, 0), 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.tcp = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.open = True
        self.threads = [threading.Thread(target=target, daemon=True)
                        for target in (self._polls, self._accept)]
        for thread in self.threads:
            thread.start()

    # -- polls and pushes

    def _polls(self):
        while self.open:
            datagram, peer = self.udp.recvfrom(512)
            if not self.open:
                return
            signed, signature = datagram.decode().rsplit(":", 1)
            _, session, time_ms, port = signed.split(":")
            inbox = self.inboxes[self.sessions[session]]
            assert inbox.mac(signed) == signature
            if not inbox.port:
                inbox.port = int(port)
                threading.Thread(target=self._push, args=(inbox,), daemon=True).start()
            state = "idle" if inbox.stream else "unreachable"
            answer = "polled:%s:%s" % (session, state)
            signature = self.sign(inbox.mac("%s:%s" % (answer, time_ms)))
            self.udp.sendto(("%s:%s" % (answer, signature)).encode(), peer)

    def _push(self, inbox):
        nonce = secrets.token_hex(16)
        push = socket.create_connection(("127.0.0.1", inbox.port), timeout=PATIENCE)
        push.sendall(("push:%s:%s" % (inbox.session, nonce)).encode() + ETX)
        frames = self._frames(push)
        assert next(frames) == "proof:" + inbox.mac("proof:%s:%s" % (inbox.session, nonce))
        self._attach(inbox, push)
        for frame in frames:
            self._acknowledged(inbox, frame)

    def _attach(self, inbox, stream):
        with self.lock:
            inbox.stream = stream
            inbox.flow()

    # -- connections

    @staticmethod
    def _frames(connection):
        data = b""
        with connection, contextlib.suppress(OSError):
            while chunk := connection.recv(65536):
                data += chunk
                while ETX in data:
                    frame, data = data.split(ETX, 1)
                    yield frame.decode()

    def _accept(self):
        while self.open:
            connection, _ = self.tcp.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _welcome(self, name):
        inbox = self.inboxes[name]
        return "welcome:%s:%s:%d:1:%s" % (inbox.session, inbox.key, now_ms(), name)

    def _serve(self, connection):
        name = None
        for frame in self._frames(connection):
            verb, _, rest = frame.partition(":")
            answer = None
            if verb == "hello":
                _, name, _, device = rest.split(":")
                assert device == "bench"
                answer = self._welcome(name)
            elif verb == "resume":
                session, time_ms, signature = rest.split(":")
                name = self.sessions[session]
                assert self.inboxes[name].mac("resume:%s:%s" % (session, time_ms)) == signature
                answer = self._welcome(name)
            elif verb == "send":
                answer = self._send(name, *rest.split(":", 2))
            elif verb == "attach":
                connection.sendall(b"attached" + ETX)
                self._attach(self.inboxes[name], connection)
            elif verb == "ack":
                self._acknowledged(self.inboxes[name], frame)
            elif verb == "goodbye":
                return
            if answer == "cut":
                connection.shutdown(socket.SHUT_RDWR)
                return
            if answer:
                with self.lock:
                    connection.sendall(answer.encode() + ETX)

    def _acknowledged(self, inbox, frame):
        verb, conversation, seq = frame.split(":")
        assert verb == "ack"
        with self.lock:
            inbox.acknowledge(int(conversation.split("/")[0]), int(seq))

    def _send(self, sender, key, to, text):
        with self.lock:
            if (sender, key) in self.sent:
                return self.sent[sender, key]
            self.count += 1
            refusal = self.answer(self.count)
            if refusal:
                return "err:%s:%s:as the test wants" % (refusal, key)
            self.ends[to] += 1
            number, seq = NUMBERS[to], self.ends[to]
            receivers = {"*": USERS, **ROOMS}.get(to, [to])
            names = [name for name in receivers if to == name or name != sender]
            frame = "msg:%d/%s:%d:%d:%s:%s:%s" % (number, to, seq, now_ms(), sender, sender, text)
            for name in self.mangle(self.count, names):
                self.inboxes[name].put(number, seq, frame.encode())
            self.sent[sender, key] = "sent:%s:%d/%s:%d:%d" % (key, number, to, seq, now_ms())
            return "cut" if self.cut(self.count) else self.sent[sender, key]

    def close(self):
        self.open = False
        self.udp.sendto(b"", self.udp.getsockname())
        socket.create_connection(self.tcp.getsockname()).close()
        for thread in self.threads:
            thread.join(PATIENCE)
        self.udp.close()
        self.tcp.close()

    def arguments(self):
        return ["--polls", "127.0.0.1:%d" % self.udp.getsockname()[1],
                "--writes", "127.0.0.1:%d" % self.tcp.getsockname()[1]]


def check_right(report, mode):
    assert report["passed"], report
    assert report["repeated"] == report["foreign"] == report["redelivered"] == 0
    if mode != "polls":
        assert report["acknowledged"] == report["sent"] == int(MODES[mode][-1])
        assert report["delivered"] >= report["sent"]


@pytest.mark.parametrize("mode", MODES)
def test_right_server_passes(serve, mode):
    report = bench(mode, *MODES[mode], *serve())
    check_right(report, mode)
    if mode == "polls":
        assert 40 <= report["poll-answers"] <= report["polls"] + 8


def test_right_server_passes_with_everyone_attached(serve):
    report = bench("conserve", *MODES["conserve"], "--attach", *serve())
    check_right(report, "conserve")
    assert report["polls"] == 0


CONSERVE = ["conserve", *MODES["conserve"]]


@pytest.mark.parametrize("carrier", [[], ["--tls"], ["--tls", "--attach"]], ids=" ".join)
def test_the_real_server_passes(carrier):
    with contextlib.closing(Daemon().start()) as daemon:
        daemon.add_users(*USERS)
        for room, members in ROOMS.items():
            daemon.add_room(room, *members)
        report = bench(*CONSERVE, *carrier, "--drain", "30", "--polls", "%s:%d" % daemon.polls,
                       "--writes", "%s:%d" % daemon.writes)
    assert report["passed"], report
    assert report["acknowledged"] == report["sent"] == 200 <= report["delivered"]


@pytest.mark.parametrize("carrier", [[], ["--pushes", "--plain"]], ids=["attached", "pushes"])
def test_a_crowd_in_one_room(carrier):
    """The short form of crowd.py."""
    options = crowd.parse(["--members", "25", "--messages", "10", "--rate", "0", *carrier])
    figures, reasons = crowd.run(options)
    assert reasons == "" and figures["rows-per-message"] == 1, figures
    assert figures["delivered"] == 24 * figures["acknowledged"] == 240
    assert 0 < figures["last-p50"] <= figures["last-max"]


@pytest.mark.parametrize("mangle,figure", [
    (lambda count, names: names[1:] if count == 50 else names, "lost"),
    (lambda count, names: names + [USERS[7]] if count % 5 == 0 and USERS[7] not in names else names,
     "unexpected")], ids=["lost", "unexpected"])
def test_fault_is_found(serve, mangle, figure):
    report = bench(*CONSERVE, *serve(mangle=mangle))
    assert report[figure] > 0 and not report["passed"]


def test_what_comes_again_with_its_number_is_not_shown(serve):
    report = bench(*CONSERVE, *serve(mangle=lambda count, names: names * 2))
    assert report["passed"] and report["repeated"] == 0
    assert report["redelivered"] == report["delivered"]


def test_wrong_signature_is_found(serve):
    report = bench("polls", "--seconds", "1", "--drain", "1",
                   *serve(sign=Spoil()))
    assert report["poll-answers-wrong"] == 1 and not report["passed"]


class Spoil:
    """Spoils one signature, once all are known to be reachable."""

    def __init__(self):
        self.count = 0

    def __call__(self, signature):
        self.count += 1
        return signature[::-1] if self.count == 60 else signature


def test_a_message_without_an_answer_is_sent_again(serve):
    report = bench(*CONSERVE, *serve(cut=lambda count: count % 20 == 0))
    check_right(report, "conserve")
    assert report["reconnects"] == 10 and report["unacknowledged"] == 0


def test_refused_messages_are_not_owed(serve):
    report = bench("one-to-one", "--writers", "1", "--count", "100",
                   *serve(answer=lambda count: "busy" if count % 2 else None))
    assert report["passed"] and report["refused"] == 50 == report["acknowledged"]


def test_uncertain_messages_may_come_or_not(serve):
    report = bench("one-to-one", "--writers", "1", "--count", "100",
                   *serve(answer=lambda count: "uncertain" if count % 2 else None))
    assert report["passed"] and report["unacknowledged"] == 50


@pytest.mark.parametrize("arguments,words", [
    (["one-to-one", "--protocol", "3"], "1 to 2"),
    (["one-to-one", "--protocol", "1", "--tls"], "neither --tls nor --attach"),
    (["polls", "--attach"], "nobody polls")])
def test_wrong_usage(arguments, words):
    result = run(*arguments)
    assert result.returncode == 2 and words in result.stderr.decode()
