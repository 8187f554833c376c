"""A forgotten password, another password, and the end of an account (rest.md section 3, threats.md section 6)."""

import json

import pytest

from test_accounts import (OTHER_PASSWORD, PASSWORD, UNAUTHORIZED, WEAK, account, confirm, get_user, mails, name,  # noqa: F401
                           new_name, next_mail, other_code, pending, refresh, refused, same, sessions, sign_in, sign_up,
                           signed_in, succeeded)

THIRD_PASSWORD = "Third-Secret-9"


def forgot(stack, user_name, path="/v1/forgotpassword2", **more):
    return stack.request("PUT", path, json={"user_name": user_name} | more)


def set_password(stack, user_name, code, password=OTHER_PASSWORD, path="/v1/forgotpassword2"):
    return forgot(stack, user_name, path, password=password, verification_code=code)


def change(stack, tokens, old, new, path="/v1/password2"):
    return stack.request("PUT", path, json={"password": old, "newpassword": new},
                         headers={"Authorization": tokens["accesstoken"]})


def delete(stack, tokens, path="/v1/user2", **query):
    return stack.request("DELETE", path, params=query, headers={"Authorization": tokens["accesstoken"]})


def events(stack, action, user_id):
    return stack.sql("SELECT detail FROM audit_event WHERE action = %s AND object_id = %s ORDER BY event_id", action, user_id)


@pytest.fixture
def tokens(stack, account):  # noqa: F811
    return sign_in(stack, account).json()


# --- a forgotten password ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/forgotpassword2", "/v1/forgotpassword"])
def test_a_forgotten_password_is_set_with_the_mailed_code(stack, account, path):  # noqa: F811
    assert succeeded(forgot(stack, account, path, password=None, verification_code=None))  # as the CLI asks
    assert succeeded(set_password(stack, account, next_mail(stack, account, 2), path=path))
    assert signed_in(stack, (account, OTHER_PASSWORD), (account, PASSWORD))
    assert next_mail(stack, account, 3) == "-"  # the owner is told


def test_a_new_password_ends_every_session(stack, account, tokens):  # noqa: F811
    forgot(stack, account)
    assert succeeded(set_password(stack, account, next_mail(stack, account, 2)))
    assert get_user(stack, tokens).status_code == 401
    answer = refresh(stack, tokens["refreshtoken"])
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


def test_asking_for_a_code_changes_nothing_yet(stack, account, tokens):  # noqa: F811
    forgot(stack, account)
    next_mail(stack, account, 2)
    assert get_user(stack, tokens).status_code == 200
    assert succeeded(sign_in(stack, account))


def test_a_forgotten_password_is_answered_alike_for_every_name(stack, account):  # noqa: F811
    waiting, unknown = new_name(), new_name()
    sign_up(stack, waiting)
    next_mail(stack, waiting, 1)
    known = forgot(stack, account)
    assert succeeded(known)
    assert same(known, forgot(stack, unknown)) and same(known, forgot(stack, waiting))
    wrong = other_code(next_mail(stack, account, 2))
    answers = [set_password(stack, each, wrong) for each in (account, waiting, unknown)]
    assert refused(answers[0], 101012) and same(answers[0], answers[1]) and same(answers[1], answers[2])
    assert len(mails(stack, waiting)) == 1 and mails(stack, unknown) == []


def test_a_sign_up_s_code_sets_no_password_and_a_forgotten_one_s_confirms_nothing(stack, pending):  # noqa: F811
    user_name, code = pending
    assert refused(set_password(stack, user_name, code), 101012)
    assert succeeded(confirm(stack, user_name, code))
    forgot(stack, user_name)
    mailed = next_mail(stack, user_name, 2)
    assert refused(confirm(stack, user_name, mailed), 101012)
    assert succeeded(set_password(stack, user_name, mailed))


@pytest.mark.parametrize("password", WEAK.values(), ids=WEAK.keys())
def test_a_weak_password_is_refused_before_the_code_is_looked_at(stack, account, password):  # noqa: F811
    forgot(stack, account)
    code = next_mail(stack, account, 2)
    for each in (code, other_code(code)):
        assert refused(set_password(stack, account, each, password), 101004)
    assert stack.sql("SELECT tries_left FROM account_code JOIN account USING (user_id) WHERE user_name = %s", account) == [(5,)]
    assert succeeded(set_password(stack, account, code))


def test_after_five_wrong_tries_the_code_sets_no_password(stack, account):  # noqa: F811
    forgot(stack, account)
    code = next_mail(stack, account, 2)
    for by in range(1, 6):
        assert refused(set_password(stack, account, other_code(code, by)), 101012)
    assert refused(set_password(stack, account, code), 101012)
    assert signed_in(stack, (account, PASSWORD), (account, OTHER_PASSWORD))


def test_a_sixth_code_for_a_forgotten_password_is_too_many(stack, account):  # noqa: F811
    for user_name in (account, new_name()):  # told alike
        answers = [forgot(stack, user_name) for _ in range(6)]
        # a sign-up's code counts too
        assert [answer.status_code for answer in answers[:4]] == [200] * 4 and answers[5].status_code == 429
        assert answers[5].json()["error_code"] == 102008 and int(answers[5].headers["Retry-After"]) >= 1


@pytest.mark.parametrize("body, code", [
    ({}, 101001), ({"user_name": "ann"}, 101002), ({"user_name": "ann@example.org", "password": PASSWORD}, 101003),
    ({"user_name": "ann@example.org", "verification_code": "123456"}, 101003), ({"user_name": 5}, 100006),
    ([], 100006)], ids=str)
