"""Sign-in with an OpenID Connect provider: authorisation code flow with PKCE (OpenID Connect Core, RFC 6749, 7636, 8725)."""

import base64
import concurrent.futures
import contextlib
import hashlib
import os
import re
import secrets
import subprocess
import time
import urllib.parse

import pytest

from oidckit import Key, Provider, b64, hmac_signer
from stackkit import BUILD, Stack, free_ports, unique, wait_for
from test_accounts import PASSWORD, confirm, next_mail, refused, sign_in, sign_up, succeeded

RETURN, OTHER_RETURN = "https://app.example.org/signed-in?from=cistern", "org.example.app:/signed-in"
REDIRECT = "https://api.example.org/v1/oidc/callback"
COOKIE = "__Host-cistern-sign-in"


@pytest.fixture(scope="module")
def provider():
    with contextlib.closing(Provider()) as running:
        yield running


@pytest.fixture(scope="module")
def oidc(provider):
    """A stack with that provider, which does not link accounts by their address."""
    settings = provider.settings(CISTERN_OIDC_REDIRECT_URL=REDIRECT, CISTERN_OIDC_ALLOWED_RETURN_URLS=f"{RETURN}, {OTHER_RETURN}")
    with contextlib.closing(Stack(**settings)) as running:
        yield running


@pytest.fixture(scope="module")
def public_provider():
    with contextlib.closing(Provider(secret=None)) as running:
        yield running


@pytest.fixture(scope="module")
def linking(public_provider):
    """A stack that links, as a public client; where the provider sends browsers back to follows from its public address."""
    settings = public_provider.settings(CISTERN_API_PUBLIC_URL="https://api.example.org", CISTERN_OIDC_LINK_BY_EMAIL="true",
                                        CISTERN_OIDC_ALLOWED_RETURN_URLS=RETURN)
    with contextlib.closing(Stack(**settings)) as running:
        yield running


@pytest.fixture
def email():
    return f"{unique('eve')}@example.org"


def start(stack, path="/v1/oidc/start", **query):
    return stack.request("GET", path, params={"return_url": RETURN} | query, allow_redirects=False)


class Browser:
    """One sign-in: what the browser of the person holds."""

    def __init__(self, stack, provider, **query):
        self.stack, self.provider = stack, provider
        answer = start(stack, **query)
        assert answer.status_code == 302, answer.text
        self.location = answer.headers["Location"]
        self.cookie = answer.headers["Set-Cookie"]
        self.secret = re.fullmatch(rf"{COOKIE}=([A-Za-z0-9_-]{{43}}); Max-Age=600; Path=/; Secure; HttpOnly; SameSite=Lax",
                                   self.cookie)[1]

    def back(self, secret=None, **query):
        """Sent back by the provider."""
        secret = self.secret if secret is None else secret
        return self.stack.request("GET", "/v1/oidc/callback", params=query, headers={"Cookie": f"a=b; {COOKIE}={secret}"},
                                  allow_redirects=False)

    def sign_in(self, email, subject=None):
        return self.back(**self.provider.grant(self.location, email, subject))


def signs_in(stack, provider, email, subject=None, **query):
    """The whole way to the provider and back: the parameters with which the app gets its browser back."""
    answer = Browser(stack, provider, **query).sign_in(email, subject)
    assert answer.status_code == 302, answer.text
    assert answer.headers["Set-Cookie"].startswith(f"{COOKIE}=; Max-Age=0; ")
    assert answer.headers["Referrer-Policy"] == "no-referrer" and answer.headers["Cache-Control"] == "no-store"
    url, _, more = answer.headers["Location"].rpartition("&code=")
    assert url == RETURN
    return dict(urllib.parse.parse_qsl(f"code={more}"))


def redeem(stack, code, **more):
    return stack.post("/v1/oidc/token", {"code": code} | more)


def tokens_of(answer):
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"status", "description", "idtoken", "accesstoken", "refreshtoken"}
    return answer.json()


def user_of(stack, tokens):
    answer = stack.request("GET", "/v1/user2", headers={"Authorization": tokens["accesstoken"]})
    assert answer.status_code == 200, answer.text
    return answer.json()


