"""The public SDK from npm, unmodified, in a Node process of its own for each phone (tests/sdk/driver.mjs).

A phone speaks HTTPS and trusts the stack's CA and nothing else of ours. Its calls are those of the SDK's documentation:

    phone = Phone(stack)
    ann = phone.auth.login(name, password)      # a Remote: ann.getUserInfo(), and its fields by ann["..."]
    phone.auth.login(name, "wrong")             # raises SdkFailure with what the SDK threw
"""

import fcntl
import json
import os
import queue
import subprocess
import threading

from stackkit import DEADLINE_S, REPO

FOLDER = REPO / "tests" / "sdk"
PACKAGE = "@espressif/rainmaker-base-sdk"
PROGRESS = {"$ref": 0}  # as an argument: a callback that keeps what it is told in phone.told


def install():
    """Exactly what the lock file says, once: tests run side by side. Nothing when it lies there already."""
    with open(FOLDER / "package-lock.json", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted, mark = lock.read(), FOLDER / "node_modules" / ".installed-lock"
        if not mark.exists() or mark.read_bytes() != wanted:
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER, check=True,
                           capture_output=True, timeout=300)
            mark.write_bytes(wanted)


class SdkFailure(Exception):
    """What the SDK threw: `statusCode`, `errorCode`, `description` of an answer, or `kind` and `message` of an error of its own."""

    def __init__(self, fields):
        super().__init__(json.dumps(fields))
        self.fields = fields

    def __getitem__(self, name):
        return self.fields.get(name)


class Remote:
    """An object of the SDK: its methods are methods here, its fields items."""

    def __init__(self, phone, ref, fields):
        self._phone, self._ref, self.fields = phone, ref, fields

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args: self._phone.call(self._ref, name, *args)

    def __getitem__(self, name):
        return self.fields[name]

    def __contains__(self, name):
        return name in self.fields

    def get(self, name, default=None):
        return self.fields.get(name, default)

    def __repr__(self):
        return f"Remote({self.fields!r})"


class Phone:
    def __init__(self, stack, trusts_our_ca=True, **settings):
        install()
        environment = dict(os.environ)
        environment.pop("NODE_EXTRA_CA_CERTS", None)
        if trusts_our_ca:
            environment["NODE_EXTRA_CA_CERTS"] = stack.ca_file
        self.process = subprocess.Popen(
            ["node", str(FOLDER / "driver.mjs"), stack.ready["api_url_tls"], json.dumps(settings)],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.auth = Remote(self, "auth", {})
        self.base, self.session = Remote(self, "ESPRMBase", {}), Remote(self, "ESPRMUser", {})  # their static methods
        self.answer = {}  # to the phone's questions to the device: by name of the question
        self.told = []
        self._results = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "ask" in said:
                self._say({"give": said["ask"], "answer": self._wrapped_answer(said)})
            elif "told" in said:
                self.told.append(said["told"])
            else:
                self._results.put(said)
        self._results.put({"failure": {"kind": "the driver ended", "message": self.process.stderr.read()[-2000:]}})

    def _wrapped_answer(self, said):
        answer = self.answer[said["of"]]
        return answer(*said["args"]) if callable(answer) else answer

    def _say(self, line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def call(self, on, name, *args):
        self._say({"on": on, "call": name, "args": [self._inward(each) for each in args]})
        said = self._results.get(timeout=DEADLINE_S)
        if "failure" in said:
            raise SdkFailure(said["failure"])
        return self._outward(said["result"])

    def _inward(self, value):
        return {"$ref": value._ref} if isinstance(value, Remote) else value

    def _outward(self, value):
        if isinstance(value, list):
            return [self._outward(each) for each in value]
        if not isinstance(value, dict):
            return value
        fields = {name: self._outward(each) for name, each in value.items() if name != "$ref"}
        return Remote(self, value["$ref"], fields) if "$ref" in value else fields

    def forget(self):
        """As new for the next test: no tokens, nothing said."""
        self.session.clearAllTokens()
        self.answer, self.told = {}, []

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=DEADLINE_S)


class Person:
    """An account on a phone of its own: `sdk` is the SDK's user, `user` the account as the tests' other side asks."""

    def __init__(self, user, phone):
        self.user, self.phone, self.name = user, phone, user.name
        self.sdk = phone.auth.login(user.name, user.password)

    def nodes(self):
        """The ids of all that this person sees."""
        page = self.sdk.getUserNodes()
        assert page["hasNext"] is False
        return [each["id"] for each in page["nodes"]]

    def received(self):
        return self.sdk.getReceivedNodeSharingRequests()["sharedRequests"]

    def sent(self):
        return self.sdk.getIssuedNodeSharingRequests()["sharedRequests"]
