"""Two PostgreSQL servers of one's own on loopback, one the streaming standby of the other, for stacks that use them through one URL.

    with Pair() as pair:
        stack = own_stack(DATABASE_URL=pair.url)
        pair.primary.kill()
        pair.standby.promote()

A commit on the primary waits for the standby's disk (synchronous_standby_names) from enter() on. Which server is the primary is the
tests' affair: Pair.primary and Pair.standby are only what they were at first.
"""

import contextlib
import getpass
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import psycopg2

from portkit import free_ports
from stackkit import wait_for

BIN = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3])).parent
STANDBY_S = 30.0

# PostgreSQL refuses root.
_as = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
USER = "postgres" if _as else getpass.getuser()


def _run(program, *arguments):
    done = subprocess.run([BIN / program, *arguments], check=False, capture_output=True, text=True, **_as)
    assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"


class Server:
    def __init__(self, name, folder):
        self.name, self.data = name, folder / name
        (self.port,) = free_ports(1)
        self.log = folder / f"{name}.log"

    def start(self, standby_of=None):
        """Returns when it answers. A standby follows that server; it is known there by its name."""
        settings = {
            "cluster_name": self.name, "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "",
            "wal_level": "replica", "hot_standby": "on", "jit": "off", "timezone": "UTC",
            "recovery_init_sync_method": "syncfs", "wal_receiver_status_interval": "1s", "wal_retrieve_retry_interval": "100ms",
        }
        if standby_of:
            settings["primary_conninfo"] = f"host=127.0.0.1 port={standby_of.port} user={USER} application_name={self.name}"
            (self.data / "standby.signal").touch()
        arguments = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([BIN / "postgres", "-D", self.data, *arguments], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True, **_as)
        wait_for(self._answers, STANDBY_S, f"{self.name} to answer")

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended:\n{self.log.read_text()[-3000:]}")
        return self.sql("SELECT 1")

    def sql(self, statement, *values, database="postgres"):
        with contextlib.closing(psycopg2.connect(host="127.0.0.1", port=self.port, user=USER, dbname=database)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)  # without values a % is a %
                return cursor.fetchall() if cursor.description else []

    def set(self, name, value):
        """In force when it returns, in new sessions and in old ones that are asked next."""
        self.sql(f"ALTER SYSTEM SET {name} = %s", value)
        self.sql("SELECT pg_reload_conf()")
        wait_for(lambda: self.sql("SELECT current_setting(%s)", name) == [(value,)], what=f"{name} = {value}")

    def _processes(self):
        """The postmaster and all its children, which are in the data's folder."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cwd").samefile(self.data) and (process / "comm").read_text() == "postgres\n":
                    found.append(int(process.name))
        return found

    def signal_all(self, number):
        for pid in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self):
        """As a machine that loses its power: everything at once, nobody says good-bye. Not started again."""
        os.kill(self.process.pid, signal.SIGSTOP)  # it starts no new child meanwhile
        self.signal_all(signal.SIGKILL)
        self.process.wait()
        wait_for(lambda: not self._processes(), what=f"the end of {self.name}")
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self, number=signal.SIGINT):
        """SIGINT: fast, SIGQUIT: immediate."""
        self.process.send_signal(number)
        self.process.wait(timeout=STANDBY_S)
        wait_for(lambda: not self._processes(), what=f"the end of {self.name}")

    def promote(self):
        """Returns when it takes writes. It has no standby yet, so it must not wait for one."""
        self.set("synchronous_standby_names", "")
        _run("pg_ctl", "promote", "-D", self.data, "-w", "-t", str(int(STANDBY_S)))

    def rewind(self, other):
        """Takes back what only this server has, so that it can follow the other."""
        other.sql("CHECKPOINT")  # before that its control file names the former timeline, and pg_rewind finds nothing to do
        _run("pg_rewind", "--target-pgdata", self.data, "--source-server",
             f"host=127.0.0.1 port={other.port} user={USER} dbname=postgres")

    def wait_synchronous(self, name):
        """By its word alone it could follow a timeline that has ended, so it must also have what was written just now."""
        ((position,),) = self.sql("SELECT pg_current_wal_flush_lsn()")
        wait_for(lambda: self.sql("SELECT 1 FROM pg_stat_replication WHERE application_name = %s AND sync_state = 'sync' "
                                  "AND replay_lsn >= %s::pg_lsn", name, position),
                 STANDBY_S, f"{name} as synchronous standby of {self.name}")

    def close(self):
        if self.process and self.process.poll() is None:
            self.signal_all(signal.SIGCONT)
            self.kill()

    process = None


class Pair:
    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cistern-pair-"))
        if _as:
            shutil.chown(self.folder, USER, USER)
        self.primary, self.standby = Server("a", self.folder), Server("b", self.folder)
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self):
        _run("initdb", "-D", self.primary.data, "-U", USER, "--no-locale", "-E", "UTF8", "--data-checksums", "--auth=trust",
             "--no-sync")
        self.primary.start()
        # for one that was away a while, and for pg_rewind, whose own recovery of the target knows the settings in the folder alone
        self.primary.set("wal_keep_size", "256MB")
        self.primary.sql("CREATE ROLE cistern_owner LOGIN CREATEROLE")
        self.primary.sql("CREATE DATABASE cistern OWNER cistern_owner")
        _run("pg_basebackup", "-D", self.standby.data, "-h", "127.0.0.1", "-p", str(self.primary.port), "-U", USER,
             "--checkpoint=fast", "--no-sync")
        self.standby.start(standby_of=self.primary)
        self.primary.set("synchronous_standby_names", self.standby.name)
        self.primary.wait_synchronous(self.standby.name)

    @property
    def url(self):
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://cistern_owner@{hosts}/cistern?target_session_attrs=read-write"

    def __exit__(self, *exception):
        self.primary.close()
        self.standby.close()
        if exception and exception[0]:
            for server in (self.primary, self.standby):
                print(f"--- the log of {server.name}\n{server.log.read_text()[-3000:] if server.log.exists() else ''}")
        shutil.rmtree(self.folder, ignore_errors=True)


def _iptables(*arguments):
    return subprocess.run(["iptables", "-w", *arguments], check=False, capture_output=True, text=True)


def silence_impossible():
    """"" or the reason why not."""
    if not shutil.which("iptables"):
        return "iptables is not installed"
    return _iptables("-S", "INPUT").stderr.strip()


@contextlib.contextmanager
def silent(port):
    """Nothing goes to this port on loopback any more, and nothing comes from it. Needs root."""
    rules = [["INPUT", "-i", "lo", "-p", "tcp", side, str(port), "-j", "DROP"] for side in ("--dport", "--sport")]
    try:
        for rule in rules:
            assert _iptables("-I", *rule).returncode == 0
        yield
    finally:
        for rule in rules:
            _iptables("-D", *rule)
