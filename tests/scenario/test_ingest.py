"""What nodes publish ends where it belongs: contract/mqtt.md sections 2 to 8, contract/threats.md section 4.

`stack.settle()` is the event behind "and nothing else happened": all that was acknowledged before it is committed.
"""

import json
import random
import time

import brokerkit
import pytest

from stackkit import DEADLINE_S, LAMP, wait_for

STATUS = {"ota_job_id": "u7Wq3", "status": "in-progress", "additional_info": "Downloading", "ts": 1767225700}


def config(node, **changes):
    return LAMP | {"node_id": node.id} | changes


def stored_config(node):
    rows = node.stack.sql("SELECT config::text FROM node_config WHERE node_id = %s", node.id)
    return rows[0][0] if rows else None


def alerts(node):
    return node.stack.sql("SELECT kind, body::text, salvaged FROM alert WHERE node_id = %s ORDER BY alert_id", node.id)


# --- topics -----------------------------------------------------------------------------------------------------------

# suffix, the basic-ingest form too?, payload, where it ends
TOPICS = [
    ("config", True, LAMP, "SELECT count(*) FROM node_config WHERE node_id = %s AND model = 'lamp_one'"),
    ("params/local", True, {"Light": {"Power": True}},
     "SELECT count(*) FROM node_param WHERE node_id = %s AND (device, param, value::text) = ('Light', 'Power', 'true')"),
    ("params/local/init", True, {"Light": {"Power": True}},
     "SELECT count(*) FROM node_param WHERE node_id = %s AND (device, param, value::text) = ('Light', 'Power', 'true')"),
    ("params/local/group7", False, {"Light": {"Power": True}},
     "SELECT count(*) FROM node_param WHERE node_id = %s AND (device, param, value::text) = ('Light', 'Power', 'true')"),
    ("user/mapping", True, {"user_id": "nobody", "secret_key": "s3cret"},
     "SELECT count(*) FROM mapping_report WHERE node_id = %s"),
    ("alert", True, {"esp.alert.str": "Water"}, "SELECT count(*) FROM alert WHERE node_id = %s AND body::text = '\"Water\"'"),
    ("otafetch", True, {"fw_version": "1.2.0"}, "SELECT count(*) FROM ota_fetch WHERE node_id = %s AND fw_version = '1.2.0'"),
    ("otastatus", True, STATUS, "SELECT count(*) FROM ota_status WHERE node_id = %s AND status = 'in-progress'"),
    ("status", False, STATUS, "SELECT count(*) FROM ota_status WHERE node_id = %s AND status = 'in-progress'"),
]
FORMS = [(suffix, alias, payload, sql) for suffix, has_alias, payload, sql in TOPICS for alias in (False, True)[: 1 + has_alias]]


@pytest.mark.parametrize("suffix, alias, payload, sql", FORMS,
                         ids=[f"{suffix}-{'basic_ingest' if alias else 'plain'}" for suffix, alias, _, _ in FORMS])
def test_the_topic_ends_in_its_table(stack, node, suffix, alias, payload, sql):
    node.publish(suffix, payload, alias=alias)
    stack.settle()
    assert stack.sql(sql, node.id) == [(1,)]
    assert node.letters() == []


def test_the_two_forms_of_a_topic_mean_the_same(stack, node):
    node.publish("params/local", {"Light": {"Power": True, "Level": 1}})
    node.publish("params/local", {"Light": {"Level": 2}}, alias=True)
    node.publish("params/local/group7", {"Light": {"Name": "hall"}})
    stack.settle()
    assert node.stored() == {"Light": {"Power": "true", "Level": "2", "Name": '"hall"'}}


@pytest.mark.parametrize("suffix", ["tsdata", "simple_tsdata", "from-node", "diagnostics/from-node", "product/own"])
def test_what_no_engine_handles_yet_is_acknowledged_and_dropped(stack, node, suffix):
    node.publish(suffix, b"\x01\x00\x03\x01\x00\x05\x02\x00\x00")
    stack.settle()
    assert node.letters() == [] and node.stored() == {}


