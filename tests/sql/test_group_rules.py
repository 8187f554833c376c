"""What the schema itself promises about groups: their shape holds whatever comes at once, limits are kept, and whoever is out is out."""

import threading

import psycopg2
import pytest

from test_identity import db, one, rows, run  # noqa: F401
from test_schema import NODE, OTHER, SETTING, UNKNOWN, USER, cluster, schema, wait_for  # noqa: F401

GROUP = "INSERT INTO node_group (group_id, parent_id, group_name, group_type, description) VALUES"
HOME, ROOM = "home" * 5 + "AA", "room" * 5 + "AA"  # 22 characters, as every id of a group
NOBODY = "nobo" * 5 + "AA"
# a statement of SQL cannot be two here: what it needs comes before it in a CTE or a DO block
WITH_HOME = f"DO $$ BEGIN INSERT INTO node_group (group_id, group_name) VALUES ('{HOME}', 'h'), ('{ROOM}', 'r');"


def in_home(statement):
    return f"{WITH_HOME} {statement}; END $$"


CLOSURE = "INSERT INTO group_closure VALUES"
MEMBER = "INSERT INTO group_user (group_id, user_id, role) VALUES"
INSIDE = "INSERT INTO group_node (group_id, node_id, added_by) VALUES"
BIG = "jsonb_build_object('a', repeat('a', 8192))"

REFUSED = [
    ("node_group_pkey", in_home(f"INSERT INTO node_group (group_id, group_name) VALUES ('{HOME}', 'x')")),
    ("node_group_group_id_check", f"{GROUP} ('short', NULL, 'x', '', '')"),
    ("node_group_group_id_check", f"{GROUP} (repeat('+', 22), NULL, 'x', '', '')"),
    ("node_group_parent_id_fkey", f"{GROUP} ('{HOME}', '{NOBODY}', 'x', '', '')"),
    ("node_group_check", f"{GROUP} ('{HOME}', '{HOME}', 'x', '', '')"),
    ("node_group_group_name_check", f"{GROUP} ('{HOME}', NULL, '', '', '')"),
    ("node_group_group_name_check", f"{GROUP} ('{HOME}', NULL, repeat('a', 257), '', '')"),
    ("node_group_group_type_check", f"{GROUP} ('{HOME}', NULL, 'x', repeat('a', 65), '')"),
    ("node_group_description_check", f"{GROUP} ('{HOME}', NULL, 'x', '', repeat('a', 1025))"),
    ("node_group_custom_data_check", in_home("UPDATE node_group SET custom_data = '[]'")),
    ("node_group_custom_data_check", in_home(f"UPDATE node_group SET custom_data = {BIG}")),
    ("node_group_group_metadata_check", in_home("UPDATE node_group SET group_metadata = '1'")),
    ("node_group_group_metadata_check", in_home(f"UPDATE node_group SET group_metadata = {BIG}")),
    ("group_closure_pkey", in_home(f"{CLOSURE} ('{HOME}', '{HOME}', 0), ('{HOME}', '{HOME}', 0)")),
    ("group_closure_group_id_fkey", in_home(f"{CLOSURE} ('{NOBODY}', '{HOME}', 1)")),
    ("group_closure_ancestor_id_fkey", in_home(f"{CLOSURE} ('{HOME}', '{NOBODY}', 1)")),
    ("group_closure_depth_check", in_home(f"{CLOSURE} ('{HOME}', '{ROOM}', 3)")),
    ("group_closure_depth_check", in_home(f"{CLOSURE} ('{HOME}', '{ROOM}', -1)")),
    ("group_user_pkey", in_home(f"{MEMBER} ('{HOME}', '{USER}', 'primary'), ('{HOME}', '{USER}', 'secondary')")),
    ("group_user_group_id_fkey", f"{MEMBER} ('{NOBODY}', '{USER}', 'primary')"),
    ("group_user_user_id_fkey", in_home(f"{MEMBER} ('{HOME}', '{UNKNOWN}', 'primary')")),
    ("group_user_role_check", in_home(f"{MEMBER} ('{HOME}', '{USER}', 'other')")),
    ("group_user_metadata_check", in_home("INSERT INTO group_user (group_id, user_id, role, metadata) VALUES"
                                          f" ('{HOME}', '{USER}', 'primary', '[]')")),
    ("group_node_pkey", in_home(f"{INSIDE} ('{HOME}', '{NODE}', '{USER}'), ('{HOME}', '{NODE}', '{USER}')")),
    ("group_node_group_id_fkey", f"{INSIDE} ('{NOBODY}', '{NODE}', '{USER}')"),
    ("group_node_node_id_added_by_fkey", in_home(f"{INSIDE} ('{HOME}', '{NODE}', '{OTHER}')")),
]


