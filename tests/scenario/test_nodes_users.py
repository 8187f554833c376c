"""What users write on their nodes, nodes that are shared or come by groups, what comes with a mapping (rest.md 4.1, 4.2 and 4.4)."""

import concurrent.futures
import json
import secrets

import pytest

from proxykit import put_between
from stackkit import LAMP, unique, wait_for

NODES, MAPPING = "/v1/user/nodes", "/v1/user/nodes/mapping"


def write(user, node_id, body, method="PUT"):
    return user.request(method, NODES, params={"node_id": node_id}, data=body if isinstance(body, (str, bytes)) else json.dumps(body))


def ok(answer):
    assert answer.status_code == 200 and answer.json()["status"] == "success", answer.text


def fails(answer, status, code):
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert (body["status"], body["error_code"]) == ("failure", code) and body["description"]


def details(user, node_id):
    (found,) = user.get(NODES, node_id=node_id).json()["node_details"]
    return found


def seen(answer):
    return answer.status_code, {k: v for k, v in answer.headers.items() if k not in ("Date", "X-Request-Id")}, answer.content


@pytest.fixture
def owner(new_user):
    return new_user()


@pytest.fixture
def guest(new_user):
    return new_user()


@pytest.fixture
def stranger(new_user):
    return new_user()


@pytest.fixture
def made(stack):
    """Makes nodes of a user, never connected."""
    ids = []

    def make(user, n=1):
        prefix = unique("made")
        for i in range(n):
            ids.append(f"{prefix}-{i:03d}")
            stack.sql("WITH n AS (INSERT INTO node (node_id) VALUES (%s) RETURNING node_id) INSERT INTO node_user (node_id, user_id, role)"
                      " SELECT node_id, %s, 'primary' FROM n", ids[-1], user.id)
        return ids[-n:]

    yield make
    stack.sql("DELETE FROM node WHERE node_id = ANY(%s)", ids)


@pytest.fixture
def own(owner, made):
    return made(owner)[0]


def share(stack, node_id, by, to):
    stack.sql("INSERT INTO node_user (node_id, user_id, role, granted_by) VALUES (%s, %s, 'secondary', %s)", node_id, to.id, by.id)


@pytest.fixture
def grouped(stack):
    """A group of a user, shared with another, with nodes in it: grouped(owner, guest, ids, role)."""
    groups = []

    def make(user, other, node_ids, role="secondary"):
        group_id = secrets.token_urlsafe(16)
        stack.sql("INSERT INTO node_group (group_id, group_name) VALUES (%s, 'g')", group_id)
        stack.sql("INSERT INTO group_closure VALUES (%s, %s, 0)", group_id, group_id)
        stack.sql("INSERT INTO group_user (group_id, user_id, role) VALUES (%s, %s, 'primary')", group_id, user.id)
        if other:
            stack.sql("INSERT INTO group_user (group_id, user_id, role) VALUES (%s, %s, %s)", group_id, other.id, role)
        for node_id in node_ids:
            stack.sql("INSERT INTO group_node (group_id, node_id, added_by) VALUES (%s, %s, %s)", group_id, node_id, user.id)
        groups.append(group_id)
        return group_id

    yield make
    stack.sql("DELETE FROM node_group WHERE group_id = ANY(%s)", groups)


# --- tags -------------------------------------------------------------------------------------------------------------


def test_tags_are_added_once_each_and_taken_away_by_a_delete_with_a_body(owner, own):
    ok(write(owner, own, {"tags": ["room:hall", "b"]}))
    ok(write(owner, own, {"tags": ["a", "b", "ä, 日本"]}))
    assert details(owner, own)["tags"] == ["a", "b", "room:hall", "ä, 日本"]
    ok(write(owner, own, {"tags": ["a", "not there"]}, "DELETE"))
    assert details(owner, own)["tags"] == ["b", "room:hall", "ä, 日本"]
    (listed,) = owner.get(NODES, node_details="True", show_tags="true").json()["node_details"]
    assert listed["tags"] == ["b", "room:hall", "ä, 日本"]


def test_either_name_of_the_node_id_and_any_content_type_will_do(owner, own):
    answer = owner.request("PUT", NODES, params={"nodeid": own}, data='{"tags":["a"]}', headers={"Content-Type": "text/plain;charset=UTF-8"})
    ok(answer)
    answer = owner.request("DELETE", f"{NODES}?&nodeid={own}", data='{"tags":["a"]}', headers={"Content-Type": "text/plain"})
    ok(answer)
    assert details(owner, own)["tags"] == []


