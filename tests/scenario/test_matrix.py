"""Every row of the route table, asked by everybody, about everything: route x caller x object, each cell against rules that matrixkit.py
writes down once more. A row without an example there fails."""

import json

import pytest

import matrixkit
from matrixkit import EXAMPLES, Asker, Caller, bytes_of, outcome, refusal, rows
from stackkit import LAMP, unique

ROWS = rows()
ABOUT = [row for row in ROWS if str(row) in EXAMPLES and EXAMPLES[str(row)].about]
OBJECTS_OF_USERS = {"NODE", "NODE_PARAMS", "NODE_OWNED", "NODE_LIST", "NODES", "GROUPS", "REQUEST"}
# Rows with such an object whose cells are elsewhere, or that have none before the object is known.
ELSEWHERE = {
    "POST /claim/initiate": "names no node: test_claim.py",
    "POST /claim/verify": "names one inside a signed request: test_claim_hostile.py",
}


@pytest.fixture(scope="module")
def asker(stack):
    return Asker(stack)


def make_key(stack, user, scopes):
    """A key with any scopes, as a later change of role may leave one behind."""
    answer = user.request("POST", "/v1/user/keys", json={"name": "k", "scopes": ["user:read"]})
    assert answer.status_code == 200, answer.text
    made = answer.json()
    stack.sql("UPDATE api_key SET scopes = %s WHERE key_id = %s", sum(matrixkit.SCOPES[scope] for scope in scopes), made["key_id"])
    return made


@pytest.fixture(scope="module")
def people(stack):
    """One of each role, signed in."""
    found = {}
    for role in matrixkit.ROLES:
        found[role] = stack.user()
        stack.cli("user", "role", found[role].name, role)
        found[role].login()
    return found


def key_of(stack, user, role, name, scopes):
    return Caller(f"{role}'s key, {name}", make_key(stack, user, scopes)["key"], role, scopes)


@pytest.fixture(scope="module")
def keys(stack, people):
    made = [key_of(stack, people["admin"], "admin", name, scopes) for name, scopes in matrixkit.every_scope_alone_and_all_but_it()]
    made += [key_of(stack, people[role], role, "all scopes", frozenset(matrixkit.SCOPES)) for role in matrixkit.ROLES[:-1]]
    return made


@pytest.fixture(scope="module")
def strangers(stack, people):
    """Who is nobody, or no longer anybody."""
    ended = stack.user()
    token = ended.tokens["accesstoken"]
    assert ended.request("POST", "/v1/logout2").status_code == 200
    dead = []
    for change in ("expires_at = now()", "revoked_at = now()"):
        made = make_key(stack, people["admin"], matrixkit.SCOPES)
        stack.sql(f"UPDATE api_key SET {change} WHERE key_id = %s", made["key_id"])
        dead.append(made["key"])
    return [Caller("nobody", None), Caller("an empty header", ""), Caller("garbage", "x.y.z"), Caller("a key that is none", "ck_" + "0" * 65),
            Caller("an ended session", token), Caller("an expired key", dead[0]), Caller("a revoked key", dead[1]),
            Caller("an id token", people["admin"].tokens["idtoken"]), Caller("a refresh token", people["admin"].tokens["refreshtoken"])]


def sessions(people):
    """Asked anew: a cell may have ended one."""
    return [Caller(f"{role}'s session", user.tokens["accesstoken"], role) for role, user in people.items()]


def expected_of(row, caller):
    example = EXAMPLES[str(row)]
    told = refusal(row, caller)
    if told:
        return told
    return example.nobody if example.nobody and caller.header is None else example.granted


def test_every_row_has_an_example_and_every_example_a_row():
    assert {str(row) for row in ROWS} == set(EXAMPLES)
    assert len({str(row) for row in ROWS}) == len(ROWS)


