"""Who may connect, publish, subscribe and read: the real broker, real certificates.

A denied publish is acknowledged in MQTT 3.1.1, so "denied" is shown by an observer that reads everything: the denied
message is not among what it gets up to a marker that the same node publishes afterwards.
"""

import itertools
import os
import socket
import ssl
import subprocess

import pytest
from brokerkit import ONE_DAY, Broker, Client, Pki, Refused, free_ports
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

pytestmark = pytest.mark.broker

A = "node-A"
A2 = "node-A2"  # A is a prefix of it
B = "node_B"
GID = "g" * 32

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory, pki):
    with Broker(tmp_path_factory.mktemp("broker"), pki) as running:
        yield running


@pytest.fixture(scope="module")
def strict_broker(tmp_path_factory, pki):
    with Broker(tmp_path_factory.mktemp("strict"), pki, options={"acl_mode": "strict"}) as running:
        yield running


@pytest.fixture(scope="module")
def observer(broker):
    client = broker.observer()
    yield client
    client.disconnect()


@pytest.fixture(scope="module")
def a(broker):
    client = broker.node(A)
    yield client
    client.disconnect()


def seen_of(observer, publisher, publisher_id, topic, payload, retain=False, qos=1):
    """The topics under which the observer got the payload before the marker."""
    marker = f"marker-{next(numbers)}"
    publisher.publish(topic, payload, retain=retain, qos=qos)
    publisher.publish(f"node/{publisher_id}/alert", marker)
    messages = observer.take_until(lambda m: m.payload == marker.encode())
    return [m for m in messages if m.payload == payload.encode()]


# --- publish ----------------------------------------------------------------------------------------------------------

ALIASES = {
    "config": "esp_node_config",
    "params/local": "esp_set_params",
    "params/local/init": "esp_init_params",
    "alert": "esp_node_alert",
    "user/mapping": "esp_user_node_mapping",
    "otafetch": "esp_node_otafetch",
    "otastatus": "esp_node_otastatus",
    "tsdata": "esp_ts_ingest",
    "simple_tsdata": "esp_simple_ts_ingest",
    "from-node": "esp_cmd_resp",
    "diagnostics/from-node": "insights_message_delivery",
}

LISTED = [f"node/{A}/{suffix}" for suffix in ALIASES] + [
    f"$aws/rules/{rule}/node/{A}/{suffix}" for suffix, rule in ALIASES.items()
]

ALLOWED = LISTED + [
    f"node/{A}/status",
    f"node/{A}/params/local/{GID}",
    f"node/{A}/params/local/living room",
]

PRODUCT = [
    f"node/{A}/own",
    f"node/{A}/own/deep/er",
    f"node/{A}/v1.2/x",
    f"node/{A}/direct/params/local/g1",
]

