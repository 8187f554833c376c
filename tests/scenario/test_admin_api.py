"""The administrator's REST calls: who may, what they refuse, what they tell and do (docs/api.md)."""

import json

import pytest
import requests

from factorykit import key, request as make_csr
from stackkit import LAMP, unique, wait_for

NODES = "/v1/admin/nodes"
REGISTER = "/v1/admin/node_certificates/register"

# Every route, with a call that is good but for who asks.
CALLS = [
    ("GET", NODES, {}, None),
    ("PUT", NODES, {"node_id": "nobody-1", "activate": "true"}, None),
    ("DELETE", NODES, {"node_id": "nobody-1"}, None),
    ("POST", NODES + "/revoke", {}, {"node_id": "nobody-1"}),
    ("POST", NODES + "/transfer", {}, {"node_id": "nobody-1", "user_name": "a@example.org"}),
    ("GET", NODES + "/certificates", {"node_id": "nobody-1"}, None),
    ("POST", NODES + "/certificate", {}, {"node_id": "nobody-1", "csr": "x"}),
    ("GET", NODES + "/connections", {"node_id": "nobody-1"}, None),
    ("GET", "/v1/admin/broker", {}, None),
    ("POST", "/v1/admin/node_ids", {}, {"node_count": 1}),
    ("GET", "/v1/admin/node_ids", {"request_id": "x"}, None),
    ("GET", REGISTER, {"file_name": "x"}, None),
    ("POST", REGISTER, {}, {"file_name": "x", "file_md5": "y"}),
    ("GET", "/v1/admin/mqtt_host", {}, None),
    ("GET", "/v1/admin/node_group", {"group_name": "x"}, None),
    ("GET", "/v1/admin/rainmaker_deployment_details", {"pre_requisite": "True"}, None),
]
OF_A_NODE = [call for call in CALLS if "nobody-1" in json.dumps(call)]


@pytest.fixture(scope="module")
def admin(stack):
    return stack.admin()


@pytest.fixture
def bare(stack):
    made = []

    def make(n=1):
        ids = [unique("adm") for _ in range(n)]
        for node_id in ids:
            stack.sql("INSERT INTO node (node_id) VALUES (%s)", node_id)
        made.extend(ids)
        return ids[0] if n == 1 else ids

    yield make
    stack.sql("DELETE FROM node WHERE node_id = ANY(%s)", made)


def call(user, method, path, query, body):
    return user.request(method, path, params=query, json=body)


def failure(answer, status, code):
    told = answer.json()
    assert (answer.status_code, told["status"], told["error_code"]) == (status, "failure", code), answer.text
    return told["description"]


# --- who --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method, path, query, body", CALLS)
def test_without_a_token_it_is_401(stack, method, path, query, body):
    answer = stack.request(method, path, params=query, json=body)
    failure(answer, 401, 101017)


@pytest.mark.parametrize("method, path, query, body", CALLS)
def test_for_a_plain_user_it_is_403_and_nothing_happens(stack, user, method, path, query, body):
    before = stack.sql("SELECT count(*) FROM registration")
    failure(call(user, method, path, query, body), 403, 102005)
    assert stack.sql("SELECT count(*) FROM registration") == before


@pytest.mark.parametrize("method, path, query, body", OF_A_NODE)
@pytest.mark.parametrize("node_id", ["nobody-1", "a b", "+", "x" * 65])
def test_an_unknown_node_is_404_whatever_its_form(admin, method, path, query, body, node_id):
    query = query | {"node_id": node_id} if "node_id" in query else query
    body = body | {"node_id": node_id} if body else None
    failure(call(admin, method, path, query, body), 404, 107001)


@pytest.mark.parametrize("method, path, query, body", OF_A_NODE)
def test_a_call_that_names_no_node_is_400(admin, method, path, query, body):
    query = {name: value for name, value in query.items() if name != "node_id"}
    body = {name: value for name, value in body.items() if name != "node_id"} if body else None
    failure(call(admin, method, path, query, body), 400, 105002)


