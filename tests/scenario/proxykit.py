"""Between the daemon and PostgreSQL: a proxy on a unix socket that counts the daemon's questions and makes them wait.

    proxy = put_between(stack)          # the daemon is started again with it
    proxy.delay_s = 2.0                 # from now on
    proxy.n_syncs                       # round trips so far, counted by the client's Sync messages

A question is whatever the client sends after the server has answered: a pipeline of statements waits once, as it would on a slow
link or behind a slow disk, and not once for each piece that happens to be read at a time.
"""

import pathlib
import re
import socket
import struct
import threading
import time


class DatabaseProxy:
    """Passes everything on. `delay_s` may be changed at any time; a new value counts from the next question on."""

    def __init__(self, path, target):
        self.target, self.delay_s, self.n_syncs, self.n_delayed = target, 0.0, 0, 0
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        pathlib.Path(path).chmod(0o777)
        self.socket.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)  # a close() alone leaves accept() waiting
        self.socket.close()

    def _serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.target)
            except OSError:  # no database: the client learns it as it would without us
                client.close()
                server.close()
                continue
            answered = threading.Event()
            answered.set()
            threading.Thread(target=self._ask, args=(client, server, answered), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client, answered), daemon=True).start()

    def _ask(self, client, server, answered):
        kept, is_first = b"", True
        try:
            while data := client.recv(65536):
                kept, is_first = self._count(kept + data, is_first)
                if self.delay_s and answered.is_set():
                    answered.clear()
                    self.n_delayed += 1
                    time.sleep(self.delay_s)  # the fault itself
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            self._end(client, server)

    def _answer(self, server, client, answered):
        try:
            while data := server.recv(65536):
                answered.set()
                client.sendall(data)
        except OSError:
            pass
        self._end(client, server)

    @staticmethod
    def _end(*ends):
        for each in ends:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _count(self, data, is_first):
        """The start-up message has no type before its length (PostgreSQL 15, 55.7)."""
        while len(data) >= (4 if is_first else 5):
            (length,) = struct.unpack_from("!I", data, 0 if is_first else 1)
            whole = length + (0 if is_first else 1)
            if len(data) < whole:
                break
            if not is_first and data[:1] in b"SQ":
                self.n_syncs += 1
            is_first, data = False, data[whole:]
        return data, is_first


def set_daemon(stack, **settings):
    """Starts the stack's daemon again with other settings, which last until the stack itself is started again. Gives the former
    values."""
    path = stack.home / "etc" / "cistern.conf"
    text, former = path.read_text(), {}
    for name, value in settings.items():
        former[name] = re.search(rf"^{name} = (.*)$", text, re.M)[1]
        text = text.replace(f"\n{name} = {former[name]}\n", f"\n{name} = {value}\n", 1)
    path.write_text(text)
    stack.kill("cisternd")
    return former


def put_between(stack):
    """A proxy through which the stack's daemon alone speaks with the database. The daemon is started again for it."""
    url = re.search(r"^database_url = (.*)$", (stack.home / "etc" / "cistern.conf").read_text(), re.M)[1]
    host = re.search(r"host=([^&]+)", url)[1]
    folder = stack.home.parent / "pg-proxy"
    folder.mkdir()
    folder.chmod(0o755)
    proxy = DatabaseProxy(str(folder / ".s.PGSQL.5432"), f"{host.replace('%2F', '/')}/.s.PGSQL.5432")
    set_daemon(stack, database_url=url.replace(host, str(folder).replace("/", "%2F")))
    return proxy
