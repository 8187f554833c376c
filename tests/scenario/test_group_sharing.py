"""Sharing of groups (rest.md section 6.1): who is invited to a group has its nodes, those too that come later, and loses all of them with it.
What is the same as with nodes is in test_sharing.py."""

import json
import secrets

import pytest

from stackkit import LAMP, unique, wait_for

SHARING = "/v1/user/node_group/sharing"
REQUESTS = SHARING + "/requests"
NODE_SHARING = "/v1/user/nodes/sharing"
NODES = "/v1/user/nodes"


@pytest.fixture
def ann(new_user):
    return new_user()


@pytest.fixture
def bob(new_user):
    return new_user()


@pytest.fixture
def eve(new_user):
    return new_user()


@pytest.fixture
def group(stack):
    """Makes a group of a user's: top-level, or inside another."""
    made = []

    def make(user, name="Home", parent=None, nodes=()):
        group_id = secrets.token_urlsafe(16)
        stack.sql("INSERT INTO node_group (group_id, parent_id, group_name) VALUES (%s, %s, %s)", group_id, parent, name)
        stack.sql("INSERT INTO group_closure SELECT %s, %s, 0 UNION ALL SELECT %s, ancestor_id, depth + 1 FROM group_closure"
                  " WHERE group_id = %s", group_id, group_id, group_id, parent)
        if not parent:
            stack.sql("INSERT INTO group_user (group_id, user_id, role) VALUES (%s, %s, 'primary')", group_id, user.id)
        for node_id in nodes:
            put_in(stack, user, group_id, node_id)
        made.append(group_id)
        return group_id

    yield make
    stack.sql("DELETE FROM sharing_request")
    stack.sql("DELETE FROM node_group WHERE group_id = ANY(%s)", made)


@pytest.fixture
def herd(stack):
    made = []

    def make(user, n=1):
        ids = sorted(f"{unique('grouped')}-{i:03d}" for i in range(n))
        for node_id in ids:
            stack.sql("WITH n AS (INSERT INTO node (node_id) VALUES (%s) RETURNING node_id) "
                      "INSERT INTO node_user (node_id, user_id, role) SELECT node_id, %s, 'primary' FROM n", node_id, user.id)
        made.extend(ids)
        return ids

    yield make
    stack.sql("DELETE FROM node WHERE node_id = ANY(%s)", made)


def put_in(stack, user, group_id, node_id):
    stack.sql("INSERT INTO group_node (group_id, node_id, added_by) VALUES (%s, %s, %s)", group_id, node_id, user.id)


def done(answer):
    assert answer.status_code == 200 and answer.json()["status"] == "success", answer.text
    return answer.json()


def failed(answer, status, code):
    assert (answer.status_code, answer.json()["status"], answer.json()["error_code"]) == (status, "failure", code), answer.text
    return True


def invite(sender, receiver, groups, **more):
    return sender.put(SHARING, {"groups": groups, "user_name": receiver.name, **more})


def respond(user, request_id, accept=True):
    return user.put(REQUESTS, {"accept": accept, "request_id": request_id})


def share(sender, receiver, groups, **more):
    request_id = done(invite(sender, receiver, groups, **more))["request_id"]
    done(respond(receiver, request_id))
    return request_id


def end(user, name, groups):
    return user.request("DELETE", SHARING, params={"groups": ",".join(groups), "user_name": name})


def listed(user, **query):
    answer = user.get(SHARING, **query)
    assert answer.status_code == 200, answer.text
    return {each["group_id"]: each for each in answer.json()["group_sharing"]}


def seen(answer):
    headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "X-Request-Id")}
    return answer.status_code, headers, answer.content


def reaches(user, node_id):
    """Whether the user can read the node's parameters."""
    answer = user.get(f"{NODES}/params", node_id=node_id)
    assert answer.status_code == 200 or failed(answer, 404, 105001)
    return answer.status_code == 200


