"""cistern-node is a node as the contract describes it (mqtt.md section 3): what a service sees of it, in order."""

import json
import signal
import subprocess
import threading

import pytest

from stackkit import BUILD, DEADLINE_S, wait_for

EMPTY_POLL = bytes.fromhex("010003010005020000")
RULES = {
    "from-node": "esp_cmd_resp", "config": "esp_node_config", "user/mapping": "esp_user_node_mapping",
    "params/local/init": "esp_init_params", "tsdata": "esp_ts_ingest", "otafetch": "esp_node_otafetch",
    "params/local": "esp_set_params",
}


class Virtual:
    """A running cistern-node and what a service sees of its messages."""

    def __init__(self, stack, node, *options):
        self.stack, self.node = stack, node
        self.observer = stack.service(f"cistern.observer.{node.id}", f"node/{node.id}/#", f"$aws/rules/+/node/{node.id}/#",
                                      f"cistern/presence/{node.id}")
        self.process = subprocess.Popen(
            [str(BUILD / "cistern-node"), "--host", stack.mqtt_host, "--port", str(stack.mqtt_port),
             "--ca", str(node.folder / "ca.crt"), "--cert", str(node.folder / "node.crt"), "--key", str(node.folder / "node.key"),
             "--report-interval", "0", *options],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.lines = []
        threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")), daemon=True).start()

    def suffix(self, message):
        return message.topic.partition(f"node/{self.node.id}/")[2]

    def until(self, suffix):
        """All the node's messages up to the first with this suffix."""
        seen = self.observer.take_until(lambda message: self.suffix(message) == suffix)
        assert not any(message.retain for message in seen)
        return [message for message in seen if not message.topic.startswith("cistern/presence/")]

    def events(self, *names):
        """Its own words about the named events: [(name, topic)]."""
        found = []
        for line in list(self.lines):
            fields = dict(word.partition("=")[::2] for word in line.split())
            if fields.get("event") in names:
                found.append((fields["event"], fields.get("topic", "").partition(f"node/{self.node.id}/")[2]))
        return found

    def wait_event(self, name, times=1):
        wait_for(lambda: len(self.events(name)) >= times, what=f"{name} of the virtual node")

    def command(self, payload, topic="params/remote"):
        self.observer.publish(f"node/{self.node.id}/{topic}", payload if isinstance(payload, str) else json.dumps(payload))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(DEADLINE_S) == 0
        self.observer.disconnect()


@pytest.fixture
def virtual(stack):
    running = []

    def start(*options, node=None):
        running.append(Virtual(stack, node or stack.node(), *options))
        return running[-1]

    yield start
    for each in running:
        each.stop()


# --- the order --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["basic_ingest", "plain"])
@pytest.mark.parametrize("with_mapping", [False, True], ids=["unmapped", "mapping"])
def test_the_boot_sequence_is_the_contract_s_in_order(stack, user, virtual, form, with_mapping):
    options = ["--otafetch-delay", "1"] + (["--plain"] if form == "plain" else [])
    if with_mapping:
        options += ["--user-id", user.id, "--secret", "Boot-Secret"]
    lamp = virtual(*options)
    seen = lamp.until("otafetch")
    expected = ["from-node", "config"] + ["user/mapping"] * with_mapping + ["params/local/init", "tsdata", "otafetch"]
    assert [lamp.suffix(message) for message in seen] == expected
    assert {message.qos for message in seen} == {1}
    for message, suffix in zip(seen, expected):
        prefix = f"$aws/rules/{RULES[suffix]}/" if form == "basic_ingest" else ""
        assert message.topic == f"{prefix}node/{lamp.node.id}/{suffix}"
    by_suffix = {lamp.suffix(message): message for message in seen}
    assert by_suffix["from-node"].payload == EMPTY_POLL
    config = by_suffix["config"].json
    assert config["node_id"] == lamp.node.id and {"name", "fw_version", "type", "model"} <= set(config["info"])
    named = {part["name"]: {param["name"] for param in part["params"]} for part in config["devices"] + config["services"]}
    assert {name: set(params) for name, params in by_suffix["params/local/init"].json.items()} == named
    assert by_suffix["otafetch"].json == {"node_id": lamp.node.id, "fw_version": config["info"]["fw_version"]}
    sample = by_suffix["tsdata"].json
    assert sample["ts_data_version"] == "2021-09-13" and sample["ts_data"][0]["records"]
    if with_mapping:
        mapping = by_suffix["user/mapping"].json
        assert (mapping["user_id"], mapping["secret_key"], mapping["node_id"]) == (user.id, "Boot-Secret", lamp.node.id)


def test_it_subscribes_to_what_the_contract_lists_and_to_commands_only_after_the_mapping_was_acknowledged(stack, user, virtual):
    lamp = virtual("--otafetch-delay", "1", "--user-id", user.id, "--secret", "Boot-Secret")
    lamp.wait_event("ready")
    lamp.until("otafetch")
    words = lamp.events("subscribed", "mapping_acked", "published")
    assert {suffix for event, suffix in words if event == "subscribed"} == {"to-node", "params/remote", "otaurl"}
    order = [event if event == "mapping_acked" else suffix for event, suffix in words]
    assert order.index("user/mapping") < order.index("mapping_acked") < order.index("params/local/init")
    assert order.index("mapping_acked") < order.index("params/remote")


def test_a_group_id_moves_reports_and_adds_a_topic_to_obey(stack, user, virtual):
    lamp = virtual("--group-id", "hall", "--otafetch-delay", "0")
    lamp.wait_event("ready")
    assert {"params/remote", "params/remote/hall"} <= {suffix for _, suffix in lamp.events("subscribed")}
    lamp.command({"Light": {"Power": False}}, topic="params/remote/hall")
    report = lamp.until("params/local/hall")[-1]
    assert (report.topic, report.json) == (f"node/{lamp.node.id}/params/local/hall", {"Light": {"Power": False}})


def test_it_says_connected_after_the_connect_and_its_will_says_the_opposite(stack, virtual):
    lamp = virtual("--connectivity", "--otafetch-delay", "0")
    assert lamp.until("params/local")[-1].json == {"Connectivity": {"Connected": True}}
    lamp.process.kill()
    lamp.process.wait()
    assert lamp.until("params/local")[-1].json == {"Connectivity": {"Connected": False}}


# --- the peer ---------------------------------------------------------------------------------------------------------


def test_it_maps_itself_obeys_and_reports_back(stack, user, virtual):
    node = stack.node()
    asked = user.put("/v1/user/nodes/mapping", {"node_id": node.id, "secret_key": "Boot-Secret", "operation": "add"})
    lamp = virtual("--user-id", user.id, "--secret", "Boot-Secret", node=node)
    user.wait_mapping(asked.json()["request_id"], "confirmed")
    wait_for(lambda: user.params(node).get("Light"), what="the first report")
    before = user.params(node)["Light"]
    assert user.get("/v1/user/nodes/status", node_id=node.id).json()["connectivity"]["connected"] is True
    wish = {"Light": {"Power": not before["Power"], "Level": (before["Level"] + 1) % 100}}
    answer = user.put("/v1/user/nodes/params", [{"node_id": node.id, "payload": wish}])
    assert answer.json()[0]["status"] == "success"
    wait_for(lambda: user.params(node)["Light"] == before | wish["Light"], what="the reported change")
    assert lamp.events("rejected") == []


@pytest.mark.parametrize("wrong", [
    {"Light": {"Power": 1}}, {"Light": {"Power": "true"}}, {"Light": {"Power": None}}, {"Light": {"Level": 10.5}},
    {"Light": {"Level": "10"}}, {"Light": {"Level": 101}}, {"Light": {"Level": -1}}, {"Light": {"Name": 7}},
    {"Light": {"Speed": 1}}, {"Fan": {"Power": True}}, {"Sensor": {"Temperature": 1.0}}, {"Light": 7}, [], "no JSON"],
    ids=lambda wrong: json.dumps(wrong)[:30])
def test_it_does_not_answer_a_wrong_command_and_obeys_the_next(stack, booted, wrong):
    booted.command(wrong)
    booted.command({"Light": {"Level": 3}})
    assert [message.json for message in booted.until("params/local") if booted.suffix(message) == "params/local"] == [
        {"Light": {"Level": 3}}]


@pytest.fixture(scope="module")
def booted(stack):
    """One unmapped virtual lamp for all wrong commands: a service commands it, no API in between."""
    lamp = Virtual(stack, stack.node(), "--otafetch-delay", "0")
    lamp.wait_event("ready")
    lamp.until("params/local/init")
    yield lamp
    lamp.stop()


def test_the_right_part_of_a_half_wrong_command_is_obeyed(booted):
    booted.command({"Light": {"Power": 7, "Level": 9}})
    assert booted.until("params/local")[-1].json == {"Light": {"Level": 9}}


def test_a_reconnect_repeats_subscriptions_and_the_poll_and_no_configuration(stack, virtual):
    lamp = virtual("--otafetch-delay", "0")
    lamp.wait_event("ready")
    lamp.until("tsdata")
    lamp.node.raw().disconnect()  # takes the session over: the lamp's connection is cut
    lamp.wait_event("connected", times=2)
    poll = lamp.until("from-node")
    assert poll[-1].payload == EMPTY_POLL
    wait_for(lambda: lamp.events("subscribed").count(("subscribed", "params/remote")) == 2, what="subscriptions again")
    lamp.command({"Light": {"Level": 5}})
    seen = poll + lamp.until("params/local")
    assert "config" not in map(lamp.suffix, seen) and "params/local/init" not in map(lamp.suffix, seen)


def test_asked_to_it_reports_its_details_again(stack, virtual):
    lamp = virtual("--otafetch-delay", "0")
    lamp.wait_event("ready")
    lamp.until("tsdata")
    lamp.process.send_signal(signal.SIGUSR1)
    assert [lamp.suffix(message) for message in lamp.until("params/local/init")][-2:] == ["config", "params/local/init"]


def test_a_factory_reset_ends_every_mapping(stack, user, virtual):
    node = stack.node().connect()
    user.claim(node)
    node.stop()
    virtual("--factory-reset", node=node)
    wait_for(lambda: user.get("/v1/user/nodes").json()["nodes"] == [], what="no nodes")


def test_it_offers_the_alpn_name_and_a_user_name_without_a_password(stack, virtual):
    lamp = virtual("--alpn", "--username", "?Platform=APN3|A0|RM|EX00|RMDev|1x0|AABBCC112233", "--otafetch-delay", "0")
    lamp.wait_event("ready")
