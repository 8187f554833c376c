"""Tags, metadata, mapping with what comes with it, and challenges, on the schema itself."""

import threading

import psycopg2
import pytest

from test_schema import DEADLINE_S, NODE, NOW, OTHER, UNKNOWN, USER, cluster, db, schema  # noqa: F401

TAG = "INSERT INTO node_tag (node_id, tag) VALUES"
METADATA = "INSERT INTO node_metadata (node_id, metadata) VALUES"
CHALLENGE = "INSERT INTO node_challenge (request_id, user_id, challenge, expires_at) VALUES"
ID, TEXT = "a" * 22, "c" * 43
THIRD = "00000000-0000-4000-8000-00000000000c"
GROUP = "g" * 22
SECRET = "'s'"

REFUSED = [
    ("node_user_primary_is_own", f"UPDATE node_user SET granted_by = '{USER}'"),
    ("node_user_granted_by", f"INSERT INTO node_user (node_id, user_id, role, granted_by) VALUES ('{NODE}', '{OTHER}', 'secondary', '{UNKNOWN}')"),
    ("node_tag_pkey", f"{TAG} ('{NODE}', 'a'), ('{NODE}', 'a')"),
    ("node_tag_node_id_fkey", f"{TAG} ('nobody', 'a')"),
    *[("node_tag_tag_check", f"{TAG} ('{NODE}', {bad})")
      for bad in ("''", "repeat('ä', 65)", "E'a\\x01'", "E'a\\tb'", "E'\\x7f'", "U&'\\0080'", "U&'\\009f'")],
    ("node_metadata_pkey", f"{METADATA} ('{NODE}', '{{}}'), ('{NODE}', '{{}}')"),
    ("node_metadata_node_id_fkey", f"{METADATA} ('nobody', '{{}}')"),
    ("node_metadata_metadata_check", f"{METADATA} ('{NODE}', '[]')"),
    ("node_metadata_metadata_check", f"{METADATA} ('{NODE}', jsonb_build_object('k', repeat('v', 8192)))"),
    ("mapping_request_tags_check", "UPDATE mapping_request SET tags = array_fill('a'::text, ARRAY[51])"),
    ("mapping_request_metadata_check", "UPDATE mapping_request SET metadata = '[]'"),
    ("mapping_request_metadata_check", "UPDATE mapping_request SET metadata = jsonb_build_object('k', repeat('v', 8192))"),
    ("mapping_request_group_id_check", "UPDATE mapping_request SET group_id = 'a/b'"),
    ("mapping_request_left_out_check", "UPDATE mapping_request SET left_out = 'all'"),
    ("node_challenge_pkey", f"{CHALLENGE} ('{ID}', '{USER}', '{TEXT}', {NOW}), ('{ID}', '{USER}', '{TEXT}', {NOW})"),
    ("node_challenge_user_id_fkey", f"{CHALLENGE} ('{ID}', '{UNKNOWN}', '{TEXT}', {NOW})"),
    ("node_challenge_request_id_check", f"{CHALLENGE} ('short', '{USER}', '{TEXT}', {NOW})"),
    ("node_challenge_challenge_check", f"{CHALLENGE} ('{ID}', '{USER}', 'short', {NOW})"),
]


@pytest.mark.parametrize("constraint, statement", REFUSED, ids=[f"{name}-{i}" for i, (name, _) in enumerate(REFUSED)])
def test_the_constraint_refuses(db, constraint, statement):
    with pytest.raises(psycopg2.IntegrityError) as refused:
        db.execute(statement)
    assert refused.value.diag.constraint_name == constraint


def test_tags_of_letters_of_any_script_are_tags(db):
    for tag in ("room:hall", "ä" * 64, "a,b", "\u00a0", "日本", "a b"):
        db.execute(f"{TAG} (%s, %s)", (NODE, tag))


# --- writing ----------------------------------------------------------------------------------------------------------


def one(db, statement, *values):
    db.execute(statement, values)
    (row,) = db.fetchall()
    return row[0]


