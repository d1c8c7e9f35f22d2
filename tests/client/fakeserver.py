"""A server of version 2 as far as a client can tell: signs on, stores, takes polls, pushes. What it
answers, what it reaches and when it is there is up to the test.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import collections
import secrets
import shutil
import socket
import ssl
import struct
import tempfile
import threading

from certificates import Pair
from multichat import ETX, PATIENCE, wait_until
from v2 import mac, now_ms
from wire import Wire

ACK = object()  # what `answer` gives for: stored
LOST = object() # the same, and the connection breaks before that could be said
Error = collections.namedtuple("Error", "code reason")

_identities = {}


def identity(name):
    """The context of a server with a certificate of its own, made once for all tests."""
    if name not in _identities:
        folder = tempfile.mkdtemp(prefix="multichat-fake-")
        try:
            pair = Pair(folder, name)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.load_cert_chain(pair.certificate, pair.key)
            _identities[name] = context, pair.fingerprint()
        finally:
            shutil.rmtree(folder)
    return _identities[name]


class Session:
    def __init__(self, device, secure):
        self.name, self.key = secrets.token_urlsafe(24), secrets.token_bytes(32)
        self.device, self.secure = device, secure


class Device:
    """What a client's device is to the server: a log, how far it is acknowledged, and where it
    flows."""

    def __init__(self, server, user, name):
        self.server, self.user, self.name = server, user, name
        self.log = []                          # (conversation number, seq, frame)
        self.acked = collections.defaultdict(int)
        self.stream = None                     # a Wire
        self.attached = False                  # the stream is a connection of the client's
        self.endpoint = None                   # that was polled from: (address, port)
        self.proven = self.dialling = False    # of the endpoint
        self.last_poll = 0

    def waiting(self):
        return [entry for entry in self.log if entry[1] > self.acked[entry[0]]]

    def flow(self, wire, attached):
        """`wire` is where messages go from now on."""
        before, was_attached = self.stream, self.attached
        self.stream, self.attached = wire, attached
        if before and before is not wire and was_attached:
            before.write("detached")
        wire.write(*[frame for _, _, frame in self.waiting()])
        self.server.changed.notify_all()

    def left(self, wire):
        if self.stream is wire:
            self.stream = None


class FakeServer:
    """`answer` maps a message (user, password, to, text) to ACK, LOST, an Error, bytes that are said as
    they are, None (close without an answer) or the string "hang" (say nothing). `polled` maps (device,
    port) to the state that is answered, None for no answer; by itself it connects to the client, if
    `reaches`, and answers as a server does."""

    def __init__(self, host="127.0.0.1", tls=True):
        self.host = host
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.changed = threading.Condition()
        self.identify("server" if tls else None)
        self.frames = []    # (user, password, to, text), whatever was answered
        self.stored = []    # (to, text), acknowledged
        self.keys = {}      # (user, key): the answer that was given
        self.verbs = []     # of every frame on the write port
        self.signons = []   # ("hello" or "resume", user, password, device)
        self.polls = []     # (user, password, port, source address)
        self.passwords = {} # of session names
        self.sessions, self.devices = {}, {}
        self.ended = set()  # names of sessions
        self.pushes = []    # Wires that were made to clients
        self.asked = []     # (user, device, frame) of every request that is in `answers`
        self.answers = {}   # of a verb: a function of the frame that gives the frames to answer with
        self.denied = None  # an Error for everyone who says hello
        self.denials = []   # Errors for the next who do
        self.clock = now_ms # milliseconds
        self.reaches = True
        self.poll_seconds = 1
        self.lose = lambda: False  # whether this datagram, poll or answer, is lost
        self.answer = lambda frame: ACK
        self.polled = self.reach
        self.seqs = collections.defaultdict(int)
        self.udp = self.tcp = None
        self.threads = []
        self.wires = []
        self.poll_port = self.write_port = 0
        # Keeps the port from being given to somebody else while the server is away.
        self.reserved = self._bind(0)
        self.write_port = self.reserved.getsockname()[1]
        self.start()

    def identify(self, name):
        """Shows the certificate of that name from now on; None: speaks no TLS."""
        self.context, self.fingerprint = identity(name) if name else (None, None)

    def _bind(self, port):
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((self.host, port))
        return sock

    def start(self):
        """Also again after stop(), on the ports it had."""
        self.udp = socket.socket(self.family, socket.SOCK_DGRAM)
        self.udp.bind((self.host, self.poll_port))
        self.tcp = self._bind(self.write_port)
        self.tcp.listen(64)
        self.poll_port = self.udp.getsockname()[1]
        self.threads = [threading.Thread(target=self._take_polls, args=(self.udp,), daemon=True),
                        threading.Thread(target=self._accept, args=(self.tcp,), daemon=True)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Gone as after kill -9: sockets closed, connections broken."""
        if self.udp is None:
            return
        self.tcp.shutdown(socket.SHUT_RDWR)
        wake = socket.socket(self.family, socket.SOCK_DGRAM)
        wake.sendto(b"END", (self.host, self.poll_port))
        wake.close()
        for wire in list(self.wires):
            wire.reset()
        for thread in self.threads + list(self.wires):
            thread.join(PATIENCE)
        self.udp.close()
        self.tcp.close()
        self.wires = []
        for device in self.devices.values():
            device.stream, device.proven, device.dialling = None, False, False
        self.udp = self.tcp = None

    def close(self):
        self.stop()
        self.reserved.close()

    # -- polls

    def _take_polls(self, udp):
        while True:
            datagram, source = udp.recvfrom(65536)
            if datagram == b"END":
                return
            if self.lose():
                continue
            answer = self._poll(datagram.decode(), source[0])
            if answer and not self.lose():
                assert len(answer) <= len(datagram)
                udp.sendto(answer.encode(), source)

    def _poll(self, datagram, source):
        verb, name, when, port, signature = datagram.split(":")
        assert verb == "poll2"
        session = self.sessions[name]
        assert signature == mac(session.key, datagram.rsplit(":", 1)[0])
        device = session.device
        assert abs(int(when) - self.clock()) < 60000
        if int(when) <= device.last_poll:  # the next run may reckon the time a little less
            assert device.endpoint != (source, int(port))
            return None
        device.last_poll = int(when)
        with self.changed:
            self.polls.append((device.user, self.passwords[name], int(port), source))
            if device.endpoint != (source, int(port)):
                device.endpoint, device.proven = (source, int(port)), False
            state = "unknown" if name in self.ended else self.polled(device, int(port))
            self.changed.notify_all()
        if state is None:
            return None
        return "polled:%s:%s:%s" % (name, state,
                                    mac(session.key, "polled:%s:%s:%s" % (name, state, when)))

    def reach(self, device, port):
        if port == 0 or not self.reaches:
            return "unreachable"
        if not device.proven or (device.waiting() and not device.stream):
            if not device.dialling:
                device.dialling = True
                threading.Thread(target=self._dial, args=(device,), daemon=True).start()
            return "pushing"
        return "pushing" if device.waiting() else "idle"

    def end_sessions(self):
        """As when the server's secret is replaced."""
        with self.changed:
            self.ended.update(self.sessions)

    # -- pushes

    def _dial(self, device):
        with self.changed:
            session = next(s for s in reversed(self.sessions.values()) if s.device is device)
        nonce = secrets.token_hex(16)
        try:
            connected = socket.create_connection(device.endpoint, timeout=PATIENCE)
        except OSError:
            device.dialling = False
            return
        proven = []

        def take(wire, frame):
            verb, *fields = frame.split(":")
            if not proven:
                assert (verb, fields) == ("proof", [mac(session.key, "proof:%s:%s" %
                                                        (session.name, nonce))])
                proven.append(True)
                with self.changed:
                    device.proven, device.dialling = True, False
                    device.flow(wire, False)
                return True
            return self._take_flow(device, verb, fields)

        def gone(wire):
            with self.changed:
                device.dialling = False
                device.left(wire)
                self.changed.notify_all()

        wire = Wire(connected, self.context if session.secure else None, take, gone)
        wire.write("push:%s:%s" % (session.name, nonce))
        self.wires.append(wire)
        self.pushes.append(wire)

    def _take_flow(self, device, verb, fields):
        if verb == "ack":
            with self.changed:
                number = int(fields[0].split("/")[0])
                assert int(fields[1]) <= max(seq for n, seq, _ in device.log if n == number)
                device.acked[number] = max(device.acked[number], int(fields[1]))
                self.changed.notify_all()
        return verb == "ack"

    def device(self):
        """That of the client that was here last."""
        wait_until(lambda: self.devices, "a sign-on", self.changed)
        return list(self.devices.values())[-1]

    def deliver(self, text, name="Bob", userid="bob", when=None, to="1/*", device=None,
                whispered=None, note=None):
        """Leaves a message for the device; its (conversation number, seq). `whispered`: it is a
        whisper in that room ("17/#room"). `note`: it is one of that kind."""
        device = device or self.device()
        with self.changed:
            number = int(to.split("/")[0])
            self.seqs[number] += 1
            seq = self.seqs[number]
            verb = "note" if note else "whisper" if whispered else "msg"
            about = [note] if note else []
            if note or whispered:
                about.append(whispered or "-")
            frame = ":".join([verb, to, str(seq), str(now_ms() if when is None else when * 1000)]
                             + about + [userid, name, text])
            device.log.append((number, seq, frame))
            if device.stream:
                device.stream.write(frame)
            self.changed.notify_all()
        return number, seq

    def wait_acked(self, message, device=None):
        number, seq = message
        device = device or self.device()
        wait_until(lambda: device.acked[number] >= seq, "an ack of %r" % (message,), self.changed)

    def push(self, text, **more):
        """Delivers and waits until it is acknowledged."""
        device = more.get("device") or self.device()
        self.wait_acked(self.deliver(text, **more), device)

    def wait_stream(self, attached=None, device=None):
        """Until messages flow to the client; `attached`: over its own connection, or not."""
        device = device or self.device()
        wait_until(lambda: device.stream and attached in (None, device.attached), "a stream",
                   self.changed)
        return device.stream

    def wait_polls(self, count):
        """So many more."""
        goal = len(self.polls) + count
        wait_until(lambda: len(self.polls) >= goal, "%d polls" % count, self.changed)

    def wait_poll(self, fresh=False):
        """A poll; with `fresh` one that comes after this call."""
        before = len(self.polls) if fresh else 0
        wait_until(lambda: len(self.polls) > before, "a poll", self.changed)
        return self.polls[-1]

    def open_push(self, source=None):
        """A connection to the client that has said nothing yet, as of a stranger."""
        wait_until(lambda: self.polls and self.polls[-1][2], "a poll with a port", self.changed)
        _, _, port, address = self.polls[-1]
        return socket.create_connection((address, port), timeout=PATIENCE,
                                        source_address=(source, 0) if source else None)

    # -- the write port

    def _accept(self, tcp):
        while True:
            try:
                connection, _ = tcp.accept()
            except OSError:
                return
            self.wires.append(_Client(self, connection).wire)

    def wait_frames(self, count):
        wait_until(lambda: len(self.frames) >= count,
                   "%d frames, got %r" % (count, self.frames), self.changed)

    def wait_stored(self, count):
        wait_until(lambda: len(self.stored) >= count,
                   "%d stored, got %r" % (count, self.stored), self.changed)

    def wait_signon(self, count=1):
        wait_until(lambda: len(self.signons) >= count, "%d sign-ons" % count, self.changed)
        return self.signons[count - 1]


