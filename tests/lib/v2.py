"""A client of version 2 for tests, with Python's standard library: what the tests need to say on the
wire, right or wrong on purpose. (The client that is written from the manual page alone, for
interoperability, is another one: tests/interop.)

SPDX-License-Identifier: GPL-3.0-or-later
"""
import collections
import contextlib
import hashlib
import hmac
import secrets
import select
import socket
import ssl
import threading
import time

from multichat import ETX, PATIENCE

# Fields behind the verb; the last runs to the end.
FIELDS = {"welcome": 5, "sent": 4, "msg": 6, "whisper": 7, "note": 8, "err": 3, "push": 2,
          "polled": 3, "room": 6, "member": 4, "named": 1, "done": 1, "past": 1, "waiting": 2,
          "awaiting": 2, "acked": 2, "end": 3}

# An entry of a conversation: what was written there or whispered, or a note with its kind.
Message = collections.namedtuple("Message", "number name seq time_ms userid display text room kind",
                                 defaults=("", ""))
Sent = collections.namedtuple("Sent", "key conversation seq time_ms")
Room = collections.namedtuple("Room", "conversation number access standing members topic")
Member = collections.namedtuple("Member", "userid presence standing display")


class Refused(Exception):
    """err:<code>:<about>:<reason>"""

    def __init__(self, code, about, reason):
        super().__init__("err:%s:%s:%s" % (code, about, reason))
        self.code, self.about, self.reason = code, about, reason


class Closed(Exception):
    """The connection ended where a frame was expected."""


def mac(key, text):
    return hmac.new(key, text.encode("utf-8"), hashlib.sha256).digest()[:16].hex()


def now_ms():
    return time.time_ns() // 1000000


def client_context(certificate=None, key=None):
    """Takes any certificate; the caller compares fingerprints."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def fingerprint(connection):
    return hashlib.sha256(connection.getpeercert(True)).hexdigest()


class Session:
    def __init__(self, name, key, server_ms, poll_seconds, display):
        self.name, self.key = name, bytes.fromhex(key)
        self.offset_ms = int(server_ms) - now_ms()
        self.poll_seconds, self.display = int(poll_seconds), display
        self.last_ms = 0

    def time_ms(self):
        """The server's time, always later than before."""
        self.last_ms = max(now_ms() + self.offset_ms, self.last_ms + 1)
        return self.last_ms

    def resume(self, time_ms=None):
        text = "resume:%s:%d" % (self.name, time_ms or self.time_ms())
        return text + ":" + mac(self.key, text)

    def poll(self, port, time_ms=None):
        text = "poll2:%s:%d:%d" % (self.name, time_ms or self.time_ms(), port)
        return text + ":" + mac(self.key, text)

    def polled_state(self, datagram, time_ms):
        """The state an answer tells, which must be the right answer to the poll of that time."""
        verb, name, state, signature = datagram.decode("ascii").split(":")
        assert (verb, name) == ("polled", self.name), datagram
        assert signature == mac(self.key, "polled:%s:%s:%d" % (name, state, time_ms)), datagram
        return state

    def proof(self, nonce):
        return "proof:" + mac(self.key, "proof:%s:%s" % (self.name, nonce))


def split_frame(text):
    """[verb, field, …]"""
    verb = text.split(":", 1)[0]
    return text.split(":", FIELDS.get(verb, 0))


