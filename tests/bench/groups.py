"""How the rows of figures.py are measured: a function a group, which prepares and gives the function of one round. A round gives
{row's name: (ours, baseline, detail)}; ours and baseline are taken one after the other, so that both meet the same machine."""

import json
import re
import subprocess

import scale as tables
from figures import CONTROL, percentile, size_name
from machine import Meter, cpu_s, memory_mib
from bench_rig import LAMP, PROGRAMS, REPO, Broker, Discard, Load, Notified, Running, free_ports, start, stored, wait_for


def checked_json(*command):
    return json.loads(subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True, timeout=900).stdout)


# --- messages ---------------------------------------------------------------------------------------------------------


def load(rig):
    """That the load generator is not what is measured: what it reaches when nobody holds it up, and its share of the CPU."""
    keys = rig.stack.home / "keys" / "broker"
    plain = Broker(rig.stack, with_plugin=True)

    def sink_rate():
        (port,) = free_ports(1)
        sink = start([str(PROGRAMS / "sink"), str(port), str(keys / "server.crt"), str(keys / "server.key")], stdout=subprocess.PIPE, text=True)
        assert sink.stdout.readline() == "ready\n"
        try:
            said = rig.load.run(port, "--messages", 4 * rig.settings.messages * rig.settings.nodes)
            return said["per_second"], {"load": round(said["cpu_us"] / said["acked"], 2), "sink": round(cpu_s(sink.pid) * 1e6 / said["acked"], 2)}
        finally:
            sink.kill()
            sink.wait()

    def one_round():
        (alone, alone_cpu), (rate, cpu) = sink_rate(), rig.discarded(plain)
        return {"load generator against a sink": (alone, rate, {"cpu_us_a_message": alone_cpu}),
                "CPU of the load generator": (cpu["load"], cpu["broker"], {"cpu_us_a_message": cpu})}

    return one_round, plain.stop


def ingest(rig):
    """The baseline's broker is one of its own with the same settings: the daemon's sessions would keep the load for themselves."""
    beside = Broker(rig.stack, with_plugin=True)

    def one_round():
        (rate, cpu), (base, base_cpu) = rig.ingest(), rig.discarded(beside)
        return {"durable ingest": (rate, base, {"cpu_us_a_message": cpu, "baseline_cpu_us_a_message": base_cpu})}

    return one_round, beside.stop


def plugin(rig):
    def through(with_plugin):
        broker = Broker(rig.stack, with_plugin, counted=True)
        try:
            return rig.discarded(broker)
        finally:
            broker.stop()

    def one_round():
        (rate, cpu), (base, base_cpu) = through(True), through(False)
        return {"plugin cost": (rate, base, {"cpu_us_a_message": cpu, "baseline_cpu_us_a_message": base_cpu})}

    return one_round, None


def checks(_rig):
    """Alone, with 100 000 nodes on line: of 100 000 others none, 1 000 or all are revoked. The slowest counts."""

    def one_round():
        said = [checked_json(PROGRAMS / "plugin_checks", registered, revoked)
                for registered, revoked in ((100000, 0), (101000, 1000), (200000, 100000))]
        return {"a check of the plugin": (max(each["publish_check_ns"] for each in said) / 1000, None, {"runs": said})}

    return one_round, None


def connects(rig):
    """A consumer is there, as in operation: with the plugin it gets the presence of each connect."""

    def through(with_plugin):
        broker = Broker(rig.stack, with_plugin, counted=True)
        consumer = Discard(broker)
        try:
            began = cpu_s(broker.pid)
            said = rig.load.run(broker.port, "--seconds", rig.settings.seconds, mode="connects")
            return said["per_second"], {"load": round(said["cpu_us"] / said["connects"]), "broker": round((cpu_s(broker.pid) - began) * 1e6 / said["connects"])}
        finally:
            consumer.stop()
            broker.stop()

    def one_round():
        (rate, cpu), (base, base_cpu) = through(True), through(False)
        return {"connects": (rate, base, {"cpu_us_a_connect": cpu, "baseline_cpu_us_a_connect": base_cpu})}

    return one_round, None


# --- latencies --------------------------------------------------------------------------------------------------------


class Probe:
    """A node of its own, for what is measured one after the other beside a load."""

    def __init__(self, rig):
        self.rig, self.node = rig, rig.stack.node()
        self.keys = [rig.stack.ca_file, self.node.folder / "node.crt", self.node.folder / "node.key"]

    def command(self, mode, *arguments, port=None, pause_ms=0):
        address = [] if mode == "insert" else ["localhost", port or self.rig.stack.mqtt_port, *self.keys]
        return [str(part) for part in [PROGRAMS / "latency", "--seconds", self.rig.settings.seconds, "--pause", pause_ms, mode, *address, *arguments]]

    def run(self, mode, *arguments, **options):
        return checked_json(*self.command(mode, *arguments, **options))["us"]


