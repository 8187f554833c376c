"""GET /metrics on a stack of its own, so that the counters can be said to the last message. Read by Prometheus' own Python parser."""

import collections
import contextlib
import datetime
import os
import pathlib
import re
import subprocess
import tempfile
import time

import psycopg2
import pytest
import requests
from cryptography import x509
from prometheus_client.parser import text_string_to_metric_families

from identitykit import held_down
from portkit import free_ports
from stackkit import BUILD, LAMP, REPO, Stack, wait_for

GOOD, BAD = 25, 3
TOKEN = "0123456789abcdef" * 2
COUNTERS_S = 30  # the plugin says its counters every 10 s when they have changed, the broker its own likewise


class Page:
    def __init__(self, text):
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.values = {(sample.name, frozenset(sample.labels.items())): sample.value
                       for family in self.families.values() for sample in family.samples}

    def get(self, name, **labels):
        """The sum of the series that have these labels among theirs; LookupError without any."""
        found = [value for (sample, has), value in self.values.items() if sample == name and set(labels.items()) <= has]
        if not found:
            raise LookupError(f"{name} {labels}")
        return sum(found)

    def names(self):
        return set(re.findall(r"^# TYPE (\S+) ", self.text, re.M))


@pytest.fixture(scope="module")
def token_file():
    with tempfile.TemporaryDirectory(prefix="cistern-test-") as folder:
        os.chmod(folder, 0o755)  # the daemon's own user reads it
        path = pathlib.Path(folder) / "token"
        path.write_text(TOKEN + "\n")
        yield path


@pytest.fixture(scope="module")
def own(token_file):
    running = Stack(CISTERN_METRICS_PORT=str(*free_ports(1)), CISTERN_METRICS_TOKEN_FILE=str(token_file))
    yield running
    running.close()


