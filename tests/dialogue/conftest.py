"""Fixtures of the dialogue tests: daemons on either engine, clients that are closed again.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import pytest

import multichat
import guests
from fixtures import daemons, engine, mariadb, own_mariadb, programs  # noqa: F401


@pytest.fixture
def clients(daemons):
    """clients(daemon, userid, …): a client of version 1, closed before its daemon stops."""
    made = []

    def make(*arguments, **options):
        made.append(multichat.V1Client(*arguments, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def daemon(daemons):
    """One on the engine that is quickest to begin, with alice, bob and carol."""
    started = daemons()
    started.add_users("alice", "bob", "carol")
    return started


@pytest.fixture
def either(engine, daemons):
    """The same, once on each engine."""
    started = daemons(engine)
    started.add_users("alice", "bob", "carol")
    return started


@pytest.fixture(scope="module", params=multichat.engines())
def shared_hall(request):
    storage = None
    if request.param == "mariadb":
        storage = request.getfixturevalue("mariadb").new_storage()
    daemon = multichat.Daemon(storage).start()
    yield guests.Hall(daemon)
    daemon.close()


@pytest.fixture
def hall(shared_hall):
    """The daemon that the tests of a file share, once on each engine."""
    yield shared_hall
    shared_hall.leave()
