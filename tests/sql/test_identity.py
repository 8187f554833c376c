"""What the schema itself promises about identity: who is refused and in which order that becomes known, what happens to a
certificate, and presence that ends right whatever order and however often its messages come."""

import itertools
import random
import threading

import psycopg2.extensions
import pytest

from test_schema import DEADLINE_S, NODE, OTHER, SETTING, USER, cluster, schema, statements, wait_for  # noqa: F401

STATEMENTS = {each.values[0]: each.values[1] for each in statements()}
CA = "ab" * 20


@pytest.fixture
def db(cluster, schema):  # noqa: F811
    """The setting of test_schema.py, in which nobody has claimed or connected yet."""
    connection = cluster.connect(schema)
    with connection.cursor() as cursor:
        cursor.execute(SETTING + "DELETE FROM claim; DELETE FROM node_connection;")
        yield cursor
    connection.rollback()
    connection.close()


def rows(cursor, text, *values):
    cursor.execute(text, values)
    return cursor.fetchall()


def one(cursor, text, *values):
    ((value,),) = rows(cursor, text, *values)
    return value


def run(cursor, name, *arguments):
    """A statement of sql/queries by its name."""
    if not one(cursor, "SELECT count(*) FROM pg_prepared_statements WHERE name = %s", name):
        cursor.execute(f"PREPARE {name} AS {STATEMENTS[name]}")
    places = ", ".join(["%s"] * len(arguments))
    cursor.execute(f"EXECUTE {name} ({places})" if arguments else f"EXECUTE {name}", arguments)
    return cursor.fetchall() if cursor.description else None


def version(cursor):
    return one(cursor, "SELECT version FROM revocation_state")


def refused(cursor):
    """{value: (kind, reason, lifted)}"""
    return {value: rest for value, *rest in rows(cursor, "SELECT value, kind, reason, lifted FROM revocation")}


def add_node(cursor, node_id):
    cursor.execute("INSERT INTO node (node_id) VALUES (%s)", (node_id,))


_keys = itertools.count(1)


def record(cursor, node_id, how, body, key=None, days=1):
    """A certificate whose PEM body is `body`; what certificate_record() says."""
    number = next(_keys)
    key = key or number.to_bytes(32, "big")
    pem = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    return one(cursor, "SELECT certificate_record(%s, %s, %s, 0, us_of(now() + %s * interval '1 day'), %s, %s, %s)", node_id,
               f"{number:016X}", pem, days, key, CA, how)


def fingerprint(cursor, body):
    return one(cursor, "SELECT fingerprint FROM node_certificate WHERE certificate LIKE '%%' || %s || '%%'", body)


def states(cursor, node_id):
    """{PEM body: state}"""
    return dict(rows(cursor, "SELECT split_part(certificate, E'\\n', 2), certificate_state(c) FROM node_certificate c"
                     " WHERE node_id = %s", node_id))


def connect(cursor, node_id, body):
    cursor.execute("SELECT certificate_connected(%s, %s)", (node_id, fingerprint(cursor, body)))


# --- whom to refuse ---------------------------------------------------------------------------------------------------


def test_a_suspended_node_is_refused_until_it_is_resumed(db):
    before = version(db)
    assert one(db, "SELECT node_suspend(%s, true)", NODE) == "ok"
    assert refused(db) == {NODE: ["node", "suspended", False]} and version(db) == before + 1
    assert one(db, "SELECT node_suspend(%s, false)", NODE) == "ok"
    assert refused(db) == {NODE: ["node", "suspended", True]} and version(db) == before + 2


def test_suspending_or_resuming_again_is_no_new_version(db):
    db.execute("SELECT node_suspend(%s, true)", (NODE,))
    before = version(db)
    assert one(db, "SELECT node_suspend(%s, true)", NODE) == "ok" and version(db) == before
    db.execute("SELECT node_suspend(%s, false)", (NODE,))
    before = version(db)
    assert one(db, "SELECT node_suspend(%s, false)", NODE) == "ok" and version(db) == before