DENIED = {
    "another node": f"node/{B}/params/local",
    "a node whose id begins with the own one": f"node/{A2}/params/local",
    "the own id in another case": f"node/{A.upper()}/params/local",
    "the own tree through a leading slash": f"/node/{A}/params/local",
    "an empty segment": f"node/{A}//params/local",
    "an empty segment inside": f"node/{A}/params//local",
    "a trailing slash": f"node/{A}/params/local/",
    "the bare node": f"node/{A}",
    "the bare node with a slash": f"node/{A}/",
    "dot segments": f"node/{A}/../{B}/params/local",
    "one dot": f"node/{A}/./params/local",
    "percent signs": f"node/{A}/%2e%2e/{B}/params/local",
    "something in front of node": f"x/node/{A}/params/local",
    "no tree at all": "hello",
    "presence": f"cistern/presence/{A}",
    "the broker's snapshot": "cistern/broker",
    "$SYS": "$SYS/broker/uptime",
    "$SYS bridge state": "$SYS/broker/connection/x/state",
    "$CONTROL": "$CONTROL/dynamic-security/v1",
    "$share": f"$share/g/node/{A}/params/local",
    "the own will-be stream": f"$aws/things/{A}/streams/s/get/cbor",
    "a command to itself": f"node/{A}/params/remote",
    "a group command to itself": f"node/{A}/params/remote/g1",
    "a textbook command to itself": f"node/{A}/remote",
    "a textbook group command to itself": f"node/{A}/remote/g1",
    "an OTA url to itself": f"node/{A}/otaurl",
    "a request to itself": f"node/{A}/to-node",
    "below a command to itself": f"node/{A}/params/remote/g1/x",
    "below to-node": f"node/{A}/to-node/x",
    "below a listed suffix": f"node/{A}/config/x",
    "a group id of 33": f"node/{A}/params/local/{GID}g",
    "two group ids": f"node/{A}/params/local/g1/g2",
    "an alias of another node": f"$aws/rules/esp_set_params/node/{B}/params/local",
    "an alias of a node whose id begins so": f"$aws/rules/esp_set_params/node/{A2}/params/local",
    "an alias with another topic's rule": f"$aws/rules/esp_node_config/node/{A}/params/local",
    "an alias with an unknown rule": f"$aws/rules/nonesuch/node/{A}/params/local",
    "an alias with an empty rule": f"$aws/rules//node/{A}/params/local",
    "an alias in two segments": f"$aws/rules/esp/set/node/{A}/params/local",
    "an alias of a group topic": f"$aws/rules/esp_set_params/node/{A}/params/local/g1",
    "an alias of init as set": f"$aws/rules/esp_set_params/node/{A}/params/local/init",
    "an alias of a command": f"$aws/rules/esp_set_params/node/{A}/params/remote",
    "an alias of the textbook's status": f"$aws/rules/esp_node_otastatus/node/{A}/status",
    "an alias of a product's topic": f"$aws/rules/esp_set_params/node/{A}/own",
    "an alias without a node": "$aws/rules/esp_set_params/params/local",
    "257 bytes": f"node/{A}/" + "x" * (257 - len(f"node/{A}/")),
}


@pytest.mark.parametrize("topic", ALLOWED + PRODUCT)
def test_a_node_can_publish(observer, a, topic):
    payload = f"payload-{next(numbers)}"
    got = seen_of(observer, a, A, topic, payload)
    assert [m.topic for m in got] == [topic]
    assert not got[0].retain


@pytest.mark.parametrize("what", DENIED)
def test_a_node_cannot_publish(observer, a, what):
    assert seen_of(observer, a, A, DENIED[what], f"payload-{next(numbers)}") == []


def test_a_topic_of_256_bytes_is_allowed(observer, a):
    topic = f"node/{A}/" + "x" * (256 - len(f"node/{A}/"))
    assert len(seen_of(observer, a, A, topic, f"payload-{next(numbers)}")) == 1


@pytest.mark.parametrize("qos", [0, 1])
def test_a_node_cannot_retain(observer, a, qos):
    topic = f"node/{A}/params/local"
    assert seen_of(observer, a, A, topic, f"payload-{next(numbers)}", retain=True, qos=qos) == []


@pytest.mark.parametrize("topic", PRODUCT)
def test_strict_mode_refuses_product_topics(strict_broker, topic):
    observer, node = strict_broker.observer(), strict_broker.node(A)
    assert seen_of(observer, node, A, topic, "x-product") == []
    observer.disconnect(), node.disconnect()


def test_strict_mode_keeps_the_listed_topics(strict_broker):
    observer, node = strict_broker.observer(), strict_broker.node(A)
    for topic in ALLOWED:
        payload = f"payload-{next(numbers)}"
        assert [m.topic for m in seen_of(observer, node, A, topic, payload)] == [topic]
    observer.disconnect(), node.disconnect()


def test_a_wildcard_in_a_topic_ends_the_connection(broker, observer):
    """The broker itself does that, before any plugin."""
    for topic in (f"node/{A2}/+", f"node/{A2}/#", "node/+/config"):
        node = broker.node(A2)
        node.publish(topic, "wild", wait=False)
        node.wait_closed()


# --- subscribe, read --------------------------------------------------------------------------------------------------

