"""Sharing of nodes (rest.md section 5, threats.md section 6): the life of an invitation, what each side sees of it, and that who has lost
a node has lost it everywhere with his next request."""

import json
import time

import pytest

from stackkit import LAMP, User, unique, wait_for

SHARING = "/v1/user/nodes/sharing"
REQUESTS = SHARING + "/requests"
NODES = "/v1/user/nodes"
NO_ID = "n" * 22


@pytest.fixture
def herd(stack):
    """Gives a user n nodes that were never connected."""
    made = []

    def make(user, n=1, role="primary"):
        ids = sorted(f"{unique('shared')}-{i:03d}" for i in range(n))
        for node_id in ids:
            stack.sql("WITH n AS (INSERT INTO node (node_id) VALUES (%s) RETURNING node_id) "
                      "INSERT INTO node_user (node_id, user_id, role) SELECT node_id, %s, %s FROM n", node_id, user.id, role)
        made.extend(ids)
        return ids

    yield make
    stack.sql("DELETE FROM node WHERE node_id = ANY(%s)", made)


@pytest.fixture
def ann(new_user):
    return new_user()


@pytest.fixture
def bob(new_user):
    return new_user()


@pytest.fixture
def eve(new_user):
    return new_user()


@pytest.fixture(autouse=True)
def _no_invitations(stack):
    """Accounts are used again by other tests."""
    yield
    stack.sql("DELETE FROM sharing_request")


def done(answer):
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "success" and answer.json()["description"]
    return answer.json()


def failed(answer, status, code):
    assert (answer.status_code, answer.json()["status"], answer.json()["error_code"]) == (status, "failure", code), answer.text
    assert answer.json()["description"]
    return True


def invite(sender, receiver, nodes, **more):
    name = receiver if isinstance(receiver, str) else receiver.name
    return sender.put(SHARING, {"nodes": nodes, "user_name": name, **more})


def respond(user, request_id, accept=True):
    return user.put(REQUESTS, {"accept": accept, "request_id": request_id})


def share(sender, receiver, nodes, **more):
    request_id = done(invite(sender, receiver, nodes, **more))["request_id"]
    done(respond(receiver, request_id))
    return request_id


def end(user, name, nodes):
    return user.request("DELETE", SHARING, params={"nodes": ",".join(nodes), "user_name": name})


def cancel(user, request_id):
    return user.request("DELETE", REQUESTS, params={"request_id": request_id})


def listed(user, **query):
    answer = user.get(SHARING, **query)
    assert answer.status_code == 200 and "next_id" not in answer.json(), answer.text
    return {each["node_id"]: each for each in answer.json()["node_sharing"]}


def requests_of(user, **query):
    answer = user.get(REQUESTS, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()["sharing_requests"]


def nodes_of(user):
    return user.get(NODES).json()["nodes"]


def seen(answer):
    headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "X-Request-Id")}
    return answer.status_code, headers, answer.content


# --- the life of an invitation ----------------------------------------------------------------------------------------


def test_an_invitation_is_seen_by_both_and_gives_access_when_it_is_accepted(ann, bob, herd):
    (node,) = herd(ann)
    began = int(time.time())
    told = done(invite(ann, bob, [node], primary=False, metadata={"devices": ["Hall"]}, sub_role=1))
    assert len(told["request_id"]) == 22 and nodes_of(bob) == []
    expected = {"request_id": told["request_id"], "request_status": "pending", "node_ids": [node], "user_name": bob.name,
                "primary_user_name": ann.name, "metadata": {"devices": ["Hall"]}}
    for user, which in ((ann, "True"), (bob, "False"), (bob, "undefined")):
        (found,) = requests_of(user, primary_user=which)
        assert expected.items() <= found.items() and began - 1 <= found["request_timestamp"] <= time.time() + 1
    assert requests_of(ann) == requests_of(bob, primary_user="true") == []
    done(respond(bob, told["request_id"]))
    assert nodes_of(bob) == [node]
    (entry,) = bob.get(NODES, node_id=node).json()["node_details"]
    assert (entry["role"], entry["primary"]) == ("secondary", False)
    for user, which in ((ann, "true"), (bob, "false")):
        (found,) = requests_of(user, primary_user=which)
        assert found["request_status"] == "accepted" and found["node_ids"] == [node]


