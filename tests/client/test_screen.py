"""The full-screen client as a person sees it: the real programs, and models of terminals.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import termios
import unicodedata

import pytest

from harness import Client, client, server
from multichat import PATIENCE, SANITIZER, Daemon, built_with, wait_until
from picture import Picture
from screen import Terminal
from test_daemon import Address

__all__ = ["client", "server"]  # the fixtures

pytestmark = pytest.mark.skipif(not built_with("HAVE_READLINE"), reason="built without readline")
SIZES = [(80, 24), (200, 60)]
PASTE, PASTED = "\x1b[200~", "\x1b[201~"
PAGE_UP, TO_END = "\x1b[5~", "\x1b[1;5F"
COLOUR = rb"\x1b\[[34](\d|8;[0-9;]*)m"


class People:
    """alice, bob and carol, each at a terminal, and the daemon that they talk through."""

    def __init__(self, folder):
        self.folder = folder
        self.terminals = []
        self.clients = {}
        self.daemon = Daemon(presence__poll=1)
        self.daemon.start()
        self.daemon.add_users("alice", ("bob", "pw-bob", "Bob"), ("carol", "pw-carol", "캐롤"))
        self.address = Address(self.daemon)

    def client(self, name):
        if name not in self.clients:
            folder = self.folder / name
            folder.mkdir()
            self.clients[name] = Client(str(folder), name)
            self.clients[name].set_password("pw-" + name)
        return self.clients[name]

    def sit_down(self, name, *typed, columns=80, rows=24):
        """`name` starts multichat; each of `typed` is typed when the one before has shown."""
        terminal = self.client(name).fullscreen(self.address, columns=columns, rows=rows)
        self.terminals.append(terminal)
        terminal.wait_for(r"^ \[\S+\] \[1:everyone\]")
        for line in typed:
            terminal.type(line + "\r")
            if line.startswith("/join"):
                terminal.wait_for("you are in " + line.split()[1].lower())
        return terminal

    def run(self, name, *arguments):
        return self.client(name).run(self.address, *arguments)

    def close(self):
        for made in self.clients.values():
            made.close()
        self.daemon.close()


@pytest.fixture
def people(tmp_path):
    made = People(tmp_path)
    yield made
    made.close()


def leave(terminal):
    terminal.type("/quit\r")
    code, error = terminal.end()
    assert code == 0 and not SANITIZER.search(error), error


def text_of(lines):
    """What stands in the window, without the pane beside it, as one string."""
    return re.sub(r" +", " ", " ".join(line.split("|")[0] for line in lines[1:-2]))


def numbers_in(lines):
    return [int(n) for n in re.findall(r"> line (\d+)", "\n".join(lines))]


def is_run_before(numbers, before):
    """Consecutive, from below `before` at least up to it."""
    return bool(numbers) and numbers[0] < before <= numbers[-1] + 1 and numbers == list(
        range(numbers[0], numbers[-1] + 1))


@pytest.mark.parametrize("columns, rows", SIZES)
def test_a_conversation_in_a_room(people, columns, rows):
    alice = people.sit_down("alice", "/join #lobby", columns=columns, rows=rows)
    carol = people.sit_down("carol", "/join #LOBBY", columns=columns, rows=rows)
    alice.wait_for(r"-- 캐롤 \(carol\) has joined #lobby")
    alice.type("/topic 오늘의 이야기\r")
    carol.wait_for("^ #lobby  오늘의 이야기$")
    carol.type("안녕하세요 👩\u200d🚀 e\u0301\r")
    lines = alice.wait_for(r"^\d\d:\d\d <캐롤> 안녕하세요 👩🚀 é")
    assert len(lines) == rows
    assert re.search(r"\| 2 of 2 here$", lines[1])
    assert [re.search(r"\|(.*)$", line).group(1) for line in lines[2:4]] == ["@alice", " 캐롤"]
    # Told when it is so, and not only when something else happens.
    wait_until(lambda: re.search(r"^ \[alice\] \[2:#lobby\] \[(push|attached)\]",
                                 alice.lines()[-2]), "how she is reached", patience=8)
    # Everything right of wide characters is in its column.
    bars = {alice.screen.cells(row).index("|") for row in range(1, rows - 3)}
    assert len(bars) == 1
    carol.type("/whisper alice psst\r")
    carol.wait_for(r"^\d\d:\d\d \[to alice\] psst")
    alice.wait_for(r"^\d\d:\d\d \[캐롤 whispers\] psst")
    leave(carol)
    leave(alice)


def test_kicked_by_the_administrator(people):
    alice = people.sit_down("alice", "/join #lobby")
    people.daemon.ctl("kick", "alice", "--reason", "점심 시간: back at one")
    lines = alice.wait_for("^-- the server closed the connection: 점심 시간: back at one")
    assert sum("closed the connection" in line for line in lines) == 1
    alice.type("back again\r")
    alice.wait_for("<alice> back again")
    leave(alice)


def test_korean_from_beginning_to_end(people):
    alice = people.sit_down("alice", "/join #수다방")
    bob = people.sit_down("bob", "/join #수다방")
    bob.type("!change 밥\r")
    alice.wait_for(r"-- Bob \(bob\) is now called 밥")
    bob.type("!whisper alice 귓속말\r")
    alice.wait_for(r"\[밥 whispers\] 귓속말")
    bob.type("!member\r")
    bob.wait_for("@alice, 밥 .*2 in all")
    # Looks the same, is written in single letters, and is taken.
    alice.type("/nick %s\r" % unicodedata.normalize("NFD", "밥"))
    alice.wait_for("in use|taken")
    alice.type("한국어로 말해요\r")
    bob.wait_for("<alice> 한국어로 말해요")
    bob.wait_for(r"^ \[밥\] \[2:#수다방\]")


def test_resizing_in_the_middle_of_a_conversation(people):
    alice = people.sit_down("alice", "/join #lobby")
    bob = people.sit_down("bob", "/join #lobby")
    for number, (columns, rows) in enumerate([(200, 60), (40, 10), (30, 5), (80, 24), (61, 13)]):
        alice.type("half a line")
        alice.wait_for("half a line$")
        alice.resize(columns, rows)
        bob.type("after change %d 안녕하세요, and words enough for more than a row\r" % number)
        alice.wait_lines(
            lambda lines, wanted=number: len(lines) == rows and
            "words enough" in text_of(lines).replace("\n", " ") or rows < 10, "the line")
        alice.wait_lines(lambda lines: "half a line" in lines[-1], "what was typed")
        alice.type("\x15")
    alice.resize(80, 24)
    lines = alice.wait_for(r"<Bob> after change 4")
    assert all("after change %d" % i in text_of(lines) for i in range(5))
    alice.resize(1, 1)
    alice.resize(3, 2)
    alice.resize(80, 24)
    alice.wait_for(r"<Bob> after change 4")
    leave(alice)


@pytest.fixture
def memory():
    """A folder that is as fast as memory: each of so many messages is on disk before it is sent."""
    with tempfile.TemporaryDirectory(
            dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        yield folder


def test_ten_thousand_pasted_lines(people, memory):
    people.client("alice").env["XDG_STATE_HOME"] = memory
    alice = people.sit_down("alice", "/join #lobby")
    people.run("bob", "join", "#lobby")
    alice.type(PASTE + "one\ntwo" + PASTED)
    alice.wait_for("paste 2 lines")
    alice.type("n")
    alice.type(PASTE + "".join("line %d\n" % i for i in range(10000)) + PASTED)
    alice.wait_for("paste 10000 lines to #lobby")
    alice.type("y")
    last = -1
    while last < 9999:  # however long it takes, it goes on
        last = numbers_in(alice.wait_lines(
            lambda lines, before=last: numbers_in(lines)[-1:] > [before], "more of them"))[-1]
    lines = alice.wait_lines(lambda lines: "waiting" not in lines[-2], "all is stored")
    assert numbers_in(lines) == list(range(10000 - len(numbers_in(lines)), 10000))
    history = people.run("bob", "history", "#lobby", "--last", "200", "--json").stdout
    assert [re.search(r"line (\d+)", line).group(1) for line in history.splitlines()] == [
        str(n) for n in range(9800, 10000)]
    leave(alice)


# Every control character, and everything that turns text or hides.
HOSTILE = [chr(c) for c in range(1, 0x110000)
           if unicodedata.category(chr(c)) in ("Cc", "Cf") and chr(c) not in "\x03\n\t\u200c\u200d"]


@pytest.mark.parametrize("columns, rows", SIZES)
def test_hostile_characters_are_shown_and_do_nothing(client, server, columns, rows):
    """The model of the terminal objects to any of them that comes through."""
    terminal = client.fullscreen(server, columns=columns, rows=rows)
    terminal.wait_for("everyone")
    server.wait_poll()
    for start in range(0, len(HOSTILE), 12):
        part = HOSTILE[start:start + 12]
        spelling = "".join("^%c" % (ord(c) ^ 0x40) if ord(c) < 0x80 else "\\u{%X}" % ord(c)
                           for c in part)
        server.push("text %d:%s:" % (start, "".join(part)), name="Mallory")
        terminal.wait_lines(
            lambda lines, wanted=spelling: wanted in re.sub(r"\s*\n\s*", "", "\n".join(
                line.split("|")[0].rstrip() for line in lines[1:-2])), "spelt " + spelling)
    server.push("\x1b]0;owned\x07\x1b[2J\x1b[?1049l\x9b2J\u202eevil", name="Mallory")
    terminal.wait_for(r"<Mallory> \^\[\]0;owned\^G\^\[\[2J")
    assert terminal.lines()[0].startswith(" everyone")
    leave(terminal)


def test_the_terminal_is_as_it_was_before(people):
    client = people.client("alice")
    argv = client.argv(people.address)
    script = 'echo before; "$@"; echo "after $?"; read end'
    terminal = Terminal(["sh", "-c", script, "sh"] + argv, client.env, 80, 24, Picture(80, 24),
                        "xterm-256color")
    client.running.append(terminal.child)
    modes = termios.tcgetattr(terminal.slave)
    terminal.wait_for("everyone")
    terminal.type("/join #lobby\r")
    terminal.wait_for("you are in")
    terminal.type("/quit\r")
    lines = terminal.wait_for("^after 0$")
    assert [line for line in lines if line] == ["before", "after 0"]
    assert termios.tcgetattr(terminal.slave) == modes
    terminal.type("\r")
    assert terminal.end()[0] == 0


def test_stopping_and_going_on(people):
    alice = people.sit_down("alice", "/join #lobby")
    alice.type("half")
    alice.wait_for("half$")
    alice.child.send_signal(signal.SIGTSTP)
    _, status = os.waitpid(alice.child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    alice.wait_lines(lambda lines: not any(lines), "the terminal as it was")
    assert alice.echoes()
    people.run("bob", "join", "#lobby")
    people.run("bob", "send", "--room", "#lobby", "meanwhile")
    alice.child.send_signal(signal.SIGCONT)
    alice.wait_for("<Bob> meanwhile")
    alice.wait_lines(lambda lines: lines[-1].endswith("half"), "what was typed")
    assert not alice.echoes()
    alice.type("\x15")
    leave(alice)


def test_older_pages_and_the_unread_line(people):
    people.run("alice", "join", "#lobby")
    people.run("bob", "join", "#lobby")
    bob = people.sit_down("bob", "/join #lobby")
    bob.type(PASTE + "".join("line %d\n" % i for i in range(450)) + PASTED)
    bob.wait_for("paste 450 lines")
    bob.type("y")
    bob.wait_for("line 449")
    bob.wait_lines(lambda lines: "waiting" not in lines[-2], "everything is stored")
    alice = people.sit_down("alice")
    alice.wait_for(r"Act: .*#lobby")
    alice.type("/win #lobby\r")
    alice.wait_for("<Bob> line 449")
    first = 450
    while first > 0:
        # All that is seen follows on what was seen before, without a gap.
        numbers = numbers_in(alice.wait_lines(
            lambda lines, before=first: is_run_before(numbers_in(lines), before), "an older page"))
        first = numbers[0]
        alice.type(PAGE_UP)
    alice.type(TO_END)
    alice.wait_for("line 449")
    alice.type("/win everyone\r")
    alice.wait_for(r"\[1:everyone\]")
    bob.type("unread by alice\r")
    alice.wait_for(r"Act: .*2:#lobby")
    alice.type("\x1ba")
    lines = alice.wait_for("<Bob> unread by alice")
    at = next(i for i, line in enumerate(lines) if "unread by alice" in line)
    assert lines[at - 1].startswith("-- unread ---")
    leave(alice)
    again = people.sit_down("alice", "/join #lobby")
    lines = again.wait_for("<Bob> unread by alice")
    assert not any("-- unread" in line for line in lines)
    leave(again)


def test_what_was_seen_as_it_came_is_read_the_next_time(people):
    people.run("bob", "join", "#lobby")
    leave(people.sit_down("alice", "/join #lobby"))
    alice = people.sit_down("alice", "/join #lobby")
    for text in ("one", "two"):
        people.run("bob", "send", "--room", "#lobby", text)
        alice.wait_for("<Bob> " + text)
    leave(alice)
    again = people.sit_down("alice", "/join #lobby")
    lines = again.wait_for("<Bob> two")
    assert not any("-- unread" in line for line in lines)
    leave(again)


def test_windows_and_keys(people):
    alice = people.sit_down("alice", "/join #one", "/join #two")
    alice.type("\x1b2")
    alice.wait_for(r"\[2:#one\]")
    alice.type("\x0e")  # Ctrl-N
    alice.wait_for(r"\[3:#two\]")
    alice.type("\x10\x10")  # Ctrl-P
    alice.wait_for(r"\[1:everyone\]")
    people.run("bob", "join", "#one")
    people.run("bob", "send", "--room", "#one", "something")
    people.run("bob", "send", "alice", "for you")
    alice.wait_for(r"Act: 2:#one,4:bob")
    alice.type("\x1ba")
    alice.wait_for(r"\[4:bob\]")
    alice.wait_for("<Bob> for you")
    alice.type("\x1ba")
    alice.wait_for(r"\[2:#one\]")
    alice.type("/wi\t")
    alice.wait_lines(lambda lines: lines[-1].endswith("/win"), "the completed command")
    alice.type("\x15hey B\t")
    alice.wait_lines(lambda lines: re.search("hey Bob", lines[-1]), "the completed name")
    alice.type("\x15first line\r")
    alice.wait_for("<alice> first line")
    alice.type("\x12fir")  # Ctrl-R
    alice.wait_lines(lambda lines: lines[-1].endswith("first line"), "what was typed before")
    alice.type("\r")
    alice.wait_lines(lambda lines: text_of(lines).count("<alice> first line") == 2, "it again")
    alice.type("/search something\r")
    alice.type("/clear\r")
    alice.wait_lines(lambda lines: "first line" not in text_of(lines), "an empty window")
    alice.type("/part\r")
    alice.wait_lines(lambda lines: "#one" not in lines[-2].split("Act")[0], "another window")
    leave(alice)


def test_who_is_ignored_is_not_shown(people):
    alice = people.sit_down("alice", "/join #lobby")
    bob = people.sit_down("bob", "/join #lobby")
    alice.type("/ignore bob\r")
    alice.wait_for("ignore")
    bob.type("not for you\r")
    bob.wait_for("<Bob> not for you")
    people.run("carol", "join", "#lobby")
    people.run("carol", "send", "--room", "#lobby", "from carol")
    alice.wait_for("<캐롤> from carol")
    assert not any("not for you" in line for line in alice.lines())


def test_it_rings_for_whispers_and_mentions_alone(people):
    alice = people.sit_down("alice", "/join #lobby")
    bob = people.sit_down("bob", "/join #lobby")
    rung = alice.raw.count(b"\x07")
    bob.type("nothing of note\r")
    alice.wait_for("nothing of note")
    assert alice.raw.count(b"\x07") == rung
    bob.type("what do you think, alice?\r")
    alice.wait_for("what do you think")
    wait_until(lambda: alice.raw.count(b"\x07") == rung + 1, "a bell", alice.changed)
    bob.type("/whisper alice and now\r")
    wait_until(lambda: alice.raw.count(b"\x07") == rung + 2, "a bell", alice.changed)


@pytest.mark.parametrize("line, told", [("/whisper alice psst", "bob #lobby psst"),
                                        ("ask alice", "bob  ask alice")])
def test_a_command_is_run_for_whispers_and_mentions_alone(people, line, told):
    home = people.client("alice").folder
    config, heard = os.path.join(home, "config"), os.path.join(home, "heard")
    with open(config, "w", encoding="utf-8") as file:
        file.write('notify = "echo \\"$MULTICHAT_FROM $MULTICHAT_ROOM $(cat)\\" >> %s";\n' % heard)
    alice = people.client("alice").fullscreen(people.address, "--config", config)
    people.terminals.append(alice)
    alice.wait_for(r"\[1:everyone\]")
    alice.type("/join #lobby\r")
    alice.wait_for("you are in #lobby")
    bob = people.sit_down("bob", "/join #lobby")
    bob.type("nothing of note\r")
    alice.wait_for("nothing of note")
    bob.type(line + "\r")

    def what_was_heard():
        if not os.path.exists(heard):
            return None
        with open(heard, encoding="utf-8") as file:
            return file.read()
    wait_until(what_was_heard, "a notice")
    assert what_was_heard() == told + "\n"
    leave(alice)


def test_without_colours_and_without_a_screen(people):
    client = people.client("alice")
    client.env["NO_COLOR"] = "1"
    alice = people.sit_down("alice", "/join #lobby")
    assert not re.search(COLOUR, alice.raw)
    leave(alice)
    del client.env["NO_COLOR"]
    alice = people.sit_down("alice", "/join #lobby")
    alice.wait_lines(lambda lines: re.search(COLOUR, alice.raw), "colours")
    leave(alice)
    for term, more in (("dumb", []), ("xterm-256color", ["--line"])):
        terminal = Terminal(client.argv(people.address, *more), client.env, term=term)
        client.running.append(terminal.child)
        terminal.wait_for(">")
        assert b"\x1b[?1049h" not in terminal.raw
        terminal.type("/quit\r")
        assert terminal.end()[0] == 0


class Tmux:
    """multichat in a terminal multiplexer of its own, which is a terminal that people have."""

    def __init__(self, client, address, folder):
        self.socket = os.path.join(folder, "tmux")
        self.env = client.env
        self.call("-f", "/dev/null", "new-session", "-d", "-s", "chat", "-x", "80", "-y", "24",
                  *client.argv(address))

    def call(self, *arguments):
        return subprocess.run(["tmux", "-u", "-S", self.socket, *arguments], env=self.env,
                              capture_output=True, timeout=PATIENCE, check=True).stdout.decode()

    def type(self, text):
        self.call("send-keys", "-t", "chat", "-l", text)
        self.call("send-keys", "-t", "chat", "Enter")

    def wait_for(self, pattern):
        def look():
            lines = self.call("capture-pane", "-t", "chat", "-p").split("\n")
            return any(re.search(pattern, line) for line in lines) and lines
        return wait_until(look, pattern)

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True,
                       timeout=PATIENCE, check=False)


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is missing (Debian: tmux)")
def test_inside_tmux(people, tmp_path):
    tmux = Tmux(people.client("alice"), people.address, str(tmp_path))
    try:
        tmux.wait_for("everyone")
        tmux.type("/join #lobby")
        tmux.wait_for("you are in #lobby")
        people.run("carol", "join", "#lobby")
        people.run("carol", "send", "--room", "#lobby", "안녕 👩\u200d🚀 e\u0301 👍🏽 1\ufe0f\u20e3 ❤\ufe0f 🇰🇷 end")
        lines = tmux.wait_for("<캐롤> 안녕 👩🚀 é 👍 1 ❤ KR end")
        tmux.call("resize-window", "-t", "chat", "-x", "200", "-y", "60")
        lines = tmux.wait_for(r"<캐롤> 안녕 .* end {60}.*\|")
        assert len([line for line in lines if line]) == 60 or len(lines) >= 60
    finally:
        tmux.close()
