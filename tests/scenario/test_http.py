"""What holds for every route: addresses, tokens, sizes, rates, framing, TLS (rest.md 1, 2.1 and 15, threats.md 6 and 9)."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import re
import socket
import ssl
import subprocess
import time
import uuid

import pytest
import requests

import matrixkit
from stackkit import DEADLINE_S, LAMP, REPO, Stack, unique, wait_for

UNAUTHORIZED = {"status": "failure", "error_code": 101017, "description": "Unauthorized", "message": "Unauthorized"}

# The rows of services/api/routes.c. Who may ask each of them, and about what, is test_matrix.py's subject.
ROUTES = matrixkit.rows()
PATHS = sorted({route.path for route in ROUTES})
CLOSED = [route for route in ROUTES if route.who not in ("ANYONE", "ADDRESS", "ANYONE_OR_USER")]


def names(routes):
    return [f"{route.method} {route.path}" for route in routes]


def methods_of(path):
    return {route.method for route in ROUTES if route.path == path}


def address(stack, tls=False):
    return "127.0.0.1", int(stack.environment["CISTERN_API_TLS_PORT" if tls else "CISTERN_API_PORT"])


def failed(answer, *statuses):
    """The one shape of every error (rest.md 1.3)."""
    assert answer.status_code in statuses, f"{answer.status_code} {answer.text}"
    body = answer.json()
    assert body["status"] == "failure" and type(body["error_code"]) is int and body["error_code"] > 0
    assert isinstance(body["description"], str) and body["description"]
    assert answer.headers["Content-Type"] == "application/json"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    if answer.status_code == 401:
        assert body == UNAUTHORIZED
    else:  # a client would sign its user out
        assert "message" not in body and body["description"] != "Unauthorized"
    return True


def is_401(answer):
    return failed(answer, 401)


@contextlib.contextmanager
def line_to(stack, source="127.0.0.1"):
    with socket.create_connection(address(stack), DEADLINE_S, (source, 0)) as line:
        yield line


def until_closed(line):
    """All that still comes. None of the server's limits may be longer than this waits."""
    came = b""
    with contextlib.suppress(ConnectionResetError):
        while data := line.recv(65536):
            came += data
    return came


def exchange(stack, request):
    """Everything that the server says to these bytes until it hangs up; it must."""
    with line_to(stack) as line:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            line.sendall(request)
        return until_closed(line)


def status_lines(came):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", came)]


def head(method="POST", path="/v1/login2", *lines, token=None):
    lines = (f"{method} {path} HTTP/1.1", "Host: a", *lines, *([f"Authorization: {token}"] if token else []))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class From:
    """A client at an address of its own, so that limits of a source are its own too."""

    def __init__(self, stack, source):
        self.connection = http.client.HTTPConnection(*address(stack), timeout=DEADLINE_S, source_address=(source, 0))

    def ask(self, method, path, body=None, **headers):
        body = json.dumps(body) if isinstance(body, (dict, list)) else body
        self.connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = self.connection.getresponse()
        answer.content = answer.read()
        answer.status_code, answer.text = answer.status, answer.content.decode()
        answer.json = lambda: json.loads(answer.content)
        return answer


@pytest.fixture(scope="module", autouse=True)
def held(stack):
    """Connections whose request does not go on; opened when the module starts, so that nobody waits for them."""
    begun = {"silent": b"", "in the headers": b"GET /apiversions HTTP/1.1\r\nHost: a\r\nX-A",
             "in the body": head("POST", "/v1/login2", "Content-Length: 100") + b'{"user_'}
    with contextlib.ExitStack() as opened:
        lines = {what: opened.enter_context(line_to(stack, "127.0.6.1")) for what in begun}
        for what, line in lines.items():
            line.sendall(begun[what])
        yield lines


@pytest.fixture(scope="module")
def limited():
    """A stack with low limits, tokens that live three seconds, and one origin for browsers."""
    with contextlib.closing(Stack(CISTERN_SIGN_IN_PER_MINUTE="5", CISTERN_REQUESTS_PER_SECOND="3",
                                  CISTERN_ACCESS_TOKEN_LIFETIME_S="3", CISTERN_API_CONNECTIONS_PER_ADDRESS_MAX="8",
                                  CISTERN_API_CORS_ORIGIN="https://console.example.org")) as running:
        password = running.home.parent / "password"
        password.write_text("Correct-Horse-7\n")
        for name in ("ann", "bob", "eve"):
            running.cli("user", "add", f"{name}@example.org", "--password-file", str(password))
        yield running


def sign_in(client, name="ann@example.org", password="Correct-Horse-7"):
    return client.ask("POST", "/v1/login2", {"user_name": name, "password": password})


# --- public addresses -------------------------------------------------------------------------------------------------


def test_the_versions_are_at_the_root(stack):
    answer = stack.request("GET", "/apiversions")
    assert (answer.status_code, answer.json()["supported_versions"]) == (200, ["v1"])


def test_the_broker_s_name_is_at_the_root_and_no_part_of_it_is_empty(stack):
    answer = stack.request("GET", "/mqtt_host")
    assert answer.status_code == 200
    assert answer.json()["mqtt_host"] == stack.mqtt_host and answer.json()["mqtt_cred_host"]


