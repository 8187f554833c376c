"""The server's habits: validators for who polls, gzip, web origins, safety headers, Retry-After (RFC 9110, Fetch standard)."""

import contextlib
import gzip
import json
import re
import subprocess

import pytest

from stackkit import BUILD, DEADLINE_S, LAMP, Stack, unique, wait_for

ORIGINS = ("https://console.example.org", "http://localhost:3000")
SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


@pytest.fixture(scope="module")
def open_stack():
    """A stack that two web origins may call, with low limits."""
    with contextlib.closing(Stack(CISTERN_API_CORS_ORIGINS=", ".join(ORIGINS), CISTERN_SIGN_IN_PER_MINUTE="5",
                                  CISTERN_REQUESTS_PER_SECOND="20")) as running:
        yield running


def put_nodes(stack, user, n):
    """Nodes of the user with configuration and parameters; as rows, since how they came is not the matter."""
    for i in range(n):
        node_id = unique("habit")
        config = json.dumps(LAMP | {"node_id": node_id})
        stack.sql("INSERT INTO node (node_id) VALUES (%s)", node_id)
        stack.sql("INSERT INTO node_config (node_id, config, received_at) VALUES (%s, %s, now())", node_id, config)
        stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", node_id, user.id)
    return node_id


def polled_paths(node_id):
    return ["/v1/user", "/v1/user2", "/v1/user/nodes", "/v1/user/nodes?node_details=true",
            *(f"/v1/user/nodes/{what}?node_id={node_id}" for what in ("config", "status", "params"))]


def ask(user, path, **headers):
    headers = {"Accept-Encoding": None} | {name.replace("_", "-"): value for name, value in headers.items()}
    return user.request("GET", path, headers=headers)


def until(status, ask_once):
    """The first answer with that status. (An answer that is a failure counts as false.)"""
    return wait_for(lambda: [came for came in [ask_once()] if came.status_code == status], what=f"{status}")[0]


def raw(stack, path, *headers, method="GET", tls=False):
    """curl's view: nothing is decoded. Gives status, headers by lower-case name, and the body's bytes."""
    url = stack.ready["api_url_tls" if tls else "api_url"] + path
    options = ["--cacert", stack.ca_file] if tls else []
    options += ["--head"] if method == "HEAD" else ["-X", method]
    came = subprocess.run(["curl", "-s", "-i", "--max-time", str(int(DEADLINE_S)), *options,
                           *(word for header in headers for word in ("-H", header)), url], check=True, capture_output=True)
    head, _, body = came.stdout.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}, body


def authorization(user):
    return f"Authorization: {user.headers['Authorization']}"


# --- validators -------------------------------------------------------------------------------------------------------


def test_what_apps_poll_has_a_strong_tag_and_who_names_it_gets_304_without_body(stack, user):
    for path in polled_paths(put_nodes(stack, user, 1)):
        first = ask(user, path)
        etag = first.headers["ETag"]
        assert first.status_code == 200 and re.fullmatch(r'"[\x21\x23-\x7e]+"', etag), path
        assert first.headers["Cache-Control"] == "private, no-cache"
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            again = ask(user, path, If_None_Match=known)
            assert (again.status_code, again.content) == (304, b""), (path, known)
            for name in ("ETag", "Cache-Control", "Vary", *SAFETY):  # RFC 9110 15.4.5
                assert again.headers[name] == first.headers[name]
            assert again.headers.get("Content-Length") in (None, first.headers["Content-Length"])  # 8.6
            assert "Content-Type" not in again.headers
        for unknown in ('"other"', etag.strip('"'), f'W/"{etag}"', '"', ""):
            again = ask(user, path, If_None_Match=unknown)
            assert (again.status_code, again.content) == (200, first.content), (path, unknown)