@pytest.fixture(scope="module")
def read(own):
    """Asks for the page as Prometheus does: with a key of a viewer, as a bearer token."""
    viewer = own.user()
    own.cli("user", "role", viewer.name, "viewer")
    viewer.login()
    key = viewer.request("POST", "/v1/user/keys", json={"name": "prometheus", "scopes": ["fleet:read"]}).json()["key"]

    def ask():
        answer = own.request("GET", "/metrics", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
        return Page(answer.text)

    ask.key = key
    return ask


@pytest.fixture
def node(own):
    connected = own.node().connect()
    yield connected
    connected.stop()


def ingest_counts(page):
    """{topic: (received, committed, dead-lettered)} of all lanes."""
    found = collections.defaultdict(lambda: [0, 0, 0])
    for at, kind in enumerate(("received", "committed", "dead_lettered")):
        for sample in page.families[f"cistern_ingest_{kind}_messages"].samples:
            found[sample.labels["topic"]][at] += int(sample.value)
    return {topic: tuple(counts) for topic, counts in found.items()}


def grown(before, after):
    counts, base = ingest_counts(after), ingest_counts(before)
    differences = {topic: tuple(a - b for a, b in zip(counts[topic], base.get(topic, (0, 0, 0)))) for topic in counts}
    return {topic: counts for topic, counts in differences.items() if any(counts) and not topic.startswith("cistern/")}


def test_the_page_is_text_form_0_0_4_and_only_for_viewers(own, read):
    assert own.request("GET", "/metrics").status_code == 401
    plain = own.user()
    assert plain.get("/metrics").status_code == 403
    answer = own.request("GET", "/metrics", headers={"Authorization": read.key})
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"


def test_each_message_is_counted_once_under_its_topic(own, read, node):
    before = read()
    for i in range(GOOD):
        node.publish("params/local", {"Light": {"Level": i}}, alias=i % 2 == 0)
    for i in range(BAD):
        node.publish("params/local", "{not JSON")
    node.publish("config", LAMP | {"node_id": node.id})
    node.publish("alert", {"esp.alert.str": "hot"})
    node.publish("alert", "[]")
    node.publish("params/local/init", {"Light": {"Level": 1}})
    expected = {
        "params/local": (GOOD + BAD, GOOD, BAD),
        "params/local/init": (1, 1, 0),
        "config": (1, 1, 0),
        "alert": (2, 1, 1),
    }
    after = wait_for(lambda: grown(before, page := read()) == expected and page, what=f"the counters {expected}")
    assert len(node.letters()) == BAD + 1
    assert after.get("cistern_ingest_oldest_unacknowledged_seconds") == 0
    for lane in ("bulk", "control"):
        taken = after.get("cistern_ingest_committed_messages_total", lane=lane) + after.get("cistern_ingest_dead_lettered_messages_total", lane=lane)
        assert after.get("cistern_ingest_batch_messages_sum", lane=lane) == taken
        assert after.get("cistern_ingest_consuming", lane=lane) == 1
    assert after.get("cistern_ingest_batch_messages_count") == after.get("cistern_ingest_commit_seconds_count")
    assert after.get("cistern_ingest_interruptions_total") == 0


def test_a_message_that_the_database_refuses_is_counted_as_set_aside_and_its_neighbours_are_not(own, read, node):
    own.sql("ALTER TABLE node_param ADD CONSTRAINT no_poison CHECK (param <> 'Poison') NOT VALID")
    try:
        before = read()
        reports = [("params/local", '{"Light":{"Level":%d}}' % i) for i in range(40)]
        reports[17] = ("params/local", '{"Light":{"Poison":1}}')
        node.burst(reports)
        wait_for(lambda: grown(before, read()) == {"params/local": (40, 39, 1)}, what="one set aside of forty")
    finally:
        own.sql("ALTER TABLE node_param DROP CONSTRAINT no_poison")


def test_a_refusal_of_the_broker_is_counted_by_its_reason(read, own):
    before = read()
    hostile = own.node().connect()
    for suffix in ("../other/params/local", "params/remote"):
        hostile.client.publish(f"node/{hostile.id}/{suffix}", "{}", qos=1).wait_for_publish(15)
    hostile.client.publish("node/somebody-else/params/local", "{}", qos=1).wait_for_publish(15)

    def denied(reason):
        after = read()
        try:
            old = before.get("cistern_broker_denied_total", reason=reason)
        except LookupError:
            old = 0  # the plugin had not said anything yet
        return after.get("cistern_broker_denied_total", reason=reason) - old

    wait_for(lambda: denied("tree_foreign") == 1 and denied("direction_wrong") == 1, COUNTERS_S, "both refusals by their reasons")
    assert read().get("cistern_broker_connected_nodes") == 1
    hostile.stop()
    wait_for(lambda: read().get("cistern_broker_connected_nodes") == 0, COUNTERS_S, "no node on line")
    after = read()
    assert after.get("cistern_broker_connects_total") - after.get("cistern_broker_disconnects_total") == 0


def test_the_broker_tells_of_its_queues_and_drops(own, read):
    page = wait_for(lambda: (page := read()).get("cistern_broker_dropped_messages_total") == 0 and page, COUNTERS_S)
    assert page.get("cistern_broker_stored_messages") > 0
    assert page.get("cistern_broker_stored_bytes") > 0
    assert page.get("cistern_broker_connected_clients") >= 3  # two sessions of ingest and the publisher
    assert page.get("cistern_broker_publisher_connected") == 1
    assert page.get("cistern_broker_uptime_seconds") > 0
    ((version,),) = own.sql("SELECT version FROM revocation_state")
    page = wait_for(lambda: (page := read()).get("cistern_broker_revocation_version") == version and page, COUNTERS_S)
    assert page.get("cistern_broker_revocation_alarm") == 0


def test_requests_are_counted_by_route_and_class_and_never_by_path(own, read):
    def count(page, **labels):
        try:
            return page.get("cistern_http_requests_total", **labels)
        except LookupError:
            return 0

    before = read()
    for _ in range(3):
        assert own.request("GET", "/healthz").status_code == 200
    assert own.request("GET", "/v1/user/nodes", params={"node_id": "secret-node"}).status_code == 401
    for i in range(4):
        assert own.request("GET", f"/no/such/{i}").status_code == 404
    after = read()

    def more(**labels):
        return count(after, **labels) - count(before, **labels)

    assert more(route="/healthz", method="GET", **{"class": "2xx"}) == 3
    assert more(route="/v1/user/nodes", **{"class": "4xx"}) == 1
    assert more(route="other", method="other", **{"class": "4xx"}) == 4
    assert after.get("cistern_http_request_seconds_count") == after.get("cistern_http_requests_total")
    assert "no/such" not in after.text and "secret-node" not in after.text


def test_the_end_of_each_certificate_is_told(own, read):
    def end_of(path):
        end = x509.load_pem_x509_certificate(pathlib.Path(path).read_bytes()).not_valid_after
        return int(end.replace(tzinfo=datetime.timezone.utc).timestamp())

    page = read()
    assert page.get("cistern_certificate_expiry_timestamp_seconds", certificate="daemon") == end_of(own.home / "keys" / "cisternd" / "cisternd.crt")
    assert page.get("cistern_certificate_expiry_timestamp_seconds", certificate="server_ca") == end_of(own.ca_file)
    (node_ca,) = [path for path in (own.home / "trust" / "node-ca").iterdir() if path.suffix in (".crt", ".pem")]
    assert page.get("cistern_certificate_expiry_timestamp_seconds", certificate="node_ca", file=node_ca.name) == end_of(node_ca)
    samples = page.families["cistern_certificate_expiry_timestamp_seconds"].samples
    assert {sample.labels["certificate"] for sample in samples} == {"api", "daemon", "service_ca", "server_ca", "node_ca"}


def test_database_lanes_and_process_are_told(own, read):
    page = read()
    assert page.get("cistern_database_up") == 1
    assert page.get("cistern_database_connections", application="cisternd ingest") == 2
    ((n_sessions,),) = own.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'cisternd%%'")
    assert page.get("cistern_database_connections") == n_sessions
    assert page.get("cistern_api_lane_queued") == 0
    assert page.get("cistern_api_lane_capacity", lane="command") == 256
    assert page.get("cistern_http_requests_in_hand") == 1  # this one
    pid = own.pid("cisternd")
    assert page.get("process_open_fds") == pytest.approx(len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())), abs=5)
    limit = re.search(r"Max open files\s+(\d+)", pathlib.Path(f"/proc/{pid}/limits").read_text())
    assert page.get("process_max_fds") == int(limit[1])
    assert 1 << 20 < page.get("process_resident_memory_bytes") < page.get("process_virtual_memory_bytes")
    assert 0 < page.get("process_cpu_seconds_total") < 600
    assert page.get("process_start_time_seconds") < time.time()


