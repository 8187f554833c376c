"""An app's wish reaches the node, and only the node's own report changes what is stored (mqtt.md 4.3, rest.md 4.3)."""

import json
import os
import signal
import time

import pytest

from stackkit import LAMP, unique, wait_for

PARAMS = "/v1/user/nodes/params"
RICH = LAMP | {
    "devices": LAMP["devices"] + [{
        "name": "Box", "type": "esp.device.other",
        "params": [
            {"name": "Ratio", "data_type": "float", "properties": ["read", "write"], "bounds": {"min": -1.5, "max": 1.5}},
            {"name": "Mode", "data_type": "string", "properties": ["read", "write"], "valid_strs": ["eco", "boost"]},
            {"name": "Set", "data_type": "object", "properties": ["read", "write"]},
            {"name": "List", "data_type": "array", "properties": ["read", "write"], "bounds": {"max": 2}},
            {"name": "Big", "data_type": "int", "properties": ["read", "write"]},
            {"name": "Odd", "data_type": "invalid", "properties": ["read", "write"]},
        ],
    }],
}


def put_list(user, *items):
    return user.put(PARAMS, [{"node_id": node_id, "payload": payload} for node_id, payload in items])


def put_object(user, node, payload):
    return user.put(PARAMS, payload, node_id=node.id)


def succeeded(answer):
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return all(item["status"] == "success" for item in (body if isinstance(body, list) else [body]))


@pytest.fixture
def rich(node, user):
    """A mapped node with a parameter of every type, subscribed."""
    node.publish("config", RICH | {"node_id": node.id})
    user.claim(node)
    node.subscribe("params/remote")
    return node


@pytest.fixture
def raw(stack, user):
    """A mapped lamp whose deliveries show QoS and the retain flag: (node, client)."""
    node = stack.node()
    client = node.raw()
    client.publish(f"node/{node.id}/config", json.dumps(LAMP | {"node_id": node.id}))
    node.publish = lambda suffix, payload: client.publish(f"node/{node.id}/{suffix}", json.dumps(payload))
    user.claim(node)
    yield node, client
    client.disconnect()


# --- delivery ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["list", "object"])
def test_a_put_reaches_the_node_on_both_topics_compact_qos_1_not_retained(stack, user, raw, form):
    node, client = raw
    for suffix in ("params/remote", "remote"):
        assert client.subscribe(f"node/{node.id}/{suffix}") == 1
    body = {"Light": {"Power": False, "Level": 10, "Name": "hall / é"}}
    answer = put_list(user, (node.id, body)) if form == "list" else put_object(user, node, body)
    assert succeeded(answer)
    first = client.take(lambda message: True)
    second = client.take(lambda message: True)
    assert [first.topic, second.topic] == [f"node/{node.id}/params/remote", f"node/{node.id}/remote"]
    for message in (first, second):
        assert message.payload.decode() == '{"Light":{"Power":false,"Level":10,"Name":"hall / é"}}'
        assert (message.qos, message.retain) == (1, False)


def test_a_late_subscriber_gets_nothing(stack, user, raw):
    node, client = raw
    assert succeeded(put_object(user, node, {"Light": {"Power": True}}))
    client.subscribe(f"node/{node.id}/params/remote")
    client.subscribe(f"node/{node.id}/remote")
    assert succeeded(put_object(user, node, {"Light": {"Power": False}}))
    assert client.take(lambda message: True).json == {"Light": {"Power": False}}


def test_what_the_node_s_small_tokenizer_cannot_read_is_rewritten(stack, user, lamp):
    """Blanks, `\\/` and \\u escapes; forms of numbers stay."""
    text = '{ "Light" : { "Name" : "a\\/b \\u00e9\\ud83d\\ude00 \\"q\\" \\\\ \\n" ,\n"Level" : 7 } }'
    answer = user.request("PUT", PARAMS, data=text.encode(), params={"node_id": lamp.id},
                          headers={"Content-Type": "text/plain;charset=UTF-8"})
    assert succeeded(answer)
    _, payload = lamp.receive()
    assert payload.decode() == '{"Light":{"Name":"a/b é😀 \\"q\\" \\\\ \\n","Level":7}}'


