"""Every call that changes something leaves an event with who did it, how, from where and in which request; a call that failed leaves none,
but a refusal does. Driven from the route table."""

import contextlib
import itertools
import json
import queue
import re
import subprocess
import threading
import time

import pytest

from factorykit import request as make_csr
from matrixkit import rows
from stackkit import DEADLINE_S, LAMP, User, unique, wait_for

AUDIT = "/v1/admin/audit"


def events_of(stack, answer):
    return stack.sql("SELECT kind, action, user_id::text, via, host(source), object_kind, object_id FROM audit_event"
                     " WHERE request_id = %s ORDER BY event_id", answer.headers["X-Request-Id"])


@pytest.fixture(scope="module")
def admin(stack):
    name = f"{unique('boss')}@example.org"
    path = stack.home.parent / unique("password")
    path.write_text("Correct-Horse-7\n")
    stack.cli("user", "add", name, "--admin", "--password-file", str(path))
    return User(stack, name, "Correct-Horse-7")


@pytest.fixture
def bare(stack):
    def make(*users):
        node_id = unique("aud")
        stack.sql("INSERT INTO node (node_id) VALUES (%s)", node_id)
        stack.sql("INSERT INTO node_config (node_id, config, received_at) VALUES (%s, %s, now())", node_id, json.dumps(LAMP))
        for user in users:
            stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", node_id, user.id)
        return node_id

    return make


