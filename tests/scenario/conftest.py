"""Fixtures: one stack for all scenarios that leave it whole, and stacks of one's own for those that do not."""

import pytest

import sdkkit
from stackkit import LAMP, REPORTED, Stack, wait_for


@pytest.fixture(scope="session")
def stack():
    """Shared: use users and nodes of your own, and kill nothing."""
    running = Stack()
    yield running
    running.close()


@pytest.fixture(scope="session")
def _sturdy():
    running = Stack(NODES="1")
    yield running
    running.close()


@pytest.fixture
def sturdy(_sturdy):
    """Shared by the tests that kill, with one virtual lamp: each must leave it as whole as it found it."""
    _sturdy.wait_ready()
    return _sturdy


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


@pytest.fixture(scope="session")
def _accounts():
    """Idle accounts: hashing a password takes a while, on purpose."""
    return []


@pytest.fixture
def new_user(stack, _accounts):
    """Gives users who have nothing yet, signed in."""
    lent = []

    def lend():
        account = _accounts.pop() if _accounts else stack.user()
        lent.append(account)
        return account

    yield lend
    for account in lent:
        stack.sql("DELETE FROM node_user WHERE user_id = %s", account.id)
        stack.sql("DELETE FROM group_user WHERE user_id = %s", account.id)  # a group without its last primary user goes too
        stack.sql("DELETE FROM mapping_request WHERE user_id = %s", account.id)
        stack.sql("DELETE FROM sharing_request WHERE from_user = %s OR to_name = %s", account.id, account.name)
        stack.sql("DELETE FROM group_user WHERE user_id = %s", account.id)
        if account.get("/v1/user2").status_code == 200:
            _accounts.append(account)


@pytest.fixture
def user(new_user):
    return new_user()


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


@pytest.fixture
def full_lamp(lamp, user):
    """The same on line, which has reported all its values."""
    lamp.publish("params/local/init", REPORTED)
    wait_for(lambda: user.params(lamp) == REPORTED, what="reported values")
    wait_for(lambda: user.get("/v1/user/nodes/status", node_id=lamp.id).json()["connectivity"]["connected"],
             what="the node on line")
    return lamp


@pytest.fixture(scope="session")
def _phones():
    """Idle phones: each is a Node process."""
    idle = []
    yield idle
    for each in idle:
        each.close()


@pytest.fixture
def new_phone(stack, _phones):
    """Gives phones with the public SDK; nobody is signed in on them."""
    lent = []

    def lend():
        phone = _phones.pop() if _phones else sdkkit.Phone(stack)
        lent.append(phone)
        return phone

    yield lend
    for phone in lent:
        phone.forget()
        _phones.append(phone)


@pytest.fixture
def phone(new_phone):
    return new_phone()


@pytest.fixture
def person(new_user, new_phone):
    """Makes accounts with a phone each, signed in there."""
    return lambda user=None: sdkkit.Person(user or new_user(), new_phone())
