"""A batch that comes again is recognised row by row, and that costs the same however much the node has sent in a week."""

import re

import pytest

from test_schema import NODE, REPO, cluster, db, schema  # noqa: F401

TEXT = (REPO / "sql" / "queries" / "report.sql").read_text()
N_STORED, N_AGAIN = 7000, 500
PAGES_A_ROW = 20  # of an index and its table; 873 before there was an index for it
MID = "1 + i %% 65535"
DIGEST = "decode(lpad(to_hex(i), 64, '0'), 'hex')"

# table: what N_STORED rows are made of, and the arguments that say the last N_AGAIN of them once more
KINDS = {
    "alert": (
        f"INSERT INTO alert (node_id, kind, body, received_at, delivery_mid, digest) SELECT %(node)s, 'text', '\"x\"', now(), {MID}, {DIGEST}",
        f"array_agg(%(node)s::text), array_agg('text'::text), array_agg('\"x\"'::text), array_agg(false), array_agg(time_us_of_now), array_agg(({MID})::bigint),"
        f" array_agg({DIGEST}), array_agg(true)"),
    "ota_status": (
        f"INSERT INTO ota_status (node_id, ota_job_id, status, additional_info, node_ts, received_at, delivery_mid, digest)"
        f" SELECT %(node)s, 'j', 'success', '', -1, now(), {MID}, {DIGEST}",
        f"array_agg(%(node)s::text), array_agg('j'::text), array_agg('success'::text), array_agg(''::text), array_agg(-1::bigint),"
        f" array_agg(time_us_of_now), array_agg(({MID})::bigint), array_agg({DIGEST}), array_agg(true)"),
    "dead_letter": (
        f"INSERT INTO dead_letter (topic, reason, payload, payload_bytes, received_at, delivery_mid, digest)"
        f" SELECT %(node)s, 'r', '', 0, now(), {MID}, {DIGEST}",
        f"array_agg(%(node)s::text), array_agg('r'::text), array_agg(''::bytea), array_agg(0::bigint), array_agg(time_us_of_now),"
        f" array_agg(({MID})::bigint), array_agg({DIGEST}), array_agg(true)"),
}


@pytest.mark.parametrize("analyzed", [False, True], ids=["no_statistics", "statistics"])
@pytest.mark.parametrize("table", KINDS)
def test_a_repeated_row_is_found_without_reading_the_week(db, table, analyzed):  # noqa: F811
    stored, again = KINDS[table]
    db.execute(f"{stored} FROM generate_series(1, %(n)s) i", {"node": NODE, "n": N_STORED})
    if analyzed:
        db.execute(f"ANALYZE {table}")
    statement = re.search(rf"-- name: report_{table}\n(.*?);", TEXT, re.S).group(1)
    db.execute(f"SELECT {again.replace('time_us_of_now', '(extract(epoch FROM now()) * 1000000)::bigint')}"
               " FROM generate_series(%(first)s, %(n)s) i", {"node": NODE, "first": N_STORED - N_AGAIN + 1, "n": N_STORED})
    arguments = db.fetchone()
    db.execute(f"PREPARE again AS {statement}")
    db.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) EXECUTE again ({', '.join(['%s'] * len(arguments))})",
               [[bytes(each) if isinstance(each, memoryview) else each for each in column] for column in arguments])
    plan = "\n".join(line for line, in db.fetchall())
    db.execute("DEALLOCATE again")
    pages = sum(map(int, re.findall(r"(?:hit|read)=(\d+)", plan.split("\n")[1])))
    db.execute(f"SELECT count(*) FROM {table} WHERE digest = ANY(%s)", [arguments[-2]])
    assert db.fetchone() == (N_AGAIN,), "a row was stored again"
    assert pages <= N_AGAIN * PAGES_A_ROW, plan