def whole_sign_in(stack, provider, email, subject=None):
    return user_of(stack, tokens_of(redeem(stack, signs_in(stack, provider, email, subject)["code"])))


def no_account(stack, email):
    return stack.sql("SELECT count(*) FROM account WHERE user_name = %s", email) == [(0,)]


def fails(answer, status, code):
    assert (answer.status_code, answer.json().get("error_code")) == (status, code), answer.text
    assert "Location" not in answer.headers and answer.json()["status"] == "failure"
    return True


# --- the way that is wanted -------------------------------------------------------------------------------------------


def test_a_person_whom_the_provider_knows_gets_an_account_and_tokens_as_after_a_password(oidc, provider, email):
    tokens = tokens_of(redeem(oidc, signs_in(oidc, provider, email)["code"]))
    user = user_of(oidc, tokens)
    assert user["user_name"] == user["email"] == email and user["super_admin"] is False
    refreshed = oidc.post("/v1/login2", {"refreshtoken": tokens["refreshtoken"]})
    assert refreshed.status_code == 200 and user_of(oidc, refreshed.json()) == user


def test_the_same_person_comes_back_to_the_same_account_also_with_another_address(oidc, provider, email):
    first = whole_sign_in(oidc, provider, email, subject := unique("subject"))
    again = whole_sign_in(oidc, provider, f"new-{email}", subject)
    assert again == first and no_account(oidc, f"new-{email}")


def test_the_address_is_taken_in_its_canonical_form(oidc, provider, email):
    assert whole_sign_in(oidc, provider, email.upper())["user_name"] == email


def test_both_kinds_of_signatures_are_taken(oidc, provider, email):
    with provider.bend(key=provider.ec):
        assert whole_sign_in(oidc, provider, email)["user_name"] == email


def test_what_the_app_sent_along_comes_back_to_it(oidc, provider, email):
    assert signs_in(oidc, provider, email, state="app-state_1~x.")["state"] == "app-state_1~x."


def test_an_account_made_by_the_provider_has_no_password(oidc, provider, email):
    whole_sign_in(oidc, provider, email)
    assert refused(sign_in(oidc, email), 101009) and refused(sign_in(oidc, email, ""), 101003)


def test_an_account_without_a_password_cannot_change_it_but_can_have_one_set(oidc, provider, email):
    headers = {"Authorization": tokens_of(redeem(oidc, signs_in(oidc, provider, email)["code"]))["accesstoken"]}
    body = {"password": PASSWORD, "newpassword": f"{PASSWORD}9"}
    assert fails(oidc.request("PUT", "/v1/password2", json=body, headers=headers), 409, 101059)
    assert oidc.request("PUT", "/v1/forgotpassword2", json={"user_name": email}).status_code == 200
    new = {"user_name": email, "password": PASSWORD, "verification_code": next_mail(oidc, email, 1)}
    assert oidc.request("PUT", "/v1/forgotpassword2", json=new).status_code == 200
    assert sign_in(oidc, email).status_code == 200
    assert whole_sign_in(oidc, provider, email)["user_name"] == email


def test_a_session_says_where_it_was_opened_and_by_which_program(oidc, provider, email):
    code = signs_in(oidc, provider, email)["code"]
    answer = oidc.request("POST", "/v1/oidc/token", json={"code": code}, headers={"User-Agent": "Lamp app 1.0"})
    headers = {"Authorization": tokens_of(answer)["accesstoken"]}
    (session,) = oidc.request("GET", "/v1/user/sessions", headers=headers).json()["sessions"]
    assert (session["source"], session["client"], session["current"]) == ("127.0.0.1", "Lamp app 1.0", True)


def test_each_sign_in_goes_to_the_provider_with_secrets_of_its_own(oidc, provider):
    asked = [dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(Browser(oidc, provider).location).query)) for _ in range(2)]
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name] and len(asked[0][name]) == 43
    assert asked[0]["redirect_uri"] == REDIRECT


