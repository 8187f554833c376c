"""What is measured: one row a figure, in the order of the printed table, and the arithmetic of a row. No I/O.

A row's ratio is ours / baseline of each round; its median is held to the bar. The bars are the design's: `docs/performance.md`.
"""

import dataclasses
import math
import statistics

AT_LEAST, AT_MOST, VALUE_AT_MOST, NO_BAR = "ratio ≥", "ratio ≤", "value ≤", ""


@dataclasses.dataclass(frozen=True)
class Row:
    group: str  # the function that measures it
    name: str
    unit: str
    baseline: str
    kind: str = NO_BAR
    bar: float = 0.0


def size_name(n):
    """1000000 -> '1 000 000'."""
    return f"{n:,}".replace(",", " ")


def scale_rows(sizes):
    """The figures of growing tables, each against the smallest size."""
    base = size_name(sizes[0])
    rows = []
    for size in sizes[1:]:
        last = size == sizes[-1]
        rows += [
            Row("scale", f"cost of a message, {size_name(size)} nodes", "µs of CPU", f"its own with {base}", AT_MOST, 1.5),
            Row("scale", f"durable ingest, {size_name(size)} nodes", "messages/s", f"its own with {base}", NO_BAR),
            Row("scale", f"memory of cisternd, {size_name(size)} nodes", "MiB", f"its own at {base}", AT_MOST, 1.2),
            Row("scale", f"start-up, {size_name(size)} nodes", "ms", f"its own at {base}", AT_MOST if last else NO_BAR, 1.5 if last else 0),
        ]
    return rows


CONTROL = ["config", "user/mapping", "otafetch", "alert"]


def all_rows(sizes):
    return [
        Row("load", "load generator against a sink", "messages/s", "the same load into the broker", AT_LEAST, 2.0),
        Row("load", "CPU of the load generator", "µs a message", "the broker's", AT_MOST, 0.5),
        Row("ingest", "durable ingest", "messages/s", "a client that only discards, same load and broker", AT_LEAST, 0.6),
        Row("plugin", "plugin cost", "messages/s", "no plugin, no access rules, same load", AT_LEAST, 0.97),
        Row("checks", "a check of the plugin", "µs", "none: the bar is a time", VALUE_AT_MOST, 1.0),
        Row("get", "GET params", "requests/s", "pgbench -M prepared select-only, same connections", AT_LEAST, 0.5),
        Row("put", "PUT params → node, p50", "ms", "publish → subscriber, bare broker", AT_MOST, 2.0),
        Row("put", "PUT params → node, p99", "ms", "publish → subscriber, bare broker", AT_MOST, 2.0),
        Row("commit", "report → committed at half load, p99", "ms", "one INSERT + commit, at the same load", AT_MOST, 10.0),
        Row("commit", "report → committed at half load, p99 (quiet)", "ms", "one INSERT + commit, on a quiet machine", AT_MOST, 10.0),
        Row("connects", "connects", "connects/s", "the broker without plugin", AT_LEAST, 0.95),
        *[Row("control", f"{kind} → committed while bulk is at its maximum, p99", "ms", "its own without load", VALUE_AT_MOST, 100.0)
          for kind in CONTROL],
        *scale_rows(sizes),
        Row("list", "node_list, 100 with details, p99", "ms", "pgbench of the same two statements", NO_BAR),
    ]


def percentile(values, percent):
    """By nearest rank: the smallest value that at least so many percent of all do not exceed."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclasses.dataclass
class Result:
    """The rounds of one row. `detail` is what else the rounds say, a dictionary each."""

    row: Row
    ours: list
    baseline: list  # of None, when there is none
    detail: list

    def ratios(self):
        return [ours / base for ours, base in zip(self.ours, self.baseline) if base]

    def judged(self):
        """What the bar is held against, or None."""
        values = {AT_LEAST: self.ratios, AT_MOST: self.ratios, VALUE_AT_MOST: lambda: self.ours}.get(self.row.kind)
        return statistics.median(values()) if values and values() else None

    def holds(self):
        """True, False, or None when there is no bar."""
        value = self.judged()
        if value is None:
            return None
        return value >= self.row.bar if self.row.kind == AT_LEAST else value <= self.row.bar

    def record(self):
        return {"figure": self.row.name, "unit": self.row.unit, "baseline_is": self.row.baseline, "kind": self.row.kind, "bar": self.row.bar,
                "ours": self.ours, "baseline": self.baseline, "ratio": [round(ratio, 4) for ratio in self.ratios()],
                "holds": self.holds(), "detail": self.detail}

    @classmethod
    def of_record(cls, record):
        row = Row("", record["figure"], record["unit"], record["baseline_is"], record["kind"], record["bar"])
        return cls(row, record["ours"], record["baseline"], record["detail"])


def number(value):
    """Three digits that matter."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}".replace(",", " ")


def spread(values):
    """median (lowest–highest)"""
    values = [value for value in values if value is not None]
    if not values:
        return "–"
    return f"{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})"


HEADINGS = ["Figure", "Unit", "Ours", "Baseline", "Ratio", "Bar", ""]


def cells(result):
    verdict = {True: "holds", False: "**short**", None: ""}[result.holds()]
    bar = f"{result.row.kind} {result.row.bar:g}" if result.row.kind else "–"
    return [result.row.name, result.row.unit, spread(result.ours), spread(result.baseline), spread(result.ratios()), bar, verdict]


def markdown(results):
    lines = [HEADINGS, ["---"] * len(HEADINGS)] + [cells(result) for result in results]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def plain(results):
    """The same for a terminal."""
    lines = [HEADINGS] + [[cell.strip("*") for cell in cells(result)] for result in results]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    return "".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() + "\n" for line in lines)
