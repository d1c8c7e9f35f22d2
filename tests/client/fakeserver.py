"""A server of version 1 as far as a client can tell: takes polls and wrmsg, and pushes. Written with
plain sockets; what it answers and when it is there is up to the test.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import socket
import struct
import threading
import time

from multichat import PATIENCE, wait_until

ETX = b"\x03"
ACK = b"ack" + ETX


class FakeServer:
    """`answer` maps the frames in the order of their arrival to bytes, None (close without an
    answer) or the string "hang" (say nothing, keep the connection)."""

    def __init__(self, host="127.0.0.1"):
        self.host = host
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.changed = threading.Condition()
        self.frames = []   # (user, password, to, text), whatever was answered
        self.stored = []   # (to, text), acknowledged
        self.polls = []    # (user, password, port, source address)
        self.answer = lambda frame: ACK
        self.udp = self.tcp = None
        self.threads = []
        self.connections = []
        self.poll_port = self.write_port = 0
        # Keeps the port from being given to somebody else while the server is away.
        self.reserved = self._bind(0)
        self.write_port = self.reserved.getsockname()[1]
        self.start()

    def _bind(self, port):
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((self.host, port))
        return sock

    def start(self):
        """Also again after stop(), on the ports it had."""
        self.udp = socket.socket(self.family, socket.SOCK_DGRAM)
        self.udp.bind((self.host, self.poll_port))
        self.tcp = self._bind(self.write_port)
        self.tcp.listen(64)
        self.poll_port = self.udp.getsockname()[1]
        self.threads = [threading.Thread(target=self._take_polls, args=(self.udp,), daemon=True),
                        threading.Thread(target=self._accept, args=(self.tcp,), daemon=True)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Gone as after kill -9: sockets closed, connections broken."""
        if self.udp is None:
            return
        for sock in [self.tcp] + self.connections:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        wake = socket.socket(self.family, socket.SOCK_DGRAM)
        wake.sendto(b"END", (self.host, self.poll_port))
        wake.close()
        for thread in self.threads:
            thread.join(PATIENCE)
        self.udp.close()
        self.tcp.close()
        for sock in self.connections:
            sock.close()
        self.connections = []
        self.udp = self.tcp = None

    def close(self):
        self.stop()
        self.reserved.close()

    def _take_polls(self, udp):
        while True:
            datagram, source = udp.recvfrom(65536)
            if datagram == b"END":
                return
            verb, user, password, port = datagram.decode().split(":")
            assert verb == "poll"
            with self.changed:
                self.polls.append((user, password, int(port), source[0]))
                self.changed.notify_all()

    def _accept(self, tcp):
        while True:
            try:
                connection, _ = tcp.accept()
            except OSError:
                return
            self.connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, connection):
        data = b""
        try:
            while True:
                while ETX not in data:
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                frame, data = data.split(ETX, 1)
                if not self._take_frame(connection, frame):
                    return
        except OSError:
            pass
        finally:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _take_frame(self, connection, frame):
        verb, user, password, to, text = frame.decode().split(":", 4)
        assert verb == "wrmsg"
        answer = self.answer((user, password, to, text))
        with self.changed:
            self.frames.append((user, password, to, text))
            if answer == ACK:
                self.stored.append((to, text))
            self.changed.notify_all()
        if answer is None:
            return False
        if answer != "hang":
            connection.sendall(answer)
        return True

    def wait_frames(self, count):
        wait_until(lambda: len(self.frames) >= count,
                   "%d frames, got %r" % (count, self.frames), self.changed)

    def wait_stored(self, count):
        wait_until(lambda: len(self.stored) >= count,
                   "%d stored, got %r" % (count, self.stored), self.changed)

    def wait_poll(self, fresh=False):
        """A poll; with `fresh` one that comes after this call."""
        before = len(self.polls) if fresh else 0
        wait_until(lambda: len(self.polls) > before, "a poll", self.changed)
        return self.polls[-1]

    def push(self, text, name="Bob", userid="bob", when=None, source=None):
        """Pushes to where the last poll came from. True if it was acknowledged: closed in order
        after our end of stream; False if it was reset."""
        _, _, port, address = self.wait_poll()
        when = int(time.time()) if when is None else when
        payload = "newmsg:%d:%s:%s:" % (when, name, userid)
        if isinstance(text, str):
            text = text.encode()
        return self.push_bytes(payload.encode() + text, address, port, source)

    @staticmethod
    def push_bytes(payload, address, port, source=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            if source:
                connection.bind((source, 0))
            try:
                connection.connect((address, port))
                connection.sendall(payload)
                connection.shutdown(socket.SHUT_WR)
                return connection.recv(1) == b""
            except (ConnectionResetError, BrokenPipeError, OSError) as error:
                if isinstance(error, socket.timeout):
                    raise
                return False

    def open_push(self):
        """A connection to the client that has said nothing yet."""
        _, _, port, address = self.wait_poll()
        return socket.create_connection((address, port), timeout=PATIENCE)


def reset(connection):
    """Breaks a connection off."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
