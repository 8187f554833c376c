"""Groups of nodes through the public SDK (rest.md 6 and 6.1): made, filled, nested and shared; by both sides."""

import pytest

from stackkit import REPORTED, unique
from test_sdk import fails, succeeds
from test_sdk_nodes import param, received


@pytest.fixture
def ann(user, person):
    """Owns `full_lamp`."""
    return person(user)


@pytest.fixture
def bob(person):
    return person()


def listed(person, **query):
    """The groups that a person sees, over all pages, by id."""
    page = person.sdk.getGroups({"withNodeList": True, "withSubGroups": True} | query)
    groups = list(page["groups"])
    while page["hasNext"]:
        page = page.fetchNext()
        groups += page["groups"]
    found = {each["id"]: each for each in groups}
    assert len(found) == len(groups)
    return found


def members(stack, group_id):
    return dict(stack.sql("SELECT user_name, role FROM group_user JOIN account USING (user_id) WHERE group_id = %s", group_id))


def nodes_in(stack, group_id):
    return [row[0] for row in stack.sql("SELECT node_id FROM group_node WHERE group_id = %s ORDER BY 1", group_id)]


@pytest.fixture
def home(ann, full_lamp):
    """Ann's group with her lamp in it, as the SDK made it."""
    return ann.sdk.createGroup({"name": unique("Home"), "nodeIds": [full_lamp.id], "type": "home"})


@pytest.fixture
def shared_home(home, bob):
    """The same, shared with Bob."""
    home.Share({"toUserName": bob.name})
    (request,) = bob.sdk.getReceivedGroupSharingRequests()["sharedRequests"]
    assert succeeds(request.accept())
    return home


# --- one's own groups -------------------------------------------------------------------------------------------------


def test_a_group_is_kept_with_all_that_was_said_of_it(stack, ann, full_lamp):
    said = {"name": "Haus ☀", "description": "where we live", "customData": {"a": {"b": [1, None]}}, "type": "home",
            "mutuallyExclusive": True, "metadata": {"colour": "red"}, "nodeIds": [full_lamp.id]}
    made = ann.sdk.createGroup(said)
    found = ann.sdk.getGroupById({"id": made["id"], "withNodeList": True})
    assert (found["id"], found["isPrimaryUser"], found["totalNodes"], found["nodes"]) == (made["id"], True, 1, [full_lamp.id])
    for name in ("name", "description", "customData", "type", "mutuallyExclusive", "metadata"):
        assert found[name] == said[name], name
    assert found["isMatter"] is False and not found.get("parentGroupId") and "nodeDetails" not in found
    assert members(stack, made["id"]) == {ann.name: "primary"} and nodes_in(stack, made["id"]) == [full_lamp.id]
    assert list(listed(ann)) == [made["id"]]


def test_a_name_is_enough_for_a_group(ann):
    made = ann.sdk.createGroup({"name": "Empty"})
    found = listed(ann)[made["id"]]
    assert (found["name"], found["totalNodes"], found["nodes"]) == ("Empty", 0, [])
    assert made.getNodesList() == [] == made.getNodesWithDetails() == made.getSubGroups()


def test_a_group_s_fields_change_one_by_one(ann, home):
    before = ann.sdk.getGroupById({"id": home["id"]})
    assert succeeds(home.updateGroupInfo({"groupName": "Casa"}))
    found = ann.sdk.getGroupById({"id": home["id"]})
    assert found["name"] == "Casa" and found["type"] == before["type"] == "home"
    changes = {"description": "by the sea", "type": "house", "mutuallyExclusive": True, "groupMetaData": {"n": 1},
               "customData": {"x": "y"}}
    assert succeeds(home.updateGroupInfo(changes))
    found = ann.sdk.getGroupById({"id": home["id"]})
    assert (found["name"], found["description"], found["type"]) == ("Casa", "by the sea", "house")
    assert (found["mutuallyExclusive"], found["metadata"], found["customData"]) == (True, {"n": 1}, {"x": "y"})
    assert succeeds(home.updateMetadata({"n": 2}))
    assert ann.sdk.getGroupById({"id": home["id"]})["metadata"]["n"] == 2


