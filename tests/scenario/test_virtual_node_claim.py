"""cistern-node gets its certificate as a device and its app do, through the real calls, and changes it for a new one (claiming.md
sections 1 to 5); what a device could not read it does not take."""

import contextlib
import http.server
import itertools
import json
import os
import pathlib
import signal
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import brokerkit
from stackkit import BUILD, DEADLINE_S, wait_for

_macs = itertools.count(int.from_bytes(os.urandom(4), "big") << 12)


def new_mac():
    return f"{next(_macs) & 0xFFFFFFFFFFFF:012X}"


class Virtual:
    """A running cistern-node that keeps its files in `folder`."""

    def __init__(self, folder, *options):
        self.folder = pathlib.Path(folder)
        self.process = subprocess.Popen(
            [str(BUILD / "cistern-node"), "--credentials", str(folder), "--report-interval", "0", *map(str, options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")), daemon=True)
        self.reader.start()

    def events(self, name):
        found = []
        for line in list(self.lines):
            fields = dict(word.partition("=")[::2] for word in line.split())
            if fields.get("event") == name:
                found.append(fields)
        return found

    def wait_event(self, name, times=1):
        def there():
            assert self.process.poll() is None or len(self.events(name)) >= times, self.lines
            return len(self.events(name)) >= times
        wait_for(there, what=f"{name} of the virtual node; it said {self.lines[-3:]}")
        return self.events(name)[times - 1]

    @property
    def id(self):
        return (self.folder / "node.info").read_text()

    def file(self, name):
        return (self.folder / name).read_bytes()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(DEADLINE_S) == 0

    def end(self):
        """Waits for its end; the exit status and what it says to a person."""
        status = self.process.wait(timeout=2 * DEADLINE_S)
        self.reader.join(DEADLINE_S)
        return status, self.process.stderr.read()


@pytest.fixture
def claims(stack, user, tmp_path):
    """Starts virtual nodes that claim for `user`: claims(mac=..., options)."""
    with contextlib.ExitStack() as running:
        token = tmp_path / "token"
        token.write_text(user.tokens["accesstoken"] + "\n")

        def start(*options, mac=None, folder=None, **replaced):
            values = {"claim": stack.ready["api_url_tls"], "claim-ca": stack.ca_file, "token-file": token,
                      "mac": mac or new_mac(), "ca": stack.ca_file, "port": stack.mqtt_port} | replaced
            folder = folder or tmp_path / f"node-{values['mac']}"
            node = Virtual(folder, *itertools.chain(*((f"--{name}", value) for name, value in values.items() if value)),
                           *options)
            running.callback(node.stop)
            return node

        yield start


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def node_ca(stack):
    """The file of the CA that signs nodes, as the broker has it."""
    found = sorted((stack.home / "trust" / "node-ca").glob("*.crt"))
    return found[0] if found else stack.home / "ca" / "node-ca.crt"


def state(stack, node):
    return [word for (word,) in stack.sql(
        "SELECT certificate_state(c) FROM node_certificate c WHERE node_id = %s ORDER BY issued_at", node.id)]


# --- claiming ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_it_claims_connects_reports_and_obeys(stack, user, claims, kind):
    node = claims("--key-type", kind, "--otafetch-delay", "0")
    node.wait_event("ready")
    assert node.wait_event("claimed")["mqtt_host"] == stack.mqtt_host
    assert node.events("connecting")[0]["host"] == stack.mqtt_host  # no --host: it goes where it was told to
    assert {name: (node.folder / name).stat().st_mode & 0o777 for name in ("node.key", "node.crt", "node.info", "endpoint")} \
        == dict.fromkeys(("node.key", "node.crt", "node.info", "endpoint"), 0o600)
    wait_for(lambda: stack.sql("SELECT 1 FROM node_param WHERE node_id = %s AND param = 'Power'", node.id), what="its report")
    observer = stack.service("cistern.claims", f"node/{node.id}/#", f"$aws/rules/+/node/{node.id}/#")
    observer.publish(f"node/{node.id}/params/remote", '{"Light":{"Power":false}}')
    observer.take(lambda message: message.topic.endswith("/params/local") and message.json == {"Light": {"Power": False}})
    observer.disconnect()


@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_what_it_got_verifies_with_openssl_and_has_the_profile(stack, claims, kind):
    node = claims("--key-type", kind, "--exit-after-boot", "--otafetch-delay", "0")
    assert node.end()[0] == 0
    certificate = node.folder / "node.crt"
    assert openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", node_ca(stack), certificate).endswith("OK\n")
    text = openssl("x509", "-in", certificate, "-noout", "-text")
    words = [line.strip() for line in text.splitlines()]
    assert f"Subject: CN = {node.id}" in words
    assert words[words.index("X509v3 Basic Constraints: critical") + 1] == "CA:FALSE"
    assert words[words.index("X509v3 Extended Key Usage:") + 1] == "TLS Web Client Authentication"
    usage = {"p256": "Digital Signature", "rsa": "Digital Signature, Key Encipherment"}[kind]
    assert words[words.index("X509v3 Key Usage: critical") + 1] == usage
    assert {"p256": "Public-Key: (256 bit)", "rsa": "Public-Key: (2048 bit)"}[kind] in words
    assert openssl("x509", "-in", certificate, "-noout", "-pubkey") == openssl("pkey", "-in", node.folder / "node.key", "-pubout")


def test_a_restart_uses_what_it_has_and_claims_nothing(stack, claims):
    first = claims("--exit-after-boot", "--otafetch-delay", "0")
    assert first.end()[0] == 0
    before = first.file("node.crt"), first.file("node.key")
    again = claims("--exit-after-boot", "--otafetch-delay", "0", folder=first.folder, claim="https://localhost:1")
    assert again.end()[0] == 0
    assert not again.events("claimed") and len(again.events("ready")) == 1
    assert (again.file("node.crt"), again.file("node.key")) == before


def test_the_same_device_gets_the_same_id_and_another_certificate(claims, tmp_path):
    mac = new_mac()
    nodes = [claims("--exit-after-boot", "--otafetch-delay", "0", mac=mac, folder=tmp_path / name) for name in "a"]
    assert nodes[0].end()[0] == 0
    nodes.append(claims("--exit-after-boot", "--otafetch-delay", "0", mac=mac.lower(), folder=tmp_path / "b"))
    assert nodes[1].end()[0] == 0
    assert nodes[0].id == nodes[1].id and nodes[0].file("node.crt") != nodes[1].file("node.crt")


def test_without_a_good_token_nothing_is_kept(claims, tmp_path):
    (tmp_path / "bad").write_text("not.a.token")
    node = claims(**{"token-file": tmp_path / "bad"})
    status, said = node.end()
    assert status == 1 and "initiate is refused with 401" in said
    assert not node.folder.exists()


# --- by itself --------------------------------------------------------------------------------------------------------

CHIP_SECRET = "000102030405060708090a0b0c0d0e0f"


def claim_by_itself(stack, folder, mac, secret):
    (folder / "secret").write_text(secret)
    node = Virtual(folder / "node", "--claim", stack.ready["api_url_tls"], "--claim-ca", stack.ca_file, "--ca", stack.ca_file,
                   "--claim-secret-file", folder / "secret", "--mac", mac, "--port", stack.mqtt_port, "--exit-after-boot",
                   "--otafetch-delay", "0")
    return node, *node.end()


def test_a_chip_on_the_list_claims_by_itself_and_keeps_its_mac_as_its_id(own_stack, tmp_path):
    stack, mac = own_stack(CISTERN_SELF_CLAIM="true"), new_mac()
    (tmp_path / "list.csv").write_text(f"{mac},{CHIP_SECRET}\n")
    stack.cli("self-claim", "import", str(tmp_path / "list.csv"))
    (tmp_path / "wrong").mkdir()
    node, status, said = claim_by_itself(stack, tmp_path / "wrong", mac, "ff" * 16)
    assert status == 1 and "verify is refused with 4" in said and not node.folder.exists()
    node, status, said = claim_by_itself(stack, tmp_path, mac, CHIP_SECRET)
    assert status == 0, said
    assert node.id == mac and len(node.events("ready")) == 1


def test_a_chip_does_not_claim_by_itself_where_that_is_off(stack, tmp_path):
    node, status, said = claim_by_itself(stack, tmp_path, new_mac(), CHIP_SECRET)
    assert status == 1 and "initiate is refused with 403" in said and not node.folder.exists()


# --- renewal ----------------------------------------------------------------------------------------------------------


def test_a_new_certificate_takes_the_place_of_the_old_one_once_it_has_connected(stack, claims):
    node = claims("--otafetch-delay", "0")
    node.wait_event("ready")
    old = stack.home.parent / f"old-{node.id}"
    old.mkdir()
    for name in ("node.crt", "node.key"):
        (old / name).write_bytes(node.file(name))
    wait_for(lambda: state(stack, node) == ["active"], what="an active certificate")

    node.process.send_signal(signal.SIGUSR2)
    node.wait_event("renewed")
    assert node.file("node.crt") != (old / "node.crt").read_bytes()
    assert node.file("node.key") != (old / "node.key").read_bytes()
    assert not (node.folder / "node.crt.new").exists() and not (node.folder / "node.key.new").exists()
    assert openssl("verify", "-CAfile", node_ca(stack), node.folder / "node.crt").endswith("OK\n")
    wait_for(lambda: state(stack, node) == ["superseded", "active"], what="the old one superseded")

    wait_for(lambda: not connects(stack, old / "node.crt", old / "node.key", node.id), what="refusal of the old certificate")
    assert node.process.poll() is None
    node.process.send_signal(signal.SIGUSR1)  # it is there still, with the new one
    wait_for(lambda: sum("topic=" in line and line.rstrip().find("/config ") > 0 for line in node.lines) >= 2, what="config again")


def connects(stack, certificate, key, node_id):
    """With this pair, as this node; closed again."""
    try:
        client = brokerkit.Client(None, certificate, key, port=stack.mqtt_port, ca=stack.ca_file)
        good = client.connect(node_id) == 0
    except brokerkit.Refused:
        return False
    if good:
        client.disconnect()
    return good


def test_both_certificates_are_good_until_the_new_one_has_connected(stack, claims, tmp_path):
    """A renewal by hand, which stops between the answer and the connect."""
    node = claims("--exit-after-boot", "--otafetch-delay", "0")
    assert node.end()[0] == 0
    pair = node.folder / "node.crt", node.folder / "node.key"
    client = brokerkit.Client(None, *pair, port=stack.mqtt_port, ca=stack.ca_file)
    assert client.connect(node.id) == 0 and client.subscribe(f"node/{node.id}/certificate/response") == 1
    new = tmp_path / "new.crt", tmp_path / "new.key"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={node.id}",
            "-keyout", new[1], "-out", tmp_path / "new.csr")
    client.publish(f"node/{node.id}/certificate/request", json.dumps({"csr": (tmp_path / "new.csr").read_text()}))
    answer = client.take(lambda message: message.topic.endswith("/certificate/response")).json
    assert answer["status"] == "success"
    new[0].write_text(answer["certificate"])
    client.disconnect()

    assert state(stack, node) == ["active", "pending"]
    for _ in range(2):
        assert connects(stack, *pair, node.id)
    assert state(stack, node) == ["active", "pending"]
    assert connects(stack, *new, node.id)
    wait_for(lambda: state(stack, node) == ["superseded", "active"], what="the old one superseded")
    wait_for(lambda: not connects(stack, *pair, node.id), what="refusal of the old one")
    assert connects(stack, *new, node.id)


def test_a_new_pair_that_is_refused_is_dropped_and_the_old_one_used_on(stack, claims, tmp_path):
    node = claims("--exit-after-boot", "--otafetch-delay", "0")
    assert node.end()[0] == 0
    before = node.file("node.crt"), node.file("node.key")
    stranger = brokerkit.Ca(tmp_path, "stranger").issue(node.id)
    for name, path in zip(("node.crt", "node.key"), stranger):
        (node.folder / f"{name}.new").write_bytes(path.read_bytes())
    again = claims("--exit-after-boot", "--otafetch-delay", "0", "--max-backoff", "1", folder=node.folder)
    assert again.end()[0] == 0
    assert len(again.events("refused")) == 3 and len(again.events("renewal_failed")) == 1
    assert (again.file("node.crt"), again.file("node.key")) == before
    assert not (node.folder / "node.crt.new").exists() and not (node.folder / "node.key.new").exists()


def test_a_new_pair_that_an_earlier_run_left_is_used_and_takes_its_place(stack, claims):
    node = claims("--exit-after-boot", "--otafetch-delay", "0")
    assert node.end()[0] == 0
    good = node.file("node.crt"), node.file("node.key")
    for name in ("node.crt", "node.key"):
        (node.folder / f"{name}.new").write_bytes(node.file(name))
    (node.folder / "node.crt").write_bytes(good[0].replace(b"\n", b"\n\n", 1))  # told apart from the new one
    again = claims("--exit-after-boot", "--otafetch-delay", "0", folder=node.folder)
    assert again.end()[0] == 0
    assert (again.file("node.crt"), again.file("node.key")) == good
    assert len(again.events("renewed")) == 1


# --- a server that a device could not talk to -------------------------------------------------------------------------


def certificate_for(csr_pem, common_name="GK5aVZ2mXq7pRt"):
    request = x509.load_pem_x509_csr(csr_pem.encode())
    ca = brokerkit.Ca.__new__(brokerkit.Ca)
    ca.name, ca.key = "fake", ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    return brokerkit.pem(ca._sign(name, request.public_key())).decode()


class Fake(http.server.BaseHTTPRequestHandler):
    """Answers verify as the table below says."""

    protocol_version = "HTTP/1.1"
    answer = None

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/claim/initiate":
            return self.send(b'{"node_id":"GK5aVZ2mXq7pRt"}')
        return self.answer(asked["csr"])

    def send(self, body, code=200, length=True, chunked=False):
        self.send_response(code)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        elif length:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def body(certificate, host="localhost", escape="\\n", pad=0):
    text = certificate.replace("\n", escape)
    return f'{{"certificate":"{text}","mqtt_host":"{host}"{"," if pad else ""}{" " * pad}{chr(34) + "x" + chr(34) + ":1" if pad else ""}}}'.encode()


def filled(certificate, size):
    """An answer of exactly that many bytes."""
    return body(certificate, pad=1 + size - len(body(certificate, pad=1)))


UNREADABLE = {
    "in chunks": (lambda self, csr: self.send(body(certificate_for(csr)), chunked=True), "no positive Content-Length"),
    "without a length": (lambda self, csr: self.send(body(certificate_for(csr)), length=False), "no positive Content-Length"),
    "3072 bytes": (lambda self, csr: self.send(filled(certificate_for(csr), 3072)), "too long for a device"),
    "201": (lambda self, csr: self.send(body(certificate_for(csr)), code=201), "verify is refused with 201"),
    "escaped in unicode": (lambda self, csr: self.send(body(certificate_for(csr), escape="\\u000a")), "has the escape \\u"),
    "CRLF": (lambda self, csr: self.send(body(certificate_for(csr), escape="\\r\\n")), "has the escape \\r"),
    "two blocks": (lambda self, csr: self.send(body(2 * certificate_for(csr))), "something follows"),
    "another's name": (lambda self, csr: self.send(body(certificate_for(csr, "another"))), "not for 'GK5aVZ2mXq7pRt'"),
    "a host with a port": (lambda self, csr: self.send(body(certificate_for(csr), host="localhost:8883")), "not a host name"),
    "not JSON": (lambda self, csr: self.send(b"certificate"), "not a JSON object"),
}


@contextlib.contextmanager
def fake_server(answer):
    handler = type("Answering", (Fake,), {"answer": answer})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def claim_at(url, tmp_path, *options):
    (tmp_path / "token").write_text("a.b.c")
    node = Virtual(tmp_path / "node", "--claim", url, "--token-file", tmp_path / "token", "--mac", "AABBCC112233",
                   "--ca", tmp_path / "none", *options)
    return node, *node.end()


@pytest.mark.parametrize("what", UNREADABLE)
def test_an_answer_that_a_device_cannot_read_ends_the_claim_and_nothing_is_kept(tmp_path, what):
    answer, reason = UNREADABLE[what]
    with fake_server(answer) as url:
        node, status, said = claim_at(url, tmp_path)
    assert status == 1 and reason in said
    assert not node.folder.exists()


def test_an_answer_of_3071_bytes_fits(tmp_path):
    with fake_server(lambda self, csr: self.send(filled(certificate_for(csr), 3071))) as url:
        node, _, said = claim_at(url, tmp_path)
    assert (node.folder / "node.crt").exists()
    assert str(tmp_path / "none") in said  # it went on to connect, and there is no CA


def test_a_token_does_not_leave_by_plain_http(tmp_path):
    node, status, said = claim_at("http://claim.example.org", tmp_path)
    assert status == 2 and "https only" in said
