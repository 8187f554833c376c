"""What the schema itself promises about accounts: what it refuses, codes that are good once, passwords and sessions that end
together however the requests race, theft of a refresh token, and data that two apps merge into at once."""

import contextlib
import json
import threading

import psycopg2
import pytest

from test_schema import CODE, DEADLINE_S, NOW, OTHER, SETTING, UNKNOWN, USER, cluster, schema, wait_for  # noqa: F401

ANN = "ann@example.org"
MORE = (f"INSERT INTO session_network VALUES ('{USER}', '192.0.2.0/24'); INSERT INTO account_data VALUES ('{USER}', '{{}}');")
NETWORK = "INSERT INTO session_network (session_id, network) VALUES"
DATA = "INSERT INTO account_data VALUES"
SOME_CODE = "INSERT INTO account_code (user_id, purpose, code_hash, tries_left, expires_at) VALUES"

REFUSED = [
    ("account_staff_role_check", "UPDATE account SET staff_role = 'admin'"),
    ("account_one_role", "UPDATE account SET staff_role = 'viewer', super_admin = true"),
    ("account_locale_check", "UPDATE account SET locale = 'de DE'"),
    ("account_locale_check", "UPDATE account SET locale = repeat('a', 36)"),
    ("account_tags_check", "UPDATE account SET tags = ARRAY(SELECT i::text FROM generate_series(1, 33) i)"),
    ("account_tags_check", "UPDATE account SET tags = ARRAY[repeat('t', 8193)]"),
    ("account_code_purpose_password", f"{SOME_CODE} ('{OTHER}', 'signup', 'i', 3, {NOW})"),
    ("account_code_purpose_password", f"{CODE} ('{OTHER}', 'forgot', 'i', 'p', 3, {NOW})"),
    ("session_client_check", "UPDATE session SET client = repeat('c', 201)"),
    ("session_end_reason_check", "UPDATE session SET end_reason = 'other'"),
    ("session_network_pkey", f"{NETWORK} ('{USER}', '192.0.2.0/24')"),
    ("session_network_session_id_fkey", f"{NETWORK} ('{UNKNOWN}', '192.0.2.0/24')"),
    ("account_data_pkey", f"{DATA} ('{USER}', '{{}}')"),
    ("account_data_user_id_fkey", f"{DATA} ('{UNKNOWN}', '{{}}')"),
    ("account_data_data_check", "UPDATE account_data SET data = '[]'"),
    ("account_data_data_check", "UPDATE account_data SET data = jsonb_build_object('k', repeat('x', 408576))"),
]


@pytest.fixture
def db(cluster, schema):  # noqa: F811
    """The setting of test_schema.py and one of each that hangs on its session and account."""
    connection = cluster.connect(schema)
    with connection.cursor() as cursor:
        cursor.execute(SETTING + MORE)
        yield cursor
    connection.rollback()
    connection.close()


@pytest.mark.parametrize("constraint, statement", REFUSED, ids=[f"{name}-{i}" for i, (name, _) in enumerate(REFUSED)])
def test_the_constraint_refuses(db, constraint, statement):
    with pytest.raises(psycopg2.IntegrityError) as refused:
        db.execute(statement)
    assert refused.value.diag.constraint_name == constraint


def one(cursor, text, *values):
    cursor.execute(text, values)
    ((value,),) = cursor.fetchall()
    return value


def rows(cursor, text, *values):
    cursor.execute(text, values)
    return cursor.fetchall()


def give_code(cursor, purpose, code=b"c", user=USER, seconds=900, tries=5):
    cursor.execute(f"{SOME_CODE} (%s, %s, %s, %s, clock_timestamp() + %s * interval '1 second')",
                   (user, purpose, code, tries, seconds))


def events(cursor, action):
    return rows(cursor, "SELECT object_id, detail FROM audit_event WHERE action = %s ORDER BY event_id", action)


def open_session(cursor, refresh, user=USER, password="x", keep=100, source="192.0.2.7"):
    return one(cursor, "SELECT session_open(%s, %s, %s, '1 day', %s, %s, 'test')", user, password, refresh, keep, source)


def refresh_from(cursor, refresh, source, networks=8, window="1 hour"):
    return one(cursor, "SELECT outcome FROM session_refresh(%s, %s, %s, %s)", refresh, source, networks, window)


