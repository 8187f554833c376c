"""Faults around the database's data: commits that hang, messages that it refuses, a schema that changes."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from processes import frozen
from rig import superuser
from stackkit import BUILD, REPO


@contextlib.contextmanager
def stalled_commits(rig):
    """Every commit is on the disk of the primary and waits for a standby that is not there: nobody sees it, it is not undone."""
    with superuser(rig.stack).cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        cursor.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            cursor.execute("ALTER SYSTEM RESET synchronous_standby_names")
            cursor.execute("SELECT pg_reload_conf()")


@contextlib.contextmanager
def alerts_only(rig):
    """Alerts are rows, so nothing that two transactions would have to lock keeps a repetition from coming beside the first."""
    rig.alerts_only = True
    try:
        yield
    finally:
        rig.alerts_only = False


def wait_for_a_stalled_commit(rig):
    with superuser(rig.stack) as connection, connection.cursor() as cursor:

        def waits():
            cursor.execute("SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'cisternd ingest'")
            return cursor.rowcount > 0

        rig.wait_for(waits, "a commit that waits")


def daemon_killed_while_commits_stall(rig, rng):
    """The next daemon gets the batch again while the commit of the last one's is still under way."""
    with alerts_only(rig), stalled_commits(rig):
        wait_for_a_stalled_commit(rig)
        rig.kill("cisternd", signal.SIGKILL)
        rig.hold(rng.uniform(1.5, 3))


def commits_stalled(rig, _rng):
    """Longer than ingest waits for an answer (12 s): it gives the connection up, and its batch comes again."""
    with alerts_only(rig), stalled_commits(rig):
        wait_for_a_stalled_commit(rig)
        rig.hold(40 if rig.long else 13)


def batch_poisoned(rig, _rng):
    """The database refuses some alerts for their data. The daemon stands still while they come, so that they are in one batch with
    good ones."""
    rig.stack.sql("ALTER TABLE alert ADD CONSTRAINT fault_refuse CHECK (body::text NOT LIKE '\"refuse %%') NOT VALID")
    rig.poisoned = True
    with frozen([rig.stack.pid("cisternd")]):
        rig.go_on(300)
    rig.go_on(100)
    rig.poisoned = False
    rig.is_over()
    rig.wait_recovered()
    rig.stack.sql("ALTER TABLE alert DROP CONSTRAINT fault_refuse")


# --- migrations -------------------------------------------------------------------------------------------------------

# No row of `alert` is written anew: it would look as if it had been committed by the migration.
NEXT = """
ALTER TABLE alert ADD COLUMN fault_note text NOT NULL DEFAULT '';
ALTER TABLE node_param ADD COLUMN fault_n bigint;
UPDATE node_param SET fault_n = version;
ALTER TABLE alert ADD CONSTRAINT fault_note_is_short CHECK (octet_length(fault_note) < 100);
ALTER TABLE node_param ALTER COLUMN fault_n SET DEFAULT 0;
CREATE TABLE fault_migrated (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, node_id text REFERENCES node ON DELETE CASCADE);
CREATE INDEX fault_migrated_alert ON alert (fault_note, received_at);
SELECT pg_sleep(1);
"""
# a migration goes forward only; the rig takes its own away, so that it can be tried again
UNDO = """
DROP INDEX fault_migrated_alert;
DROP TABLE fault_migrated;
ALTER TABLE node_param DROP COLUMN fault_n;
ALTER TABLE alert DROP COLUMN fault_note;
DELETE FROM schema_version WHERE what = 'fault';
"""


def next_release(folder):
    """The `cistern` of a release whose schema is one migration further, built as any other."""
    for name in ("Makefile", "services", "plugin", "sql"):
        copy = ["cp", "-a", str(REPO / name), str(folder)]
        subprocess.run(copy, check=True)
    shutil.copytree(BUILD, folder / "build", ignore=shutil.ignore_patterns("tests", "asan", "tsan"))
    last = sorted((folder / "sql" / "migrations").glob("*.sql"))[-1]
    (folder / "sql" / "migrations" / f"{int(last.name[:4]) + 1:04}_fault.sql").write_text(NEXT)
    subprocess.run(["make", "-s", "BUILD=build", "build/cistern"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / "build" / "cistern"


def migrated(rig, rng):
    """To the next release's schema while the daemon of this one is at work: once interrupted, then whole, and then this daemon starts
    on the new schema."""
    with tempfile.TemporaryDirectory(prefix="cistern-next-") as folder:
        program = next_release(pathlib.Path(folder))
        environment = {"PATH": os.environ["PATH"], "CISTERN_CONFIG": str(rig.stack.home / "etc" / "operator.conf")}
        migrate = [str(program), "migrate"]
        with subprocess.Popen(migrate, env=environment, stdout=subprocess.DEVNULL) as interrupted:
            rig.wait_for(lambda: rig.stack.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%fault_migrated%%'"
                                               " AND pid <> pg_backend_pid()") != [(0,)], "the migration at work")
            rig.hold(rng.uniform(0, 1))
            interrupted.kill()
        rig.go_on()
        subprocess.run(migrate, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=120)
    rig.is_over()
    assert rig.stack.sql("SELECT count(*) FROM schema_version WHERE what = 'fault'") == [(1,)]
    rig.go_on()
    rig.kill("cisternd", signal.SIGKILL)
    rig.wait_recovered()
    rig.stack.sql(UNDO)