@pytest.mark.parametrize("constraint, statement", REFUSED, ids=[f"{name}-{i}" for i, (name, _) in enumerate(REFUSED)])
def test_the_constraint_refuses(db, constraint, statement):  # noqa: F811
    with pytest.raises(psycopg2.IntegrityError) as refused:
        db.execute(statement)
    assert refused.value.diag.constraint_name == constraint


# --- the functions, one connection ------------------------------------------------------------------------------------


def name_of(short):
    """An id of 22 characters that can be read."""
    return short.ljust(22, "_")


def make(cursor, short, parent=None, user=USER, nodes=(), groups_max=200, nodes_max=500, fields='{"group_name": "g"}'):
    return one(cursor, "SELECT group_make(%s, %s, %s, %s::jsonb, %s::text[], %s, %s)", user, name_of(short),
               parent and name_of(parent), fields, list(nodes), groups_max, nodes_max)


def change(cursor, short, fields="{}", to=False, added=(), removed=(), user=USER, nodes_max=500):
    """to: the parent's name, None for the top, False for no move."""
    return one(cursor, "SELECT group_change(%s, %s, %s::jsonb, %s, %s, %s::text[], %s::text[], %s)", user, name_of(short), fields,
               to is not False, name_of(to) if to else None, list(added), list(removed), nodes_max)


def share(cursor, short, user=OTHER, role="secondary"):
    cursor.execute("INSERT INTO group_user (group_id, user_id, role) VALUES (%s, %s, %s)", (name_of(short), user, role))


def closure(cursor):
    """{(group, ancestor): depth} by the short names."""
    return {(group.rstrip("_"), above.rstrip("_")): depth
            for group, above, depth in rows(cursor, "SELECT group_id, ancestor_id, depth FROM group_closure")}


def parents(cursor):
    return {group.rstrip("_"): above and above.rstrip("_") for group, above in
            rows(cursor, "SELECT group_id, parent_id FROM node_group")}


def follows_from_parents(cursor):
    """The closure is what the parents say: each group with itself and whatever it lies in, three levels at most."""
    above, expected = parents(cursor), {}
    for group in above:
        at, depth = group, 0
        while at is not None:
            expected[group, at] = depth
            at, depth = above[at], depth + 1
            assert depth <= 3
    return closure(cursor) == expected


def nodes_in(cursor, short):
    return [node for (node,) in rows(cursor, "SELECT node_id FROM group_node WHERE group_id = %s ORDER BY 1", name_of(short))]


def sees(cursor, user=OTHER, node=NODE):
    return one(cursor, "SELECT node_role_of(%s, %s)", user, node)


def map_node(cursor, node, user=USER, role="primary"):
    cursor.execute("INSERT INTO node (node_id) VALUES (%s) ON CONFLICT DO NOTHING", (node,))
    cursor.execute("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, %s)", (node, user, role))


def test_the_shape_of_a_tree_follows_every_move(db):  # noqa: F811
    for group, parent in (("a", None), ("b", "a"), ("c", "b"), ("d", None), ("e", "d")):
        assert make(db, group, parent) == "ok"
    assert follows_from_parents(db) and closure(db)["c", "a"] == 2
    assert change(db, "c", to="d") == "ok" and follows_from_parents(db)
    assert change(db, "b", to=None) == "ok" and follows_from_parents(db)
    assert change(db, "d", to="b") == "ok" and follows_from_parents(db)  # with c and e
    assert closure(db)["e", "b"] == 2 and parents(db) == {"a": None, "b": None, "c": "d", "d": "b", "e": "d"}


