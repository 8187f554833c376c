"""Certificates and faults for the scenarios of identity: what signerd signs, a CA of our own in the trust folder, services held down."""

import contextlib
import datetime
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import brokerkit

from stackkit import DEADLINE_S, Node, unique, wait_for

PEM = serialization.Encoding.PEM


def name_of(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def key_text(key):
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


# --- signerd ----------------------------------------------------------------------------------------------------------


def ask_signer(stack, request):
    """One request to signerd, as the daemon asks it (ca/wire.h)."""
    settings = dict(line.split(" = ", 1) for line in (stack.home / "etc" / "cistern.conf").read_text().splitlines() if " = " in line)
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(DEADLINE_S)
        line.connect(settings["signer_socket"])
        text = json.dumps(request).encode()
        line.sendall(struct.pack("!I", len(text)) + text)
        with line.makefile("rb") as answers:
            (length,) = struct.unpack("!I", answers.read(4))
            answer = json.loads(answers.read(length))
    assert answer["status"] == "ok", answer
    return answer


def issue(stack, node_id, how):
    """A certificate for a new key, signed by signerd and recorded as certificate_record() does it; as a node that uses it."""
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(name_of(node_id)).sign(key, hashes.SHA256())
    made = ask_signer(stack, {"op": "sign", "node_id": node_id, "csr": csr.public_bytes(PEM).decode()})
    said = stack.sql("SELECT certificate_record(%s, %s, %s, %s, %s, %s, %s, %s)", node_id, made["serial"], made["certificate"],
                     made["not_before"] * 1000000, made["not_after"] * 1000000, bytes.fromhex(made["key_hash"]), made["ca_key_id"], how)
    assert said == [("ok",)]
    folder = stack.home.parent / unique(node_id)
    folder.mkdir()
    (folder / "node.crt").write_text(made["certificate"])
    (folder / "node.key").write_bytes(key_text(key))
    (folder / "ca.crt").write_bytes(pathlib.Path(stack.ca_file).read_bytes())
    return Node(stack, node_id, folder)


# --- a CA of our own --------------------------------------------------------------------------------------------------


class OwnCa:
    """A CA that is put into the broker's trust folder: thousands of certificates in no time. Its nodes are registered by SQL."""

    def __init__(self, stack):
        self.stack = stack
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name_of(unique("own-ca"))
        self.start = datetime.datetime.utcnow() - datetime.timedelta(days=1)
        self.end = self.start + datetime.timedelta(days=365)
        certificate = (
            self._builder(self.name, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        folder = stack.home / "trust" / "node-ca"
        path = folder / f"{unique('own-ca')}.crt"
        path.write_bytes(certificate.public_bytes(PEM))
        path.chmod(0o644)
        subprocess.run(["openssl", "rehash", str(folder)], check=True, capture_output=True)
        os.kill(stack.pid("broker"), signal.SIGHUP)

    def _builder(self, subject, public_key):
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public_key)
            .serial_number(x509.random_serial_number()).not_valid_before(self.start).not_valid_after(self.end)
        )

    def nodes(self, node_ids, folder):
        """Registers them, each with a pending certificate in folder/<id>/."""
        rows = []
        ca_text = pathlib.Path(self.stack.ca_file).read_bytes()
        for node_id in node_ids:
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = (
                self._builder(name_of(node_id), key.public_key())
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
                .sign(self.key, hashes.SHA256())
            )
            mine = folder / node_id
            mine.mkdir(parents=True)
            text = certificate.public_bytes(PEM)
            (mine / "node.crt").write_bytes(text)
            (mine / "node.key").write_bytes(key_text(key))
            (mine / "ca.crt").write_bytes(ca_text)
            rows.append((node_id, f"{certificate.serial_number:040X}", text.decode()))
        self.stack.sql("INSERT INTO node (node_id) SELECT unnest(%s)", [row[0] for row in rows])
        self.stack.sql("INSERT INTO node_certificate (node_id, serial, certificate, not_before, not_after)"
                       " SELECT *, now(), now() + interval '1 year' FROM unnest(%s, %s, %s)", *[list(column) for column in zip(*rows)])
        return [Node(self.stack, row[0], folder / row[0]) for row in rows]


# --- who gets in ------------------------------------------------------------------------------------------------------


def is_refused(node):
    try:
        node.raw().disconnect()
        return False
    except ConnectionError:
        return True


def gets_in(node):
    """Connects as soon as it may; after a restart the broker lets nodes in once its consumer is there."""
    return wait_for(node.raw, what=f"connection of {node.id}")


def seconds_to_cut(client, act):
    """From before act() and its commit to the broker's close."""
    began = time.monotonic()
    act()
    client.wait_closed()
    return time.monotonic() - began


def tell(record_property, what, seconds):
    """Into the report, and onto the terminal with -s."""
    times = sorted(seconds)
    line = (f"{what}: {len(times)} times, median {times[len(times) // 2] * 1000:.0f} ms, 99 % {times[int(len(times) * 0.99) - 1] * 1000:.0f} ms,"
            f" slowest {times[-1] * 1000:.0f} ms")
    record_property(what, line)
    print(line)


# --- faults -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def held_down(stack, *services):
    """Stops services and keeps them stopped; at the end they are started and everything is ready."""
    folder = stack.home / "service"
    for service in services:
        subprocess.run(["s6-svc", "-wD", "-T", "20000", "-d", str(folder / service)], check=True)
    try:
        yield
    finally:
        for service in reversed(services):
            subprocess.run(["s6-svc", "-u", str(folder / service)], check=True)
        stack.wait_ready(60)


def replace_file(path, content):
    """As an editor or an operator's tool does it: whole, with the owner and mode of what was there."""
    new = path.with_name(path.name + ".test")
    new.write_bytes(content)
    if path.exists():
        about = path.stat()
        os.chown(new, about.st_uid, about.st_gid)
        new.chmod(about.st_mode & 0o777)
    else:
        new.chmod(0o644)
    new.rename(path)


Refused = brokerkit.Refused
