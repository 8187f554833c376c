"""What `make run` promises (design.md section 6): ready.json, recovery without help, an orderly end, a second start."""

import json
import os
import pathlib
import re
import signal
import stat
import subprocess

import psycopg2
import pytest

from stackkit import DEADLINE_S, REPO, wait_for

SERVICES = ["cisternd", "signerd", "broker", "postgres"]


@pytest.fixture
def lamp(sturdy):
    """(admin, id) of the virtual lamp that the stack started by itself."""
    admin = sturdy.admin()
    (node_id,) = admin.get("/v1/user/nodes").json()["nodes"]
    return admin, node_id


def switch(admin, node_id, power):
    """The whole way round: app, API, broker, lamp, broker, ingest, database, API."""
    def obeyed():
        admin.put("/v1/user/nodes/params", {"Light": {"Power": power}}, node_id=node_id)
        return admin.get("/v1/user/nodes/params", node_id=node_id).json()["Light"]["Power"] is power

    wait_for(obeyed, deadline_s=2 * DEADLINE_S, what=f"lamp with Power {power}")


def pids(stack):
    return {name: stack.pid(name) for name in SERVICES}


def lives(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def descendants(pid):
    """All processes below one, by /proc."""
    parents = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            child, _, rest = path.read_text().partition(" ")
            parents.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(child))
        except OSError:
            pass  # it ended while we looked
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


# --- ready.json -------------------------------------------------------------------------------------------------------


def test_ready_json_has_exactly_what_the_design_says(sturdy):
    ready = sturdy.ready
    assert set(ready) == {"api_url", "api_url_tls", "mqtt_host", "mqtt_port", "ca_file", "admin_user", "admin_password_file",
                          "database_url", "cli", "pid_files"}
    assert set(ready["pid_files"]) == {"broker", "cisternd", "signerd", "postgres"}
    assert ready["api_url"] == f"http://127.0.0.1:{sturdy.environment['CISTERN_API_PORT']}"
    assert ready["api_url_tls"] == f"https://localhost:{sturdy.environment['CISTERN_API_TLS_PORT']}"
    assert (ready["mqtt_host"], ready["mqtt_port"]) == ("localhost", int(sturdy.environment["CISTERN_MQTT_PORT"]))
    for path in (ready["ca_file"], ready["admin_password_file"], ready["cli"]):
        assert pathlib.Path(path).is_absolute() and pathlib.Path(path).is_file()
    assert os.access(ready["cli"], os.X_OK)
    names = {"broker": "mosquitto", "cisternd": "cisternd", "signerd": "signerd", "postgres": "postgres"}
    for service, name in names.items():
        assert pathlib.Path(f"/proc/{sturdy.pid(service)}/comm").read_text().strip() == name


def test_what_ready_json_names_works(sturdy):
    assert sturdy.sql("SELECT 1") == [(1,)]
    assert sturdy.admin().get("/v1/user2").json()["super_admin"] is True
    answer = sturdy.request("GET", "/readyz")
    assert answer.status_code == 200
    import requests
    assert requests.get(sturdy.ready["api_url_tls"] + "/apiversions", verify=sturdy.ca_file, timeout=DEADLINE_S).json() == {
        "supported_versions": ["v1"]}
    assert requests.get(sturdy.ready["api_url"] + "/mqtt_host", timeout=DEADLINE_S).json()["mqtt_host"] == "localhost"


def test_the_lamp_is_mapped_and_obeys(lamp):
    switch(*lamp, False)
    switch(*lamp, True)


def test_the_screen_names_the_address_and_the_first_commands_and_no_secret(sturdy):
    text = sturdy.log_path.read_text()
    assert sturdy.ready["api_url"] in text and "curl" in text
    assert sturdy.admin().password not in text


# --- kills ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_process_is_back_and_everything_works_without_help(sturdy, lamp, record_property, service):
    others = {name: pid for name, pid in pids(sturdy).items() if name != service}
    seconds = sturdy.kill(service)
    print(f"\n{service}: back and ready after {seconds:.2f} s")
    record_property("recovery_s", round(seconds, 2))
    switch(*lamp, False)
    switch(*lamp, True)
    node = sturdy.node().connect()
    node.publish("params/local", {"Light": {"Power": True}})
    sturdy.settle()
    assert node.stored() == {"Light": {"Power": "true"}}
    node.stop()
    assert {name: pid for name, pid in pids(sturdy).items() if name != service} == others  # nobody else fell


