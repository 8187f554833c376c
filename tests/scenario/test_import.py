"""Nodes in bulk: the command line's import and the API's registration, with the same rule for a row (docs/manufacturing.md)."""

import hashlib
import json
import os
import pathlib
import secrets
import signal
import subprocess
import time

import pytest
import requests

from factorykit import Factory, key, key_pem, pem, request, rows_of, sheet
from stackkit import Node, unique, wait_for
from test_cli import openssl, refused, run

COLUMNS = ["node_id", "certs", "csr", "qrcode"]
BULK_DEADLINE_S = 120.0


@pytest.fixture(scope="module")
def factory(stack):
    """A CA that the broker trusts beside our own."""
    made = Factory("Factory CA")
    path = stack.home / "trust" / "node-ca" / "factory.crt"
    path.write_text(pem(made.certificate))
    path.chmod(0o644)
    yield made
    path.unlink()


@pytest.fixture
def ids():
    prefix = unique("bulk")
    return lambda n: f"{prefix}-{n:05d}"


def run_import(stack, path, *arguments, status=0):
    answer = run(stack, "--output", "json", "node", "import", path, *arguments)
    assert answer.returncode == status, (answer.stdout, answer.stderr)
    return json.loads(answer.stdout)


def counts(told):
    return told["rows"], told["added"], told["present"], told["failed"]


def certificate_of(stack, node_id):
    rows = stack.sql("SELECT certificate FROM node_certificate WHERE node_id = %s", node_id)
    return rows[0][0] if rows else None


# --- one row ----------------------------------------------------------------------------------------------------------


def test_a_certificate_of_a_trusted_ca_is_taken_and_the_node_connects_with_it(stack, factory, ids, tmp_path):
    private = key()
    (tmp_path / "node.key").write_text(key_pem(private))
    (tmp_path / "node.crt").write_text(factory.sign(ids(1), private))
    (tmp_path / "ca.crt").write_bytes(pathlib.Path(stack.ca_file).read_bytes())
    sheet_path = tmp_path / "nodes.csv"
    # as the public admin command line writes them: certs, many lines in quotes, and a column that is not ours
    sheet_path.write_text(sheet(COLUMNS, [{"node_id": ids(1), "certs": (tmp_path / "node.crt").read_text(),
                                           "qrcode": '{"ver":"v1","pop":"a,b"}'}]))
    assert counts(run_import(stack, sheet_path)) == (1, 1, 0, 0)
    assert certificate_of(stack, ids(1)) == (tmp_path / "node.crt").read_text()
    # not one of ours: it is not in our CRL
    assert stack.sql("SELECT ca_key_id FROM node_certificate WHERE node_id = %s", ids(1)) == [(None,)]
    assert counts(run_import(stack, sheet_path)) == (1, 0, 1, 0)


def test_escaped_line_ends_and_cr_lf_in_a_certificate_are_understood(stack, factory, ids, tmp_path):
    texts = [factory.sign(ids(n)) for n in range(2)]
    path = tmp_path / "nodes.csv"
    path.write_bytes(sheet(["node_id", "certificate"], [
        {"node_id": ids(0), "certificate": texts[0].replace("\n", "\\n")},
        {"node_id": f" {ids(1)} ", "certificate": texts[1].replace("\n", "\r\n")},
    ]).encode())
    assert counts(run_import(stack, path)) == (2, 2, 0, 0)
    assert [certificate_of(stack, ids(n)) for n in range(2)] == texts


