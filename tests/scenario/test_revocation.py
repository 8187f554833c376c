"""Suspended, revoked, replaced: whom the broker refuses, how fast, and whatever else is down. Everything here is the whole stack; the
commands are the schema's own functions, as the API and the command line call them."""

import os
import pathlib
import signal
import subprocess
import tempfile
import time

import pytest

from identitykit import OwnCa, ask_signer, gets_in, held_down, is_refused, issue, replace_file, seconds_to_cut, tell
from stackkit import unique, wait_for

TIMES = 100
BAR_S = 1.0


def revoke(stack, node_id):
    assert stack.sql("SELECT node_revoke(%s, 'stolen')", node_id) == [("ok",)]


def suspend(stack, node_id, suspended=True):
    assert stack.sql("SELECT node_suspend(%s, %s)", node_id, suspended) == [("ok",)]


def state_of(stack):
    """What the plugin said last."""
    ((said,),) = stack.sql("SELECT revocation FROM broker_state WHERE n_said > 0")
    return said


def is_in_force(stack):
    """Does the broker say that it has all that is wanted?"""
    return stack.sql("SELECT s.epoch = b.revocation_epoch AND s.version = b.revocation_version FROM revocation_state s, broker_state b"
                     " WHERE b.n_said > 0") == [(True,)]


def files(stack):
    return [stack.home / "broker" / name for name in ("revocation", "revocation.copy")]


def wait_kept(stack, *nodes):
    """Until the broker refuses these nodes and has them in both its files."""
    wait_for(lambda: is_in_force(stack), what="the broker's word")
    wait_for(lambda: all(f"+n {node.id} " in path.read_text() for path in files(stack) for node in nodes), what="the broker's files")


def ends_refused(node):
    """For a broker that was killed before it could write: it may let the node in until the daemon has told it, and cuts it then."""
    try:
        client = node.raw()
    except ConnectionError:
        return True
    client.wait_closed(BAR_S)
    return is_refused(node)


@pytest.fixture(scope="module")
def fleet(_sturdy, tmp_path_factory):
    """Gives registered nodes; a hundred cost no more than two seconds."""
    authority, folder = OwnCa(_sturdy), tmp_path_factory.mktemp("fleet")
    return lambda n: authority.nodes([unique("fleet") for _ in range(n)], folder)


# --- how fast ---------------------------------------------------------------------------------------------------------


def test_a_revoked_node_is_cut_within_a_second_a_hundred_times_of_a_hundred(sturdy, fleet, record_property):
    seconds = []
    for node in fleet(TIMES):
        client = gets_in(node)
        seconds.append(seconds_to_cut(client, lambda: revoke(sturdy, node.id)))
        assert is_refused(node)
    tell(record_property, "revoked to cut", seconds)
    assert len(seconds) == TIMES and max(seconds) <= BAR_S


def test_a_suspended_node_is_cut_within_a_second_and_let_in_again_within_a_second(sturdy, fleet, record_property):
    cut, back = [], []
    for node in fleet(TIMES):
        client = gets_in(node)
        cut.append(seconds_to_cut(client, lambda: suspend(sturdy, node.id)))
        assert is_refused(node)
        suspend(sturdy, node.id, False)
        began = time.monotonic()
        gets_in(node).disconnect()
        back.append(time.monotonic() - began)
    tell(record_property, "suspended to cut", cut)
    tell(record_property, "resumed to connected", back)
    assert max(cut) <= BAR_S and max(back) <= BAR_S


def test_a_deleted_node_is_cut_within_a_second_and_its_certificate_stays_refused(sturdy, fleet):
    node, = fleet(1)
    client = gets_in(node)
    assert seconds_to_cut(client, lambda: sturdy.sql("SELECT node_delete(%s)", node.id)) <= BAR_S
    assert is_refused(node)
    sturdy.kill("broker")
    assert ends_refused(node)


