"""The certificate that broker and HTTPS show: an operator's own takes the place of our CA's, and is renewed, while nodes and apps are
connected; one that will not do changes nothing (threats.md section 2)."""

import contextlib
import datetime
import hashlib
import http.client
import os
import pathlib
import signal
import socket
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import brokerkit
from stackkit import DEADLINE_S, REPO, Stack, wait_for

DAY = datetime.timedelta(days=1)


# --- certificates -----------------------------------------------------------------------------------------------------


class Authority:
    """A CA with one below it that signs servers, as public CAs have it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.count = 0
        self.root_key, self.middle_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = self._sign("Root", self.root_key, "Root", self.root_key, ca=True)
        self.middle = self._sign("Middle", self.middle_key, "Root", self.root_key, ca=True)
        self.ca_file = self.folder / "operator-ca.crt"
        self.ca_file.write_bytes(brokerkit.pem(self.root))

    @staticmethod
    def _sign(name, key, issuer_name, issuer_key, ca=False, host=None, start=-DAY, end=90 * DAY):
        now = datetime.datetime.utcnow()
        called = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
        builder = (
            x509.CertificateBuilder().subject_name(called(name)).issuer_name(called(issuer_name))
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now + start).not_valid_after(now + end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        return builder.sign(issuer_key, hashes.SHA256())

    def issue(self, host="localhost", key=None, order=(0, 1), **times):
        """(certificate chain file, key file)."""
        self.count += 1
        key = key or ec.generate_private_key(ec.SECP256R1())
        leaf = self._sign(f"server {self.count}", key, "Middle", self.middle_key, host=host, **times)
        files = self.folder / f"full-{self.count}.pem", self.folder / f"key-{self.count}.pem"
        files[0].write_bytes(b"".join(brokerkit.pem((leaf, self.middle, self.root)[i]) for i in order))
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
        return files


def fingerprint(chain_file):
    """Of the first certificate in a file."""
    text = pathlib.Path(chain_file).read_text()
    begin = text.index("-----BEGIN CERTIFICATE-----")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[begin:text.index("-----END CERTIFICATE-----") + 26])).hexdigest()


def shown(port):
    """The fingerprint of what a listener shows to a client that wants nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as line:
        with context.wrap_socket(line, server_hostname="localhost") as tls:
            return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


def ports(stack):
    return stack.mqtt_port, int(stack.environment["CISTERN_API_TLS_PORT"])


def both_show(stack):
    """The one fingerprint that both listeners show."""
    broker, api = (shown(port) for port in ports(stack))
    assert broker == api
    return broker


def tool(stack, *arguments, ok=True):
    done = subprocess.run([str(REPO / "tools" / "server-certificate"), *map(str, arguments)], env=stack.environment,
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode == 0) is ok, done.stderr
    return done.stderr


class App:
    """An HTTPS connection that is kept open."""

    def __init__(self, stack, ca_file):
        context = ssl.create_default_context(cafile=str(ca_file))
        self.connection = http.client.HTTPSConnection("localhost", ports(stack)[1], timeout=DEADLINE_S, context=context)
        self.connection.connect()
        self.line = self.connection.sock

    def ask(self):
        """Over the very same connection."""
        self.connection.request("GET", "/apiversions")
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status == 200 and self.connection.sock is self.line


# --- fixtures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stack():
    running = Stack()
    yield running
    running.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("operator"))


@pytest.fixture
def own(stack):
    """Begins and ends with our own CA's certificate."""
    yield fingerprint(stack.home / "ca" / "server.crt")
    tool(stack, "own", "--restart-broker")


@pytest.fixture
def installed(stack, own, authority):
    """With an operator's certificate in use; gives its fingerprint."""
    chain, key = authority.issue()
    tool(stack, "install", "--cert", chain, "--key", key, "--ca", authority.ca_file)
    return fingerprint(chain)


# --- rules ------------------------------------------------------------------------------------------------------------