def test_the_answer_of_a_list_is_a_list_in_its_order(stack, user, lamp):
    second = stack.node().connect()
    second.publish("config", LAMP | {"node_id": second.id})
    user.claim(second)
    answer = put_list(user, (second.id, {"Light": {"Power": True}}), (lamp.id, {"Light": {"Power": True}}))
    assert [(item["node_id"], item["status"]) for item in answer.json()] == [(second.id, "success"), (lamp.id, "success")]
    second.stop()


def test_the_order_of_wishes_is_kept(stack, user, lamp):
    for level in range(30):
        assert succeeded(put_object(user, lamp, {"Light": {"Level": level}}))
    assert [json.loads(lamp.receive()[1])["Light"]["Level"] for _ in range(30)] == list(range(30))


def test_a_secondary_user_may_set_too(stack, user, lamp, new_user):
    guest = new_user()
    stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'secondary')", lamp.id, guest.id)
    assert succeeded(put_object(guest, lamp, {"Light": {"Power": True}}))
    assert json.loads(lamp.receive()[1]) == {"Light": {"Power": True}}


def test_a_node_off_line_with_a_persistent_session_gets_it_when_it_returns(stack, user):
    node = stack.node()
    client = node.raw(clean=False)
    client.publish(f"node/{node.id}/config", json.dumps(LAMP | {"node_id": node.id}))
    node.publish = lambda suffix, payload: client.publish(f"node/{node.id}/{suffix}", json.dumps(payload))
    user.claim(node)
    client.subscribe(f"node/{node.id}/params/remote")
    client.disconnect()
    assert succeeded(put_object(user, node, {"Light": {"Power": True}}))
    client = node.raw(clean=False)
    assert client.take(lambda message: True).json == {"Light": {"Power": True}}
    client.disconnect()


# --- state ------------------------------------------------------------------------------------------------------------


def test_the_stored_state_changes_only_by_the_node_s_report(stack, user, lamp):
    lamp.publish("params/local", {"Light": {"Power": True, "Level": 40}})
    stack.settle()
    assert succeeded(put_object(user, lamp, {"Light": {"Power": False, "Level": 10}}))
    lamp.receive()
    stack.settle()
    assert user.params(lamp) == {"Light": {"Power": True, "Level": 40}}
    lamp.publish("params/local", {"Light": {"Power": False}})  # it did not take the level
    wait_for(lambda: user.params(lamp) == {"Light": {"Power": False, "Level": 40}}, what="the report")


# --- refusals ---------------------------------------------------------------------------------------------------------

# what is wished, a word of the reason
REFUSED = [
    ({"Fan": {"Power": True}}, "unknown device"),
    ({"Light": {"Speed": 1}}, "unknown parameter"),
    ({"Light": {"power": True}}, "unknown parameter"),
    ({"Light": {"Heat": 21.5}}, "read-only"),
    ({"Light": {"Power": 1}}, "type bool"),
    ({"Light": {"Power": "true"}}, "type bool"),
    ({"Light": {"Power": None}}, "type bool"),
    ({"Light": {"Level": 10.0}}, "type int"),
    ({"Light": {"Level": "10"}}, "type int"),
    ({"Light": {"Level": True}}, "type int"),
    ({"Light": {"Level": 101}}, "bounds"),
    ({"Light": {"Level": -1}}, "bounds"),
    ({"Light": {"Name": 7}}, "type string"),
    ({"Box": {"Ratio": 1.6}}, "bounds"),
    ({"Box": {"Ratio": -2}}, "bounds"),
    ({"Box": {"Ratio": "1"}}, "type float"),
    ({"Box": {"Mode": "turbo"}}, "allowed"),
    ({"Box": {"Set": []}}, "type object"),
    ({"Box": {"List": {}}}, "type array"),
    ({"Box": {"List": [1, 2, 3]}}, "elements"),
    ({"Box": {"Odd": 1}}, "type"),
    ({"Light": {"Power": True, "Level": 101}}, "bounds"),
    ({"Light": {"Power": True}, "Fan": {"Power": True}}, "unknown device"),
    ({"Light": {}}, ""),
    ({"Light": 1}, ""),
    ({}, ""),
]


