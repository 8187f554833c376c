"""The ledger: nodes that publish without a pause and write down what was acknowledged to them, and the account that holds the
database against it.

Each node publishes, QoS 1 and one message at a time, over mutual TLS:

    alert          {"esp.alert.str":"17"}        rows that add up: a loss and a double can be counted
    params/local   {"Ledger":{"Seq":17}}         a value that is replaced: the last one must be there, and none may go back
    alert          no JSON 17                    each tenth; a dead letter
    alert          {"esp.alert.str":"refuse 17"} while the rig is poisoned: the database refuses it; a dead letter too

After a lost connection a node comes back and sends the unacknowledged message again, as the protocol asks of a sender. To the broker
that is another message, so such a number may be stored as often as it was sent; it is counted apart. Everything else: once.

When a row was committed is PostgreSQL's own word (track_commit_timestamp), taken just before the commit is flushed.
"""

import json
import threading
import time

import brokerkit

BAD_EVERY = 10


class Publisher(threading.Thread):
    """One node. Written by its own thread, read by others."""

    def __init__(self, node, rig):
        super().__init__(daemon=True)
        self.node, self.rig = node, rig
        self.client = None
        self.sent = {}         # what: how often; what is ("alert", 17), ("letter", b"no JSON 10")
        self.acknowledged = {}  # what: time of the PUBACK
        self.last = self.last_param = self.sent_param = 0  # the last number acknowledged as an alert, as a parameter; sent
        self.reconnects = 0
        self.failure = None

    def run(self):
        try:
            self._connect()
            while not self.rig.ending.wait(self.rig.pause_s):
                self._round(self.last + 1)
            self._round(self.last + 1)  # after the last fault: everything before it has had its turn when this one is stored
            self.client.disconnect()
        except Exception as why:  # told by the rig
            self.failure = why

    def _round(self, number):
        self._publish("alert", json.dumps({"esp.alert.str": str(number)}), ("alert", number))
        self.last = number
        if not self.rig.alerts_only:
            self.sent_param = number
            self._publish("params/local", json.dumps({"Ledger": {"Seq": number}}))
            self.last_param = number
        if number % BAD_EVERY == 0:
            self._letter(f"no JSON {number}")
        if self.rig.poisoned and number % BAD_EVERY == BAD_EVERY // 2:
            self._letter(json.dumps({"esp.alert.str": f"refuse {number}"}))

    def _letter(self, payload):
        self._publish("alert", payload, ("letter", payload.encode()))

    def _publish(self, suffix, payload, what=None):
        while True:
            self.sent[what] = self.sent.get(what, 0) + 1
            try:
                self.client.publish(f"node/{self.node.id}/{suffix}", payload)
            except (brokerkit.Refused, OSError, AssertionError):  # gone, or silent for brokerkit.DEADLINE
                self.reconnects += 1
                self.client.socket.close()
                self._connect()
            else:
                self.acknowledged[what] = time.time()
                return

    def _connect(self):
        """As long as it takes: how long is the rig's business. A broker that has just started lets nodes in once its consumer is
        there."""
        while True:
            try:
                self.client = self.node.raw()
                return
            except (OSError, AssertionError):
                if self.rig.given_up.wait(0.05):
                    raise


class Account:
    """What became of everything that was sent. Times are seconds since 1970."""

    def __init__(self, publishers, stack, began, strokes):
        self.strokes = strokes  # [(began, ended)] of each fault
        ids = [publisher.node.id for publisher in publishers]
        stored = {}  # (node id, what): [time of commit]
        for node_id, text, at in stack.sql(
            "SELECT node_id, body #>> '{}', extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM alert"
            " WHERE node_id = ANY(%s)", ids
        ):
            what = ("alert", int(text) if text.isdigit() else text)
            stored.setdefault((node_id, what), []).append(at)
        self.letters = {}  # payload: reason
        for topic, reason, payload, at in stack.sql(
            "SELECT topic, reason, payload, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM dead_letter"
            " WHERE split_part(topic, '/', 2) = ANY(%s)", ids
        ):
            self.letters[bytes(payload)] = reason
            stored.setdefault((topic.split("/")[1], ("letter", bytes(payload))), []).append(at)

        self.n_acknowledged = self.n_sent_again = self.n_sent_again_stored_twice = 0
        self.lost = []      # (time of the PUBACK, node id, what)
        self.doubled = []   # (node id, what)
        ages, self.commits = [], []  # (time of commit, age then) of what was acknowledged
        for publisher in publishers:
            for what, acknowledged_at in list(publisher.acknowledged.items()):
                if what is None:
                    continue
                times = stored.pop((publisher.node.id, what), [])
                self.n_acknowledged += 1
                self.n_sent_again += publisher.sent[what] > 1
                if not times:
                    self.lost.append((acknowledged_at, publisher.node.id, what))
                    continue
                if len(times) > publisher.sent[what]:
                    self.doubled.append((publisher.node.id, what))
                self.n_sent_again_stored_twice += len(times) > 1 and publisher.sent[what] > 1
                self.commits.append((min(times), max(0.0, min(times) - acknowledged_at)))
        self.commits.sort()
        self.unknown = sorted(stored, key=str)  # nobody was acknowledged this
        self.behind = []    # (node id, stored, acknowledged): the last value is older than the last acknowledged
        for publisher in publishers:
            value = publisher.node.stored().get("Ledger", {}).get("Seq")
            if value is None or not publisher.last_param <= int(value) <= publisher.sent_param:
                self.behind.append((publisher.node.id, value, publisher.last_param))
        self.set_back = stack.sql("SELECT node_id, was, became, extract(epoch FROM at)::float8 FROM fault_set_back"
                                  " WHERE node_id = ANY(%s) ORDER BY at", ids)
        self.n_reconnects = sum(publisher.reconnects for publisher in publishers)
        self.seconds = time.time() - began
        self.late_max_s = max((age for _, age in self.commits), default=0.0)
        self.first_commit_s = [self._first_commit(ended) for _, ended in strokes]
        self.caught_up_s = [self._caught_up(i) for i in range(len(strokes))]

    def _first_commit(self, ended):
        return next((at - ended for at, _ in self.commits if at > ended), 0.0)

    def _caught_up(self, stroke):
        """From the fault's end to the last commit of a message that was older than LATE_S then, before the next fault."""
        began, ended = self.strokes[stroke]
        until = self.strokes[stroke + 1][0] if stroke + 1 < len(self.strokes) else float("inf")
        late = [at for at, age in self.commits if began < at < until and age > LATE_S]
        return max(0.0, late[-1] - ended) if late else 0.0

    def summary(self):
        return {
            "acknowledged": self.n_acknowledged, "lost": len(self.lost), "doubled": len(self.doubled),
            "set back": len(self.set_back), "behind at the end": len(self.behind), "unknown": len(self.unknown),
            "sent again": self.n_sent_again, "of these stored twice": self.n_sent_again_stored_twice,
            "reconnects": self.n_reconnects, "late_max_s": round(self.late_max_s, 2),
            "first_commit_max_s": round(max(self.first_commit_s, default=0), 2),
            "caught_up_max_s": round(max(self.caught_up_s, default=0), 2), "seconds": round(self.seconds, 1),
        }


LATE_S = 0.25  # older than that at its commit: a backlog is still there
