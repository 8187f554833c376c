"""What an operator finds out about nodes and does to them on the command line (docs/cli.md)."""

import json
import os
import stat

import pytest

from identitykit import gets_in, held_down, is_refused, seconds_to_cut, tell
from stackkit import LAMP, Node, unique, wait_for
from test_cli import in_json, openssl, refused, run


@pytest.fixture
def bare(stack):
    """Ids of nodes without certificate, connection or configuration."""
    made = []

    def make(n=1):
        ids = [unique("cli-fleet") for _ in range(n)]
        for node_id in ids:
            stack.sql("INSERT INTO node (node_id) VALUES (%s)", node_id)
        made.extend(ids)
        return ids[0] if n == 1 else ids

    yield make
    stack.sql("DELETE FROM node WHERE node_id = ANY(%s)", made)


def listed(stack, *arguments):
    return [each["node_id"] for each in in_json(stack, "node", "list", *arguments)["nodes"]]


def state(stack, node_id):
    return in_json(stack, "node", "show", node_id)["state"]


def local_list(stack):
    return stack.home / "broker" / "revoked.local"


# --- finding ----------------------------------------------------------------------------------------------------------


def test_a_list_is_narrowed_by_state(stack, bare):
    good, held, gone = bare(3)
    stack.sql("SELECT node_suspend(%s, true)", held)
    stack.sql("SELECT node_revoke(%s, 'lost')", gone)
    for wanted, expected in [("active", good), ("suspended", held), ("revoked", gone)]:
        found = listed(stack, "--state", wanted)
        assert expected in found
        assert not {good, held, gone} - {expected} & set(found)
    assert {good, held, gone} <= set(listed(stack))


def test_a_list_is_narrowed_by_what_the_configuration_says(stack, bare):
    node_id, other = bare(2)
    for each, version in [(node_id, "7.7.1"), (other, "7.7.2")]:
        config = json.dumps(LAMP | {"node_id": each})
        stack.sql("INSERT INTO node_config (node_id, config, node_name, node_type, model, fw_version, received_at) "
                  "VALUES (%s, %s, 'n', 'T' || %s, 'M' || %s, %s, now())", each, config, each, each, version)
    assert listed(stack, "--fw-version", "7.7.1") == [node_id]
    assert listed(stack, "--model", f"M{other}") == [other]
    assert listed(stack, "--type", f"T{node_id}") == [node_id]
    assert listed(stack, "--type", f"T{node_id}", "--fw-version", "7.7.2") == []


def test_a_list_is_narrowed_by_presence(stack):
    node = stack.node().connect()
    away = stack.node()
    wait_for(lambda: node.id in listed(stack, "--online"), what="the node on line")
    assert away.id in listed(stack, "--offline")
    assert away.id not in listed(stack, "--online")
    assert node.id not in listed(stack, "--offline")
    node.stop()


def test_expiring_means_within_these_days_and_not_yet_over(stack):
    node = stack.node()
    far, near, over = [node.id, stack.node().id, stack.node().id]
    stack.sql("UPDATE node_certificate SET not_after = now() + interval '9 days' WHERE node_id = %s", near)
    stack.sql("UPDATE node_certificate SET not_before = now() - interval '9 days', not_after = now() - interval '1 day' "
              "WHERE node_id = %s", over)
    found = set(listed(stack, "--expiring", "10"))
    assert near in found and not {far, over} & found
    assert near not in listed(stack, "--expiring", "8")
    shown = {each["node_id"]: each for each in in_json(stack, "node", "list")["nodes"]}
    assert shown[over]["certificate"] == "expired"
    assert shown[far]["certificate"] in ["active", "pending"]


@pytest.mark.parametrize("arguments", [
    ["--state", "lost"], ["--state", ""], ["--expiring", "-1"], ["--expiring", "x"], ["--online", "--offline"],
])
def test_a_filter_that_makes_no_sense_is_refused(stack, arguments):
    refused(run(stack, "node", "list", *arguments))