class Doings:
    """For each row that changes something, a call that does, by an administrator who is a user too; gives (answer, actions expected)."""

    def __init__(self, stack, admin, bare):
        self.stack, self.admin, self.bare = stack, admin, bare

    def call(self, method, path, query=None, body=None):
        return self.admin.request(method, path, params=query or {}, json=body)

    def fresh(self):
        """Signed in once more, to sign out."""
        return User(self.stack, self.admin.name, self.admin.password)

    def key(self):
        return self.call("POST", "/v1/user/keys", body={"name": "k", "scopes": ["user:read"]})

    def do(self, row):
        return self.WAYS[row](self)

    def _sign_up(self):
        name = f"{unique('new')}@example.org"
        assert self.stack.post("/v1/user2", {"user_name": name, "password": "Correct-Horse-7"}).status_code == 200
        self.stack.sql("UPDATE account SET password_hash = 'x' WHERE user_name = %s", name)
        return name

    def _code(self, name):
        """The newest that the log has, as there is no mail server."""

        def code():
            lines = [line for line in self.stack.log("cisternd").splitlines() if "event=mail.logged" in line and name in line]
            return lines and re.search(r"code=([0-9]{6})", lines[-1])[1]

        return wait_for(code)

    def _confirm(self, path):
        name = f"{unique('new')}@example.org"
        assert self.stack.post(path, {"user_name": name, "password": "Correct-Horse-7"}).status_code == 200
        return self.stack.post(path, {"user_name": name, "verification_code": self._code(name)}), {"account.confirmed"}

    def _recover(self, path):
        user = self._other()
        assert self.stack.request("PUT", path, json={"user_name": user.name}).status_code == 200
        return self.stack.request("PUT", path, json={"user_name": user.name, "password": "Other-Horse-7",
                                                     "verification_code": self._code(user.name)}), {"account.password_changed", "session.ended"}

    def _change_password(self, path):
        user = self._other()
        return user.request("PUT", path, json={"password": user.password, "newpassword": "Other-Horse-7"}), {"account.password_changed"}, user

    def _delete_account(self, path):
        user = self._other()
        assert user.request("DELETE", path, params={"request": "true"}).status_code == 200
        return user.request("DELETE", path, params={"verification_code": self._code(user.name)}), {"account.deleted"}, user

    def _group(self):
        return self.call("POST", "/v1/user/node_group", body={"group_name": "Home"}).json()["group_id"]

    def _invite(self, of, guest):
        body = {"nodes": [self.bare(self.admin)]} if of == "nodes" else {"groups": [self._group()]}
        return self.call("PUT", f"/v1/user/{of}/sharing", body=body | {"user_name": guest}), body

    def _request(self, of, method):
        """An invitation that is accepted, or cancelled."""
        guest = self._other()
        request_id = self._invite(of, guest.name)[0].json()["request_id"]
        if method == "DELETE":
            return self.call("DELETE", f"/v1/user/{of}/sharing/requests", {"request_id": request_id}), {"sharing.cancelled"}
        answer = guest.put(f"/v1/user/{of}/sharing/requests", {"request_id": request_id, "accept": True})
        return answer, {"sharing.accepted", "node.mapped" if of == "nodes" else "group.joined"}, guest

    def _unshare(self, of):
        guest = self._other()
        answer, body = self._invite(of, guest.name)
        guest.put(f"/v1/user/{of}/sharing/requests", {"request_id": answer.json()["request_id"], "accept": True})
        query = {name: ids[0] for name, ids in body.items()} | {"user_name": guest.name}
        return self.call("DELETE", f"/v1/user/{of}/sharing", query), {"node.unmapped" if of == "nodes" else "group.left"}

    def _end_session(self):
        self.fresh()
        (other,) = [each for each in self.call("GET", "/v1/user/sessions").json()["sessions"] if not each["current"]][:1]
        return self.call("DELETE", "/v1/user/sessions", {"session_id": other["session_id"]}), {"session.ended"}

    def _texts(self, method):
        query, body = {"node_id": self.bare(self.admin)}, {"tags": ["a:b"]}
        answer = self.call("PUT", "/v1/user/nodes", query, body)
        return self.call("DELETE", "/v1/user/nodes", query, body) if method == "DELETE" else answer, {"node.tags_changed"}

    def _mac(self):
        mac = f"{abs(hash(unique('mac'))) % 16**12:012X}"
        return mac

    def _list_device(self):
        mac = self._mac()
        answer = self.call("PUT", "/v1/admin/self_claim", body={"devices": [{"mac_addr": mac, "secret": "00" * 16}]})
        return mac, answer

    def _with_broker(self, do):
        """One that nobody reaches: it must not stay, or nodes would be its."""
        name = unique("broker").lower()
        try:
            return do(name, self.call("POST", "/v1/admin/broker", body={"broker": name, "mqtt_host": "mqtt2.example.org",
                                                                        "service_host": "127.0.0.1", "service_port": 9}))
        finally:
            self.stack.sql("DELETE FROM broker WHERE name = %s", name)

    def _other(self):
        return self.stack.user()

    WAYS = {
        "POST /claim/initiate": lambda me: (me.call("POST", "/claim/initiate", body={"mac_addr": me._mac(), "platform": "esp32"}), {"claim.begun"}),
        "POST /v1/user": lambda me: me._confirm("/v1/user"),
        "POST /v1/user2": lambda me: me._confirm("/v1/user2"),
        **{f"POST {path}": lambda me, path=path: (me.stack.post(path, {"user_name": me.admin.name, "password": me.admin.password}), {"session.opened"})
           for path in ("/v1/login", "/v1/login2")},
        **{f"POST {path}": lambda me, path=path: (me.fresh().request("POST", path), {"session.ended"}) for path in ("/v1/logout", "/v1/logout2")},
        **{f"PUT {path}": lambda me, path=path: me._recover(path) for path in ("/v1/forgotpassword", "/v1/forgotpassword2")},
        **{f"PUT {path}": lambda me, path=path: me._change_password(path) for path in ("/v1/password", "/v1/password2")},
        **{f"PUT {path}": lambda me, path=path: (me.call("PUT", path, body={"name": unique("Ann")}), {"account.changed"})
           for path in ("/v1/user", "/v1/user2")},
        **{f"DELETE {path}": lambda me, path=path: me._delete_account(path) for path in ("/v1/user", "/v1/user2")},
        "PUT /v1/user/custom_data": lambda me: (me.call("PUT", "/v1/user/custom_data", body={unique("k"): {"value": 1}}), {"account.data_changed"}),
        "DELETE /v1/user/sessions": lambda me: me._end_session(),
        "PUT /v1/user/nodes": lambda me: me._texts("PUT"),
        "DELETE /v1/user/nodes": lambda me: me._texts("DELETE"),
        **{f"PUT /v1/user/{of}/sharing": lambda me, of=of: (me._invite(of, "guest@example.org")[0], {"sharing.requested"})
           for of in ("nodes", "node_group")},
        **{f"DELETE /v1/user/{of}/sharing": lambda me, of=of: me._unshare(of) for of in ("nodes", "node_group")},
        **{f"{method} /v1/user/{of}/sharing/requests": lambda me, of=of, method=method: me._request(of, method)
           for of in ("nodes", "node_group") for method in ("PUT", "DELETE")},
        "POST /v1/user/node_group": lambda me: (me.call("POST", "/v1/user/node_group", body={"group_name": "Home"}),
                                                {"group.made", "group.joined"}),
        "PUT /v1/user/node_group": lambda me: (me.call("PUT", "/v1/user/node_group", {"group_id": me._group()}, {
            "group_name": "House", "operation": "add", "nodes": [me.bare(me.admin)]}), {"group.changed", "group.node_added"}),
        "DELETE /v1/user/node_group": lambda me: (me.call("DELETE", "/v1/user/node_group", {"group_id": me._group()}), {"group.deleted"}),
        "POST /v1/user/keys": lambda me: (me.key(), {"key.made"}),
        "DELETE /v1/user/keys": lambda me: (me.call("DELETE", "/v1/user/keys", {"key_id": me.key().json()["key_id"]}), {"key.revoked"}),
        "PUT /v1/user/nodes/params": lambda me: (me.call("PUT", "/v1/user/nodes/params", body=[
            {"node_id": me.bare(me.admin), "payload": {"Light": {"Power": True}}}]), {"node.params_set"}),
        "PUT /v1/user/nodes/mapping": lambda me: (me.call("PUT", "/v1/user/nodes/mapping", body={
            "node_id": me.bare(me.admin), "operation": "remove"}), {"node.unmapped"}),
        "PUT /v1/admin/nodes": lambda me: (me.call("PUT", "/v1/admin/nodes", {"node_id": me.bare(), "activate": "false"}), {"node.suspended"}),
        "DELETE /v1/admin/nodes": lambda me: (me.call("DELETE", "/v1/admin/nodes", {"node_id": me.bare()}), {"node.deleted"}),
        "POST /v1/admin/nodes/revoke": lambda me: (me.call("POST", "/v1/admin/nodes/revoke", body={"node_id": me.bare()}), {"node.revoked"}),
        "POST /v1/admin/nodes/transfer": lambda me: (me.call("POST", "/v1/admin/nodes/transfer", body={
            "node_id": me.bare(), "user_name": me.admin.name}), {"node.mapped"}),
        "PUT /v1/admin/user": lambda me: (me.call("PUT", "/v1/admin/user", body={"user_name": me._other().name, "role": "viewer"}),
                                          {"account.role_changed", "session.ended"}),
        "DELETE /v1/admin/user": lambda me: (me.call("DELETE", "/v1/admin/user", {"user_name": me._other().name}), {"account.deleted"}),
        "POST /v1/admin/node_ids": lambda me: (me.call("POST", "/v1/admin/node_ids", body={"node_count": 1}), {"registration.opened"}),
        "GET /v1/admin/node_certificates/register": lambda me: (me.call("GET", "/v1/admin/node_certificates/register", {
            "file_name": "nodes.csv"}), {"registration.opened"}),
        "POST /v1/admin/broker": lambda me: me._with_broker(lambda name, added: (added, {"broker.added"})),
        "PUT /v1/admin/broker": lambda me: me._with_broker(lambda name, _: (
            me.call("PUT", "/v1/admin/broker", body={"broker": name, "state": "draining"}), {"broker.draining"})),
        "DELETE /v1/admin/broker": lambda me: me._with_broker(lambda name, _: (
            me.call("DELETE", "/v1/admin/broker", {"broker": name}), {"broker.gone"})),
        "PUT /v1/admin/self_claim": lambda me: (me._list_device()[1], {"self_claim.listed"}),
        "DELETE /v1/admin/self_claim": lambda me: (me.call("DELETE", "/v1/admin/self_claim", {"mac_addr": me._list_device()[0]}), {"self_claim.unlisted"}),
    }
    # Shown elsewhere, since what they need takes a device, a file or a node: the event is the same trigger's as of a row above.
    ELSEWHERE = {
        "POST /v1/user/nodes/mapping/initiate": "a challenge is nothing by itself",
        "POST /v1/user/nodes/mapping/verify": "needs a node's key: node.mapped, tests/sql/test_audit.py",
        "POST /claim/verify": "certificate.recorded: below, by the operator's route",
        "POST /v1/admin/nodes/certificate": "below: it needs a signed request",
        "POST /v1/admin/node_certificates/register": "needs an upload: registration.in_progress, tests/sql/test_audit.py",
        "POST /v1/oidc/token": "needs a provider: session.opened, test_oidc.py",
        "POST /v1/oauth2/token": "the same",
        "PUT /v1/admin/node_certificates/file": "needs an address: registration.uploaded, tests/sql/test_audit.py",
    }


