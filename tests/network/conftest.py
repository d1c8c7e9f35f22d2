"""Fixtures of the network tests: hosts in namespaces, and daemons on them.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import collections

import pytest

import netns
from fixtures import daemons, programs  # noqa: F401
from v2 import V2Client

SERVER, CLIENT, NETWORK = "10.71.1.1", "10.71.2.2", "10.71.0.0/16"

Lan = collections.namedtuple("Lan", "server router client server_link client_link")


def pytest_collection_modifyitems(items):
    why = netns.available()
    if why:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture
def lan():
    """A server and a client with a router between them, through which each reaches the other."""
    with netns.hosts(3) as (server, router, client):
        server_link, _ = netns.cable(server, SERVER + "/24", router, "10.71.1.254/24")
        client_link, _ = netns.cable(client, CLIENT + "/24", router, "10.71.2.254/24")
        netns.route(server, NETWORK, "10.71.1.254")
        netns.route(client, NETWORK, "10.71.2.254")
        router.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        yield Lan(server, router, client, server_link, client_link)


@pytest.fixture
def remote(lan, daemons):
    """remote(**settings): a daemon on the lan's server, with alice and bob."""
    def start(**settings):
        daemon = daemons(host=lan.server, address=SERVER, **settings)
        daemon.add_users("alice", "bob")
        return daemon
    return start


@pytest.fixture
def clients(daemons):
    """clients(daemon, userid, …): a client of version 2, closed before its daemon stops."""
    made = []

    def make(*arguments, **options):
        made.append(V2Client(*arguments, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()
