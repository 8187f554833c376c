"""What the schema promises about sharing (0007_sharing.sql): who may invite, answer, cancel and end; what each of it changes; and that
of two at once exactly one wins and the other is told."""

import itertools
import json
import random
import threading

import psycopg2
import psycopg2.extensions
import pytest

from test_identity import one, rows, run
from test_schema import DEADLINE_S, NODE, OTHER, SETTING, USER, UNKNOWN, cluster, schema, wait_for  # noqa: F401

ANN, BOB, EVE, DAN = USER, OTHER, "00000000-0000-4000-8000-00000000000e", "00000000-0000-4000-8000-00000000000d"
NAMES = {ANN: "ann@example.org", BOB: "bob@example.org", EVE: "eve@example.org", DAN: "dan@example.org"}
HOME, ROOM = "homeOfAnn" + "_" * 13, "roomInHome" + "_" * 12
REQUEST_ID = "r" * 22

MORE = f"""
INSERT INTO account (user_id, user_name, password_hash, confirmed_at)
    VALUES ('{EVE}', 'eve@example.org', 'x', now()), ('{DAN}', 'dan@example.org', 'x', now());
INSERT INTO node (node_id) VALUES ('node2'), ('node3');
INSERT INTO node_user (node_id, user_id, role) VALUES ('node2', '{ANN}', 'primary');
INSERT INTO node_group (group_id, parent_id, group_name) VALUES ('{HOME}', NULL, 'Home'), ('{ROOM}', '{HOME}', 'Room');
INSERT INTO group_closure VALUES ('{HOME}', '{HOME}', 0), ('{ROOM}', '{ROOM}', 0), ('{ROOM}', '{HOME}', 1);
INSERT INTO group_user (group_id, user_id, role) VALUES ('{HOME}', '{ANN}', 'primary');
"""
ONE = f"""
INSERT INTO sharing_request (request_id, kind, from_user, to_name, expires_at)
    VALUES ('{REQUEST_ID}', 'node', '{ANN}', 'bob@example.org', now() + interval '1 day'),
           ('{"g" * 22}', 'group', '{ANN}', 'bob@example.org', now() + interval '1 day');
INSERT INTO sharing_node (request_id, from_user, node_id) VALUES ('{REQUEST_ID}', '{ANN}', '{NODE}');
INSERT INTO sharing_group (request_id, from_user, group_id) VALUES ('{"g" * 22}', '{ANN}', '{HOME}');
"""


@pytest.fixture
def db(cluster, schema):  # noqa: F811
    """Ann is primary of node1, node2 and a home with a room; Bob, Dan and Eve have nothing."""
    connection = cluster.connect(schema)
    with connection.cursor() as cursor:
        cursor.execute(SETTING + MORE)
        yield cursor
    connection.rollback()
    connection.close()


# --- constraints ------------------------------------------------------------------------------------------------------

SENT = "INSERT INTO sharing_request (request_id, kind, from_user, to_name, expires_at) VALUES"
NEW = "n" * 22
SHARED_NODE = "INSERT INTO sharing_node (request_id, from_user, node_id) VALUES"
SHARED_GROUP = "INSERT INTO sharing_group (request_id, from_user, group_id) VALUES"

