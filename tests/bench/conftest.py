"""The server of a test of multichat-bench.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import pytest


@pytest.fixture
def serve(request):
    """serve(fault=…): starts a Server of the test's own file; returns the options that lead there."""
    servers = []

    def start(**faults):
        servers.append(request.module.Server(**faults))
        return servers[-1].arguments()

    yield start
    for server in servers:
        server.close()
