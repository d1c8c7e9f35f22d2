"""Makes the picture of the README: the real multichat, talking with a real multichatd, at a terminal
of which each cell is drawn as SVG.

    make picture            in the build folder: writes doc/screen.svg

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import sys
import tempfile
from xml.sax.saxutils import escape

DOC = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(os.path.dirname(DOC), "tests")
sys.path[:0] = [os.path.join(TESTS, "lib"), os.path.join(TESTS, "client")]

# pylint: disable=wrong-import-position
from harness import Client
from multichat import Daemon, wait_until
from picture import pyte
from test_daemon import Address

COLUMNS, ROWS = 100, 30
CELL_WIDTH, CELL_HEIGHT, MARGIN, FONT_SIZE = 9, 19, 12, 15
BACKGROUND, FOREGROUND, FAINT = "#1b1e24", "#d8dbe0", "#80868f"
FONTS = "'DejaVu Sans Mono','Liberation Mono','Noto Sans Mono CJK KR',Menlo,Consolas,monospace"

# pyte knows no faint letters. Nothing here is in italics, so that stands for them.
pyte.graphics.TEXT[2] = "+italics"


# -- the scene


class Scene:
    """Some people and their server."""

    def __init__(self, folder):
        self.folder = folder
        self.daemon = Daemon()
        self.daemon.start()
        self.clients = {}
        self.address = Address(self.daemon)

    def add(self, userid, name):
        self.daemon.add_users((userid, "pw-" + userid, name))
        folder = os.path.join(self.folder, userid)
        os.mkdir(folder)
        self.clients[userid] = Client(folder, userid)
        self.clients[userid].set_password("pw-" + userid)

    def does(self, userid, *arguments):
        result = self.clients[userid].run(self.address, *arguments)
        assert result.returncode == 0, result.stderr

    def says(self, userid, text, room="#lobby"):
        self.does(userid, "send", "--room", room, text)

    def close(self):
        for client in self.clients.values():
            client.close()
        self.daemon.close()


def play(scene):
    """Returns the terminal of alice."""
    for userid, name in (("alice", "Alice"), ("bob", "Bob"), ("hana", "한나"), ("joon", "준호"),
                         ("mallory", "Mallory")):
        scene.add(userid, name)
    for userid in ("hana", "alice", "bob", "joon", "mallory"):
        scene.does(userid, "join", "#lobby")
    scene.does("bob", "join", "#backup")
    scene.does("alice", "join", "#backup")
    alice = scene.clients["alice"].fullscreen(scene.address, columns=COLUMNS, rows=ROWS)
    hana = scene.clients["hana"].fullscreen(scene.address)

    def types(terminal, line, shown):
        terminal.type(line + "\r")
        terminal.wait_for(shown)

    types(hana, "/join #lobby", "you are in #lobby")
    types(hana, "/topic Everything and nothing · 무엇이든", "^ #lobby  Everything")
    types(alice, "/join #lobby", "you are in #lobby")
    scene.says("bob", "Good morning! Does the new server hold?")
    scene.says("hana", "네, 잘 됩니다 👋 어제 것도 다 남아 있네요")
    types(alice, "It does, and it kept last night's messages while my laptop was asleep.", "asleep")
    scene.says("joon", "제 컴퓨터에서도요 👩\u200d🚀 café, naïve, 漢字, 🇰🇷: columns stay in line")
    scene.says("mallory", "\x1b[2J\x1b[31mnothing happens when I send controls\u202e or turn text")
    types(hana, "/whisper alice 점심 같이 먹을래요?", "to alice")
    alice.wait_for("whispers")
    types(alice, "/whisper hana 좋아요! At noon, the usual place?", r"\[to hana\]")
    types(alice, "/win everyone", r"\[1:everyone\]")
    scene.says("joon", "Who takes the minutes today? A long line is wrapped where it stands, below its "
               "own beginning, so that names and times stay easy to find.")
    scene.does("bob", "send", "alice", "did the backup run?")
    scene.says("bob", "I can. alice, the figures of last week?")
    alice.wait_for("Act: .*#lobby")
    types(alice, "/win #lobby", "the figures")
    alice.wait_for(r"\[push\]")
    scene.says("bob", "nightly backup: done, 0 errors", "#backup")
    alice.wait_for("Act: .*#backup")
    alice.type("on their way, Bob")
    wait_until(lambda: alice.lines()[-1].endswith("Bob"), "what was typed", alice.changed)
    return alice


# -- the drawing


def colour(name, fallback):
    if name == "default":
        return fallback
    known = {"red": "#cd3131", "green": "#0dbc79", "brown": "#c5a332", "blue": "#2f7fd6",
             "magenta": "#bc3fbc", "cyan": "#11a8cd", "white": "#e5e5e5", "black": "#000000"}
    return known.get(name, "#" + name)


def style(cell):
    """Colours of letters and ground, and what else is said of the letters."""
    letters, ground = colour(cell.fg, FAINT if cell.italics else FOREGROUND), None
    if cell.reverse:
        letters, ground = BACKGROUND, letters
    more = (' font-weight="bold"' if cell.bold else "") + (
        ' text-decoration="underline"' if cell.underscore else "")
    return letters, ground, more


def runs(model, row):
    """(first column, columns, text, (style, width of a cell)) of cells that look the same; wide ones
    each by itself, for the letters of no font are just twice as wide as those of another."""
    column, found = 0, []
    while column < model.columns:
        cell = model.buffer[row][column]
        width = 2 if column + 1 < model.columns and model.buffer[row][column + 1].data == "" else 1
        look = (style(cell), width)
        if found and width == 1 and found[-1][3] == look:
            first, columns, text, _ = found.pop()
            found.append((first, columns + width, text + cell.data, look))
        else:
            found.append((column, width, cell.data, look))
        column += width
    return found


def draw_row(model, row):
    top = MARGIN + row * CELL_HEIGHT
    for first, columns, text, ((letters, ground, more), wide) in runs(model, row):
        left, width = MARGIN + first * CELL_WIDTH, columns * CELL_WIDTH
        if ground:
            yield '<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>' % (
                left, top, width, CELL_HEIGHT, ground)
        if not text.strip():
            continue
        if wide == 2:
            place = 'x="%d" text-anchor="middle"' % (left + CELL_WIDTH)
        else:
            place = 'x="%d" textLength="%d" lengthAdjust="spacingAndGlyphs"' % (left, width)
        yield '<text %s y="%d" fill="%s"%s>%s</text>' % (
            place, top + FONT_SIZE - 1, letters, more, escape(text))


def draw(picture):
    model = picture.model
    width, height = 2 * MARGIN + COLUMNS * CELL_WIDTH, 2 * MARGIN + ROWS * CELL_HEIGHT
    row, column = picture.cursor()
    yield ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" '
           'font-family="%s" font-size="%d" '
           'shape-rendering="crispEdges" xml:space="preserve">' % (
               width, height, width, height, FONTS, FONT_SIZE))
    yield "<title>multichat at a terminal</title>"
    yield '<rect width="100%%" height="100%%" rx="8" fill="%s"/>' % BACKGROUND
    for number in range(ROWS):
        yield from draw_row(model, number)
    yield '<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>' % (
        MARGIN + column * CELL_WIDTH, MARGIN + row * CELL_HEIGHT, CELL_WIDTH, CELL_HEIGHT,
        FOREGROUND)
    yield "</svg>"


def main(path):
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(folder)
        try:
            alice = play(scene)
            svg = "\n".join(draw(alice.screen)) + "\n"
        finally:
            scene.close()
    with open(path, "w", encoding="utf-8") as file:
        file.write(svg)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(DOC, "screen.svg"))
