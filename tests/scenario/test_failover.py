"""A streaming standby takes over: what was acknowledged is kept, and the daemon finds the new primary by itself (high-availability.md)."""

import signal
import time

import pytest

from ledgerkit import Ledger
from standbykit import Pair, silence_impossible, silent
from stackkit import LAMP, wait_for

BACK_S = 30.0  # the promise


@pytest.fixture
def pair():
    with Pair() as each:
        yield each


@pytest.fixture
def stack(pair, own_stack):
    return own_stack(DATABASE_URL=pair.url)


def sessions(server):
    """The names of the daemon's sessions there."""
    return {name for (name,) in server.sql("SELECT DISTINCT application_name FROM pg_stat_activity "
                                           "WHERE application_name LIKE 'cisternd %'")}


def lamp_of(stack, user):
    node = stack.node().connect()
    node.publish("config", LAMP | {"node_id": node.id})
    user.claim(node)
    return node


def writes(user, node, number):
    """A report committed, a value sent to the node, a change of the account."""
    node.publish("params/local", {"Light": {"Level": number}})
    answer = user.get("/v1/user/nodes/params", node_id=node.id)
    return (answer.status_code == 200 and answer.json().get("Light") == {"Level": number}
            and user.put("/v1/user/nodes/params", {"Light": {"Level": number}}, node_id=node.id).status_code == 200
            and user.put("/v1/user2", {"name": f"number {number}"}).status_code == 200)


def fail_over(ledger, stack, user, node, old, new, number):
    """Kills one server under load and promotes the other; gives the seconds until reads and writes of all kinds work again."""
    daemon, names = stack.pid("cisternd"), sessions(old)
    ledger.go_on()
    began = time.monotonic()
    old.kill()
    new.promote()
    wait_for(lambda: writes(user, node, number), BACK_S, "reads and writes again")
    took = time.monotonic() - began
    ledger.recovery_s.append(took)
    assert stack.pid("cisternd") == daemon
    wait_for(lambda: sessions(new) >= names, BACK_S, f"{names} at the new primary")
    ledger.go_on()
    return took


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_when_the_standby_takes_over_and_back(pair, stack, record_property):
    user = stack.user()
    node = lamp_of(stack, user)
    with Ledger(stack, n_nodes=10, seed=5) as ledger:
        fail_over(ledger, stack, user, node, pair.primary, pair.standby, 1)
        assert stack.cli("node", "list").stdout.count("node-") >= 10
        stack.cli("migrate")
        # the old primary may have committed what nobody was told of: it gives that up and follows
        pair.primary.rewind(pair.standby)
        pair.primary.start(standby_of=pair.standby)
        pair.standby.set("synchronous_standby_names", pair.primary.name)
        pair.standby.wait_synchronous(pair.primary.name)
        fail_over(ledger, stack, user, node, pair.standby, pair.primary, 2)
        figures = ledger.finish(record_property)
    assert figures["reconnects"] == 0  # nodes notice nothing
    node.stop()


def alerts(server, node):
    """The numbers that are stored, in order, each as often as it is."""
    rows = server.sql("SELECT body #>> '{}' FROM alert WHERE node_id = %s ORDER BY alert_id", node.id, database="cistern")
    return [text for (text,) in rows]


def ingest_waits(server):
    return server.sql("SELECT pid FROM pg_stat_activity WHERE application_name ~ '^cisternd ingest' AND wait_event = 'SyncRep'")


@pytest.mark.parametrize("remedy", ["it returns", "it is given up"])
def test_without_the_standby_nothing_is_acknowledged_and_all_goes_on_afterwards(pair, stack, remedy):
    user = stack.user()
    node = lamp_of(stack, user)
    stack.settle()
    pair.standby.stop()
    node.publish("alert", {"esp.alert.str": "1"})
    wait_for(lambda: ingest_waits(pair.primary), what="ingest waiting for the standby")
    assert user.get("/v1/user/nodes").status_code == 200
    assert user.put("/v1/user2", {"name": "nobody kept this yet"}).status_code == 503
    assert alerts(pair.primary, node) == []
    if remedy == "it returns":
        pair.standby.start(standby_of=pair.primary)
    else:
        pair.primary.set("synchronous_standby_names", "")
    wait_for(lambda: alerts(pair.primary, node) == ["1"], BACK_S, "the alert")
    stack.wait_ready(BACK_S)
    wait_for(lambda: writes(user, node, 1), BACK_S, "writes")
    stack.settle()
    assert alerts(pair.primary, node) == ["1"]
    node.stop()