def test_two_thousand_revoked_in_one_transaction_are_in_force_within_a_second(sturdy, fleet, record_property):
    named = unique("mass")
    watched = fleet(3)
    clients = [gets_in(node) for node in watched]
    sturdy.sql("INSERT INTO node (node_id) SELECT %s || i FROM generate_series(1, 2000) i", named)
    began = time.monotonic()
    sturdy.sql("UPDATE node SET revoked_at = now() WHERE node_id LIKE %s || '%%' OR node_id = ANY(%s)", named,
               [node.id for node in watched])
    for client in clients:
        client.wait_closed()
    cut_s = time.monotonic() - began
    wait_for(lambda: is_in_force(sturdy), what="the broker's word")
    tell(record_property, "2 000 at once, to the last cut", [cut_s])
    tell(record_property, "2 000 at once, to the broker's word", [time.monotonic() - began])
    assert cut_s <= BAR_S and state_of(sturdy)["nodes"] >= 2003


def test_the_history_and_the_app_are_told_why_and_when(sturdy):
    user, node = sturdy.user(), sturdy.node()
    node.connect()
    user.claim(node)
    node.stop()
    wait_for(lambda: not user.get("/v1/user/nodes/status", node_id=node.id).json()["connectivity"]["connected"], what="end of the first")
    client = gets_in(node)
    wait_for(lambda: user.get("/v1/user/nodes/status", node_id=node.id).json()["connectivity"]["connected"], what="on line")
    suspend(sturdy, node.id)
    client.wait_closed()
    wait_for(lambda: not user.get("/v1/user/nodes/status", node_id=node.id).json()["connectivity"]["connected"], what="off line")
    told_ms = user.get("/v1/user/nodes/status", node_id=node.id).json()["connectivity"]["timestamp"]
    assert abs(told_ms - time.time() * 1000) < 10000, "milliseconds since 1970"
    reasons = sturdy.sql("SELECT reason, address, extract(epoch FROM ended_at) * 1000 FROM node_connection WHERE node_id = %s"
                         " ORDER BY session_no", node.id)
    assert [row[:2] for row in reasons] == [("closed", "127.0.0.1"), ("suspended", "127.0.0.1")]
    assert int(reasons[-1][2]) == told_ms


def test_what_the_plugin_counts_is_kept(sturdy):
    node = sturdy.node()
    gets_in(node).disconnect()
    ((counters, age_s),) = wait_for(lambda: sturdy.sql("SELECT counters, extract(epoch FROM now() - counters_at) FROM broker_state"
                                                       " WHERE counters IS NOT NULL"), 30, what="counters, which come every ten seconds")
    assert counters["connects"] >= 1 and age_s < 30


# --- whatever happens to the rest -------------------------------------------------------------------------------------

FAULTS = [("cisternd", signal.SIGTERM), ("cisternd", signal.SIGKILL), ("broker", signal.SIGTERM), ("broker", signal.SIGKILL),
          ("postgres", signal.SIGQUIT)]


@pytest.mark.parametrize("service, number", FAULTS, ids=[f"{service}-{number.name}" for service, number in FAULTS])
def test_a_revocation_holds_and_a_new_one_works_after_the_restart_of(sturdy, fleet, service, number):
    revoked, suspended, good, next_one = fleet(4)
    revoke(sturdy, revoked.id)
    suspend(sturdy, suspended.id)
    wait_kept(sturdy, revoked, suspended)
    sturdy.kill(service, number)
    client = gets_in(next_one)
    assert is_refused(revoked) and is_refused(suspended)
    gets_in(good).disconnect()
    assert seconds_to_cut(client, lambda: revoke(sturdy, next_one.id)) <= BAR_S
    assert is_refused(next_one)


def test_a_revocation_holds_through_reloads(sturdy, fleet):
    revoked, good = fleet(2)
    revoke(sturdy, revoked.id)
    wait_for(lambda: is_in_force(sturdy), what="the broker's word")
    client = gets_in(good)
    for _ in range(5):
        os.kill(sturdy.pid("broker"), signal.SIGHUP)
        assert is_refused(revoked)
        client.ping()
    client.disconnect()


