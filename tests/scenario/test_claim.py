"""A node gets its id and its certificate as the apps and the command line ask for it (claiming.md sections 1 to 4 and 8), a device by
itself (section 5), and its next certificate over its own link (docs/certificates.md)."""

import concurrent.futures
import contextlib
import json
import pathlib
import re
import subprocess

import psycopg2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import claimkit as kit
from claimkit import claimed, csr, initiate, initiated, new_key, new_mac, verify
from stackkit import Stack, wait_for
from test_claim_hostile import refused, unknown_claim


def openssl(*words, text_in=None):
    return subprocess.run(["openssl", *words], input=text_in, capture_output=True, text=True, check=True).stdout


# --- the node id ------------------------------------------------------------------------------------------------------


def test_an_initiate_answers_with_a_node_id_and_nothing_else(stack, user):
    answer = initiate(user, new_mac())
    assert answer.status_code == 200 and list(answer.json()) == ["node_id"]
    assert re.fullmatch("[A-Za-z0-9]{22}", answer.json()["node_id"])
    assert len(answer.content) < 200 and int(answer.headers["Content-Length"]) == len(answer.content)
    assert "Transfer-Encoding" not in answer.headers


def test_the_same_device_of_the_same_user_has_the_same_node_id_before_and_after_its_certificate(user):
    mac = new_mac()
    node_id = initiated(user, mac)
    assert initiated(user, mac) == node_id == initiated(user, mac.lower())
    assert verify(user, csr(node_id)).status_code == 200
    assert initiated(user, mac) == node_id
    assert initiated(user) != node_id


def test_another_user_has_another_node_id_for_the_same_device(new_user):
    mac = new_mac()
    assert initiated(new_user(), mac) != initiated(new_user(), mac)


def test_a_body_is_json_whatever_its_type_is_called(user):
    """The JavaScript SDK sends text/plain; the device's own text goes on as it is."""
    mac = new_mac()
    for kind in ("application/json", "text/plain;charset=UTF-8", "application/octet-stream"):
        body = f'{{ "mac_addr" : "{mac}",\n"platform":"esp32c3", "more":[1] }}'
        answer = user.request("POST", "/claim/initiate", data=body, headers={"Content-Type": kind})
        assert answer.status_code == 200


def test_twenty_initiates_at_once_promise_one_node_id(stack, user):
    mac = new_mac()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: initiate(user, mac), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["node_id"] for answer in answers}) == 1
    assert stack.sql("SELECT count(*) FROM claim WHERE mac = %s", mac) == [(1,)]


# --- the certificate --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_certificate_comes_in_the_form_that_a_device_can_read(stack, user, kind):
    node_id = initiated(user)
    answer = verify(user, csr(node_id, new_key(kind)), send_mqtt_host=True)
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["Content-Length"]) == len(answer.content) and "Transfer-Encoding" not in answer.headers
    body = answer.json()
    assert set(body) == {"certificate", "mqtt_host"} and body["mqtt_host"] == stack.mqtt_host
    assert re.fullmatch("-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n", body["certificate"])
    # one spelling: compact, and \n is the only escape
    assert answer.text == json.dumps(body, separators=(",", ":"))
    assert set(re.findall(r"\\(.)", answer.text)) == {"n"}
    # two host names of 253 bytes and the name of the second member would still fit
    longest = len(answer.content) - len(stack.mqtt_host) + 2 * 253 + len(',"mqtt_cred_host":""')
    assert longest < 3072


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_certificate_has_the_fixed_profile_and_chains_to_the_node_ca(stack, user, kind, tmp_path):
    node_id, key, certificate = claimed(user, kind=kind)
    path = tmp_path / "node.crt"
    path.write_text(certificate)
    ca = kit.node_ca(stack)
    assert openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", str(ca), str(path)).endswith(": OK\n")
    text = openssl("x509", "-noout", "-text", "-in", str(path))
    assert re.search(rf"Subject: CN = {node_id}\n", text)
    assert re.search(r"Basic Constraints: critical\s+CA:FALSE", text)
    usage = "Digital Signature, Key Encipherment" if kind == "rsa" else "Digital Signature"
    assert re.search(rf"X509v3 Key Usage: critical\s+{usage}\n", text)
    assert re.search(r"Extended Key Usage: *\n\s+TLS Web Client Authentication\n", text)
    assert len(re.findall("X509v3 ", text)) - len(re.findall("X509v3 extensions", text)) == 5
    made = x509.load_pem_x509_certificate(certificate.encode())
    assert made.signature_hash_algorithm.name == "sha256" and made.serial_number.bit_length() > 64
    assert (made.not_valid_after - made.not_valid_before).days >= 20 * 365 or \
        made.not_valid_after == x509.load_pem_x509_certificate(ca.read_bytes()).not_valid_after
    spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    assert made.public_key().public_bytes(*spki) == key.public_key().public_bytes(*spki)
    rows = stack.sql("SELECT serial, certificate, certificate_state(c) FROM node_certificate c WHERE node_id = %s", node_id)
    assert rows == [(f"{made.serial_number:X}".zfill(len(rows[0][0])), certificate, "pending")]
    assert f"{made.serial_number:X}" in pathlib.Path(kit.setting(stack, "signer_log_file")).read_text().upper()


