"""What claiming refuses (threats.md section 5): each with a clear error, and nothing is issued: no certificate, no key and no node in the
database, and no line in signerd's log, which has one for every signature."""

import concurrent.futures
import datetime
import json
import re
import secrets

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

import claimkit as kit
from claimkit import CA_FALSE, CA_TRUE, CN, O, OU, common_name, ec_csr, name, pem, rdn, seq
from stackkit import wait_for

EC_KEY = "1.2.840.10045.2.1"


@pytest.fixture(scope="module")
def claimant(stack):
    return stack.user()


@pytest.fixture
def pending(claimant):
    """The node id of a claim that waits for its request."""
    return kit.initiated(claimant, "0A0B0C0D0E0F")


@pytest.fixture
def nothing_issued(stack):
    before = kit.issued(stack)
    yield
    assert kit.issued(stack) == before


def refused(answer, status, code, description):
    """A refusal in the one shape of errors, with that number, and a text that says why."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text[:300]}"
    body = answer.json()
    assert body["status"] == "failure" and body["error_code"] == code, answer.text[:300]
    assert re.search(description, body["description"], re.I), body["description"]
    assert body["description"].isascii() and len(body["description"]) < 256
    return True


# --- requests ---------------------------------------------------------------------------------------------------------


def weak_rsa(bits):
    return lambda node_id: kit.csr(node_id, rsa.generate_private_key(65537, bits))


def on_curve(curve, digest=hashes.SHA256):
    def make(node_id):
        key = ec.generate_private_key(curve())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node_id)])
        made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, digest())
        return made.public_bytes(serialization.Encoding.PEM).decode()

    return make


def point(encoded):
    """P-256 with these bytes for the point."""
    spki = seq(seq(kit.oid(EC_KEY), kit.oid("1.2.840.10045.3.1.7")), kit.der(0x03, b"\0" + encoded))
    return lambda node_id: pem(ec_csr(common_name(node_id), spki=spki))


def explicit_curve(node_id):
    """P-256 spelt out (X9.62 ECParameters): the curve would be the client's choice."""
    key = kit.new_key()
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    base = bytes.fromhex("046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
                         "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5")
    field = seq(kit.oid("1.2.840.10045.1.1"), kit.integer(p))
    curve = seq(kit.der(0x04, (p - 3).to_bytes(32, "big")), kit.der(0x04, b.to_bytes(32, "big")))
    parameters = seq(kit.integer(1), field, curve, kit.der(0x04, base), kit.integer(order), kit.integer(1))
    uncompressed = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    spki = seq(seq(kit.oid(EC_KEY), parameters), kit.der(0x03, b"\0" + uncompressed))
    return pem(ec_csr(common_name(node_id), key, spki))


def primes(p, q):
    return lambda node_id: pem(kit.rsa_csr_of_primes(common_name(node_id), p(), q()))


def close_primes(node_id):
    p = kit.prime(1024)
    return pem(kit.rsa_csr_of_primes(common_name(node_id), p, kit.next_prime(p)))


def square(node_id):
    p = kit.prime(1024)
    return pem(kit.rsa_csr(common_name(node_id), p * p, 65537, pow(65537, -1, p * (p - 1))))


def prime_modulus(node_id):
    p = kit.prime(2048)
    return pem(kit.rsa_csr(common_name(node_id), p, 65537, pow(65537, -1, p - 1)))


def with_factor(factor):
    def make(node_id):
        p = kit.prime(2048 - factor.bit_length() + 1)
        modulus = factor * p
        while modulus.bit_length() != 2048:
            p = kit.prime(2048 - factor.bit_length() + (modulus.bit_length() < 2048))
            modulus = factor * p
        return pem(kit.rsa_csr(common_name(node_id), modulus, 65537, pow(65537, -1, (factor - 1) * (p - 1) or p - 1)))

    return make


def exponent(e, private=True):
    def make(node_id):
        p, q = (kit.prime(1024, e) if private and e > 1 else kit.prime(1024) for _ in range(2))
        d = pow(e, -1, (p - 1) * (q - 1)) if private else None
        return pem(kit.rsa_csr(common_name(node_id), p * q, e, d))

    return make