def live(cursor, user=USER):
    return {bytes(each) for each, in rows(cursor, "SELECT refresh_hash FROM session WHERE user_id = %s AND ended_at IS NULL"
                                                  " AND expires_at > now()", user)}


# --- codes ------------------------------------------------------------------------------------------------------------


def test_a_new_password_by_code_ends_every_session_and_every_other_code(db):
    for name in (b"1", b"2"):
        open_session(db, name)
    give_code(db, "forgot")
    give_code(db, "delete")
    assert one(db, "SELECT account_reset(%s, 'c', 'new')", ANN) is True
    assert live(db) == set()
    assert rows(db, "SELECT password_hash FROM account WHERE user_id = %s", USER) == [("new",)]
    assert rows(db, "SELECT purpose FROM account_code WHERE user_id = %s", USER) == []
    assert rows(db, "SELECT DISTINCT end_reason FROM session WHERE refresh_hash IN ('1', '2')") == [("password_changed",)]
    assert one(db, "SELECT account_reset(%s, 'c', 'again')", ANN) is False


@pytest.mark.parametrize("spoil", ["wrong", "late", "used up", "other purpose", "unknown", "unconfirmed"])
def test_a_code_that_is_not_the_live_one_changes_nothing_and_is_told(db, spoil):
    open_session(db, b"1")
    give_code(db, "delete" if spoil == "other purpose" else "forgot", seconds=-1 if spoil == "late" else 900,
              tries=0 if spoil == "used up" else 5)
    if spoil == "unconfirmed":
        db.execute("UPDATE account SET confirmed_at = NULL WHERE user_id = %s", (USER,))
    name = "nobody@example.org" if spoil == "unknown" else ANN
    code = b"w" if spoil == "wrong" else b"c"
    assert one(db, "SELECT account_reset(%s, %s, 'new')", name, code) is False
    assert live(db) == {b"1"}
    assert rows(db, "SELECT password_hash FROM account WHERE user_id = %s", USER) == [("x",)]
    who = "" if spoil in ("unknown", "unconfirmed") else USER
    told = events(db, "code.wrong")
    assert [detail for _, detail in told] == [{"purpose": "forgot"}]
    assert spoil == "unconfirmed" or told[0][0] == who


def test_a_wrong_code_costs_one_try_and_none_is_left_below_zero(db):
    give_code(db, "forgot", tries=2)
    for left in (1, 0, 0):
        assert one(db, "SELECT account_reset(%s, 'w', 'new')", ANN) is False
        assert one(db, "SELECT tries_left FROM account_code WHERE user_id = %s AND purpose = 'forgot'", USER) == left


def test_an_unknown_name_is_told_to_the_audit_without_the_name(db):
    db.execute("SELECT account_event('My-Secret-Password-1', 'sign_in.failed')")
    assert events(db, "sign_in.failed") == [("", {})]
    assert rows(db, "SELECT 1 FROM audit_event e WHERE e::text LIKE '%%My-Secret%%'") == []


# --- passwords --------------------------------------------------------------------------------------------------------


def test_a_changed_password_ends_the_other_sessions_only(db):
    mine = open_session(db, b"1")
    open_session(db, b"2")
    open_session(db, b"3", user=OTHER)
    assert one(db, "SELECT account_change_password(%s, %s, 'x', 'new')", USER, mine) is True
    assert live(db) == {b"1"} and live(db, OTHER) == {b"3"}


@pytest.mark.parametrize("spoil", ["another password", "ended session", "foreign session"])
def test_a_password_is_changed_only_by_a_live_session_and_in_the_place_of_the_one_that_was_checked(db, spoil):
    mine = open_session(db, b"1", user=OTHER if spoil == "foreign session" else USER)
    if spoil == "ended session":
        db.execute("UPDATE session SET ended_at = now() WHERE session_id = %s", (mine,))
    old = "y" if spoil == "another password" else "x"
    assert one(db, "SELECT account_change_password(%s, %s, %s, 'new')", USER, mine, old) is False
    assert rows(db, "SELECT password_hash FROM account WHERE user_id = %s", USER) == [("x",)]


def test_no_session_opens_with_a_password_that_is_no_more(db):
    assert open_session(db, b"1", password="y") is None
    assert open_session(db, b"1", user=UNKNOWN) is None
    assert open_session(db, b"1", password=None) is not None  # known by other means
    db.execute("UPDATE account SET confirmed_at = NULL WHERE user_id = %s", (USER,))
    assert open_session(db, b"2") is None