def test_a_request_gets_a_certificate_of_ours_once(stack, ids, tmp_path):
    private = key()
    path, out = tmp_path / "nodes.csv", tmp_path / "out"
    path.write_text(sheet(["node_id", "csr"], [{"node_id": ids(1), "csr": request(ids(1), private)}]))
    assert counts(run_import(stack, path, "--out", out)) == (1, 1, 0, 0)
    made = (out / ids(1) / "node.crt").read_text()
    assert os.listdir(out / ids(1)) == ["node.crt"]
    assert certificate_of(stack, ids(1)) == made
    (tmp_path / "node.key").write_text(key_pem(private))
    assert openssl("x509", "-in", out / ids(1) / "node.crt", "-noout", "-pubkey") == openssl(
        "pkey", "-in", tmp_path / "node.key", "-pubout")
    (out / ids(1) / "node.crt").unlink()
    assert counts(run_import(stack, path, "--out", out)) == (1, 0, 1, 0)
    assert (out / ids(1) / "node.crt").read_text() == made  # nothing was signed anew


def test_make_keys_makes_a_folder_that_a_node_can_connect_with(stack, ids, tmp_path):
    path, out = tmp_path / "nodes.csv", tmp_path / "out"
    path.write_text(f"node_id\n{ids(1)}\n{ids(2)}\n")
    assert counts(run_import(stack, path, "--out", out, "--make-keys")) == (2, 2, 0, 0)
    assert sorted(os.listdir(out / ids(2))) == ["ca.crt", "node.crt", "node.key"]
    assert (out / ids(2) / "node.key").stat().st_mode & 0o777 == 0o600
    Node(stack, ids(1), out / ids(1)).connect().stop()
    assert counts(run_import(stack, path, "--out", out, "--make-keys")) == (2, 0, 2, 0)
    # a node whose key is not there is no success
    told = run_import(stack, path, "--out", tmp_path / "elsewhere", "--make-keys", status=3)
    assert counts(told) == (2, 0, 0, 2) and "its key is not in" in told["first_failure"]


def test_each_row_that_is_wrong_fails_alone_and_says_why(stack, factory, ids, tmp_path):
    stranger, used = Factory("Nobody's CA"), key()
    expired = factory.sign(ids(3), days=-1, since=-9)
    rows = [
        ({"node_id": "a b", "certs": factory.sign(ids(0))}, "node_id is not"),
        ({"node_id": "", "certs": factory.sign(ids(0))}, "node_id is not"),
        ({"node_id": ids(1), "certs": stranger.sign(ids(1))}, "would not be accepted"),
        ({"node_id": ids(2), "certs": factory.sign("other")}, "CN is not node_id"),
        ({"node_id": ids(3), "certs": expired}, "expired"),
        ({"node_id": ids(4), "certs": factory.sign(ids(4), since=2)}, "not yet valid"),
        ({"node_id": ids(5), "certs": factory.sign(ids(5), ca=True)}, "CA"),
        ({"node_id": ids(6), "certs": factory.sign(ids(6), serial=4711)}, "serial"),
        ({"node_id": ids(7), "certs": "rubbish"}, "begin with"),
        ({"node_id": ids(8), "certs": factory.sign(ids(8)) + pem(factory.certificate)}, "more than one"),
        ({"node_id": ids(9), "csr": request("other")}, "CN is not node_id"),
        ({"node_id": ids(10), "csr": "rubbish"}, "CSR"),
        ({"node_id": ids(11), "csr": request(ids(11)), "certs": factory.sign(ids(11))}, "both"),
        ({"node_id": ids(12)}, "--make-keys"),
        ({"node_id": ids(13), "certs": factory.sign(ids(13), used)}, None),
        ({"node_id": ids(14), "certs": factory.sign(ids(14), used)}, "same key"),
        ({"node_id": ids(15), "csr": request(ids(15), used)}, "same key"),
        ({"node_id": ids(16), "csr": request(ids(16))}, None),
        ({"node_id": ids(16), "csr": request(ids(16))}, "another row"),
    ]
    path, failed = tmp_path / "nodes.csv", tmp_path / "failed.csv"
    path.write_text(sheet(COLUMNS, [row for row, _ in rows]))
    told = run_import(stack, path, "--failed", failed, status=3)
    wrong = [(row, why) for row, why in rows if why]
    assert counts(told) == (len(rows), 2, 0, len(wrong))
    assert told["failed_file"] == str(failed)
    found = rows_of(failed.read_text())
    assert list(found[0]) == [*COLUMNS, "reason"]
    for (row, why), each in zip(wrong, found, strict=True):
        assert each["node_id"] == row["node_id"]
        assert why in each["reason"], (row["node_id"], each["reason"])
    known = [row[0] for row in stack.sql("SELECT node_id FROM node WHERE node_id LIKE %s ORDER BY 1", ids(0)[:-5] + "%")]
    assert known == [ids(13), ids(16)]


