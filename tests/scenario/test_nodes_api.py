"""What a user reads of the own nodes, and that nobody reads anybody else's (rest.md 1.4, 1.5, 4.1 and 4.3)."""

import json
import time

import pytest

from stackkit import LAMP, unique, wait_for

NODES = "/v1/user/nodes"
PARTS = ["config", "status", "params"]
ENTRY = {"id", "node_id", "role", "primary", "status", "config", "params", "mapping_timestamp"}  # tags etc. are optional


def ask(user, **query):
    answer = user.get(NODES, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def entry(user, node_id, **query):
    """The details of one node."""
    body = ask(user, node_id=node_id, **query)
    assert (body["nodes"], body["total"]) == ([node_id], 1) and "next_id" not in body
    (found,) = body["node_details"]
    return found


def seen(answer):
    """All that tells one answer from another."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "X-Request-Id")}
    return answer.status_code, headers, answer.content


def connected_as(user, node, expected):
    return entry(user, node.id)["status"]["connectivity"]["connected"] is expected


@pytest.fixture
def owner(new_user):
    return new_user()


@pytest.fixture
def stranger(new_user):
    return new_user()


@pytest.fixture
def herd(stack):
    """Gives a user n nodes that were never connected: their ids in the order of the alphabet."""
    made = []

    def make(user, n):
        prefix = unique("herd")
        ids = sorted(f"{prefix}-{i:03d}" for i in range(n))
        for node_id in ids:
            stack.sql("WITH n AS (INSERT INTO node (node_id) VALUES (%s) RETURNING node_id) "
                      "INSERT INTO node_user (node_id, user_id, role) SELECT node_id, %s, 'primary' FROM n", node_id,
                      user.id)
        made.extend(ids)
        return ids

    yield make
    stack.sql("DELETE FROM node WHERE node_id = ANY(%s)", made)


@pytest.fixture
def bare(owner, herd):
    """The id of a node that has reported nothing yet."""
    (node_id,) = herd(owner, 1)
    return node_id


@pytest.fixture
def hall(node, owner):
    """A connected lamp of `owner` with configuration and values."""
    node.publish("config", LAMP | {"node_id": node.id})
    owner.claim(node)
    node.publish("params/local", {"Light": {"Power": True, "Level": 40}})
    wait_for(lambda: owner.params(node)["Light"], what="reported values")
    wait_for(lambda: connected_as(owner, node, True), what="the node on line")
    return node


# --- forms of the list ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [{}, {"node_details": "false"}, {"node_details": "False"},
                                   {"node_details": "undefined"}, {"node_details": ""},
                                   {"node_id": "undefined", "nodeid": "", "start_id": "undefined",
                                    "num_records": "undefined"},
                                   {"show_tags": "true", "is_matter": "False", "anything": "else"}], ids=json.dumps)
def test_without_details_it_is_ids_and_their_number(owner, herd, query):
    ids = herd(owner, 3)
    assert ask(owner, **query) == {"nodes": ids, "total": 3}


EVERYTHING = {"node_details": "true", "status": "true", "config": "True", "params": "true", "show_tags": "true",
              "is_matter": "False", "custom_data": "undefined"}


@pytest.mark.parametrize("query", [{"node_details": "true"}, {"node_details": "True"},
                                   {"node_details": "TRUE", "status": "undefined"}, EVERYTHING], ids=json.dumps)
def test_with_details_each_node_has_an_entry_in_the_order_of_the_ids(owner, herd, query):
    ids = herd(owner, 3)
    body = ask(owner, **query)
    assert set(body) == {"nodes", "node_details", "total"} and (body["nodes"], body["total"]) == (ids, 3)
    assert [each["id"] for each in body["node_details"]] == [each["node_id"] for each in body["node_details"]] == ids
    assert all(ENTRY <= set(each) for each in body["node_details"])


@pytest.mark.parametrize("name", ["node_id", "nodeid"])
@pytest.mark.parametrize("query", [{}, {"node_details": "true"}, {"node_details": "undefined"}], ids=json.dumps)
def test_a_node_id_alone_gives_that_node_s_details(owner, herd, name, query):
    ids = herd(owner, 3)
    body = ask(owner, **{name: ids[1]}, **query)
    assert set(body) == {"nodes", "node_details", "total"} and (body["nodes"], body["total"]) == ([ids[1]], 1)
    (only,) = body["node_details"]
    assert ENTRY <= set(only) and only["id"] == ids[1]


def test_a_node_id_with_the_details_switched_off_gives_the_id(owner, herd):
    ids = herd(owner, 2)
    assert ask(owner, node_id=ids[0], node_details="False") == {"nodes": [ids[0]], "total": 1}


@pytest.mark.parametrize("off", ["false", "False", "FALSE"])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_details_can_be_left_out(owner, bare, part, off):
    for query in ({"node_id": bare}, {"node_details": "true"}):
        (found,) = ask(owner, **query, **{part: off})["node_details"]
        assert part not in found and ENTRY - {part} <= set(found)


def test_all_parts_can_be_left_out(owner, bare):
    found = entry(owner, bare, config="false", status="false", params="false")
    assert not set(PARTS) & set(found) and found["id"] == bare


def test_flags_without_details_change_nothing(owner, bare):
    assert ask(owner, config="true", status="true", params="true") == {"nodes": [bare], "total": 1}


@pytest.mark.parametrize("query", [{}, {"node_details": "true"}, {"node_details": "false"}, {"num_records": "10"},
                                   {"start_id": "a"}], ids=json.dumps)
def test_a_user_without_nodes_has_empty_lists(owner, query):
    assert ask(owner, **query) == {"nodes": [], "node_details": [], "total": 0}


def test_a_tag_that_no_node_has_finds_none(owner, herd):
    herd(owner, 2)
    for more in ({}, {"node_details": "true"}):
        body = ask(owner, tags="room:hall", **more)
        assert body["nodes"] == [] and body["total"] == 0 and "next_id" not in body


BAD_QUERIES = [
    "node_details=maybe", "config=1", "num_records=0", "num_records=-1", "num_records=ten", "num_records=1.5",
    "num_records=99999999999999999999", "start_id=a%2Fb", "start_id=%00", "start_id=%zz", "start_id=" + "a" * 65,
    "start_id=%27%20or%201=1--", "node_id=a&nodeid=b", "node_id=a&node_id=b", "node_id=" + "a" * 9000,
]


@pytest.mark.parametrize("query", BAD_QUERIES, ids=[each[:30] for each in BAD_QUERIES])
def test_a_query_that_cannot_be_meant_is_refused(owner, bare, query):
    answer = owner.get(f"{NODES}?{query}")
    assert 400 <= answer.status_code < 500 and answer.status_code != 401, answer.text
    assert answer.json()["status"] == "failure" and type(answer.json()["error_code"]) is int
    assert bare not in answer.text


# --- pages ------------------------------------------------------------------------------------------------------------


def pages(user, **query):
    """As the clients go through them: while there is a next_id, it becomes the start_id, raw in the URL."""
    start = ""
    while True:
        answer = user.get(NODES + start, **query)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        yield body
        if not body.get("next_id"):
            assert "next_id" not in body or body["next_id"] == ""
            return
        start = f"?start_id={body['next_id']}"


@pytest.mark.parametrize("details", ["false", "true"])
@pytest.mark.parametrize("n, size", [(7, 3), (6, 3), (6, 6), (6, 7), (1, 1), (5, 1)])
def test_all_pages_together_are_all_nodes_once(owner, herd, n, size, details):
    ids = herd(owner, n)
    found = list(pages(owner, num_records=size, node_details=details))
    assert [node_id for page in found for node_id in page["nodes"]] == ids
    assert len(found) == -(-n // size)  # a full last page is the last page: no empty one after it
    assert all(len(page["nodes"]) == size for page in found[:-1])
    assert all(page["total"] == n for page in found)
    if details == "true":
        assert [each["id"] for page in found for each in page["node_details"]] == ids


def test_a_page_has_ten_nodes_with_details_and_twenty_five_ids_unless_asked_otherwise(owner, herd):
    ids = herd(owner, 28)
    assert [len(page["nodes"]) for page in pages(owner)] == [25, 3]
    assert [len(page["node_details"]) for page in pages(owner, node_details="true")] == [10, 10, 8]
    assert ask(owner, num_records=100)["nodes"] == ids
    assert ask(owner, num_records=100000)["nodes"] == ids  # more than there may be is as many as there may be


def test_the_next_id_needs_no_escape_in_a_url(owner, herd):
    herd(owner, 2)
    next_id = ask(owner, num_records=1)["next_id"]
    assert isinstance(next_id, str) and next_id.replace("-", "").replace("_", "").isalnum() and next_id.isascii()


def test_a_start_id_behind_the_last_node_gives_an_empty_last_page(owner, herd):
    ids = herd(owner, 3)
    body = ask(owner, start_id=ids[-1])
    assert body["nodes"] == [] and body["total"] == 3 and "next_id" not in body


def test_a_node_that_goes_away_between_two_pages_disturbs_no_other(stack, owner, herd):
    ids = herd(owner, 5)
    first = ask(owner, num_records=2)
    stack.sql("DELETE FROM node_user WHERE node_id = %s", first["next_id"])
    rest = ask(owner, num_records=10, start_id=first["next_id"])
    assert first["nodes"] + rest["nodes"] == ids


def test_somebody_else_s_node_as_start_id_shows_nothing_of_it(owner, stranger, herd):
    foreign = herd(stranger, 3)
    own = herd(owner, 2)
    body = ask(owner, start_id=foreign[0])
    assert body == {"nodes": own, "total": 2}  # merely a place in the alphabet
    assert ask(stranger, start_id=own[0]) == {"nodes": [], "total": 3}


# --- what an entry says -----------------------------------------------------------------------------------------------


def test_a_lamp_s_entry_has_what_it_reported(owner, hall):
    found = entry(owner, hall.id)
    assert (found["role"], found["primary"]) == ("primary", True)
    assert found["config"] == LAMP | {"node_id": hall.id}
    assert found["params"] == {"Light": {"Power": True, "Level": 40}, "Time": {}}
    assert found["status"]["connectivity"]["connected"] is True
    assert found["is_matter"] is False and found["tags"] == [] and found["metadata"] == {}
    (listed,) = ask(owner, node_details="true")["node_details"]
    assert listed == found


def test_a_node_that_has_reported_nothing_has_a_configuration_of_nothing_and_no_params(owner, bare):
    """Not {}: the SDK reads these members of every node of its list and fails as a whole where one is missing."""
    nothing = {"node_id": bare, "config_version": "", "info": {}, "devices": [], "services": []}
    found = entry(owner, bare)
    assert found["config"] == nothing and found["params"] == {}
    assert found["status"]["connectivity"]["connected"] is False
    assert [owner.get(f"{NODES}/{part}", node_id=bare).json() for part in ("config", "params")] == [nothing, {}]
    assert owner.get(f"{NODES}/status", node_id=bare).json() == found["status"]


def test_a_secondary_user_is_called_so(stack, owner, stranger, bare):
    stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'secondary')", bare, stranger.id)
    found = entry(stranger, bare)
    assert (found["role"], found["primary"]) == ("secondary", False)
    found = entry(owner, bare)
    assert (found["role"], found["primary"]) == ("primary", True)


def test_connectivity_is_in_milliseconds_and_the_mapping_in_seconds(owner, node):
    began = time.time()
    owner.claim(node)
    wait_for(lambda: connected_as(owner, node, True), what="the node on line")
    found = entry(owner, node.id)
    stamp, mapped = found["status"]["connectivity"]["timestamp"], found["mapping_timestamp"]
    assert isinstance(stamp, int) and isinstance(mapped, int)
    assert (began - 60) * 1000 < stamp < (time.time() + 1) * 1000
    assert int(began) - 1 <= mapped <= time.time() + 1
    going = time.time()
    node.stop()
    wait_for(lambda: connected_as(owner, node, False), what="the node off line")
    stamp = entry(owner, node.id)["status"]["connectivity"]["timestamp"]
    assert (going - 1) * 1000 < stamp < (time.time() + 1) * 1000  # since when it is off line


# unusual on purpose: member order, blanks, forms of numbers, escapes, members that nobody knows
ODD = ('{ "node_id" : "%s",\n\t"config_version":"2020-03-20", "zeta": 1.50, "alpha": -0.0, "e": 1E+2,'
       ' "big": 9223372036854775807, "text": "a\\/b \\u00e9 é \\ud83d\\ude00",'
       ' "info": {"name":"Odd","fw_version":"1","type":"t","model":"m","extra":[null,{}]},'
       ' "devices":[{"name":"Light","params":[{"name":"Power","data_type":"bool","properties":["read"]}]}] }')


def test_a_configuration_comes_back_as_the_node_wrote_it(owner, node):
    owner.claim(node)
    text = ODD % node.id
    node.publish("config", text)
    wait_for(lambda: owner.get(f"{NODES}/config", node_id=node.id).text == text, what="the configuration")
    assert owner.get(f"{NODES}/config", node_id=node.id).content == text.encode()
    for query in ({"node_id": node.id}, {"node_details": "true"}):
        answer = owner.get(NODES, **query)
        assert text.encode() in answer.content and answer.json()["node_details"][0]["config"] == json.loads(text)


def test_values_come_back_in_the_node_s_own_form(owner, hall):
    hall.publish("params/local", '{"Light":{"Heat": 21.50 ,"Name":"h\\u00e9 \\"q\\"","Level":1E1}}')
    wait_for(lambda: "Heat" in owner.params(hall)["Light"], what="the report")
    answer = owner.get(f"{NODES}/params", node_id=hall.id)
    assert '"Heat":21.50' in answer.text and '"Level":1E1' in answer.text
    assert answer.json() == {"Light": {"Power": True, "Heat": 21.5, "Name": 'hé "q"', "Level": 10.0}}
    assert answer.text[:-1] in owner.get(NODES, node_id=hall.id).text  # there the service "Time" follows, without values


# --- parts of one node ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["node_id", "nodeid"])
def test_either_name_of_the_node_id_works_for_every_part(owner, hall, name):
    found = entry(owner, hall.id)
    assert found["params"].pop("Time") == {}  # for the details alone: what the configuration names and nobody reported
    for part in PARTS:
        answer = owner.get(f"{NODES}/{part}", **{name: hall.id})
        assert answer.status_code == 200 and answer.json() == found[part]  # the object itself, no envelope
    both = owner.get(f"{NODES}/config", node_id=hall.id, nodeid=hall.id)
    assert both.json() == found["config"]
    other_empty = owner.get(f"{NODES}/params", **{name: hall.id, {"node_id": "nodeid",
                                                                  "nodeid": "node_id"}[name]: "undefined"})
    assert other_empty.json() == found["params"]
    answer = owner.put(f"{NODES}/params", {"Light": {"Power": True}}, **{name: hall.id})
    assert (answer.status_code, answer.json()["status"]) == (200, "success")


@pytest.mark.parametrize("query", [{}, {"node_id": ""}, {"nodeid": "undefined"}, {"NODE_ID": "x"}], ids=json.dumps)
def test_a_missing_node_id_is_told(owner, query):
    answers = [owner.get(f"{NODES}/{part}", **query) for part in PARTS]
    answers.append(owner.put(f"{NODES}/params", {"Light": {"Power": True}}, **query))
    for answer in answers:
        assert answer.status_code == 400, answer.text
        assert answer.json()["status"] == "failure" and type(answer.json()["error_code"]) is int


def test_two_different_node_ids_in_one_request_are_refused(owner, herd):
    one, two = herd(owner, 2)
    for part in PARTS:
        assert owner.get(f"{NODES}/{part}", node_id=one, nodeid=two).status_code == 400
    assert owner.put(f"{NODES}/params", {"Light": {"Power": True}}, node_id=one, nodeid=two).status_code == 400


def ways_to_ask(user, node_id):
    """Every answer that speaks of one node, by every name of its id."""
    for name in ("node_id", "nodeid"):
        for part in PARTS:
            yield user.get(f"{NODES}/{part}", **{name: node_id})
        for more in ({}, {"node_details": "true"}, {"node_details": "false"}, {"start_id": "0"}, {"num_records": "1"}):
            yield user.get(NODES, **{name: node_id}, **more)
        yield user.put(f"{NODES}/params", {"Light": {"Power": True}}, **{name: node_id})


def test_a_foreign_node_is_answered_byte_for_byte_like_an_unknown_one(stranger, hall):
    unknown = unique("nobody").ljust(len(hall.id), "x")
    for foreign, never in zip(ways_to_ask(stranger, hall.id), ways_to_ask(stranger, unknown)):
        assert 400 <= foreign.status_code < 500 and foreign.status_code != 401, foreign.text
        assert seen(foreign) == seen(never)
        assert foreign.json()["status"] == "failure" and type(foreign.json()["error_code"]) is int


NO_IDS = ["a/b", "#", "+", "../x", "x" * 65, "x" * 3000, "é", "\x01", "a b", "' OR '1'='1", "a\nb", "%s"]


@pytest.mark.parametrize("node_id", NO_IDS, ids=[json.dumps(each)[:20] for each in NO_IDS])
def test_an_id_that_no_node_can_have_is_answered_like_an_unknown_one(owner, bare, node_id):
    for odd, never in zip(ways_to_ask(owner, node_id), ways_to_ask(owner, unique("nobody"))):
        assert seen(odd) == seen(never)


def test_bytes_that_are_no_text_are_no_node_id(owner, bare):
    for part in ("", "/config", "/status", "/params"):
        answer = owner.get(f"{NODES}{part}?node_id=%ff%fe")
        assert 400 <= answer.status_code < 500 and answer.json()["status"] == "failure"
        assert owner.get(f"{NODES}{part}?node_id={bare}%00").status_code == 400


def test_lists_hold_the_own_nodes_only(owner, stranger, herd):
    own, foreign = herd(owner, 3), herd(stranger, 3)
    assert ask(owner)["nodes"] == own and ask(stranger)["nodes"] == foreign
    assert [each["id"] for each in ask(owner, node_details="true")["node_details"]] == own


def test_what_is_taken_from_a_user_is_gone_with_the_next_request(stack, owner, hall):
    assert owner.get(f"{NODES}/config", node_id=hall.id).status_code == 200
    stack.sql("DELETE FROM node_user WHERE node_id = %s", hall.id)
    for gone, never in zip(ways_to_ask(owner, hall.id), ways_to_ask(owner, unique("nobody"))):
        assert seen(gone) == seen(never)
    assert ask(owner)["nodes"] == []
