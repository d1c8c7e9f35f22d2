"""Fixtures of the interoperability tests: tests that are coroutines, and the independent client.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import asyncio
import inspect

import pytest

from client import Client
from fixtures import daemons, engine, mariadb, programs  # noqa: F401
from multichat import PATIENCE, Daemon

EAGER = {"presence__poll": 1, "presence__probe": 1}


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs a test that is a coroutine, and ends its clients in the same loop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    async def whole():
        try:
            await asyncio.wait_for(pyfuncitem.obj(**arguments), 2 * PATIENCE)
        finally:
            for person in arguments.get("people", Person).made:
                await person.close()

    asyncio.run(whole())
    return True


class Person(Client):
    """The client, with what it showed and warned of kept for the test."""

    made = []

    def __init__(self, server, userid, device, path):
        self.shown, self.told, self.warnings = [], [], []
        super().__init__(server, userid, "pw-" + userid, device, path, self.shown.append,
                         self.warnings.append, self.told.append)

    def texts(self):
        return [message.text for message in self.shown]

    async def until(self, condition, what):
        """Waits until condition() holds."""
        for _ in range(int(PATIENCE / 0.01)):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise TimeoutError("%s; shown: %r, warnings: %r" % (what, self.shown, self.warnings))

    async def until_shown(self, count):
        await self.until(lambda: len(self.shown) >= count, "%d messages" % count)
        return self.texts()


@pytest.fixture
def server(daemons):
    """A daemon with alice and bob, who are both in #lobby, polled every second."""
    return furnish(daemons(**EAGER))


@pytest.fixture
def either(engine, daemons):
    """The same, once on each engine."""
    return furnish(daemons(engine, **EAGER))


def furnish(daemon: Daemon):
    daemon.add_users("alice", "bob", "carol")
    daemon.add_room("#lobby", "alice", "bob")
    return daemon


@pytest.fixture
def people(tmp_path):
    """people(server, userid, device): the client as a process of that user and device."""
    def make(server, userid, device="desk"):
        person = Person(server, userid, device, str(tmp_path / (userid + "-" + device)))
        make.made.append(person)
        return person
    make.made = []
    return make