@pytest.mark.parametrize("down", [["postgres"], ["cisternd"], ["cisternd", "postgres"]], ids=lambda down: "-and-".join(down))
def test_a_revocation_holds_while_others_are_down(sturdy, fleet, down):
    revoked, good = fleet(2)
    revoke(sturdy, revoked.id)
    wait_for(lambda: is_in_force(sturdy), what="the broker's word")
    with held_down(sturdy, *down):
        assert is_refused(revoked)
        gets_in(good).disconnect()
        os.kill(sturdy.pid("broker"), signal.SIGHUP)
        assert is_refused(revoked)
        gets_in(good).disconnect()


def test_a_revocation_holds_at_every_moment_of_a_restart_of_the_broker_with_all_else_down(sturdy, fleet):
    revoked, good = fleet(2)
    revoke(sturdy, revoked.id)
    wait_kept(sturdy, revoked)
    with held_down(sturdy, "cisternd", "postgres"):
        before = sturdy.pid("broker")
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: sturdy.pid("broker") != before, what="the broker")
        assert is_refused(revoked)
    for _ in range(20):
        assert is_refused(revoked)
    gets_in(good).disconnect()


def test_what_is_revoked_while_the_broker_is_down_is_in_force_when_it_is_back(sturdy, fleet):
    first, second = fleet(2)
    gets_in(first).disconnect()
    with held_down(sturdy, "broker"):
        revoke(sturdy, first.id)
        suspend(sturdy, second.id)
    wait_for(lambda: is_in_force(sturdy), BAR_S, what="the broker's word")
    assert is_refused(first) and is_refused(second)


def test_what_is_revoked_while_the_daemon_is_down_is_in_force_when_it_is_back(sturdy, fleet):
    node, = fleet(1)
    client = gets_in(node)
    with held_down(sturdy, "cisternd"):
        revoke(sturdy, node.id)
        client.ping()  # nobody could tell the broker
    client.wait_closed(BAR_S)
    assert is_refused(node)


# --- the files beside the broker --------------------------------------------------------------------------------------


GARBAGE = [b"", b"\x00" * 4096, os.urandom(20000), b"revocation 1 file aa 0 7\n"]


@pytest.mark.parametrize("garbage", GARBAGE, ids=["empty", "zeros", "random", "cut-short"])
def test_a_file_replaced_by_garbage_lets_nobody_in(sturdy, fleet, garbage):
    revoked, good, next_one = fleet(3)
    revoke(sturdy, revoked.id)
    wait_kept(sturdy, revoked)
    replace_file(files(sturdy)[0], garbage)
    assert is_refused(revoked)
    client = gets_in(next_one)
    assert seconds_to_cut(client, lambda: revoke(sturdy, next_one.id)) <= BAR_S
    replace_file(files(sturdy)[0], garbage)
    sturdy.kill("broker")
    gets_in(good).disconnect()
    assert is_refused(revoked) and ends_refused(next_one), "which may not be on the disk yet"


def test_both_files_replaced_by_garbage_lets_nobody_in_and_heals(sturdy, fleet):
    revoked, good = fleet(2)
    revoke(sturdy, revoked.id)
    wait_for(lambda: is_in_force(sturdy), what="the broker's word")
    with held_down(sturdy, "broker"):
        for path in files(sturdy):
            replace_file(path, b"garbage")
    gets_in(good).disconnect()  # only after the whole set
    assert is_refused(revoked)
    wait_kept(sturdy, revoked)
    sturdy.kill("broker")
    gets_in(good).disconnect()
    assert is_refused(revoked)


def test_with_its_file_replaced_by_garbage_a_revoked_node_is_cut_within_a_second_a_hundred_times_of_a_hundred(sturdy, fleet, record_property):
    seconds = []
    for node in fleet(TIMES):
        client = gets_in(node)
        replace_file(files(sturdy)[0], b"garbage")
        seconds.append(seconds_to_cut(client, lambda: revoke(sturdy, node.id)))
        assert is_refused(node)
    tell(record_property, "revoked to cut, the file being garbage", seconds)
    assert len(seconds) == TIMES and max(seconds) <= BAR_S


