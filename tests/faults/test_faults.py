"""Every fault a few times, with the promise that holds across it (docs/reliability.md). The long form is `make faults`."""

import os
import random

import pytest

from faults import FAULTS, Fault, kept, run
from stackkit import Stack

SEED = int(os.environ.get("SEED") or random.randrange(1_000_000))


@pytest.fixture(scope="module")
def shared():
    running = Stack()
    yield running
    running.close()


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_the_promise_holds_across_the_fault(fault, request, record_property):
    print(f"SEED={SEED}")  # repeats the schedule
    if fault.stack:
        with fault.stack() as stack:
            account = run(fault, fault.times_short, SEED, stack)
    else:
        account = run(fault, fault.times_short, SEED, request.getfixturevalue("shared"))
    print(account.summary())
    record_property("account", account.summary())
    assert account.n_acknowledged > 0 and len(account.strokes) == fault.times_short
    assert not fault.promise(account)


def test_a_loss_a_double_and_a_value_that_goes_back_are_seen(shared):
    """The rig itself: harm that breaks every promise is found, each kind once."""

    def harm(rig, _rng):
        node, other = (publisher.node for publisher in rig.publishers[:2])
        alerts = rig.stack.sql("SELECT ctid::text FROM alert WHERE node_id = %s ORDER BY received_at LIMIT 2", node.id)
        rig.stack.sql("DELETE FROM alert WHERE node_id = %s AND ctid = %s::tid", node.id, alerts[0][0])
        rig.stack.sql("INSERT INTO alert (node_id, kind, body, received_at, delivery_mid, digest)"
                      " SELECT node_id, kind, body, received_at, delivery_mid, digest FROM alert"
                      " WHERE node_id = %s AND ctid = %s::tid", node.id, alerts[1][0])
        rig.stack.sql("UPDATE node_param SET value = '0' WHERE node_id = %s AND device = 'Ledger'", other.id)

    account = run(Fault("harm", 1, 1, harm, between=(30, 60)), 1, SEED, shared)
    assert [what for _, _, what in account.lost] == [("alert", 1)]
    assert [what for _, what in account.doubled] == [("alert", 2)]
    assert len(account.set_back) == 1
    assert len(kept(account)) == 3