REFUSED = [
    ("sharing_request_pkey", f"{SENT} ('{REQUEST_ID}', 'group', '{ANN}', 'bob@example.org', now())"),
    ("sharing_request_request_id_kind_from_user_key",
     "ALTER TABLE sharing_request DROP CONSTRAINT sharing_request_pkey;"
     f"{SENT} ('{REQUEST_ID}', 'node', '{ANN}', 'bob@example.org', now())"),
    *[("sharing_request_request_id_check", f"{SENT} ('{bad}', 'node', '{ANN}', 'bob@example.org', now())")
      for bad in ("", "n" * 21, "n" * 23, "n" * 21 + "/", "n" * 21 + "é")],
    ("sharing_request_kind_check", f"{SENT} ('{NEW}', 'user', '{ANN}', 'bob@example.org', now())"),
    ("sharing_request_from_user_fkey", f"{SENT} ('{NEW}', 'node', '{UNKNOWN}', 'bob@example.org', now())"),
    *[("sharing_request_to_name_check", f"{SENT} ('{NEW}', 'node', '{ANN}', {bad}, now())")
      for bad in ("'Bob@example.org'", "'ab'", "repeat('a', 255)")],
    ("sharing_request_state_check", "UPDATE sharing_request SET state = 'done', settled_at = now()"),
    ("sharing_request_check", "UPDATE sharing_request SET new_role = 'secondary'"),
    ("sharing_request_check", "UPDATE sharing_request SET new_role = 'primary', transfer = true"),
    ("sharing_request_metadata_check", "UPDATE sharing_request SET metadata = '[]'"),
    ("sharing_request_metadata_check", "UPDATE sharing_request SET metadata = jsonb_build_object('k', repeat('v', 8192))"),
    ("sharing_request_check1", "UPDATE sharing_request SET settled_at = now()"),
    ("sharing_request_check1", "UPDATE sharing_request SET state = 'cancelled'"),
    ("sharing_request_check2", "UPDATE sharing_request SET state = 'accepted', settled_at = now()"),
    ("sharing_request_check2", "UPDATE sharing_request SET settled_ids = '{}'"),
    ("sharing_node_pkey", f"{SHARED_NODE} ('{REQUEST_ID}', '{ANN}', '{NODE}')"),
    ("sharing_node_kind_check", "UPDATE sharing_node SET kind = 'group'"),
    ("sharing_node_request_id_kind_from_user_fkey", f"{SHARED_NODE} ('{'g' * 22}', '{ANN}', '{NODE}')"),
    ("sharing_node_node_id_from_user_fkey", f"{SHARED_NODE} ('{REQUEST_ID}', '{ANN}', 'node3')"),
    ("sharing_group_pkey", f"{SHARED_GROUP} ('{'g' * 22}', '{ANN}', '{HOME}')"),
    ("sharing_group_kind_check", "UPDATE sharing_group SET kind = 'node'"),
    ("sharing_group_request_id_kind_from_user_fkey", f"{SHARED_GROUP} ('{REQUEST_ID}', '{ANN}', '{HOME}')"),
    ("sharing_group_group_id_fkey", f"{SHARED_GROUP} ('{'g' * 22}', '{ANN}', '{NEW}')"),
]


@pytest.mark.parametrize("constraint, statement", REFUSED, ids=[f"{name}-{i}" for i, (name, _) in enumerate(REFUSED)])
def test_the_constraint_refuses(db, constraint, statement):
    db.execute(ONE)
    with pytest.raises(psycopg2.IntegrityError) as refused:
        db.execute(statement)
    assert refused.value.diag.constraint_name == constraint


# --- the functions, as the daemon calls them --------------------------------------------------------------------------

_numbers = itertools.count(1)
LIMITS = {"users": 100, "pending": 100, "day": 300}


def invite(db, sender, receiver, *ids, kind="node", primary=False, transfer=False, new_role=None, metadata="{}", lifetime=60,
           **limits):
    """(the request's id, what was answered)"""
    request_id = f"request{next(_numbers):015d}"
    limits = LIMITS | limits
    ((word,),) = run(db, "sharing_invite", request_id, kind, sender, NAMES.get(receiver, receiver), list(ids), primary, transfer,
                     new_role, metadata, lifetime, limits["users"], limits["pending"], limits["day"])
    return request_id, word


def invited(db, *arguments, **options):
    request_id, word = invite(db, *arguments, **options)
    assert word == "ok"
    return request_id


def answer(db, request_id, user, accepts=True, kind="node", users=100):
    ((word,),) = run(db, "sharing_answer", request_id, kind, user, accepts, users)
    return word


def accepted(db, *arguments, kind="node", **options):
    request_id = invited(db, *arguments, kind=kind, **options)
    assert answer(db, request_id, arguments[1], kind=kind) == "ok"
    return request_id


def cancel(db, request_id, user, kind="node"):
    ((word,),) = run(db, "sharing_cancel", request_id, kind, user)
    return word


def remove(db, caller, name, *ids, kind="node"):
    ((word,),) = run(db, "sharing_remove", kind, caller, list(ids), NAMES.get(name, name))
    return word


def users(db, node=NODE):
    """{user: (role, granted_by)}"""
    return {user: (role, by) for user, role, by in
            rows(db, "SELECT user_id::text, role, granted_by::text FROM node_user WHERE node_id = %s", node)}


def members(db, group=HOME):
    return dict(rows(db, "SELECT user_id::text, role FROM group_user WHERE group_id = %s", group))


def state(db, request_id):
    return one(db, "SELECT state FROM sharing_request WHERE request_id = %s", request_id)


