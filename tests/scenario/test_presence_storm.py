"""A reconnect storm: two thousand nodes come back at once after the broker was killed, fifty of them cut by the power twice while they
do, fifty lost without a word. At the end presence, session numbers and history are exactly what the broker knows."""

import subprocess
import time

import pytest

from identitykit import OwnCa, Refused, tell
from stackkit import BUILD, DEADLINE_S, unique, wait_for

VIRTUAL, TAKE_OVERS, LOST = 1900, 50, 50
STORM_S = 120.0


@pytest.fixture
def stack(own_stack):
    return own_stack(CISTERN_NODE_LIMITS="on")


def watch_going_off_line(stack):
    """From now on the database itself notes who is shown off line."""
    stack.sql("CREATE TABLE went_off (node_id text)")
    stack.sql("CREATE FUNCTION note_off() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
              " $$ BEGIN INSERT INTO went_off VALUES (NEW.node_id); RETURN NULL; END $$")
    stack.sql("CREATE TRIGGER note_off AFTER UPDATE OF connected ON node FOR EACH ROW WHEN (OLD.connected AND NOT NEW.connected)"
              " EXECUTE FUNCTION note_off()")


def n_connected(stack):
    ((n,),) = stack.sql("SELECT count(*) FROM node WHERE connected AND node_id ~ '^(storm|taken|lost)-'")
    return n


def live_sessions(stack):
    """{node: session} as the broker has it now: whoever subscribes to presence is told all of it."""
    observer = stack.service("cistern.storm", "cistern/broker", "cistern/presence/+")
    observer.take(lambda message: message.topic == "cistern/broker", DEADLINE_S)
    live = {}
    try:
        while True:
            message = observer.take(lambda message: message.topic.startswith("cistern/presence/"), 2.0)
            if message.json["event"] == "connected":
                live[message.topic.rsplit("/", 1)[1]] = message.json["session"]
    except AssertionError:
        pass  # two seconds without a word: that was all
    observer.disconnect()
    return live


def cut_by_power(node):
    """Connects three times, and never closes a connection: what a node does whose power fails twice."""
    return [wait_for(node.raw, 60, what=f"connection of {node.id}") for _ in range(3)]


def be_lost(node, i):
    """Every second one resets its connection; the others fall silent, and the broker gives them up after their keep-alive."""
    client = wait_for(lambda: node.raw(keepalive=2), 60, what=f"connection of {node.id}")
    if i % 2 == 0:
        client.drop()
    return client


@pytest.mark.slow
def test_presence_ends_exactly_right_after_a_reconnect_storm(stack, tmp_path, record_property):
    authority = OwnCa(stack)
    virtual = authority.nodes([unique("storm") for _ in range(VIRTUAL)], tmp_path / "virtual")
    taken = authority.nodes([unique("taken") for _ in range(TAKE_OVERS)], tmp_path / "taken")
    lost = authority.nodes([unique("lost") for _ in range(LOST)], tmp_path / "lost")
    load = subprocess.Popen(
        [BUILD / "cistern-node", "--cert-dir", tmp_path / "virtual", "--host", stack.mqtt_host, "--port", str(stack.mqtt_port), "--quiet",
         "--ca", stack.ca_file, "--max-backoff", "2"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        before = [wait_for(node.raw, 60, what=f"connection of {node.id}") for node in taken + lost]
        wait_for(lambda: n_connected(stack) == VIRTUAL + TAKE_OVERS + LOST, STORM_S, "all nodes on line")

        stack.kill("broker")
        began = time.monotonic()
        open_ends, lost_ends = [], []
        for node in taken:
            open_ends.append(cut_by_power(node))
            if len(open_ends) == 1:
                stack.settle()
                watch_going_off_line(stack)  # from here the restart itself has been told
        for i, node in enumerate(lost):
            lost_ends.append(be_lost(node, i))
        wait_for(lambda: ended(stack, lost), STORM_S, "the storm's end")
        tell(record_property, "storm of 2 000, broker's start to the last word", [time.monotonic() - began])
        stack.settle()
        check(stack, virtual, taken, lost)
        for clients in open_ends:
            clients[-1].ping()  # the newest of each lives; of the others the broker has closed the socket
            for client in clients[:-1]:
                with pytest.raises(Refused):
                    client.ping()
        assert len(before) == TAKE_OVERS + LOST
    finally:
        load.terminate()
        load.wait(30)


def ended(stack, lost):
    """All that should be on line is, and the lost ones have been given up."""
    ((n_open,),) = stack.sql("SELECT count(*) FROM node_connection WHERE node_id = ANY(%s) AND ended_at IS NULL", [node.id for node in lost])
    on_line = n_connected(stack)
    if on_line != VIRTUAL + TAKE_OVERS or n_open:
        raise LookupError(f"{on_line} on line, {n_open} of the lost still open")  # wait_for() tells it at its deadline
    return True


def check(stack, virtual, taken, lost):
    live = live_sessions(stack)
    stored = {node: (connected, session) for node, connected, session in stack.sql("SELECT node_id, connected, session_no FROM node"
                                                                                    " WHERE node_id ~ '^(storm|taken|lost)-'")}
    assert {node: session for node, (connected, session) in stored.items() if connected} == {
        node: session for node, session in live.items() if node in stored}
    assert {node for node, (connected, _) in stored.items() if not connected} == {node.id for node in lost}

    # the history: the newest row is the node's session, and it alone may be open
    wrong = stack.sql("""
        SELECT n.node_id FROM node n, LATERAL (
            SELECT max(session_no) AS newest, count(*) FILTER (WHERE ended_at IS NULL) AS n_open,
                   max(session_no) FILTER (WHERE ended_at IS NULL) AS open_one, bool_or(connected_at IS NULL) AS unheard,
                   bool_or(ended_at IS NOT NULL AND reason IS NULL) AS unsaid, bool_or(address IS DISTINCT FROM '127.0.0.1') AS nowhere
            FROM node_connection c WHERE c.node_id = n.node_id) h
        WHERE n.node_id ~ '^(storm|taken|lost)-'
        AND (h.newest <> n.session_no OR h.n_open <> n.connected::integer OR (n.connected AND h.open_one <> h.newest)
             OR h.unheard OR h.unsaid OR h.nowhere OR n.address <> '127.0.0.1')""")
    assert wrong == []

    reasons = {}
    for node_id, reason in stack.sql("SELECT node_id, reason FROM node_connection WHERE node_id ~ '^(storm|taken|lost)-'"
                                     " ORDER BY node_id, session_no"):
        reasons.setdefault(node_id, []).append(reason)
    assert {tuple(reasons[node.id]) for node in taken} == {("broker_restarted", "taken_over", "taken_over", None)}
    assert {tuple(reasons[node.id]) for node in lost} == {("broker_restarted", "closed")}
    assert all(reasons[node.id][-1] is None and len(reasons[node.id]) >= 2 for node in virtual)

    # nobody whose power failed was shown off line by it
    assert stack.sql("SELECT node_id FROM went_off WHERE node_id LIKE 'taken-%%'") == []
    # and each certificate became active with its first connection
    assert stack.sql("SELECT count(*) FROM node_certificate WHERE activated_at IS NULL AND node_id ~ '^(storm|taken|lost)-'") == [(0,)]
