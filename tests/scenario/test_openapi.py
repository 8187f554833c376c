"""The API's own description: it is the route table, it is OpenAPI 3.1, and every example in it is true (services/api/route_docs.h).

To add a route, add its doc; when its example needs something to be there before, or has words in capitals, say how in PREPARE.
"""

import collections
import contextlib
import hashlib
import json
import re
import secrets
import subprocess
import urllib.parse

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

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
        self.stack, self.provider, self.caller, self.n_codes = stack, provider, None, collections.Counter()
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

    def own(self, user, node_id):
        self.stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary') ON CONFLICT DO NOTHING",
                       node_id, user.id)
        return {}

    def done(self, answer):
        assert answer.status_code == 200, answer.text
        return answer.json()

    # --- codes by mail: what a test knows of is counted, for mails come when they come ---

    def code_expected(self, name):
        self.n_codes[name] += 1
        return {}

    def code(self, name):
        """The code of the newest mail that was told by code_expected()."""
        pattern, n = rf"event=mail\.logged .*\bto={re.escape(name)} .*\bcode=(\d{{6}})", self.n_codes[name]
        return {"VERIFICATION_CODE": wait_for(lambda: re.findall(pattern, self.stack.log("cisternd"))[n - 1], what=f"mail to {name}")}

    # --- what examples need; each gives the words in capitals that it knows ---

    def signed_in(self):
        self.ann.login()
        return {"REFRESH_TOKEN": self.ann.tokens["refreshtoken"]}

    def no_eve(self):
        """She is about to sign up: a mail will come."""
        self.stack.sql("DELETE FROM account WHERE user_name = 'eve@example.org'")
        return self.code_expected("eve@example.org")

    def eve_signed_up(self):
        self.no_eve()
        self.done(self.stack.post("/v1/user2", {"user_name": "eve@example.org", "password": PASSWORD}))
        return self.code("eve@example.org")

    def eve_there(self):
        self.stack.sql("DELETE FROM account WHERE user_name = 'eve@example.org'")
        self.new_user("eve")
        return {}

    def ann_forgot(self):
        self.code_expected("ann@example.org")
        self.done(self.stack.request("PUT", "/v1/forgotpassword2", json={"user_name": "ann@example.org"}))
        return self.code("ann@example.org")

    def somebody_asks(self):
        """Neither ann nor bob: who asks this cannot sign in afterwards as before."""
        self.caller = self.stack.user()
        return {}

    def somebody_leaves(self):
        self.somebody_asks()
        self.code_expected(self.caller.name)
        self.done(self.caller.request("DELETE", "/v1/user2", params={"request": "true"}))
        return self.code(self.caller.name)

    def data_kept(self):
        self.done(self.ann.put("/v1/user/custom_data", {"timeZone": {"value": "Europe/Paris"}}))
        return {}

    def second_session(self):
        self.done(self.stack.post("/v1/login2", {"user_name": self.ann.name, "password": PASSWORD}))
        sessions = self.ann.get("/v1/user/sessions").json()["sessions"]
        return {"SESSION_ID": next(each["session_id"] for each in sessions if not each["current"])}

    def key_made(self):
        body = {"name": "dashboard", "scopes": ["user:read"]}
        return {"KEY_ID": self.done(self.ann.request("POST", "/v1/user/keys", json=body))["key_id"]}

    def only_lamp1(self):
        self.stack.sql("DELETE FROM node_user WHERE user_id = %s AND node_id <> 'lamp1'", self.ann.id)
        return {}

    def challenged(self):
        begun = self.done(self.ann.request("POST", "/v1/user/nodes/mapping/initiate", json={}))
        key = serialization.load_pem_private_key((self.lamp.folder / "node.key").read_bytes(), None)
        signature = key.sign(begun["challenge"].encode(), ec.ECDSA(hashes.SHA256()))
        return {"CHALLENGE_ID": begun["request_id"], "CHALLENGE_RESPONSE": signature.hex()}

    # groups: Home of ann with lamp1, and Kitchen inside

    def home(self, owner=None):
        owner = owner or self.ann
        self.stack.sql("DELETE FROM node_group")
        home = self.make_group(owner, group_name="Home", type="home", nodes=["lamp1"] if owner is self.ann else [])
        return {"GROUP_ID": home, "KITCHEN_ID": self.make_group(owner, group_name="Kitchen", type="room", parent_group_id=home)}

    def make_group(self, owner, **body):
        return self.done(owner.request("POST", "/v1/user/node_group", json=body))["group_id"]

    # sharing

    def offered(self, what, who, **body):
        sender, addressee = who
        path = f"/v1/user/{what}/sharing"
        return {"SHARING_ID": self.done(sender.put(path, body | {"user_name": addressee.name}))["request_id"], "PATH": path}

    def lamp1_not_shared(self):
        self.stack.sql("DELETE FROM node_user WHERE user_id = %s AND node_id = 'lamp1'", self.bob.id)
        return {}

    def lamp1_offered(self):
        self.lamp1_not_shared()
        return self.offered("nodes", (self.ann, self.bob), nodes=["lamp1"])

    def lamp6_offered(self):
        """To ann, by bob."""
        self.only_lamp1()
        self.own(self.bob, "lamp6")
        return self.offered("nodes", (self.bob, self.ann), nodes=["lamp6"])

    def home_offered(self):
        known = self.home()
        return known | self.offered("node_group", (self.ann, self.bob), groups=[known["GROUP_ID"]])

    def bobs_home_offered(self):
        known = self.home(self.bob)
        return known | self.offered("node_group", (self.bob, self.ann), groups=[known["GROUP_ID"]])

    def accept(self, known, addressee):
        self.done(addressee.put(known["PATH"] + "/requests", {"accept": True, "request_id": known["SHARING_ID"]}))
        return known

    def lamp1_shared(self):
        return self.accept(self.lamp1_offered(), self.bob)

    def home_shared(self):
        return self.accept(self.home_offered(), self.bob)

    def bobs_home_shared(self):
        return self.accept(self.bobs_home_offered(), self.ann)

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

    def no_second_broker(self):
        self.stack.sql("DELETE FROM broker WHERE name = 'b2'")
        return {}

    def second_broker(self):
        self.no_second_broker()
        self.stack.cli("broker", "add", "b2", "--mqtt-host", "mqtt2.example.org", "--service-host", "127.0.0.1", "--service-port", "9")
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


