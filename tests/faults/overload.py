"""More than the database can take: five times its capacity, for as long as asked, then silence.

    with Overload(stack, rows_per_s=1000) as overload:
        overload.offer(times=5, seconds=300)
        overload.drain()
    overload.acknowledged, overload.stored(), overload.dropped(), overload.memory

The database is made slow, not the daemon: each batch of alerts sleeps in its transaction, so that the capacity is known. The nodes are
mosquitto_pub, one process each, which reads one message a line and ends when the last is acknowledged. Every message is an alert with a
number of its own, so that what is missing or twice is known by name.
"""

import json
import pathlib
import re
import subprocess
import threading
import time

import requests

from rig import superuser
from stackkit import wait_for

METRICS_TOKEN = "0123456789abcdef" * 2
PROCESSES = ("broker", "cisternd", "postgres")


def resident_kib(pid):
    """The process and its children: PostgreSQL is many."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = 0
    for each in (pid, *map(int, children)):
        try:
            lines = pathlib.Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # it has ended
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


class Overload:
    def __init__(self, stack, rows_per_s, n_nodes=5):
        self.stack, self.rows_per_s = stack, rows_per_s
        self.nodes = [stack.node() for _ in range(n_nodes)]
        self.acknowledged = {node.id: 0 for node in self.nodes}
        self.memory = {name: [] for name in PROCESSES}
        self._over = threading.Event()

    def __enter__(self):
        with superuser(self.stack).cursor() as cursor:
            cursor.execute("CREATE OR REPLACE FUNCTION overload_wait() RETURNS trigger LANGUAGE plpgsql AS"
                           " $$ BEGIN PERFORM pg_sleep((SELECT count(*) FROM fresh) / %s::float8); RETURN NULL; END $$", (self.rows_per_s,))
            cursor.execute("CREATE TRIGGER overload_wait AFTER INSERT ON alert REFERENCING NEW TABLE AS fresh"
                           " FOR EACH STATEMENT EXECUTE FUNCTION overload_wait()")
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._watcher.join()
        with superuser(self.stack).cursor() as cursor:
            cursor.execute("DROP TRIGGER overload_wait ON alert")

    def _watch(self):
        while not self._over.wait(0.5):
            for name in PROCESSES:
                self.memory[name].append(resident_kib(self.stack.pid(name)))

    # --- the load -----------------------------------------------------------------------------------------------------

    def offer(self, times, seconds):
        """`times` the capacity, all nodes together, for `seconds`; returns when everything is acknowledged by the broker."""
        threads = [threading.Thread(target=self._publish, args=(node, times * self.rows_per_s / len(self.nodes), seconds)) for node in self.nodes]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.offered_s = time.monotonic() - began
        assert all(self.acknowledged.values()), "a node published nothing"

    def _publish(self, node, per_s, seconds):
        publisher = subprocess.Popen(
            ["mosquitto_pub", "-l", "-q", "1", "-h", "localhost", "-p", str(self.stack.mqtt_port), "-i", node.id, "--cafile", self.stack.ca_file,
             "--cert", str(node.folder / "node.crt"), "--key", str(node.folder / "node.key"), "-t", f"node/{node.id}/alert"], stdin=subprocess.PIPE, text=True)
        began, n = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            due = int((time.monotonic() - began) * per_s)
            publisher.stdin.write("".join(f'{{"esp.alert.str":"{number}"}}\n' for number in range(n, due)))
            publisher.stdin.flush()
            n = max(n, due)
            time.sleep(0.02)  # the pace of the load
        publisher.stdin.close()
        assert publisher.wait(600) == 0  # only when each is acknowledged
        self.acknowledged[node.id] = n

    # --- what became of it --------------------------------------------------------------------------------------------

    def backlog(self):
        return sum(self.acknowledged.values()) - sum(n for n, _ in self.stored().values())

    def drain(self, deadline_s=3600):
        """Until each acknowledged message is in the database or counted as dropped. (A marker behind them could be dropped itself.)"""
        began, n_acknowledged = time.monotonic(), sum(self.acknowledged.values())

        def is_drained():
            time.sleep(0.25)  # the question reads the whole table
            return sum(n for n, _ in self.stored().values()) + self.dropped() >= n_acknowledged

        wait_for(is_drained, deadline_s, "end of the backlog")
        self.drained_s = time.monotonic() - began

    def stored(self):
        """Node id -> (rows, different numbers)."""
        rows = dict((node_id, (n, different)) for node_id, n, different in self.stack.sql(
            "SELECT node_id, count(*), count(DISTINCT body::text) FROM alert WHERE node_id = ANY (%s) GROUP BY node_id", [node.id for node in self.nodes]))
        return {node.id: rows.get(node.id, (0, 0)) for node in self.nodes}

    def dropped(self):
        """As /metrics tells it: the broker's own count since its start, which is the stack's; told every 10 s when it has changed."""
        answer = requests.get(f"http://127.0.0.1:{self.stack.environment['CISTERN_METRICS_PORT']}/metrics", timeout=30,
                              headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        (value,) = re.findall(r"(?m)^cistern_broker_dropped_messages_total\{.*\} (\d+)", answer.text)
        return int(value)

    def summary(self):
        peak = {name: round(max(values) / 1024) for name, values in self.memory.items() if values}
        stored = self.stored()
        return json.dumps({"offered_per_s": round(sum(self.acknowledged.values()) / self.offered_s), "capacity_per_s": self.rows_per_s,
                           "seconds": round(self.offered_s), "acknowledged": sum(self.acknowledged.values()),
                           "stored": sum(n for n, _ in stored.values()), "dropped": self.dropped(), "drained_s": round(self.drained_s, 1), "peak_mib": peak})
