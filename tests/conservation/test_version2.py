"""The short form of version2.py: a few kills of clients, server and database on a bad network.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import pytest

import multichat
import netns
import version2


@pytest.mark.parametrize("engine", multichat.engines())
def test_nothing_is_lost_repeated_or_out_of_order(engine):
    why = netns.available()
    if why:
        pytest.skip(why)
    options = version2.parse(["--kills", "4", "--receivers", "3", "--keyed", "2", "--real", "1",
                              "--comers", "1", "--seed", "1"])
    try:
        report = version2.run_engine(options, engine)
    except multichat.NoServer:
        pytest.skip("no MariaDB server is installed (Debian: mariadb-server)")
    assert version2.passed(report), report
    assert report["notes"] > 0
    assert report["kills"]["client"] == report["kills"]["server"] == 4 and report["resets"] > 0
