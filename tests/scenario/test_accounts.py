"""Accounts and sessions: sign-up, confirmation, sign-in, refresh, sign-out (rest.md 2 and 3, threats.md section 6)."""

import base64
import contextlib
import email
import itertools
import json
import queue
import re
import socketserver
import statistics
import threading
import time

import pytest

from stackkit import DEADLINE_S, Stack, unique, wait_for

PASSWORD = "Correct-Horse-7"
OTHER_PASSWORD = "Battery-Staple-8"
UNAUTHORIZED = {"status": "failure", "error_code": 101017, "description": "Unauthorized", "message": "Unauthorized"}


def new_name():
    return f"{unique('ann')}@example.org"


def sign_up(stack, name, password=PASSWORD, path="/v1/user2", **more):
    return stack.post(path, {"user_name": name, "password": password} | more)


def confirm(stack, name, code, path="/v1/user2", **more):
    return stack.post(path, {"user_name": name, "verification_code": code} | more)


def sign_in(stack, name, password=PASSWORD, path="/v1/login2"):
    return stack.post(path, {"user_name": name, "password": password})


def refresh(stack, token, path="/v1/login2", **more):
    return stack.post(path, {"refreshtoken": token} | more)


def get_user(stack, tokens, path="/v1/user2"):
    return stack.request("GET", path, headers={"Authorization": tokens["accesstoken"]})


def sign_out(stack, tokens, path="/v1/logout2", **options):
    return stack.request("POST", path, headers={"Authorization": tokens["accesstoken"]}, **options)


def mails(stack, name):
    """What was written to the log for want of a mail server, oldest first: the code, or "-" of a notice without one."""
    shown = name if "=" not in name else f'"{name}"'
    return re.findall(rf"event=mail\.logged .*\bto={re.escape(shown)} .*\bcode=(\d{{6}}|-)$", stack.log("cisternd"), re.M)


def next_mail(stack, name, n):
    """The n-th mail to this name."""
    return wait_for(lambda: mails(stack, name)[n - 1], what=f"mail {n} to {name}")


def other_code(code, by=1):
    return f"{(int(code) + by) % 1000000:06d}"


def segments(token):
    header, payload, signature = token.split(".")
    return header, payload, signature


def lenient(segment):
    """As the CLI decodes: the standard alphabet, padding repaired, whatever else is there dropped silently."""
    return base64.b64decode(segment + "=" * (-len(segment) % 4))


def claims(token):
    return json.loads(lenient(segments(token)[1]))


def refused(answer, code):
    """An error of the contract's shape that no client takes for the end of its session."""
    body = answer.json()
    assert 400 <= answer.status_code < 500 and answer.status_code != 401, answer.text
    assert body["status"] == "failure" and type(body["error_code"]) is int and body["error_code"] == code, answer.text
    assert "message" not in body and body["description"] != "Unauthorized"
    return True


def succeeded(answer):
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "success" and answer.json()["description"]
    return True


def same(one, two):
    """Nobody outside can tell these two answers apart."""
    def visible(answer):
        headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "X-Request-Id")}
        return answer.status_code, headers, answer.content

    assert visible(one) == visible(two)
    return True


@pytest.fixture
def name():
    return new_name()


@pytest.fixture
def pending(stack, name):
    """Signed up, not confirmed: (name, code)."""
    assert succeeded(sign_up(stack, name))
    return name, next_mail(stack, name, 1)


@pytest.fixture
def account(stack, pending):
    """A confirmed account's name. Its log has one mail so far."""
    assert succeeded(confirm(stack, *pending))
    return pending[0]


@pytest.fixture
def sessions(stack, user):
    """Makes more sessions of one user: their tokens."""
    return lambda: sign_in(stack, user.name, user.password).json()


def signed_in(stack, *passwords_of):
    """True when exactly the first (name, password) signs in and no other does."""
    first, *others = passwords_of
    assert succeeded(sign_in(stack, *first))
    for each in others:
        assert refused(sign_in(stack, *each), 101009)
    return True


