"""A bad way between clients and server: a router that loses, doubles and reorders a share of the
datagrams, and resets connections in the middle of what they carry, in both directions.

Three hosts in namespaces: the server, the router, the clients. For the clients the router is the
server; for the server it is where the clients are: what it connects to there is led on to them.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import contextlib
import random
import selectors
import socket
import struct
import threading

import netns

SERVER, SERVER_SIDE = "10.72.1.1", "10.72.1.254"
CLIENTS, CLIENT_SIDE = "10.72.2.2", "10.72.2.254"
SO_ORIGINAL_DST = 80
CHUNK = 65536


def reset(connection):
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Relay:
    """Two connections joined; each end has its bytes led to the other, until `cut_at` of them."""

    def __init__(self, path, near, far):
        self.path = path
        self.other = {near: far, far: near}
        self.carried, self.cut_at = 0, None
        for end in (near, far):
            end.setblocking(True)
            end.settimeout(5)
        self.threads = [threading.Thread(target=self._lead, args=(end,), daemon=True)
                        for end in (near, far)]
        for thread in self.threads:
            thread.start()

    def _lead(self, end):
        other = self.other[end]
        try:
            while True:
                try:
                    data = end.recv(CHUNK)
                except TimeoutError:
                    continue
                if not data:
                    break
                if self.cut_at is not None and self.carried + len(data) >= self.cut_at:
                    other.sendall(data[:max(0, self.cut_at - self.carried)])
                    self.end()
                    self.path.resets += 1
                    return
                self.carried += len(data)
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            self.end()

    def cut_soon(self, rng):
        """It is reset within the next bytes it carries."""
        self.cut_at = self.carried + rng.randrange(1, 400)

    def alive(self):
        return any(thread.is_alive() for thread in self.threads)

    def end(self):
        for end in self.other:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for end in self.other:
            reset(end)


class FaultyPath:
    """`loss`: the share of datagrams that are lost, and that are doubled, and that are held back until
    after the next one."""

    def __init__(self, seed, loss=0.2):
        self.rng = random.Random(seed)
        self.loss = loss
        self.server, self.router, self.clients = (netns.Host() for _ in range(3))
        _, self.link = netns.cable(self.server, SERVER + "/24", self.router, SERVER_SIDE + "/24")
        netns.cable(self.clients, CLIENTS + "/24", self.router, CLIENT_SIDE + "/24")
        self.lock = threading.Lock()
        self.relays = []
        self.resets = self.lost = self.doubled = self.reordered = self.datagrams = 0
        self.ways = {}   # source of a client's polls: the socket by which they go on
        self.held = None
        self.sockets = []
        self.stopping = False

    def open(self, polls, writes):
        """Begins to lead on, to the server's two ports, which are the router's too."""
        self.target = (SERVER, polls)
        with self.router:
            self.polls = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.polls.bind((CLIENT_SIDE, polls))
            self.writes = socket.create_server((CLIENT_SIDE, writes), backlog=256)
            self.pushes = socket.create_server((SERVER_SIDE, 0), backlog=256)
        self.router.run("nft", "-f", "-", text="""
            table ip lead {
                chain in {
                    type nat hook prerouting priority -100;
                    iifname "%s" ip daddr %s tcp dport >= 1024 redirect to :%d
                }
            }""" % (
                    self.link, SERVER_SIDE, self.pushes.getsockname()[1]))
        self.sockets = [self.polls, self.writes, self.pushes]
        self.threads = [
            threading.Thread(target=work, args=arguments, daemon=True) for work, *arguments in (
                (self._datagrams,), (self._accept, self.writes, lambda _: (SERVER, writes)),
                (self._accept, self.pushes, self._client_of))]
        for thread in self.threads:
            thread.start()

    # -- datagrams

    def _datagrams(self):
        selector = selectors.DefaultSelector()
        selector.register(self.polls, selectors.EVENT_READ, None)
        while not self.stopping:
            for key, _ in selector.select(0.1):
                data, source = key.fileobj.recvfrom(CHUNK)
                if key.fileobj is self.polls:
                    way = self.ways.get(source) or self._way(source, selector)
                    self._mangle(way, data, self.target)
                else:
                    self._mangle(self.polls, data, key.data)

    def _way(self, source, selector):
        with self.router:
            way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            way.bind((SERVER_SIDE, 0))
        self.ways[source] = way
        self.sockets.append(way)
        selector.register(way, selectors.EVENT_READ, source)
        return way

    def _mangle(self, way, data, target):
        self.datagrams += 1
        held, self.held = self.held, None
        chance = self.rng.random()
        if chance < self.loss:
            self.lost += 1
        elif chance < 2 * self.loss:
            self.doubled += 1
            self._send(way, data, target)
            self._send(way, data, target)
        elif chance < 3 * self.loss:
            self.reordered += 1
            self.held = (way, data, target)
        else:
            self._send(way, data, target)
        if held:
            self._send(*held)

    @staticmethod
    def _send(way, data, target):
        with contextlib.suppress(OSError):
            way.sendto(data, target)

    # -- connections

    @staticmethod
    def _client_of(connection):
        """Whom the server meant to connect to."""
        raw = connection.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
        return CLIENTS, struct.unpack("!H", raw[2:4])[0]

    def _accept(self, listener, target_of):
        while not self.stopping:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                with self.router:
                    far = socket.create_connection(target_of(near), timeout=5)
            except OSError:
                reset(near)
                continue
            with self.lock:
                self.relays = [relay for relay in self.relays if relay.alive()]
                self.relays.append(Relay(self, near, far))

    def cut(self, share):
        """That share of the open connections is reset within their next bytes."""
        with self.lock:
            for relay in self.relays:
                if relay.alive() and self.rng.random() < share:
                    relay.cut_soon(self.rng)

    def calm(self):
        """No more faults from now on."""
        self.loss = 0
        with self.lock:
            for relay in self.relays:
                relay.cut_at = None

    def close(self):
        self.stopping = True
        for listener in self.sockets[1:3]:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
        with self.lock:
            for relay in self.relays:
                relay.end()
        for thread in getattr(self, "threads", []):
            thread.join(5)
        for one in self.sockets:
            one.close()
        for host in (self.server, self.router, self.clients):
            host.close()
