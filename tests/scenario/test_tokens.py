"""Tokens that must not be taken, each refused with 401 and at no cost (rest.md section 2, threats.md section 6)."""

import base64
import hashlib
import hmac
import json
import re
import socket
import statistics
import time

import pytest

from stackkit import wait_for
from test_accounts import OTHER_PASSWORD, UNAUTHORIZED, get_user, refresh, sign_in, sign_out, succeeded
from test_recovery import change

SERVER_MICROS_MAX = 5000


def segment(value):
    text = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def payload_of(token):
    text = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


@pytest.fixture(scope="module")
def key(stack):
    return (stack.home / "keys" / "cisternd" / "token_key").read_bytes().split(b"\n")[0]


def made(header, payload, key, digest=hashlib.sha256):
    signed = f"{segment(header)}.{segment(payload)}"
    return f"{signed}.{segment(hmac.new(key, signed.encode(), digest).digest())}"


HEADER = {"alg": "HS256", "typ": "JWT"}


def variant(**changes):
    """Signed with the right key, and the claims changed: None takes one away."""
    def make(token, key):
        claims = payload_of(token) | {name: value(time.time()) if callable(value) else value for name, value in changes.items()}
        return made(HEADER, {name: value for name, value in claims.items() if value is not None}, key)
    return make


def resigned(header, digest=hashlib.sha256, key=None):
    return lambda token, right: made(header, payload_of(token), key if key is not None else right, digest)


def spoilt(change):
    return lambda token, key: change(token)


def none_of(token):
    return f"{segment({'alg': 'none', 'typ': 'JWT'})}.{token.split('.')[1]}."


PUBLIC = b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"

REFUSED = {
    "alg none": spoilt(none_of),
    "alg none with the signature left on": spoilt(lambda token: none_of(token) + token.split(".")[2]),
    "alg None": resigned({"alg": "None", "typ": "JWT"}),
    "no alg": resigned({"typ": "JWT"}),
    "HS and RS confused: RS256 in the header": resigned({"alg": "RS256", "typ": "JWT"}),
    "HS and RS confused: signed with a public key": resigned(HEADER, key=PUBLIC),
    "HS512": resigned({"alg": "HS512", "typ": "JWT"}, hashlib.sha512),
    "a key id": resigned(HEADER | {"kid": "../../dev/null"}),
    "a key's URL": resigned(HEADER | {"jku": "http://127.0.0.1/keys"}),
    "other order of the header": resigned({"typ": "JWT", "alg": "HS256"}),
    "other key": resigned(HEADER, key=b"0123456789abcdef0123456789abcdef"),
    "empty key": resigned(HEADER, key=b""),
    "expired": variant(exp=lambda now: int(now) - 1),
    "no end": variant(exp=None),
    "an end that is no number": variant(exp="never"),
    "not yet valid": variant(nbf=lambda now: int(now) + 120),
    "from the future": variant(iat=lambda now: int(now) + 120),
    "no beginning": variant(iat=None),
    "other audience": variant(aud="id"),
    "several audiences": variant(aud=["access", "id"]),
    "no audience": variant(aud=None),
    "other issuer": variant(iss="https://example.org"),
    "other use": variant(token_use="id"),
    "no session": variant(sid=None),
    "a session that is no id": variant(sid="' OR 1=1 --"),
    "another's session": variant(sub="6f1d0c1e-0000-4000-8000-000000000001"),
    "an unknown session": variant(sid="6f1d0c1e-0000-4000-8000-000000000002"),
    "signature cut": spoilt(lambda token: token[:-1]),
    "signature away": spoilt(lambda token: token.rsplit(".", 1)[0]),
    "signature empty": spoilt(lambda token: token.rsplit(".", 1)[0] + "."),
    "payload cut": spoilt(lambda token: ".".join([*token.split(".")[:1], token.split(".")[1][:-4], token.split(".")[2]])),
    "first half": spoilt(lambda token: token[:len(token) // 2]),
    "doubled": spoilt(lambda token: token + "." + token),
    "padded": spoilt(lambda token: token + "="),
    "another spelling of the signature": spoilt(lambda token: token[:-1] + chr(ord(token[-1]) + 1)),
    "12 KB": spoilt(lambda token: token + "A" * 12000),
    "empty": spoilt(lambda token: "."),
}


def micros(stack, answer):
    """What the server took for it, by its log."""
    request = answer.headers["X-Request-Id"]
    line = wait_for(lambda: re.search(rf"event=api\.request .*request={request} micros=(\d+)", stack.log("cisternd")),
                    what="the request in the log")
    return int(line[1])


def is_refused_cheaply(stack, ask, rounds=5):
    answers = [ask() for _ in range(rounds)]
    for answer in answers:
        assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    took = [micros(stack, answer) for answer in answers]
    print(f"micros: {sorted(took)}")
    assert statistics.median(took) < SERVER_MICROS_MAX
    return True


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_the_token_is_refused_and_costs_little(stack, user, key, make):
    token = make(user.tokens["accesstoken"], key)
    assert is_refused_cheaply(stack, lambda: get_user(stack, {"accesstoken": token}))


def test_tokens_made_here_are_good_when_nothing_is_wrong_with_them(stack, user, key):
    """Else the cases above would prove nothing."""
    for make in (variant(), variant(nbf=lambda now: int(now) - 1), variant(iat=lambda now: int(now) + 30)):
        assert get_user(stack, {"accesstoken": make(user.tokens["accesstoken"], key)}).status_code == 200


def test_a_token_is_worth_nothing_after_the_sign_out(stack, user):
    tokens = sign_in(stack, user.name, user.password).json()
    sign_out(stack, tokens)
    assert is_refused_cheaply(stack, lambda: get_user(stack, tokens))
    assert is_refused_cheaply(stack, lambda: refresh(stack, tokens["refreshtoken"]))


def test_a_refresh_token_is_worth_nothing_after_another_session_changed_the_password(stack):
    user = stack.user()
    tokens = sign_in(stack, user.name, user.password).json()
    assert succeeded(change(stack, user.tokens, user.password, OTHER_PASSWORD))
    assert is_refused_cheaply(stack, lambda: refresh(stack, tokens["refreshtoken"]))
    assert is_refused_cheaply(stack, lambda: get_user(stack, tokens))


@pytest.mark.parametrize("token", ["f" * 64, "f" * 63, "f" * 3900, "é", "a.b.c"], ids=["unknown", "short", "long", "odd", "jwt"])
def test_a_refresh_token_that_is_none_costs_little(stack, token):
    assert is_refused_cheaply(stack, lambda: refresh(stack, token))


def test_a_token_of_a_megabyte_is_refused_before_it_is_read(stack):
    """The connection's memory is 16 KiB: the server says so before the rest is sent, or hangs up."""
    head = b"GET /v1/user2 HTTP/1.1\r\nHost: a\r\nAuthorization: "
    port = int(stack.environment["CISTERN_API_PORT"])
    with socket.create_connection(("127.0.0.1", port), 15) as line:
        came = b""
        try:
            line.sendall(head + b"A" * 1048576 + b"\r\n\r\n")
            came = line.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert came == b"" or re.match(rb"HTTP/1\.1 (401|413|431) ", came), came[:100]
    answer = refresh(stack, "f" * 1048576)
    assert answer.status_code == 413 and answer.json()["status"] == "failure"
