"""The audit grows and nothing else; every table that a person can change writes into it, in whoever's name the transaction runs; and
docs/audit.md has every action that there is."""

import pathlib
import re

import psycopg2
import pytest

from test_identity import one, rows, run
from test_schema import NODE, OTHER, REPO, USER, cluster, db, schema  # noqa: F401

EVENT = "INSERT INTO audit_event (kind, action, via, object_kind, object_id) VALUES"
TEXT = (REPO / "sql" / "migrations" / "0009_audit.sql").read_text()

REFUSED = [
    ("audit_event_pkey", "INSERT INTO audit_event (event_id, kind, action, via, object_kind, object_id) OVERRIDING SYSTEM VALUE"
                         " VALUES (1000000, 'change', 'a.b', 'v', 'o', ''), (1000000, 'change', 'a.b', 'v', 'o', '')"),
    ("audit_event_kind_check", f"{EVENT} ('other', 'a.b', 'v', 'o', '')"),
    ("audit_event_action_check", f"{EVENT} ('change', 'a b', 'v', 'o', '')"),
    ("audit_event_action_check", f"{EVENT} ('change', 'ab', 'v', 'o', '')"),
    ("audit_event_via_check", f"{EVENT} ('change', 'a.b', '', 'o', '')"),
    ("audit_event_via_check", f"{EVENT} ('change', 'a.b', repeat('v', 65), 'o', '')"),
    ("audit_event_object_id_check", f"{EVENT} ('change', 'a.b', 'v', 'o', repeat('i', 257))"),
    ("audit_event_request_id_check", "INSERT INTO audit_event (kind, action, via, object_kind, object_id, request_id)"
                                     " VALUES ('change', 'a.b', 'v', 'o', '', repeat('r', 41))"),
]
APPEND_ONLY = ["UPDATE audit_event SET action = 'x.y'", "DELETE FROM audit_event", "TRUNCATE audit_event",
               "UPDATE audit_event SET user_id = NULL WHERE event_id = 1"]


@pytest.mark.parametrize("constraint, statement", REFUSED)
def test_the_constraint_refuses(db, constraint, statement):  # noqa: F811
    with pytest.raises(psycopg2.IntegrityError) as refused:
        db.execute(statement)
    assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize("statement", APPEND_ONLY[:3])
def test_what_is_written_stays_even_for_the_superuser(db, statement):  # noqa: F811
    db.execute(f"{EVENT} ('change', 'a.b', 'v', 'o', '')")
    with pytest.raises(psycopg2.IntegrityError) as refused:
        db.execute(statement)
    assert refused.value.diag.constraint_name == "audit_event_append_only"


@pytest.mark.parametrize("statement", [*APPEND_ONLY, "SELECT set_config('cistern.audit_prune', 'yes', true); DELETE FROM audit_event",
                                       "SELECT audit_prune(now())"])
def test_the_daemon_may_only_add_and_read(cluster, schema, statement):  # noqa: F811
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cluster.sql(schema, statement, user="cistern_app")
    cluster.sql(schema, "SELECT count(*) FROM audit_event", user="cistern_app")


def test_pruning_forgets_what_is_older_and_says_so(db):  # noqa: F811
    before = one(db, "SELECT count(*) FROM audit_event")
    db.execute("INSERT INTO audit_event (at, kind, action, via, object_kind, object_id) VALUES (now() - interval '1 year', 'change', 'a.b', 'v', 'o', '')")
    assert one(db, "SELECT audit_prune(now() - interval '1 day')") == 1
    assert one(db, "SELECT count(*) FROM audit_event") == before + 1
    assert rows(db, "SELECT kind, action, detail->'events' FROM audit_event ORDER BY event_id DESC LIMIT 1") == [
        ("security", "audit.pruned", 1)]
    with pytest.raises(psycopg2.IntegrityError):  # the right ends with the call
        db.execute("DELETE FROM audit_event")


