"""What administrators see of accounts and do to them, over REST and at the command line; and what viewers and operators do not see."""

import json

import pytest

from stackkit import User, unique, wait_for

USERS = "/v1/admin/user"
NODES = "/v1/admin/user/nodes"


@pytest.fixture(scope="module")
def admin(stack):
    return stack.admin()


def fails(answer, status, code):
    assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text
    return True


def role_of(admin, user):
    (found,) = admin.get(USERS, user_name=user.name).json()["users"]
    return found["role"]


def set_role(admin, user, role):
    return admin.put(USERS, {"user_name": user.name, "role": role})


def test_an_account_is_shown_without_anything_secret(stack, admin, user, lamp):
    answer = admin.get(USERS, user_name=user.name.upper())
    (found,) = answer.json()["users"]
    assert found == {"user_id": user.id, "user_name": user.name, "name": "", "role": "user", "confirmed": True,
                     "created_at": found["created_at"], "node_count": 1}
    assert "argon" not in answer.text and "next_id" not in answer.json()


def test_accounts_come_in_order_of_their_names_page_by_page(admin, stack):
    names = [stack.user().name for _ in range(3)]
    seen, query = [], {"num_records": "2"}
    while True:
        page = admin.get(USERS, **query).json()
        seen += [user["user_name"] for user in page["users"]]
        if "next_id" not in page:
            break
        assert len(page["users"]) == 2
        query["start_id"] = page["next_id"]
    assert set(names) <= set(seen) and seen == sorted(seen) and len(seen) == len(set(seen))
    assert fails(admin.get(USERS, start_id="x"), 400, 107004)
    assert fails(admin.get(USERS, num_records="0"), 400, 102001)
    assert fails(admin.get(USERS, user_name="x"), 400, 101002)
    assert fails(admin.get(USERS, user_name="nobody@example.org"), 404, 107003)


def test_another_role_counts_with_the_next_sign_in_and_ends_the_sessions(stack, admin):
    user = stack.user()
    for role, status in (("viewer", 200), ("operator", 200), ("admin", 200), ("user", 403)):
        assert set_role(admin, user, role).status_code == 200
        assert role_of(admin, user) == role
        assert user.get("/v1/user2").status_code == 401
        refresh = stack.post("/v1/login2", {"refreshtoken": user.tokens["refreshtoken"]})
        assert refresh.status_code == 401
        user.login()
        assert user.get("/v1/admin/nodes").status_code == status
    assert set_role(admin, user, "user").status_code == 200  # the same: nothing ends
    assert user.get("/v1/user2").status_code == 200


@pytest.mark.parametrize("body, status, code", [
    ({"user_name": "nobody@example.org", "role": "viewer"}, 404, 107003), ({"role": "viewer"}, 400, 101001),
    ({"user_name": "x", "role": "viewer"}, 400, 101002), ({"user_name": "nobody@example.org"}, 400, 107004),
    ({"user_name": "nobody@example.org", "role": "super_admin"}, 400, 107004), ({"user_name": "nobody@example.org", "role": 1}, 400, 100006),
])
def test_what_is_no_role_or_no_user_is_refused(admin, body, status, code):
    assert fails(admin.put(USERS, body), status, code)


def test_only_the_listed_fields_have_an_effect(stack, admin):
    user = stack.user()
    answer = admin.put(USERS, {"user_name": user.name, "role": "viewer", "super_admin": True, "user_id": admin.id, "password_hash": "x"})
    assert answer.status_code == 200 and role_of(admin, user) == "viewer"
    user.login()


def test_an_account_that_nobody_confirmed_gets_no_role(stack, admin):
    name = f"{unique('new')}@example.org"
    assert stack.post("/v1/user2", {"user_name": name, "password": "Correct-Horse-7"}).status_code == 200
    assert fails(admin.put(USERS, {"user_name": name, "role": "admin"}), 404, 107003)
    (found,) = admin.get(USERS, user_name=name).json()["users"]
    assert (found["confirmed"], found["role"]) == (False, "user")
    assert admin.request("DELETE", USERS, params={"user_name": name}).status_code == 200


def test_a_deleted_user_is_gone_at_once(stack, admin, node):
    user = stack.user()
    user.claim(node)
    key = user.request("POST", "/v1/user/keys", json={"name": "k", "scopes": ["user:read"]}).json()["key"]
    assert fails(admin.request("DELETE", USERS), 400, 101001)
    assert admin.request("DELETE", USERS, params={"user_name": user.name}).status_code == 200
    assert user.get("/v1/user2").status_code == 401
    assert stack.request("GET", "/v1/user2", headers={"Authorization": key}).status_code == 401
    assert stack.sql("SELECT count(*) FROM node_user WHERE node_id = %s", node.id) == [(0,)]
    assert fails(admin.request("DELETE", USERS, params={"user_name": user.name}), 404, 107003)


