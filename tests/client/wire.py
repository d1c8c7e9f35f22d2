"""A connection as a server of version 2 has it: frames over TCP, plain or TLS in the server's role,
whoever connected. All that is said on it is said by one thread.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import collections
import contextlib
import select
import socket
import ssl
import struct
import threading

from multichat import ETX, PATIENCE

TLS_FIRST_BYTE = 0x16


class Wire(threading.Thread):
    """`take(wire, frame)` is called for each frame, by the wire's thread; what it returns that is
    false ends the connection. `gone(wire)` is called at the end. `context` None: plain; with
    `detect`, TLS if the first byte says so."""

    def __init__(self, connected, context, take, gone=None, detect=False):
        super().__init__(daemon=True)
        self.socket, self.context, self.detect = connected, context, detect
        self.take, self.gone = take, gone
        self.lock = threading.Lock()
        self.out = collections.deque()
        self.closing = self.broken = False
        self.secure = False
        self.here, self.there = socket.socketpair()
        self.start()

    def write(self, *frames):
        """Frames, str or bytes without their ETX."""
        data = b"".join((frame.encode() if isinstance(frame, str) else frame) + ETX
                        for frame in frames)
        self.write_bytes(data)

    def write_bytes(self, data):
        with self.lock:
            self.out.append(data)
        self._wake()

    def close(self):
        """In order, once all is written."""
        self.closing = True
        self._wake()

    def reset(self):
        """Breaks it off."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.broken = True
        self.close()

    def _wake(self):
        with contextlib.suppress(OSError):
            self.there.send(b"x")

    def run(self):
        try:
            self._open()
            self._serve()
        except (OSError, ssl.SSLError, UnicodeDecodeError):
            pass
        finally:
            with contextlib.suppress(OSError):
                self.socket.close()
            self.here.close()
            if self.gone:
                self.gone(self)

    def _open(self):
        self.socket.settimeout(PATIENCE)
        first = self.socket.recv(1, socket.MSG_PEEK) if self.detect else b""
        if self.context and (not self.detect or (first and first[0] == TLS_FIRST_BYTE)):
            self.socket = self.context.wrap_socket(self.socket, server_side=True)
            self.secure = True
        self.socket.setblocking(False)

    def _serve(self):
        data = b""
        while True:
            if self._flush():
                return
            pending = self.secure and self.socket.pending() > 0
            if not pending:
                select.select([self.socket, self.here],
                              [self.socket] if self.out else [], [], PATIENCE)
            with contextlib.suppress(BlockingIOError):
                self.here.recv(4096, socket.MSG_DONTWAIT)
            try:
                more = self.socket.recv(65536)
            except (ssl.SSLWantReadError, BlockingIOError):
                continue
            if not more:
                return
            data += more
            while ETX in data:
                frame, data = data.split(ETX, 1)
                if not self.take(self, frame.decode()):
                    self.closing = True

    def _flush(self):
        """True when all is said and it is to be closed."""
        while self.out and not self.broken:
            with self.lock:
                data = self.out[0]
            try:
                sent = self.socket.send(data)
            except (ssl.SSLWantWriteError, BlockingIOError):
                return False
            with self.lock:
                if sent == len(data):
                    self.out.popleft()
                else:
                    self.out[0] = data[sent:]
        if self.closing and not self.broken:
            with contextlib.suppress(OSError, ssl.SSLError):
                self.socket.unwrap() if self.secure else self.socket.shutdown(socket.SHUT_WR)
        return self.closing
