"""Tables as large as a fleet's: nodes with a configuration and ten parameters each, made by INSERT ... SELECT.

The rows are what the daemon would have written, in ordinary tables; only their foreign keys are not looked up one by one while they
are made (session_replication_role), since every node of them is there by construction."""

import dataclasses
import json
import pathlib
import subprocess
import time

import psycopg2

from bench_rig import LAMP, Stack, add_nodes, wait_for

PARAMS = ["Level", *(f"P{k}" for k in range(1, 10))]


@dataclasses.dataclass
class Filled:
    stack: Stack
    folder: pathlib.Path
    first_id: str
    n_reporting: int
    mib: int
    fill_s: float


def node_id(i):
    return f"fleet-{i:08}"


def _run(connection, statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def _fill(stack, size):
    """Nodes in the order of their ids, so that those that report lie evenly in the tables and their indexes."""
    connection = psycopg2.connect(stack.database_url.replace("user=cistern_owner", "user=postgres"))
    connection.autocommit = True
    _run(connection, "SET session_replication_role = replica")
    _run(connection, "SET maintenance_work_mem = '512MB'")
    config = json.dumps({"info": {"name": "lamp", "fw_version": "1.0", "type": "Lightbulb"}, "devices": [
        {"name": "Light", "params": [{"name": name, "data_type": "int", "properties": ["read", "write"]} for name in PARAMS]}]})
    _run(connection, "INSERT INTO node (node_id) SELECT 'fleet-' || lpad(i::text, 8, '0') FROM generate_series(1, %s) i ON CONFLICT DO NOTHING", size)
    _run(connection, "INSERT INTO node_config (node_id, config, node_name, node_type, fw_version, received_at)"
         " SELECT node_id, %s, 'lamp', 'Lightbulb', '1.0', now() FROM node WHERE node_id LIKE 'fleet-%%' ORDER BY node_id", config)
    _run(connection, "INSERT INTO node_param (node_id, device, param, value, received_at)"
         " SELECT node_id, 'Light', param, '40', now() FROM (SELECT node_id FROM node WHERE node_id LIKE 'fleet-%%' ORDER BY node_id) n,"
         " unnest(%s::text[]) param", PARAMS)
    for table in ("node", "node_config", "node_param"):
        _run(connection, f"VACUUM (ANALYZE, FREEZE) {table}")
    _run(connection, "CHECKPOINT")
    ((n, mib),) = _run(connection, "SELECT count(*), pg_database_size(current_database()) >> 20 FROM node_param")
    assert n >= size * len(PARAMS)
    connection.close()
    return mib


def filled(stack, size, spread):
    """The stack with that many nodes, of which `spread` have certificates."""
    n_reporting = min(spread, size)
    ids = [node_id(1 + i * size // n_reporting) for i in range(n_reporting)]
    folder = stack.home.parent / "fleet"
    add_nodes(stack, folder, ids)
    began = time.monotonic()
    mib = _fill(stack, size)
    return Filled(stack, folder, ids[0], n_reporting, mib, round(time.monotonic() - began, 1))


def restart_daemon_ms(stack):
    """From the supervisor's start of it until it says that it is ready."""
    service = str(stack.home / "service" / "cisternd")
    subprocess.run(["s6-svc", "-d", service], check=True)
    subprocess.run(["s6-svwait", "-d", "-t", "30000", service], check=True)
    began = time.monotonic()
    subprocess.run(["s6-svc", "-u", service], check=True)
    wait_for(lambda: stack.request("GET", "/readyz").status_code == 200, 120, "readiness")
    return (time.monotonic() - began) * 1000


def fill_users(stack, user):
    """100 000 lamps of which every 200th is the user's; of the others each 500 have an owner of their own."""
    stack.sql("INSERT INTO node (node_id) SELECT 'listed' || i FROM generate_series(1, 100000) i ON CONFLICT DO NOTHING")
    stack.sql("INSERT INTO account (user_name, password_hash, confirmed_at) SELECT 'other' || i || '@example.org', 'x', now() FROM generate_series(1, 200) i"
              " ON CONFLICT DO NOTHING")
    stack.sql("INSERT INTO node_user (node_id, user_id, role) SELECT 'listed' || i, CASE WHEN i %% 200 = 0 THEN %s::uuid ELSE (SELECT user_id FROM account"
              " WHERE user_name = 'other' || i %% 200 || '@example.org') END, 'primary' FROM generate_series(1, 100000) i", user.id)
    stack.sql("INSERT INTO node_config (node_id, config, received_at) SELECT node_id, %s, now() FROM node_user ON CONFLICT DO NOTHING", json.dumps(LAMP))
    for name, value in {"Name": '"Hall"', "Power": "true", "Level": "40"}.items():
        stack.sql("INSERT INTO node_param (node_id, device, param, value, received_at) SELECT node_id, 'Light', %s, %s, now() FROM node_user"
                  " ON CONFLICT DO NOTHING", name, value)
    stack.sql("ANALYZE")
