"""The schema on a private cluster, made by `cistern migrate`: every statement of sql/queries fits it, every constraint refuses
what it must, and migrations can be run at once, again, and after having been killed."""

import hashlib
import importlib
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

import psycopg2
import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", REPO / "build"))
MIGRATIONS = sorted((REPO / "sql" / "migrations").glob("*.sql"))
DEADLINE_S = 15.0

USER, OTHER = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
NODE = "node1"


# --- the cluster ------------------------------------------------------------------------------------------------------


class Cluster:
    """PostgreSQL on a socket of its own; root runs it as `postgres`, since PostgreSQL refuses root."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="cistern-sql-")
        self.socket, self.count = self.folder.name, 0
        self.become = []
        if os.geteuid() == 0:
            self.become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
            subprocess.run(["chown", "postgres:", self.socket], check=True)
        binaries = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        data = pathlib.Path(self.socket) / "data"
        self._run(binaries / "initdb", "-D", data, "-U", "super", "--auth=trust", "--no-sync", "--no-locale", "-E", "UTF8")
        self.process = subprocess.Popen(
            [*self.become, binaries / "postgres", "-D", data, "-k", self.socket, "-c", "listen_addresses=", "-c", "fsync=off"],
            stdout=subprocess.DEVNULL, stderr=open(pathlib.Path(self.socket) / "log", "wb"))
        wait_for(self.answers)

    def _run(self, *words):
        subprocess.run([*self.become, *words], check=True, capture_output=True, cwd="/")

    def answers(self):
        self.sql("postgres", "SELECT 1")
        return True

    def connect(self, database, user="super"):
        return psycopg2.connect(dbname=database, user=user, host=self.socket)

    def sql(self, database, text, user="super"):
        connection = self.connect(database, user)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(text)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def database(self):
        """An empty one, owned by a role that may do nothing else."""
        self.count += 1
        name = f"cistern_{self.count}"
        if self.count == 1:
            self.sql("postgres", "CREATE ROLE cistern_owner LOGIN")
            self.sql("postgres", "CREATE ROLE cistern_app LOGIN")
        self.sql("postgres", f"CREATE DATABASE {name} OWNER cistern_owner")
        return name

    def migrate(self, database):
        """`cistern migrate`, running."""
        url = f"postgresql:///{database}?host={self.socket}&user=cistern_owner"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CISTERN_")}
        environment |= {"CISTERN_DATABASE_URL": url, "CISTERN_DATABASE_OWNER_URL": url}
        return subprocess.Popen([str(BUILD / "cistern"), "migrate"], env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def migrated(self):
        name = self.database()
        finish(self.migrate(name))
        return name

    def close(self):
        self.process.send_signal(signal.SIGINT)  # a fast shutdown
        self.process.wait(DEADLINE_S)
        self.folder.cleanup()


def wait_for(ask):
    until = time.monotonic() + DEADLINE_S
    while True:
        try:
            if answer := ask():
                return answer
        except psycopg2.Error:
            pass
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.02)  # between two questions


def finish(process):
    output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def cluster():
    running = Cluster()
    yield running
    running.close()


@pytest.fixture(scope="module")
def schema(cluster):
    """A migrated database that nobody changes for good."""
    return cluster.migrated()


@pytest.fixture
def db(cluster, schema):
    """A transaction with one user, one node and one of each that hangs on them; rolled back at the end."""
    connection = cluster.connect(schema)
    with connection.cursor() as cursor:
        cursor.execute(SETTING)
        yield cursor
    connection.rollback()
    connection.close()


SETTING = f"""
INSERT INTO account (user_id, user_name, password_hash, confirmed_at) VALUES ('{USER}', 'ann@example.org', 'x', now()),
    ('{OTHER}', 'bob@example.org', 'x', now());
INSERT INTO account_code VALUES ('{USER}', 'signup', 'h', 'p', 3, now());
INSERT INTO session (session_id, user_id, refresh_hash, expires_at) VALUES ('{USER}', '{USER}', 'h', now());
INSERT INTO node (node_id) VALUES ('{NODE}');
INSERT INTO node_certificate (serial, node_id, certificate, not_before, not_after, activated_at)
    VALUES ('0123456789ABCDEF', '{NODE}', 'AAAA', now(), now(), now());
