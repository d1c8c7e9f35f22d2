"""multichat in a home folder of its own, for the dialogues of this folder.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import contextlib
import os
import re
import subprocess
import threading

import pytest

from fakeserver import Error, FakeServer
from multichat import PATIENCE, SANITIZER, program, wait_until
from picture import Picture
from screen import Terminal

MULTICHAT = program("multichat")
PASSWORD = "pass word"


def error(code, reason="because"):
    return Error(code, reason)


class Address:
    """Where a daemon is, as Client wants it."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.host = daemon.polls[0]
        self.poll_port = daemon.polls[1]
        self.write_port = daemon.writes[1]
        self.fingerprint = daemon.status()["tls"]["fingerprint"]


class Client:
    """A home folder, and multichat run in it."""

    def __init__(self, folder, user="alice"):
        self.folder = folder
        self.user = user
        self.password_file = os.path.join(folder, "password")
        self.set_password(PASSWORD)
        self.env = {key: value for key, value in os.environ.items()
                    if not key.startswith(("XDG_", "LC_", "INPUTRC"))}
        self.env.update(HOME=folder, LANG="C.UTF-8", TZ="UTC", INPUTRC="/dev/null",
                        XDG_STATE_HOME=os.path.join(folder, "state"))
        self.running = []
        self.known = []  # servers whose certificate is no news

    def set_password(self, password):
        with open(self.password_file, "w", encoding="utf-8") as file:
            file.write(password + "\nnot this\n")
        os.chmod(self.password_file, 0o600)

    def know(self, server):
        """As if `server` had been seen before."""
        folder = os.path.join(self.folder, ".local", "share", "multichat")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(os.path.join(folder, "known_servers"), "a", encoding="ascii") as file:
            file.write("%s:%d %s\n" % (server.host, server.write_port, server.fingerprint))

    def argv(self, server, *arguments, password=True):
        if getattr(server, "fingerprint", None) and server not in self.known:
            self.know(server)
            self.known.append(server)
        argv = [MULTICHAT, "--user", self.user, "--server", server.host, "--poll-port",
                str(server.poll_port), "--write-port", str(server.write_port)]
        if password:
            argv += ["--password-file", self.password_file]
        return argv + list(arguments)

    def run(self, server, *arguments, text="", **more):
        """Runs to the end; returns the completed process, its output as text."""
        result = subprocess.run(self.argv(server, *arguments, **more), input=text.encode(),
                                capture_output=True, env=self.env, timeout=PATIENCE, check=False)
        result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
        assert not SANITIZER.search(result.stderr), result.stderr
        return result

    def start(self, server, *arguments, **more):
        more = dict(dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE),
                    **more)
        child = subprocess.Popen(self.argv(server, *arguments), env=self.env, **more)
        self.running.append(child)
        return child

    def terminal(self, server, *arguments, columns=60, **more):
        """Line by line, not on the full screen."""
        line = () if "passwd" in arguments else ("--line",)
        terminal = Terminal(self.argv(server, *line, *arguments, **more), self.env, columns)
        self.running.append(terminal.child)
        return terminal

    def fullscreen(self, server, *arguments, columns=80, rows=24, **more):
        terminal = Terminal(self.argv(server, *arguments, **more), self.env, columns, rows,
                            Picture(columns, rows), "xterm-256color")
        self.running.append(terminal.child)
        return terminal

    def kept(self):
        """The entries of the outbox, oldest first: (to, text). One may leave it meanwhile."""
        entries = {}
        for folder, _, names in os.walk(os.path.join(self.folder, "state", "multichat", "outbox")):
            for name in names:
                if name in ("lock", "new"):
                    continue
                with contextlib.suppress(FileNotFoundError), open(
                        os.path.join(folder, name), encoding="utf-8", newline="") as file:
                    entries[name] = tuple(file.read().split("\n", 1))
        return [entries[name] for name in sorted(entries)]

    def close(self):
        for child in self.running:
            if child.poll() is None:
                child.kill()
                child.wait(PATIENCE)


def finish(child, text=None):
    """Waits for a started client; its exit code, output and errors."""
    out, err = child.communicate(text, timeout=PATIENCE)
    err = err.decode() if err is not None else ""
    assert not SANITIZER.search(err), err
    return child.returncode, out.decode() if out is not None else "", err


class Follower:
    """Collects the lines of a stream as they come."""

    def __init__(self, stream):
        self.changed = threading.Condition()
        self.lines = []
        self.thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self.thread.start()

    def _read(self, stream):
        for line in stream:
            with self.changed:
                self.lines.append(line.decode().rstrip("\n"))
                self.changed.notify_all()

    def wait_for(self, pattern):
        return wait_until(lambda: next((x for x in self.lines if re.search(pattern, x)), None),
                          "%r among %r" % (pattern, self.lines), self.changed)


@pytest.fixture
def server():
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def client(tmp_path):
    made = Client(str(tmp_path))
    yield made
    made.close()