def test_show_tells_state_certificates_and_connections(stack):
    node = stack.node()
    before = in_json(stack, "node", "show", node.id)
    assert before["state"] == "active"
    assert [each["state"] for each in before["certificates"]] in [["pending"], ["active"]]
    assert before["certificates"][0]["serial"] == before["certificate_serial"]
    stack.sql("INSERT INTO node_connection (node_id, session_no, connected_at, address, ended_at, reason) "
              "VALUES (%s, 5, now(), '192.0.2.7', now(), 'keepalive'), (%s, 6, now(), '192.0.2.8', NULL, NULL)",
              node.id, node.id)
    shown = in_json(stack, "node", "show", node.id)["connections"]
    assert [(each["session_no"], each["address"], each["reason"]) for each in shown] == [
        (6, "192.0.2.8", None), (5, "192.0.2.7", "keepalive")]
    assert shown[0]["to"] is None and shown[1]["to"] is not None
    stack.cli("node", "revoke", node.id, "--reason", "lost in the field")
    after = in_json(stack, "node", "show", node.id)
    assert after["state"] == "revoked"
    assert (after["certificates"][0]["state"], after["certificates"][0]["reason"]) == ("revoked", "lost in the field")
    assert after["certificate_serial"] is None


# --- standing ---------------------------------------------------------------------------------------------------------


def test_suspend_and_resume_go_there_and_back(stack, bare):
    node_id = bare()
    for _ in range(2):  # again changes nothing
        told = in_json(stack, "node", "suspend", node_id)
        assert (told["node_id"], told["result"], told["recorded"]) == (node_id, "suspended", True)
        assert told["in_force"] in ["broker", "local list"]
        assert state(stack, node_id) == "suspended"
    for _ in range(2):
        assert in_json(stack, "node", "resume", node_id)["result"] == "resumed"
        assert state(stack, node_id) == "active"
        assert not local_list(stack).exists() or node_id not in local_list(stack).read_text().split()


def test_revoked_is_for_good(stack, bare):
    node_id = bare()
    for _ in range(2):
        assert in_json(stack, "node", "revoke", node_id)["result"] == "revoked"
    for verb in ["resume", "suspend"]:
        refused(run(stack, "node", verb, node_id), "revoked")
    assert state(stack, node_id) == "revoked"


@pytest.mark.parametrize("reason", ["", "x" * 65])
def test_a_reason_has_1_to_64_bytes(stack, bare, reason):
    node_id = bare()
    refused(run(stack, "node", "revoke", node_id, "--reason", reason), "--reason")
    assert state(stack, node_id) == "active"


@pytest.mark.parametrize("verb", ["suspend", "resume", "revoke", "delete", "show"])
@pytest.mark.parametrize("node_id", ["nobody-1", "a/b", "+", "x" * 65])
def test_an_unknown_node_is_told(stack, verb, node_id):
    refused(run(stack, "node", verb, node_id), "no node")


def test_delete_takes_everything_but_the_refusal_of_its_certificates(stack, user):
    node = stack.node()
    stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", node.id, user.id)
    ((fingerprint,),) = stack.sql("SELECT fingerprint FROM node_certificate WHERE node_id = %s", node.id)
    assert in_json(stack, "node", "delete", node.id)["result"] == "deleted"
    refused(run(stack, "node", "show", node.id), "no node")
    assert stack.sql("SELECT 1 FROM node_user WHERE node_id = %s", node.id) == []
    assert stack.sql("SELECT reason FROM revocation WHERE kind = 'certificate' AND value = %s AND NOT lifted",
                     fingerprint) == [("node deleted",)]
    refused(run(stack, "node", "delete", node.id), "no node")