def test_groups_lie_in_groups(ann, home, full_lamp):
    kitchen = home.createSubGroup({"name": "Kitchen", "type": "room", "nodeIds": [full_lamp.id]})
    assert kitchen["parentGroupId"] == home["id"]
    (found,) = home.getSubGroups()
    assert (found["id"], found["name"], found["parentGroupId"], found["type"]) == (kitchen["id"], "Kitchen", home["id"],
                                                                                "room")
    assert [each["id"] for each in listed(ann)[home["id"]]["subGroups"]] == [kitchen["id"]]
    assert ann.sdk.getGroupById({"id": kitchen["id"]})["parentGroupId"] == home["id"]
    assert kitchen.getNodesList() == [full_lamp.id]
    shelf = kitchen.createSubGroup({"name": "Shelf"})
    assert fails(shelf.createSubGroup, {"name": "Box"})  # three levels
    assert shelf.getSubGroups() == []


def test_nodes_are_put_in_and_taken_out(stack, ann, full_lamp):
    group = ann.sdk.createGroup({"name": "Hall"})
    assert succeeds(group.addNodes([full_lamp.id]))
    assert group.getNodesList() == [full_lamp.id] == nodes_in(stack, group["id"])
    assert listed(ann)[group["id"]]["totalNodes"] == 1
    (node,) = group.getNodesWithDetails()
    assert (node["id"], node["connectivityStatus"]["isConnected"]) == (full_lamp.id, True)
    assert param(node["nodeConfig"]["devices"][0], "Level")["value"] == REPORTED["Light"]["Level"]
    (node,) = ann.sdk.getGroupById({"id": group["id"], "withNodeDetails": True})["nodeDetails"]
    assert node["id"] == full_lamp.id
    assert succeeds(group.removeNodes([full_lamp.id]))
    assert group.getNodesList() == [] == nodes_in(stack, group["id"])
    assert ann.nodes() == [full_lamp.id]  # it stays hers


def test_a_node_of_the_group_is_set_by_what_the_group_shows(home, full_lamp):
    (node,) = home.getNodesWithDetails()
    param(node["nodeConfig"]["devices"][0], "Power").setValue(False)
    assert received(full_lamp) == {"Light": {"Power": False}}


def test_pages_hold_every_group_once(ann):
    made = {ann.sdk.createGroup({"name": f"G{i}"})["id"] for i in range(5)}
    assert set(listed(ann, resultCount=2)) == made
    page = ann.sdk.getGroups({"resultCount": 5})
    assert page["hasNext"] is False and len(page["groups"]) == 5


def test_a_group_that_is_deleted_takes_those_inside_along_and_leaves_the_nodes(stack, ann, home, full_lamp):
    kitchen = home.createSubGroup({"name": "Kitchen", "nodeIds": [full_lamp.id]})
    assert succeeds(home.delete())
    assert listed(ann) == {} and fails(kitchen.getNodesList) and fails(home.delete)
    assert stack.sql("SELECT FROM node_group WHERE group_id IN (%s, %s)", home["id"], kitchen["id"]) == []
    assert ann.nodes() == [full_lamp.id]


def test_another_s_group_is_answered_as_one_that_is_not_there(stack, ann, bob, home, full_lamp):
    before = stack.sql("SELECT g::text FROM node_group g WHERE group_id = %s", home["id"])
    ann.phone.auth.login(bob.name, bob.user.password)  # the group stays in the phone's hand; the caller is another
    calls = [home.getNodesList, home.delete, home.leave, home.getSubGroups, home.getNodesWithDetails]
    changes = [(home.addNodes, [full_lamp.id]), (home.removeNodes, [full_lamp.id]), (home.updateGroupInfo, {"groupName": "x"}),
               (home.createSubGroup, {"name": "x"}), (home.Share, {"toUserName": unique("eve") + "@example.org"}),
               (home.transfer, {"toUserName": bob.name}), (home.removeSharingFor, ann.name), (home.getSharingInfo, {})]
    for call, *arguments in [(each,) for each in calls] + changes:
        assert fails(call, *arguments, status=404)
    assert listed(bob) == {} and bob.nodes() == []
    assert stack.sql("SELECT g::text FROM node_group g WHERE group_id = %s", home["id"]) == before
    assert nodes_in(stack, home["id"]) == [full_lamp.id] and members(stack, home["id"]) == {ann.name: "primary"}