def test_a_revoked_node_and_each_of_its_certificates_are_refused_for_good(db):
    add_node(db, "n2")
    assert record(db, "n2", "claim", "BBBB") == "ok"
    connect(db, "n2", "BBBB")
    assert record(db, "n2", "renew", "CCCC") == "ok"
    assert one(db, "SELECT node_revoke('n2', 'stolen')") == "ok"
    assert refused(db) == {"n2": ["node", "revoked", False],
                           fingerprint(db, "BBBB"): ["certificate", "stolen", False],
                           fingerprint(db, "CCCC"): ["certificate", "stolen", False]}
    before = version(db)
    assert one(db, "SELECT node_revoke('n2', 'again')") == "revoked"
    assert one(db, "SELECT node_suspend('n2', false)") == "revoked"
    assert version(db) == before and states(db, "n2") == {"BBBB": "revoked", "CCCC": "revoked"}


def test_a_suspended_node_that_is_revoked_is_refused_as_revoked(db):
    db.execute("SELECT node_suspend(%s, true)", (NODE,))
    before = version(db)
    assert one(db, "SELECT node_revoke(%s, 'lost')", NODE) == "ok"
    assert refused(db)[NODE] == ["node", "revoked", False] and version(db) > before


def test_an_unknown_node_can_be_neither_revoked_nor_suspended(db):
    assert one(db, "SELECT node_revoke('nobody', '')") == "no_node"
    assert one(db, "SELECT node_suspend('nobody', true)") == "no_node"
    assert refused(db) == {}


def test_the_certificates_of_a_deleted_node_stay_refused_and_its_id_is_free(db):
    add_node(db, "n2")
    record(db, "n2", "claim", "BBBB")
    certificate = fingerprint(db, "BBBB")
    db.execute("SELECT node_suspend('n2', true)")
    assert one(db, "SELECT node_delete('n2')") is True
    assert refused(db) == {"n2": ["node", "suspended", True], certificate: ["certificate", "node deleted", False]}
    add_node(db, "n2")
    assert record(db, "n2", "claim", "CCCC") == "ok"
    assert one(db, "SELECT node_delete('nobody')") is False


def test_what_has_expired_need_not_be_refused(db):
    add_node(db, "n2")
    record(db, "n2", "claim", "BBBB", days=-1)
    record(db, "n2", "claim", "CCCC")
    assert refused(db) == {}, "the expired one was revoked by the second"
    db.execute("SELECT node_delete('n2')")
    assert len(refused(db)) == 1
    db.execute("UPDATE revocation SET not_after = now() - interval '2 days'")
    assert run(db, "revocation_set", 0, 10) == []
    run(db, "revocation_prune")
    assert db.rowcount == 1 and refused(db) == {}


def test_each_change_of_a_revocation_wakes_the_listener_when_it_commits(cluster):
    name = cluster.migrated()
    listener, writer = cluster.connect(name), cluster.connect(name)
    listener.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT)
    try:
        with listener.cursor() as ear, writer.cursor() as pen:
            ear.execute("LISTEN cistern_revocation")
            add_node(pen, "n1")
            pen.execute("SELECT node_suspend('n1', true)")
            listener.poll()
            assert listener.notifies == [], "before the commit"
            writer.commit()
            wait_for(lambda: listener.poll() or listener.notifies)
            assert {notify.channel for notify in listener.notifies} == {"cistern_revocation"}
    finally:
        listener.close()
        writer.close()


def test_versions_become_visible_in_their_order(cluster):
    """A reader that has seen version V has seen every change up to V: none with a lower number appears later."""
    name, n_nodes, n_writers = cluster.migrated(), 120, 6
    cluster.sql(name, f"INSERT INTO node (node_id) SELECT 'n' || i FROM generate_series(1, {n_nodes}) i")
    failures = []

    def write(numbers):
        connection = cluster.connect(name)
        with connection.cursor() as cursor:
            for number in numbers:
                cursor.execute("SELECT node_suspend(%s, true)", (f"n{number}",))
                cursor.execute("SELECT pg_sleep(0.001)")  # a transaction that takes a while after its version
                connection.commit()
        connection.close()

    writers = [threading.Thread(target=write, args=(range(1 + i, n_nodes + 1, n_writers),)) for i in range(n_writers)]
    reader = cluster.connect(name)
    reader.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT)
    for writer in writers:
        writer.start()
    with reader.cursor() as cursor:
        known, seen_to = set(), 1
        while seen_to < n_nodes + 1:
            up_to = version(cursor)
            found = {value for _, value, *_ in run(cursor, "revocation_changes", 0, up_to, 10 * n_nodes)}
            late = {value for _, value, *_, its in run(cursor, "revocation_changes", 0, seen_to, 10 * n_nodes)} - known
            failures += [late] if late else []
            known, seen_to = found, up_to
    for writer in writers:
        writer.join(DEADLINE_S)
    reader.close()
    assert failures == [] and len(known) == n_nodes


