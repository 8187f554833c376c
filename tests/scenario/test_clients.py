"""What only the command line and the phone apps do, request by request (rest.md 1, 15): accounts and nodes."""

import base64
import json
import random
import re
import secrets

import pytest

from clikit import Cli, attribute
from stackkit import LAMP, unique, wait_for
from test_accounts import OTHER_PASSWORD, PASSWORD, new_name, next_mail, refused, same, sign_in, signed_in, succeeded

TEXT = {"Content-Type": "text/plain;charset=UTF-8"}  # as a browser's fetch() says when nobody says anything


@pytest.fixture
def cli(stack, user):
    """The command line, signed in as `user`."""
    program = Cli(stack)
    assert program.login(user.name, user.password).ok
    return program


@pytest.fixture
def herd(stack, user):
    """Gives the user n nodes that never connected: their ids in order."""
    made = []

    def make(n):
        prefix = unique("herd")
        ids = [f"{prefix}-{i:03d}" for i in range(n)]
        stack.sql("INSERT INTO node (node_id) SELECT unnest(%s)", ids)
        stack.sql("INSERT INTO node_user (node_id, user_id, role) SELECT unnest(%s), %s, 'primary'", ids, user.id)
        made.extend(ids)
        return ids

    yield make
    stack.sql("DELETE FROM node WHERE node_id = ANY(%s)", made)


# --- the command line: an account -------------------------------------------------------------------------------------


def test_the_command_line_signs_up_in_and_out(stack):
    cli, name = Cli(stack), new_name()
    assert succeeded(cli.signup_request(name, PASSWORD))
    assert refused(cli.login(name, PASSWORD), 101015)
    assert succeeded(cli.signup(name, next_mail(stack, name, 1)))
    assert succeeded(cli.login(name, PASSWORD))
    details = cli.get_user_details().json()
    assert (details["user_id"], details["user_name"]) == (cli.user_id, name)
    assert cli.get_mqtt_host().json()["mqtt_host"] == stack.ready["mqtt_host"]
    assert succeeded(cli.extend()) and succeeded(cli.extend())  # it may do that twice in one command
    assert cli.get_user_details().json()["user_id"] == cli.user_id
    assert cli.logout().json()["status"] == "success"
    assert cli.get_user_details().status_code == 401 and cli.extend().status_code == 401


def test_signing_out_by_the_command_line_ends_its_session_alone(stack, cli, user):
    other = sign_in(stack, user.name, user.password).json()
    assert succeeded(cli.logout())
    assert stack.request("GET", "/v1/user", headers={"Authorization": other["accesstoken"]}).status_code == 200


@pytest.fixture
def account(stack):
    """The name of a confirmed account of the test's own; its log has one mail."""
    cli, name = Cli(stack), new_name()
    cli.signup_request(name, PASSWORD)
    assert succeeded(cli.signup(name, next_mail(stack, name, 1)))
    return name


def test_a_forgotten_password_is_asked_for_with_nulls_and_set_with_the_code(stack, account):
    cli = Cli(stack)
    assert succeeded(cli.forgot_password(account))
    code = next_mail(stack, account, 2)
    assert succeeded(cli.forgot_password(account, OTHER_PASSWORD, code))
    assert signed_in(stack, (account, OTHER_PASSWORD), (account, PASSWORD))
    assert refused(cli.forgot_password(account, PASSWORD, code), 101012)  # good once


@pytest.mark.parametrize("path", ["/v1/forgotpassword", "/v1/forgotpassword2"])
def test_both_paths_of_a_forgotten_password_take_text_plain(stack, account, path):
    body = json.dumps({"user_name": account, "password": None})
    answer = stack.request("PUT", path, data=body, headers=TEXT)
    assert succeeded(answer) and next_mail(stack, account, 2)


def test_the_command_line_deletes_an_account(stack, account):
    cli = Cli(stack)
    cli.login(account, PASSWORD)
    assert cli.delete_user(request=True).json()["status"] == "success"
    assert succeeded(cli.delete_user(code=next_mail(stack, account, 2)))
    assert cli.get_user_details().status_code == 401 and refused(cli.login(account, PASSWORD), 101009)


# --- tokens, for every decoder ----------------------------------------------------------------------------------------


def atob(segment):
    """As browsers and the SDK decode (WHATWG forgiving-base64): the padding may be missing, a foreign character throws."""
    if len(segment) % 4 == 0:
        segment = re.sub("={1,2}$", "", segment)
    assert len(segment) % 4 != 1 and re.fullmatch("[A-Za-z0-9+/]*", segment), segment
    return base64.b64decode(segment + "=" * (-len(segment) % 4))


