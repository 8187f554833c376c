"""More than one broker: each with a process that takes its messages, one API, one database. A node is where its presence says; who is new goes
where the hash of its id points. A ledger holds what the brokers acknowledged against the rows.
"""

import copy
import itertools
import signal
import subprocess

import pytest

from claimkit import csr, initiated, verify
from ledgerkit import Ledger
from portkit import free_ports
from stackkit import BUILD, LAMP, Stack, wait_for

LOST_S = 30.0  # BROKER_LOST_MS and a loaded machine


class Beside:
    """A second Mosquitto of the stack, with the stack's keys and settings, and the cisternd that takes its messages."""

    def __init__(self, stack, name):
        self.stack, self.name = stack, name
        self.port, self.service_port = free_ports(2)
        self.folder = stack.home.parent / name
        self.folder.mkdir()
        self.broker = self.ingest = None
        self._write_settings()

    def _write_settings(self):
        text = (self.stack.home / "etc" / "mosquitto.conf").read_text()
        environment = self.stack.environment
        for old, new in ((f"listener {environment['CISTERN_MQTT_PORT']} ", f"listener {self.port} "),
                         (f"listener {environment['CISTERN_SERVICE_PORT']} ", f"listener {self.service_port} "),
                         (f"{self.stack.home}/broker", str(self.folder))):
            assert old in text
            text = text.replace(old, new)
        # for who tests as root; otherwise Mosquitto passes over the line
        text = text.replace("/run/broker/daemon.sock", f"/run/broker/{self.port}.sock")  # another broker on the path would take it over
        (self.folder / "mosquitto.conf").write_text("user root\n" + text)

    def start_broker(self):
        with open(self.folder / "broker.log", "ab") as log:
            self.broker = subprocess.Popen(["mosquitto", "-c", str(self.folder / "mosquitto.conf")], stdout=log, stderr=log)
        return self

    def add(self):
        self.stack.cli("broker", "add", self.name, "--mqtt-host", f"{self.name}.example.org", "--service-host", "127.0.0.1",
                       "--service-port", str(self.service_port))
        return self

    def start_ingest(self):
        self.ingest = daemon(self.stack, self.folder, "cisternd", CISTERN_ROLES="ingest", CISTERN_INGEST_BROKERS=self.name)
        return self

    def wait_there(self):
        """Until the API reaches it and what it is to refuse is in force there: then everything of it has come up."""
        wait_for(lambda: self.row()["in_force"] and not self.row()["lost_at"], LOST_S, f"{self.name} in force")
        return self

    def row(self):
        (row,) = [row for row in brokers(self.stack) if row["broker"] == self.name]
        return row

    def kill_broker(self):
        self.broker.kill()
        self.broker.wait()

    def close(self):
        for process in (self.ingest, self.broker):
            if process and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=30)


class Through:
    """The stack as nodes of another broker see it."""

    def __init__(self, stack, port):
        self._stack, self.mqtt_port = stack, port

    def __getattr__(self, name):
        return getattr(self._stack, name)

    def node(self):
        return at(self._stack.node(), self.mqtt_port)


def at(node, port):
    """The same node, which connects to that port from now on."""
    node.stack = Through(getattr(node.stack, "_stack", node.stack), port)
    return node


class Spread:
    """The stack whose nodes go to several brokers in turn."""

    def __init__(self, stack, *ports):
        self._stack, self._ports = stack, itertools.cycle(ports)

    def __getattr__(self, name):
        return getattr(self._stack, name)

    def node(self):
        return at(self._stack.node(), next(self._ports))

    def settle(self):
        """Behind every broker, as Stack.settle() does it for one."""
        for port in {next(self._ports) for _ in range(8)}:
            marker = at(self._stack.node(), port)
            client = marker.raw()
            client.publish(f"node/{marker.id}/params/local", '{"Marker":{"n":1}}')
            wait_for(lambda: marker.stored() == {"Marker": {"n": "1"}}, what="marker in the database")
            client.disconnect()


def brokers(stack):
    answer = stack.admin().get("/v1/admin/broker")
    assert answer.status_code == 200, answer.text
    return answer.json()["brokers"]


