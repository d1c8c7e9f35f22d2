"""The short form of conservation.py: 200 users, 10 s, calm and with kills, on either engine.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import pytest

import conservation
import multichat


@pytest.mark.parametrize("engine", multichat.engines())
@pytest.mark.parametrize("kills", [[], ["--kill-daemon", "--kill-database"]],
                         ids=["calm", "killed"])
def test_conservation(engine, kills):
    options = conservation.parse(
        ["--users", "200", "--writers", "20", "--rate", "100", "--seconds", "10", *kills])
    try:
        report, wrong = conservation.run_engine(options, engine)
    except multichat.NoServer:
        pytest.skip("no MariaDB server is installed (Debian: mariadb-server)")
    assert not wrong, report
    assert report["acknowledged"] > 500
