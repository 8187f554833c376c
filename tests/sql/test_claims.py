"""What the schema itself promises about claims: whose a node id is, how many a user may have, and that a node, a certificate and the
answer that carries it are there together or not at all."""

import itertools
import threading

import pytest

from test_identity import CA, db, one, rows, run  # noqa: F401
from test_schema import DEADLINE_S, NODE, OTHER, USER, cluster, schema, wait_for  # noqa: F401

MAC = "AABBCC112233"
_numbers = itertools.count(1)


def fresh_id():
    return f"claimedNode{next(_numbers):011d}"


def initiate(cursor, user=USER, mac=MAC, quota=5, hold_s=900):
    (answer,), = run(cursor, "claim_initiate", user, mac, "esp32", fresh_id(), quota, hold_s)
    return answer


def pem(number):
    return f"-----BEGIN CERTIFICATE-----\n{number:08d}\n-----END CERTIFICATE-----\n"


def complete(cursor, node_id, user=USER, key=None, number=None):
    number = number or next(_numbers)
    (said,), = run(cursor, "claim_complete", user, node_id, "", f"{number:032X}", pem(number), 0, 4102444800000000,
                   key or number.to_bytes(32, "big"), CA)
    return said


def check(cursor, node_id, user=USER, key=b"\0" * 32):
    (said,), = run(cursor, "claim_check", user, node_id, key)
    return said


def test_a_claim_is_good_once_for_its_user_and_until_it_runs_out(db):  # noqa: F811
    node_id = initiate(db)
    assert check(db, node_id, OTHER) == "no_claim" == complete(db, node_id, OTHER)
    assert check(db, node_id) == "ok" == complete(db, node_id)
    assert check(db, node_id) == "no_claim" == complete(db, node_id)
    assert initiate(db) == node_id
    db.execute("UPDATE claim SET expires_at = now()")
    assert check(db, node_id) == "no_claim" == complete(db, node_id)
    assert one(db, "SELECT count(*) FROM node_certificate WHERE node_id = %s", node_id) == 1


@pytest.mark.parametrize("happening, keeps", [
    ("SELECT 1", True),
    ("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, '{USER}', 'primary')", True),
    ("SELECT node_suspend(%s, true)", True),
    ("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, '{OTHER}', 'primary')", False),
    ("SELECT node_delete(%s)", False),
    ("SELECT node_revoke(%s, 'test')", False),
])
def test_a_node_id_is_promised_again_only_while_it_is_the_user_s_or_nobody_s(db, happening, keeps):  # noqa: F811
    node_id = initiate(db)
    assert complete(db, node_id) == "ok"
    statement = happening.format(USER=USER, OTHER=OTHER)
    db.execute(statement, (node_id,) if "%s" in statement else ())
    assert (initiate(db) == node_id) == keeps


def test_the_quota_counts_live_nodes_and_pending_claims_but_never_refuses_what_is_there(db):  # noqa: F811
    macs = [f"AABBCC11220{i}" for i in range(4)]
    first, second = (initiate(db, mac=mac, quota=2) for mac in macs[:2])
    assert initiate(db, mac=macs[2], quota=2) is None
    assert initiate(db, mac=macs[0], quota=2) == first and initiate(db, mac=macs[0], quota=0) == first
    assert complete(db, first) == "ok" and initiate(db, mac=macs[2], quota=2) is None
    db.execute("SELECT node_delete(%s)", (first,))
    assert initiate(db, mac=macs[2], quota=2)
    db.execute("UPDATE claim SET expires_at = now() WHERE node_id = %s", (second,))
    assert initiate(db, mac=macs[3], quota=2)
    assert initiate(db, mac=macs[1], quota=2) is None
    assert initiate(db, OTHER, macs[1], quota=2)