def test_a_registered_node_with_another_certificate_stays_as_it_is(stack, factory, ids, tmp_path):
    first = factory.sign(ids(1))
    for certificate, expected in [(first, (1, 1, 0, 0)), (factory.sign(ids(1)), (1, 0, 0, 1))]:
        (tmp_path / "nodes.csv").write_text(sheet(COLUMNS, [{"node_id": ids(1), "certs": certificate}]))
        told = run_import(stack, tmp_path / "nodes.csv", status=3 if expected[3] else 0)
        assert counts(told) == expected
    assert "another certificate" in told["first_failure"]
    assert certificate_of(stack, ids(1)) == first


def test_a_revoked_certificate_does_not_come_back(stack, factory, ids, tmp_path):
    path = tmp_path / "nodes.csv"
    path.write_text(sheet(COLUMNS, [{"node_id": ids(n), "certs": factory.sign(ids(n))} for n in range(2)]))
    run_import(stack, path)
    stack.cli("node", "revoke", ids(0))
    stack.cli("node", "delete", ids(1))
    told = run_import(stack, path, "--failed", tmp_path / "failed.csv", status=3)
    assert counts(told) == (2, 0, 0, 2)
    assert [each["reason"] for each in rows_of((tmp_path / "failed.csv").read_text())] == [
        "the node is revoked", "the certificate was revoked"]


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, words", [
    ("", "empty"), ("id,certs\na,b\n", "node_id"), ("node_id,certs,certificate\n", "one of them"),
    ('node_id\n"a\n', "within quotes"),
])
def test_a_file_that_is_none_is_refused(stack, tmp_path, text, words):
    (tmp_path / "nodes.csv").write_text(text)
    refused(run(stack, "node", "import", tmp_path / "nodes.csv"), words)


def test_a_file_that_is_not_there_and_options_that_miss_something_are_refused(stack, tmp_path):
    refused(run(stack, "node", "import", tmp_path / "nowhere.csv"), "cannot read")
    refused(run(stack, "node", "import", tmp_path), "folder")
    (tmp_path / "nodes.csv").write_text("node_id\n")
    refused(run(stack, "node", "import", tmp_path / "nodes.csv", "--make-keys"), "--out")


def test_what_stands_before_a_broken_line_is_done(stack, factory, ids, tmp_path):
    path = tmp_path / "nodes.csv"
    path.write_text(sheet(COLUMNS, [{"node_id": ids(1), "certs": factory.sign(ids(1))}]) + 'x,"y"z\n')
    answer = run(stack, "node", "import", path)
    refused(answer, "after 1 rows", "closing quote")
    assert certificate_of(stack, ids(1))


@pytest.fixture(scope="module")
def bulk(factory):
    """5 000 rows: 3 000 certificates, 1 000 requests, 800 keys to make, 200 that fail."""
    prefix = unique("mass")
    rows, broken = [], []
    for n in range(5000):
        node_id = f"{prefix}-{n:05d}"
        if n % 25 == 0:
            good = {"node_id": node_id, "certs": factory.sign(node_id)}
            broken.append(good)
            rows.append({"node_id": node_id, "certs": good["certs"][:-40]})
        elif n % 25 in [1, 2, 3, 4, 5]:
            rows.append({"node_id": node_id, "csr": request(node_id)})
        elif n % 25 in [6, 7, 8, 9]:
            rows.append({"node_id": node_id})
        else:
            rows.append({"node_id": node_id, "certs": factory.sign(node_id)})
    return prefix, rows, broken