def presence(stack, node):
    return stack.sql("SELECT connected, broker FROM node WHERE node_id = %s", node.id)[0]


def assigned(stack, node_id):
    answer = stack.request("GET", "/mqtt_host", params={"node_id": node_id})
    assert answer.status_code == 200, answer.text
    return answer.json()["mqtt_host"]


@pytest.fixture()
def beside():
    """A stack and what is started beside it; all of it ends with the test."""
    stack = Stack()
    started = []

    def start(name):
        started.append(Beside(stack, name))
        return started[-1].start_broker().add().start_ingest().wait_there()

    try:
        yield stack, start
    finally:
        for each in reversed(started):
            each.close()
        stack.close()


def switched(user, node, value):
    return user.put("/v1/user/nodes/params", {"Light": {"Power": value}}, node_id=node.id)


def lamp_of(user, node):
    """The node mapped to the user, with a configuration, ready to take commands."""
    node.connect().subscribe("params/remote")
    user.claim(node)
    node.publish("config", LAMP | {"node_id": node.id})
    wait_for(lambda: user.get("/v1/user/nodes/config", node_id=node.id).json().get("devices"), what="configuration")
    return node


# --- what is to hold of brokers ---------------------------------------------------------------------------------------------


def test_three_brokers_carry_their_nodes_and_the_ledger_holds(beside, record_property):
    stack, start = beside
    second, third = start("b2"), start("b3")
    spread = Spread(stack, stack.mqtt_port, second.port, third.port)
    with Ledger(spread, n_nodes=9) as ledger:
        ledger.go_on()
        names = {presence(stack, publisher.node)[1] for publisher in ledger.publishers}
        assert names == {"main", "b2", "b3"}
        assert [row["connected"] for row in brokers(stack)] == [3, 3, 3]
        for _ in range(3):
            ledger.go_on()
        ledger.recovery_s = [0.0]
        figures = ledger.finish(record_property)
    assert figures["lost"] == figures["doubled"] == figures["reconnects"] == 0


def test_a_command_goes_where_the_node_is(beside):
    stack, start = beside
    second = start("b2")
    user = stack.user()
    here, there = lamp_of(user, stack.node()), lamp_of(user, at(stack.node(), second.port))
    for node in (here, there):
        assert switched(user, node, True).status_code == 200
        assert node.receive() == (f"node/{node.id}/params/remote", b'{"Light":{"Power":true}}')
    # it keeps working when it moves to the other one, whatever is assigned
    there.stop()
    wait_for(lambda: not presence(stack, there)[0], what="off line")
    at(there, stack.mqtt_port).connect().subscribe("params/remote")
    wait_for(lambda: presence(stack, there) == (True, "main"), what="on line at the first")
    assert switched(user, there, False).status_code == 200
    assert there.receive()[1] == b'{"Light":{"Power":false}}'
    here.stop()
    there.stop()


def test_a_late_disconnect_from_one_broker_leaves_a_node_on_line_at_another(beside):
    stack, start = beside
    second = start("b2")
    node = stack.node()
    old = at(copy.copy(node), stack.mqtt_port).raw()
    wait_for(lambda: presence(stack, node) == (True, "main"), what="on line at the first")
    new = at(copy.copy(node), second.port).raw()
    wait_for(lambda: presence(stack, node) == (True, "b2"), what="on line at the second")
    old.disconnect()
    stack.settle()  # behind the word of the end
    assert presence(stack, node) == (True, "b2")
    new.disconnect()
    wait_for(lambda: presence(stack, node) == (False, "b2"), what="off line")


def test_a_revocation_reaches_every_broker(beside):
    stack, start = beside
    second = start("b2")
    node = stack.node()
    clients = [at(copy.copy(node), port).raw() for port in (stack.mqtt_port, second.port)]
    stack.cli("node", "revoke", node.id)
    for client in clients:
        client.wait_closed()
    for port in (stack.mqtt_port, second.port):
        with pytest.raises(ConnectionError):
            at(copy.copy(node), port).raw()
    assert all(row["in_force"] for row in brokers(stack))


