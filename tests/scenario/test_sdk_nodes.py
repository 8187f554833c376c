"""Nodes through the public SDK (rest.md 4): what it shows is what nodes reported, and what it sets reaches them."""

import json

import pytest

from stackkit import LAMP, REPORTED, unique, wait_for
from test_sdk import fails, succeeds

def node_ids(nodes):
    return [each["id"] for each in nodes]


def all_pages(page):
    """The nodes of this page and of all behind it, and how many each page had."""
    nodes, sizes = list(page["nodes"]), [len(page["nodes"])]
    while page["hasNext"]:
        page = page.fetchNext()
        nodes += page["nodes"]
        sizes.append(len(page["nodes"]))
    return nodes, sizes


def received(node):
    topic, payload = node.receive()
    assert topic == f"node/{node.id}/params/remote"
    return json.loads(payload)


def param(device, name):
    (found,) = [each for each in device["params"] if each["name"] == name]
    return found


@pytest.fixture
def ann(phone, user):
    """The SDK's user, who is `user`."""
    return phone.auth.login(user.name, user.password)


@pytest.fixture
def stranger(new_phone, new_user):
    """The SDK's user of another account, on another phone."""
    other = new_user()
    return new_phone().auth.login(other.name, other.password)


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_nobody_s_list_of_nodes_is_empty(ann):
    page = ann.getUserNodes()
    assert page["nodes"] == [] and page["hasNext"] is False


def shown(node):
    """A node as the SDK shows it, by the names of the configuration."""
    config = node["nodeConfig"]
    return {
        "config_version": config["configVersion"],
        "info": {"name": config["info"]["name"], "fw_version": config["info"]["firmwareVersion"],
                 "type": config["info"]["type"], "model": config["info"]["model"]},
        "values": {each["name"]: {one["name"]: one["value"] for one in each["params"] if "value" in one}
                   for each in config["devices"] + config["services"]},
        "primary": [each["primaryParam"]["name"] for each in config["devices"]],
    }


@pytest.mark.parametrize("how", ["list", "details", "config"])
def test_a_node_is_shown_as_it_reported_itself(ann, full_lamp, how):
    if how == "list":
        (node,) = ann.getUserNodes()["nodes"]
    else:
        node = ann.getNodeDetails(full_lamp.id)
    assert (node["id"], node["isPrimaryUser"]) == (full_lamp.id, True)
    assert node["connectivityStatus"]["isConnected"] is True
    expected = {"config_version": LAMP["config_version"], "info": LAMP["info"], "values": REPORTED, "primary": ["Power"]}
    if how == "config":  # which knows of no values
        node = {"nodeConfig": node.getNodeConfig()}
        expected["values"] = {"Light": {}, "Time": {}}
    assert shown(node) == expected
    assert node["nodeConfig"]["devices"][0]["displayName"] == ("Light" if how == "config" else "Hall")


def test_bounds_and_properties_come_as_the_node_gave_them(ann, full_lamp):
    device = ann.getNodeDetails(full_lamp.id)["nodeConfig"]["devices"][0]
    for given in LAMP["devices"][0]["params"]:
        found = param(device, given["name"])
        assert (found["type"], found["dataType"], found["properties"]) == (given["type"], given["data_type"],
                                                                          given["properties"])
        assert found.get("bounds") == given.get("bounds")


def test_pages_hold_every_node_once(stack, ann, user):
    prefix = unique("page")
    ids = [f"{prefix}-{i}" for i in range(5)]
    stack.sql("INSERT INTO node (node_id) SELECT unnest(%s)", ids)
    stack.sql("INSERT INTO node_user (node_id, user_id, role) SELECT unnest(%s), %s, 'primary'", ids, user.id)
    nodes, sizes = all_pages(ann.getUserNodesWith({"resultCount": 2}))
    assert node_ids(nodes) == sorted(ids) and sizes == [2, 2, 1]
    nodes, sizes = all_pages(ann.getUserNodesWith({"resultCount": 5}))
    assert node_ids(nodes) == sorted(ids) and sizes == [5]
    stack.sql("DELETE FROM node WHERE node_id = ANY(%s)", ids)


def test_whether_a_node_is_there_is_told_and_since_when(stack, ann, full_lamp):
    node = ann.getNodeDetails(full_lamp.id)
    status = node.getConnectivityStatus()
    ((at_ms,),) = stack.sql("SELECT us_of(presence_at) / 1000 FROM node WHERE node_id = %s", full_lamp.id)
    assert (status["isConnected"], status["lastConnectionTimestamp"]) == (True, at_ms)
    full_lamp.stop()
    wait_for(lambda: node.getConnectivityStatus()["isConnected"] is False, what="the node off line")
    assert ann.getNodeDetails(full_lamp.id)["connectivityStatus"]["isConnected"] is False


