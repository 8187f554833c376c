"""Mapping a node to a user needs both sides, with the same node, user and secret (mqtt.md 5, rest.md 4.4, threats.md 7)."""

import concurrent.futures
import json
import secrets

import pytest

from stackkit import unique, wait_for

MAPPING = "/v1/user/nodes/mapping"


def new_secret():
    return secrets.token_urlsafe(16)


def put(user, node_id, secret, **more):
    return user.put(MAPPING, {"node_id": node_id, "secret_key": secret, "operation": "add"} | more)


def ask(user, node, secret, **more):
    """The app's side; gives the request id."""
    answer = put(user, node.id, secret, **more)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "success"
    return answer.json()["request_id"]


def say(node, user_id, secret, alias=False, **more):
    """The node's side."""
    node.publish("user/mapping", {"node_id": node.id, "user_id": user_id, "secret_key": secret} | more, alias=alias)


def remove(user, node):
    answer = user.put(MAPPING, {"node_id": node.id, "secret_key": "", "operation": "remove"})
    assert answer.status_code == 200, answer.text


def owners(node):
    rows = node.stack.sql("SELECT user_id::text FROM node_user WHERE node_id = %s", node.id)
    return {user_id for (user_id,) in rows}


def node_ids(user):
    return user.get("/v1/user/nodes").json()["nodes"]


@pytest.fixture
def other(new_user):
    return new_user()


# --- the two sides ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alias", [False, True], ids=["plain", "basic_ingest"])
def test_the_app_first_then_the_node(stack, node, user, alias):
    secret = new_secret()
    request = ask(user, node, secret)
    assert user.mapping_state(request) == "requested"
    assert node_ids(user) == []
    say(node, user.id, secret, alias=alias)
    user.wait_mapping(request, "confirmed")
    assert node_ids(user) == [node.id]
    (entry,) = user.get("/v1/user/nodes", node_id=node.id).json()["node_details"]
    assert (entry["id"], entry["node_id"], entry["role"], entry["primary"]) == (node.id, node.id, "primary", True)


def test_the_node_first_then_the_app(stack, node, user):
    secret = new_secret()
    say(node, user.id, secret)
    stack.settle()
    request = ask(user, node, secret)
    user.wait_mapping(request, "confirmed")
    assert node_ids(user) == [node.id]


def test_a_user_id_in_capitals_is_the_same_user(stack, node, user):
    secret = new_secret()
    request = ask(user, node, secret)
    say(node, user.id.upper(), secret)
    user.wait_mapping(request, "confirmed")


def test_the_caller_s_own_user_id_may_be_given(stack, node, user):
    secret = new_secret()
    request = ask(user, node, secret, user_id=user.id, tags=[], metadata={})
    say(node, user.id, secret)
    user.wait_mapping(request, "confirmed")


def test_somebody_else_s_user_id_is_refused(stack, node, user, other):
    secret = new_secret()
    say(node, other.id, secret)
    stack.settle()
    answer = put(user, node.id, secret, user_id=other.id)
    assert 400 <= answer.status_code < 500 and answer.json()["status"] == "failure"
    assert owners(node) == set()


@pytest.mark.parametrize("order", ["app first", "node first"])
@pytest.mark.parametrize("wrong", ["secret", "user", "case of the secret", "part of the secret"])
def test_sides_that_disagree_change_nothing(stack, node, user, other, order, wrong):
    secret = new_secret() + "aA"
    said = {"secret": new_secret(), "user": secret, "case of the secret": secret.swapcase(), "part of the secret": secret[:-1]}[wrong]
    said_user = other.id if wrong == "user" else user.id
    if order == "node first":
        say(node, said_user, said)
        stack.settle()
    request = ask(user, node, secret)
    if order == "app first":
        say(node, said_user, said)
    stack.settle()
    assert user.mapping_state(request) == "requested"
    assert owners(node) == set()
    say(node, user.id, secret)  # and nothing is burnt by it
    user.wait_mapping(request, "confirmed")


def test_another_node_s_message_with_the_right_secret_changes_nothing(stack, node, user):
    secret = new_secret()
    request = ask(user, node, secret)
    thief = stack.node().connect()
    say(thief, user.id, secret)
    thief.publish("user/mapping", {"node_id": node.id, "user_id": user.id, "secret_key": secret})
    stack.settle()
    thief.stop()
    assert user.mapping_state(request) == "requested"
    assert owners(node) == owners(thief) == set()


