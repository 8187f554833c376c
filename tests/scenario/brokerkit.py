"""A private broker for scenarios: certificates of every kind, Mosquitto with our plugin and the shipped settings on free
ports, and a small MQTT client that does exactly what it is told and nothing by itself.

Everything waits for events with a deadline; nothing sleeps.
"""

import datetime
import hashlib
import json
import os
import pathlib
import select
import signal
import socket
import ssl
import struct
import subprocess
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from portkit import free_ports

REPO = pathlib.Path(__file__).resolve().parents[2]
PLUGIN = pathlib.Path(os.environ.get("CISTERN_PLUGIN", REPO / "build" / "cistern.so"))
SETTINGS = REPO / "plugin" / "mosquitto.conf.in"
DEADLINE = 10.0

ONE_DAY = datetime.timedelta(days=1)


# --- certificates -----------------------------------------------------------------------------------------------------


def _name(common_names):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn) for cn in common_names])


def _write_pair(folder, stem, certificate, key):
    paths = folder / f"{stem}.crt", folder / f"{stem}.key"
    paths[0].write_bytes(certificate if isinstance(certificate, bytes) else pem(certificate))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


class Ca:
    """A CA of its own. issue() makes certificates as good or as bad as asked."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.count = 0
        self.certificate = self._sign(_name([name]), self.key.public_key(), ca=True)
        self.path = self.folder / f"{name}.pem"
        self.path.write_bytes(pem(self.certificate))

    def _sign(self, subject, public_key, ca=False, start=-ONE_DAY, end=365 * ONE_DAY, usages=None):
        now = datetime.datetime.utcnow()
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_name([self.name]))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + start)
            .not_valid_after(now + end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(
        self,
        *common_names,
        ca=False,
        start=-ONE_DAY,
        end=365 * ONE_DAY,
        usages=(ExtendedKeyUsageOID.CLIENT_AUTH,),
        subject=None,
    ):
        """The paths of a new certificate and its key."""
        self.count += 1
        key = ec.generate_private_key(ec.SECP256R1())
        name = subject or _name(common_names)
        certificate = self._sign(name, key.public_key(), ca=ca, start=start, end=end, usages=usages)
        return _write_pair(self.folder, f"{self.name}-{self.count}", certificate, key)

    def issue_server(self):
        self.count += 1
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(["localhost"]))
            .issuer_name(_name([self.name]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - ONE_DAY)
            .not_valid_after(now + 365 * ONE_DAY)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return _write_pair(self.folder, f"{self.name}-server", certificate, key)


class Pki:
    """The node CA, the service CA, the server's own CA, and one that nobody trusts."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.node_ca = Ca(folder, "node-ca")
        self.service_ca = Ca(folder, "service-ca")
        self.server_ca = Ca(folder, "server-ca")
        self.other_ca = Ca(folder, "other-ca")
        self.server = self.server_ca.issue_server()
        self.node_ca_dir = self.folder / "node-cas"
        self.trust_node_ca(self.node_ca)
        self._nodes = {}

    def node(self, node_id):
        """The node's certificate, made once."""
        if node_id not in self._nodes:
            self._nodes[node_id] = self.node_ca.issue(node_id)
        return self._nodes[node_id]

    def service(self, name="cisternd"):
        return self.service_ca.issue(name)

    def trust_node_ca(self, ca):
        """Puts the CA into the folder of node CAs, as an operator does."""
        self.node_ca_dir.mkdir(exist_ok=True)
        (self.node_ca_dir / f"{ca.name}.crt").write_bytes(ca.path.read_bytes())
        self.rehash()

    def distrust_node_ca(self, ca):
        (self.node_ca_dir / f"{ca.name}.crt").unlink()
        self.rehash()

    def rehash(self):
        subprocess.run(["openssl", "rehash", str(self.node_ca_dir)], check=True, capture_output=True)


def set_file(lines=(), epoch="0", version=0, local=()):
    """The plugin's file of revocations, as plugin/setfile.h draws it."""
    all_lines = [f"revocation 1 file {epoch} {version} {version}", *lines, *(f"local {node_id}" for node_id in local)]
    body = "".join(line + "\n" for line in all_lines).encode()
    return body + f"end {len(all_lines)} {hashlib.sha256(body).hexdigest()}\n".encode()


NO_LIMITS = {
    "connects_per_minute": "0",
    "messages_per_second": "0",
    "messages_burst": "0",
    "bytes_per_second": "0",
    "bytes_burst": "0",
}


# --- broker -----------------------------------------------------------------------------------------------------------