def write(db, user=USER, added=None, removed=None, metadata=None):
    return one(db, "SELECT node_write(%s, %s, %s, %s, %s)", user, NODE, added, removed, metadata)


def tags(db):
    return one(db, "SELECT coalesce(array_agg(tag ORDER BY tag), '{}') FROM node_tag WHERE node_id = %s", NODE)


def metadata(db):
    db.execute("SELECT metadata FROM node_metadata WHERE node_id = %s", (NODE,))
    return (db.fetchall() or [(None,)])[0][0]


def share(db, user=OTHER, by=USER):
    db.execute("INSERT INTO node_user (node_id, user_id, role, granted_by) VALUES (%s, %s, 'secondary', %s)", (NODE, user, by))


def test_tags_are_a_set(db):
    assert write(db, added=["b", "a", "a"]) == write(db, added=["a", "c"]) == "ok"
    assert tags(db) == ["a", "b", "c"]
    assert write(db, removed=["a", "not there"]) == "ok" and tags(db) == ["b", "c"]


def test_metadata_is_merged_member_by_member_and_null_deletes(db):
    write(db, metadata='{"a":1,"b":{"x":null,"y":[]},"c":"old"}')
    assert write(db, metadata='{"a":null,"c":{"deep":null},"d":false,"never":null}') == "ok"
    assert metadata(db) == {"b": {"x": None, "y": []}, "c": {"deep": None}, "d": False}
    assert write(db, metadata="null") == "ok" and metadata(db) is None


def test_a_write_that_does_not_fit_changes_nothing(db):
    write(db, added=[f"t{i}" for i in range(49)], metadata='{"k":"v"}')
    before = tags(db), metadata(db)
    assert write(db, added=["x", "y"], removed=["t1"], metadata='{"k":null}') == "tags"
    assert write(db, added=["x"], removed=["t1"], metadata='{"big":"%s"}' % ("v" * 8190)) == "metadata"
    assert (tags(db), metadata(db)) == before
    assert write(db, added=["x", "t1"]) == "ok" and len(tags(db)) == 50
    assert write(db, added=["one too many"]) == "tags"


def test_only_a_primary_user_writes(db):
    assert write(db, user=OTHER, added=["a"]) == "unknown"
    share(db)
    assert write(db, user=OTHER, added=["a"]) == "not_owned" and tags(db) == []


def test_what_users_wrote_goes_with_the_last_primary_user_and_no_sooner(db):
    write(db, added=["a"], metadata='{"k":1}')
    db.execute("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", (NODE, OTHER))
    assert one(db, "SELECT mapping_remove(%s, %s)", USER, NODE) == "removed" and tags(db) == ["a"]
    assert one(db, "SELECT mapping_remove(%s, %s)", OTHER, NODE) == "removed"
    assert tags(db) == [] and metadata(db) is None
    assert one(db, "SELECT mapping_remove(%s, %s)", OTHER, NODE) == "unknown"


def sides(cluster, schema, *works):
    """Each work(cursor) on a connection of its own, at once."""
    start, failures = threading.Barrier(len(works)), []

    def run(work):
        connection = cluster.connect(schema, "cistern_app")
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                start.wait(DEADLINE_S)
                work(cursor)
        except Exception as why:  # told by the thread that asserts
            failures.append(why)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert not failures


@pytest.fixture
def kept(cluster, schema):
    """A node with two primary users, committed; taken away at the end."""
    cluster.sql(schema, f"INSERT INTO account (user_id, user_name, password_hash, confirmed_at) VALUES ('{USER}', 'ann@example.org', 'x', now()),"
                        f" ('{OTHER}', 'bob@example.org', 'x', now()), ('{THIRD}', 'cy@example.org', 'x', now())")
    cluster.sql(schema, f"INSERT INTO node (node_id) VALUES ('{NODE}')")
    cluster.sql(schema, f"INSERT INTO node_user (node_id, user_id, role) VALUES ('{NODE}', '{USER}', 'primary'), ('{NODE}', '{OTHER}', 'primary')")
    yield schema
    cluster.sql(schema, "DELETE FROM node; DELETE FROM account")