def test_a_histogram_never_falls_and_ends_with_its_count(read):
    page = read()
    n_checked = 0
    for family in page.families.values():
        if family.type != "histogram":
            continue
        buckets = collections.defaultdict(list)
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                labels = dict(sample.labels)
                buckets[(float(labels.pop("le")), frozenset(labels.items()))] = sample.value
        for labels in {labels for _, labels in buckets}:
            row = [value for (_, has), value in sorted(buckets.items(), key=lambda item: item[0][0]) if has == labels]
            assert row == sorted(row)
            assert row[-1] == page.values[(family.name + "_count", labels)]
            n_checked += 1
    assert n_checked == 5  # batch and commit of two lanes, and requests


def test_no_series_is_added_by_more_nodes_or_users(own, read):
    node = own.node().connect()
    user = own.user()
    node.publish("config", LAMP | {"node_id": node.id})
    user.claim(node)
    before = wait_for(lambda: (page := read()).get("cistern_ingest_committed_messages_total", topic="user/mapping") and page)
    others = [own.node().connect() for _ in range(3)]
    second = own.user()
    for other in others:
        other.publish("config", LAMP | {"node_id": other.id})
        second.claim(other)
    after = read()
    known = {key for key in before.values if key[0] != "cistern_http_requests_total"}
    assert {key for key in after.values if key[0] != "cistern_http_requests_total"} - known <= \
        {key for key in after.values if key[0].startswith("cistern_broker_")}  # the broker's first word may come in between
    for secret in [*(other.id for other in others), node.id, user.name, user.id, second.id]:
        assert secret not in after.text
    for other in (node, *others):
        other.stop()


def test_every_metric_is_in_the_documentation_and_none_is_only_there(read):
    rows = re.findall(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \|([^|]*)\|", (REPO / "docs" / "metrics.md").read_text(), re.M)
    page = read()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page.text, re.M))
    assert {name: kind for name, kind, _ in rows} == types
    assert len(rows) == len(types)
    for name, _, labels in rows:
        documented = set(re.findall(r"`([a-z]+)`", labels))
        used = {label for (sample, has) in page.values for label, _ in has if re.fullmatch(name + "(_bucket|_sum|_count)?", sample)} - {"le"}
        assert not used or used == documented, name


def test_a_message_that_the_database_keeps_waiting_has_an_age_until_it_is_committed(own, read, node):
    before = read()
    with contextlib.closing(psycopg2.connect(own.database_url)) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE node_param IN ACCESS EXCLUSIVE MODE")
        node.publish("params/local", {"Light": {"Level": 77}})
        waiting = wait_for(lambda: (page := read()).get("cistern_ingest_oldest_unacknowledged_seconds", lane="bulk") > 0.5 and page)
        assert grown(before, waiting) == {"params/local": (1, 0, 0)}
        assert waiting.get("cistern_ingest_oldest_unacknowledged_seconds", lane="control") < 0.5
        other.rollback()
    after = wait_for(lambda: grown(before, page := read()) == {"params/local": (1, 1, 0)} and page, what="the report committed")
    wait_for(lambda: read().get("cistern_ingest_oldest_unacknowledged_seconds", lane="bulk") == 0)
    slow = after.get("cistern_ingest_commit_seconds_sum", lane="bulk") - before.get("cistern_ingest_commit_seconds_sum", lane="bulk")
    assert slow > 0.5


