"""A database that answers late: every question of the daemon waits before PostgreSQL sees it.

    with SlowDatabase() as stack:      # its daemon reaches the database through a proxy (tests/scenario/proxykit.py)
        with slow(stack, 2.0):
            ...

Nobody but the daemon is delayed: the test's own look into the database stays quick.
"""

import contextlib

from proxykit import put_between
from stackkit import Stack


@contextlib.contextmanager
def SlowDatabase(**environment):
    stack = Stack(**environment)
    try:
        stack.proxy = put_between(stack)
        yield stack
        stack.proxy.close()
    finally:
        stack.close()


@contextlib.contextmanager
def slow(stack, delay_s):
    stack.proxy.delay_s = delay_s
    try:
        yield
    finally:
        stack.proxy.delay_s = 0.0
