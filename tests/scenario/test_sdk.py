"""Accounts and sessions through the public SDK (rest.md 2 and 3): each call by what the SDK gives back, and by what became of it."""

import json
import re

import pytest

from sdkkit import FOLDER, PACKAGE, Phone, SdkFailure
from stackkit import Stack, unique, wait_for
from test_accounts import OTHER_PASSWORD, PASSWORD, new_name, next_mail, other_code, signed_in


def fails(call, *args, status=None, code=None):
    """The SDK throws what it made of a failure in the contract's shape: an integer code, and a description to show."""
    with pytest.raises(SdkFailure) as caught:
        call(*args)
    failure = caught.value
    assert failure["status"] == "failure" and type(failure["errorCode"]) is int and failure["description"], failure
    if status:
        assert failure["statusCode"] == status, failure
    if code:
        assert failure["errorCode"] == code, failure
    return True


def succeeds(answer):
    assert answer["status"] == "success" and answer["description"], answer
    return True


def sessions(stack, name):
    """How many sessions of this account live."""
    ((count,),) = stack.sql("SELECT count(*) FROM session JOIN account USING (user_id) WHERE user_name = %s "
                            "AND ended_at IS NULL", name)
    return count


@pytest.fixture
def signed(phone, user):
    """(phone, the SDK's user) of an account, signed in."""
    return phone, phone.auth.login(user.name, user.password)


# --- the package ------------------------------------------------------------------------------------------------------


def test_the_sdk_is_the_one_of_the_lock_file(phone):
    locked = json.loads((FOLDER / "package-lock.json").read_text())["packages"][f"node_modules/{PACKAGE}"]
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"][PACKAGE]
    assert phone.base.currentVersion() == locked["version"] == wanted and locked["integrity"].startswith("sha512-")


def test_a_phone_that_does_not_trust_the_ca_sends_no_password(stack, user):
    phone, before = Phone(stack, trusts_our_ca=False), sessions(stack, user.name)
    with pytest.raises(SdkFailure) as caught:
        phone.auth.login(user.name, user.password)
    phone.close()
    assert caught.value["kind"] == "TypeError" and re.search("CERT|ISSUER|SIGN", caught.value["cause"])
    assert sessions(stack, user.name) == before


def test_the_broker_s_name_is_told(stack, phone):
    assert phone.base.getMQTTHost() == stack.ready["mqtt_host"]


# --- signing up and in ------------------------------------------------------------------------------------------------


def test_an_account_is_made_by_sign_up_and_code(stack, phone):
    name = new_name()
    assert succeeds(phone.auth.sendSignUpCode(name, PASSWORD))
    assert stack.sql("SELECT confirmed_at FROM account WHERE user_name = %s", name) == [(None,)]
    assert fails(phone.auth.login, name, PASSWORD, status=403, code=101015)
    assert succeeds(phone.auth.confirmSignUp(name, next_mail(stack, name, 1)))
    ((user_id, confirmed_at),) = stack.sql("SELECT user_id::text, confirmed_at FROM account WHERE user_name = %s", name)
    assert confirmed_at
    info = phone.auth.login(name, PASSWORD).getUserInfo()
    assert (info["userId"], info["username"]) == (user_id, name)


def test_a_wrong_code_confirms_nothing(stack, phone):
    name = new_name()
    phone.auth.sendSignUpCode(name, PASSWORD)
    code = next_mail(stack, name, 1)
    assert fails(phone.auth.confirmSignUp, name, other_code(code), status=400, code=101012)
    assert stack.sql("SELECT confirmed_at FROM account WHERE user_name = %s", name) == [(None,)]
    assert succeeds(phone.auth.confirmSignUp(name, code, ["city:oslo"]))  # tags may come along


def test_signing_up_again_sends_a_new_code(stack, phone):
    name = new_name()
    phone.auth.sendSignUpCode(name, PASSWORD)
    next_mail(stack, name, 1)
    assert succeeds(phone.auth.sendSignUpCode(name, OTHER_PASSWORD))
    assert succeeds(phone.auth.confirmSignUp(name, next_mail(stack, name, 2)))
    assert phone.auth.login(name, OTHER_PASSWORD).getUserInfo()["username"] == name
    assert signed_in(stack, (name, OTHER_PASSWORD), (name, PASSWORD))


def test_a_password_against_the_rules_makes_no_account(stack, phone):
    name = new_name()
    assert fails(phone.auth.sendSignUpCode, name, "short1A", status=400, code=101004)
    assert stack.sql("SELECT FROM account WHERE user_name = %s", name) == []


def test_a_wrong_password_is_no_end_of_a_session(stack, phone, user):
    """400, not 401: the SDK takes 401 for the end of what it was signed in with."""
    before = sessions(stack, user.name)
    assert fails(phone.auth.login, user.name, OTHER_PASSWORD, status=400, code=101009)
    assert fails(phone.auth.login, new_name(), OTHER_PASSWORD, status=400, code=101009)
    assert sessions(stack, user.name) == before
    assert phone.auth.getLoggedInUser() is None


