"""Ports for servers of the tests.

Below the range that the system takes for outgoing connections: a port of that range, found free, may be somebody's client when
the server comes to bind it. Processes that test at the same time begin at places of their own.
"""

import os
import random
import socket

FIRST, LAST = 12000, 32000

_start = random.Random(os.getpid()).randrange(FIRST, LAST)


def _is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(n):
    """Never the same one twice in this process."""
    global _start
    found = []
    while len(found) < n:
        _start = FIRST if _start == LAST else _start + 1
        if _is_free(_start):
            found.append(_start)
    return found