@pytest.mark.parametrize("method, path, query, body, code", [
    ("GET", NODES, {"status": "lost"}, None, 107004),
    ("GET", NODES, {"start_id": "a b"}, None, 107004),
    ("GET", NODES, {"num_records": "0"}, None, 102001),
    ("GET", NODES, {"expiring_days": "-1"}, None, 102001),
    ("PUT", NODES, {"node_id": "n"}, None, 107004),
    ("PUT", NODES, {"node_id": "n", "activate": "perhaps"}, None, 102001),
    ("POST", NODES + "/revoke", {}, {"node_id": "n", "reason": "x" * 65}, 107004),
    ("POST", NODES + "/revoke", {}, {"node_id": 7}, 100006),
    ("POST", NODES + "/revoke", {}, [], 100006),
    ("POST", NODES + "/transfer", {}, {"node_id": "n"}, 101002),
    ("POST", NODES + "/transfer", {}, {"node_id": "n", "user_name": "x"}, 101002),
    ("POST", NODES + "/certificate", {}, {"node_id": "n"}, 107004),
    ("GET", NODES + "/certificates", {"state": "lost"}, None, 107004),
    ("GET", NODES + "/certificates", {"state": "expiring", "start_id": "x"}, None, 107004),
    ("GET", NODES + "/certificates", {"state": "expired", "start_id": "1.x"}, None, 107004),
    ("GET", NODES + "/connections", {"node_id": "n", "start_id": "x"}, None, 102001),
    ("POST", "/v1/admin/node_ids", {}, {"node_count": 0}, 107004),
    ("POST", "/v1/admin/node_ids", {}, {"node_count": 100001}, 107004),
    ("POST", "/v1/admin/node_ids", {}, {"node_count": "7"}, 107004),
    ("POST", "/v1/admin/node_ids", {}, {}, 107004),
    ("GET", "/v1/admin/node_ids", {}, None, 107004),
    ("GET", REGISTER, {}, None, 107004),
    ("GET", REGISTER, {"file_name": "x" * 256}, None, 107004),
    ("POST", REGISTER, {}, {"file_name": "x"}, 107004),
    ("POST", REGISTER, {}, {"file_md5": "x"}, 107004),
])
def test_bad_input_is_400(admin, method, path, query, body, code):
    failure(call(admin, method, path, query, body), 400, code)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_has_the_fields_of_the_public_api_and_ours(stack, admin, bare):
    node_id = bare()
    config = json.dumps(LAMP | {"node_id": node_id})
    stack.sql("INSERT INTO node_config (node_id, config, node_name, node_type, model, fw_version, received_at) "
              "VALUES (%s, %s, 'Hall', 'Lightbulb', 'one', '1.2.0', now())", node_id, config)
    stack.sql("UPDATE node SET address = '192.0.2.1', session_no = 9, presence_at = to_timestamp(1767225600.123) "
              "WHERE node_id = %s", node_id)
    told = admin.get(NODES, node_id=node_id).json()
    assert told["nodes"] == [node_id] and told["total"] == 1 and "next_id" not in told
    info = told["node_info"][0]
    assert abs(info.pop("registration_timestamp") - stack.sql("SELECT extract(epoch FROM now())::bigint")[0][0]) < 60
    assert info == {
        "node_id": node_id, "name": "Hall", "fw_version": "1.2.0", "type": "Lightbulb", "model": "one",
        "node_status": "active", "status": {"connectivity": {"connected": False, "timestamp": 1767225600123}},
        "address": "192.0.2.1", "session_no": 9, "user_count": 0,
    }
    node = stack.node()
    certificate = admin.get(NODES, node_id=node.id).json()["node_info"][0]["certificate"]
    ((serial, not_after),) = stack.sql("SELECT serial, extract(epoch FROM not_after)::bigint FROM node_certificate "
                                       "WHERE node_id = %s", node.id)
    assert certificate == {"serial": serial, "state": certificate["state"], "not_after": not_after}
    assert certificate["state"] in ["pending", "active"]


def test_pages_go_by_key_and_the_last_has_no_next(admin, bare, stack):
    ids = sorted(bare(7))
    stack.sql("INSERT INTO node_config (node_id, config, model, received_at) "
              "SELECT node_id, '{}', %s, now() FROM node WHERE node_id = ANY(%s)", ids[0], ids)
    found, start = [], {}
    for size in [3, 3, 1]:
        page = admin.get(NODES, model=ids[0], num_records=3, **start).json()
        assert (len(page["nodes"]), page["total"]) == (size, 7)
        found += page["nodes"]
        start = {"start_id": page.get("next_id")}
    assert found == ids and start == {"start_id": None}


def test_filters_narrow_the_list(stack, admin, bare):
    held, gone, lost = bare(3)
    stack.sql("UPDATE node SET connected = true WHERE node_id = %s", lost)
    stack.sql("SELECT node_suspend(%s, true)", held)
    stack.sql("SELECT node_revoke(%s, 'x')", gone)
    for each, version in [(held, "v1"), (gone, "v2"), (lost, "v2")]:
        stack.sql("INSERT INTO node_config (node_id, config, model, node_type, fw_version, received_at) "
                  "VALUES (%s, '{}', %s, %s, %s, now())", each, lost, lost, version)

    def found(**query):
        return set(admin.get(NODES, model=lost, **query).json()["nodes"])

    assert found(status="suspended") == {held}
    assert found(status="revoked") == {gone}
    assert found(status="active") == {lost}
    assert found(status="online") == {lost}
    assert found(status="offline") == {held, gone}
    assert found(fw_version="v2") == {gone, lost}
    assert found(fw_version="v2", status="revoked", type=lost) == {gone}
    assert found(type="other") == set()