# --- who may invite ---------------------------------------------------------------------------------------------------


def test_an_invitation_changes_nothing_until_it_is_accepted(db):
    before = users(db)
    request_id = invited(db, ANN, BOB, NODE)
    assert users(db) == before and state(db, request_id) == "pending"
    assert answer(db, request_id, BOB) == "ok"
    assert users(db) == before | {BOB: ("secondary", ANN)} and state(db, request_id) == "accepted"


@pytest.mark.parametrize("ids, word", [(["node1", "node3"], "unknown"), (["node3"], "unknown"), (["node1", "never"], "unknown")])
def test_a_foreign_node_and_an_unknown_one_fail_all_of_it_alike(db, ids, word):
    assert invite(db, ANN, BOB, *ids)[1] == word
    assert one(db, "SELECT count(*) FROM sharing_request") == 0


def test_who_is_secondary_invites_nobody(db):
    accepted(db, ANN, BOB, NODE)
    assert invite(db, BOB, EVE, NODE)[1] == "not_primary"
    assert invite(db, BOB, EVE, NODE, "node3")[1] == "unknown"  # what is not his weighs more


def test_who_has_a_node_by_a_group_hands_it_on_to_nobody(db):
    db.execute(f"INSERT INTO group_node (group_id, node_id, added_by) VALUES ('{ROOM}', '{NODE}', '{ANN}')")
    accepted(db, ANN, BOB, HOME, kind="group", primary=True)
    assert one(db, "SELECT node_role_of(%s, %s)", BOB, NODE) == "secondary"
    assert invite(db, BOB, EVE, NODE)[1] == "not_primary"


def test_a_primary_user_of_the_outer_group_may_invite_to_the_inner_one(db):
    accepted(db, ANN, BOB, ROOM, kind="group")
    assert members(db, ROOM) == {BOB: "secondary"}
    assert invite(db, BOB, EVE, ROOM, kind="group")[1] == "not_primary"
    assert invite(db, BOB, EVE, HOME, kind="group")[1] == invite(db, BOB, EVE, NEW, kind="group")[1] == "unknown"


def test_nobody_invites_himself_or_whoever_has_all_of_it_already(db):
    assert invite(db, ANN, ANN, NODE)[1] == "self"
    accepted(db, ANN, BOB, NODE)
    assert invite(db, ANN, BOB, NODE)[1] == "already"
    assert invite(db, ANN, BOB, NODE, "node2")[1] == "ok"  # node2 is new to him
    accepted(db, ANN, BOB, NODE, primary=True)
    assert users(db)[BOB] == ("primary", None)
    assert invite(db, ANN, BOB, NODE, primary=True)[1] == invite(db, ANN, BOB, NODE)[1] == "already"
    accepted(db, ANN, EVE, HOME, kind="group")
    assert invite(db, ANN, EVE, HOME, kind="group")[1] == invite(db, ANN, EVE, ROOM, kind="group")[1] == "already"
    assert invite(db, ANN, EVE, HOME, kind="group", primary=True)[1] == "ok"


def test_a_name_without_an_account_is_invited_like_any_other(db):
    request_id = invited(db, ANN, "fay@example.org", NODE)
    fay = one(db, "INSERT INTO account (user_name, password_hash, confirmed_at) VALUES ('fay@example.org', 'x', now())"
              " RETURNING user_id::text")
    assert answer(db, request_id, fay) == "ok" and users(db)[fay] == ("secondary", ANN)


def test_the_same_invitation_once_more_takes_the_former_s_place(db):
    former = invited(db, ANN, BOB, NODE, "node2")
    other_set, other_name = invited(db, ANN, BOB, NODE), invited(db, ANN, EVE, NODE, "node2")
    newer = invited(db, ANN, BOB, "node2", NODE, NODE, primary=True)
    assert [state(db, each) for each in (former, other_set, other_name, newer)] == ["cancelled", "pending", "pending", "pending"]
    assert answer(db, former, BOB) == "settled" and answer(db, newer, BOB) == "ok"