def test_merges_at_the_same_time_lose_nothing(cluster, kept):
    def merge(i):
        return lambda cursor: [write(cursor, metadata=f'{{"k{i}_{n}":{n}}}') for n in range(20)]

    sides(cluster, kept, *[merge(i) for i in range(4)])
    ((found,),) = cluster.sql(kept, "SELECT metadata FROM node_metadata")
    assert found == {f"k{i}_{n}": n for i in range(4) for n in range(20)}


def test_fifty_tags_are_the_limit_also_for_writers_at_the_same_time(cluster, kept):
    def add(i):
        return lambda cursor: [write(cursor, added=[f"t{i}_{n}"]) for n in range(20)]

    sides(cluster, kept, *[add(i) for i in range(4)])
    assert cluster.sql(kept, "SELECT count(*) FROM node_tag") == [(50,)]


def test_two_primary_users_who_leave_at_once_leave_nothing_behind(cluster, kept):
    for _ in range(20):
        cluster.sql(kept, f"INSERT INTO node_user (node_id, user_id, role) VALUES ('{NODE}', '{USER}', 'primary'), ('{NODE}', '{OTHER}', 'primary')"
                          " ON CONFLICT DO NOTHING")
        cluster.sql(kept, f"INSERT INTO node_user (node_id, user_id, role) VALUES ('{NODE}', '{THIRD}', 'secondary')")
        cluster.sql(kept, f"{TAG} ('{NODE}', 'a')")
        # not through mapping_remove(), which stands in line by itself: accounts are deleted like this
        sides(cluster, kept, *[lambda cursor, user=user: cursor.execute("DELETE FROM node_user WHERE user_id = %s", (user,))
                               for user in (USER, OTHER)])
        assert cluster.sql(kept, "SELECT user_id FROM node_user") == cluster.sql(kept, "SELECT tag FROM node_tag") == []


# --- mapping ----------------------------------------------------------------------------------------------------------


def on_request(db, tags=(), metadata=None, group=None, user=USER, request="m1"):
    return one(db, "SELECT mapping_on_request(%s, %s, %s, 's', interval '60 seconds', %s::text[], %s, %s)", request, user, NODE,
               list(tags), metadata, group)


def on_report(db, user=USER, reset=False, factory=False, mid=1):
    return one(db, "SELECT mapping_on_report(%s, %s, 's', %s, %s, %s, %s::bytea, false)", NODE, user, reset, factory, mid, f"d{mid}")


def left_out(db, request="m1"):
    return one(db, "SELECT left_out FROM mapping_request WHERE request_id = %s", request)


def group(db, user=USER, role="primary", group_id=GROUP):
    db.execute("INSERT INTO node_group (group_id, group_name) VALUES (%s, 'g')", (group_id,))
    db.execute("INSERT INTO group_closure VALUES (%s, %s, 0)", (group_id, group_id))
    db.execute("INSERT INTO group_user (group_id, user_id, role) VALUES (%s, %s, %s)", (group_id, user, role))


@pytest.fixture
def free(db):
    db.execute("DELETE FROM node_user")
    return db


def test_what_comes_with_a_request_is_applied_at_the_confirmation_and_not_before(free):
    group(free)
    assert on_request(free, ["a", "b"], '{"k":1}', GROUP) == "requested" and tags(free) == []
    assert on_report(free) == "confirmed"
    assert (tags(free), metadata(free), left_out(free)) == (["a", "b"], {"k": 1}, None)
    assert one(free, "SELECT count(*) FROM group_node WHERE group_id = %s AND added_by = %s", GROUP, USER) == 1


def test_the_same_when_the_node_came_first(free):
    group(free)
    assert on_report(free) == "held" and on_request(free, ["a"], '{"k":1}', GROUP) == "confirmed"
    assert (tags(free), metadata(free), left_out(free)) == (["a"], {"k": 1}, None)