# --- parameters -------------------------------------------------------------------------------------------------------


def test_a_report_is_merged_per_parameter_and_a_value_is_replaced_whole(stack, node):
    node.publish("params/local", {"Light": {"Power": True, "Level": 40, "Mix": {"a": 1, "b": [1, 2]}}, "Time": {"TZ": "x"}})
    node.publish("params/local", {"Light": {"Level": 41, "Mix": {"b": [3]}}})
    stack.settle()
    found = node.stored()
    assert json.loads(found["Light"].pop("Mix")) == {"b": [3]}
    assert found == {"Light": {"Power": "true", "Level": "41"}, "Time": {"TZ": '"x"'}}


NUMBERS = ["21.0", "0.1", "9223372036854775807", "-9223372036854775808", "1e2", "1E+2", "-0", "0.10", "100", "1.0e-7",
           "123456789.123456789"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_keeps_its_form_to_the_app(stack, node, user, number):
    node.publish("params/local", '{"Light":{"Level":%s,"Mix":{"deep":[%s]}}}' % (number, number))
    user.claim(node)
    answer = user.get("/v1/user/nodes/params", node_id=node.id).text
    assert answer.replace(" ", "") == '{"Light":{"Level":%s,"Mix":{"deep":[%s]}}}' % (number, number)


def test_values_of_every_type_come_back(stack, node, user):
    values = {"b": False, "i": -3, "f": 21.5, "s": 'a "quote", a \\ and ü', "o": {"x": None}, "a": [1, "2", [3]], "n": None}
    node.publish("params/local", {"Device": values})
    user.claim(node)
    assert user.params(node) == {"Device": values}


def test_parameters_before_any_configuration_and_of_unknown_devices_are_stored(stack, node, user):
    node.publish("params/local", {"Unknown": {"Thing": 1}})
    user.claim(node)
    assert user.params(node) == {"Unknown": {"Thing": 1}}
    node.publish("config", config(node))
    node.publish("params/local", {"Unknown": {"Other": 2}, "Light": {"Power": True}})
    stack.settle()
    assert user.params(node) == {"Unknown": {"Thing": 1, "Other": 2}, "Light": {"Power": True}}


def test_init_drops_what_neither_it_nor_the_configuration_names(stack, node):
    node.publish("config", config(node))
    node.publish("params/local", {"Light": {"Power": True, "Level": 40, "Old": 1}, "Gone": {"Old": 2}, "Time": {"TZ": "UTC"}})
    node.publish("params/local/init", {"Light": {"Power": False}, "New": {"One": 1}})
    stack.settle()
    assert node.stored() == {"Light": {"Power": "false", "Level": "40"}, "Time": {"TZ": '"UTC"'}, "New": {"One": "1"}}


def test_init_without_a_configuration_drops_nothing(stack, node):
    node.publish("params/local", {"Light": {"Level": 40}})
    node.publish("params/local/init", {"Light": {"Power": True}})
    stack.settle()
    assert node.stored() == {"Light": {"Level": "40", "Power": "true"}}


def test_init_of_one_node_does_not_touch_another(stack, node):
    other = stack.node().connect()
    try:
        for each in (node, other):
            each.publish("config", config(each))
            each.publish("params/local", {"Light": {"Old": 1}})
        node.publish("params/local/init", {"Light": {"Power": True}})
        stack.settle()
        assert node.stored() == {"Light": {"Power": "true"}}
        assert other.stored() == {"Light": {"Old": "1"}}
    finally:
        other.stop()


def test_a_bad_report_changes_nothing_of_what_it_names(stack, node):
    node.publish("params/local", {"Light": {"Power": True}})
    node.publish("params/local", {"Light": {"Power": False}, "Fan": 7})
    node.publish("params/local", '{"Light":{"Power":false},}')
    stack.settle()
    assert node.stored() == {"Light": {"Power": "true"}}
    assert len(node.letters()) == 2


def test_the_order_of_reports_is_kept(stack, node):
    node.burst([("params/local", '{"Light":{"Level":%d}}' % i) for i in range(500)])
    stack.settle()
    assert node.stored() == {"Light": {"Level": "499"}}


HOSTILE = ["'; DROP TABLE node; --", "<script>alert(1)</script>", '"quoted"', "back\\slash", "$1", "%s%n", "../..", "a.b", "💡",
           "\u202eabc", "line\nbreak", "", "{}", "é" * 32]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_name(stack, node, user, name):
    values = {name: {name: name, "Power": True}}
    node.publish("config", config(node, devices=[{"name": name, "params": [{"name": name}]}]))
    node.publish("params/local", values)
    node.publish("alert", {"esp.alert.str": name or " "})
    user.claim(node)
    assert user.params(node) == values
    assert user.get("/v1/user/nodes/config", node_id=node.id).json()["devices"][0]["name"] == name
    node.publish("params/local/init", {name: {"Power": False}})
    stack.settle()
    assert user.params(node) == {name: {name: name, "Power": False}}
    assert node.letters() == []
    assert stack.sql("SELECT count(*) > 0 FROM node") == [(True,)]


# --- configuration ----------------------------------------------------------------------------------------------------


def test_a_configuration_is_returned_verbatim_with_unknown_members(stack, node, user):
    text = ('{ "zulu":1.50, "node_id":"%s","config_version":"2020-03-20",\n "info":{"name":"Hall \\u006camp","fw_version":"1.2.0",'
            '"type":"Lightbulb","model":"m","unknown":[1e2,{"x":null}]},"devices":[],"alpha":{"b":1,"a":2} }' % node.id)
    node.publish("config", text)
    user.claim(node)
    assert user.get("/v1/user/nodes/config", nodeid=node.id).text == text
    assert stack.sql("SELECT node_name, node_type, model, fw_version FROM node_config WHERE node_id = %s", node.id) == [
        ("Hall lamp", "Lightbulb", "m", "1.2.0")]


def test_a_newer_configuration_replaces_the_older(stack, node):
    node.publish("config", config(node))
    node.publish("config", config(node, info={"name": "n", "model": "lamp_two"}))
    stack.settle()
    assert stack.sql("SELECT model FROM node_config WHERE node_id = %s", node.id) == [("lamp_two",)]


@pytest.mark.parametrize("bad", [
    '{"info":{"name":"x"},"devices":[],}',
    '{"config_version":"2019-09-11","attributes":[{"name":"a","value":"b"}]}',
    '{"info":null}', '{"info":"x"}', '{"info":{}', "", "null", "[]", "not JSON",
    '{"info":{},"devices":{}}', '{"info":{},"devices":[{"params":[]}]}', '{"info":{},"devices":[{"name":"L","params":{}}]}',
    '{"info":{},"services":[1]}',
])
def test_a_configuration_that_is_none_keeps_the_old_one(stack, node, bad):
    node.publish("config", config(node))
    stack.settle()
    before = stored_config(node)
    node.publish("config", bad)
    stack.settle()
    assert stored_config(node) == before
    assert [payload for _, payload in node.letters()] == [bad.encode()]


# --- alerts and OTA ---------------------------------------------------------------------------------------------------


def test_an_alert_is_stored_and_does_not_change_the_state(stack, node):
    node.publish("params/local", {"Door": {"Open": False}})
    node.publish("alert", {"Door": {"Open": True}})
    node.publish("alert", {"esp.alert.str": "Water on the floor"})
    stack.settle()
    found = alerts(node)
    assert [(kind, json.loads(body), salvaged) for kind, body, salvaged in found] == [
        ("params", {"Door": {"Open": True}}, False), ("text", "Water on the floor", False)]
    assert node.stored() == {"Door": {"Open": "false"}}


@pytest.mark.parametrize("text", ['The "front" door', '"', '"quoted"', 'a \\ b "c', 'ends with "}', '"} {"x'])
def test_an_alert_with_unescaped_quotes_is_salvaged(stack, node, text):
    node.publish("alert", '{"esp.alert.str":"%s"}' % text)
    stack.settle()
    assert [(kind, json.loads(body), salvaged) for kind, body, salvaged in alerts(node)] == [("text", text, True)]
    assert node.letters() == []


@pytest.mark.parametrize("bad", ['{"esp.alert.str":""}', '{"esp.alert.str":7}', "{}", '{"esp.alert.str":"x"', "[]", '{"Door":1}',
                                 '{"esp.alert.str":"%s"}' % ("x" * 1025)])
def test_an_alert_that_says_nothing_is_set_aside(stack, node, bad):
    node.publish("alert", bad)
    stack.settle()
    assert alerts(node) == []
    assert [payload for _, payload in node.letters()] == [bad.encode()]


def test_the_same_alert_twice_is_two_alerts(stack, node):
    node.publish("alert", {"esp.alert.str": "again"})
    node.publish("alert", {"esp.alert.str": "again"})
    stack.settle()
    assert len(alerts(node)) == 2


def test_the_same_alert_twice_with_qos_0_which_has_no_message_id_is_two_alerts(own_stack):
    """Right after the start of the daemon, when a message may be one that the broker repeats."""
    stack = own_stack()
    node = stack.node().connect()
    for n in (1, 2):
        node.client.publish(f"node/{node.id}/alert", json.dumps({"esp.alert.str": "again"}), qos=0).wait_for_publish(DEADLINE_S)
        wait_for(lambda: len(alerts(node)) == n, what=f"alert {n}")


def test_the_last_otafetch_of_a_node_stays(stack, node):
    node.publish("otafetch", {"node_id": node.id, "fw_version": "1.2.0"})
    node.publish("otafetch", {"node_id": node.id, "fw_version": "1.3.0", "network_id": "thread1"})
    stack.settle()
    assert stack.sql("SELECT fw_version, network_id FROM ota_fetch WHERE node_id = %s", node.id) == [("1.3.0", "thread1")]


def test_each_otastatus_is_kept_in_order_also_after_failed(stack, node):
    words = ["in-progress", "failed", "in-progress", "delayed", "rejected", "invalid", "success"]
    for word in words:
        node.publish("otastatus", STATUS | {"status": word})
    stack.settle()
    rows = stack.sql("SELECT status, ota_job_id, additional_info, node_ts FROM ota_status WHERE node_id = %s"
                     " ORDER BY ota_status_id", node.id)
    assert rows == [(word, "u7Wq3", "Downloading", 1767225700) for word in words]


@pytest.mark.parametrize("change", [{"status": "done"}, {"status": 1}, {"status": ""}, {"ota_job_id": ""}, {"ota_job_id": 7},
                                    {"ts": "soon"}, {"ts": 1.5}])
def test_an_otastatus_outside_the_contract_is_set_aside(stack, node, change):
    node.publish("otastatus", STATUS | change)
    stack.settle()
    assert stack.sql("SELECT count(*) FROM ota_status WHERE node_id = %s", node.id) == [(0,)]
    assert len(node.letters()) == 1


# --- identity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix, payload", [
    ("config", LAMP), ("user/mapping", {"user_id": "u", "secret_key": "s"}), ("alert", {"esp.alert.str": "x"}),
    ("otafetch", {"fw_version": "1"}), ("otastatus", STATUS)])