def test_only_liveness_is_told_in_public(stack):
    answer = stack.request("GET", "/healthz")
    assert answer.status_code == 200 and set(answer.json()) == {"status"}
    answer = stack.request("GET", "/readyz")
    assert answer.status_code == 200
    parts = answer.json()
    assert parts.pop("status") == "ready" and set(parts.values()) == {"ok"}  # and nothing about why, where, which version
    assert {"database", "broker", "ingest"} <= set(parts)


def test_an_answer_names_no_software_and_has_an_id(stack, user):
    for answer in (stack.request("GET", "/apiversions"), user.get("/v1/user2"), stack.request("GET", "/nope")):
        assert "Server" not in answer.headers and "X-Powered-By" not in answer.headers
        assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-Id"])


# --- who may call what ------------------------------------------------------------------------------------------------


def test_the_table_of_routes_is_whole():
    """Against the table in docs/api.md, which lists every path that is served."""
    documented = set()
    page = (REPO / "docs" / "api.md").read_text()
    for method, paths in re.findall(r"^\| (GET|POST|PUT|DELETE) \| ([^|]+) \|", page, re.M):
        documented |= {(method, path) for path in re.findall(r"`([^`]+)`", paths)}
    assert documented == {(route.method, route.path) for route in ROUTES}


@pytest.mark.parametrize("route", CLOSED, ids=names(CLOSED))
def test_without_a_token_every_closed_route_is_401_whatever_else_is_wrong(stack, route):
    for options in ({}, {"params": {"node_id": "x"}}, {"data": "{"}, {"headers": {"Authorization": ""}},
                    {"headers": {"Authorization": "Bearer "}},
                    {"headers": {"Cookie": "Authorization=x; accesstoken=x"}},
                    {"params": {"accesstoken": "x", "Authorization": "x"}}):
        assert is_401(stack.request(route.method, route.path, **options))


def test_a_list_of_nodes_is_checked_one_by_one(stack, new_user):
    owner, stranger = new_user(), new_user()
    node_id = unique("route")
    stack.sql("INSERT INTO node (node_id) VALUES (%s)", node_id)
    stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", node_id, owner.id)
    wishes = [{"node_id": each, "payload": {"Light": {"Power": True}}} for each in (node_id, "never")]
    foreign, unknown = stranger.put("/v1/user/nodes/params", wishes).json()
    assert foreign["status"] == "failure" and {**foreign, "node_id": ""} == {**unknown, "node_id": ""}


# --- paths and queries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/nope", "/v1", "/v1/", "/v1/nope", "/v1/user3", "/v1/user/nodes/",
                                  "/v1/user/node", "/V1/user", "/v1/User", "/user",
                                  "/v2/user", "/v1/apiversions", "/v1/user/nodes/config/x"])
def test_a_path_that_is_not_there_is_404_with_and_without_a_token(stack, user, path):
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert failed(stack.request(method, path), 404)
    assert failed(user.get(path), 404)


@pytest.mark.parametrize("path", PATHS)
def test_another_method_on_a_known_path_is_405_and_allow_names_those_that_are(stack, path):
    allowed = methods_of(path)
    client = From(stack, "127.0.0.1")
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "BREW"} - allowed:
        answer = client.ask(method, path)
        assert failed(answer, 405), method
        assert set(re.split(r",\s*", answer.headers["Allow"])) == allowed | ({"HEAD"} if "GET" in allowed else set())


def test_head_is_get_without_the_body(stack, user):
    for path in ("/apiversions", "/v1/user2", "/v1/user/nodes"):
        full, only_head = user.get(path), user.request("HEAD", path)
        assert only_head.status_code == 200 and only_head.content == b""
        assert only_head.headers["Content-Length"] == full.headers["Content-Length"]
    assert stack.request("HEAD", "/v1/user2").status_code == 401


@pytest.mark.parametrize("target", ["/v1//user2", "//v1/user2", "///v1////user2", "/v1/user2?", "/v1/user2?&",
                                    "/v1/user2?&a=b", "/v1/user2?a=b&&c=d&", "/v1/user2?a",
                                    "/v1/user2?=", "/%761/user%32", "/v1/user2?node_id=%20"])
def test_what_clients_really_send_is_understood(stack, user, target):
    """A base URL that ends in a slash, and the stray & of one client."""
    answer = From(stack, "127.0.0.1").ask("GET", target, Authorization=user.tokens["accesstoken"])
    assert answer.status_code == 200 and answer.json()["user_id"] == user.id


@pytest.mark.parametrize("target", ["/v1/../v1/user2", "/v1/./user2", "/v1/user2/..", "/v1/%2e%2e/v1/user2",
                                    "/v1/.%2E/v1/user2", "/v1%2Fuser2", "/v1%2fuser2", "/v1/user2%00",
                                    "/v1/user2%00.json", "/v1/user2%0d%0a", "/%2576%31/user2", "/v1\\user2",
                                    "/v1%5Cuser2", "/v1/user2;a=b", "/v1/%zz", "/v1/user2%",
                                    "/v1/user2%4", "/v1/us\xe9r2", "/v1/user2%ff", "/" + "a" * 300,
                                    "/" + "../" * 30 + "etc/passwd", "/v1/user2?a=%zz", "/v1/user2?a=%00",
                                    "/v1/user2?a=1&a=2", "/v1/user2?" + "a" * 5000], ids=lambda target: ascii(target)[:40])
