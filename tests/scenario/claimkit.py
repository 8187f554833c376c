"""Certificate signing requests, good and bad, and what an app does with them (claiming.md sections 1 to 3).

Good requests are made by `cryptography`, as devices and the command line make them. Bad ones are put together from DER by hand, signed
with the numbers of the key itself where no library would.
"""

import base64
import hashlib
import hmac
import itertools
import os
import pathlib
import re
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from stackkit import Node

_macs = itertools.count(int.from_bytes(os.urandom(5), "big") << 8)


def new_mac():
    """A MAC that nothing else in this run has."""
    return f"{next(_macs) & 0xFFFFFFFFFFFF:012X}"


# --- good requests ----------------------------------------------------------------------------------------------------


def new_key(kind="ec"):
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)


def csr(common_name, key=None, extensions=()):
    """PEM, signed with SHA-256; `extensions` are (extension, critical)."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(key or new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


# --- an app -----------------------------------------------------------------------------------------------------------


def initiate(user, mac, platform="esp32c3"):
    return user.request("POST", "/claim/initiate", json={"mac_addr": mac, "platform": platform})


def initiated(user, mac=None):
    answer = initiate(user, mac or new_mac())
    assert answer.status_code == 200, answer.text
    return answer.json()["node_id"]


def verify(user, request, **more):
    return user.request("POST", "/claim/verify", json={"csr": request} | more, params={"matter": "False"})


def claimed(user, mac=None, kind="ec"):
    """(node id, key, certificate as PEM) after the whole claim."""
    node_id, key = initiated(user, mac), new_key(kind)
    answer = verify(user, csr(node_id, key))
    assert answer.status_code == 200, answer.text
    return node_id, key, answer.json()["certificate"]


def node_of(stack, node_id, key, certificate):
    """A node with what it got, as the device keeps it."""
    folder = stack.home.parent / f"claimed-{node_id}-{secrets.token_hex(4)}"
    folder.mkdir()
    (folder / "node.crt").write_text(certificate)
    (folder / "node.key").write_bytes(key_pem(key))
    (folder / "ca.crt").write_bytes(pathlib.Path(stack.ca_file).read_bytes())
    return Node(stack, node_id, folder)


# --- what was issued --------------------------------------------------------------------------------------------------


def setting(stack, name):
    for path in sorted((stack.home / "etc").glob("*.conf")):
        found = re.search(rf"^{name} *= *(\S+)$", path.read_text(), re.M)
        if found:
            return found[1]
    raise LookupError(name)


def node_ca(stack):
    """The file of the node CA's certificate, which brokers trust."""
    return next(iter(sorted(pathlib.Path(setting(stack, "node_trust_dir")).glob("*"))))


def issued(stack):
    """How much there is of all that only an issued certificate adds to: rows, keys, lines of signerd's log."""
    ((certificates, keys, nodes),) = stack.sql(
        "SELECT (SELECT count(*) FROM node_certificate), (SELECT count(*) FROM node_key), (SELECT count(*) FROM node)")
    return certificates, keys, nodes, pathlib.Path(setting(stack, "signer_log_file")).read_bytes().count(b"\n")


def states(stack, node_id):
    """The states of a node's certificates, oldest first."""
    return [state for (state,) in stack.sql(
        "SELECT certificate_state(c) FROM node_certificate c WHERE node_id = %s ORDER BY issued_at, serial", node_id)]


# --- DER --------------------------------------------------------------------------------------------------------------