def test_the_provider_is_asked_about_itself_once_and_not_at_each_sign_in(oidc, provider, email):
    whole_sign_in(oidc, provider, email)
    provider.hits.clear()
    whole_sign_in(oidc, provider, email)
    assert provider.hits == ["/token"]


def test_a_new_key_of_the_provider_is_found(oidc, provider, email):
    whole_sign_in(oidc, provider, email)
    new = Key("r2")
    provider.keys.append(new)
    with provider.bend(key=new):
        def signed_in():  # the keys are not asked for again at once
            answer = Browser(oidc, provider).sign_in(email)
            return answer.status_code == 302 or fails(answer, 403, 101053) and None
        wait_for(signed_in, 30, "a sign-in with the new key")


def test_nothing_of_a_sign_in_is_in_the_log(oidc, provider, email):
    browser = Browser(oidc, provider)
    granted = provider.grant(browser.location, email)
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(browser.back(**granted).headers["Location"]).query))["code"]
    tokens_of(redeem(oidc, code))
    log = oidc.log("cisternd")
    assert "route=/v1/oidc/callback" in log
    for secret in (granted["code"], granted["state"], browser.secret, code, provider.secret, email):
        assert secret not in log


def test_a_sign_in_is_in_the_audit(oidc, provider, email):
    user = whole_sign_in(oidc, provider, email)
    rows = oidc.sql("SELECT action, host(source) FROM audit_event WHERE object_id = %s OR user_id = %s ORDER BY event_id",
                    user["user_id"], user["user_id"])
    assert [action for action, _ in rows] == ["account.confirmed", "identity.linked", "session.opened"]
    assert {source for _, source in rows} == {"127.0.0.1"}


def refusals(stack):
    return stack.sql("SELECT kind, object_id, detail->>'reason', host(source) FROM audit_event WHERE action = 'sign_in.refused' ORDER BY event_id")


def test_a_refused_sign_in_is_in_the_audit(oidc, provider, email):
    before = len(refusals(oidc))
    browser = Browser(oidc, provider)
    granted = provider.grant(browser.location, email)
    assert fails(browser.back("x" * 43, **granted), 400, 101052)
    with provider.bend(claims={"nonce": "x" * 43}):
        assert fails(browser.back(**granted), 403, 101053)
    with provider.bend(claims={"email_verified": False}):
        assert fails(Browser(oidc, provider).sign_in(email), 403, 101055)
    assert fails(redeem(oidc, "x" * 43), 400, 101054)
    callback, token = "/v1/oidc/callback", "/v1/oidc/token"
    assert refusals(oidc)[before:] == [("security", *what, "127.0.0.1") for what in (
        (callback, "state"), (callback, "answer"), (callback, "email"), (token, "code"))]


# --- the contract's form (rest.md 3.1) --------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["data", "params"])  # the JavaScript SDK sends no body
def test_the_oauth_form_gives_tokens_with_underscored_names(oidc, provider, email, place):
    browser = Browser(oidc, provider, path="/v1/oauth2/authorize", return_url=None, redirect_uri=OTHER_RETURN,
                      response_type="CODE", client_id="app", identity_provider="Any")
    answer = browser.sign_in(email)
    assert answer.headers["Location"].startswith(f"{OTHER_RETURN}?code=")
    code = answer.headers["Location"].partition("=")[2]
    answer = oidc.request("POST", "/v1/oauth2/token", **{place: {
        "grant_type": "authorization_code", "client_id": "app", "code": code, "redirect_uri": OTHER_RETURN}})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"id_token", "access_token", "refresh_token", "expires_in", "token_type"}
    assert answer.json()["token_type"] == "Bearer" and answer.json()["expires_in"] == 3600
    assert user_of(oidc, {"accesstoken": answer.json()["access_token"]})["user_name"] == email


@pytest.mark.parametrize("bent", [{"grant_type": "password"}, {"grant_type": ""}, {"redirect_uri": OTHER_RETURN},
                                  {"code": "x" * 43}, {"code": ""}])
def test_a_form_that_is_not_right_gets_nothing(oidc, provider, email, bent):
    form = {"grant_type": "authorization_code", "code": signs_in(oidc, provider, email)["code"], "redirect_uri": RETURN} | bent
    answer = oidc.request("POST", "/v1/oauth2/token", data=form)
    assert fails(answer, 400, 101058 if "grant_type" in bent else 101054)