# --- standing ---------------------------------------------------------------------------------------------------------


def test_suspend_cuts_a_node_and_resume_lets_it_in_again(stack, admin):
    node = stack.node()
    client = node.raw()
    told = admin.request("PUT", NODES, params={"node_id": node.id, "activate": "False"}).json()
    assert told == {"status": "success", "description": "Node suspended", "in_force": "broker"}
    client.wait_closed(1.0)
    with pytest.raises(ConnectionError):
        node.raw()
    told = admin.request("PUT", NODES, params={"nodeid": node.id, "activate": "true"}).json()
    assert told == {"status": "success", "description": "Node resumed", "in_force": "broker"}
    node.raw().disconnect()


def test_revoke_is_for_good_and_says_why(stack, admin, bare):
    node_id = bare()
    for _ in range(2):
        told = admin.request("POST", NODES + "/revoke", json={"node_id": node_id, "reason": "lost"})
        assert told.json()["description"] == "Node revoked"
    description = failure(admin.request("PUT", NODES, params={"node_id": node_id, "activate": "true"}), 409, 107002)
    assert description == "Not possible in the node's present state"
    assert stack.sql("SELECT revoked_at IS NOT NULL FROM node WHERE node_id = %s", node_id) == [(True,)]


def test_delete_frees_the_id_and_keeps_its_certificates_refused(stack, admin):
    node = stack.node()
    ((fingerprint,),) = stack.sql("SELECT fingerprint FROM node_certificate WHERE node_id = %s", node.id)
    assert admin.request("DELETE", NODES, params={"node_id": node.id}).json()["description"] == "Node deleted"
    failure(admin.request("DELETE", NODES, params={"node_id": node.id}), 404, 107001)
    assert stack.sql("SELECT lifted FROM revocation WHERE value = %s", fingerprint) == [(False,)]
    with pytest.raises(ConnectionError):
        node.raw()


def test_transfer_takes_it_from_everybody_else(stack, admin, bare, new_user):
    node_id, first, second = bare(), new_user(), new_user()
    stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", node_id, first.id)
    body = {"node_id": node_id, "user_name": second.name}
    assert admin.request("POST", NODES + "/transfer", json=body).json()["status"] == "success"
    assert first.get("/v1/user/nodes").json()["nodes"] == []
    assert second.get("/v1/user/nodes").json()["nodes"] == [node_id]
    body["user_name"] = "nobody@example.org"
    failure(admin.request("POST", NODES + "/transfer", json=body), 404, 107003)