BAD_TAGS = ["a", {"a": 1}, [1], [None], [""], ["a" * 129], ["ä" * 65], ["a\tb"], ["a\n"], ["\x7f"], ["\u0085"], [["a"]]]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("tags", BAD_TAGS, ids=json.dumps)
def test_what_is_no_list_of_tags_is_refused_whole(owner, own, method, tags):
    ok(write(owner, own, {"tags": ["kept"], "metadata": {"k": 1}}))
    fails(write(owner, own, {"metadata": {"k": 2}, "tags": ["kept"] + tags if isinstance(tags, list) else tags}, method), 400, 105010)
    found = details(owner, own)
    assert (found["tags"], found["metadata"]) == (["kept"], {"k": 1})


def test_a_node_has_fifty_tags_at_most(owner, own):
    ok(write(owner, own, {"tags": [f"t{i}" for i in range(50)]}))
    fails(write(owner, own, {"tags": ["one more"], "metadata": {"k": 1}}), 400, 105011)
    fails(write(owner, own, {"tags": [f"x{i}" for i in range(51)]}), 400, 105011)
    ok(write(owner, own, {"tags": ["t7"]}))
    found = details(owner, own)
    assert len(found["tags"]) == 50 and found["metadata"] == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"tags"', '{"tags":["a"],"tags":["b"]}', b"\xff", '{"tags":["\\u0000"]}'])
def test_a_body_that_is_no_object_is_refused(owner, own, method, body):
    fails(write(owner, own, body, method), 400, 100006)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("body", [{}, {"tag": ["a"]}, {"tags": None}, {"operation": "remove"}], ids=json.dumps)
def test_a_body_with_nothing_to_change_is_told_and_takes_nothing_away(owner, own, method, body):
    ok(write(owner, own, {"tags": ["kept"]}))
    fails(write(owner, own, body, method), 400, 105013)
    assert details(owner, own)["tags"] == ["kept"]


# --- metadata ---------------------------------------------------------------------------------------------------------


def test_metadata_is_merged_null_deletes_a_member_and_null_alone_all(owner, own):
    ok(write(owner, own, {"metadata": {"k": "v", "deep": {"a": 1, "b": None}, "n": 21.50, "old": True}}))
    ok(write(owner, own, {"metadata": {"old": None, "deep": {"c": []}, "never": None}}))
    assert details(owner, own)["metadata"] == {"k": "v", "deep": {"c": []}, "n": 21.5}
    ok(write(owner, own, {"metadata": None}))
    assert details(owner, own)["metadata"] == {}


def test_tags_and_metadata_in_one_body_both_work(owner, own):
    ok(write(owner, own, {"tags": ["a"], "metadata": {"k": 1}}))
    found = details(owner, own)
    assert (found["tags"], found["metadata"]) == (["a"], {"k": 1})


@pytest.mark.parametrize("metadata", ["text", 7, [], [{}], True], ids=json.dumps)
def test_metadata_that_is_no_object_is_refused(owner, own, metadata):
    fails(write(owner, own, {"metadata": metadata, "tags": ["a"]}), 400, 105010)
    assert details(owner, own)["tags"] == []


def test_metadata_has_eight_kibibytes_in_all(owner, own):
    ok(write(owner, own, {"metadata": {"a": "x" * 8000}}))
    fails(write(owner, own, {"metadata": {"b": "y" * 200}, "tags": ["t"]}), 400, 105012)
    fails(write(owner, own, {"metadata": {"a": "y" * 9000}}), 400, 105012)
    fails(write(owner, own, {"metadata": {"a": None, "blown up": [1e308] * 40}}), 400, 105012)
    found = details(owner, own)
    assert found["metadata"] == {"a": "x" * 8000} and found["tags"] == []
    ok(write(owner, own, {"metadata": {"a": None, "b": "y" * 200}}))
    assert write(owner, own, json.dumps({"metadata": {"a": "y" * 40000}})).status_code == 413


