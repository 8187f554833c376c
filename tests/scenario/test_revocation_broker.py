"""Revocation at the real broker: a service client plays the daemon, so that what is shown holds without daemon and database."""

import signal
import threading
import time

import pytest
from brokerkit import Broker, Client, Pki, Refused, set_file
from revocationkit import CONTROL, EPOCH, STATE, Daemon, fingerprint, message, refused, wait_for

pytestmark = pytest.mark.broker

CUT_S = 1.0  # what is promised


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def broker(tmp_path, pki):
    with Broker(tmp_path, pki) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture
def daemon(broker):
    playing = Daemon(broker)
    playing.whole_set()
    return playing


def node_refused(broker, pki, node_id):
    return refused(Client(broker, *pki.node(node_id)), node_id)


def wait_refused(broker, pki, node_id, yes=True, timeout=CUT_S):
    """Connects until the answer is the wanted one; returns how long that took."""
    start = time.monotonic()
    wait_for(lambda: node_refused(broker, pki, node_id) == yes, f"{node_id} refused: {yes}", timeout, broker.log)
    return time.monotonic() - start


def closed_after(client):
    start = time.monotonic()
    client.wait_closed(CUT_S)
    return time.monotonic() - start


def log_has(broker, text):
    wait_for(lambda: text in broker.log(), text, log=broker.log)


# --- pushed ----------------------------------------------------------------------------------------------------------


def test_a_revoked_node_is_cut_within_a_second_100_times_of_100(broker, daemon, pki):
    took = []
    for i in range(100):
        node_id = f"cut-{i % 10}"
        node = broker.node(node_id)
        start = time.monotonic()
        daemon.push(message("delta", daemon.version, daemon.version + 1, [f"+n {node_id} revoked"]))
        node.wait_closed(CUT_S)
        took.append(time.monotonic() - start)
        assert node_refused(broker, pki, node_id)
        assert daemon.said_until(node_id, "disconnected")["reason"] == "revoked"
        daemon.version += 1
        daemon.change(f"-n {node_id}")
    took.sort()
    print(f"\nrevocation to cut: median {took[50] * 1000:.1f} ms, slowest {took[-1] * 1000:.1f} ms of {len(took)}")
    assert took[-1] < CUT_S


def test_a_suspended_node_may_come_back_when_it_is_resumed(broker, daemon, pki):
    node = broker.node("holiday")
    daemon.change("+n holiday suspended")
    assert closed_after(node) < CUT_S
    assert daemon.said_until("holiday", "disconnected")["reason"] == "suspended"
    assert node_refused(broker, pki, "holiday")
    daemon.change("-n holiday")
    broker.node("holiday").disconnect()


def test_a_node_that_was_off_line_is_refused(broker, daemon, pki):
    broker.node("away", clean=False).disconnect()
    daemon.change("+n away revoked")
    assert node_refused(broker, pki, "away")


def test_others_do_not_notice(broker, daemon):
    other, culprit = broker.node("cut-1"), broker.node("cut")
    daemon.change("+n cut revoked")
    assert closed_after(culprit) < CUT_S
    other.publish("node/cut-1/alert", "still here")
    other.ping()


def test_the_will_of_a_revoked_node_is_not_sent(broker, daemon):
    node = broker.node("testament", will=("node/testament/params/local", "last words", False))
    assert daemon.client.subscribe("node/+/#") == 1
    daemon.change("+n testament revoked")
    node.wait_closed(CUT_S)
    other = broker.node("marker")
    other.publish("node/marker/alert", "after")
    seen = daemon.client.take_until(lambda m: m.payload == b"after")
    assert b"last words" not in [m.payload for m in seen]