def test_a_key_serves_one_node_and_a_refused_claim_leaves_no_node(db):  # noqa: F811
    first, second, key = initiate(db), initiate(db, OTHER), b"k" * 32
    assert complete(db, first, key=key) == "ok"
    assert check(db, second, OTHER, key) == "key_taken" == complete(db, second, OTHER, key)
    assert one(db, "SELECT count(*) FROM node WHERE node_id = %s", second) == 0
    assert check(db, second, OTHER) == "ok"
    assert initiate(db) == first and check(db, first, key=key) == "ok" == complete(db, first, key=key)


def self_complete(cursor, mac, key, number):
    (said,), = run(cursor, "self_claim_complete", mac, f"{number:032X}", pem(number), 0, 4102444800000000, key, CA)
    return said


def self_check(cursor, mac, key):
    (said,), = run(cursor, "self_claim_check", mac, key)
    return said


def test_a_self_claim_registers_the_node_and_its_certificate_or_neither(db):  # noqa: F811
    taken, own = b"t" * 32, b"o" * 32
    assert complete(db, initiate(db), key=taken) == "ok"
    assert self_check(db, MAC, taken) == "key_taken" == self_complete(db, MAC, taken, 70000001)
    assert one(db, "SELECT count(*) FROM node WHERE node_id = %s", MAC) == 0
    assert self_check(db, MAC, own) == "ok" == self_complete(db, MAC, own, 70000002)
    assert self_complete(db, MAC, own, 70000003) == "ok"
    states = rows(db, "SELECT certificate_state(c) FROM node_certificate c WHERE node_id = %s ORDER BY serial", MAC)
    assert states == [("revoked",), ("pending",)]
    db.execute("SELECT node_suspend(%s, true)", (MAC,))
    assert self_check(db, MAC, own) == "suspended" == self_complete(db, MAC, own, 70000004)


def challenge(cursor, mac=MAC, per_mac=4, in_all=1000, life_s=300):
    auth_id = f"auth{next(_numbers)}"
    run(cursor, "self_claim_challenge_new", auth_id, mac, "c" * 64, life_s, per_mac, in_all)
    return auth_id if cursor.rowcount else None


def test_of_a_device_s_challenges_the_oldest_make_room_and_all_are_bounded(db):  # noqa: F811
    db.execute("DELETE FROM self_claim_challenge")
    made = [challenge(db, life_s=300 + i) for i in range(6)]
    assert {each for (each,) in rows(db, "SELECT auth_id FROM self_claim_challenge")} == set(made[2:])
    assert challenge(db, "AABBCC112244", in_all=5) and not challenge(db, "AABBCC112255", in_all=5)
    db.execute("UPDATE self_claim_challenge SET expires_at = now() - interval '1 second' WHERE mac = %s", (MAC,))
    assert challenge(db, "AABBCC112255", in_all=5)
    assert one(db, "SELECT count(*) FROM self_claim_challenge") == 2  # what had run out went along


def test_a_challenge_is_taken_once(db):  # noqa: F811
    db.execute("DELETE FROM self_claim_challenge")
    auth_id = challenge(db)
    assert run(db, "self_claim_challenge_take", auth_id) == [(MAC, "c" * 64, True)]
    assert run(db, "self_claim_challenge_take", auth_id) == []


# --- renewal ----------------------------------------------------------------------------------------------------------


def ask(cursor, csr, node_id=NODE):
    digest = csr.encode().ljust(32, b"\0")
    run(cursor, "report_certificate_request", [node_id], [csr], [digest], [1])
    return digest.hex()


def renew(cursor, digest, number, node_id=NODE):
    (said,), = run(cursor, "renewal_record", node_id, digest, '{"certificate":"' + pem(number).replace("\n", "\\n") + '"}',
                   f"{number:032X}", pem(number), 0, 4102444800000000, number.to_bytes(32, "big"), CA)
    return said


def open_requests(cursor, interval_s=600):
    return [(node_id, csr, answer is not None, too_soon)
            for node_id, csr, _, _, answer, _, too_soon in run(cursor, "renewal_open", 16, interval_s)]


