"""The API's own description: it is the route table, it is OpenAPI 3.1, and every example in it is true (services/api/route_docs.h).

To add a route, add its doc; when its example needs something to be there before, or has words in capitals, say how in PREPARE.
"""

import contextlib
import hashlib
import json
import re
import secrets
import subprocess
import urllib.parse

import pytest

from factorykit import request as make_csr
from oidckit import Provider
from stackkit import REPO, Node, Stack, User, wait_for

PASSWORD = "Correct-Horse-7"
ROWS = re.findall(r'^\t\{ METHOD_(GET|POST|PUT|DELETE), "([^"]+)"', (REPO / "services/api/routes.c").read_text(), re.M)
ADMINISTRATORS = ("viewer", "operator", "admin")
RETURN_URL = "https://app.example.org/signed-in"
NOT_ASKED = {("GET", "/v1/oidc/callback"): "only a browser with our cookie may, and World.signed_in_at_the_provider() is one"}


class World:
    """Who and what the examples are about."""

    def __init__(self, stack, provider):
        self.stack, self.provider, self.n_mails = stack, provider, 0
        self.document = stack.request("GET", "/openapi.json").json()
        self.admin = stack.admin()
        self.ann, self.bob = self.new_user("ann"), self.new_user("bob")
        for i in range(2, 10):
            stack.sql("INSERT INTO node (node_id) VALUES (%s)", f"lamp{i}")
        stack.cli("node", "add", "lamp1", "--out", str(stack.home.parent / "lamp1"))
        self.lamp = lamp = Node(stack, "lamp1", stack.home.parent / "lamp1").connect()
        lamp.publish("config", self.operation("GET", "/v1/user/nodes/config")["x-cistern-examples"][0]["answer"])
        lamp.publish("params/local", {"Light": {"Power": True}})
        self.ann.claim(lamp)
        wait_for(lambda: self.ann.params(lamp) == {"Light": {"Power": True}})
        wait_for(lambda: self.ann.get("/v1/user/nodes/config", node_id="lamp1").json())

    def new_user(self, name):
        path = self.stack.home.parent / f"password-{name}"
        path.write_text(PASSWORD + "\n")
        self.stack.cli("user", "add", f"{name}@example.org", "--password-file", str(path))
        return User(self.stack, f"{name}@example.org", PASSWORD)

    def operation(self, method, path):
        return self.document["paths"][path][method.lower()]

    def mine(self, node_id):
        self.stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary') ON CONFLICT DO NOTHING",
                       node_id, self.ann.id)
        return {}

    # --- what examples need; each gives the words in capitals that it knows ---

    def signed_in(self):
        self.ann.login()
        return {"REFRESH_TOKEN": self.ann.tokens["refreshtoken"]}

    def no_eve(self):
        """She is about to sign up: a mail will come."""
        self.n_mails += 1
        self.stack.sql("DELETE FROM account WHERE user_name = 'eve@example.org'")
        return {}

    def codes_of_eve(self):
        return re.findall(r"event=mail\.logged .*\bto=eve@example\.org .*\bcode=(\d{6})", self.stack.log("cisternd"))

    def eve_signed_up(self):
        self.no_eve()
        assert self.stack.post("/v1/user2", {"user_name": "eve@example.org", "password": PASSWORD}).status_code == 200
        return {"VERIFICATION_CODE": wait_for(lambda: self.codes_of_eve()[self.n_mails - 1], what="mail to eve")}

    def signed_in_at_the_provider(self):
        """With the challenge of the example, to which the example's verifier belongs."""
        (example,) = self.operation("GET", "/v1/oidc/start")["x-cistern-examples"]
        there = self.stack.request("GET", "/v1/oidc/start?" + example["query"], allow_redirects=False)
        cookie = there.headers["Set-Cookie"].partition(";")[0]
        back = self.stack.request("GET", "/v1/oidc/callback", params=self.provider.grant(there.headers["Location"], "fay@example.org"),
                                  headers={"Cookie": cookie}, allow_redirects=False)
        assert back.status_code == 302, back.text
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(back.headers["Location"]).query)
        return {"SIGN_IN_CODE": query["code"][0]}

    def mapping_begun(self):
        self.stack.sql("DELETE FROM mapping_request WHERE user_id = %s", self.ann.id)
        body = {"node_id": "lamp3", "secret_key": secrets.token_urlsafe(8), "operation": "add"}
        return {"MAPPING_ID": self.ann.put("/v1/user/nodes/mapping", body).json()["request_id"]}

    def claim_begun(self):
        answer = self.ann.request("POST", "/claim/initiate", json={"mac_addr": "AABBCC112255", "platform": "esp32c3"})
        return {"CSR": make_csr(answer.json()["node_id"])}

    def device_listed(self):
        device = {"mac_addr": "AABBCC112244", "secret": "00112233445566778899aabbccddeeff"}
        assert self.admin.put("/v1/admin/self_claim", {"devices": [device]}).status_code == 200
        return {}

    def ids_ordered(self):
        path = "/v1/admin/node_ids"
        request_id = self.admin.request("POST", path, json={"node_count": 2}).json()["request_id"]
        url = self.admin.get(path, request_id=request_id).json()["url"]
        return {"NODE_IDS_ID": request_id, "ADDRESS_SECRET": urllib.parse.parse_qs(url.partition("?")[2])["secret"][0]}

    def address_given(self):
        given = self.admin.get("/v1/admin/node_certificates/register", file_name="nodes.csv").json()
        secret = urllib.parse.parse_qs(given["url"].partition("?")[2])["secret"][0]
        return {"UPLOAD_ID": given["request_id"], "ADDRESS_SECRET": secret, "URL": given["url"]}

    def uploaded(self):
        known, content = self.address_given(), b"node_id,certs\n"
        answer = self.stack.request("PUT", "/v1" + known["URL"].partition("/v1")[2], data=content)
        assert answer.status_code == 200, answer.text
        return known | {"FILE_MD5": hashlib.md5(content).hexdigest()}


