"""A program on a pseudo-terminal, and what a person would see there.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading

from multichat import PATIENCE, wait_until

CSI = re.compile(r"\x1b\[([?>]?)([0-9;]*)([A-Za-z@])")


class Screen:
    """As much of a terminal as readline uses. Rows are kept for ever; nothing scrolls away."""

    def __init__(self, columns):
        self.columns = columns
        self.rows = [[]]
        self.row = self.column = 0
        self.rest = ""

    def set_size(self, columns, _rows):
        self.columns = columns

    def feed(self, text):
        text = self.rest + text
        self.rest = ""
        while text:
            if text[0] == "\x1b":
                match = CSI.match(text)
                if match:
                    self._control(match.group(1), match.group(2), match.group(3))
                    text = text[match.end():]
                elif len(text) > 16:
                    raise AssertionError("not known to this screen: %r" % text[:16])
                else:
                    self.rest = text
                    return
            else:
                self._character(text[0])
                text = text[1:]

    def _character(self, c):
        if c == "\r":
            self.column = 0
        elif c == "\n":
            self._down()
        elif c == "\b":
            self.column = max(0, self.column - 1)
        elif c == "\a":
            pass
        else:
            assert c >= " ", "a control character reached the screen: %r" % c
            if self.column == self.columns:
                self.column = 0
                self._down()
            line = self.rows[self.row]
            line.extend(" " * (self.column + 1 - len(line)))
            line[self.column] = c
            self.column += 1

    def _down(self):
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])

    def _control(self, private, arguments, what):
        if private:
            return  # modes such as bracketed paste
        count = int(arguments.split(";")[0] or 0)
        line = self.rows[self.row]
        self.column = min(self.column, self.columns - 1)
        if what == "K" and count == 0:
            del line[self.column:]
        elif what == "J" and count == 0:
            del line[self.column:]
            del self.rows[self.row + 1:]
        elif what == "A":
            self.row = max(0, self.row - max(1, count))
        elif what == "B":
            self.row = min(len(self.rows) - 1, self.row + max(1, count))
        elif what == "C":
            self.column = min(self.columns - 1, self.column + max(1, count))
        elif what == "D":
            self.column = max(0, self.column - max(1, count))
        elif what == "P":
            del line[self.column:self.column + max(1, count)]
        elif what == "@":
            line[self.column:self.column] = [" "] * max(1, count)
        elif what == "G":
            self.column = max(1, count) - 1
        elif what != "m":
            raise AssertionError("not known to this screen: CSI %s%s" % (arguments, what))

    def lines(self):
        text = ["".join(row).rstrip() for row in self.rows]
        while text and not text[-1]:
            text.pop()
        return text


class Terminal:
    """Runs `argv` on a terminal of its own, whose type is `term`."""

    def __init__(self, argv, environment, columns=60, rows=24, screen=None, term="xterm"):
        self.changed = threading.Condition()
        self.screen = screen or Screen(columns)
        self.raw = b""
        self.master, slave = pty.openpty()
        self._set_size(slave, columns, rows)
        self.slave = os.dup(slave)

        def setup():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.child = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=subprocess.PIPE,
                                      env=dict(environment, TERM=term), preexec_fn=setup)
        os.close(slave)
        self.failure = None
        self.reader = threading.Thread(target=self._follow, daemon=True)
        self.reader.start()

    @staticmethod
    def _set_size(terminal, columns, rows):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _follow(self):
        try:
            self._read()
        except AssertionError as problem:
            self.failure = problem

    def _read(self):
        pending = b""
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            if not data:
                return
            pending += data
            # A character that was cut in two waits for its other half.
            end = len(pending)
            for back in range(1, min(4, end) + 1):
                byte = pending[end - back]
                if byte >= 0xc0:
                    need = 2 if byte < 0xe0 else 3 if byte < 0xf0 else 4
                    if need > back:
                        end -= back
                    break
                if byte < 0x80:
                    break
            with self.changed:
                self.raw += pending[:end]
                self.screen.feed(pending[:end].decode("utf-8", "replace"))
                self.changed.notify_all()
            pending = pending[end:]

    def type(self, text):
        data = text.encode()
        while data:
            data = data[os.write(self.master, data):]

    def _look(self):
        if self.failure:
            raise self.failure
        return self.screen.lines()

    def lines(self):
        with self.changed:
            return self.screen.lines()

    def wait_for(self, pattern):
        """Until a line of the screen matches; returns the lines then."""
        return self.wait_lines(
            lambda lines: any(re.search(pattern, line) for line in lines), repr(pattern))

    def wait_lines(self, condition, what):
        try:
            return wait_until(lambda: condition(self._look()) and self.screen.lines(), what,
                              self.changed)
        except TimeoutError as problem:
            raise AssertionError("%s; the screen:\n%s" % (
                problem, "\n".join(self.lines()))) from None

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def resize(self, columns, rows=24):
        with self.changed:
            self.screen.set_size(columns, rows)
            self._set_size(self.slave, columns, rows)

    def end(self):
        """Waits for the end; returns the exit status and what was written to standard error."""
        _, error = self.child.communicate(timeout=PATIENCE)
        os.close(self.slave)
        self.reader.join(PATIENCE)
        os.close(self.master)
        return self.child.returncode, error.decode()

    def close(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.end()
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.end()