def test_signing_in_opens_one_session(stack, phone, user):
    before = sessions(stack, user.name)
    signed = phone.auth.login(user.name, user.password)
    assert sessions(stack, user.name) == before + 1
    assert signed.getUserInfo()["userId"] == user.id
    again = phone.auth.getLoggedInUser()  # as when the app starts again
    assert again.getUserInfo()["userId"] == user.id and sessions(stack, user.name) == before + 1


def test_signing_in_without_a_password_is_refused_by_a_failure_that_the_sdk_can_show(stack, phone, user):
    before = sessions(stack, user.name)
    assert fails(phone.auth.requestLoginOTP, user.name, status=400)
    assert fails(phone.auth.loginWithOTP, user.name, "123456", "a-session", status=400)
    assert sessions(stack, user.name) == before


# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hasty():
    """A stack whose access tokens live two seconds."""
    running = Stack(CISTERN_ACCESS_TOKEN_LIFETIME_S="2")
    yield running
    running.close()


@pytest.fixture
def hasty_phone(hasty):
    phone = Phone(hasty)
    yield phone
    phone.close()


def expired(phone, token):
    """Until the SDK takes it for expired: it looks at the clock before each call."""
    wait_for(lambda: phone.session.getAccessToken() != token, what="the token's end")


def test_an_expired_token_is_refreshed_by_the_sdk_itself(hasty, hasty_phone):
    user = hasty.user()
    signed, opened = hasty_phone.auth.login(user.name, user.password), sessions(hasty, user.name)
    first = hasty_phone.session.getAccessToken()
    expired(hasty_phone, first)
    assert signed.getUserInfo()["userId"] == user.id
    assert sessions(hasty, user.name) == opened  # the same session goes on
    second = hasty_phone.session.getAccessToken()
    expired(hasty_phone, second)  # and again with the same refresh token: the SDK never stores another
    assert hasty_phone.auth.getLoggedInUser().getUserInfo()["username"] == user.name


def test_a_session_that_was_ended_elsewhere_is_not_refreshed(hasty, hasty_phone):
    user = hasty.user()
    signed = hasty_phone.auth.login(user.name, user.password)
    hasty.sql("UPDATE session SET ended_at = now() WHERE user_id = %s", user.id)

    def refused():
        with pytest.raises(SdkFailure) as caught:
            hasty_phone.session.getAccessToken()
            raise LookupError("it has not run out yet")
        return caught.value

    assert wait_for(refused, what="the refusal")["code"] == "EXTEND_SESSION_FAILED"
    assert hasty_phone.auth.getLoggedInUser() is None
    with pytest.raises(SdkFailure) as caught:
        signed.getUserInfo()
    assert caught.value["code"] == "MISSING_ACCESS_TOKEN"


def test_a_token_of_an_ended_session_is_the_end_for_the_sdk(stack, signed, user):
    phone, sdk_user = signed
    stack.sql("UPDATE session SET ended_at = now() WHERE user_id = %s AND ended_at IS NULL", user.id)
    assert fails(sdk_user.getUserInfo, status=401, code=101017)
    assert phone.auth.getLoggedInUser() is None
    assert phone.auth.login(user.name, user.password).getUserInfo()["userId"] == user.id


def test_tokens_are_decoded_whatever_the_name_is(stack, phone):
    name = f"~?o'neil!#$%&*+/=^_`{{|}}~-.{unique('odd')}@example.org"
    phone.auth.sendSignUpCode(name, PASSWORD)
    phone.auth.confirmSignUp(name, next_mail(stack, name, 1))
    assert phone.auth.login(name, PASSWORD).getUserInfo()["username"] == name


# --- signing out ------------------------------------------------------------------------------------------------------


def test_signing_out_ends_this_session_alone(stack, new_phone, user):
    one, two = new_phone(), new_phone()
    first, second = (each.auth.login(user.name, user.password) for each in (one, two))
    token, before = one.session.getAccessToken(), sessions(stack, user.name)
    assert succeeds(first.logout())
    assert sessions(stack, user.name) == before - 1
    assert stack.request("GET", "/v1/user2", headers={"Authorization": token}).status_code == 401
    assert one.auth.getLoggedInUser() is None
    assert second.getUserInfo()["userId"] == user.id


@pytest.mark.parametrize("everywhere", [False, True])
def test_signing_out_everywhere_ends_every_session(stack, new_phone, user, everywhere):
    one, two = new_phone(), new_phone()
    first, second = (each.auth.login(user.name, user.password) for each in (one, two))
    assert succeeds(first.logout(everywhere))
    if everywhere:
        assert sessions(stack, user.name) == 0 and fails(second.getUserInfo, status=401)
    else:
        assert second.getUserInfo()["userId"] == user.id
    user.login()


# --- the user ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), (True,), (False,)], ids=str)
def test_the_user_is_told(user, signed, arguments):
    info = signed[1].getUserInfo(*arguments)
    assert (info["userId"], info["username"], info["mfa"], info["superAdmin"]) == (user.id, user.name, False, False)
