"""signerd alone, in a folder of its own; and its socket as a program would talk to it (services/ca/wire.h)."""

import json
import os
import pathlib
import signal
import socket
import struct
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from stackkit import BUILD, DEADLINE_S, wait_for


def new_csr(common_name, key=None):
    """(PEM text, key)"""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode(), key


def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def send(path, request):
    """One request, one reply; ConnectionError when the other side ends it without one."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE_S)
        connection.connect(str(path))
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        connection.sendall(struct.pack(">I", len(body)) + body)
        reply = b""
        while len(reply) < 4 or len(reply) < 4 + struct.unpack(">I", reply[:4])[0]:
            more = connection.recv(65536)
            if not more:
                raise ConnectionResetError("no reply")
            reply += more
        return json.loads(reply[4:])


def sign(path, node_id, key=None):
    return send(path, {"op": "sign", "node_id": node_id, "csr": new_csr(node_id, key)[0]})


def log_lines(path):
    """The issue log as dictionaries."""
    return [dict(word.split("=", 1) for word in line.split()) for line in path.read_text().splitlines()]


class Signer:
    """As the caller's user. `folder` must not be there yet."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o700)
        self.socket, self.log, self.cas = self.folder / "signerd.sock", self.folder / "issued.log", self.folder / "cas"
        self.trust, self.passphrase = self.folder / "trust", self.folder / "passphrase"
        self.passphrase.write_text("correct horse battery staple\n")
        rows = {"signer_socket": self.socket, "signer_ca_dir": self.cas, "signer_passphrase_file": self.passphrase,
                "signer_log_file": self.log}
        self.config = self.folder / "signerd.conf"
        self.config.write_text("".join(f"{name} = {value}\n" for name, value in rows.items()))
        self.operator_config = self.folder / "operator.conf"
        self.operator_config.write_text(self.config.read_text() + f"node_trust_dir = {self.trust}\n")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CISTERN_")}
        self.process = None

    def cli(self, *arguments, check=True):
        return subprocess.run([BUILD / "cistern", "--config", self.operator_config, *arguments], check=check,
                              capture_output=True, text=True, env=self.environment, timeout=60)

    def start(self):
        with open(self.folder / "signerd.err", "ab") as err:
            self.process = subprocess.Popen([BUILD / "signerd", "--config", self.config], stderr=err, env=self.environment)
        wait_for(lambda: self.process.poll() is not None or sign(self.socket, "start"), what="signerd")
        assert self.process.poll() is None, self.said()
        return self

    def check(self):
        """Opens everything as a start would, and ends: (exit status, what it said)."""
        done = subprocess.run([BUILD / "signerd", "--config", self.config, "--check"], capture_output=True, text=True,
                              env=self.environment, timeout=60)
        return done.returncode, done.stderr

    def said(self):
        return (self.folder / "signerd.err").read_text()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(timeout=DEADLINE_S)

    def sign(self, node_id, key=None):
        return sign(self.socket, node_id, key)
