"""What the schema itself promises about sign-in with a provider: an identity has one account, an address is given to nobody who has
not proved it, and codes and states work once."""

import threading

import psycopg2
import pytest

from test_identity import one, rows, run
from test_schema import OTHER, SETTING, USER, cluster, schema  # noqa: F401

ISSUER, RETURN = "https://id.example.org", "app:/back"
CHALLENGE = "x" * 43
STATE = "INSERT INTO oidc_state (state_hash, browser_hash, return_url, challenge, app_state, expires_at) VALUES "
CODE = "INSERT INTO oidc_code (code_hash, user_id, return_url, challenge, expires_at) VALUES "
H = "sha256('a')"

REFUSED = [
    ("account_confirmed_by", f"UPDATE account SET password_hash = NULL WHERE user_id = '{USER}'"),
    ("account_identity_pkey", f"INSERT INTO account_identity (issuer, subject, user_id) VALUES ('{ISSUER}', 's', '{OTHER}')"),
    ("account_identity_one_each", f"INSERT INTO account_identity (issuer, subject, user_id) VALUES ('{ISSUER}', 't', '{USER}')"),
    ("account_identity_issuer_check", f"INSERT INTO account_identity (issuer, subject, user_id) VALUES ('', 's', '{OTHER}')"),
    ("account_identity_subject_check",
     f"INSERT INTO account_identity (issuer, subject, user_id) VALUES ('{ISSUER}', repeat('s', 256), '{OTHER}')"),
    ("account_identity_user_id_fkey",
     f"INSERT INTO account_identity (issuer, subject, user_id) VALUES ('{ISSUER}', 't', gen_random_uuid())"),
    ("oidc_state_pkey", STATE + f"({H}, {H}, 'a:b', NULL, NULL, now()), ({H}, {H}, 'a:b', NULL, NULL, now())"),
    ("oidc_state_state_hash_check", STATE + f"('short', {H}, 'a:b', NULL, NULL, now())"),
    ("oidc_state_browser_hash_check", STATE + f"({H}, 'short', 'a:b', NULL, NULL, now())"),
    ("oidc_state_return_url_check", STATE + f"({H}, {H}, repeat('a', 512), NULL, NULL, now())"),
    ("oidc_state_challenge_check", STATE + f"({H}, {H}, 'a:b', 'short', NULL, now())"),
    ("oidc_state_app_state_check", STATE + f"({H}, {H}, 'a:b', NULL, repeat('a', 129), now())"),
    ("oidc_code_pkey", CODE + f"({H}, '{USER}', 'a:b', NULL, now()), ({H}, '{USER}', 'a:b', NULL, now())"),
    ("oidc_code_code_hash_check", CODE + f"('short', '{USER}', 'a:b', NULL, now())"),
    ("oidc_code_user_id_fkey", CODE + f"({H}, gen_random_uuid(), 'a:b', NULL, now())"),
    ("oidc_code_return_url_check", CODE + f"({H}, '{USER}', '', NULL, now())"),
    ("oidc_code_challenge_check", CODE + f"({H}, '{USER}', 'a:b', repeat('x', 44), now())"),
]
LINKED = f"INSERT INTO account_identity (issuer, subject, user_id) VALUES ('{ISSUER}', 's', '{USER}');"


@pytest.fixture
def db(cluster, schema):  # noqa: F811
    """The setting of test_schema.py; ann has an identity."""
    connection = cluster.connect(schema)
    with connection.cursor() as cursor:
        cursor.execute(SETTING + LINKED)
        yield cursor
    connection.rollback()
    connection.close()


@pytest.mark.parametrize("constraint, statement", REFUSED, ids=[name for name, _ in REFUSED])
def test_the_constraint_refuses(db, constraint, statement):
    with pytest.raises(psycopg2.IntegrityError) as refused:
        db.execute(statement)
    assert refused.value.diag.constraint_name == constraint


def sign_in(cursor, subject, email, link=False, code=b"c" * 32, challenge=None):
    return one(cursor, "SELECT oidc_sign_in(%s, %s, %s, %s, %s, %s, %s, 120)", ISSUER, subject, email, link, code, RETURN, challenge)


