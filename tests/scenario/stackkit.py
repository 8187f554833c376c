"""The whole stack as an operator runs it: tools/run in a home and on ports of its own, found through ready.json.

Nodes here are paho clients with certificates that `cistern node add` made; users talk HTTP through requests. Everything
waits for events with a deadline; nothing sleeps to be on the safe side.
"""

import itertools
import json
import os
import pathlib
import queue
import secrets
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import paho.mqtt.client as mqtt
import psycopg2
import requests

import brokerkit
from portkit import free_ports

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", REPO / "build"))
START_S = 90.0
DEADLINE_S = 15.0

_names = itertools.count(1)

LAMP = {
    "config_version": "2020-03-20",
    "info": {"name": "Hall lamp", "fw_version": "1.2.0", "type": "Lightbulb", "model": "lamp_one"},
    "devices": [
        {
            "name": "Light",
            "type": "esp.device.lightbulb",
            "primary": "Power",
            "params": [
                {"name": "Name", "type": "esp.param.name", "data_type": "string", "properties": ["read", "write"]},
                {"name": "Power", "type": "esp.param.power", "data_type": "bool", "properties": ["read", "write"]},
                {
                    "name": "Level",
                    "type": "esp.param.brightness",
                    "data_type": "int",
                    "properties": ["read", "write"],
                    "bounds": {"min": 0, "max": 100, "step": 1},
                },
                {"name": "Heat", "type": "esp.param.temperature", "data_type": "float", "properties": ["read"]},
            ],
        }
    ],
    "services": [
        {
            "name": "Time",
            "type": "esp.service.time",
            "params": [
                {"name": "TZ", "type": "esp.param.tz", "data_type": "string", "properties": ["read", "write"]}
            ],
        }
    ],
}

# a value of each parameter of it
REPORTED = {"Light": {"Name": "Hall", "Power": True, "Level": 40, "Heat": 21.5}, "Time": {"TZ": "Etc/UTC"}}


def unique(prefix):
    """A name that no other test of this run has."""
    return f"{prefix}-{os.getpid()}-{next(_names)}"


def wait_for(ask, deadline_s=DEADLINE_S, what="the expected state"):
    """Asks until the answer is true; gives it back. An exception counts as no."""
    until = time.monotonic() + deadline_s
    last = None
    while time.monotonic() < until:
        try:
            last = ask()
            if last:
                return last
        except (OSError, requests.RequestException, psycopg2.Error, LookupError, ValueError) as why:
            last = why
        time.sleep(0.02)  # between two questions
    raise AssertionError(f"no {what} within {deadline_s} s; last answer: {last!r}")


class User:
    """An account and what it may ask the API."""

    def __init__(self, stack, name, password):
        self.stack, self.name, self.password = stack, name, password
        self.login()

    def login(self):
        answer = self.stack.post("/v1/login2", {"user_name": self.name, "password": self.password})
        assert answer.status_code == 200, answer.text
        self.tokens = answer.json()
        self.headers = {"Authorization": self.tokens["accesstoken"]}
        self.id = self.get("/v1/user2").json()["user_id"]

    def request(self, method, path, **options):
        return self.stack.request(method, path, headers=self.headers | options.pop("headers", {}), **options)

    def get(self, path, **query):
        return self.request("GET", path, params=query)

    def put(self, path, body, **query):
        return self.request("PUT", path, json=body, params=query)

    def params(self, node):
        answer = self.get("/v1/user/nodes/params", node_id=node.id)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def claim(self, node):
        """Maps the node to this user, as the app and the node do it together."""
        secret = secrets.token_urlsafe(16)
        answer = self.put("/v1/user/nodes/mapping", {"node_id": node.id, "secret_key": secret, "operation": "add"})
        assert answer.status_code == 200, answer.text
        node.publish("user/mapping", {"node_id": node.id, "user_id": self.id, "secret_key": secret})
        self.wait_mapping(answer.json()["request_id"], "confirmed")

    def mapping_state(self, request_id):
        return self.get("/v1/user/nodes/mapping", request_id=request_id, user_request="true").json()["request_status"]

    def wait_mapping(self, request_id, state):
        wait_for(lambda: self.mapping_state(request_id) == state, what=f"mapping {state}")