@pytest.mark.parametrize("bad", [
    {"user_id": "u"}, {"secret_key": "s"}, {"user_id": "", "secret_key": "s"}, {"user_id": "u", "secret_key": ""},
    {"user_id": 7, "secret_key": "s"}, {"user_id": "u", "secret_key": None}, {"user_id": "u", "secret_key": "s", "reset": 1},
    {"user_id": "esp-rmaker", "secret_key": "failed"}, {"user_id": "esp-rmaker", "secret_key": "failed", "reset": False}])
def test_a_message_outside_the_contract_is_set_aside_and_changes_nothing(stack, node, user, bad):
    user.claim(node)
    node.publish("user/mapping", bad)
    stack.settle()
    assert owners(node) == {user.id}
    assert len(node.letters()) == 1


@pytest.mark.parametrize("bad", [{}, {"node_id": 7}, {"node_id": "a/b"}, {"node_id": ""}, {"secret_key": 7}, {"secret_key": ""},
                                 {"operation": "steal"}, {"operation": None}])
def test_a_request_outside_the_contract_is_refused(stack, node, user, bad):
    body = {"node_id": node.id, "secret_key": new_secret(), "operation": "add"} | bad if bad else {}
    answer = user.put(MAPPING, body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["status"] == "failure" and isinstance(answer.json()["error_code"], int)


# --- the window -------------------------------------------------------------------------------------------------------


def test_a_request_runs_out_and_then_nothing_confirms_it(own_stack):
    stack = own_stack(CISTERN_MAPPING_WINDOW_S="2")
    user, node = stack.user(), stack.node().connect()
    secret, early = new_secret(), new_secret()
    say(node, user.id, early)
    stack.settle()
    request = ask(user, node, secret)
    user.wait_mapping(request, "timedout")
    say(node, user.id, secret)
    stack.settle()
    assert user.mapping_state(request) == "timedout"
    assert owners(node) == set()
    # the node's early word has run out as well: it came before the request that has
    late = ask(user, node, early)
    assert user.mapping_state(late) == "requested"
    user.wait_mapping(late, "timedout")
    # and the next try is as good as the first
    user.claim(node)
    assert owners(node) == {user.id}
    node.stop()


# --- competition ------------------------------------------------------------------------------------------------------


def test_a_newer_request_supersedes_the_older(stack, node, user):
    first, second = new_secret(), new_secret()
    older = ask(user, node, first)
    newer = ask(user, node, second)
    assert user.mapping_state(older) == "discarded"
    say(node, user.id, first)
    stack.settle()
    assert owners(node) == set()
    say(node, user.id, second)
    user.wait_mapping(newer, "confirmed")
    assert user.mapping_state(older) == "discarded"


def test_of_two_users_one_is_confirmed_and_the_other_is_told(stack, node, user, other):
    mine, theirs = new_secret(), new_secret()
    requests = ask(user, node, mine), ask(other, node, theirs)
    assert user.mapping_state(requests[0]) == other.mapping_state(requests[1]) == "requested"
    say(node, other.id, theirs)
    other.wait_mapping(requests[1], "confirmed")
    assert user.mapping_state(requests[0]) == "discarded"
    assert owners(node) == {other.id}
    say(node, user.id, mine)
    stack.settle()
    assert owners(node) == {other.id}


def test_of_twenty_requests_at_once_one_is_live(stack, node, user):
    tries = [new_secret() for _ in range(20)]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        requests = list(pool.map(lambda secret: ask(user, node, secret), tries))
    states = [user.mapping_state(request) for request in requests]
    assert sorted(states) == ["discarded"] * 19 + ["requested"]
    winner = states.index("requested")
    for secret in tries[:winner] + tries[winner + 1:]:
        say(node, user.id, secret)
    stack.settle()
    assert owners(node) == set()
    say(node, user.id, tries[winner])
    user.wait_mapping(requests[winner], "confirmed")


def test_of_twenty_requests_that_race_the_node_s_message_at_most_one_is_confirmed(stack, node, user):
    secret = new_secret()
    with concurrent.futures.ThreadPoolExecutor(21) as pool:
        asked = [pool.submit(ask, user, node, secret) for _ in range(10)]
        said = pool.submit(say, node, user.id, secret)
        asked += [pool.submit(ask, user, node, secret) for _ in range(10)]
        said.result()
        requests = [each.result() for each in asked]
    stack.settle()
    states = [user.mapping_state(request) for request in requests]
    assert states.count("confirmed") == 1
    assert states.count("requested") <= 1
    assert owners(node) == {user.id}


def test_of_many_users_at_once_only_the_one_whom_the_node_names_gets_it(node, new_user):
    users = [new_user() for _ in range(5)]
    tries = [new_secret() for _ in users]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(ask, user, node, secret) for user, secret in zip(users, tries)]
        pool.submit(say, node, users[3].id, tries[3]).result()
        requests = [each.result() for each in asked]
    users[3].wait_mapping(requests[3], "confirmed")
    assert owners(node) == {users[3].id}
    for user, request in zip(users, requests):
        assert user.mapping_state(request) in ("confirmed" if user is users[3] else "discarded", "requested")