def test_no_group_lies_deeper_than_three_levels_or_in_itself(db):  # noqa: F811
    for group, parent in (("a", None), ("b", "a"), ("c", "b"), ("d", None), ("e", "d")):
        make(db, group, parent)
    before = closure(db)
    assert make(db, "f", "c") == "depth"
    assert change(db, "d", to="b") == "depth" and change(db, "d", to="c") == "depth"
    assert change(db, "a", to="a") == change(db, "a", to="c") == change(db, "a", to="b") == "cycle"
    assert closure(db) == before and follows_from_parents(db)


def test_what_is_refused_has_changed_nothing(db):  # noqa: F811
    """The last of what is asked for is impossible; all before it has been done by then."""
    make(db, "a")
    make(db, "b")
    before = rows(db, "SELECT * FROM node_group ORDER BY 1"), closure(db)
    fields = '{"group_name": "new", "custom_data": {"k": 1}}'
    assert change(db, "a", fields, to="b", added=[NODE, "never"]) == "no_node"
    assert change(db, "a", fields, to="b", removed=[NODE]) == "no_node"
    assert change(db, "a", fields, to="b", added=[NODE], nodes_max=0) == "nodes_limit"
    assert make(db, "c", "a", nodes=["never"]) == "no_node" and make(db, "c", groups_max=2) == "groups_limit"
    assert (rows(db, "SELECT * FROM node_group ORDER BY 1"), closure(db)) == before and nodes_in(db, "a") == []


def test_another_s_group_is_unknown_and_a_shared_one_not_to_be_changed(db):  # noqa: F811
    make(db, "a", nodes=[NODE])
    for call in (lambda: change(db, "a", '{"group_name": "x"}', user=OTHER), lambda: make(db, "x", "a", user=OTHER),
                 lambda: change(db, "a", removed=[NODE], user=OTHER), lambda: change(db, "a", to=None, user=OTHER),
                 lambda: one(db, "SELECT group_delete(%s, %s)", OTHER, name_of("a")),
                 lambda: one(db, "SELECT group_unshare(%s, %s, 'ann@example.org')", OTHER, name_of("a"))):
        db.execute("SAVEPOINT s")
        assert call() == "unknown"
        share(db, "a")
        assert call() == "not_primary"
        db.execute("ROLLBACK TO s")
    assert change(db, "never") == one(db, "SELECT group_delete(%s, %s)", USER, name_of("never")) == "unknown"
    assert one(db, "SELECT group_leave(%s, %s)", OTHER, name_of("a")) == "unknown" and nodes_in(db, "a") == [NODE]


def test_nobody_takes_a_group_out_of_one_that_is_not_his(db):  # noqa: F811
    make(db, "a")
    make(db, "b", "a")
    make(db, "c", user=OTHER)
    share(db, "b", role="primary")
    assert change(db, "b", to="c", user=OTHER) == change(db, "b", to=None, user=OTHER) == "unknown"
    share(db, "a")
    assert change(db, "b", to="c", user=OTHER) == "not_primary"
    assert change(db, "b", '{"group_name": "mine"}', user=OTHER) == "ok"
    assert change(db, "a", to="c") == "unknown" and parents(db) == {"a": None, "b": "a", "c": None}


def test_who_comes_by_a_group_sees_the_nodes_of_those_who_own_them(db):  # noqa: F811
    make(db, "a")
    make(db, "b", "a", nodes=[NODE])
    assert sees(db) is None
    share(db, "a")
    assert sees(db) == "secondary"
    map_node(db, "later")
    assert change(db, "b", added=["later"]) == "ok" and sees(db, node="later") == "secondary"
    assert change(db, "b", removed=["later"]) == "ok" and sees(db, node="later") is None
    assert one(db, "SELECT group_unshare(%s, %s, 'bob@example.org')", USER, name_of("a")) == "ok" and sees(db) is None