def test_a_declined_invitation_gives_nothing_and_is_told_to_the_sender(ann, bob, herd):
    (node,) = herd(ann)
    request_id = done(invite(ann, bob, [node]))["request_id"]
    done(respond(bob, request_id, accept=False))
    assert nodes_of(bob) == [] and requests_of(ann, primary_user="true")[0]["request_status"] == "declined"
    assert failed(respond(bob, request_id), 409, 108002)


def test_a_cancelled_invitation_is_in_no_list_and_good_for_nothing(ann, bob, herd):
    request_id = done(invite(ann, bob, herd(ann)))["request_id"]
    done(cancel(ann, request_id))
    assert requests_of(ann, primary_user="true") == requests_of(bob) == []
    assert failed(respond(bob, request_id), 409, 108002) and failed(cancel(ann, request_id), 409, 108002)
    assert nodes_of(bob) == []


def test_an_invitation_is_used_once(ann, bob, herd):
    nodes = herd(ann)
    request_id = share(ann, bob, nodes)
    done(end(ann, bob.name, nodes))
    assert failed(respond(bob, request_id), 409, 108002) and nodes_of(bob) == []


def test_an_invitation_that_has_run_out_is_unknown(stack, ann, bob, herd):
    request_id = done(invite(ann, bob, herd(ann)))["request_id"]
    stack.sql("UPDATE sharing_request SET expires_at = now() WHERE request_id = %s", request_id)
    assert failed(respond(bob, request_id), 404, 108001) and failed(cancel(ann, request_id), 404, 108001)
    assert requests_of(ann, primary_user="true") == requests_of(bob) == []


def test_an_invitation_lives_seven_days(stack, ann, bob, herd):
    request_id = done(invite(ann, bob, herd(ann)))["request_id"]
    ((days,),) = stack.sql("SELECT round(extract(epoch FROM expires_at - created_at) / 86400) FROM sharing_request"
                           " WHERE request_id = %s", request_id)
    assert days == 7


def test_the_addressee_is_found_by_any_spelling_of_the_name(ann, bob, herd):
    (node,) = herd(ann)
    request_id = done(invite(ann, bob.name.upper(), [node]))["request_id"]
    done(respond(bob, request_id))
    done(end(ann, bob.name.title(), [node]))


def test_a_name_without_an_account_is_answered_alike_and_may_accept_once_it_has_one(stack, ann, bob, herd):
    (node,) = herd(ann)
    later = f"{unique('later')}@example.org"
    known, unknown = invite(ann, bob, [node]), invite(ann, later, [node])
    both = [{**done(answer), "request_id": ""} for answer in (known, unknown)]
    assert both[0] == both[1] and len(known.content) == len(unknown.content)
    path = stack.home.parent / unique("password")
    path.write_text("Correct-Horse-7\n")
    stack.cli("user", "add", later, "--password-file", str(path))
    newcomer = User(stack, later, "Correct-Horse-7")
    (found,) = requests_of(newcomer)
    done(respond(newcomer, found["request_id"]))
    assert nodes_of(newcomer) == [node]


def test_the_sender_s_loss_of_the_node_ends_the_invitation(stack, ann, bob, herd):
    (node,) = herd(ann)
    request_id = done(invite(ann, bob, [node]))["request_id"]
    done(ann.put(NODES + "/mapping", {"node_id": node, "secret_key": "s", "operation": "remove"}))
    assert requests_of(bob) == [] and failed(respond(bob, request_id), 409, 108012)
    assert failed(respond(bob, request_id), 409, 108002)


# --- who may do what --------------------------------------------------------------------------------------------------