def test_with_all_else_down_the_local_list_cuts_within_a_second_a_hundred_times_of_a_hundred(sturdy, fleet, record_property):
    nodes, seconds = fleet(TIMES), []
    clients = [gets_in(node) for node in nodes]
    local = sturdy.home / "broker" / "revoked.local"
    try:
        with held_down(sturdy, "cisternd", "postgres"):
            for i, (node, client) in enumerate(zip(nodes, clients)):
                listed = "".join(f"{each.id}\n" for each in nodes[:i + 1]).encode()
                client.ping()
                seconds.append(seconds_to_cut(client, lambda: replace_file(local, listed)))
                assert is_refused(node)
            replace_file(files(sturdy)[0], b"garbage")
            assert is_refused(nodes[0])
        assert all(is_refused(node) for node in nodes[::10])
    finally:
        replace_file(local, b"")
    gets_in(nodes[0]).disconnect()
    tell(record_property, "local list to cut", seconds)
    assert len(seconds) == TIMES and max(seconds) <= BAR_S


# --- another database -------------------------------------------------------------------------------------------------


def test_a_restored_backup_is_told_to_the_broker_whole(sturdy, fleet):
    """The broker follows the database, also backwards, and the log says that it had to."""
    kept, lost = fleet(2)
    revoke(sturdy, kept.id)
    suspend(sturdy, lost.id)
    wait_for(lambda: is_in_force(sturdy), what="the broker's word")
    assert is_refused(lost)
    sturdy.sql("UPDATE node SET suspended_at = NULL WHERE node_id = %s", lost.id)
    sturdy.sql("DELETE FROM revocation WHERE value = %s", lost.id)
    sturdy.sql("UPDATE revocation_state SET epoch = md5(random()::text)")
    sturdy.sql("NOTIFY cistern_revocation")
    wait_for(lambda: is_in_force(sturdy), what="the broker's word")
    gets_in(lost).disconnect()
    assert is_refused(kept)
    sturdy.kill("cisternd")
    assert is_refused(kept)


# --- certificates -----------------------------------------------------------------------------------------------------


def certificate_states(stack, node_id):
    return [state for (state,) in stack.sql("SELECT certificate_state(c) FROM node_certificate c WHERE node_id = %s ORDER BY issued_at",
                                            node_id)]


def test_after_a_renewal_both_certificates_are_good_until_the_new_one_has_connected(sturdy):
    old = sturdy.node()
    gets_in(old).disconnect()
    wait_for(lambda: certificate_states(sturdy, old.id) == ["active"], what="an active certificate")
    new = issue(sturdy, old.id, "renew")
    gets_in(old).disconnect()
    sturdy.settle()
    assert certificate_states(sturdy, old.id) == ["active", "pending"]
    client = gets_in(new)
    wait_for(lambda: certificate_states(sturdy, old.id) == ["superseded", "active"], what="the new one active")
    wait_for(lambda: is_in_force(sturdy), BAR_S, what="the broker's word")
    assert is_refused(old)
    client.ping()  # and its own session lives
    client.disconnect()
    gets_in(new).disconnect()
    sturdy.kill("broker")
    gets_in(new).disconnect()
    assert ends_refused(old)


def test_a_session_with_the_old_certificate_is_cut_by_the_new_ones_first_connection(sturdy):
    old = sturdy.node()
    client = gets_in(old)
    new = issue(sturdy, old.id, "renew")
    newer = gets_in(new)
    client.wait_closed()
    wait_for(lambda: certificate_states(sturdy, old.id)[-1] == "active", what="the new one active")
    assert is_refused(old)
    newer.ping()
    newer.disconnect()


