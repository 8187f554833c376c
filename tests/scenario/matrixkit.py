"""What the matrix of test_matrix.py is made of: the rows of services/api/routes.c, the callers, and for each row a request that changes nothing
that anybody needs, with the answer that it gets from whoever may ask it.

The rules are written down here once more, from the table in services/model/permission.h and not from its code."""

import dataclasses
import pathlib
import re
import typing

import requests

REPO = pathlib.Path(__file__).resolve().parents[2]

SCOPES = {"user:read": 1, "user:write": 2, "fleet:read": 4, "fleet:write": 8, "admin:read": 16, "admin:write": 32}
ROLES = ["user", "viewer", "operator", "admin"]


class Row(typing.NamedTuple):
    method: str
    path: str
    who: str
    object: str

    def __str__(self):
        return f"{self.method} {self.path}"


def rows():
    text = re.sub(r"\s+", " ", (REPO / "services" / "api" / "routes.c").read_text())
    found = [Row(*parts) for parts in re.findall(r'\{ METHOD_(\w+), "([^"]+)", WHO_(\w+), OBJECT_(\w+),', text)]
    assert len(found) == text.count("{ METHOD_") - text.count('{ METHOD_GET, "HEAD" }') - text.count('{ METHOD_GET, "GET" }') \
        - len(re.findall(r'\{ METHOD_(?:POST|PUT|DELETE), "(?:POST|PUT|DELETE)" \}', text)), "a row that cannot be read"
    return found


# --- the rules, once more ---------------------------------------------------------------------------------------------

REFUSED_401 = (401, 101017)
NO_ROLE = (403, 102005)
NO_SCOPE = (403, 102012)
NO_NODE = (404, 105001)
NOT_OWNED = (403, 105006)

LOWEST = {"ANYONE": None, "ADDRESS": None, "ANYONE_OR_USER": "user", "SESSION": "user", "USER": "user", "VIEWER": "viewer",
          "OPERATOR": "operator", "ADMIN": "admin"}
FAMILY = {"USER": "user", "ANYONE_OR_USER": "user", "VIEWER": "fleet", "OPERATOR": "fleet", "ADMIN": "admin"}


def scope_of(row):
    """The scope that a key needs; None: no key may."""
    family = FAMILY.get(row.who)
    return family and f"{family}:{'read' if row.method == 'GET' and row.who != 'OPERATOR' else 'write'}"


class Caller(typing.NamedTuple):
    name: str
    header: typing.Optional[str]
    role: typing.Optional[str] = None       # None: nobody, or no longer anybody
    scopes: typing.Optional[frozenset] = None  # None: not a key


def refusal(row, caller):
    """What the caller is told when the row is not for them; None: it is."""
    if LOWEST[row.who] is None or (row.who == "ANYONE_OR_USER" and caller.header is None):
        return None
    if caller.role is None:
        return REFUSED_401
    if ROLES.index(caller.role) < ROLES.index(LOWEST[row.who]):
        return NO_ROLE
    if caller.scopes is not None and scope_of(row) not in caller.scopes:
        return NO_SCOPE
    return None


# --- requests ---------------------------------------------------------------------------------------------------------

OK = (200, None)


@dataclasses.dataclass
class Example:
    granted: tuple = OK                 # (status, error_code) to whoever may ask
    query: dict = dataclasses.field(default_factory=dict)
    body: typing.Any = None
    nobody: typing.Optional[tuple] = None  # ANYONE_OR_USER: to who has no token
    ends_session: bool = False
    # about one object: id -> (query, body), and what each state of it is answered
    about: typing.Optional[typing.Callable] = None
    answers: typing.Optional[dict] = None
    objects: str = "node"
    varies: tuple = ()                  # members of an answer that are new each time


def node_query(node_id):
    return {"node_id": node_id}, None


def group_query(group_id):
    return {"group_id": group_id}, None


SEEN = {"own": OK, "shared": OK, "group": OK, "foreign": NO_NODE, "unknown": NO_NODE, "impossible": NO_NODE}
OWNED = SEEN | {"shared": NOT_OWNED, "group": NOT_OWNED}
ALIKE = dict.fromkeys(SEEN, OK)

NOBODY = "nobody-1"  # a node that there is not
NO_FLEET_NODE = (404, 107001)
NO_USER = (404, 107003)
NO_INVITATION = (404, 108001)
NOT_SHARED = (404, 108010)
NO_GROUP = (404, 109001)
GROUP_NOT_OWNED = (403, 109003)