def test_a_tag_changes_with_the_answer_and_with_nothing_else(stack, user, lamp):
    path = f"/v1/user/nodes/params?node_id={lamp.id}"
    lamp.publish("params/local", {"Light": {"Power": True}})
    wait_for(lambda: user.params(lamp)["Light"] == {"Power": True})
    etag = ask(user, path).headers["ETag"]
    assert ask(user, path).headers["ETag"] == etag
    user.login()  # another session
    assert ask(user, path, If_None_Match=etag).status_code == 304
    lamp.publish("params/local", {"Light": {"Power": False}})
    answer = until(200, lambda: ask(user, path, If_None_Match=etag))
    assert answer.json()["Light"] == {"Power": False} and answer.headers["ETag"] != etag


def test_a_tag_opens_nothing(stack, new_user):
    """The check of the object comes first: a stranger with the right tag, or with any, hears what a stranger hears."""
    owner, stranger = new_user(), new_user()
    node_id = put_nodes(stack, owner, 1)
    for what in ("config", "status", "params"):
        path = f"/v1/user/nodes/{what}?node_id={node_id}"
        etag = ask(owner, path).headers["ETag"]
        for known in (etag, "*"):
            refused = ask(stranger, path, If_None_Match=known)
            assert (refused.status_code, refused.json()["error_code"]) == (404, 105001)
            assert stack.request("GET", path, headers={"If-None-Match": known}).status_code == 401


def test_several_headers_of_a_list_are_one_list(stack, user):
    etag = ask(user, "/v1/user2").headers["ETag"]
    status, _, _ = raw(stack, "/v1/user2", authorization(user), 'If-None-Match: "a"', f"If-None-Match: {etag}", 'If-None-Match: "b"')
    assert status == 304
    put_nodes(stack, user, 5)
    path = "/v1/user/nodes?node_details=true"
    _, headers, _ = raw(stack, path, authorization(user), "Accept-Encoding: br", "Accept-Encoding: gzip")
    assert headers["content-encoding"] == "gzip"
    _, headers, _ = raw(stack, path, authorization(user), "Accept-Encoding: gzip", "Accept-Encoding: gzip;q=0")
    assert "content-encoding" not in headers


def test_failures_and_what_is_not_polled_are_kept_by_nobody(stack, user):
    for answer in (stack.request("GET", "/apiversions"), stack.request("GET", "/nope"), stack.request("GET", "/v1/user2"),
                   user.get("/v1/user/nodes/params"), user.get("/v1/user/nodes/params", node_id="never"),
                   stack.post("/v1/login2", {"user_name": user.name, "password": user.password}),
                   stack.post("/v1/login2", {})):
        assert answer.headers["Cache-Control"] == "no-store" and "ETag" not in answer.headers
        assert "Content-Encoding" not in answer.headers


def test_head_has_the_headers_of_get(stack, user):
    put_nodes(stack, user, 5)
    for encoding in ("identity", "gzip"):
        asked = (authorization(user), f"Accept-Encoding: {encoding}")
        path = "/v1/user/nodes?node_details=true"
        (status, full, body), (head_status, head, nothing) = raw(stack, path, *asked), raw(stack, path, *asked, method="HEAD")
        assert (status, head_status, nothing) == (200, 200, b"") and int(head["content-length"]) == len(body)
        for name in ("etag", "vary", "content-type", "cache-control"):
            assert head[name] == full[name]
        assert head.get("content-encoding") == full.get("content-encoding")
        status, _, nothing = raw(stack, path, *asked, f"If-None-Match: {full['etag']}", method="HEAD")
        assert (status, nothing) == (304, b"")


# --- gzip -------------------------------------------------------------------------------------------------------------