@pytest.mark.parametrize("alias", [False, True], ids=["plain", "basic_ingest"])
def test_a_payload_that_names_another_node_changes_neither(stack, node, suffix, payload, alias):
    other = stack.node()
    node.publish(suffix, payload | {"node_id": other.id}, alias=alias)
    stack.settle()
    assert len(node.letters()) == 1
    for table in ("node_config", "mapping_report", "alert", "ota_fetch", "ota_status"):
        assert stack.sql(f"SELECT count(*) FROM {table} WHERE node_id IN (%s, %s)", node.id, other.id) == [(0,)]


def test_messages_of_a_node_that_is_not_registered_are_set_aside(stack, node):
    node.publish("params/local", {"Light": {"Power": True}})
    stack.settle()
    # as if it had never been registered: without telling the broker to refuse its certificate, which would cut it
    stack.sql("ALTER TABLE node_certificate DISABLE TRIGGER revocation_on_certificate_gone; DELETE FROM node WHERE node_id = %s;"
              " ALTER TABLE node_certificate ENABLE TRIGGER revocation_on_certificate_gone", node.id)
    node.publish("params/local", {"Light": {"Power": False}})
    node.publish("config", config(node), alias=True)
    stack.settle()
    assert len(node.letters()) == 2
    assert node.stored() == {} and stored_config(node) is None