def test_a_broker_that_goes_is_an_interruption_and_counting_goes_on(own, read):
    before = read()
    own.kill("broker")
    after = wait_for(lambda: (page := read()).get("cistern_ingest_consuming") == 2 and page)
    assert after.get("cistern_ingest_interruptions_total") > before.get("cistern_ingest_interruptions_total")
    wait_for(lambda: read().get("cistern_broker_publisher_connected") == 1)
    node = own.node()
    wait_for(node.connect)
    # of a topic that nobody has used before: a killed broker may send others again (docs/delivery.md)
    node.publish("otafetch", {"node_id": node.id, "fw_version": "1.0"})
    wait_for(lambda: grown(before, read()).get("otafetch") == (1, 1, 0), what="the one question")
    wait_for(lambda: read().get("cistern_broker_connects_total") == 1, COUNTERS_S, "the new broker's own count")
    node.stop()


# --- the port of its own ----------------------------------------------------------------------------------------------


def ask_port(own, token=TOKEN, method="GET", path="/metrics", **options):
    return ask_at(own.environment["CISTERN_METRICS_PORT"], token, method, path, **options)


def ask_at(port, token=TOKEN, method="GET", path="/metrics", **options):
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return requests.request(method, f"http://127.0.0.1:{port}{path}", headers=headers, timeout=15, **options)


def read_port(own):
    answer = ask_port(own)
    assert answer.status_code == 200
    return Page(answer.text)


def test_the_port_says_nothing_without_its_token(own):
    for token in (None, "", TOKEN[:-1], TOKEN + "0", TOKEN[:-1] + "x", "x" * len(TOKEN)):
        for path in ("/metrics", "/", "/v1/user"):
            answer = ask_port(own, token, path=path)
            assert (answer.status_code, answer.content) == (401, b"")
    assert "event=metrics.refused" in wait_for(lambda: "metrics.refused" in own.log("cisternd") and own.log("cisternd"))


def test_the_port_has_the_page_and_nothing_else(own, read):
    answer = ask_port(own)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert Page(answer.text).names() == read().names()
    assert ask_port(own, method="HEAD").status_code == 200
    assert ask_port(own, path="/healthz").status_code == 404
    assert ask_port(own, method="DELETE").status_code == 405
    with pytest.raises(requests.ConnectionError):
        ask_port(own, method="POST", data=b"x" * 100000)
    assert ask_port(own).status_code == 200


def test_the_port_answers_while_the_database_is_away(own, node):
    before = read_port(own)
    with held_down(own, "postgres"):
        wait_for(lambda: read_port(own).get("cistern_database_up") == 0)
        assert own.request("GET", "/readyz").status_code == 503
        for i in range(5):
            node.publish("params/local", {"Light": {"Level": i}})
        wait_for(lambda: read_port(own).get("cistern_database_connect_failures_total", application="cisternd ingest") > 0)
        assert grown(before, read_port(own)).get("params/local", (0, 0, 0))[1] == 0
    wait_for(lambda: grown(before, read_port(own)).get("params/local", (0, 0, 0))[1:] == (5, 0), 30, "the five reports, once each")
    page = read_port(own)
    assert page.get("cistern_database_up") == 1
    assert page.get("cistern_ingest_interruptions_total") > before.get("cistern_ingest_interruptions_total")


def test_a_daemon_that_waits_for_its_database_says_so_on_the_port(own, token_file):
    (port,) = free_ports(1)
    environment = dict(os.environ, CISTERN_CONFIG=str(own.home / "etc" / "cistern.conf"), CISTERN_DATABASE_URL="postgresql:///x?host=/nowhere",
                       CISTERN_METRICS_PORT=str(port), CISTERN_METRICS_TOKEN_FILE=str(token_file))
    with subprocess.Popen([BUILD / "cisternd"], env=environment, stderr=subprocess.DEVNULL) as waiting:
        try:
            page = wait_for(lambda: (page := Page(ask_at(port).text)).get("cistern_database_up") == 0 and page)
            assert page.get("cistern_database_connect_failures_total", application="cisternd start") >= 1
        finally:
            waiting.terminate()
        assert waiting.wait(timeout=15) == 0


@pytest.mark.parametrize("token, why", [(None, "metrics_port needs metrics_token_file"), ("short", "a token has at least 32 characters")])
def test_a_port_without_a_good_token_stops_the_start(own, tmp_path, token, why):
    environment = dict(os.environ, CISTERN_CONFIG=str(own.home / "etc" / "cistern.conf"), CISTERN_METRICS_PORT=str(*free_ports(1)))
    if token:
        (tmp_path / "token").write_text(token)
        environment["CISTERN_METRICS_TOKEN_FILE"] = str(tmp_path / "token")
    ended = subprocess.run([BUILD / "cisternd"], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert why in ended.stderr
