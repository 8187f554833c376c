"""What the broker saved, cut short by a full disk: it starts all the same (tools/run.d/whole-db)."""

import signal
import subprocess

import pytest

import brokerkit

WHOLE_DB = brokerkit.REPO / "tools" / "run.d" / "whole-db"
pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A broker's folder with fifteen messages for a consumer that is away: the broker, its file, that file's bytes."""
    folder = tmp_path_factory.mktemp("broker")
    broker = brokerkit.Broker(folder, brokerkit.Pki(folder)).start()
    broker.service("cistern.ingest", subscribe=["node/+/alert"], clean=False).disconnect()
    node = broker.node("n1")
    for n in range(15):
        node.publish("node/n1/alert", str(n))
    assert broker.stop() == 0
    file = broker.store / "mosquitto.db"
    return broker, file, file.read_bytes()


def test_the_broker_alone_does_not_start_from_the_beginning_of_a_file(saved):
    """Why there is a whole-db: when a newer broker does, it is no longer needed."""
    broker, file, whole = saved
    file.write_bytes(whole[:700])
    with pytest.raises(AssertionError, match="broker ended"):
        broker.start()


@pytest.mark.parametrize("left", [0, 10, 22, 23, 30, 700, -1])
def test_the_broker_starts_from_whatever_is_left_of_its_file(saved, left):
    broker, file, whole = saved
    file.write_bytes(whole[:left])
    subprocess.run([WHOLE_DB, file], check=True)
    broker.start()
    broker.service("cistern.ingest", clean=False).drop()
    broker.stop(signal.SIGKILL)


def test_a_whole_file_is_left_as_it_is_with_all_its_messages(saved):
    broker, file, whole = saved
    file.write_bytes(whole)
    assert subprocess.run([WHOLE_DB, file], check=True, capture_output=True).stderr == b""
    assert file.read_bytes() == whole
    broker.start()
    consumer = broker.service("cistern.ingest", clean=False)
    assert consumer.session_present
    messages = consumer.take_until(lambda message: message.payload == b"14")
    assert [message.payload for message in messages] == [str(n).encode() for n in range(15)]
    broker.stop(signal.SIGKILL)


def test_what_is_no_file_of_the_broker_is_put_aside(saved):
    _, file, _ = saved
    file.write_bytes(b"something else, longer than a header")
    subprocess.run([WHOLE_DB, file], check=True, capture_output=True)
    assert not file.exists() and file.with_name("mosquitto.db.damaged").read_bytes().startswith(b"something else")


def test_no_file_is_no_failure(tmp_path):
    subprocess.run([WHOLE_DB, tmp_path / "mosquitto.db"], check=True)