# --- where the browser may go -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["https://evil.example.org/", f"{RETURN}x", RETURN[:-1], f"{RETURN}&a=b", "", "//app.example.org",
                                 f"{RETURN}, {OTHER_RETURN}", f" {RETURN}", ",", "https://app.example.org/signed-in"])
def test_an_address_that_is_not_on_the_list_is_refused(oidc, url):
    assert fails(start(oidc, return_url=url), 400, 101051)


@pytest.mark.parametrize("query", [{"state": "a b"}, {"state": "x" * 129}, {"code_challenge": "short", "code_challenge_method": "S256"},
                                   {"code_challenge": "x" * 43}, {"code_challenge": "x" * 43, "code_challenge_method": "plain"}])
def test_what_an_app_sends_along_is_checked(oidc, query):
    assert fails(start(oidc, **query), 400, 101058)


# --- coming back ------------------------------------------------------------------------------------------------------


def test_a_wrong_state_is_refused(oidc, provider, email):
    browser = Browser(oidc, provider)
    granted = provider.grant(browser.location, email)
    for state in ("x" * 43, "", "x", "a b", granted["state"][:-1], f"{granted['state']}x"):
        assert fails(browser.back(**granted | {"state": state}), 400, 101052)
    assert browser.back(**granted).status_code == 302  # and none of that was in the way of the right one


def test_a_state_works_once(oidc, provider, email):
    browser = Browser(oidc, provider)
    assert browser.sign_in(email).status_code == 302
    assert fails(browser.sign_in(email), 400, 101052)


def test_a_state_works_only_in_the_browser_that_began(oidc, provider, email):
    """Else somebody could sign another person's browser in to an account of their own."""
    browser, other = Browser(oidc, provider), Browser(oidc, provider)
    granted = provider.grant(browser.location, email)
    for secret in (other.secret, "", "x" * 43, f"{browser.secret}; {COOKIE}={browser.secret}"):
        assert fails(browser.back(secret, **granted), 400, 101052)
    without = oidc.request("GET", "/v1/oidc/callback", params=granted, allow_redirects=False)
    assert fails(without, 400, 101052) and no_account(oidc, email)
    assert browser.back(**granted).status_code == 302


def test_a_state_ends_after_ten_minutes(oidc, provider, email):
    browser = Browser(oidc, provider)
    oidc.sql("UPDATE oidc_state SET expires_at = expires_at - interval '600 seconds'")
    assert fails(browser.sign_in(email), 400, 101052) and no_account(oidc, email)


def test_who_says_no_at_the_provider_is_sent_back_to_the_app(oidc, provider):
    browser = Browser(oidc, provider, state="mine")
    state = dict(urllib.parse.parse_qsl(browser.location.partition("?")[2]))["state"]
    answer = browser.back(state=state, error="access_denied", error_description="<script>")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{RETURN}&error=access_denied&state=mine"
    assert fails(browser.back(state=state, error="access_denied"), 400, 101052)


@pytest.mark.parametrize("query", [{}, {"code": "a", "error": "b"}, {"code": "x" * 2049}, {"code": "a\x7f"}, {"code": "\u00e4"}])
def test_a_way_back_without_a_usable_code_is_refused(oidc, provider, query):
    browser = Browser(oidc, provider)
    state = dict(urllib.parse.parse_qsl(browser.location.partition("?")[2]))["state"]
    assert fails(browser.back(state=state, **query), 400, 101058)


# --- ID tokens --------------------------------------------------------------------------------------------------------