@pytest.mark.parametrize("whose", ["nobody's", "another user's", "only shared"])
def test_a_group_that_is_not_the_user_s_as_primary_is_left_out_and_the_mapping_holds(free, whose):
    if whose != "nobody's":
        group(free, OTHER)
    if whose == "only shared":
        free.execute("INSERT INTO group_user (group_id, user_id, role) VALUES (%s, %s, 'secondary')", (GROUP, USER))
    on_request(free, ["a"], None, GROUP)
    assert on_report(free) == "confirmed" and left_out(free) == "group" and tags(free) == ["a"]
    assert one(free, "SELECT count(*) FROM group_node") == 0


def test_tags_that_would_be_too_many_for_the_node_are_left_out_and_the_mapping_holds(db):
    write(db, added=[f"t{i}" for i in range(49)])
    on_request(db, ["x", "y"], None, None, user=OTHER)
    assert on_report(db, OTHER) == "confirmed" and left_out(db) == "tags" and len(tags(db)) == 49


def test_metadata_that_is_too_much_by_itself_is_refused(free):
    assert on_request(free, metadata='{"k":"%s"}' % ("v" * 8190)) == "metadata"


def test_the_release_before_this_one_may_still_ask(free):
    free.execute("SELECT mapping_on_request('m1', %s, %s, 's', interval '60 seconds')", (USER, NODE))
    assert free.fetchall() == [("requested",)] and on_report(free) == "confirmed"


@pytest.mark.parametrize("how", ["factory reset", "reset"])
def test_a_reset_takes_mapping_shares_groups_invitations_requests_and_texts_together(db, how):
    group(db)
    share(db)
    write(db, added=["a"], metadata='{"k":1}')
    db.execute("INSERT INTO group_node (group_id, node_id, added_by) VALUES (%s, %s, %s)", (GROUP, NODE, USER))
    db.execute("INSERT INTO sharing_request (request_id, kind, from_user, to_name, transfer, expires_at) VALUES (%s, 'node', %s, 'x@example.org', true,"
               " now() + interval '1 hour')",
               (ID, USER))
    db.execute("INSERT INTO sharing_node (request_id, from_user, node_id) VALUES (%s, %s, %s)", (ID, USER, NODE))
    db.execute("UPDATE mapping_request SET expires_at = now() + interval '1 hour'")
    if how == "reset":
        on_request(db, ["new"], user=third(db))
        assert on_report(db, THIRD, reset=True) == "confirmed"
    else:
        assert on_report(db, "esp-rmaker", reset=True, factory=True) == "reset"
    db.execute("SELECT user_id::text, role FROM node_user")
    assert db.fetchall() == ([(THIRD, "primary")] if how == "reset" else [])
    assert (tags(db), metadata(db)) == ((["new"] if how == "reset" else []), None)
    assert one(db, "SELECT (SELECT count(*) FROM group_node) + (SELECT count(*) FROM sharing_node)") == 0
    assert one(db, "SELECT state FROM mapping_request WHERE request_id = 'r1'") == "discarded"


def third(db):
    db.execute("INSERT INTO account (user_id, user_name, password_hash, confirmed_at) VALUES (%s, 'cy@example.org', 'x', now())", (THIRD,))
    return THIRD


def test_a_secondary_user_who_maps_the_node_becomes_primary_in_his_own_right(db):
    share(db)
    on_request(db, user=OTHER)
    assert on_report(db, OTHER) == "confirmed"
    assert one(db, "SELECT mapping_remove(%s, %s)", USER, NODE) == "removed"
    assert one(db, "SELECT role FROM node_user WHERE user_id = %s", OTHER) == "primary"


def test_a_primary_user_who_goes_takes_the_shares_that_he_gave_and_no_others(db):
    share(db)
    third(db)
    db.execute("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", (NODE, THIRD))
    one(db, "SELECT mapping_remove(%s, %s)", THIRD, NODE)
    assert one(db, "SELECT count(*) FROM node_user") == 2
    one(db, "SELECT mapping_remove(%s, %s)", USER, NODE)
    assert one(db, "SELECT count(*) FROM node_user") == 0


