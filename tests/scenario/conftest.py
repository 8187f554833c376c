"""Fixtures: one stack for all scenarios that leave it whole, and stacks of one's own for those that do not."""

import pytest

from stackkit import LAMP, Stack


@pytest.fixture(scope="session")
def stack():
    """Shared: use users and nodes of your own, and kill nothing."""
    running = Stack()
    yield running
    running.close()


@pytest.fixture
def own_stack():
    """Makes stacks that the test may break: own_stack(CISTERN_MAPPING_WINDOW_S="2")."""
    running = []

    def make(**environment):
        running.append(Stack(**environment))
        return running[-1]

    yield make
    for each in running:
        each.close()


@pytest.fixture
def user(stack):
    return stack.user()


@pytest.fixture
def node(stack):
    """A registered node, connected."""
    connected = stack.node().connect()
    yield connected
    connected.stop()


@pytest.fixture
def lamp(node, user):
    """A node with a configuration, mapped to `user`, subscribed to what an app may send."""
    node.publish("config", LAMP | {"node_id": node.id})
    user.claim(node)
    node.subscribe("params/remote")
    return node