# --- reset ------------------------------------------------------------------------------------------------------------


def test_without_reset_a_second_user_joins_the_first(stack, node, user, other):
    user.claim(node)
    other.claim(node)
    assert owners(node) == {user.id, other.id}


@pytest.mark.parametrize("order", ["app first", "node first"])
def test_reset_removes_former_users_at_the_confirmation_and_not_before(stack, node, user, other, order):
    user.claim(node)
    secret = new_secret()
    if order == "app first":
        request = ask(other, node, secret)
        say(node, other.id, new_secret(), reset=True)
        stack.settle()
        assert owners(node) == {user.id}
        say(node, other.id, secret, reset=True)
    else:
        say(node, other.id, secret, reset=True)
        stack.settle()
        assert owners(node) == {user.id}
        request = ask(other, node, secret)
    other.wait_mapping(request, "confirmed")
    assert owners(node) == {other.id}
    assert node_ids(user) == []
    assert user.get("/v1/user/nodes/params", node_id=node.id).status_code >= 400


def test_reset_of_one_node_leaves_the_user_s_other_nodes(stack, node, user):
    second = stack.node().connect()
    user.claim(node)
    user.claim(second)
    node.publish("user/mapping", {"node_id": node.id, "user_id": "esp-rmaker", "secret_key": "failed", "reset": True})
    stack.settle()
    assert node_ids(user) == [second.id]
    second.stop()


def test_a_factory_reset_clears_every_user_and_every_pending_request(stack, node, user, other):
    user.claim(node)
    secret = new_secret()
    request = ask(other, node, secret)
    say(node, "esp-rmaker", "failed", reset=True)
    other.wait_mapping(request, "discarded")
    assert owners(node) == set()
    say(node, other.id, secret)
    stack.settle()
    assert owners(node) == set()


@pytest.mark.parametrize("order", ["app first", "node first"])
def test_a_factory_reset_never_matches_a_user(stack, node, user, order):
    if order == "node first":
        say(node, "esp-rmaker", "failed", reset=True)
        stack.settle()
    request = ask(user, node, "failed")
    if order == "app first":
        say(node, "esp-rmaker", "failed", reset=True)
    stack.settle()
    assert user.mapping_state(request) in ("requested", "discarded")
    assert owners(node) == set()


# --- the end ----------------------------------------------------------------------------------------------------------


def test_a_removed_node_is_gone_at_once(stack, node, user, other):
    user.claim(node)
    other.claim(node)
    remove(user, node)
    assert node_ids(user) == []
    for path in ("params", "config", "status"):
        assert user.get(f"/v1/user/nodes/{path}", node_id=node.id).status_code >= 400
    assert owners(node) == {other.id}  # several primaries: only the caller's


def test_removing_what_one_does_not_have_is_refused_and_changes_nothing(stack, node, user, other):
    user.claim(node)
    foreign = other.put(MAPPING, {"node_id": node.id, "secret_key": "", "operation": "remove"})
    unknown = other.put(MAPPING, {"node_id": unique("nobody"), "secret_key": "", "operation": "remove"})
    assert foreign.status_code == unknown.status_code and 400 <= foreign.status_code < 500
    assert foreign.content == unknown.content
    assert owners(node) == {user.id}


def test_the_same_message_again_after_the_removal_does_nothing(stack, node, user):
    secret = new_secret()
    request = ask(user, node, secret)
    say(node, user.id, secret, reset=True)
    user.wait_mapping(request, "confirmed")
    remove(user, node)
    for _ in range(3):
        say(node, user.id, secret, reset=True)
    stack.settle()
    assert owners(node) == set()
    assert user.mapping_state(request) == "confirmed"  # what was, was


