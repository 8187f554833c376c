"""Nodes shared through the public SDK (rest.md 5): what one phone does, the other phone and the node see."""

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


@pytest.fixture
def node_of_ann(ann, full_lamp):
    """The node as Ann's phone shows it."""
    return ann.sdk.getNodeDetails(full_lamp.id)


@pytest.fixture
def shared(node_of_ann, bob):
    """The same, shared with Bob."""
    node_of_ann.shareWith({"username": bob.name})
    (request,) = bob.received()
    assert succeeds(request.accept())
    return node_of_ann


def roles(stack, node_id):
    return dict(stack.sql("SELECT user_name, role FROM node_user JOIN account USING (user_id) WHERE node_id = %s", node_id))


# --- an invitation ----------------------------------------------------------------------------------------------------


def test_an_invitation_is_seen_by_both_and_gives_nothing_yet(stack, ann, bob, node_of_ann):
    request_id = node_of_ann.shareWith({"username": bob.name, "metadata": {"devices": [{"name": "Hall"}]}})
    for asked in (ann.sent, bob.received):
        (request,) = asked()
        assert (request["id"], request["status"], request["nodeIDs"]) == (request_id, "pending", [node_of_ann["id"]])
        assert (request["username"], request["primaryUsername"]) == (bob.name, ann.name)
        assert request["metadata"] == {"devices": [{"name": "Hall"}]}
    ((at_s,),) = stack.sql("SELECT us_of(created_at) / 1000000 FROM sharing_request WHERE request_id = %s", request_id)
    assert request["timestamp"] == at_s
    assert bob.nodes() == [] and ann.received() == [] == bob.sent()
    assert fails(bob.sdk.getNodeDetails, node_of_ann["id"], status=404, code=105001)


def test_who_accepts_sees_the_node_and_may_set_it(stack, ann, bob, shared, full_lamp):
    assert bob.nodes() == [full_lamp.id] == ann.nodes()
    node = bob.sdk.getNodeDetails(full_lamp.id)
    assert node["isPrimaryUser"] is False and ann.sdk.getNodeDetails(full_lamp.id)["isPrimaryUser"] is True
    device = node["nodeConfig"]["devices"][0]
    assert {each["name"]: each["value"] for each in device.getParams()} == REPORTED["Light"]
    (item,) = param(device, "Power").setValue(False)
    assert item["status"] == "success" and received(full_lamp) == {"Light": {"Power": False}}
    assert node.getConnectivityStatus()["isConnected"] is True
    assert roles(stack, full_lamp.id) == {ann.name: "primary", bob.name: "secondary"}
    assert [each["status"] for each in ann.sent()] in ([], ["accepted"])


def test_an_invitation_is_good_once(bob, node_of_ann):
    node_of_ann.shareWith({"username": bob.name})
    (request,) = bob.received()
    assert succeeds(request.accept())
    assert fails(request.accept) and fails(request.decline)
    assert bob.nodes() == [node_of_ann["id"]]


def test_who_declines_gets_nothing(ann, bob, node_of_ann):
    node_of_ann.shareWith({"username": bob.name})
    (request,) = bob.received()
    assert succeeds(request.decline())
    assert bob.nodes() == [] and fails(request.accept)
    assert [each["status"] for each in ann.sent()] in ([], ["declined"])


def test_an_invitation_that_was_taken_back_is_worth_nothing(ann, bob, node_of_ann):
    node_of_ann.shareWith({"username": bob.name})
    (received_request,), (sent_request,) = bob.received(), ann.sent()
    assert succeeds(sent_request.remove())
    assert fails(received_request.accept)
    assert bob.nodes() == [] and [each for each in bob.received() if each["status"] == "pending"] == []


def test_only_who_is_addressed_can_answer(person, ann, bob, node_of_ann):
    node_of_ann.shareWith({"username": bob.name})
    (request,) = bob.received()
    eve = person()
    assert eve.received() == [] == eve.sent()
    bob.phone.auth.login(eve.user.name, eve.user.password)  # the request stays in the phone's hand; the caller is another
    assert fails(request.accept) and fails(request.decline) and fails(request.remove)
    assert eve.nodes() == []
    bob.phone.auth.login(bob.name, bob.user.password)
    assert succeeds(request.accept())
    assert bob.nodes() == [node_of_ann["id"]]


def test_invitations_come_in_pages_that_hold_each_once(ann, bob, node_of_ann, person):
    guests = [bob] + [person() for _ in range(2)]
    ids = {node_of_ann.shareWith({"username": each.name}) for each in guests}
    page = ann.sdk.getIssuedNodeSharingRequests(2)
    found, sizes = list(page["sharedRequests"]), [len(page["sharedRequests"])]
    while page["hasNext"]:
        page = page.fetchNext()
        found += page["sharedRequests"]
        sizes.append(len(page["sharedRequests"]))
    assert sizes == [2, 1] and {each["id"] for each in found} == ids and len(found) == 3
    assert {each["username"] for each in found} == {each.name for each in guests}


