"""The injectors themselves: each does the harm that it says, and no other."""

import errno
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time

import pytest

from injectors import half_open, repeating_link, small_disk
from injectors.repeating_link import put_between
from injectors.slow_database import slow
from proxykit import DatabaseProxy
from stackkit import Stack, wait_for

DEADLINE_S = 10.0

packets_can_be_dropped = pytest.mark.skipif(bool(half_open.available()), reason=half_open.available())
disks_can_be_mounted = pytest.mark.skipif(bool(small_disk.available()), reason=small_disk.available())


# --- slow -------------------------------------------------------------------------------------------------------------


class Answering:
    """A "server" that answers every byte with itself."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        connection, _ = self.socket.accept()
        while data := connection.recv(65536):
            connection.sendall(data)


@pytest.fixture
def asked(tmp_path):
    """A proxy before it and a client of that."""
    Answering(str(tmp_path / "server"))
    proxy = DatabaseProxy(str(tmp_path / "proxy"), str(tmp_path / "server"))
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(DEADLINE_S)
    client.connect(str(tmp_path / "proxy"))
    yield proxy, client
    client.close()
    proxy.close()


def receive(client, n):
    got = b""
    while len(got) < n:
        got += client.recv(65536)
    return got


# start-up, then a message of type Q: 4 bytes of length count themselves
START, QUESTION = struct.pack("!I", 8) + b"abcd", b"Q" + struct.pack("!I", 6) + b"1\0"


def test_a_question_waits_as_long_as_it_is_told_and_comes_through_whole(asked):
    proxy, client = asked
    client.sendall(START)
    assert receive(client, len(START)) == START
    proxy.delay_s = 0.2
    began = time.monotonic()
    client.sendall(QUESTION)
    assert receive(client, len(QUESTION)) == QUESTION
    assert time.monotonic() - began >= 0.2
    assert (proxy.n_syncs, proxy.n_delayed) == (1, 1)


def test_a_pipeline_of_questions_waits_once_however_it_is_cut_up(asked):
    proxy, client = asked
    client.sendall(START)
    receive(client, len(START))
    proxy.delay_s = 0.05
    client.sendall(QUESTION * 20000)  # more than is read at a time
    assert receive(client, 20000 * len(QUESTION)) == QUESTION * 20000
    # the echo answers within the pipeline, which a database does not: then the next piece is a question of its own
    assert proxy.n_syncs == 20000
    assert 1 <= proxy.n_delayed < 20


# --- half-open --------------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def pair(server):
    """The two ends of a connection: client, server."""
    return connect(server)


def connect(server):
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    for end in (client, accepted):
        end.settimeout(DEADLINE_S)
    return client, accepted


def has_something(end):
    return bool(select.select([end], [], [], 0)[0])


@packets_can_be_dropped
@pytest.mark.parametrize("direction", ["to", "from"])
def test_one_side_hears_nothing_while_the_other_still_hears_until_it_is_healed(server, pair, direction):
    client, accepted = pair
    deaf, hearing = (accepted, client) if direction == "to" else (client, accepted)
    with half_open.Drop(server.getsockname()[1], direction) as drop:
        deaf.sendall(b"you")
        assert hearing.recv(16) == b"you"
        hearing.sendall(b"lost")
        wait_for(lambda: drop.dropped() >= 2, what="a packet sent again and dropped again")
        assert not has_something(deaf)
    assert deaf.recv(16) == b"lost"  # TCP sends it again: only time is lost


@packets_can_be_dropped
def test_a_drop_of_one_connection_leaves_the_others_alone(server, pair):
    client, accepted = pair
    other_client, other_accepted = connect(server)
    with half_open.Drop(server.getsockname()[1], "both", client=client.getsockname()[1]) as drop:
        client.sendall(b"lost")
        wait_for(lambda: drop.dropped() >= 1, what="a dropped packet")
        other_client.sendall(b"there")
        assert other_accepted.recv(16) == b"there"
        assert not has_something(accepted)
    assert accepted.recv(16) == b"lost"


@packets_can_be_dropped
def test_the_client_ports_of_a_process_are_found(server, pair):
    client, _ = pair
    assert half_open.connections(server.getsockname()[1]) == {os.getpid(): {client.getsockname()[1]}}


@packets_can_be_dropped
def test_a_rule_of_a_maker_that_was_killed_is_taken_away_by_the_next(server):
    gone = subprocess.Popen(["true"])
    gone.wait()
    rule = ["INPUT", "-i", "lo", "-p", "tcp", "--dport", "1", "-m", "comment", "--comment", f"{half_open.MARK}-{gone.pid}", "-j", "DROP"]
    subprocess.run(["iptables", "-w", "-I", *rule], check=True)
    with half_open.Drop(server.getsockname()[1], "to"):
        pass
    assert f"{half_open.MARK}-{gone.pid}" not in subprocess.run(["iptables", "-w", "-S", "INPUT"], check=True, capture_output=True,
                                                                text=True).stdout


# --- full -------------------------------------------------------------------------------------------------------------


@disks_can_be_mounted
def test_a_full_disk_takes_not_a_byte_and_a_freed_one_takes_it_again(tmp_path):
    with small_disk.SmallDisk(tmp_path / "disk", 16) as disk:
        (disk.folder / "before").write_bytes(b"kept")
        disk.fill()
        with pytest.raises(OSError) as refused, open(disk.folder / "new", "wb") as file:
            file.write(b"x" * 8192)
        assert refused.value.errno == errno.ENOSPC
        disk.free()
        (disk.folder / "new").write_bytes(b"x" * 8192)
        assert (disk.folder / "before").read_bytes() == b"kept"
    assert not (tmp_path / "disk" / "before").exists() and not disk.image.exists()


# --- repeated and shuffled ---------------------------------------------------------------------------------------------


def publish(topic, mid, payload=b"{}"):
    body = struct.pack("!H", len(topic)) + topic.encode() + struct.pack("!H", mid) + payload
    return bytes([0x32, len(body)]) + body


WINDOW = [publish(f"node/{node}/params/local", 10 * number + i) for number in range(5) for i, node in enumerate("abc")]


def test_packets_are_split_where_they_end_and_the_rest_is_kept():
    long = bytes([0x32, 0x80, 0x01]) + bytes(128)  # a length of two bytes
    assert repeating_link.split(WINDOW[0] + long + WINDOW[1][:5]) == ([WINDOW[0], long], WINDOW[1][:5])
    assert repeating_link.split(long[:2]) == ([], long[:2])


def test_nodes_change_places_and_each_ones_messages_keep_their_order():
    found = repeating_link.shuffled(WINDOW, random.Random(1))
    assert found != WINDOW and sorted(found) == sorted(WINDOW)
    for node in "abc":
        of_node = [repeating_link.mid(each) for each in found if repeating_link.topic(each).split("/")[1] == node]
        assert of_node == sorted(of_node)


def test_a_repetition_is_the_same_sequence_with_dup_and_the_same_message_ids():
    found = repeating_link.repeated(WINDOW)
    assert found[: len(WINDOW)] == WINDOW
    assert [repeating_link.mid(each) for each in found[len(WINDOW) :]] == [repeating_link.mid(each) for each in WINDOW]
    assert all(each[0] == 0x3A for each in found[len(WINDOW) :])


@pytest.mark.parametrize("topic, whose", [
    ("node/n1/params/local", "n1"), ("$aws/rules/esp_set_params/node/n1/params/local", "n1"), ("cistern/presence/n1", "n1"),
    ("cistern/revocation", "cistern/revocation"),
])
def test_a_message_is_of_the_node_in_its_topic(topic, whose):
    assert repeating_link.sender(topic) == whose
