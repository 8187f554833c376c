"""What only the command line and the phone apps do with shared nodes and groups, request by request (rest.md 5, 6, 15)."""

import json

import pytest

from clikit import Cli
from test_accounts import succeeded

# --- sharing by the command line --------------------------------------------------------------------------------------


class Side:
    """A user and the command line in the hand of the same."""

    def __init__(self, stack, user):
        self.user, self.name, self.id = user, user.name, user.id
        self.cli = Cli(stack)
        assert self.cli.login(user.name, user.password).ok

    def nodes(self):
        return self.cli.get_nodes()[0]


@pytest.fixture
def ann(stack, user, lamp):
    """Owns `lamp`."""
    return Side(stack, user)


@pytest.fixture
def bob(stack, new_user):
    return Side(stack, new_user())


def of_request(answer, request_id):
    (found,) = [each for each in answer.json()["sharing_requests"] if each["request_id"] == request_id]
    return found


def test_the_command_line_shares_a_node_and_ends_it(ann, bob, lamp):
    shared = ann.cli.share(bob.name, lamp.id).json()
    assert shared["status"] == "success"
    for side, primary in ((ann, True), (bob, False)):
        found = of_request(side.cli.requests(primary), shared["request_id"])
        assert (found["request_status"], found["node_ids"]) == ("pending", [lamp.id])
        assert (found["user_name"], found["primary_user_name"]) == (bob.name, ann.name)
        assert isinstance(found["request_timestamp"], int)
        assert side.cli.requests(primary, shared["request_id"]).json()["sharing_requests"] == [found]
    assert bob.cli.answer_request(shared["request_id"], True).json()["status"] == "success"
    assert bob.nodes() == [lamp.id]
    (of_ann,) = ann.cli.get_sharing(lamp.id).json()["node_sharing"]
    assert of_ann["node_id"] == lamp.id and of_ann["users"] == {"primary": [ann.name], "secondary": [bob.name]}
    assert ann.cli.get_sharing().json()["node_sharing"] == [of_ann]
    assert ann.cli.unshare(bob.name, lamp.id).json()["status"] == "success"
    assert bob.nodes() == [] and ann.nodes() == [lamp.id]


@pytest.mark.parametrize("how", ["declined", "cancelled"])
def test_what_is_declined_or_cancelled_by_the_command_line_gives_nothing(ann, bob, lamp, how):
    request_id = ann.cli.share(bob.name, lamp.id).json()["request_id"]
    answer = bob.cli.answer_request(request_id, False) if how == "declined" else ann.cli.cancel_request(request_id)
    assert answer.json()["status"] == "success"
    late = bob.cli.answer_request(request_id, True)
    assert late.json()["status"] == "failure" and type(late.json()["error_code"]) is int and late.json()["description"]
    assert bob.nodes() == []


@pytest.mark.parametrize("name", ["bob+home@example.org", "+49301234567"])
def test_a_share_with_a_plus_in_the_name_is_ended_by_the_raw_url(stack, ann, lamp, name):
    """The command line does not escape the name, and + in a query is a blank elsewhere."""
    stack.sql("INSERT INTO account (user_name, password_hash, confirmed_at) SELECT %s, password_hash, now() FROM account "
              "WHERE user_id = %s", name, ann.id)
    cli = Cli(stack)
    assert cli.login(name, ann.user.password).ok
    request_id = ann.cli.share(name, lamp.id).json()["request_id"]
    assert cli.answer_request(request_id, True).json()["status"] == "success"
    assert cli.get_nodes()[0] == [lamp.id]
    assert ann.cli.unshare(name, lamp.id).json()["status"] == "success"
    assert cli.get_nodes()[0] == []
    stack.sql("DELETE FROM account WHERE user_name = %s", name)


def test_failures_of_sharing_hold_all_that_the_command_line_reads_from_them(ann, bob, lamp):
    """It never looks at the HTTP status."""
    answers = [bob.cli.share(ann.name, lamp.id), ann.cli.share(ann.name, lamp.id), ann.cli.unshare(bob.name, lamp.id),
               bob.cli.unshare(ann.name, lamp.id), bob.cli.answer_request("nothing", True), ann.cli.cancel_request("nothing"),
               bob.cli.get_sharing(lamp.id), ann.cli.share("nobody", lamp.id), ann.cli.share(bob.name)]
    for answer in answers:
        body = answer.json()
        assert body["status"] == "failure" and type(body["error_code"]) is int and body["description"], answer.url
        assert 400 <= answer.status_code < 500 and answer.status_code != 401
    assert ann.nodes() == [lamp.id] and bob.nodes() == []


# --- groups by the command line ---------------------------------------------------------------------------------------


