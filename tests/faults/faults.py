"""The table of faults: each row is one kind of harm, how often it is done, and what is promised across it.

A fault is a function run(rig, rng) that does the harm once and returns when it is over; the rig waits for the recovery and keeps the
books. What it needs beyond the shared stack it makes itself and takes away again, or it names a `stack` of its own.
"""

import dataclasses
import random
import signal
import typing

from rig import Rig

# --- promises: what is wrong with an account, a line each --------------------------------------------------------------


def kept(account):
    """all kept, once"""
    wrong = [f"lost: {each}" for each in account.lost]
    wrong += [f"doubled: {each}" for each in account.doubled]
    wrong += [f"set back: {each}" for each in account.set_back]
    wrong += [f"older than acknowledged at the end: {each}" for each in account.behind]
    wrong += [f"nobody was acknowledged this: {each}" for each in account.unknown]
    return wrong


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str                # in the table of docs/reliability.md; `make faults FAULTS=name`
    times_short: int         # in `make test`
    times_long: int          # in `make faults`
    run: typing.Callable     # run(rig, rng)
    promise: typing.Callable = kept
    stack: typing.Callable | None = None  # a context manager that gives a stack of its own; None: the shared one
    between: tuple = (1, 300)  # alerts acknowledged between two of them


# --- processes --------------------------------------------------------------------------------------------------------


def daemon_killed(rig, _rng):
    rig.kill("cisternd", signal.SIGKILL)


def database_stopped(rig, _rng):
    rig.kill("postgres", signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends: no checkpoint, recovery at the next start


FAULTS = [
    Fault("daemon-kill", 3, 50, daemon_killed),
    Fault("database-stop", 2, 20, database_stopped),
]


def run(fault, times, seed, stack):
    """The fault so many times on this stack; gives the account."""
    with Rig(stack, random.Random(f"{seed} {fault.name}"), between=fault.between) as rig:
        for _ in range(times):
            rig.strike(fault.run)
        return rig.finish()