# --- sign-up and confirmation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/user2", "/v1/user"])
def test_sign_up_sends_a_code_and_the_code_makes_the_account(stack, name, path):
    assert succeeded(sign_up(stack, name, path=path))
    code = next_mail(stack, name, 1)
    assert re.fullmatch(r"\d{6}", code)
    assert succeeded(confirm(stack, name, code, path=path))
    assert succeeded(sign_in(stack, name))


def test_fields_that_only_some_clients_send_do_no_harm(stack, name):
    """locale at sign-up, tags at the confirmation; null and unknown members are as if they were not there."""
    assert succeeded(sign_up(stack, name, locale="de", verification_code=None, super_admin=True, user_id="x"))
    assert succeeded(confirm(stack, name, next_mail(stack, name, 1), tags=["a:b"], password=None, super_admin=True))
    tokens = sign_in(stack, name).json()
    assert get_user(stack, tokens).json()["super_admin"] is False


def test_a_phone_number_is_a_user_name(stack):
    name = f"+4930{time.monotonic_ns() % 10**9:09d}"
    assert succeeded(sign_up(stack, name))
    assert succeeded(confirm(stack, name, next_mail(stack, name, 1)))
    tokens = sign_in(stack, name).json()
    of_user = get_user(stack, tokens).json()
    assert (of_user["user_name"], of_user["phone_number"], of_user["email"]) == (name, name, "")
    assert claims(tokens["idtoken"])["phone_number"] == name and "email" not in claims(tokens["idtoken"])


def test_two_spellings_of_an_address_are_one_account(stack, pending):
    name, code = pending
    assert succeeded(confirm(stack, name.upper(), code))
    tokens = sign_in(stack, name.title()).json()
    assert get_user(stack, tokens).json()["user_name"] == name
    assert stack.sql("SELECT count(*) FROM account WHERE lower(user_name) = %s", name) == [(1,)]


def test_repeating_the_sign_up_before_the_confirmation_sends_a_new_code(stack, pending):
    name, _ = pending
    assert succeeded(sign_up(stack, name))
    assert succeeded(confirm(stack, name, next_mail(stack, name, 2)))
    assert succeeded(sign_in(stack, name))


def test_only_the_newest_code_counts(stack, pending):
    name, old = pending
    sign_up(stack, name)
    new = next_mail(stack, name, 2)
    while new == old:  # once in a million
        sign_up(stack, name)
        new = next_mail(stack, name, len(mails(stack, name)))
    assert refused(confirm(stack, name, old), 101012)
    assert succeeded(confirm(stack, name, new))


def test_the_password_that_becomes_valid_is_that_of_the_confirmed_sign_up(stack, pending):
    """Else a stranger's sign-up, confirmed by the owner's code, would leave the stranger's password behind."""
    name, _ = pending
    sign_up(stack, name, OTHER_PASSWORD)
    assert succeeded(confirm(stack, name, next_mail(stack, name, 2)))
    assert signed_in(stack, (name, OTHER_PASSWORD), (name, PASSWORD))


def test_a_code_is_good_once(stack, pending):
    name, code = pending
    assert succeeded(confirm(stack, name, code))
    assert refused(confirm(stack, name, code), 101012)
    assert succeeded(sign_in(stack, name))


def test_a_wrong_code_confirms_nothing_and_the_right_one_still_does(stack, pending):
    name, code = pending
    assert refused(confirm(stack, name, other_code(code)), 101012)
    assert refused(sign_in(stack, name), 101015)
    assert succeeded(confirm(stack, name, code))


def test_a_code_counts_only_as_it_was_sent(stack, pending):
    name, code = pending
    for spoilt in (code[:-1], code + "0", f" {code}", "x" * 3000):  # five would use it up
        assert refused(confirm(stack, name, spoilt), 101012)
    assert succeeded(confirm(stack, name, code))