class Connection:
    """Frames over a connected socket, which it owns."""

    def __init__(self, connected, patience=PATIENCE):
        self.socket = connected
        self.socket.settimeout(patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""

    @classmethod
    def open(cls, address, tls=True, context=None, source=None):
        connected = socket.create_connection(address, timeout=PATIENCE, source_address=source)
        if tls:
            connected = (context or client_context()).wrap_socket(connected)
        return cls(connected)

    def write(self, *frames):
        self.socket.sendall(b"".join(frame.encode("utf-8") + ETX for frame in frames))

    def read(self):
        """The next frame as [verb, field, …]; Closed at the end of the stream."""
        while ETX not in self.data:
            try:
                chunk = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError) as error:
                raise Closed(str(error)) from None
            if not chunk:
                raise Closed("end of stream after %r" % self.data)
            self.data += chunk
        frame, self.data = self.data.split(ETX, 1)
        return split_frame(frame.decode("utf-8"))

    def expect(self, verb):
        """The fields of the next frame, which is a `verb`; an err raises Refused."""
        got, *fields = self.read()
        if got == "err" and verb != "err":
            raise Refused(*fields)
        assert got == verb, (got, fields)
        return fields

    def ask(self, frame, verb):
        self.write(frame)
        return self.expect(verb)

    def sign_on(self, frame):
        return Session(*self.ask(frame, "welcome"))

    def send(self, to, text, key=None):
        key = key or secrets.token_hex(12)
        told, conversation, seq, time_ms = self.ask("send:%s:%s:%s" % (key, to, text), "sent")
        assert told == key
        return Sent(key, conversation, int(seq), int(time_ms))

    # -- rooms, names, history

    def ask_list(self, frame, row):
        """The fields of each row, and the place to go on from, which is empty at the end."""
        self.write(frame)
        rows = []
        while True:
            verb, *fields = self.read()
            if verb == "err":
                raise Refused(*fields)
            if verb == "end":
                about, count, following = fields
                assert (about, int(count)) == (frame.split(":", 1)[0], len(rows)), fields
                return rows, following
            assert verb == row, (verb, fields)
            rows.append(fields)

    def room(self, verb, room):
        """What join and look are answered."""
        return parse_room(self.ask("%s:%s" % (verb, room), "room"))

    def change(self, frame):
        """What is answered done."""
        assert self.ask(frame, "done") == [frame.split(":", 1)[0]]

    def rooms(self):
        """All that are shown, by as many pages as it takes."""
        return [parse_room(row) for row in self._all("rooms", "room")]

    def who(self, room):
        return [parse_member(row) for row in self._all("who:" + room, "member")]

    def _all(self, frame, row):
        rows, following = self.ask_list(frame, row)
        while following:
            more, following = self.ask_list("%s:%s" % (frame, following), row)
            assert more, "an empty page that is not the first"
            rows += more
        return rows

    def page(self, target, by="time", begin=0, end=0, most=200):
        """A page of history, and the place of the one before it."""
        rows, before = self.ask_list("history:%s:%s:%s:%s:%d" % (target, by, begin, end, most),
                                     "past")
        assert len(rows) <= most
        return [parse_entry(*split_frame(frame)) for (frame,) in rows], before

    def history(self, target, by="time", begin=0, end=0, most=200):
        """The whole range, the oldest first, in pages of at most `most`."""
        entries, before = self.page(target, by, begin, end, most)
        while before:
            earlier, before = self.page(target, by, begin, before, most)
            assert earlier, "an empty page that is not the first"
            entries = earlier + entries
        return entries

    def unread(self):
        """How much waits, by the name of the conversation."""
        rows, following = self.ask_list("unread", "waiting")
        assert following == ""
        return {conversation.split("/", 1)[1]: int(count) for conversation, count in rows}

    def wait_closed(self):
        """Reads to the end of the stream; the frames on the way."""
        frames = []
        with contextlib.suppress(Closed):
            while True:
                frames.append(self.read())
        return frames

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# The fields of an entry between its time and who it is of.
BETWEEN = {"msg": (), "whisper": ("room",), "note": ("kind", "room")}


def parse_entry(verb, *fields):
    """Of a msg, a whisper or a note."""
    conversation, seq, time_ms, *between, userid, display, text = fields
    number, name = conversation.split("/", 1)
    return Message(int(number), name, int(seq), int(time_ms), userid, display, text,
                   **dict(zip(BETWEEN[verb], between, strict=True)))


def parse_room(fields):
    conversation, number, access, standing, members, topic = fields
    return Room(conversation, int(number), access, standing, int(members), topic)


def parse_member(fields):
    return Member(*fields)


