"""A node comes to its user through the public SDK (rest.md 4.4): set up over Bluetooth, of which the device's side is here."""

import base64
import contextlib
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sdkkit import PROGRESS, SdkFailure
from stackkit import LAMP, wait_for
from test_sdk import fails, succeeds
from test_sdk_nodes import node_ids

DEVICE = {"name": "PROV_1", "transport": "ble", "security": 2, "connected": True}


def field(number, content):
    """A length-delimited field of protobuf; all here are short."""
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def fields(message):
    """{number: content} of a message that has only such fields."""
    found = {}
    while message:
        number, length = message[0] >> 3, message[1]
        found[number], message = message[2 : 2 + length], message[2 + length :]
    return found


class Device:
    """The node while it is set up: it learns user and secret over Bluetooth, joins the network, tells the broker."""

    def __init__(self, node):
        self.node, self.user_id, self.secret = node, None, None

    def send_data(self, name, endpoint, data):
        assert (name, endpoint) == ("PROV_1", "cloud_user_assoc")
        command = fields(fields(base64.b64decode(data))[10])
        self.user_id, self.secret = command[1].decode(), command[2].decode()
        answer = b"\x08\x01" + field(11, field(2, self.node.id.encode()))
        return base64.b64encode(answer).decode()

    def provision(self, name, ssid, passphrase):
        assert (name, ssid, passphrase) == ("PROV_1", "home", "wifi password")
        self.node.publish("config", LAMP | {"node_id": self.node.id})
        self.node.publish("user/mapping", {"node_id": self.node.id, "user_id": self.user_id, "secret_key": self.secret,
                                           "reset": True})
        return 0


@pytest.fixture
def device(phone, node):
    """The phone's view of a node that waits to be set up; `phone` talks to it."""
    of_node = Device(node)
    phone.answer = {"createESPDevice": DEVICE, "sendData": of_node.send_data, "provision": of_node.provision}
    return of_node


def test_a_node_that_is_set_up_is_the_user_s_and_in_his_group_and_time_zone(stack, phone, user, node, device):
    ann = phone.auth.login(user.name, user.password)
    ann.setTimeZone("Europe/Berlin")
    group = ann.createGroup({"name": "Home"})
    node.subscribe("params/remote")
    found = ann.createESPDevice("PROV_1", "ble", 2, "pop")
    found.provision("home", "wifi password", PROGRESS, group["id"])
    topic, payload = node.receive()  # the SDK's own poll comes every five seconds
    assert (topic, json.loads(payload)) == (f"node/{node.id}/params/remote", {"Time": {"TZ": "Europe/Berlin"}})
    said = [each["description"] for each in phone.told]
    assert "User node mapping succeed" in said and device.user_id == user.id
    assert stack.sql("SELECT user_id::text, role FROM node_user WHERE node_id = %s", node.id) == [(user.id, "primary")]
    assert node_ids(ann.getUserNodes()["nodes"]) == [node.id] == group.getNodesList()


def signature(node, challenge):
    """What the node answers over Bluetooth: it signs with the key of its certificate."""
    key = serialization.load_pem_private_key((node.folder / "node.key").read_bytes(), None)
    return key.sign(challenge.encode(), ec.ECDSA(hashes.SHA256())).hex()


def test_a_node_that_proves_its_key_is_mapped_at_once(stack, phone, user, node, device):
    ann = phone.auth.login(user.name, user.password)
    found = ann.createESPDevice("PROV_1", "ble", 2, "pop")
    asked = found.initiateUserNodeMapping({})
    answer = {"request_id": asked["request_id"], "node_id": node.id,
              "challenge_response": signature(node, asked["challenge"])}
    assert found.verifyUserNodeMapping(answer)["status"] == "success"
    assert stack.sql("SELECT user_id::text, role FROM node_user WHERE node_id = %s", node.id) == [(user.id, "primary")]
    assert node_ids(ann.getUserNodesWith({})["nodes"]) == [node.id]
    assert fails(found.verifyUserNodeMapping, answer)  # good once


def test_a_signature_of_another_node_maps_nothing(stack, phone, user, node, device):
    found = phone.auth.login(user.name, user.password).createESPDevice("PROV_1", "ble", 2, "pop")
    other = stack.node()
    asked = found.initiateUserNodeMapping({"timeout": 60})
    assert fails(found.verifyUserNodeMapping, {"request_id": asked["request_id"], "node_id": node.id,
                                               "challenge_response": signature(other, asked["challenge"])})
    assert stack.sql("SELECT FROM node_user WHERE user_id = %s", user.id) == []