def test_nobody_hands_on_what_is_only_shared_with_him_until_an_owner_does(db):  # noqa: F811
    third = one(db, "INSERT INTO account (user_name) VALUES ('eve@example.org') RETURNING user_id")
    map_node(db, NODE, OTHER, "secondary")
    make(db, "a", user=OTHER, nodes=[NODE])
    share(db, "a", third, "secondary")
    assert sees(db, third) is None
    share(db, "a", USER, "primary")
    assert change(db, "a", added=[NODE]) == "ok" and sees(db, third) == "secondary"
    db.execute("DELETE FROM node_user WHERE user_id = %s", (USER,))
    assert nodes_in(db, "a") == [] and sees(db, third) is None


def test_who_leaves_takes_the_own_nodes_along(db):  # noqa: F811
    make(db, "a", nodes=[NODE])
    make(db, "b", "a")
    share(db, "a", role="primary")
    map_node(db, "his", OTHER)
    assert change(db, "b", added=["his"], user=OTHER) == "ok" and sees(db, USER, "his") == "secondary"
    assert one(db, "SELECT group_leave(%s, %s)", OTHER, name_of("b")) == "by_parent"
    assert one(db, "SELECT group_leave(%s, %s)", OTHER, name_of("a")) == "ok"
    assert nodes_in(db, "b") == [] and nodes_in(db, "a") == [NODE] and sees(db, USER, "his") is None
    assert one(db, "SELECT group_leave(%s, %s)", USER, name_of("a")) == "last_primary"


def test_whose_membership_ends_by_a_move_takes_the_own_nodes_along(db):  # noqa: F811
    make(db, "a")
    make(db, "b", "a", nodes=[NODE])
    share(db, "a", role="primary")
    map_node(db, "his", OTHER)
    change(db, "b", added=["his"], user=OTHER)
    assert change(db, "b", to=None) == "ok"
    assert nodes_in(db, "b") == [NODE] and sees(db, USER, "his") is None and sees(db) is None
    assert rows(db, "SELECT user_id::text, role FROM group_user WHERE group_id = %s", name_of("b")) == [(USER, "primary")]


def test_a_primary_user_ends_a_secondary_one_s_share_and_no_other(db):  # noqa: F811
    def unshare(name, group="a"):
        return one(db, "SELECT group_unshare(%s, %s, %s)", USER, name_of(group), name)

    make(db, "a")
    make(db, "b", "a")
    assert unshare("bob@example.org") == unshare("nobody@example.org") == "not_shared"
    share(db, "a", role="primary")
    assert unshare("bob@example.org") == unshare("ann@example.org") == "other_primary"
    assert unshare("bob@example.org", "b") == "not_shared"


def test_of_exclusive_groups_on_a_level_the_last_has_the_node(db):  # noqa: F811
    alone = '{"group_name": "g", "mutually_exclusive": true}'
    for group, parent, fields in (("a", None, alone), ("b", "a", alone), ("c", "a", alone), ("d", "a", '{"group_name": "d"}'), ("e", None, alone)):
        assert make(db, group, parent, fields=fields, nodes=[NODE]) == "ok"
    assert [nodes_in(db, group) for group in "abcde"] == [[], [], [NODE], [NODE], [NODE]]
    assert change(db, "b", added=[NODE]) == "ok"
    assert [nodes_in(db, group) for group in "abcde"] == [[], [NODE], [], [NODE], [NODE]]
    assert change(db, "d", '{"mutually_exclusive": true}') == "ok"
    assert [nodes_in(db, group) for group in "abcde"] == [[], [], [], [NODE], [NODE]]
    assert change(db, "d", to=None) == "ok"  # beside e
    assert [nodes_in(db, group) for group in "abcde"] == [[], [], [], [NODE], []]


def test_an_exclusive_group_takes_nothing_from_the_groups_of_others(db):  # noqa: F811
    alone = '{"group_name": "g", "mutually_exclusive": true}'
    map_node(db, NODE, OTHER, "secondary")
    make(db, "a", fields=alone, nodes=[NODE])
    make(db, "b", fields=alone, nodes=[NODE], user=OTHER)
    assert nodes_in(db, "a") == nodes_in(db, "b") == [NODE]


