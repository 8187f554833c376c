"""Figures beside their baselines, taken in turns in one run on one machine (design: ratios, never absolute numbers).

    make bench [ROUNDS=3] [NODES=50] [MESSAGES=2000]

    durable ingest   the load committed to the database and acknowledged / the same load into the same broker with a client
                     that only discards
    plugin cost      the load through a broker with the plugin / through one without plugin and access rules, both discarding
    plugin checks    what one check costs, alone: with 100 000 nodes, of which none, 1 000 and 100 000 are revoked
    node_list        99th percentile in ms of a page of 100 nodes with details, of a user with 500 among 100 000: wrk / pgbench of the same
                     two statements
    GET params       wrk on GET /v1/user/nodes/params / pgbench -M prepared select-only, same connections

Prints a table with median, lowest and highest, then one JSON line a figure.
"""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
from brokerkit import set_file  # noqa: E402
from stackkit import BUILD, LAMP, REPO, Stack, free_ports, wait_for  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "3"))
NODES = int(os.environ.get("NODES", "50"))
MESSAGES = int(os.environ.get("MESSAGES", "2000"))
CONNECTIONS, THREADS, SECONDS = 16, 2, 5


class Load:
    """NODES nodes that publish params/local with QoS 1 as fast as they are acknowledged, and one more that says when it is over."""

    def __init__(self, stack):
        self.stack = stack
        self.folder = stack.home.parent / "load"
        self.folder.mkdir()
        for i in range(NODES):
            stack.cli("node", "add", f"load-{i}", "--out", str(self.folder / f"load-{i}"))
        self.last = stack.node()

    def run(self, port, is_over):
        """Messages a second from the first publish until the last message has arrived where it belongs."""
        began = time.monotonic()
        subprocess.run(
            [str(BUILD / "cistern-node"), "--host", "localhost", "--port", str(port), "--ca", self.stack.ca_file,
             "--count", str(NODES), "--cert-dir", str(self.folder), "--publish-rate", "0",
             "--publish-count", str(MESSAGES), "--quiet"],
            check=True, stdout=subprocess.DEVNULL, timeout=600)
        mqtt_port, self.stack.mqtt_port = self.stack.mqtt_port, port
        self.last.connect()
        marker = f"over {time.monotonic_ns()}"
        self.last.publish("alert", {"esp.alert.str": marker})
        is_over(marker)
        elapsed = time.monotonic() - began
        self.last.stop()
        self.stack.mqtt_port = mqtt_port
        return NODES * MESSAGES / elapsed


class Discard:
    def __init__(self, stack, port):
        keys = stack.home / "keys" / "cisternd"
        self.process = subprocess.Popen(
            [str(BUILD / "tests" / "bench" / "discard"), "localhost", str(port), str(keys / "ca.crt"),
             str(keys / "cisternd.crt"), str(keys / "cisternd.key")], stdout=subprocess.PIPE, text=True)
        while self.process.stdout.readline() != "ready\n":  # what was not acknowledged before comes first
            assert self.process.poll() is None

    def is_over(self, marker):
        while marker not in self.process.stdout.readline():
            assert self.process.poll() is None
        self.process.kill()
        self.process.wait()


class Broker:
    """The stack's own broker settings on other ports, with the plugin or without."""

    def __init__(self, stack, with_plugin):
        self.port, self.service_port = free_ports(2)
        folder = stack.home.parent / f"broker-{self.port}"
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
        lines = (stack.home / "etc" / "mosquitto.conf").read_text().splitlines()
        ports = iter([self.port, self.service_port])
        changed = []
        for line in lines:
            if "daemon.sock" in line:
                line = line.replace(line.split()[-1], f"{folder}/daemon.sock")
            elif line.startswith("listener "):
                line = f"listener {next(ports)} 127.0.0.1"
            elif line.startswith("persistence_location"):
                line = f"persistence_location {folder}/"
            elif line.startswith("plugin_opt_require_consumer"):
                line = "plugin_opt_require_consumer false"
            elif line.startswith("plugin_opt_revocation_file"):
                (folder / "revocation").write_bytes(set_file())
                line = f"plugin_opt_revocation_file {folder}/revocation"
            elif line.startswith("plugin_opt_revocation_local_file"):
                continue
            elif re.match("plugin_opt_[a-z]+_(per_minute|per_second|burst) ", line):
                line = line.split()[0] + " 100000000"  # counted, and never reached
            if not with_plugin and line.startswith("plugin"):
                continue
            if not with_plugin and line.startswith("allow_anonymous"):
                line = "allow_anonymous true"
            changed.append(line)
        if os.geteuid() == 0:
            changed.append("user root")
        path = folder / "mosquitto.conf"
        path.write_text("\n".join(changed) + "\n")
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(["mosquitto", "-c", str(path)], stderr=self.log)
        wait_for(lambda: b"running" in (folder / "log").read_bytes(), what="broker")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