def test_every_row_about_objects_of_users_has_cells_for_them():
    wanting = {str(row) for row in ROWS if row.object in OBJECTS_OF_USERS} - {str(row) for row in ABOUT} - set(ELSEWHERE)
    assert not wanting
    assert set(ELSEWHERE) <= {str(row) for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_caller_is_answered_as_the_rules_say(asker, people, keys, strangers, row):
    example = EXAMPLES[str(row)]
    wrong = []
    for caller in [*strangers, *keys, *sessions(people)]:
        answer = asker.ask(row, caller, example.query, example.body)
        if outcome(answer) != expected_of(row, caller):
            wrong.append((caller.name, outcome(answer), "not", expected_of(row, caller)))
        if example.ends_session and answer.status_code == 200:
            people[caller.role].login()
    assert not wrong


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_refusal_says_the_same_to_everybody_whatever_is_asked(asker, people, keys, strangers, row):
    """With and without the query and the body that the row wants: a refusal tells nothing about them."""
    example = EXAMPLES[str(row)]
    said = {}
    for caller in [*strangers, *keys, *sessions(people)]:
        told = refusal(row, caller)
        if not told:
            continue
        for query, body in ((example.query, example.body), ({}, None), ({"node_id": "a b"}, None)):
            said.setdefault(told, set()).add(repr(bytes_of(asker.ask(row, caller, query, body))))
    assert all(len(answers) == 1 for answers in said.values()), said


# --- objects ----------------------------------------------------------------------------------------------------------


class Things:
    """What is somebody's, in every state that it can be in to `user`."""

    def __init__(self, stack, user, other):
        self.stack, self.user, self.other = stack, user, other
        self.of = {"node": self._nodes(), "mapping": self._mappings(), "key": self._keys(), "group": self._groups(),
                   "session": self._sessions(), "challenge": self._challenges()}
        self.of |= {"nodes invitation": self._invitations("nodes"), "node_group invitation": self._invitations("node_group")}

    def _node(self, **users):
        node_id = unique("cell")
        self.stack.sql("INSERT INTO node (node_id) VALUES (%s)", node_id)
        self.stack.sql("INSERT INTO node_config (node_id, config, received_at) VALUES (%s, %s, now())", node_id, json.dumps(LAMP))
        for user, role in users.items():
            self.stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, %s)", node_id, getattr(self, user).id, role)
        return node_id

    def _nodes(self):
        by_group = self._node(other="primary")
        self.shared_group = unique("group").ljust(22, "x")[-22:]
        self.stack.sql("INSERT INTO node_group (group_id, group_name) VALUES (%s, 'Home')", self.shared_group)
        self.stack.sql("INSERT INTO group_closure VALUES (%s, %s, 0) ON CONFLICT DO NOTHING", self.shared_group, self.shared_group)
        for user, role in ((self.other, "primary"), (self.user, "secondary")):
            self.stack.sql("INSERT INTO group_user (group_id, user_id, role) VALUES (%s, %s, %s)", self.shared_group, user.id, role)
        self.stack.sql("INSERT INTO group_node (group_id, node_id, added_by) VALUES (%s, %s, %s)", self.shared_group, by_group, self.other.id)
        return {"own": self._node(user="primary"), "shared": self._node(other="primary", user="secondary"), "group": by_group,
                "foreign": self._node(other="primary"), "unknown": unique("cell"), "impossible": "a b"}

    def _group(self, **users):
        group_id = unique("group").ljust(22, "x")[-22:]
        self.stack.sql("INSERT INTO node_group (group_id, group_name) VALUES (%s, 'Home')", group_id)
        self.stack.sql("INSERT INTO group_closure VALUES (%s, %s, 0) ON CONFLICT DO NOTHING", group_id, group_id)
        for user, role in users.items():
            self.stack.sql("INSERT INTO group_user (group_id, user_id, role) VALUES (%s, %s, %s)", group_id, getattr(self, user).id, role)
        return group_id

    def _groups(self):
        return {"own": self._group(user="primary"), "shared": self._group(other="primary", user="secondary"),
                "foreign": self._group(other="primary"), "unknown": unique("group").ljust(22, "x")[-22:], "impossible": "a b"}

    def _mapping(self, user):
        answer = user.put("/v1/user/nodes/mapping", {"node_id": unique("cell"), "secret_key": "s", "operation": "add"})
        assert answer.status_code == 200, answer.text
        return answer.json()["request_id"]

    def _mappings(self):
        return {"own": self._mapping(self.user), "foreign": self._mapping(self.other), "unknown": "r" * 22}

    def _invite(self, of, user, state):
        member, kind = {"nodes": ("nodes", "node"), "node_group": ("groups", "group")}[of]
        things = [self.of[kind][state]]
        answer = user.put(f"/v1/user/{of}/sharing", {member: things, "user_name": f"{unique('invited')}@example.org"})
        assert answer.status_code == 200, answer.text
        return answer.json()["request_id"]

    def _invitations(self, of):
        return {"own": self._invite(of, self.user, "own"), "foreign": self._invite(of, self.other, "foreign"), "unknown": "r" * 22}

    def _challenges(self):
        return {"own": self._challenge(self.user), "foreign": self._challenge(self.other), "unknown": "r" * 22, "impossible": "a b"}

    @staticmethod
    def _challenge(user):
        return user.request("POST", "/v1/user/nodes/mapping/initiate", json={}).json()["request_id"]

    def _sessions(self):
        ((session_id,),) = self.stack.sql("SELECT session_id::text FROM session WHERE user_id = %s LIMIT 1", self.other.id)
        return {"foreign": session_id, "unknown": "6f1d0c1e-0000-4000-8000-000000000001", "impossible": "a b"}

    def _keys(self):
        return {"foreign": make_key(self.stack, self.other, ["user:read"])["key_id"],
                "unknown": "6f1d0c1e-0000-4000-8000-000000000001", "impossible": "a b"}