NODE_SHARING, GROUPS, GROUP_SHARING = "/v1/user/nodes/sharing", "/v1/user/node_group", "/v1/user/node_group/sharing"

# (method, path without the 2 of its alias, name of the example; None: the others) -> what is done before
PREPARE = {
    ("POST", "/v1/user", "example"): World.no_eve,
    ("POST", "/v1/user", "confirm"): World.eve_signed_up,
    ("POST", "/v1/login", "refresh"): World.signed_in,
    ("POST", "/v1/logout", None): World.signed_in,
    ("POST", "/v1/oidc/token", None): World.signed_in_at_the_provider,
    ("POST", "/v1/oauth2/token", None): World.signed_in_at_the_provider,
    ("PUT", "/v1/forgotpassword", "example"): lambda world: world.code_expected("ann@example.org"),
    ("PUT", "/v1/forgotpassword", "set"): World.ann_forgot,
    ("PUT", "/v1/password", None): World.somebody_asks,
    ("DELETE", "/v1/user", "example"): World.somebody_asks,
    ("DELETE", "/v1/user", "delete"): World.somebody_leaves,
    ("GET", "/v1/user/custom_data", None): World.data_kept,
    ("DELETE", "/v1/user/sessions", None): World.second_session,
    ("GET", "/v1/user/keys", None): World.key_made,
    ("DELETE", "/v1/user/keys", None): World.key_made,
    ("POST", "/claim/verify", None): World.claim_begun,
    ("GET", "/v1/user/nodes", None): World.only_lamp1,
    ("PUT", "/v1/user/nodes/mapping", "remove"): lambda world: world.own(world.ann, "lamp2"),
    ("GET", "/v1/user/nodes/mapping", None): World.mapping_begun,
    ("POST", "/v1/user/nodes/mapping/verify", None): World.challenged,
    ("PUT", NODE_SHARING, None): World.lamp1_not_shared,
    ("GET", NODE_SHARING, None): World.lamp1_shared,
    ("DELETE", NODE_SHARING, None): World.lamp1_shared,
    ("GET", NODE_SHARING + "/requests", None): World.lamp1_offered,
    ("PUT", NODE_SHARING + "/requests", None): World.lamp6_offered,
    ("DELETE", NODE_SHARING + "/requests", None): World.lamp1_offered,
    ("GET", GROUPS, None): World.home,
    ("POST", GROUPS, None): World.home,
    ("PUT", GROUPS, None): World.home,
    ("DELETE", GROUPS, "example"): World.home,
    ("DELETE", GROUPS, "end a share"): World.home_shared,
    ("DELETE", GROUPS, "leave"): World.bobs_home_shared,
    ("PUT", GROUP_SHARING, None): World.home,
    ("GET", GROUP_SHARING, None): World.home_shared,
    ("DELETE", GROUP_SHARING, None): World.home_shared,
    ("GET", GROUP_SHARING + "/requests", None): World.home_offered,
    ("PUT", GROUP_SHARING + "/requests", None): World.bobs_home_offered,
    ("DELETE", GROUP_SHARING + "/requests", None): World.home_offered,
    ("POST", "/v1/admin/nodes/certificate", None): lambda world: {"CSR": make_csr("lamp5")},
    ("PUT", "/v1/admin/user", None): World.eve_there,
    ("DELETE", "/v1/admin/user", None): World.eve_there,
    ("GET", "/v1/admin/audit", None): World.signed_in,
    ("GET", "/v1/admin/node_ids", None): World.ids_ordered,
    ("GET", "/v1/admin/node_certificates/register", "state"): World.uploaded,
    ("POST", "/v1/admin/node_certificates/register", None): World.uploaded,
    ("PUT", "/v1/admin/node_certificates/file", None): World.address_given,
    ("GET", "/v1/admin/node_certificates/file", None): World.ids_ordered,
    ("POST", "/v1/admin/broker", None): World.no_second_broker,
    ("PUT", "/v1/admin/broker", None): World.second_broker,
    ("DELETE", "/v1/admin/broker", None): World.second_broker,
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
    """The same names of members and JSON types, and the same descriptions. An empty object or list in an example says nothing of its
    content, null nothing of its type."""
    if told is None:
        return
    assert type(told) is type(came), f"{where}: {came!r}, and the example has {told!r}"
    if isinstance(told, dict) and told:
        assert set(told) == set(came), f"{where}: {sorted(came)}, and the example has {sorted(told)}"
        assert told.get("description") == came.get("description"), where
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
        caller = world.caller or (world.admin if who in ADMINISTRATORS else world.ann)
        headers = caller.headers
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
        world.caller = None
        answer = ask(world, method, path, operation, example, prepare(world))
        assert answer.status_code == int(status), f"{example['name']}: {answer.status_code} {answer.text}"
        if status == "302":
            assert answer.headers["Location"] and not answer.content
            continue
        (content_type,) = success["content"]
        assert answer.headers["Content-Type"].partition(";")[0] == content_type
        assert ("ETag" in answer.headers) == ("304" in operation["responses"])
        if "answer" in example:
            same_shape(example["answer"], answer.json(), example["name"])
        if "logout" in path or example["name"] == "set":  # which ended her sessions
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


# --- docs/api.md, the same for people --------------------------------------------------------------------------------------


def table_rows(n_columns):
    """The rows of the page's tables of so many columns, without their heads."""
    page = (REPO / "docs" / "api.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    return [row for row in rows if len(row) == n_columns]


def test_bodies_and_rates_in_docs_api_md_are_those_of_the_table(world):
    rows = [row for row in table_rows(6) if row[0] in ("GET", "POST", "PUT", "DELETE")]
    told = {(row[0], path): row[3:5] for row in rows for path in re.findall(r"`([^`]+)`", row[1])}
    assert set(told) == set(ROWS)
    for (method, path), (body, rate) in told.items():
        operation = world.operation(method, path)
        number, unit = (body or "4 KiB").split()
        limit = int(number) * {"KiB": 1024, "MiB": 1024 * 1024}[unit]
        assert (limit, rate) == (operation["x-cistern-body-max-bytes"], operation["x-cistern-rate"]), (method, path)


def test_error_codes_in_docs_api_md_are_those_of_the_document_in_their_order(world):
    rows = [row for row in table_rows(3) if re.fullmatch(r"[1-5]\d\d(, [1-5]\d\d)*", row[0])]
    told = [(statuses, codes) for statuses, codes in ((row[0].split(", "), re.findall(r"\d{6}", row[1])) for row in rows)]
    pairs = {(int(statuses[min(i, len(statuses) - 1)]), int(code)) for statuses, codes in told for i, code in enumerate(codes)}
    listed = world.document["components"]["schemas"]["Failure"]["x-cistern-error-codes"]
    assert pairs == {(row["status"], row["error_code"]) for row in listed}
    firsts = [int(codes[0]) for _, codes in told]
    assert firsts == sorted(firsts)


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