def crlf(text):
    return text.replace("\n", "\r\n")


@pytest.mark.parametrize("change", [crlf, str.rstrip, lambda text: "\n" + text + "\n\n", lambda text: crlf(text).rstrip()],
                         ids=["CR LF", "no last line end", "blank lines", "CR LF and no last"])
def test_a_request_is_taken_with_the_line_ends_of_all_clients_and_answered_with_lf(user, change):
    answer = verify(user, change(csr(initiated(user))))
    assert answer.status_code == 200 and "\r" not in answer.json()["certificate"] and "\\r" not in answer.text


def test_what_a_request_asks_for_beyond_its_key_is_ignored(stack, user):
    """The command line asks for CA:FALSE; others for names and usages that are not theirs to choose."""
    key, node_id = new_key(), initiated(user)
    wishes = [(x509.BasicConstraints(False, None), True), (x509.SubjectAlternativeName([x509.DNSName("mqtt.example.org")]), False),
              (x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), False)]
    answer = verify(user, csr(node_id, key, wishes))
    made = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
    with pytest.raises(x509.ExtensionNotFound):
        made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    usages = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]


@pytest.mark.parametrize("query", [{}, {"matter": "False"}, {"matter": "false"}, {"other": "x"}], ids=str)
def test_the_query_of_the_command_line_and_of_others_is_passed_over(user, query):
    body = {"csr": csr(initiated(user)), "more": {"x": 1}}
    assert user.request("POST", "/claim/verify", json=body, params=query).status_code == 200


def test_the_policies_of_a_camera_are_kept(stack, user):
    node_id = initiated(user)
    assert verify(user, csr(node_id), node_policies="videostream").status_code == 200
    assert stack.sql("SELECT policies FROM claim WHERE node_id = %s", node_id) == [("videostream",)]


def test_a_claim_maps_the_node_to_nobody(user):
    node_id, _, _ = claimed(user)
    assert node_id not in user.get("/v1/user/nodes").text


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_node_connects_with_what_it_got_and_only_under_its_own_id(stack, user, kind):
    node = kit.node_of(stack, *claimed(user, kind=kind))
    node.connect()
    node.publish("params/local", {"Light": {"Power": True}})
    wait_for(lambda: node.stored() == {"Light": {"Power": "true"}}, what="the report")
    node.stop()
    taken, node.id = node.id, "another"
    with pytest.raises(OSError):
        node.raw()
    node.id = taken


# --- again, at once, too late -----------------------------------------------------------------------------------------


def test_claiming_again_revokes_the_former_certificate_at_once(stack, user):
    mac = new_mac()
    node_id, _, first = claimed(user, mac)
    again, _, second = claimed(user, mac)
    assert again == node_id and kit.states(stack, node_id) == ["revoked", "pending"]
    for certificate, refused_now in ((first, True), (second, False)):
        fingerprint = x509.load_pem_x509_certificate(certificate.encode()).fingerprint(kit.hashes.SHA256()).hex()
        rows = stack.sql("SELECT reason FROM revocation WHERE kind = 'certificate' AND value = %s", fingerprint)
        assert rows == ([("claimed again",)] if refused_now else [])


