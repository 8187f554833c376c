"""signerd: what it signs and what it does not, what its log keeps, and what a compromised daemon can get from it (docs/certificates.md)."""

import hashlib
import json
import os
import pathlib
import pwd
import re
import stat
import subprocess
import sys
import threading
import time

import pytest

import signerkit
from signerkit import Signer, log_lines, new_csr, rsa_key
from stackkit import unique, wait_for

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")
ZEROS = "0" * 64


def openssl(*arguments, text_in=None, check=True):
    return subprocess.run(["openssl", *map(str, arguments)], check=check, capture_output=True, text=True, input=text_in)


@pytest.fixture
def signer(tmp_path):
    made = Signer(tmp_path / "signer")
    made.cli("ca", "init")
    made.start()
    yield made
    if made.process.poll() is None:
        made.stop()


# --- what it signs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key, usages", [(None, "Digital Signature"), (rsa_key(), "Digital Signature, Key Encipherment")],
                         ids=["P-256", "RSA-2048"])
def test_a_certificate_follows_the_profile_and_verifies_from_the_trust_folder(signer, tmp_path, key, usages):
    reply = signer.sign("GK5aVZ2mXq7pRt", key)
    assert reply["status"] == "ok"
    leaf = tmp_path / "leaf.crt"
    leaf.write_text(reply["certificate"])
    for purpose, wanted in [("sslclient", 0), ("sslserver", 2)]:
        verified = openssl("verify", "-x509_strict", "-no-CAfile", "-purpose", purpose, "-CApath", signer.trust, leaf, check=False)
        assert verified.returncode == wanted, verified.stdout + verified.stderr
    text = openssl("x509", "-in", leaf, "-noout", "-text", "-nameopt", "RFC2253").stdout
    for expected in [
        "Version: 3 (0x2)",
        "Subject: CN=GK5aVZ2mXq7pRt\n",
        "Signature Algorithm: ecdsa-with-SHA256",
        "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
        f"X509v3 Key Usage: critical\n                {usages}\n",
        "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
    ]:
        assert expected in text
    extensions = re.findall(r"^            X509v3 ([A-Za-z ]+):", text, re.M)
    assert extensions == ["Basic Constraints", "Key Usage", "Extended Key Usage", "Subject Key Identifier",
                          "Authority Key Identifier"]
    issuer = openssl("x509", "-in", leaf, "-noout", "-issuer", "-nameopt", "RFC2253").stdout
    assert re.fullmatch(r"issuer=CN=Cistern node CA [0-9a-f]{8}\n", issuer)


def test_a_new_ca_follows_its_profile(signer):
    text = openssl("x509", "-in", signer.cas / "node-ca.crt", "-noout", "-text").stdout
    for expected in [
        "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0\n",
        "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n",
        "NIST CURVE: P-256",
    ]:
        assert expected in text
    assert openssl("verify", "-x509_strict", "-check_ss_sig", "-CAfile", signer.cas / "node-ca.crt",
                   signer.cas / "node-ca.crt").returncode == 0
    dates = openssl("x509", "-in", signer.cas / "node-ca.crt", "-noout", "-dates").stdout
    begin, end = (int(line.split()[-2]) for line in dates.splitlines())
    assert end - begin in (25, 26)
    assert "ENCRYPTED" in (signer.cas / "node-ca.key").read_text()
    assert openssl("pkey", "-in", signer.cas / "node-ca.key", "-passin", f"file:{signer.passphrase}", "-noout").returncode == 0
    assert openssl("pkey", "-in", signer.cas / "node-ca.key", "-passin", "pass:wrong", "-noout", check=False).returncode != 0