def start_daemon(stack):
    subprocess.run(["s6-svc", "-u", str(stack.home / "service" / "cisternd")], check=True)
    wait_for(lambda: stack.request("GET", "/readyz").status_code == 200, what="readiness")


def stop_daemon(stack):
    service = str(stack.home / "service" / "cisternd")
    subprocess.run(["s6-svc", "-d", service], check=True)
    subprocess.run(["s6-svwait", "-d", "-t", "10000", service], check=True)


def ingest(stack, load):
    def is_stored(marker):
        wait_for(lambda: stack.sql("SELECT 1 FROM alert WHERE body::text = %s", json.dumps(marker)), deadline_s=300)

    def through_daemon():
        start_daemon(stack)
        return load.run(stack.mqtt_port, is_stored)

    def discarded():
        stop_daemon(stack)
        return load.run(stack.mqtt_port, Discard(stack, int(stack.environment["CISTERN_SERVICE_PORT"])).is_over)

    return through_daemon, discarded


def plugin(stack, load):
    def with_broker(with_plugin):
        broker = Broker(stack, with_plugin)
        try:
            return load.run(broker.port, Discard(stack, broker.service_port).is_over)
        finally:
            broker.stop()

    return lambda: with_broker(True), lambda: with_broker(False)


def get_params(stack, _load):
    start_daemon(stack)
    user, node = stack.user(), stack.node().connect()
    user.claim(node)
    node.publish("params/local", {"Light": {"Name": "Hall", "Power": True, "Level": 40}, "Time": {"TZ": "Europe/Paris"}})
    wait_for(lambda: user.params(node).get("Light"))
    node.stop()
    url = f"{stack.ready['api_url']}/v1/user/nodes/params?node_id={node.id}"
    owner = stack.database_url.replace("cistern_app", "cistern_owner")
    subprocess.run(["pgbench", "-q", "-i", "-s", "5", owner], check=True, capture_output=True)
    shape = ["-c", str(CONNECTIONS)]

    def by_api():
        out = subprocess.run(["wrk", *shape, "-t", str(THREADS), "-d", f"{SECONDS}s", "-H",
                              f"Authorization: {user.headers['Authorization']}", url],
                             check=True, capture_output=True, text=True).stdout
        assert "Non-2xx" not in out, out
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])

    def by_pgbench():
        out = subprocess.run(["pgbench", *shape, "-j", str(THREADS), "-T", str(SECONDS), "-M", "prepared", "-S", owner],
                             check=True, capture_output=True, text=True).stdout
        return float(re.search(r"tps = ([\d.]+)", out)[1])

    return by_api, by_pgbench


LAMP_PARAMS = {"Name": '"Hall"', "Power": "true", "Level": "40"}


def statement(name, values):
    """One of sql/queries with pgbench's variables in place of its parameters, and their settings."""
    text = (REPO / "sql" / "queries").joinpath({"session_access": "session.sql"}.get(name, "node.sql")).read_text()
    body = text.split(f"-- name: {name}\n")[1].split("-- name: ")[0].rpartition(";")[0]
    body = "\n".join(line for line in body.splitlines() if not line.startswith("--"))
    settings = []
    for i, value in enumerate(values, 1):
        body = body.replace(f"${i}", f":{name}{i}" if value is not None else "NULL")
        if value is not None:
            settings += ["-D", f"{name}{i}={value}"]
    return body.replace("\n", " ") + ";\n", settings