def test_after_five_wrong_tries_the_code_is_worth_nothing(stack, pending):
    name, code = pending
    for by in range(1, 6):
        assert refused(confirm(stack, name, other_code(code, by)), 101012)
    assert refused(confirm(stack, name, code), 101012)
    assert refused(sign_in(stack, name), 101015)
    sign_up(stack, name)
    assert succeeded(confirm(stack, name, next_mail(stack, name, 2)))


def test_a_code_belongs_to_one_user(stack, pending):
    name, code = pending
    other = new_name()
    sign_up(stack, other)
    others_code = next_mail(stack, other, 1)
    if others_code != code:  # equal once in a million
        assert refused(confirm(stack, other, code), 101012)
    assert succeeded(confirm(stack, other, others_code))
    assert refused(sign_in(stack, name), 101015)


def test_a_code_runs_out(stack, pending):
    name, code = pending
    stack.sql("UPDATE account_code SET expires_at = now() - interval '1 second' FROM account a "
              "WHERE a.user_id = account_code.user_id AND a.user_name = %s", name)
    assert refused(confirm(stack, name, code), 101012)
    assert refused(sign_in(stack, name), 101015)


def test_a_sixth_code_within_a_quarter_of_an_hour_is_too_many(stack, name):
    for _ in range(5):
        assert succeeded(sign_up(stack, name))
    answer = sign_up(stack, name)
    assert answer.status_code == 429 and answer.json()["status"] == "failure"
    assert 1 <= int(answer.headers["Retry-After"]) <= 900
    assert succeeded(sign_up(stack, new_name()))  # it is about that account only
    assert succeeded(confirm(stack, name, next_mail(stack, name, 5)))
    assert len(mails(stack, name)) == 5


def test_signing_up_where_an_account_is_answers_alike_and_changes_nothing(stack, account, name):
    before = stack.sql("SELECT a::text FROM account a WHERE user_name = %s", account)
    new = sign_up(stack, new_name())
    assert same(sign_up(stack, account, OTHER_PASSWORD), new)
    assert same(sign_up(stack, account, OTHER_PASSWORD), new)  # and again, as a repetition
    assert next_mail(stack, account, 2) == next_mail(stack, account, 3) == "-"  # the owner is told, and gets no code
    assert stack.sql("SELECT a::text FROM account a WHERE user_name = %s", account) == before
    assert stack.sql("SELECT count(*) FROM account_code JOIN account USING (user_id) WHERE user_name = %s",
                     account) == [(0,)]
    assert signed_in(stack, (account, PASSWORD), (account, OTHER_PASSWORD))


def test_a_repeated_sign_up_answers_like_the_first(stack, pending):
    name, _ = pending
    assert same(sign_up(stack, name), sign_up(stack, new_name()))


def test_a_wrong_code_answers_alike_for_known_and_unknown_names(stack, account, name):
    waiting = new_name()
    sign_up(stack, waiting)
    wrong = other_code(next_mail(stack, waiting, 1))
    answers = [confirm(stack, each, wrong) for each in (account, waiting, new_name())]
    assert refused(answers[0], 101012) and same(answers[0], answers[1]) and same(answers[1], answers[2])


def test_nobody_has_an_account_by_a_wrong_code(stack):
    name = new_name()
    confirm(stack, name, "000000")
    assert stack.sql("SELECT count(*) FROM account WHERE user_name = %s", name) == [(0,)]


WEAK = {
    "seven": "Short1x", "no capital": "alllower1", "no small letter": "ALLUPPER1", "no digit": "NoDigitsHere",
    "129": "Aa1" + "x" * 126, "blanks": "        ", "seven of two bytes": "Aa1éééé",
}