def test_a_revoked_certificate_is_cut_and_the_renewed_one_gets_in(broker, daemon, pki):
    former, renewed = pki.node_ca.issue("renews"), pki.node_ca.issue("renews")
    node = Client(broker, *former)
    assert node.connect("renews") == 0
    assert daemon.said_until("renews", "connected")["certificate"] == fingerprint(former[0])
    daemon.change(f"+c {fingerprint(former[0])} renews")
    assert closed_after(node) < CUT_S
    assert daemon.said_until("renews", "disconnected")["reason"] == "certificate_revoked"
    assert refused(Client(broker, *former), "renews")
    node = Client(broker, *renewed)
    assert node.connect("renews") == 0
    assert daemon.said_until("renews", "connected")["certificate"] == fingerprint(renewed[0])
    daemon.change(f"+c {fingerprint(former[0])} renews")  # the renewed one is not concerned
    node.ping()


def test_a_whole_set_cuts_who_is_in_it_and_lets_in_who_is_not(broker, daemon, pki):
    daemon.change("+n was revoked")
    stays, goes = broker.node("stays"), broker.node("goes")
    state = daemon.whole_set("+n goes revoked", "+n goes-2 suspended", version=9)
    assert state == {"epoch": EPOCH, "version": 9, "nodes": 2, "certificates": 0, "local": 0, "alarm": "none"}
    assert closed_after(goes) < CUT_S
    stays.ping()
    assert not node_refused(broker, pki, "was")


def test_each_message_is_answered_with_the_state(broker, daemon):
    daemon.change("+n answered revoked")
    state = daemon.state(lambda s: s["nodes"] == 1)
    assert state["version"] == 2 and state["epoch"] == EPOCH
    daemon.push(message("delta", 7, 8, ["+n too-early revoked"]))  # 3 to 7 are missing
    assert daemon.state(lambda s: True)["version"] == 2
    assert daemon.client.unsubscribe("cistern/#") is None
    assert daemon.client.subscribe(STATE) == 1
    assert daemon.state(lambda s: True)["version"] == 2


