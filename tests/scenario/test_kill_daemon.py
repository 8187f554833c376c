"""Kill -9 of cisternd at random moments under load: what was acknowledged to a node is stored, once (threats.md 10)."""

import os
import signal

import pytest

from ledgerkit import Ledger
from stackkit import wait_for


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_by_twenty_kills_of_the_daemon(sturdy, record_property):
    with Ledger(sturdy) as ledger:
        for _ in range(20):
            ledger.fault("cisternd", signal.SIGKILL)
        figures = ledger.finish(record_property)
    assert figures["reconnects"] == 0  # nodes notice nothing


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_the_daemon_is_told_to_end(sturdy, record_property):
    with Ledger(sturdy, seed=2) as ledger:
        for _ in range(3):
            ledger.fault("cisternd", signal.SIGTERM)
        figures = ledger.finish(record_property)
    assert figures["reconnects"] == 0


def test_a_node_that_leaves_and_one_that_comes_while_the_daemon_is_dead_are_known_afterwards(sturdy):
    leaving, coming = sturdy.node(), sturdy.node()
    client = leaving.raw()
    sturdy.settle()
    presence = "SELECT connected FROM node WHERE node_id = %s"
    assert sturdy.sql(presence, leaving.id) == [(True,)]
    before = sturdy.pid("cisternd")
    os.kill(before, signal.SIGKILL)
    client.disconnect()
    there = coming.raw()
    there.publish(f"node/{coming.id}/params/local", '{"Light":{"Power":true}}')
    wait_for(lambda: sturdy.pid("cisternd") != before)
    sturdy.wait_ready()
    sturdy.settle()
    assert sturdy.sql(presence, leaving.id) == [(False,)]
    assert sturdy.sql(presence, coming.id) == [(True,)]
    assert coming.stored() == {"Light": {"Power": "true"}}
    there.disconnect()


def test_a_mapping_whose_node_spoke_while_the_daemon_was_dead_is_confirmed(sturdy):
    user, node = sturdy.user(), sturdy.node()
    answer = user.put("/v1/user/nodes/mapping", {"node_id": node.id, "secret_key": "Kill-Mapping-1", "operation": "add"})
    client = node.raw()
    before = sturdy.pid("cisternd")
    os.kill(before, signal.SIGKILL)
    client.publish(f"node/{node.id}/user/mapping", '{"user_id":"%s","secret_key":"Kill-Mapping-1"}' % user.id)
    wait_for(lambda: sturdy.pid("cisternd") != before)
    sturdy.wait_ready()
    user.wait_mapping(answer.json()["request_id"], "confirmed")
    client.disconnect()