def test_a_crooked_target_is_refused_before_anything_looks_at_it(stack, user, target):
    with line_to(stack) as line:
        line.sendall(head("GET", target, "Connection: close", token=user.tokens["accesstoken"]))
        came = until_closed(line)
    (status,) = status_lines(came)
    assert 400 <= status < 500 and status != 401
    assert user.id.encode() not in came and b"root:" not in came
    assert type(json.loads(came.partition(b"\r\n\r\n")[2])["error_code"]) is int


# --- bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["text/plain;charset=UTF-8", "application/json",
                                          "application/json; charset=utf-8", "application/x-www-form-urlencoded", None])
def test_a_body_is_json_whatever_the_content_type_says(stack, user, content_type):
    """The SDK sends text/plain (rest.md 1.2)."""
    body = json.dumps({"user_name": user.name, "password": user.password})
    headers = {"Content-Type": content_type} if content_type else {}
    answer = From(stack, "127.0.0.1").ask("POST", "/v1/login2", body, **headers)
    assert answer.status_code == 200 and answer.json()["accesstoken"]
    assert answer.headers["Content-Type"] == "application/json"


def chunked(body, size=1000):
    pieces = (body[i:i + size] for i in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_chunked_body_is_refused_and_ends_the_connection(stack, user, size):
    """The HTTP library takes bare line ends between chunks, so that a proxy may see another end of the body (RFC 9112 7.1)."""
    body = json.dumps({"refreshtoken": user.tokens["refreshtoken"]}).encode()
    came = exchange(stack, head("POST", "/v1/login2", "Transfer-Encoding: chunked") + chunked(body, size) + SECOND)
    assert status_lines(came) == [400] and b"accesstoken" not in came and b"supported_versions" not in came


BODY_LIMITS = [("POST", "/v1/login2", 4096), ("POST", "/v1/user2", 4096), ("POST", "/v1/logout2", 4096),
               ("PUT", "/v1/user/nodes/mapping", 16384), ("PUT", "/v1/user/nodes/params", 131072)]  # docs/api.md


@pytest.mark.parametrize("method, path, limit", BODY_LIMITS)
def test_a_body_over_the_route_s_limit_is_413_and_ends_the_connection(stack, user, method, path, limit):
    token = user.tokens["accesstoken"]
    for size, fits in ((limit, True), (limit + 1, False)):
        body = b"[" + b" " * (size - 2) + b"1"  # no JSON: nothing happens where it fits
        lines = [f"Content-Length: {len(body)}"] + (["Connection: close"] if fits else [])
        with line_to(stack) as line:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                line.sendall(head(method, path, *lines, token=token) + body)
            came = until_closed(line)
        assert status_lines(came) == [400 if fits else 413], came[:300]
        assert type(json.loads(came.partition(b"\r\n\r\n")[2])["error_code"]) is int
    assert user.get("/v1/user2").status_code == 200


def test_a_body_that_is_said_to_be_too_long_is_refused_before_it_comes(stack):
    for length in (5000, 10**9, 2**63 - 1):
        came = exchange(stack, head("POST", "/v1/login2", f"Content-Length: {length}"))  # and not a byte of it
        assert status_lines(came) == [413]


def test_a_chunked_body_without_end_is_cut_off(stack):
    piece = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    with line_to(stack) as line:
        line.sendall(head("POST", "/v1/login2", "Transfer-Encoding: chunked"))
        n_sent = 0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while n_sent < 64 * 1024 * 1024:
                line.sendall(piece)
                n_sent += len(piece)
    assert n_sent < 64 * 1024 * 1024
    assert stack.request("GET", "/healthz").status_code == 200


# --- tokens -----------------------------------------------------------------------------------------------------------


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(segment):
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def key_of(stack):
    return (stack.home / "keys" / "cisternd" / "token_key").read_bytes().strip()


def signed(key, payload, header=b'{"alg":"HS256","typ":"JWT"}', digest=hashlib.sha256):
    payload = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode()
    text = f"{b64(header)}.{b64(payload)}"
    return f"{text}.{b64(hmac.new(key, text.encode(), digest).digest())}"


def who(stack, token):
    return stack.request("GET", "/v1/user2", headers={"Authorization": token})


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer ", "BEARER "])
def test_a_token_is_taken_bare_and_as_a_bearer_s(stack, user, prefix):
    answer = who(stack, prefix + user.tokens["accesstoken"])
    assert answer.status_code == 200 and answer.json()["user_id"] == user.id


def test_the_key_of_these_tests_makes_tokens_that_count(stack, user):
    """What is refused below is not refused for a mistake of the forger's."""
    _, payload, _ = user.tokens["accesstoken"].split(".")
    assert who(stack, signed(key_of(stack), decode(payload))).json()["user_id"] == user.id


def spoilt(token):
    """Tokens that are nearly the one that is good, made without the key."""
    header, payload, signature = token.split(".")
    claims = json.loads(decode(payload))
    none, mixed = (b64(b'{"alg":"%s","typ":"JWT"}' % each) for each in (b"none", b"None"))
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return {
        "truncated": token[:-1],
        "longer": token + "A",
        "padded": token + "=",
        "other last character": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "same bytes, other spelling": token[:-1] + last[(last.index(token[-1]) // 4) * 4 + (last.index(token[-1]) + 1) % 4],
        "first byte of the signature": f"{header}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        "no signature": f"{header}.{payload}.",
        "two parts": f"{header}.{payload}",
        "four parts": f"{token}.{signature}",
        "payload of another time": f"{header}.{b64(json.dumps(claims | {'exp': claims['exp'] + 1}).encode())}.{signature}",
        "payload with padding": f"{header}.{payload}=.{signature}",
        "alg none": f"{none}.{payload}.",
        "alg none, signed": f"{none}.{payload}.{signature}",
        "alg None": f"{mixed}.{payload}.",
        "another key": signed(b"x" * 64, claims),
        "empty key": signed(b"", claims),
        "key in the header": signed(b"x" * 32, claims, b'{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":"%s"}}'
                                    % b64(b"x" * 32).encode()),
        "url in the header": signed(b"x" * 32, claims, b'{"alg":"HS256","typ":"JWT","jku":"http://127.0.0.1:1/"}'),
        "kid": signed(b"", claims, b'{"alg":"HS256","typ":"JWT","kid":"/dev/null"}'),
        "blank before": f"x {token}",
        "twice": f"Bearer Bearer {token}",
        "another scheme": f"Basic {token}",
        "only dots": "..",
        "word": "x",
        "bytes": "\xff\xfe\xfd",
    }


def test_a_token_that_was_tampered_with_is_401(stack, user):
    for what, token in spoilt(user.tokens["accesstoken"]).items():
        answer = From(stack, "127.0.0.1").ask("GET", "/v1/user2", Authorization=token)
        assert is_401(answer), what
    assert who(stack, user.tokens["accesstoken"]).status_code == 200


def wrong_claims(claims):
    now = int(time.time())
    return {
        "expired": claims | {"exp": now - 1},
        "long expired": claims | {"exp": 0},
        "no end": {name: value for name, value in claims.items() if name != "exp"},
        "end in words": claims | {"exp": "9999999999"},
        "issued in the future": claims | {"iat": now + 3600},
        "another issuer": claims | {"iss": "https://elsewhere.example.org"},
        "no issuer": {name: value for name, value in claims.items() if name != "iss"},
        "another audience": claims | {"aud": "id"},
        "an id token": claims | {"token_use": "id"},
        "no session": {name: value for name, value in claims.items() if name != "sid"},
        "unknown session": claims | {"sid": str(uuid.uuid4())},
        "session in another form": claims | {"sid": claims["sid"] + "' OR '1'='1"},
        "unknown user": claims | {"sub": str(uuid.uuid4())},
        "no object": [claims],
        "nothing": {},
        "no JSON": b"{",
        "a name twice": json.dumps(claims).encode()[:-1] + b',"sub":"' + claims["sub"].encode() + b'"}',
    }


def test_a_signature_alone_is_not_enough(stack, user, new_user):
    """Everything in the token counts, and the session must live: all of these are signed with the right key."""
    key, other = key_of(stack), new_user()
    claims = json.loads(decode(user.tokens["accesstoken"].split(".")[1]))
    for what, payload in (wrong_claims(claims) | {"somebody else's session": claims | {"sub": other.id}}).items():
        assert is_401(who(stack, signed(key, payload))), what
    for header in (b'{"alg":"HS512","typ":"JWT"}', b'{"typ":"JWT","alg":"none"}', b"{}", b""):
        assert is_401(who(stack, signed(key, claims, header))), header
    assert is_401(who(stack, signed(key, claims, b'{"alg":"HS512","typ":"JWT"}', hashlib.sha512)))
    assert who(stack, signed(key, claims)).status_code == 200


def test_an_id_token_opens_nothing(stack, user):
    for route in CLOSED:
        assert is_401(stack.request(route.method, route.path, headers={"Authorization": user.tokens["idtoken"]}))


@pytest.mark.parametrize("size", [4000, 9000, 14000])
def test_a_long_token_is_401(stack, size):
    assert is_401(who(stack, "A" * size))
    assert is_401(who(stack, ".".join(["A" * (size // 3)] * 3)))


def test_a_token_of_a_megabyte_is_refused_and_harms_nobody(stack, user):
    came = exchange(stack, head("GET", "/v1/user2", token="A" * 2**20))
    assert all(400 <= status < 500 for status in status_lines(came)) and user.id.encode() not in came
    assert user.get("/v1/user2").status_code == 200


def test_two_tokens_in_one_request_are_refused(stack, user):
    token = user.tokens["accesstoken"]
    for pair in ((token, "x"), ("x", token), (token, token)):
        came = exchange(stack, head("GET", "/v1/user2", *(f"Authorization: {each}" for each in pair)))
        assert status_lines(came) in ([400], [401]) and user.id.encode() not in came


def test_an_expired_token_is_401_and_the_refresh_token_goes_on(limited):
    client = From(limited, "127.0.1.1")
    tokens = sign_in(client).json()

    def status_of(token):
        return client.ask("GET", "/v1/user2", Authorization=token).status_code

    end = json.loads(decode(tokens["accesstoken"].split(".")[1]))["exp"]
    wait_for(lambda: status_of(tokens["accesstoken"]) == 401, what="the token's end")
    assert time.time() >= end - 0.1  # not before it said so
    assert is_401(client.ask("GET", "/v1/user2", Authorization=tokens["accesstoken"]))
    fresh = client.ask("POST", "/v1/login2", {"user_name": "ann@example.org", "refreshtoken": tokens["refreshtoken"]})
    assert fresh.status_code == 200
    # asking for the end has used up the account's rate
    wait_for(lambda: status_of(fresh.json()["accesstoken"]) == 200, what="an answer to the fresh token")
    assert status_of(tokens["accesstoken"]) == 401


# --- errors -----------------------------------------------------------------------------------------------------------


def test_every_error_has_the_one_shape_and_tells_nothing_of_the_inside(stack, user):
    client = From(stack, "127.0.0.1")
    token = user.tokens["accesstoken"]
    answers = [
        client.ask("GET", "/nope"), client.ask("POST", "/apiversions"), client.ask("GET", "/v1/user2"),
        client.ask("GET", "/v1/%zz"),
        client.ask("POST", "/v1/login2", "{"), client.ask("POST", "/v1/login2", {}),
        client.ask("POST", "/v1/login2", {"refreshtoken": "x"}),
        client.ask("POST", "/v1/login2", {"user_name": "'; DROP TABLE account; --@example.org", "password": "x"}),
        client.ask("POST", "/v1/login2", {"user_name": "nobody@example.org", "password": "x"}),
        client.ask("POST", "/v1/user2", {"user_name": "a@example.org", "password": "weak"}),
        client.ask("POST", "/v1/user2", {"user_name": "a@example.org", "verification_code": "1"}),
        client.ask("GET", "/v1/user/nodes?num_records=x", Authorization=token),
        client.ask("GET", "/v1/user/nodes/config?node_id=x", Authorization=token),
        client.ask("GET", "/v1/user/nodes/config", Authorization=token),
        client.ask("PUT", "/v1/user/nodes/params", "5", Authorization=token),
        client.ask("PUT", "/v1/user/nodes/mapping", {}, Authorization=token),
        client.ask("GET", "/v1/user/nodes/mapping", Authorization=token),
        client.ask("POST", "/v1/logout2?logout_all=x", Authorization=token),
    ]
    for answer in answers:
        assert failed(answer, *range(400, 500)) and "failure" in answer.text
        assert not re.search(r"sql|select|postgres|relation|libmicrohttpd|jansson|\.c:|/var/|/home/|/usr/|errno|null",
                             answer.text, re.I), answer.text


def test_every_answer_says_how_long_it_is(stack, user):
    client = From(stack, "127.0.0.1")
    for method, target in (("GET", "/apiversions"), ("GET", "/v1/user2"), ("GET", "/v1/user/nodes?node_details=true"),
                           ("GET", "/nope"), ("POST", "/healthz"),
                           ("OPTIONS", "/v1/user2"), ("POST", "/v1/login2")):
        answer = client.ask(method, target, Authorization=user.tokens["accesstoken"])
        assert int(answer.headers["Content-Length"]) == len(answer.content) > 0
        assert "Transfer-Encoding" not in answer.headers


# --- one connection ---------------------------------------------------------------------------------------------------


def test_a_connection_serves_a_hundred_requests_good_and_bad(stack, user):
    client = From(stack, "127.0.0.1")
    client.ask("GET", "/apiversions")
    line = client.connection.sock
    cycle = [("GET", "/v1/user2", user.tokens["accesstoken"], None, 200), ("GET", "/v1/user2", "x", None, 401),
             ("GET", "/nope", "x", None, 404),
             ("DELETE", "/v1/login2", "x", None, 405), ("POST", "/v1/login2", "x", "{", 400),
             ("GET", "/v1/../x", "x", None, 400),
             ("POST", "/v1/login2", "x", json.dumps({"refreshtoken": user.tokens["refreshtoken"]}), 200),
             ("GET", "/healthz", "x", None, 200)]
    for i in range(100):
        method, target, token, body, expected = cycle[i % len(cycle)]
        assert client.ask(method, target, body, Authorization=token).status_code == expected
        assert client.connection.sock is line  # the client library opens another one when the server hangs up


def test_each_request_of_a_pipeline_is_judged_alone(stack, user):
    """A token counts for the request that it came with."""
    token = user.tokens["accesstoken"]
    line = [(None, 401), (token, 200), (None, 401), ("x", 401), (token, 200), (None, 401)]
    sent = b"".join(head("GET", "/v1/user2", token=each) for each, _ in line)
    came = exchange(stack, sent + head("GET", "/nope", "Connection: close"))
    assert status_lines(came) == [status for _, status in line] + [404]


def test_a_client_may_end_the_connection_and_an_old_one_gets_it_ended(stack):
    assert status_lines(exchange(stack, head("GET", "/apiversions", "Connection: close"))) == [200]
    came = exchange(stack, b"GET /apiversions HTTP/1.0\r\n\r\n")
    assert came.startswith(b"HTTP/1.") and b" 200 " in came[:16]


SECOND = b"GET /apiversions HTTP/1.1\r\nHost: smuggled\r\nConnection: close\r\n\r\n"
AMBIGUOUS = {
    "both lengths": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "both lengths, other order": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n",
    "one length twice": b"Content-Length: 5\r\nContent-Length: 5\r\n",
    "list of lengths": b"Content-Length: 5, 5\r\n",
    "negative": b"Content-Length: -1\r\n",
    "plus": b"Content-Length: +5\r\n",
    "hexadecimal": b"Content-Length: 0x5\r\n",
    "blank within": b"Content-Length: 5 5\r\n",
    "words": b"Content-Length: five\r\n",
    "empty": b"Content-Length: \r\n",
    "over 64 bits": b"Content-Length: 99999999999999999999\r\n",
    "wrapping 64 bits": b"Content-Length: 18446744073709551621\r\n",
    "blank before the colon": b"Content-Length : 5\r\n",
    "tab before the colon": b"Transfer-Encoding\t: chunked\r\n",
    "coding twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "two codings": b"Transfer-Encoding: gzip, chunked\r\n",
    "chunked not last": b"Transfer-Encoding: chunked, gzip\r\n",
    "unknown coding": b"Transfer-Encoding: xchunked\r\n",
    "identity": b"Transfer-Encoding: identity\r\n",
    "empty coding": b"Transfer-Encoding: \r\n",
    "quoted coding": b'Transfer-Encoding: "chunked"\r\n',
    "vertical tab": b"Transfer-Encoding: \x0bchunked\r\n",
    "folded": b"X-A: b\r\n Content-Length: 5\r\n",
    "folded coding": b"Transfer-Encoding:\r\n chunked\r\n",
    "folded at the start": b" X-A: b\r\nContent-Length: 5\r\n",
    "no colon": b"X-A\r\nContent-Length: 5\r\n",
    "no name": b": b\r\nContent-Length: 5\r\n",
    "blank in a name": b"X A: b\r\nContent-Length: 5\r\n",
    "NUL in a value": b"X-A: a\x00b\r\nContent-Length: 5\r\n",
    "NUL in a name": b"X-\x00A: b\r\nContent-Length: 5\r\n",
    "bare CR in a value": b"X-A: a\rContent-Length: 9\r\nContent-Length: 5\r\n",
    "two hosts": b"Host: b\r\nContent-Length: 5\r\n",
}


@pytest.mark.parametrize("lines", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_framing_that_could_be_read_in_two_ways_is_refused_and_ends_the_connection(stack, lines):
    """Else what a proxy takes for a body would be the next user's request."""
    came = exchange(stack, b"POST /v1/login2 HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\naaaaa" + SECOND)
    assert all(400 <= status < 500 for status in status_lines(came)) and b"supported_versions" not in came, came[:400]


@pytest.mark.parametrize("request_line", [b"GET /apiversions\r\n", b"GET  /apiversions HTTP/1.1\r\n",
                                          b"GET /apiversions HTTP/1.1 x\r\n", b"GET /apiversions HTTP/2.0\r\n",
                                          b"GET /apiversions HTTP/1.1x\r\n", b"GET\x00 /apiversions HTTP/1.1\r\n",
                                          b"GET /apiver\x00sions HTTP/1.1\r\n",
                                          b"GET apiversions HTTP/1.1\r\n", b"G\x01T /apiversions HTTP/1.1\r\n",
                                          b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
                                          b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n"], ids=lambda each: ascii(each)[2:40])
def test_a_request_line_that_is_none_is_refused(stack, request_line):
    came = exchange(stack, request_line + b"Host: a\r\nConnection: close\r\n\r\n")
    assert b" 200 " not in came[:16] and b"supported_versions" not in came
    assert stack.request("GET", "/healthz").status_code == 200


def test_a_request_without_a_host_is_refused(stack):
    came = exchange(stack, b"GET /apiversions HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert set(status_lines(came)) == {400} and b"supported_versions" not in came


@pytest.mark.xfail(strict=True, reason="libmicrohttpd 0.9.75 sends the head of its own errors twice")
def test_an_error_of_the_http_library_is_one_well_formed_answer(stack):
    came = exchange(stack, b"GET /apiversions HTTP/1.1\r\nConnection: close\r\n\r\n")
    lines, _, body = came.partition(b"\r\n\r\n")
    assert int(re.search(rb"Content-Length: (\d+)", lines)[1]) == len(body)


BAD_CHUNKS = [b"5\r\naaaaaX\r\n0\r\n\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n", b"0x5\r\naaaaa\r\n0\r\n\r\n",
              b"+5\r\naaaaa\r\n0\r\n\r\n",
              b" 5\r\naaaaa\r\n0\r\n\r\n", b"zz\r\n", b"\r\n", b"5\r\naaaaa\r\n0\r\nno colon\r\n\r\n"]
BARE_CHUNKS = [b"5\naaaaa\r\n0\r\n\r\n", b"5\r\naaaaa\n0\r\n\r\n", b"5\r\naaaaa\r\n0\n\n", b"5;a\rb\r\naaaaa\r\n0\r\n\r\n"]


def is_refused_with_what_follows(stack, chunks):
    came = exchange(stack, head("POST", "/v1/login2", "Transfer-Encoding: chunked") + chunks + SECOND)
    return all(400 <= status < 500 for status in status_lines(came)) and b"supported_versions" not in came


@pytest.mark.parametrize("chunks", BAD_CHUNKS)
def test_chunks_that_are_none_are_refused_and_end_the_connection(stack, chunks):
    assert is_refused_with_what_follows(stack, chunks)


@pytest.mark.parametrize("chunks", BARE_CHUNKS)
def test_bare_line_ends_between_chunks_are_refused_and_end_the_connection(stack, chunks):
    """A proxy in front that takes them otherwise sees another end of the body."""
    assert is_refused_with_what_follows(stack, chunks)


def test_too_many_headers_are_refused(stack):
    came = exchange(stack, head("GET", "/apiversions", *(f"X-{i}: {'a' * 50}" for i in range(1000)), "Connection: close"))
    assert all(400 <= status < 500 for status in status_lines(came)) and b"supported_versions" not in came
    assert stack.request("GET", "/healthz").status_code == 200


# --- how often --------------------------------------------------------------------------------------------------------


def too_often(answer, within_s):
    assert failed(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= within_s
    return True


def test_sign_ins_of_one_source_are_limited_whoever_is_meant(limited):
    """Password, refresh, sign-up and code count together; a forwarded-for header is anybody's word."""
    client = From(limited, "127.0.1.2")
    ways = [("/v1/login2", {"user_name": "none@example.org", "password": "x"}), ("/v1/login", {"refreshtoken": "x"}),
            ("/v1/user2", {"user_name": "some@example.org", "verification_code": "1"}),
            ("/v1/user", {"user_name": "one@example.org", "password": "weak"}),
            ("/v1/login2", {})]
    for path, body in ways:
        assert client.ask("POST", path, body).status_code in (400, 401)
    for path, body in ways:
        assert too_often(client.ask("POST", path, body), 60)
        assert too_often(client.ask("POST", path, body, X_Forwarded_For="203.0.113.7", Forwarded="for=203.0.113.7",
                                    X_Real_IP="203.0.113.7"), 60)
    assert too_often(From(limited, "127.0.1.2").ask("POST", *ways[0]), 60)  # another connection is no other source
    assert From(limited, "127.0.1.3").ask("POST", *ways[0]).status_code == 400
    assert client.ask("GET", "/apiversions").status_code == 200  # the rest of the API goes on


def test_sign_ins_of_one_account_are_limited_wherever_they_come_from(limited):
    spellings = ["bob@example.org", "BOB@example.org", "bob@EXAMPLE.org", "Bob@Example.Org", "bOB@example.org"]
    for i, name in enumerate(spellings):
        assert failed(sign_in(From(limited, f"127.0.2.{i + 1}"), name, "wrong"), 400)
    assert too_often(sign_in(From(limited, "127.0.2.9"), "bob@example.org"), 60)
    unknown = [sign_in(From(limited, f"127.0.3.{i + 1}"), "nobody@example.org", "wrong") for i in range(6)]
    assert [answer.status_code for answer in unknown] == [400] * 5 + [429]  # the limit tells nothing either
    assert sign_in(From(limited, "127.0.2.10"), "eve@example.org").status_code == 200


def test_requests_of_one_account_are_limited_and_nobody_else_s(limited):
    client = From(limited, "127.0.1.4")
    refresh = sign_in(client, "eve@example.org").json()["refreshtoken"]
    other = sign_in(client, "ann@example.org").json()["accesstoken"]
    token = client.ask("POST", "/v1/login2", {"refreshtoken": refresh}).json()["accesstoken"]
    last = head("GET", "/v1/user2", "Connection: close", token=token)
    came = exchange(limited, head("GET", "/v1/user2", token=token) * 20 + last)
    statuses = status_lines(came)
    assert statuses[0] == 200 and 429 in statuses and set(statuses) == {200, 429}
    assert set(re.findall(rb"Retry-After: (\d+)", came)) == {b"1"}
    assert client.ask("GET", "/v1/user2", Authorization=other).status_code in (200, 401)  # 401: its three seconds are over


def test_asking_for_readiness_is_limited_for_a_source_and_liveness_is_not(stack):
    with line_to(stack, "127.0.4.1") as line:
        line.sendall(head("GET", "/readyz") * 200 + head("GET", "/healthz", "Connection: close"))
        statuses = status_lines(until_closed(line))
    assert statuses[0] == 200 and statuses[-1] == 200 and 429 in statuses[50:200]
    assert set(statuses) == {200, 429} and len(statuses) == 201
    assert stack.request("GET", "/readyz").status_code == 200


def test_connections_of_one_address_are_limited_and_others_come_in(limited):
    source = "127.0.5.1"

    def answered(line):
        try:
            line.sendall(head("GET", "/healthz"))
            return line.recv(65536).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    with contextlib.ExitStack() as lines:
        opened = [lines.enter_context(line_to(limited, source)) for _ in range(20)]
        served = [line for line in opened if answered(line)]
        assert len(served) == 8
        assert From(limited, "127.0.5.2").ask("GET", "/healthz").status_code == 200
        served[0].close()
        wait_for(lambda: From(limited, source).ask("GET", "/healthz").status_code == 200, what="room for one more")


# --- browsers ---------------------------------------------------------------------------------------------------------


def test_one_origin_and_no_other_may_call_from_a_browser(limited):
    client = From(limited, "127.0.1.5")
    asked = {"Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "authorization,content-type"}
    answer = client.ask("OPTIONS", "/v1/user/nodes/params", Origin="https://console.example.org", **asked)
    assert answer.status_code in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://console.example.org"
    assert "Origin" in answer.headers["Vary"]
    assert {"GET", "PUT"} <= set(re.split(r",\s*", answer.headers["Access-Control-Allow-Methods"]))
    headers = answer.headers["Access-Control-Allow-Headers"].lower()
    assert {"authorization", "content-type"} <= set(re.split(r",\s*", headers))
    answer = client.ask("GET", "/v1/user2", Origin="https://console.example.org")  # the page must see that it is signed out
    assert answer.status_code == 401 and answer.headers["Access-Control-Allow-Origin"] == "https://console.example.org"
    for origin in ("https://evil.example.org", "http://console.example.org", "https://console.example.org.evil.org",
                   "https://console.example.org:444", "null", "*", "https://CONSOLE.example.org"):
        for method in ("OPTIONS", "GET"):
            answer = client.ask(method, "/v1/user2", Origin=origin, **asked)
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")], origin


def test_without_a_configured_origin_no_page_may_call(stack):
    asked = {"Origin": "https://console.example.org", "Access-Control-Request-Method": "GET"}
    answer = stack.request("OPTIONS", "/v1/user2", headers=asked)
    assert answer.status_code == 405 and not [name for name in answer.headers if name.startswith("Access-Control-")]


# --- TLS --------------------------------------------------------------------------------------------------------------


def refused_by_server(came):
    """It hung up on the client's first words, with an alert or without; it was not the client who would not."""
    assert came.returncode != 0 and "Cipher is (NONE)" in came.stdout, came.stdout
    assert "alert" in came.stderr or "unexpected eof" in came.stderr, came.stderr
    return True


def s_client(stack, *options):
    """What OpenSSL says of a handshake. Security level 0, so that it is the server who refuses."""
    host, port = address(stack, tls=True)
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", "localhost", "-CAfile", stack.ca_file,
               "-verify_return_error", *options]
    return subprocess.run(command, input="", capture_output=True, text=True, timeout=DEADLINE_S)


def test_https_serves_the_same_under_the_ca_of_ready_json(stack, user):
    url = stack.ready["api_url_tls"]
    assert url.startswith("https://")
    answer = requests.get(url + "/v1/user2", headers=user.headers, verify=stack.ca_file, timeout=DEADLINE_S)
    assert answer.status_code == 200 and answer.json()["user_id"] == user.id
    answer = requests.post(url + "/v1/login2", json={"user_name": user.name, "password": user.password},
                           verify=stack.ca_file, timeout=DEADLINE_S)
    assert answer.status_code == 200
    assert is_401(requests.get(url + "/v1/user2", verify=stack.ca_file, timeout=DEADLINE_S))


def test_without_that_ca_nobody_is_convinced(stack):
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(stack.ready["api_url_tls"] + "/apiversions", timeout=DEADLINE_S)
    context = ssl.create_default_context(cafile=stack.ca_file)
    with socket.create_connection(address(stack, tls=True), DEADLINE_S) as line:
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(line, server_hostname="elsewhere.example.org")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_present_version_of_tls_is_spoken(stack, version):
    came = s_client(stack, version)
    assert came.returncode == 0 and "Verify return code: 0 (ok)" in came.stdout, came.stderr


@pytest.mark.parametrize("version", ["-tls1_1", "-tls1"])
def test_an_old_version_of_tls_is_refused_by_the_server(stack, version):
    assert refused_by_server(s_client(stack, version, "-cipher", "ALL:@SECLEVEL=0"))


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA",
                                    "ECDHE-ECDSA-AES128-SHA256", "aNULL", "DHE-RSA-AES128-GCM-SHA256"])
def test_a_cipher_without_forward_secrecy_or_authentication_is_refused(stack, cipher):
    assert refused_by_server(s_client(stack, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0"))


def test_plain_http_to_the_tls_port_gets_no_answer_of_the_api(stack):
    with socket.create_connection(address(stack, tls=True), DEADLINE_S) as line:
        line.sendall(head("GET", "/apiversions", "Connection: close"))
        assert b"supported_versions" not in until_closed(line)
    assert requests.get(stack.ready["api_url_tls"] + "/healthz", verify=stack.ca_file,
                        timeout=DEADLINE_S).status_code == 200


# --- patience (last, because it takes as long as the rest) ------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("what", ["silent", "in the headers", "in the body"])
def test_a_request_that_does_not_go_on_is_given_up(held, what):
    held[what].settimeout(45)
    came = until_closed(held[what])
    assert all(400 <= status < 500 for status in status_lines(came))
