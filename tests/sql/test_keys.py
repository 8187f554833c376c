"""What the schema itself promises about keys and roles: bounded keys, of which the dead give way; there is always an administrator; another
role ends the sessions."""

import threading

import psycopg2
import pytest

from test_identity import one, rows, run
from test_schema import DEADLINE_S, OTHER, SETTING, USER, cluster, db, schema  # noqa: F401

UNKNOWN = "00000000-0000-4000-8000-0000000000ff"
KEY = "INSERT INTO api_key (key_id, user_id, key_name, key_hash, scopes, expires_at) VALUES"
ONE = f"{KEY} ('{USER}', '{USER}', 'k', sha256('1'), 1, now() + '1 day');"
ADMIN = f"UPDATE account SET super_admin = true WHERE user_id = '{USER}';"

REFUSED = [
    ("api_key_pkey", f"{ONE} {KEY} ('{USER}', '{OTHER}', 'k', sha256('2'), 1, now())"),
    ("api_key_user_id_fkey", f"{KEY} ('{USER}', '{UNKNOWN}', 'k', sha256('1'), 1, now())"),
    ("api_key_key_hash_key", f"{ONE} {KEY} ('{OTHER}', '{OTHER}', 'k', sha256('1'), 1, now())"),
    ("api_key_key_hash_check", f"{KEY} ('{USER}', '{USER}', 'k', 'short', 1, now())"),
    ("api_key_key_name_check", f"{KEY} ('{USER}', '{USER}', '', sha256('1'), 1, now())"),
    ("api_key_key_name_check", f"{KEY} ('{USER}', '{USER}', repeat('ä', 33), sha256('1'), 1, now())"),
    ("api_key_scopes_check", f"{KEY} ('{USER}', '{USER}', 'k', sha256('1'), 0, now())"),
    ("api_key_scopes_check", f"{KEY} ('{USER}', '{USER}', 'k', sha256('1'), 64, now())"),
]
# by triggers, which no catalogue of constraints lists
ALSO_REFUSED = [
    ("account_last_admin", f"{ADMIN} UPDATE account SET super_admin = false WHERE user_id = '{USER}'"),
    ("account_last_admin", f"{ADMIN} UPDATE account SET super_admin = false, staff_role = 'operator' WHERE user_id = '{USER}'"),
    ("account_last_admin", f"{ADMIN} DELETE FROM account WHERE user_id = '{USER}'"),
    # one who has not confirmed cannot sign in and does not count
    ("account_last_admin", f"{ADMIN} INSERT INTO account (user_name, super_admin) VALUES ('new@example.org', true);"
                           f" DELETE FROM account WHERE user_id = '{USER}'"),
]


@pytest.mark.parametrize("constraint, statement", REFUSED + ALSO_REFUSED)
def test_the_constraint_refuses(db, constraint, statement):  # noqa: F811
    with pytest.raises(psycopg2.IntegrityError) as refused:
        db.execute(statement)
    assert refused.value.diag.constraint_name == constraint


def add(cursor, name, days=1, keys_max=25, user=USER):
    cursor.execute("SELECT key_id FROM api_key_add(%s, %s, sha256(%s), 3, %s * interval '1 day', %s)",
                   [user, name, name.encode(), days, keys_max])
    return cursor.fetchone()


def test_an_account_has_only_so_many_keys(db):  # noqa: F811
    assert all(add(db, f"k{i}") for i in range(25))
    assert add(db, "one too many") is None
    assert add(db, "another's", user=OTHER)
    assert add(db, "nobody's", user=UNKNOWN) is None


def test_dead_keys_give_way_to_a_new_one(db):  # noqa: F811
    for i in range(25):
        add(db, f"k{i}")
    db.execute("UPDATE api_key SET revoked_at = now() WHERE key_name = 'k3'")
    db.execute("UPDATE api_key SET expires_at = now() WHERE key_name = 'k4'")
    assert add(db, "new")
    assert {name for name, in rows(db, "SELECT key_name FROM api_key")} == {"new"} | {f"k{i}" for i in range(25)} - {"k3", "k4"}


