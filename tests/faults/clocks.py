"""Clocks that jump, one process's at a time: libfaketime in front of the daemon or the broker."""

import contextlib
import signal

LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class Clock:
    def __init__(self, path):
        self.path = path
        self.step(0)

    def step(self, offset_s):
        """By so much from the true time, from the next look at the clock on."""
        new = self.path.with_suffix(".new")
        new.write_text(f"{offset_s:+d}\n")
        new.chmod(0o644)
        new.rename(self.path)


@contextlib.contextmanager
def own_clock(rig, name, restart):
    """Gives the service a clock that can be set, by starting it again; at the end it is started on the true one."""
    script = rig.stack.home / "service" / name / "run"
    before = script.read_text()
    clock = Clock(rig.stack.home / "run" / f"{name}.clock")
    words = (f"env LD_PRELOAD={LIBRARY} FAKETIME_TIMESTAMP_FILE={clock.path} FAKETIME_NO_CACHE=1"
             " FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 ")
    head, mark, command = before.rpartition(" -- " if " -- " in before else "exec ")  # once it is the service's own user
    script.write_text(head + mark + words + command)
    try:
        rig.kill(name, restart)
        rig.wait_back()
        assert LIBRARY in open(f"/proc/{rig.stack.pid(name)}/maps", encoding="utf-8").read()
        yield clock
    finally:
        script.write_text(before)
    rig.kill(name, restart)


HOUR_S, DAY_S = 3600, 86400


def daemon_clock_stepped(rig, rng):
    """Up to three days, forward or back; the daemon is killed in between, so that messages are repeated to another time. Repetitions are
    looked for in a week: docs/reliability.md, limits."""
    with own_clock(rig, "cisternd", signal.SIGKILL) as clock:
        for _ in range(2 if rig.long else 1):
            rig.go_on()
            clock.step(rng.choice([-1, 1]) * rng.choice([1, 90, HOUR_S, DAY_S, 3 * DAY_S]))
            rig.go_on()
            rig.kill("cisternd", signal.SIGKILL)
            rig.wait_back()


def broker_clock_stepped(rig, rng):
    """Up to a day under its connections: who connects while it is wrong is judged by it, as certificates are."""
    with own_clock(rig, "broker", signal.SIGTERM) as clock:
        for _ in range(3 if rig.long else 1):
            rig.go_on()
            clock.step(rng.choice([-1, 1]) * rng.choice([1, 90, HOUR_S, DAY_S]))
            rig.go_on()
        clock.step(0)