@contextlib.contextmanager
def two(cluster):  # noqa: F811
    """A database of one's own with the setting committed, and two connections to it."""
    name = cluster.migrated()
    cluster.sql(name, SETTING + MORE)
    first, second = cluster.connect(name), cluster.connect(name)
    with first.cursor() as a, second.cursor() as b:
        yield name, a, b
    first.close()
    second.close()


def behind(cluster, name, first, statement, second, after):  # noqa: F811
    """`after` runs on `second` while `statement` on `first` is not committed, and must wait for it; gives what `after` gave."""
    first.execute(statement)
    result = []

    def run():
        second.execute(after)
        result.extend(second.fetchall())
        second.connection.commit()

    waiting = threading.Thread(target=run)
    waiting.start()
    wait_for(lambda: cluster.sql(name, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
    first.connection.commit()
    waiting.join(DEADLINE_S)
    return result


OPEN = f"SELECT session_open('{USER}', 'x', 'new', '1 day', 100, '192.0.2.7', 'test')"
RESET = f"SELECT account_reset('{ANN}', 'c', 'other')"


def test_a_sign_in_that_races_with_a_new_password_leaves_no_session_behind(cluster):  # noqa: F811
    with two(cluster) as (name, a, b):
        give_code(a, "forgot")
        a.connection.commit()
        assert behind(cluster, name, a, RESET, b, OPEN) == [(None,)]  # it waits, and sees the new password
        assert live(a) == set()
    with two(cluster) as (name, a, b):
        give_code(a, "forgot")
        a.connection.commit()
        assert behind(cluster, name, a, OPEN, b, RESET) == [(True,)]  # it waits, and ends that session too
        assert live(a) == set()


def test_of_two_who_spend_one_code_at_once_one_succeeds(cluster):  # noqa: F811
    with two(cluster) as (name, a, b):
        give_code(a, "forgot")
        a.connection.commit()
        assert behind(cluster, name, a, RESET, b, RESET) == [(False,)]


# --- deletion ---------------------------------------------------------------------------------------------------------


def test_a_deleted_account_takes_sessions_codes_keys_data_and_mappings_along_and_leaves_an_event(db):
    give_code(db, "delete")
    db.execute("INSERT INTO api_key (user_id, key_name, key_hash, scopes, expires_at)"
               " VALUES (%s, 'k', repeat('h', 32)::bytea, 1, now())", (USER,))
    assert one(db, "SELECT account_delete(%s, 'w')", ANN) == "code"
    assert one(db, "SELECT account_delete(%s, 'c')", ANN) == "ok"
    for table in ("account_code", "session", "session_network", "account_data", "api_key", "node_user", "mapping_request"):
        assert one(db, f"SELECT count(*) FROM {table}") == 0, table
    assert [who for who, _ in events(db, "account.deleted")] == [USER]
    assert one(db, "SELECT account_delete(%s, 'c')", ANN) == "code"


def test_the_last_administrator_stays_and_loses_no_try(db):
    db.execute("UPDATE account SET super_admin = true WHERE user_id = %s", (USER,))
    give_code(db, "delete")
    assert one(db, "SELECT account_delete(%s, 'c')", ANN) == "last_admin"
    db.execute("UPDATE account SET super_admin = true WHERE user_id = %s", (OTHER,))
    assert one(db, "SELECT account_delete(%s, 'c')", ANN) == "ok"


def test_two_administrators_who_leave_at_once_leave_one_behind(cluster):  # noqa: F811
    with two(cluster) as (name, a, b):
        a.execute("UPDATE account SET super_admin = true")
        give_code(a, "delete")
        give_code(a, "delete", user=OTHER)
        a.connection.commit()
        assert behind(cluster, name, a, f"SELECT account_delete('{ANN}', 'c')", b,
                      "SELECT account_delete('bob@example.org', 'c')") == [("last_admin",)]


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_the_longest_unused_session_gives_way_to_a_new_one_and_is_kept_as_ended(db):
    for i in range(3):
        db.execute("UPDATE session SET last_used_at = last_used_at - interval '1 minute'")
        open_session(db, b"%d" % i, keep=3)
    open_session(db, b"3", keep=3)
    assert live(db) == {b"1", b"2", b"3"}
    assert rows(db, "SELECT end_reason FROM session WHERE refresh_hash = '0'") == [("replaced",)]


def test_what_is_kept_of_ended_sessions_is_bounded(db):
    for i in range(9):
        open_session(db, b"%d" % i, keep=3)
        db.execute("UPDATE session SET ended_at = clock_timestamp() WHERE ended_at IS NULL AND user_id = %s", (USER,))
    open_session(db, b"last", keep=3)
    assert one(db, "SELECT count(*) FROM session WHERE user_id = %s", USER) == 4
    db.execute("UPDATE session SET ended_at = now() - interval '91 days' WHERE user_id = %s", (USER,))
    open_session(db, b"later", keep=3)
    assert one(db, "SELECT count(*) FROM session WHERE user_id = %s", USER) == 1


@pytest.mark.parametrize("source, network", [("192.0.2.7", "192.0.2.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48")])
def test_a_network_is_the_first_24_bits_of_ipv4_and_48_of_ipv6(db, source, network):
    assert one(db, "SELECT network_of(%s)::text", source) == network


def test_a_refresh_token_that_comes_from_a_ninth_network_within_the_hour_is_stolen(db):
    session = open_session(db, b"1", source="198.51.0.1")
    for i in range(1, 8):
        assert refresh_from(db, b"1", f"198.51.{i}.1") == "ok"
        assert refresh_from(db, b"1", f"198.51.{i}.200") == "ok"  # the same network
    assert refresh_from(db, b"1", "2001:db8::1") == "stolen"
    assert live(db) == set()
    assert events(db, "session.ended") == [(session, {"reason": "stolen", "user": USER})]
    assert refresh_from(db, b"1", "198.51.1.1") == "ended"
    assert events(db, "session.refresh_refused") == [(session, {"reason": "stolen", "user": USER})]


def test_networks_of_more_than_an_hour_ago_do_not_count(db):
    open_session(db, b"1", source="198.51.0.1")
    for i in range(1, 100):
        db.execute("UPDATE session_network SET seen_at = seen_at - interval '10 minutes'")
        assert refresh_from(db, b"1", f"198.51.{i}.1") == "ok", i
    assert one(db, "SELECT count(*) FROM session_network WHERE session_id <> %s", USER) == 32  # and no more are kept


def test_a_token_of_an_ended_or_outdated_session_is_told_and_one_of_nobody_is_not(db):
    open_session(db, b"1")
    db.execute("UPDATE session SET expires_at = now() - interval '1 second' WHERE refresh_hash = '1'")
    assert refresh_from(db, b"1", "192.0.2.1") == "ended"
    assert refresh_from(db, b"nobody's", "192.0.2.1") == "unknown"
    assert [detail["reason"] for _, detail in events(db, "session.refresh_refused")] == ["expired"]


def test_an_unknown_source_counts_as_no_network(db):
    open_session(db, b"1", source=None)
    assert refresh_from(db, b"1", None, networks=0) == "ok"
    assert one(db, "SELECT count(*) FROM session_network WHERE session_id <> %s", USER) == 0


# --- data -------------------------------------------------------------------------------------------------------------

MERGES = [
    ({}, {"a": 1}, {"a": 1}),
    ({"a": 1, "b": 2}, {"b": None}, {"a": 1}),
    ({"a": 1}, {"b": None}, {"a": 1}),
    ({"z": {"value": 1, "perms": [1]}}, {"z": {"value": 2}}, {"z": {"value": 2, "perms": [1]}}),
    ({"z": {"value": 1, "perms": [1]}}, {"z": {"value": None}}, {"z": {"perms": [1]}}),
    ({"z": {"value": {"x": 1}}}, {"z": {"value": {"y": 2}}}, {"z": {"value": {"y": 2}}}),
    ({"z": 1}, {"z": {"value": 1, "perms": None}}, {"z": {"value": 1}}),
    ({"z": {"value": 1}}, {"z": [1]}, {"z": [1]}),
    ({"z": {"value": 1}}, {"z": {}}, {"z": {"value": 1}}),
    ({"z": {"value": {"deep": 1}}}, {"z": {"value": {"deep": None}}}, {"z": {"value": {"deep": None}}}),
]


@pytest.mark.parametrize("data, patch, merged", MERGES, ids=[json.dumps(each[1]) for each in MERGES])
def test_entries_are_merged_what_is_in_them_is_taken_whole_and_null_deletes(db, data, patch, merged):
    assert one(db, "SELECT data_merge(%s, %s)", json.dumps(data), json.dumps(patch)) == merged