# --- what writes into it ----------------------------------------------------------------------------------------------

# Changed by no person: what nodes, the broker and the daemon report; or nothing by itself: codes, challenges, what hangs on an audited row.
BY_NO_PERSON = {
    "account_code", "alert", "audit_event", "broker_state", "certificate_request", "crl", "dead_letter", "group_closure", "mapping_report",
    "node_challenge", "node_config", "node_connection", "node_full_report", "node_key", "node_param", "oidc_code", "oidc_state", "ota_fetch", "ota_status", "revocation",
    "revocation_state", "schema_version", "self_claim_challenge", "session_network", "sharing_group", "sharing_node",
}


def test_every_table_that_a_person_can_change_writes_into_the_audit(db):  # noqa: F811
    tables = {name for name, in rows(db, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    audited = {name for name, in rows(db, "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname ~ '^audit_'"
                                          " AND tgname !~ '^audit_event'")}
    assert tables - audited <= BY_NO_PERSON, "say why, or add a trigger"


KEY = "INSERT INTO api_key (user_id, key_name, key_hash, scopes, expires_at) VALUES"
BROKER = "INSERT INTO broker (name, mqtt_host, service_host, service_port) VALUES ('b1', 'm', 's', 1), ('b2', 'm', 's', 1)"
CASES = [
    ("broker.added", BROKER),
    ("broker.changed", f"{BROKER}; UPDATE broker SET mqtt_host = 'n' WHERE name = 'b2'"),
    ("broker.draining", f"{BROKER}; SELECT broker_drain('b2')"),
    ("broker.gone", f"{BROKER}; SELECT broker_remove('b2', false)"),
    ("broker.active", f"{BROKER}; SELECT broker_drain('b2'); SELECT broker_add('b2', 'm', 's', 1)"),
    ("account.confirmed", "INSERT INTO account (user_name, password_hash, confirmed_at) VALUES ('new@example.org', 'x', now())"),
    ("account.deleted", f"DELETE FROM account WHERE user_id = '{OTHER}'"),
    ("account.password_changed", f"UPDATE account SET password_hash = 'y' WHERE user_id = '{USER}'"),
    ("account.role_changed", f"UPDATE account SET staff_role = 'viewer' WHERE user_id = '{USER}'"),
    ("account.changed", f"UPDATE account SET display_name = 'Ann' WHERE user_id = '{USER}'"),
    ("account.data_changed", f"INSERT INTO account_data (user_id, data) VALUES ('{USER}', '{{}}')"),
    ("identity.linked", f"INSERT INTO account_identity (issuer, subject, user_id) VALUES ('https://id.example.org', 's', '{USER}')"),
    ("identity.unlinked", f"INSERT INTO account_identity (issuer, subject, user_id) VALUES ('https://id.example.org', 's', '{USER}');"
                          " DELETE FROM account_identity"),
    ("session.opened", f"INSERT INTO session (user_id, refresh_hash, expires_at) VALUES ('{USER}', 'i', now())"),
    ("session.ended", "UPDATE session SET ended_at = now(), end_reason = 'logout'"),
    ("key.made", f"{KEY} ('{USER}', 'k', sha256('1'), 1, now())"),
    ("key.revoked", f"{KEY} ('{USER}', 'k', sha256('1'), 1, now()); UPDATE api_key SET revoked_at = now()"),
    ("node.mapped", f"INSERT INTO node_user (node_id, user_id, role) VALUES ('{NODE}', '{OTHER}', 'secondary')"),
    ("node.unmapped", "DELETE FROM node_user"),
    ("node.role_changed", f"INSERT INTO node_user (node_id, user_id, role) VALUES ('{NODE}', '{OTHER}', 'secondary');"
                          f" UPDATE node_user SET role = 'primary' WHERE user_id = '{OTHER}'"),
    ("node.tags_changed", f"INSERT INTO node_tag VALUES ('{NODE}', 'room:hall')"),
    ("node.metadata_changed", f"INSERT INTO node_metadata VALUES ('{NODE}', '{{}}')"),
    ("node.registered", "INSERT INTO node (node_id) VALUES ('node2')"),
    ("node.suspended", f"UPDATE node SET suspended_at = now() WHERE node_id = '{NODE}'"),
    ("node.resumed", f"UPDATE node SET suspended_at = now() WHERE node_id = '{NODE}';"
                     f" UPDATE node SET suspended_at = NULL WHERE node_id = '{NODE}'"),
    ("node.revoked", f"UPDATE node SET revoked_at = now() WHERE node_id = '{NODE}'"),
    ("node.deleted", f"DELETE FROM node WHERE node_id = '{NODE}'"),
    ("certificate.recorded", "INSERT INTO node_certificate (serial, node_id, certificate, not_before, not_after, superseded_at)"
                             f" VALUES ('0123456789ABCDE0', '{NODE}', 'AAAC', now(), now(), now())"),
    ("certificate.revoked", "UPDATE node_certificate SET revoked_at = now(), revoked_reason = 'r' WHERE serial = '0123456789ABCDEF'"),
    ("sharing.requested", "INSERT INTO sharing_request (request_id, kind, from_user, to_name, transfer, expires_at)"
                          f" VALUES (repeat('r', 22), 'node', '{USER}', 'bob@example.org', true, now())"),
    *[(f"sharing.{state}", "INSERT INTO sharing_request (request_id, kind, from_user, to_name, transfer, expires_at)"
                           f" VALUES (repeat('r', 22), 'node', '{USER}', 'bob@example.org', true, now());"
                           f" UPDATE sharing_request SET state = '{state}', settled_at = now(), settled_ids = {ids}")
      for state, ids in (("accepted", "'{}'"), ("declined", "'{}'"), ("cancelled", "NULL"))],
    ("group.made", "INSERT INTO node_group (group_id, group_name) VALUES (repeat('g', 22), 'Home')"),
    ("group.changed", "INSERT INTO node_group (group_id, group_name) VALUES (repeat('g', 22), 'Home');"
                      " UPDATE node_group SET group_name = 'House'"),
    ("group.deleted", "INSERT INTO node_group (group_id, group_name) VALUES (repeat('g', 22), 'Home'); DELETE FROM node_group"),
    ("group.joined", "INSERT INTO node_group (group_id, group_name) VALUES (repeat('g', 22), 'Home');"
                     f" INSERT INTO group_user (group_id, user_id, role) VALUES (repeat('g', 22), '{USER}', 'primary')"),
    ("group.left", "INSERT INTO node_group (group_id, group_name) VALUES (repeat('g', 22), 'Home');"
                   f" INSERT INTO group_user (group_id, user_id, role) VALUES (repeat('g', 22), '{USER}', 'primary'); DELETE FROM group_user"),
    ("group.role_changed", "INSERT INTO node_group (group_id, group_name) VALUES (repeat('g', 22), 'Home');"
                           f" INSERT INTO group_user (group_id, user_id, role) VALUES (repeat('g', 22), '{USER}', 'primary');"
                           " UPDATE group_user SET role = 'secondary'"),
    ("group.node_added", "INSERT INTO node_group (group_id, group_name) VALUES (repeat('g', 22), 'Home');"
                         f" INSERT INTO group_node (group_id, node_id, added_by) VALUES (repeat('g', 22), '{NODE}', '{USER}')"),
    ("group.node_removed", "INSERT INTO node_group (group_id, group_name) VALUES (repeat('g', 22), 'Home');"
                           f" INSERT INTO group_node (group_id, node_id, added_by) VALUES (repeat('g', 22), '{NODE}', '{USER}');"
                           " DELETE FROM group_node"),
    ("self_claim.listed", "INSERT INTO self_claim_device (mac, secret) VALUES ('AABBCC112244', repeat('s', 40)::bytea)"),
    ("self_claim.secret_changed", "UPDATE self_claim_device SET secret = repeat('t', 40)::bytea"),
    ("self_claim.unlisted", "DELETE FROM self_claim_device"),
    ("registration.opened", f"INSERT INTO registration (request_id, user_id, kind, state) VALUES ('g2', '{USER}', 'node_ids', 'upload')"),
    *[(f"registration.{state}", f"UPDATE registration SET state = '{state}'")
      for state in ("uploaded", "in_progress", "success", "failure")],
    ("mapping.requested", "INSERT INTO mapping_request VALUES ('r2', '%s', 'node3', 'h', 'requested', now(), now())" % OTHER),
    ("claim.begun", f"INSERT INTO claim (user_id, mac, node_id, platform) VALUES ('{OTHER}', 'AABBCC112233', 'nodeOfTheClaim2', 'esp32')"),
]


@pytest.mark.parametrize("action, statement", CASES, ids=[action for action, _ in CASES])
def test_the_change_is_written_down_with_who_did_it(db, action, statement):  # noqa: F811
    db.execute("SELECT set_config('cistern.actor', %s, true)",
               ['{"user": "%s", "via": "key", "source": "192.0.2.7", "request": "q1"}' % OTHER])
    db.execute("SELECT coalesce(max(event_id), 0) FROM audit_event")
    (before,) = db.fetchone()
    db.execute(statement)
    found = rows(db, "SELECT user_id::text, via, host(source), request_id FROM audit_event WHERE event_id > %s AND action = %s", before, action)
    assert found and set(found) == {(OTHER, "key", "192.0.2.7", "q1")}


def test_what_is_done_by_no_person_has_the_programs_name(db):  # noqa: F811
    db.execute("SET LOCAL application_name = 'cisternd ingest'; INSERT INTO node (node_id) VALUES ('node2')")
    assert rows(db, "SELECT user_id, via, source, request_id FROM audit_event WHERE object_id = 'node2'") == [
        (None, "cisternd ingest", None, None)]


def test_a_change_that_is_taken_back_leaves_nothing(db):  # noqa: F811
    before = one(db, "SELECT count(*) FROM audit_event")
    db.execute("SAVEPOINT s; INSERT INTO node (node_id) VALUES ('node2'); ROLLBACK TO s")
    assert one(db, "SELECT count(*) FROM audit_event") == before


def test_no_event_holds_a_secret(db):  # noqa: F811
    run(db, "key_new", USER, "k", b"\x01" * 32, 1, 86400, 25)
    db.execute("UPDATE account SET password_hash = 'the-hash'; UPDATE self_claim_device SET secret = repeat('t', 40)::bytea")
    text = str(rows(db, "SELECT detail::text FROM audit_event"))
    assert "the-hash" not in text and "tttt" not in text and "01010101" not in text


# --- the page ---------------------------------------------------------------------------------------------------------


def documented():
    text = (REPO / "docs" / "audit.md").read_text()
    return set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)`", text, re.M))


def written():
    """Of triggers, whose cases are above, and of C: every action stands there as a word of its own."""
    of_c = {action for path in (REPO / "services").glob("*/*.c") for action in
            re.findall(r'\.action = "([a-z_]+\.[a-z_]+)"', path.read_text())}
    of_c |= {action for path in (REPO / "services" / "api").glob("*.c") for action in
             re.findall(r'store_user_event\([^;]*"([a-z_]+\.[a-z_]+)"', path.read_text())}
    of_sql = {action for folder in ("migrations", "queries") for path in (REPO / "sql" / folder).glob("*.sql") for action in
              re.findall(r"(?:audit_write\('[a-z]+'|account_event\([\w$]+), '([a-z_]+\.[a-z_]+)'", path.read_text())}
    return {action for action, _ in CASES} | of_c | of_sql


def test_the_page_has_every_action_and_no_other():
    assert documented() == written()