def test_the_last_request_of_a_node_counts_and_the_same_again_keeps_its_answer(db):  # noqa: F811
    db.execute("DELETE FROM certificate_request")
    first = ask(db, "a")
    run(db, "report_certificate_request", [NODE] * 2, ["a", "b"], [b"a".ljust(32, b"\0"), b"b".ljust(32, b"\0")], [1, 2])
    assert open_requests(db) == [(NODE, "b", False, False)]
    second = b"b".ljust(32, b"\0").hex()
    assert renew(db, first, 80000001) == "replaced" and renew(db, second, 80000002) == "ok"
    run(db, "renewal_answered", NODE, second, True, 2)
    assert open_requests(db) == []
    ask(db, "b")
    assert open_requests(db) == [(NODE, "b", True, True)]
    ask(db, "c")
    assert open_requests(db) == [(NODE, "c", False, True)] and open_requests(db, 0) == [(NODE, "c", False, False)]


def test_an_answer_is_not_sent_again_when_its_certificate_is_none_any_more(db):  # noqa: F811
    db.execute("DELETE FROM certificate_request")
    digest = ask(db, "a")
    assert renew(db, digest, 80000003) == "ok"
    assert open_requests(db) == [(NODE, "a", True, True)]  # also when the daemon ends between the record and the answer
    db.execute("UPDATE node_certificate SET revoked_at = now() WHERE serial = %s", (f"{80000003:032X}",))
    assert open_requests(db) == [(NODE, "a", False, True)]


def test_a_failure_is_not_kept(db):  # noqa: F811
    db.execute("DELETE FROM certificate_request")
    digest = ask(db, "a")
    run(db, "renewal_answered", NODE, digest, False, 1)
    assert open_requests(db) == []
    ask(db, "a")
    assert open_requests(db) == [(NODE, "a", False, False)]


def test_a_node_that_asks_again_while_it_is_answered_is_answered_again(db):  # noqa: F811
    db.execute("DELETE FROM certificate_request")
    digest = ask(db, "a")
    run(db, "report_certificate_request", [NODE], ["a"], [b"a".ljust(32, b"\0")], [2])
    run(db, "renewal_answered", NODE, digest, True, 1)
    assert open_requests(db) == [(NODE, "a", False, False)]
    run(db, "renewal_answered", NODE, digest, True, 2)
    assert open_requests(db) == []


def test_what_a_suspended_node_asks_for_is_not_recorded(db):  # noqa: F811
    db.execute("DELETE FROM certificate_request")
    digest = ask(db, "a")
    db.execute("SELECT node_suspend(%s, true)", (NODE,))
    assert renew(db, digest, 80000004) == "suspended"
    assert one(db, "SELECT count(*) FROM node_certificate WHERE serial = %s", f"{80000004:032X}") == 0
    assert rows(db, "SELECT answer, renewed_at FROM certificate_request WHERE node_id = %s", NODE) == [(None, None)]


def test_a_connection_that_is_told_twice_at_once_does_not_end_its_own_certificate(cluster):  # noqa: F811
    """Two daemons may hear of it; the second waits for the first and then finds nothing left to do."""
    name = cluster.migrated()
    cluster.sql(name, "INSERT INTO node (node_id) VALUES ('n1')")
    cluster.sql(name, "INSERT INTO node_certificate (node_id, serial, certificate, not_before, not_after)"
                      " VALUES ('n1', '0123456789ABCDEF', 'AAAA', now(), now() + interval '1 day')")
    told = "SELECT certificate_connected('n1', fingerprint) FROM node_certificate"
    first = cluster.connect(name)
    with first.cursor() as cursor:
        cursor.execute(told)
        second = threading.Thread(target=lambda: cluster.sql(name, told))
        second.start()
        wait_for(lambda: cluster.sql(name, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                           " AND query LIKE '%certificate_connected%' AND pid <> pg_backend_pid()"))
        first.commit()
        second.join(DEADLINE_S)
    first.close()
    assert cluster.sql(name, "SELECT certificate_state(c) FROM node_certificate c") == [("active",)]
