"""The screen on models of terminals (pyte): what a person would see, also where the terminal has
its own idea of how wide characters are.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import re
import subprocess
import unicodedata

import pytest
from multichat import BUILDDIR
from picture import Picture, pyte
DRIVER = os.path.join(BUILDDIR, "tests/screen/driver")
NOON = 43200000
MESSAGE = 0
JOINERS = "\u200c\u200d"


class Painted:
    """The driver, and the terminal it paints on."""

    def __init__(self, columns=80, rows=24, term="xterm-256color", **environment):
        self.driver = subprocess.Popen(
            [DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=dict(os.environ, TERM=term, TZ="UTC", **environment))
        self.picture = Picture(columns, rows)
        self.size(rows, columns)
        self.tell("begin")

    def tell(self, command, *fields):
        words = [field.encode().hex() if isinstance(field, str) else
                 field.hex() if isinstance(field, bytes) else str(int(field)) for field in fields]
        self.driver.stdin.write("\t".join([command] + words).encode() + b"\n")

    def size(self, rows, columns):
        self.picture.set_size(columns, rows)
        self.tell("size", rows, columns)

    def say(self, text, name="Alice", time=NOON, window=1, kind=MESSAGE):
        self.tell("line", window, kind, time, name, text)

    def paint(self):
        """Returns the bytes."""
        self.tell("paint")
        self.driver.stdin.flush()
        output = self.driver.stdout.read(int(self.driver.stdout.readline()))
        self.picture.feed(output.decode())
        return output

    def rows(self):
        return self.picture.lines()

    def close(self):
        self.driver.stdin.close()
        self.driver.stdout.close()
        assert self.driver.wait(20) == 0


@pytest.fixture
def painted():
    made = []

    def make(**arguments):
        made.append(Painted(**arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()


def room(screen, members=3):
    screen.tell("window", "#lobby")
    screen.tell("topic", 1, "everything and nothing")
    screen.tell("status", "alice", "push", 2)
    screen.tell("input", "> ", "typed", 5)
    for i in range(members):
        screen.tell("member", 1, "user%d" % i, "User %d" % i, i == 0, True)


@pytest.mark.parametrize("columns, rows", [(80, 24), (200, 60), (60, 12)])
def test_the_picture(painted, columns, rows):
    screen = painted(columns=columns, rows=rows)
    room(screen)
    screen.say("hello there")
    screen.say("안녕하세요", name="한별", time=NOON + 60000)
    screen.paint()
    lines = screen.rows()
    assert lines[0] == " #lobby  everything and nothing"
    pane = lines[1].index("|")
    assert pane > columns / 2 and lines[1][pane:] == "| 3 of 3 here"
    assert [line[pane:] for line in lines[2:5]] == ["|@User 0", "| User 1", "| User 2"]
    assert lines[-4][:pane].rstrip() == "12:00 <Alice> hello there"
    # pyte leaves out the second half of wide characters: seven of them stand before the pane.
    assert re.fullmatch(r"12:01 <한별> 안녕하세요 +\|", lines[-3])
    assert lines[-3].index("|") == pane - 7
    assert lines[-2] == " [alice] [1:#lobby] [push] [2 waiting]"
    assert lines[-1] == "> typed"
    assert screen.picture.cursor() == (rows - 1, 7)


def test_only_what_changes_is_written(painted):
    screen = painted()
    room(screen)
    for i in range(40):
        screen.say("a line of which the screen is full, number %d" % i)
    assert len(screen.paint()) > 1500
    assert screen.paint() == b""
    screen.tell("input", "> ", "typedx", 6)
    assert len(screen.paint()) < 40
    screen.tell("input", "> ", "typedx", 2)
    assert len(screen.paint()) < 12
    # One more line: the others are moved up, and the pane beside them is written anew.
    screen.say("another line")
    assert len(screen.paint()) < 700
    assert screen.rows()[-3].startswith("12:00 <Alice> another line")
    assert screen.rows()[-4].startswith("12:00 <Alice> a line of which the screen is full, number 39")


def test_what_is_changed_piece_by_piece_is_what_is_painted_at_once(painted):
    """Whatever was painted before, the terminal shows what a fresh one would."""
    texts = ["short", "a longer one " * 12, "한국어와 English", "👩\u200d🚀 e\u0301 \x1b[31m", "x\ny\nz"]
    screen = painted(columns=100, rows=20)
    room(screen)
    for i in range(80):
        screen.say(texts[i % len(texts)] + str(i), time=NOON + i * 3600000)
        if i % 7 == 0:
            screen.tell("scroll", -1)
        if i % 11 == 0:
            screen.tell("scroll", 3)
        if i % 13 == 0:
            screen.tell("hint", "a hint")
        if i % 17 == 0:
            screen.tell("hint", "")
            screen.tell("member", 1, "user%d" % i, "한%d" % i, False, i % 2)
        screen.paint()
        before = screen.rows()
        if i % 5 == 0:
            screen.size(20, 100)  # forgets what is there
            screen.paint()
            assert screen.rows() == before


def test_resizing(painted):
    screen = painted(columns=80, rows=24)
    room(screen)
    for i in range(100):
        screen.say("line %d, which is so long that it fills more than one row of eighty" % i)
    screen.paint()
    for rows, columns in [(60, 200), (24, 80), (10, 30), (5, 10), (3, 4), (1, 1), (2, 200), (24, 80)]:
        screen.size(rows, columns)
        screen.paint()
        if rows >= 10:
            text = re.sub(r"\s+", " ", re.sub(r"\|.*", "", "\n".join(screen.rows()[:-2])))
            assert "line 99, which is so long that it fills more than one row" in text.replace("| ", "")
    assert screen.rows()[-1] == "> typed"


def test_hostile_characters(painted):
    """Every C0 and C1 control, everything that turns text or hides, in every place."""
    hostile = [chr(c) for c in list(range(0x20)) + list(range(0x7f, 0xa0))]
    hostile += [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Cf"]
    screen = painted(columns=200, rows=60)
    room(screen)
    screen.tell("topic", 1, "".join(hostile))
    screen.tell("status", "".join(hostile), "".join(hostile), 1)
    screen.tell("input", "".join(hostile), "".join(hostile), 3)
    screen.tell("hint", "".join(hostile))
    screen.tell("member", 1, "evil", "".join(hostile), True, True)
    for c in hostile:
        screen.say("a%sb" % c, name="n%sm" % c)
    screen.say("\x1b]0;title\x07\x9b31m\x1b[2J", name="\x1b[2J")
    seen = ""
    for _ in range(10):
        screen.paint()
        seen += "\n".join(screen.rows())
        screen.tell("scroll", -1)
    assert "<^[[2J> ^[]0;title^G\\u{9B}31m^[[2J" in seen
    for c in hostile:
        spelling = ("^%c" % (ord(c) ^ 0x40) if ord(c) < 0x80 else
                    "" if c in JOINERS else "\\u{%X}" % ord(c))
        assert "<n%sm> a" % spelling in seen
        if c not in "\n\t":
            assert "<n%sm> a%sb" % (spelling, spelling) in seen


def test_bytes_that_are_no_text(painted):
    screen = painted()
    room(screen)
    for i in range(256):
        screen.say(bytes([i]) * 3 + b"end", name=bytes([i, 0xc3]))
        screen.paint()
    assert screen.rows()[-3].startswith("12:00 <\ufffd\ufffd> \ufffd\ufffd\ufffdend")


# Terminals with another idea of a width than ours: the text, and what wcwidth() is told to say.
DISAGREEING = [
    ("emoji narrow", "😀😀", {"😀": 1}),
    ("stars wide", "★☆…", {"★": 2, "☆": 2, "…": 2}),
    ("marks that take room", "x\u0301y\u0301", {"\u0301": 1}),
    ("new emoji narrow", "\U0001fae0\U0001fae1", {"\U0001fae0": 1, "\U0001fae1": 1}),
    ("hearts wide", "❤\ufe0f❤", {"❤": 2}),
]


@pytest.mark.parametrize("text, widths", [case[1:] for case in DISAGREEING],
                         ids=[case[0] for case in DISAGREEING])
def test_a_terminal_with_other_widths_is_not_put_in_disorder(painted, monkeypatch, text, widths):
    """Only the characters themselves may look odd: what stands beside them stays where it is."""
    ours = pyte.screens.wcwidth
    monkeypatch.setattr(pyte.screens, "wcwidth", lambda c: widths.get(c, ours(c)))
    screen = painted(columns=80, rows=24)
    room(screen)
    for i in range(30):
        screen.say("%s end %d" % (text, i), name=text)
        screen.paint()

    def columns_of(row, wanted):
        cells = screen.picture.cells(row)
        return [i for i in range(80) if "".join(cells[i:i + len(wanted)]) == wanted]

    for row in range(2, 20):
        assert len(columns_of(row, "end")) == 1
        assert columns_of(row, "end") == columns_of(21, "end")
        assert columns_of(row, "|") == columns_of(21, "|")
    assert screen.rows()[-1] == "> typed"


def test_colours_and_none(painted):
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        screen = painted(**environment)
        room(screen)
        screen.say("hello")
        output = screen.paint()
        assert bool(re.search(rb"\x1b\[38;5;\d+m", output)) == coloured
    screen = painted(term="vt100")
    room(screen)
    screen.say("hello")
    assert not re.search(rb"\x1b\[[34]\d", screen.paint())
    assert screen.rows()[-3].startswith("12:00 <Alice> hello")


def test_the_terminal_is_given_back(painted):
    screen = painted()
    room(screen)
    output = screen.paint()
    assert output.startswith(b"\x1b[?1049h") and output.endswith(b"\x1b[?25h")
    screen.tell("end")
    output = screen.paint()  # paints nothing any more
    assert b"\x1b[?1049l" in output and b"typed" not in output
