"""The table of faults: each row is one kind of harm, how often it is done, and what is promised across it.

A fault is a function run(rig, rng) that does the harm once and returns when it is over; the rig waits for the recovery and keeps the
books. What it needs beyond the shared stack it makes itself and takes away again, or it names a `stack` of its own.
"""

import dataclasses
import random
import typing

import clocks
import database
import links
import processes
from rig import Rig

# --- promises: what is wrong with an account, a line each --------------------------------------------------------------


def kept(account):
    """all kept, once"""
    wrong = [f"lost: {each}" for each in account.lost]
    wrong += [f"set back: {each}" for each in account.set_back]
    return wrong + not_doubled(account)


def not_doubled(account):
    wrong = [f"doubled: {each}" for each in account.doubled]
    wrong += [f"older than acknowledged at the end: {each}" for each in account.behind]
    wrong += [f"nobody was acknowledged this: {each}" for each in account.unknown]
    return wrong


def saved_by_the_broker(account):
    """all kept, once, but for what the broker acknowledged since its last save"""
    kills = [began for began, _ in account.strokes]
    ends = [ended for _, ended in account.strokes]
    wrong = [f"lost, and not of the last moments of a broker: {each}" for each in account.lost
             if not any(ended - processes.AUTOSAVE_S - 1 <= each[0] <= ended for ended in ends)]
    wrong += [f"set back, and not by a new broker: {each}" for each in account.set_back
              if not any(began <= each[3] for began in kills)]
    return wrong + not_doubled(account)


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str                # in the table of docs/reliability.md; `make faults FAULTS=name`
    times_short: int         # in `make test`
    times_long: int          # in `make faults`
    run: typing.Callable     # run(rig, rng)
    promise: typing.Callable = kept
    stack: typing.Callable | None = None  # a context manager that gives a stack of its own; None: the shared one
    between: tuple = (1, 300)  # alerts acknowledged between two of them


FAULTS = [
    Fault("daemon-kill", 2, 50, processes.daemon_killed),
    Fault("daemon-term", 2, 50, processes.daemon_ended),
    Fault("database-stop", 2, 20, processes.database_stopped),
    Fault("database-freeze", 1, 3, processes.database_frozen),
    Fault("database-freeze-daemon-kill", 1, 20, processes.daemon_killed_while_the_database_is_frozen),
    Fault("commit-stall-daemon-kill", 1, 20, database.daemon_killed_while_commits_stall),
    Fault("commit-stall", 1, 2, database.commits_stalled),
    Fault("poisoned-batch", 1, 10, database.batch_poisoned),
    Fault("migration", 1, 5, database.migrated),
    Fault("broker-kill", 2, 20, processes.broker_killed, saved_by_the_broker),
    Fault("broker-restart", 2, 20, processes.broker_restarted),
    Fault("daemon-clock", 1, 10, clocks.daemon_clock_stepped),
    Fault("broker-clock", 1, 5, clocks.broker_clock_stepped),
    Fault("database-slow-100ms", 1, 3, links.database_slow_by_100_ms, stack=links.SlowDatabase),
    Fault("database-slow-2s", 1, 3, links.database_slow_by_2_s, stack=links.SlowDatabase),
    Fault("database-disk-full", 1, 10, links.database_disk_full, stack=links.SmallDatabaseDisk),
    Fault("database-disk-full-kill", 1, 10, links.database_disk_full_and_killed, stack=links.SmallDatabaseDisk),
    Fault("broker-disk-full", 1, 10, links.broker_disk_full, stack=links.SmallBrokerDisk),
    Fault("broker-disk-full-kill", 1, 10, links.broker_disk_full_and_killed, saved_by_the_broker, stack=links.SmallBrokerDisk),
    Fault("daemon-link-dead", 1, 10, links.daemon_link_dead, stack=links.NetworkStack),
    Fault("daemon-link-half-open", 1, 6, links.daemon_connections_dead, stack=links.NetworkStack),
    Fault("node-links-half-open", 1, 10, links.node_links_dead),
    Fault("packets-lost", 1, 5, links.packets_lost, stack=links.NetworkStack),
    Fault("deliveries-repeated", 2, 50, links.deliveries_repeated_and_shuffled, stack=links.RepeatingStack),
]


def run(fault, times, seed, stack, long=False):
    """The fault so many times on this stack; gives the account."""
    with Rig(stack, random.Random(f"{seed} {fault.name}"), between=fault.between, long=long) as rig:
        for _ in range(times):
            rig.strike(fault.run)
        return rig.finish()