def test_a_node_that_comes_by_a_group_is_not_the_user_s_to_remove(db):
    group(db)
    db.execute("INSERT INTO group_user (group_id, user_id, role) VALUES (%s, %s, 'primary')", (GROUP, OTHER))
    db.execute("INSERT INTO group_node (group_id, node_id, added_by) VALUES (%s, %s, %s)", (GROUP, NODE, USER))
    assert one(db, "SELECT mapping_remove(%s, %s)", OTHER, NODE) == "by_group"
    assert one(db, "SELECT node_role_of(%s, %s)", OTHER, NODE) == "secondary"


# --- challenges -------------------------------------------------------------------------------------------------------


def challenge(db, user=USER, request=ID, life="60 seconds"):
    db.execute("SELECT challenge_new(%s, %s, %s, %s::interval)", (request, user, TEXT, life))


def settle(db, user=OTHER, request=ID, serial="0123456789ABCDEF"):
    return one(db, "SELECT challenge_settle(%s, %s, %s, %s, %s::text[], %s)", request, user, NODE, serial, ["a"], '{"k":1}')


@pytest.fixture
def valid(db):
    db.execute("UPDATE node_certificate SET not_after = now() + interval '1 hour'")
    return db


def test_a_good_answer_makes_a_primary_user_beside_those_there_are_and_is_good_once(valid):
    challenge(valid, OTHER)
    assert settle(valid) == "confirmed"
    assert one(valid, "SELECT count(*) FROM node_user WHERE role = 'primary'") == 2
    assert (tags(valid), metadata(valid)) == (["a"], {"k": 1})
    assert settle(valid) == "failed"


@pytest.mark.parametrize("what", ["wrong answer", "another user's", "run out", "another certificate", "revoked", "suspended"])
def test_any_other_answer_fails_and_changes_nothing(valid, what):
    challenge(valid, USER if what == "another user's" else OTHER, life="-1 seconds" if what == "run out" else "60 seconds")
    if what in ("revoked", "suspended"):
        valid.execute(f"UPDATE node SET {what}_at = now()")
    serial = {"wrong answer": None, "another certificate": "0123456789ABCDEE"}.get(what, "0123456789ABCDEF")
    assert settle(valid, serial=serial) == "failed"
    assert one(valid, "SELECT count(*) FROM node_user WHERE user_id = %s", OTHER) == 0 and tags(valid) == []
    assert one(valid, "SELECT count(*) FROM node_challenge") == (1 if what == "another user's" else 0)


def test_the_pending_certificate_counts_only_where_there_is_no_active_one(valid):
    assert one(valid, "SELECT (challenge_certificate(%s)).serial", NODE) == "0123456789ABCDEF"
    valid.execute("UPDATE node_certificate SET revoked_at = now() WHERE activated_at IS NOT NULL")
    assert one(valid, "SELECT (challenge_certificate(%s)).serial", NODE) == "0123456789ABCDEE"
    valid.execute("UPDATE node_certificate SET not_after = now() - interval '1 hour'")
    assert one(valid, "SELECT (challenge_certificate(%s)).serial", NODE) is None


def test_a_user_has_ten_challenges_and_the_oldest_make_room(db):
    for i in range(12):
        challenge(db, request=f"{i:022d}")
    challenge(db, OTHER, request="b" * 22)
    db.execute("SELECT request_id FROM node_challenge WHERE user_id = %s ORDER BY created_at", (USER,))
    assert [request for (request,) in db.fetchall()] == [f"{i:022d}" for i in range(2, 12)]


# --- names of a configuration -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("config, names", [
    ("{}", []), ('{"devices":[]}', []), ('{"devices":7,"services":{}}', []), ('{"devices":[{"name":"L"},{"x":1},7,{"name":8},null]}', ["L"]),
    ('{"devices":[{"name":"b"},{"name":"a"}],"services":[{"name":"T"},{"name":"a"}]}', ["T", "a", "b"])])
def test_the_names_of_a_configuration_are_kept_beside_it(db, config, names):
    db.execute("UPDATE node_config SET config = %s", (config,))
    assert sorted(one(db, "SELECT names FROM node_config")) == names
