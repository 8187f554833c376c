"""The operator's command line: what it makes, what it refuses, and what an interruption leaves (docs/cli.md)."""

import json
import os
import pathlib
import pty
import select
import signal
import socket
import stat
import subprocess
import termios
import threading
import time

import psycopg2
import pytest

from stackkit import unique

FILES = ["ca.crt", "node.crt", "node.key"]
PASSWORD = "Correct-Horse-7"
DEADLINE_S = 15.0

# Ends the process with SIGKILL right before its KILL_AT-th step that lasts: a file that gets to the disk or gets or loses a
# name, or words to the database.
KILLER = r"""
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
static void step(void)
{
	static int n;
	const char *at = getenv("KILL_AT");
	if (at && ++n == atoi(at))
		kill(getpid(), SIGKILL);
}
#define STEP(type, name, parameters, arguments) \
	type name parameters { step(); return ((type(*) parameters)dlsym(RTLD_NEXT, #name)) arguments; }
STEP(int, fsync, (int fd), (fd))
STEP(int, mkdir, (const char *path, mode_t mode), (path, mode))
STEP(int, linkat, (int a, const char *b, int c, const char *d, int e), (a, b, c, d, e))
STEP(int, unlinkat, (int a, const char *b, int c), (a, b, c))
STEP(void *, PQexec, (void *connection, const char *text), (connection, text))
STEP(int, PQpipelineSync, (void *connection), (connection))
"""


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killer")
    (folder / "killer.c").write_text(KILLER)
    library = folder / "killer.so"
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, folder / "killer.c"], check=True)
    return library


@pytest.fixture
def folder(stack):
    return stack.home.parent / unique("out")


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    return path


def run(stack, *arguments, **environment):
    """A call that may fail in any way; no terminal."""
    return subprocess.run(
        [stack.ready["cli"], *map(str, arguments)], capture_output=True, text=True, timeout=60, start_new_session=True,
        stdin=subprocess.DEVNULL, env=os.environ | environment,
    )


def killed_at(stack, killer, n, *arguments):
    """Runs a call that dies right before its n-th step; None when it had no such step and succeeded."""
    options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"  # for programs built with a sanitizer
    answer = run(stack, *arguments, LD_PRELOAD=str(killer), KILL_AT=str(n), ASAN_OPTIONS=options)
    if answer.returncode == 0:
        return None
    assert answer.returncode == -signal.SIGKILL, answer.stderr
    assert answer.stdout == ""
    return answer


def in_json(stack, *arguments):
    return json.loads(stack.cli("--output", "json", *map(str, arguments)).stdout)


def refused(answer, *words, status=1):
    assert answer.returncode == status, (answer.stdout, answer.stderr)
    assert answer.stdout == ""
    lines = answer.stderr.splitlines()
    assert lines[0].startswith("cistern: ")
    assert len(lines) == 1 if status == 1 else lines[1].startswith("usage: cistern ") and len(lines) == 2
    for word in words:
        assert word in lines[0]


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def live_certificate(stack, node_id):
    rows = stack.sql("SELECT certificate FROM node_certificate WHERE node_id = %s AND superseded_at IS NULL", node_id)
    return rows[0][0] if rows else None


def is_whole(stack, node_id, folder):
    """All files, belonging together, and the certificate is the one that is registered."""
    assert sorted(os.listdir(folder)) == FILES
    assert (folder / "node.crt").read_text() == live_certificate(stack, node_id)
    assert openssl("x509", "-in", folder / "node.crt", "-noout", "-pubkey") == openssl(
        "pkey", "-in", folder / "node.key", "-pubout"
    )
    assert (folder / "ca.crt").read_bytes() == pathlib.Path(stack.ca_file).read_bytes()
    return True


# --- node add ---------------------------------------------------------------------------------------------------------


def test_node_add_makes_a_certificate_that_the_node_ca_vouches_for(stack, folder):
    node_id = unique("cli-node")
    told = in_json(stack, "node", "add", node_id, "--out", folder)
    assert told == {
        "node_id": node_id,
        "result": "added",
        "certificate": f"{folder}/node.crt",
        "key": f"{folder}/node.key",
        "ca": f"{folder}/ca.crt",
    }
    assert is_whole(stack, node_id, folder)
    certificate = folder / "node.crt"
    openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", stack.home / "ca" / "node" / "node-ca.crt", certificate)
    text = openssl("x509", "-in", certificate, "-noout", "-text", "-nameopt", "RFC2253")
    for expected in [
        f"Subject: CN={node_id}\n",
        "Signature Algorithm: ecdsa-with-SHA256",
        "NIST CURVE: P-256",
        "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
    ]:
        assert expected in text
    serial = openssl("x509", "-in", certificate, "-noout", "-serial").strip().removeprefix("serial=")
    shown = in_json(stack, "node", "show", node_id)
    assert shown["certificate_serial"] == serial
    assert stack.sql("SELECT serial FROM node_certificate WHERE node_id = %s", node_id) == [(serial,)]