def odd_size(bits):
    def make(node_id):
        p, q = kit.prime(bits // 2), kit.prime(bits - bits // 2)
        while (p * q).bit_length() != bits:
            q = kit.prime(bits - bits // 2)
        return pem(kit.rsa_csr_of_primes(common_name(node_id), p, q))

    return make


def huge_rsa(bits):
    return lambda node_id: pem(kit.rsa_csr(common_name(node_id), secrets.randbits(bits) | 1 << (bits - 1) | 1, 65537, None))


def old_digest(digest):
    return lambda node_id: pem(
        kit.rsa_csr_of_primes(common_name(node_id), kit.prime(1024), kit.prime(1024), digest=digest))


def ecdsa_sha1(node_id):
    return pem(ec_csr(common_name(node_id), digest=hashes.SHA1, algorithm=kit.SHA1_ECDSA))


def other_kind(key, *parameters):
    def make(node_id):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node_id)])
        made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key(), *parameters)
        return made.public_bytes(serialization.Encoding.PEM).decode()

    return make


def pss_signature(node_id):
    key = rsa.generate_private_key(65537, 2048)
    info = kit.request_info(common_name(node_id), kit.spki_of(key))
    sha256 = seq(kit.oid("2.16.840.1.101.3.4.2.1"), kit.NULL)
    mgf = seq(kit.oid("1.2.840.113549.1.1.8"), sha256)
    parameters = seq(kit.der(0xA0, sha256), kit.der(0xA1, mgf), kit.der(0xA2, kit.integer(32)))
    signature = key.sign(info, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    return pem(kit.request(info, seq(kit.oid("1.2.840.113549.1.1.10"), parameters), signature))


def signed_by_another(node_id):
    return pem(ec_csr(common_name(node_id), kit.new_key(), spki=kit.spki_of(kit.new_key())))


def flipped(at):
    """A good request with one bit of the byte `at` turned round."""
    def make(node_id):
        raw = bytearray(ec_csr(common_name(node_id)))
        raw[at] ^= 1
        return pem(bytes(raw))

    return make


def unsigned(node_id):
    info = kit.request_info(common_name(node_id), kit.spki_of(kit.new_key()))
    return pem(kit.request(info, kit.SHA256_ECDSA, b""))


def zero_signature(node_id):
    """r = s = 0: the one that careless code accepts (CVE-2022-21449)."""
    info = kit.request_info(common_name(node_id), kit.spki_of(kit.new_key()))
    return pem(kit.request(info, kit.SHA256_ECDSA, seq(kit.integer(0), kit.integer(0))))


def subject(make):
    """A request whose subject is made of the pending node id."""
    return lambda node_id: pem(ec_csr(make(node_id)))


def attributes(*each):
    return lambda node_id: pem(ec_csr(common_name(node_id), attributes=each))


def cut(length):
    return lambda node_id: pem(ec_csr(common_name(node_id))[:length])


def text(change):
    """The PEM text of a good request, changed."""
    return lambda node_id: change(kit.csr(node_id))


def certificate_instead(node_id):
    key = kit.new_key()
    subject_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node_id)])
    now = datetime.datetime.utcnow()
    made = (x509.CertificateBuilder().subject_name(subject_name).issuer_name(subject_name).public_key(key.public_key())
            .serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=9))
            .sign(key, hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.PEM).decode()


def indefinite_length(node_id):
    """BER that is no DER: 30 80 ... 00 00 around the request."""
    return pem(b"\x30\x80" + ec_csr(common_name(node_id))[3:] + b"\0\0")


def long_form_length(node_id):
    """DER says the shortest form; one length here takes a byte too many."""
    raw = ec_csr(common_name(node_id))
    assert raw[1] == 0x81
    return pem(b"\x30\x82\x00" + raw[2:])


def many_attributes(node_id):
    junk = [seq(kit.oid("1.2.840.113549.1.9.7"), kit.der(0x31, kit.der(kit.UTF8, b"x"))) for _ in range(60)]
    return pem(ec_csr(common_name(node_id), attributes=junk))


def too_long(node_id):
    """Over the limit of a request, within that of the body."""
    junk = seq(kit.oid("1.2.840.113549.1.9.7"), kit.der(0x31, kit.der(kit.UTF8, b"x" * 7000)))
    return pem(ec_csr(common_name(node_id), attributes=[junk]))