LOCAL = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+/=?^_`{|}~-"


@pytest.fixture(scope="module")
def odd_names(stack):
    """Accounts whose names hold every allowed character in every place of the encoding's groups of three bytes."""
    chance = random.Random(20)
    names = [f"{''.join(chance.choices(LOCAL, k=chance.randint(1, 64)))}@{unique('odd')}.example.org" for _ in range(40)]
    names += [f"{'x' * i}{'~?' * 4}@{unique('odd')}.example.org" for i in range(1, 4)] + [f"+49{30000000 + i}" for i in range(3)]
    model = stack.user()
    stack.sql("INSERT INTO account (user_name, password_hash, confirmed_at) SELECT n, a.password_hash, now() "
              "FROM unnest(%s) n, account a WHERE a.user_id = %s", names, model.id)
    yield [(name, model.password) for name in names]
    stack.sql("DELETE FROM account WHERE user_name = ANY(%s)", names)


def test_every_client_reads_every_token_whatever_the_name_is(stack, odd_names):
    assert set(LOCAL) <= set("".join(name for name, _ in odd_names))
    for name, password in odd_names:
        tokens = sign_in(stack, name, password).json()
        for kind in ("idtoken", "accesstoken"):
            header, payload, signature = tokens[kind].split(".")
            assert header and signature and not re.search("[-_]", payload)
            by_atob = json.loads(atob(payload).decode("ascii"))
            assert by_atob["exp"] == attribute(tokens[kind], "exp") and type(by_atob["exp"]) is int
        member, other = ("phone_number", "email") if "@" not in name else ("email", "phone_number")
        claims = json.loads(atob(tokens["idtoken"].split(".")[1]))  # as the iOS app reads it
        assert claims[member] == name == attribute(tokens["idtoken"], member) and other not in claims
        assert isinstance(claims["custom:user_id"], str)


# --- the two families of paths ----------------------------------------------------------------------------------------

DOUBTFUL = [{}, [], {"user_name": "nobody"}, {"user_name": "ann@example.org"}, {"user_name": 5, "password": PASSWORD},
            {"user_name": "ann@example.org", "password": "short"}, {"refreshtoken": "x" * 43}, {"refreshtoken": 1},
            {"user_name": "ann@example.org", "verification_code": "12345"}, {"user_name": None, "password": None}]


@pytest.mark.parametrize("body", DOUBTFUL, ids=json.dumps)
@pytest.mark.parametrize("method, path", [("POST", "login"), ("POST", "user"), ("PUT", "forgotpassword")])
def test_both_families_of_paths_answer_alike(stack, method, path, body):
    answers = [stack.request(method, f"/v1/{path}{suffix}", json=body) for suffix in ("", "2")]
    assert same(*answers) and (answers[0].status_code >= 400 or path == "forgotpassword")


@pytest.mark.parametrize("method, path", [("GET", "user"), ("PUT", "user"), ("DELETE", "user"), ("POST", "logout"),
                                          ("PUT", "password")])
def test_both_families_of_paths_want_the_same_token(stack, method, path):
    answers = [stack.request(method, f"/v1/{path}{suffix}", headers={"Authorization": token})
               for suffix in ("", "2") for token in ("", "x", "Bearer x")]
    assert all(same(answers[0], each) for each in answers) and answers[0].status_code == 401


def test_tokens_of_one_family_are_good_in_the_other(stack, user):
    one = sign_in(stack, user.name, user.password, "/v1/login").json()
    two = stack.post("/v1/login2", {"user_name": user.name, "refreshtoken": one["refreshtoken"]}).json()
    for tokens in (one, two):
        for path in ("user", "user2"):
            answer = stack.request("GET", f"/v1/{path}", headers={"Authorization": tokens["accesstoken"]})
            assert answer.json()["user_id"] == user.id
    assert stack.request("POST", "/v1/logout", headers={"Authorization": two["accesstoken"]}, json={}).ok
    assert stack.post("/v1/login2", {"refreshtoken": one["refreshtoken"]}).status_code == 401  # it was one session


# --- the command line: nodes ------------------------------------------------------------------------------------------


def test_the_command_line_lists_all_nodes_over_the_pages(cli, herd):
    ids = herd(51)
    assert cli.get_nodes() == (ids, 3)  # 25 a page
    details, n_pages = cli.get_node_details()
    assert [each["id"] for each in details] == ids and n_pages == 6  # 10 a page


def test_a_last_page_that_is_full_has_no_next_id(cli, herd):
    ids = herd(25)
    assert cli.get_nodes() == (ids, 1)


def test_the_command_line_reads_a_node_by_parts(user, cli, lamp):
    lamp.publish("params/local", {"Light": {"Power": True, "Level": 5}})
    wait_for(lambda: user.params(lamp), what="the report")
    assert cli.get_node("params", lamp.id).json()["Light"] == {"Power": True, "Level": 5}
    assert cli.get_node("config", lamp.id).json() == LAMP | {"node_id": lamp.id}
    wait_for(lambda: cli.get_node("status", lamp.id).json()["connectivity"]["connected"] is True, what="on line")
    (entry,) = cli.get_node_details_by_id(lamp.id).json()["node_details"]
    assert entry["id"] == lamp.id and entry["params"]["Light"] == {"Power": True, "Level": 5}


def test_the_command_line_sets_parameters_of_one_node_and_of_several(stack, user, cli, lamp):
    second = stack.node().connect()
    second.publish("config", LAMP | {"node_id": second.id})
    user.claim(second)
    second.subscribe("params/remote")
    (item,) = cli.set_params((lamp.id, {"Light": {"Power": True}})).json()
    assert (item["node_id"], item["status"]) == (lamp.id, "success") and isinstance(item["description"], str)
    assert json.loads(lamp.receive()[1]) == {"Light": {"Power": True}}
    items = cli.set_params((lamp.id, {"Light": {"Level": 1}}), ("nothing", {"Light": {"Level": 1}}),
                           (second.id, {"Light": {"Level": 2}})).json()
    assert [each["status"] for each in items] == ["success", "failure", "success"]
    assert json.loads(lamp.receive()[1]) == {"Light": {"Level": 1}}
    assert json.loads(second.receive()[1]) == {"Light": {"Level": 2}}
    second.stop()


def test_the_command_line_adds_and_removes_a_node(stack, user, cli, node):
    secret = secrets.token_urlsafe(16)
    request_id = cli.mapping(node.id, secret, "add").json()["request_id"]
    assert cli.get_mapping_status(request_id).json()["request_status"] == "requested"
    node.publish("user/mapping", {"node_id": node.id, "user_id": cli.user_id, "secret_key": secret, "reset": True})
    wait_for(lambda: cli.get_mapping_status(request_id).json()["request_status"] == "confirmed", what="the mapping")
    assert all(isinstance(each, str) for each in cli.get_mapping_status(request_id).json().values())  # iOS casts it all
    assert cli.get_nodes() == ([node.id], 1)
    assert cli.mapping(node.id, "", "remove").json()["status"] == "success"
    assert cli.get_nodes() == ([], 1) and stack.sql("SELECT FROM node_user WHERE user_id = %s", user.id) == []


# --- the phone apps ---------------------------------------------------------------------------------------------------


def test_the_apps_set_parameters_of_one_node_as_an_object(user, lamp):
    for name in ("node_id", "nodeid"):
        answer = user.request("PUT", "/v1/user/nodes/params", params={name: lamp.id}, headers=TEXT, data='{"Light":{"Level":3}}')
        assert succeeded(answer)
        assert json.loads(lamp.receive()[1]) == {"Light": {"Level": 3}}


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
@pytest.mark.parametrize("path", ["/v1/user", "//v1//user2", "/v1/user/nodes?&", "/v1/user/nodes?node_details=True&&tags=undefined"])
def test_a_token_is_taken_bare_or_with_its_word_however_the_url_is_pasted_together(stack, user, path, prefix):
    answer = stack.request("GET", path, headers={"Authorization": prefix + user.tokens["accesstoken"]})
    assert answer.status_code == 200, answer.text


def test_what_went_wrong_is_told_as_every_client_reads_it(stack, user):
    """Android looks for the word failure in the text, iOS decodes an integer, the SDK reads error_code and description."""
    calls = [("POST", "/v1/login2", {"user_name": user.name, "password": OTHER_PASSWORD}),
             ("POST", "/v1/user2", {"user_name": user.name, "verification_code": "000000"}),
             ("PUT", "/v1/user/nodes/params?node_id=nothing", {"Light": {"Power": True}}),
             ("PUT", "/v1/user/nodes/mapping", {"node_id": "nothing", "operation": "remove"}),
             ("GET", "/v1/user/nodes?num_records=many", None), ("GET", "/v1/user/nodes/mapping?request_id=nothing", None),
             ("GET", "/v1/nothing", None), ("PATCH", "/v1/user", None), ("DELETE", "/v1/login2", None)]
    for method, path, body in calls:
        answer = user.request(method, path, json=body)
        assert 400 <= answer.status_code < 500 and answer.status_code != 401, (path, answer.text)
        found = json.loads(answer.text)
        assert "failure" in answer.text and found["status"] == "failure", path
        assert type(found["error_code"]) is int and found["description"] and "Unauthorized" not in answer.text, path
