"""What gets through of a flood of wrong passwords with the limits that an installation has (threats.md section 6)."""

import collections
import contextlib

import pytest

from addresskit import Elsewhere
from stackkit import Stack
from test_accounts import new_name, sign_in, succeeded

WRONG = "Wrong-Password-1"
N = 1000


@pytest.fixture(scope="module")
def guarded():
    """The limits of config.c; only the rate of a source is off where a case is about the account."""
    with contextlib.closing(Stack(CISTERN_SIGN_IN_FAILURES_MAX="10", CISTERN_SIGN_IN_STRANGERS_FAILURES_MAX="20")) as running:
        yield running


def outcomes(answers):
    counted = collections.Counter(answer.status_code for answer in answers)
    print(f"looked at: {counted[400]}, refused before: {counted[429]}")
    assert counted[400] + counted[429] == N
    return counted


@pytest.mark.slow
def test_of_a_thousand_wrong_passwords_from_one_source_ten_and_what_the_time_gives_are_looked_at(guarded):
    user = guarded.user()
    attacker = Elsewhere(guarded, "127.40.1.1")
    counted = outcomes(sign_in(attacker, user.name, WRONG) for _ in range(N))
    assert 10 <= counted[400] <= 13  # one more comes back each 90 s
    assert succeeded(sign_in(guarded, user.name, user.password))  # the owner at home does not notice


@pytest.mark.slow
def test_of_a_thousand_wrong_passwords_from_a_thousand_sources_twenty_are_looked_at(guarded):
    user = guarded.user()
    counted = outcomes(sign_in(Elsewhere(guarded, f"127.{50 + i // 250}.{i % 250 + 1}.1"), user.name, WRONG) for i in range(N))
    assert 20 <= counted[400] <= 22  # one more comes back each 180 s
    assert succeeded(sign_in(guarded, user.name, user.password))


@pytest.mark.slow
def test_one_wrong_password_at_each_of_a_thousand_accounts_is_held_up_by_the_rate_of_the_source(own_stack):
    stack = own_stack(CISTERN_SIGN_IN_FAILURES_MAX="10", CISTERN_SIGN_IN_STRANGERS_FAILURES_MAX="20",
                      CISTERN_SIGN_IN_PER_MINUTE="30")
    user, names = stack.user(), [new_name() for _ in range(N)]
    stack.sql("INSERT INTO account (user_name, password_hash, confirmed_at) SELECT n, a.password_hash, now()"
              " FROM unnest(%s) n, account a WHERE a.user_name = %s", names, user.name)
    attacker = Elsewhere(stack, "127.41.1.1")
    counted = outcomes(sign_in(attacker, name, WRONG) for name in names)
    assert 30 <= counted[400] <= 60  # 30 at once and one each 2 s