@pytest.fixture(scope="module")
def things(stack, people):
    return Things(stack, people["user"], stack.user())


@pytest.fixture(scope="module")
def owners(stack, people, keys):
    """The user whose things they are, by session and by key; and the administrator, to whom all of them are foreign."""
    key = next(key for key in keys if key.role == "user")
    admins = next(key for key in keys if key.role == "admin" and key.name.endswith("all scopes"))
    return [(lambda: Caller("the session", people["user"].tokens["accesstoken"], "user"), False), (lambda: key, False),
            (lambda: Caller("an administrator", people["admin"].tokens["accesstoken"], "admin"), True), (lambda: admins, True)]


def as_foreign(answers, state):
    return answers["foreign" if state in ("own", "shared", "group") else state]


@pytest.mark.parametrize("row", ABOUT, ids=str)
def test_each_object_is_answered_as_the_rules_say(asker, things, owners, row):
    example = EXAMPLES[str(row)]
    wrong = []
    for make_caller, is_stranger in owners:
        caller = make_caller()
        if refusal(row, caller):
            continue
        for state, expected in example.answers.items():
            expected = as_foreign(example.answers, state) if is_stranger else expected
            answer = asker.ask(row, caller, *example.about(things.of[example.objects][state]))
            if outcome(answer) != expected:
                wrong.append((caller.name, state, outcome(answer), "not", expected))
    assert not wrong


@pytest.mark.parametrize("row", ABOUT, ids=str)
def test_a_foreign_object_is_answered_byte_for_byte_as_an_unknown_one(asker, things, owners, row):
    example = EXAMPLES[str(row)]
    for make_caller, is_stranger in owners:
        caller = make_caller()
        if refusal(row, caller):
            continue
        found = things.of[example.objects]
        states = ["foreign", *(state for state in ("own", "shared", "group") if is_stranger and state in example.answers)]
        unknown = bytes_of(asker.ask(row, caller, *example.about(found["unknown"])), example.varies)
        for state in states:
            foreign = bytes_of(asker.ask(row, caller, *example.about(found[state])), example.varies)
            # a result in a list repeats the id that it is about
            assert repr(foreign).replace(str(found[state]), "ID") == repr(unknown).replace(str(found["unknown"]), "ID"), (caller.name, state)


def test_in_an_array_a_foreign_node_is_answered_as_an_unknown_one_and_the_others_go_on(asker, things, owners):
    row = next(row for row in ROWS if str(row) == "PUT /v1/user/nodes/params")
    nodes = things.of["node"]
    states = ["own", "foreign", "shared", "unknown", "group", "impossible"]
    body = [{"node_id": nodes[state], "payload": {"Light": {"Power": True}}} for state in states]
    (make_caller, _), *_ = owners
    answer = asker.ask(row, make_caller(), {}, body)
    assert answer.status_code == 200
    results = {state: {name: value for name, value in item.items() if name != "node_id"} for state, item in zip(states, answer.json())}
    assert results["foreign"] == results["unknown"] == results["impossible"]
    assert results["foreign"] == {"status": "failure", "description": "Node not associated with user", "error_code": 105001}
    assert {results[state]["status"] for state in ("own", "shared", "group")} == {"success"}


def test_lists_have_what_is_the_callers_and_nothing_else(asker, things, people):
    """Own, shared, by group; and the same of nobody's."""
    nodes = things.of["node"]
    listed = people["user"].get("/v1/user/nodes", num_records="100").json()["nodes"]
    assert set(listed) >= {nodes["own"], nodes["shared"], nodes["group"]}
    assert nodes["foreign"] not in listed
    assert not set(nodes.values()) & set(people["admin"].get("/v1/user/nodes", num_records="100").json()["nodes"])
