"""Fixtures that folders of dialogue tests share: databases, daemons, the real client. A folder's
conftest.py imports them by name.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import pytest

import multichat


@pytest.fixture(scope="session")
def mariadb():
    try:
        server = multichat.MariaDB()
    except multichat.NoServer:
        pytest.skip("no MariaDB server is installed (Debian: mariadb-server)")
    yield server
    server.close()


@pytest.fixture
def own_mariadb():
    """One that a test may kill."""
    if "mariadb" not in multichat.engines():
        pytest.skip("built without MySQL")
    try:
        server = multichat.MariaDB()
    except multichat.NoServer:
        pytest.skip("no MariaDB server is installed (Debian: mariadb-server)")
    yield server
    server.close()


@pytest.fixture(params=multichat.engines())
def engine(request):
    """The settings of an empty database, once of each engine."""
    if request.param == "sqlite":
        return None
    return request.getfixturevalue("mariadb").new_storage()


@pytest.fixture
def daemons(request):
    """daemons(storage, key__of__config=value …): starts one, without storage on an empty one."""
    started = []

    def start(storage=None, environment=None, **settings):
        if storage is None and "sqlite" not in multichat.engines():
            storage = request.getfixturevalue("mariadb").new_storage()
        daemon = multichat.Daemon(storage, environment, **settings)
        started.append(daemon)
        return daemon.start()

    yield start
    for daemon in started:
        daemon.close()


@pytest.fixture
def programs(daemons):
    """programs(daemon, userid): the real client as that user."""
    made = []

    def make(*arguments, **options):
        made.append(multichat.Client(*arguments, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()