def test_a_crl_verifies_and_openssl_refuses_what_it_lists(signer, tmp_path):
    good, bad = signer.sign("good"), signer.sign("bad")
    reply = signerkit.send(signer.socket, {"op": "crl", "ca_key_id": bad["ca_key_id"], "number": 3,
                                           "entries": f"{bad['serial']} {int(time.time())} u\n"})
    assert reply["status"] == "ok"
    crl = tmp_path / "crl.pem"
    crl.write_text(f"-----BEGIN X509 CRL-----\n{reply['der']}\n-----END X509 CRL-----\n".replace(reply["der"], "\n".join(
        re.findall(".{1,64}", reply["der"]))))
    assert "verify OK" in openssl("crl", "-in", crl, "-noout", "-CAfile", signer.cas / "node-ca.crt").stderr
    for name, issued, wanted in [("good", good, 0), ("bad", bad, 2)]:
        leaf = tmp_path / f"{name}.crt"
        leaf.write_text(issued["certificate"])
        verified = openssl("verify", "-crl_check", "-CAfile", signer.cas / "node-ca.crt", "-CRLfile", crl, leaf, check=False)
        assert verified.returncode == wanted, verified.stderr
    assert "revoked" in verified.stderr


# --- what it does not -------------------------------------------------------------------------------------------------


def test_only_the_three_requests_are_answered_and_none_gives_a_key(signer):
    before = len(log_lines(signer.log))
    csr = new_csr("lamp-1")[0]
    for request, words in [
        ({"op": "key"}, "unknown"),
        ({"op": "export", "ca_key_id": "0" * 40}, "unknown"),
        ({"op": "sign", "node_id": "lamp-2", "csr": csr}, "not the node id that was asked for"),
        ({"op": "sign", "node_id": "cisternd", "csr": new_csr("cisternd")[0]}, "reserved"),
        ({"op": "sign", "node_id": "lamp-1", "csr": csr.replace("M", "N", 1)}, "CSR"),
        ({"op": "sign", "node_id": "lamp-1"}, "'csr' is missing"),
        ({"op": "crl", "ca_key_id": "0" * 40, "number": 1, "entries": ""}, "no CA of ours"),
        (b"\x00\xff{", "not JSON"),
        (b"[]", "not an object"),
    ]:
        reply = signerkit.send(signer.socket, request)
        assert reply["status"] != "ok" and words in reply["reason"], (request, reply)
    told = json.dumps(signerkit.send(signer.socket, {"op": "cas"}))
    assert "PRIVATE" not in told and "BEGIN CERTIFICATE" in told
    assert len(log_lines(signer.log)) == before
    assert "correct horse" not in signer.said() and "PRIVATE" not in signer.said()


def follow(path):
    """The issue log's chain, by hand."""
    before = ZEROS
    for line in path.read_text().splitlines():
        if " before=" in line:
            assert line.endswith(f" before={before}"), line
        before = hashlib.sha256(line.encode()).hexdigest()


def test_every_certificate_that_left_is_in_the_log_however_often_signerd_is_killed(signer):
    issued, enough = {}, threading.Event()

    def ask(number):
        key = rsa_key() if number else None
        while not enough.is_set():
            try:
                reply = signer.sign(f"lamp-{number}", key)
            except OSError:
                continue
            assert reply["status"] == "ok", reply
            issued[reply["serial"]] = reply["key_hash"]

    askers = [threading.Thread(target=ask, args=[number]) for number in range(2)]
    for asker in askers:
        asker.start()
    for _ in range(10):
        before = len(issued)
        wait_for(lambda: len(issued) > before + 3, what="certificates")
        signer.stop(9)
        signer.start()
    enough.set()
    for asker in askers:
        asker.join()
    follow(signer.log)
    logged = {line["serial"]: line["key"] for line in log_lines(signer.log) if "before" in line}
    assert len(issued) > 30
    assert {serial: logged.get(serial) for serial in issued} == issued
    signer.stop()
    assert signer.check()[0] == 0


def test_nothing_is_signed_while_the_clock_is_before_the_last_issue(signer):
    signer.stop()
    last = signer.log.read_text().splitlines()[-1]
    line = re.sub("^time=[^ ]+", "time=2099-01-01T00:00:00Z", re.sub("before=.*", "", last))
    with open(signer.log, "a") as log:
        log.write(f"{line}before={hashlib.sha256(last.encode()).hexdigest()}\n")
    signer.start()
    reply = signer.sign("lamp-1")
    assert reply["status"] == "unavailable" and "clock" in reply["reason"]
    assert len(log_lines(signer.log)) == 2