def test_a_foreign_node_is_answered_byte_for_byte_like_an_unknown_one(ann, bob, eve, herd):
    (own,), (foreign,) = herd(ann), herd(eve)
    unknown = unique("never").ljust(len(foreign), "x")
    for ids in ([{}], [own, {}], [{}, own]):
        one, two, odd = ([each if isinstance(each, str) else node for each in ids] for node in (foreign, unknown, "a/b"))
        assert seen(invite(ann, bob, one)) == seen(invite(ann, bob, two)) == seen(invite(ann, bob, odd))
        assert seen(end(ann, bob.name, one)) == seen(end(ann, bob.name, two)) == seen(end(ann, bob.name, odd))
        assert failed(invite(ann, bob, one), 404, 105001)
    for name in ("node_id", "nodeid"):
        assert seen(ann.get(SHARING, **{name: foreign})) == seen(ann.get(SHARING, **{name: unknown})) == seen(ann.get(SHARING, **{name: "#"}))
        assert failed(ann.get(SHARING, **{name: foreign}), 404, 105001)
    assert requests_of(bob) == []


def test_a_foreign_invitation_is_answered_byte_for_byte_like_an_unknown_one(ann, bob, eve, herd):
    request_id = done(invite(ann, bob, herd(ann)))["request_id"]
    for user, ask in ((eve, respond), (ann, respond), (eve, cancel), (bob, cancel),
                      (eve, lambda user, each: user.get(REQUESTS, request_id=each)),
                      (eve, lambda user, each: user.get(REQUESTS, request_id=each, primary_user="true"))):
        assert seen(ask(user, request_id)) == seen(ask(user, NO_ID)) == seen(ask(user, "é' OR 1=1"))
        assert failed(ask(user, request_id), 404, 108001)
    assert requests_of(bob)[0]["request_status"] == "pending"
    assert requests_of(ann, request_id=request_id) == requests_of(bob, request_id=request_id)  # either of the two


def test_a_secondary_user_neither_invites_nor_takes_others_off(ann, bob, eve, herd):
    nodes = herd(ann)
    share(ann, bob, nodes)
    share(ann, eve, nodes)
    assert failed(invite(bob, eve, nodes), 403, 105006) and failed(end(bob, eve.name, nodes), 403, 105006)
    assert failed(end(bob, ann.name, nodes), 403, 105006) and nodes_of(eve) == nodes_of(ann) == nodes


def test_sharing_with_oneself_or_again_is_refused(ann, bob, herd):
    nodes = herd(ann)
    assert failed(invite(ann, ann, nodes), 400, 108003)
    share(ann, bob, nodes)
    assert failed(invite(ann, bob, nodes), 409, 108004)
    done(invite(ann, bob, nodes, primary=True))  # another role


def test_a_second_primary_user_is_an_owner_like_the_first_and_not_taken_off(ann, bob, eve, herd):
    nodes = herd(ann)
    share(ann, bob, nodes, primary=True)
    assert bob.get(NODES, node_id=nodes[0]).json()["node_details"][0]["role"] == "primary"
    share(bob, eve, nodes)
    for user, other in ((ann, bob), (bob, ann), (ann, ann)):
        assert failed(end(user, other.name, nodes), 403, 108011)
    done(end(ann, eve.name, nodes))  # whoever shared it with her
    assert nodes_of(eve) == []


BAD = [
    ({"user_name": "bob@example.org"}, 108007), ({"nodes": [], "user_name": "bob@example.org"}, 108007),
    ({"nodes": "lamp", "user_name": "bob@example.org"}, 108007), ({"nodes": [1], "user_name": "bob@example.org"}, 108007),
    ({"nodes": ["x"] * 101, "user_name": "bob@example.org"}, 108007), ({"nodes": ["x"]}, 101001),
    ({"nodes": ["x"], "user_name": "bob"}, 101002), ({"nodes": ["x"], "user_name": 1}, 100006),
    ({"nodes": ["x"], "user_name": "bob@example.org", "primary": "yes"}, 100006),
    ({"nodes": ["x"], "user_name": "bob@example.org", "transfer": 1}, 100006),
    ({"nodes": ["x"], "user_name": "bob@example.org", "metadata": []}, 100006),
    ({"nodes": ["x"], "user_name": "bob@example.org", "metadata": {"k": "v" * 8192}}, 108009),
    ({"nodes": ["x"], "user_name": "bob@example.org", "transfer": True, "new_role": "owner"}, 108009), ([], 100006),
]