def bad_tokens():
    stranger, now = Key("r1"), int(time.time())
    return {
        "another nonce": {"claims": {"nonce": "x" * 43}},
        "no nonce": {"claims": {"nonce": None}},
        "alg none": {"header": {"alg": "none"}, "sign": lambda data: b""},
        "alg none with a signature": {"header": {"alg": "none"}},
        "HS256 with the public key": {"header": {"alg": "HS256"}},  # the signer is added where the key is known
        "another key": {"sign": stranger.sign},
        "an unknown key": {"header": {"kid": "r9"}},
        "a key named by an address": {"header": {"kid": "r9", "jku": "https://evil.example.org/keys"}, "sign": stranger.sign},
        "a key in the header": {"header": {"jwk": stranger.jwk()}, "sign": stranger.sign},
        "a header that we do not understand": {"header": {"crit": ["exp"]}},
        "no signature": {"sign": lambda data: b""},
        "expired": {"claims": {"exp": now - 61}},
        "no end": {"claims": {"exp": None}},
        "issued long ago": {"claims": {"iat": now - 3600}},
        "issued in the future": {"claims": {"iat": now + 3600}},
        "not yet valid": {"claims": {"nbf": now + 3600}},
        "another audience": {"claims": {"aud": "other"}},
        "two audiences": {"claims": {"aud": [Provider.CLIENT, "other"]}},
        "another party": {"claims": {"azp": "other"}},
        "another issuer": {"claims": {"iss": "https://accounts.example.org"}},
        "no subject": {"claims": {"sub": None}},
        "a long subject": {"claims": {"sub": "x" * 256}},
    }


@pytest.mark.parametrize("what", bad_tokens())
def test_an_id_token_is_refused_with(oidc, provider, email, what):
    bent = bad_tokens()[what]
    if what.startswith("HS256"):
        bent["sign"] = hmac_signer(provider.rsa.public_pem())
    browser = Browser(oidc, provider)
    with provider.bend(**bent):
        assert fails(browser.sign_in(email), 403, 101053)
    assert no_account(oidc, email)
    assert fails(browser.sign_in(email), 400, 101052)  # the state is used up


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email_verified": None}, {"email_verified": "true"}, {"email": None},
                                    {"email": "no address"}, {"email": "+49123456789"}, {"email": "a@b\r\nBcc: c@d"}])
def test_without_a_verified_address_there_is_no_account(oidc, provider, email, claims):
    with provider.bend(claims=claims):
        assert fails(Browser(oidc, provider).sign_in(email), 403, 101055)
    assert no_account(oidc, email)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id_token":7}', b'{"id_token":"a.b.c"}', b'{"id_token":""}', b"\xff",
                                  b'{"id_token":"' + b"a" * 20000 + b'"}'])
def test_an_answer_without_an_id_token_is_refused(oidc, provider, email, body):
    with provider.bend(body=body):
        assert fails(Browser(oidc, provider).sign_in(email), 403, 101053)


def test_keys_are_not_asked_for_again_and_again(oidc, provider, email):
    """An unknown key makes us look for new ones; not each time."""
    with provider.bend(header={"kid": "r8"}):
        assert fails(Browser(oidc, provider).sign_in(email), 403, 101053)
        provider.hits.clear()
        for _ in range(3):
            assert fails(Browser(oidc, provider).sign_in(email), 403, 101053)
    assert provider.hits.count("/keys") <= 1


# --- a provider that does not do its part -----------------------------------------------------------------------------


def test_a_code_that_the_provider_refuses_is_no_sign_in(oidc, provider, email):
    browser = Browser(oidc, provider)
    granted = provider.grant(browser.location, email)
    assert fails(browser.back(**granted | {"code": "another"}), 403, 101053)


def test_a_huge_answer_is_not_read_to_its_end(oidc, provider, email):
    with provider.bend(body=b'{"id_token":"' + b"a" * 300000 + b'"}'):
        assert fails(Browser(oidc, provider).sign_in(email), 503, 101050)


def test_a_redirect_is_not_followed(oidc, provider, email):
    with contextlib.closing(Provider()) as other, provider.bend(location=f"{other.issuer}/token"):
        assert fails(Browser(oidc, provider).sign_in(email), 503, 101050)
        assert other.hits == []