def test_a_log_that_was_changed_keeps_signerd_from_starting(signer):
    signer.sign("lamp-1")
    signer.sign("lamp-2")
    signer.stop()
    whole = signer.log.read_text()
    signer.log.write_text(whole.replace("node=lamp-1", "node=lamp-9"))
    status, said = signer.check()
    assert status == 1 and "does not follow" in said
    signer.log.write_text(whole)
    assert signer.check()[0] == 0


def test_settings_that_are_not_signerds_are_refused(signer):
    signer.config.write_text(signer.config.read_text() + "database_url = postgresql:///cistern\n")
    status, said = signer.check()
    assert status == 1 and "unknown setting 'database_url'" in said


def test_sigterm_ends_it_in_order_and_a_second_one_is_refused(signer):
    assert signer.check()[0] == 1  # the log is the running one's
    assert signer.stop() == 0
    assert not signer.socket.exists()
    assert signer.check()[0] == 0


def test_a_key_that_sighup_brings_onto_the_list_is_refused(signer):
    key = rsa_key()
    reply = signer.sign("lamp-1", key)
    (signer.cas / "refused_keys").write_text(reply["key_hash"] + "\n")
    signer.process.send_signal(1)
    refused = wait_for(lambda: (again := signer.sign("lamp-1", key))["status"] != "ok" and again, what="the refusal")
    assert refused["status"] == "invalid" and "refused keys" in refused["reason"]
    assert signer.sign("lamp-1")["status"] == "ok"


# --- a key in an HSM --------------------------------------------------------------------------------------------------

HSM_MODULE = pathlib.Path("/usr/lib/softhsm/libsofthsm2.so")