@pytest.mark.parametrize("payload, reason", REFUSED, ids=[json.dumps(payload)[:40] for payload, _ in REFUSED])
def test_a_wish_outside_the_configuration_fails_with_its_reason_and_is_not_sent(stack, user, rich, payload, reason):
    (item,) = put_list(user, (rich.id, payload)).json()
    assert (item["node_id"], item["status"]) == (rich.id, "failure")
    assert isinstance(item["error_code"], int) and reason in item["description"]
    answer = put_object(user, rich, payload)
    assert 400 <= answer.status_code < 500
    assert answer.json()["status"] == "failure" and reason in answer.json()["description"]
    assert succeeded(put_object(user, rich, {"Light": {"Power": True}}))
    assert json.loads(rich.receive()[1]) == {"Light": {"Power": True}}  # the first that was sent


ALLOWED = [
    '{"Light":{"Level":0}}', '{"Light":{"Level":100}}', '{"Box":{"Ratio":1}}', '{"Box":{"Ratio":-1.50}}', '{"Box":{"Ratio":1e0}}',
    '{"Box":{"Mode":"boost"}}', '{"Box":{"Set":{"any":[1,{"thing":null}]}}}', '{"Box":{"List":[]}}', '{"Box":{"List":[1,"2"]}}',
    '{"Box":{"Big":9223372036854775807}}', '{"Time":{"TZ":"Europe/Paris"}}', '{"Light":{"Name":""},"Time":{"TZ":"x"}}',
]


@pytest.mark.parametrize("text", ALLOWED)
def test_a_wish_within_the_configuration_arrives_in_the_form_it_had(stack, user, rich, text):
    answer = user.request("PUT", PARAMS, data=text, params={"node_id": rich.id}, headers={"Content-Type": "application/json"})
    assert succeeded(answer)
    assert rich.receive()[1].decode() == text


def test_one_bad_item_does_not_keep_the_others_back(stack, user, rich):
    nobody = unique("nobody")
    answer = put_list(user, (nobody, {"Light": {"Power": True}}), (rich.id, {"Light": {"Level": 5}}), (rich.id, {"Light": {"Level": 500}}))
    assert answer.status_code == 200
    assert [item["status"] for item in answer.json()] == ["failure", "success", "failure"]
    assert json.loads(rich.receive()[1]) == {"Light": {"Level": 5}}


def test_a_foreign_node_is_answered_exactly_like_an_unknown_one(user, lamp, new_user):
    stranger = new_user()
    nobody = "x" * len(lamp.id)
    wish = {"Light": {"Power": True}}
    foreign, unknown = put_list(stranger, (lamp.id, wish)), put_list(stranger, (nobody, wish))
    assert foreign.json()[0]["status"] == "failure"
    assert (foreign.status_code, foreign.text.replace(lamp.id, nobody)) == (unknown.status_code, unknown.text)
    foreign, unknown = (stranger.put(PARAMS, wish, node_id=node_id) for node_id in (lamp.id, nobody))
    assert 400 <= foreign.status_code < 500
    assert (foreign.status_code, foreign.text.replace(lamp.id, nobody)) == (unknown.status_code, unknown.text)
    for path in ("params", "config", "status"):
        foreign, unknown = (stranger.get(f"/v1/user/nodes/{path}", node_id=node_id) for node_id in (lamp.id, nobody))
        assert 400 <= foreign.status_code < 500
        assert (foreign.status_code, foreign.text.replace(lamp.id, nobody)) == (unknown.status_code, unknown.text)
    assert succeeded(put_object(user, lamp, {"Light": {"Power": False}}))
    assert json.loads(lamp.receive()[1]) == {"Light": {"Power": False}}  # nothing of the stranger's came through