def test_open_invitations_those_of_a_day_and_the_users_of_a_node_are_limited(db):
    first = invited(db, ANN, BOB, NODE, pending=1)
    assert invite(db, ANN, EVE, NODE, pending=1)[1] == "pending_limit"
    assert cancel(db, first, ANN) == "ok"
    assert invite(db, ANN, EVE, NODE, pending=1, day=1)[1] == "day_limit"
    assert invite(db, ANN, EVE, NODE, pending=1, day=2)[1] == "ok"
    assert invite(db, ANN, BOB, NODE, users=1)[1] == "full"
    assert invite(db, ANN, BOB, NODE, users=1, transfer=True)[1] == "ok"  # one comes, one goes
    assert invite(db, ANN, BOB, NODE, users=1, transfer=True, new_role="secondary")[1] == "full"
    assert invite(db, ANN, BOB, HOME, kind="group", users=1)[1] == "full"


def test_metadata_has_a_limit_in_the_form_that_is_kept(db):
    text = json.dumps({"k": "v" * (8192 - 10)})
    assert invite(db, ANN, BOB, NODE, metadata=text)[1] == "ok" and len(text) == 8191
    assert invite(db, ANN, BOB, NODE, metadata=json.dumps({"k": "v" * 8190}))[1] == "metadata"


# --- answering --------------------------------------------------------------------------------------------------------


def test_an_invitation_is_answered_once_and_by_its_addressee_alone(db):
    request_id = invited(db, ANN, BOB, NODE)
    for stranger in (ANN, EVE, UNKNOWN):
        assert answer(db, request_id, stranger) == "unknown"
    assert answer(db, request_id, BOB, kind="group") == answer(db, NEW, BOB) == "unknown"
    assert answer(db, request_id, BOB) == "ok"
    assert answer(db, request_id, BOB) == answer(db, request_id, BOB, accepts=False) == cancel(db, request_id, ANN) == "settled"


def test_a_declined_invitation_gives_nothing_and_stays_declined(db):
    request_id = invited(db, ANN, BOB, NODE)
    assert answer(db, request_id, BOB, accepts=False) == "ok"
    assert answer(db, request_id, BOB) == "settled" and BOB not in users(db)


def test_only_the_sender_cancels(db):
    request_id = invited(db, ANN, BOB, NODE)
    assert cancel(db, request_id, BOB) == cancel(db, request_id, EVE) == cancel(db, NEW, ANN) == "unknown"
    assert cancel(db, request_id, ANN, kind="group") == "unknown"
    assert cancel(db, request_id, ANN) == "ok" and answer(db, request_id, BOB) == "settled" and BOB not in users(db)


def test_what_has_run_out_is_unknown_to_both_and_given_up_after_a_day(db):
    request_id = invited(db, ANN, BOB, NODE, lifetime=0)
    assert answer(db, request_id, BOB) == cancel(db, request_id, ANN) == "unknown" and BOB not in users(db)
    db.execute("UPDATE sharing_request SET created_at = created_at - interval '25 hours'")
    invited(db, ANN, BOB, NODE)
    assert one(db, "SELECT count(*) FROM sharing_request WHERE request_id = %s", request_id) == 0


def test_what_the_sender_lost_meanwhile_is_not_given(db):
    both, gone = invited(db, ANN, BOB, NODE, "node2"), invited(db, ANN, EVE, NODE)
    db.execute(f"DELETE FROM node_user WHERE node_id = '{NODE}' AND user_id = '{ANN}'")
    assert answer(db, both, BOB) == "ok" and answer(db, gone, EVE) == "nothing" and state(db, gone) == "cancelled"
    assert users(db) == {} and users(db, "node2") == {ANN: ("primary", None), BOB: ("secondary", ANN)}


def test_a_full_node_leaves_the_invitation_open(db):
    request_id = invited(db, ANN, BOB, NODE)
    accepted(db, ANN, EVE, NODE)
    assert answer(db, request_id, BOB, users=2) == "full" and BOB not in users(db)
    assert answer(db, request_id, BOB, users=3) == "ok"


# --- transfer ---------------------------------------------------------------------------------------------------------


def test_a_transfer_puts_the_receiver_in_the_sender_s_place_and_ends_what_the_sender_had_granted(db):
    accepted(db, ANN, EVE, NODE)
    other = invited(db, ANN, DAN, NODE)
    db.execute(f"INSERT INTO node_tag VALUES ('{NODE}', 't'); INSERT INTO node_metadata VALUES ('{NODE}', '{{}}')")
    request_id = accepted(db, ANN, BOB, NODE, transfer=True)
    assert users(db) == {BOB: ("primary", None)} and users(db, "node2") == {ANN: ("primary", None)}
    assert one(db, "SELECT count(*) FROM node_tag") == one(db, "SELECT count(*) FROM node_metadata") == 0
    assert answer(db, other, DAN) == "nothing"
    assert one(db, "SELECT settled_ids FROM sharing_request WHERE request_id = %s", request_id) == [NODE]


