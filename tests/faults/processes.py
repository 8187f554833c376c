"""Faults of processes: killed, stopped, told to end, frozen."""

import contextlib
import os
import pathlib
import signal
import subprocess

AUTOSAVE_S = 10.0  # autosave_interval in plugin/mosquitto.conf.in
SAVES = "Saving in-memory database"


def daemon_killed(rig, rng):
    """Half of the times it stands still first, for as long as the database needs to commit what is under way: then it has committed
    and not acknowledged."""
    if rng.random() < 0.5:
        os.kill(rig.stack.pid("cisternd"), signal.SIGSTOP)
        rig.hold(0.05)
    rig.kill("cisternd", signal.SIGKILL)


def database_stopped(rig, _rng):
    rig.kill("postgres", signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends: no checkpoint, recovery at the next start


def broker_killed(rig, rng):
    """In the long form half of the times after it has saved once more; else what it saved is older than the load."""
    if rig.long and rng.random() < 0.5:
        saves = rig.stack.log("broker").count(SAVES)
        rig.wait_for(lambda: rig.stack.log("broker").count(SAVES) > saves, "the broker's next save")
        rig.go_on()
    rig.kill("broker", signal.SIGKILL)


def broker_restarted(rig, _rng):
    rig.kill("broker", signal.SIGTERM)


def last_death(rig, name):
    """How the service ended last, as its supervisor saw it: `exitcode 0`, `signal SIGKILL`."""
    folder = rig.stack.home / "service" / name
    lines = subprocess.run(["s6-svdt", str(folder)], check=True, capture_output=True, text=True).stdout.splitlines()
    return lines[-1].partition(" ")[2] if lines else None


def daemon_ended(rig, _rng):
    rig.kill("cisternd", signal.SIGTERM)
    rig.is_over()
    rig.wait_back()
    assert last_death(rig, "cisternd") == "exitcode 0", last_death(rig, "cisternd")


@contextlib.contextmanager
def frozen(pids):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def database_processes(rig):
    """The postmaster and every child it has: nobody answers, and nobody new is let in."""
    postmaster = rig.stack.pid("postgres")
    tasks = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children")
    return [postmaster, *map(int, tasks.read_text().split())]


def database_frozen(rig, _rng):
    with frozen(database_processes(rig)):
        rig.hold(60 if rig.long else 5)


def daemon_killed_while_the_database_is_frozen(rig, rng):
    """What the dead daemon had sent is in the sockets of its backends, which go on with it while the next daemon starts."""
    with frozen(database_processes(rig)):
        rig.go_on()
        rig.kill("cisternd", signal.SIGKILL)
        rig.hold(rng.uniform(0.5, 2.5))