def test_a_server_that_became_read_only_is_given_up_for_one_that_takes_writes(pair, stack):
    user = stack.user()
    node = lamp_of(stack, user)
    wait_for(lambda: writes(user, node, 1), what="reads and writes")
    pair.primary.set("default_transaction_read_only", "on")  # its connections stay open
    pair.standby.promote()
    wait_for(lambda: writes(user, node, 2), BACK_S, "reads and writes at the other")
    for number in range(3, 30):  # each worker of the API has a connection of its own
        wait_for(lambda n=number: writes(user, node, n), BACK_S, "reads and writes at the other")
    node.publish("alert", {"esp.alert.str": "1"})
    stack.settle()
    assert (alerts(pair.primary, node), alerts(pair.standby, node)) == ([], ["1"])
    node.stop()


def test_what_a_repetition_finds_committed_is_not_acknowledged_before_the_standby_has_it(pair, stack):
    """The primary restarts while a commit waits for the standby: the row is there now, and only there. Then the primary is lost."""
    user = stack.user()
    node = lamp_of(stack, user)
    stack.settle()
    pair.standby.stop()
    node.publish("alert", {"esp.alert.str": "1"})
    wait_for(lambda: ingest_waits(pair.primary), what="ingest waiting for the standby")
    pair.primary.stop(signal.SIGQUIT)
    pair.primary.start()
    assert alerts(pair.primary, node) == ["1"]
    wait_for(lambda: ingest_waits(pair.primary), BACK_S, "ingest waiting again, with the alert repeated")
    pair.primary.kill()
    pair.standby.start()
    pair.standby.promote()
    wait_for(lambda: writes(user, node, 1), BACK_S, "reads and writes again")
    stack.settle()
    assert alerts(pair.standby, node) == ["1"]
    node.stop()


def test_a_commit_that_outlasts_the_daemon_s_patience_is_not_repeated_beside_itself(pair, stack):
    """The daemon gives the connection up after 12 s and gets the messages again, while the first commit waits still."""
    user = stack.user()
    node = lamp_of(stack, user)
    stack.settle()
    pair.standby.stop()
    node.publish("alert", {"esp.alert.str": "1"})
    first = wait_for(lambda: ingest_waits(pair.primary), what="ingest waiting for the standby")
    wait_for(lambda: ingest_waits(pair.primary) and not set(first) & set(ingest_waits(pair.primary)), BACK_S, "another attempt")
    for _ in range(3):
        assert user.put("/v1/user2", {"name": "nobody kept this yet"}).status_code == 503
    waiting = pair.primary.sql("SELECT application_name, count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' GROUP BY 1")
    pair.standby.start(standby_of=pair.primary)
    wait_for(lambda: writes(user, node, 1), BACK_S, "writes")
    stack.settle()
    assert alerts(pair.primary, node) == ["1"]
    assert dict(waiting)["cisternd ingest"] <= 2, waiting  # one of each session
    node.stop()


def test_a_primary_that_falls_silent_is_left_for_the_new_one(pair, stack):
    """No FIN, no RST: what is sent to it is lost without a word, on open connections as on new ones."""
    if reason := silence_impossible():
        pytest.skip(reason)
    user = stack.user()
    node = lamp_of(stack, user)
    wait_for(lambda: writes(user, node, 1), what="reads and writes")
    names = sessions(pair.primary)
    with silent(pair.primary.port):
        began = time.monotonic()
        pair.standby.promote()
        wait_for(lambda: writes(user, node, 2), BACK_S, "reads and writes at the other")
        print(f"back after {time.monotonic() - began:.1f} s")
        wait_for(lambda: sessions(pair.standby) >= names, BACK_S, f"{names} at the new primary")
        pair.primary.kill()
    node.stop()