def test_a_slow_provider_is_given_up_and_keeps_nobody_else(oidc, provider, email):
    name = f"{unique('ann')}@example.org"
    assert succeeded(sign_up(oidc, name)) and succeeded(confirm(oidc, name, next_mail(oidc, name, 1)))
    browser = Browser(oidc, provider)
    granted = provider.grant(browser.location, email)
    with provider.bend(hold=True):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            provider.hits.clear()
            waiting = pool.submit(browser.back, **granted)
            wait_for(lambda: provider.hits, what="a request at the provider")
            assert sign_in(oidc, name).status_code == 200
            assert not waiting.done()
            assert fails(waiting.result(), 503, 101050)


def test_an_error_of_the_provider_is_told_as_such_and_a_password_still_works(oidc, provider, email):
    user = oidc.user()
    with provider.bend(status=500):
        answer = Browser(oidc, provider).sign_in(email)
        assert fails(answer, 503, 101050) and int(answer.headers["Retry-After"]) >= 1
        user.login()


def test_a_provider_that_is_away_at_the_start_keeps_nothing_but_itself(own_stack, provider):
    (port,) = free_ports(1)
    stack = own_stack(**provider.settings(CISTERN_OIDC_ISSUER=f"https://127.0.0.1:{port}", CISTERN_OIDC_REDIRECT_URL=REDIRECT,
                                          CISTERN_OIDC_ALLOWED_RETURN_URLS=RETURN))
    assert fails(start(stack), 503, 101050)
    stack.user()
    assert fails(start(stack), 503, 101050)
    assert stack.stop() == 0


def test_without_the_setting_there_is_no_sign_in_with_a_provider(stack):
    for answer in (start(stack), start(stack, "/v1/oauth2/authorize"), stack.request("GET", "/v1/oidc/callback"),
                   stack.post("/v1/oidc/token", {"code": "x"}), stack.request("POST", "/v1/oauth2/token", data={"code": "x"})):
        assert fails(answer, 404, 101057)


# --- codes for the app ------------------------------------------------------------------------------------------------


def test_a_code_works_once(oidc, provider, email):
    code = signs_in(oidc, provider, email)["code"]
    tokens_of(redeem(oidc, code))
    assert fails(redeem(oidc, code), 400, 101054)


def test_a_code_ends_after_two_minutes(oidc, provider, email):
    code = signs_in(oidc, provider, email)["code"]
    oidc.sql("UPDATE oidc_code SET expires_at = expires_at - interval '120 seconds'")
    assert fails(redeem(oidc, code), 400, 101054)


@pytest.mark.parametrize("body", [{}, {"code": None}, {"code": ""}, {"code": "x"}, {"code": "x" * 43}, {"code": "x" * 44}])
def test_what_is_no_code_gets_no_tokens(oidc, body):
    assert fails(oidc.post("/v1/oidc/token", body), 400, 101054)


def verifier_and_challenge():
    verifier = secrets.token_urlsafe(48)
    return verifier, {"code_challenge": b64(hashlib.sha256(verifier.encode()).digest()), "code_challenge_method": "S256"}


def test_a_code_that_is_bound_to_a_verifier_needs_it(oidc, provider, email):
    verifier, challenge = verifier_and_challenge()
    assert user_of(oidc, tokens_of(redeem(oidc, signs_in(oidc, provider, email, **challenge)["code"], code_verifier=verifier)))
    for wrong in ({}, {"code_verifier": secrets.token_urlsafe(48)}, {"code_verifier": "short"}):
        code = signs_in(oidc, provider, email, **challenge)["code"]
        assert fails(redeem(oidc, code, **wrong), 400, 101054)


def test_a_code_without_a_challenge_takes_no_verifier(oidc, provider, email):
    """Somebody may have taken the challenge away on the way (RFC 9700 2.1.1)."""
    verifier, _ = verifier_and_challenge()
    assert fails(redeem(oidc, signs_in(oidc, provider, email)["code"], code_verifier=verifier), 400, 101054)


def test_only_hashes_are_kept(oidc, provider, email):
    browser = Browser(oidc, provider)
    state = dict(urllib.parse.parse_qsl(browser.location.partition("?")[2]))
    code = signs_in(oidc, provider, email)["code"]
    kept = str(oidc.sql("SELECT encode(state_hash, 'escape'), s::text FROM oidc_state s") + oidc.sql("SELECT c::text FROM oidc_code c"))
    for secret in (state["state"], state["nonce"], browser.secret, code):
        raw = base64.urlsafe_b64decode(secret + "=")
        assert secret not in kept and raw.hex() not in kept


