"""What the figures are taken with: the stack, brokers beside it, the load, the client that only discards."""

import json
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
from brokerkit import set_file  # noqa: E402
from stackkit import BUILD, LAMP, REPO, Stack, free_ports, unique, wait_for  # noqa: E402

from machine import Meter  # noqa: E402

PROGRAMS = BUILD / "tests" / "bench"


_started = []


def start(command, **options):
    """A process that does not outlive this one."""
    process = subprocess.Popen([str(part) for part in command], **options)
    _started.append(process)
    return process


def end_started():
    for process in _started:
        if process.poll() is None:
            process.kill()
            process.wait()


class Settings:
    """From the environment; they are kept with the figures."""

    def __init__(self, environment):
        self.rounds = int(environment.get("ROUNDS", "3"))
        self.nodes = int(environment.get("NODES", "50"))
        self.messages = int(environment.get("MESSAGES", "2000"))  # a node
        self.window = int(environment.get("WINDOW", "20"))  # unacknowledged, a node
        self.params = int(environment.get("PARAMS", "1"))  # a report
        self.seconds = float(environment.get("SECONDS", "5"))  # of what is measured for a time
        self.connections = int(environment.get("CONNECTIONS", "16"))  # of HTTP and pgbench
        self.spread = int(environment.get("SPREAD", "200"))  # reporting nodes among those of `scale`
        self.sizes = [int(size) for size in environment.get("SCALE", "1000 100000 1000000").replace(",", " ").split()]


def add_nodes(stack, folder, ids):
    folder.mkdir(exist_ok=True)
    for node_id in ids:
        stack.cli("node", "add", node_id, "--out", str(folder / node_id))


class Load:
    """tests/bench/load.c with the certificates of a folder."""

    def __init__(self, settings, ca_file, folder, count):
        self.settings, self.ca_file, self.folder, self.count = settings, ca_file, folder, count

    def command(self, port, mode, *options):
        return [str(PROGRAMS / "load"), mode, "localhost", str(port), str(self.ca_file), str(self.folder), "--count", str(self.count),
                "--window", str(self.settings.window), "--params", str(self.settings.params), *map(str, options)]

    def run(self, port, *options, mode="publish"):
        out = subprocess.run(self.command(port, mode, *options), check=True, stdout=subprocess.PIPE, text=True, timeout=900).stdout
        return json.loads(out)

    def run_marked(self, port, messages, seen):
        """The load, and messages/s from its first publish until `seen(marker)` gives the time at which its last report was where it belongs."""
        marker = unique("over")
        said = self.run(port, "--messages", messages * self.count, "--marker", marker)
        return said["acked"] / ((seen(marker) - said["started_us"]) / 1e6), said


class Running:
    """A load that goes on until stop(), for what is measured beside it."""

    def __init__(self, load, port, *options):
        self.marker = unique("over")
        self.process = start(load.command(port, "publish", "--seconds", "3600", "--marker", self.marker, *options),
                                        stdout=subprocess.PIPE, text=True)

    def stop(self):
        self.process.terminate()
        said = json.loads(self.process.stdout.read())
        assert self.process.wait() == 0
        return said


class Discard:
    """The client that only discards: tests/bench/discard.c in place of the daemon, and as the daemon over the broker's unix socket."""

    def __init__(self, broker):
        self.process = start([str(PROGRAMS / "discard"), str(broker.service_socket)], stdout=subprocess.PIPE, text=True)
        while (line := self.process.stdout.readline()) != "ready\n":  # what was not acknowledged before comes first
            assert line

    def seen(self, marker):
        """When the marker came, of the monotonic clock in µs."""
        while marker not in (line := self.process.stdout.readline()):
            assert line
        return int(line.split()[2])

    def stop(self):
        self.process.kill()
        self.process.wait()


