"""A link of which one side hears nothing is noticed by the other, and what was acknowledged is there afterwards (docs/delivery.md)."""

import time

import pytest

from injectors import half_open
from injectors.half_open import Drop
from stackkit import Stack, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(half_open.available()), reason=half_open.available())]


@pytest.fixture(scope="module")
def stack():
    running = Stack()
    yield running
    running.close()


@pytest.mark.parametrize("direction", ["to", "both"])
def test_a_node_that_is_not_heard_any_more_is_off_line_and_its_alert_of_before_is_kept(stack, direction, record_property):
    node = stack.node()
    client = node.raw(keepalive=4)
    client.publish(f"node/{node.id}/alert", '{"esp.alert.str":"before"}')
    began = time.monotonic()
    with Drop(stack.mqtt_port, direction, client=client.socket.getsockname()[1]):
        wait_for(lambda: stack.sql("SELECT 1 FROM node_connection WHERE node_id = %s AND ended_at IS NOT NULL", node.id), 60,
                 "the end of the connection")
        print(f"noticed after {time.monotonic() - began:.1f} s")
        record_property("noticed_after_s", round(time.monotonic() - began, 1))  # 1.5 keep-alives are 6 s; the broker looks every 5 s
    assert stack.sql("SELECT body #>> '{}' FROM alert WHERE node_id = %s", node.id) == [("before",)]
