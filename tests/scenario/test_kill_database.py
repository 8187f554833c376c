"""PostgreSQL stopped at once under load: what was acknowledged to a node is stored, once (threats.md 10)."""

import os
import signal

import pytest

from ledgerkit import Ledger
from stackkit import LAMP, wait_for

IMMEDIATE = signal.SIGQUIT  # what `pg_ctl -m immediate stop` sends: no checkpoint, recovery at the next start


@pytest.mark.slow
@pytest.mark.parametrize("number", [IMMEDIATE, signal.SIGKILL], ids=["immediate", "kill"])
def test_nothing_acknowledged_is_lost_or_doubled_by_five_stops_of_the_database(sturdy, record_property, number):
    with Ledger(sturdy, seed=3) as ledger:
        for _ in range(5):
            ledger.fault("postgres", number)
        figures = ledger.finish(record_property)
    assert figures["reconnects"] == 0  # nodes notice nothing


@pytest.mark.parametrize("number", [IMMEDIATE, signal.SIGKILL, signal.SIGINT], ids=["immediate", "kill", "fast"])
def test_no_request_fails_because_its_worker_s_connection_was_cut_before(sturdy, number):
    """Every worker of the API has a connection of its own. Nobody asks while the database is away, so none has noticed yet."""
    user, node = sturdy.user(), sturdy.node().connect()
    node.publish("config", LAMP | {"node_id": node.id})
    user.claim(node)
    for _ in range(40):
        user.params(node)
    before = sturdy.pid("postgres")
    os.kill(before, number)
    wait_for(lambda: sturdy.pid("postgres") != before and sturdy.sql("SELECT 1"), what="the database")
    answers = [user.get("/v1/user/nodes/params", node_id=node.id) for _ in range(40)]
    answers += [sturdy.post("/v1/login2", {"user_name": user.name, "password": user.password}) for _ in range(4)]
    answers += [user.put("/v1/user/nodes/params", {"Light": {"Level": i}}, node_id=node.id) for i in range(8)]
    assert {answer.status_code for answer in answers} == {200}
    node.stop()


def test_a_frozen_database_delays_and_loses_nothing(sturdy):
    """Every backend stops answering; connections stay open. The API says so instead of waiting, and all goes on afterwards."""
    user, node = sturdy.user(), sturdy.node().connect()
    node.publish("config", LAMP | {"node_id": node.id})
    user.claim(node)
    node.publish("params/local", {"Light": {"Level": 1}})
    sturdy.settle()
    postmaster = sturdy.pid("postgres")
    frozen = [postmaster] + [int(pid) for (pid,) in sturdy.sql("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        for level in range(2, 50):
            node.publish("params/local", {"Light": {"Level": level}})
        assert sturdy.request("GET", "/healthz").status_code == 200  # liveness asks nobody
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    sturdy.wait_ready()
    wait_for(lambda: user.params(node)["Light"] == {"Level": 49}, what="the last report")
    node.stop()


def test_the_api_says_that_the_database_is_away_and_comes_back_by_itself(sturdy):
    user = sturdy.user()
    before = sturdy.pid("postgres")
    os.kill(before, signal.SIGSTOP)  # the supervisor sees a living process; nobody new gets in
    os.kill(before, signal.SIGKILL)
    seen = set()

    def answers():
        answer = user.get("/v1/user/nodes")
        seen.add(answer.status_code)
        if answer.status_code != 200:
            assert answer.status_code == 503 and answer.json()["status"] == "failure"
        return answer.status_code == 200 and sturdy.pid("postgres") != before

    wait_for(answers, what="a list of nodes again")
    assert seen <= {200, 503}
    sturdy.wait_ready()
