"""A real SMTP server on loopback: aiosmtpd, which is nobody of ours. What it answers can be bent, what arrived is waited for."""

import asyncio
import contextlib
import email
import email.policy
import pathlib
import queue
import ssl
import tempfile
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from stackkit import DEADLINE_S, free_ports
from tlskit import make_certificate


class MailServer:
    """Runs until close(). With `tls`, STARTTLS; with `login`, (user, password) is demanded, under TLS only."""

    def __init__(self, tls=False, login=None):
        self._folder = tempfile.TemporaryDirectory(prefix="cistern-mail-")
        self.folder = pathlib.Path(self._folder.name)
        self.folder.chmod(0o755)  # the daemon's own user reads the CA and the password
        self.ca_file, key_file = make_certificate(self.folder)
        self.login, self.logins = login, []
        self.arrived, self.tried = queue.Queue(), queue.Queue()
        self.answers = []      # of the next RCPT commands, one each; then 250
        self.final_answers = []  # the same after DATA
        self.gate = threading.Event()  # closed: no RCPT is answered
        self.gate.set()
        (self.port,) = free_ports(1)
        self.options = {}
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.ca_file, key_file)
            self.options = {"tls_context": context, "require_starttls": True}
        if login:
            self.options |= {"authenticator": self.authenticate, "auth_required": True, "auth_require_tls": True}
        self.controller = None
        self.start()

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.port}"

    def start(self):
        server = self

        class Line(Controller):
            def factory(self):
                return SMTP(server, hostname="mail.example.org", **server.options)

        self.controller = Line(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    def stop(self):
        if self.controller:
            self.controller.stop(no_assert=True)
            self.controller = None

    def close(self):
        self.gate.set()
        self.stop()
        self._folder.cleanup()

    # --- aiosmtpd's hooks ---

    def authenticate(self, server, session, envelope, mechanism, data):
        given = (data.login.decode(), data.password.decode())
        self.logins.append((given, session.ssl is not None))
        return AuthResult(success=given == self.login)

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.tried.put(address)
        while not self.gate.is_set():
            await asyncio.sleep(0.02)  # the server's own loop goes on
        if self.answers:
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        if self.final_answers:
            return self.final_answers.pop(0)
        self.arrived.put((envelope.mail_from, list(envelope.rcpt_tos), envelope.content, session.ssl is not None))
        return "250 ok"

    # --- what tests ask ---

    def take(self):
        """(sender, receivers, message, whether it came by TLS) of the next mail."""
        sender, receivers, content, by_tls = self.arrived.get(timeout=DEADLINE_S)
        return sender, receivers, email.message_from_bytes(content, policy=email.policy.default), by_tls

    def take_for(self, name):
        """The next mail to this name; others may come before it."""
        while True:
            sender, receivers, message, _ = self.take()
            if receivers == [name]:
                return message

    @contextlib.contextmanager
    def held(self):
        """While it lasts, no mail gets on."""
        self.gate.clear()
        try:
            yield self
        finally:
            self.gate.set()
