"""What a user is called, and what apps keep for their user (rest.md sections 3 and 11)."""

import concurrent.futures
import json

import pytest

from test_accounts import name, next_mail, refused, sign_in, sign_up, confirm, get_user, succeeded  # noqa: F401

DATA_BYTES_MAX = 399 * 1024


def profile(user, **query):
    answer = user.get("/v1/user2", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def put(user, body, path="/v1/user2"):
    return user.request("PUT", path, data=json.dumps(body), headers={"Content-Type": "text/plain;charset=UTF-8"})


@pytest.fixture
def user(stack):
    """Of one's own: what is written stays."""
    return stack.user()


# --- name, locale, tags -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/user2", "/v1/user"])
@pytest.mark.parametrize("called", ["Ann", "Änn \U0001f511", "x" * 256, "ü" * 256, "", "<b>\"\\'%s"],
                         ids=["plain", "unicode", "256", "256 of two bytes", "none", "odd"])
def test_a_user_is_called_as_the_user_says(user, path, called):
    assert succeeded(put(user, {"name": called}, path))
    assert profile(user)["name"] == called


def test_a_locale_is_kept_from_the_sign_up_on(stack, name):  # noqa: F811
    assert succeeded(sign_up(stack, name, locale="de-DE"))
    assert succeeded(confirm(stack, name, next_mail(stack, name, 1)))
    assert get_user(stack, sign_in(stack, name).json()).json()["locale"] == "de-DE"


def test_a_locale_is_changed_alone(user):
    put(user, {"name": "Ann"})
    assert succeeded(put(user, {"locale": "pt_BR"}))
    assert (profile(user)["name"], profile(user)["locale"]) == ("Ann", "pt_BR")


def test_tags_are_added_and_removed(user):
    assert succeeded(put(user, {"operation": "add", "tags": ["b:2", "a:1", "a:1"]}))
    assert succeeded(put(user, {"operation": "add", "tags": ["b:2", "c"]}))
    assert profile(user)["tags"] == ["a:1", "b:2", "c"]
    assert succeeded(put(user, {"operation": "remove", "tags": ["b:2", "unknown"]}))
    assert profile(user)["tags"] == ["a:1", "c"]


def test_a_thirty_third_tag_is_too_many(user):
    assert succeeded(put(user, {"operation": "add", "tags": [f"t{i:02}" for i in range(32)]}))
    assert refused(put(user, {"operation": "add", "tags": ["one more"]}), 101063)
    assert refused(put(user, {"operation": "add", "tags": ["x"] * 33}), 101063)
    assert len(profile(user)["tags"]) == 32


@pytest.mark.parametrize("body, code", [
    ({"phone_number": "+4930123456"}, 101060), ({"verification_code": "123456"}, 101012),
    ({"tags_verification_code": "123456"}, 101012), ({"mfa": True}, 101061), ({"mfa": "yes"}, 101061),
    ({}, 101062), ({"unknown": 1}, 101062), ({"name": "x" * 257}, 101062), ({"name": 5}, 100006),
    ({"locale": "de DE"}, 101062), ({"locale": "x" * 36}, 101062), ({"locale": "é"}, 101062),
    ({"tags": ["a"]}, 101062), ({"operation": "set", "tags": ["a"]}, 101062), ({"operation": "add", "tags": "a"}, 101062),
    ({"operation": "add", "tags": [5]}, 101062), ({"operation": "add", "tags": [""]}, 101062),
    ({"operation": "add", "tags": ["x" * 129]}, 101062), ({"operation": "add", "tags": ["a\nb"]}, 101062), ([], 100006)], ids=str)
def test_what_cannot_be_is_refused_and_changes_nothing(user, body, code):
    before = profile(user)
    if isinstance(body, dict):  # nothing of such a body is taken
        body = {"name": "Mallory"} | body if body and "name" not in body and "unknown" not in body else body
    assert refused(put(user, body), code)
    assert profile(user) == before


def test_what_is_not_listed_is_not_written(user):
    before = profile(user)
    assert succeeded(put(user, {"name": "Ann", "super_admin": True, "user_id": "x", "user_name": "x@example.org", "quota": 10**6,
                                "email": "x@example.org", "user_roles": ["admin"], "staff_role": "operator"}))
    assert profile(user) == before | {"name": "Ann"}


def test_that_there_is_no_second_factor_may_be_said(user):
    assert succeeded(put(user, {"mfa": False}))


def test_roles_are_told(stack, user):
    assert profile(user)["user_roles"] == ["user"]
    assert profile(stack.admin())["user_roles"] == ["admin"]


# --- custom data ------------------------------------------------------------------------------------------------------


def data(user):
    answer = user.get("/v1/user/custom_data")
    assert answer.status_code == 200, answer.text
    return answer.json()


def put_data(user, body):
    return put(user, body, "/v1/user/custom_data")


def test_data_is_empty_at_first(user):
    assert data(user) == {} and profile(user, custom_data="true")["custom_data"] == {}


def test_data_is_merged_and_null_deletes(user):
    assert succeeded(put_data(user, {"timeZone": {"value": "Europe/Paris", "perms": [{"read": ["user"]}]}, "old": {"value": 1}}))
    assert succeeded(put_data(user, {"timeZone": {"value": "Europe/Berlin"}, "old": None, "never": None}))
    assert data(user) == {"timeZone": {"value": "Europe/Berlin", "perms": [{"read": ["user"]}]}}
    assert succeeded(put_data(user, {"timeZone": {"perms": None}}))
    assert data(user) == {"timeZone": {"value": "Europe/Berlin"}}
    assert profile(user, custom_data="True")["custom_data"] == data(user)
    assert profile(user)["custom_data"] == {} and profile(user, custom_data="undefined")["custom_data"] == {}


def test_data_is_its_user_s_alone(user, stack):
    put_data(user, {"a": 1})
    assert data(stack.user()) == {}


def test_text_and_numbers_come_back_as_they_went(user):
    wanted = {"k\u0001\"\\é\U0001f511": ["", "\u2028", 21.5, -0.1, 2**62, True, None, {"deep": [[[1]]]}], "": {"value": ""}}
    assert succeeded(put_data(user, wanted))
    assert data(user) == wanted


@pytest.mark.parametrize("text", [b"[]", b"", b"1", b'{"a":1,"a":2}', b'{"a":"\xff"}', b'{"a":"\\u0000"}', b'{"a":1e999}',
                                  b'{"a":"\\ud800"}', b'{"a":' * 40 + b"1" + b"}" * 40])
def test_what_is_no_object_changes_nothing(user, text):
    put_data(user, {"a": 1})
    assert refused(user.request("PUT", "/v1/user/custom_data", data=text), 100006)
    assert data(user) == {"a": 1}


def test_an_absurd_number_is_kept_or_refused_whole(user):
    put_data(user, {"a": 1})
    answer = user.request("PUT", "/v1/user/custom_data", data=b'{"a":1e-20000,"b":2}')
    assert answer.status_code in (200, 400)
    assert data(user) == ({"a": 0, "b": 2} if answer.status_code == 200 else {"a": 1})


def test_data_over_its_size_is_refused_and_changes_nothing(user):
    assert succeeded(put_data(user, {"a": "x" * (DATA_BYTES_MAX - 100)}))
    for body in ({"b": "x" * 200}, {"b": "x" * (DATA_BYTES_MAX + 1)}):
        answer = put_data(user, body)
        assert answer.status_code == 413 and answer.json()["status"] == "failure"
    assert set(data(user)) == {"a"}
    assert succeeded(put_data(user, {"a": None}))
    assert data(user) == {}


def test_two_apps_that_write_at_once_lose_nothing(user):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: put_data(user, {f"k{i}": {"value": i}}), range(64)))
    assert all(succeeded(answer) for answer in answers)
    assert data(user) == {f"k{i}": {"value": i} for i in range(64)}