class Broker:
    """Mosquitto with the shipped settings, but no consumer needed, nobody revoked, and no limits on nodes. `options` replaces
    plugin options ("require_consumer": "false"; None takes the line out), `settings` are lines put before everything else."""

    def __init__(self, folder, pki, options=None, settings=(), tokens=None, wrapper=()):
        self.folder = pathlib.Path(folder)
        self.pki = pki
        self.options = {"require_consumer": "false", **NO_LIMITS, **(options or {})}
        self.settings = list(settings)
        self.tokens = tokens or {}
        self.wrapper = list(wrapper)
        self.process = None
        self.port, self.service_port = free_ports(2)
        self.log_path = self.folder / "broker.log"
        self.store = self.folder / "store"
        self.store.mkdir(exist_ok=True)
        self.socket_path = f"/tmp/cistern-test-{self.service_port}.sock"  # short: a test's folder may be too long for a socket
        self.set_path = self.folder / "revocations"
        self.local_path = self.folder / "revocations.local"
        self.set_path.write_bytes(set_file())

    def write_settings(self):
        tokens = {
            "PORT": self.port,
            "NODE_BIND": "127.0.0.1",
            "SERVICE_PORT": self.service_port,
            "SERVICE_BIND": "127.0.0.1",
            "SERVICE_SOCKET": self.socket_path,
            "PERSISTENCE_DIR": self.store,
            "PLUGIN": PLUGIN,
            "NODE_CA_DIR": self.pki.node_ca_dir,
            "REVOCATION_FILE": self.set_path,
            "REVOCATION_LOCAL_FILE": self.local_path,
            "SERVICE_CA": self.pki.service_ca.path,
            "SERVER_CERT": self.pki.server[0],
            "SERVER_KEY": self.pki.server[1],
            "SERVICE_CERT": self.pki.server[0],
            "SERVICE_KEY": self.pki.server[1],
            **self.tokens,
        }
        text = SETTINGS.read_text()
        for name, value in tokens.items():
            text = text.replace(f"@{name}@", str(value))
        lines = text.splitlines()
        for name, value in self.options.items():
            line = f"plugin_opt_{name} "
            lines = [l for l in lines if not l.startswith(line)]
            if value is not None:
                lines.insert(lines.index(f"plugin {tokens['PLUGIN']}") + 1, line + value)
        if os.geteuid() == 0:
            lines.insert(0, "user root")  # the folder is readable by its owner only
        path = self.folder / "mosquitto.conf"
        path.write_text("\n".join(self.settings + lines) + "\n")
        return path

    def spawn(self):
        settings = self.write_settings()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, "mosquitto", "-c", str(settings)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        return self

    def start(self, timeout=DEADLINE):
        """Returns when both listeners accept."""
        self.spawn()
        deadline = time.monotonic() + timeout
        for port in (self.port, self.service_port):
            while True:
                if self.process.poll() is not None:
                    raise AssertionError(f"broker ended with {self.process.returncode}:\n{self.log()}")
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise AssertionError(f"broker does not listen:\n{self.log()}")
                    select.select([], [], [], 0.02)
        return self

    def send_signal(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout=DEADLINE):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout)
        pathlib.Path(self.socket_path).unlink(missing_ok=True)
        return self.process.returncode if self.process else None

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.stop()

    # The usual clients.

    def node(self, node_id, **connect):
        """A node on line. Its certificate's CN and its client id are the id."""
        client = Client(self, *self.pki.node(node_id))
        code = client.connect(node_id, **connect)
        assert code == 0, f"{node_id} refused with {code}:\n{self.log()[-2000:]}"
        return client

    def service(self, client_id="cistern.test", name="cisternd", subscribe=(), **connect):
        client = Client(self, *self.pki.service(name), port=self.service_port)
        code = client.connect(client_id, **connect)
        assert code == 0, f"{client_id} refused with {code}:\n{self.log()[-2000:]}"
        for topic_filter in subscribe:
            assert client.subscribe(topic_filter) == 1
        return client

    def observer(self, client_id="cistern.observer", **connect):
        """A service that gets everything a service may."""
        return self.service(client_id, subscribe=("node/+/#", "$aws/rules/+/node/+/#", "cistern/#"), **connect)


# --- client -----------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """The connection did not come about: TLS failed, or the broker closed it without an answer."""


class Message:
    def __init__(self, topic, payload, qos, retain):
        self.topic, self.payload, self.qos, self.retain = topic, payload, qos, retain

    @property
    def json(self):
        return json.loads(self.payload)

    def __repr__(self):
        return f"<{self.topic} {self.payload!r}>"


def _text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("!H", len(raw)) + raw


def _packet(kind, body):
    length, encoded = len(body), b""
    while True:
        length, digit = divmod(length, 128)
        encoded += bytes([digit | (128 if length else 0)])
        if not length:
            return bytes([kind]) + encoded + body