# --- limits -----------------------------------------------------------------------------------------------------------


def nested(depth):
    """An object whose deepest container is at the given depth."""
    return '{"D":{"p":' + "[" * (depth - 2) + "]" * (depth - 2) + "}}"


def many_keys(n):
    return '{"D":{%s}}' % ",".join(f'"k{i}":{i}' for i in range(n - 1))


GOOD = {
    "depth 32": nested(32), "1000 keys": many_keys(1000), "key of 64 bytes": '{"D":{"%s":1}}' % ("k" * 64),
    "largest integer": '{"D":{"p":9223372036854775807}}', "escaped": '{"D":{"p":"\\u00e9\\ud83d\\ude00\\n"}}', "empty": "{}",
}
BAD = {
    "depth 33": nested(33), "1001 keys": many_keys(1001), "key of 65 bytes": '{"D":{"%s":1}}' % ("k" * 65),
    "integer too big": '{"D":{"p":9223372036854775808}}', "integer too small": '{"D":{"p":-9223372036854775809}}',
    "number out of range": '{"D":{"p":1e400}}',
    "doubled key": '{"D":{"p":1,"p":2}}', "doubled device": '{"D":{"p":1},"D":{"q":2}}',
    "doubled key in escapes": '{"D":{"p":1,"\\u0070":2}}', "doubled key deep": '{"D":{"p":[{"x":1,"x":1}]}}',
    "NUL": b'{"D":{"p":"a\0b"}}', "NUL in escapes": '{"D":{"p":"a\\u0000b"}}', "NUL behind": b'{"D":{"p":1}}\0',
    "not UTF-8": b'{"D":{"p":"\xff\xfe"}}', "overlong UTF-8": b'{"D":{"p":"\xc0\xaf"}}', "lone surrogate": '{"D":{"p":"\\ud800"}}',
    "trailing comma": '{"D":{"p":1},}', "two documents": '{"D":{"p":1}}{"D":{"p":2}}', "cut": '{"D":{"p":1}', "nothing": "",
    "array": '[{"D":{"p":1}}]', "text": '"D"', "NaN": '{"D":{"p":NaN}}', "single quotes": "{'D':{'p':1}}",
    "byte order mark": b'\xef\xbb\xbf{"D":{"p":1}}', "device is no object": '{"D":1}', "leading zero": '{"D":{"p":01}}',
}


