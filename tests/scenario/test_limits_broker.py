"""How much a node may do at the real broker: the offender is cut, others do not notice."""

import json

import pytest
from brokerkit import Broker, Client, Pki, Refused
from revocationkit import refused

pytestmark = pytest.mark.broker

LIMITS = {
    "connects_per_minute": "5",
    "messages_per_second": "1",
    "messages_burst": "20",
    "bytes_per_second": "1000",
    "bytes_burst": "20000",
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory, pki):
    with Broker(tmp_path_factory.mktemp("broker"), pki, options=LIMITS) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture
def observer(broker):
    client = broker.observer()
    yield client
    client.disconnect()


def ended(node_id):
    return lambda m: m.topic == f"cistern/presence/{node_id}" and m.json["event"] == "disconnected"


def test_the_burst_is_allowed(broker, observer):
    node = broker.node("within")
    for i in range(20):
        node.publish("node/within/alert", str(i))
    node.ping()
    seen = observer.take_until(lambda m: m.payload == b"19")
    assert [m.payload for m in seen if m.topic == "node/within/alert"] == [str(i).encode() for i in range(20)]


def test_too_many_messages_cut_and_what_was_acknowledged_is_delivered(broker, observer):
    bystander, node = broker.node("bystander"), broker.node("chatty")
    acknowledged = 0
    with pytest.raises(Refused):
        for _ in range(200):
            node.publish("node/chatty/alert", "x")
            acknowledged += 1
    seen = observer.take_until(ended("chatty"))
    assert seen[-1].json["reason"] == "message_rate"
    delivered = len([m for m in seen if m.topic == "node/chatty/alert"])
    print(f"\nburst 20: {delivered} delivered, {acknowledged} acknowledged before the cut")
    assert 20 <= acknowledged <= delivered
    bystander.publish("node/bystander/alert", "did not notice")
    bystander.ping()


def test_too_many_bytes_cut(broker, observer):
    node = broker.node("heavy")
    node.publish("node/heavy/alert", "x" * 19000)
    node.ping()
    with pytest.raises(Refused):
        for _ in range(10):
            node.publish("node/heavy/alert", "x" * 5000)
    assert observer.take(ended("heavy")).json["reason"] == "byte_rate"


def test_denied_messages_count_too(broker, observer):
    node = broker.node("probing")
    with pytest.raises(Refused):
        for _ in range(200):
            node.publish("node/other/alert", "x")
    assert observer.take(ended("probing")).json["reason"] == "message_rate"


def test_a_flood_without_waiting_is_cut(broker, observer):
    node = broker.node("flood")
    with pytest.raises(Refused):
        for _ in range(100000):
            node.publish("node/flood/alert", "x", qos=0)
        node.ping()
    assert observer.take(ended("flood")).json["reason"] == "message_rate"


def test_too_many_connects_are_refused_and_others_are_not(tmp_path, pki):
    with Broker(tmp_path, pki, options=LIMITS) as broker:
        for _ in range(5):
            broker.node("restless").disconnect()
        assert refused(Client(broker, *pki.node("restless")), "restless")
        assert "reason=connect_rate client=restless" in broker.log()
        broker.node("calm").disconnect()
        # Another's certificate does not use up the allowance of the node it names.
        for _ in range(8):
            assert refused(Client(broker, *pki.node("restless")), "victim")
        broker.node("victim").disconnect()


def test_a_live_session_is_not_harmed_by_refused_connects(broker, pki):
    node = broker.node("home")
    for _ in range(4):
        node = broker.node("home")
    assert refused(Client(broker, *pki.node("home")), "home")
    node.ping()


def test_services_have_no_limits(broker):
    service = broker.service("cistern.commands")
    for _ in range(100):
        service.publish("node/within/otaurl", "x" * 1000)
    service.ping()


def test_limits_and_counts_are_visible(broker, observer, pki):
    node = broker.node("counted")
    with pytest.raises(Refused):
        for _ in range(200):
            node.publish("node/counted/alert", "x")
    counters = observer.take(
        lambda m: m.topic == "cistern/counters" and m.json["kicks"]["message_rate"] > 0, timeout=30
    ).json
    assert counters["limits"] == {name: int(value) for name, value in LIMITS.items()}
    assert set(counters["revocation"]) == {"version", "nodes", "certificates", "local", "alarm"}
    assert counters["denied"]["connect_rate"] >= 0
    assert json.dumps(counters)


def test_the_limits_as_shipped(tmp_path, pki):
    shipped = dict.fromkeys(LIMITS)  # takes our own lines out, so that the plugin's defaults count
    with Broker(tmp_path, pki, options=shipped) as broker:
        observer = broker.observer()
        counters = observer.take(lambda m: m.topic == "cistern/counters", timeout=30).json
        assert counters["limits"] == {
            "connects_per_minute": 30,
            "messages_per_second": 100,
            "messages_burst": 1000,
            "bytes_per_second": 131072,
            "bytes_burst": 1048576,
        }
        for _ in range(30):
            broker.node("restless").disconnect()
        assert refused(Client(broker, *pki.node("restless")), "restless")