def test_all_killed_at_once_are_back_and_everything_works(sturdy, lamp, record_property):
    before = pids(sturdy)
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: all(sturdy.pid(name) != pid for name, pid in before.items()), what="new processes")
    sturdy.wait_ready(2 * DEADLINE_S)
    switch(*lamp, False)
    switch(*lamp, True)


# --- rights -----------------------------------------------------------------------------------------------------------


def test_the_daemon_s_role_has_no_right_to_change_the_schema(sturdy):
    url = sturdy.database_url
    assert "user=cistern_owner" in url
    connection = psycopg2.connect(url.replace("user=cistern_owner", "user=cistern_app"))
    for statement in ("CREATE TABLE mine (i int)", "ALTER TABLE node ADD mine int", "DROP TABLE alert", "CREATE SCHEMA mine"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            connection.cursor().execute(statement)
        connection.rollback()
    connection.close()
    users = sturdy.sql("SELECT DISTINCT usename::text FROM pg_stat_activity WHERE application_name LIKE 'cisternd%%'")
    assert users == [("cistern_app",)]


def test_keys_and_passwords_are_readable_by_their_owner_only(sturdy):
    secret = [path for path in sturdy.home.rglob("*") if path.is_file() and not path.is_relative_to(sturdy.home / "pg")
              and (path.suffix == ".key" or re.search(r"password|secret|token", path.name) or path.name == "ready.json")]
    assert len(secret) >= 4
    for path in secret:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run each service as its own user")
def test_each_service_runs_as_its_own_user_without_root_s_rights(sturdy):
    owners = {name: os.stat(f"/proc/{pid}").st_uid for name, pid in pids(sturdy).items()}
    assert len(set(owners.values())) == len(SERVICES) and 0 not in owners.values()


def test_no_secret_stands_on_a_command_line(sturdy):
    secrets = [sturdy.admin().password, *(path.read_text().strip() for path in sturdy.home.glob("lamps/*/secret"))]
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert not any(secret.encode() in path.read_bytes() for secret in secrets)
        except OSError:
            pass


# --- start and end ----------------------------------------------------------------------------------------------------


def test_a_second_run_in_the_same_home_is_refused_and_harms_nothing(sturdy):
    before = pids(sturdy)
    second = subprocess.run([REPO / "tools" / "run"], env=sturdy.environment, capture_output=True, text=True, timeout=60)
    assert second.returncode != 0 and str(sturdy.home) in second.stderr
    assert pids(sturdy) == before
    sturdy.wait_ready()


def test_sigterm_ends_everything_with_status_0_and_a_second_start_goes_on_with_what_was_there(sturdy, lamp):
    admin, lamp_id = lamp
    user, node = sturdy.user(), sturdy.node().connect()
    user.claim(node)
    node.publish("params/local", {"Light": {"Level": 21}})
    sturdy.settle()
    node.stop()
    started = descendants(sturdy.process.pid) + list(pids(sturdy).values())
    assert sturdy.stop() == 0
    assert [pid for pid in started if lives(pid)] == []
    assert not (sturdy.home / "ready.json").exists()

    sturdy.start()
    user.login()
    assert user.params(node)["Light"] == {"Level": 21}
    node.connect()  # the same certificate
    node.publish("params/local", {"Light": {"Level": 22}})
    wait_for(lambda: user.params(node)["Light"] == {"Level": 22}, what="a report after the second start")
    node.stop()
    again = sturdy.admin()
    assert (again.id, again.password) == (admin.id, admin.password)
    assert again.get("/v1/user/nodes").json()["nodes"] == [lamp_id]
    switch(again, lamp_id, False)
    switch(again, lamp_id, True)


def test_kill_9_of_the_runner_leaves_nothing_behind_and_the_next_start_goes_on(sturdy, lamp):
    _, lamp_id = lamp
    started = descendants(sturdy.process.pid)
    sturdy.process.kill()
    sturdy.process.wait()
    wait_for(lambda: not any(lives(pid) for pid in started), deadline_s=3 * DEADLINE_S, what="end of all processes")
    sturdy.start()
    admin = sturdy.admin()
    switch(admin, lamp_id, False)
    switch(admin, lamp_id, True)