@pytest.mark.parametrize("body, code", BAD, ids=[json.dumps(body)[:60] for body, _ in BAD])
def test_a_body_that_cannot_be_meant_is_refused(ann, body, code):
    assert failed(ann.put(SHARING, body), 400, code)


@pytest.mark.parametrize("body", [{}, {"accept": True}, {"request_id": NO_ID}, {"accept": "true", "request_id": NO_ID},
                                  {"accept": None, "request_id": NO_ID}], ids=json.dumps)
def test_an_answer_names_the_invitation_and_says_yes_or_no(ann, body):
    assert failed(ann.put(REQUESTS, body), 400, 108009)


def test_what_is_missing_or_odd_in_a_query_is_told(ann, herd):
    (node,) = herd(ann)
    assert failed(ann.request("DELETE", REQUESTS), 400, 108009)
    assert failed(ann.request("DELETE", SHARING, params={"user_name": "bob@example.org"}), 400, 108007)
    assert failed(ann.request("DELETE", SHARING, params={"nodes": f"{node},", "user_name": "bob@example.org"}), 400, 108007)
    assert failed(ann.request("DELETE", SHARING, params={"nodes": node}), 400, 101001)
    assert failed(ann.request("DELETE", SHARING, params={"nodes": node, "user_name": "bob"}), 400, 101002)
    for query in ("primary_user=maybe", "num_records=0", "start_request_id=x", "start_request_id=1." + "n" * 23,
                  "start_request_id=99999999999999999999." + NO_ID, "start_request_id=-1." + NO_ID, "start_request_id=%00"):
        assert failed(ann.get(f"{REQUESTS}?{query}"), 400, 102001)
    assert failed(ann.get(f"{SHARING}?start_id=a%2Fb"), 400, 102001) and failed(ann.get(f"{SHARING}?num_records=no"), 400, 102001)


def test_open_invitations_are_limited_and_room_is_made_by_cancelling(stack, ann, bob, herd):
    nodes = herd(ann)
    first = done(invite(ann, bob, nodes))["request_id"]
    stack.sql("INSERT INTO sharing_request (request_id, kind, from_user, to_name, expires_at) SELECT rpad('x' || i, 22, 'x'), 'group',"
              " %s, 'bob@example.org', now() + interval '1 day' FROM generate_series(1, 99) i", ann.id)
    assert failed(invite(ann, "eve@example.org", nodes), 403, 108005)
    done(invite(ann, bob, nodes))  # takes the former's place
    assert failed(respond(bob, first), 409, 108002)
    stack.sql("UPDATE sharing_request SET state = 'cancelled', settled_at = now() WHERE to_name = 'bob@example.org'")
    done(invite(ann, "eve@example.org", nodes))
    stack.sql("INSERT INTO sharing_request (request_id, kind, from_user, to_name, state, settled_at, expires_at) SELECT"
              " rpad('y' || i, 22, 'y'), 'group', %s, 'bob@example.org', 'cancelled', now(), now() + interval '1 day'"
              " FROM generate_series(1, 198) i", ann.id)
    answer = invite(ann, "fay@example.org", nodes)
    assert failed(answer, 429, 108006) and int(answer.headers["Retry-After"]) > 0


# --- who sees whom ----------------------------------------------------------------------------------------------------


def test_a_primary_user_sees_all_and_a_secondary_one_the_primary_and_himself(ann, bob, eve, herd):
    one, two = herd(ann, 2)
    share(ann, bob, [one, two])
    share(ann, eve, [one])
    names = sorted([bob.name, eve.name])
    assert listed(ann) == {
        one: {"node_id": one, "users": {"primary": [ann.name], "secondary": names}, "sources": ["NODE"]},
        two: {"node_id": two, "users": {"primary": [ann.name], "secondary": [bob.name]}, "sources": ["NODE"]}}
    assert listed(eve, node_id=one) == {
        one: {"node_id": one, "users": {"primary": [ann.name], "secondary": [eve.name]}, "sources": ["NODE"]}}
    assert list(listed(bob)) == [one, two] and bob.name in listed(bob)[one]["users"]["secondary"]