@pytest.mark.parametrize("what", GOOD)
def test_what_is_just_within_the_limits_is_stored(stack, node, what):
    node.publish("params/local", GOOD[what])
    stack.settle()
    assert node.letters() == []
    assert {device: {param: json.loads(text) for param, text in params.items()} for device, params in node.stored().items()} == \
        json.loads(GOOD[what])


def test_bad_messages_are_set_aside_once_and_the_good_ones_beside_them_are_stored(stack, node):
    bad = [text if isinstance(text, bytes) else text.encode() for text in BAD.values()]
    messages = []
    for i, payload in enumerate(bad):
        messages += [("params/local", '{"Good":{"p%d":%d}}' % (i, i)), ("params/local", payload)]
    node.burst(messages)
    stack.settle()
    letters = node.letters()
    assert [payload for _, payload in letters] == [payload[:4096] for payload in bad]
    assert all(reason for reason, _ in letters)
    assert node.stored() == {"Good": {f"p{i}": str(i) for i in range(len(bad))}}


def test_a_dead_letter_is_bounded_and_says_how_long_the_message_was(stack, node):
    payload = b"x" * 100000
    node.publish("params/local", payload)
    stack.settle()
    assert stack.sql("SELECT octet_length(payload), payload_bytes FROM dead_letter WHERE topic = %s",
                     f"node/{node.id}/params/local") == [(4096, 100000)]