def test_an_invitation_to_a_group_names_it_and_gives_its_nodes_also_those_that_come_later(stack, ann, bob, group, herd):
    first, later = herd(ann, 2)
    home = group(ann, "Home", nodes=[first])
    told = done(invite(ann, bob, [home], metadata={"k": 1}, sub_role="2"))
    for user, which in ((ann, "true"), (bob, "False")):
        (found,) = user.get(REQUESTS, primary_user=which).json()["sharing_requests"]
        assert {"request_id": told["request_id"], "request_status": "pending", "group_ids": [home], "group_names": ["Home"],
                "user_name": bob.name, "primary_user_name": ann.name, "user_role": "secondary", "metadata": {"k": 1}}.items() <= found.items()
        assert type(found["request_timestamp"]) is int
    assert not reaches(bob, first)
    done(respond(bob, told["request_id"]))
    assert reaches(bob, first) and not reaches(bob, later)
    put_in(stack, ann, home, later)
    assert reaches(bob, later)


def test_invitations_to_nodes_and_to_groups_are_apart(ann, bob, group, herd):
    (node,) = herd(ann)
    to_group = done(invite(ann, bob, [group(ann)]))["request_id"]
    to_node = done(ann.put(NODE_SHARING, {"nodes": [node], "user_name": bob.name}))["request_id"]
    for path, other in ((REQUESTS, to_node), (NODE_SHARING + "/requests", to_group)):
        assert other not in bob.get(path).text and failed(bob.get(path, request_id=other), 404, 108001)
        assert failed(bob.put(path, {"accept": True, "request_id": other}), 404, 108001)
        assert failed(ann.request("DELETE", path, params={"request_id": other}), 404, 108001)


def test_a_foreign_group_is_answered_byte_for_byte_like_an_unknown_one(ann, bob, eve, group):
    own, foreign, unknown = group(ann), group(eve), secrets.token_urlsafe(16)
    for ids in ([{}], [own, {}]):
        one, two, odd = ([each if isinstance(each, str) else name for each in ids] for name in (foreign, unknown, "a b"))
        assert seen(invite(ann, bob, one)) == seen(invite(ann, bob, two)) == seen(invite(ann, bob, odd))
        assert seen(end(ann, bob.name, one)) == seen(end(ann, bob.name, two)) == seen(end(ann, bob.name, odd))
        assert failed(invite(ann, bob, one), 404, 108014) and failed(end(ann, bob.name, one), 404, 108014)
    assert seen(ann.get(SHARING, group_id=foreign)) == seen(ann.get(SHARING, group_id=unknown)) == seen(ann.get(SHARING, group_id="é"))
    assert failed(ann.get(SHARING, group_id=foreign), 404, 108014)


@pytest.mark.parametrize("body, code", [({"groups": []}, 108008), ({}, 108008), ({"groups": ["x"] * 26}, 108008), ({"groups": [None]}, 108008),
                                        ({"nodes": ["x"]}, 108008)], ids=json.dumps)
def test_a_body_without_a_list_of_groups_is_refused(ann, body, code):
    assert failed(ann.put(SHARING, {"user_name": "bob@example.org"} | body), 400, code)


def test_a_secondary_user_neither_invites_nor_takes_others_off_and_hands_on_no_node(ann, bob, eve, group, herd):
    (node,) = herd(ann)
    home = group(ann, nodes=[node])
    share(ann, bob, [home])
    share(ann, eve, [home])
    assert failed(invite(bob, eve, [home]), 403, 108015) and failed(end(bob, eve.name, [home]), 403, 108015)
    assert failed(bob.put(NODE_SHARING, {"nodes": [node], "user_name": "fay@example.org"}), 403, 105006)
    assert failed(bob.request("DELETE", NODE_SHARING, params={"nodes": node, "user_name": bob.name}), 404, 108010)  # his by the group only