def test_nobody_puts_another_s_node_into_a_group(stack, bob, full_lamp):
    assert fails(bob.sdk.createGroup, {"name": "Mine", "nodeIds": [full_lamp.id]}, status=404, code=105001)
    group = bob.sdk.createGroup({"name": "Mine"})
    assert fails(group.addNodes, [full_lamp.id], status=404, code=105001)
    assert nodes_in(stack, group["id"]) == [] and list(listed(bob)) == [group["id"]]


# --- shared groups ----------------------------------------------------------------------------------------------------


def test_an_invitation_to_a_group_is_seen_by_both_and_gives_nothing_yet(ann, bob, home):
    request_id = home.Share({"toUserName": bob.name, "metadata": {"note": "welcome"}})
    (sent,) = ann.sdk.getIssuedGroupSharingRequests()["sharedRequests"]
    (got,) = bob.sdk.getReceivedGroupSharingRequests()["sharedRequests"]
    for request in (sent, got):
        assert (request["id"], request["status"], request["groupIds"]) == (request_id, "pending", [home["id"]])
        assert (request["username"], request["primaryUsername"]) == (bob.name, ann.name)
        assert request["groupnames"] == [home["name"]] and request["metadata"] == {"note": "welcome"}
    assert listed(bob) == {} and bob.nodes() == []


def test_who_accepts_a_group_sees_it_with_its_nodes(stack, ann, bob, shared_home, full_lamp):
    assert members(stack, shared_home["id"]) == {ann.name: "primary", bob.name: "secondary"}
    found = listed(bob)[shared_home["id"]]
    assert (found["name"], found["isPrimaryUser"], found["nodes"]) == (shared_home["name"], False, [full_lamp.id])
    assert bob.nodes() == [full_lamp.id]
    node = bob.sdk.getNodeDetails(full_lamp.id)
    assert node["isPrimaryUser"] is False
    param(node["nodeConfig"]["devices"][0], "Power").setValue(False)
    assert received(full_lamp) == {"Light": {"Power": False}}


def test_what_comes_into_a_shared_group_later_is_seen_too(stack, ann, bob, shared_home):
    later = unique("later")
    stack.sql("INSERT INTO node (node_id) VALUES (%s)", later)
    stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", later, ann.user.id)
    room = shared_home.createSubGroup({"name": "Room", "nodeIds": [later]})
    assert later in bob.nodes() and [each["id"] for each in listed(bob)[shared_home["id"]]["subGroups"]] == [room["id"]]
    assert succeeds(room.removeNodes([later]))
    assert later not in bob.nodes()
    stack.sql("DELETE FROM node WHERE node_id = %s", later)


@pytest.mark.parametrize("how", ["removed", "left", "deleted", "node taken out"])
def test_a_shared_group_ends_at_once(stack, ann, bob, shared_home, full_lamp, how):
    groups_of_bob = listed(bob)
    if how == "removed":
        assert succeeds(shared_home.removeSharingFor(bob.name))
    elif how == "left":
        assert succeeds(groups_of_bob[shared_home["id"]].leave())
    elif how == "deleted":
        assert succeeds(shared_home.delete())
    else:
        assert succeeds(shared_home.removeNodes([full_lamp.id]))
    assert bob.nodes() == [] and fails(bob.sdk.getNodeDetails, full_lamp.id, status=404, code=105001)
    (item,) = bob.sdk.setMultipleNodesParams([{"nodeId": full_lamp.id, "payload": {"Light": [{"Power": True}]}}])
    assert (item["status"], item["error_code"]) == ("failure", 105001)
    assert list(listed(bob)) == ([shared_home["id"]] if how == "node taken out" else [])
    assert ann.nodes() == [full_lamp.id] and list(listed(ann)) == ([] if how == "deleted" else [shared_home["id"]])