FILTERS_ALLOWED = [
    f"node/{A}/#",
    f"node/{A}/+",
    f"node/{A}/+/local",
    f"node/{A}/params/remote",
    f"node/{A}/params/remote/{GID}",
    f"node/{A}/remote",
    f"node/{A}/otaurl",
    f"node/{A}/to-node",
    f"node/{A}/params/+/#",
]

FILTERS_DENIED = {
    "everything": "#",
    "every first level": "+",
    "all nodes": "node/#",
    "all ids": "node/+/params/remote",
    "all ids, all topics": "node/+/#",
    "another node": f"node/{B}/params/remote",
    "another node, all topics": f"node/{B}/#",
    "a node whose id begins with the own one": f"node/{A2}/#",
    "a wildcard before the own id": f"+/{A}/#",
    "a leading slash": f"/node/{A}/#",
    "the bare node": f"node/{A}",
    "an empty segment": f"node/{A}//#",
    "a shared subscription": f"$share/g/node/{A}/#",
    "a shared subscription of all": "$share/g/#",
    "$SYS": "$SYS/#",
    "$SYS uptime": "$SYS/broker/uptime",
    "$CONTROL": "$CONTROL/#",
    "all of $": "$aws/#",
    "the own alias": f"$aws/rules/esp_set_params/node/{A}/params/local",
    "the own stream": f"$aws/things/{A}/streams/s/data/cbor",
    "presence": "cistern/presence/+",
    "257 bytes": f"node/{A}/" + "x" * (257 - len(f"node/{A}/")),
}


@pytest.mark.parametrize("topic_filter", FILTERS_ALLOWED)
def test_a_node_can_subscribe(a, topic_filter):
    assert a.subscribe(topic_filter) == 1
    a.unsubscribe(topic_filter)


@pytest.mark.parametrize("what", FILTERS_DENIED)
def test_a_node_cannot_subscribe(a, what):
    assert a.subscribe(FILTERS_DENIED[what]) == 0x80


def test_unsubscribing_from_what_was_never_subscribed_is_acknowledged(a):
    a.unsubscribe(f"node/{A}/otaurl")
    a.unsubscribe(f"node/{B}/otaurl")


def test_a_node_gets_its_own_tree_and_nothing_else(broker, a):
    service = broker.service("cistern.commands")
    b = broker.node(B)
    assert a.subscribe(f"node/{A}/#") == 1
    assert b.subscribe(f"node/{B}/#") == 1
    for suffix in ("params/remote", "params/remote/g1", "remote", "remote/g1", "otaurl", "to-node"):
        service.publish(f"node/{B}/{suffix}", "for B")
        service.publish(f"node/{A}/{suffix}", "for A")
    service.publish(f"node/{A}/otaurl", "end")
    service.publish(f"node/{B}/otaurl", "end")
    for node, node_id in ((a, A), (b, B)):
        got = node.take_until(lambda m: m.payload == b"end")
        assert len(got) == 7
        assert all(m.topic.startswith(f"node/{node_id}/") for m in got)
    a.unsubscribe(f"node/{A}/#")
    service.disconnect(), b.disconnect()


# --- services ---------------------------------------------------------------------------------------------------------

SERVICE_PUBLISHES_DENIED = {
    "as a node": f"node/{A}/params/local",
    "as a node, textbook": f"node/{A}/status",
    "a product's topic": f"node/{A}/own",
    "presence": f"cistern/presence/{A}",
    "an alias": f"$aws/rules/esp_set_params/node/{A}/params/local",
    "to no node": "node/a.b/params/remote",
}


@pytest.mark.parametrize("what", SERVICE_PUBLISHES_DENIED)
def test_the_daemon_cannot_publish(broker, observer, what):
    daemon = broker.service("cistern.commands")
    payload, marker = f"payload-{next(numbers)}", f"marker-{next(numbers)}"
    daemon.publish(SERVICE_PUBLISHES_DENIED[what], payload)
    daemon.publish(f"node/{A}/params/remote", marker)
    seen = observer.take_until(lambda m: m.payload == marker.encode())
    assert payload.encode() not in [m.payload for m in seen]
    daemon.disconnect()