def test_the_values_of_a_device_are_the_latest_that_were_reported(ann, full_lamp):
    device = ann.getNodeDetails(full_lamp.id)["nodeConfig"]["devices"][0]
    full_lamp.publish("params/local", {"Light": {"Level": 7}})
    wait_for(lambda: param({"params": device.getParams()}, "Level")["value"] == 7, what="the report")
    values = {each["name"]: each["value"] for each in device.getParams()}
    assert values == REPORTED["Light"] | {"Level": 7}


def test_another_s_node_is_answered_as_one_that_is_not_there(ann, stranger, full_lamp):
    assert fails(stranger.getNodeDetails, full_lamp.id, status=404, code=105001)
    assert fails(stranger.getNodeDetails, unique("nothing"), status=404, code=105001)
    assert stranger.getUserNodes()["nodes"] == []
    assert node_ids(ann.getUserNodes()["nodes"]) == [full_lamp.id]


# --- what is set ------------------------------------------------------------------------------------------------------


def test_a_parameter_that_is_set_reaches_the_node_and_its_report_comes_back(ann, user, full_lamp):
    device = ann.getNodeDetails(full_lamp.id)["nodeConfig"]["devices"][0]
    (item,) = param(device, "Power").setValue(False)
    assert (item["node_id"], item["status"]) == (full_lamp.id, "success")
    assert received(full_lamp) == {"Light": {"Power": False}}
    assert param({"params": device.getParams()}, "Power")["value"] is True  # until the node says otherwise
    full_lamp.publish("params/local", {"Light": {"Power": False}})
    wait_for(lambda: param({"params": device.getParams()}, "Power")["value"] is False, what="the report")
    assert user.params(full_lamp)["Light"]["Power"] is False


def test_the_value_of_a_service_is_set_likewise(ann, full_lamp):
    node = ann.getNodeDetails(full_lamp.id)
    param(node["nodeConfig"]["services"][0], "TZ").setValue("Europe/Oslo")
    assert received(full_lamp) == {"Time": {"TZ": "Europe/Oslo"}}
    node.setTimeZone("Asia/Kolkata")
    assert received(full_lamp) == {"Time": {"TZ": "Asia/Kolkata"}}


def test_several_values_of_a_node_go_as_one_message(ann, full_lamp):
    (item,) = ann.getNodeDetails(full_lamp.id).setMultipleParams({"Light": [{"Power": True}, {"Level": 20}],
                                                             "Time": [{"TZ": "Etc/UTC"}]})
    assert item["status"] == "success"
    assert received(full_lamp) == {"Light": {"Power": True, "Level": 20}, "Time": {"TZ": "Etc/UTC"}}


def test_a_value_that_the_node_does_not_take_is_refused_and_not_sent(ann, full_lamp):
    node = ann.getNodeDetails(full_lamp.id)
    for value in (101, "10", True):
        (item,) = param(node["nodeConfig"]["devices"][0], "Level").setValue(value)
        assert item["status"] == "failure" and item["error_code"] == 105003 and item["description"]
    node.setMultipleParams({"Light": [{"Level": 100}]})
    assert received(full_lamp) == {"Light": {"Level": 100}}  # the first that was sent


def test_of_several_nodes_each_has_its_own_result(ann, user, full_lamp, new_user, stack):
    foreign = stack.node().connect()
    foreign.publish("config", LAMP | {"node_id": foreign.id})
    new_user().claim(foreign)
    foreign.subscribe("params/remote")
    payload = {"Light": [{"Power": True}]}
    results = ann.setMultipleNodesParams([{"nodeId": each, "payload": payload}
                                          for each in (foreign.id, full_lamp.id, "no-such-node")])
    assert [each["status"] for each in results] == ["failure", "success", "failure"]
    assert [each["node_id"] for each in results] == [foreign.id, full_lamp.id, "no-such-node"]
    assert {key: each for key, each in results[0].items() if key != "node_id"} == {
        key: each for key, each in results[2].items() if key != "node_id"}
    assert received(full_lamp) == {"Light": {"Power": True}}
    foreign.publish("params/local", {"Light": {"Power": True}})  # what came before its acknowledgement is here
    assert foreign.messages.empty()
    foreign.stop()


# --- letting go of a node ---------------------------------------------------------------------------------------------


def test_a_node_that_is_deleted_is_nobody_s(stack, ann, full_lamp):
    node = ann.getNodeDetails(full_lamp.id)
    assert succeeds(node.delete())
    assert stack.sql("SELECT FROM node_user WHERE node_id = %s", full_lamp.id) == []
    assert ann.getUserNodes()["nodes"] == []
    assert fails(node.getConnectivityStatus, status=404, code=105001)
    assert fails(node.delete)