INSERT INTO node_certificate (serial, node_id, certificate, not_before, not_after)
    VALUES ('0123456789ABCDEE', '{NODE}', 'AAAB', now(), now());
INSERT INTO node_config (node_id, config, received_at) VALUES ('{NODE}', '{{}}', now());
INSERT INTO node_full_report (node_id) VALUES ('{NODE}');
INSERT INTO node_param (node_id, device, param, value, received_at) VALUES ('{NODE}', 'Light', 'Power', 'true', now());
INSERT INTO ota_fetch VALUES ('{NODE}', '1.0', NULL, now());
INSERT INTO node_user (node_id, user_id, role) VALUES ('{NODE}', '{USER}', 'primary');
INSERT INTO mapping_request VALUES ('r1', '{USER}', '{NODE}', 'h', 'requested', now(), now());
INSERT INTO claim (user_id, mac, node_id, platform) VALUES ('{USER}', 'AABBCC112233', 'nodeOfTheClaim1', 'esp32');
INSERT INTO self_claim_device (mac, secret) VALUES ('AABBCC112233', repeat('s', 40)::bytea);
INSERT INTO self_claim_challenge VALUES ('c1', 'AABBCC112233', repeat('c', 32), now());
INSERT INTO certificate_request (node_id, csr, received_at, digest) VALUES ('{NODE}', 'c', now(), 'd');
INSERT INTO node_connection (node_id, session_no) VALUES ('{NODE}', 1);
INSERT INTO registration (request_id, user_id, kind, state) VALUES ('g1', '{USER}', 'node_ids', 'upload');
"""


# --- statements -------------------------------------------------------------------------------------------------------


def statements():
    for path in sorted((REPO / "sql" / "queries").glob("*.sql")):
        for part in path.read_text().split("-- name: ")[1:]:
            name, text = part.split("\n", 1)
            yield pytest.param(name.strip(), text, id=name.strip())


@pytest.mark.parametrize("name, text", statements())
def test_every_statement_is_prepared_and_permitted_to_the_daemon(cluster, schema, name, text):
    connection = cluster.connect(schema, "cistern_app")
    with connection.cursor() as cursor:
        if text.startswith("LISTEN "):
            cursor.execute(text)  # prepared through the protocol, which SQL's PREPARE does not do for it
            return
        cursor.execute(f"PREPARE {name} AS {text}")
        cursor.execute("SELECT cardinality(parameter_types) FROM pg_prepared_statements")
        (n,) = cursor.fetchone()
        arguments = f"({', '.join(['NULL'] * n)})" if n else ""
        cursor.execute(f"EXPLAIN EXECUTE {name} {arguments}")  # starts the executor, which checks the rights
    connection.rollback()
    connection.close()


# --- constraints ------------------------------------------------------------------------------------------------------

NOW = "now()"
ALERT = "INSERT INTO alert (node_id, kind, body, received_at, delivery_mid, digest) VALUES"
LETTER = "INSERT INTO dead_letter (topic, reason, payload, payload_bytes, received_at, delivery_mid, digest) VALUES"
STATUS = ("INSERT INTO ota_status (node_id, ota_job_id, status, additional_info, node_ts, received_at, delivery_mid, digest)"
          " VALUES")
CERTIFICATE = "INSERT INTO node_certificate (serial, node_id, certificate, not_before, not_after, superseded_at) VALUES"
PARAM = "INSERT INTO node_param (node_id, device, param, value, received_at) VALUES"
REPORT = "INSERT INTO mapping_report (node_id, user_id, secret_hash, reset, delivery_mid, digest) VALUES"
REQUEST = "INSERT INTO mapping_request (request_id, user_id, node_id, secret_hash, state, expires_at) VALUES"
SESSION = "INSERT INTO session (session_id, user_id, refresh_hash, expires_at) VALUES"
CODE = "INSERT INTO account_code (user_id, purpose, code_hash, password_hash, tries_left, expires_at) VALUES"
CLAIM = "INSERT INTO claim (user_id, mac, node_id, platform, policies) VALUES"
BROKER = "INSERT INTO broker (name, mqtt_host, service_host, service_port) VALUES"
REVOCATION = "INSERT INTO revocation (kind, value, node_id, version, reason) VALUES"
REGISTRATION = "INSERT INTO registration (request_id, user_id, kind, state) VALUES"
UNKNOWN = "00000000-0000-4000-8000-0000000000ff"

# (constraint or unique index, what it refuses). Every one of the schema has a row: the test below the next counts them.
REFUSED = [
    ("account_pkey", f"INSERT INTO account (user_id, user_name) VALUES ('{USER}', 'new@example.org')"),
    ("account_user_name_key", "INSERT INTO account (user_name) VALUES ('ann@example.org')"),
    ("account_user_name_check", "INSERT INTO account (user_name) VALUES ('Ann2@example.org')"),
    ("account_user_name_check", "INSERT INTO account (user_name) VALUES ('ab')"),
    ("account_user_name_check", "INSERT INTO account (user_name) VALUES (repeat('a', 255))"),
    ("account_display_name_check", "UPDATE account SET display_name = repeat('a', 257)"),
    ("account_code_pkey", f"{CODE} ('{USER}', 'signup', 'i', 'p', 3, {NOW})"),
    ("account_code_purpose_check", f"{CODE} ('{OTHER}', 'other', 'i', 'p', 3, {NOW})"),
    ("account_code_tries_left_check", "UPDATE account_code SET tries_left = -1"),
    ("account_code_user_id_fkey", f"{CODE} ('{UNKNOWN}', 'signup', 'i', 'p', 3, {NOW})"),
    ("session_pkey", f"{SESSION} ('{USER}', '{USER}', 'i', {NOW})"),
    ("session_refresh_hash_key", f"{SESSION} ('{OTHER}', '{USER}', 'h', {NOW})"),
    ("session_user_id_fkey", f"{SESSION} ('{OTHER}', '{UNKNOWN}', 'i', {NOW})"),
    ("node_pkey", f"INSERT INTO node (node_id) VALUES ('{NODE}')"),
    *[("node_node_id_check", f"INSERT INTO node (node_id) VALUES ('{bad}')")
      for bad in ("", "a" * 65, "a/b", "a+", "#", "a b", "a.b", "ä", "a\n")],
    ("node_certificate_pkey", f"{CERTIFICATE} ('0123456789ABCDEF', '{NODE}', 'BBBB', {NOW}, {NOW}, {NOW})"),
    ("node_certificate_active", "UPDATE node_certificate SET activated_at = now() WHERE serial = '0123456789ABCDEE'"),
    ("node_certificate_pending", f"{CERTIFICATE} ('0123456789ABCDE0', '{NODE}', 'BBBB', {NOW}, {NOW}, NULL)"),
    ("node_certificate_fingerprint", f"{CERTIFICATE} ('0123456789ABCDE0', '{NODE}', 'AAAA', {NOW}, {NOW}, {NOW})"),
    ("node_certificate_key_hash_check", "UPDATE node_certificate SET key_hash = 'short'"),
    ("node_certificate_ca_key_id_check", "UPDATE node_certificate SET ca_key_id = repeat('A', 40)"),
    ("node_certificate_revoked_reason_check", "UPDATE node_certificate SET revoked_reason = repeat('r', 65)"),
    ("node_certificate_node_id_fkey", f"{CERTIFICATE} ('0123456789ABCDE0', 'nobody', 'BBBB', {NOW}, {NOW}, NULL)"),
    ("node_certificate_serial_check", f"{CERTIFICATE} ('0123456789abcdef', '{NODE}', 'BBBB', {NOW}, {NOW}, {NOW})"),
    ("node_certificate_serial_check", f"{CERTIFICATE} ('012345678', '{NODE}', 'BBBB', {NOW}, {NOW}, {NOW})"),
    ("node_config_pkey", f"INSERT INTO node_config (node_id, config, received_at) VALUES ('{NODE}', '{{}}', {NOW})"),
    ("node_config_node_id_fkey", f"INSERT INTO node_config (node_id, config, received_at) VALUES ('nobody', '{{}}', {NOW})"),
    ("node_full_report_pkey", f"INSERT INTO node_full_report (node_id) VALUES ('{NODE}')"),
    ("node_full_report_node_id_fkey", "INSERT INTO node_full_report (node_id) VALUES ('nobody')"),
    ("node_param_pkey", f"{PARAM} ('{NODE}', 'Light', 'Power', '1', {NOW})"),
    ("node_param_node_id_fkey", f"{PARAM} ('nobody', 'Light', 'Power', '1', {NOW})"),
    ("node_param_device_check", f"{PARAM} ('{NODE}', repeat('ä', 33), 'Power', '1', {NOW})"),
    ("node_param_param_check", f"{PARAM} ('{NODE}', 'Light', repeat('a', 65), '1', {NOW})"),
    ("alert_pkey", f"INSERT INTO alert OVERRIDING SYSTEM VALUE VALUES (1, '{NODE}', 'text', '1', false, {NOW}, 1, 'd'),"
                   f" (1, '{NODE}', 'text', '1', false, {NOW}, 1, 'd')"),
    ("alert_kind_check", f"{ALERT} ('{NODE}', 'else', '1', {NOW}, 1, 'd')"),
    ("alert_node_id_fkey", f"{ALERT} ('nobody', 'text', '1', {NOW}, 1, 'd')"),
    ("ota_fetch_pkey", f"INSERT INTO ota_fetch VALUES ('{NODE}', '1.0', NULL, {NOW})"),
    ("ota_fetch_node_id_fkey", f"INSERT INTO ota_fetch VALUES ('nobody', '1.0', NULL, {NOW})"),
    ("ota_status_pkey", f"INSERT INTO ota_status OVERRIDING SYSTEM VALUE VALUES"
                        f" ('{NODE}', 'j', 'failed', '', 1, {NOW}, 1, 'd', 1), ('{NODE}', 'j', 'failed', '', 1, {NOW}, 1, 'd', 1)"),
    ("ota_status_status_check", f"{STATUS} ('{NODE}', 'j', 'done', '', 1, {NOW}, 1, 'd')"),
    ("ota_status_node_id_fkey", f"{STATUS} ('nobody', 'j', 'failed', '', 1, {NOW}, 1, 'd')"),
    ("dead_letter_pkey", f"INSERT INTO dead_letter OVERRIDING SYSTEM VALUE VALUES (1, 't', 'r', '', 0, {NOW}, 1, 'd'),"
                         f" (1, 't', 'r', '', 0, {NOW}, 1, 'd')"),
    ("dead_letter_payload_check", f"{LETTER} ('t', 'r', decode(repeat('00', 4097), 'hex'), 4097, {NOW}, 1, 'd')"),
    ("node_user_pkey", f"INSERT INTO node_user (node_id, user_id, role) VALUES ('{NODE}', '{USER}', 'secondary')"),
    ("node_user_role_check", f"INSERT INTO node_user (node_id, user_id, role) VALUES ('{NODE}', '{OTHER}', 'owner')"),
    ("node_user_node_id_fkey", f"INSERT INTO node_user (node_id, user_id, role) VALUES ('nobody', '{USER}', 'primary')"),
    ("node_user_user_id_fkey", f"INSERT INTO node_user (node_id, user_id, role) VALUES ('{NODE}', '{UNKNOWN}', 'primary')"),
    ("mapping_request_pkey", f"{REQUEST} ('r1', '{OTHER}', '{NODE}', 'h', 'discarded', {NOW})"),
    ("mapping_request_live", f"{REQUEST} ('r2', '{USER}', '{NODE}', 'h', 'requested', {NOW})"),
    ("mapping_request_state_check", f"{REQUEST} ('r2', '{OTHER}', '{NODE}', 'h', 'done', {NOW})"),
    ("mapping_request_user_id_fkey", f"{REQUEST} ('r2', '{UNKNOWN}', '{NODE}', 'h', 'requested', {NOW})"),
    ("mapping_report_pkey", f"INSERT INTO mapping_report OVERRIDING SYSTEM VALUE VALUES"
                            f" ('{NODE}', 1, 'u', 'h', false, false, {NOW}, 1, 'd'), ('{NODE}', 1, 'u', 'h', false, false, {NOW}, 1, 'd')"),
    ("mapping_report_node_id_fkey", f"{REPORT} ('nobody', 'u', 'h', false, 1, 'd')"),
    ("node_key_pkey", f"INSERT INTO node_key VALUES (sha256('k'), '{NODE}'), (sha256('k'), 'node2')"),
    ("node_key_key_hash_check", f"INSERT INTO node_key VALUES ('short', '{NODE}')"),
    ("revocation_pkey", f"{REVOCATION} ('node', '{NODE}', '{NODE}', 90, 'r'), ('node', '{NODE}', '{NODE}', 91, 'r')"),
    ("revocation_by_version", f"{REVOCATION} ('node', '{NODE}', '{NODE}', 90, 'r'), ('node', 'node2', 'node2', 90, 'r')"),
    ("revocation_kind_check", f"{REVOCATION} ('user', '{NODE}', '{NODE}', 90, 'r')"),
    ("revocation_check", f"{REVOCATION} ('certificate', '{NODE}', '{NODE}', 90, 'r')"),
    ("revocation_state_pkey", "INSERT INTO revocation_state DEFAULT VALUES"),
    ("revocation_state_one_check", "INSERT INTO revocation_state (one) VALUES (false)"),
    ("crl_pkey", f"INSERT INTO crl VALUES ('k', 'c', true, 1, 'd', {NOW}, {NOW}), ('k', 'c', true, 2, 'd', {NOW}, {NOW})"),
    ("broker_pkey", f"{BROKER} ('b2', 'm', 's', 1), ('b2', 'm', 's', 1)"),
    ("broker_name_check", f"{BROKER} ('B 2', 'm', 's', 1)"),
    ("broker_mqtt_host_check", f"{BROKER} ('b2', 'm/n', 's', 1)"),
    ("broker_service_host_check", f"{BROKER} ('b2', 'm', '', 1)"),
    ("broker_service_port_check", f"{BROKER} ('b2', 'm', 's', 0)"),
    ("broker_state_check", f"{BROKER} ('b2', 'm', 's', 1); UPDATE broker SET state = 'away'"),
    ("broker_state_pkey", "INSERT INTO broker_state (broker) VALUES ('b'), ('b')"),
    ("claim_pkey", f"{CLAIM} ('{USER}', 'AABBCC112233', 'nodeOfTheClaim2', 'esp32', '')"),
    ("claim_user_id_fkey", f"{CLAIM} ('{UNKNOWN}', 'AABBCC112244', 'nodeOfTheClaim2', 'esp32', '')"),
    ("claim_mac_check", f"{CLAIM} ('{USER}', 'aabbcc112244', 'nodeOfTheClaim2', 'esp32', '')"),
    ("claim_node_id_check", f"{CLAIM} ('{USER}', 'AABBCC112244', 'AABBCC112244', 'esp32', '')"),
    ("claim_node_id_key", f"{CLAIM} ('{OTHER}', 'AABBCC112233', 'nodeOfTheClaim1', 'esp32', '')"),
    ("claim_platform_check", f"{CLAIM} ('{USER}', 'AABBCC112244', 'nodeOfTheClaim2', repeat('p', 33), '')"),
    ("claim_policies_check", f"{CLAIM} ('{USER}', 'AABBCC112244', 'nodeOfTheClaim2', 'esp32', repeat('p', 257))"),
    ("self_claim_device_pkey", "INSERT INTO self_claim_device (mac, secret) VALUES ('AABBCC112233', repeat('s', 40)::bytea)"),
    ("self_claim_device_mac_check", "INSERT INTO self_claim_device (mac, secret) VALUES ('AABBCC', repeat('s', 40)::bytea)"),
    ("self_claim_device_secret_check", "INSERT INTO self_claim_device (mac, secret) VALUES ('AABBCC112244', 'in the clear')"),
    ("self_claim_challenge_pkey", f"INSERT INTO self_claim_challenge VALUES ('c1', 'AABBCC112233', repeat('c', 32), {NOW})"),
    ("self_claim_challenge_challenge_check", f"INSERT INTO self_claim_challenge VALUES ('c2', 'AABBCC112233', 'short', {NOW})"),
    ("certificate_request_pkey", f"INSERT INTO certificate_request (node_id, csr, received_at, digest) VALUES ('{NODE}', 'c', {NOW}, 'd')"),
    ("certificate_request_node_id_fkey", f"INSERT INTO certificate_request (node_id, csr, received_at, digest) VALUES ('nobody', 'c', {NOW}, 'd')"),
    ("certificate_request_csr_check", "UPDATE certificate_request SET csr = repeat('c', 4097)"),
    ("node_connection_pkey", f"INSERT INTO node_connection (node_id, session_no) VALUES ('{NODE}', 1)"),
    ("node_connection_node_id_fkey", "INSERT INTO node_connection (node_id, session_no) VALUES ('nobody', 1)"),
    ("node_connection_reason_check", "UPDATE node_connection SET reason = repeat('r', 33)"),
    ("registration_pkey", f"{REGISTRATION} ('g1', '{OTHER}', 'node_ids', 'upload')"),
    ("registration_user_id_fkey", f"{REGISTRATION} ('g2', '{UNKNOWN}', 'node_ids', 'upload')"),
    ("registration_kind_check", f"{REGISTRATION} ('g2', '{USER}', 'nodes', 'upload')"),
    ("registration_state_check", f"{REGISTRATION} ('g2', '{USER}', 'node_ids', 'done')"),
]


@pytest.mark.parametrize("constraint, statement", REFUSED, ids=[f"{name}-{i}" for i, (name, _) in enumerate(REFUSED)])
def test_the_constraint_refuses(db, constraint, statement):
    with pytest.raises(psycopg2.IntegrityError) as refused:
        db.execute(statement)
    assert refused.value.diag.constraint_name == constraint


def refused_everywhere():
    """Of this file and of those beside it: each has a list REFUSED of (constraint, statement) for its own tables."""
    modules = [importlib.import_module(path.stem) for path in sorted(pathlib.Path(__file__).parent.glob("test_*.py"))]
    return {name for module in modules for name, _ in getattr(module, "REFUSED", [])}


def test_every_constraint_has_a_case(db):
    db.execute("""SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class c ON c.oid = indrelid
              WHERE indisunique AND c.relnamespace = 'public'::regnamespace
        EXCEPT SELECT 'schema_version_pkey'""")
    assert {name for (name,) in db.fetchall()} == refused_everywhere()


def test_what_is_just_within_the_limits_is_taken(db):
    db.execute("INSERT INTO account (user_name) VALUES ('a@b'), (repeat('a', 254))")
    db.execute(f"INSERT INTO node (node_id) VALUES ('a'), (repeat('a', 64)), ('AZaz09_-')")
    db.execute(f"{PARAM} ('{NODE}', repeat('ä', 32), repeat('a', 64), '1', {NOW}), ('{NODE}', '', '', '1', {NOW})")
    db.execute(f"{LETTER} ('t', 'r', decode(repeat('00', 4096), 'hex'), 4096, {NOW}, 1, 'd')")
    db.execute(f"{CERTIFICATE} ('{'0' * 40}', '{NODE}', 'BBBB', {NOW}, {NOW}, {NOW})")


def test_a_deleted_node_takes_everything_about_it_along(db):
    db.execute(f"{ALERT} ('{NODE}', 'text', '1', {NOW}, 1, 'd'); {STATUS} ('{NODE}', 'j', 'failed', '', 1, {NOW}, 1, 'd');"
               f"{REPORT} ('{NODE}', 'u', 'h', false, 1, 'd'); DELETE FROM node WHERE node_id = '{NODE}'")
    for table in ("node_certificate", "node_config", "node_full_report", "node_param", "alert", "ota_fetch", "ota_status", "node_user",
                  "mapping_report", "certificate_request", "node_connection"):
        db.execute(f"SELECT count(*) FROM {table}")
        assert db.fetchone() == (0,), table


def test_a_deleted_account_takes_its_codes_sessions_mappings_and_requests_along(db):
    db.execute(f"DELETE FROM account WHERE user_id = '{USER}'")
    for table in ("account_code", "session", "node_user", "mapping_request", "claim", "registration"):
        db.execute(f"SELECT count(*) FROM {table}")
        assert db.fetchone() == (0,), table


def test_a_value_keeps_its_number_form_and_its_blanks(db):
    for text in ("21.0", "1e2", "9223372036854775807", "0.1", "-0", '{"b": 1, "a": [1.50]}'):
        db.execute("UPDATE node_param SET value = %s RETURNING value::text", [text])
        assert db.fetchone() == (text,)


def test_times_cross_in_microseconds_exactly(db):
    for us in (0, 1, 1767225600123456, 7258118399999999, -1):  # to the year 2200
        db.execute("SELECT us_of(time_us(%s))", [us])
        assert db.fetchone() == (us,)


# --- the rights of the daemon -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", [
    "CREATE TABLE mine (i int)", "CREATE SCHEMA mine", "ALTER TABLE node ADD mine int", "DROP TABLE alert",
    "CREATE INDEX mine ON node (connected)", "TRUNCATE node CASCADE", "DROP FUNCTION mapping_lock",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "ALTER TABLE node OWNER TO cistern_app",
    "CREATE TEMP TABLE mine (i int); DELETE FROM schema_version", "UPDATE schema_version SET version = 0",
    "INSERT INTO schema_version (version, what) VALUES (99, 'mine')",
])
def test_the_daemon_may_not_change_the_schema(cluster, schema, statement):
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cluster.sql(schema, statement, user="cistern_app")


# --- redelivery, decided by the database ------------------------------------------------------------------------------


def on_report(db, mid, user=USER, secret="s", reset=False, factory=False, may_repeat=True, payload=b"p"):
    db.execute("SELECT mapping_on_report(%s, %s, %s, %s, %s, %s, %s, %s)",
               [NODE, user, secret.encode(), reset, factory, mid, hashlib.sha256(payload).digest()[:16], may_repeat])
    return db.fetchone()[0]


def on_request(db, request, user=USER, secret="s"):
    db.execute("SELECT mapping_on_request(%s, %s, %s, %s, '60 s')", [request, user, NODE, secret.encode()])
    return db.fetchone()[0]


def users(db):
    db.execute("SELECT user_id::text FROM node_user ORDER BY 1")
    return [user for (user,) in db.fetchall()]


def test_a_redelivered_mapping_message_does_nothing_after_the_mapping_was_removed(db):
    on_request(db, "r2")
    assert on_report(db, mid=7) == "confirmed"
    db.execute("DELETE FROM node_user")
    on_request(db, "r3")
    assert on_report(db, mid=7) == "repeated"
    assert users(db) == []


def test_a_redelivered_factory_reset_does_not_take_a_newer_mapping(db):
    assert on_report(db, 7, user="esp-rmaker", secret="failed", reset=True, factory=True, payload=b"reset") == "reset"
    on_request(db, "r2")
    assert on_report(db, mid=8) == "confirmed"
    assert on_report(db, 7, user="esp-rmaker", secret="failed", reset=True, factory=True, payload=b"reset") == "repeated"
    assert users(db) == [USER]


def test_a_message_id_that_comes_round_again_is_no_redelivery(db):
    assert on_report(db, mid=7, payload=b"one") == "held"
    assert on_report(db, mid=7, payload=b"two") == "held"  # another payload
    assert on_report(db, mid=7, payload=b"two", may_repeat=False) == "held"  # long after the session was taken up


def test_only_the_last_word_of_a_node_waits(db):
    db.execute("DELETE FROM mapping_request")
    on_report(db, mid=1, secret="old", payload=b"old")
    on_report(db, mid=2, secret="new", payload=b"new")
    assert on_request(db, "r2", secret="old") == "requested"
    assert on_request(db, "r3", secret="new") == "confirmed"


def test_a_held_message_serves_one_request(db):
    db.execute("DELETE FROM mapping_request; DELETE FROM node_user")
    on_report(db, mid=1)
    assert on_request(db, "r2") == "confirmed"
    assert on_request(db, "r3") == "requested"


def test_a_user_has_a_bounded_number_of_live_requests(db):
    db.execute("SELECT array_agg(mapping_on_request('q' || i, %s, 'n' || i, 'h', '60 s')) FROM generate_series(1, 150) i", [USER])
    answers = db.fetchone()[0]
    assert 90 <= answers.count("requested") <= 100 and answers[-1] == "limit"


# --- migrations -------------------------------------------------------------------------------------------------------


def applied(cluster, database):
    return [version for (version,) in cluster.sql(database, "SELECT version FROM schema_version ORDER BY 1")]


def tables(cluster, database):
    return {name for (name,) in cluster.sql(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def test_migrations_are_numbered_without_a_gap():
    assert [int(path.name[:4]) for path in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_a_second_run_changes_nothing(cluster):
    database = cluster.migrated()
    before = cluster.sql(database, "SELECT * FROM schema_version ORDER BY 1")
    finish(cluster.migrate(database))
    assert cluster.sql(database, "SELECT * FROM schema_version ORDER BY 1") == before


def test_eight_runs_at_once_apply_each_migration_once(cluster):
    database = cluster.database()
    for run in [cluster.migrate(database) for _ in range(8)]:
        finish(run)
    assert applied(cluster, database) == list(range(1, len(MIGRATIONS) + 1))


# Waits, in the middle of a migration, at the first command about an object whose name is given, for whoever holds lock 77.
HALT = """
CREATE FUNCTION halt() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity ~ '%s') THEN
        PERFORM pg_advisory_xact_lock_shared(77);
    END IF;