def test_a_secondary_user_shares_with_nobody(bob, person, shared, full_lamp):
    eve = person()
    assert fails(bob.sdk.getNodeDetails(full_lamp.id).shareWith, {"username": eve.name})
    assert eve.received() == [] and eve.nodes() == []


def test_sharing_with_oneself_or_of_what_is_not_ones_own_fails(ann, bob, person, node_of_ann, full_lamp):
    assert fails(node_of_ann.shareWith, {"username": ann.name})
    eve = person()
    ann.phone.auth.login(eve.name, eve.user.password)
    assert fails(node_of_ann.shareWith, {"username": bob.name}, status=404, code=105001)
    assert fails(node_of_ann.transferNode, {"toUserName": eve.name}, status=404, code=105001)
    assert bob.received() == []


# --- the end of it ----------------------------------------------------------------------------------------------------


def gone(stack, person, full_lamp):
    """Nothing of the node is left for this person: neither reads, nor lists, nor wishes."""
    assert person.nodes() == []
    assert fails(person.sdk.getNodeDetails, full_lamp.id, status=404, code=105001)
    assert person.user.get("/v1/user/nodes/params", node_id=full_lamp.id).status_code == 404
    (item,) = person.sdk.setMultipleNodesParams([{"nodeId": full_lamp.id, "payload": {"Light": [{"Power": True}]}}])
    assert (item["status"], item["error_code"]) == ("failure", 105001)
    assert person.name not in roles(stack, full_lamp.id)
    return True


def test_a_share_that_is_removed_ends_at_once(stack, ann, bob, shared, full_lamp):
    assert succeeds(shared.removeSharingFor(bob.name))
    assert gone(stack, bob, full_lamp) and ann.nodes() == [full_lamp.id]
    assert fails(shared.removeSharingFor, bob.name)


def test_a_secondary_user_lets_go_of_the_node_for_himself_alone(stack, ann, bob, shared, full_lamp):
    assert succeeds(bob.sdk.getNodeDetails(full_lamp.id).delete())
    assert gone(stack, bob, full_lamp) and ann.nodes() == [full_lamp.id]


def test_when_the_owner_lets_go_of_the_node_its_shares_end(stack, ann, bob, shared, full_lamp):
    assert succeeds(shared.delete())
    assert gone(stack, bob, full_lamp) and gone(stack, ann, full_lamp)


def test_a_secondary_user_removes_nobody(ann, bob, shared, full_lamp):
    assert fails(bob.sdk.getNodeDetails(full_lamp.id).removeSharingFor, ann.name)
    assert ann.nodes() == [full_lamp.id]


# --- more than a guest ------------------------------------------------------------------------------------------------


def test_a_second_primary_user_may_share_in_turn(stack, ann, bob, person, node_of_ann, full_lamp):
    node_of_ann.shareWith({"username": bob.name, "makePrimary": True})
    (request,) = bob.received()
    request.accept()
    assert roles(stack, full_lamp.id) == {ann.name: "primary", bob.name: "primary"}
    node, eve = bob.sdk.getNodeDetails(full_lamp.id), person()
    assert node["isPrimaryUser"] is True and node.shareWith({"username": eve.name})
    (request,) = eve.received()
    assert request["primaryUsername"] == bob.name and succeeds(request.accept())
    assert eve.nodes() == [full_lamp.id]


@pytest.mark.parametrize("stays", [False, True])
def test_a_transfer_makes_the_receiver_primary_and_leaves_the_sender_what_was_agreed(stack, ann, bob, node_of_ann, full_lamp,
                                                                                  stays):
    node_of_ann.transferNode({"toUserName": bob.name, "selfToSecondary": stays})
    (request,) = bob.received()
    assert request["transfer"] is True and request.get("newRole") == ("secondary" if stays else None)
    assert roles(stack, full_lamp.id) == {ann.name: "primary"}
    assert succeeds(request.accept())
    assert roles(stack, full_lamp.id) == {bob.name: "primary"} | ({ann.name: "secondary"} if stays else {})
    assert bob.nodes() == [full_lamp.id] and ann.nodes() == ([full_lamp.id] if stays else [])
    assert bob.sdk.getNodeDetails(full_lamp.id)["isPrimaryUser"] is True
    assert fails(node_of_ann.shareWith, {"username": unique("eve") + "@example.org"})  # no longer hers to give