def test_the_nodes_of_a_user_own_and_shared(stack, admin, user, new_user, lamp):
    other = new_user()
    stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'secondary')", lamp.id, other.id)
    for who, role in ((user, "primary"), (other, "secondary")):
        answer = admin.get(NODES, user_name=who.name).json()
        assert answer["user_name"] == who.name
        assert [(node["node_id"], node["role"]) for node in answer["nodes"]] == [(lamp.id, role)]
    assert admin.get(NODES, user_name=stack.user().name).json()["nodes"] == []
    assert fails(admin.get(NODES, user_name="nobody@example.org"), 404, 107003)
    assert fails(admin.get(NODES), 400, 101001)
    assert fails(admin.get(NODES, user_name=user.name, start_id="a b"), 400, 107004)


def test_the_nodes_of_a_user_come_page_by_page(stack, admin):
    user = stack.user()
    nodes = sorted(unique("page") for _ in range(5))
    for node_id in nodes:
        stack.sql("INSERT INTO node (node_id) VALUES (%s)", node_id)
        stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", node_id, user.id)
    first = admin.get(NODES, user_name=user.name, num_records="3").json()
    second = admin.get(NODES, user_name=user.name, num_records="3", start_id=first["next_id"]).json()
    assert [node["node_id"] for node in first["nodes"] + second["nodes"]] == nodes and "next_id" not in second


def test_the_last_administrator_stays_one(own_stack):
    stack = own_stack()
    admin = stack.admin()
    assert fails(set_role(admin, admin, "operator"), 409, 107020)
    assert fails(admin.request("DELETE", USERS, params={"user_name": admin.name}), 409, 107020)
    for words in (("role", admin.name, "user"), ("delete", admin.name)):
        answer = stack.cli("user", *words, check=False)
        assert answer.returncode == 1 and "last administrator" in answer.stderr
    assert role_of(admin, admin) == "admin"
    other = stack.user()
    assert set_role(admin, other, "admin").status_code == 200
    assert set_role(admin, admin, "user").status_code == 200
    assert admin.get(USERS).status_code == 401


# --- staff ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_staff_see_the_fleet_and_nothing_that_is_a_users(stack, admin, user, lamp, role):
    """No name of a user, no address of a household; administrators see both."""
    staff = stack.user()
    assert set_role(admin, staff, role).status_code == 200
    staff.login()
    wait_for(lambda: admin.get("/v1/admin/nodes", node_id=lamp.id).json()["node_info"][0]["address"])
    for path in ("/v1/admin/nodes", "/v1/admin/nodes/connections", "/v1/admin/nodes/certificates"):
        answer = staff.get(path, node_id=lamp.id)
        assert answer.status_code == 200
        assert user.name not in answer.text and user.id not in answer.text and "127.0.0.1" not in answer.text
    assert "127.0.0.1" in admin.get("/v1/admin/nodes", node_id=lamp.id).text
    assert "127.0.0.1" in admin.get("/v1/admin/nodes/connections", node_id=lamp.id).text


# --- the command line -------------------------------------------------------------------------------------------------


def cli(stack, *words):
    return json.loads(stack.cli("--output", "json", "user", *words).stdout)


def test_the_command_line_sets_roles_and_lists_them(stack):
    user = stack.user()
    assert cli(stack, "role", user.name, "operator") == {"user_name": user.name, "user_id": user.id, "role": "operator"}
    (found,) = [each for each in cli(stack, "list")["users"] if each["user_name"] == user.name]
    assert (found["role"], found["admin"], found["user_id"]) == ("operator", False, user.id)
    assert user.get("/v1/user2").status_code == 401
    for words, told in ((("role", user.name, "boss"), "a role is"), (("role", "nobody@example.org", "user"), "no user"),
                        (("delete", "nobody@example.org"), "no user"), (("nodes", "nobody@example.org"), "no user")):
        answer = stack.cli("user", *words, check=False)
        assert answer.returncode == 1 and told in answer.stderr


def test_the_command_line_shows_a_users_nodes_and_deletes_the_user(stack, node):
    user = stack.user()
    user.claim(node)
    (found,) = cli(stack, "nodes", user.name)["nodes"]
    assert (found["node_id"], found["role"]) == (node.id, "primary")
    assert cli(stack, "delete", user.name)["result"] == "deleted"
    assert isinstance(user, User) and user.get("/v1/user2").status_code == 401
