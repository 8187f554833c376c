"""The rig: a stack under a steady load with a ledger, struck by faults of one kind at random moments.

    with Rig(stack, random.Random(7)) as rig:
        for _ in range(times):
            rig.strike(run)         # run(rig, rng) does the harm and returns when it is over
        account = rig.finish()      # ledger.Account

`rng` decides when a fault comes, counted in acknowledged messages, and what it is like. The same seed repeats that schedule; what the
machine does in between is its own.
"""

import os
import signal
import threading
import time

import psycopg2

from ledger import Publisher, Account
from stackkit import wait_for

RECOVERY_S = 180.0  # longer than any fault here needs; a stack that is not back by then is broken

# What the rig adds to a stack's database: the time of each commit, a note whenever a value of a ledger goes back, and an index by which an
# alert's number is found.
NOTES = """
CREATE TABLE fault_set_back (node_id text NOT NULL, was bigint NOT NULL, became bigint NOT NULL, at timestamptz NOT NULL);
CREATE FUNCTION fault_note_set_back() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF (NEW.value::text)::bigint < (OLD.value::text)::bigint THEN
        INSERT INTO fault_set_back VALUES (NEW.node_id, (OLD.value::text)::bigint, (NEW.value::text)::bigint, clock_timestamp());
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fault_set_back AFTER UPDATE ON node_param FOR EACH ROW WHEN (NEW.device = 'Ledger') EXECUTE FUNCTION fault_note_set_back();
"""
# A transaction of its own: both tables locked in one deadlock with what the daemon does just then.
INDEX = "CREATE INDEX IF NOT EXISTS fault_alert ON alert (node_id, (body #>> '{}'))"


def superuser(stack):
    """A connection to the stack's private cluster as its administrator."""
    connection = psycopg2.connect(stack.database_url.replace("user=cistern_owner", "user=postgres"))
    connection.autocommit = True
    return connection


def prepare(stack):
    """Once for each stack, before its first Rig. Restarts its database."""
    if stack.sql("SELECT to_regclass('fault_set_back') IS NOT NULL") == [(True,)]:
        return
    with superuser(stack).cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    stack.kill("postgres", signal.SIGINT)
    wait_for(lambda: stack.sql("SHOW track_commit_timestamp") == [("on",)], what="times of commits")
    stack.sql(INDEX)
    stack.sql(NOTES)


class Rig:
    """`pause_s` is the pause of each node between two rounds of two messages; `between` how many alerts are acknowledged between
    two faults. `long`: this is the long form, and a fault that lasts may last."""

    def __init__(self, stack, rng, n_nodes=10, pause_s=0.03, between=(1, 300), long=False):
        prepare(stack)
        self.stack, self.rng, self.pause_s, self.between, self.long = stack, rng, pause_s, between, long
        self.ending, self.given_up = threading.Event(), threading.Event()
        self.poisoned = self.alerts_only = False  # what the nodes send, for faults to say
        self.publishers = [Publisher(stack.node(), self) for _ in range(n_nodes)]
        self.strokes = []
        self._killed = []

    def __enter__(self):
        self.began = time.time()
        for publisher in self.publishers:
            publisher.start()
        return self

    def __exit__(self, *exception):
        self.given_up.set()
        self.ending.set()
        for publisher in self.publishers:
            publisher.join(RECOVERY_S)

    # --- for faults ---------------------------------------------------------------------------------------------------

    def kill(self, name, number):
        """Sends the signal to one of the stack's processes; strike() waits until the supervisor has another one."""
        pid = self.stack.pid(name)
        self._killed.append((name, pid))
        os.kill(pid, number)
        return pid

    def wait_back(self):
        """Who was killed is there again, and database, broker and daemon say that they are ready."""
        while self._killed:
            name, pid = self._killed.pop()
            self.wait_for(lambda: self.stack.pid(name) != pid, f"another {name}")
        self.wait_for(lambda: self.stack.request("GET", "/readyz").status_code == 200, "/readyz 200")

    def is_over(self):
        """The harm is done: what the fault does from here on is to watch the recovery, which counts from now."""
        self._over_at = time.time()

    def hold(self, seconds):
        """Lets a fault last that long."""
        until = time.monotonic() + seconds
        self.wait_for(lambda: time.monotonic() >= until, "the fault's end")

    def go_on(self, n=None):
        """Until n further alerts (a random number of them) are acknowledged."""
        goal = self.total() + (n or self.rng.randrange(*self.between))
        self.wait_for(lambda: self.total() >= goal, "further acknowledgements")

    def total(self):
        return sum(publisher.last for publisher in self.publishers)

    def wait_for(self, ask, what):
        def asked():
            for publisher in self.publishers:
                assert publisher.failure is None, publisher.failure
            return ask()

        return wait_for(asked, RECOVERY_S, what)

    # --- for those who run them ---------------------------------------------------------------------------------------

    def strike(self, run):
        """One fault: at a random moment, to its end, and until the stack has recovered."""
        self.go_on()
        began = time.time()
        self._over_at = None
        run(self, self.rng)
        self.strokes.append((began, self._over_at or time.time()))
        self.wait_recovered()

    def wait_recovered(self):
        """All is back, and each node has had both its streams through since."""
        self.wait_back()
        goals = {publisher: publisher.last + 2 for publisher in self.publishers}  # the next one may be under way already
        self.wait_for(lambda: all(publisher.last_param >= goal for publisher, goal in goals.items()), "every node's next rounds")
        self.wait_for(lambda: self._stored(goals), "what was acknowledged in the database")

    def _stored(self, goals):
        ids, numbers = [publisher.node.id for publisher in goals], list(goals.values())
        rows = self.stack.sql(
            "SELECT count(*) FROM unnest(%s, %s) g (node_id, number)"
            " JOIN node_param p ON p.node_id = g.node_id AND p.device = 'Ledger' AND p.value::text::bigint >= g.number"
            " WHERE EXISTS (SELECT FROM alert a WHERE a.node_id = g.node_id AND a.body #>> '{}' = g.number::text)", ids, numbers)
        return rows == [(len(goals),)]

    def finish(self):
        """Ends the load, waits until the last message of each node is committed, and compares."""
        self.ending.set()
        for publisher in self.publishers:
            publisher.join(RECOVERY_S)
        assert not any(publisher.is_alive() for publisher in self.publishers), "a node did not get its last message through"
        self.wait_for(lambda: self._stored({publisher: publisher.last for publisher in self.publishers}), "the last messages")
        return Account(self.publishers, self.stack, self.began, self.strokes)