def node_list(stack, _load):
    start_daemon(stack)
    user = stack.user()
    stack.sql("INSERT INTO node (node_id) SELECT 'listed' || i FROM generate_series(1, 100000) i ON CONFLICT DO NOTHING")
    stack.sql("INSERT INTO account (user_name, password_hash, confirmed_at) SELECT 'other' || i || '@example.org', 'x', now() FROM generate_series(1, 200) i"
              " ON CONFLICT DO NOTHING")
    stack.sql("INSERT INTO node_user (node_id, user_id, role) SELECT 'listed' || i, CASE WHEN i %% 200 = 0 THEN %s::uuid ELSE (SELECT user_id FROM account"
              " WHERE user_name = 'other' || i %% 200 || '@example.org') END, 'primary' FROM generate_series(1, 100000) i", user.id)
    stack.sql("INSERT INTO node_config (node_id, config, received_at) SELECT node_id, %s, now() FROM node_user ON CONFLICT DO NOTHING", json.dumps(LAMP))
    for name, value in LAMP_PARAMS.items():
        stack.sql("INSERT INTO node_param (node_id, device, param, value, received_at) SELECT node_id, 'Light', %s, %s, now() FROM node_user"
                  " ON CONFLICT DO NOTHING", name, value)
    stack.sql("ANALYZE")
    url = f"{stack.ready['api_url']}/v1/user/nodes?node_details=true&num_records=100"
    ((session,),) = stack.sql("SELECT session_id::text FROM session WHERE user_id = %s", user.id)
    access, access_settings = statement("session_access", [session, None])
    listing, listing_settings = statement("node_list_for_user", [user.id, None, "a", 101, "t", "t", None, "t"])
    script = stack.home.parent / "node_list.sql"
    script.write_text(f"\\startpipeline\n{access}{listing}\\endpipeline\n")
    assert len(user.get("/v1/user/nodes", node_details="true", num_records=100).json()["node_details"]) == 100

    def by_api():
        out = subprocess.run(["wrk", "--latency", "-c", "4", "-t", str(THREADS), "-d", f"{SECONDS}s", "-H",
                              f"Authorization: {user.headers['Authorization']}", url],
                             check=True, capture_output=True, text=True).stdout
        assert "Non-2xx" not in out, out
        value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
        return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]

    def by_pgbench():
        prefix = script.parent / "pgbench_log"
        for old in script.parent.glob("pgbench_log*"):
            old.unlink()
        subprocess.run(["pgbench", "-n", "-c", "4", "-j", str(THREADS), "-T", str(SECONDS), "-M", "prepared", "-l", f"--log-prefix={prefix}", "-f", str(script),
                        *access_settings, *listing_settings, stack.database_url], check=True, capture_output=True, text=True)
        micros = sorted(int(line.split()[2]) for path in script.parent.glob("pgbench_log*") for line in path.read_text().splitlines())
        return micros[len(micros) * 99 // 100] / 1000

    return by_api, by_pgbench


FIGURES = [
    # name, bar of the design, function that gives (ours, baseline)
    ("durable ingest, messages/s", 0.6, ingest),
    ("plugin cost, messages/s", 0.97, plugin),
    ("node_list, p99 in ms", None, node_list),
    ("GET params, requests/s", 0.5, get_params),
]


def measure(stack, load, make):
    ours, baseline = make(stack, load)
    pairs = [(ours(), baseline()) for _ in range(ROUNDS)]
    return [a for a, _ in pairs], [b for _, b in pairs], [a / b for a, b in pairs]


def spread(values, form):
    return f"{statistics.median(values):{form}} ({min(values):{form}}..{max(values):{form}})"


def plugin_checks():
    """No ratio: the bar is a microsecond for the check of a publish."""
    for registered, revoked in ((100000, 0), (100000, 1000), (200000, 100000)):
        subprocess.run([str(BUILD / "tests" / "bench" / "plugin_checks"), str(registered), str(revoked)], check=True)


def main():
    wanted = sys.argv[1:]
    if not wanted or any(word in "plugin checks" for word in wanted):
        plugin_checks()
    if wanted == ["checks"]:
        return
    stack = Stack()
    results = []
    try:
        load = Load(stack)
        for name, bar, make in FIGURES:
            if wanted and not any(word in name for word in wanted):
                continue
            ours, baseline, ratios = measure(stack, load, make)
            results.append((name, bar, ours, baseline, ratios))
            print(f"{name:28} ours {spread(ours, '.1f'):28} baseline {spread(baseline, '.1f'):28} "
                  f"ratio {spread(ratios, '.2f')}, bar {bar}", flush=True)
    finally:
        stack.close()
    for name, bar, ours, baseline, ratios in results:
        print(json.dumps({"figure": name, "bar": bar, "ours": ours, "baseline": baseline, "ratio": ratios,
                          "nodes": NODES, "messages": MESSAGES}))


if __name__ == "__main__":
    main()
