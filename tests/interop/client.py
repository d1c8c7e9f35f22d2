"""A client of the multichat protocol, version 2, as multichat-protocol(7) tells how to write one.

It has nothing but that page and Python's standard library: no code of multichat's and none of the
other tests'. What it and multichat understand of each other is therefore what the page says. The
names are those of the page.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import asyncio
import collections
import fcntl
import hashlib
import hmac
import json
import os
import random
import secrets
import socket
import ssl
import time

ETX = b"\x03"
FRAME_MAX = 67000
FIELDS = {"welcome": 5, "sent": 4, "attached": 0, "detached": 0, "push": 2, "msg": 6, "whisper": 7,
          "note": 8, "room": 6, "member": 4, "named": 1, "done": 1, "past": 1, "waiting": 2,
          "awaiting": 2, "acked": 2, "end": 3, "pong": 0, "err": 3}
# The last frame of an answer (an await has two), and of a list its rows.
ANSWERS = {"hello": ("welcome",), "resume": ("welcome",), "passwd": ("welcome",),
           "send": ("sent",), "attach": ("attached",), "detach": ("detached",), "ping": ("pong",),
           "join": ("room",), "look": ("room",), "nick": ("named",), "part": ("done",),
           "topic": ("done",), "access": ("done",), "invite": ("done",), "remove": ("done",),
           "rooms": ("end",), "who": ("end",), "history": ("end",), "unread": ("end",),
           "await": ("awaiting", "acked")}
ROWS = {"rooms": "room", "who": "member", "history": "past", "unread": "waiting"}
# What comes unasked and is acknowledged: its fields between the time and who it is of.
ENTRIES = {"msg": (), "whisper": ("room",), "note": ("kind", "room")}
KINDS = ("joined", "left", "renamed", "topic", "invited", "removed", "access", "announcement")
UNASKED = ("timeout", "unknown-session")  # with "-": the connection is closed
WORTH_ANOTHER_TRY = ("busy", "unavailable", "uncertain", "limited", "internal")
STRANGER_SECONDS = 10
PONG_SECONDS = 10
PUSHING_SECONDS = 5
POLLS_MISSED = 3
PAUSE_MIN, PAUSE_MAX = 0.1, 30

Welcome = collections.namedtuple("Welcome", "session key time_ms poll_seconds display_name")
Sent = collections.namedtuple("Sent", "key conversation seq time_ms")
Message = collections.namedtuple("Message", "conversation seq time_ms sender display_name text "
                                 "room kind", defaults=("-", ""))
Room = collections.namedtuple("Room", "conversation number access standing members topic")
Member = collections.namedtuple("Member", "userid presence standing display_name")


class Refused(Exception):
    """An err of the server."""

    def __init__(self, code, about, reason):
        super().__init__(f"{code}:{about}:{reason}")
        self.code, self.about, self.reason = code, about, reason

    def number(self):
        """What the reason begins with: milliseconds to wait, or the server's time."""
        digits = self.reason.split(" ", 1)[0]
        return int(digits) if digits.isdecimal() else 0


class WrongCertificate(Exception):
    """Who answered, or connected to the listener, is not the server that is remembered."""


def mac(key, data):
    """The first 16 bytes of HMAC-SHA-256 under the bytes of the key, as hexadecimal digits."""
    return hmac.new(bytes.fromhex(key), data.encode(), hashlib.sha256).digest()[:16].hex()


def signed(key, data):
    """A frame or datagram with its MAC behind it."""
    return f"{data}:{mac(key, data)}"


def entry(verb, fields):
    """A msg, whisper or note as a Message."""
    conversation, seq, time_ms, *between, sender, display_name, text = fields
    return Message(conversation, seq, time_ms, sender, display_name, text,
                   **dict(zip(ENTRIES[verb], between)))


def number_of(conversation):
    """What it is told by; the name is for people."""
    return conversation.split("/", 1)[0]


def monotonic_ms():
    return time.monotonic_ns() // 1_000_000