def test_a_large_list_is_compressed_for_who_asks_and_holds_the_same(stack, user):
    put_nodes(stack, user, 20)
    path = "/v1/user/nodes?node_details=true&num_records=100"
    _, plain, body = raw(stack, path, authorization(user))
    _, packed, bytes_packed = raw(stack, path, authorization(user), "Accept-Encoding: gzip, deflate")
    assert "content-encoding" not in plain and packed["content-encoding"] == "gzip"
    assert gzip.decompress(bytes_packed) == body and len(bytes_packed) < len(body) // 4
    assert int(packed["content-length"]) == len(bytes_packed)
    assert packed["etag"] != plain["etag"]  # another representation (RFC 9110 8.8.3.3)
    for headers in (plain, packed):
        assert "accept-encoding" in headers["vary"].lower()
    # a tag stands for its own coding
    for encoding, etag, status in (("gzip", packed["etag"], 304), ("identity", plain["etag"], 304),
                                   ("gzip", plain["etag"], 200), ("identity", packed["etag"], 200)):
        came = raw(stack, path, authorization(user), f"Accept-Encoding: {encoding}", f"If-None-Match: {etag}")
        assert came[0] == status
        if status == 304:
            assert came[1].get("content-length") in (None, str(len(bytes_packed if encoding == "gzip" else body)))


@pytest.mark.parametrize("wish, granted", [
    ("gzip", True), ("GZIP", True), ("x-gzip", True), ("*", True), ("br;q=1, gzip;q=0.1", True), ("gzip;q=0", False),
    ("*;q=0", False), ("gzip;q=0, *", False), ("gzip;q=0.000", False), ("identity", False), ("br", False),
    ("gzip;q=0.5, identity;q=1", False), ("gzip;q=2", False), ("", False)])
def test_the_client_s_weights_decide(stack, user, wish, granted):
    put_nodes(stack, user, 5)
    _, headers, _ = raw(stack, "/v1/user/nodes?node_details=true", authorization(user), f"Accept-Encoding: {wish or ','}")
    assert (headers.get("content-encoding") == "gzip") == granted


def test_a_small_answer_and_one_with_tokens_are_never_compressed(stack, user):
    for path in ("/v1/user2", "/v1/user/nodes"):
        _, headers, _ = raw(stack, path, authorization(user), "Accept-Encoding: gzip")
        assert "content-encoding" not in headers
    answer = stack.post("/v1/login2", {"user_name": user.name, "password": user.password},
                        headers={"Accept-Encoding": "gzip"})
    assert answer.json()["accesstoken"] and "Content-Encoding" not in answer.headers


# --- web origins ------------------------------------------------------------------------------------------------------


def cors(headers):
    return {name: value for name, value in headers.items() if name.startswith("access-control-")}


def test_each_listed_origin_gets_itself_and_no_other_gets_anything(open_stack):
    for origin in ORIGINS:
        status, headers, _ = raw(open_stack, "/v1/user2", f"Origin: {origin}")
        assert status == 401 and headers["access-control-allow-origin"] == origin  # the page must see that it is signed out
        assert {"etag", "retry-after", "x-request-id"} <= set(re.split(r",\s*", headers["access-control-expose-headers"].lower()))
        status, headers, body = raw(open_stack, "/v1/user/nodes/params", f"Origin: {origin}",
                                    "Access-Control-Request-Method: PUT", method="OPTIONS")
        assert (status, body) == (204, b"") and headers["access-control-allow-origin"] == origin
        assert {"get", "put"} <= set(re.split(r",\s*", headers["access-control-allow-methods"].lower()))
        assert {"authorization", "content-type"} <= set(re.split(r",\s*", headers["access-control-allow-headers"].lower()))
        assert "access-control-allow-credentials" not in headers  # there are no cookies
    for origin in ("https://evil.example.org", "https://console.example.org, http://localhost:3000", "http://localhost",
                   "http://localhost:3000.evil.org", "https://console.example.org,", "null", "*", ""):
        for method in ("GET", "OPTIONS"):
            _, headers, _ = raw(open_stack, "/v1/user2", f"Origin: {origin}", "Access-Control-Request-Method: GET", method=method)
            assert not cors(headers), origin