CSRS = {
    # keys: size and form
    "RSA of 512 bits": (weak_rsa(512), "RSA key of 512 bits"),
    "RSA of 1024 bits": (weak_rsa(1024), "RSA key of 1024 bits"),
    "RSA of 2040 bits": (odd_size(2040), "RSA key of 2040 bits"),
    "RSA of 2047 bits": (odd_size(2047), "RSA key of 2047 bits"),
    "RSA of 2049 bits": (odd_size(2049), "RSA key of 2049 bits"),
    "RSA of 2052 bits": (odd_size(2052), "RSA key of 2052 bits"),
    "RSA of 4104 bits": (huge_rsa(4104), "RSA key of 4104 bits"),
    "RSA of 8192 bits": (huge_rsa(8192), "RSA key of 8192 bits"),
    "exponent 1": (exponent(1), "exponent"),
    "exponent 3": (exponent(3), "exponent"),
    "exponent 17": (exponent(17), "exponent"),
    "even exponent": (exponent(65538, private=False), "exponent"),
    "exponent of 300 bits": (exponent((1 << 299) + 1, private=False), "exponent"),
    "even modulus": (with_factor(2), "not a valid public key|factor|odd|modulus"),
    "prime modulus": (prime_modulus, "not a valid public key|prime"),
    "modulus divisible by 3": (with_factor(3), "not a valid public key|factor"),
    "modulus divisible by 751": (with_factor(751), "not a valid public key|factor"),
    "close primes": (close_primes, "close"),
    "square of a prime": (square, "not a valid public key|close"),
    "ROCA": (primes(kit.roca_prime, kit.roca_prime), "ROCA"),
    "P-192": (on_curve(ec.SECP192R1), "curve"),
    "P-224": (on_curve(ec.SECP224R1), "curve"),
    "P-521": (on_curve(ec.SECP521R1, hashes.SHA512), "curve"),
    "secp256k1": (on_curve(ec.SECP256K1), "curve"),
    "brainpoolP256r1": (on_curve(ec.BrainpoolP256R1), "curve"),
    "explicit curve parameters": (explicit_curve, "curve"),
    "point not on the curve": (point(b"\x04" + b"\x01" * 64), "key"),
    "point at infinity": (point(b"\0"), "key"),
    "point of zeros": (point(b"\x04" + b"\0" * 64), "key"),
    "point outside the field": (point(b"\x04" + b"\xff" * 64), "key"),
    "point cut off": (point(b"\x04" + b"\x01" * 63), "key"),
    "no point": (point(b""), "key"),
    "Ed25519": (other_kind(ed25519.Ed25519PrivateKey.generate, None), "neither EC nor RSA"),
    "DSA": (other_kind(lambda: dsa.generate_private_key(2048), hashes.SHA256()), "neither EC nor RSA"),
    # signatures
    "MD5": (old_digest("md5"), "signature"),
    "SHA-1 with RSA": (old_digest("sha1"), "signature"),
    "SHA-1 with ECDSA": (ecdsa_sha1, "signature"),
    "RSA-PSS": (pss_signature, "signature"),
    "signed by another key": (signed_by_another, "not signed by its own key"),
    "a bit of the signature": (flipped(-1), "not signed by its own key"),
    "a bit of the name": (flipped(20), "sign|node id|CN"),
    "no signature": (unsigned, "sign"),
    "signature of zeros": (zero_signature, "not signed by its own key"),
    # names
    "CN never issued": (subject(lambda _: common_name("A1b2C3d4E5f6G7h8I9j0Kl")), None),
    "CN in another case": (subject(lambda node_id: common_name(node_id.swapcase())), None),
    "CN of a MAC": (subject(lambda _: common_name("0A0B0C0D0E0F")), None),
    "CN cisternd": (subject(lambda _: common_name("cisternd")), "reserved"),
    "CN health": (subject(lambda _: common_name("health")), "reserved"),
    "no subject": (subject(lambda _: name()), "one CN"),
    "empty CN": (subject(lambda _: common_name("")), "node id|CN"),
    "only O": (subject(lambda node_id: name(rdn((O, kit.UTF8, node_id.encode())))), "one CN"),
    "two CNs": (subject(lambda node_id: name(*(rdn((CN, kit.UTF8, each)) for each in (node_id.encode(), b"admin")))),
                "one CN"),
    "two CNs in one RDN": (subject(lambda node_id: name(rdn((CN, kit.UTF8, b"admin"), (CN, kit.UTF8, node_id.encode())))),
                           "one CN"),
    "the same CN twice": (subject(lambda node_id: name(*[rdn((CN, kit.UTF8, node_id.encode()))] * 2)), "one CN"),
    "CN and O": (subject(lambda node_id: name(rdn((O, kit.UTF8, b"Acme")), rdn((CN, kit.UTF8, node_id.encode())))), "one CN"),
    "CN and OU": (subject(lambda node_id: name(rdn((CN, kit.UTF8, node_id.encode())), rdn((OU, kit.UTF8, b"x")))), "one CN"),
    "CN with a NUL": (subject(lambda node_id: common_name(node_id + "\0admin")), "node id"),
    "CN with +": (subject(lambda _: common_name("node+")), "node id"),
    "CN with #": (subject(lambda _: common_name("#")), "node id"),
    "CN with /": (subject(lambda _: common_name("a/b")), "node id"),
    "CN with $": (subject(lambda _: common_name("$SYS")), "node id"),
    "CN with a blank": (subject(lambda node_id: common_name(node_id + " ")), "node id"),
    "CN with a line end": (subject(lambda node_id: common_name(node_id + "\n")), "node id"),
    "CN with an umlaut": (subject(lambda _: common_name("l\u00e4mpchen")), "node id"),
    "CN as BMPString": (subject(lambda node_id: common_name(node_id.encode("utf-16-be"), kit.BMP)), "node id"),
    "CN as UniversalString": (subject(lambda node_id: common_name(node_id.encode("utf-32-be"), kit.UNIVERSAL)), "node id"),
    "CN as TeletexString": (subject(lambda node_id: common_name(node_id, kit.T61)), "node id"),
    "CN of 65 bytes": (subject(lambda _: common_name("n" * 65)), "node id|PKCS"),
    "CN of 4000 bytes": (subject(lambda _: common_name("n" * 4000)), "node id|PKCS"),
    # what is asked for
    "CA:TRUE": (attributes(kit.extension_request(CA_TRUE)), "CA"),
    "CA:TRUE by Microsoft's name": (attributes(kit.extension_request(CA_TRUE, kind="1.3.6.1.4.1.311.2.1.14")), "CA"),
    "CA:FALSE and CA:TRUE": (attributes(kit.extension_request(CA_FALSE, CA_TRUE)), "basicConstraints"),
    "CA:TRUE in a second request": (attributes(kit.extension_request(CA_FALSE), kit.extension_request(CA_TRUE)),
                                    "more than one"),
    "malformed basicConstraints": (attributes(kit.extension_request(("2.5.29.19", True, b"\x30\x05\x01"))),
                                   "basicConstraints"),
    "malformed extension request": (attributes(seq(kit.oid("1.2.840.113549.1.9.14"), kit.der(0x31, kit.NULL))), "extension"),
    "60 attributes": (many_attributes, "attributes|8192"),
    # form
    "nothing but the lines": (text(lambda _: "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"), "CSR"),
    "one byte": (cut(1), "CSR"),
    "cut after the header": (cut(4), "CSR"),
    "cut in the name": (cut(24), "CSR"),
    "cut in the key": (cut(100), "CSR"),
    "one byte short": (cut(-1), "CSR"),
    "a byte behind it": (lambda node_id: pem(ec_csr(common_name(node_id)) + b"\0"), "follow"),
    "another request behind it": (lambda node_id: pem(ec_csr(common_name(node_id)) * 2), "follow"),
    "indefinite length": (indefinite_length, "CSR"),
    "length in too long a form": (long_form_length, "DER|CSR"),
    "version 2": (lambda node_id: pem(ec_csr(common_name(node_id), version=1)), "version"),
    "version -1": (lambda node_id: pem(ec_csr(common_name(node_id), version=255)), "version"),
    "random bytes": (lambda _: pem(secrets.token_bytes(300)), "CSR"),
    "two PEM blocks": (text(lambda good: good * 2), "base64|CSR"),
    "text before the block": (text(lambda good: "Subject: CN=x\n" + good), "begin"),
    "text behind the block": (text(lambda good: good + "x"), "end"),
    "label of a certificate": (text(lambda good: good.replace("CERTIFICATE REQUEST", "CERTIFICATE")), "begin"),
    "label of old tools": (text(lambda good: good.replace("CERTIFICATE", "NEW CERTIFICATE")), "begin"),
    "labels that differ": (text(lambda good: good.replace("END CERTIFICATE REQUEST", "END CERTIFICATE")), "end"),
    "a certificate": (certificate_instead, "begin"),
    "a certificate under the right label": (lambda node_id: certificate_instead(node_id).replace(
        "CERTIFICATE", "CERTIFICATE REQUEST"), "PKCS|CSR"),
    "a private key": (lambda _: kit.key_pem(kit.new_key()).decode(), "begin"),
    "no lines around it": (text(lambda good: "".join(good.split("\n")[1:-2])), "begin"),
    "base64 with a stranger": (text(lambda good: good.replace("\nM", "\nM!", 1)), "base64"),
    "PEM with headers": (text(lambda good: good.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1)), "base64"),
    "over 8192 bytes": (too_long, "8192"),
    "blanks": (text(lambda _: " " * 100), "begin"),
    "an escape sequence": (text(lambda _: "\x1b[2J\u202e"), "begin"),
}