def test_the_daemon_cannot_retain(broker, observer):
    daemon = broker.service("cistern.commands")
    daemon.publish(f"node/{A}/otaurl", "kept for ever", retain=True)
    daemon.publish(f"node/{A}/params/remote", "marker of retain")
    seen = observer.take_until(lambda m: m.payload == b"marker of retain")
    assert b"kept for ever" not in [m.payload for m in seen]
    daemon.disconnect()


@pytest.mark.parametrize("topic_filter", ["#", "node/#", "$SYS/#", "$share/g/node/+/#", "$aws/#", "+/+/#"])
def test_the_daemon_cannot_subscribe(observer, topic_filter):
    assert observer.subscribe(topic_filter) == 0x80


def test_the_daemon_can_subscribe_to_parts(broker):
    filters = ("node/+/params/local", "$aws/rules/esp_set_params/node/+/params/local", "cistern/presence/+")
    broker.service("cistern.parts", subscribe=filters).disconnect()


def test_the_health_probe_reads_uptime_and_nothing_else(broker):
    probe = broker.service("cistern.health", name="health")
    for topic_filter in ("node/+/#", "cistern/#", "$SYS/#", "$SYS/broker/clients/connected"):
        assert probe.subscribe(topic_filter) == 0x80
    assert probe.subscribe("$SYS/broker/uptime") == 1
    assert probe.take(lambda m: m.topic == "$SYS/broker/uptime", timeout=15).payload.endswith(b"seconds")
    probe.disconnect()


def test_the_health_probe_cannot_publish(broker, observer):
    probe = broker.service("cistern.health", name="health")
    probe.publish(f"node/{A}/params/remote", "from the probe")
    node = broker.node(B)
    node.publish(f"node/{B}/alert", "marker after the probe")
    seen = observer.take_until(lambda m: m.payload == b"marker after the probe")
    assert b"from the probe" not in [m.payload for m in seen]
    probe.disconnect(), node.disconnect()


# --- connect ----------------------------------------------------------------------------------------------------------


def refused(broker, certificate, client_id, port=None, **connect):
    """True when the connection does not come about, in whatever way."""
    try:
        client = Client(broker, *(certificate or (None, None)), port=port)
        code = client.connect(client_id, **connect)
        client.socket.close()
        return code != 0
    except Refused:
        return True


def test_a_node_connects(broker, pki):
    assert not refused(broker, pki.node(A2), A2)


@pytest.mark.parametrize(
    "client_id", [B, A, "", "cistern.ingest", "Node-A2", "node-A2 ", "node-A2/", "node-A2+", "$cisternd"]
)
def test_the_client_id_is_the_common_name(broker, pki, client_id):
    assert refused(broker, pki.node(A2), client_id)


@pytest.mark.parametrize(
    "common_name", ["a+b", "+", "#", "a/b", "a.b", "a b", "$cisternd", "a\x00b", "käse", "cistern.x", "x" * 65]
)
def test_a_common_name_outside_the_alphabet_is_refused(broker, pki, common_name):
    # A builder of certificates that keeps to the standard refuses more than 64, so that one is cut by hand.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name, _validate=len(common_name) <= 64)])
    assert refused(broker, pki.node_ca.issue(subject=subject), common_name.replace("\x00", "b"))


def test_a_common_name_of_64_is_accepted(broker, pki):
    assert not refused(broker, pki.node_ca.issue("x" * 64), "x" * 64)


def test_two_common_names_are_refused(broker, pki):
    for names in ((A2, B), (A2, A2)):
        certificate = pki.node_ca.issue(*names)
        assert refused(broker, certificate, A2)
        assert refused(broker, certificate, B)


def test_two_common_names_in_one_rdn_are_refused(broker, pki):
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, cn) for cn in (A2, B)]
    subject = x509.Name([x509.RelativeDistinguishedName(attributes)])
    assert refused(broker, pki.node_ca.issue(subject=subject), A2)


def test_no_common_name_is_refused(broker, pki):
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, A2)])
    assert refused(broker, pki.node_ca.issue(subject=subject), A2)


