"""What a figure was taken on, and what the processes used: /proc and the tools' own --version."""

import os
import pathlib
import platform
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


def _first(path, key):
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(key):
            return line.partition(":")[2].strip()
    return "unknown"


def _said(*command):
    out = subprocess.run(command, capture_output=True, text=True).stdout
    return out.splitlines()[0].strip() if out else "unknown"


def _package(name):
    return _said("dpkg-query", "-W", "-f", "${Version}", name)


def describe():
    """Machine and versions."""
    return {
        "cpu": _first("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
        "memory_gib": round(int(_first("/proc/meminfo", "MemTotal").split()[0]) / 2**20, 1),
        "kernel": platform.release(), "mosquitto": _package("mosquitto"), "postgresql": _package("postgresql-15"),
        "openssl": _package("libssl3"), "libmosquitto": _package("libmosquitto1"), "commit": _said("git", "rev-parse", "--short", "HEAD"),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _stat(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1]), [int(field) for field in fields[11:15]]  # parent; utime, stime, and of children that have ended


def cpu_s(pid):
    """User and system seconds of one process."""
    return sum(_stat(pid)[1][:2]) / TICKS


def cpu_with_children_s(pid):
    """The same with its children, ended and living: PostgreSQL."""
    used = sum(_stat(pid)[1])
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent, ticks = _stat(path.name)
        except OSError:  # gone meanwhile
            continue
        if parent == pid:
            used += sum(ticks)
    return used / TICKS


def memory_mib(pid):
    """Resident now."""
    return int(_first(f"/proc/{pid}/status", "VmRSS").split()[0]) / 1024


class Meter:
    """CPU µs a message of each part, between its making and read()."""

    def __init__(self, **pids):
        self.pids = pids
        self.began = self._now()

    def _now(self):
        return {name: (cpu_with_children_s if name == "postgres" else cpu_s)(pid) for name, pid in self.pids.items()}

    def read(self, messages):
        now = self._now()
        return {name: round((now[name] - self.began[name]) * 1e6 / messages, 2) for name in self.pids}