def test_a_broker_that_is_added_gets_its_part_and_no_other_node_moves(beside):
    stack, start = beside
    ids = [f"node-{i}" for i in range(300)]
    assert {assigned(stack, node_id) for node_id in ids[:20]} == {stack.mqtt_host}
    start("b2")
    wait_for(lambda: {assigned(stack, node_id) for node_id in ids} == {stack.mqtt_host, "b2.example.org"}, what="two hosts")
    before = {node_id: assigned(stack, node_id) for node_id in ids}
    start("b3")
    wait_for(lambda: "b3.example.org" in {assigned(stack, node_id) for node_id in ids}, what="three hosts")
    after = {node_id: assigned(stack, node_id) for node_id in ids}
    moved = [node_id for node_id in ids if before[node_id] != after[node_id]]
    assert {after[node_id] for node_id in moved} == {"b3.example.org"}
    assert 60 <= len(moved) <= 140  # a third of 300, five standard deviations either way
    assert stack.request("GET", "/mqtt_host").json()["mqtt_host"] == "b2.example.org", "who names no node is told the first"


def test_a_draining_broker_gets_no_new_node_and_keeps_those_that_it_has(beside):
    stack, start = beside
    second = start("b2")
    user = stack.user()
    node = lamp_of(user, at(stack.node(), second.port))
    stack.cli("broker", "drain", "b2")
    wait_for(lambda: {assigned(stack, f"node-{i}") for i in range(40)} == {stack.mqtt_host}, what="new nodes go elsewhere")
    assert switched(user, node, True).status_code == 200
    assert node.receive()[1] == b'{"Light":{"Power":true}}'
    refused = stack.cli("broker", "remove", "b2", check=False)
    assert refused.returncode != 0 and "nodes are connected to 'b2'" in refused.stderr
    node.stop()
    wait_for(lambda: second.row()["connected"] == 0, what="nobody there")
    stack.cli("broker", "remove", "b2")
    assert [row["broker"] for row in brokers(stack)] == ["main"]
    for change in ("drain", "remove"):
        last = stack.cli("broker", change, "main", check=False)
        assert last.returncode != 0 and "only active broker" in last.stderr


def test_a_broker_removed_by_force_leaves_its_nodes_off_line(beside):
    stack, start = beside
    second = start("b2")
    user = stack.user()
    node = lamp_of(user, at(stack.node(), second.port))
    stack.cli("broker", "remove", "b2", "--force")
    assert presence(stack, node) == (False, "b2")
    assert stack.sql("SELECT reason FROM node_connection WHERE node_id = %s", node.id) == [("broker_removed",)]
    node.stop()


def test_a_lost_broker_takes_only_its_nodes_along_and_loses_nothing_that_was_committed(beside, record_property):
    """kill -9 of one of two, with its ingest left alone; it comes back with its store."""
    stack, start = beside
    second = start("b2")
    user = stack.user()
    here, there = lamp_of(user, stack.node()), lamp_of(user, at(stack.node(), second.port))
    there.publish("params/local", {"Light": {"Power": True, "Level": 7}})
    wait_for(lambda: there.stored().get("Light", {}).get("Level") == "7", what="report")
    there.stop()
    wait_for(lambda: not presence(stack, there)[0], what="the end of that connection")
    client = there.raw()  # which does not come back by itself
    client.subscribe(f"node/{there.id}/params/remote")
    wait_for(lambda: presence(stack, there) == (True, "b2"), what="on line at the second")
    second.kill_broker()
    refused = switched(user, there, False)
    assert refused.status_code == 503 and refused.json()["error_code"] == 105004
    assert switched(user, here, False).status_code == 200
    assert here.receive()[1] == b'{"Light":{"Power":false}}'

    def connected(node):
        return user.get("/v1/user/nodes/status", nodeid=node.id).json()["connectivity"]["connected"]

    wait_for(lambda: not connected(there), LOST_S, "off line, for its broker is lost")
    assert second.row()["lost_at"] and presence(stack, there) == (True, "b2")  # nobody could tell its end
    assert connected(here)
    assert stack.request("GET", "/readyz").status_code == 200
    second.start_broker()
    second.wait_there()
    back = wait_for(there.raw, what="connection to the broker that is back")
    back.publish(f"node/{there.id}/params/local", '{"Light":{"Level":8}}')
    wait_for(lambda: there.stored()["Light"]["Level"] == "8", what="report after the return")
    wait_for(lambda: connected(there), what="on line again")
    back.disconnect()
    here.stop()


