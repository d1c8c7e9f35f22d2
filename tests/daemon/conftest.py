"""What all tests of the daemon need: the engine they run it on.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import pytest

import multichat


@pytest.fixture(autouse=True, scope="session")
def sqlite():
    if "sqlite" not in multichat.engines():
        pytest.skip("built without SQLite")


@pytest.fixture(autouse=True)
def systemd(request):
    if request.module.__name__ != "test_control" and not multichat.SYSTEMD:
        pytest.skip("built without systemd")