def test_open_connections_live_through_the_change_and_new_ones_see_the_new_certificate(stack, own, authority):
    assert both_show(stack) == own
    node = stack.node()
    wired = node.raw()
    assert wired.subscribe(f"node/{node.id}/params/remote") == 1
    app = App(stack, stack.home / "ca" / "ca.crt")
    app.ask()
    watcher = stack.service("cistern.watch", f"node/{node.id}/#")

    for _ in range(3):  # the first is the change of CA, the others renewals
        chain, key = authority.issue()
        tool(stack, "install", "--cert", chain, "--key", key, "--ca", authority.ca_file)
        assert both_show(stack) == fingerprint(chain)
        app.ask()
        wired.publish(f"node/{node.id}/params/local", '{"Light":{"Power":true}}')
        watcher.take(lambda message: message.topic == f"node/{node.id}/params/local")

    assert pathlib.Path(stack.ready["ca_file"]).read_bytes().strip() == authority.ca_file.read_bytes().strip()
    App(stack, authority.ca_file).ask()
    with pytest.raises(ssl.SSLCertVerificationError):
        App(stack, stack.home / "ca" / "ca.crt")
    (node.folder / "ca.crt").write_bytes(authority.ca_file.read_bytes())
    again = node.raw()  # the same node, which takes its session over
    again.ping()
    stack.wait_ready()  # the daemon's own way to the broker has not changed


def test_a_pair_that_will_not_do_is_refused_and_changes_nothing(stack, installed, authority, tmp_path):
    (tmp_path / "garbage").write_text("garbage")
    (tmp_path / "encrypted").write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")))
    good_chain, good_key = authority.issue()
    refused = {
        "another's key": ((good_chain, authority.issue()[1]), "not the key of"),
        "expired": (authority.issue(start=-2 * DAY, end=-DAY / 2), "certificate has expired"),
        "of tomorrow": (authority.issue(start=DAY), "certificate is not yet valid"),
        "for another host": (authority.issue(host="elsewhere.example.org"), "hostname mismatch"),
        "without its middle CA": (authority.issue(order=(0,)), "unable to get local issuer certificate"),
        "chain out of order": (authority.issue(order=(0, 2, 1)), "not in order"),
        "no certificate": ((tmp_path / "garbage", good_key), "no certificate in PEM form"),
        "no key": ((good_chain, tmp_path / "garbage"), "no private key in PEM form"),
        "an encrypted key": ((good_chain, tmp_path / "encrypted"), "no private key in PEM form without passphrase"),
        "no such file": ((tmp_path / "nothing", good_key), "not a file that can be read"),
        "a short RSA key": (authority.issue(key=rsa.generate_private_key(65537, 1024)), "RSA key of 1024 bits"),
    }
    kept = stack.home / "server" / "server.pem"
    before = kept.read_bytes()
    for name, ((chain, key), reason) in refused.items():
        said = tool(stack, "install", "--cert", chain, "--key", key, "--ca", authority.ca_file, "--restart-broker", ok=False)
        assert reason in said, f"{name}: {said}"
    said = tool(stack, "install", "--cert", good_chain, "--key", good_key, ok=False)  # a CA that nobody trusts
    assert "unable to get local issuer certificate" in said
    assert kept.read_bytes() == before and both_show(stack) == installed


def test_another_kind_of_key_waits_for_a_restart_of_the_broker(stack, installed, authority):
    """Mosquitto keeps one certificate of each kind and would go on showing the old one."""
    chain, key = authority.issue(key=rsa.generate_private_key(65537, 2048))
    broker = stack.pid("broker")
    said = tool(stack, "install", "--cert", chain, "--key", key, "--ca", authority.ca_file, ok=False)
    assert "another kind of key" in said and "--restart-broker" in said
    assert both_show(stack) == installed and stack.pid("broker") == broker
    tool(stack, "install", "--cert", chain, "--key", key, "--ca", authority.ca_file, "--restart-broker")
    assert both_show(stack) == fingerprint(chain) and stack.pid("broker") != broker
    stack.wait_ready()