def test_a_second_primary_user_of_a_group_invites_but_owns_none_of_its_nodes(ann, bob, eve, group, herd):
    (node,) = herd(ann)
    home = group(ann, nodes=[node])
    share(ann, bob, [home], primary=True)
    share(bob, eve, [home])
    assert reaches(eve, node)
    assert failed(bob.put(NODE_SHARING, {"nodes": [node], "user_name": eve.name}), 403, 105006)
    assert failed(end(bob, ann.name, [home]), 403, 108011) and failed(end(ann, bob.name, [home]), 403, 108011)
    assert failed(invite(ann, eve, [home]), 409, 108004) and failed(invite(ann, ann, [home]), 400, 108003)


def test_who_sees_whom_in_a_group(ann, bob, eve, group):
    home = group(ann)
    room = group(ann, "Room", parent=home)
    share(ann, bob, [home], metadata={"who": "neighbour"})
    share(ann, eve, [room])
    assert listed(ann, group_id=home)[home] == {"group_id": home, "group_name": "Home", "mutually_exclusive": False,
                                                "users": {"primary": [ann.name], "secondary": [bob.name]}}
    assert listed(ann)[room]["users"] == {"primary": [ann.name], "secondary": sorted([bob.name, eve.name])}
    assert listed(bob)[room]["users"] == {"primary": [ann.name], "secondary": [bob.name]}
    assert list(listed(eve)) == [room] and listed(eve)[room]["users"] == {"primary": [ann.name], "secondary": [eve.name]}
    assert failed(eve.get(SHARING, group_id=home), 404, 108014)
    users = listed(ann, group_id=home, metadata="True")[home]["users"]
    assert users["secondary_metadata"] == [{"user_name": bob.name, "metadata": {"who": "neighbour"}}]
    assert users["primary_metadata"] == [{"user_name": ann.name, "metadata": {}}]


def test_groups_inside_and_around_are_told_when_asked_for_and_only_to_whom_they_are_shown(ann, eve, group):
    home = group(ann)
    room = group(ann, "Room", parent=home)
    corner = group(ann, "Corner", parent=room)
    share(ann, eve, [room])
    found = listed(ann, group_id=room, sub_groups="true", parent_groups="true")[room]
    assert [each["group_id"] for each in found["sub_groups"]] == [corner] and [each["group_id"] for each in found["parent_groups"]] == [home]
    assert found["sub_groups"][0]["users"] == {"primary": [ann.name], "secondary": [eve.name]}
    found = listed(eve, group_id=room, sub_groups="true", parent_groups="true")[room]
    assert [each["group_id"] for each in found["sub_groups"]] == [corner] and found["parent_groups"] == []
    assert "sub_groups" not in listed(ann, group_id=room)[room]


def test_pages_of_groups_go_by_their_ids(ann, group):
    ids = sorted(group(ann, f"G{i}") for i in range(5))
    found, start = [], {}
    while True:
        body = ann.get(SHARING, num_records=2, **start).json()
        found += [each["group_id"] for each in body["group_sharing"]]
        if "next_id" not in body:
            break
        start = {"start_id": body["next_id"]}
    assert found == ids
    assert ann.get(SHARING, start_id="x").json()["error_code"] == 102001


def test_a_node_that_somebody_has_by_a_group_says_by_which(ann, bob, group, herd):
    (node,) = herd(ann)
    groups = sorted([group(ann, "A", nodes=[node]), group(ann, "B", nodes=[node])])
    share(ann, bob, groups)
    (entry,) = bob.get(NODE_SHARING).json()["node_sharing"]
    assert (entry["node_id"], sorted(entry["sources"])) == (node, groups)
    assert entry["users"] == {"primary": [ann.name], "secondary": [bob.name]}
    (entry,) = ann.get(NODE_SHARING).json()["node_sharing"]
    assert entry["sources"] == ["NODE"] and entry["users"]["secondary"] == [bob.name]