END $$;
CREATE EVENT TRIGGER halt ON ddl_command_end EXECUTE FUNCTION halt();
"""
HALTED = "FROM pg_locks WHERE locktype = 'advisory' AND objid = 77 AND NOT granted"


@pytest.mark.parametrize("at, versions", [("node_param", []), ("mapping_report", [1]), ("mapping_on_request", [1])])
def test_a_migration_killed_midway_leaves_nothing_half_and_goes_on_at_the_next_run(cluster, at, versions):
    database = cluster.database()
    cluster.sql(database, HALT % at)
    holder = cluster.connect(database)
    with holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(77)")
        run = cluster.migrate(database)
        try:
            wait_for(lambda: cluster.sql(database, "SELECT pid " + HALTED))
        finally:
            run.kill()
            run.communicate()
        assert applied(cluster, database) == versions
        assert ("node" in tables(cluster, database), "node_user" in tables(cluster, database)) == (1 in versions, False)
        cursor.execute("SELECT pg_advisory_unlock(77)")
    holder.close()
    cluster.sql(database, "DROP EVENT TRIGGER halt")
    finish(cluster.migrate(database))
    assert applied(cluster, database) == list(range(1, len(MIGRATIONS) + 1))


def test_a_run_whose_database_ends_midway_leaves_nothing_half(cluster):
    """The server cuts the migrating session, as in a restart; the program says so and a later run goes on."""
    database = cluster.database()
    cluster.sql(database, HALT % "mapping_request")
    holder = cluster.connect(database)
    with holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(77)")
        run = cluster.migrate(database)
        wait_for(lambda: cluster.sql(database, "SELECT pid " + HALTED))
        cluster.sql(database, "SELECT pg_terminate_backend(pid) " + HALTED)
        output, _ = run.communicate(timeout=DEADLINE_S)
    holder.close()
    assert run.returncode != 0 and output
    assert applied(cluster, database) == [1]
    cluster.sql(database, "DROP EVENT TRIGGER halt")
    finish(cluster.migrate(database))
    assert applied(cluster, database) == list(range(1, len(MIGRATIONS) + 1))


# --- races ------------------------------------------------------------------------------------------------------------


def test_both_sides_of_a_mapping_at_the_same_time_always_find_each_other(cluster, schema):
    """Fifty rounds: whichever of the two comes first, exactly one request is confirmed, never none."""
    setting = cluster.connect(schema)
    setting.autocommit = True
    app, node = cluster.connect(schema, "cistern_app"), cluster.connect(schema, "cistern_app")
    app.autocommit = node.autocommit = True
    cursor = setting.cursor()
    cursor.execute(SETTING)
    try:
        for i in range(50):
            cursor.execute("DELETE FROM node_user; DELETE FROM mapping_request; DELETE FROM mapping_report")
            start = threading.Barrier(2)
            answers = {}

            def one(name, connection, act):
                with connection.cursor() as its:
                    start.wait(DEADLINE_S)
                    answers[name] = act(its)

            sides = [threading.Thread(target=one, args=("app", app, lambda c: on_request(c, f"race{i}"))),
                     threading.Thread(target=one, args=("node", node, lambda c: on_report(c, mid=i)))]
            for side in sides:
                side.start()
            for side in sides:
                side.join(DEADLINE_S)
            assert answers in ({"app": "confirmed", "node": "held"}, {"app": "requested", "node": "confirmed"})
            assert users(cursor) == [USER]
    finally:
        cursor.execute(f"DELETE FROM account; DELETE FROM node")
        for connection in (setting, app, node):
            connection.close()