def test_other_subject_attributes_do_not_matter(broker, pki):
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, B), x509.NameAttribute(NameOID.COMMON_NAME, A2)]
    )
    assert not refused(broker, pki.node_ca.issue(subject=subject), A2)


def test_an_expired_certificate_is_refused(broker, pki):
    assert refused(broker, pki.node_ca.issue(A2, start=-2 * ONE_DAY, end=-ONE_DAY), A2)


def test_a_certificate_of_the_future_is_refused(broker, pki):
    assert refused(broker, pki.node_ca.issue(A2, start=ONE_DAY), A2)


def test_a_certificate_of_another_ca_is_refused(broker, pki):
    assert refused(broker, pki.other_ca.issue(A2), A2)


def test_no_certificate_is_refused(broker):
    assert refused(broker, None, A2)


def test_a_ca_certificate_is_no_node(broker, pki):
    assert refused(broker, pki.node_ca.issue(A2, ca=True), A2)


def test_a_server_certificate_is_no_node(broker, pki):
    assert refused(broker, pki.node_ca.issue(A2, usages=[ExtendedKeyUsageOID.SERVER_AUTH]), A2)


def test_a_certificate_without_usages_is_accepted(broker, pki):
    assert not refused(broker, pki.node_ca.issue(A2, usages=None), A2)


def test_a_service_certificate_is_no_node(broker, pki):
    assert refused(broker, pki.service_ca.issue(A2), A2)
    assert refused(broker, pki.service_ca.issue("cisternd"), "cistern.x")


def test_a_node_certificate_is_no_service(broker, pki):
    for name in ("cisternd", "health", A2):
        certificate = pki.node_ca.issue(name)
        assert refused(broker, certificate, "cistern.x", port=broker.service_port)
        assert refused(broker, certificate, name, port=broker.service_port)
        assert refused(broker, certificate, "cistern.x")


def test_a_node_called_cisternd_is_only_a_node(broker, pki, observer):
    """Claiming reserves the name, but access does not depend on that."""
    client = Client(broker, *pki.node_ca.issue("cisternd"))
    assert client.connect("cisternd") == 0
    assert client.subscribe("node/+/#") == 0x80
    assert client.subscribe("node/cisternd/#") == 1
    assert seen_of(observer, client, "cisternd", f"node/{A}/params/remote", "a forged command") == []
    client.disconnect()


def test_a_service_needs_a_known_name_and_its_own_client_ids(broker, pki):
    port = broker.service_port
    assert refused(broker, pki.service_ca.issue("nonesuch"), "cistern.x", port=port)
    assert refused(broker, pki.service("cisternd"), A2, port=port)
    assert refused(broker, pki.service("cisternd"), "cisternd", port=port)
    assert refused(broker, pki.service("health"), "cistern.ingest", port=port)
    assert not refused(broker, pki.service("cisternd"), "cistern.x", port=port)


def over_socket(path, client_id):
    """mosquitto_pub's exit code for a QoS 1 publish over a unix socket: 5 is CONNACK's `not authorised`, 0 a PUBACK."""
    return subprocess.run(["mosquitto_pub", "--unix", path, "-i", client_id, "-t", f"node/{A}/params/remote", "-m", "over the socket", "-q", "1"],
                          capture_output=True, timeout=20).returncode


def test_whoever_opens_the_service_socket_is_the_daemon_and_nobody_else(broker, observer):
    assert over_socket(broker.socket_path, "cistern.x") == 0
    observer.take_until(lambda m: m.payload == b"over the socket")
    for client_id in (A2, "cisternd", "health"):
        assert over_socket(broker.socket_path, client_id) == 5


def test_the_service_socket_is_closed_to_strangers(broker):
    assert os.stat(broker.socket_path).st_mode & 0o777 == 0o770


def test_a_unix_listener_that_is_not_the_service_socket_admits_nobody(tmp_path, pki):
    for options in ({"service_socket": None}, {"service_socket": "/nowhere/else.sock"}):
        folder = tmp_path / str(options["service_socket"]).replace("/", "_")
        folder.mkdir(mode=0o700)
        with Broker(folder, pki, options) as broker:
            assert over_socket(broker.socket_path, "cistern.x") == 5


