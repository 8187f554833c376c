"""Nodes that publish without a pause and write down what the broker acknowledged: the ledger to hold the database against.

Each node publishes alerts "1", "2", ... (rows that add up), after each the same number as a parameter (a row that is replaced),
and after each tenth something that is no JSON (a dead letter), QoS 1, one message at a time. After a lost connection it comes back and publishes the unacknowledged message again,
as the protocol asks of a sender; those numbers alone may be stored twice.
"""

import json
import random
import threading

import brokerkit

from stackkit import DEADLINE_S, wait_for

PAUSE_S = 0.04  # the rate: twenty-five rounds a second for a node
BAD_EVERY = 10


class Publisher(threading.Thread):
    def __init__(self, node, ending):
        super().__init__(daemon=True)
        self.node, self.ending = node, ending
        self.client = node.raw()
        self.number = 0
        self.acknowledged = 0  # alerts 1..acknowledged
        self.resent = set()
        self.param_acknowledged = 0
        self.bad_acknowledged = 0
        self.reconnects = 0
        self.failure = None

    def run(self):
        try:
            while not self.ending.wait(PAUSE_S):
                self.number += 1
                self._publish("alert", json.dumps({"esp.alert.str": str(self.number)}))
                self.acknowledged = self.number
                self._publish("params/local", json.dumps({"Ledger": {"n": self.number}}))
                self.param_acknowledged = self.number
                if self.number % BAD_EVERY == 0:
                    self._publish("alert", f"no JSON {self.number}")
                    self.bad_acknowledged += 1
            self.client.disconnect()
        except Exception as why:  # told by finish()
            self.failure = why

    def _publish(self, suffix, payload):
        while True:
            try:
                self.client.publish(f"node/{self.node.id}/{suffix}", payload)
                return
            except brokerkit.Refused:
                self.resent.add(self.number)
                self.reconnects += 1
                self.client = wait_for(self.node.raw, what="connection after the broker's restart")


class Ledger:
    def __init__(self, stack, n_nodes=20, seed=1, between=(1, 300)):
        self.stack, self.rng, self.between = stack, random.Random(seed), between
        self.ending = threading.Event()
        self.publishers = [Publisher(stack.node(), self.ending) for _ in range(n_nodes)]
        self.recovery_s = []

    def __enter__(self):
        for publisher in self.publishers:
            publisher.start()
        return self

    def __exit__(self, *exception):
        self.ending.set()
        for publisher in self.publishers:
            publisher.join(DEADLINE_S)

    def total(self):
        return sum(publisher.acknowledged for publisher in self.publishers)

    def go_on(self):
        """Until a random number of further alerts is acknowledged: the moment of the next fault."""
        goal = self.total() + self.rng.randrange(*self.between)
        wait_for(lambda: self.total() >= goal or self._check(), what="further acknowledgements")

    def _check(self):
        for publisher in self.publishers:
            assert publisher.failure is None, publisher.failure
        return False

    def fault(self, name, number):
        """Kills one of our processes at a random moment; returns when it is back and stores again."""
        self.go_on()
        self.recovery_s.append(self.stack.kill(name, number))

    def finish(self, record_property):
        """Stops publishing, waits for the last commit, and compares. Gives the figures."""
        self.__exit__()
        self._check()
        self.stack.settle()
        rows = self.stack.sql("SELECT node_id, body #>> '{}', count(*) FROM alert WHERE node_id = ANY(%s) GROUP BY 1, 2",
                              [publisher.node.id for publisher in self.publishers])
        stored = {(node_id, int(number)): times for node_id, number, times in rows}
        lost, doubled, redelivered = [], [], 0
        for publisher in self.publishers:
            for number in range(1, publisher.acknowledged + 1):
                times = stored.pop((publisher.node.id, number), 0)
                if times == 0:
                    lost.append((publisher.node.id, number))
                elif times > 1 and number not in publisher.resent:
                    doubled.append((publisher.node.id, number))
                redelivered += times > 1 and number in publisher.resent
        figures = {
            "acknowledged": self.total(), "stored": sum(times for *_, times in rows), "lost": len(lost), "doubled": len(doubled),
            "sent_again_by_publishers": sum(len(publisher.resent) for publisher in self.publishers),
            "of_these_stored_twice": redelivered,
            "reconnects": sum(publisher.reconnects for publisher in self.publishers),
            "recovery_s": [round(each, 2) for each in self.recovery_s],
            "recovery_max_s": round(max(self.recovery_s), 2),
        }
        print(f"\n{figures}")
        record_property("figures", figures)
        assert not lost and not doubled, (lost[:20], doubled[:20])
        assert not stored, f"nobody sent these: {list(stored)[:20]}"
        for publisher in self.publishers:
            assert publisher.node.stored()["Ledger"]["n"] == str(publisher.param_acknowledged), publisher.node.id
            letters = [int(payload.rpartition(b" ")[2]) for _, payload in publisher.node.letters()]
            wanted = list(range(BAD_EVERY, publisher.bad_acknowledged * BAD_EVERY + 1, BAD_EVERY))
            assert sorted(set(letters)) == wanted
            assert len(letters) == len(wanted) or publisher.resent, publisher.node.id
        return figures
