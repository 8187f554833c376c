"""The arithmetic of `make bench`, its table of figures, and the page that shows them. Nothing is measured here."""

import json
import pathlib
import sys

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests" / "bench"))
import bench  # noqa: E402
import figures  # noqa: E402
from figures import AT_LEAST, AT_MOST, NO_BAR, VALUE_AT_MOST, Result, Row, number, percentile, spread  # noqa: E402

SIZES = [1000, 100000, 1000000]


def result(kind, bar, ours, baseline):
    return Result(Row("group", "name", "unit", "baseline", kind, bar), ours, baseline, [{}] * len(ours))


@pytest.mark.parametrize("values, percent, expected", [
    ([7], 50, 7), ([7], 99, 7), ([1, 2, 3, 4], 50, 2), ([4, 3, 2, 1], 50, 2), ([1, 2, 3, 4, 5], 50, 3), ([1, 2, 3, 4], 100, 4),
    ([1, 2, 3, 4], 0, 1), (list(range(1, 101)), 99, 99), (list(range(1, 1001)), 99, 990), (list(range(1, 100)), 99, 99),
    ([1] * 98 + [50, 60], 99, 50),
])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(values, percent, expected):
    assert percentile(values, percent) == expected


def test_there_is_no_percentile_of_nothing():
    with pytest.raises(ValueError):
        percentile([], 50)


def test_a_ratio_is_of_the_two_that_were_taken_together():
    assert result(AT_LEAST, 1, [10, 30], [5, 10]).ratios() == [2, 3]


@pytest.mark.parametrize("kind, bar, ours, baseline, expected", [
    (AT_LEAST, 0.6, [6, 6, 1], [10, 10, 10], True), (AT_LEAST, 0.6, [5.9, 5.9, 10], [10, 10, 10], False),
    (AT_MOST, 2, [20, 20, 90], [10, 10, 10], True), (AT_MOST, 2, [21, 21, 10], [10, 10, 10], False),
    (VALUE_AT_MOST, 100, [100, 99, 500], [1, 1, 1], True), (VALUE_AT_MOST, 1, [1.1], [None], False), (VALUE_AT_MOST, 1, [0.9], [None], True),
    (NO_BAR, 0, [1], [1000], None), (AT_LEAST, 0.6, [1], [None], None),
])
def test_the_median_is_held_to_the_bar(kind, bar, ours, baseline, expected):
    assert result(kind, bar, ours, baseline).holds() is expected


def test_what_is_short_is_said_in_the_table():
    table = figures.markdown([result(AT_LEAST, 0.6, [5], [10]), result(AT_LEAST, 0.5, [5], [10])]).splitlines()
    assert "short" in table[2] and "holds" not in table[2]
    assert "holds" in table[3] and "short" not in table[3]


@pytest.mark.parametrize("value, text", [(0, "0"), (0.01234, "0.0123"), (0.5, "0.500"), (9.876, "9.88"), (47.04, "47.0"), (1234567, "1 234 567")])
def test_three_digits_are_shown(value, text):
    assert number(value) == text


def test_a_spread_is_median_lowest_and_highest():
    assert spread([3, 1, 2]) == "2.00 (1.00–3.00)"
    assert spread([None]) == "–"


def test_a_record_gives_the_same_row_again():
    before = result(AT_MOST, 2, [3.0, 5.0], [2.0, 2.0])
    after = Result.of_record(json.loads(json.dumps(before.record())))
    assert figures.cells(after) == figures.cells(before)
    assert before.record()["ratio"] == [1.5, 2.5]


# the design's list of figures and bars, and what a service must hold under load
@pytest.mark.parametrize("name, kind, bar", [
    ("durable ingest", AT_LEAST, 0.6), ("plugin cost", AT_LEAST, 0.97), ("a check of the plugin", VALUE_AT_MOST, 1), ("GET params", AT_LEAST, 0.5),
    ("PUT params → node, p50", AT_MOST, 2), ("PUT params → node, p99", AT_MOST, 2), ("report → committed at half load, p99", AT_MOST, 10),
    ("connects", AT_LEAST, 0.95), ("memory of cisternd, 1 000 000 nodes", AT_MOST, 1.2), ("cost of a message, 1 000 000 nodes", AT_MOST, 1.5),
    ("config → committed while bulk is at its maximum, p99", VALUE_AT_MOST, 100), ("user/mapping → committed while bulk is at its maximum, p99", VALUE_AT_MOST, 100),
    ("otafetch → committed while bulk is at its maximum, p99", VALUE_AT_MOST, 100), ("alert → committed while bulk is at its maximum, p99", VALUE_AT_MOST, 100),
])
def test_every_figure_of_the_design_has_a_row_with_its_bar(name, kind, bar):
    (row,) = [row for row in figures.all_rows(SIZES) if row.name == name]
    assert (row.kind, row.bar) == (kind, bar)


def test_names_of_rows_are_used_once_and_each_group_is_measured_by_a_function():
    import groups

    rows = figures.all_rows(SIZES)
    assert len({row.name for row in rows}) == len(rows)
    assert {row.group for row in rows} == set(groups.GROUPS)


def test_a_group_is_chosen_by_its_name_and_a_row_by_a_part_of_its_own():
    rows = figures.all_rows(SIZES)
    assert [row.name for row in bench.chosen(rows, ["ingest"])] == ["durable ingest"]
    assert {row.name for row in bench.chosen(rows, ["start-up", "GET"])} == {"GET params", "start-up, 100 000 nodes", "start-up, 1 000 000 nodes"}
    assert bench.chosen(rows, []) == rows and bench.chosen(rows, ["nothing of that name"]) == []


def test_the_newest_record_of_a_figure_is_shown(tmp_path):
    kept = tmp_path / "kept.jsonl"
    old, new = (result(AT_LEAST, 0.6, [value], [10]).record() | {"figure": "durable ingest"} for value in (1, 2))
    kept.write_text(json.dumps(old) + "\n" + json.dumps(new) + "\n")
    assert [record["ours"] for record in bench.newest(kept)] == [[2]]


def test_the_page_shows_what_is_kept():
    page = (REPO / "docs" / "performance.md").read_text()
    records = bench.newest(REPO / "docs" / "performance.jsonl")
    assert records
    assert figures.markdown([Result.of_record(record) for record in records]) == page.split(bench.BEGIN)[1].split(bench.END)[0]


def test_what_is_kept_says_where_and_how_it_was_taken():
    for record in bench.newest(REPO / "docs" / "performance.jsonl"):
        assert record["machine"].keys() >= {"cpu", "cores", "kernel", "mosquitto", "postgresql", "openssl", "commit"}
        assert record["settings"].keys() >= {"rounds", "nodes", "messages", "window"}