def test_the_command_line_makes_changes_and_removes_groups(stack, ann, lamp):
    made = ann.cli.create_group("Home", description="d", mutually_exclusive=True, custom_data={"a": 1}, nodes=[lamp.id],
                                type="home").json()
    assert made["status"] == "success"
    home = made["group_id"]
    kitchen = ann.cli.create_group("Kitchen", home).json()["group_id"]
    (group,) = ann.cli.show_group(home, "sub_groups=true").json()["groups"]
    assert (group["group_id"], group["group_name"], group["is_matter"]) == (home, "Home", False)  # is_matter was asked for
    assert [each["group_id"] for each in group["sub_groups"]] == [kitchen]
    assert succeeded(ann.cli.edit_group(home, group_name="Casa", description="e"))
    assert succeeded(ann.cli.edit_group(kitchen, nodes=[lamp.id], operation="add"))
    (group,) = ann.cli.show_group(kitchen, "node_list=true").json()["groups"]
    assert group["nodes"] == [lamp.id] and group["parent_group_id"] == home
    (group,) = ann.cli.show_group(kitchen, "node_details=true").json()["groups"]
    (entry,) = group["node_details"]
    assert entry["id"] == entry["node_id"] == lamp.id and entry["config"]["node_id"] == lamp.id
    assert succeeded(ann.cli.edit_group(kitchen, nodes=[lamp.id], operation="remove"))
    assert ann.cli.show_group(kitchen, "node_list=true").json()["groups"][0]["nodes"] == []
    assert succeeded(ann.cli.remove_group(home))
    assert ann.cli.list_groups(True) == ([], 1) and ann.nodes() == [lamp.id]
    assert stack.sql("SELECT FROM node_group WHERE group_id IN (%s, %s)", home, kitchen) == []


def test_the_command_line_lists_all_groups_over_the_pages(ann):
    made = {ann.cli.create_group(f"G{i}").json()["group_id"] for i in range(26)}
    groups, n_pages = ann.cli.list_groups()
    assert {each["group_id"] for each in groups} == made and len(groups) == 26 and n_pages == 2  # 25 a page, whatever `limit` says


def test_a_group_is_moved_into_another(ann):
    home, room = (ann.cli.create_group(name).json()["group_id"] for name in ("Home", "Room"))
    assert succeeded(ann.cli.edit_group(room, parent_group_id=home))
    (group,) = ann.cli.show_group(home, "sub_groups=true").json()["groups"]
    assert [each["group_id"] for each in group["sub_groups"]] == [room]


# --- the phone apps ---------------------------------------------------------------------------------------------------

TEXT = {"Content-Type": "text/plain;charset=UTF-8"}


def test_the_apps_main_fetch_with_the_fields_of_matter_lists_groups(user, lamp):
    made = user.request("POST", "/v1/user/node_group", data=json.dumps({"group_name": "Home", "is_matter": False,
                                                                       "nodes": [lamp.id], "parent_group_id": ""}), headers=TEXT)
    answer = user.get("/v1/user/node_group", node_details="true", fabric_details="true", sub_groups="True",
                      is_matter="undefined", num_records="10").json()
    (group,) = answer["groups"]
    assert group["group_id"] == made.json()["group_id"] and group["is_matter"] is False and group["primary"] is True
    assert [each["node_id"] for each in group["node_details"]] == [lamp.id]
    assert "next_id" not in answer or answer["next_id"] == ""
    assert user.get("/v1/user/node_group", is_matter="true").json()["groups"] == []


@pytest.mark.parametrize("headers", [TEXT, {"Content-Type": "application/json"}], ids=["text", "json"])
def test_tags_are_removed_by_a_body_of_delete(user, lamp, headers):
    body = json.dumps({"tags": ["a:1", "b:2"]})
    assert succeeded(user.request("PUT", "/v1/user/nodes", params={"nodeid": lamp.id}, data=body, headers=headers))
    assert succeeded(user.request("DELETE", "/v1/user/nodes", params={"node_id": lamp.id}, data='{"tags":["a:1"]}',
                                  headers=headers))
    (entry,) = user.get("/v1/user/nodes", node_id=lamp.id, show_tags="true").json()["node_details"]
    assert entry["tags"] == ["b:2"]


def test_the_last_page_of_every_list_has_no_cursor(user, lamp):
    """Clients loop while there is one: next_id, or next_request_id and next_user_name."""
    for path in ("/v1/user/nodes", "/v1/user/node_group", "/v1/user/nodes/sharing", "/v1/user/nodes/sharing/requests",
                 "/v1/user/node_group/sharing/requests"):
        for query in ({}, {"primary_user": "True"}):
            body = user.get(path, **query).json()
            assert not [name for name in body if name.startswith("next_") and body[name]], path
    assert lamp
