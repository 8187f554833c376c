"""Keys for machines: made once, listed without themselves, refused from the request after they were revoked, ran out or lost their account,
and never able to do more than their scopes and their account's role."""

import re
import time

import pytest

from stackkit import unique, wait_for

KEYS = "/v1/user/keys"
DAY_S = 86400
UNAUTHORIZED = {"status": "failure", "error_code": 101017, "description": "Unauthorized", "message": "Unauthorized"}


def make(user, *scopes, name="robot", **more):
    answer = user.request("POST", KEYS, json={"name": name, "scopes": list(scopes)} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def by(stack, key, method="GET", path="/v1/user2", prefix="", **options):
    return stack.request(method, path, headers={"Authorization": prefix + key}, **options)


def fails(answer, status, code):
    assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text
    assert answer.json()["status"] == "failure"
    return True


@pytest.fixture
def staff(stack):
    """An account with a role."""

    def make(role):
        user = stack.user()
        stack.cli("user", "role", user.name, role)
        user.login()
        return user

    return make


def test_a_key_is_shown_once_and_lists_do_not_have_it(user):
    made = make(user, "user:read", "user:write", expires_in_s=DAY_S)
    assert re.fullmatch(r"ck_[0-9a-f]{32}_[0-9a-f]{32}", made["key"])
    assert made["scopes"] == ["user:read", "user:write"] and made["name"] == "robot"
    assert abs(made["expires_at"] - time.time() - DAY_S) < 60
    answer = user.get(KEYS)
    (listed,) = [key for key in answer.json()["keys"] if key["key_id"] == made["key_id"]]
    assert listed == {"key_id": made["key_id"], "name": "robot", "scopes": ["user:read", "user:write"], "expired": False,
                      "created_at": listed["created_at"], "expires_at": made["expires_at"], "last_used_at": None}
    assert made["key"] not in answer.text and made["key"][3:35] not in answer.text


def test_a_key_lives_ninety_days_unless_told_otherwise(user):
    assert abs(make(user, "user:read")["expires_at"] - time.time() - 90 * DAY_S) < 60


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
def test_a_key_stands_for_its_account(stack, user, prefix):
    made = make(user, "user:read")
    answer = by(stack, made["key"], prefix=prefix)
    assert answer.status_code == 200 and answer.json()["user_id"] == user.id


def test_a_key_reads_and_sets_the_nodes_of_its_account(stack, user, lamp):
    key = make(user, "user:read", "user:write")["key"]
    lamp.publish("params/local", {"Light": {"Power": True}})
    wait_for(lambda: by(stack, key, path="/v1/user/nodes/params", params={"node_id": lamp.id}).json() == {"Light": {"Power": True}})
    assert by(stack, key, path="/v1/user/nodes").json()["nodes"] == [lamp.id]
    answer = by(stack, key, "PUT", "/v1/user/nodes/params", params={"node_id": lamp.id}, json={"Light": {"Power": False}})
    assert answer.status_code == 200
    assert lamp.receive()[1] == b'{"Light":{"Power":false}}'


def test_a_foreign_node_is_to_a_key_as_an_unknown_one(stack, user, new_user, node):
    new_user().claim(node)
    key = make(user, "user:read")["key"]
    answers = [by(stack, key, path="/v1/user/nodes/params", params={"node_id": node_id}) for node_id in (node.id, "nobody-1")]
    assert fails(answers[0], 404, 105001) and answers[0].content == answers[1].content


def test_a_key_without_the_scope_is_refused_before_anything_is_told(stack, user, lamp):
    key = make(user, "user:write")["key"]
    for node_id in (lamp.id, "nobody-1"):
        assert fails(by(stack, key, path="/v1/user/nodes/params", params={"node_id": node_id}), 403, 102012)
    key = make(user, "user:read")["key"]
    assert fails(by(stack, key, "PUT", "/v1/user/nodes/params", params={"node_id": lamp.id}, json={}), 403, 102012)


@pytest.mark.parametrize("method, path", [("POST", "/v1/logout2"), ("GET", KEYS), ("POST", KEYS), ("DELETE", KEYS)])
def test_no_key_may_do_what_is_about_the_account_itself(stack, user, method, path):
    key = make(user, "user:read", "user:write")["key"]
    assert fails(by(stack, key, method, path, json={}), 403, 102012)


@pytest.mark.parametrize("end", ["revoked", "expired", "deleted"])
def test_a_dead_key_is_refused_with_the_next_request(stack, end):
    user = stack.user()
    made = make(user, "user:read")
    assert by(stack, made["key"]).status_code == 200
    if end == "revoked":
        assert user.request("DELETE", KEYS, params={"key_id": made["key_id"]}).status_code == 200
        assert made["key_id"] not in user.get(KEYS).text
    elif end == "expired":
        stack.sql("UPDATE api_key SET expires_at = now() WHERE key_id = %s", made["key_id"])
        assert [key["expired"] for key in user.get(KEYS).json()["keys"]] == [True]
    else:
        stack.cli("user", "delete", user.name)
    answer = by(stack, made["key"])
    assert answer.status_code == 401 and answer.json() == UNAUTHORIZED


def test_what_is_no_key_of_ours_is_refused_as_any_bad_token(stack, user):
    key = make(user, "user:read")["key"]
    other = key[:-1] + ("0" if key[-1] != "0" else "1")
    for bad in (other, key[:-1], key + "0", key.upper(), "ck_", f"{key} {key}", "ck_" + "0" * 32 + "_" + "0" * 32):
        answer = by(stack, bad)
        assert answer.status_code == 401 and answer.json() == UNAUTHORIZED


def test_a_key_that_only_the_database_knows_is_no_key(stack, user):
    """Whoever can write the table, and not read the token key, makes none."""
    forged = "ck_" + "0" * 32 + "_" + "1" * 32
    stack.sql("INSERT INTO api_key (user_id, key_name, key_hash, scopes, expires_at)"
              " VALUES (%s, 'k', sha256(%s), 63, now() + interval '1 day')", user.id, forged.encode())
    assert by(stack, forged).status_code == 401


def test_scopes_beyond_the_role_are_refused(user, staff):
    assert fails(user.request("POST", KEYS, json={"name": "k", "scopes": ["user:read", "fleet:read"]}), 403, 110002)
    viewer = staff("viewer")
    make(viewer, "fleet:read")
    assert fails(viewer.request("POST", KEYS, json={"name": "k", "scopes": ["fleet:write"]}), 403, 110002)
    operator = staff("operator")
    make(operator, "fleet:read", "fleet:write")
    assert fails(operator.request("POST", KEYS, json={"name": "k", "scopes": ["admin:read"]}), 403, 110002)


def test_a_lower_role_counts_for_keys_at_once_and_a_higher_one_widens_nothing(stack, staff):
    operator = staff("operator")
    key = make(operator, "fleet:read")["key"]
    assert by(stack, key, path="/v1/admin/nodes").status_code == 200
    stack.cli("user", "role", operator.name, "user")
    assert fails(by(stack, key, path="/v1/admin/nodes"), 403, 102005)
    stack.cli("user", "role", operator.name, "admin")
    assert by(stack, key, path="/v1/admin/nodes").status_code == 200
    assert fails(by(stack, key, path="/v1/admin/user"), 403, 102012)


@pytest.mark.parametrize("body", [
    {}, {"name": "k"}, {"scopes": ["user:read"]}, {"name": "", "scopes": ["user:read"]}, {"name": "k" * 65, "scopes": ["user:read"]},
    {"name": "ä" * 33, "scopes": ["user:read"]}, {"name": "k", "scopes": []}, {"name": "k", "scopes": "user:read"},
    {"name": "k", "scopes": ["user:all"]}, {"name": "k", "scopes": [1]}, {"name": "k", "scopes": ["user:read"] * 64},
    *[{"name": "k", "scopes": ["user:read"], "expires_in_s": bad} for bad in (DAY_S - 1, 365 * DAY_S + 1, 0, -1, "86400", 86400.5, True)],
])
def test_a_key_that_is_not_well_described_is_not_made(stack, user, body):
    before = user.get(KEYS).content
    assert fails(user.request("POST", KEYS, json=body), 400, 110001)
    assert user.get(KEYS).content == before


def test_an_account_has_twenty_five_keys_and_can_page_through_them(stack):
    user = stack.user()
    made = {make(user, "user:read", name=f"k{i}")["key_id"] for i in range(25)}
    assert fails(user.request("POST", KEYS, json={"name": "k", "scopes": ["user:read"]}), 409, 110003)
    found, query = [], {"num_records": 10}
    for size in (10, 10, 5):
        page = user.get(KEYS, **query).json()
        assert len(page["keys"]) == size
        found += [key["key_id"] for key in page["keys"]]
        query["start_id"] = page.get("next_id")
    assert query["start_id"] is None and "next_id" not in page
    assert found == sorted(made)
    user.request("DELETE", KEYS, params={"key_id": found[3]})
    make(user, "user:read")


def test_anothers_key_can_be_neither_seen_nor_revoked(stack, user, new_user):
    other = new_user()
    made = make(other, "user:read")
    assert made["key_id"] not in user.get(KEYS).text
    answers = [user.request("DELETE", KEYS, params={"key_id": key_id})
               for key_id in (made["key_id"], "6f1d0c1e-0000-4000-8000-000000000001", "no id at all")]
    assert fails(answers[0], 404, 110004) and len({answer.content for answer in answers}) == 1
    assert by(stack, made["key"]).status_code == 200
    assert fails(user.request("DELETE", KEYS), 400, 110001)
    assert fails(user.get(KEYS, start_id="no id"), 400, 110001)


def test_that_a_key_was_used_can_be_seen(stack, user):
    made = make(user, "user:read")
    by(stack, made["key"])
    (listed,) = [key for key in user.get(KEYS).json()["keys"] if key["key_id"] == made["key_id"]]
    assert abs(listed["last_used_at"] - time.time()) < 60


def test_a_key_goes_on_when_its_owner_signs_out_everywhere(stack):
    user = stack.user()
    key = make(user, "user:read")["key"]
    assert user.request("POST", "/v1/logout2", params={"logout_all": "true"}).status_code == 200
    assert user.get("/v1/user2").status_code == 401
    assert by(stack, key).status_code == 200


def test_no_key_stands_in_a_log(stack, user):
    key = make(user, "user:read", name=unique("logged"))["key"]
    by(stack, key)
    by(stack, key, path="/v1/admin/nodes")
    for log in ("cisternd", "postgres"):
        text = stack.log(log)
        assert key not in text and key[3:35] not in text and key[36:] not in text


def test_keys_have_rates_of_their_own(own_stack):
    stack = own_stack(CISTERN_REQUESTS_PER_SECOND="5")
    user = stack.user()
    keys = [make(user, "user:read")["key"] for _ in range(2)]
    seen = [by(stack, keys[0]).status_code for _ in range(40)]
    assert 429 in seen and 200 in seen
    assert by(stack, keys[1]).status_code == 200
    assert user.get("/v1/user2").status_code in (200, 429)  # its own, which the sign-in has used