def test_without_the_broker_it_is_recorded_and_pending(own_stack):
    stack = own_stack()
    node = stack.node()
    stack.sql("UPDATE broker_state SET revocation_version = 0")  # the broker has not confirmed anything
    stack.sql("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
    stack.sql("CREATE TRIGGER keep BEFORE UPDATE OR INSERT ON broker_state FOR EACH ROW EXECUTE FUNCTION keep()")
    told = stack.admin().request("POST", NODES + "/revoke", json={"node_id": node.id}).json()
    assert told == {"status": "success", "description": "Node revoked", "in_force": "pending"}
    assert stack.sql("SELECT node_state(n) FROM node n WHERE node_id = %s", node.id) == [("revoked",)]
    # the command line does not leave it at that
    shown = json.loads(stack.cli("--output", "json", "node", "revoke", node.id).stdout)
    assert (shown["recorded"], shown["in_force"]) == (True, "local list")
    assert node.id in (stack.home / "broker" / "revoked.local").read_text().split()


# --- certificates -----------------------------------------------------------------------------------------------------


def test_a_new_request_gets_a_certificate_and_the_old_one_stays(stack, admin):
    node = stack.node()
    before = admin.get(NODES + "/certificates", node_id=node.id).json()["certificates"]
    stack.sql("UPDATE node_certificate SET activated_at = now() WHERE node_id = %s AND activated_at IS NULL", node.id)
    told = admin.request("POST", NODES + "/certificate", json={"node_id": node.id, "csr": make_csr(node.id)}).json()
    assert told["status"] == "success" and told["certificate"].startswith("-----BEGIN CERTIFICATE-----\n")
    after = admin.get(NODES + "/certificates", node_id=node.id).json()["certificates"]
    assert [each["state"] for each in after] == ["pending", "active"]
    assert (after[0]["serial"], after[0]["certificate"]) == (told["serial"], told["certificate"])
    assert after[1]["serial"] == before[0]["serial"]
    assert len(after[0]["fingerprint"]) == 64 and len(after[0]["ca_key_id"]) == 40


def test_a_request_that_is_not_acceptable_is_told_and_nothing_is_issued(stack, admin):
    node, other, private = stack.node(), stack.node(), key()
    url = NODES + "/certificate"
    assert "CN" in failure(admin.request("POST", url, json={"node_id": node.id, "csr": make_csr("other")}), 400, 107005)
    failure(admin.request("POST", url, json={"node_id": node.id, "csr": "rubbish"}), 400, 107005)
    assert admin.request("POST", url, json={"node_id": other.id, "csr": make_csr(other.id, private)}).status_code == 200
    failure(admin.request("POST", url, json={"node_id": node.id, "csr": make_csr(node.id, private)}), 409, 107002)
    stack.sql("SELECT node_suspend(%s, true)", node.id)
    failure(admin.request("POST", url, json={"node_id": node.id, "csr": make_csr(node.id)}), 409, 107002)
    assert len(admin.get(NODES + "/certificates", node_id=node.id).json()["certificates"]) == 1


def test_expiring_and_expired_are_found_in_the_order_of_their_end(stack, admin):
    nodes = [stack.node().id for _ in range(5)]
    for n, node_id in enumerate(nodes):
        stack.sql("UPDATE node_certificate SET not_before = now() - interval '100 days', "
                  "not_after = now() + %s * interval '1 day' WHERE node_id = %s", n - 1.5, node_id)

    def found(**query):
        listed, start = [], {}
        while True:
            page = admin.get(NODES + "/certificates", num_records=1, **query, **start).json()
            listed += [each["node_id"] for each in page["certificates"]]
            if "next_id" not in page:
                return [each for each in listed if each in nodes]
            start = {"start_id": page["next_id"]}

    assert found(state="expired") == nodes[:2]
    assert found(state="expiring", days=2) == nodes[2:4]
    assert found(state="expiring") == nodes[2:]
    stack.sql("SELECT node_revoke(%s, 'x')", nodes[2])
    assert found(state="expiring") == nodes[3:]


# --- history and broker -----------------------------------------------------------------------------------------------


def test_connections_are_listed_from_the_newest_on(stack, admin, bare):
    node_id = bare()
    assert admin.get(NODES + "/connections", node_id=node_id).json() == {"node_id": node_id, "connections": []}
    for n in range(1, 6):
        stack.sql("INSERT INTO node_connection (node_id, session_no, connected_at, address, ended_at, reason) "
                  "VALUES (%s, %s, to_timestamp(1000 + %s), '192.0.2.9', %s, %s)", node_id, n, n,
                  "1970-01-01T01:00:00Z" if n < 5 else None, "keepalive" if n < 5 else None)
    page = admin.get(NODES + "/connections", node_id=node_id, num_records=2).json()
    assert page["connections"] == [
        {"session_no": 5, "connected_at": 1005, "address": "192.0.2.9", "ended_at": None, "reason": ""},
        {"session_no": 4, "connected_at": 1004, "address": "192.0.2.9", "ended_at": 3600, "reason": "keepalive"},
    ]
    rest = admin.get(NODES + "/connections", node_id=node_id, num_records=3, start_id=page["next_id"]).json()
    assert [each["session_no"] for each in rest["connections"]] == [3, 2, 1] and "next_id" not in rest


def test_the_broker_tells_what_it_refuses_and_counts(stack, admin):
    def brokers():
        told = admin.get("/v1/admin/broker").json()["brokers"]
        return told if told and told[0]["in_force"] and told[0]["counters"] else None

    (broker,) = wait_for(brokers, what="the broker's word")
    assert broker["revocation_version"] >= broker["wanted_version"] > 0
    assert broker["revocation"]["alarm"] == "none"
    assert broker["revocation_at"] and broker["counters_at"]


def test_what_the_public_admin_command_line_asks_first_is_answered(stack, admin):
    assert admin.get("/v1/admin/mqtt_host").json() == requests.get(stack.ready["api_url"] + "/mqtt_host", timeout=15).json()
    assert admin.get("/v1/admin/node_group", group_name="x").json() == []
    details = admin.get("/v1/admin/rainmaker_deployment_details", pre_requisite="True").json()
    assert details == {"pre_requisite_details": {"is_super_admin_ses_verified": True, "is_ses_in_production": True}}