def test_merges_of_several_clients_at_once_lose_nothing(owner, own):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: write(owner, own, {"metadata": {f"k{i}": i}, "tags": [f"t{i % 10}"]}), range(40)))
    for answer in answers:
        ok(answer)
    found = details(owner, own)
    assert found["metadata"] == {f"k{i}": i for i in range(40)} and found["tags"] == [f"t{i}" for i in range(10)]


# --- who may ----------------------------------------------------------------------------------------------------------


def test_secondary_users_read_what_is_written_and_do_not_write(stack, owner, guest, own):
    share(stack, own, owner, guest)
    ok(write(owner, own, {"tags": ["a"], "metadata": {"k": 1}}))
    for method in ("PUT", "DELETE"):
        fails(write(guest, own, {"tags": ["a"], "metadata": {"k": 2}}, method), 403, 105006)
    found = details(guest, own)
    assert (found["tags"], found["metadata"], found["role"], found["primary"]) == (["a"], {"k": 1}, "secondary", False)


def test_a_stranger_is_answered_as_for_an_unknown_node(owner, stranger, own):
    unknown = unique("nobody").ljust(len(own), "x")
    for method in ("PUT", "DELETE"):
        for body in ({"tags": ["a"]}, {}, "", {"tags": 7}):
            foreign, never = write(stranger, own, body, method), write(stranger, unknown, body, method)
            fails(foreign, 404, 105001)
            assert seen(foreign) == seen(never)
    for tags in ("a", "b,a"):
        assert seen(stranger.get(NODES, node_id=own, tags=tags)) == seen(stranger.get(NODES, node_id=unknown, tags=tags))
    assert details(owner, own)["tags"] == []


def test_a_missing_node_id_is_told(owner):
    for method in ("PUT", "DELETE"):
        fails(owner.request(method, NODES, json={"tags": ["a"]}), 400, 105002)


# --- the list ---------------------------------------------------------------------------------------------------------


def ids_with(user, tags, **more):
    body = user.get(NODES, tags=tags, **more).json()
    assert body["total"] >= len(body["nodes"])
    return body["nodes"]


def test_tags_in_the_query_find_the_nodes_that_have_one_of_them(owner, made):
    one, two, three, four = made(owner, 4)
    ok(write(owner, one, {"tags": ["room:hall"]}))
    ok(write(owner, two, {"tags": ["room:hall", "lamp"]}))
    ok(write(owner, three, {"tags": ["with,comma"]}))
    assert ids_with(owner, "room:hall") == [one, two]
    assert ids_with(owner, "lamp,none") == [two]
    assert ids_with(owner, "lamp,room:hall") == [one, two]
    assert ids_with(owner, "with,comma") == [three]
    assert ids_with(owner, "none") == [] and ids_with(owner, "room") == []
    assert ids_with(owner, "undefined") == [one, two, three, four]
    body = owner.get(NODES, tags="room:hall", num_records=1, node_details="true").json()
    assert (body["nodes"], body["total"], body["next_id"], body["node_details"][0]["tags"]) == ([one], 2, one, ["room:hall"])
    assert owner.get(NODES, tags="lamp", node_id=one).json() == {"nodes": [], "node_details": [], "total": 0}
    assert owner.get(f"{NODES}?tags=%ff").status_code == 400


def test_no_node_is_a_matter_node(owner, made):
    (one,) = made(owner)
    for word in ("true", "True"):
        assert owner.get(NODES, is_matter=word).json() == {"nodes": [], "node_details": [], "total": 0}
    for word in ("false", "False", "undefined", ""):
        assert owner.get(NODES, is_matter=word).json()["nodes"] == [one]
    assert owner.get(NODES, is_matter="perhaps").status_code == 400


def test_the_list_is_own_shared_and_group_nodes_each_once(stack, owner, guest, made, grouped):
    shared, grouped_twice, both = made(owner, 3)
    (own,) = made(guest)
    share(stack, shared, owner, guest)
    share(stack, both, owner, guest)
    grouped(owner, guest, [grouped_twice, both])
    grouped(owner, guest, [grouped_twice], role="primary")
    everything = sorted([own, shared, grouped_twice, both])
    body = guest.get(NODES, node_details="true").json()
    assert (body["nodes"], body["total"]) == (everything, 4)
    assert {each["id"]: each["role"] for each in body["node_details"]} == {own: "primary", shared: "secondary", grouped_twice: "secondary", both: "secondary"}
    assert all(isinstance(each["mapping_timestamp"], int) and each["mapping_timestamp"] > 0 for each in body["node_details"])
    first = guest.get(NODES, num_records=2).json()
    rest = guest.get(NODES, num_records=2, start_id=first["next_id"]).json()
    assert first["nodes"] + rest["nodes"] == everything and "next_id" not in rest