def summary(micros):
    return {"n": len(micros), "p50_ms": round(percentile(micros, 50) / 1000, 3), "p99_ms": round(percentile(micros, 99) / 1000, 3),
            "max_ms": round(max(micros) / 1000, 3)}


def put(rig):
    stack, probe = rig.stack, Probe(rig)
    user, node = stack.user(), probe.node.connect()
    user.claim(node)
    node.publish("config", LAMP | {"node_id": node.id})
    wait_for(lambda: stack.sql("SELECT 1 FROM node_config WHERE node_id = %s", node.id))
    node.stop()
    token = stack.home.parent / "put.token"
    token.write_text(user.headers["Authorization"] + "\n")
    bare = Broker(stack, with_plugin=False)

    def one_round():
        ours = probe.run("put", node.id, stack.ready["api_url"], token)
        base = probe.run("bare", f"node/{node.id}/params/remote", port=bare.port)
        detail = {"ours": summary(ours), "baseline": summary(base)}
        return {f"PUT params → node, p{percent}": (percentile(ours, percent) / 1000, percentile(base, percent) / 1000, detail) for percent in (50, 99)}

    return one_round, bare.stop


def settled(rig, running):
    """Ends a load and waits until all of it is committed. Gives what the load says."""
    said = running.stop()
    stored(rig.stack, "load-0000")(running.marker)
    return said


def commit(rig):
    stack, probe = rig.stack, Probe(rig)
    Notified.on(stack, "node_param", "INSERT OR UPDATE", probe.node.id, "bench_param")
    stack.sql("CREATE TABLE IF NOT EXISTS bench_insert (n bigint, device text, param text, value json, at timestamptz)")
    statement = "INSERT INTO bench_insert VALUES (%d, 'Light', 'Level', '40', now())"
    report = [f"node/{probe.node.id}/params/local", '{"Light":{"Level":%d}}', stack.database_url, "bench_param"]

    def one_round():
        quiet = probe.run("insert", stack.database_url, statement)
        rate = rig.capacity() / 2
        running = Running(rig.load, stack.mqtt_port, "--rate", rate)
        try:
            ours = probe.run("report", *report)
            beside = probe.run("insert", stack.database_url, statement)
        finally:
            said = settled(rig, running)
        detail = {"offered_per_second": round(rate), "sent_per_second": said["per_second"], "ours": summary(ours), "insert_at_load": summary(beside),
                  "insert_quiet": summary(quiet)}
        p99 = percentile(ours, 99) / 1000
        return {"report → committed at half load, p99": (p99, percentile(beside, 99) / 1000, detail),
                "report → committed at half load, p99 (quiet)": (p99, percentile(quiet, 99) / 1000, {})}

    return one_round, None


def control(rig):
    """What is not bulk, each kind from a node of its own, all four at once."""
    stack = rig.stack
    payload = {
        "config": lambda node: json.dumps(LAMP | {"node_id": node, "config_version": "%d"}),
        "user/mapping": lambda node: json.dumps({"node_id": node, "user_id": "6f1d0c1e-1111-4222-8333-444455556666", "secret_key": "%d"}),
        "otafetch": lambda node: json.dumps({"node_id": node, "fw_version": "1.%d"}),
        "alert": lambda node: json.dumps({"esp.alert.str": "%d"}),
    }
    table = {"config": ("node_config", "INSERT OR UPDATE"), "user/mapping": ("mapping_report", "INSERT"),
             "otafetch": ("ota_fetch", "INSERT OR UPDATE"), "alert": ("alert", "INSERT")}
    commands = {}
    for kind in CONTROL:
        probe, channel = Probe(rig), "bench_" + kind.replace("/", "_")
        Notified.on(stack, *table[kind], probe.node.id, channel)
        commands[kind] = probe.command("report", f"node/{probe.node.id}/{kind}", payload[kind](probe.node.id), stack.database_url, channel, pause_ms=10)

    def all_at_once():
        running = {kind: start(command, stdout=subprocess.PIPE, text=True) for kind, command in commands.items()}
        micros = {kind: process.communicate()[0] for kind, process in running.items()}
        assert all(process.returncode == 0 for process in running.values())
        return {kind: json.loads(out)["us"] for kind, out in micros.items()}

    def one_round():
        quiet = all_at_once()
        running = Running(rig.load, stack.mqtt_port)
        try:
            loaded = all_at_once()
        finally:
            said = settled(rig, running)
        return {f"{kind} → committed while bulk is at its maximum, p99":
                (percentile(loaded[kind], 99) / 1000, percentile(quiet[kind], 99) / 1000,
                 {"bulk_per_second": said["per_second"], "loaded": summary(loaded[kind]), "quiet": summary(quiet[kind])}) for kind in CONTROL}

    return one_round, None


# --- API --------------------------------------------------------------------------------------------------------------


