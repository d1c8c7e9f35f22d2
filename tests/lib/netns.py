"""Network namespaces for tests: hosts on one machine, joined by virtual cables and switches.

Everything is made under names of its own and removed again; nothing outside of them is touched.
Sockets are made inside a namespace by the thread that asks (`with host:`), programs are started
there by `host.argv(...)`.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import contextlib
import ctypes
import os
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_count = 0
_lock = threading.Lock()


def _ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)


def unique(letter):
    """A name that no other test, here or in another process, has: at most 15 bytes."""
    global _count
    with _lock:
        _count += 1
        return "mc%s%d-%d" % (letter, os.getpid(), _count)


def available():
    """None if namespaces can be made here, else why not."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = unique("t")
    try:
        _ip("netns", "add", name)
        _ip("netns", "del", name)
    except (OSError, subprocess.CalledProcessError) as error:
        return "network namespaces cannot be made here: %s" % (
            getattr(error, "stderr", None) or error)
    return None


class Host:
    """A namespace with its own loopback, up. As a context manager: sockets made by this thread
    meanwhile are of that host."""

    def __init__(self):
        self.name = unique("h")
        _ip("netns", "add", self.name)
        self.descriptor = os.open("/run/netns/" + self.name, os.O_RDONLY | os.O_CLOEXEC)
        self._before = []
        self.run("ip", "link", "set", "lo", "up")

    def argv(self, *arguments):
        return ["ip", "netns", "exec", self.name, *arguments]

    def run(self, *arguments, text=None):
        subprocess.run(self.argv(*arguments), check=True, stdout=subprocess.DEVNULL, input=text,
                       encoding="utf-8")

    @staticmethod
    def _enter(descriptor):
        if _libc.setns(descriptor, CLONE_NEWNET) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))

    def __enter__(self):
        self._before.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        self._enter(self.descriptor)
        return self

    def __exit__(self, *_):
        before = self._before.pop()
        self._enter(before)
        os.close(before)

    def close(self):
        os.close(self.descriptor)
        _ip("netns", "del", self.name)


def cable(left, left_address, right, right_address):
    """Joins two hosts; addresses with their prefix ("10.0.0.1/24"). Returns the two interfaces."""
    names = unique("a"), unique("b")
    _ip("link", "add", names[0], "netns", left.name, "type", "veth", "peer", "name", names[1],
        "netns", right.name)
    for host, name, address in zip((left, right), names, (left_address, right_address)):
        host.run("ip", "address", "add", address, "dev", name)
        host.run("ip", "link", "set", name, "up")
    return names


def route(host, network, gateway):
    host.run("ip", "route", "add", network, "via", gateway)


class Capture:
    """Everything that passes an interface of a host, as raw bytes."""

    def __init__(self, host, interface):
        with host:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(0x0003))
            self.socket.bind((interface, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE: miss nothing
        self.packets = []
        self.stopping, self._stop = socket.socketpair()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        import select
        while True:
            ready, _, _ = select.select([self.socket, self.stopping], [], [])
            if self.socket in ready:
                self.packets.append(self.socket.recv(65536))
            elif self.stopping in ready:
                return

    def stop(self):
        """Ends it; all packets so far."""
        self._stop.close()
        self.thread.join()
        self.stopping.close()
        self.socket.close()
        return self.packets


@contextlib.contextmanager
def hosts(count):
    made = []
    try:
        for _ in range(count):
            made.append(Host())
        yield made
    finally:
        for host in made:
            host.close()