def test_a_user_without_nodes_has_an_empty_list(ann):
    assert ann.get(SHARING).json() == {"node_sharing": []}
    assert ann.get(REQUESTS).json() == {"sharing_requests": []}


def test_pages_of_nodes_go_by_their_ids(ann, herd):
    ids = herd(ann, 5)
    found, start = [], {}
    while True:
        body = ann.get(SHARING, num_records=2, **start).json()
        found += [each["node_id"] for each in body["node_sharing"]]
        if "next_id" not in body:
            break
        start = {"start_id": body["next_id"]}
    assert found == ids


def test_pages_of_invitations_go_from_the_newest_to_the_oldest_each_once(ann, bob, herd):
    sent = [done(invite(ann, bob, [node]))["request_id"] for node in herd(ann, 12)]
    assert len(requests_of(bob)) == 10
    for user, which in ((ann, "true"), (bob, "false")):
        found, cursors = [], {}
        while True:
            body = user.get(REQUESTS, primary_user=which, num_records=5, **cursors).json()
            found += [each["request_id"] for each in body["sharing_requests"]]
            if not body.get("next_request_id"):
                assert "next_user_name" not in body
                break
            assert body["next_user_name"] == bob.name
            cursors = {"start_request_id": body["next_request_id"], "start_user_name": body["next_user_name"]}
        assert found == sent[::-1]


def test_a_place_in_a_list_is_no_way_into_somebody_else_s(ann, bob, eve, herd):
    for node in herd(ann, 2):
        done(invite(ann, bob, [node]))
    cursor = ann.get(REQUESTS, primary_user="true", num_records=1).json()["next_request_id"]
    assert requests_of(eve, start_request_id=cursor, primary_user="true") == requests_of(eve, start_request_id=cursor) == []


# --- the end of a share -----------------------------------------------------------------------------------------------


def test_a_secondary_user_leaves_for_all_nodes_or_for_none(ann, bob, eve, herd):
    one, two = herd(ann, 2)
    (foreign,) = herd(eve)
    share(ann, bob, [one, two])
    assert failed(end(bob, bob.name, [one, foreign]), 404, 105001) and nodes_of(bob) == [one, two]
    done(end(bob, bob.name, [one, two]))
    assert nodes_of(bob) == []


def test_who_has_no_share_cannot_lose_one(ann, bob, herd):
    nodes = herd(ann)
    known, unknown = end(ann, bob.name, nodes), end(ann, f"{unique('no')}@example.org", nodes)
    assert failed(known, 404, 108010) and seen(known) == seen(unknown)


def test_a_share_goes_with_the_owner_who_gave_it(ann, bob, herd):
    (node,) = herd(ann)
    share(ann, bob, [node])
    done(ann.put(NODES + "/mapping", {"node_id": node, "secret_key": "s", "operation": "remove"}))
    assert nodes_of(bob) == [] and failed(bob.get(NODES + "/params", node_id=node), 404, 105001)


def ways_in(user, node_id):
    """Everything by which a user could still get at a node."""
    for part in ("config", "status", "params"):
        yield user.get(f"{NODES}/{part}", node_id=node_id)
    yield user.get(NODES, node_id=node_id)
    yield user.get(NODES, node_id=node_id, node_details="false")
    yield user.get(SHARING, node_id=node_id)
    yield user.put(f"{NODES}/params", {"Light": {"Power": False}}, node_id=node_id)
    yield user.put(SHARING, {"nodes": [node_id], "user_name": "fay@example.org"})
    yield user.request("DELETE", SHARING, params={"nodes": node_id, "user_name": user.name})
    yield user.put(NODES + "/mapping", {"node_id": node_id, "secret_key": "s", "operation": "remove"})