def test_without_a_certificate_nobody_gets_in_over_tcp(tmp_path, pki):
    port = free_ports(1)[0]
    settings = [f"listener {port} 127.0.0.1"]
    with Broker(tmp_path, pki, settings=settings):
        result = subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-i", "cistern.x", "-t", "x", "-m", "x", "-q", "1"],
                                capture_output=True, timeout=20)
        assert result.returncode == 5


def test_a_username_is_ignored(broker, pki):
    platform = "?Platform=APN3|A0|RM|EX00|RMDev|1x0|AABBCC112233"
    assert not refused(broker, pki.node(A2), A2, username=platform)
    assert not refused(broker, pki.node(A2), A2, username=B, password="whatever")


def test_a_username_gives_nothing(broker, pki, observer):
    for username in (B, "$cisternd", "cisternd"):
        client = Client(broker, *pki.node(A2))
        assert client.connect(A2, username=username) == 0
        assert client.subscribe(f"node/{B}/#") == 0x80
        assert seen_of(observer, client, A2, f"node/{B}/params/local", f"as {username}") == []
        client.disconnect()


def test_alpn_is_accepted(broker, pki):
    client = Client(broker, *pki.node(A2), alpn=["x-amzn-mqtt-ca"])
    assert client.socket.selected_alpn_protocol() is None  # 2.0.11 answers none, which mbedTLS clients accept
    assert client.connect(A2) == 0
    client.disconnect()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_is_forward_secret_and_authenticated(broker, pki, version):
    client = Client(broker, *pki.node(A2), version=version)
    name = client.socket.cipher()[0]
    assert "GCM" in name or "CHACHA20" in name
    assert version == ssl.TLSVersion.TLSv1_3 or name.startswith("ECDHE-")
    assert client.connect(A2) == 0
    client.disconnect()


def test_mqtt5_is_accepted_and_its_own_authentication_is_not(broker, pki):
    def connect5(properties):
        body = b"\x00\x04MQTT\x05\x02\x00\x78" + bytes([len(properties)]) + properties
        body += b"\x00" + bytes([len(A2)]) + A2.encode()
        client = Client(broker, *pki.node(A2))
        client.send(bytes([0x10, len(body)]) + body)
        _, answer = client._expect(0x20)
        client.socket.close()
        return answer[1]

    assert connect5(b"") == 0
    assert connect5(b"\x15\x00\x05PLAIN" + b"\x16\x00\x02hi") == 0x8C  # bad authentication method


# --- a listener set up wrongly ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def careless_broker(tmp_path_factory, pki):
    """One more listener that lets in whoever has a certificate of either CA, and one without TLS."""
    folder = tmp_path_factory.mktemp("careless")
    both = folder / "both.pem"
    both.write_bytes(
        pki.node_ca.path.read_bytes() + pki.service_ca.path.read_bytes() + pki.other_ca.path.read_bytes()
    )
    broker = Broker(folder, pki)
    broker.mixed_port, broker.plain_port = free_ports(2)
    broker.settings = [
        f"listener {broker.plain_port} 127.0.0.1",
        f"listener {broker.mixed_port} 127.0.0.1",
        f"cafile {both}",
        f"certfile {pki.server[0]}",
        f"keyfile {pki.server[1]}",
        "require_certificate true",
    ]
    with broker:
        yield broker


def test_the_signature_decides_even_where_the_listener_lets_all_in(careless_broker, pki):
    broker = careless_broker
    port = broker.mixed_port
    assert not refused(broker, pki.node(A2), A2, port=port)
    assert not refused(broker, pki.service("cisternd"), "cistern.x", port=port)
    assert refused(broker, pki.node_ca.issue("cisternd"), "cistern.x", port=port)
    assert refused(broker, pki.service_ca.issue(A2), A2, port=port)
    assert refused(broker, pki.other_ca.issue(A2), A2, port=port)
    assert refused(broker, pki.other_ca.issue("cisternd"), "cistern.x", port=port)