@pytest.mark.parametrize("password", WEAK.values(), ids=WEAK.keys())
def test_a_password_against_the_rules_makes_no_account(stack, name, password):
    answer = sign_up(stack, name, password)
    assert answer.json()["error_code"] in (101004, 101007), answer.text
    assert refused(answer, answer.json()["error_code"])
    assert stack.sql("SELECT count(*) FROM account WHERE user_name = %s", name) == [(0,)]
    assert mails(stack, name) == []


@pytest.mark.parametrize("password", ["Eightch1", "Aa1" + "é" * 125, "Aa1 \t\"\\/'% \u0001ü\U0001f511"],
                         ids=["8", "128 of two bytes each", "odd characters"])
def test_a_password_within_the_rules_is_taken_whole(stack, name, password):
    assert succeeded(sign_up(stack, name, password))
    assert succeeded(confirm(stack, name, next_mail(stack, name, 1)))
    assert signed_in(stack, (name, password), (name, password[:-1]))


NO_NAMES = [
    "ann", "ann@", "@example.org", "ann @example.org", "ann@example.org\r\nBcc: b@example.org", "ann@example.org\n",
    "<ann@example.org>", "ann@exa mple.org", "ann@a@example.org", "+12", "+12345x789", "0123456789", "ann@-.org",
    "a" * 65 + "@example.org", "ann\u0000@example.org", "änn@example.org", "ann@" + "a" * 250 + ".org",
]


@pytest.mark.parametrize("bad", NO_NAMES, ids=[json.dumps(each)[:40] for each in NO_NAMES])
def test_what_is_neither_an_address_nor_a_number_is_no_user_name(stack, bad):
    for answer in (sign_up(stack, bad), confirm(stack, bad, "123456"), sign_in(stack, bad)):
        assert 400 <= answer.status_code < 500 and answer.status_code != 401
        assert answer.json()["error_code"] in (100006, 101002)


@pytest.mark.parametrize("path", ["/v1/user2", "/v1/user", "/v1/login2", "/v1/login"])
@pytest.mark.parametrize("body, code", [
    ({}, 101001), ({"user_name": None, "password": PASSWORD}, 101001), ({"password": PASSWORD}, 101001),
    ({"user_name": "ann@example.org"}, 101003), ({"user_name": "ann@example.org", "password": None}, 101003),
    ({"user_name": "ann@example.org", "password": ""}, 101003), ({"user_name": "", "password": PASSWORD}, 101001),
    ({"user_name": "ann@example.org", "password": 5}, 100006),
    ({"user_name": ["ann@example.org"], "password": PASSWORD}, 100006),
    ([], 100006), (None, 100006), ("x", 100006)], ids=str)
def test_what_is_missing_or_of_the_wrong_type_is_named_by_its_code(stack, path, body, code):
    assert refused(stack.request("POST", path, data=json.dumps(body)), code)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff",
                                  b'{"user_name":"a@example.org","user_name":"b@example.org","password":"x"}',
                                  b'{"user_name":"ann@example.org","password":"\xff"}', b"[" * 4000, b'{"a":1}{"a":1}'])
def test_a_body_that_is_no_json_object_is_refused(stack, text):
    for path in ("/v1/user2", "/v1/login2"):
        assert refused(stack.request("POST", path, data=text), 100006)


# --- signing in -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/login2", "/v1/login"])
def test_signing_in_gives_three_tokens(stack, user, path):
    answer = sign_in(stack, user.name, user.password, path)
    assert succeeded(answer)
    assert set(answer.json()) == {"status", "description", "idtoken", "accesstoken", "refreshtoken"}
    for kind in ("idtoken", "accesstoken"):
        assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", answer.json()[kind])
    assert get_user(stack, answer.json()).json()["user_id"] == user.id


def test_a_wrong_password_and_an_unknown_user_are_answered_alike(stack, user):
    wrong = sign_in(stack, user.name, OTHER_PASSWORD)
    unknown = sign_in(stack, new_name(), OTHER_PASSWORD)
    assert refused(wrong, 101009) and same(wrong, unknown)
    absurd = sign_in(stack, user.name, "x" * 3000)
    assert same(absurd, sign_in(stack, new_name(), "x" * 3000)) and refused(absurd, 101009)