def test_with_origins_listed_every_answer_varies_by_origin(open_stack, stack):
    """Also that without an Origin: a cache must not give it to a page, nor a page's to another."""
    user = open_stack.user()
    for path in ("/apiversions", "/nope", "/v1/user2"):
        for headers in ((), (f"Origin: {ORIGINS[0]}",), ("Origin: https://evil.example.org",)):
            _, came, _ = raw(open_stack, path, authorization(user), *headers)
            assert "origin" in re.split(r",\s*", came["vary"].lower())
    _, came, _ = raw(open_stack, "/v1/user2", authorization(user))
    assert set(re.split(r",\s*", came["vary"].lower())) == {"origin", "accept-encoding"}
    _, came, _ = raw(stack, "/apiversions", f"Origin: {ORIGINS[0]}")
    assert "vary" not in came and not cors(came)


@pytest.mark.parametrize("settings", [
    {"CISTERN_API_CORS_ORIGINS": "https://*.example.org"},
    {"CISTERN_API_CORS_ORIGINS": "https://console.example.org/"},
    {"CISTERN_API_CORS_ORIGIN": "null"},
    {"CISTERN_API_CORS_ORIGINS": "https://a.example.org", "CISTERN_API_CORS_ORIGIN": "https://b.example.org"},
], ids=["wildcard", "path", "null", "both names"])
def test_a_list_that_would_not_mean_what_it_says_stops_the_start(stack, settings):
    config = str(stack.home / "etc" / "cistern.conf")
    ended = subprocess.run([str(BUILD / "cisternd"), "--config", config],
                           env=stack.environment | settings, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0 and "api_cors_origin" in ended.stdout + ended.stderr


# --- safety -----------------------------------------------------------------------------------------------------------


def test_every_answer_has_the_safety_headers_and_an_id(stack, user):
    token = authorization(user)
    for path, *headers in (["/apiversions"], ["/v1/user2", token], ["/v1/user2"], ["/nope"], ["/v1/login2"],
                           ["/v1/%zz"], ["/v1/user/nodes/params?node_id=never", token],
                           ["/v1/user2", "Content-Length: 5", "Transfer-Encoding: chunked"]):
        status, came, _ = raw(stack, path, *headers)
        for name, value in SAFETY.items():
            assert came[name.lower()] == value, (path, status)
        assert re.fullmatch("[0-9a-f]{16}", came["x-request-id"])
        assert "strict-transport-security" not in came  # RFC 6797 7.2: never over plain HTTP


def test_over_tls_browsers_are_told_to_stay_there(stack):
    for path in ("/apiversions", "/nope"):
        _, came, _ = raw(stack, path, tls=True)
        assert re.fullmatch(r"max-age=\d{8,}", came["strict-transport-security"])
        for name, value in SAFETY.items():
            assert came[name.lower()] == value


# --- Retry-After ------------------------------------------------------------------------------------------------------


def refusals(ask_once, n):
    answers = [ask_once() for _ in range(n)]
    return [answer for answer in answers if answer.status_code == 429]


def test_every_429_says_when_to_come_back(open_stack):
    user = open_stack.user()
    by_account = refusals(lambda: user.get("/v1/user2"), 200)
    by_source = refusals(lambda: open_stack.post("/v1/login2", {"user_name": "x@example.org", "password": "Wrong-1234"}), 8)
    assert by_account and by_source
    for answer in by_account + by_source:
        assert int(answer.headers["Retry-After"]) >= 1 and answer.headers["Cache-Control"] == "no-store"
        for name, value in SAFETY.items():
            assert answer.headers[name] == value


def test_every_503_says_when_to_come_back(own_stack):
    stack = own_stack()
    user = stack.user()
    subprocess.run(["s6-svc", "-d", str(stack.home / "service" / "postgres")], check=True)
    for answer in (until(503, lambda: stack.request("GET", "/readyz")), until(503, lambda: user.get("/v1/user2"))):
        assert int(answer.headers["Retry-After"]) >= 1
