"""How much the time of an answer tells of whether an account exists: known and unknown names in turns, in random order.

    python3 tests/bench/sign_in_timing.py [ROUNDS]        after `make`; default 300 rounds

For each call the difference of the means (known - unknown) with its 95 % interval by Welch, the difference of the medians with its
95 % interval by bootstrap, and the standard deviation: how many tries it would take to tell the two apart is (2 * 1.96 * sd / difference)^2.
Each name is used once, so that no limit and no lock-out has a say; the stack's limits are off.
"""

import pathlib
import random
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
import requests  # noqa: E402
from stackkit import Stack, unique  # noqa: E402

PASSWORD, WRONG = "Correct-Horse-7", "Wrong-Password-1"

CALLS = {
    "sign in": ("POST", "/v1/login2", {"password": WRONG}),
    "sign up": ("POST", "/v1/user2", {"password": PASSWORD}),
    "confirm": ("POST", "/v1/user2", {"verification_code": "123456"}),
    "forgotten password": ("PUT", "/v1/forgotpassword2", {}),
    "set password": ("PUT", "/v1/forgotpassword2", {"password": PASSWORD, "verification_code": "123456"}),
}


def welch(one, two):
    """Difference of the means and the half of its 95 % interval; samples are large enough for the normal distribution."""
    difference = statistics.fmean(one) - statistics.fmean(two)
    error = (statistics.variance(one) / len(one) + statistics.variance(two) / len(two)) ** 0.5
    return difference, 1.96 * error


def bootstrap(one, two, n=2000):
    differences = sorted(statistics.median(random.choices(one, k=len(one))) - statistics.median(random.choices(two, k=len(two)))
                         for _ in range(n))
    return differences[int(n * 0.025)], differences[int(n * 0.975)]


def accounts(stack, n):
    """Confirmed accounts with one password hash, made by hand: hashing each would take minutes."""
    user = stack.user()
    names = [f"{unique('known')}@example.org" for _ in range(n)]
    stack.sql("INSERT INTO account (user_name, password_hash, confirmed_at) SELECT n, a.password_hash, now()"
              " FROM unnest(%s) n, account a WHERE a.user_name = %s", names, user.name)
    return names


def measure(stack, session, call, rounds):
    method, path, body = CALLS[call]
    url = stack.ready["api_url"] + path
    work = [(name, 0) for name in accounts(stack, rounds)] + [(f"{unique('nobody')}@example.org", 1) for _ in range(rounds)]
    random.shuffle(work)
    times = ([], [])
    for name, which in work:
        began = time.perf_counter()
        answer = session.request(method, url, json={"user_name": name} | body, timeout=15)
        times[which].append((time.perf_counter() - began) * 1e6)
        assert answer.status_code in (200, 400), answer.text
    return times


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    stack = Stack()
    try:
        session = requests.Session()
        print(f"{'call':20} {'known':>9} {'unknown':>9} {'mean difference, 95 %':>26} {'median difference, 95 %':>26} {'sd':>8}  us")
        for call in CALLS:
            known, unknown = measure(stack, session, call, rounds)
            difference, half = welch(known, unknown)
            low, high = bootstrap(known, unknown)
            print(f"{call:20} {statistics.median(known):9.0f} {statistics.median(unknown):9.0f}"
                  f" {difference:12.0f} +- {half:7.0f}    [{low:9.0f}, {high:9.0f}]     {statistics.stdev(unknown):8.0f}", flush=True)
    finally:
        stack.close()


if __name__ == "__main__":
    main()