class Node:
    """A registered node's certificate files, and a connection when asked for one."""

    RULES = {
        "config": "esp_node_config",
        "params/local": "esp_set_params",
        "params/local/init": "esp_init_params",
        "alert": "esp_node_alert",
        "user/mapping": "esp_user_node_mapping",
        "otafetch": "esp_node_otafetch",
        "otastatus": "esp_node_otastatus",
    }

    def __init__(self, stack, node_id, folder):
        self.stack, self.id, self.folder = stack, node_id, folder
        self.messages = queue.Queue()
        self.client = None

    def connect(self, will=None, clean_session=True):
        """Connects as the contract says: 3.1.1, client id = node id, a user name without password."""
        self.client = mqtt.Client(self.id, clean_session=clean_session, protocol=mqtt.MQTTv311)
        self.client.username_pw_set("?Platform=APN3|A0|RM|EX00|RMDev|1x0|AABBCC112233")
        self.client.tls_set(
            ca_certs=str(self.folder / "ca.crt"),
            certfile=str(self.folder / "node.crt"),
            keyfile=str(self.folder / "node.key"),
            tls_version=ssl.PROTOCOL_TLS_CLIENT,
        )
        self.client.max_inflight_messages_set(1000)
        if will:
            self.client.will_set(*will)
        connected = queue.Queue()
        self.client.on_connect = lambda _c, _u, _f, result: connected.put(result)
        self.client.on_message = lambda _c, _u, message: self.messages.put((message.topic, message.payload))
        self.client.connect(self.stack.mqtt_host, self.stack.mqtt_port, keepalive=60)
        self.client.loop_start()
        assert connected.get(timeout=DEADLINE_S) == 0
        return self

    def subscribe(self, suffix):
        granted = queue.Queue()
        self.client.on_subscribe = lambda _c, _u, _mid, qos: granted.put(qos)
        self.client.subscribe(f"node/{self.id}/{suffix}", 1)
        assert granted.get(timeout=DEADLINE_S)[0] == 1

    def publish(self, suffix, payload, alias=False):
        """Publishes with QoS 1 and waits for the broker's acknowledgement."""
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        topic = f"node/{self.id}/{suffix}"
        if alias:
            topic = f"$aws/rules/{self.RULES[suffix]}/{topic}"
        info = self.client.publish(topic, payload, qos=1)
        info.wait_for_publish(DEADLINE_S)
        assert info.is_published(), f"no PUBACK for {topic}"

    def burst(self, messages):
        """Publishes all (suffix, payload) without a pause; returns when all are acknowledged."""
        sent = [self.client.publish(f"node/{self.id}/{suffix}", payload, qos=1) for suffix, payload in messages]
        for info in sent:
            info.wait_for_publish(DEADLINE_S)
            assert info.is_published()

    def letters(self):
        """What was set aside of this node's messages: [(reason, payload)]."""
        rows = self.stack.sql("SELECT reason, payload FROM dead_letter WHERE topic ~ %s ORDER BY dead_letter_id",
                              f"(^|/)node/{self.id}/")
        return [(reason, bytes(payload)) for reason, payload in rows]

    def stored(self):
        """The stored parameters as {device: {param: text}}, each value in the very bytes that are kept."""
        found = {}
        for device, param, value in self.stack.sql(
            "SELECT device, param, value::text FROM node_param WHERE node_id = %s", self.id
        ):
            found.setdefault(device, {})[param] = value
        return found

    def raw(self, **connect):
        """A connection that does what it is told and never reconnects (brokerkit.Client). When it is refused that is an
        OSError, so wait_for() may ask again: after a restart the broker lets nodes in once its consumer is there."""
        try:
            client = brokerkit.Client(None, self.folder / "node.crt", self.folder / "node.key", port=self.stack.mqtt_port,
                                      ca=self.folder / "ca.crt")
            code = client.connect(self.id, **connect)
        except brokerkit.Refused as why:
            raise ConnectionError(str(why)) from why
        if code != 0:
            raise ConnectionError(f"CONNACK {code}")
        return client

    def receive(self):
        return self.messages.get(timeout=DEADLINE_S)

    def stop(self):
        if self.client:
            self.client.disconnect()
            self.client.loop_stop()
            self.client = None

    def cut(self):
        """As a power cut: the socket goes without DISCONNECT."""
        self.client.on_disconnect = None
        self.client.reconnect_delay_set(3600, 3600)
        self.client.socket().shutdown(socket.SHUT_RDWR)
        self.client.loop_stop()
        self.client = None