def test_members_of_the_objects_are_merged_and_null_takes_them(db):  # noqa: F811
    def data():
        return rows(db, "SELECT custom_data, group_metadata FROM node_group")[0]

    make(db, "a", fields='{"group_name": "g", "custom_data": {"a": {"x": 1.10}, "b": 2}, "group_metadata": {"m": null, "n": 1}}')
    assert data() == ({"a": {"x": 1.10}, "b": 2}, {"n": 1})
    assert change(db, "a", '{"custom_data": {"b": null, "c": [null]}}') == "ok"
    assert data() == ({"a": {"x": 1.10}, "c": [None]}, {"n": 1})
    assert change(db, "a", '{"custom_data": null}') == "ok" and data() == ({}, {"n": 1})
    assert change(db, "a", '{"group_metadata": {"big": "%s"}}' % ("x" * 8192)) == "too_large" and data() == ({}, {"n": 1})


def test_a_group_goes_with_all_that_lies_in_it_and_leaves_the_nodes(db):  # noqa: F811
    for group, parent in (("a", None), ("b", "a"), ("c", "b")):
        make(db, group, parent, nodes=[NODE])
    assert one(db, "SELECT group_delete(%s, %s)", USER, name_of("b")) == "ok"
    assert parents(db) == {"a": None} and follows_from_parents(db) and nodes_in(db, "a") == [NODE]
    assert sees(db, USER) == "primary"


def test_a_deleted_account_takes_its_groups_unless_another_primary_user_is_in_them(db):  # noqa: F811
    make(db, "a", nodes=[NODE])
    make(db, "b")
    share(db, "b", role="primary")
    db.execute("DELETE FROM account WHERE user_id = %s", (USER,))
    assert parents(db) == {"b": None} and rows(db, "SELECT FROM group_node") == []


# --- at once ----------------------------------------------------------------------------------------------------------