class _Client:
    """A connection a client made."""

    def __init__(self, server, connection):
        self.server = server
        self.session = self.password = None
        self.verbs = {"hello": self.hello, "resume": self.resume, "send": self.send,
                      "passwd": self.passwd, "attach": self.attach, "detach": self.detach, "ack": self.ack,
                      "ping": self.ping, "goodbye": self.goodbye}
        self.wire = Wire(connection, server.context, self.take, self.gone, detect=True)

    def take(self, wire, frame):
        self.wire = wire
        verb, _, rest = frame.partition(":")
        with self.server.changed:
            self.server.verbs.append(verb)
            if verb in self.server.answers:
                return self.ask(frame)
            return verb in self.verbs and self.verbs[verb](rest)

    def ask(self, frame):
        """A request that is none of messages: answered as the test says; None breaks off."""
        device = self.session.device
        self.server.asked.append((device.user, device.name, frame))
        frames = self.server.answers[frame.split(":")[0]](frame)
        self.server.changed.notify_all()
        if frames:
            self.wire.write(*frames)
        return frames is not None

    def gone(self, wire):
        with self.server.changed:
            if self.session:
                self.session.device.left(wire)
            self.server.changed.notify_all()

    def welcome(self):
        self.wire.write("welcome:%s:%s:%d:%d:%s" % (
            self.session.name, self.session.key.hex(), self.server.clock(),
            self.server.poll_seconds,
            self.session.device.user.capitalize()))
        self.server.changed.notify_all()
        return True

    def hello(self, rest):
        version, user, password, name = rest.split(":")
        assert version == "2"
        self.server.signons.append(("hello", user, password, name))
        denied = self.server.denials.pop(0) if self.server.denials else self.server.denied
        if denied:
            self.wire.write("err:%s:hello:%s" % denied)
            self.server.changed.notify_all()
            return True
        device = Device(self.server, user, name)
        if name != "-":
            device = self.server.devices.setdefault((user, name), device)
        self.session = Session(device, self.wire.secure)
        self.server.sessions[self.session.name] = self.session
        self.server.passwords[self.session.name] = password
        return self.welcome()

    def passwd(self, rest):
        old, new = rest.split(":")
        if old != self.server.passwords[self.session.name]:
            self.wire.write("err:denied:passwd:that is not the old password")
            return True
        self.server.end_sessions()
        self.session = Session(self.session.device, self.wire.secure)
        self.server.sessions[self.session.name] = self.session
        self.server.passwords[self.session.name] = new
        return self.welcome()

    def resume(self, rest):
        name, when, signature = rest.split(":")
        session = self.server.sessions[name]
        if name in self.server.ended:
            self.wire.write("err:unknown-session:resume:no such session")
            return True
        assert signature == mac(session.key, "resume:%s:%s" % (name, when))
        if abs(int(when) - self.server.clock()) > 60000:
            self.wire.write("err:time:resume:%d is the time here" % self.server.clock())
            return True
        assert session.secure == self.wire.secure
        device = session.device
        self.server.signons.append(("resume", device.user, self.server.passwords[name],
                                    device.name))
        if device.name != "-":  # who was here last comes last
            self.server.devices[device.user, device.name] = self.server.devices.pop(
                (device.user, device.name))
        self.session = session
        return self.welcome()

    def send(self, rest):
        key, to, text = rest.split(":", 2)
        device = self.session.device
        frame = (device.user, self.server.passwords[self.session.name], to, text)
        self.server.frames.append(frame)
        answer = self.server.keys.get((device.user, key)) or self.server.answer(frame)
        lost = answer is LOST
        if lost or answer is ACK:
            answer = ("sent:%s:2/%s:%d:%d" % (key, to, len(self.server.stored) + 1,
                                              now_ms())).encode() + ETX
            self.server.keys[device.user, key] = answer
            self.server.stored.append((to, text))
        self.server.changed.notify_all()
        if isinstance(answer, Error):
            self.wire.write("err:%s:%s:%s" % (answer.code, key, answer.reason))
        elif isinstance(answer, bytes) and not lost:
            self.wire.write_bytes(answer)
        return answer is not None and not lost

    def attach(self, _):
        self.wire.write("attached")
        self.session.device.flow(self.wire, True)
        return True

    def detach(self, _):
        self.session.device.left(self.wire)
        self.wire.write("detached")
        self.server.changed.notify_all()
        return True

    def ack(self, rest):
        return self.server._take_flow(self.session.device, "ack", rest.split(":"))

    def ping(self, _):
        self.wire.write("pong")
        return True

    def goodbye(self, _):
        return False


def reset(connection):
    """Breaks a connection off."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