def test_after_a_new_claim_the_old_certificate_is_cut_at_once_and_the_new_one_is_good(sturdy):
    old = sturdy.node()
    client = gets_in(old)
    new = []
    assert seconds_to_cut(client, lambda: new.append(issue(sturdy, old.id, "claim"))) <= BAR_S
    assert is_refused(old)
    gets_in(new[0]).disconnect()
    sturdy.settle()
    assert certificate_states(sturdy, old.id) == ["revoked", "active"]


# --- CRL --------------------------------------------------------------------------------------------------------------


def crl_text(stack, query=""):
    answer = stack.request("GET", f"/ca/crl{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/pkix-crl"
    return subprocess.run(["openssl", "crl", "-inform", "DER", "-noout", "-text"], input=answer.content, check=True,
                          capture_output=True).stdout.decode()


def test_the_crl_names_each_revoked_certificate_and_verifies(sturdy, tmp_path):
    node = sturdy.node()
    ((serial,),) = sturdy.sql("SELECT serial FROM node_certificate WHERE node_id = %s", node.id)
    (current,) = [ca for ca in ask_signer(sturdy, {"op": "cas"})["cas"] if ca["issues"]]
    before = crl_text(sturdy)
    assert serial.lstrip("0") not in before
    revoke(sturdy, node.id)
    wait_for(lambda: serial.lstrip("0") in crl_text(sturdy), what="the serial in the CRL")
    assert serial.lstrip("0") in crl_text(sturdy, f"?ca={current['ca_key_id']}")
    trusted = sturdy.request("GET", "/ca/node-ca.pem")
    assert trusted.status_code == 200 and trusted.text.count("BEGIN CERTIFICATE") >= 1
    assert trusted.text.replace("\n", "").startswith(current["certificate"].replace("\n", "")[:200])
    (tmp_path / "ca.pem").write_text(trusted.text)
    (tmp_path / "crl.der").write_bytes(sturdy.request("GET", "/ca/crl").content)
    subprocess.run(["openssl", "crl", "-inform", "DER", "-in", tmp_path / "crl.der", "-out", tmp_path / "crl.pem"], check=True)
    verify = ["openssl", "verify", "-crl_check", "-CAfile", tmp_path / "ca.pem", "-CRLfile", tmp_path / "crl.pem"]
    assert "revoked" in subprocess.run([*verify, node.folder / "node.crt"], capture_output=True, text=True).stderr
    assert subprocess.run([*verify, sturdy.node().folder / "node.crt"], capture_output=True, text=True).returncode == 0


@pytest.mark.parametrize("query, code", [("?ca=" + "0" * 40, 404), ("?ca=x", 400), ("?ca=" + "A" * 40, 400), ("?ca=" + "0" * 41, 400)])
def test_a_crl_of_no_ca_of_ours_is_refused(sturdy, query, code):
    assert sturdy.request("GET", f"/ca/crl{query}").status_code == code


def test_the_crl_numbers_only_grow_and_the_old_one_stays_while_signerd_is_away(sturdy, fleet):
    def number():
        return int(crl_text(sturdy).split("X509v3 CRL Number: ")[1].split()[0], 0)

    node, before = sturdy.node(), number()
    sturdy.settle()  # its marker is made while signerd is there
    with held_down(sturdy, "signerd"):
        revoke(sturdy, node.id)
        sturdy.settle()
        assert number() == before
    wait_for(lambda: number() > before, 30, what="a new CRL")


def test_the_crl_also_stands_in_a_file_that_is_always_whole(own_stack):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)  # the daemon's user writes there
        path = folder / "crl.pem"
        stack = own_stack(CISTERN_CRL_FILE=str(path))

        def text():
            return subprocess.run(["openssl", "crl", "-noout", "-text", "-in", path], check=True, capture_output=True, text=True).stdout

        wait_for(path.exists, what="the file")
        assert "No Revoked Certificates" in text()
        node = stack.node()
        ((serial,),) = stack.sql("SELECT serial FROM node_certificate WHERE node_id = %s", node.id)
        revoke(stack, node.id)
        wait_for(lambda: serial.lstrip("0") in text(), what="the serial in the file")
        assert [each.name for each in folder.iterdir()] == ["crl.pem"]