@pytest.mark.parametrize("who", ["owner", "member"])
def test_a_former_member_loses_all_nodes_of_the_group_at_once(ann, bob, group, node, who, stack):
    node.publish("config", LAMP | {"node_id": node.id})
    ann.claim(node)
    node.publish("params/local", {"Light": {"Power": True}})
    home = group(ann, nodes=[node.id])
    share(ann, bob, [home])
    wait_for(lambda: bob.params(node)["Light"] == {"Power": True}, what="the value")
    done(end(ann if who == "owner" else bob, bob.name, [home]))
    assert not reaches(bob, node.id) and bob.get(NODES).json()["nodes"] == [] and listed(bob) == {}
    assert failed(bob.put(f"{NODES}/params", {"Light": {"Power": False}}, node_id=node.id), 404, 105001)
    assert failed(bob.get(SHARING, group_id=home), 404, 108014) and failed(end(bob, bob.name, [home]), 404, 108014)


def test_who_leaves_takes_his_own_nodes_out_of_the_group(stack, ann, bob, group, herd):
    home, (mine,) = group(ann), herd(bob)
    share(ann, bob, [home])
    put_in(stack, bob, home, mine)
    assert reaches(ann, mine)
    done(end(ann, bob.name, [home]))
    assert not reaches(ann, mine) and reaches(bob, mine)


def test_access_by_an_outer_group_is_not_ended_at_the_inner_one(ann, bob, group):
    home = group(ann)
    room = group(ann, "Room", parent=home)
    share(ann, bob, [home])
    assert failed(end(ann, bob.name, [room]), 404, 108010) and failed(end(bob, bob.name, [room]), 404, 108010)


def test_a_transferred_group_is_the_receiver_s_with_its_nodes(ann, bob, eve, group, herd):
    inside, outside = herd(ann, 2)
    home = group(ann)
    room = group(ann, "Room", parent=home, nodes=[inside])
    share(ann, eve, [home])
    assert failed(invite(ann, bob, [room], transfer=True), 403, 108016)
    request_id = share(ann, bob, [home], transfer=True)
    assert listed(ann) == listed(eve) == {} and set(listed(bob)) == {home, room}
    assert bob.get(NODES, node_id=inside).json()["node_details"][0]["role"] == "primary"
    assert not reaches(ann, inside) and not reaches(eve, inside) and reaches(ann, outside) and not reaches(bob, outside)
    (found,) = ann.get(REQUESTS, request_id=request_id).json()["sharing_requests"]
    assert (found["request_status"], found["group_ids"], found["group_names"]) == ("accepted", [home], ["Home"])


def test_the_sender_of_a_transferred_group_may_stay_as_secondary(ann, bob, group, herd):
    (node,) = herd(ann)
    home = group(ann, nodes=[node])
    share(ann, bob, [home], transfer=True, new_role="secondary")
    assert listed(bob)[home]["users"] == {"primary": [bob.name], "secondary": [ann.name]}
    assert reaches(ann, node) and failed(ann.put(NODE_SHARING, {"nodes": [node], "user_name": "fay@example.org"}), 403, 105006)
    done(end(bob, ann.name, [home]))
    assert not reaches(ann, node)


def test_what_a_group_became_later_is_not_told_by_an_invitation_that_was_settled(stack, ann, bob, group):
    home = group(ann)
    request_id = share(ann, bob, [home])
    done(end(ann, bob.name, [home]))
    stack.sql("UPDATE node_group SET group_name = 'Safe house' WHERE group_id = %s", home)
    assert bob.get(REQUESTS, request_id=request_id).json()["sharing_requests"][0]["group_names"] == ["Home"]


def test_a_deleted_group_takes_its_invitations_along(stack, ann, bob, group):
    home = group(ann)
    request_id = done(invite(ann, bob, [home]))["request_id"]
    stack.sql("DELETE FROM node_group WHERE group_id = %s", home)
    assert bob.get(REQUESTS).json()["sharing_requests"] == [] and failed(respond(bob, request_id), 409, 108012)