def test_the_sender_of_a_transfer_may_stay_as_secondary_by_the_receiver_s_grace(db):
    other = invited(db, ANN, DAN, NODE)
    accepted(db, ANN, BOB, NODE, transfer=True, new_role="secondary")
    assert users(db) == {BOB: ("primary", None), ANN: ("secondary", BOB)}
    assert answer(db, other, DAN) == "nothing"
    db.execute(f"DELETE FROM node_user WHERE user_id = '{BOB}'")
    assert users(db) == {}


def test_a_transfer_leaves_another_primary_user_his_shares_and_what_was_written(db):
    accepted(db, ANN, DAN, NODE, primary=True)
    accepted(db, DAN, EVE, NODE)
    db.execute(f"INSERT INTO node_tag VALUES ('{NODE}', 't')")
    accepted(db, ANN, BOB, NODE, transfer=True)
    assert users(db) == {BOB: ("primary", None), DAN: ("primary", None), EVE: ("secondary", DAN)}
    assert one(db, "SELECT count(*) FROM node_tag") == 1


def test_the_receiver_of_a_transfer_may_have_been_secondary_before(db):
    accepted(db, ANN, BOB, NODE)
    accepted(db, ANN, BOB, NODE, transfer=True)
    assert users(db) == {BOB: ("primary", None)}


GROUPED = f"""
INSERT INTO node_user (node_id, user_id, role) VALUES ('node3', '{DAN}', 'primary');
INSERT INTO group_node (group_id, node_id, added_by) VALUES ('{ROOM}', '{NODE}', '{ANN}');
INSERT INTO node_tag VALUES ('{NODE}', 't');
"""


@pytest.mark.parametrize("new_role, left", [(None, {}), ("secondary", {ANN: "secondary"})])
def test_a_transferred_group_takes_its_inner_groups_and_the_sender_s_nodes_along(db, new_role, left):
    db.execute(GROUPED)
    accepted(db, ANN, EVE, HOME, kind="group")
    accepted(db, ANN, DAN, HOME, kind="group", primary=True)
    db.execute(f"INSERT INTO group_node (group_id, node_id, added_by) VALUES ('{HOME}', 'node3', '{DAN}')")
    accepted(db, ANN, BOB, HOME, kind="group", transfer=True, new_role=new_role)
    assert members(db) == {BOB: "primary", DAN: "primary"} | left
    assert users(db) == {BOB: ("primary", None)} and users(db, "node3") == {DAN: ("primary", None)}
    assert users(db, "node2") == {ANN: ("primary", None)}  # was in none of them
    assert rows(db, "SELECT group_id, node_id, added_by::text FROM group_node ORDER BY 2") == [(ROOM, NODE, BOB), (HOME, "node3", DAN)]
    assert one(db, "SELECT count(*) FROM node_tag") == 0
    assert one(db, "SELECT node_role_of(%s, %s)", ANN, NODE) == ("secondary" if new_role else None)
    assert one(db, "SELECT node_role_of(%s, %s)", EVE, NODE) is None


def test_a_group_that_lies_in_another_is_not_transferred_also_when_it_came_there_later(db):
    assert invite(db, ANN, BOB, ROOM, kind="group", transfer=True)[1] == "not_top"
    request_id = invited(db, ANN, BOB, HOME, kind="group", transfer=True)
    db.execute(f"""INSERT INTO node_group (group_id, group_name) VALUES ('{NEW}', 'Estate');
        INSERT INTO group_closure VALUES ('{NEW}', '{NEW}', 0), ('{HOME}', '{NEW}', 1), ('{ROOM}', '{NEW}', 2);
        INSERT INTO group_user (group_id, user_id, role) VALUES ('{NEW}', '{ANN}', 'primary');
        UPDATE node_group SET parent_id = '{NEW}' WHERE group_id = '{HOME}'""")
    assert answer(db, request_id, BOB, kind="group") == "nothing"


# --- the end of a share -----------------------------------------------------------------------------------------------


def test_a_primary_user_takes_any_secondary_one_off_and_a_secondary_one_leaves(db):
    accepted(db, ANN, DAN, NODE, primary=True)
    for user in (BOB, EVE):
        accepted(db, DAN, user, NODE)
    assert remove(db, ANN, BOB, NODE) == "ok" and remove(db, EVE, EVE, NODE) == "ok"
    assert users(db) == {ANN: ("primary", None), DAN: ("primary", None)}