@pytest.mark.parametrize("answer", ["decline", "remove"])
def test_an_invitation_to_a_group_that_is_declined_or_taken_back_gives_nothing(ann, bob, home, answer):
    home.Share({"toUserName": bob.name})
    (got,) = bob.sdk.getReceivedGroupSharingRequests()["sharedRequests"]
    (sent,) = ann.sdk.getIssuedGroupSharingRequests()["sharedRequests"]
    assert succeeds(got.decline() if answer == "decline" else sent.remove())
    assert fails(got.accept) and listed(bob) == {} and bob.nodes() == []


def test_a_guest_of_a_group_changes_nothing_of_it(stack, ann, bob, person, shared_home, full_lamp):
    group, eve = listed(bob)[shared_home["id"]], person()
    calls = [(group.updateGroupInfo, {"groupName": "Mine"}), (group.addNodes, [full_lamp.id]), (group.removeNodes, [full_lamp.id]),
             (group.createSubGroup, {"name": "x"}), (group.Share, {"toUserName": eve.name}),
             (group.removeSharingFor, ann.name), (group.delete,), (group.transfer, {"toUserName": eve.name})]
    for call, *arguments in calls:
        assert fails(call, *arguments)
    assert members(stack, group["id"]) == {ann.name: "primary", bob.name: "secondary"}
    assert nodes_in(stack, group["id"]) == [full_lamp.id] and listed(ann)[group["id"]]["name"] == shared_home["name"]


def named(users):
    return [each["username"] for each in users or []]


def test_who_a_group_is_shared_with_is_told(ann, bob, shared_home):
    room = shared_home.createSubGroup({"name": "Room"})
    info = shared_home.getSharingInfo({"withSubGroups": True, "withParentGroups": True})
    assert (info["groupId"], named(info["primaryUsers"]), named(info["secondaryUsers"])) == (shared_home["id"], [ann.name],
                                                                                             [bob.name])
    assert room["id"] in [each["groupId"] for each in info.get("subGroupsInfo") or []]
    of_room = room.getSharingInfo({"withParentGroups": True})
    assert shared_home["id"] in [each["groupId"] for each in of_room.get("parentGroupsInfo") or []]


def test_what_was_said_with_an_invitation_stays_beside_the_user(ann, bob, home):
    home.Share({"toUserName": bob.name, "metadata": {"nick": "B"}})
    (request,) = bob.sdk.getReceivedGroupSharingRequests()["sharedRequests"]
    request.accept()
    info = home.getSharingInfo({"metadata": True})
    assert named(info["primaryUsers"]) == [ann.name] and named(info["secondaryUsers"]) == [bob.name]
    assert info["secondaryUsers"][0].get("metadata") in ({"nick": "B"}, None, {})


def test_several_groups_are_shared_by_one_invitation(ann, bob):
    ids = sorted(ann.sdk.createGroup({"name": name})["id"] for name in ("One", "Two"))
    request_id = ann.sdk.shareGroups({"groupIds": ids, "toUserName": bob.name})
    (request,) = bob.sdk.getReceivedGroupSharingRequests()["sharedRequests"]
    assert request["id"] == request_id and sorted(request["groupIds"]) == ids
    assert succeeds(request.accept()) and sorted(listed(bob)) == ids


@pytest.mark.parametrize("stays", [None, "secondary"])
def test_a_group_that_is_transferred_belongs_to_the_receiver_with_its_nodes(stack, ann, bob, home, full_lamp, stays):
    home.transfer({"toUserName": bob.name} | ({"assignRoleToSelf": stays} if stays else {}))
    (request,) = bob.sdk.getReceivedGroupSharingRequests()["sharedRequests"]
    assert request["transfer"] is True
    assert succeeds(request.accept())
    assert members(stack, home["id"]) == {bob.name: "primary"} | ({ann.name: stays} if stays else {})
    assert listed(bob)[home["id"]]["isPrimaryUser"] is True and listed(bob)[home["id"]]["nodes"] == [full_lamp.id]
    assert bob.sdk.getNodeDetails(full_lamp.id)["isPrimaryUser"] is True
    assert list(listed(ann)) == ([home["id"]] if stays else [])


def test_a_group_is_found_by_its_name(ann, home):
    """The SDK takes the first of an array here, which no other client does (rest.md 6): member "0" is for it."""
    ann.sdk.createGroup({"name": "Another"})
    assert ann.sdk.getGroupByName({"name": home["name"]})["id"] == home["id"]
