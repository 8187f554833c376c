"""Faults of what lies between: a slow way to the database, links of which one side hears nothing, deliveries that come twice and in
another order, disks that are full."""

import contextlib
import os
import shutil
import signal

from injectors import half_open, small_disk
from injectors.half_open import Drop
from injectors.repeating_link import put_between
from injectors.slow_database import SlowDatabase, slow
from processes import SAVES
from proxykit import set_daemon
from stackkit import Stack

# --- slow -------------------------------------------------------------------------------------------------------------


def database_slow_by_100_ms(rig, _rng):
    with slow(rig.stack, 0.1):
        rig.hold(30 if rig.long else 4)


def database_slow_by_2_s(rig, _rng):
    with slow(rig.stack, 2.0):
        rig.hold(60 if rig.long else 8)


# --- half-open --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def NetworkStack():
    """Its daemon reaches the broker over TCP and TLS, as from another machine: the socket on the same one cannot be half-open."""
    stack = Stack()
    try:
        set_daemon(stack, broker_host="127.0.0.1")
        yield stack
    finally:
        stack.close()


def daemon_link_dead(rig, rng):
    """No packet of one direction, or of both, between daemon and broker, new connections included."""
    direction = rng.choice(["to", "from", "both"])
    with Drop(int(rig.stack.environment["CISTERN_SERVICE_PORT"]), direction):
        rig.hold(rng.uniform(2, 60) if rig.long else rng.uniform(2, 6))


def daemon_connections_dead(rig, rng):
    """As when a router has forgotten them: the connections that there are carry nothing any more in one direction, new ones are whole.
    Over when the daemon has given the last of them up."""
    port = int(rig.stack.environment["CISTERN_SERVICE_PORT"])
    direction = rng.choice(["to", "from", "both"])
    daemon = rig.stack.pid("cisternd")
    clients = half_open.connections(port)[daemon]
    with contextlib.ExitStack() as drops:
        for client in clients:
            drops.enter_context(Drop(port, direction, client=client))
        rig.wait_for(lambda: not clients & half_open.connections(port).get(daemon, set()), "the end of the dead connections")


def node_links_dead(rig, rng):
    """The connections of a few nodes, each in a direction of its own; they come back on another one when they have waited long
    enough for an acknowledgement."""
    port = rig.stack.mqtt_port
    struck = rng.sample(rig.publishers, 3)
    before = sum(publisher.reconnects for publisher in struck)
    with contextlib.ExitStack() as drops:
        for publisher in struck:
            client = publisher.client.socket.getsockname()[1]
            drops.enter_context(Drop(port, rng.choice(["to", "from", "both"]), client=client))
        rig.wait_for(lambda: sum(publisher.reconnects for publisher in struck) >= before + 3, "other connections of the nodes")


def packets_lost(rig, rng):
    """A third of all packets of every link."""
    with contextlib.ExitStack() as drops:
        for port in (int(rig.stack.environment["CISTERN_SERVICE_PORT"]), rig.stack.mqtt_port):
            drops.enter_context(Drop(port, "both", share=0.3))
        rig.hold(rng.uniform(5, 20) if rig.long else 3)


# --- repeated and shuffled --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def RepeatingStack():
    stack = Stack()
    try:
        stack.link = put_between(stack)
        yield stack
        stack.link.close()
    finally:
        stack.close()


def deliveries_repeated_and_shuffled(rig, rng):
    """Everything that the broker hands over comes twice, the nodes' messages among each other in another order each time; then the
    acknowledgements of some hundred messages get lost with the connection."""
    link = rig.stack.link
    link.shuffle, link.repeat = rng, True
    repeated = link.n_repeated
    rig.go_on()
    rig.wait_for(lambda: link.n_repeated > repeated, "a repeated window")
    link.lose_acknowledgements()
    lost = link.n_lost_acknowledgements
    goal = rng.randrange(1, 500)
    rig.wait_for(lambda: link.n_lost_acknowledgements >= lost + goal, "lost acknowledgements")
    link.shuffle, link.repeat = None, False
    link.cut()


# --- full -------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def stack_with_a_small_disk(place, megabytes):
    """The folder of that name in the stack's home lies on a disk of its own. Made on the big one first: PostgreSQL wants its folder
    to be empty, and moves it."""
    stack = Stack()
    folder, first = stack.home / place, stack.home / f"{place}.first"
    try:
        stack.stop()
        folder.rename(first)
        with small_disk.SmallDisk(folder, megabytes) as disk:
            shutil.copytree(first, folder, dirs_exist_ok=True, symlinks=True, copy_function=shutil.copy2)
            for each in [first, *first.rglob("*")]:
                status = each.lstat()
                shutil.chown(folder / each.relative_to(first), status.st_uid, status.st_gid)
            stack.disk = disk
            stack.start()
            stack.wait_ready()
            yield stack
            stack.stop()
    finally:
        stack.close()


def SmallDatabaseDisk():
    return stack_with_a_small_disk("pg", 192)


def SmallBrokerDisk():
    return stack_with_a_small_disk("broker", 16)


NO_SPACE = "No space left on device"


def database_disk_full(rig, rng):
    seen = rig.stack.log("postgres").count(NO_SPACE)
    rig.stack.disk.fill()
    try:
        rig.wait_for(lambda: rig.stack.log("postgres").count(NO_SPACE) > seen, "a write that PostgreSQL could not do")
        rig.hold(rng.uniform(1, 20) if rig.long else 2)
    finally:
        rig.stack.disk.free()


def database_disk_full_and_killed(rig, rng):
    """PostgreSQL is stopped at once while it is full, and has to recover on a full disk."""
    rig.stack.disk.fill()
    try:
        rig.go_on()
        rig.kill("postgres", signal.SIGQUIT)
        rig.hold(rng.uniform(1, 5))
    finally:
        rig.stack.disk.free()


def save(rig):
    """Has the broker save now (SIGUSR1), and waits until it has begun; it does nothing else meanwhile."""
    saves = rig.stack.log("broker").count(SAVES)
    os.kill(rig.stack.pid("broker"), signal.SIGUSR1)
    rig.wait_for(lambda: rig.stack.log("broker").count(SAVES) > saves, "a save of the broker")


def broker_disk_full(rig, rng):
    """It cannot save; whether it notices is a matter of luck (docs/reliability.md). In its memory nothing is missing."""
    rig.stack.disk.fill()
    try:
        for _ in range(rng.randrange(1, 4)):
            save(rig)
            rig.go_on()
    finally:
        rig.stack.disk.free()


def broker_disk_full_and_killed(rig, rng):
    rig.stack.disk.fill()
    try:
        save(rig)
        rig.go_on()
        rig.kill("broker", signal.SIGKILL)
        rig.hold(rng.uniform(0.2, 3))
    finally:
        rig.stack.disk.free()