def test_a_version_waits_for_the_one_before_it(cluster):
    name = cluster.migrated()
    cluster.sql(name, "INSERT INTO node (node_id) VALUES ('n1'), ('n2')")
    first, second = cluster.connect(name), cluster.connect(name)
    with first.cursor() as a:
        a.execute("SELECT node_suspend('n1', true)")

        def suspend_second():
            with second.cursor() as b:
                b.execute("SELECT node_suspend('n2', true)")
            second.commit()

        waiting = threading.Thread(target=suspend_second)
        waiting.start()
        wait_for(lambda: cluster.sql(name, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                                           " AND query LIKE '%n2%' AND pid <> pg_backend_pid()"))
        assert cluster.sql(name, "SELECT count(*) FROM revocation") == [(0,)]
        first.commit()
        waiting.join(DEADLINE_S)
    assert cluster.sql(name, "SELECT value FROM revocation ORDER BY version") == [("n1",), ("n2",)]
    first.close()
    second.close()


def test_the_set_and_the_changes_come_in_pages_by_version(db):
    for i in range(7):
        add_node(db, f"p{i}")
        db.execute("SELECT node_suspend(%s, true)", (f"p{i}",))
    start = version(db)
    db.execute("SELECT node_suspend('p2', false)")
    pages, after = [], 0
    while page := run(db, "revocation_set", after, 3):
        pages.append([value for _, value, *_ in page])
        after = page[-1][-1]
    assert pages == [["p0", "p1", "p3"], ["p4", "p5", "p6"]]
    assert run(db, "revocation_changes", start, version(db), 10) == [(True, "p2", "p2", "suspended", True, start + 1)]
    assert run(db, "revocation_changes", start, start, 10) == []


def test_a_look_tells_what_is_wanted_and_what_the_broker_said(db):
    epoch = one(db, "SELECT epoch FROM revocation_state")
    assert run(db, "revocation_look", "b") == [(epoch, 1, "", 0, 0)]
    run(db, "report_broker_counters", "b", b'{"connects": 1}', 0)
    assert run(db, "revocation_look", "b") == [(epoch, 1, "", 0, 0)], "counters are no word about revocations"
    for said in (1, 2):
        run(db, "report_broker_revocation", "b", "0f", 7, b'{"version":7}', 0)
        assert run(db, "revocation_look", "b") == [(epoch, 1, "0f", 7, said)]
    assert run(db, "revocation_look", "other") == [(epoch, 1, "", 0, 0)]


# --- what happens to a certificate --------------------------------------------------------------------------------------


def test_the_first_connection_makes_a_certificate_active(db):
    add_node(db, "n2")
    record(db, "n2", "claim", "BBBB")
    assert states(db, "n2") == {"BBBB": "pending"}
    connect(db, "n2", "BBBB")
    assert states(db, "n2") == {"BBBB": "active"}
    activated = one(db, "SELECT activated_at FROM node_certificate WHERE node_id = 'n2'")
    connect(db, "n2", "BBBB")
    assert one(db, "SELECT activated_at FROM node_certificate WHERE node_id = 'n2'") == activated and refused(db) == {}


def test_both_certificates_are_good_until_the_new_one_has_connected(db):
    add_node(db, "n2")
    record(db, "n2", "claim", "BBBB")
    connect(db, "n2", "BBBB")
    assert record(db, "n2", "renew", "CCCC") == "ok"
    assert states(db, "n2") == {"BBBB": "active", "CCCC": "pending"} and refused(db) == {}
    connect(db, "n2", "BBBB")
    assert states(db, "n2") == {"BBBB": "active", "CCCC": "pending"}, "the old one connected once more"
    connect(db, "n2", "CCCC")
    assert states(db, "n2") == {"BBBB": "superseded", "CCCC": "active"}
    assert refused(db) == {fingerprint(db, "BBBB"): ["certificate", "superseded", False]}