MALFORMED = {
    "nothing": b"",
    "garbage": bytes(range(256)),
    "a head alone that is none": b"revocation 2 delta a 1 2\n",
    "a bad line behind a good one": message("delta", 1, 2, ["+n live revoked", "+n a/b revoked"]).encode(),
    "a NUL": message("delta", 1, 2, ["+n live revoked"]).encode() + b"\0",
    "a line of the file": message("delta", 1, 2, ["+n live revoked", "local live"]).encode(),
    "a file": message("file", 1, 2, ["+n live revoked"]).encode(),
    "another epoch": message("delta", 1, 2, ["+n live revoked"], epoch="ff").encode(),
    "a later version": message("delta", 2, 3, ["+n live revoked"]).encode(),
    "an end without a beginning": message("end", 0, 2, ["+n live revoked"]).encode(),
    "too long": message("delta", 1, 2, ["+n live revoked"] * 5000).encode(),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_push_changes_nothing(broker, daemon, what):
    node = broker.node("live")
    daemon.client.publish(CONTROL, MALFORMED[what])  # acknowledged all the same
    assert daemon.state(lambda s: True) == {
        "epoch": EPOCH, "version": 1, "nodes": 0, "certificates": 0, "local": 0, "alarm": "none"
    }  # fmt: skip
    node.ping()
    daemon.change("+n live revoked")
    assert closed_after(node) < CUT_S


def test_nodes_and_other_services_can_not_push(broker, daemon, pki):
    text = message("delta", 1, 2, ["+n victim revoked"])
    victim, node = broker.node("victim"), broker.node("attacker")
    node.publish(CONTROL, text)
    health = broker.service("cistern.health.1", name="health")
    health.publish(CONTROL, text)
    wait_for(lambda: broker.log().count("what=publish reason=topic_malformed") == 2, "two refusals", log=broker.log)
    victim.ping()
    assert not node_refused(broker, pki, "victim")


def test_a_push_reaches_nobody(broker, daemon):
    assert daemon.client.subscribe(CONTROL) == 0x80
    assert daemon.client.subscribe("$CONTROL/#") == 0x80
    assert daemon.client.subscribe("#") == 0x80
    seen = daemon.client.inbox
    daemon.change("+n nobody revoked")
    daemon.state(lambda s: s["version"] == 2)
    assert not [m for m in seen if m.topic.startswith("$CONTROL")]


# --- restarts and reloads ---------------------------------------------------------------------------------------------


def wait_saved(broker, text):
    for path in (broker.set_path, broker.set_path.with_name(broker.set_path.name + ".copy")):
        wait_for(lambda: path.exists() and text in path.read_text(errors="replace"), f"{text} in {path}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_who_is_revoked_stays_so_across_a_restart(tmp_path, pki, number):
    with Broker(tmp_path, pki) as broker:
        daemon = Daemon(broker)
        daemon.whole_set()
        daemon.change("+n gone revoked", f"+c {fingerprint(pki.node('old')[0])} old")
        wait_saved(broker, "+n gone revoked")
        broker.stop(number)
        broker.start()
        assert node_refused(broker, pki, "gone")
        assert node_refused(broker, pki, "old")
        assert not node_refused(broker, pki, "other")
        state = Daemon(broker).first_state
        assert (state["epoch"], state["version"], state["nodes"], state["certificates"]) == (EPOCH, 2, 1, 1)


def test_a_reload_changes_nothing_and_refuses_the_revoked(broker, daemon, pki):
    stays = broker.node("stays")
    daemon.change("+n gone revoked")
    for _ in range(3):
        broker.send_signal(signal.SIGHUP)
        stays.ping()
        assert node_refused(broker, pki, "gone")
    log_has(broker, "event=plugin.cas_reloaded")
    stays.ping()


# --- files ------------------------------------------------------------------------------------------------------------


def test_the_operators_list_cuts_within_a_second_without_daemon(tmp_path, pki):
    """Nobody but nodes is at this broker."""
    took = []
    with Broker(tmp_path, pki) as broker:
        for i in range(20):
            node_id = f"local-{i % 5}"
            node = broker.node(node_id)
            start = time.monotonic()
            broker.local_path.write_text(f"# stolen\n{node_id}\n")
            node.wait_closed(CUT_S)
            took.append(time.monotonic() - start)
            assert node_refused(broker, pki, node_id)
            broker.local_path.write_text("# none\n")
            wait_refused(broker, pki, node_id, yes=False)
    took.sort()
    print(f"\nline in the operator's list to cut: median {took[10] * 1000:.0f} ms, slowest {took[-1] * 1000:.0f} ms")
    assert took[-1] < CUT_S


def test_the_operators_list_stands_beside_the_daemons(broker, daemon, pki):
    broker.local_path.write_text("both\nonly-local\n")
    assert daemon.state(lambda s: s["local"] == 2)
    daemon.change("+n both revoked")
    daemon.change("-n both", "-n only-local")
    assert node_refused(broker, pki, "both")
    assert node_refused(broker, pki, "only-local")
    broker.local_path.unlink()
    assert daemon.state(lambda s: s["local"] == 0)
    assert not node_refused(broker, pki, "both")
    assert not node_refused(broker, pki, "only-local")


def test_garbage_for_the_operators_list_lets_nobody_back_in(tmp_path, pki):
    with Broker(tmp_path, pki) as broker:
        daemon = Daemon(broker)
        daemon.whole_set()
        broker.local_path.write_text("listed\n")
        daemon.state(lambda s: s["local"] == 1)
        wait_saved(broker, "local listed")
        broker.local_path.write_bytes(bytes(range(256)))
        assert daemon.state(lambda s: s["alarm"] == "local_damaged")["local"] == 1
        assert node_refused(broker, pki, "listed")
        assert not node_refused(broker, pki, "other")
        broker.stop(signal.SIGKILL)
        broker.start()
        assert node_refused(broker, pki, "listed")
        state = Daemon(broker).first_state
        assert (state["alarm"], state["local"]) == ("local_damaged", 1)
        assert not node_refused(broker, pki, "other")
        broker.local_path.write_text("")
        wait_refused(broker, pki, "listed", yes=False)


def test_garbage_in_the_file_while_it_runs_changes_nothing(broker, daemon, pki):
    live = broker.node("live")
    daemon.change("+n gone revoked")
    wait_saved(broker, "+n gone revoked")
    good = broker.set_path.read_bytes()
    for garbage in (b"", b"garbage\n", good[:-10], set_file()):
        broker.set_path.write_bytes(garbage)
        wait_for(lambda: broker.set_path.read_bytes() == good, "the file is written anew", 2, broker.log)
        assert node_refused(broker, pki, "gone")
        live.ping()
    assert daemon.state(lambda s: s["alarm"] == "file_damaged")["nodes"] == 1
    assert "event=plugin.alarm alarm=file_damaged state=on" in broker.log()
    # Revocation goes on meanwhile.
    broker.set_path.write_bytes(b"garbage")
    daemon.change("+n live revoked")
    assert closed_after(live) < CUT_S


def test_the_copy_stands_in_at_the_start(tmp_path, pki):
    with Broker(tmp_path, pki) as broker:
        daemon = Daemon(broker)
        daemon.whole_set("+n gone revoked")
        wait_saved(broker, "+n gone revoked")
        good = broker.set_path.read_bytes()
        broker.stop()
        for garbage in (b"garbage", None, good[:-1]):
            broker.set_path.unlink() if garbage is None else broker.set_path.write_bytes(garbage)
            broker.start()
            assert node_refused(broker, pki, "gone")
            assert not node_refused(broker, pki, "other")
            wait_for(lambda: broker.set_path.exists() and broker.set_path.read_bytes() == good, "written anew")
            state = Daemon(broker).first_state
            assert (state["alarm"], state["nodes"]) == ("file_damaged", 1)
            broker.stop()


def test_with_both_files_damaged_nodes_wait_for_the_daemon(tmp_path, pki):
    broker = Broker(tmp_path, pki)
    broker.set_path.write_bytes(b"garbage")
    broker.set_path.with_name(broker.set_path.name + ".copy").write_bytes(b"garbage")
    with broker:
        assert node_refused(broker, pki, "gone")
        assert node_refused(broker, pki, "other")
        assert "reason=revocation_unknown" in broker.log()
        assert "event=plugin.revocation_unknown" in broker.log()
        daemon = Daemon(broker)
        assert daemon.first_state["alarm"] == "unknown"
        assert daemon.first_state["epoch"] == "" and daemon.first_state["version"] == 0
        start = time.monotonic()
        daemon.whole_set("+n gone revoked")
        broker.node("other").disconnect()
        assert time.monotonic() - start < CUT_S
        assert node_refused(broker, pki, "gone")
        wait_saved(broker, "+n gone revoked")
        broker.stop()
        broker.start()
        assert node_refused(broker, pki, "gone")
        broker.node("other").disconnect()


def test_with_no_file_at_all_the_first_set_makes_it(tmp_path, pki):
    broker = Broker(tmp_path, pki)
    broker.set_path.unlink()
    with broker:
        assert node_refused(broker, pki, "first")
        daemon = Daemon(broker)
        assert daemon.first_state["alarm"] == "unknown"
        assert daemon.whole_set()["alarm"] == "none"
        broker.node("first").disconnect()
        wait_saved(broker, f"revocation 1 file {EPOCH} 1 1")


def test_a_folder_that_can_not_be_written_is_an_alarm_and_revocation_goes_on(broker, daemon, pki):
    wait_saved(broker, f"revocation 1 file {EPOCH} 1 1")
    blocker = broker.set_path.with_name(broker.set_path.name + ".new")
    blocker.mkdir()
    node = broker.node("gone")
    daemon.change("+n gone revoked")
    assert closed_after(node) < CUT_S
    daemon.state(lambda s: s["alarm"] == "file_unwritable")
    blocker.rmdir()
    daemon.state(lambda s: s["alarm"] == "none")
    wait_saved(broker, "+n gone revoked")


# --- a stalled disk, and many -----------------------------------------------------------------------------------------


def test_a_large_set_is_taken_while_nodes_come_and_go(broker, daemon, pki):
    """20 000 revoked in parts; the last of them is on line until the end."""
    last = broker.node("r-19999")
    other = broker.node("bystander")
    lines = [f"+n r-{i} revoked" for i in range(20000)]
    pages = [lines[i : i + 1000] for i in range(0, len(lines), 1000)]
    daemon.push(message("begin", 0, 50))
    slowest = 0.0
    for page in pages:
        daemon.push(message("part", 0, 50, page))
        start = time.monotonic()
        other.ping()
        slowest = max(slowest, time.monotonic() - start)
    last.ping()
    daemon.push(message("end", 0, 50))
    assert closed_after(last) < CUT_S
    assert daemon.state(lambda s: s["version"] == 50)["nodes"] == 20000
    assert node_refused(broker, pki, "r-0")
    assert not node_refused(broker, pki, "r-20000")
    print(f"\nslowest ping beside a set of 20 000 in parts: {slowest * 1000:.1f} ms")
    assert slowest < CUT_S


def test_many_live_sessions_are_cut_at_once(broker, daemon, pki):
    """60 nodes of one set: each within the second."""
    nodes = [broker.node(f"many-{i}") for i in range(60)]
    start = time.monotonic()
    daemon.push(message("delta", 1, 2, [f"+n many-{i} revoked" for i in range(60)]))
    for node in nodes:
        node.wait_closed(CUT_S)
    assert time.monotonic() - start < CUT_S


def test_a_node_that_hammers_stays_out(broker, daemon, pki):
    """A revoked node connecting from several threads while it is revoked: no session of it lives on."""
    daemon.change("+n hammer suspended")
    pki.node("hammer")  # its certificate is made once, before threads ask for it
    got_in = []

    def hammer():
        for _ in range(20):
            if not node_refused(broker, pki, "hammer"):
                got_in.append(1)

    threads = [threading.Thread(target=hammer) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not got_in


# --- CAs --------------------------------------------------------------------------------------------------------------


def test_a_node_ca_comes_and_goes_without_a_restart(tmp_path):
    own = Pki(tmp_path)
    next_ca = own.other_ca
    with Broker(tmp_path, own) as broker:
        observer = broker.observer()
        old = broker.node("old")
        with pytest.raises((Refused, AssertionError)):
            assert Client(broker, *next_ca.issue("new")).connect("new") == 0
        own.trust_node_ca(next_ca)
        broker.send_signal(signal.SIGHUP)
        log_has(broker, "event=plugin.cas_reloaded")
        new = Client(broker, *next_ca.issue("new"))
        assert new.connect("new") == 0
        old.ping()  # nobody was dropped
        own.distrust_node_ca(own.node_ca)
        broker.send_signal(signal.SIGHUP)
        old.wait_closed()
        gone = observer.take(lambda m: m.topic == "cistern/presence/old" and m.json["event"] == "disconnected")
        assert gone.json["reason"] == "refused"
        assert node_refused(broker, own, "old")
        new.ping()
        assert broker.stop() == 0


def test_bad_cas_at_a_reload_leave_the_former_ones_in_force(tmp_path):
    own = Pki(tmp_path)
    with Broker(tmp_path, own) as broker:
        node = broker.node("stays")
        (own.node_ca_dir / "broken.crt").write_text("garbage")
        broker.send_signal(signal.SIGHUP)
        log_has(broker, "event=plugin.cas_not_reloaded")
        node.ping()
        broker.node("another").disconnect()
