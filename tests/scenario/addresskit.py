"""Requests from other source addresses: all of 127.0.0.0/8 is this machine's own."""

import requests
import requests.adapters


class _From(requests.adapters.HTTPAdapter):
    def __init__(self, source):
        self._source = source
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, source_address=(self._source, 0), **options)


class Elsewhere:
    """A client at that address; the API of a stack, as far as the helpers of test_accounts.py use it."""

    def __init__(self, stack, source):
        self.stack, self.source = stack, source
        self._session = requests.Session()
        self._session.mount("http://", _From(source))

    def request(self, method, path, **options):
        return self._session.request(method, self.stack.ready["api_url"] + path, timeout=15.0, **options)

    def post(self, path, body, **options):
        return self.request("POST", path, json=body, **options)

    def log(self, name):
        return self.stack.log(name)

    def sql(self, statement, *values):
        return self.stack.sql(statement, *values)