def test_a_renewed_certificate_that_never_connected_gives_way_to_the_next(db):
    add_node(db, "n2")
    record(db, "n2", "claim", "BBBB")
    connect(db, "n2", "BBBB")
    record(db, "n2", "renew", "CCCC")
    record(db, "n2", "renew", "DDDD")
    assert states(db, "n2") == {"BBBB": "active", "CCCC": "superseded", "DDDD": "pending"}
    connect(db, "n2", "CCCC")
    assert states(db, "n2") == {"BBBB": "active", "CCCC": "superseded", "DDDD": "pending"}


def test_claiming_again_revokes_every_former_certificate_at_once(db):
    add_node(db, "n2")
    record(db, "n2", "claim", "BBBB")
    connect(db, "n2", "BBBB")
    record(db, "n2", "renew", "CCCC")
    assert record(db, "n2", "claim", "DDDD") == "ok"
    assert states(db, "n2") == {"BBBB": "revoked", "CCCC": "revoked", "DDDD": "pending"}
    assert {value[1] for value in refused(db).values()} == {"claimed again"}


@pytest.mark.parametrize("how", ["claim", "renew"])
def test_a_certificate_is_recorded_only_for_an_active_node_and_a_key_of_its_own(db, how):
    add_node(db, "n2")
    add_node(db, "n3")
    key = b"k" * 32
    assert record(db, "nobody", how, "BBBB") == "no_node"
    assert record(db, "n2", how, "BBBB", key=key) == "ok"
    assert record(db, "n3", how, "CCCC", key=key) == "key_taken"
    db.execute("SELECT node_delete('n2')")
    assert record(db, "n3", how, "CCCC", key=key) == "key_taken", "also when its node is gone"
    db.execute("SELECT node_suspend('n3', true)")
    assert record(db, "n3", how, "CCCC") == "suspended"
    db.execute("SELECT node_revoke('n3', '')")
    assert record(db, "n3", how, "CCCC") == "revoked"
    assert states(db, "n3") == {}


def test_only_its_own_node_can_use_a_certificate_and_a_revoked_one_stays_so(db):
    add_node(db, "n2")
    add_node(db, "n3")
    record(db, "n2", "claim", "BBBB")
    db.execute("SELECT certificate_connected('n3', %s)", (fingerprint(db, "BBBB"),))
    assert states(db, "n2") == {"BBBB": "pending"}
    db.execute("SELECT node_revoke('n2', 'lost')")
    connect(db, "n2", "BBBB")
    assert states(db, "n2") == {"BBBB": "revoked"}


def test_a_transfer_leaves_nothing_of_the_former_owner(db):
    db.execute("INSERT INTO claim (user_id, mac, node_id, platform, claimed_at) VALUES (%s, '0123456789AB', %s, 'esp32', now())",
               (USER, "n" * 22))
    db.execute("INSERT INTO node (node_id) VALUES (%s)", ("n" * 22,))
    db.execute("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", ("n" * 22, USER))
    assert one(db, "SELECT node_transfer(%s, 'nobody@example.org')", "n" * 22) == "no_user"
    assert one(db, "SELECT node_transfer('nobody', 'bob@example.org')") == "no_node"
    assert one(db, "SELECT node_transfer(%s, 'bob@example.org')", "n" * 22) == "ok"
    assert rows(db, "SELECT user_id::text, role FROM node_user WHERE node_id = %s", "n" * 22) == [(OTHER, "primary")]
    assert rows(db, "SELECT user_id::text FROM claim") == [(OTHER,)]
    assert one(db, "SELECT claim_count(%s)", USER) == 0 and one(db, "SELECT claim_count(%s)", OTHER) == 1


# --- presence ---------------------------------------------------------------------------------------------------------

CONNECTED, ENDED = True, False


def report(cursor, events, boot=(0, 0), broker="main"):
    """One batch of (node, connected, session, at_us, address, reason), as store/report.c sends it."""
    if boot[0]:
        run(cursor, "report_broker_started", *boot, broker)
        run(cursor, "report_connections_over", *boot, broker)
    if events:
        columns = [list(column) for column in zip(*events)]
        run(cursor, "report_presence", *columns[:5], *boot, broker)
        run(cursor, "report_connections", *columns, *boot, broker)
        run(cursor, "report_presence_elsewhere", columns[0])
        run(cursor, "report_connections_prune", columns[0])