def test_nobody_takes_a_primary_user_off_and_no_secondary_one_another(db):
    accepted(db, ANN, DAN, NODE, primary=True)
    for user in (BOB, EVE):
        accepted(db, ANN, user, NODE)
    assert remove(db, DAN, ANN, NODE) == remove(db, ANN, DAN, NODE) == remove(db, ANN, ANN, NODE) == "other_primary"
    assert remove(db, BOB, EVE, NODE) == remove(db, BOB, ANN, NODE) == remove(db, BOB, "no@example.org", NODE) == "not_primary"
    assert len(users(db)) == 4


def test_a_share_ends_for_all_that_were_named_or_for_none(db):
    accepted(db, ANN, BOB, NODE)
    assert remove(db, ANN, BOB, NODE, "node2") == "not_shared"
    assert remove(db, ANN, BOB, NODE, "node3") == remove(db, ANN, BOB, NODE, "never") == remove(db, EVE, BOB, NODE) == "unknown"
    assert remove(db, ANN, EVE, NODE) == remove(db, ANN, "no@example.org", NODE) == "not_shared"
    assert BOB in users(db)
    accepted(db, ANN, BOB, "node2")
    assert remove(db, ANN, BOB, "node2", NODE, NODE) == "ok"
    assert BOB not in users(db) and BOB not in users(db, "node2")


def test_who_is_taken_off_a_group_takes_his_nodes_along(db):
    db.execute(GROUPED)
    accepted(db, ANN, DAN, HOME, kind="group")
    db.execute(f"INSERT INTO group_node (group_id, node_id, added_by) VALUES ('{ROOM}', 'node3', '{DAN}')")
    assert remove(db, ANN, DAN, ROOM, kind="group") == "not_shared"  # he is in it by the home
    assert remove(db, EVE, DAN, HOME, kind="group") == remove(db, ANN, DAN, NEW, kind="group") == "unknown"
    assert remove(db, ANN, DAN, HOME, kind="group") == "ok" and members(db) == {ANN: "primary"}
    assert rows(db, "SELECT node_id FROM group_node") == [(NODE,)]


# --- lists ------------------------------------------------------------------------------------------------------------


def listed(db, user, node=None):
    return {node_id: json.loads(entry)["users"] for node_id, entry in run(db, "sharing_list_nodes", user, node, "", 100)}


def test_a_secondary_user_sees_the_primary_ones_and_himself(db):
    for user in (BOB, EVE):
        accepted(db, ANN, user, NODE)
    all_of_them = {"primary": [NAMES[ANN]], "secondary": [NAMES[BOB], NAMES[EVE]]}
    assert listed(db, ANN) == {NODE: all_of_them, "node2": {"primary": [NAMES[ANN]], "secondary": []}}
    assert listed(db, BOB) == {NODE: {"primary": [NAMES[ANN]], "secondary": [NAMES[BOB]]}} and listed(db, DAN) == {}
    assert listed(db, DAN, NODE) == {}


def requests(db, user, sent, limit=10, **place):
    place = {"id": None, "us": 2**55, "after": ""} | place
    return [json.loads(row[3]) for row in run(db, "sharing_requests", user, "node", sent, not sent, place["id"], place["us"],
                                              place["after"], limit)]


def test_invitations_are_listed_to_sender_and_addressee_alone_newest_first(db):
    first, second = invited(db, ANN, BOB, NODE), invited(db, ANN, BOB, "node2")
    for user, sent in ((ANN, True), (BOB, False)):
        assert [each["request_id"] for each in requests(db, user, sent)] == [second, first]
    assert requests(db, ANN, False) == requests(db, BOB, True) == requests(db, EVE, True) == requests(db, EVE, False) == []
    assert requests(db, EVE, True, id=first) == requests(db, EVE, False, id=first) == []


def test_what_was_cancelled_has_run_out_or_lost_its_nodes_is_not_listed(db):
    cancel(db, invited(db, ANN, BOB, NODE, "node2"), ANN)
    invited(db, ANN, BOB, "node2", lifetime=0)
    invited(db, ANN, BOB, NODE)
    db.execute(f"DELETE FROM node_user WHERE node_id = '{NODE}'")
    assert requests(db, ANN, True) == requests(db, BOB, False) == []


# --- the trail --------------------------------------------------------------------------------------------------------