def test_a_former_shared_user_gets_at_nothing_with_the_token_that_he_still_has(ann, bob, node, herd):
    node.publish("config", LAMP | {"node_id": node.id})
    ann.claim(node)
    node.publish("params/local", {"Light": {"Power": True}})
    node.subscribe("params/remote")
    others = herd(ann, 2)
    share(ann, bob, [node.id, *others])
    wait_for(lambda: bob.params(node)["Light"] == {"Power": True}, what="the value")
    done(bob.put(f"{NODES}/params", {"Light": {"Power": True}}, node_id=node.id))
    assert json.loads(node.receive()[1]) == {"Light": {"Power": True}}
    cursors = [bob.get(SHARING, num_records=1).json()["next_id"], bob.get(NODES, num_records=1).json()["next_id"]]

    done(end(ann, bob.name, [node.id, *others]))
    for gone, never in zip(ways_in(bob, node.id), ways_in(bob, "n" * len(node.id))):
        assert seen(gone) == seen(never) and 400 <= gone.status_code < 500
    assert nodes_of(bob) == [] and listed(bob) == {}
    assert bob.get(SHARING, start_id=cursors[0]).json()["node_sharing"] == bob.get(NODES, start_id=cursors[1]).json()["nodes"] == []
    (item,) = bob.put(f"{NODES}/params", [{"node_id": node.id, "payload": {"Light": {"Power": False}}}]).json()
    assert item["status"] == "failure" and item["error_code"] == 105001
    done(ann.put(f"{NODES}/params", {"Light": {"Power": True}}, node_id=node.id))  # the next that the node hears
    assert json.loads(node.receive()[1]) == {"Light": {"Power": True}}


# --- transfer ---------------------------------------------------------------------------------------------------------


def test_a_transferred_node_is_the_receiver_s_and_no_longer_the_sender_s(ann, bob, eve, herd):
    nodes = herd(ann)
    share(ann, eve, nodes)
    request_id = share(ann, bob, nodes, transfer=True)
    assert nodes_of(ann) == nodes_of(eve) == [] and nodes_of(bob) == nodes
    assert bob.get(NODES, node_id=nodes[0]).json()["node_details"][0]["role"] == "primary"
    assert failed(invite(ann, eve, nodes), 404, 105001)
    (found,) = requests_of(ann, request_id=request_id)
    assert (found["request_status"], found["node_ids"], found["transfer"]) == ("accepted", nodes, True)


def test_the_sender_of_a_transfer_may_stay_as_secondary(ann, bob, herd):
    nodes = herd(ann)
    share(ann, bob, nodes, transfer=True, new_role="secondary")
    assert listed(bob)[nodes[0]]["users"] == {"primary": [bob.name], "secondary": [ann.name]}
    assert failed(invite(ann, "eve@example.org", nodes), 403, 105006)
    done(end(bob, ann.name, nodes))
    assert nodes_of(ann) == []


# --- oddities of clients ----------------------------------------------------------------------------------------------


def test_bodies_come_as_text_too_and_ids_with_escapes(ann, bob, herd):
    (node,) = herd(ann)
    body = json.dumps({"nodes": [node], "user_name": bob.name, "metadata": None, "primary": None})
    answer = ann.request("PUT", SHARING, data=body, headers={"Content-Type": "text/plain;charset=UTF-8"})
    (found,) = requests_of(bob, request_id="undefined", start_request_id="undefined", num_records="undefined")
    assert found["request_id"] == done(answer)["request_id"] and found["metadata"] == {}
    done(bob.request("PUT", REQUESTS, data=json.dumps({"accept": True, "request_id": found["request_id"]})))
    done(ann.request("DELETE", f"/v1//user/nodes/sharing?&nodes={node}&user_name={bob.name.replace('@', '%40')}"))


def test_a_share_and_its_end_are_in_the_audit_with_who_did_it(stack, ann, bob, herd):
    (node,) = herd(ann)
    request_id = share(ann, bob, [node])
    done(end(ann, bob.name, [node]))
    assert stack.sql("SELECT action, user_id::text FROM audit_event WHERE kind = 'security' AND object_id IN (%s, %s) AND user_id IS NOT NULL"
                     " ORDER BY event_id", request_id, node) == [
        ("sharing.requested", ann.id), ("sharing.accepted", bob.id), ("node.mapped", bob.id), ("node.unmapped", ann.id)]