def test_that_an_account_is_not_confirmed_is_told_only_with_its_password(stack, pending):
    name, _ = pending
    assert refused(sign_in(stack, name), 101015)
    assert same(sign_in(stack, name, OTHER_PASSWORD), sign_in(stack, new_name(), OTHER_PASSWORD))
    assert refused(sign_in(stack, name, OTHER_PASSWORD), 101009)


@pytest.mark.slow
def test_a_known_and_an_unknown_name_take_as_long(stack, account):
    """A password is hashed for either; without that, the shorter time would be a thirtieth of the longer."""
    def seconds(ask, *arguments):
        began = time.monotonic()
        ask(stack, *arguments)
        return time.monotonic() - began

    signed = [(seconds(sign_in, account, OTHER_PASSWORD), seconds(sign_in, new_name(), OTHER_PASSWORD)) for _ in range(5)]
    joined = [(seconds(sign_up, account), seconds(sign_up, new_name())) for _ in range(3)]
    for times in (signed, joined):
        known, unknown = (statistics.median(each) for each in zip(*times))
        assert 1 / 3 < known / unknown < 3, times


def test_each_sign_in_is_a_session_of_its_own(stack, user, sessions):
    one, two = sessions(), sessions()
    assert one["refreshtoken"] != two["refreshtoken"] and one["accesstoken"] != two["accesstoken"]
    assert succeeded(sign_out(stack, one))
    assert get_user(stack, two).status_code == 200


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_the_id_token_says_who_and_by_whom_and_until_when(stack, user):
    token = claims(user.tokens["idtoken"])
    assert token["custom:user_id"] == user.id == user.get("/v1/user2").json()["user_id"]
    assert token["email"] == user.name
    assert isinstance(token["iss"], str) and token["iss"]
    assert isinstance(token["exp"], int) and 0 < token["exp"] - time.time() <= 3660


def test_the_access_token_ends_within_the_hour(user):
    token = claims(user.tokens["accesstoken"])
    assert isinstance(token["exp"], int) and 0 < token["exp"] - time.time() <= 3660


def test_neither_token_holds_what_is_nobody_s_business(user):
    for kind in ("idtoken", "accesstoken"):
        text = json.dumps(claims(user.tokens[kind]))
        assert user.password not in text and user.tokens["refreshtoken"] not in text and "$argon2" not in text


@pytest.mark.parametrize("local", ["~~~~", "????", "{|}~!#$%&'*+/=?^_`{|}~-"])
def test_every_client_can_decode_the_payload_whatever_the_name_is(stack, local):
    """One decoder drops - and _ without a word and another throws on them: there must be none (rest.md section 2)."""
    name = f"{local}.{unique('odd')}@example.org"
    assert succeeded(sign_up(stack, name))
    assert succeeded(confirm(stack, name, next_mail(stack, name, 1)))
    first = sign_in(stack, name).json()
    for tokens in (first, refresh(stack, first["refreshtoken"]).json()):
        for kind in ("idtoken", "accesstoken"):
            _, payload, _ = segments(tokens[kind])
            assert re.fullmatch(r"[A-Za-z0-9]+", payload)  # not even + and /, which are the other alphabet's
            lenient(payload).decode("ascii")
        assert claims(tokens["idtoken"])["email"] == name
    assert get_user(stack, first).json()["email"] == name


# --- refresh ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/login2", "/v1/login"])
@pytest.mark.parametrize("more", [{}, {"user_name": None, "password": None}, {"user_name": "the user's"}],
                         ids=["sdk", "null", "cli"])