def test_a_report_of_128_kilobytes_is_stored(stack, node):
    text = '{"D":{"p":"%s"}}' % ("x" * (131072 - len('{"D":{"p":""}}')))
    node.publish("params/local", text)
    stack.settle()
    assert len(node.stored()["D"]["p"]) == 131072 - len('{"D":{"p":}}')


def test_a_larger_message_disconnects_its_sender_and_nobody_else(stack, node):
    giant = stack.node()
    client = giant.raw()
    client.publish(f"node/{giant.id}/params/local", '{"D":{"p":1}}')
    try:
        client.publish(f"node/{giant.id}/params/local", b'{"D":{"p":"%s"}}' % (b"x" * 133000), wait=False)
        client.wait_closed()
    except brokerkit.Refused:
        pass  # closed while we were writing
    node.publish("params/local", {"Light": {"Power": True}})
    stack.settle()
    assert giant.stored() == {"D": {"p": "1"}}
    assert node.stored() == {"Light": {"Power": "true"}}
    giant.raw().disconnect()  # and it may come again


def test_the_log_shows_neither_payloads_nor_raw_control_characters(stack, node):
    node.publish("params/local", b'{"D":{"token":"do-not-log-this"\x1b[31m}')
    stack.settle()
    log = stack.log("cisternd")
    assert "do-not-log-this" not in log and "\x1b" not in log