def presence(cursor, node_id=NODE):
    return rows(cursor, "SELECT connected, session_no, us_of(presence_at), address FROM node WHERE node_id = %s", node_id)[0]


def history(cursor, node_id=NODE):
    return rows(cursor, "SELECT session_no, us_of(connected_at), address, us_of(ended_at), reason FROM node_connection"
                        " WHERE node_id = %s ORDER BY session_no", node_id)


def up(session, address="192.0.2.1"):
    return NODE, CONNECTED, session, session * 10, address, None


def down(session, reason="closed"):
    return NODE, ENDED, session, session * 10 + 5, None, reason


TAKE_OVER = [up(1), up(2, "192.0.2.2"), down(1, "taken_over"), up(3), down(2, "taken_over")]


def test_presence_and_history_do_not_depend_on_the_order_of_the_messages(db):
    """Every order of a chain of take-overs, in batches cut everywhere, some messages twice: always on line at the end."""
    choice = random.Random(7)
    for order in itertools.permutations(TAKE_OVER):
        db.execute("SAVEPOINT before")
        left = list(order) + choice.sample(TAKE_OVER, 2)
        while left:
            n = choice.randint(1, 4)
            report(db, left[:n])
            left = left[n:]
        assert presence(db) == (True, 3, 30, "192.0.2.1"), order
        assert history(db) == [(1, 10, "192.0.2.1", 15, "taken_over"), (2, 20, "192.0.2.2", 25, "taken_over"),
                               (3, 30, "192.0.2.1", None, None)], order
        db.execute("ROLLBACK TO before")


def test_a_take_over_never_shows_the_node_off_line(db):
    report(db, [up(1)])
    for event in (up(2), down(1, "taken_over"), up(3), down(2, "taken_over")):
        report(db, [event])
        assert presence(db)[0] is True


def test_the_end_of_the_newest_session_is_the_last_word(db):
    for batches in ([[up(1)], [down(1)]], [[down(1)], [up(1)]], [[up(1), down(1)]], [[down(1), up(1)]], [[up(1)], [down(1)], [up(1)]]):
        db.execute("SAVEPOINT before")
        for events in batches:
            report(db, events)
        assert presence(db)[:3] == (False, 1, 15), batches
        assert history(db) == [(1, 10, "192.0.2.1", 15, "closed")]
        db.execute("ROLLBACK TO before")


def test_after_a_restart_of_the_broker_older_sessions_are_over(db):
    report(db, [up(1)])
    report(db, [], boot=(10, 999))
    assert presence(db) == (False, 1, 999, "192.0.2.1")
    assert history(db) == [(1, 10, "192.0.2.1", 999, "broker_restarted")]
    report(db, [up(11)])
    assert presence(db) == (True, 11, 110, "192.0.2.1")


def test_a_restart_in_the_batch_of_the_connection_ends_it_too(db):
    report(db, [up(1)], boot=(10, 999))
    assert presence(db) == (False, 1, 999, "192.0.2.1")
    assert history(db) == [(1, 10, "192.0.2.1", 999, "broker_restarted")]
    report(db, [up(1), up(11)], boot=(10, 999))
    assert presence(db) == (True, 11, 110, "192.0.2.1")


def test_the_brokers_own_word_about_an_end_replaces_a_conclusion(db):
    report(db, [up(1)])
    report(db, [], boot=(10, 999))
    report(db, [down(1, "closed")])
    assert history(db) == [(1, 10, "192.0.2.1", 15, "closed")]
    report(db, [up(1), down(1, "taken_over")], boot=(10, 2000))
    assert history(db) == [(1, 10, "192.0.2.1", 15, "closed")]


def test_a_snapshot_of_the_same_life_changes_nothing(db):
    report(db, [up(1), up(2)])
    report(db, [down(1, "taken_over")])
    before = presence(db), history(db)
    report(db, [up(2)], boot=(1, 999))
    assert (presence(db), history(db)) == before


def test_a_number_from_a_clock_that_was_set_back_hides_no_new_session(db):
    future = 10**12
    report(db, [up(future)])
    report(db, [up(5)], boot=(4, 1000))
    assert presence(db)[:2] == (True, 5)
    assert history(db)[1][4] == "broker_restarted"


def broker_of(cursor):
    return rows(cursor, "SELECT connected, session_no, broker FROM node WHERE node_id = %s", NODE)[0]