def test_a_refresh_gives_new_tokens_and_no_refresh_token(stack, user, path, more):
    if more.get("user_name"):
        more = {"user_name": user.name}
    answer = refresh(stack, user.tokens["refreshtoken"], path, **more)
    assert succeeded(answer)
    assert set(answer.json()) == {"status", "description", "idtoken", "accesstoken"}
    assert get_user(stack, answer.json()).json()["user_id"] == user.id
    assert claims(answer.json()["idtoken"])["custom:user_id"] == user.id
    assert get_user(stack, user.tokens).status_code == 200  # the former access token stays good


def test_the_refresh_token_stays_good(stack, user):
    """Clients never store another one; the CLI refreshes twice in one command."""
    for _ in range(5):
        assert succeeded(refresh(stack, user.tokens["refreshtoken"], user_name=user.name))


def test_a_refresh_never_makes_somebody_else_of_its_owner(stack, user, new_user):
    other = new_user()
    answer = refresh(stack, user.tokens["refreshtoken"], user_name=other.name)
    if answer.status_code == 200:
        assert claims(answer.json()["idtoken"])["custom:user_id"] == user.id
        assert get_user(stack, answer.json()).json()["user_id"] == user.id


@pytest.mark.parametrize("spoil", [lambda token: token[:-1], lambda token: token + "0",
                                   lambda token: token.upper() + "A", lambda token: "f" * len(token),
                                   lambda token: "x", lambda token: f" {token}", lambda token: "é" * 64,
                                   lambda token: "f" * 3000],
                         ids=range(8))
def test_a_refresh_token_that_is_none_ends_the_client_s_session(stack, user, spoil):
    answer = refresh(stack, spoil(user.tokens["refreshtoken"]), user_name=user.name)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


def test_an_access_token_is_no_refresh_token_nor_the_other_way_round(stack, user):
    assert refresh(stack, user.tokens["accesstoken"]).status_code == 401
    assert get_user(stack, {"accesstoken": user.tokens["refreshtoken"]}).status_code == 401
    assert get_user(stack, {"accesstoken": user.tokens["idtoken"]}).status_code == 401


def test_a_session_that_ran_out_is_not_refreshed(stack, user, sessions):
    tokens = sessions()
    stack.sql("UPDATE session SET expires_at = now() - interval '1 second' WHERE session_id = %s",
              claims(tokens["accesstoken"])["sid"])
    answer = refresh(stack, tokens["refreshtoken"])
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert get_user(stack, tokens).status_code == 401
    assert get_user(stack, user.tokens).status_code == 200


# --- sign-out ---------------------------------------------------------------------------------------------------------

# as clients say that they mean this session only, or all
ONE = [{}, {"params": {"logout_all": "false"}}, {"params": {"logout_all": "False"}},
       {"params": {"logout_all": "undefined"}}, {"json": {}},
       {"json": {"logout_all": False}}, {"json": {"logout_all": None}}]
ALL = [{"params": {"logout_all": "true"}}, {"params": {"logout_all": "True"}}, {"json": {"logout_all": True}}]


@pytest.mark.parametrize("form", ONE, ids=json.dumps)
def test_signing_out_ends_this_session_and_no_other(stack, user, sessions, form):
    ended, other = sessions(), user.tokens
    refreshed = refresh(stack, ended["refreshtoken"]).json()
    assert succeeded(sign_out(stack, ended, **form))
    for tokens in (ended, refreshed):
        answer = get_user(stack, tokens)
        assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    answer = refresh(stack, ended["refreshtoken"])
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert get_user(stack, other).status_code == 200
    assert succeeded(refresh(stack, other["refreshtoken"]))