CHANGING = [str(row) for row in rows() if row.method != "GET" or row.who == "OPERATOR"]
BY_NOBODY = {"POST /v1/user", "POST /v1/user2", "PUT /v1/forgotpassword", "PUT /v1/forgotpassword2"}


def test_no_row_that_changes_something_is_forgotten():
    assert set(CHANGING) == set(Doings.WAYS) | set(Doings.ELSEWHERE)


@pytest.mark.parametrize("row", sorted(Doings.WAYS))
def test_the_call_leaves_an_event_that_says_who_how_from_where_and_in_which_request(stack, admin, bare, row):
    answer, actions, *who = Doings(stack, admin, bare).do(row)
    doer = who[0] if who else admin
    assert answer.status_code == 200, answer.text
    events = [event for event in events_of(stack, answer) if event[1] in actions]
    assert {event[1] for event in events} == actions, events_of(stack, answer)
    for _, action, user, via, source, _, _ in events:
        assert source == "127.0.0.1"
        if row not in BY_NOBODY and action != "session.opened":
            assert (user, via) == (doer.id, "session")


def test_an_ordered_certificate_leaves_an_event(stack, admin, bare):
    node_id = bare()
    csr = make_csr(node_id)
    answer = admin.request("POST", "/v1/admin/nodes/certificate", json={"node_id": node_id, "csr": csr})
    assert answer.status_code == 200, answer.text
    assert ("security", "certificate.recorded", admin.id, "session", "127.0.0.1", "node", node_id) in events_of(stack, answer)