# --- accounts that are there already ----------------------------------------------------------------------------------


def test_an_address_with_a_password_is_not_linked_by_itself(oidc, provider):
    user = oidc.user()
    assert fails(Browser(oidc, provider).sign_in(user.name), 409, 101056)
    user.login()


def test_a_sign_up_that_nobody_confirmed_gives_way_with_its_password(oidc, provider, email):
    """A stranger may have signed up with the address and waits that its owner confirms it."""
    assert succeeded(sign_up(oidc, email))
    code = next_mail(oidc, email, 1)
    whole_sign_in(oidc, provider, email)
    assert refused(confirm(oidc, email, code), 101012) and refused(sign_in(oidc, email, PASSWORD), 101009)


def test_where_it_is_wanted_an_account_is_linked_and_keeps_its_password(linking, public_provider):
    user = linking.user()
    assert whole_sign_in(linking, public_provider, user.name)["user_id"] == user.id
    user.login()


def test_an_account_is_linked_to_one_identity_of_the_provider(linking, public_provider):
    user = linking.user()
    whole_sign_in(linking, public_provider, user.name, "first")
    assert fails(Browser(linking, public_provider).sign_in(user.name, unique("second")), 409, 101056)


def test_an_administrator_is_never_linked_by_address(linking, public_provider):
    path = linking.home.parent / unique("password")
    path.write_text(f"{PASSWORD}\n")
    name = f"{unique('root')}@example.org"
    linking.cli("user", "add", name, "--admin", "--password-file", str(path))
    assert fails(Browser(linking, public_provider).sign_in(name), 409, 101056)


def test_a_deleted_account_takes_its_identity_along(linking, public_provider, email):
    first = whole_sign_in(linking, public_provider, email)
    linking.sql("DELETE FROM account WHERE user_id = %s", first["user_id"])
    assert whole_sign_in(linking, public_provider, email)["user_id"] != first["user_id"]


# --- settings ---------------------------------------------------------------------------------------------------------


def test_the_redirect_follows_from_the_public_address(linking, public_provider):
    location = Browser(linking, public_provider).location
    assert "redirect_uri=https%3A%2F%2Fapi.example.org%2Fv1%2Foidc%2Fcallback" in location


@pytest.mark.parametrize("setting, value, reason", [
    ("ISSUER", "http://id.example.org", "oidc_issuer"),
    ("ISSUER", "https://", "oidc_issuer"),
    ("ISSUER", "https://id.example.org/?a=b", "oidc_issuer"),
    ("CLIENT_ID", "", "oidc_client_id"),
    ("CLIENT_SECRET_FILE", "/nonexistent", "/nonexistent"),
    ("REDIRECT_URL", "callback", "oidc_redirect_url"),
    ("ALLOWED_RETURN_URLS", "", "oidc_allowed_return_urls"),
    ("ALLOWED_RETURN_URLS", f"{RETURN}, http://app.example.org/", "'http://app.example.org/'"),
    ("ALLOWED_RETURN_URLS", "javascript:alert(1)", "'javascript:alert(1)'"),
    ("ALLOWED_RETURN_URLS", "/signed-in", "'/signed-in'"),
    ("ALLOWED_RETURN_URLS", "https://app.example.org/#signed-in", "will not do"),
])
def test_a_setting_that_will_not_do_stops_the_start(oidc, provider, setting, value, reason):
    """The daemon alone, with the settings of a stack that runs: it ends before it takes a port."""
    settings = provider.settings(CISTERN_OIDC_REDIRECT_URL=REDIRECT, CISTERN_OIDC_ALLOWED_RETURN_URLS=RETURN)
    environment = dict(os.environ) | settings | {f"CISTERN_OIDC_{setting}": value}
    ended = subprocess.run([str(BUILD / "cisternd"), "--config", str(oidc.home / "etc" / "cistern.conf")], env=environment,
                           capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1 and reason in ended.stderr, ended.stderr