# (method, path without the 2 of its alias, name of the example; None: all) -> what is done before
PREPARE = {
    ("POST", "/v1/user", "example"): World.no_eve,
    ("POST", "/v1/user", "confirm"): World.eve_signed_up,
    ("POST", "/v1/login", "refresh"): World.signed_in,
    ("POST", "/v1/logout", None): World.signed_in,
    ("POST", "/v1/oidc/token", None): World.signed_in_at_the_provider,
    ("POST", "/v1/oauth2/token", None): World.signed_in_at_the_provider,
    ("POST", "/claim/verify", None): World.claim_begun,
    ("PUT", "/v1/user/nodes/mapping", "remove"): lambda world: world.mine("lamp2"),
    ("GET", "/v1/user/nodes/mapping", None): World.mapping_begun,
    ("POST", "/v1/admin/nodes/certificate", None): lambda world: {"CSR": make_csr("lamp5")},
    ("GET", "/v1/admin/node_ids", None): World.ids_ordered,
    ("GET", "/v1/admin/node_certificates/register", "state"): World.uploaded,
    ("POST", "/v1/admin/node_certificates/register", None): World.uploaded,
    ("PUT", "/v1/admin/node_certificates/file", None): World.address_given,
    ("GET", "/v1/admin/node_certificates/file", None): World.ids_ordered,
    ("GET", "/v1/admin/self_claim", None): World.device_listed,
    ("DELETE", "/v1/admin/self_claim", None): World.device_listed,
}


@pytest.fixture(scope="module")
def world():
    with contextlib.closing(Provider()) as provider, \
            contextlib.closing(Stack(**provider.settings(CISTERN_OIDC_REDIRECT_URL="https://api.example.org/v1/oidc/callback",
                                                         CISTERN_OIDC_ALLOWED_RETURN_URLS=RETURN_URL))) as running:
        made = World(running, provider)
        yield made
        made.lamp.stop()


def filled_in(example, known):
    """The words in capitals replaced, in a text or anywhere in a JSON value."""
    if isinstance(example, str):
        return re.sub("|".join(known) or "(?!)", lambda word: known[word[0]], example)
    if isinstance(example, list):
        return [filled_in(each, known) for each in example]
    if isinstance(example, dict):
        return {name: filled_in(value, known) for name, value in example.items()}
    return example


def same_shape(told, came, where="answer"):
    """The same names of members and JSON types. An empty object or list in an example says nothing of its content, null nothing
    of its type."""
    if told is None:
        return
    assert type(told) is type(came), f"{where}: {came!r}, and the example has {told!r}"
    if isinstance(told, dict) and told:
        assert set(told) == set(came), f"{where}: {sorted(came)}, and the example has {sorted(told)}"
        for name, value in told.items():
            same_shape(value, came[name], f"{where}.{name}")
    if isinstance(told, list) and told:
        assert came, f"{where}: empty, and the example is not"
        for i, each in enumerate(came):
            same_shape(told[0], each, f"{where}[{i}]")


def ask(world, method, path, operation, example, known):
    headers = {}
    who = operation["x-cistern-who"]
    if who not in ("anyone", "address"):
        headers = (world.admin if who in ADMINISTRATORS else world.ann).headers
    body = filled_in(example["request"], known) if "request" in example else None
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
    query = "?" + filled_in(example["query"], known) if "query" in example else ""
    return world.stack.request(method, path + query, headers=headers, data=body and body.encode(), allow_redirects=False)