EXAMPLES = {
    "GET /apiversions": Example(),
    "GET /mqtt_host": Example(),
    "GET /healthz": Example(),
    "GET /readyz": Example(),
    "GET /metrics": Example(),
    "GET /openapi.json": Example(),
    "GET /docs/api": Example(),
    "GET /docs/api.css": Example(),
    "GET /ca/crl": Example((404, 102006), {"ca": "00" * 20}),
    "GET /ca/node-ca.pem": Example(),
    "POST /claim/initiate": Example((400, 106001), body={"mac_addr": "x"}, nobody=(400, 106001)),
    "POST /claim/verify": Example((400, 106002), body={}, nobody=(403, 106010)),
    "POST /v1/user": Example((400, 101001), body={}),
    "POST /v1/user2": Example((400, 101001), body={}),
    "POST /v1/login": Example((400, 101001), body={}),
    "POST /v1/login2": Example((400, 101001), body={}),
    **{row: Example((404, 101057), body=None) for row in ("GET /v1/oidc/start", "GET /v1/oidc/callback", "POST /v1/oidc/token",
                                                          "GET /v1/oauth2/authorize", "POST /v1/oauth2/token")},  # no provider here: test_oidc.py
    "POST /v1/logout": Example(ends_session=True),
    "POST /v1/logout2": Example(ends_session=True),
    "GET /v1/user": Example(),
    "GET /v1/user2": Example(),
    "POST /v1/user/keys": Example((400, 110001), body={}),
    "GET /v1/user/keys": Example(),
    "DELETE /v1/user/keys": Example((404, 110004), {"key_id": "00000000-0000-4000-8000-000000000000"}, objects="key",
                                    about=lambda key_id: ({"key_id": key_id}, None),
                                    answers={"foreign": (404, 110004), "unknown": (404, 110004), "impossible": (404, 110004)}),
    **{f"PUT /v1/{path}": Example((400, 101001), body={}) for path in ("forgotpassword", "forgotpassword2")},
    **{f"PUT /v1/{path}": Example((400, 101032), body={}) for path in ("password", "password2")},
    **{f"PUT /v1/{path}": Example((400, 101062), body={}) for path in ("user", "user2")},
    **{f"DELETE /v1/{path}": Example((400, 119007)) for path in ("user", "user2")},
    "GET /v1/user/custom_data": Example(),
    "PUT /v1/user/custom_data": Example(body={}),
    "GET /v1/user/sessions": Example(),
    "DELETE /v1/user/sessions": Example((404, 101065), {"session_id": "00000000-0000-4000-8000-000000000000"}, objects="session",
                                        about=lambda session_id: ({"session_id": session_id}, None),
                                        answers={"foreign": (404, 101065), "unknown": (404, 101065), "impossible": (404, 101065)}),
    "PUT /v1/user/nodes": Example(NO_NODE, {"node_id": NOBODY}, {"tags": ["a:b"]}, answers=OWNED,
                                  about=lambda node_id: ({"node_id": node_id}, {"tags": ["a:b"], "metadata": {"k": "v"}})),
    "DELETE /v1/user/nodes": Example(NO_NODE, {"node_id": NOBODY}, {"tags": ["a:b"]}, answers=OWNED,
                                     about=lambda node_id: ({"node_id": node_id}, {"tags": ["a:b"]})),
    "POST /v1/user/nodes/mapping/initiate": Example(body={}),
    "POST /v1/user/nodes/mapping/verify": Example((400, 104007), body={}, objects="challenge",
                                                  about=lambda request_id: ({}, {"request_id": request_id, "node_id": NOBODY,
                                                                                 "challenge_response": "00" * 64}),
                                                  answers=dict.fromkeys(("own", "foreign", "unknown", "impossible"), (403, 104006))),
    "GET /v1/user/nodes": Example(about=node_query, answers=SEEN),
    "GET /v1/user/nodes/config": Example(NO_NODE, {"node_id": NOBODY}, about=node_query, answers=SEEN),
    "GET /v1/user/nodes/status": Example(NO_NODE, {"node_id": NOBODY}, about=node_query, answers=SEEN),
    "GET /v1/user/nodes/params": Example(NO_NODE, {"node_id": NOBODY}, about=node_query, answers=SEEN),
    "PUT /v1/user/nodes/params": Example(NO_NODE, {"node_id": NOBODY}, {"Light": {"Power": True}}, answers=SEEN,
                                         about=lambda node_id: ({"node_id": node_id}, {"Light": {"Power": True}})),
    "PUT /v1/user/nodes/mapping": Example((400, 104002), body={}, varies=("request_id",),
                                          about=lambda node_id: ({}, {"node_id": node_id, "operation": "remove"}),
                                          answers={"foreign": NO_NODE, "unknown": NO_NODE, "impossible": (400, 104002)}),
    "GET /v1/user/nodes/mapping": Example((404, 104001), {"request_id": "nobodys"}, objects="mapping",
                                          about=lambda request_id: ({"request_id": request_id}, None),
                                          answers={"own": OK, "foreign": (404, 104001), "unknown": (404, 104001)}),
    "PUT /v1/user/nodes/sharing": Example((400, 108007), body={}, answers=OWNED, varies=("request_id",),
                                          about=lambda node_id: ({}, {"nodes": [node_id], "user_name": "guest@example.org"})),
    "GET /v1/user/nodes/sharing": Example(about=node_query, answers=SEEN),
    "DELETE /v1/user/nodes/sharing": Example((400, 108007), about=lambda node_id: ({"nodes": node_id, "user_name": "guest@example.org"}, None),
                                             answers=OWNED | {"own": NOT_SHARED}),
    **{f"GET /v1/user/{of}/sharing/requests": Example(objects=f"{of} invitation", about=lambda request_id: (
        {"request_id": request_id, "primary_user": "true"}, None), answers={"own": OK, "foreign": NO_INVITATION, "unknown": NO_INVITATION})
       for of in ("nodes", "node_group")},
    **{f"PUT /v1/user/{of}/sharing/requests": Example((400, 108009), body={}, objects=f"{of} invitation", about=lambda request_id: (
        {}, {"request_id": request_id, "accept": True}), answers={"foreign": NO_INVITATION, "unknown": NO_INVITATION})
       for of in ("nodes", "node_group")},
    **{f"DELETE /v1/user/{of}/sharing/requests": Example((400, 108009), objects=f"{of} invitation", about=lambda request_id: (
        {"request_id": request_id}, None), answers={"foreign": NO_INVITATION, "unknown": NO_INVITATION})
       for of in ("nodes", "node_group")},
    "PUT /v1/user/node_group/sharing": Example((400, 108008), body={}, objects="group", varies=("request_id",), answers={
        "own": OK, "shared": (403, 109003), "foreign": NO_GROUP, "unknown": NO_GROUP, "impossible": NO_GROUP},
        about=lambda group_id: ({}, {"groups": [group_id], "user_name": "guest@example.org"})),
    "GET /v1/user/node_group/sharing": Example(objects="group", about=group_query, answers={
        "own": OK, "shared": OK, "foreign": NO_GROUP, "unknown": NO_GROUP, "impossible": NO_GROUP}),
    "DELETE /v1/user/node_group/sharing": Example((400, 108008), objects="group", answers={
        "own": NOT_SHARED, "shared": (403, 109003), "foreign": NO_GROUP, "unknown": NO_GROUP, "impossible": NO_GROUP},
        about=lambda group_id: ({"groups": group_id, "user_name": "guest@example.org"}, None)),
    "GET /v1/user/node_group": Example(objects="group", about=group_query, answers={
        "own": OK, "shared": OK, "foreign": NO_GROUP, "unknown": NO_GROUP, "impossible": NO_GROUP}),
    "POST /v1/user/node_group": Example((400, 109002), body={}, objects="group", answers={
        "shared": GROUP_NOT_OWNED, "foreign": NO_GROUP, "unknown": NO_GROUP, "impossible": NO_GROUP},
        about=lambda group_id: ({}, {"group_name": "Hall", "parent_group_id": group_id})),
    "PUT /v1/user/node_group": Example((400, 109002), body={}, objects="group", answers={
        "own": OK, "shared": GROUP_NOT_OWNED, "foreign": NO_GROUP, "unknown": NO_GROUP, "impossible": NO_GROUP},
        about=lambda group_id: ({"group_id": group_id}, {"group_name": "Hall"})),
    "DELETE /v1/user/node_group": Example((400, 109002), objects="group", about=group_query, answers={
        "shared": GROUP_NOT_OWNED, "foreign": NO_GROUP, "unknown": NO_GROUP, "impossible": NO_GROUP}),
    "GET /v1/admin/nodes": Example(),
    "PUT /v1/admin/nodes": Example(NO_FLEET_NODE, {"node_id": NOBODY, "activate": "true"}),
    "DELETE /v1/admin/nodes": Example(NO_FLEET_NODE, {"node_id": NOBODY}),
    "POST /v1/admin/nodes/revoke": Example(NO_FLEET_NODE, body={"node_id": NOBODY}),
    "POST /v1/admin/nodes/transfer": Example(NO_FLEET_NODE, body={"node_id": NOBODY, "user_name": "nobody@example.org"}),
    "GET /v1/admin/nodes/certificates": Example(NO_FLEET_NODE, {"node_id": NOBODY}),
    "POST /v1/admin/nodes/certificate": Example(NO_FLEET_NODE, body={"node_id": NOBODY, "csr": "x"}),
    "GET /v1/admin/nodes/connections": Example(NO_FLEET_NODE, {"node_id": NOBODY}),
    "GET /v1/admin/broker": Example(),
    "POST /v1/admin/broker": Example((400, 107004), body={}),
    "PUT /v1/admin/broker": Example((400, 107004), body={}),
    "DELETE /v1/admin/broker": Example((404, 107021), {"broker": "nosuch"}),
    "GET /v1/admin/user": Example(),
    "PUT /v1/admin/user": Example(NO_USER, body={"user_name": "nobody@example.org", "role": "viewer"}),
    "DELETE /v1/admin/user": Example(NO_USER, {"user_name": "nobody@example.org"}),
    "GET /v1/admin/user/nodes": Example(NO_USER, {"user_name": "nobody@example.org"}),
    "GET /v1/admin/audit": Example(),
    "POST /v1/admin/node_ids": Example((400, 107004), body={"node_count": 0}),
    "GET /v1/admin/node_ids": Example((404, 107006), {"request_id": "nobodys"}),
    "GET /v1/admin/node_certificates/register": Example((404, 107006), {"request_id": "nobodys"}),
    "POST /v1/admin/node_certificates/register": Example((404, 107006), body={"file_name": "nobodys.csv", "file_md5": "0" * 32}),
    "PUT /v1/admin/node_certificates/file": Example((403, 107009), {"request_id": "x", "secret": "y"}),
    "GET /v1/admin/node_certificates/file": Example((403, 107009), {"request_id": "x", "secret": "y"}),
    "GET /v1/admin/mqtt_host": Example(),
    "GET /v1/admin/node_group": Example(query={"group_name": "x"}),
    "GET /v1/admin/rainmaker_deployment_details": Example(query={"pre_requisite": "True"}),
    "GET /v1/admin/self_claim": Example(),
    "PUT /v1/admin/self_claim": Example((400, 106012), body={}),
    "DELETE /v1/admin/self_claim": Example((404, 106013), {"mac_addr": "000000000000"}),
}