@pytest.mark.parametrize("form", ALL, ids=json.dumps)
def test_signing_out_everywhere_ends_every_session_of_the_user_and_of_nobody_else(stack, new_user, form):
    user, bystander = new_user(), new_user()
    tokens = [sign_in(stack, user.name, user.password).json() for _ in range(2)]
    assert succeeded(sign_out(stack, tokens[0], **form))
    for each in (*tokens, user.tokens):
        assert get_user(stack, each).status_code == 401
        assert refresh(stack, each["refreshtoken"]).status_code == 401
    assert bystander.get("/v1/user2").status_code == 200
    assert succeeded(refresh(stack, bystander.tokens["refreshtoken"]))
    user.login()  # and one may come back
    assert user.get("/v1/user2").status_code == 200


@pytest.mark.parametrize("path", ["/v1/logout2", "/v1/logout"])
def test_both_names_of_signing_out_work_and_only_once(stack, user, sessions, path):
    tokens = sessions()
    assert succeeded(sign_out(stack, tokens, path))
    assert sign_out(stack, tokens, path).status_code == 401


@pytest.mark.parametrize("form", [{"params": {"logout_all": "yes"}}, {"json": {"logout_all": 1}},
                                  {"json": {"logout_all": "all"}}], ids=json.dumps)
def test_a_doubtful_logout_all_ends_nothing(stack, user, form):
    assert refused(sign_out(stack, user.tokens, **form), 101036)
    assert get_user(stack, user.tokens).status_code == 200


# --- the user ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/user2", "/v1/user"])
@pytest.mark.parametrize("query", ["", "?custom_data=true", "?custom_data=undefined", "?custom_data=True&"])
def test_the_user_has_the_shape_of_the_contract(stack, user, path, query):
    answer = user.get(path + query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert re.fullmatch(uuid, body["user_id"]) and body["user_id"] == claims(user.tokens["idtoken"])["custom:user_id"]
    assert body["user_name"] == body["email"] == user.name and body["phone_number"] == ""
    types = {"name": str, "super_admin": bool, "mfa": bool, "quota": int, "picture_url": str, "tags": list,
             "custom_data": dict}
    assert {key: type(body[key]) for key in types} == types
    assert body["super_admin"] is False
    assert not [key for key in body if "password" in key or "hash" in key]


def test_the_administrator_is_called_so(stack):
    assert stack.admin().get("/v1/user").json()["super_admin"] is True


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_no_password_code_or_token_is_kept_in_clear(stack, name):
    """Codes stand in the log only because this stack has no mail server."""
    password = f"Secret-{unique('pw')}-Zz9"
    sign_up(stack, name, password)
    code = next_mail(stack, name, 1)
    kept = [stack.sql("SELECT c::text FROM account_code c JOIN account USING (user_id) WHERE user_name = %s", name)]
    assert code not in str(kept)
    confirm(stack, name, code)
    tokens = sign_in(stack, name, password).json()
    refresh(stack, tokens["refreshtoken"])
    sign_in(stack, name, password + "-wrong")
    kept += [stack.sql(f"SELECT t::text FROM {table} t") for table in ("account", "session")]
    kept += [stack.log("")]
    for secret in (password, tokens["refreshtoken"], tokens["accesstoken"], tokens["idtoken"]):
        for form in (secret, secret.encode().hex()):
            assert form not in str(kept)


# --- by mail ----------------------------------------------------------------------------------------------------------


class MailServer(socketserver.ThreadingTCPServer):
    """As little of RFC 5321 as a client needs: what arrives goes into a queue as (sender, receivers, message)."""

    allow_reuse_address = daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), MailSession)
        self.arrived = queue.Queue()
        self.put_off = 0  # how many mails are answered "later" first
        self.url = f"smtp://127.0.0.1:{self.server_address[1]}"

    def take(self):
        sender, receivers, text = self.arrived.get(timeout=DEADLINE_S)
        return sender, receivers, email.message_from_bytes(text)


