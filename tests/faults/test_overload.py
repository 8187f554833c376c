"""Back-pressure: what the daemon cannot take waits in the broker, within limits that are known; what is dropped there is counted
(docs/delivery.md). OVERLOAD_SECONDS=300 is the long form."""

import os
import pathlib
import re
import tempfile

import pytest

from overload import METRICS_TOKEN, Overload
from portkit import free_ports
from stackkit import Stack

SECONDS = float(os.environ.get("OVERLOAD_SECONDS", "4"))
ROWS_PER_S = int(os.environ.get("OVERLOAD_ROWS_PER_S", "1000"))
QUEUED_KIB = 1.0  # a queued alert in the broker's memory, at most: some 400 bytes beside topic and payload


@pytest.fixture
def stack():
    with tempfile.TemporaryDirectory(prefix="cistern-test-") as folder:
        os.chmod(folder, 0o755)  # the daemon's own user reads it
        token = pathlib.Path(folder) / "token"
        token.write_text(METRICS_TOKEN + "\n")
        running = Stack(CISTERN_METRICS_PORT=str(*free_ports(1)), CISTERN_METRICS_TOKEN_FILE=str(token))
        yield running
        running.close()


@pytest.mark.slow
def test_five_times_what_the_database_takes_waits_in_the_broker_and_all_of_it_arrives(stack):
    with Overload(stack, ROWS_PER_S) as overload:
        overload.offer(times=5, seconds=SECONDS)
        most = overload.backlog()
        overload.drain()
    print(overload.summary())
    n_acknowledged = sum(overload.acknowledged.values())
    assert most > n_acknowledged / 2, "the load was no overload"
    assert overload.dropped() == 0
    assert overload.stored() == {node_id: (n, n) for node_id, n in overload.acknowledged.items()}  # none missing, none twice
    first = {name: values[0] for name, values in overload.memory.items()}
    peak = {name: max(values) for name, values in overload.memory.items()}
    assert peak["cisternd"] - first["cisternd"] < 64 * 1024  # one batch a session, however long the queue is
    assert peak["broker"] - first["broker"] < n_acknowledged * QUEUED_KIB + 64 * 1024


@pytest.mark.slow
def test_what_the_broker_sheds_when_its_queue_is_full_is_counted_exactly(stack):
    limit = int(SECONDS * ROWS_PER_S)  # a quarter of what will wait
    settings = stack.home / "etc" / "mosquitto.conf"
    settings.write_text(re.sub(r"(?m)^max_queued_messages .*", f"max_queued_messages {limit}", settings.read_text()))
    stack.kill("broker")  # it reads its settings when it starts
    with Overload(stack, ROWS_PER_S) as overload:
        overload.offer(times=5, seconds=SECONDS)
        overload.drain()
    print(overload.summary())
    stored = overload.stored()
    n_missing = sum(overload.acknowledged.values()) - sum(n for n, _ in stored.values())
    assert all(n == different for n, different in stored.values())
    assert n_missing > 0, "nothing was shed"
    # the nodes' last presence events wait in the same queue: a node that still counts as connected has lost its own
    ((n_stale,),) = stack.sql("SELECT count(*) FROM node WHERE connected AND node_id = ANY (%s)", list(stored))
    assert overload.dropped() == n_missing + n_stale
