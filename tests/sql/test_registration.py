"""What the schema promises about registration in bulk: one row after the other, none takes another with it, and the queue of files."""

import base64
import hashlib
import itertools

import pytest

from test_identity import add_node, db, one, rows, run  # noqa: F401
from test_schema import USER, cluster, schema  # noqa: F401

CA = "ab" * 20
_numbers = itertools.count(1)


def row(node_id, key=None, certificate=None, serial=None):
    """The arguments of node_import for a certificate like no other, unless told."""
    number = next(_numbers)
    der = certificate or f"certificate {number}".encode()
    text = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(der).decode()}\n-----END CERTIFICATE-----\n"
    return (node_id, serial or f"{number:016X}", text, 0, 4102444800000000, key or hashlib.sha256(text.encode()).digest(), CA,
            hashlib.sha256(der).hexdigest())


def node_import(db, *arguments):  # noqa: F811
    return one(db, "SELECT node_import(%s, %s, %s, %s, %s, %s, %s, %s)", *arguments)


def test_a_row_is_added_once_and_then_present(db):  # noqa: F811
    arguments = row("imp-1")
    assert node_import(db, *arguments) == "added"
    assert node_import(db, *arguments) == "present"
    assert rows(db, "SELECT certificate_state(c), ca_key_id, fingerprint FROM node_certificate c WHERE node_id = 'imp-1'") == [
        ("pending", CA, arguments[7])]


def test_another_certificate_for_a_node_that_has_one_changes_nothing(db):  # noqa: F811
    first = row("imp-1")
    node_import(db, *first)
    assert node_import(db, *row("imp-1")) == "differs"
    assert rows(db, "SELECT serial FROM node_certificate WHERE node_id = 'imp-1'") == [(first[1],)]


def test_a_node_without_a_certificate_gets_it(db):  # noqa: F811
    add_node(db, "imp-1")
    assert node_import(db, *row("imp-1")) == "added"


@pytest.mark.parametrize("statement, said", [
    ("SELECT node_suspend('imp-1', true)", "suspended"), ("SELECT node_revoke('imp-1', 'x')", "revoked"),
])
def test_a_node_that_may_not_is_told_so(db, statement, said):  # noqa: F811
    arguments = row("imp-1")
    node_import(db, *arguments)
    db.execute(statement)
    assert node_import(db, *arguments) == said


def test_a_certificate_of_a_deleted_node_stays_refused_and_no_node_comes_of_it(db):  # noqa: F811
    arguments = row("imp-1")
    node_import(db, *arguments)
    db.execute("SELECT node_delete('imp-1')")
    assert node_import(db, *arguments) == "refused"
    assert rows(db, "SELECT 1 FROM node WHERE node_id = 'imp-1'") == []


def test_keys_and_serials_of_others_are_taken_and_no_node_comes_of_it(db):  # noqa: F811
    first = row("imp-1")
    node_import(db, *first)
    assert node_import(db, *row("imp-2", key=first[5])) == "key_taken"
    assert node_import(db, *row("imp-2", serial=first[1])) == "serial_taken"
    assert rows(db, "SELECT 1 FROM node WHERE node_id = 'imp-2'") == []
    db.execute("SELECT node_delete('imp-1')")
    assert node_import(db, *row("imp-2", key=first[5])) == "key_taken"  # for ever


def test_rows_of_one_statement_see_each_other_in_order(db):  # noqa: F811
    first = row("imp-1")
    batch = [first, first, row("imp-1"), row("imp-2", key=first[5]), row("imp-3")]
    said = run(db, "registration_import", *map(list, zip(*batch)))
    assert said == [("added",), ("present",), ("differs",), ("key_taken",), ("added",)]


def test_what_is_known_of_nodes_comes_in_the_order_asked(db):  # noqa: F811
    arguments = row("imp-1")
    node_import(db, *arguments)
    add_node(db, "imp-2")
    found = run(db, "registration_look", ["imp-2", "nobody", "imp-1", "imp-2"])
    assert [(state, fingerprint) for state, _, fingerprint, _ in found] == [
        ("active", None), (None, None), ("active", arguments[7]), ("active", None)]


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def begun(db):  # noqa: F811
    """A registration that was uploaded and begun."""
    db.execute("DELETE FROM registration")
    run(db, "registration_insert", "r1", USER, "certificates", "f.csv", b"h", None, "upload", 0)
    run(db, "registration_upload", "r1", b"h", "node_id\nn\n")
    run(db, "registration_begin", "r1", "{}")
    return db


def test_progress_only_goes_forward_and_a_second_worker_is_told(begun):
    for n_done, n_failed, text, affected in [(100, 1, "a\n", 1), (100, 2, "again\n", 0), (50, 9, "old\n", 0), (200, 3, "b\n", 1)]:
        run(begun, "registration_progress", "r1", n_done, n_failed, text)
        assert begun.rowcount == affected
    assert rows(begun, "SELECT n_done, n_failed, failed_rows FROM registration") == [(200, 3, "a\nb\n")]


def test_the_end_is_once_and_forgets_what_was_uploaded(begun):
    for affected in [1, 0]:
        run(begun, "registration_end", "r1", "failure", "2 rows, 1 failed")
        assert begun.rowcount == affected
    assert rows(begun, "SELECT state, content, description FROM registration") == [("failure", None, "2 rows, 1 failed")]
    assert run(begun, "registration_next") == []


def test_an_address_is_spent_by_the_start(begun):
    assert run(begun, "registration_may_upload", "r1", b"h") == []
    run(begun, "registration_upload", "r1", b"h", "other")
    assert begun.rowcount == 0


def test_the_md5_is_taken_in_both_forms_and_finds_another_content(db):  # noqa: F811
    db.execute("DELETE FROM registration")
    run(db, "registration_insert", "r1", USER, "certificates", "f.csv", b"h", "abc", "uploaded", 0)
    digest = hashlib.md5(b"abc")
    for told, fits in [(digest.hexdigest(), True), (digest.hexdigest().upper(), True),
                       (base64.b64encode(digest.digest()).decode(), True), ("0" * 32, False), ("", False)]:
        assert run(db, "registration_find", USER, "r1", "f.csv", told) == [("r1", "uploaded", fits)]


def test_old_ones_are_forgotten_and_those_in_progress_are_not(begun):
    for n in range(110):
        run(begun, "registration_insert", f"x{n}", USER, "node_ids", "", None, "node_id\n", "success", 1)
    begun.execute("UPDATE registration SET changed_at = now() - interval '8 days' WHERE request_id IN ('x0', 'r1')")
    begun.execute("UPDATE registration SET created_at = now() - interval '1 minute' WHERE request_id IN ('x0', 'x1', 'x2')")
    run(begun, "registration_forget", USER)
    left = {request_id for (request_id,) in rows(begun, "SELECT request_id FROM registration")}
    assert "r1" in left and "x0" not in left
    assert len(left - {"r1"}) == 99 and not {"x1", "x2"} & left
