"""What the tests of multichatctl are run on.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import pytest

from fixtures import daemons  # noqa: F401
from multichat import MariaDB
from sites import Site, DaemonSite, drivers


@pytest.fixture(scope="session")
def mariadb():
    if "mysql" not in drivers():
        pytest.skip("built without MySQL")
    server = MariaDB()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "mariadb", "daemon"])
def site(request):
    """Wherever a command may be carried out."""
    if request.param == "daemon":
        made = DaemonSite()
    elif request.param == "mariadb":
        made = Site(request.getfixturevalue("mariadb").new_storage())
    else:
        made = Site()
    yield made
    made.close()


@pytest.fixture
def alone():
    """SQLite and no daemon."""
    made = Site()
    yield made
    made.close()