def test_of_two_brokers_the_newer_session_has_the_node_in_whatever_order_they_are_heard(db):
    for order in itertools.permutations([("main", up(1)), ("main", down(1)), ("b2", up(2))]):
        db.execute("SAVEPOINT before")
        for broker, event in order:
            report(db, [event], broker=broker)
        assert broker_of(db) == (True, 2, "b2"), order
        db.execute("ROLLBACK TO before")


def test_a_node_lives_at_the_broker_whose_clock_is_behind(db):
    """It left main, whose clock is ahead, with session 9 for b2, where it has 5."""
    for order in itertools.permutations([("main", down(9)), ("b2", up(5))]):
        db.execute("SAVEPOINT before")
        report(db, [up(9)], broker="main")
        for broker, event in [*order, *order]:  # and everything once more
            report(db, [event], broker=broker)
        assert broker_of(db) == (True, 5, "b2"), order
        report(db, [down(5)], broker="b2")
        assert broker_of(db) == (False, 5, "b2"), order
        db.execute("ROLLBACK TO before")


def test_a_session_that_a_newer_one_of_its_broker_has_replaced_is_not_alive_elsewhere(db):
    report(db, [up(1)], broker="b2")  # its end was never heard of
    report(db, [up(2), down(2)], broker="b2")
    report(db, [up(3)], broker="main")
    report(db, [down(3)], broker="main")
    assert broker_of(db) == (False, 3, "main")


def test_a_restart_of_one_broker_ends_only_its_own_sessions(db):
    report(db, [up(1)], broker="b2")
    report(db, [], boot=(10, 999), broker="main")
    assert broker_of(db) == (True, 1, "b2") and history(db)[0][3:] == (None, None)
    report(db, [], boot=(10, 999), broker="b2")
    assert broker_of(db) == (False, 1, "b2") and history(db)[0][3:] == (999, "broker_restarted")


def test_a_number_of_another_brokers_session_ends_nothing_here(db):
    report(db, [up(7)], broker="b2")
    report(db, [(NODE, ENDED, 7, 75, None, "closed")], broker="main")
    assert broker_of(db) == (True, 7, "b2")


def add_broker(cursor, name):
    assert one(cursor, "SELECT broker_add(%s, 'm', 's', 1)", name) is True


def test_the_last_active_broker_stays_and_one_with_nodes_needs_force(db):
    add_broker(db, "main")
    assert one(db, "SELECT broker_add('main', 'm', 's', 1)") is False
    assert one(db, "SELECT broker_remove('nosuch', true)") == one(db, "SELECT broker_drain('nosuch')") == "no_broker"
    assert one(db, "SELECT broker_remove('main', true)") == one(db, "SELECT broker_drain('main')") == "last"
    add_broker(db, "b2")
    report(db, [up(1)], broker="b2")
    assert one(db, "SELECT broker_drain('b2')") == one(db, "SELECT broker_drain('b2')") == "ok"
    assert one(db, "SELECT broker_drain('main')") == "last", "a draining one takes no nodes"
    assert one(db, "SELECT broker_remove('b2', false)") == "connected"
    assert one(db, "SELECT broker_remove('b2', true)") == "ok"
    assert broker_of(db)[0] is False and history(db)[0][4] == "broker_removed"
    assert one(db, "SELECT broker_remove('b2', true)") == "no_broker"
    add_broker(db, "b2")
    assert one(db, "SELECT broker_remove('b2', false)") == "ok"


def test_a_revocation_is_in_force_when_every_broker_in_use_has_said_so(db):
    epoch, version = rows(db, "SELECT epoch, version FROM revocation_state")[0]

    def in_force():
        return run(db, "fleet_in_force", epoch, version)[0][0]

    for name in ("main", "b2"):
        add_broker(db, name)
    assert in_force() is False
    for name in ("main", "b2"):
        assert in_force() is False
        db.execute("INSERT INTO broker_state (broker, revocation_epoch, revocation_version) VALUES (%s, %s, %s)", (name, epoch, version))
    assert in_force() is True
    db.execute("UPDATE broker_state SET revocation_epoch = 'other' WHERE broker = 'b2'")
    assert in_force() is False
    assert one(db, "SELECT broker_remove('b2', false)") == "ok"
    assert in_force() is True
    db.execute("INSERT INTO broker_state (broker) VALUES ('b2')")  # a late word
    assert in_force() is True