def test_each_step_is_audited_in_the_transaction_of_the_fact(db):
    db.execute("SELECT coalesce(max(event_id), 0) FROM audit_event")
    (before,) = db.fetchone()
    request_id = accepted(db, ANN, BOB, NODE)
    remove(db, ANN, BOB, NODE)
    cancel(db, invited(db, ANN, BOB, NODE), ANN)
    assert [action for (action,) in rows(db, "SELECT action FROM audit_event WHERE event_id > %s ORDER BY event_id", before)] == [
        "sharing.requested", "sharing.accepted", "node.mapped", "node.unmapped", "sharing.requested", "sharing.cancelled"]
    assert rows(db, "SELECT kind, detail->>'from' FROM audit_event WHERE object_id = %s AND event_id > %s", request_id, before) == [
        ("security", ANN), ("security", ANN)]


# --- two at once ------------------------------------------------------------------------------------------------------


class Two:
    """Two connections: the first does something and waits with its commit, the second must wait for it."""

    def __init__(self, cluster):  # noqa: F811
        self.cluster, self.name = cluster, cluster.migrated()
        self.first, self.second = cluster.connect(self.name), cluster.connect(self.name)
        with self.first.cursor() as cursor:
            cursor.execute(SETTING + MORE)
        self.first.commit()

    def before(self, ask):
        with self.first, self.first.cursor() as cursor:
            return ask(cursor)

    def race(self, former, latter):
        """What each answered; `latter` was waiting before `former` committed."""
        told = {}

        def go():
            with self.second, self.second.cursor() as cursor:
                told["latter"] = latter(cursor)

        with self.first.cursor() as cursor:
            told["former"] = former(cursor)
            thread = threading.Thread(target=go)
            thread.start()
            pid = self.second.get_backend_pid()
            wait_for(lambda: self.cluster.sql(self.name, f"SELECT 1 WHERE cardinality(pg_blocking_pids({pid})) > 0"))
            self.first.commit()
            thread.join(DEADLINE_S)
            assert not thread.is_alive()
        return told["former"], told.get("latter")

    def close(self):
        self.first.close()
        self.second.close()


@pytest.fixture
def two(cluster):  # noqa: F811
    pair = Two(cluster)
    yield pair
    pair.close()


def test_of_two_acceptances_one_wins(two):
    request_id = two.before(lambda db: invited(db, ANN, BOB, NODE))
    assert two.race(lambda db: answer(db, request_id, BOB), lambda db: answer(db, request_id, BOB)) == ("ok", "settled")


def test_a_cancellation_before_an_acceptance_wins(two):
    request_id = two.before(lambda db: invited(db, ANN, BOB, NODE))
    assert two.race(lambda db: cancel(db, request_id, ANN), lambda db: answer(db, request_id, BOB)) == ("ok", "settled")
    assert BOB not in two.before(users)


def test_an_acceptance_before_a_cancellation_wins(two):
    request_id = two.before(lambda db: invited(db, ANN, BOB, NODE))
    assert two.race(lambda db: answer(db, request_id, BOB), lambda db: cancel(db, request_id, ANN)) == ("ok", "settled")
    assert two.before(users)[BOB] == ("secondary", ANN)


def unmap(db):
    run(db, "mapping_remove", ANN, NODE)


def test_an_acceptance_after_the_node_was_let_go_gets_nothing(two):
    request_id = two.before(lambda db: invited(db, ANN, BOB, NODE))
    assert two.race(unmap, lambda db: answer(db, request_id, BOB)) == (None, "nothing")
    assert two.before(users) == {}


def test_what_was_accepted_before_the_node_was_let_go_goes_with_it(two):
    request_id = two.before(lambda db: invited(db, ANN, BOB, NODE))
    assert two.race(lambda db: answer(db, request_id, BOB), unmap) == ("ok", None)
    assert two.before(users) == {}


def test_an_acceptance_after_the_node_was_deleted_gets_nothing(two):
    request_id = two.before(lambda db: invited(db, ANN, BOB, NODE))
    delete = lambda db: db.execute(f"DELETE FROM node WHERE node_id = '{NODE}'")  # noqa: E731
    assert two.race(delete, lambda db: answer(db, request_id, BOB)) == (None, "nothing")


