"""Sessions that their user sees and ends, stolen refresh tokens, and too many wrong passwords (threats.md section 6)."""

import re
import uuid

import pytest

from addresskit import Elsewhere
from stackkit import wait_for
from test_accounts import (OTHER_PASSWORD, PASSWORD, UNAUTHORIZED, claims, get_user, mails, new_name, next_mail, other_code,  # noqa: F401
                           refresh, refused, same, sign_in, sign_out, sign_up, succeeded)
from test_recovery import change, forgot, set_password

WRONG = "Wrong-Password-1"


@pytest.fixture
def user(stack):
    """Of one's own: its sessions are counted."""
    return stack.user()


def listed(user, **query):
    answer = user.get("/v1/user/sessions", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def sid(tokens):
    return claims(tokens["accesstoken"])["sid"]


def end(user, **query):
    return user.request("DELETE", "/v1/user/sessions", params=query)


def events(stack, action, object_id):
    return stack.sql("SELECT count(*), max(host(source)) FROM audit_event WHERE action = %s AND object_id = %s", action,
                     object_id)[0]


# --- the list ---------------------------------------------------------------------------------------------------------


def test_sessions_are_listed_newest_first_with_where_they_came_from(stack, user):
    agent = "Phone/1.0 " + "é".encode().decode("latin-1") + "x" * 300
    tokens = Elsewhere(stack, "127.3.2.1").request("POST", "/v1/login2", json={"user_name": user.name, "password": user.password},
                                                   headers={"User-Agent": agent.encode("latin-1")}).json()
    first, second = listed(user)["sessions"]
    assert set(first) == {"session_id", "created_timestamp", "last_used_timestamp", "expires_timestamp", "source", "client",
                          "current"}
    assert (first["session_id"], first["source"], first["current"]) == (sid(tokens), "127.3.2.1", False)
    assert first["client"] == "Phone/1.0 ??" + "x" * 188
    assert (second["session_id"], second["source"], second["current"]) == (sid(user.tokens), "127.0.0.1", True)
    assert second["client"].startswith("python-requests/")
    assert first["created_timestamp"] <= first["last_used_timestamp"] < first["expires_timestamp"]


def test_sessions_come_in_pages(stack, user):
    made = [sid(user.tokens)] + [sid(sign_in(stack, user.name, user.password).json()) for _ in range(4)]
    found, query, n_pages = [], {}, 0
    while True:
        page = listed(user, num_records=2, **query)
        found += [each["session_id"] for each in page["sessions"]]
        n_pages += 1
        if "next_id" not in page:
            break
        query = {"start_id": page["next_id"]}
    assert found == made[::-1] and n_pages == 3


def test_another_s_session_is_no_place_to_start_from(stack, user, new_user):
    assert listed(user, start_id=sid(new_user().tokens))["sessions"] == listed(user, start_id=str(uuid.uuid4()))["sessions"] == []
    assert refused(user.get("/v1/user/sessions", start_id="1"), 102001)
    assert refused(user.get("/v1/user/sessions", num_records=0), 102001)


def test_a_session_is_ended_from_another_one(stack, user):
    tokens = sign_in(stack, user.name, user.password).json()
    assert succeeded(end(user, session_id=sid(tokens)))
    assert get_user(stack, tokens).json() == UNAUTHORIZED
    assert refresh(stack, tokens["refreshtoken"]).status_code == 401
    assert [each["session_id"] for each in listed(user)["sessions"]] == [sid(user.tokens)]
    assert stack.sql("SELECT detail->>'reason' FROM audit_event WHERE action = 'session.ended' AND object_id = %s",
                     sid(tokens)) == [("revoked",)]


def test_a_foreign_session_is_answered_like_an_unknown_one(stack, user, new_user):
    other = new_user()
    answers = [end(user, session_id=each) for each in (sid(other.tokens), str(uuid.uuid4()), "1", "' OR 1=1", "é")] + [end(user)]
    assert refused(answers[0], 101065) and answers[0].status_code == 404
    assert all(same(answers[0], each) for each in answers[1:])
    assert other.get("/v1/user2").status_code == 200


# --- theft ------------------------------------------------------------------------------------------------------------


def test_a_refresh_token_from_a_ninth_network_within_the_hour_ends_its_session_and_the_owner_is_told(stack, user):
    token = user.tokens["refreshtoken"]
    other = sign_in(stack, user.name, user.password).json()
    for i in range(1, 8):  # with that of the sign-in, eight
        assert succeeded(refresh(Elsewhere(stack, f"127.9.{i}.1"), token))
        assert succeeded(refresh(Elsewhere(stack, f"127.9.{i}.2"), token))
    answer = refresh(Elsewhere(stack, "127.9.8.1"), token)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert refresh(stack, token).status_code == 401 and user.get("/v1/user2").status_code == 401
    assert get_user(stack, other).status_code == 200  # the other sessions were not stolen
    assert next_mail(stack, user.name, 1) == "-"
    assert stack.sql("SELECT detail->>'reason', host(source) FROM audit_event WHERE action = 'session.ended' AND object_id = %s",
                     sid(user.tokens)) == [("stolen", "127.9.8.1")]
    assert events(stack, "session.refresh_refused", sid(user.tokens))[0] == 1


def test_a_refresh_token_of_an_ended_session_is_a_security_event(stack, user):
    tokens = sign_in(stack, user.name, user.password).json()
    sign_out(stack, tokens)
    assert refresh(Elsewhere(stack, "127.8.8.8"), tokens["refreshtoken"]).status_code == 401
    assert events(stack, "session.refresh_refused", sid(tokens)) == (1, "127.8.8.8")
    assert refresh(stack, "f" * 64).status_code == 401  # nobody's: no event


# --- too many wrong passwords -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def limited(request):
    from stackkit import Stack
    running = Stack(CISTERN_SIGN_IN_FAILURES_MAX="3", CISTERN_SIGN_IN_STRANGERS_FAILURES_MAX="5")
    request.addfinalizer(running.close)
    return running


@pytest.fixture
def owner(limited):
    """Who has signed in from 127.0.0.1, and so is known in 127.0.0.0/24."""
    return limited.user()


def locked(answer):
    assert answer.status_code == 429, answer.text
    assert answer.json()["error_code"] == 101019 and answer.json()["status"] == "failure"
    assert 1 <= int(answer.headers["Retry-After"]) <= 3600
    return True


def test_after_the_last_wrong_password_even_the_right_one_is_refused(limited, owner):
    stranger = Elsewhere(limited, "127.20.1.1")
    for _ in range(3):
        assert refused(sign_in(stranger, owner.name, WRONG), 101009)
    assert locked(sign_in(stranger, owner.name, WRONG)) and locked(sign_in(stranger, owner.name, owner.password))
    assert events(limited, "sign_in.failed", owner.id) == (3, "127.20.1.1")
    assert events(limited, "sign_in.locked", owner.id) == (1, "127.20.1.1")


def test_no_password_is_hashed_for_whom_is_locked_out(limited, owner):
    stranger = Elsewhere(limited, "127.21.1.1")
    while sign_in(stranger, owner.name, WRONG).status_code != 429:
        pass
    for _ in range(3):
        assert locked(sign_in(stranger, owner.name, owner.password))
    request = sign_in(stranger, owner.name, owner.password).headers["X-Request-Id"]
    line = wait_for(lambda: re.search(rf"event=api.request .*request={request} micros=(\d+)", limited.log("cisternd")))
    assert int(line[1]) < 30000  # a hash takes 60 ms and more


def test_unknown_names_are_locked_like_known_ones(limited, owner):
    known, unknown = ([sign_in(Elsewhere(limited, "127.22.1.1"), each, WRONG) for _ in range(5)] for each in (owner.name, new_name()))
    for one, two in zip(known[:3], unknown[:3]):
        assert same(one, two) and refused(one, 101009)
    for one, two in zip(known[3:], unknown[3:]):
        assert locked(one) and locked(two) and one.content == two.content


def test_strangers_together_use_up_the_strangers_tries_and_not_the_owner_s(limited, owner):
    for i in range(1, 6):
        assert refused(sign_in(Elsewhere(limited, f"127.23.{i}.1"), owner.name, WRONG), 101009)
    assert locked(sign_in(Elsewhere(limited, "127.23.6.1"), owner.name, owner.password))
    assert succeeded(sign_in(limited, owner.name, owner.password))
    assert succeeded(sign_in(Elsewhere(limited, "127.0.0.77"), owner.name, owner.password))  # the same network


def test_right_passwords_cost_nothing_and_forgive_nothing(limited, owner):
    for _ in range(8):
        assert succeeded(sign_in(limited, owner.name, owner.password))
    for _ in range(3):
        assert refused(sign_in(limited, owner.name, WRONG), 101009)
    assert locked(sign_in(limited, owner.name, owner.password))
    assert succeeded(sign_in(Elsewhere(limited, "127.0.0.78"), owner.name, owner.password))
    assert locked(sign_in(limited, owner.name, owner.password))


def test_wrong_codes_and_wrong_old_passwords_count_too(limited, owner):
    forgot(limited, owner.name)
    code = next_mail(limited, owner.name, 1)
    assert refused(set_password(limited, owner.name, other_code(code)), 101012)
    assert refused(change(limited, owner.tokens, WRONG, OTHER_PASSWORD), 101020)
    assert refused(owner.request("DELETE", "/v1/user2", params={"verification_code": "123456"}), 119005)
    assert locked(set_password(limited, owner.name, code)) and locked(change(limited, owner.tokens, owner.password, OTHER_PASSWORD))
    assert locked(owner.request("DELETE", "/v1/user2", params={"verification_code": "123456"}))
    assert locked(sign_in(limited, owner.name, owner.password))
    assert succeeded(refresh(limited, owner.tokens["refreshtoken"]))  # a session goes on
    assert succeeded(set_password(Elsewhere(limited, "127.0.0.79"), owner.name, code))


def test_strangers_cannot_use_up_the_owner_s_codes(limited, owner):
    strangers = [forgot(Elsewhere(limited, f"127.24.{i}.1"), owner.name) for i in range(1, 8)]
    assert strangers[-1].status_code == 429
    assert succeeded(forgot(limited, owner.name))


def test_many_tries_at_once_are_no_more_than_one_after_the_other(limited, owner):
    import concurrent.futures
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: sign_in(Elsewhere(limited, "127.25.1.1"), owner.name, WRONG), range(40)))
    assert sorted(answer.status_code for answer in answers)[:4] == [400, 400, 400, 429]