class V2Client:
    """One device: signs on, polls, listens, takes pushes and what comes while it is attached, shows
    each message and each note once, acknowledges. With `host` (netns.Host) its sockets are of that namespace."""

    def __init__(self, daemon, userid, password=None, device="test", tls=True, address="127.0.0.1",
                 server=None, host=None, listen=True):
        self.polls, self.writes = daemon.polls, daemon.writes
        if server:
            self.polls, self.writes = (server, self.polls[1]), (server, self.writes[1])
        self.userid, self.device, self.tls = userid, device, tls
        self.password = "pw-" + userid if password is None else password
        self.address, self.host = address, host
        self.context = client_context()
        self.pin = None
        self.session = None
        self.changed = threading.Condition()
        self.cursors = {}      # conversation number: seq shown
        self.shown = []        # Message, in order: what was written and whispered
        self.notes = []        # the notes, likewise
        self.pushes = 0        # proven push connections
        self.acknowledging = True
        self.attached = None
        self.port = 0
        with self._inside():
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind((address, 0))
            self.listener = socket.create_server((address, 0), backlog=64) if listen else None
        self.closing, self._wake = socket.socketpair()
        self.threads = []
        if self.listener:
            self.port = self.listener.getsockname()[1]
            self._run(self._accept)

    def _inside(self):
        return self.host or contextlib.nullcontext()

    def _run(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    # -- the server's write port

    def _check(self, connected):
        if not self.tls:
            return
        seen = fingerprint(connected)
        self.pin = self.pin or seen
        assert seen == self.pin, "another certificate"

    def connect(self):
        with self._inside():
            connection = Connection.open(self.writes, self.tls, self.context, (self.address, 0))
        self._check(connection.socket)
        return connection

    def hello(self, connection):
        self.session = connection.sign_on("hello:2:%s:%s:%s" % (
            self.userid, self.password, self.device))
        return self.session

    def sign_on(self):
        """A connection that is signed on: by the session, or where there is none by the password."""
        connection = self.connect()
        if self.session is None:
            self.hello(connection)
        else:
            connection.sign_on(self.session.resume())
        return connection

    def send(self, to, text, key=None):
        with self.sign_on() as connection:
            return connection.send(to, text, key)

    # -- receiving

    def took(self, message):
        with self.changed:
            if message.seq > self.cursors.get(message.number, 0):
                self.cursors[message.number] = message.seq
                (self.notes if message.kind else self.shown).append(message)
            self.changed.notify_all()

    def _take(self, connection):
        """Messages until the end of the stream."""
        with contextlib.suppress(Closed, OSError):
            while True:
                verb, *fields = connection.read()
                if verb in BETWEEN:
                    message = parse_entry(verb, *fields)
                    self.took(message)
                    if self.acknowledging:
                        connection.write("ack:%d/:%d" % (message.number, message.seq))
                elif verb == "detached":
                    return

    def _push(self, connected):
        try:
            if self.tls:
                connected = self.context.wrap_socket(connected)
            self._check(connected)
            connection = Connection(connected)
            name, nonce = connection.expect("push")
            assert name == self.session.name
            connection.write(self.session.proof(nonce))
        except (OSError, Closed):
            connected.close()
            return
        with self.changed:
            self.pushes += 1
            self.changed.notify_all()
        with connection:
            self._take(connection)

    def _accept(self):
        while True:
            ready, _, _ = select.select([self.listener, self.closing], [], [])
            if self.closing in ready:
                return
            connected, _ = self.listener.accept()
            self._run(self._push, connected)

    def attach(self):
        self.attached = self.sign_on()
        self.attached.ask("attach", "attached")
        self._run(self._take, self.attached)

    def detach(self):
        """Ends by closing; the server notices."""
        self.attached.socket.shutdown(socket.SHUT_RDWR)
        self.attached = None

    # -- polls

    def send_poll(self, datagram=None):
        self.udp.sendto((datagram or self.session.poll(self.port)).encode("ascii"), self.polls)

    def poll(self, patience=1.0):
        """Polls until an answer comes; its state."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            time_ms = self.session.time_ms()
            datagram = self.session.poll(self.port, time_ms)
            self.send_poll(datagram)
            answer = self.answer(patience)
            if answer is not None:
                assert len(answer) <= len(datagram)
                return self.session.polled_state(answer, time_ms)
        raise TimeoutError("no poll was answered")

    def answer(self, patience):
        """The next datagram, or None when none comes in so many seconds."""
        ready, _, _ = select.select([self.udp], [], [], patience)
        return self.udp.recv(2048) if ready else None

    def poll_until(self, state, patience=PATIENCE):
        end = time.monotonic() + patience
        while (told := self.poll()) != state:
            assert time.monotonic() < end, "still %s, not %s" % (told, state)
            select.select([self.closing], [], [], 0.05)

    def wait(self, count, patience=PATIENCE, poll=True):
        """Until so many messages have been shown in all; returns them."""
        end = time.monotonic() + patience
        with self.changed:
            while len(self.shown) < count:
                assert time.monotonic() < end, "%s got %d of %d: %r" % (
                    self.userid, len(self.shown), count, [m.text for m in self.shown[-5:]])
                if poll and self.session:
                    self.send_poll()
                self.changed.wait(0.2)
            return list(self.shown)

    def wait_note(self, *kinds, count=1, patience=PATIENCE):
        """Until so many notes of these kinds have come; returns them."""
        end = time.monotonic() + patience
        with self.changed:
            while len(found := [note for note in self.notes if note.kind in kinds]) < count:
                assert time.monotonic() < end, "%s got %r" % (self.userid, self.notes[-5:])
                if self.session:
                    self.send_poll()
                self.changed.wait(0.2)
            return found

    def texts(self):
        return [message.text for message in self.shown]

    def close(self):
        self._wake.close()
        if self.attached:
            with contextlib.suppress(OSError):
                self.attached.socket.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(0.1)
        for end in (self.closing, self.listener, self.udp):
            if end:
                end.close()
