"""The long form: every fault as often as the table says, and what came of it into docs/reliability.md.

    BUILD=build SEED=7 python3 tests/faults/long.py [NAME ...]      those faults only; the other lines of the table stay

Each line is of the day that it was run. Ends with 1 when a promise did not hold.
"""

import os
import pathlib
import platform
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))

# pylint: disable=wrong-import-position
from faults import FAULTS, run
from stackkit import REPO, Stack

PAGE = REPO / "docs" / "reliability.md"
BEGIN, END = "<!-- make faults: begin -->", "<!-- make faults: end -->"
HEAD = ["| Fault | Times | Acknowledged | Lost | Doubled | Set back | Late, max | First commit, median / max | Backlog gone, max | Seed, day |",
        "|---|---|---|---|---|---|---|---|---|---|"]


def median(values):
    return sorted(values)[len(values) // 2] if values else 0.0


def line_of(fault, account, seed, holds):
    cells = [fault.name if holds else f"{fault.name} (**broken**)", len(account.strokes), f"{account.n_acknowledged:,}".replace(",", " "), len(account.lost),
             len(account.doubled), len(account.set_back), f"{account.late_max_s:.1f} s",
             f"{median(account.first_commit_s):.1f} / {max(account.first_commit_s):.1f} s", f"{max(account.caught_up_s):.1f} s",
             f"{seed}, {time.strftime('%Y-%m-%d')}"]
    return "| " + " | ".join(map(str, cells)) + " |"


def machine():
    model = next((line.partition(": ")[2] for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}, load {os.getloadavg()[0]:.1f} at the end"


def write(line, name):
    """Into the place of the fault's line of before, else at the end."""
    head, _, rest = PAGE.read_text().partition(BEGIN)
    table, _, tail = rest.partition(END)
    lines = {each.split("|")[1].strip().split(" ")[0]: each for each in table.strip().splitlines()[2:] if each.startswith("| ")}
    lines[name] = line
    order = [fault.name for fault in FAULTS]
    rows = [lines[each] for each in order if each in lines]
    PAGE.write_text(head + BEGIN + "\n" + "\n".join(HEAD + rows) + f"\n\nMachine of the last run: {machine()}.\n" + END + tail)


def main():
    seed = os.environ.get("SEED") or str(random.randrange(1_000_000))
    names = sys.argv[1:] or [fault.name for fault in FAULTS]
    known = {fault.name: fault for fault in FAULTS}
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"no such fault: {', '.join(unknown)}; there are {', '.join(known)}")
    failed, shared = False, None
    print(f"SEED={seed}", flush=True)
    try:
        for name in names:
            fault = known[name]
            if fault.stack:
                with fault.stack() as stack:
                    account = run(fault, fault.times_long, seed, stack, long=True)
            else:
                shared = shared or Stack()
                account = run(fault, fault.times_long, seed, shared, long=True)
            broken = fault.promise(account)
            failed |= bool(broken)
            print(name, account.summary(), *broken[:20], sep="\n  ", flush=True)
            write(line_of(fault, account, seed, not broken), name)
    finally:
        if shared:
            shared.close()
    return failed


if __name__ == "__main__":
    sys.exit(main())