def test_a_ca_of_the_same_name_is_not_the_ca(careless_broker, pki):
    false_ca = type(pki.other_ca).__new__(type(pki.other_ca))
    false_ca.__dict__.update(pki.other_ca.__dict__, name="node-ca", folder=careless_broker.folder)
    assert refused(careless_broker, false_ca.issue(A2), A2, port=careless_broker.mixed_port)


def test_a_listener_without_tls_lets_nobody_in(careless_broker):
    plain = socket.create_connection(("127.0.0.1", careless_broker.plain_port), timeout=10)
    for_node = b"\x00\x04MQTT\x04\x82\x00\x78" + b"\x00\x07node-A2" + b"\x00\x07node-A2"
    plain.sendall(bytes([0x10, len(for_node)]) + for_node)
    assert plain.recv(4) == b"\x20\x02\x00\x05"
    plain.close()


# --- wills ------------------------------------------------------------------------------------------------------------


def will_seen(broker, observer, will):
    """Whether the observer got the will of a node that died. The presence event comes after it."""
    node_id = f"dying-{next(numbers)}"
    topic = will[0].replace("{id}", node_id)
    node = broker.node(node_id, will=(topic, "last words", will[1]))
    node.publish(f"node/{node_id}/alert", "alive")
    node.drop()
    gone = f"cistern/presence/{node_id}"
    seen = observer.take_until(lambda m: m.topic == gone and m.json["event"] == "disconnected")
    return [m.topic for m in seen if m.payload == b"last words"] == [topic]


@pytest.mark.parametrize("topic", ["node/{id}/params/local", "node/{id}/params/local/g1", "node/{id}/own"])
def test_a_will_inside_the_own_tree_is_delivered(broker, observer, topic):
    assert will_seen(broker, observer, (topic, False))


@pytest.mark.parametrize(
    "topic",
    [
        f"node/{B}/params/local",
        f"node/{B}/params/remote",
        "node/{id}x/params/local",
        "node/{id}/params/remote",
        "node/{id}/otaurl",
        "node/{id}",
        "cistern/presence/node_B",
        "$SYS/broker/uptime",
        "$aws/rules/esp_set_params/node/node_B/params/local",
        "node/{id}/" + "x" * 250,
    ],
)
def test_a_will_outside_is_not(broker, observer, topic):
    assert not will_seen(broker, observer, (topic, False))


def test_a_retained_will_is_not_delivered(broker, observer):
    assert not will_seen(broker, observer, ("node/{id}/params/local", True))


# --- nothing is left behind -------------------------------------------------------------------------------------------


def test_nothing_at_all_is_retained(broker):
    """After all of the above, in whatever order: a new subscriber gets live messages only."""
    late = broker.observer("cistern.late")
    node = broker.node(A2)
    node.publish(f"node/{A2}/alert", "marker of the late one")
    seen = late.take_until(lambda m: m.payload == b"marker of the late one")
    assert not [m for m in seen if m.retain]
    late.disconnect(), node.disconnect()


def test_denials_are_counted_by_reason_and_logged_within_limits(tmp_path, pki):
    with Broker(tmp_path, pki) as broker:
        observer, node = broker.observer(), broker.node("noisy")
        for i in range(500):
            node.publish("node/victim/params/local", f"{i}", wait=False)
        node.ping()
        counters = observer.take(
            lambda m: m.topic == "cistern/counters" and m.json["denied"]["tree_foreign"] == 500, timeout=25
        ).json
        assert counters["denied"]["retained"] == 0 and counters["live"] == 1
        node.publish("node/victim/\x20\u00e9", "x")  # the bucket of lines has filled again meanwhile
        node.ping()
        lines = [line for line in broker.log().splitlines() if "event=plugin.denied" in line]
        assert 20 <= len(lines) <= 25
        assert "what=publish reason=tree_foreign client=noisy topic=node/victim/params/local left_out=0" in lines[0]
        assert "topic=node/victim/\\x20\\xc3\\xa9 left_out=4" in lines[-1]
        observer.disconnect(), node.disconnect()
