"""What the dialogue tests are made of: the real programs on free ports, a private MariaDB, and a
client of version 1 written with plain sockets and none of the project's code.

Nothing here sleeps in order to wait: a process is ready when it says so (NOTIFY_SOCKET), a log line
or a message has come when its reader has taken it in. Every wait has an end, PATIENCE seconds away.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import collections
import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

BUILDDIR = os.environ.get("MULTICHAT_BUILDDIR", os.getcwd())
PATIENCE = 30.0
ETX = b"\x03"

# For a daemon whose memory is watched: AddressSanitizer keeps nothing that was freed.
FRUGAL = {"ASAN_OPTIONS": ":".join(filter(None, [
    os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=0", "thread_local_quarantine_size_kb=0"]))}

SANITIZER = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:")


def program(name):
    """The path of one of the programs just built."""
    for folder in ("", "src/daemon", "src/ctl", "src/client", "bench"):
        path = os.path.join(BUILDDIR, folder, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    raise FileNotFoundError("%s has not been built below %s" % (name, BUILDDIR))


def built_with(symbol):
    with open(os.path.join(BUILDDIR, "config.h"), encoding="utf-8") as config:
        return re.search(r"^#define %s 1$" % symbol, config.read(), re.MULTILINE) is not None


def engines():
    """The engines the programs were built for, the one without a server first."""
    return [engine for engine, symbol in (("sqlite", "HAVE_SQLITE"), ("mariadb", "HAVE_MYSQL"))
            if built_with(symbol)]


SYSTEMD = built_with("HAVE_SYSTEMD")  # if not, programs tell of nothing but in their log


def wait_until(condition, what, changed=None, patience=PATIENCE):
    """Waits until condition() is true, looked at whenever `changed` (a Condition, held by nobody)
    is notified, or else every few milliseconds. Returns what the condition returned."""
    end = time.monotonic() + patience
    changed = changed or threading.Condition()
    with changed:
        while True:
            result = condition()
            if result:
                return result
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("not in %g s: %s" % (patience, what))
            changed.wait(min(left, 0.02))


class Process:
    """A program that tells through NOTIFY_SOCKET when it is ready; its standard error is kept.

    Descriptors it gives to the store of its service manager are in `stored`, (name, descriptors)
    each. They are closed when it has ended, unless the test has taken them out."""

    def __init__(self, argv, directory, environment=None, pass_fds=()):
        self.argv = argv
        self.changed = threading.Condition()
        self.log = []
        self.notices = []
        self.stored = []
        self.directory = tempfile.mkdtemp(prefix="n", dir=directory)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(self.directory, "notify")
        self.notify.bind(path)
        env = dict(os.environ, NOTIFY_SOCKET=path, **(environment or {}))
        self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, env=env,
                                      pass_fds=pass_fds)
        self.pid = self.child.pid
        self.readers = [threading.Thread(target=self._read_log, daemon=True),
                        threading.Thread(target=self._read_notices, daemon=True)]
        for reader in self.readers:
            reader.start()

    def _read_log(self):
        for line in self.child.stdout:
            with self.changed:
                self.log.append(line.decode("utf-8", "replace").rstrip("\n"))
                self.changed.notify_all()

    def _read_notices(self):
        while True:
            datagram, descriptors, _, _ = socket.recv_fds(self.notify, 65536, 16)
            if datagram == b"END-OF-TEST":
                return
            lines = datagram.decode("utf-8", "replace").splitlines()
            with self.changed:
                self.notices.extend(lines)
                if descriptors:
                    self.stored.append((lines[-1], descriptors))
                self.changed.notify_all()

    def text(self):
        with self.changed:
            return "\n".join(self.log)

    def wait_ready(self, count=1):
        def ready():
            if self.child.poll() is not None:
                raise AssertionError("%s ended with %s before it was ready:\n%s" % (
                    self.argv[0], self.child.returncode, "\n".join(self.log)))
            if not SYSTEMD:
                return sum(line.endswith(" is ready") for line in self.log) >= count
            return self.notices.count("READY=1") >= count
        wait_until(ready, "READY=1 of " + self.argv[0], self.changed)

    def wait_log(self, pattern, start=0):
        """The first line since line number `start` in which `pattern` is found."""
        return wait_until(
            lambda: next((line for line in self.log[start:] if re.search(pattern, line)), None),
            "log line %r; the log is:\n%s" % (pattern, self.text()), self.changed)

    def wait_notice(self, pattern, start=0):
        return wait_until(
            lambda: next((n for n in self.notices[start:] if re.search(pattern, n)), None),
            "notice %r among %r" % (pattern, self.notices), self.changed)

    def end(self, signo, patience=PATIENCE, keep_stored=False):
        """Sends the signal, waits for the end, returns the exit status as Popen has it."""
        if self.child.poll() is None:
            self.child.send_signal(signo)
        try:
            status = self.child.wait(patience)
        except subprocess.TimeoutExpired:
            self.child.send_signal(signal.SIGABRT)
            self.child.wait(PATIENCE)
            self._collect()
            raise AssertionError("%s did not end:\n%s" % (self.argv[0], self.text())) from None
        self._collect()
        if not keep_stored:
            self.close_stored()
        return status

    def _collect(self):
        self.readers[0].join(PATIENCE)
        if self.readers[1].is_alive():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"END-OF-TEST", os.path.join(self.directory, "notify"))
            self.readers[1].join(PATIENCE)
        self.notify.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def take_stored(self):
        """What is in the store; the test's to close."""
        with self.changed:
            stored, self.stored = self.stored, []
        return stored

    def close_stored(self):
        for _, descriptors in self.take_stored():
            for descriptor in descriptors:
                os.close(descriptor)

    def resident(self):
        """Resident memory in bytes."""
        with open("/proc/%d/statm" % self.pid, encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class NoServer(Exception):
    """No MariaDB server is installed."""


class MariaDB:
    """A private server in a folder of its own (tests/lib/mariadb), reached through its socket."""

    HELPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mariadb")

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="mcdb", dir="/tmp")
        self.socket = os.path.join(self.directory, "socket")
        self.databases = 0
        self._helper("init")
        self.start()

    def _helper(self, verb):
        status = subprocess.run(["sh", self.HELPER, verb, self.directory],
                                stdout=subprocess.DEVNULL, check=False).returncode
        if status == 77:
            raise NoServer
        assert status == 0, "mariadb %s: %d" % (verb, status)

    def start(self):
        self._helper("start")

    def kill(self):
        self._helper("kill")

    def query(self, sql):
        result = subprocess.run(
            ["mariadb", "--no-defaults", "--socket=" + self.socket, "--user=root", "--batch",
             "--skip-column-names", "--execute=" + sql],
            check=True, stdout=subprocess.PIPE, encoding="utf-8")
        return result.stdout

    def new_storage(self):
        """Makes an empty database; returns the settings by which a daemon finds it."""
        self.databases += 1
        name = "multichat%d" % self.databases
        self.query("CREATE DATABASE %s CHARACTER SET utf8mb4; "
                   "CREATE USER %s@localhost IDENTIFIED BY 'pw-%s'; "
                   "GRANT ALL ON %s.* TO %s@localhost" % ((name,) * 5))
        # A file of its own, so that no credential of this machine is taken.
        password_file = os.path.join(self.directory, name + ".password")
        with open(password_file, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("pw-%s\n" % name)
        return {"storage.driver": "mysql", "storage.mysql.socket": self.socket,
                "storage.mysql.database": name, "storage.mysql.user": name,
                "storage.mysql.password_file": password_file}

    def close(self):
        self._helper("stop")
        shutil.rmtree(self.directory, ignore_errors=True)


class Settings(dict):
    """Configuration keys with dots, as libconfig wants them in groups."""

    def tree(self):
        root = {}
        for key, value in self.items():
            group = root
            *path, last = key.split(".")
            for name in path:
                group = group.setdefault(name, {})
            group[last] = value
        return root

    @classmethod
    def _value(cls, value):
        if isinstance(value, dict):
            return "{ " + " ".join("%s = %s;" % (k, cls._value(v)) for k, v in value.items()) + " }"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (list, tuple)):
            return "[ " + ", ".join(cls._value(v) for v in value) + " ]"
        if isinstance(value, str):
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return str(value)

    def text(self):
        return "".join("%s = %s;\n" % (k, self._value(v)) for k, v in self.tree().items())