def test_after_claiming_again_only_the_new_certificate_connects_and_the_old_session_is_cut(stack, user):
    mac = new_mac()
    old = kit.node_of(stack, *claimed(user, mac))
    session = old.raw()
    new = kit.node_of(stack, *claimed(user, mac))
    session.wait_closed()
    assert new.id == old.id and is_refused(old)
    new.raw().disconnect()


def test_two_verifies_at_once_give_one_certificate(stack, user):
    for _ in range(5):
        node_id = initiated(user)
        before = kit.issued(stack)
        requests = [csr(node_id) for _ in range(6)]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda each: verify(user, each), requests))
        assert sorted(answer.status_code for answer in answers) == [200] + 5 * [400]
        assert all(unknown_claim(answer) for answer in answers if answer.status_code != 200)
        assert [after - earlier for after, earlier in zip(kit.issued(stack), before)] == [1, 1, 1, 1]


def test_a_claim_that_has_run_out_can_be_begun_again_with_the_same_node_id(stack, user):
    mac = new_mac()
    node_id = initiated(user, mac)
    stack.sql("UPDATE claim SET expires_at = now() - interval '1 second' WHERE node_id = %s", node_id)
    assert verify(user, csr(node_id)).status_code == 400
    assert initiated(user, mac) == node_id
    assert verify(user, csr(node_id)).status_code == 200


def test_a_deleted_node_is_claimed_under_a_new_id(stack, user):
    mac = new_mac()
    node_id, _, _ = claimed(user, mac)
    stack.sql("SELECT node_delete(%s)", node_id)
    assert initiated(user, mac) != node_id


# --- what is away -----------------------------------------------------------------------------------------------------


def service(stack, name, up):
    """Takes a service down, or up again, as its supervisor is told to."""
    subprocess.run(["s6-svc", "-u" if up else "-wD", *([] if up else ["-T", "20000", "-d"]), str(stack.home / "service" / name)],
                   check=True)


def test_without_signerd_nothing_is_issued_and_the_claim_waits(own_stack):
    stack = own_stack()
    user = stack.user()
    node_id, key = initiated(user), new_key()
    before = kit.issued(stack)
    service(stack, "signerd", False)
    answer = verify(user, csr(node_id, key))
    refused(answer, 503, 106009, "No certificate can be issued now")
    assert int(answer.headers["Retry-After"]) >= 1 and kit.issued(stack) == before
    service(stack, "signerd", True)
    wait_for(lambda: verify(user, csr(node_id, key)).status_code == 200, what="certificate")
    assert kit.states(stack, node_id) == ["pending"]


def test_without_the_database_nothing_is_issued(own_stack):
    stack = own_stack()
    user = stack.user()
    node_id = initiated(user)
    before = kit.issued(stack)
    service(stack, "postgres", False)
    for answer in (initiate(user, new_mac()), verify(user, csr(node_id))):
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
    service(stack, "postgres", True)
    stack.wait_ready()
    assert kit.issued(stack) == before
    # each thread finds its own way back
    wait_for(lambda: verify(user, csr(node_id)).status_code == 200, what="certificate")
    assert kit.states(stack, node_id) == ["pending"]