def der(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def seq(*parts):
    return der(0x30, *parts)


def integer(number):
    return der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(dotted):
    first, second, *rest = map(int, dotted.split("."))
    out = bytes([40 * first + second])
    for arc in rest:
        digits = [arc & 127]
        while arc := arc >> 7:
            digits.insert(0, arc & 127 | 128)
        out += bytes(digits)
    return der(0x06, out)


NULL = der(0x05)
UTF8, PRINTABLE, T61, IA5, UNIVERSAL, BMP = 0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E
CN, O, OU = "2.5.4.3", "2.5.4.10", "2.5.4.11"


def rdn(*attributes):
    """attributes: (oid, tag, bytes)."""
    return der(0x31, *(seq(oid(kind), der(tag, value)) for kind, tag, value in attributes))


def name(*rdns):
    return seq(*rdns)


def common_name(text, tag=UTF8):
    return name(rdn((CN, tag, text if isinstance(text, bytes) else text.encode())))


def spki_of(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def extension_request(*extensions, kind="1.2.840.113549.1.9.14"):
    """extensions: (oid, critical, value bytes)."""
    return seq(oid(kind), der(0x31, seq(*(
        seq(oid(each), *([der(0x01, b"\xff")] if critical else []), der(0x04, value))
        for each, critical, value in extensions))))


CA_TRUE = ("2.5.29.19", True, seq(der(0x01, b"\xff")))
CA_FALSE = ("2.5.29.19", True, seq())
SHA256_ECDSA, SHA1_ECDSA = seq(oid("1.2.840.10045.4.3.2")), seq(oid("1.2.840.10045.4.1"))


def request_info(subject, spki, attributes=(), version=0):
    return seq(integer(version), subject, spki, der(0xA0, *attributes))


def request(info, algorithm, signature):
    return seq(info, algorithm, der(0x03, b"\0" + signature))


def pem(raw, label="CERTIFICATE REQUEST"):
    text = base64.b64encode(raw).decode()
    lines = "\n".join(text[i : i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def ec_csr(subject, key=None, spki=None, attributes=(), version=0, digest=hashes.SHA256, algorithm=SHA256_ECDSA):
    """Of an EC key; its signature is good whatever else is odd."""
    key = key or new_key()
    info = request_info(subject, spki or spki_of(key), attributes, version)
    return request(info, algorithm, key.sign(info, ec.ECDSA(digest())))


# --- RSA by numbers ---------------------------------------------------------------------------------------------------


RSA_HASHES = {  # name: (OID of the hash, OID of the signature)
    "md5": ("1.2.840.113549.2.5", "1.2.840.113549.1.1.4"),
    "sha1": ("1.3.14.3.2.26", "1.2.840.113549.1.1.5"),
    "sha256": ("2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.11"),
}


def rsa_spki(modulus, exponent):
    return seq(seq(oid("1.2.840.113549.1.1.1"), NULL), der(0x03, b"\0" + seq(integer(modulus), integer(exponent))))


def rsa_csr(subject, modulus, exponent, private, digest="sha256"):
    """PKCS #1 v1.5 (RFC 8017 section 9.2) with whatever numbers; `private` None: the signature is rubbish."""
    info = request_info(subject, rsa_spki(modulus, exponent))
    hash_oid, signature_oid = RSA_HASHES[digest]
    t = seq(seq(oid(hash_oid), NULL), der(0x04, hashlib.new(digest, info).digest()))
    size = (modulus.bit_length() + 7) // 8
    encoded = int.from_bytes(b"\0\1" + b"\xff" * (size - len(t) - 3) + b"\0" + t, "big")
    signature = pow(encoded, private, modulus) if private else 1
    return request(info, seq(oid(signature_oid), NULL), signature.to_bytes(size, "big"))


SMALL_PRIMES = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


def is_prime(n):
    if any(n % p == 0 for p in SMALL_PRIMES):
        return n in SMALL_PRIMES
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19):
        x = pow(base, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def prime(bits, exponent=65537):
    """With the two highest bits set, so that a product has all its bits; exponent and n - 1 have no common factor."""
    while True:
        n = secrets.randbits(bits) | 3 << (bits - 2) | 1
        if is_prime(n) and (n - 1) % exponent:
            return n


def next_prime(n, exponent=65537):
    n += 2 - n % 2 if n % 2 == 0 else 2
    while not (is_prime(n) and (n - 1) % exponent):
        n += 2
    return n


def roca_prime(bits=1024):
    """k * M + (65537 ** a mod M), M the product of the first 126 primes (Nemec et al., section 2)."""
    m = 2
    for p in SMALL_PRIMES[:125]:
        m *= p
    while True:
        k = secrets.randbelow((1 << bits) // m - (3 << (bits - 2)) // m) + (3 << (bits - 2)) // m
        n = k * m + pow(65537, secrets.randbelow(1 << 64), m)
        if n.bit_length() == bits and is_prime(n) and (n - 1) % 65537:
            return n


def rsa_csr_of_primes(subject, p, q, exponent=65537, digest="sha256"):
    return rsa_csr(subject, p * q, exponent, pow(exponent, -1, (p - 1) * (q - 1)), digest)


# --- the device by itself ---------------------------------------------------------------------------------------------


def response_of(secret, challenge):
    return hmac.new(secret, challenge.encode(), hashlib.sha512).hexdigest().upper()