class Daemon:
    """multichatd in a folder of its own. Passwords are cheap to hash, and nothing is too much in a
    minute, unless the settings say otherwise."""

    DEFAULTS = {"log.level": "debug", "password.memory": 8, "password.operations": 1,
                "rates.handshakes": 0, "rates.signons": 0, "rates.failures": 0,
                "rates.sends_address": 0, "rates.sends": 0, "rates.dials": 0,
                "rates.changes": 0, "rates.requests": 0}

    def __init__(self, storage=None, environment=None, host=None, address="127.0.0.1", **settings):
        """With `host` (netns.Host) it runs there, on that address of it."""
        self.environment = environment
        self.host, self.address = host, address
        self.directory = tempfile.mkdtemp(prefix="mcd", dir="/tmp")
        self.config = os.path.join(self.directory, "multichatd.conf")
        self.ready_file = os.path.join(self.directory, "ready")
        self.settings = Settings(self.DEFAULTS)
        self.settings["listen.polls"] = "%s:0" % address
        self.settings["listen.control"] = os.path.join(self.directory, "control")
        self.settings["listen.ready_file"] = self.ready_file
        self.settings["tls.folder"] = self.directory
        self.settings["session.secret_file"] = os.path.join(self.directory, "server-secret")
        self.settings.update(storage or {
            "storage.driver": "sqlite",
            "storage.sqlite.path": os.path.join(self.directory, "multichat.db")})
        self.settings.update({k.replace("__", "."): v for k, v in settings.items()})
        self.polls = self.writes = None
        with host or contextlib.nullcontext():
            self.reserved = self._reserve(address)
        self.settings["listen.writes"] = "%s:%d" % self.reserved.getsockname()
        self.process = None
        self.past_log = ""

    @staticmethod
    def _reserve(address):
        """A port for writes that nobody else is given while the daemon is away: neither another
        test nor a client that connects again and again, who in the end would reach himself."""
        reserved = socket.socket()
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((address, 0))
        return reserved

    def write_config(self, **settings):
        self.settings.update({k.replace("__", "."): v for k, v in settings.items()})
        with open(self.config, "w", encoding="utf-8") as config:
            config.write(self.settings.text())

    @staticmethod
    def _address(text):
        host, port = text.rsplit(":", 1)
        return host.strip("[]"), int(port)

    def start(self):
        """Starts it and waits until it is ready; after the first time, on the same ports."""
        self.write_config()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.ready_file)
        argv = [program("multichatd"), "--config", self.config]
        self.process = Process(self.host.argv(*argv) if self.host else argv, self.directory,
                               self.environment)
        self.process.wait_ready()
        with open(self.ready_file, encoding="utf-8") as ready:
            bound = dict(line.rstrip("\n").split(" ", 1) for line in ready)
        self.polls, self.writes = self._address(bound["polls"]), self._address(bound["writes"])
        self.settings["listen.polls"] = bound["polls"]
        return self

    def stop(self):
        """An orderly end: exit status 0 and nothing for a sanitizer to say."""
        if self.process is None:
            return
        process, self.process = self.process, None
        status = process.end(signal.SIGTERM)
        self.past_log += process.text()
        assert status == 0, "multichatd ended with %d:\n%s" % (status, self.tail(process))
        assert not SANITIZER.search(process.text()), process.text()

    @staticmethod
    def tail(process, lines=60):
        return "\n".join(process.log[-lines:])

    def kill(self):
        process, self.process = self.process, None
        assert process.end(signal.SIGKILL) == -signal.SIGKILL
        self.past_log += process.text()
        assert not SANITIZER.search(process.text()), process.text()

    def reload(self):
        self.process.child.send_signal(signal.SIGHUP)

    def close(self):
        try:
            self.stop()
        finally:
            self.reserved.close()
            shutil.rmtree(self.directory, ignore_errors=True)

    # -- administration

    def ctl(self, *arguments, text="", check=True):
        result = subprocess.run(
            [program("multichatctl"), "--config", self.config, *arguments], input=text,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", timeout=PATIENCE * 4)
        if check:
            assert result.returncode == 0, "multichatctl %s: %d\n%s%s" % (
                " ".join(arguments), result.returncode, result.stdout, result.stderr)
        return result

    def request(self, request):
        """One request over the control socket, as a program of somebody else's makes it."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(self.settings["listen.control"])
            connection.sendall(json.dumps(request).encode("utf-8") + b"\n")
            with connection.makefile(encoding="utf-8") as stream:
                return json.loads(stream.readline())

    def control(self, requests):
        """Many requests over one control connection, for which a program each would be slow."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE * 4)
            connection.connect(self.settings["listen.control"])
            with connection.makefile("rw", encoding="utf-8") as stream:
                for request in requests:
                    stream.write(json.dumps(request) + "\n")
                    stream.flush()
                    answer = json.loads(stream.readline())
                    assert answer["ok"], (request, answer)

    def add_users(self, *users):
        """Each a userid, whose password is "pw-" and the userid, or (userid, password[, name])."""
        lines = []
        for user in users:
            fields = (user, "pw-" + user) if isinstance(user, str) else user
            lines.append(":".join(fields) + "\n")
        self.ctl("user", "add", "--batch", "-", text="".join(lines))

    def add_room(self, room, *members):
        self.ctl("room", "add", room)
        for member in members:
            self.ctl("room", "join", room, member)

    def status(self):
        return json.loads(self.ctl("--json", "status").stdout)

    def figure(self, name):
        """The one number called `name` wherever it stands in the status."""
        def find(tree):
            if isinstance(tree, dict):
                for key, value in tree.items():
                    if key.replace("_", "-") == name and isinstance(value, (int, bool)):
                        return value
                    found = find(value)
                    if found is not None:
                        return found
            return None
        status = self.status()
        found = find(status)
        assert found is not None, "no %s in %r" % (name, status)
        return found

    def wait_figure(self, name, condition):
        wait_until(lambda: condition(self.figure(name)), "%s as expected" % name)


Message = collections.namedtuple("Message", "time name userid text raw")


def swap_port(port):
    return struct.unpack("<H", struct.pack(">H", port))[0]


def parse_push(raw):
    """newmsg:<timestamp>:<name>:<userid>:<text>, the last to the end."""
    verb, time_s, name, userid, text = raw.decode("utf-8").split(":", 4)
    assert verb == "newmsg", raw
    assert re.fullmatch("[0-9]+", time_s), raw
    return Message(int(time_s), name, userid, text, raw)


# What a receiver does with a push connection.
def take(client, connection):
    """As the original client does: reads to end of stream, then closes."""
    raw = b""
    with connection:
        while chunk := connection.recv(65536):
            raw += chunk
    client.took(raw)


def reset(client, connection):
    """Closes at once with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    client.disturbed()


def read_and_reset(client, connection):
    """Reads all of it and resets the connection instead of closing it in order."""
    while connection.recv(65536):
        pass
    reset(client, connection)


def hold(client, connection):
    """Never reads and never closes."""
    client.held.append(connection)
    client.disturbed()


class V1Client:
    """A client that knows version 1 and nothing else."""

    def __init__(self, daemon, userid, password=None, order="host", host="127.0.0.1"):
        self.polls, self.writes = daemon.polls, daemon.writes
        self.userid = userid
        self.password = "pw-" + userid if password is None else password
        self.order = order
        self.host = host
        self.behave = take
        self.held = []
        self.changed = threading.Condition()
        self.received = []
        self.disturbances = 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((host, 0))
        self.listener, self.reserved = self._listen()
        self.port = self.listener.getsockname()[1]
        self.closing, self._wake = socket.socketpair()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _listen(self):
        """A listening socket whose number with its bytes swapped is nobody else's."""
        while True:
            listener = socket.create_server((self.host, 0), backlog=128)
            swapped = swap_port(listener.getsockname()[1])
            reserved = socket.socket()
            try:
                if swapped >= 1024:
                    reserved.bind((self.host, swapped))
                return listener, reserved
            except OSError:
                reserved.close()
                listener.close()

    def _serve(self):
        while True:
            ready, _, _ = select.select([self.listener, self.closing], [], [])
            if self.closing in ready:
                return
            connection, _ = self.listener.accept()
            with contextlib.suppress(ConnectionResetError):
                self.behave(self, connection)

    def took(self, raw):
        with self.changed:
            self.received.append(parse_push(raw))
            self.changed.notify_all()

    def disturbed(self):
        with self.changed:
            self.disturbances += 1
            self.changed.notify_all()

    def poll(self, ending=b""):
        port = self.port if self.order == "host" else swap_port(self.port)
        self.send_datagram("poll:%s:%s:%d" % (self.userid, self.password, port), ending)

    def send_datagram(self, text, ending=b""):
        data = text if isinstance(text, bytes) else text.encode("utf-8")
        self.udp.sendto(data + ending, self.polls)

    def frame(self, to, text):
        return ("wrmsg:%s:%s:%s:%s" % (self.userid, self.password, to, text)).encode("utf-8")

    def connect(self):
        connection = socket.create_connection(self.writes, timeout=PATIENCE,
                                              source_address=(self.host, 0))
        connection.settimeout(PATIENCE)
        return connection

    def write(self, to, text):
        """Sends one frame and returns its answer without the ETX."""
        return self.exchange(self.frame(to, text) + ETX)[0]

    def write_and_close(self, to, text):
        """As the original client does: no ETX, and no answer read."""
        with self.connect() as connection:
            connection.sendall(self.frame(to, text))

    def exchange(self, data, answers=1, finish=False):
        """Sends bytes and reads so many answers, without their ETX; fewer at end of stream."""
        with self.connect() as connection:
            connection.sendall(data)
            if finish:
                connection.shutdown(socket.SHUT_WR)
            return read_answers(connection, answers)

    def wait(self, count=1, patience=PATIENCE):
        """Polls like a client, though faster, until `count` messages have come in all; returns
        them."""
        end = time.monotonic() + patience
        with self.changed:
            while len(self.received) < count:
                assert time.monotonic() < end, "%s got %d of %d messages: %r" % (
                    self.userid, len(self.received), count, self.texts()[-5:])
                self.poll()
                self.changed.wait(0.2)
            return list(self.received)

    def wait_disturbance(self, count=1):
        end = time.monotonic() + PATIENCE
        with self.changed:
            while self.disturbances < count:
                assert time.monotonic() < end, "no push came to %s" % self.userid
                self.poll()
                self.changed.wait(0.2)

    def texts(self):
        return [message.text for message in self.received]

    def close(self):
        self._wake.close()
        self.thread.join(PATIENCE)
        for end in (self.closing, self.listener, self.reserved, self.udp, *self.held):
            end.close()


def read_answers(connection, count):
    answers, data = [], b""
    while len(answers) < count:
        try:
            chunk = connection.recv(65536)
        except ConnectionResetError:
            break
        if not chunk:
            break
        data += chunk
        while ETX in data:
            answer, data = data.split(ETX, 1)
            answers.append(answer.decode("utf-8"))
    assert data == b"", "half an answer: %r" % data
    return answers


def error_code(answer):
    """The code of err:<code>:<reason>; the reason must be there."""
    verb, code, reason = answer.split(":", 2)
    assert verb == "err" and reason, answer
    return code


class Client:
    """The multichat program as one user, with files of its own and without a terminal."""

    def __init__(self, daemon, userid, password=None, host=None, listen=None, server=None):
        """With `host` (netns.Host) it runs there; `listen` and `server` are addresses."""
        self.daemon = daemon
        self.userid = userid
        self.host = host
        self.server = server or daemon.writes[0]
        self.listen = listen or self.server
        self.directory = tempfile.mkdtemp(prefix="mcc", dir="/tmp")
        self.secret = os.path.join(self.directory, "secret")
        with open(self.secret, "w", encoding="utf-8") as secret:
            secret.write(("pw-" + userid if password is None else password) + "\n")
        os.chmod(self.secret, 0o600)
        self.running = []

    def _command(self, *arguments):
        (_, polls), (_, writes) = self.daemon.polls, self.daemon.writes
        options = ["--user", self.userid, "--password-file", self.secret, "--server", self.server,
                   "--poll-port", str(polls), "--write-port", str(writes),
                   "--listen", self.listen]
        return [program("multichat"), *options, *arguments]

    def _argv(self, *arguments):
        argv = self._command(*arguments)
        return self.host.argv(*argv) if self.host else argv

    def _environment(self):
        return dict(os.environ, HOME=self.directory, LC_ALL="C.UTF-8",
                    XDG_CONFIG_HOME=os.path.join(self.directory, "config"),
                    XDG_DATA_HOME=os.path.join(self.directory, "data"),
                    XDG_STATE_HOME=os.path.join(self.directory, "state"))

    def begin(self, *arguments):
        """Starts it; standard input and output are pipes of bytes."""
        return self._begin(self._argv(*arguments))

    def begin_script(self, script):
        """Starts a script of sh, whose arguments "$@" are the program and who its user is."""
        argv = ["sh", "-c", script, "script", *self._command()]
        return self._begin(self.host.argv(*argv) if self.host else argv)

    def _begin(self, argv):
        child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, env=self._environment())
        self.running.append(child)
        return child

    def run(self, *arguments, text=""):
        """Runs it to its end: exit status, standard output, standard error."""
        child = self.begin(*arguments)
        out, err = child.communicate(text.encode("utf-8"), timeout=PATIENCE * 2)
        assert not SANITIZER.search(err.decode("utf-8", "replace")), err.decode()
        return child.returncode, out.decode("utf-8"), err.decode("utf-8")

    def receive(self, count):
        """`multichat recv`: so many messages as dictionaries."""
        status, out, err = self.run("recv", "--count", str(count), "--timeout",
                                    str(int(PATIENCE)), "--json")
        assert status == 0, err
        return [json.loads(line) for line in out.splitlines()]

    def close(self):
        for child in self.running:
            if child.poll() is None:
                child.kill()
            child.wait(PATIENCE)
            for pipe in (child.stdin, child.stdout, child.stderr):
                pipe.close()
        shutil.rmtree(self.directory, ignore_errors=True)