def test_transfer_makes_it_the_new_owners_alone(stack, bare, new_user):
    node_id, first, second = bare(), new_user(), new_user()
    stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", node_id, first.id)
    told = in_json(stack, "node", "transfer", node_id, "--to", second.name.upper())
    assert told == {"node_id": node_id, "result": "transferred", "user_name": second.name}
    assert stack.sql("SELECT user_id, role FROM node_user WHERE node_id = %s", node_id) == [(second.id, "primary")]
    refused(run(stack, "node", "transfer", node_id, "--to", "nobody@example.org"), "no user")
    refused(run(stack, "node", "transfer", "nobody-1", "--to", second.name), "no node")
    refused(run(stack, "node", "transfer", node_id, "--to", "not a name"))
    assert stack.sql("SELECT user_id, role FROM node_user WHERE node_id = %s", node_id) == [(second.id, "primary")]


# --- the local list ---------------------------------------------------------------------------------------------------


@pytest.fixture
def away(stack, tmp_path):
    """Settings of a command line whose database is away, with a local list of its own."""
    config = tmp_path / "cistern.conf"
    path = tmp_path / "revoked.local"
    config.write_text(f"database_url = postgresql:///x?host={tmp_path}\nrevocation_local_file = {path}\n")
    return config, path


@pytest.mark.parametrize("verb, result", [("revoke", "revoked"), ("suspend", "suspended")])
def test_with_the_database_away_the_local_list_holds(stack, away, verb, result):
    config, path = away
    told = in_json(stack, "--config", config, "node", verb, "some-node")
    assert told == {"node_id": "some-node", "result": result, "recorded": False,
                    "in_force": "local list (database away: run this again later to record it)"}
    assert path.read_text() == "some-node\n"
    in_json(stack, "--config", config, "node", verb, "some-node")
    assert path.read_text() == "some-node\n"


def test_the_local_list_keeps_its_other_lines_its_mode_and_its_owner(stack, away):
    config, path = away
    path.write_bytes(b"# ours\nfirst\n  second \r\nlast")
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
    before = path.stat()
    in_json(stack, "--config", config, "node", "revoke", "third")
    assert path.read_bytes() == b"# ours\nfirst\n  second \r\nlast\nthird\n"
    after = path.stat()
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino  # written whole, then given the name
    in_json(stack, "--config", config, "node", "revoke", "second")
    assert path.stat().st_ino == after.st_ino  # it stands there already


def test_a_link_in_the_place_of_the_local_list_is_not_followed(stack, away, tmp_path):
    config, path = away
    target = tmp_path / "target"
    target.write_text("precious\n")
    path.symlink_to(target)
    refused(run(stack, "--config", config, "node", "revoke", "some-node"), "local list")
    assert target.read_text() == "precious\n"


def test_without_database_and_without_a_local_list_the_failure_is_told(stack, tmp_path):
    config = tmp_path / "cistern.conf"
    config.write_text(f"database_url = postgresql:///x?host={tmp_path}\n")
    refused(run(stack, "--config", config, "node", "revoke", "some-node"), "database", "revocation_local_file")


def test_with_the_database_away_only_a_node_id_goes_on_the_list(stack, away):
    config, path = away
    refused(run(stack, "--config", config, "node", "revoke", "a b"), "no node")
    assert not path.exists()


def test_resume_and_delete_with_the_database_away_change_nothing(stack, away):
    config, path = away
    path.write_text("some-node\n")
    for verb in ["resume", "delete"]:
        refused(run(stack, "--config", config, "node", verb, "some-node"), "database")
    assert path.read_text() == "some-node\n"


def test_resume_takes_the_id_off_the_list(stack, bare, tmp_path):
    node_id = bare()
    path = tmp_path / "revoked.local"
    path.write_text(f"other\n{node_id}\n")
    config = tmp_path / "operator.conf"  # the stack's settings, but for the list
    lines = (stack.home / "etc" / "operator.conf").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("revocation_local_file")]
    config.write_text("\n".join([*kept, f"revocation_local_file = {path}", ""]))
    in_json(stack, "--config", config, "node", "resume", node_id)
    assert path.read_text() == "other\n"


# --- renew ------------------------------------------------------------------------------------------------------------