def malformed(rng, n):
    """One payload that no reader may take, made from a good one."""
    good = '{"Light":{"Level":%d,"Text":"%s"}}' % (n, "x" * rng.randrange(40))
    at = rng.randrange(1, len(good))
    makers = [
        lambda: good[:at],
        lambda: good.replace("}}", "},}"),
        lambda: good + rng.choice(["}", "x", good, ","]),
        lambda: good.replace('"Text":"', '"Text":"' + rng.choice(["\x01", "\n", "\\x", "\\u12", "\\ud800", "\\u0000"])),
        lambda: good.encode().replace(b'"Text":"', b'"Text":"' + rng.choice([b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\0"])),
        lambda: good.replace('"Text"', '"Level"'),
        lambda: good.replace(f"{n}", rng.choice(["NaN", "-Infinity", "0123", "1e999", "+1", "99999999999999999999", "0x10", "1."]), 1),
        lambda: rng.choice(["", "null", "7", "[]", '"x"', "{", "]", '{"Light"}', '{"Light":}', '{"Light":[]}', '{"a":{}:1}']),
        lambda: bytes([rng.randrange(0x80, 0x100)]) + rng.randbytes(rng.randrange(200)),
        lambda: nested(rng.randrange(33, 400)),
        lambda: good.replace('"', "'"),
    ]
    payload = rng.choice(makers)()
    return payload if isinstance(payload, bytes) else payload.encode()


@pytest.mark.slow
def test_ten_thousand_malformed_messages_among_good_ones_are_counted_exactly(stack, record_property):
    rng = random.Random(20260101)
    nodes = [stack.node().connect() for _ in range(4)]
    bad = {node.id: [] for node in nodes}
    began = time.monotonic()
    try:
        for start in range(0, 2500, 100):
            for node in nodes:
                messages = []
                for i in range(start, start + 100):
                    bad[node.id].append(malformed(rng, i + 1))
                    messages += [("alert", '{"esp.alert.str":"%d"}' % i), ("params/local", bad[node.id][-1]),
                                 ("params/local", '{"Good":{"n":%d}}' % i)]
                rng.shuffle(messages)
                node.burst(messages)
        stack.settle()
        for node in nodes:
            assert sorted(payload for _, payload in node.letters()) == sorted(bad[node.id])
            assert sorted(int(json.loads(body)) for _, body, _ in alerts(node)) == list(range(2500))
            assert node.stored().keys() == {"Good"}
    finally:
        for node in nodes:
            node.stop()
    figures = {"malformed": 10000, "good": 20000, "seconds": round(time.monotonic() - began, 1)}
    print(f"\n{figures}")
    record_property("figures", figures)


# --- presence ---------------------------------------------------------------------------------------------------------


def connectivity(user, node):
    answer = user.get("/v1/user/nodes/status", nodeid=node.id)
    assert answer.status_code == 200, answer.text
    return answer.json()["connectivity"]


@pytest.fixture
def owned(stack, user):
    """A mapped node with nobody connected."""
    node = stack.node().connect()
    user.claim(node)
    node.stop()
    wait_for(lambda: not connectivity(user, node)["connected"], what="node off line")
    return node


def test_presence_follows_the_connection_with_a_time_in_milliseconds(stack, user, owned):
    before_ms = int(time.time() * 1000)
    client = owned.raw()
    on = wait_for(lambda: (c := connectivity(user, owned))["connected"] and c, what="connected")
    client.disconnect()
    off = wait_for(lambda: not (c := connectivity(user, owned))["connected"] and c, what="disconnected")
    assert before_ms - 1000 <= on["timestamp"] <= off["timestamp"] <= int(time.time() * 1000) + 1000
    assert on["connected"] is True and off["connected"] is False
    assert isinstance(on["timestamp"], int)


def test_a_dead_connection_is_off_line_too(stack, user, owned):
    client = owned.raw()
    wait_for(lambda: connectivity(user, owned)["connected"], what="connected")
    client.drop()
    wait_for(lambda: not connectivity(user, owned)["connected"], what="disconnected")


def test_a_reboot_never_ends_off_line(stack, user, owned):
    """Each new connection takes the session over while the broker still believes in the old one."""
    clients = [owned.raw() for _ in range(20)]
    stack.settle()
    assert connectivity(user, owned)["connected"] is True
    for old in clients[:-1]:
        old.drop()
    stack.settle()
    assert connectivity(user, owned)["connected"] is True
    clients[-1].disconnect()
    wait_for(lambda: not connectivity(user, owned)["connected"], what="disconnected")


def test_the_list_of_nodes_tells_presence_too(stack, user, owned):
    client = owned.raw()
    wait_for(lambda: connectivity(user, owned)["connected"], what="connected")
    (entry,) = user.get("/v1/user/nodes", node_details="true").json()["node_details"]
    assert entry["status"]["connectivity"] == connectivity(user, owned)
    client.disconnect()


CONNECTED, DISCONNECTED = '{"Connectivity":{"Connected":true}}', '{"Connectivity":{"Connected":false}}'


@pytest.mark.parametrize("suffix", ["params/local", "params/local/group7"])
def test_the_late_will_of_a_taken_over_session_does_not_change_connected(stack, owned, suffix):
    topic = f"node/{owned.id}/{suffix}"
    first = owned.raw(will=(topic, DISCONNECTED, False))
    first.publish(topic, CONNECTED)
    second = owned.raw(will=(topic, DISCONNECTED, False))
    first.drop()
    stack.settle()
    assert owned.stored() == {"Connectivity": {"Connected": "true"}}
    second.drop()
    wait_for(lambda: owned.stored() == {"Connectivity": {"Connected": "false"}}, what="the will of a real death")


def test_a_will_is_not_sent_after_an_orderly_end(stack, owned):
    topic = f"node/{owned.id}/params/local"
    client = owned.raw(will=(topic, DISCONNECTED, False))
    client.publish(topic, CONNECTED)
    client.disconnect()
    stack.settle()
    assert owned.stored() == {"Connectivity": {"Connected": "true"}}
