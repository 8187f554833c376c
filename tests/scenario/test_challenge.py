"""Mapping by a challenge that the node signs with its certificate's key (mqtt.md 5.1, rest.md 4.4)."""

import concurrent.futures
import datetime
import json
import secrets

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from identitykit import name_of
from stackkit import unique

NODES = "/v1/user/nodes"
INITIATE, VERIFY = f"{NODES}/mapping/initiate", f"{NODES}/mapping/verify"
FAILED = (403, 104006)


def post(user, path, body):
    return user.request("POST", path, data=body if isinstance(body, (str, bytes)) else json.dumps(body))


def initiate(user, **body):
    answer = post(user, INITIATE, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(answer):
    return answer.status_code, answer.json().get("error_code")


def body_of(answer):
    """All that tells one failure from another."""
    return answer.status_code, answer.content


def node_ids(user):
    return user.get(NODES).json()["nodes"]


class Signer:
    """A registered node's id and key, and what it answers to a challenge."""

    def __init__(self, node_id, key):
        self.id, self.key = node_id, key

    def sign(self, text, hash_=None, salt=None, pkcs1=False):
        hash_ = hash_ or hashes.SHA256()
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(text.encode(), ec.ECDSA(hash_)).hex()
        way = padding.PKCS1v15() if pkcs1 else padding.PSS(padding.MGF1(hash_), padding.PSS.MAX_LENGTH if salt is None else salt)
        return self.key.sign(text.encode(), way, hash_).hex()

    def verify(self, user, challenge, response=None, **more):
        response = self.sign(challenge["challenge"]) if response is None else response
        return post(user, VERIFY, {"request_id": challenge["request_id"], "node_id": self.id, "challenge_response": response} | more)


def certificate_of(node_id, key):
    """Any certificate with that key: the record counts here, not who signed it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(name_of(node_id)).issuer_name(name_of(node_id)).public_key(key.public_key())
               .serial_number(int.from_bytes(b"\x11" + secrets.token_bytes(15), "big"))
               .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1)))
    return builder.sign(key, hashes.SHA256())


KEYS = {"P-256": lambda: ec.generate_private_key(ec.SECP256R1()), "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "RSA-2048": lambda: rsa.generate_private_key(65537, 2048), "RSA-4096": lambda: rsa.generate_private_key(65537, 4096),
        "P-521": lambda: ec.generate_private_key(ec.SECP521R1()), "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "RSA-1024": lambda: rsa.generate_private_key(65537, 1024)}


@pytest.fixture
def signer(stack):
    """signer("P-256"): a node with a certificate of such a key on record."""
    made = []

    def make(kind="P-256", state="active", node_id=None):
        key = KEYS[kind]()
        node_id = node_id or unique("signer")
        certificate = certificate_of(node_id, key)
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        stack.sql("INSERT INTO node (node_id) VALUES (%s) ON CONFLICT DO NOTHING", node_id)
        stack.sql("INSERT INTO node_certificate (serial, node_id, certificate, not_before, not_after, activated_at) VALUES"
                  " (%s, %s, %s, now() - interval '1 hour', now() + interval '1 day', CASE WHEN %s THEN now() END)",
                  f"{certificate.serial_number:X}", node_id, pem, state == "active")
        made.append(node_id)
        return Signer(node_id, key)

    yield make
    stack.sql("DELETE FROM node WHERE node_id = ANY(%s)", made)


@pytest.fixture
def other(new_user):
    return new_user()


@pytest.fixture
def fresh(stack):
    """A user whose wrong answers are not counted together with another test's."""
    return stack.user()


# --- it works ---------------------------------------------------------------------------------------------------------


def test_a_challenge_is_random_ascii_of_moderate_length(user):
    found = [initiate(user, timeout=360) for _ in range(5)]
    assert all(set(each) == {"challenge", "request_id"} for each in found)
    assert all(each["challenge"].isascii() and 43 <= len(each["challenge"]) <= 256 for each in found)
    assert len({each["challenge"] for each in found}) == len({each["request_id"] for each in found}) == 5


@pytest.mark.parametrize("body", ["", "{}", {"timeout": None}, {"timeout": 30}, {"timeout": 3600}, {"timeout": 360, "capabilities": ["x"], "group": 7}], ids=json.dumps)
def test_the_body_of_initiate_may_be_empty_and_its_time_is_within_bounds(stack, user, body):
    answer = post(user, INITIATE, body)
    assert answer.status_code == 200, answer.text
    ((life,),) = stack.sql("SELECT extract(epoch FROM expires_at - created_at)::integer FROM node_challenge WHERE request_id = %s", answer.json()["request_id"])
    assert life == ((body.get("timeout") if isinstance(body, dict) else None) or 360)


@pytest.mark.parametrize("timeout", [29, 3601, 0, -1, 1e3, "360", True, [], 10**30])
def test_a_time_out_of_bounds_is_refused(user, timeout):
    answer = post(user, INITIATE, {"timeout": timeout})
    assert told(answer) in ((400, 104007), (400, 100006))


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("kind", ["P-256", "P-384", "RSA-2048", "RSA-4096"])
def test_the_node_that_signs_is_mapped_at_once(user, signer, kind, upper):
    node, challenge = signer(kind), initiate(user)
    response = node.sign(challenge["challenge"])
    answer = node.verify(user, challenge, response.upper() if upper else response, tags=["room:hall"], metadata={"k": 1}, unknown=7)
    assert answer.status_code == 200 and answer.json()["status"] == "success", answer.text
    (entry,) = user.get(NODES, node_id=node.id).json()["node_details"]
    assert (entry["role"], entry["tags"], entry["metadata"]) == ("primary", ["room:hall"], {"k": 1})


@pytest.mark.parametrize("salt", [0, 1, 20, 32, 100, 222])
def test_a_pss_signature_may_have_any_length_of_salt(user, signer, salt):
    node, challenge = signer("RSA-2048"), initiate(user)
    assert node.verify(user, challenge, node.sign(challenge["challenge"], salt=salt)).status_code == 200


def test_a_node_as_the_command_line_registers_it_signs_with_its_own_key_file(stack, user):
    node = stack.node()
    key = serialization.load_pem_private_key((node.folder / "node.key").read_bytes(), None)
    assert Signer(node.id, key).verify(user, initiate(user)).status_code == 200
    assert node_ids(user) == [node.id]


def test_the_pending_certificate_counts_while_there_is_no_active_one(user, signer):
    pending = signer(state="pending")
    assert pending.verify(user, initiate(user)).status_code == 200


def test_the_active_certificate_counts_and_not_the_next_one(user, signer):
    active = signer()
    pending = signer(state="pending", node_id=active.id)
    assert told(pending.verify(user, initiate(user))) == FAILED
    assert active.verify(user, initiate(user)).status_code == 200


def test_whoever_has_the_node_at_hand_becomes_a_primary_user_beside_those_there_are(user, other, signer):
    """mqtt.md section 5: several primaries possible; nothing of the others goes without a reset."""
    node = signer()
    assert node.verify(user, initiate(user), tags=["a"]).status_code == 200
    assert node.verify(other, initiate(other), tags=["b"]).status_code == 200
    for each in (user, other):
        (entry,) = each.get(NODES, node_id=node.id).json()["node_details"]
        assert (entry["role"], entry["tags"]) == ("primary", ["a", "b"])


# --- it does not ------------------------------------------------------------------------------------------------------


def flip(response):
    return response[:-1] + ("0" if response[-1] != "0" else "1")


WRONG = {
    "another text": lambda node, text: node.sign(text + "x"),
    "one bit": lambda node, text: flip(node.sign(text)),
    "cut": lambda node, text: node.sign(text)[:-2],
    "longer": lambda node, text: node.sign(text) + "00",
    "another hash": lambda node, text: node.sign(text, hashes.SHA384()),
    "old hash": lambda node, text: node.sign(text, hashes.SHA1()),
    "another key": lambda node, text: Signer(node.id, KEYS["P-256"]()).sign(text),
    "one byte": lambda node, text: "00",
    "zeros": lambda node, text: "00" * 64,
    "r and s of zero": lambda node, text: "3006020100020100",
}


@pytest.mark.parametrize("kind", ["P-256", "RSA-2048"])
@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_answer_maps_nothing_and_uses_the_challenge_up(fresh, signer, what, kind):
    node, challenge = signer(kind), initiate(fresh)
    assert told(node.verify(fresh, challenge, WRONG[what](node, challenge["challenge"]))) == FAILED
    assert told(node.verify(fresh, challenge)) == FAILED
    assert node_ids(fresh) == []


@pytest.mark.parametrize("hash_", [hashes.SHA256(), hashes.SHA1()], ids=["sha256", "sha1"])
def test_pkcs1_v1_5_is_no_answer(fresh, signer, hash_):
    node, challenge = signer("RSA-2048"), initiate(fresh)
    assert told(node.verify(fresh, challenge, node.sign(challenge["challenge"], hash_, pkcs1=True))) == FAILED


@pytest.mark.parametrize("kind", ["P-521", "secp256k1", "RSA-1024"])
def test_a_key_that_we_would_not_certify_is_no_proof(fresh, signer, kind):
    node = signer(kind)
    assert told(node.verify(fresh, initiate(fresh))) == FAILED


def test_every_failure_is_answered_byte_for_byte_alike(stack, fresh, other, signer):
    node = signer()
    used = initiate(fresh)
    assert node.verify(fresh, used).status_code == 200
    expired, foreign, suspended = initiate(fresh), initiate(other), signer()
    stack.sql("UPDATE node_challenge SET expires_at = now() WHERE request_id = %s", expired["request_id"])
    stack.sql("UPDATE node SET suspended_at = now() WHERE node_id = %s", suspended.id)
    answers = [
        node.verify(fresh, used),
        node.verify(fresh, expired),
        node.verify(fresh, foreign),
        node.verify(fresh, initiate(fresh), "00"),
        node.verify(fresh, {"request_id": "x" * 22, "challenge": "x"}),
        node.verify(fresh, {"request_id": "x' OR 1=1", "challenge": "x"}),
        suspended.verify(fresh, initiate(fresh)),
        Signer("nobody", node.key).verify(fresh, initiate(fresh)),
        Signer("a/b", node.key).verify(fresh, initiate(fresh)),
        Signer("x" * 65, node.key).verify(fresh, initiate(fresh)),
    ]
    assert {body_of(answer) for answer in answers} == {body_of(answers[0])} and told(answers[0]) == FAILED
    assert node_ids(fresh) == [node.id] and node_ids(other) == []
    assert node.verify(other, foreign).status_code == 200  # and nothing of another fresh's is burnt by it


FIELDS = [{"request_id": None}, {"node_id": None}, {"challenge_response": None}, {"challenge_response": ""}, {"challenge_response": "0"},
          {"challenge_response": "xy"}, {"challenge_response": "00 11"}, {"challenge_response": "0x00"}, {"challenge_response": "00" * 513},
          {"challenge_response": "é"}]


@pytest.mark.parametrize("change", FIELDS, ids=lambda change: json.dumps(change)[:40])
def test_a_missing_or_misshapen_field_is_told_and_uses_nothing_up(user, signer, change):
    node, challenge = signer(), initiate(user)
    body = {"request_id": challenge["request_id"], "node_id": node.id, "challenge_response": node.sign(challenge["challenge"])}
    assert told(post(user, VERIFY, body | change)) == (400, 104007)
    assert told(post(user, VERIFY, body | {"tags": "x"})) == (400, 105010)
    assert told(post(user, VERIFY, "[]")) == told(post(user, VERIFY, "")) == (400, 100006)
    assert post(user, VERIFY, body).status_code == 200


def test_of_many_who_send_the_same_answer_at_once_one_succeeds(fresh, signer):
    node, challenge = signer(), initiate(fresh)
    response = node.sign(challenge["challenge"])
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: node.verify(fresh, challenge, response), range(8)))
    assert sorted(told(answer) for answer in answers) == [(200, None)] + [FAILED] * 7


def test_an_eleventh_challenge_takes_the_place_of_the_oldest(user, signer):
    node = signer()
    challenges = [initiate(user) for _ in range(11)]
    assert told(node.verify(user, challenges[0])) == FAILED
    assert node.verify(user, challenges[1]).status_code == 200


def test_after_twenty_wrong_answers_a_user_has_to_wait_and_others_do_not(stack, signer):
    user, other = stack.user(), stack.user()
    node = signer()
    for _ in range(20):
        assert told(node.verify(user, {"request_id": "x" * 22, "challenge": ""})) == FAILED
    challenge = initiate(user)
    answer = node.verify(user, challenge)
    assert told(answer) == (429, 104008) and int(answer.headers["Retry-After"]) > 0
    assert node.verify(other, initiate(other)).status_code == 200