def certificates(stack, node_id):
    return [(each["state"], each["serial"]) for each in in_json(stack, "node", "show", node_id)["certificates"]]


def test_renew_with_a_new_key_leaves_the_present_certificate_good(stack, tmp_path):
    node = stack.node().connect()
    wait_for(lambda: certificates(stack, node.id)[0][0] == "active", what="an active certificate")
    ((_, first),) = certificates(stack, node.id)
    folder = tmp_path / "next"
    told = in_json(stack, "node", "renew", node.id, "--out", folder)
    assert (told["result"], told["key"]) == ("renewed", f"{folder}/node.key")
    assert sorted(os.listdir(folder)) == ["ca.crt", "node.crt", "node.key"]
    assert [state for state, _ in certificates(stack, node.id)] == ["pending", "active"]
    node.stop()
    node.connect()  # still good
    node.stop()
    Node(stack, node.id, folder).connect().stop()
    wait_for(lambda: [state for state, _ in certificates(stack, node.id)] == ["active", "superseded"],
             what="the new one active")
    assert certificates(stack, node.id)[1][1] == first


def test_renew_answers_a_request_with_its_certificate(stack, tmp_path):
    node = stack.node()
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={node.id}",
            "-keyout", tmp_path / "node.key", "-out", tmp_path / "node.csr")
    (tmp_path / "node.crt").write_text(stack.cli("node", "renew", node.id, "--csr", str(tmp_path / "node.csr")).stdout)
    assert openssl("x509", "-in", tmp_path / "node.crt", "-noout", "-pubkey") == openssl(
        "pkey", "-in", tmp_path / "node.key", "-pubout")
    (tmp_path / "ca.crt").write_bytes((node.folder / "ca.crt").read_bytes())
    Node(stack, node.id, tmp_path).connect().stop()


def test_renew_refuses_foreign_requests_and_nodes_that_may_not(stack, tmp_path):
    node = stack.node()
    csr = tmp_path / "node.csr"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other",
            "-keyout", tmp_path / "node.key", "-out", csr)
    refused(run(stack, "node", "renew", node.id, "--csr", csr), "CN")
    refused(run(stack, "node", "renew", "nobody-1", "--csr", csr), "no node")
    refused(run(stack, "node", "renew", node.id), "--csr FILE or --out DIR")
    refused(run(stack, "node", "renew", node.id, "--csr", csr, "--out", tmp_path / "x"), "--csr FILE or --out DIR")
    refused(run(stack, "node", "renew", node.id, "--out", node.folder), "is there already")
    stack.cli("node", "suspend", node.id)
    refused(run(stack, "node", "renew", node.id, "--out", tmp_path / "x"), "suspended")
    assert not (tmp_path / "x").exists()
    assert len(certificates(stack, node.id)) == 1


# --- in force, whatever is down ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb, result", [("revoke", "revoked"), ("suspend", "suspended")])
def test_it_is_in_force_within_a_second_by_the_broker_or_with_all_else_down(sturdy, verb, result, record_property):
    first, second = sturdy.node(), sturdy.node()
    client = gets_in(first)
    told = {}

    def command(node):
        told.update(in_json(sturdy, "node", verb, node.id))

    seconds = [seconds_to_cut(client, lambda: command(first))]
    assert told == {"node_id": first.id, "result": result, "recorded": True, "in_force": "broker"}
    client = gets_in(second)
    with held_down(sturdy, "cisternd", "postgres"):
        seconds.append(seconds_to_cut(client, lambda: command(second)))
        assert (told["recorded"], told["in_force"][:10]) == (False, "local list")
        assert is_refused(second)
    tell(record_property, f"node {verb} to cut", seconds)
    assert max(seconds) <= 1.0
    # later, to record it: the list has nothing more to say then
    command(second)
    assert told == {"node_id": second.id, "result": result, "recorded": True, "in_force": "broker"}
    assert second.id not in local_list(sturdy).read_text().split()
    assert is_refused(second)
