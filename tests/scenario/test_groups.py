"""Groups of nodes: what their users do with them, and what others come to see by them (rest.md section 6)."""

import json

import pytest

from stackkit import LAMP, unique

GROUPS, NODES = "/v1/user/node_group", "/v1/user/nodes"
UNKNOWN = "A" * 22


def make(user, name="Home", **fields):
    answer = user.request("POST", GROUPS, json={"group_name": name} | fields)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["status"] == "success"
    return body["group_id"]


def ask(user, **query):
    answer = user.get(GROUPS, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def group(user, group_id, **query):
    body = ask(user, group_id=group_id, **query)
    assert body["total"] == 1 and not body.get("next_id")
    (found,) = body["groups"]
    assert found["group_id"] == group_id
    return found


def change(user, group_id, **fields):
    return user.put(GROUPS, fields, group_id=group_id)


def delete(user, group_id, **query):
    return user.request("DELETE", GROUPS, params={"group_id": group_id} | query)


def succeeded(answer):
    assert answer.status_code == 200 and answer.json()["status"] == "success", answer.text
    return True


def refused(answer, status, code):
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert (body["status"], body["error_code"]) == ("failure", code) and body["description"]
    return True


def ids(user, **query):
    return [each["group_id"] for each in ask(user, **query)["groups"]]


def in_group(user, group_id):
    return group(user, group_id, node_list="true")["nodes"]


def nodes_of(user):
    return user.get(NODES).json()["nodes"]


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
def nodes(stack):
    """Gives a user n nodes that were never connected."""
    made = []

    def give(user, n=1):
        new = sorted(unique("grouped") for _ in range(n))
        for node_id in new:
            stack.sql("INSERT INTO node (node_id) VALUES (%s)", node_id)
            stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", node_id, user.id)
        made.extend(new)
        return new

    yield give
    stack.sql("DELETE FROM node WHERE node_id = ANY(%s)", made)


@pytest.fixture
def share(stack):
    def with_user(group_id, user, role="secondary"):
        stack.sql("INSERT INTO group_user (group_id, user_id, role) VALUES (%s, %s, %s)", group_id, user.id, role)

    return with_user


# --- making and reading -----------------------------------------------------------------------------------------------


def test_a_group_is_shown_as_it_was_made(ann, nodes):
    mine = nodes(ann, 2)
    said = {"type": "home", "description": "where we live", "mutually_exclusive": True, "custom_data": {"a": [1.50, None]},
            "group_metadata": {"colour": "rot ☀"}}
    home = make(ann, "Haus", parent_group_id="", is_matter=False, nodes=mine, **said)
    assert group(ann, home) == said | {"group_id": home, "group_name": "Haus", "primary": True, "parent_group_id": "",
                                       "is_matter": False, "total": 2}
    assert in_group(ann, home) == mine and nodes_of(ann) == mine


def test_a_name_is_enough_and_the_rest_has_defaults(ann):
    assert group(ann, make(ann, "Home"), node_list="true", node_details="true", sub_groups="true") | {"group_id": ""} == {
        "group_id": "", "group_name": "Home", "type": "", "description": "", "primary": True, "mutually_exclusive": False,
        "parent_group_id": "", "is_matter": False, "total": 0, "group_metadata": {}, "custom_data": {}, "nodes": [],
        "node_details": [], "sub_groups": []}


def test_a_group_that_is_asked_for_as_matter_is_a_plain_one(ann):
    """What the command line sends for every top-level group."""
    home = make(ann, is_matter=True)
    assert group(ann, home, fabric_details="true")["is_matter"] is False
    assert ask(ann, is_matter="true") == {"groups": [], "total": 0} and ids(ann, is_matter="False") == [home]
    assert refused(change(ann, home, is_matter=True), 400, 109009)


def test_numbers_keep_their_form(ann):
    text = '{"group_name":"g","custom_data":{"a":0.10,"b":12345678901234567}}'
    answer = ann.request("POST", GROUPS, data=text, headers={"Content-Type": "text/plain"})
    assert succeeded(answer)
    shown = ann.get(GROUPS, group_id=answer.json()["group_id"]).text
    assert "0.10" in shown and "12345678901234567" in shown


@pytest.mark.parametrize("body", [
    {}, {"group_name": ""}, {"group_name": None}, {"group_name": 5}, {"group_name": "x" * 257}, {"group_name": "☀" * 86},
    {"group_name": "g", "type": 1}, {"group_name": "g", "type": "x" * 65}, {"group_name": "g", "description": "x" * 1025},
    {"group_name": "g", "mutually_exclusive": "yes"}, {"group_name": "g", "custom_data": []}, {"group_name": "g", "group_metadata": "{}"},
    {"group_name": "g", "nodes": "n"}, {"group_name": "g", "nodes": [1]}, {"group_name": "g", "parent_group_id": 7},
])
def test_a_field_of_another_type_or_size_makes_no_group(ann, body):
    assert refused(ann.request("POST", GROUPS, json=body), 400, 109002)
    assert ids(ann) == []


def test_what_is_just_within_the_limits_is_taken(ann):
    home = make(ann, "x" * 256, type="x" * 64, description="x" * 1024, custom_data={"a": "x" * 8000}, nodes=[], parent_group_id=None)
    assert len(group(ann, home)["group_name"]) == 256
    assert refused(change(ann, home, custom_data={"b": "x" * 300}), 413, 109008)
    assert group(ann, home)["custom_data"] == {"a": "x" * 8000}


def test_pages_show_every_group_once_and_the_last_has_no_next_id(ann):
    made = {make(ann, f"G{i}") for i in range(5)}
    seen, start = [], {}
    while True:
        body = ask(ann, num_records=2, **start)
        assert body["total"] == 5 and len(body["groups"]) <= 2
        seen += [each["group_id"] for each in body["groups"]]
        if "next_id" not in body:
            break
        start = {"start_id": body["next_id"]}
    assert len(seen) == 5 and set(seen) == made
    assert "next_id" not in ask(ann, num_records=5)
    for wrong in ({"num_records": 0}, {"num_records": "x"}, {"start_id": "no id"}, {"node_list": "maybe"}):
        assert ann.get(GROUPS, **wrong).status_code == 400


def test_the_default_page_has_25_groups(ann):
    for i in range(26):
        make(ann, f"G{i}")
    body = ask(ann)
    assert len(body["groups"]) == 25 and body["total"] == 26 and body["next_id"] == body["groups"][-1]["group_id"]


def test_groups_are_found_by_their_very_name_at_any_level(ann, eve):
    home = make(ann, "Home")
    rooms = sorted(make(ann, "Küche ☀", parent_group_id=parent) for parent in (home, home))
    make(eve, "Küche ☀")
    body = ask(ann, group_name="Küche ☀")
    assert [each["group_id"] for each in body["groups"]] == rooms and body["total"] == 2
    assert body["0"] == {"groups": body["groups"]}  # for a client that reads the answer as an array
    assert ids(ann, group_name="küche ☀") == [] == ids(ann, group_name="K%") and "0" not in ask(ann)
    answer = ann.request("GET", GROUPS + "?group_name=%ff%fe")
    assert answer.status_code == 200 and answer.json()["groups"] == []


def test_words_of_a_query_are_read_as_clients_write_them(ann, nodes):
    mine = nodes(ann)
    home = make(ann, nodes=mine)
    (found,) = ask(ann, group_id="undefined", node_list="True", sub_groups="undefined", limit="7")["groups"]
    assert found["group_id"] == home and found["nodes"] == mine and "sub_groups" not in found and "node_details" not in found


# --- nesting ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def house(ann):
    """home > floor > room, and another home."""
    home = make(ann, "Home")
    floor = make(ann, "Floor", parent_group_id=home)
    return home, floor, make(ann, "Room", parent_group_id=floor), make(ann, "Other")


def tree(user, **query):
    def below(each):
        return {sub["group_id"]: below(sub) for sub in each["sub_groups"]}

    return {each["group_id"]: below(each) for each in ask(user, sub_groups="true", **query)["groups"]}


def test_groups_lie_in_each_other_three_levels_deep(ann, house):
    home, floor, room, other = house
    assert tree(ann) == {home: {floor: {room: {}}}, other: {}} and sorted(ids(ann)) == sorted([home, other])
    assert tree(ann, group_id=floor) == {floor: {room: {}}}
    assert group(ann, room)["parent_group_id"] == floor and group(ann, home)["parent_group_id"] == ""
    body = {"group_name": "Shelf", "parent_group_id": room}
    assert refused(ann.request("POST", GROUPS, json=body), 400, 109004)
    (shown,) = ask(ann, group_id=home, sub_groups="true", node_list="true")["groups"]
    assert shown["sub_groups"][0] == group(ann, floor, sub_groups="true", node_list="true")  # the same shape at every level


def test_siblings_and_their_children_stay_together(ann):
    home = make(ann)
    wanted = {}
    for i in range(3):
        floor = make(ann, f"F{i}", parent_group_id=home)
        wanted[floor] = {make(ann, f"R{j}", parent_group_id=floor): {} for j in range(3)}
    assert tree(ann) == {home: wanted}


def test_a_group_moves_with_all_that_lies_in_it(ann, house):
    home, floor, room, other = house
    assert succeeded(change(ann, floor, parent_group_id=other)) and tree(ann) == {home: {}, other: {floor: {room: {}}}}
    assert succeeded(change(ann, room, parent_group_id="")) and tree(ann) == {home: {}, room: {}, other: {floor: {}}}
    assert group(ann, room)["primary"] is True
    assert succeeded(change(ann, floor, group_name="no move")) and tree(ann) == {home: {}, room: {}, other: {floor: {}}}
    assert succeeded(change(ann, floor, parent_group_id=None, type="x")) and tree(ann) == {home: {}, room: {}, other: {floor: {}}}


def test_a_move_into_itself_or_too_deep_or_to_a_stranger_is_refused(ann, eve, house):
    home, floor, room, other = house
    theirs, before = make(eve), tree(ann)
    for target in (home, floor, room):
        assert refused(change(ann, home, parent_group_id=target), 400, 109005)
    assert refused(change(ann, other, parent_group_id=room), 400, 109004)
    for target in (theirs, UNKNOWN, "short"):
        assert refused(change(ann, other, parent_group_id=target, group_name="moved"), 404, 109001)
    assert tree(ann) == before and group(ann, other)["group_name"] == "Other"


def test_deleting_a_group_deletes_what_lies_in_it_and_leaves_the_nodes(ann, nodes, house):
    home, floor, room, other = house
    mine = nodes(ann)
    assert succeeded(change(ann, room, operation="add", nodes=mine)) and succeeded(delete(ann, home))
    assert ids(ann) == [other] and nodes_of(ann) == mine
    for gone in (home, floor, room):
        assert refused(ann.get(GROUPS, group_id=gone), 404, 109001) and refused(delete(ann, gone), 404, 109001)


# --- changing ---------------------------------------------------------------------------------------------------------


def test_fields_change_one_by_one_and_objects_member_by_member(ann):
    home = make(ann, type="home", custom_data={"a": {"x": 1}, "b": 2}, group_metadata={"m": 1})
    before = group(ann, home)
    assert succeeded(change(ann, home, group_name="Casa")) and group(ann, home) == before | {"group_name": "Casa"}
    assert succeeded(change(ann, home, custom_data={"b": None, "c": 3}, description="d", type=None))
    assert group(ann, home) == before | {"group_name": "Casa", "description": "d", "custom_data": {"a": {"x": 1}, "c": 3}}
    assert succeeded(change(ann, home, group_metadata=None, type="", mutually_exclusive=True))
    assert group(ann, home) == before | {"group_name": "Casa", "description": "d", "custom_data": {"a": {"x": 1}, "c": 3},
                                         "group_metadata": {}, "type": "", "mutually_exclusive": True}


@pytest.mark.parametrize("body", [{}, {"is_matter": False}, {"unknown": 1}, {"operation": "add"}, {"operation": "add", "nodes": []},
                                  {"nodes": ["n"]}, {"operation": "take", "nodes": ["n"]}, {"operation": 1, "nodes": ["n"]},
                                  {"group_name": ""}, {"group_name": "x", "custom_data": 1}, {"group_id": UNKNOWN}])
def test_a_change_that_says_nothing_or_nonsense_changes_nothing(ann, body):
    home = make(ann)
    before = group(ann, home)
    assert refused(ann.put(GROUPS, body, group_id=home), 400, 109002)
    assert group(ann, home) == before


def test_only_the_fields_that_are_named_can_be_written(ann):
    home = make(ann)
    body = {"group_name": "x", "group_id": UNKNOWN, "parent_id": UNKNOWN, "total": 9, "primary": False, "created_at": 0, "role": "x",
            "group_type": "y", "added_by": "z"}
    assert succeeded(ann.put(GROUPS, body, group_id=home))
    assert group(ann, home)["group_name"] == "x" and group(ann, home)["total"] == 0 and group(ann, home)["type"] == ""


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_group_must_be_named(ann, method):
    assert refused(ann.request(method, GROUPS, json={"group_name": "x"}), 400, 109002)


# --- nodes ------------------------------------------------------------------------------------------------------------


def test_nodes_are_put_in_and_taken_out_and_that_twice(ann, nodes):
    one, two = nodes(ann, 2)
    home = make(ann)
    for _ in range(2):
        assert succeeded(change(ann, home, operation="add", nodes=[two, one, two])) and in_group(ann, home) == [one, two]
    assert group(ann, home)["total"] == 2
    assert succeeded(change(ann, home, operation="remove", nodes=[one])) and in_group(ann, home) == [two]
    assert refused(change(ann, home, operation="remove", nodes=[one, two]), 404, 105001) and in_group(ann, home) == [two]


def test_one_node_that_is_not_the_user_s_and_nothing_is_done(ann, eve, nodes):
    (mine,), (theirs,) = nodes(ann), nodes(eve)
    home = make(ann)
    answers = [change(ann, home, operation="add", nodes=[mine, other], group_name="x") for other in (theirs, "never", "no id!", "")]
    answers += [ann.request("POST", GROUPS, json={"group_name": "New", "nodes": [mine, other]}) for other in (theirs, "never", "no id!")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}
    assert refused(answers[0], 404, 105001)
    assert in_group(ann, home) == [] and ids(ann) == [home] and group(ann, home)["group_name"] == "Home"


def test_too_many_nodes_at_once_are_refused_before_anything_else(ann, nodes):
    mine, home = nodes(ann), make(ann)
    assert refused(change(ann, home, operation="add", nodes=mine * 101), 400, 105005)
    assert succeeded(change(ann, home, operation="add", nodes=mine * 100)) and in_group(ann, home) == mine


def test_of_exclusive_groups_on_one_level_the_last_has_the_node(ann, nodes):
    (node,) = mine = nodes(ann)
    home = make(ann, nodes=mine)
    kitchen, hall = (make(ann, name, parent_group_id=home, mutually_exclusive=True, nodes=mine) for name in ("Kitchen", "Hall"))
    assert (in_group(ann, kitchen), in_group(ann, hall), in_group(ann, home)) == ([], [node], [node])
    assert succeeded(change(ann, kitchen, operation="add", nodes=mine))
    assert (in_group(ann, kitchen), in_group(ann, hall), in_group(ann, home)) == ([node], [], [node])


def test_details_have_the_form_of_the_list_of_nodes(ann, node, nodes):
    node.publish("config", LAMP | {"node_id": node.id})
    ann.claim(node)
    node.publish("params/local", {"Light": {"Power": True}})
    ann.stack.settle()
    (bare,) = nodes(ann)
    home = make(ann, nodes=[node.id])
    make(ann, "Room", parent_group_id=home, nodes=[node.id, bare])
    shown = group(ann, home, node_details="true", sub_groups="true")
    wanted = {each["node_id"]: each for each in ann.get(NODES, node_details="true").json()["node_details"]}
    assert shown["node_details"] == [wanted[node.id]] and wanted[node.id]["config"]["devices"]
    (room,) = shown["sub_groups"]
    assert room["node_details"] == [wanted[each] for each in sorted((node.id, bare))]
    assert "nodes" not in room and "nodes" not in shown


def test_a_page_ends_before_its_nodes_with_details_are_over_500(ann, stack, nodes):
    many = nodes(ann, 300)
    homes = sorted(make(ann, f"G{i}") for i in range(2))
    for home in homes:
        stack.sql("INSERT INTO group_node (group_id, node_id, added_by) SELECT %s, unnest(%s), %s", home, many, ann.id)
    first = ask(ann, node_details="true")
    assert [each["group_id"] for each in first["groups"]] == homes[:1] and first["next_id"] == homes[0] and first["total"] == 2
    assert len(first["groups"][0]["node_details"]) == 300
    assert ids(ann, node_details="true", start_id=homes[0]) == homes[1:] and ids(ann, node_list="true") == homes
    assert succeeded(change(ann, homes[1], parent_group_id=homes[0]))
    assert refused(ann.get(GROUPS, node_details="true", sub_groups="true"), 413, 109014)
    assert ids(ann, node_details="true") == homes[:1]


def test_the_limits_of_groups_and_nodes_are_told(ann, stack, nodes):
    home = make(ann)
    first, second = nodes(ann, 2)
    stack.sql("INSERT INTO node (node_id) SELECT %s || i FROM generate_series(1, 499) i", home)
    stack.sql("INSERT INTO node_user (node_id, user_id, role) SELECT %s || i, %s, 'primary' FROM generate_series(1, 499) i", home, ann.id)
    stack.sql("INSERT INTO group_node (group_id, node_id, added_by) SELECT %s, %s || i, %s FROM generate_series(1, 499) i", home, home, ann.id)
    assert succeeded(change(ann, home, operation="add", nodes=[first]))
    assert refused(change(ann, home, operation="add", nodes=[second]), 403, 109007) and group(ann, home)["total"] == 500
    stack.sql("DELETE FROM node WHERE node_id LIKE %s || '%%'", home)
    for i in range(199):
        make(ann, f"G{i}", parent_group_id=home if i % 2 else "")
    for parent in ("", home):
        assert refused(ann.request("POST", GROUPS, json={"group_name": "g", "parent_group_id": parent}), 403, 109006)
    assert succeeded(delete(ann, home)) and make(ann, "again")


# --- others -----------------------------------------------------------------------------------------------------------


def test_another_s_group_is_answered_as_one_that_is_not_there(ann, eve, nodes):
    mine, hers = nodes(ann), nodes(eve)
    home = make(ann, nodes=mine)
    before = group(ann, home, node_list="true")
    calls = [lambda g: eve.get(GROUPS, group_id=g), lambda g: eve.get(GROUPS, group_id=g, node_details="true", sub_groups="true"),
             lambda g: change(eve, g, group_name="x"), lambda g: change(eve, g, parent_group_id=""),
             lambda g: change(eve, g, operation="add", nodes=hers), lambda g: change(eve, g, operation="remove", nodes=mine),
             lambda g: delete(eve, g), lambda g: delete(eve, g, leave="true"),
             lambda g: delete(eve, g, remove_sharing="true", user_name=ann.name),
             lambda g: eve.request("POST", GROUPS, json={"group_name": "x", "parent_group_id": g})]
    for call in calls:
        foreign, unknown, impossible = call(home), call(UNKNOWN), call("x")
        assert refused(foreign, 404, 109001)
        assert (foreign.status_code, foreign.text) == (unknown.status_code, unknown.text) == (impossible.status_code, impossible.text)
    assert group(ann, home, node_list="true") == before and ask(eve)["groups"] == [] and ask(eve, group_name="Home")["groups"] == []
    assert ids(eve, start_id=UNKNOWN) == [] and nodes_of(eve) == hers


def test_a_secondary_member_reads_and_changes_nothing(ann, bob, eve, share, nodes):
    mine, his = nodes(ann), nodes(bob)
    home = make(ann, nodes=mine)
    room = make(ann, "Room", parent_group_id=home)
    share(home, bob)
    before = group(ann, home, node_list="true", sub_groups="true")
    for each in (home, room):
        for answer in (change(bob, each, group_name="x"), change(bob, each, operation="add", nodes=his), delete(bob, each),
                       change(bob, each, operation="remove", nodes=mine), change(bob, each, parent_group_id=""),
                       bob.request("POST", GROUPS, json={"group_name": "x", "parent_group_id": each}),
                       delete(bob, each, remove_sharing="true", user_name=ann.name)):
            assert refused(answer, 403, 109003)
    assert group(ann, home, node_list="true", sub_groups="true") == before
    shown = group(bob, home, node_list="true", sub_groups="true")
    assert shown["primary"] is False is shown["sub_groups"][0]["primary"]
    assert shown["nodes"] == mine and shown["total"] == 1 and tree(bob) == {home: {room: {}}}


def test_a_group_whose_parent_is_another_s_is_shown_at_the_top(ann, bob, share):
    home = make(ann)
    room = make(ann, "Room", parent_group_id=home)
    share(room, bob)
    assert tree(bob) == {room: {}} and group(bob, room)["parent_group_id"] == ""
    assert refused(bob.get(GROUPS, group_id=home), 404, 109001)
    share(home, bob)
    assert tree(bob) == {home: {room: {}}} and group(bob, room)["parent_group_id"] == home


def reaches(user, node):
    """What a user can do with a node: all of it, or nothing."""
    one = [user.get(f"{NODES}/{part}", node_id=node.id).status_code for part in ("config", "status", "params")]
    (put,) = user.put(f"{NODES}/params", [{"node_id": node.id, "payload": {"Light": {"Power": True}}}]).json()
    listed = node.id in nodes_of(user)
    assert set(one) in ({200}, {404}) and (one[0] == 200) == listed == (put["status"] == "success")
    if not listed:
        assert (put["status"], put["error_code"]) == ("failure", 105001)
        assert refused(user.get(NODES, node_id=node.id), 404, 105001)
    return listed


@pytest.fixture
def hall(ann, node):
    """A connected lamp of Ann's."""
    node.publish("config", LAMP | {"node_id": node.id})
    ann.claim(node)
    node.publish("params/local", {"Light": {"Power": False}})
    ann.stack.settle()
    return node


def test_a_member_reaches_the_nodes_of_the_group_also_those_that_come_later(ann, bob, eve, share, hall):
    home = make(ann)
    room = make(ann, "Room", parent_group_id=home)
    share(home, bob)
    assert not reaches(bob, hall)
    assert succeeded(change(ann, room, operation="add", nodes=[hall.id]))
    assert reaches(bob, hall) and not reaches(eve, hall)
    (entry,) = group(bob, room, node_details="true")["node_details"]
    assert (entry["node_id"], entry["role"], entry["primary"]) == (hall.id, "secondary", False)
    assert entry["config"]["devices"] and entry["params"]["Light"]["Power"] in (True, False)


@pytest.mark.parametrize("how", ["left", "share ended", "group deleted", "node taken out", "node unmapped", "moved away"])
def test_access_by_a_group_ends_at_once(ann, bob, share, hall, how):
    home = make(ann)
    room = make(ann, "Room", parent_group_id=home, nodes=[hall.id])
    share(home, bob)
    assert reaches(bob, hall)
    answer = {"left": lambda: delete(bob, home, leave="true"),
              "share ended": lambda: delete(ann, home, remove_sharing="True", user_name=bob.name.upper()),
              "group deleted": lambda: delete(ann, room),
              "node taken out": lambda: change(ann, room, operation="remove", nodes=[hall.id]),
              "node unmapped": lambda: ann.put("/v1/user/nodes/mapping", {"node_id": hall.id, "secret_key": "", "operation": "remove"}),
              "moved away": lambda: change(ann, room, parent_group_id="")}[how]()
    assert succeeded(answer) and not reaches(bob, hall)
    assert reaches(ann, hall) is (how != "node unmapped")
    assert ids(bob) == ([] if how in ("left", "share ended") else [home])
    if how == "node unmapped":
        assert in_group(ann, room) == []


def test_nobody_hands_on_what_was_only_shared_with_him(ann, bob, eve, stack, share, hall):
    stack.sql("INSERT INTO node_user (node_id, user_id, role, granted_by) VALUES (%s, %s, 'secondary', %s)", hall.id, bob.id, ann.id)
    home = make(bob, nodes=[hall.id])
    share(home, eve)
    assert in_group(bob, home) == [hall.id] and group(bob, home)["total"] == 1
    assert not reaches(eve, hall) and in_group(eve, home) == [] and group(eve, home, node_details="true")["node_details"] == []
    assert group(eve, home)["total"] == 0


def test_a_node_that_comes_by_a_group_cannot_be_put_into_another(ann, bob, share, hall):
    share(make(ann, nodes=[hall.id]), bob)
    assert reaches(bob, hall)
    own = make(bob)
    assert refused(change(bob, own, operation="add", nodes=[hall.id]), 404, 105001) and in_group(bob, own) == []


def test_a_former_member_s_own_nodes_leave_with_him(ann, bob, share, nodes):
    (his,) = nodes(bob)
    home = make(ann)
    share(home, bob, "primary")
    assert succeeded(change(bob, home, operation="add", nodes=[his])) and nodes_of(ann) == [his]
    assert succeeded(delete(bob, home, leave="true")) and nodes_of(ann) == [] == in_group(ann, home)


def test_who_may_not_leave_is_told_why(ann, bob, share):
    home = make(ann)
    room = make(ann, "Room", parent_group_id=home)
    share(home, bob)
    assert refused(delete(ann, home, leave="true"), 409, 109011)
    assert refused(delete(ann, room, leave="true"), 409, 109012) and refused(delete(bob, room, leave="true"), 409, 109012)
    assert refused(delete(bob, home, leave="true", remove_sharing="true", user_name=ann.name), 400, 109002)
    assert ids(ann) == ids(bob) == [home]


def test_whose_share_cannot_be_ended_is_told_why(ann, bob, eve, share):
    home = make(ann)
    share(home, bob, "primary")

    def end(**query):
        return delete(ann, home, remove_sharing="true", **query)

    assert refused(end(), 400, 101001) and refused(end(user_name="nobody"), 400, 101002)
    assert refused(end(user_name=eve.name), 404, 109010)
    assert end(user_name="nobody@example.org").text == end(user_name=eve.name).text
    assert refused(end(user_name=bob.name), 403, 109013) and ids(bob) == [home]


def test_a_plus_in_a_name_may_come_as_the_command_line_writes_it(ann, bob, stack, share):
    home, name = make(ann), bob.name.replace("@", "+home@")
    share(home, bob)
    stack.sql("UPDATE account SET user_name = %s WHERE user_id = %s", name, bob.id)
    answer = ann.request("DELETE", f"{GROUPS}?group_id={home}&remove_sharing=true&user_name={name}")
    stack.sql("UPDATE account SET user_name = %s WHERE user_id = %s", bob.name, bob.id)
    assert succeeded(answer) and ids(bob) == []


def test_a_group_is_in_the_audit_with_who_did_what(ann, stack, nodes):
    (node,) = nodes(ann)
    home = make(ann, nodes=[node])
    change(ann, home, group_name="x")
    delete(ann, home)
    done = stack.sql("SELECT action, user_id::text, via FROM audit_event WHERE object_kind = 'group' AND object_id = %s ORDER BY event_id", home)
    assert {each[1:] for each in done} == {(ann.id, "session")}
    assert [each[0] for each in done if each[0] != "group.node_removed"] == [
        "group.made", "group.joined", "group.node_added", "group.changed", "group.deleted", "group.left"]


def test_a_body_that_is_no_object_is_refused(ann):
    for data in ("", "[]", "{", '"x"', json.dumps({"group_name": "x"})[:-1]):
        assert refused(ann.request("POST", GROUPS, data=data), 400, 100006)