@pytest.mark.parametrize("how", ["shared", "by group"])
def test_a_node_that_is_not_one_s_own_is_read_and_controlled_but_not_removed_as_one_s_own(stack, owner, guest, node, grouped, how):
    node.publish("config", LAMP | {"node_id": node.id})
    owner.claim(node)
    node.subscribe("params/remote")
    node.publish("params/local", {"Light": {"Level": 7}})
    stack.settle()
    if how == "shared":
        share(stack, node.id, owner, guest)
    else:
        grouped(owner, guest, [node.id])
    assert guest.params(node)["Light"] == {"Level": 7}
    assert guest.get(f"{NODES}/config", node_id=node.id).json()["info"] == LAMP["info"]
    assert guest.get(f"{NODES}/status", node_id=node.id).json()["connectivity"]["connected"] is True
    ok(guest.put(f"{NODES}/params", {"Light": {"Power": True}}, node_id=node.id))
    assert json.loads(node.receive()[1]) == {"Light": {"Power": True}}
    (result,) = guest.put(f"{NODES}/params", [{"node_id": node.id, "payload": {"Light": {"Power": False}}}]).json()
    assert result["status"] == "success"
    removed = guest.put(MAPPING, {"node_id": node.id, "operation": "remove"})
    if how == "shared":
        ok(removed)
        assert guest.get(NODES).json()["nodes"] == []
    else:
        fails(removed, 409, 104005)
        assert guest.get(NODES).json()["nodes"] == [node.id]
    assert owner.get(NODES).json()["nodes"] == [node.id]


def test_access_by_a_group_ends_with_the_membership_everywhere_at_once(stack, owner, guest, made, grouped):
    (one,) = made(owner)
    group = grouped(owner, guest, [one])
    assert guest.get(f"{NODES}/status", node_id=one).status_code == 200
    stack.sql("DELETE FROM group_user WHERE group_id = %s AND user_id = %s", group, guest.id)
    for part in ("", "/config", "/status", "/params"):
        fails(guest.get(NODES + part, node_id=one), 404, 105001)
    assert guest.get(NODES).json()["nodes"] == []
    fails(guest.put(f"{NODES}/params", {"Light": {"Power": True}}, node_id=one), 404, 105001)


# --- what comes with a mapping ----------------------------------------------------------------------------------------


def ask(user, node, **more):
    secret = secrets.token_urlsafe(16)
    answer = user.put(MAPPING, {"node_id": node.id, "secret_key": secret, "operation": "add"} | more)
    ok(answer)
    return secret, answer.json()["request_id"]


def say(user, node, secret, **more):
    node.publish("user/mapping", {"node_id": node.id, "user_id": user.id, "secret_key": secret} | more)


def poll(user, request_id):
    return user.get(MAPPING, request_id=request_id, user_request="true").json()


def test_tags_metadata_and_group_are_applied_when_the_node_confirms(stack, owner, node, grouped):
    group = grouped(owner, None, [])
    secret, request = ask(owner, node, tags=["room:hall"], metadata={"k": {"v": 1}, "none": None}, group_id=group)
    assert poll(owner, request) == {"request_status": "requested"}
    say(owner, node, secret)
    owner.wait_mapping(request, "confirmed")
    assert poll(owner, request) == {"request_status": "confirmed"}
    found = details(owner, node.id)
    assert (found["tags"], found["metadata"]) == (["room:hall"], {"k": {"v": 1}})
    assert stack.sql("SELECT node_id FROM group_node WHERE group_id = %s", group) == [(node.id,)]


@pytest.mark.parametrize("whose", ["unknown", "foreign"])
def test_a_group_that_is_not_the_user_s_fails_alone_and_is_told_in_strings(owner, stranger, node, grouped, whose):
    group = grouped(stranger, None, []) if whose == "foreign" else "x" * 22
    secret, request = ask(owner, node, tags=["a"], group_id=group)
    say(owner, node, secret)
    owner.wait_mapping(request, "confirmed")
    found = poll(owner, request)
    assert (found["request_status"], found["error_code"]) == ("confirmed", "103035")
    assert all(isinstance(value, str) for value in found.values())
    assert details(owner, node.id)["tags"] == ["a"]