def names(cursor):
    return {name for (name,) in rows(cursor, "SELECT user_name FROM account JOIN account_identity USING (user_id)")}


def test_an_identity_that_is_known_needs_no_address(db):
    assert sign_in(db, "s", "elsewhere@example.org") == "ok" and names(db) == {"ann@example.org"}


def test_a_new_address_gets_an_account_without_a_password(db):
    assert sign_in(db, "t", "new@example.org") == "ok"
    assert rows(db, "SELECT password_hash, by_provider, confirmed_at IS NOT NULL FROM account WHERE user_name = 'new@example.org'") \
        == [(None, True, True)]


def test_an_address_of_another_account_is_taken_unless_it_may_be_linked(db):
    assert sign_in(db, "t", "bob@example.org") == "taken" and names(db) == {"ann@example.org"}
    assert sign_in(db, "t", "bob@example.org", link=True) == "ok" and names(db) == {"ann@example.org", "bob@example.org"}


@pytest.mark.parametrize("role", ["super_admin = true", "staff_role = 'operator'", "staff_role = 'viewer'"])
def test_staff_is_never_linked(db, role):
    db.execute(f"UPDATE account SET {role} WHERE user_id = %s", (OTHER,))
    assert sign_in(db, "t", "bob@example.org", link=True) == "taken"


def test_a_sign_up_under_way_loses_its_code(db):
    db.execute("INSERT INTO account (user_id, user_name) VALUES (gen_random_uuid(), 'new@example.org')")
    db.execute("INSERT INTO account_code SELECT user_id, 'signup', 'h', 'p', 5, now() + interval '1 hour' FROM account"
               " WHERE user_name = 'new@example.org'")
    before = one(db, "SELECT count(*) FROM account_code")
    assert sign_in(db, "t", "new@example.org") == "ok" and one(db, "SELECT count(*) FROM account_code") == before - 1


def test_an_address_that_is_taken_leaves_no_code(db):
    sign_in(db, "t", "bob@example.org")
    assert one(db, "SELECT count(*) FROM oidc_code") == 0


def take_code(cursor, code=b"c" * 32, challenge=None, url=None):
    return [name for _, name in run(cursor, "oidc_take_code", code, challenge, url)]


def test_a_code_is_gone_after_a_use_good_or_bad(db):
    sign_in(db, "s", "ann@example.org", challenge=CHALLENGE)
    assert take_code(db, challenge="y" * 43) == [] and take_code(db, challenge=CHALLENGE) == []
    sign_in(db, "s", "ann@example.org", challenge=CHALLENGE)
    assert take_code(db, challenge=CHALLENGE, url=RETURN) == ["ann@example.org"] and take_code(db, challenge=CHALLENGE) == []


def test_a_new_password_ends_the_codes_that_are_out(db):
    sign_in(db, "s", "ann@example.org", challenge=CHALLENGE)
    db.execute("UPDATE account SET password_hash = 'another' WHERE user_name = 'ann@example.org'")
    assert take_code(db, challenge=CHALLENGE) == []


def test_no_more_sign_ins_are_under_way_than_allowed_and_old_ones_do_not_count(db):
    def begin(number):
        return run(db, "oidc_begin", number.to_bytes(32, "big"), b"b" * 32, RETURN, None, None, 600, 2)
    assert begin(1) and begin(2) and not begin(3)
    db.execute("UPDATE oidc_state SET expires_at = now() - interval '1 second'")
    assert begin(4)


def test_two_sign_ins_of_one_new_identity_at_once_make_one_account(cluster):  # noqa: F811
    database = cluster.migrated()
    answers = []

    def sign_in_alone(number):
        connection = cluster.connect(database)
        connection.autocommit = True
        with connection.cursor() as cursor:
            answers.append(sign_in(cursor, "t", "new@example.org", code=number.to_bytes(32, "big")))
        connection.close()

    threads = [threading.Thread(target=sign_in_alone, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["ok"] * 8
    assert cluster.sql(database, "SELECT count(*) FROM account") == [(1,)]
    assert cluster.sql(database, "SELECT count(DISTINCT user_id), count(*) FROM oidc_code") == [(1, 8)]