def test_what_a_key_did_says_so(stack, admin, bare):
    key = admin.request("POST", "/v1/user/keys", json={"name": "k", "scopes": ["fleet:write"]}).json()["key"]
    node_id = bare()
    answer = stack.request("DELETE", "/v1/admin/nodes", params={"node_id": node_id}, headers={"Authorization": key})
    assert events_of(stack, answer) == [("security", "node.deleted", admin.id, "key", "127.0.0.1", "node", node_id)]


@pytest.mark.parametrize("row", sorted(set(CHANGING) - {"POST /v1/logout", "POST /v1/logout2"}))
def test_a_call_that_failed_leaves_no_event(stack, admin, row):
    from matrixkit import EXAMPLES

    method, path = row.split()
    example = EXAMPLES[row]
    answer = admin.request(method, path, params=example.query, json=example.body)
    if answer.status_code != 200:
        assert [event for event in events_of(stack, answer) if event[0] == "change" or event[1].startswith("node.")] == []


def test_a_refusal_by_role_or_scope_is_a_security_event(stack, user, admin):
    answer = user.get("/v1/admin/nodes")
    assert answer.status_code == 403
    assert events_of(stack, answer) == [("security", "access.denied", user.id, "session", "127.0.0.1", "route", "GET /v1/admin/nodes")]
    key = admin.request("POST", "/v1/user/keys", json={"name": "k", "scopes": ["user:read"]}).json()["key"]
    answer = stack.request("DELETE", "/v1/admin/nodes", params={"node_id": "x"}, headers={"Authorization": key})
    assert [event[:4] for event in events_of(stack, answer)] == [("security", "access.denied", admin.id, "key")]