@pytest.mark.parametrize("change, alive", [
    ("SELECT", True), ("UPDATE api_key SET revoked_at = now()", False), ("UPDATE api_key SET expires_at = now()", False),
    (f"DELETE FROM account WHERE user_id = '{USER}'", False),
])
def test_only_a_live_key_of_a_live_account_is_known(db, change, alive):  # noqa: F811
    add(db, "k")
    db.execute(change)
    (digest,) = rows(db, "SELECT sha256('k')")[0]
    expected = [(USER, "user", "primary", 3)] if alive else []
    assert [(str(user), *rest) for user, *rest in run(db, "key_access", digest, "node1")] == expected
    assert [row[2] for row in run(db, "key_access_params", digest, "node1")] == [role for _, _, role, _ in expected]
    assert [row[2] for row in run(db, "key_access", digest, None)] == [None] * alive


def test_that_a_key_was_used_is_written_once_a_minute(db):  # noqa: F811
    add(db, "k")
    (digest,) = rows(db, "SELECT sha256('k')")[0]

    def last():
        return one(db, "SELECT now() - last_used_at FROM api_key")

    assert last() is None
    run(db, "key_access", digest, None)
    assert last().total_seconds() == 0
    for age, left in (("30 s", 30), ("61 s", 0)):
        db.execute("UPDATE api_key SET last_used_at = now() - %s::interval", [age])
        run(db, "key_access", digest, None)
        assert last().total_seconds() == left


def test_another_role_ends_the_sessions_and_the_same_does_not(db):  # noqa: F811
    def ended():
        return rows(db, f"SELECT end_reason FROM session WHERE user_id = '{USER}'")

    db.execute(f"UPDATE session SET expires_at = now() + '1 day'; UPDATE account SET staff_role = NULL WHERE user_id = '{USER}'")
    run(db, "admin_user_role", "ann@example.org", "user")
    assert ended() == [(None,)]
    run(db, "admin_user_role", "ann@example.org", "viewer")
    assert ended() == [("role_changed",)]


@pytest.mark.parametrize("role, flags", [("user", (False, None)), ("viewer", (False, "viewer")),
                                         ("operator", (False, "operator")), ("admin", (True, None))])
def test_a_role_is_kept_in_two_columns(db, role, flags):  # noqa: F811
    run(db, "admin_user_role", "bob@example.org", "admin")  # so that the last one is not ann
    for before in ("viewer", "admin"):
        run(db, "admin_user_role", "ann@example.org", before)
        run(db, "admin_user_role", "ann@example.org", role)
        assert rows(db, "SELECT super_admin, staff_role FROM account WHERE user_name = 'ann@example.org'") == [flags]


def test_of_two_administrators_who_go_at_once_one_stays(cluster):  # noqa: F811
    database = cluster.migrated()
    setting = cluster.connect(database)
    setting.autocommit = True
    cursor = setting.cursor()
    cursor.execute(SETTING + "UPDATE account SET super_admin = true")
    sides = [cluster.connect(database, "cistern_app") for _ in range(2)]
    for connection in sides:
        connection.autocommit = True
    try:
        for i in range(20):
            cursor.execute("UPDATE account SET super_admin = true")
            start = threading.Barrier(2)
            failures = []

            def go(connection, user):
                with connection.cursor() as its:
                    start.wait(DEADLINE_S)
                    try:
                        its.execute("UPDATE account SET super_admin = false WHERE user_id = %s", [user])
                    except psycopg2.Error as why:
                        failures.append(why.diag.constraint_name)

            threads = [threading.Thread(target=go, args=pair) for pair in zip(sides, (USER, OTHER))]
            for each in threads:
                each.start()
            for each in threads:
                each.join(DEADLINE_S)
            assert failures == ["account_last_admin"], i
            assert one(cursor, "SELECT count(*) FROM account WHERE super_admin") == 1
    finally:
        for connection in (setting, *sides):
            connection.close()