class Stack:
    def __init__(self, **environment):
        self._folder = tempfile.TemporaryDirectory(prefix="cistern-test-")
        os.chmod(self._folder.name, 0o755)  # the services' own users go through it
        self.home = pathlib.Path(self._folder.name) / "var"
        ports = free_ports(4)
        names = ["CISTERN_API_PORT", "CISTERN_API_TLS_PORT", "CISTERN_MQTT_PORT", "CISTERN_SERVICE_PORT"]
        self.environment = dict(os.environ, CISTERN_HOME=str(self.home), BUILD=str(BUILD), NODES="0")
        self.environment |= {name: str(port) for name, port in zip(names, ports)}
        # limits are tests of their own; elsewhere they would only make tests depend on each other
        self.environment |= {"CISTERN_SIGN_IN_FAILURES_MAX": "100000", "CISTERN_SIGN_IN_STRANGERS_FAILURES_MAX": "100000"}
        self.environment |= {"CISTERN_SIGN_IN_PER_MINUTE": "100000", "CISTERN_REQUESTS_PER_SECOND": "100000",
                             "CISTERN_CLAIMS_PER_MINUTE": "100000", "CISTERN_NODE_LIMITS": "off"}
        self.environment.pop("DATABASE_URL", None)
        self.environment |= environment
        self._local = threading.local()
        self.start()

    def start(self):
        self.log_path = self.home.parent / "run.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(REPO / "tools" / "run")], cwd=REPO, env=self.environment, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )
        until = time.monotonic() + START_S
        while not (self.home / "ready.json").exists():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the stack did not start:\n{self.log_path.read_text()[-4000:]}")
            time.sleep(0.05)
        self.ready = json.loads((self.home / "ready.json").read_text())
        self.mqtt_host, self.mqtt_port = self.ready["mqtt_host"], self.ready["mqtt_port"]
        self.ca_file, self.database_url = self.ready["ca_file"], self.ready["database_url"]

    def stop(self):
        """SIGTERM, as an operator ends it; gives the exit status back."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def close(self):
        if self.process.poll() is None:
            self.stop()
        self._folder.cleanup()

    def pid(self, name):
        return int(pathlib.Path(self.ready["pid_files"][name]).read_text().split()[0])

    def log(self, name):
        return "".join(path.read_text(errors="replace") for path in sorted((self.home / "log").glob(f"{name}*"))
                       if path.is_file())

    def wait_ready(self, deadline_s=DEADLINE_S):
        """Until the daemon says that database and broker are there and it consumes."""
        wait_for(lambda: self.request("GET", "/readyz").status_code == 200, deadline_s, "/readyz 200")

    def kill(self, name, number=signal.SIGKILL):
        """Kills one of our processes and waits until it is back under another pid and all is ready. Gives the seconds."""
        before = self.pid(name)
        began = time.monotonic()
        os.kill(before, number)
        wait_for(lambda: self.pid(name) != before, what=f"new {name}")
        self.wait_ready()
        if name == "signerd":  # /readyz is not about it
            wait_for(self.signer_listens, what="signerd's socket")
        return time.monotonic() - began

    def signer_listens(self):
        settings = (self.home / "etc" / "cistern.conf").read_text()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(settings.partition("signer_socket = ")[2].splitlines()[0])
        return True

    def settle(self):
        """Until everything that the broker acknowledged before this call is committed: each of the daemon's two sessions takes messages in
        order, so a message behind them in each is the event."""
        if not hasattr(self, "_marker"):
            self._marker = (self.node(), itertools.count(1))
        node, numbers = self._marker
        number = next(numbers)
        self._publish_marker(node, "params/local", json.dumps({"Marker": {"n": number}}))
        self._publish_marker(node, "otafetch", json.dumps({"fw_version": str(number)}))
        wait_for(lambda: node.stored().get("Marker", {}).get("n") == str(number)
                 and self.sql("SELECT 1 FROM ota_fetch WHERE node_id = %s AND fw_version = %s", node.id, str(number)), what="markers in the database")

    def _publish_marker(self, node, suffix, payload):
        """On a kept connection: a node may not connect as often as tests settle."""
        topic = f"node/{node.id}/{suffix}"
        try:
            self._marker_client.publish(topic, payload)
        except (AttributeError, OSError, brokerkit.Refused):  # none yet, or the broker has closed it
            self._marker_client = node.raw()
            self._marker_client.publish(topic, payload)

    def service(self, client_id, *filters):
        """A connection with the daemon's certificate, which sees what every node publishes."""
        keys = self.home / "keys" / "cisternd"
        port = int(self.environment["CISTERN_SERVICE_PORT"])
        client = brokerkit.Client(None, keys / "cisternd.crt", keys / "cisternd.key", port=port, ca=self.ca_file)
        assert client.connect(client_id) == 0
        for topic_filter in filters:
            assert client.subscribe(topic_filter) == 1
        return client

    def request(self, method, path, **options):
        return requests.request(method, self.ready["api_url"] + path, timeout=DEADLINE_S, **options)

    def post(self, path, body, **options):
        return self.request("POST", path, json=body, **options)

    def cli(self, *arguments, check=True, text_in=None):
        return subprocess.run([self.ready["cli"], *arguments], check=check, capture_output=True, text=True,
                              input=text_in, timeout=60)

    def sql(self, statement, *values):
        """Rows of one statement, on a kept connection of the thread's own; a new one when the database was restarted."""
        kept = getattr(self._local, "connection", None)
        try:
            return self._run(kept or self._connect(), statement, values)
        except psycopg2.Error as why:
            if not kept or why.pgcode:  # a server that is gone has no code
                raise
            return self._run(self._connect(), statement, values)

    def _connect(self):
        self._local.connection = None
        self._local.connection = psycopg2.connect(self.database_url)
        self._local.connection.autocommit = True
        return self._local.connection

    @staticmethod
    def _run(connection, statement, values):
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def user(self):
        name = f"{unique('user')}@example.org"
        path = self.home.parent / unique("password")
        path.write_text("Correct-Horse-7\n")
        self.cli("user", "add", name, "--password-file", str(path))
        return User(self, name, "Correct-Horse-7")

    def admin(self):
        return User(self, self.ready["admin_user"], pathlib.Path(self.ready["admin_password_file"]).read_text().strip())

    def node(self):
        node_id = unique("node")
        folder = self.home.parent / node_id
        self.cli("node", "add", node_id, "--out", str(folder))
        return Node(self, node_id, folder)