def test_refusals_cannot_fill_the_audit(stack, new_user):
    user = stack.user()
    for _ in range(30):
        assert user.get("/v1/admin/nodes").status_code == 403
    ((n,),) = stack.sql("SELECT count(*) FROM audit_event WHERE action = 'access.denied' AND user_id = %s", user.id)
    assert 10 <= n < 20


def test_a_request_without_a_good_token_leaves_nothing(stack):
    answer = stack.request("DELETE", "/v1/admin/nodes", headers={"Authorization": "x.y.z"})
    assert answer.status_code == 401 and events_of(stack, answer) == []


# --- to read it -------------------------------------------------------------------------------------------------------


def listed(admin, **query):
    answer = admin.get(AUDIT, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()["events"]


def test_an_administrator_reads_who_did_what(stack, admin, bare):
    node_id = bare()
    answer = admin.request("POST", "/v1/admin/nodes/revoke", json={"node_id": node_id, "reason": "lost"})
    (event,) = listed(admin, node_id=node_id, action="node.revoked")
    assert event == {"event_id": event["event_id"], "timestamp": event["timestamp"], "kind": "security", "action": "node.revoked",
                     "user_id": admin.id, "user_name": admin.name, "via": "session", "source": "127.0.0.1",
                     "request_id": answer.headers["X-Request-Id"], "object_kind": "node", "object_id": node_id, "detail": {}}
    now_ms = stack.sql("SELECT us_of(now()) / 1000")[0][0]
    assert 0 <= now_ms - event["timestamp"] < 60000


def test_filters_narrow_and_pages_go_from_the_newest_without_a_gap(stack, admin, bare):
    nodes = [bare() for _ in range(5)]
    for node_id in nodes:
        admin.request("DELETE", "/v1/admin/nodes", params={"node_id": node_id})
    query = {"user_name": admin.name, "action": "node.deleted", "num_records": "2"}
    found = []
    while True:
        page = admin.get(AUDIT, **query).json()
        found += [event["object_id"] for event in page["events"]]
        if "next_id" not in page:
            break
        assert len(page["events"]) == 2
        query["start_id"] = page["next_id"]
    assert found[:5] == nodes[::-1]
    assert {event["user_id"] for event in listed(admin, user_id=admin.id)} == {admin.id}
    assert {event["kind"] for event in listed(admin, kind="change")} == {"change"}
    assert listed(admin, object_kind="node", object_id=nodes[0]) == listed(admin, node_id=nodes[0])
    assert listed(admin, node_id=nodes[0], since="4000000000") == [] == listed(admin, node_id=nodes[0], until="1000000000")
    assert len(listed(admin, node_id=nodes[0], since="1000000000", until="4000000000")) == len(listed(admin, node_id=nodes[0]))


@pytest.mark.parametrize("query, code", [
    ({"kind": "other"}, 107004), ({"action": "A"}, 107004), ({"user_id": "x"}, 107004), ({"object_kind": "'"}, 107004),
    ({"object_id": "ä"}, 107004), ({"user_name": "x"}, 101002), ({"since": "-1"}, 102001), ({"start_id": "0"}, 102001),
    ({"num_records": "0"}, 102001), ({"node_id": "a", "nodeid": "b"}, 102001),
])
def test_a_filter_that_is_none_is_refused(admin, query, code):
    answer = admin.get(AUDIT, **query)
    assert (answer.status_code, answer.json()["error_code"]) == (400, code)


def test_a_page_has_a_hundred_events_at_most(admin):
    assert len(listed(admin, num_records="1000")) <= 100


# --- the command line -------------------------------------------------------------------------------------------------


def cli_events(stack, *options):
    return json.loads(stack.cli("--output", "json", "audit", *options).stdout)["events"]


def test_the_command_line_shows_the_same(stack, admin, bare):
    node_id = bare()
    admin.request("DELETE", "/v1/admin/nodes", params={"node_id": node_id})
    (by_rest,) = listed(admin, node_id=node_id, action="node.deleted")
    (event,) = cli_events(stack, "--node", node_id, "--action", "node.deleted", "--user", admin.name, "--kind", "security")
    assert event.pop("at") and by_rest.pop("timestamp")
    assert str(event.pop("event_id")) == by_rest.pop("event_id") and event == by_rest
    assert node_id in stack.cli("audit", "--node", node_id).stdout
    assert cli_events(stack, "--node", node_id, "--since", "2096-01-01") == []
    assert cli_events(stack, "--node", node_id, "--until", "1999-01-01T12:00:00Z") == []


def test_the_command_line_shows_more_than_a_page(stack, admin):
    for _ in range(3):
        stack.sql("INSERT INTO audit_event (kind, action, via, object_kind, object_id)"
                  " SELECT 'change', 'test.paged', 'test', 'test', n::text FROM generate_series(1, 50) n")
    events = cli_events(stack, "--action", "test.paged", "--limit", "1000")
    assert len(events) == 150 and [event["event_id"] for event in events] == sorted((event["event_id"] for event in events), reverse=True)
    assert len(cli_events(stack, "--action", "test.paged")) == 100
    assert len(cli_events(stack, "--action", "test.paged", "--limit", "7")) == 7


@pytest.mark.parametrize("options", [("--kind", "other"), ("--since", "yesterday"), ("--limit", "0"), ("--user", "x"), ("--node", "a b")])
def test_the_command_line_refuses_what_is_no_filter(stack, options):
    answer = stack.cli("audit", *options, check=False)
    assert answer.returncode == 1 and answer.stdout == "" and answer.stderr.startswith("cistern: ")


@pytest.mark.parametrize("words", [(), ("--output", "json")])
def test_the_command_line_follows_what_comes_each_event_once(stack, admin, bare, words):
    run = subprocess.Popen([stack.ready["cli"], *words, "audit", "--follow", "--action", "test.followed"], stdout=subprocess.PIPE, text=True)
    try:
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in run.stdout], daemon=True).start()
        stop = time.monotonic() + DEADLINE_S
        seen = []
        for n in itertools.count():
            stack.sql("INSERT INTO audit_event (kind, action, via, object_kind, object_id) VALUES ('change', 'test.followed', 'test', 'test', %s)",
                      f"event-{n}-of-it")
            with contextlib.suppress(queue.Empty):
                while True:
                    seen.append(re.search(r"event-([0-9]+)-of-it", lines.get(timeout=0.2))[1])
            if len(seen) >= 3:
                break
            assert time.monotonic() < stop
    finally:
        run.terminate()
        run.wait(DEADLINE_S)
    numbers = [int(number) for number in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_pruning_as_the_owner_forgets_the_old_and_says_so(stack):
    stack.sql("INSERT INTO audit_event (at, kind, action, via, object_kind, object_id)"
              " VALUES ('2001-01-01', 'change', 'test.old', 'test', 'test', '')")
    told = json.loads(stack.cli("--output", "json", "audit", "prune", "--before", "2001-06-01").stdout)
    assert told == {"before": "2001-06-01T00:00:00Z", "events": 1, "result": "pruned"}
    assert cli_events(stack, "--action", "test.old") == []
    newest = cli_events(stack, "--action", "audit.pruned", "--limit", "1")[0]
    assert newest["detail"]["events"] == 1 and newest["via"] == "cistern"
