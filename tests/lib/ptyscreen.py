"""A program on a pseudo-terminal, and what stands on its screen (pyte).

SPDX-License-Identifier: GPL-3.0-or-later
"""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading

import pyte

from multichat import PATIENCE, SANITIZER, wait_until


class PtyScreen:
    """Runs `argv` on a terminal of so many columns and lines. What it wrote is in `raw`."""

    def __init__(self, argv, columns=80, lines=24, term="xterm", environment=None):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.changed = threading.Condition()
        self.raw = b""
        self.master, slave = pty.openpty()
        self.slave = slave  # kept, so that its modes can be looked at when the program has ended
        self._set_size(columns, lines)
        self.modes = termios.tcgetattr(slave)
        self.child = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=dict(os.environ, TERM=term, LC_ALL="C.UTF-8", **(environment or {})))
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _set_size(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _read(self):
        while True:
            select.select([self.master], [], [])
            with self.changed:
                try:
                    data = os.read(self.master, 65536)
                except OSError:  # the last end of the other side has been closed
                    return
                self.raw += data
                self.stream.feed(data)
                self.changed.notify_all()

    def _is_read(self):
        with self.changed:
            return not select.select([self.master], [], [], 0)[0]

    def lines(self):
        """The lines of the screen without the blanks at their ends."""
        with self.changed:
            return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def wait(self, condition, what):
        """Until condition(lines of the screen) holds; what it returned."""
        try:
            return wait_until(lambda: condition([line.rstrip() for line in self.screen.display]),
                              what, self.changed)
        except TimeoutError as error:
            raise TimeoutError("%s; the screen is:\n%s" % (error, self.text())) from None

    def wait_text(self, words):
        return self.wait(lambda lines: words in "\n".join(lines), "%r on the screen" % words)

    def wait_raw(self, data, start=0):
        wait_until(lambda: data in self.raw[start:], "%r is written" % data, self.changed)

    def type(self, keys):
        os.write(self.master, keys if isinstance(keys, bytes) else keys.encode("utf-8"))

    def resize(self, columns, lines):
        """As a terminal does whose window is made larger or smaller."""
        with self.changed:
            self.screen.resize(lines, columns)
            self._set_size(columns, lines)  # the kernel tells the program

    def wait_end(self):
        """The exit status, once it has ended by itself and all it wrote has been read."""
        status = self.child.wait(PATIENCE)
        wait_until(self._is_read, "all that was written is read")
        assert not SANITIZER.search(self.raw.decode("utf-8", "replace")), self.raw
        return status

    def close(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
        self.child.wait(PATIENCE)
        os.close(self.slave)  # the reader meets the end
        self.reader.join(PATIENCE)
        os.close(self.master)