def test_the_key_and_its_new_folder_are_the_operators_alone(stack, folder):
    stack.cli("node", "add", unique("cli-node"), "--out", str(folder))
    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in FILES}
    assert modes == {"ca.crt": 0o644, "node.crt": 0o644, "node.key": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_existing_node_is_an_error_unless_it_may_be_there(stack, folder):
    node_id = unique("cli-node")
    stack.cli("node", "add", node_id, "--out", str(folder))
    before = {name: (folder / name).read_bytes() for name in FILES}
    refused(run(stack, "node", "add", node_id, "--out", folder), node_id, "registered already")
    assert in_json(stack, "node", "add", node_id, "--out", folder, "--if-missing")["result"] == "present"
    assert {name: (folder / name).read_bytes() for name in FILES} == before
    assert len(stack.sql("SELECT 1 FROM node_certificate WHERE node_id = %s", node_id)) == 1

    # --if-missing succeeds only where the node's own files are
    elsewhere = folder.with_name(folder.name + "-elsewhere")
    refused(run(stack, "node", "add", node_id, "--out", elsewhere, "--if-missing"), "its certificate is not in")
    assert not elsewhere.exists()
    (folder / "node.key").unlink()
    refused(run(stack, "node", "add", node_id, "--out", folder, "--if-missing"), "its certificate is not in")


@pytest.mark.parametrize("name", FILES)
def test_an_existing_file_is_not_replaced_and_nothing_is_registered(stack, folder, name):
    node_id = unique("cli-node")
    folder.mkdir()
    (folder / name).write_text("mine")
    refused(run(stack, "node", "add", node_id, "--out", folder), f"{folder}/{name}", "is there already")
    assert os.listdir(folder) == [name]
    assert (folder / name).read_text() == "mine"
    assert live_certificate(stack, node_id) is None


@pytest.mark.parametrize("node_id", ["", "a b", "a/b", "a+b", "#", "ä", "x" * 65, "cisternd", "health"])
def test_a_node_id_that_no_node_may_have_is_refused(stack, folder, node_id):
    reason = "is the name of a service" if node_id in ("cisternd", "health") else "is not a node id"
    refused(run(stack, "node", "add", node_id, "--out", folder), reason)
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_leaves_no_node(stack, folder):
    node_id = unique("cli-node")
    refused(run(stack, "node", "add", node_id, "--out", folder / "deeper"), "No such file or directory")
    refused(run(stack, "node", "add", node_id, "--out", stack.ca_file), "Not a directory")
    assert live_certificate(stack, node_id) is None


def test_a_node_id_may_begin_with_a_dash(stack, folder):
    node_id = "-" + unique("cli-node")
    stack.cli("node", "add", "--out", str(folder), "--", node_id)
    assert is_whole(stack, node_id, folder)


def test_wherever_node_add_is_killed_the_same_command_finishes_it(stack, killer):
    outcomes = set()
    for n in range(1, 100):
        node_id = unique("cli-killed")
        folder = stack.home.parent / node_id
        if not killed_at(stack, killer, n, "node", "add", node_id, "--out", folder):
            break
        names = os.listdir(folder) if folder.exists() else []
        published = [name for name in names if not name.startswith(".")]
        if published:
            assert live_certificate(stack, node_id), "a file has its name before its node is registered"
        if "node.crt" in published:
            assert sorted(published) == FILES
        told = in_json(stack, "node", "add", node_id, "--out", folder)
        outcomes.add(told["result"])
        assert is_whole(stack, node_id, folder)
        assert len(stack.sql("SELECT 1 FROM node_certificate WHERE node_id = %s", node_id)) == 1
    else:
        pytest.fail("the command never came to its end")
    # the kill came before the registration at times, and behind it at others
    assert outcomes == {"added", "finished"}


def test_of_two_who_add_one_node_at_once_one_succeeds(stack):
    for _ in range(5):
        node_id = unique("cli-race")
        folders = [stack.home.parent / f"{node_id}-{i}" for i in range(4)]
        calls = [
            subprocess.Popen([stack.ready["cli"], "node", "add", node_id, "--out", folder], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
            for folder in folders
        ]
        for call in calls:
            call.communicate(timeout=60)
        winners = [folder for call, folder in zip(calls, folders) if call.returncode == 0]
        assert len(winners) == 1
        assert is_whole(stack, node_id, winners[0])
        assert [folder for folder in folders if folder.exists()] == winners


def changed_config(stack, tmp_path, **changes):
    """The stack's settings with some lines changed; None takes a line away."""
    lines = []
    for line in (stack.home / "etc" / "operator.conf").read_text().splitlines():
        name = line.split("=")[0].strip()
        if name not in changes:
            lines.append(line)
    lines += [f"{name} = {value}" for name, value in changes.items() if value is not None]
    path = tmp_path / f"{unique('changed')}.conf"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_signer_that_cannot_sign_is_told_and_leaves_nothing(stack, folder, tmp_path):
    ca = stack.home / "ca"
    deaf = tmp_path / "deaf.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(deaf))
    listener.listen()
    threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
    anybodys = tmp_path / "anybodys"
    anybodys.mkdir()
    anybodys.chmod(0o777)
    false_signer = socket.socket(socket.AF_UNIX)
    false_signer.bind(str(anybodys / "signerd.sock"))
    false_signer.listen()
    cases = [
        ({"signer_socket": None}, "'signer_socket' is not set"),
        ({"ca_file": None}, "'ca_file' is not set"),
        ({"signer_socket": "/nowhere/signerd.sock"}, "signerd is not reached"),
        ({"signer_socket": deaf}, "it closed the connection"),
        ({"signer_socket": anybodys / "signerd.sock"}, "is not signerd's"),
        ({"ca_file": ca / "server.key"}, "holds no PEM certificate"),
        ({"database_url": "postgresql:///cistern?host=/nowhere"}, "database:"),
        ({"database_url": None}, "'database_url' is not set"),
    ]
    for changes, words in cases:
        config = changed_config(stack, tmp_path, **changes)
        refused(run(stack, "--config", config, "node", "add", unique("cli-node"), "--out", folder), words)
        assert not folder.exists()


# --- node list, node show ---------------------------------------------------------------------------------------------


def test_node_show_tells_what_the_node_reported(stack, user):
    node = stack.node().connect()
    node.publish("config", {"node_id": node.id, "config_version": "2020-03-20",
                            "info": {"name": "Hall", "fw_version": "1.2", "type": "Lightbulb", "model": "m1"},
                            "devices": [{"name": "Light", "type": "esp.device.lightbulb", "params": []}]})
    node.publish("params/local", '{"Light":{"Power":true,"Heat":21.0}}')
    user.claim(node)
    shown = in_json(stack, "node", "show", node.id, "--params")
    assert shown["connected"] is True
    assert (shown["name"], shown["type"], shown["model"], shown["fw_version"]) == ("Hall", "Lightbulb", "m1", "1.2")
    assert shown["devices"] == [{"name": "Light", "type": "esp.device.lightbulb"}]
    assert shown["params"] == {"Light": {"Power": True, "Heat": 21.0}}
    assert shown["users"] == [{"user_name": user.name, "role": "primary"}]
    assert "params" not in in_json(stack, "node", "show", node.id)
    text = stack.cli("node", "show", node.id, "--params").stdout
    assert '{"Light":{"Heat":21.0,"Power":true}}' in text  # the number as it came
    node.stop()


def test_text_of_a_node_cannot_command_the_operators_terminal(stack):
    node = stack.node()
    hostile = "x\x1b]0;owned\x07\n\x9b31m"
    config = json.dumps({"devices": [{"name": hostile, "type": hostile}]}, ensure_ascii=False)
    config = config.replace("\x9b", "\\u009b")
    stack.sql("INSERT INTO node_config (node_id, config, node_name, received_at) VALUES (%s, %s, %s, now())",
              node.id, config, hostile)
    for arguments in [["node", "show", node.id], ["node", "list"]]:
        shown = stack.cli(*arguments).stdout
        assert "x\\x1b]0;owned\\x07\\x0a\\x9b31m" in shown
        assert not {"\x1b", "\x07", "\x9b"} & set(shown)
    assert in_json(stack, "node", "show", node.id)["name"] == hostile
    refused(run(stack, "node", "show", hostile), "no node 'x\\x1b]0;owned\\x07 ")


@pytest.mark.parametrize("devices", ["[]", "{}", "1", "null", "[1]", '[{"name":{"a":1}}]'])
def test_an_odd_configuration_can_be_shown(stack, devices):
    node = stack.node()
    stack.sql("INSERT INTO node_config (node_id, config, received_at) VALUES (%s, %s, now())", node.id,
              f'{{"devices":{devices}}}')
    assert isinstance(in_json(stack, "node", "show", node.id)["devices"], list)


def test_lists_longer_than_a_page_are_whole(stack):
    prefix = unique("cli-page")
    stack.sql("INSERT INTO node (node_id) SELECT %s || '-' || i FROM generate_series(1, 350) i", prefix)
    listed = [each["node_id"] for each in in_json(stack, "node", "list")["nodes"]]
    assert len([each for each in listed if each.startswith(prefix)]) == 350
    assert len(listed) == len(set(listed)) == stack.sql("SELECT count(*) FROM node")[0][0]
    stack.sql("INSERT INTO account (user_name) SELECT %s || i || '@example.org' FROM generate_series(1, 250) i", prefix)
    listed = [each["user_name"] for each in in_json(stack, "user", "list")["users"]]
    assert len(listed) == len(set(listed)) == stack.sql("SELECT count(*) FROM account")[0][0]
    text = stack.cli("user", "list").stdout.splitlines()
    assert text[0].split()[:2] == ["USER", "NAME"]
    assert len(text) == len(listed) + 1
    stack.sql("DELETE FROM node WHERE node_id LIKE %s", prefix + "%")
    stack.sql("DELETE FROM account WHERE user_name LIKE %s", prefix + "%")


def test_a_node_that_is_not_there_is_told(stack):
    refused(run(stack, "node", "show", "no-such-node"), "no node 'no-such-node'")


# --- user add ---------------------------------------------------------------------------------------------------------


def test_an_added_user_can_sign_in_at_once(stack, password_file):
    name = f"{unique('Cli-User')}@Example.org"
    told = in_json(stack, "user", "add", name, "--password-file", password_file)
    assert told["user_name"] == name.lower()
    assert told["result"] == "added"
    assert stack.post("/v1/login2", {"user_name": name, "password": PASSWORD}).status_code == 200
    listed = [each for each in in_json(stack, "user", "list")["users"] if each["user_name"] == name.lower()]
    assert [(each["user_id"], each["admin"], each["confirmed"]) for each in listed] == [(told["user_id"], False, True)]


def test_an_existing_user_is_an_error_unless_it_may_be_there(stack, password_file, tmp_path):
    name = f"{unique('cli-user')}@example.org"
    stack.cli("user", "add", name, "--password-file", str(password_file))
    other = tmp_path / "other"
    other.write_text("Another-Horse-8\n")
    refused(run(stack, "user", "add", name, "--password-file", other), name, "already")
    assert in_json(stack, "user", "add", name, "--password-file", other, "--if-missing")["result"] == "present"
    assert stack.post("/v1/login2", {"user_name": name, "password": PASSWORD}).status_code == 200
    refused(run(stack, "user", "add", name, "--admin", "--password-file", other, "--if-missing"), "no administrator")


def test_a_stranger_cannot_hold_the_name_of_an_operator_to_be(stack, password_file):
    name = f"{unique('cli-admin')}@example.org"
    assert stack.post("/v1/user2", {"user_name": name, "password": "Strangers-1"}).status_code == 200
    told = in_json(stack, "user", "add", name, "--admin", "--password-file", password_file, "--if-missing")
    assert (told["result"], told["admin"]) == ("added", True)
    assert stack.post("/v1/login2", {"user_name": name, "password": PASSWORD}).status_code == 200
    assert stack.post("/v1/login2", {"user_name": name, "password": "Strangers-1"}).status_code != 200


@pytest.mark.parametrize("password, words", [("short1A", "password needs"), ("", "holds no secret"), (None, "cannot read")])
def test_a_password_that_will_not_do_is_refused(stack, tmp_path, password, words):
    path = tmp_path / "password"
    if password is not None:
        path.write_text(password)
    refused(run(stack, "user", "add", f"{unique('cli-user')}@example.org", "--password-file", path), words)


def test_a_name_that_is_no_address_is_refused(stack, password_file):
    refused(run(stack, "user", "add", "ann", "--password-file", password_file), "user name")


def test_without_a_terminal_a_password_file_is_asked_for(stack):
    refused(run(stack, "user", "add", f"{unique('cli-user')}@example.org"), "--password-file")


class Terminal:
    """A call with a terminal of its own."""

    def __init__(self, stack, *arguments):
        self.shown = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(stack.ready["cli"], [stack.ready["cli"], *arguments])

    def wait_for(self, text):
        until = time.monotonic() + DEADLINE_S
        while text not in self.shown:
            ready, _, _ = select.select([self.fd], [], [], until - time.monotonic())
            assert ready, f"no '{text}' in '{self.shown}'"
            self.shown += os.read(self.fd, 1000).decode()

    def type(self, text):
        os.write(self.fd, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def end(self):
        """Everything shown, and the status that wait() gives."""
        while True:
            try:
                more = os.read(self.fd, 1000)
            except OSError:  # the other side of a terminal is closed
                break
            if not more:
                break
            self.shown += more.decode()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_password_is_asked_for_twice_and_not_shown(stack):
    name = f"{unique('cli-user')}@example.org"
    terminal = Terminal(stack, "user", "add", name)
    terminal.wait_for(f"Password for {name}: ")
    assert not terminal.echoes()
    terminal.type(PASSWORD + "\n")
    terminal.wait_for("Once more: ")
    terminal.type(PASSWORD + "\n")
    assert terminal.end() == 0, terminal.shown
    assert PASSWORD not in terminal.shown
    assert stack.post("/v1/login2", {"user_name": name, "password": PASSWORD}).status_code == 200


def test_two_different_passwords_make_no_user(stack):
    name = f"{unique('cli-user')}@example.org"
    terminal = Terminal(stack, "user", "add", name)
    terminal.wait_for("Password for")
    terminal.type(PASSWORD + "\n")
    terminal.wait_for("Once more: ")
    terminal.type(PASSWORD + "8\n")
    assert terminal.end() == 1
    assert "not the same" in terminal.shown
    assert stack.sql("SELECT 1 FROM account WHERE user_name = %s", name) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_prompt_leaves_a_terminal_that_shows_what_is_typed(stack, number):
    terminal = Terminal(stack, "user", "add", f"{unique('cli-user')}@example.org")
    terminal.wait_for("Password for")
    assert not terminal.echoes()
    if number == signal.SIGINT:
        terminal.type("\x03")
    else:
        os.kill(terminal.pid, number)
    _, status = os.waitpid(terminal.pid, 0)
    assert os.waitstatus_to_exitcode(status) == -number
    assert terminal.echoes()


# --- migrate ----------------------------------------------------------------------------------------------------------


class FreshDatabase:
    """A database of its own in the stack's cluster, empty, and settings for it."""

    def __init__(self, stack, tmp_path):
        self.stack, self.name = stack, unique("fresh").replace("-", "_")
        self._run(self._url("postgres", "postgres"), f"CREATE DATABASE {self.name} OWNER cistern_owner")
        self.config = changed_config(stack, tmp_path, database_url=self._url("cistern_app", self.name),
                                     database_owner_url=self._url("cistern_owner", self.name))

    def _url(self, user, database):
        return self.stack.database_url.replace("user=cistern_owner", f"user={user}").replace("/cistern?", f"/{database}?")

    def _run(self, url, statement):
        connection = psycopg2.connect(url)
        connection.autocommit = True  # CREATE DATABASE stands alone
        connection.cursor().execute(statement)
        connection.close()

    def as_owner(self, statement):
        self._run(self._url("cistern_owner", self.name), statement)

    def empty(self):
        self.as_owner("DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    def drop(self):
        self._run(self._url("postgres", "postgres"), f"DROP DATABASE {self.name}")


@pytest.fixture
def fresh(stack, tmp_path):
    database = FreshDatabase(stack, tmp_path)
    yield database
    database.drop()


def test_migrate_tells_what_it_applied(stack, fresh):
    refused(run(stack, "--config", fresh.config, "node", "list"), "run 'cistern migrate'")
    applied = in_json(stack, "--config", fresh.config, "migrate")["applied"]
    names = sorted(path.stem for path in (pathlib.Path(__file__).parents[2] / "sql" / "migrations").glob("*.sql"))
    assert [f"{each['version']:04}_{each['what']}" for each in applied] == names
    assert in_json(stack, "--config", fresh.config, "migrate") == {"applied": []}
    assert stack.cli("--config", str(fresh.config), "migrate").stdout == "the schema is up to date\n"
    assert in_json(stack, "--config", fresh.config, "node", "list") == {"nodes": []}


def test_wherever_migrate_is_killed_the_next_run_finishes_it(stack, fresh, killer):
    for n in range(1, 100):
        fresh.empty()
        if not killed_at(stack, killer, n, "--config", fresh.config, "migrate"):
            break
        # some are applied in a killed run, the others are now: all of them in either case
        in_json(stack, "--config", fresh.config, "migrate")
        assert in_json(stack, "--config", fresh.config, "migrate") == {"applied": []}
        assert in_json(stack, "--config", fresh.config, "user", "list") == {"users": []}
    else:
        pytest.fail("the command never came to its end")
    assert n > 10


def test_several_migrations_at_once_wait_for_each_other(stack, fresh):
    calls = [
        subprocess.Popen([stack.ready["cli"], "--config", fresh.config, "--output", "json", "migrate"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    told = [call.communicate(timeout=60) for call in calls]
    assert [call.returncode for call in calls] == [0] * 4, told
    applied = [json.loads(out)["applied"] for out, _ in told]
    assert sorted(map(bool, applied)) == [False, False, False, True]


def test_migrate_needs_the_owner(stack, tmp_path):
    config = changed_config(stack, tmp_path, database_owner_url=None)
    refused(run(stack, "--config", config, "migrate"), "'database_owner_url' is not set")
    config = changed_config(stack, tmp_path, database_owner_url="postgresql:///cistern?host=/nowhere")
    refused(run(stack, "--config", config, "migrate"), "database:")


@pytest.mark.parametrize("does, told, left", [
    # at commit, so that nobody can know what became of it
    ("PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL", "it is not known whether", 3),
    ("RAISE EXCEPTION 'no' USING ERRCODE = '23514'", "was not registered", 0),
])
def test_a_registration_that_fails_gives_no_file_its_name(stack, fresh, folder, does, told, left):
    stack.cli("--config", str(fresh.config), "migrate")
    fresh.as_owner(f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does}; END $$;"
                   "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON node_certificate DEFERRABLE INITIALLY DEFERRED"
                   " FOR EACH ROW EXECUTE FUNCTION fail()")
    add = ["--config", fresh.config, "node", "add", "lamp-1", "--out", folder]
    refused(run(stack, *add), "lamp-1", told)
    names = os.listdir(folder) if folder.exists() else []
    assert [name for name in names if not name.startswith(".")] == []
    assert len(names) == left
    fresh.as_owner("DROP FUNCTION fail CASCADE")
    assert in_json(stack, *add)["result"] == "added"
    assert sorted(os.listdir(folder)) == FILES


# --- the line itself --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["", "node", "nodes list", "node add", "node add a", "node add a b --out c", "user add",
                                  "node list --all", "--output xml node list", "migrate now", "version --config"])
def test_a_line_that_is_no_command_is_refused_as_usage(stack, line):
    refused(run(stack, *line.split()), status=2)


def test_help_and_version_need_no_settings(stack):
    program = stack.home / "program" / "cistern"

    def told(*arguments):
        return subprocess.run([program, *arguments], check=True, capture_output=True, text=True, env={}).stdout

    everything = told("help")
    rows = json.loads(told("--output", "json", "help"))["commands"]
    assert {"migrate", "user add", "node add", "node show"} <= {row["command"] for row in rows}
    for row in rows:
        assert f"cistern {row['command']}" in everything
        assert told(*row["command"].split(), "--help") == told("help", *row["command"].split())
    assert "database_owner_url" in told("help", "settings")
    assert set(json.loads(told("version", "--output", "json"))) == {"version", "schema_version"}


def test_settings_that_cannot_be_read_are_told(stack, tmp_path):
    refused(run(stack, "--config", "/nowhere", "node", "list"), "/nowhere")
    wrong = tmp_path / "wrong.conf"
    wrong.write_text("database_ulr = x\n")
    refused(run(stack, "--config", wrong, "node", "list"), "unknown setting 'database_ulr'")


def test_a_result_that_cannot_be_written_is_a_failure(stack):
    with open("/dev/full", "w") as full:
        answer = subprocess.run([stack.ready["cli"], "node", "list"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert answer.returncode == 1
    assert "cannot write the result" in answer.stderr


def test_every_command_is_in_the_page(stack):
    page = (pathlib.Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    for row in in_json(stack, "help")["commands"]:
        assert f"cistern {row['command']}" in page
