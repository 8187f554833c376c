"""Requests for parameters that are ready at the same time are one question to the database, and each has its own answer."""

import json
import os
import signal
import socket

import pytest

from stackkit import wait_for

PATH = "/v1/user/nodes/params"
ASKED_TOGETHER = "SELECT 1 FROM pg_stat_activity WHERE query LIKE %s"


@pytest.fixture
def one_worker(own_stack):
    return own_stack(CISTERN_API_THREADS="1")


def register(stack, name, user, value):
    stack.sql("INSERT INTO node (node_id) VALUES (%s)", name)
    stack.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", name, user.id)
    stack.sql("INSERT INTO node_param (node_id, device, param, value, received_at) VALUES (%s, 'Light', 'Level', %s, now())", name, json.dumps(value))


def connect(stack):
    """Answered once, so that the worker has it."""
    host, port = stack.ready["api_url"].removeprefix("http://").split(":")
    line = socket.create_connection((host, int(port)), timeout=15)
    line.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
    read_answer(line)
    return line


def read_answer(line):
    with line.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        length = 0
        while (header := stream.readline()) != b"\r\n":
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return status, json.loads(stream.read(length))


def ask_at_once(stack, lines, asks):
    """The daemon stands still until every request is in."""
    os.kill(stack.pid("cisternd"), signal.SIGSTOP)
    try:
        for line, (token, node) in zip(lines, asks):
            line.sendall(f"GET {PATH}?node_id={node} HTTP/1.1\r\nHost: here\r\nAuthorization: {token}\r\n\r\n".encode())
    finally:
        os.kill(stack.pid("cisternd"), signal.SIGCONT)


def test_requests_that_are_ready_at_once_are_asked_for_in_one_statement_and_each_gets_its_own_answer(one_worker):
    stack = one_worker
    owner, other, gone = stack.user(), stack.user(), stack.user()
    for i, user in enumerate((owner, other, gone)):
        register(stack, f"together-{i}", user, i)
    assert gone.request("POST", "/v1/logout2").status_code == 200
    tokens = [user.headers["Authorization"] for user in (owner, other, gone)]
    asks = [(token, f"together-{i}") for token in tokens for i in range(3)] + [(tokens[0], "nobody"), (tokens[1], ""), ("x", "together-0")]
    lines = [connect(stack) for _ in asks]
    ask_at_once(stack, lines, asks)
    answers = [read_answer(line) for line in lines]
    own = {(tokens[0], "together-0"): 0, (tokens[1], "together-1"): 1}
    for ask, (status, body) in zip(asks, answers):
        if ask in own:
            assert (status, body) == (200, {"Light": {"Level": own[ask]}})
        elif ask[0] in (tokens[2], "x"):
            assert status == 401
        else:
            assert (status, body["status"]) == (404 if ask[1] else 400, "failure"), ask
    assert stack.sql(ASKED_TOGETHER, "%WITH ORDINALITY q(session_id%OFFSET 0) n ON true%CROSS JOIN%")


def test_who_hangs_up_while_others_are_asked_for_takes_no_answer_from_them(one_worker):
    stack = one_worker
    user = stack.user()
    register(stack, "stays", user, 7)
    ask = (user.headers["Authorization"], "stays")
    for _ in range(20):
        lines = [connect(stack) for _ in range(8)]
        ask_at_once(stack, lines, [ask] * 8)
        for line in lines[::2]:
            line.close()
        assert [read_answer(line) for line in lines[1::2]] == [(200, {"Light": {"Level": 7}})] * 4
        for line in lines[1::2]:
            line.close()


def test_when_the_database_is_away_each_of_them_is_told_so(one_worker):
    stack = one_worker
    user = stack.user()
    register(stack, "away", user, 7)
    ask = (user.headers["Authorization"], "away")
    lines = [connect(stack) for _ in range(8)]
    postmaster = stack.pid("postgres")
    os.kill(postmaster, signal.SIGSTOP)  # nobody new gets in
    try:
        stack_pids = [int(pid) for pid in os.popen(f"pgrep -P {postmaster}").read().split()]
        for pid in stack_pids:
            os.kill(pid, signal.SIGSTOP)
        ask_at_once(stack, lines, [ask] * 8)
        assert [read_answer(line)[0] for line in lines] == [503] * 8
    finally:
        for pid in [*stack_pids, postmaster]:
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: user.get(PATH, node_id="away").status_code == 200, what="the database")