class Store:
    """What is remembered of a server for a user and device, in a file; one process at a time."""

    def __init__(self, path):
        self.path = path
        self.lock = open(f"{path}.lock", "w", encoding="ascii")
        fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.certificate = self.session = self.key = ""
        self.polled = 0  # the time of the last poll
        self.cursors = {}  # number of a conversation: the greatest seq shown
        self.outbox = {}  # key of a message: to, text
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.__dict__.update(json.load(file))

    def save(self):
        """Replaces the file by what is remembered now, durably."""
        kept = ("certificate", "session", "key", "polled", "cursors", "outbox")
        new = os.open(f"{self.path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(new, "w", encoding="utf-8") as file:
            json.dump({name: getattr(self, name) for name in kept}, file)
            file.flush()
            os.fdatasync(file.fileno())
        os.rename(f"{self.path}.new", self.path)

    def close(self):
        self.lock.close()


class Question:
    """A frame that is to be answered."""

    def __init__(self, fields, future):
        self.fields, self.future = fields, future
        verb = fields[0] if fields else ""
        self.about = (verb, "-") + fields[1:2] * (verb == "send")  # what an err may name
        self.answers, self.row = ANSWERS.get(verb, ()), ROWS.get(verb)
        self.rows = []

    def ends(self, verb, fields):
        """Whether that frame is its answer; an acked can also be of an earlier await."""
        if self.fields[:1] == ("await",) and \
                [number_of(fields[0])] + fields[1:] != [number_of(self.fields[1]), self.fields[2]]:
            return False
        return verb in self.answers and (verb != "end" or fields[0] == self.fields[0])


Question.NONE = Question((), None)


class Connection:
    """Frames over TLS, as the TLS client whichever side made the connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.owed = collections.deque()  # questions: what an err may name, the answer, its future
        self.attached = False
        self.ended = None  # why
        self.running = None

    @classmethod
    async def over(cls, known, **where):
        """Shakes hands, on a socket or with a host and port. `known` is the digest that the
        certificate must have, looked at before anything is written; empty to take any."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the pin is compared instead
        reader, writer = await asyncio.open_connection(
            ssl=context, server_hostname="", limit=FRAME_MAX,
            ssl_handshake_timeout=STRANGER_SECONDS, **where)
        connection = cls(reader, writer)
        if known and not hmac.compare_digest(known, connection.certificate()):
            connection.abort()
            raise WrongCertificate(connection.certificate())
        return connection

    def certificate(self):
        shown = self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return hashlib.sha256(shown).hexdigest()

    async def read(self):
        """The next frame whose verb is known, as verb and fields; EOFError at the end."""
        while True:
            verb, fields = self.split((await self.reader.readuntil(ETX))[:-1].decode())
            if len(fields) == FIELDS.get(verb):
                return verb, fields

    @staticmethod
    def split(frame):
        verb = frame.split(":", 1)[0]
        return verb, frame.split(":", FIELDS.get(verb, 0))[1:]

    def write(self, *fields):
        self.writer.write(":".join(fields).encode() + ETX)

    def ask(self, *fields):
        """Writes a frame that is answered. A future: the answer's fields, of a list its rows and
        the place to go on from; Refused or OSError."""
        future = asyncio.get_running_loop().create_future()
        if self.ended:
            future.set_exception(ConnectionError(str(self.ended)))
            return future
        self.owed.append(Question(fields, future))
        self.write(*fields)
        return future

    async def run(self, on_message, on_detached=lambda: None, on_acked=lambda fields: None):
        """Reads to the end: hands on messages, gives the answers to questions in their order."""
        try:
            while True:
                verb, fields = await self.read()
                asked = self.owed[0] if self.owed else Question.NONE
                if verb in ENTRIES:
                    on_message(self, verb, fields)
                elif verb == "err" and fields[0] in UNASKED and fields[1] == "-":
                    self.ended = Refused(*fields)
                elif verb == "err" and fields[1] in asked.about:
                    self._settle(error=Refused(*fields))
                elif verb == asked.row:
                    asked.rows.append(fields)
                elif asked.ends(verb, fields):
                    self.attached = {"attached": True, "detached": False}.get(verb, self.attached)
                    self._settle((asked.rows, fields[2]) if verb == "end" else fields)
                    if verb == "acked":
                        on_acked(fields)
                elif verb == "acked":
                    on_acked(fields)
                elif verb == "detached":
                    self.attached = False
                    on_detached()
        except (EOFError, asyncio.LimitOverrunError, UnicodeDecodeError, OSError) as error:
            self.ended = self.ended or error
        finally:
            self.ended = self.ended or ConnectionError("left")
            self.attached = False
            while self.owed:
                self._settle(error=ConnectionError(str(self.ended)))
            self.writer.close()

    def _settle(self, fields=None, error=None):
        future = self.owed.popleft().future
        if future.done():
            return  # nobody waits any more
        if error:
            future.set_exception(error)
        else:
            future.set_result(fields)

    def abort(self):
        """Ends it at once and without a word."""
        if not self.writer.is_closing():
            self.writer.transport.abort()


class Client(asyncio.DatagramProtocol):
    """A user's device: signs on, polls, listens, attaches while it has to, shows a message once.

    `server` has the addresses `writes` (TCP) and `polls` (UDP). `show` is called with each Message
    before it is acknowledged, `tell` with each note likewise, `warn` with what the user should
    know."""

    def __init__(self, server, userid, password, device, path, show=print, warn=print, tell=print):
        self.server, self.userid, self.password, self.device = server, userid, password, device
        self.store = Store(path)
        self.show, self.warn, self.tell = show, warn, tell
        self.ahead = time.time_ns() // 1_000_000 - monotonic_ms()  # until the server tells its time
        self.display_name, self.poll_seconds = "", 3.0
        self.signing_on = asyncio.Lock()
        self.own = None  # the connection that was made from here
        self.pushed = None  # the newest of the server's that counts
        self.datagrams = self.answer = None
        self.listener, self.port = None, 0
        self.state = None  # what the last poll was answered
        self.changed = asyncio.Event()
        self.awaited = {}  # number and seq: a future, done when a device of the receiver has it
        self.tasks = set()

    # -- signing on

    def now(self):
        """The server's time."""
        return monotonic_ms() + self.ahead

    def _welcomed(self, fields):
        welcome = Welcome(*fields)
        self.ahead = int(welcome.time_ms) - monotonic_ms()
        self.display_name, self.poll_seconds = welcome.display_name, float(welcome.poll_seconds)
        self.store.session, self.store.key = welcome.session, welcome.key
        self.store.save()
        return welcome

    async def resume(self, connection):
        """Signs on with the session; a second time where the first showed that a clock is off."""
        for last in (False, True):
            data = f"resume:{self.store.session}:{self.now()}"
            try:
                frame = signed(self.store.key, data)
                return self._welcomed(await connection.ask(*frame.split(":")))
            except Refused as refused:
                if refused.code != "time" or last:
                    raise
                self.ahead = refused.number() - monotonic_ms()

    async def sign_on(self, connection):
        """With the session if there is one that the server knows, else with the password."""
        if self.store.session:
            try:
                return await self.resume(connection)
            except Refused as refused:
                if refused.code != "unknown-session":
                    raise
        return self._welcomed(await connection.ask("hello", "2", self.userid, self.password,
                                                   self.device))

    async def connect(self):
        """The own connection, signed on: the one there is, or else a new one."""
        async with self.signing_on:
            if self.own and not self.own.ended:
                return self.own
            host, port = self.server.writes
            connection = await Connection.over(self.store.certificate, host=host, port=port)
            if not self.store.certificate:
                self.store.certificate = connection.certificate()
                self.warn(f"the server's certificate is {self.store.certificate}")
            connection.running = self._start(connection.run(self.receive, self._taken_over,
                                                         self._acked))
            connection.running.add_done_callback(lambda _: self.changed.set())
            try:
                await self.sign_on(connection)
            except BaseException:
                connection.abort()
                raise
            self.own = connection
            return connection

    async def passwd(self, new):
        connection = await self.connect()
        welcome = self._welcomed(await connection.ask("passwd", self.password, new))
        self.password = new
        return welcome

    async def ping(self):
        """Whether the other end of the own connection is there; if not, it is dropped."""
        connection = await self.connect()
        try:
            await asyncio.wait_for(connection.ask("ping"), PONG_SECONDS)
        except asyncio.TimeoutError:
            connection.abort()
            raise ConnectionError("no pong") from None

    async def goodbye(self):
        """Leaves the own connection, having read what it still brings."""
        leaving, self.own = self.own, None
        if leaving and not leaving.ended:
            leaving.write("goodbye")
            await leaving.running

    # -- sending

    async def send(self, to, text):
        """Keeps a message until it is stored, once; its Sent, or Refused for good."""
        key = secrets.token_hex(16)
        self.store.outbox[key] = (to, text)
        self.store.save()
        return await self.post(key)

    async def post(self, key):
        """Says a message of the outbox, always with its key, until it is answered."""
        pause = PAUSE_MIN
        while True:
            wait = pause * random.uniform(0.5, 1)
            try:
                connection = await self.connect()
                sent = Sent(*await connection.ask("send", key, *self.store.outbox[key]))
                self._drop(key)
                return sent
            except Refused as refused:
                if refused.code not in WORTH_ANOTHER_TRY:
                    self._drop(key)
                    raise
                if refused.code == "limited":
                    wait = max(wait, refused.number() / 1000)
            except OSError:
                pass  # it may be stored or not: the key tells
            await asyncio.sleep(wait)
            pause = min(2 * pause, PAUSE_MAX)

    def _drop(self, key):
        del self.store.outbox[key]
        self.store.save()

    # -- receiving

    def receive(self, connection, verb, fields):
        """A msg, whisper or note: is shown if it has not been, makes its cursor durable, and is
        acknowledged."""
        message = entry(verb, fields)
        number = number_of(message.conversation)
        if int(message.seq) > self.store.cursors.get(number, 0):
            if not message.kind:
                self.show(message)
            elif message.kind in KINDS:
                self.tell(message)
            self.store.cursors[number] = int(message.seq)
            self.store.save()
        connection.write("ack", message.conversation, message.seq)

    def _taken_over(self):
        """A detached that nobody asked for; explained where the server made a connection."""
        if not self.pushed or self.pushed.ended:
            self.warn("another process uses this device")

    async def attach(self):
        connection = await self.connect()
        if not connection.attached:
            await connection.ask("attach")

    async def detach(self):
        """Receives no more on the own connection, and closes it."""
        if self.own and self.own.attached:
            await self.own.ask("detach")
        await self.goodbye()

    # -- rooms, names, history

    async def join(self, room):
        return Room(*await (await self.connect()).ask("join", room))

    async def look(self, room):
        return Room(*await (await self.connect()).ask("look", room))

    async def change(self, *fields):
        """A part, topic, access, invite or remove."""
        assert await (await self.connect()).ask(*fields) == [fields[0]]

    async def nick(self, name):
        (self.display_name,) = await (await self.connect()).ask("nick", name)

    async def _pages(self, *fields):
        """The rows of all pages of a list that is gone through forwards."""
        connection = await self.connect()
        rows, following = await connection.ask(*fields)
        while following:
            more, following = await connection.ask(*fields, following)
            rows += more
        return rows

    async def rooms(self):
        return [Room(*row) for row in await self._pages("rooms")]

    async def who(self, room):
        return [Member(*row) for row in await self._pages("who", room)]

    async def history(self, target, by="time", begin=0, end=0, most=200):
        """The newest of the range, at most so many, the oldest first; and the place of those
        before them, to be given as `end`."""
        rows, before = await (await self.connect()).ask("history", target, by, str(begin),
                                                        str(end), str(most))
        return [entry(*Connection.split(frame)) for (frame,) in rows], before

    async def unread(self):
        """How much waits, by the number of the conversation."""
        rows, _ = await (await self.connect()).ask("unread")
        return {number_of(conversation): int(count) for conversation, count in rows}

    async def arrived(self, sent):
        """Waits until a device of the receiver has acknowledged what was sent."""
        about = number_of(sent.conversation), sent.seq
        waited = self.awaited.setdefault(about, asyncio.get_running_loop().create_future())
        try:
            while not waited.done():
                connection = await self.connect()
                await connection.ask("await", sent.conversation, sent.seq)
                await asyncio.wait((waited, connection.running),
                                   return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self.awaited[about]

    def _acked(self, fields):
        waited = self.awaited.get((number_of(fields[0]), fields[1]))
        if waited and not waited.done():
            waited.set_result(None)

    # -- polls

    async def poll(self):
        """One poll. The state that its answer tells, or None where no answer comes."""
        self.store.polled = max(self.now(), self.store.polled + 1)
        self.store.save()
        data = f"poll2:{self.store.session}:{self.store.polled}:{self.port}"
        self.answer = asyncio.get_running_loop().create_future()
        self.datagrams.sendto(signed(self.store.key, data).encode())
        try:
            self.state = await asyncio.wait_for(self.answer, self.poll_seconds)
        except asyncio.TimeoutError:
            self.state = None
        return self.state

    def datagram_received(self, data, addr):
        """Counts where its MAC is that of an answer to the last poll."""
        told, _, its_mac = data.rpartition(b":")
        verb, session, state = (told.decode(errors="replace").split(":") + ["", ""])[:3]
        right = mac(self.store.key, f"{verb}:{session}:{state}:{self.store.polled}").encode()
        if verb == "polled" and session == self.store.session and \
                hmac.compare_digest(right, its_mac.lower()) and not self.answer.done():
            self.answer.set_result(state)

    def error_received(self, exc):
        """The server's port is closed: no answer."""

    async def follow(self):
        """Polls for ever, and goes over between attached and listening as the answers tell."""
        missed, pushing_since = 0, None
        while True:
            self.changed.clear()
            began = time.monotonic()
            state = await self.poll()
            missed = 0 if state else missed + 1
            pushing_since = (pushing_since or began) if state == "pushing" else None
            late = pushing_since and began - pushing_since > PUSHING_SECONDS
            try:
                if state == "idle":
                    await self.detach()
                elif missed >= POLLS_MISSED:
                    await self.ping()
                    await self.attach()
                elif state in ("unreachable", "unknown") or \
                        late and (not self.pushed or self.pushed.ended):
                    await self.attach()  # with hello where resume is refused
            except OSError:
                pass  # the next poll leads here again
            except Refused as refused:
                if refused.code not in WORTH_ANOTHER_TRY:
                    raise
            left = began + self.poll_seconds - time.monotonic()
            try:
                await asyncio.wait_for(self.changed.wait(), max(0, left))
            except asyncio.TimeoutError:
                pass

    # -- pushes

    async def accept(self):
        """Accepts all the time; who connects is a stranger until he has proven himself."""
        while True:
            accepted, _ = await asyncio.get_running_loop().sock_accept(self.listener)
            self._start(self._stranger(accepted))

    async def _stranger(self, accepted):
        try:
            connection = await Connection.over(self.store.certificate, sock=accepted)
        except (OSError, WrongCertificate):
            accepted.close()
            return
        try:
            verb, fields = await asyncio.wait_for(connection.read(), STRANGER_SECONDS)
        except (EOFError, asyncio.LimitOverrunError, UnicodeDecodeError, OSError,
                asyncio.TimeoutError):
            verb, fields = "", []
        if verb != "push" or fields[0] != self.store.session:
            connection.abort()
            return
        self.pushed = connection
        connection.write("proof", mac(self.store.key, f"proof:{fields[0]}:{fields[1].lower()}"))
        await connection.run(self.receive)
        self.changed.set()

    # -- the whole

    def _start(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.warn(repr(task.exception()))

    async def listen(self, port=0):
        """Begins to accept, at the address that polls leave from."""
        here = self.datagrams.get_extra_info("sockname")[0]
        self.listener = socket.create_server(
            (here, port), family=socket.AF_INET6 if ":" in here else socket.AF_INET)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        return self._start(self.accept())

    async def open(self):
        """The socket of the polls."""
        self.datagrams, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, remote_addr=self.server.polls)

    async def start(self):
        """A client in short: attached at first, then as the answers to its polls tell."""
        await self.connect()
        await self.open()
        await self.listen()
        await self.attach()
        for key in list(self.store.outbox):
            self._start(self.post(key))
        self._start(self.follow())

    async def close(self):
        """Ends as a process does: what is not in the file is gone."""
        for connection in (self.own, self.pushed):
            if connection:
                connection.abort()
        while self.tasks:  # wait_for() can swallow that it is cancelled
            for task in self.tasks:
                task.cancel()
            await asyncio.wait(list(self.tasks), timeout=0.1)
        for opened in (self.listener, self.datagrams, self.store):
            if opened:
                opened.close()