class Client:
    """MQTT 3.1.1 over TLS, one call at a time. `resume` is an earlier client whose TLS session is taken up again."""

    def __init__(self, broker, certificate=None, key=None, port=None, alpn=None, version=None, ca=None, resume=None):
        self.broker = broker
        self.inbox = []
        self.mid = 0
        self.buffer = b""
        self.closed = False
        self.context = resume.context if resume else self._context(certificate, key, alpn, version, ca)
        plain = socket.create_connection(("127.0.0.1", port or broker.port), timeout=DEADLINE)
        try:
            session = resume.session if resume else None
            self.socket = self.context.wrap_socket(plain, server_hostname="localhost", session=session)
            self.session = self.socket.session
        except OSError as error:
            plain.close()
            raise Refused(str(error)) from error

    def _context(self, certificate, key, alpn, version, ca):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(str(ca or self.broker.pki.server_ca.path))
        if certificate:
            context.load_cert_chain(str(certificate), str(key))
        if alpn:
            context.set_alpn_protocols(alpn)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(
        self, client_id, clean=True, username=None, password=None, will=None, keepalive=120, wait=True, level=4
    ):
        """The return code of CONNACK. will: (topic, payload, retain)."""
        flags = 0x02 if clean else 0
        payload = _text(client_id)
        if will:
            flags |= 0x04 | 0x08 | (0x20 if will[2] else 0)
            payload += _text(will[0]) + _text(will[1])
        if username is not None:
            flags |= 0x80
            payload += _text(username)
        if password is not None:
            flags |= 0x40
            payload += _text(password)
        self.send(_packet(0x10, _text("MQTT") + bytes([level, flags]) + struct.pack("!H", keepalive) + payload))
        if not wait:
            return None
        kind, body = self._expect(0x20)
        self.session_present = bool(body[0] & 1)
        return body[1]

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            self.closed = True
            raise Refused(str(error)) from error

    def _read(self, deadline):
        """One packet, or None when the broker has closed."""
        while True:
            packet = self._split()
            if packet:
                return packet
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"nothing came within the deadline; inbox {self.inbox}")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                continue
            except OSError:
                data = b""
            if not data:
                self.closed = True
                return None
            self.buffer += data

    def _split(self):
        length, shift, at = 0, 0, 1
        while at < len(self.buffer):
            digit = self.buffer[at]
            length |= (digit & 127) << shift
            shift, at = shift + 7, at + 1
            if not digit & 128:
                if len(self.buffer) < at + length:
                    return None
                packet = self.buffer[0], self.buffer[at : at + length]
                self.buffer = self.buffer[at + length :]
                return packet
        return None

    def _take_publish(self, kind, body):
        length = struct.unpack("!H", body[:2])[0]
        topic, rest, qos = body[2 : 2 + length].decode(), body[2 + length :], kind >> 1 & 3
        if qos:
            self.send(_packet(0x40, rest[:2]))
            rest = rest[2:]
        self.inbox.append(Message(topic, rest, qos, bool(kind & 1)))

    def _expect(self, wanted, timeout=DEADLINE):
        deadline = time.monotonic() + timeout
        while True:
            packet = self._read(deadline)
            if packet is None:
                raise Refused("closed by the broker")
            if packet[0] & 0xF0 == 0x30:
                self._take_publish(*packet)
            elif packet[0] & 0xF0 == wanted:
                return packet

    def _next_mid(self):
        self.mid = self.mid % 65535 + 1
        return struct.pack("!H", self.mid)

    def publish(self, topic, payload="{}", retain=False, qos=1, wait=True):
        """Returns when the broker has acknowledged."""
        raw = payload if isinstance(payload, bytes) else payload.encode()
        mid = self._next_mid() if qos else b""
        self.send(_packet(0x30 | qos << 1 | (1 if retain else 0), _text(topic) + mid + raw))
        if qos and wait:
            _, body = self._expect(0x40)
            assert body[:2] == mid

    def subscribe(self, topic_filter, qos=1):
        """The granted QoS, 0x80 for refused."""
        mid = self._next_mid()
        self.send(_packet(0x82, mid + _text(topic_filter) + bytes([qos])))
        _, body = self._expect(0x90)
        assert body[:2] == mid
        return body[2]

    def unsubscribe(self, topic_filter):
        mid = self._next_mid()
        self.send(_packet(0xA2, mid + _text(topic_filter)))
        _, body = self._expect(0xB0)
        assert body[:2] == mid

    def ping(self):
        self.send(b"\xc0\x00")
        self._expect(0xD0)

    def take(self, wanted, timeout=DEADLINE):
        """The first message for which wanted() is true, out of the inbox. Those before it are thrown away."""
        return self.take_until(wanted, timeout)[-1]

    def take_until(self, wanted, timeout=DEADLINE):
        """All messages up to and with the wanted one."""
        deadline, taken = time.monotonic() + timeout, []
        while True:
            while self.inbox:
                taken.append(self.inbox.pop(0))
                if wanted(taken[-1]):
                    return taken
            packet = self._read(deadline)
            if packet is None:
                raise Refused(f"closed by the broker; so far {taken}")
            if packet[0] & 0xF0 == 0x30:
                self._take_publish(*packet)

    def wait_closed(self, timeout=DEADLINE):
        """Returns when the broker has closed the connection."""
        deadline = time.monotonic() + timeout
        while self._read(deadline) is not None:
            pass

    def drop(self):
        """Ends the connection as a dead node does: no DISCONNECT."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def disconnect(self):
        """Ends the connection as it should be; no will is sent."""
        try:
            self.send(b"\xe0\x00")
        except Refused:
            pass
        self.socket.close()