# --- the document -----------------------------------------------------------------------------------------------------


def test_the_document_is_the_route_table_and_nothing_else(world):
    told = {(method.upper(), path) for path, item in world.document["paths"].items() for method in item}
    assert len(ROWS) > 40 and len(set(ROWS)) == len(ROWS) and told == set(ROWS)


def test_the_document_is_openapi_3_1(world, tmp_path):
    """By the standard's own schema."""
    checker = REPO / "tests" / "openapi"
    if not (checker / "node_modules").exists():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=checker, check=True,
                       capture_output=True, timeout=300)
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(world.document))
    script = checker / "node_modules" / "@seriousme" / "openapi-schema-validator" / "bin" / "validate-api-cli.js"
    ended = subprocess.run(["node", str(script), str(path)], capture_output=True, text=True, timeout=60)
    assert json.loads(ended.stdout) == {"valid": True}, ended.stdout
    assert world.document["openapi"].startswith("3.1.")


def references(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from [inner] if name == "$ref" else references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_reference_in_the_document_leads_somewhere(world):
    for reference in set(references(world.document)):
        at = world.document
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]


@pytest.mark.parametrize("method, path", ROWS, ids=[" ".join(row) for row in ROWS])
def test_every_example_is_answered_as_documented(world, method, path):
    if (method, path) in NOT_ASKED:
        return
    operation = world.operation(method, path)
    (status,) = {"200", "302"} & set(operation["responses"])
    success = operation["responses"][status]
    for example in operation["x-cistern-examples"]:
        key = method, path.removesuffix("2"), example["name"]
        prepare = PREPARE.get(key) or PREPARE.get((*key[:2], None)) or (lambda _world: {})
        answer = ask(world, method, path, operation, example, prepare(world))
        assert answer.status_code == int(status), f"{example['name']}: {answer.status_code} {answer.text}"
        if status == "302":
            assert answer.headers["Location"] and not answer.content
            continue
        (content_type,) = success["content"]
        assert answer.headers["Content-Type"].partition(";")[0] == content_type
        if "answer" in example:
            same_shape(example["answer"], answer.json(), example["name"])
        if "logout" in path:
            world.ann.login()


@pytest.mark.parametrize("method, path", ROWS, ids=[" ".join(row) for row in ROWS])
def test_who_may_not_is_told_so_as_documented(world, method, path):
    """Without a token, and as a mere user: 401 and 403 come exactly where the document says that they do."""
    operation = world.operation(method, path)
    closed = bool(operation["security"]) and {} not in operation["security"]
    assert (world.stack.request(method, path).status_code == 401) == closed
    assert ("401" in operation["responses"]) == bool(operation["security"])
    if operation["x-cistern-who"] in ADMINISTRATORS:
        assert world.bob.request(method, path).status_code == 403 and "403" in operation["responses"]


def test_failures_have_the_documented_shape(world):
    schema = world.document["components"]["schemas"]["Failure"]
    codes = {(row["status"], row["error_code"]) for row in schema["x-cistern-error-codes"]}
    answer = world.ann.get("/v1/user/nodes/params", node_id="never")
    assert (answer.status_code, answer.json()["error_code"]) in codes
    assert set(schema["required"]) <= set(answer.json()) <= set(schema["properties"])


def test_the_documents_need_no_account_and_come_compressed_and_with_a_tag(world):
    for path in ("/openapi.json", "/docs/api", "/docs/api.css"):
        answer = world.stack.request("GET", path, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200 and answer.headers["Content-Encoding"] == "gzip"
        plain = world.stack.request("GET", path, headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content and "Content-Encoding" not in plain.headers
        assert plain.headers["ETag"] != answer.headers["ETag"]
        again = world.stack.request("GET", path, headers={"If-None-Match": plain.headers["ETag"], "Accept-Encoding": "identity"})
        assert again.status_code == 304


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_loads_its_style_sheet_and_runs_nothing(world):
    page = world.stack.request("GET", "/docs/api")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy == {"default-src": "'none'", "style-src": "'self'", "base-uri": "'none'", "form-action": "'none'",
                      "frame-ancestors": "'none'"}
    assert re.findall(r'(?:src|href)="([^"#]*)"', page.text) == ["/docs/api.css", "/openapi.json"]
    assert not re.search(r"<script|<style|\son\w+=|style=|javascript:", page.text)
    sheet = world.stack.request("GET", "/docs/api.css")
    assert sheet.headers["Content-Type"] == "text/css; charset=utf-8" and "url(" not in sheet.text and "@import" not in sheet.text
    for method, path in ROWS:
        assert f"<code>{path}</code>" in page.text