def wrk(rig, user, url, connections):
    out = subprocess.run(["wrk", "--latency", "-c", str(connections), "-t", "2", "-d", f"{int(rig.settings.seconds)}s", "-H",
                          f"Authorization: {user.headers['Authorization']}", url], check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in out, out
    return out


def pgbench(rig, connections, *options):
    return subprocess.run(["pgbench", "-c", str(connections), "-j", "2", "-T", str(int(rig.settings.seconds)), "-M", "prepared", *map(str, options)],
                          check=True, capture_output=True, text=True).stdout


def get(rig):
    stack, connections = rig.stack, rig.settings.connections
    user, node = stack.user(), stack.node().connect()
    user.claim(node)
    node.publish("params/local", {"Light": {"Name": "Hall", "Power": True, "Level": 40}, "Time": {"TZ": "Europe/Paris"}})
    wait_for(lambda: user.params(node).get("Light"))
    node.stop()
    url = f"{stack.ready['api_url']}/v1/user/nodes/params?node_id={node.id}"
    subprocess.run(["pgbench", "-q", "-i", "-s", "5", stack.database_url], check=True, capture_output=True)

    def one_round():
        ours = float(re.search(r"Requests/sec:\s+([\d.]+)", wrk(rig, user, url, connections))[1])
        base = float(re.search(r"tps = ([\d.]+)", pgbench(rig, connections, "-S", stack.database_url))[1])
        return {"GET params": (ours, base, {})}

    return one_round, None


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


def list_nodes(rig):
    """A page of 100 nodes with details, of a user with 500 among 100 000."""
    stack = rig.stack
    user = stack.user()
    tables.fill_users(stack, user)
    url = f"{stack.ready['api_url']}/v1/user/nodes?node_details=true&num_records=100"
    ((session,),) = stack.sql("SELECT session_id::text FROM session WHERE user_id = %s", user.id)
    access, access_settings = statement("session_access", [session, None])
    listing, listing_settings = statement("node_list_for_user", [user.id, None, "a", 101, "t", "t", None, "t"])
    script = stack.home.parent / "node_list.sql"
    script.write_text(f"\\startpipeline\n{access}{listing}\\endpipeline\n")
    assert len(user.get("/v1/user/nodes", node_details="true", num_records=100).json()["node_details"]) == 100

    def by_api():
        value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", wrk(rig, user, url, 4)).groups()
        return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]

    def by_pgbench():
        for old in script.parent.glob("pgbench_log*"):
            old.unlink()
        pgbench(rig, 4, "-n", "-l", f"--log-prefix={script.parent}/pgbench_log", "-f", script, *access_settings, *listing_settings, stack.database_url)
        micros = [int(line.split()[2]) for path in script.parent.glob("pgbench_log*") for line in path.read_text().splitlines()]
        return percentile(micros, 99) / 1000

    return lambda: {"node_list, 100 with details, p99": (by_api(), by_pgbench(), {})}, None


# --- sizes ------------------------------------------------------------------------------------------------------------


def scale(rig):
    """A stack for each size, so that the sizes take turns. The nodes that report lie evenly among those of the tables."""
    sizes, settings = rig.settings.sizes, rig.settings
    stacks = {size: tables.filled(rig.new_stack(), size, settings.spread) for size in sizes}

    def at(size):
        filled = stacks[size]
        stack = filled.stack
        start_ms = tables.restart_daemon_ms(stack)
        sending = Load(settings, stack.ca_file, filled.folder, filled.n_reporting)
        meter = Meter(broker=stack.pid("broker"), daemon=stack.pid("cisternd"), postgres=stack.pid("postgres"))
        messages = max(1, settings.messages * settings.nodes // filled.n_reporting)
        rate, said = sending.run_marked(stack.mqtt_port, messages, stored(stack, filled.first_id))
        cpu = meter.read(said["acked"])
        return {"cost": cpu["daemon"] + cpu["postgres"], "rate": rate, "start": start_ms, "memory": memory_mib(stack.pid("cisternd")), "cpu": cpu}

    def one_round():
        base = at(sizes[0])
        rows = {}
        for size in sizes[1:]:
            ours, name = at(size), size_name(size)
            detail = {"cpu_us_a_message": ours["cpu"], "baseline_cpu_us_a_message": base["cpu"], "database_mib": stacks[size].mib, "filled_s": stacks[size].fill_s}
            rows |= {f"cost of a message, {name} nodes": (ours["cost"], base["cost"], detail),
                     f"durable ingest, {name} nodes": (ours["rate"], base["rate"], {}),
                     f"memory of cisternd, {name} nodes": (ours["memory"], base["memory"], {}),
                     f"start-up, {name} nodes": (ours["start"], base["start"], {})}
        return rows

    return one_round, None


GROUPS = {"load": load, "ingest": ingest, "plugin": plugin, "checks": checks, "get": get, "put": put, "commit": commit, "connects": connects,
          "control": control, "scale": scale, "list": list_nodes}