def test_the_newest_hundred_connections_are_kept(db):
    report(db, [up(session) for session in range(1, 60)])
    report(db, [up(session) for session in range(60, 131)])
    assert [row[0] for row in history(db)] == list(range(31, 131))
    report(db, [down(3)])
    assert [row[0] for row in history(db)] == list(range(31, 131)), "a late word brings nothing back"


def test_presence_of_a_node_that_is_gone_is_no_failure(db):
    report(db, [("nobody", CONNECTED, 1, 10, None, None), up(1)])
    assert presence(db)[0] is True and history(db, "nobody") == []


def test_a_batch_activates_the_pending_certificates_that_connected_in_it(db):
    for node, body in (("n2", "BBBB"), ("n3", "CCCC"), ("n4", "DDDD")):
        add_node(db, node)
        record(db, node, "claim", body)
    connect(db, "n2", "BBBB")
    record(db, "n2", "renew", "EEEE")
    used = [("n4", "DDDD"), ("n2", "EEEE"), ("n2", "EEEE"), ("n2", "BBBB"), ("n3", "DDDD")]
    run(db, "report_certificates_connected", [node for node, _ in used], [fingerprint(db, body) for _, body in used])
    assert states(db, "n2") == {"BBBB": "superseded", "EEEE": "active"}
    assert states(db, "n3") == {"CCCC": "pending"}, "another node's certificate"
    assert states(db, "n4") == {"DDDD": "active"}


# --- CRLs -------------------------------------------------------------------------------------------------------------


def put_crl(cursor, ca, number, issues=False, pem="PEM"):
    run(cursor, "crl_put", ca, pem, issues, number, f"der of {ca}".encode(), 2 * 10**15)


def test_a_crl_is_wanted_when_a_certificate_of_its_ca_was_revoked_since_the_last_one(db):
    add_node(db, "n2")
    record(db, "n2", "claim", "BBBB")
    assert run(db, "crl_look", CA, "PEM", True) == [(0, 0, 0, 0, False)]
    put_crl(db, CA, version(db), issues=True)
    db.execute("SELECT node_suspend('n2', true)")
    assert run(db, "crl_look", CA, "PEM", True)[0][:2] == (0, 1), "a suspension is not for the CRL"
    db.execute("SELECT node_revoke('n2', 'lost')")
    wanted, has, _, _, same = run(db, "crl_look", CA, "PEM", True)[0]
    assert wanted > has and same
    assert not run(db, "crl_look", CA, "PEM", False)[0][4] and not run(db, "crl_look", CA, "other", True)[0][4]
    ((serial, at_us, reason, its),) = run(db, "crl_entries", CA, 0, 10)
    assert (serial, reason, its) == (one(db, "SELECT serial FROM node_certificate WHERE node_id = 'n2'"), "lost", wanted)
    assert run(db, "crl_entries", CA, its, 10) == [] and run(db, "crl_entries", "cd" * 20, 0, 10) == []
    assert at_us > 0


def test_the_number_of_a_crl_never_comes_twice(db):
    add_node(db, "n2")
    record(db, "n2", "claim", "BBBB")
    ((first,),) = run(db, "crl_number", False)
    ((second,),) = run(db, "crl_number", True)
    db.execute("SELECT node_revoke('n2', 'lost')")
    ((third,),) = run(db, "crl_number", False)
    assert first < second < third
    put_crl(db, CA, second)
    assert run(db, "crl_look", CA, "PEM", False)[0][0] > second, "a number that was taken hides no later revocation"


def test_without_a_key_id_the_crl_is_that_of_the_issuing_ca(db):
    assert run(db, "crl_get", "") == [] and run(db, "crl_certificates") == []
    put_crl(db, CA, 5, issues=False, pem="old\n")
    put_crl(db, "cd" * 20, 3, issues=True, pem="new\n")
    ((der,),) = run(db, "crl_get", "")
    assert bytes(der) == b"der of " + b"cd" * 20
    ((der,),) = run(db, "crl_get", CA)
    assert bytes(der) == f"der of {CA}".encode()
    assert run(db, "crl_certificates") == [("new\n",), ("old\n",)]
    run(db, "crl_keep_only", ["cd" * 20])
    assert run(db, "crl_get", CA) == [] and run(db, "crl_certificates") == [("new\n",)]