@pytest.mark.parametrize("more, code", [({"tags": [""]}, 105010), ({"tags": ["x"] * 51}, 105011), ({"metadata": []}, 105010),
                                        ({"metadata": {"k": "v" * 8200}}, 105012), ({"metadata": {"k": [1e308] * 40}}, 105012),
                                        ({"group_id": "a/b"}, 104002), ({"group_id": "x" * 65}, 104002), ({"group_id": 7}, 100006)])
def test_what_could_never_be_applied_is_refused_with_the_request(owner, node, more, code):
    answer = owner.put(MAPPING, {"node_id": node.id, "secret_key": "s", "operation": "add"} | more)
    fails(answer, 400, code)


def test_a_reset_by_the_node_leaves_nothing_of_the_former_users(stack, owner, guest, stranger, node, grouped):
    owner.claim(node)
    share(stack, node.id, owner, guest)
    group = grouped(owner, None, [node.id])
    ok(write(owner, node.id, {"tags": ["a"], "metadata": {"k": 1}}))
    secret, request = ask(stranger, node, tags=["mine"])
    say(stranger, node, secret, reset=True)
    stranger.wait_mapping(request, "confirmed")
    assert [user.get(NODES).json()["nodes"] for user in (owner, guest, stranger)] == [[], [], [node.id]]
    found = details(stranger, node.id)
    assert (found["tags"], found["metadata"]) == (["mine"], {})
    assert stack.sql("SELECT count(*) FROM group_node WHERE group_id = %s", group) == [(0,)]


def test_a_factory_reset_leaves_nothing_of_anybody(stack, owner, guest, node):
    owner.claim(node)
    share(stack, node.id, owner, guest)
    ok(write(owner, node.id, {"tags": ["a"]}))
    _, request = ask(guest, node)
    node.publish("user/mapping", {"node_id": node.id, "user_id": "esp-rmaker", "secret_key": "failed", "reset": True})
    guest.wait_mapping(request, "discarded")
    assert [user.get(NODES).json()["nodes"] for user in (owner, guest)] == [[], []]
    assert stack.sql("SELECT count(*) FROM node_tag WHERE node_id = %s", node.id) == [(0,)]


def test_a_primary_user_s_removal_ends_the_shares_that_he_gave(stack, owner, guest, own):
    share(stack, own, owner, guest)
    ok(owner.put(MAPPING, {"node_id": own, "operation": "remove"}))
    assert [user.get(NODES).json()["nodes"] for user in (owner, guest)] == [[], []]
    fails(owner.put(MAPPING, {"node_id": own, "secret_key": "", "operation": "remove"}), 404, 105001)


# --- one round trip ---------------------------------------------------------------------------------------------------


def test_a_list_of_fifty_nodes_with_details_is_one_round_trip_to_the_database_the_check_of_the_session_included(own_stack):
    stack = own_stack()
    user = stack.user()
    stack.sql("INSERT INTO node (node_id) SELECT 'many' || i FROM generate_series(100, 149) i")
    stack.sql("INSERT INTO node_user (node_id, user_id, role) SELECT node_id, %s, 'primary' FROM node WHERE node_id LIKE 'many%%'", user.id)
    stack.sql("INSERT INTO node_config (node_id, config, received_at) SELECT node_id, %s, now() FROM node WHERE node_id LIKE 'many%%'", json.dumps(LAMP))
    stack.sql("INSERT INTO node_param (node_id, device, param, value, received_at) SELECT node_id, 'Light', 'Power', 'true', now() FROM node"
              " WHERE node_id LIKE 'many%%'")
    proxy = put_between(stack)

    def ask(**query):
        before = proxy.n_syncs
        answer = user.get(NODES, node_details="true", num_records=50, **query)
        return answer, proxy.n_syncs - before

    def quiet():
        """Other threads of the daemon speak with the database too: the fewest of many is what the request takes."""
        found = [ask() for _ in range(30)]
        assert all(answer.status_code == 200 and len(answer.json()["node_details"]) == 50 for answer, _ in found)
        return min(n for _, n in found)

    assert quiet() == 1