def test_a_former_owner_sets_nothing_any_more(user, lamp, new_user):
    user.put("/v1/user/nodes/mapping", {"node_id": lamp.id, "secret_key": "", "operation": "remove"})
    answer = put_list(user, (lamp.id, {"Light": {"Power": True}}))
    assert answer.json()[0]["status"] == "failure"
    heir = new_user()
    heir.claim(lamp)
    assert succeeded(put_object(heir, lamp, {"Light": {"Level": 3}}))
    assert json.loads(lamp.receive()[1]) == {"Light": {"Level": 3}}


def test_a_node_without_a_configuration_takes_nothing(stack, user, node):
    user.claim(node)
    (item,) = put_list(user, (node.id, {"Light": {"Power": True}})).json()
    assert item["status"] == "failure" and "configuration" in item["description"]


def test_a_wish_too_long_for_a_node_fails(stack, user, rich):
    """Below 8 KB for params/remote (mqtt.md section 1)."""
    (item,) = put_list(user, (rich.id, {"Light": {"Name": "x" * 8192}})).json()
    assert item["status"] == "failure"
    assert succeeded(put_object(user, rich, {"Light": {"Name": "x" * 4000}}))
    assert len(rich.receive()[1]) > 4000


@pytest.mark.parametrize("body", [b"", b"{", b"7", b"null", b'[{"node_id":"x"}]', b"[1]", b'{"Light":{"Power":true},}',
                                  b'{"Light":{"Power":true,"Power":false}}', b'{"Light":{"Name":"\xff"}}',
                                  b'{"Light":{"Name":"\\u0000"}}'])
def test_a_body_that_is_no_wish_never_succeeds(stack, user, lamp, body):
    answer = user.request("PUT", PARAMS, data=body, params={"node_id": lamp.id}, headers={"Content-Type": "application/json"})
    if answer.status_code == 200:
        assert all(item["status"] == "failure" for item in answer.json())
    else:
        assert 400 <= answer.status_code < 500 and answer.json()["status"] == "failure"
    assert succeeded(put_object(user, lamp, {"Light": {"Level": 1}}))
    assert json.loads(lamp.receive()[1]) == {"Light": {"Level": 1}}


# --- the broker away --------------------------------------------------------------------------------------------------


def test_a_wish_that_the_broker_does_not_take_fails_and_the_next_succeeds(sturdy):
    user, node = sturdy.user(), sturdy.node()
    client = node.raw()
    client.publish(f"node/{node.id}/config", json.dumps(LAMP | {"node_id": node.id}))
    node.publish = lambda suffix, payload: client.publish(f"node/{node.id}/{suffix}", json.dumps(payload))
    user.claim(node)
    broker = sturdy.pid("broker")
    os.kill(broker, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = put_object(user, node, {"Light": {"Level": 1}})
        took = time.monotonic() - began
        listed = put_list(user, (node.id, {"Light": {"Level": 2}}))
    finally:
        os.kill(broker, signal.SIGCONT)
    assert answer.status_code >= 500 and answer.json()["status"] == "failure"
    assert [item["status"] for item in listed.json()] == ["failure"]
    assert took < 5  # the client's patience (rest.md 15)
    sturdy.kill("broker")
    client = wait_for(node.raw, what="the node back")
    client.subscribe(f"node/{node.id}/params/remote")
    assert succeeded(put_object(user, node, {"Light": {"Level": 3}}))
    assert client.take(lambda message: True).json == {"Light": {"Level": 3}}
    client.disconnect()