class From(requests.adapters.HTTPAdapter):
    def __init__(self, address):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, source_address=(self.address, 0), **options)


class Asker:
    """A few connections, each from an address of its own: what anybody may ask is limited for each source."""

    def __init__(self, stack):
        self.stack, self.sessions, self.n_cells = stack, [], 0
        for i in range(16):
            self.sessions.append(requests.Session())
            self.sessions[-1].mount("http://", From(f"127.0.7.{i + 1}"))

    def ask(self, row, caller, query, body):
        self.n_cells += 1
        headers = {"Authorization": caller.header} if caller.header is not None else {}
        return self.sessions[self.n_cells % len(self.sessions)].request(row.method, self.stack.ready["api_url"] + row.path, params=query, json=body, headers=headers,
                                    timeout=15)


def outcome(answer):
    """(status, error_code): None where there is none. An array of one result counts as that result."""
    code = None
    if answer.headers.get("Content-Type") == "application/json" and answer.content:
        body = answer.json()
        code = body.get("error_code") if isinstance(body, dict) else None
    return answer.status_code, code


def bytes_of(answer, varies=()):
    """All of an answer but what is new each time, and whether a body that nobody read ended the connection."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("X-Request-Id", "Date", "Connection")}
    body = answer.content
    for name in varies:
        body = re.sub(rb'"%s":"[^"]*"' % name.encode(), b'"%s":"..."' % name.encode(), body)
    return answer.status_code, headers, body


def every_scope_alone_and_all_but_it():
    for name in SCOPES:
        yield f"only {name}", frozenset([name])
        yield f"all but {name}", frozenset(SCOPES) - {name}
    yield "all scopes", frozenset(SCOPES)