# --- tags and metadata, which go with the mapping ---------------------------------------------------------------------


@pytest.fixture
def ann(phone, user):
    return phone.auth.login(user.name, user.password)


def kept(stack, node):
    tags = [row[0] for row in stack.sql("SELECT tag FROM node_tag WHERE node_id = %s ORDER BY 1", node.id)]
    metadata = stack.sql("SELECT metadata FROM node_metadata WHERE node_id = %s", node.id)
    return tags, metadata[0][0] if metadata else {}


def test_tags_are_attached_and_removed(stack, ann, lamp):
    node = ann.getNodeDetails(lamp.id)
    assert node["tags"] == []
    assert succeeds(node.attachTags(["room:hall", "floor:1"])) and succeeds(node.attachTags(["room:hall", "x:y"]))
    node = ann.getNodeDetails(lamp.id)
    assert sorted(node["tags"]) == ["floor:1", "room:hall", "x:y"] == kept(stack, lamp)[0]
    assert node_ids(ann.getUserNodesWith({"tags": "floor:1"})["nodes"]) == [lamp.id]
    assert ann.getUserNodesWith({"tags": "floor:2"})["nodes"] == []
    assert succeeds(node.removeTags())  # those that it knows of: all of them
    assert ann.getNodeDetails(lamp.id)["tags"] == [] and kept(stack, lamp) == ([], {})


def test_metadata_is_merged_and_deleted(stack, ann, lamp):
    node = ann.getNodeDetails(lamp.id)
    assert node["metadata"] == {}
    assert succeeds(node.updateMetadata({"serial": "A1", "place": {"x": 1}}))
    assert succeeds(node.updateMetadata({"serial": None, "note": "ü"}))
    assert ann.getNodeDetails(lamp.id)["metadata"] == {"place": {"x": 1}, "note": "ü"} == kept(stack, lamp)[1]
    assert succeeds(node.deleteMetadata())
    assert ann.getNodeDetails(lamp.id)["metadata"] == {} and kept(stack, lamp) == ([], {})


def test_a_node_that_was_never_asked_for_its_tags_loses_none(stack, ann, lamp):
    ann.getNodeDetails(lamp.id).attachTags(["a:b"])
    (node,) = ann.getUserNodesWith({})["nodes"]  # of which the SDK knows the id alone
    with contextlib.suppress(SdkFailure):
        node.removeTags()
    assert kept(stack, lamp)[0] == ["a:b"]


# --- nodes that have said little --------------------------------------------------------------------------------------


def test_a_node_that_has_not_reported_itself_hides_no_other(stack, ann, user, node, lamp):
    silent = stack.node().connect()
    user.claim(silent)
    lamp.publish("params/local/init", {"Light": {"Name": "Hall"}, "Time": {"TZ": "x"}})
    wait_for(lambda: user.params(lamp), what="the report")
    shown = {each["id"]: each for each in ann.getUserNodes()["nodes"]}
    assert set(shown) == {silent.id, lamp.id}
    assert shown[silent.id]["nodeConfig"]["devices"] == []
    assert ann.getNodeDetails(silent.id).getNodeConfig()["devices"] == []
    silent.stop()


@pytest.mark.parametrize("reported", [{}, {"Light": {"Power": True}}, {"Time": {"TZ": "x"}}], ids=json.dumps)
def test_a_node_that_has_not_reported_all_values_hides_no_other(stack, ann, user, lamp, reported):
    if reported:
        lamp.publish("params/local", reported)
        stack.settle()
    node = ann.getUserNodes()["nodes"][0]
    device, service = node["nodeConfig"]["devices"][0], node["nodeConfig"]["services"][0]
    assert {one["name"]: one["value"] for one in device["params"] if "value" in one} == reported.get("Light", {})
    assert {one["name"]: one["value"] for one in service["params"] if "value" in one} == reported.get("Time", {})
    if "Light" in reported:  # the SDK cannot ask for the values of a device that has reported none: docs/clients.md
        assert {one["name"]: one["value"] for one in device.getParams() if "value" in one} == reported["Light"]
