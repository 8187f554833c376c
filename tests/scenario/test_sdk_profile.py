"""What a user keeps and changes of the own account through the public SDK (rest.md 3 and 11), and what became of it."""

import pytest

from test_accounts import OTHER_PASSWORD, PASSWORD, new_name, next_mail, other_code, sign_in, signed_in
from test_sdk import fails, succeeds


@pytest.fixture
def user(stack):
    """Of the test's own: others keep data in theirs."""
    return stack.user()


@pytest.fixture
def signed(phone, user):
    """The SDK's user of an account that is signed in."""
    return phone.auth.login(user.name, user.password)


def test_a_name_is_kept(stack, user, signed):
    assert succeeds(signed.updateName("Ann Ångström"))
    assert signed.getUserInfo()["name"] == "Ann Ångström" == user.get("/v1/user").json()["name"]
    assert stack.sql("SELECT display_name FROM account WHERE user_id = %s", user.id) == [("Ann Ångström",)]


def test_what_is_not_served_fails_clearly_and_changes_nothing(stack, user, signed):
    before = stack.sql("SELECT a::text FROM account a WHERE user_id = %s", user.id)
    assert fails(signed.setPhoneNumber, "+49301234567")
    assert fails(signed.confirmPhoneNumber, "123456")
    assert fails(signed.configureMFA, True)
    assert fails(signed.confirmTagAssignment, "123456")
    assert stack.sql("SELECT a::text FROM account a WHERE user_id = %s", user.id) == before
    assert signed.getUserInfo()["userId"] == user.id


def test_custom_data_is_merged_and_deleted_by_its_parts(user, signed):
    sdk_user = signed

    def seen():
        return user.get("/v1/user/custom_data").json()

    assert sdk_user.getCustomData() == {} == seen()
    perms = [{"read": ["super_admin"]}]
    sdk_user.setCustomData({"theme": {"value": {"dark": True}, "perms": perms}, "n": {"value": 1.5}})
    assert sdk_user.getCustomData() == {"theme": {"value": {"dark": True}, "perms": perms}, "n": {"value": 1.5}} == seen()
    sdk_user.setCustomData({"n": {"value": "two"}})
    assert seen()["n"] == {"value": "two"} and "theme" in seen()
    assert sdk_user.getUserInfo(True)["customData"] == seen()
    sdk_user.deleteCustomDataPermissions("theme")
    assert sdk_user.getCustomData()["theme"] == {"value": {"dark": True}} == seen()["theme"]
    sdk_user.setCustomData({"theme": {"perms": perms}})
    sdk_user.deleteCustomData("theme")
    assert sdk_user.getCustomData().get("theme", {}) == {"perms": perms}
    sdk_user.deleteCustomDataKey("theme")
    assert sdk_user.getCustomData() == {"n": {"value": "two"}} == seen()


def test_time_zone_and_place_are_kept_beside_all_else(user, signed):
    sdk_user = signed
    sdk_user.setCustomData({"timeZone": {"value": "Europe/Paris", "perms": [{"read": ["x"]}]}, "other": {"value": 1}})
    sdk_user.setTimeZone("Europe/Berlin")
    sdk_user.setGeoCoordinates({"latitude": "52.52", "longitude": "13.4"})
    assert sdk_user.getGeoCoordinates() == {"latitude": "52.52", "longitude": "13.4"}
    assert user.get("/v1/user/custom_data").json() == {
        "timeZone": {"value": "Europe/Berlin", "perms": [{"read": ["x"]}]}, "other": {"value": 1},
        "geoCoordinates": {"value": {"latitude": "52.52", "longitude": "13.4"}}}


# --- passwords, and the end of an account -----------------------------------------------------------------------------


@pytest.fixture
def fresh(stack, phone):
    """(phone, name) of an account of the test's own, confirmed; its log has one mail."""
    name = new_name()
    phone.auth.sendSignUpCode(name, PASSWORD)
    phone.auth.confirmSignUp(name, next_mail(stack, name, 1))
    return phone, name


def test_a_forgotten_password_is_set_anew_by_code(stack, fresh):
    phone, name = fresh
    held = sign_in(stack, name).json()
    assert succeeds(phone.auth.forgotPassword(name))
    code = next_mail(stack, name, 2)
    assert fails(phone.auth.setNewPassword, name, OTHER_PASSWORD, other_code(code), code=101012)
    assert succeeds(phone.auth.setNewPassword(name, OTHER_PASSWORD, code))
    assert phone.auth.login(name, OTHER_PASSWORD).getUserInfo()["username"] == name
    assert signed_in(stack, (name, OTHER_PASSWORD), (name, PASSWORD))
    assert stack.request("GET", "/v1/user2", headers={"Authorization": held["accesstoken"]}).status_code == 401


def test_a_forgotten_password_of_nobody_answers_like_any_other(phone, fresh):
    assert phone.auth.forgotPassword(new_name()) == phone.auth.forgotPassword(fresh[1])


def test_a_password_is_changed_by_who_knows_the_old_one(stack, fresh):
    phone, name = fresh
    sdk_user, elsewhere = phone.auth.login(name, PASSWORD), sign_in(stack, name).json()
    assert fails(sdk_user.changePassword, "Wrong-Horse-1", OTHER_PASSWORD, code=101020)
    assert succeeds(sdk_user.changePassword(PASSWORD, OTHER_PASSWORD))
    assert phone.auth.getLoggedInUser() is None  # so the SDK does it
    assert stack.request("GET", "/v1/user2", headers={"Authorization": elsewhere["accesstoken"]}).status_code == 401
    assert signed_in(stack, (name, OTHER_PASSWORD), (name, PASSWORD))


def test_an_account_is_deleted_by_its_code_alone(stack, fresh):
    phone, name = fresh
    sdk_user, elsewhere = phone.auth.login(name, PASSWORD), sign_in(stack, name).json()
    assert succeeds(sdk_user.requestAccountDeletion())
    code = next_mail(stack, name, 2)
    assert fails(sdk_user.confirmAccountDeletion, other_code(code), code=119005)
    assert stack.sql("SELECT count(*) FROM account WHERE user_name = %s", name) == [(1,)]
    assert succeeds(sdk_user.confirmAccountDeletion(code))
    assert stack.sql("SELECT count(*) FROM account WHERE user_name = %s", name) == [(0,)]
    assert phone.auth.getLoggedInUser() is None
    assert stack.request("GET", "/v1/user2", headers={"Authorization": elsewhere["accesstoken"]}).status_code == 401
    assert fails(phone.auth.login, name, PASSWORD, code=101009)
