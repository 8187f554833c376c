"""Figures beside their baselines, taken in turns in one run on one machine (design: ratios, never absolute numbers).

    make bench [FIGURES='ingest get'] [ROUNDS=3] [NODES=50] [MESSAGES=2000] [WINDOW=20] [PARAMS=1] [SECONDS=5] [SCALE='1000 100000 1000000']

FIGURES: words of the groups (load ingest plugin checks get put commit connects control scale list) or of the rows' names; all
without. Prints a table and keeps a JSON line a figure in docs/performance.jsonl (RESULTS=file for another), from which the table of
docs/performance.md is made: `python3 tests/bench/bench.py --page`. What each row is: figures.py; how it is taken: groups.py.
"""

import json
import os
import pathlib
import signal
import sys
import time

import figures
import machine

REPO = pathlib.Path(__file__).resolve().parents[2]
RESULTS = pathlib.Path(os.environ.get("RESULTS", REPO / "docs" / "performance.jsonl"))
PAGE = REPO / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by tests/bench/bench.py --page -->\n", "<!-- end of figures -->\n"


def chosen(rows, words):
    groups = {row.group for row in rows}
    return [row for row in rows if not words or any(word == row.group if word in groups else word in row.name for word in words)]


def measure(rig, make, rows, rounds):
    """The results of one group's rows."""
    results = {row.name: figures.Result(row, [], [], []) for row in rows}
    one_round, close = make(rig)
    try:
        for _ in range(rounds):
            for name, (ours, baseline, detail) in one_round().items():
                if name in results:
                    results[name].ours.append(ours)
                    results[name].baseline.append(baseline)
                    results[name].detail.append(detail)
    finally:
        if close:
            close()
    return list(results.values())


def keep(results, about):
    with open(RESULTS, "a") as out:
        for result in results:
            out.write(json.dumps(about | result.record(), ensure_ascii=False) + "\n")


def newest(path):
    """The last record of each figure, in the order of the table."""
    records = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        records[record["figure"]] = record
    order = [row.name for row in figures.all_rows([1000, 100000, 1000000])]
    return [records[name] for name in order if name in records]


def write_page():
    text = PAGE.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    records = newest(RESULTS)
    PAGE.write_text(before + BEGIN + figures.markdown([figures.Result.of_record(record) for record in records]) + END + after)


def main():
    words = sys.argv[1:]
    if words == ["--page"]:
        write_page()
        return
    import groups  # they need the packages of the scenarios; the arithmetic does not
    import bench_rig as rigs

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # with everything that was started
    settings = rigs.Settings(os.environ)
    rows = chosen(figures.all_rows(settings.sizes), words)
    if not rows:
        sys.exit(f"no figure has {' or '.join(words)} in its name")
    about = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine.describe(), "settings": vars(settings)}
    rig, results = rigs.Rig(settings), []
    try:
        for group in dict.fromkeys(row.group for row in rows):
            measured = measure(rig, groups.GROUPS[group], [row for row in rows if row.group == group], settings.rounds)
            keep(measured, about)
            results += measured
            print(figures.plain(measured).partition("\n")[2], end="", flush=True)
    finally:
        rig.close()
    print("\n" + figures.plain(results), end="")


if __name__ == "__main__":
    main()