@pytest.mark.parametrize("content", ["garbage", "", "a certificate and another's key"])
def test_the_daemon_refuses_a_bad_file_and_keeps_what_it_has(stack, installed, authority, content):
    """Whoever put it there: without the tool's checks."""
    served = stack.home / "keys" / "cisternd" / "server.pem"
    good = served.read_bytes()
    app = App(stack, authority.ca_file)
    if content.startswith("a certificate"):
        content = authority.issue()[0].read_text() + authority.issue()[1].read_text()
    refusals = stack.log("cisternd").count("event=api.certificate_refused")
    # in place: the file's owner and mode stay as they are
    served.chmod(0o600)
    served.write_text(content)
    os.kill(stack.pid("cisternd"), signal.SIGHUP)
    wait_for(lambda: stack.log("cisternd").count("event=api.certificate_refused") == refusals + 1, what="refusal in the log")
    assert shown(ports(stack)[1]) == installed
    app.ask()
    served.write_bytes(good)


def test_a_restart_of_both_keeps_the_certificate(stack, installed):
    stack.kill("broker")
    stack.kill("cisternd")
    assert both_show(stack) == installed
    assert stack.stop() == 0
    stack.start()
    assert both_show(stack) == installed


def test_our_own_certificate_comes_back_when_asked(stack, own, authority):
    chain, key = authority.issue()
    tool(stack, "install", "--cert", chain, "--key", key, "--ca", authority.ca_file)
    tool(stack, "own")
    assert both_show(stack) == own
    App(stack, stack.ready["ca_file"]).ask()


def test_a_first_start_can_be_with_a_certificate_of_ones_own(own_stack, authority):
    chain, key = authority.issue()
    running = own_stack(CISTERN_SERVER_CERT_FILE=str(chain), CISTERN_SERVER_KEY_FILE=str(key),
                        CISTERN_SERVER_CA_FILE=str(authority.ca_file), NODES="1")
    assert both_show(running) == fingerprint(chain)
    admin = running.admin()  # the lamp trusts it: without that it would not have been mapped
    (lamp,) = admin.get("/v1/user/nodes").json()["nodes"]
    wait_for(lambda: admin.get("/v1/user/nodes/params", node_id=lamp).json().get("Light"), what="lamp's report")


def test_a_start_goes_on_with_the_one_before_when_the_named_one_will_not_do_any_more(stack, installed, authority):
    chain, key = authority.issue(end=-DAY / 2)
    assert stack.stop() == 0
    named = {"CISTERN_SERVER_CERT_FILE": str(chain), "CISTERN_SERVER_KEY_FILE": str(key),
             "CISTERN_SERVER_CA_FILE": str(authority.ca_file)}
    stack.environment.update(named)
    try:
        stack.start()
    finally:
        for name in named:
            del stack.environment[name]
    assert both_show(stack) == installed
    assert "going on with the server certificate that was installed before" in stack.log_path.read_text()


def test_one_can_be_installed_while_nothing_runs(stack, own, authority):
    chain, key = authority.issue()
    assert stack.stop() == 0
    assert "the next start uses it" in tool(stack, "install", "--cert", chain, "--key", key, "--ca", authority.ca_file)
    stack.start()
    assert both_show(stack) == fingerprint(chain)


def test_a_start_with_a_certificate_that_will_not_do_says_why(authority):
    chain, key = authority.issue(end=-DAY / 2)
    with contextlib.ExitStack() as held:
        with pytest.raises(AssertionError, match="certificate has expired"):
            held.callback(Stack(CISTERN_SERVER_CERT_FILE=str(chain), CISTERN_SERVER_KEY_FILE=str(key),
                                CISTERN_SERVER_CA_FILE=str(authority.ca_file)).close)