def test_there_are_at_least_60_hostile_requests():
    assert len(CSRS) >= 60


@pytest.mark.parametrize("case", CSRS)
def test_a_hostile_request_is_refused_and_nothing_is_issued(claimant, pending, nothing_issued, case):
    make, description = CSRS[case]
    answer = kit.verify(claimant, make(pending))
    if description is None:
        refused(answer, 400, 106004, "No claim for this node id is pending")
    else:
        refused(answer, 400, 106003, description)


def test_a_refused_request_uses_nothing_up(stack):
    user = stack.user()
    node_id = kit.initiated(user)
    assert kit.verify(user, signed_by_another(node_id)).status_code == 400
    assert kit.verify(user, kit.csr(node_id)).status_code == 200


# --- bodies -----------------------------------------------------------------------------------------------------------


BODIES = {
    "empty": b"",
    "not JSON": b"csr=-----BEGIN CERTIFICATE REQUEST-----",
    "an array": b'[{"csr":"x"}]',
    "a text": b'"csr"',
    "null": b"null",
    "cut off": b'{"csr":"-----BEGIN',
    "csr twice": b'{"csr":"x","csr":"y"}',
    "csr twice, once escaped": b'{"csr":"x","\\u0063sr":"y"}',
    "csr a number": b'{"csr":7}',
    "csr an array": b'{"csr":["x"]}',
    "csr an object": b'{"csr":{"pem":"x"}}',
    "csr with a NUL": b'{"csr":"x\\u0000"}',
    "csr not UTF-8": b'{"csr":"\xff\xfe"}',
    "two documents": b'{"csr":"x"}{"csr":"y"}',
    "deep": b'{"csr":' + b"[" * 500 + b"]" * 500 + b"}",
    "policies a number": b'{"csr":"x","node_policies":7}',
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_is_none_is_refused(claimant, pending, nothing_issued, case):
    for path in ("/claim/verify", "/claim/initiate"):
        body = BODIES[case] if path == "/claim/verify" else BODIES[case].replace(b"csr", b"mac_addr").replace(b"\\u0063sr", b"\\u006dac_addr")
        if b"node_policies" in body and path == "/claim/initiate":
            continue  # no field of it
        refused(claimant.request("POST", path, data=body), 400, 100006, "body")


@pytest.mark.parametrize("body", [{}, {"csr": None}, {"csr": ""}, {"CSR": "x"},
                                  {"csr": "x", "node_policies": "p" * 257}], ids=str)
def test_a_field_that_is_missing_or_too_long_is_refused(claimant, pending, nothing_issued, body):
    refused(claimant.request("POST", "/claim/verify", json=body), 400, 106002, "csr is missing, or a field is not valid")


def test_a_large_body_is_refused_before_it_is_read(claimant, pending, nothing_issued):
    for size in (16385 - len('{"csr":""}'), 1 << 20):
        body = json.dumps({"csr": "A" * size}, separators=(",", ":"))
        refused(claimant.request("POST", "/claim/verify", data=body), 413, 102004, "too large")
    refused(claimant.request("POST", "/claim/initiate", data=b"x" * 4097), 413, 102004, "too large")


def test_a_matter_certificate_is_refused(claimant, pending, nothing_issued):
    for value in ("True", "true", "TRUE", "maybe", "1"):
        answer = claimant.request("POST", "/claim/verify", json={"csr": kit.csr(pending)}, params={"matter": value})
        refused(answer, 400, 106008, "Matter")


@pytest.mark.parametrize("mac", ["", "AABBCC11223", "AABBCC1122334", "AA:BB:CC:11:22:33", "AA-BB-CC-11-22-33", "AABBCC11223G",
                                 " AABBCC112233", "AABBCC112233\n", "0xAABBCC1122", "\uff21\uff21BBCC112233", "AABBCC11223'",
                                 "A" * 4000, None, "../../../etc", "%41%41BBCC1122"], ids=ascii)
def test_a_mac_that_is_none_is_refused(claimant, nothing_issued, mac):
    refused(kit.initiate(claimant, mac), 400, 106001, "12 hexadecimal digits")


@pytest.mark.parametrize("mac", [7, True, ["AABBCC112233"], {"mac": "AABBCC112233"}], ids=str)
def test_a_mac_of_another_type_is_refused(claimant, nothing_issued, mac):
    refused(kit.initiate(claimant, mac), 400, 100006, "body")


def test_a_crooked_platform_does_no_harm(claimant):
    for platform in (None, 7, [], "x" * 2000, "'; DROP TABLE node; --", "\x1b[2J\n", "\u202e"):
        assert kit.initiate(claimant, "0A0B0C0D0E0F", platform).status_code == 200


# --- whose claim ------------------------------------------------------------------------------------------------------


def unknown_claim(answer):
    return refused(answer, 400, 106004, "No claim for this node id is pending")


def test_a_replayed_verify_is_refused(stack):
    user = stack.user()
    node_id = kit.initiated(user)
    request = kit.csr(node_id)
    assert kit.verify(user, request).status_code == 200
    before = kit.issued(stack)
    for again in (request, kit.csr(node_id)):
        unknown_claim(kit.verify(user, again))
    assert kit.issued(stack) == before and len(kit.states(stack, node_id)) == 1


def test_another_user_s_claim_is_answered_as_if_it_were_not_there(stack, claimant, pending, nothing_issued):
    thief = stack.user()
    kit.initiated(thief)
    answers = [kit.verify(thief, kit.csr(each)) for each in (pending, "A1b2C3d4E5f6G7h8I9j0Kl")]
    assert all(unknown_claim(answer) for answer in answers)
    assert answers[0].content == answers[1].content


def test_a_claim_that_was_never_begun_or_has_run_out_is_refused(stack, nothing_issued):
    user = stack.user()
    unknown_claim(kit.verify(user, kit.csr("A1b2C3d4E5f6G7h8I9j0Kl")))
    node_id = kit.initiated(user)
    stack.sql("UPDATE claim SET expires_at = now() - interval '1 second' WHERE node_id = %s", node_id)
    unknown_claim(kit.verify(user, kit.csr(node_id)))


def test_without_a_good_token_nothing_is_claimed(stack, claimant, pending, nothing_issued):
    wishes = (("/claim/initiate", {"mac_addr": "AABBCC112233"}), ("/claim/verify", {"csr": kit.csr(pending)}))
    gone = stack.user()
    assert gone.request("POST", "/v1/logout2", json={}).status_code == 200
    for path, body in wishes:
        refused(stack.post(path, body), 403, 106010, "self-claiming is not enabled")
        for header in ("", "x", "a.b.c", "Bearer ", claimant.tokens["idtoken"], claimant.tokens["refreshtoken"],
                       claimant.tokens["accesstoken"][:-2], gone.tokens["accesstoken"]):
            answer = stack.post(path, body, headers={"Authorization": header})
            refused(answer, 401, 101017, "Unauthorized")


def test_a_node_of_somebody_else_is_not_claimed_again(stack):
    """The claim was pending when the node came to belong to another user."""
    user, owner, mac = stack.user(), stack.user(), kit.new_mac()
    node_id, _, _ = kit.claimed(user, mac)
    assert kit.initiated(user, mac) == node_id
    stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", node_id, owner.id)
    before = kit.issued(stack)
    unknown_claim(kit.verify(user, kit.csr(node_id)))
    assert kit.issued(stack) == before
    assert kit.initiated(user, mac) != node_id


@pytest.mark.parametrize("state, statement", [
    ("suspended", "SELECT node_suspend(%s, true)"), ("revoked", "SELECT node_revoke(%s, 'test')")])
def test_a_suspended_or_revoked_node_gets_no_certificate(stack, state, statement):
    user, mac = stack.user(), kit.new_mac()
    node_id, _, _ = kit.claimed(user, mac)
    assert kit.initiated(user, mac) == node_id
    stack.sql(statement, node_id)
    before = kit.issued(stack)
    refused(kit.verify(user, kit.csr(node_id)), 403, 106006, "suspended or revoked")
    assert kit.issued(stack) == before
    assert (kit.initiated(user, mac) == node_id) == (state == "suspended")


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_key_serves_one_node_for_ever(stack, kind):
    user, other = stack.user(), stack.user()
    node_id, key, _ = kit.claimed(user, kind=kind)
    pending = kit.initiated(other)
    before = kit.issued(stack)
    refused(kit.verify(other, kit.csr(pending, key)), 400, 106007, "serves another node")
    assert kit.issued(stack) == before
    stack.sql("SELECT node_delete(%s)", node_id)
    refused(kit.verify(other, kit.csr(pending, key)), 400, 106007, "serves another node")


def test_a_key_in_its_other_form_is_the_same_key(stack):
    """A point can be written in 33 bytes or in 65."""
    user, other = stack.user(), stack.user()
    node_id, key, _ = kit.claimed(user)
    pending = kit.initiated(other)
    short = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    spki = seq(seq(kit.oid(EC_KEY), kit.oid("1.2.840.10045.3.1.7")), kit.der(0x03, b"\0" + short))
    before = kit.issued(stack)
    refused(kit.verify(other, pem(ec_csr(common_name(pending), key, spki))), 400, 106007, "serves another node")
    assert kit.issued(stack) == before


# --- how much and how often -------------------------------------------------------------------------------------------


def test_a_user_s_quota_counts_live_nodes_and_pending_claims(own_stack):
    stack = own_stack(CISTERN_CLAIM_QUOTA="3", CISTERN_CLAIMS_PER_MINUTE="100000")
    user, other = stack.user(), stack.user()
    macs = [kit.new_mac() for _ in range(4)]
    (first, _, _), pending = kit.claimed(user, macs[0]), [kit.initiated(user, mac) for mac in macs[1:3]]
    refused(kit.initiate(user, macs[3]), 403, 106005, "quota")
    assert kit.initiated(user, macs[0]) == first and kit.initiated(user, macs[1]) == pending[0]
    assert kit.initiate(other, macs[3]).status_code == 200
    # a deleted node and a claim that has run out each free a place
    stack.sql("SELECT node_delete(%s)", first)
    stack.sql("UPDATE claim SET expires_at = NULL WHERE node_id = %s", first)
    assert kit.initiate(user, macs[3]).status_code == 200
    refused(kit.initiate(user, macs[0]), 403, 106005, "quota")
    stack.sql("UPDATE claim SET expires_at = now() - interval '1 second' WHERE node_id = %s", pending[1])
    assert kit.initiate(user, macs[0]).status_code == 200


def test_of_a_thousand_initiates_in_a_minute_most_are_told_to_wait(own_stack):
    stack = own_stack(CISTERN_CLAIMS_PER_MINUTE="30")
    users = [stack.user() for _ in range(2)]
    before = kit.issued(stack)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: kit.initiate(users[i % 2], f"{i:012X}"), range(1000)))
    passed = [answer for answer in answers if answer.status_code == 200]
    # 30 at once, and one more each two seconds that it took; both users come from one source
    assert 30 <= len(passed) <= 60, len(passed)
    for answer in answers:
        if answer.status_code != 200:
            refused(answer, 429, 102008, "Too many requests")
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert kit.issued(stack) == before
    ((pending,),) = stack.sql("SELECT count(*) FROM claim")
    assert pending == len(passed)


def test_every_claim_and_every_refusal_is_in_the_log_without_secrets(stack):
    user = stack.user()
    node_id = kit.initiated(user)
    bad, good = signed_by_another(node_id), kit.csr(node_id)
    assert kit.verify(user, bad).status_code == 400 and kit.verify(user, good).status_code == 200
    wait_for(lambda: f"event=claim.claimed node={node_id} user={user.id}" in stack.log("cisternd"), what="the last event")
    log = stack.log("cisternd")
    assert f"event=claim.initiated node={node_id} user={user.id}" in log
    assert re.search(rf"event=claim.refused .*user={user.id} .*reason=.*not signed by its own key", log)
    for secret in (user.tokens["accesstoken"], bad.split("\n")[1], good.split("\n")[1]):
        assert secret not in log