class Pair:
    """Two connections to a database of their own, whose changes stay."""

    def __init__(self, cluster):  # noqa: F811
        self.cluster, self.name = cluster, cluster.migrated()
        self.connections = [cluster.connect(self.name) for _ in range(2)]
        self.one, self.two = (connection.cursor() for connection in self.connections)
        self.one.execute(SETTING)
        self.connections[0].commit()

    def at_once(self, first, second):
        """`first` is done and not committed when `second` begins; it is committed when `second` waits. Gives what `second` says."""
        said = []
        first(self.one)
        thread = threading.Thread(target=lambda: said.append(second(self.two)))
        thread.start()
        pid = self.connections[1].get_backend_pid()
        wait_for(lambda: said or self.cluster.sql("postgres", f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock'"))
        self.connections[0].commit()
        thread.join()
        self.connections[1].commit()
        return said[0]

    def close(self):
        for connection in self.connections:
            connection.close()


@pytest.fixture
def pair(cluster):  # noqa: F811
    both = Pair(cluster)
    yield both
    both.close()


def test_two_moves_that_would_make_a_cycle_one_is_refused(pair):
    make(pair.one, "a")
    make(pair.one, "b")
    pair.connections[0].commit()
    assert pair.at_once(lambda db: change(db, "a", to="b"), lambda db: change(db, "b", to="a")) == "cycle"
    assert parents(pair.one) == {"a": "b", "b": None} and follows_from_parents(pair.one)


def test_two_moves_that_would_lie_too_deep_one_is_refused(pair):
    for group, parent in (("a", None), ("b", None), ("c", "b"), ("d", None)):
        make(pair.one, group, parent)
    pair.connections[0].commit()
    assert pair.at_once(lambda db: change(db, "b", to="a"), lambda db: change(db, "d", to="c")) == "depth"
    assert follows_from_parents(pair.one)


def test_a_group_that_is_made_in_one_that_is_moved_lies_where_that_lies(pair):
    for group in "abc":
        make(pair.one, group)
    make(pair.one, "d", "c")
    pair.connections[0].commit()
    assert pair.at_once(lambda db: change(db, "a", to="b"), lambda db: make(db, "x", "a")) == "ok"
    assert pair.at_once(lambda db: change(db, "c", to="b"), lambda db: make(db, "y", "d")) == "depth"
    assert follows_from_parents(pair.one) and closure(pair.one)["x", "b"] == 2


def test_a_group_in_one_that_is_being_deleted_is_not_made(pair):
    make(pair.one, "a")
    make(pair.one, "b", "a")
    pair.connections[0].commit()
    assert pair.at_once(lambda db: one(db, "SELECT group_delete(%s, %s)", USER, name_of("a")), lambda db: make(db, "x", "b")) == "unknown"
    assert parents(pair.one) == {}


def test_a_group_that_is_being_made_goes_with_the_one_around_it(pair):
    make(pair.one, "a")
    make(pair.one, "b", "a")
    pair.connections[0].commit()
    assert pair.at_once(lambda db: make(db, "x", "b"), lambda db: one(db, "SELECT group_delete(%s, %s)", USER, name_of("a"))) == "ok"
    assert parents(pair.one) == {} and closure(pair.one) == {}


def test_a_node_that_is_being_unmapped_does_not_come_into_a_group(pair):
    make(pair.one, "a")
    pair.connections[0].commit()
    assert pair.at_once(lambda db: db.execute("DELETE FROM node_user"), lambda db: change(db, "a", added=[NODE])) == "no_node"
    assert nodes_in(pair.one, "a") == []


def test_a_node_that_is_being_put_in_falls_out_with_its_mapping(pair):
    make(pair.one, "a")
    pair.connections[0].commit()
    pair.at_once(lambda db: change(db, "a", added=[NODE]), lambda db: db.execute("DELETE FROM node_user"))
    assert nodes_in(pair.one, "a") == []


def test_who_leaves_while_putting_a_node_in_takes_it_along(pair):
    make(pair.one, "a")
    share(pair.one, "a", role="primary")
    pair.connections[0].commit()
    leave = lambda db: one(db, "SELECT group_leave(%s, %s)", USER, name_of("a"))  # noqa: E731
    assert pair.at_once(lambda db: change(db, "a", added=[NODE]), leave) == "ok"
    assert nodes_in(pair.one, "a") == [] and sees(pair.one) is None


def test_two_nodes_at_the_limit_one_is_refused(pair):
    make(pair.one, "a")
    map_node(pair.one, "n2")
    pair.connections[0].commit()
    put = lambda node: lambda db: change(db, "a", added=[node], nodes_max=1)  # noqa: E731
    assert pair.at_once(put(NODE), put("n2")) == "nodes_limit"
    assert nodes_in(pair.one, "a") == [NODE]


def test_two_groups_at_the_limit_one_is_refused(pair):
    assert pair.at_once(lambda db: make(db, "a", groups_max=1), lambda db: make(db, "b", groups_max=1)) == "groups_limit"
    assert parents(pair.one) == {"a": None}


def test_a_node_that_goes_into_two_exclusive_groups_at_once_is_in_one(pair):
    for group in "ab":
        make(pair.one, group, fields='{"group_name": "g", "mutually_exclusive": true}')
    pair.connections[0].commit()
    assert pair.at_once(lambda db: change(db, "a", added=[NODE]), lambda db: change(db, "b", added=[NODE])) == "ok"
    assert nodes_in(pair.one, "a") == [] and nodes_in(pair.one, "b") == [NODE]


def test_of_two_primary_users_who_leave_at_once_the_last_stays(pair):
    make(pair.one, "a")
    share(pair.one, "a", role="primary")
    pair.connections[0].commit()
    leave = lambda user: lambda db: one(db, "SELECT group_leave(%s, %s)", user, name_of("a"))  # noqa: E731
    assert pair.at_once(leave(USER), leave(OTHER)) == "last_primary"


def test_a_group_whose_last_two_primary_users_are_deleted_at_once_goes(pair):
    make(pair.one, "a")
    share(pair.one, "a", role="primary")
    pair.connections[0].commit()
    gone = lambda user: lambda db: db.execute("DELETE FROM account WHERE user_id = %s", (user,))  # noqa: E731
    pair.at_once(gone(USER), gone(OTHER))
    assert parents(pair.one) == {}


def test_two_merges_at_once_lose_nothing(pair):
    make(pair.one, "a")
    pair.connections[0].commit()
    put = lambda key: lambda db: change(db, "a", '{"custom_data": {"%s": 1}}' % key)  # noqa: E731
    assert pair.at_once(put("x"), put("y")) == "ok"
    assert one(pair.one, "SELECT custom_data FROM node_group") == {"x": 1, "y": 1}