def registered(stack, prefix):
    return stack.sql("SELECT count(*), count(DISTINCT node_id) FROM node_certificate WHERE node_id LIKE %s",
                     prefix + "-%")[0]


def test_five_thousand_mixed_rows_killed_half_way_run_again_and_the_failures_fed_back(stack, bulk, tmp_path):
    prefix, rows, broken = bulk
    path, failed, out = tmp_path / "nodes.csv", tmp_path / "failed.csv", tmp_path / "out"
    path.write_text(sheet(COLUMNS, rows))
    arguments = ["node", "import", path, "--failed", failed, "--out", out, "--make-keys"]
    began = time.monotonic()
    process = subprocess.Popen([stack.ready["cli"], *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: registered(stack, prefix)[0] >= 2000, BULK_DEADLINE_S, "the import half way")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    n_before = registered(stack, prefix)[0]
    assert 2000 <= n_before < 4800
    told = run_import(stack, path, "--failed", failed, "--out", out, "--make-keys", status=3)
    seconds = time.monotonic() - began
    assert counts(told) == (5000, 4800 - n_before, n_before, 200)
    assert registered(stack, prefix) == (4800, 4800)  # one certificate each
    print(f"import: 5000 rows in {seconds:.1f} s, killed after {n_before}")

    # every key that was made has its files, and they belong together with what is registered
    made = [row["node_id"] for row in rows if "csr" not in row and "certs" not in row]
    assert len(made) == 800
    for node_id in made:
        assert sorted(os.listdir(out / node_id)) == ["ca.crt", "node.crt", "node.key"]
    stored = dict(stack.sql("SELECT node_id, certificate FROM node_certificate WHERE node_id = ANY(%s)", made))
    assert all((out / node_id / "node.crt").read_text() == stored[node_id] for node_id in made)

    # the failures, mended, into the same file
    mended = {row["node_id"]: row["certs"] for row in broken}
    found = rows_of(failed.read_text())
    assert {each["node_id"] for each in found} == set(mended)
    failed.write_text(sheet([*COLUMNS, "reason"], [each | {"certs": mended[each["node_id"]]} for each in found]))
    assert counts(run_import(stack, failed, "--failed", failed)) == (200, 200, 0, 0)
    assert failed.read_text() == ""
    again = run_import(stack, path, "--out", out, "--make-keys", status=3)
    assert counts(again) == (5000, 0, 4800, 200)
    assert registered(stack, prefix) == (5000, 5000)


def test_hidden_files_that_a_killed_run_left_beside_the_published_ones_go_with_the_next(stack, ids, tmp_path):
    path, out = tmp_path / "nodes.csv", tmp_path / "out"
    path.write_text(f"node_id\n{ids(1)}\n")
    run_import(stack, path, "--out", out, "--make-keys")
    for name in ("ca.crt", "node.crt"):  # as after a kill between the unlink of the hidden key and the next
        os.link(out / ids(1) / name, out / ids(1) / f".{ids(1)}.{name}.new")
    assert counts(run_import(stack, path, "--out", out, "--make-keys")) == (1, 0, 1, 0)
    assert sorted(os.listdir(out / ids(1))) == ["ca.crt", "node.crt", "node.key"]


# --- by the API, as the public admin command line does it --------------------------------------------------------------


@pytest.fixture(scope="module")
def admin(stack):
    return stack.admin()


def upload(admin, text, name):
    """Address, file, start; gives the request id back."""
    address = admin.get("/v1/admin/node_certificates/register", file_name=name).json()
    assert set(address) == {"url", "request_id"}
    answer = requests.put(address["url"], data=text.encode(), headers={"Content-Type": "application/octet-stream"},
                          timeout=15)
    assert answer.status_code == 200, answer.text
    begun = admin.request("POST", "/v1/admin/node_certificates/register", json={
        "file_name": name, "file_md5": hashlib.md5(text.encode()).hexdigest(), "refresh_token": "x",
        "request_id": address["request_id"], "group_name": None, "type": "Lightbulb", "model": "m", "tags": "a:b",
        "force": False, "update_nodes": False})
    assert begun.status_code == 200, begun.text
    assert begun.json() == {"status": "success", "request_id": address["request_id"]}
    return address


def outcome(admin, request_id):
    told = admin.get("/v1/admin/node_certificates/register", request_id=request_id).json()
    return told if told["status"] in ["success", "failure"] else None


def test_node_ids_are_ordered_and_fetched(admin):
    ordered = admin.request("POST", "/v1/admin/node_ids", json={"node_count": 250}).json()
    told = admin.get("/v1/admin/node_ids", request_id=ordered["request_id"]).json()
    assert told["status"] == "success"
    rows = rows_of(requests.get(told["url"], timeout=15).text)
    found = [row["node_id"] for row in rows]
    assert len(set(found)) == 250
    assert all(13 <= len(each) <= 46 and each.isalnum() for each in found)
    # the next address ends the one before
    newer = admin.get("/v1/admin/node_ids", request_id=ordered["request_id"]).json()["url"]
    assert requests.get(told["url"], timeout=15).status_code == 403
    assert requests.get(newer, timeout=15).status_code == 200


def test_an_upload_is_worked_off_and_its_failures_can_be_fetched_and_fed_back(stack, factory, admin, ids):
    rows = [{"node_id": ids(n), "certs": factory.sign(ids(n))} for n in range(150)]
    rows += [{"node_id": ids(n), "csr": request(ids(n))} for n in range(150, 160)]
    rows += [{"node_id": ids(n), "certs": factory.sign("other")} for n in range(160, 163)]
    address = upload(admin, sheet(COLUMNS, rows), "nodes.csv")
    told = wait_for(lambda: outcome(admin, address["request_id"]), 60.0, "the registration's end")
    assert (told["status"], told["description"], told["rows_done"]) == ("failure", "163 rows, 3 failed", 163)
    failed = rows_of(requests.get(told["failed_url"], timeout=15).text)
    assert [(each["node_id"], each["reason"]) for each in failed] == [
        (ids(n), "the certificate's CN is not node_id") for n in range(160, 163)]
    listed = admin.get("/v1/admin/nodes/certificates", node_id=ids(155)).json()["certificates"]
    assert listed[0]["certificate"] == certificate_of(stack, ids(155))
    assert listed[0]["ca_key_id"] and not admin.get("/v1/admin/nodes/certificates",
                                                    node_id=ids(1)).json()["certificates"][0]["ca_key_id"]
    mended = sheet([*COLUMNS, "reason"], [each | {"certs": factory.sign(each["node_id"])} for each in failed])
    again = upload(admin, mended, "failed.csv")
    told = wait_for(lambda: outcome(admin, again["request_id"]), 60.0, "the registration's end")
    assert (told["status"], told["description"]) == ("success", "3 rows, 0 failed")
    assert "failed_url" not in told
    # what was uploaded is not kept
    assert stack.sql("SELECT content FROM registration WHERE request_id = %s", again["request_id"]) == [(None,)]


def test_a_file_that_is_none_ends_as_a_failure_that_says_why(admin):
    address = upload(admin, "id,certs\na,b\n", "nodes.csv")
    told = wait_for(lambda: outcome(admin, address["request_id"]), 60.0, "the registration's end")
    assert told["status"] == "failure" and "node_id" in told["description"]


def test_addresses_are_good_for_whom_they_were_made_once_and_no_longer(stack, admin, factory, ids):
    text = sheet(COLUMNS, [{"node_id": ids(1), "certs": factory.sign(ids(1))}])
    address = admin.get("/v1/admin/node_certificates/register", file_name="nodes.csv").json()
    base, _, query = address["url"].partition("?")
    wrong = [f"{base}?request_id={address['request_id']}&secret={secrets.token_urlsafe(16)}",
             f"{base}?request_id={secrets.token_urlsafe(16)}&{query.split('&')[1]}",
             f"{base}?request_id={address['request_id']}", base, address["url"] + "x"]
    for url in wrong:
        assert requests.put(url, data=text, timeout=15).status_code == 403
        assert requests.get(url, timeout=15).status_code == 403
    assert requests.get(address["url"], timeout=15).status_code == 403  # nothing to be had there
    assert requests.put(address["url"], data=text, timeout=15).status_code == 200
    assert requests.put(address["url"], data=b"a\0b", timeout=15).status_code == 400
    assert requests.put(address["url"], data=b"\xff\xfe", timeout=15).status_code == 400
    start = {"file_name": "nodes.csv", "request_id": address["request_id"]}
    path = "/v1/admin/node_certificates/register"
    digest = hashlib.md5(text.encode()).hexdigest()
    assert admin.request("POST", path, json=start | {"file_md5": "0" * 32}).json()["error_code"] == 107008
    assert admin.request("POST", path, json=start | {"file_md5": digest, "group_name": "g"}).json()["error_code"] == 107010
    assert admin.request("POST", path, json=start | {"file_md5": digest, "file_name": "x"}).json()["error_code"] == 107006
    assert admin.request("POST", path, json=start | {"file_md5": digest}).status_code == 200
    assert admin.request("POST", path, json=start | {"file_md5": digest}).json()["error_code"] == 107007
    assert requests.put(address["url"], data=text, timeout=15).status_code == 403
    wait_for(lambda: outcome(admin, address["request_id"]), 60.0, "the registration's end")

    old = admin.get(path, file_name="nodes.csv").json()
    stack.sql("UPDATE registration SET changed_at = now() - interval '61 minutes' WHERE request_id = %s", old["request_id"])
    assert requests.put(old["url"], data=text, timeout=15).status_code == 403


def test_a_large_body_is_refused_before_it_is_sent_without_a_good_address(stack):
    url = stack.ready["api_url"] + "/v1/admin/node_certificates/file?request_id=x&secret=y"

    def endless():
        for _ in range(2000):
            yield b"x" * 65536

    try:
        answer = requests.put(url, data=endless(), timeout=15)
        assert answer.status_code in [400, 403]
    except requests.exceptions.ConnectionError:
        pass  # hung up on, while it was still sending
    answer = requests.put(url, data=b"x" * 1000, timeout=15)
    assert answer.status_code == 403


def test_a_killed_daemon_goes_on_where_it_was(sturdy, tmp_path):
    made = Factory("Other factory")
    path = sturdy.home / "trust" / "node-ca" / "other.crt"
    path.write_text(pem(made.certificate))
    path.chmod(0o644)
    admin, prefix = sturdy.admin(), unique("sturdy")
    ids = [f"{prefix}-{n:05d}" for n in range(3000)]
    rows = [{"node_id": each, "certs": made.sign(each if n % 100 else "other")} for n, each in enumerate(ids)]
    address = upload(admin, sheet(COLUMNS, rows), "nodes.csv")
    wait_for(lambda: sturdy.sql("SELECT n_done FROM registration WHERE request_id = %s AND n_done > 300",
                                address["request_id"]), 60.0, "some rows")
    sturdy.kill("cisternd")
    told = wait_for(lambda: outcome(admin, address["request_id"]), BULK_DEADLINE_S, "the registration's end")
    assert told["description"] == "3000 rows, 30 failed"
    failed = rows_of(requests.get(told["failed_url"], timeout=15).text)
    assert [each["node_id"] for each in failed] == ids[::100]
    assert registered(sturdy, prefix) == (2970, 2970)
    path.unlink()


def test_an_address_is_on_the_host_and_by_the_scheme_that_the_client_came_by(stack):
    headers = stack.admin().headers
    for base in (stack.ready["api_url"], stack.ready["api_url_tls"]):
        told = requests.get(base + "/v1/admin/node_certificates/register", params={"file_name": "nodes.csv"}, headers=headers,
                            verify=stack.ca_file, timeout=10).json()
        assert told["url"].startswith(base + "/v1/admin/"), told