def test_the_same_message_again_does_not_take_the_node_from_its_next_owner(stack, node, user, other):
    secret = new_secret()
    request = ask(user, node, secret)
    say(node, user.id, secret, reset=True)
    user.wait_mapping(request, "confirmed")
    remove(user, node)
    other.claim(node)
    say(node, user.id, secret, reset=True)
    stack.settle()
    assert owners(node) == {other.id}


# --- what others learn ------------------------------------------------------------------------------------------------


def test_a_request_for_an_unknown_or_a_foreign_node_looks_like_any_other(stack, node, user, other):
    other.claim(node)
    free = stack.node()
    answers = [put(user, node_id, new_secret()) for node_id in (free.id, node.id, unique("nobody"))]
    assert {answer.status_code for answer in answers} == {200}
    bodies = [answer.json() for answer in answers]
    lengths = {len(body.pop("request_id")) for body in bodies}
    assert len(lengths) == 1 and bodies[0] == bodies[1] == bodies[2]
    polls = [user.get(MAPPING, request_id=answer.json()["request_id"]) for answer in answers]
    assert {poll.json()["request_status"] for poll in polls} == {"requested"}
    assert {tuple(sorted(poll.json())) for poll in polls} == {tuple(sorted(polls[0].json()))}


def test_a_request_for_a_foreign_node_changes_nothing_for_its_owner(stack, node, user, other):
    other.claim(node)
    ask(user, node, new_secret())
    stack.settle()
    assert owners(node) == {other.id}
    assert node_ids(user) == []
    assert user.get("/v1/user/nodes/params", node_id=node.id).status_code >= 400


def test_a_poll_has_only_strings_and_always_the_status(stack, node, user):
    secret = new_secret()
    request = ask(user, node, secret)
    for state in ("requested", "confirmed"):
        for query in ({"request_id": request}, {"request_id": request, "user_request": "true", "node_id": node.id}):
            body = user.get(MAPPING, **query).json()
            assert body["request_status"] == state
            assert all(isinstance(value, str) for value in body.values())
        if state == "requested":
            say(node, user.id, secret)
            user.wait_mapping(request, "confirmed")


def test_the_stray_ampersand_of_the_cli_is_tolerated(stack, node, user):
    request = ask(user, node, new_secret())
    answer = user.request("GET", f"{MAPPING}?&request_id={request}")
    assert answer.json()["request_status"] == "requested"


def test_a_foreign_request_id_reads_like_one_that_never_was(stack, node, user, other):
    request = ask(user, node, new_secret())
    foreign = other.get(MAPPING, request_id=request)
    unknown = other.get(MAPPING, request_id="x" * len(request))
    assert 400 <= foreign.status_code < 500
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)


def test_mapping_needs_a_signed_in_user(stack, node):
    for answer in (stack.request("PUT", MAPPING, json={"node_id": node.id, "secret_key": "s", "operation": "add"}),
                   stack.request("GET", MAPPING, params={"request_id": "x"})):
        assert answer.status_code == 401 and answer.json()["message"] == "Unauthorized"


def everything_stored(stack):
    """Every row of every table as text."""
    tables = stack.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return "\n".join(row for (table,) in tables for (row,) in stack.sql(f"SELECT t::text FROM {table} t"))


def forms(secret):
    return [secret, secret.encode().hex(), json.dumps(secret)[1:-1]]


def test_the_secret_is_kept_nowhere_in_clear(stack, node, user, other):
    confirmed, pending, early, wrong = (new_secret() for _ in range(4))
    request = ask(user, node, confirmed)
    say(node, user.id, confirmed)
    user.wait_mapping(request, "confirmed")
    ask(other, node, pending)
    say(node, other.id, wrong)
    say(node, other.id, early)
    put(user, "a/b", new_secret())
    stack.settle()
    found = everything_stored(stack) + stack.log("")
    for secret in (confirmed, pending, early, wrong):
        for form in forms(secret):
            assert form not in found


@pytest.mark.parametrize("spoil", [
    lambda body: body | {"node_id": "another"}, lambda body: body | {"reset": 1},
    lambda body: json.dumps(body)[:-1], lambda body: json.dumps(body)[:-1] + ",}"],
    ids=["another node", "bad reset", "cut", "trailing comma"])
def test_the_secret_of_a_message_that_is_set_aside_is_not_kept_either(stack, node, user, spoil):
    secret = new_secret()
    node.publish("user/mapping", spoil({"node_id": node.id, "user_id": user.id, "secret_key": secret}))
    stack.settle()
    assert len(node.letters()) == 1
    found = everything_stored(stack) + stack.log("")
    for form in forms(secret):
        assert form not in found