class MailSession(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def read_message(self):
        lines = itertools.takewhile(lambda line: line not in (b".\r\n", b""), iter(self.rfile.readline, b""))
        return b"".join(line[1:] if line.startswith(b".") else line for line in lines)

    def handle(self):
        sender, receivers = None, []
        self.say("220 mail.example.org")
        for line in iter(self.rfile.readline, b""):
            verb, _, rest = line.decode().strip().partition(" ")
            address = re.search(r"<([^>]*)>", rest)
            if verb.upper() == "MAIL" and self.server.put_off > 0:
                self.server.put_off -= 1
                self.say("451 later")
            elif verb.upper() == "MAIL":
                sender, receivers = address[1], []
                self.say("250 ok")
            elif verb.upper() == "RCPT":
                receivers.append(address[1])
                self.say("250 ok")
            elif verb.upper() == "DATA":
                self.say("354 go on")
                message = self.read_message()
                self.say("250 ok")
                self.server.arrived.put((sender, receivers, message))
            elif verb.upper() == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok" if verb.upper() in ("EHLO", "HELO", "RSET") else "502 what")


@pytest.fixture(scope="module")
def mail_server():
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def mailing(mail_server):
    """A stack that sends its mail through that server."""
    with contextlib.closing(Stack(CISTERN_SMTP_URL=mail_server.url, CISTERN_SMTP_FROM="cistern@example.org")) as running:
        yield running


def mailed_code(message):
    """The one number of six digits that the reader sees."""
    (code,) = re.findall(r"\b\d{6}\b", message.get_payload())
    return code


def test_the_code_arrives_by_mail_and_is_written_nowhere(mailing, mail_server, name):
    assert succeeded(sign_up(mailing, name))
    sender, receivers, message = mail_server.take()
    assert (sender, receivers) == ("cistern@example.org", [name])
    assert message["From"] == "<cistern@example.org>" and message["To"] == f"<{name}>"
    assert message["Subject"] and message["Date"] and message.get_content_type() == "text/plain"
    code = mailed_code(message)
    assert refused(sign_in(mailing, name), 101015)
    assert succeeded(confirm(mailing, name, code))
    assert succeeded(sign_in(mailing, name))
    wait_for(lambda: "event=mail.sent" in mailing.log("cisternd"), what="the mail in the log")
    assert mails(mailing, name) == [] and not re.search(rf"\b{code}\b", mailing.log("cisternd"))


def test_the_owner_of_an_account_is_told_by_mail_and_gets_no_code(mailing, mail_server, name):
    sign_up(mailing, name)
    assert succeeded(confirm(mailing, name, mailed_code(mail_server.take()[2])))
    assert succeeded(sign_up(mailing, name, OTHER_PASSWORD))
    _, receivers, message = mail_server.take()
    assert receivers == [name] and "account" in message.get_payload()
    assert not re.search(r"\d{6}", message.get_payload())


def test_a_name_with_every_odd_character_gets_its_mail(mailing, mail_server):
    name = f"o'neil!#$%&*+/=?^_`{{|}}~-.{unique('x')}@example.org"
    assert succeeded(sign_up(mailing, name))
    _, receivers, message = mail_server.take()
    assert receivers == [name]
    assert succeeded(confirm(mailing, name, mailed_code(message)))


def test_a_code_that_the_mail_server_puts_off_comes_later(mailing, mail_server, name):
    mail_server.put_off = 1
    began = time.monotonic()
    assert succeeded(sign_up(mailing, name))
    assert time.monotonic() - began < 5  # nobody waits for the mail (rest.md 15)
    _, receivers, message = mail_server.take()
    assert receivers == [name] and mail_server.put_off == 0
    assert succeeded(confirm(mailing, name, mailed_code(message)))


def test_a_phone_number_gets_no_mail(mailing, mail_server, name):
    phone = f"+4940{time.monotonic_ns() % 10**9:09d}"
    assert succeeded(sign_up(mailing, phone))
    assert succeeded(confirm(mailing, phone, next_mail(mailing, phone, 1)))  # where its code goes is the operator's affair
    assert succeeded(sign_up(mailing, name))
    assert mail_server.take()[1] == [name]  # the first that came