def test_the_ledger_holds_over_kills_of_one_of_two_ingests(beside, record_property):
    stack, start = beside
    second = start("b2")
    with Ledger(Spread(stack, stack.mqtt_port, second.port), n_nodes=8, seed=5) as ledger:
        for _ in range(5):
            ledger.go_on()
            second.ingest.kill()
            second.ingest.wait()
            second.start_ingest()
        ledger.recovery_s = [0.0]
        figures = ledger.finish(record_property)
    assert figures["lost"] == figures["doubled"] == figures["reconnects"] == 0


# --- who runs what --------------------------------------------------------------------------------------------------------


def test_a_claim_tells_the_host_of_the_nodes_own_broker(beside):
    stack, start = beside
    start("b2")
    user = stack.user()
    told = set()
    for _ in range(12):  # all the same in 1 of 2048 runs; ids are random
        node_id = initiated(user)
        answer = verify(user, csr(node_id))
        assert answer.status_code == 200 and answer.json()["mqtt_host"] == assigned(stack, node_id)
        told.add(answer.json()["mqtt_host"])
    assert told == {stack.mqtt_host, "b2.example.org"}


def daemon(stack, folder, name, **settings):
    """A cisternd of the stack's settings, except for these."""
    environment = {key: value for key, value in stack.environment.items() if not key.startswith("CISTERN_")} | settings
    with open(folder / f"{name}.log", "ab") as log:
        return subprocess.Popen([str(BUILD / "cisternd"), "--config", str(stack.home / "etc" / "cistern.conf")], env=environment,
                                stdout=log, stderr=log)


def test_a_process_with_the_api_and_one_that_takes_the_messages_of_two_brokers(beside, tmp_path):
    stack, start = beside
    second = start("b2")
    second.ingest.terminate()
    assert second.ingest.wait(timeout=30) == 0
    subprocess.run(["s6-svc", "-wD", "-T", "30000", "-d", str(stack.home / "service" / "cisternd")], check=True)
    processes = [daemon(stack, tmp_path, "api", CISTERN_ROLES="api"),
                 daemon(stack, tmp_path, "ingest", CISTERN_ROLES="ingest", CISTERN_INGEST_BROKERS="main, b2")]
    try:
        stack.wait_ready(LOST_S)
        second.wait_there()
        user = stack.user()
        for port in (stack.mqtt_port, second.port):
            node = lamp_of(user, at(stack.node(), port))
            assert switched(user, node, True).status_code == 200
            assert node.receive()[1] == b'{"Light":{"Power":true}}'
            node.stop()
    finally:
        for process in processes:
            process.terminate()
            assert process.wait(timeout=30) == 0


@pytest.mark.parametrize("settings, reason", [
    ({"CISTERN_ROLES": "web"}, "roles: api, ingest or both"),
    ({"CISTERN_ROLES": "ingest", "CISTERN_INGEST_BROKERS": "b9"}, "no broker 'b9'"),
    ({"CISTERN_ROLES": "ingest", "CISTERN_INGEST_BROKERS": "b2,b2"}, "'b2' stands there twice"),
    ({"CISTERN_ROLES": "ingest", "CISTERN_INGEST_BROKERS": ""}, "ingest_brokers: none"),
])
def test_a_process_that_is_told_nonsense_does_not_start(stack, tmp_path, settings, reason):
    stack.sql("INSERT INTO broker (name, mqtt_host, service_host, service_port) VALUES ('b2', 'm', '127.0.0.1', 9)")
    try:
        assert daemon(stack, tmp_path, "daemon", **settings).wait(timeout=30) != 0
        assert reason in (tmp_path / "daemon.log").read_text()
    finally:
        stack.sql("DELETE FROM broker WHERE name = 'b2'")