def test_what_is_missing_for_a_new_password_is_named(stack, body, code):
    assert refused(stack.request("PUT", "/v1/forgotpassword2", data=json.dumps(body)), code)


# --- another password -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/password2", "/v1/password"])
def test_the_password_is_changed_and_the_other_sessions_end(stack, account, tokens, path):  # noqa: F811
    other = sign_in(stack, account).json()
    assert succeeded(change(stack, tokens, PASSWORD, OTHER_PASSWORD, path))
    assert signed_in(stack, (account, OTHER_PASSWORD), (account, PASSWORD))
    assert get_user(stack, tokens).status_code == 200 and succeeded(refresh(stack, tokens["refreshtoken"]))
    assert get_user(stack, other).status_code == 401
    assert refresh(stack, other["refreshtoken"]).status_code == 401
    assert next_mail(stack, account, 2) == "-"


def test_a_wrong_old_password_changes_nothing(stack, account, tokens):  # noqa: F811
    other = sign_in(stack, account).json()
    for wrong in (OTHER_PASSWORD, "x", "x" * 2000):
        assert refused(change(stack, tokens, wrong, THIRD_PASSWORD), 101020)
    assert signed_in(stack, (account, PASSWORD), (account, THIRD_PASSWORD))
    assert get_user(stack, other).status_code == 200


@pytest.mark.parametrize("body, code", [
    ({}, 101032), ({"password": PASSWORD}, 101018), ({"newpassword": OTHER_PASSWORD}, 101032),
    ({"password": PASSWORD, "newpassword": "weak"}, 101004), ({"password": 5, "newpassword": OTHER_PASSWORD}, 100006)], ids=str)
def test_what_is_missing_for_another_password_is_named(stack, user, body, code):
    assert refused(user.request("PUT", "/v1/password2", data=json.dumps(body)), code)
    assert signed_in(stack, (user.name, user.password))


# --- the end of an account --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/user2", "/v1/user"])
@pytest.mark.parametrize("yes", ["true", "True"])
def test_an_account_is_deleted_with_the_mailed_code(stack, account, tokens, path, yes):  # noqa: F811
    other = sign_in(stack, account).json()
    assert succeeded(delete(stack, tokens, path, request=yes))
    assert get_user(stack, tokens).status_code == 200
    assert succeeded(delete(stack, tokens, path, verification_code=next_mail(stack, account, 2)))
    for each in (tokens, other):
        assert get_user(stack, each).json() == UNAUTHORIZED
        assert refresh(stack, each["refreshtoken"]).status_code == 401
    assert same(sign_in(stack, account), sign_in(stack, new_name()))
    assert next_mail(stack, account, 3) == "-"
    assert succeeded(sign_up(stack, account))  # the name is free again


def test_everything_of_a_deleted_account_goes_with_it(stack, node):
    user = stack.user()
    user.claim(node)
    user.put("/v1/user/custom_data", {"a": 1})
    assert succeeded(delete(stack, user.tokens, request="true"))
    assert succeeded(delete(stack, user.tokens, verification_code=next_mail(stack, user.name, 1)))
    for table in ("account", "account_code", "account_data", "session", "node_user", "mapping_request"):
        assert stack.sql(f"SELECT count(*) FROM {table} WHERE user_id = %s", user.id) == [(0,)], table
    other = stack.user()
    other.claim(node)  # the node is nobody's
    assert len(events(stack, "account.deleted", user.id)) == 1


def test_a_wrong_or_missing_code_deletes_nothing(stack, account, tokens):  # noqa: F811
    assert refused(delete(stack, tokens), 119007)
    assert refused(delete(stack, tokens, request="false"), 119007)
    assert refused(delete(stack, tokens, verification_code="undefined"), 119007)
    assert refused(delete(stack, tokens, verification_code="123456"), 119005)  # none was sent
    delete(stack, tokens, request="true")
    code = next_mail(stack, account, 2)
    for by in range(1, 6):
        assert refused(delete(stack, tokens, verification_code=other_code(code, by)), 119005)
    assert refused(delete(stack, tokens, verification_code=code), 119005)
    assert get_user(stack, tokens).status_code == 200


def test_a_code_for_a_forgotten_password_deletes_nothing(stack, account, tokens):  # noqa: F811
    forgot(stack, account)
    assert refused(delete(stack, tokens, verification_code=next_mail(stack, account, 2)), 119005)


def test_one_user_s_code_deletes_nobody_else(stack, account, tokens, user):  # noqa: F811
    delete(stack, tokens, request="true")
    code = next_mail(stack, account, 2)
    assert refused(delete(stack, user.tokens, verification_code=code), 119005)
    assert user.get("/v1/user2").status_code == 200 and get_user(stack, tokens).status_code == 200


def test_the_last_administrator_cannot_be_deleted(own_stack):
    stack = own_stack()  # elsewhere there may be a second one
    admin = stack.admin()
    assert succeeded(delete(stack, admin.tokens, request="true"))
    code = next_mail(stack, admin.name, len(mails(stack, admin.name)) or 1)
    answer = delete(stack, admin.tokens, verification_code=code)
    assert answer.status_code == 409 and answer.json()["error_code"] == 119008
    assert admin.get("/v1/user").status_code == 200


def test_a_deletion_is_done_once_however_many_ask(stack, account, tokens):  # noqa: F811
    delete(stack, tokens, request="true")
    code = next_mail(stack, account, 2)
    first, second = (delete(stack, tokens, verification_code=code) for _ in range(2))
    assert succeeded(first) and second.status_code == 401