class Broker:
    """The stack's broker settings on other ports, with the plugin or without. `counted`: the limits of nodes are counted and never
    reached, as in operation; otherwise as the stack has them, off."""

    def __init__(self, stack, with_plugin, counted=False):
        self.port, self.service_port = free_ports(2)
        self.folder = stack.home.parent / f"broker-{self.port}"
        self.folder.mkdir(mode=0o777)
        self.folder.chmod(0o777)
        self.service_socket = self.folder / "service.sock"
        ports = iter([self.port, self.service_port])
        lines = (stack.home / "etc" / "mosquitto.conf").read_text().splitlines()
        changed = [self._changed(line, ports, with_plugin, counted) for line in lines]
        if os.geteuid() == 0:
            changed.append("user root")
        path = self.folder / "mosquitto.conf"
        path.write_text("\n".join(line for line in changed if line is not None) + "\n")
        self.log = open(self.folder / "log", "wb")
        self.process = start(["mosquitto", "-c", str(path)], stderr=self.log)
        self.pid = self.process.pid
        wait_for(lambda: b"running" in (self.folder / "log").read_bytes(), what="broker")

    def _changed(self, line, ports, with_plugin, counted):
        if line.startswith("listener 0 "):
            return f"listener 0 {self.service_socket}"
        if line.startswith("listener "):
            return f"listener {next(ports)} 127.0.0.1"
        if line.startswith("persistence_location"):
            return f"persistence_location {self.folder}/"
        if line.startswith("plugin") and not with_plugin:
            return None
        if line.startswith("allow_anonymous") and not with_plugin:
            return "allow_anonymous true"
        if line.startswith("plugin_opt_service_socket"):
            return f"plugin_opt_service_socket {self.service_socket}"
        if line.startswith("plugin_opt_require_consumer"):
            return "plugin_opt_require_consumer false"
        if line.startswith("plugin_opt_revocation_local_file"):
            return None
        if line.startswith("plugin_opt_revocation_file"):
            (self.folder / "revocation").write_bytes(set_file())
            return f"plugin_opt_revocation_file {self.folder}/revocation"
        if counted and re.match("plugin_opt_[a-z]+_(per_minute|per_second|burst) ", line):
            return line.split()[0] + " 100000000"
        return line

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()


class Notified:
    """Hears of commits: a trigger on a table calls pg_notify, which the database sends when the commit is done."""

    FUNCTION = ("CREATE OR REPLACE FUNCTION bench_notify() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN PERFORM pg_notify(TG_ARGV[0], ''); RETURN NULL; END $$")

    @classmethod
    def on(cls, stack, table, events, node_id, channel):
        stack.sql(cls.FUNCTION)
        stack.sql(f"DROP TRIGGER IF EXISTS {channel} ON {table}")
        stack.sql(f"CREATE TRIGGER {channel} AFTER {events} ON {table} FOR EACH ROW WHEN (NEW.node_id = '{node_id}')"
                  f" EXECUTE FUNCTION bench_notify('{channel}')")


def stored(stack, node_id):
    """seen() of what the daemon commits. Asked by the row's key: the answer costs the database nothing that shows."""

    def seen(marker):
        wait_for(lambda: stack.sql("SELECT 1 FROM node_param WHERE node_id = %s AND device = 'Marker' AND param = 'n' AND value::text = %s",
                                   node_id, json.dumps(marker)), 600, "marker in the database")
        return time.monotonic_ns() // 1000

    return seen


class Rig:
    """The stack and its load, made when they are first wanted."""

    def __init__(self, settings):
        self.settings = settings
        self._stacks = []
        self._stack = self._load = self._capacity = None

    def new_stack(self):
        """One that close() ends, whatever happens until then."""
        stack = Stack.__new__(Stack)
        self._stacks.append(stack)
        stack.__init__()
        return stack

    @property
    def stack(self):
        self._stack = self._stack or self.new_stack()
        return self._stack

    @property
    def load(self):
        if not self._load:
            folder = self.stack.home.parent / "load"
            add_nodes(self.stack, folder, [f"load-{i:04}" for i in range(self.settings.nodes)])
            self._load = Load(self.settings, self.stack.ca_file, folder, self.settings.nodes)
        return self._load

    def ingest(self):
        """Messages/s through the daemon, committed, with what the parts used for each."""
        stack, settings = self.stack, self.settings
        meter = Meter(broker=stack.pid("broker"), daemon=stack.pid("cisternd"), postgres=stack.pid("postgres"))
        rate, said = self.load.run_marked(stack.mqtt_port, settings.messages, stored(stack, "load-0000"))
        return rate, meter.read(said["acked"]) | {"load": round(said["cpu_us"] / said["acked"], 2)}

    def discarded(self, broker):
        """The same into a broker whose consumer discards."""
        discard = Discard(broker)
        try:
            meter = Meter(broker=broker.pid, discard=discard.process.pid)
            rate, said = self.load.run_marked(broker.port, self.settings.messages, discard.seen)
            return rate, meter.read(said["acked"]) | {"load": round(said["cpu_us"] / said["acked"], 2)}
        finally:
            discard.stop()

    def capacity(self):
        """What the daemon takes in a second, once for all figures that need it."""
        self._capacity = self._capacity or self.ingest()[0]
        return self._capacity

    def close(self):
        end_started()
        for stack in self._stacks:
            if hasattr(stack, "process"):
                stack.close()