def test_the_key_may_stay_in_an_hsm(tmp_path):
    """SoftHSM through PKCS #11: the CA's folder holds the key's URI, the passphrase file the PIN."""
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\n")
    signer = Signer(tmp_path / "signer")
    hsm = {"SOFTHSM2_CONF": str(tmp_path / "softhsm2.conf"), "PKCS11_MODULE_PATH": str(HSM_MODULE)}
    # what the engine holds until the end is not ours to free
    signer.environment |= hsm | {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
    key = tmp_path / "key.pem"

    def softhsm(*arguments):
        subprocess.run(["softhsm2-util", *map(str, arguments)], check=True, capture_output=True, env=os.environ | hsm)

    softhsm("--init-token", "--free", "--label", "cistern", "--pin", "123456", "--so-pin", "12345678")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    softhsm("--import", key, "--token", "cistern", "--label", "node-ca", "--id", "01", "--pin", "123456")
    signer.cas.mkdir()
    openssl("req", "-x509", "-new", "-key", key, "-days", "9125", "-subj", "/CN=Cistern node CA hsm", "-out",
            signer.cas / "node-ca.crt", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    key.unlink()
    (signer.cas / "node-ca.key").write_text("pkcs11:token=cistern;object=node-ca;type=private\n")
    (signer.cas / "node-ca.key").chmod(0o600)
    (signer.cas / "current").write_text("node-ca\n")
    signer.passphrase.write_text("123456\n")
    signer.start()
    reply = signer.sign("lamp-1", rsa_key())
    leaf = tmp_path / "leaf.crt"
    leaf.write_text(reply["certificate"])
    assert openssl("verify", "-x509_strict", "-CAfile", signer.cas / "node-ca.crt", leaf).returncode == 0
    assert signerkit.send(signer.socket, {"op": "crl", "ca_key_id": reply["ca_key_id"], "number": 1, "entries": ""})["status"] == "ok"
    assert signer.stop() == 0
    signer.passphrase.write_text("654321\n")
    status, said = signer.check()
    assert status == 1 and "no private key at the URI" in said and "654321" not in said


# --- a compromised daemon ---------------------------------------------------------------------------------------------

TRY_PTRACE = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
sys.exit(0 if libc.ptrace(16, int(sys.argv[1]), 0, 0) == 0 else ctypes.get_errno())
"""


def as_user(user, *command):
    """With the rights that tools/run gives a service."""
    return subprocess.run(["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups", "--no-new-privs", "--inh-caps=-all",
                           "--bounding-set=-all", "--", *map(str, command)], capture_output=True, text=True, timeout=30)


@as_root
def test_the_daemons_user_can_read_nothing_of_the_signers(stack):
    pid, home = stack.pid("signerd"), stack.home
    secret = [home / "ca" / "node" / "node-ca.key", home / "ca" / "node" / "current", home / "secrets" / "node_ca_passphrase",
              home / "signer" / "issued.log", home / "etc" / "signerd.conf", home / "etc" / "operator.conf",
              f"/proc/{pid}/mem", f"/proc/{pid}/maps", f"/proc/{pid}/environ", f"/proc/{pid}/fd/0"]
    for user in ["cistern", "mosquitto", "postgres", "nobody"]:
        for path in secret:
            answer = as_user(user, "dd", f"if={path}", "of=/dev/null", "count=1", "status=none")
            assert answer.returncode != 0 and "Permission denied" in answer.stderr, (user, path, answer)
        for folder in [home / "ca" / "node", home / "signer", f"/proc/{pid}/fd", home / "ca", home / "secrets"]:
            answer = as_user(user, "ls", folder)
            assert answer.returncode != 0 and "Permission denied" in answer.stderr, (user, folder, answer)
        assert as_user(user, sys.executable, "-c", TRY_PTRACE, pid).returncode == 1  # EPERM
        assert as_user(user, "kill", "-9", pid).returncode != 0
        for folder in [home / "ca" / "node", home / "signer", home / "run" / "signer", home / "trust" / "node-ca"]:
            assert as_user(user, "touch", folder / "x").returncode != 0, (user, folder)
    # what it may read says nothing of where they are
    mine = as_user("cistern", "cat", home / "etc" / "cistern.conf")
    assert mine.returncode == 0 and "signer_socket" in mine.stdout
    assert "passphrase" not in mine.stdout and "signer_ca_dir" not in mine.stdout and "signer_log" not in mine.stdout


@as_root
def test_the_signers_user_can_do_nothing_but_sign(stack):
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{stack.pid('signerd')}/status").read_text().splitlines()
                  if ":\t" in line)
    signer = pwd.getpwnam("cistern-signer")
    assert status["Uid"].split() == [str(signer.pw_uid)] * 4
    assert status["Gid"].split() == [str(signer.pw_gid)] * 4 and status["Groups"].split() == [str(signer.pw_gid)]
    assert status["CapEff"] == "0" * 16 and status["CapBnd"] == "0" * 16 and status["NoNewPrivs"] == "1"
    limits = pathlib.Path(f"/proc/{stack.pid('signerd')}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)
    # not dumpable: its files in /proc are root's, though its user is another
    assert pathlib.Path(f"/proc/{stack.pid('signerd')}/mem").stat().st_uid == 0
    for path in [stack.home / "etc" / "cistern.conf", stack.home / "keys" / "cisternd" / "token_key",
                 stack.home / "ca" / "service-ca.key", stack.home / "secrets" / "admin_password"]:
        assert as_user("cistern-signer", "cat", path).returncode != 0
    assert stat.S_IMODE((stack.home / "ca" / "node").stat().st_mode) == 0o700
    assert stat.S_IMODE((stack.home / "secrets" / "node_ca_passphrase").stat().st_mode) == 0o400


ASK = """
import sys
sys.path.insert(0, sys.argv[1])
import signerkit
print(signerkit.send(sys.argv[2], {"op": "cas"})["status"])
"""


@as_root
def test_the_socket_answers_the_daemons_user_and_no_other(stack):
    settings = (stack.home / "etc" / "cistern.conf").read_text()
    path = pathlib.Path(re.search("signer_socket = (.*)", settings)[1])
    kit = pathlib.Path(signerkit.__file__).parent
    # the tools of this test may be in a folder that others cannot enter: the daemon's user gets them through a copy
    copies = stack.home.parent / unique("kit")
    copies.mkdir(mode=0o755)
    for name in ["signerkit.py", "stackkit.py", "brokerkit.py", "portkit.py"]:
        (copies / name).write_bytes((kit / name).read_bytes())
        (copies / name).chmod(0o644)
    copies.chmod(0o755)
    answer = as_user("cistern", sys.executable, "-c", ASK, copies, path)
    assert answer.stdout.strip() == "ok", answer.stderr
    for user in ["mosquitto", "postgres", "nobody"]:
        answer = as_user(user, sys.executable, "-c", ASK, copies, path)
        assert "PermissionError" in answer.stderr, answer
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    folder = path.parent.stat()
    assert stat.S_IMODE(folder.st_mode) == 0o2750 and folder.st_uid == pwd.getpwnam("cistern-signer").pw_uid
    # and where the file's rights would let it in, the kernel's word about who it is does not
    path.parent.chmod(0o2755)
    path.chmod(0o666)
    try:
        answer = as_user("nobody", sys.executable, "-c", ASK, copies, path)
        assert "ok" not in answer.stdout and "Error" in answer.stderr
    finally:
        path.chmod(0o660)
        path.parent.chmod(0o2750)
    uid = pwd.getpwnam("nobody").pw_uid
    wait_for(lambda: f"event=signer.peer_refused uid={uid}" in stack.log("signerd"), what="the refusal in the log")


# --- roll-over --------------------------------------------------------------------------------------------------------


def shown(cli):
    return json.loads(cli("--output", "json", "ca", "show").stdout)["cas"]


def test_a_rollover_goes_on_from_wherever_it_stopped(signer):
    first = signer.sign("lamp-1")["ca_key_id"]
    assert signer.cli("ca", "rollover", "--activate", check=False).returncode == 1  # nothing is prepared
    told = json.loads(signer.cli("--output", "json", "ca", "rollover").stdout)
    assert (told["name"], told["result"]) == ("node-ca-2", "prepared")
    again = json.loads(signer.cli("--output", "json", "ca", "rollover").stdout)
    assert again == told
    assert [(ca["name"], ca["issues"], ca["trusted"]) for ca in shown(signer.cli)] == [
        ("node-ca", True, True), ("node-ca-2", False, True)]
    assert signer.sign("lamp-1")["ca_key_id"] == first
    done = json.loads(signer.cli("--output", "json", "ca", "rollover", "--activate").stdout)
    assert (done["name"], done["result"]) == ("node-ca-2", "issues")
    assert signer.sign("lamp-1")["ca_key_id"] == told["key_id"] != first
    assert [ca["issues"] for ca in shown(signer.cli)] == [False, True]
    assert not (signer.cas / "next").exists()
    assert signer.cli("ca", "rollover", "--activate", check=False).returncode == 1
    # the old one still signs its CRL, and the next roll-over makes a third
    assert signerkit.send(signer.socket, {"op": "crl", "ca_key_id": first, "number": 1, "entries": ""})["status"] == "ok"
    assert json.loads(signer.cli("--output", "json", "ca", "rollover").stdout)["name"] == "node-ca-3"
    # interrupted before its certificate was there, and before it was trusted
    (signer.cas / "node-ca-3.crt").unlink()
    for link in signer.trust.iterdir():
        if "node-ca-3" in (os.readlink(link) if link.is_symlink() else link.name):
            link.unlink()
    assert json.loads(signer.cli("--output", "json", "ca", "rollover").stdout)["name"] == "node-ca-3"
    assert [(ca["name"], ca["issues"], ca["trusted"]) for ca in shown(signer.cli)] == [
        ("node-ca", False, True), ("node-ca-2", True, True), ("node-ca-3", False, True)]


def test_ca_init_is_done_once_and_takes_over_a_former_ca(tmp_path):
    former = tmp_path / "former"
    former.mkdir()
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9125", "-keyout",
            former / "node-ca.key", "-out", former / "node-ca.crt", "-subj", "/CN=Cistern node CA", "-addext",
            "keyUsage=critical,keyCertSign,cRLSign")
    signer = Signer(tmp_path / "signer")
    assert json.loads(signer.cli("--output", "json", "ca", "init", "--import", former).stdout)["result"] == "made"
    assert (signer.cas / "node-ca.crt").read_text() == (former / "node-ca.crt").read_text()
    assert "ENCRYPTED" in (signer.cas / "node-ca.key").read_text()
    signer.start()
    leaf = tmp_path / "leaf.crt"
    leaf.write_text(signer.sign("lamp-1")["certificate"])
    assert openssl("verify", "-CAfile", former / "node-ca.crt", leaf).returncode == 0
    again = signer.cli("ca", "init", check=False)
    assert again.returncode == 1 and "has a CA already" in again.stderr
    assert json.loads(signer.cli("--output", "json", "ca", "init", "--if-missing").stdout)["result"] == "present"
    signer.stop()
    # a run that was interrupted before the CA issued is finished
    (signer.cas / "current").unlink()
    for link in signer.trust.iterdir():
        link.unlink()
    assert json.loads(signer.cli("--output", "json", "ca", "init").stdout)["result"] == "present"
    assert [(ca["issues"], ca["trusted"]) for ca in shown(signer.cli)] == [(True, True)]


def test_after_a_rollover_nodes_of_both_cas_connect_and_new_ones_are_of_the_new(own_stack, tmp_path):
    stack = own_stack()
    old = stack.node()
    old.connect()
    told = json.loads(stack.cli("--output", "json", "ca", "rollover").stdout)
    assert told["result"] == "issues"
    new = stack.node()
    new.connect()
    old.publish("params/local", '{"Light":{"Power":true}}')  # its session lives on
    old.stop()
    old.connect()
    for node in (old, new):
        node.publish("params/local", '{"Light":{"Power":false}}')
        wait_for(lambda: node.stored() == {"Light": {"Power": "false"}}, what="the report")
    trust = stack.home / "trust" / "node-ca"
    for node, good, bad in [(old, "node-ca", "node-ca-2"), (new, "node-ca-2", "node-ca")]:
        leaf = node.folder / "node.crt"
        assert openssl("verify", "-no-CAfile", "-CApath", trust, leaf).returncode == 0
        assert openssl("verify", "-CAfile", trust / f"{good}.crt", leaf).returncode == 0
        assert openssl("verify", "-CAfile", trust / f"{bad}.crt", leaf, check=False).returncode != 0
    assert stack.sql("SELECT ca_key_id FROM node_certificate WHERE node_id = %s", new.id) == [(told["key_id"],)]
    # also after a restart of everything
    for node in (old, new):
        node.stop()
    stack.stop()
    stack.start()
    for node in (old, new):
        node.stack = stack
        wait_for(lambda: node.raw(), what="a connection")
    assert [(ca["name"], ca["issues"], ca["trusted"]) for ca in shown(stack.cli)] == [
        ("node-ca", False, True), ("node-ca-2", True, True)]


def test_a_home_of_an_earlier_release_keeps_its_node_ca(own_stack):
    """Its certificates must stay valid: the CA is taken over, and its key is nowhere in the clear any more."""
    stack = own_stack()
    node = stack.node()
    node.connect()
    node.stop()
    stack.stop()
    ca, secrets = stack.home / "ca", stack.home / "secrets"
    (ca / "node-ca.crt").write_bytes((ca / "node" / "node-ca.crt").read_bytes())
    openssl("pkey", "-in", ca / "node" / "node-ca.key", "-passin", f"file:{secrets / 'node_ca_passphrase'}", "-out", ca / "node-ca.key")
    for name in ["node-ca.crt", "node-ca.key", "current"]:
        (ca / "node" / name).unlink()
    for path in (stack.home / "trust" / "node-ca").iterdir():
        path.unlink()
    (secrets / "node_ca_passphrase").unlink()
    certificate = (ca / "node-ca.crt").read_text()
    stack.start()
    assert (ca / "node" / "node-ca.crt").read_text() == certificate
    assert not (ca / "node-ca.key").exists()
    wait_for(lambda: node.raw(), what="a connection")
    stack.node()