@contextlib.contextmanager
def held_up(stack, user):
    """While this lasts, nothing can be recorded for the user: what claim_complete() locks first is taken."""
    connection = psycopg2.connect(stack.database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(3, hashtext(%s))", (user.id,))
            yield
    finally:
        connection.close()


def n_signed(stack):
    return kit.issued(stack)[3]


def test_a_certificate_that_cannot_be_recorded_never_leaves_and_the_claim_waits(stack, user):
    node_id, key = initiated(user), new_key()
    before, signed = kit.issued(stack)[:3], n_signed(stack)
    with held_up(stack, user):
        answer = verify(user, csr(node_id, key))
    refused(answer, 503, 106009, "No certificate can be issued now")
    assert n_signed(stack) == signed + 1 and kit.issued(stack)[:3] == before
    assert verify(user, csr(node_id, key)).status_code == 200


def test_a_daemon_killed_between_signature_and_record_leaves_nothing_half(own_stack):
    """Nothing, or a certificate that is recorded and that nobody got; either way the node is claimed with a fresh initiate."""
    stack = own_stack()
    user, mac = stack.user(), new_mac()
    node_id, signed = initiated(user, mac), n_signed(stack)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with held_up(stack, user):
            pending = pool.submit(verify, user, csr(node_id))
            wait_for(lambda: n_signed(stack) == signed + 1, what="signature")
            stack.kill("cisternd")
        with pytest.raises(OSError):
            pending.result()
    again, _, _ = claimed(user, mac)
    found = kit.states(stack, node_id)
    assert again == node_id and found[-1] == "pending" and found[:-1] in ([], ["revoked"])


# --- the device by itself ---------------------------------------------------------------------------------------------

SECRET = bytes(range(1, 17))


@pytest.fixture(scope="module")
def self_stack():
    running = Stack(CISTERN_SELF_CLAIM="true")
    yield running
    running.close()


def listed(stack, mac, secret=SECRET):
    answer = stack.admin().put("/v1/admin/self_claim", {"devices": [{"mac_addr": mac, "secret": secret.hex()}]})
    assert answer.status_code == 200, answer.text
    return mac


def challenge_for(stack, mac):
    answer = stack.post("/claim/initiate", {"mac_addr": mac, "platform": "esp32s2"})
    assert answer.status_code == 200 and set(answer.json()) == {"auth_id", "challenge"}
    return answer.json()


def prove(stack, mac, challenge, secret=SECRET, key=None, cn=None, **changes):
    body = {"auth_id": challenge["auth_id"], "challenge_response": kit.response_of(secret, challenge["challenge"]),
            "csr": csr(cn or mac, key)} | changes
    return stack.post("/claim/verify", body)


def no_proof(answer):
    return refused(answer, 403, 106011, "not on the list, or its answer to the challenge is wrong or late")


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_device_on_the_list_claims_the_id_that_is_its_mac(self_stack, kind):
    mac, key = listed(self_stack, new_mac()), new_key(kind)
    challenge = challenge_for(self_stack, mac)
    assert 32 <= len(challenge["auth_id"]) <= 63 and 32 <= len(challenge["challenge"]) <= 128
    answer = prove(self_stack, mac, challenge, key=key)
    assert answer.status_code == 200 and len(answer.content) < 3072
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert answer.json()["mqtt_host"] == self_stack.mqtt_host
    node = kit.node_of(self_stack, mac, key, answer.json()["certificate"])
    node.connect()
    node.stop()


def test_a_device_that_claims_again_has_one_certificate(self_stack):
    mac = listed(self_stack, new_mac())
    for expected in (["pending"], ["revoked", "pending"]):
        assert prove(self_stack, mac, challenge_for(self_stack, mac)).status_code == 200
        assert kit.states(self_stack, mac) == expected


def test_every_wrong_proof_is_refused_alike_and_nothing_is_issued(self_stack):
    mac, other, unknown = listed(self_stack, new_mac()), listed(self_stack, new_mac(), SECRET[::-1]), new_mac()
    before = kit.issued(self_stack)
    challenge = challenge_for(self_stack, mac)
    right = kit.response_of(SECRET, challenge["challenge"])
    answers = [
        prove(self_stack, mac, challenge_for(self_stack, mac), SECRET[:-1]),
        prove(self_stack, mac, challenge_for(self_stack, other)),
        prove(self_stack, mac, challenge_for(self_stack, other), cn=other),
        prove(self_stack, other, challenge_for(self_stack, mac), SECRET[::-1]),
        prove(self_stack, unknown, challenge_for(self_stack, unknown)),
        prove(self_stack, mac, {"auth_id": "0" * 48, "challenge": "x"}),
        prove(self_stack, mac, {"auth_id": "' OR ''='", "challenge": "x"}),
        prove(self_stack, mac, challenge, challenge_response=right.lower()),
        prove(self_stack, mac, challenge),  # it was taken by the try before
    ]
    late = challenge_for(self_stack, mac)
    self_stack.sql("UPDATE self_claim_challenge SET expires_at = now() - interval '1 second' WHERE auth_id = %s", late["auth_id"])
    answers.append(prove(self_stack, mac, late))
    assert all(no_proof(answer) for answer in answers)
    assert len({answer.content for answer in answers}) == 1
    assert kit.issued(self_stack) == before


def test_a_self_claim_is_for_its_own_mac_in_its_one_spelling(self_stack):
    mac = listed(self_stack, new_mac())
    before = kit.issued(self_stack)
    for cn in (mac.lower() if mac.lower() != mac else "abcdefabcdef", "lamp", "A1b2C3d4E5f6G7h8I9j0Kl"):
        refused(prove(self_stack, mac, challenge_for(self_stack, mac), cn=cn), 400, 106003, "MAC")
    assert kit.issued(self_stack) == before


def test_a_self_claim_without_its_fields_is_refused(self_stack):
    mac = listed(self_stack, new_mac())
    challenge = challenge_for(self_stack, mac)
    for changes in ({"auth_id": ""}, {"challenge_response": ""}, {"csr": ""}, {"auth_id": "x" * 64}):
        refused(prove(self_stack, mac, challenge, **changes), 400, 106002, "field")
    refused(prove(self_stack, mac, challenge, csr="x"), 400, 106003, "begin")


def test_only_the_newest_four_challenges_of_a_device_are_good(self_stack):
    mac = listed(self_stack, new_mac())
    challenges = [challenge_for(self_stack, mac) for _ in range(6)]
    assert self_stack.sql("SELECT count(*) FROM self_claim_challenge WHERE mac = %s", mac) == [(4,)]
    no_proof(prove(self_stack, mac, challenges[1]))
    assert prove(self_stack, mac, challenges[2]).status_code == 200


def test_after_twenty_wrong_proofs_a_device_has_to_wait(self_stack):
    mac, other = listed(self_stack, new_mac()), listed(self_stack, new_mac())
    for _ in range(20):
        no_proof(prove(self_stack, mac, challenge_for(self_stack, mac), b"wrong"))
    answer = prove(self_stack, mac, challenge_for(self_stack, mac))
    refused(answer, 429, 102008, "Too many requests")
    assert int(answer.headers["Retry-After"]) >= 1
    assert prove(self_stack, other, challenge_for(self_stack, other)).status_code == 200


@pytest.mark.parametrize("statement", ["SELECT node_suspend(%s, true)", "SELECT node_revoke(%s, 'test')"])
def test_a_suspended_or_revoked_device_gets_no_certificate(self_stack, statement):
    mac = listed(self_stack, new_mac())
    assert prove(self_stack, mac, challenge_for(self_stack, mac)).status_code == 200
    self_stack.sql(statement, mac)
    before = kit.issued(self_stack)
    refused(prove(self_stack, mac, challenge_for(self_stack, mac)), 403, 106006, "suspended or revoked")
    assert kit.issued(self_stack) == before


def test_a_device_taken_off_the_list_keeps_its_certificate_and_gets_no_other(self_stack):
    mac, admin = listed(self_stack, new_mac()), self_stack.admin()
    assert prove(self_stack, mac, challenge_for(self_stack, mac)).status_code == 200
    assert admin.request("DELETE", "/v1/admin/self_claim", params={"mac_addr": mac}).status_code == 200
    no_proof(prove(self_stack, mac, challenge_for(self_stack, mac)))
    assert kit.states(self_stack, mac) == ["pending"]
    refused(admin.request("DELETE", "/v1/admin/self_claim", params={"mac_addr": mac}), 404, 106013, "not on the list")


# --- the administrator's list -----------------------------------------------------------------------------------------


def test_the_list_tells_its_devices_page_by_page_and_never_a_secret(stack):
    admin, macs = stack.admin(), sorted(new_mac() for _ in range(5))
    stack.sql("DELETE FROM self_claim_device")
    for _ in range(2):  # again changes nothing
        devices = [{"mac_addr": mac.lower(), "secret": SECRET.hex()} for mac in macs]
        assert admin.put("/v1/admin/self_claim", {"devices": devices}).status_code == 200
    found, start = [], {}
    while True:
        page = admin.get("/v1/admin/self_claim", num_records=2, **start)
        assert SECRET.hex() not in page.text.lower()
        found += [device["mac_addr"] for device in page.json()["devices"]]
        if "next_id" not in page.json():
            break
        start = {"start_id": page.json()["next_id"]}
    assert found == macs
    for (sealed,) in stack.sql("SELECT secret FROM self_claim_device"):
        assert SECRET not in bytes(sealed)


@pytest.mark.parametrize("devices", [None, {}, [], "x", [7], [{}], [{"mac_addr": "AABBCC112233"}],
                                     [{"mac_addr": "AABBCC112233", "secret": "0011223344556"}],
                                     [{"mac_addr": "AABBCC112233", "secret": "00112233445566"}],
                                     [{"mac_addr": "AABBCC112233", "secret": "zz" * 16}],
                                     [{"mac_addr": "AABBCC112233", "secret": "00" * 65}],
                                     [{"mac_addr": "AABBCC11223", "secret": "00" * 16}],
                                     [{"mac_addr": "AABBCC112233", "secret": 7}],
                                     [{"mac_addr": "AABBCC112233", "secret": "00" * 16}, {"mac_addr": "x", "secret": "00" * 16}],
                                     [{"mac_addr": "AABBCC112233", "secret": "00" * 16}] * 401], ids=lambda each: str(each)[:40])
def test_a_list_with_one_bad_device_is_refused_whole(stack, devices):
    stack.sql("DELETE FROM self_claim_device WHERE mac = 'AABBCC112233'")
    refused(stack.admin().put("/v1/admin/self_claim", {"devices": devices}), 400, 106012, "devices must be a list")
    assert stack.sql("SELECT 1 FROM self_claim_device WHERE mac = 'AABBCC112233'") == []


def test_the_list_is_the_administrator_s(stack, user):
    wishes = [("GET", {}), ("PUT", {"json": {"devices": [{"mac_addr": "AABBCC112233", "secret": SECRET.hex()}]}}),
              ("DELETE", {"params": {"mac_addr": "AABBCC112233"}})]
    for method, options in wishes:
        refused(user.request(method, "/v1/admin/self_claim", **options), 403, 102005, "Not allowed")


def test_the_command_line_imports_lists_and_removes_devices(stack, tmp_path):
    macs = [new_mac() for _ in range(1500)]
    path = tmp_path / "devices.csv"
    path.write_text("mac_addr,secret\r\n" + "".join(f"{mac.lower()},{SECRET.hex()}\r\n\n" for mac in macs))
    for _ in range(2):
        told = json.loads(stack.cli("--output", "json", "self-claim", "import", str(path)).stdout)
        assert told == {"devices": 1500, "result": "imported"}
    stored = {mac for (mac,) in stack.sql("SELECT mac FROM self_claim_device")}
    assert set(macs) <= stored
    shown = json.loads(stack.cli("--output", "json", "self-claim", "list").stdout)["devices"]
    assert {device["mac_addr"] for device in shown} == stored and SECRET.hex() not in json.dumps(shown)
    stack.cli("self-claim", "remove", macs[0].lower())
    failed = stack.cli("self-claim", "remove", macs[0], check=False)
    assert failed.returncode == 1 and "on the list" in failed.stderr
    stack.sql("DELETE FROM self_claim_device")


@pytest.mark.parametrize("line, why", [("AABBCC112233", "no comma"), ("AABBCC11223," + "00" * 16, "MAC"),
                                       ("AABBCC112233,00", "secret"), ("AABBCC112233," + "00" * 300, "too long"),
                                       ("AABBCC112233," + "00" * 16 + ",x", "secret")])
def test_a_file_with_a_bad_line_is_refused_whole_and_the_line_is_named(stack, tmp_path, line, why):
    mac, path = new_mac(), tmp_path / "devices.csv"
    path.write_text(f"{mac},{SECRET.hex()}\n{line}\n")
    failed = stack.cli("self-claim", "import", str(path), check=False)
    assert failed.returncode == 1 and f"{path} line 2: " in failed.stderr and why in failed.stderr
    assert SECRET.hex() not in failed.stderr and failed.stdout == ""
    assert stack.sql("SELECT 1 FROM self_claim_device WHERE mac = %s", mac) == []


# --- the next certificate ---------------------------------------------------------------------------------------------


class Renewing:
    """A claimed node on line that asks for its next certificate."""

    def __init__(self, stack, user):
        self.stack = stack
        self.id, self.key, self.certificate = claimed(user)
        self.node = kit.node_of(stack, self.id, self.key, self.certificate).connect()
        self.node.subscribe("certificate/response")
        wait_for(lambda: kit.states(stack, self.id) == ["active"], what="active certificate")

    def ask(self, request):
        self.node.publish("certificate/request", {"csr": request})
        topic, payload = self.node.receive()
        assert topic == f"node/{self.id}/certificate/response"
        return json.loads(payload)

    def later(self):
        """The time between two renewals is over."""
        self.stack.sql("UPDATE certificate_request SET renewed_at = renewed_at - interval '1 hour' WHERE node_id = %s", self.id)


@pytest.fixture
def renewing(stack, user):
    made = Renewing(stack, user)
    yield made
    made.node.stop()


def is_refused(node):
    """By the broker, now."""
    try:
        node.raw().disconnect()
    except OSError:
        return True
    return False


def failed_because(answer, why):
    assert set(answer) == {"status", "description"} and answer["status"] == "failure"
    assert re.search(why, answer["description"]), answer
    return True


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_node_renews_and_both_certificates_are_good_until_the_new_one_has_connected(stack, renewing, kind):
    key = new_key(kind)
    answer = renewing.ask(csr(renewing.id, key))
    assert set(answer) == {"status", "certificate"} and answer["status"] == "success"
    assert kit.states(stack, renewing.id) == ["active", "pending"]
    renewing.node.stop()  # a second connection takes the first one's place
    old = kit.node_of(stack, renewing.id, renewing.key, renewing.certificate)
    old.raw().disconnect()
    assert kit.states(stack, renewing.id) == ["active", "pending"]
    kit.node_of(stack, renewing.id, key, answer["certificate"]).raw().disconnect()
    wait_for(lambda: kit.states(stack, renewing.id) == ["superseded", "active"], what="new certificate active")
    wait_for(lambda: is_refused(old), what="refusal of the old certificate")


def test_the_same_request_again_has_the_same_answer(stack, renewing):
    request = csr(renewing.id)
    first = renewing.ask(request)
    before = kit.issued(stack)
    assert renewing.ask(request) == first == renewing.ask(request)
    assert kit.issued(stack) == before


def test_a_certificate_that_is_none_any_more_is_not_sent_again(stack, renewing):
    request = csr(renewing.id)
    first = renewing.ask(request)
    renewing.later()
    stack.sql("UPDATE node_certificate SET revoked_at = now() WHERE node_id = %s AND certificate = %s", renewing.id,
              first["certificate"])
    assert renewing.ask(request)["certificate"] != first["certificate"]


def test_a_node_renews_once_in_ten_minutes(stack, renewing):
    assert renewing.ask(csr(renewing.id))["status"] == "success"
    before = kit.issued(stack)
    second = csr(renewing.id)
    failed_because(renewing.ask(second), "one certificate in 10 minutes")
    assert kit.issued(stack) == before
    renewing.later()
    assert renewing.ask(second)["status"] == "success"  # a failure is not kept
    assert kit.states(stack, renewing.id) == ["active", "superseded", "pending"]


def test_a_request_for_another_or_with_another_s_key_is_refused_and_nothing_is_issued(stack, renewing, user):
    other, other_key, _ = claimed(user)
    before = kit.issued(stack)
    cases = [(csr(other), "CN is not the id"), (csr("cisternd"), "reserved"), (csr(renewing.id, other_key), "another node"),
             ("x", "begin"), (kit.pem(kit.ec_csr(kit.common_name(renewing.id), spki=kit.spki_of(new_key()))), "own key"),
             (csr(renewing.id, kit.rsa.generate_private_key(65537, 1024)), "1024 bits"),
             (csr(renewing.id, extensions=[(x509.BasicConstraints(True, None), True)]), "CA")]
    for request, why in cases:
        failed_because(renewing.ask(request), why)
    assert kit.issued(stack) == before


@pytest.mark.parametrize("payload", ["", "{}", "[]", '{"csr":7}', '{"csr":"x","csr":"y"}', '{"node_id":"other","csr":"x"}',
                                     '{"csr":"' + "x" * 4090 + '"}'], ids=lambda payload: payload[:30])
def test_a_request_that_is_none_is_set_aside(stack, renewing, payload):
    renewing.node.publish("certificate/request", payload)
    wait_for(lambda: renewing.node.letters(), what="dead letter")
    assert stack.sql("SELECT 1 FROM certificate_request WHERE node_id = %s", renewing.id) == []


def test_a_suspended_node_s_request_is_refused(stack, renewing):
    stack.sql("SELECT node_suspend(%s, true)", renewing.id)
    before = kit.issued(stack)
    # as one that was on its way when the node was suspended: the node itself cannot reach us any more
    stack.sql("INSERT INTO certificate_request (node_id, csr, digest, received_at) VALUES (%s, %s, %s, now())", renewing.id,
              csr(renewing.id), b"x" * 32)
    stack.sql("NOTIFY cistern_certificate_request")
    wait_for(lambda: stack.sql("SELECT answered_at FROM certificate_request WHERE node_id = %s AND answered_at IS NOT NULL",
                               renewing.id), what="answer")
    assert kit.issued(stack) == before


def test_a_node_cannot_ask_for_another_nor_answer_itself(stack, renewing, user):
    other, _, _ = claimed(user)
    raw = kit.node_of(stack, renewing.id, renewing.key, renewing.certificate).raw()
    for topic in (f"node/{other}/certificate/request", f"node/{renewing.id}/certificate/response"):
        raw.publish(topic, json.dumps({"csr": csr(other)}))
    raw.disconnect()
    stack.settle()
    assert stack.sql("SELECT 1 FROM certificate_request WHERE node_id IN (%s, %s)", other, renewing.id) == []


def test_while_signerd_is_away_a_request_waits(own_stack):
    stack = own_stack()
    renewing = Renewing(stack, stack.user())
    service(stack, "signerd", False)
    renewing.node.publish("certificate/request", {"csr": csr(renewing.id)})
    wait_for(lambda: "event=renewal.waiting" in stack.log("cisternd"), what="renewal.waiting")
    assert kit.states(stack, renewing.id) == ["active"]
    service(stack, "signerd", True)
    answer = json.loads(renewing.node.messages.get(timeout=60)[1])
    assert answer["status"] == "success" and kit.states(stack, renewing.id) == ["active", "pending"]
    renewing.node.stop()


def test_an_answer_that_was_recorded_is_sent_by_the_next_daemon(own_stack):
    """As after a crash between the commit and the publication."""
    stack = own_stack()
    renewing = Renewing(stack, stack.user())
    first = renewing.ask(csr(renewing.id))
    before = kit.issued(stack)
    # the node has its answer a moment before the daemon has noted that
    wait_for(lambda: stack.sql("UPDATE certificate_request SET answered_at = NULL WHERE node_id = %s AND answered_at IS NOT NULL"
                               " RETURNING 1", renewing.id), what="the note of the answer")
    stack.kill("cisternd")
    assert json.loads(renewing.node.receive()[1]) == first
    assert kit.issued(stack) == before
    renewing.node.stop()
