"""Plays the daemon's part in revocation: a service client that pushes sets and changes to the plugin, and hears its state."""

import hashlib
import select
import time

from brokerkit import DEADLINE, Refused
from cryptography import x509
from cryptography.hazmat.primitives import serialization

CONTROL = "$CONTROL/cistern/v1/revocation"
STATE = "cistern/revocation"
EPOCH = "0123456789abcdef0123456789abcdef"


def fingerprint(certificate_path):
    certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def message(kind, start, to, lines=(), epoch=EPOCH):
    return "".join(line + "\n" for line in [f"revocation 1 {kind} {epoch} {start} {to}", *lines])


class Daemon:
    """Keeps the version as the daemon would."""

    def __init__(self, broker, client_id="cistern.daemon"):
        self.client = broker.service(client_id)
        self.version = 0
        assert self.client.subscribe("cistern/#") == 1
        self.first_state = self.state(lambda s: True)

    def state(self, wanted, timeout=DEADLINE):
        """The first state from now on for which wanted() is true."""
        return self.client.take(lambda m: m.topic == STATE and wanted(m.json), timeout).json

    def push(self, *texts):
        for text in texts:
            self.client.publish(CONTROL, text)

    def whole_set(self, *lines, version=1):
        self.push(
            message("begin", 0, version, lines[:1]),
            message("part", 0, version, lines[1:2]),
            message("end", 0, version, lines[2:]),
        )
        self.version = version
        return self.state(lambda s: s["version"] == version and s["epoch"] == EPOCH)

    def change(self, *lines):
        self.push(message("delta", self.version, self.version + 1, lines))
        self.version += 1

    def said_until(self, node_id, event, timeout=DEADLINE):
        """The node's next presence event of this kind."""
        topic = f"cistern/presence/{node_id}"
        return self.client.take(lambda m: m.topic == topic and m.json["event"] == event, timeout).json


def refused(client, node_id):
    """True when the broker refuses this connect."""
    try:
        return client.connect(node_id) != 0
    except Refused:
        return True


def wait_for(condition, what, timeout=DEADLINE, log=lambda: ""):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}\n{log()}"
        select.select([], [], [], 0.005)