def test_an_acceptance_after_the_sender_s_account_was_deleted_finds_nothing(two):
    request_id = two.before(lambda db: invited(db, ANN, BOB, NODE))
    delete = lambda db: db.execute(f"DELETE FROM account WHERE user_id = '{ANN}'")  # noqa: E731
    assert two.race(delete, lambda db: answer(db, request_id, BOB)) == (None, "unknown")


def test_an_invitation_to_a_node_that_was_just_let_go_is_refused(two):
    assert two.race(unmap, lambda db: invite(db, ANN, BOB, NODE)[1]) == (None, "unknown")


def test_two_invitations_at_the_limit_are_counted_one_after_the_other(two):
    assert two.race(lambda db: invite(db, ANN, BOB, NODE, pending=1)[1],
                    lambda db: invite(db, ANN, EVE, "node2", pending=1)[1]) == ("ok", "pending_limit")


def test_the_last_place_of_a_node_is_given_once(two):
    first, second = two.before(lambda db: (invited(db, ANN, BOB, NODE), invited(db, ANN, EVE, NODE)))
    assert two.race(lambda db: answer(db, first, BOB, users=2), lambda db: answer(db, second, EVE, users=2)) == ("ok", "full")


def test_of_two_transfers_of_one_node_one_wins(two):
    first, second = two.before(lambda db: (invited(db, ANN, BOB, NODE, transfer=True), invited(db, ANN, EVE, NODE, transfer=True)))
    assert two.race(lambda db: answer(db, first, BOB), lambda db: answer(db, second, EVE)) == ("ok", "nothing")
    assert two.before(users) == {BOB: ("primary", None)}


def test_the_last_place_of_a_group_is_given_once(two):
    first, second = two.before(lambda db: (invited(db, ANN, BOB, HOME, kind="group"), invited(db, ANN, EVE, HOME, kind="group")))
    assert two.race(lambda db: answer(db, first, BOB, kind="group", users=2),
                    lambda db: answer(db, second, EVE, kind="group", users=2)) == ("ok", "full")


def test_an_acceptance_after_the_sender_left_the_group_gets_nothing(two):
    request_id = two.before(lambda db: (accepted(db, ANN, DAN, HOME, kind="group", primary=True),
                                        invited(db, ANN, BOB, HOME, kind="group"))[1])
    leave = lambda db: db.execute(f"DELETE FROM group_user WHERE user_id = '{ANN}'")  # noqa: E731
    assert two.race(leave, lambda db: answer(db, request_id, BOB, kind="group")) == (None, "nothing")
    assert two.before(members) == {DAN: "primary"}


def test_whatever_happens_at_once_nobody_waits_for_ever_and_no_node_is_without_an_owner(two):
    """Four users share, hand over, answer, cancel and end as fast as they can; PostgreSQL would tell of a deadlock by an error."""
    users_of = [ANN, BOB, EVE, DAN]
    trouble = []

    def busy(me, seed):
        choice = random.Random(seed)
        with two.cluster.connect(two.name) as connection, connection.cursor() as cursor:
            for _ in range(40):
                other = choice.choice(users_of)
                ids = choice.sample([NODE, "node2"], choice.choice([1, 2]))
                step = choice.randrange(6)
                try:
                    if step < 2:
                        invite(cursor, me, other, *ids, transfer=choice.random() < 0.3, primary=choice.random() < 0.3,
                               new_role=None, metadata="{}")
                    elif step == 2:
                        invite(cursor, me, other, HOME, kind="group", transfer=choice.random() < 0.5, primary=choice.random() < 0.5)
                    elif step == 3:
                        remove(cursor, me, other, *ids)
                    else:
                        for request_id, kind in rows(cursor, "SELECT request_id, kind FROM sharing_request WHERE state = 'pending' AND"
                                                     " to_name = %s ORDER BY random() LIMIT 2", NAMES[me]):
                            answer(cursor, request_id, me, kind=kind)
                            connection.commit()
                    connection.commit()
                except psycopg2.Error as why:
                    trouble.append(why)
                    connection.rollback()
        connection.close()

    threads = [threading.Thread(target=busy, args=(user, seed)) for seed, user in enumerate(users_of * 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not trouble and not any(thread.is_alive() for thread in threads)
    found = two.cluster.sql(two.name, "SELECT node_id, bool_or(role = 'primary') FROM node_user GROUP BY 1 ORDER BY 1")
    assert found == [(NODE, True), ("node2", True)]
    assert two.cluster.sql(two.name, "SELECT count(*) FROM sharing_request WHERE state = 'accepted'")[0][0] > 10
