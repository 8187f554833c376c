"""An OpenID Connect provider as a test wants it: discovery, keys and token endpoint over HTTPS with a CA of its own, signatures by
python3-cryptography. The person's part, signing in at the provider, is grant(). Every answer can be bent."""

import base64
import contextlib
import hashlib
import http.server
import json
import pathlib
import secrets
import ssl
import tempfile
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tlskit import make_certificate


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, length=None):
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


class Key:
    """A signing key of the provider, as JWK (RFC 7517) and as a signer (RFC 7515)."""

    def __init__(self, kid, kind="RSA"):
        self.kid, self.kind = kid, kind
        self.private = rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())

    @property
    def alg(self):
        return "RS256" if self.kind == "RSA" else "ES256"

    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        if self.kind == "RSA":
            return {"kty": "RSA", "use": "sig", "kid": self.kid, "n": number(numbers.n), "e": number(numbers.e)}
        return {"kty": "EC", "use": "sig", "kid": self.kid, "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}

    def sign(self, data):
        if self.kind == "RSA":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def public_pem(self):
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def token(claims, header, sign):
    body = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{body}.{b64(sign(body.encode()))}"


def hmac_signer(secret):
    def sign(data):
        mac = hmac.HMAC(secret, hashes.SHA256())
        mac.update(data)
        return mac.finalize()
    return sign


class Provider:
    """Runs until close(). `secret` None: our client is a public one."""

    CLIENT = "cistern tests"

    def __init__(self, secret="s3cret/+ &"):
        self._folder = tempfile.TemporaryDirectory(prefix="cistern-oidc-")
        folder = pathlib.Path(self._folder.name)
        folder.chmod(0o755)  # the daemon's own user reads the CA
        self.ca_file, key_file = make_certificate(folder)
        self.secret, self.secret_file = secret, folder / "secret"
        self.secret_file.write_text(f"{secret}\n")
        self.rsa, self.ec = Key("r1"), Key("e1", "EC")
        self.keys = [self.rsa, self.ec]
        self.hits, self.bent, self.grants = [], {}, {}
        self.released = threading.Event()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                provider.answer(self, None)

            def do_POST(self):
                provider.answer(self, self.rfile.read(int(self.headers["Content-Length"])).decode())

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, key_file)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.issuer = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self._folder.cleanup()

    def settings(self, **more):
        """The daemon's environment."""
        wanted = {"CISTERN_OIDC_ISSUER": self.issuer, "CISTERN_OIDC_CLIENT_ID": self.CLIENT,
                  "CISTERN_OIDC_CA_FILE": str(self.ca_file)}
        if self.secret:
            wanted["CISTERN_OIDC_CLIENT_SECRET_FILE"] = str(self.secret_file)
        return wanted | more

    # --- bending ---

    @contextlib.contextmanager
    def bend(self, **how):
        """While it lasts: status=, body= or location= of the token endpoint's answer, hold=True to keep it waiting, keys= for the
        key set, claims= that overwrite (None removes), header=, sign=, alg of the ID token, path= to bend another path."""
        self.bent = how
        try:
            yield self
        finally:
            self.bent = {}
            self.released.set()
            self.released = threading.Event()

    # --- the endpoints ---

    def answer(self, handler, form):
        path = handler.path.partition("?")[0]
        self.hits.append(path)
        released = self.released
        bent = self.bent if path == self.bent.get("path", "/token") else {}
        if bent.get("hold"):
            released.wait(60)
            return
        if "location" in bent:
            return self.send(handler, 302, b"", Location=bent["location"])
        if "status" in bent or "body" in bent:
            return self.send(handler, bent.get("status", 200), bent.get("body", b"{}"))
        if path == "/.well-known/openid-configuration":
            return self.send_json(handler, 200, {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys"})
        if path == "/keys":
            return self.send_json(handler, 200, {"keys": [key.jwk() for key in self.keys]})
        if path == "/token" and form is not None:
            return self.send_json(handler, *self.exchange(handler, dict(urllib.parse.parse_qsl(form))))
        return self.send_json(handler, 404, {})

    def send(self, handler, status, body, **headers):
        with contextlib.suppress(OSError):  # who has had enough hangs up
            handler.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body)

    def send_json(self, handler, status, body):
        self.send(handler, status, json.dumps(body).encode(), **{"Content-Type": "application/json"})

    def is_our_client(self, handler, form):
        if not self.secret:
            return form.get("client_id") == self.CLIENT and "Authorization" not in handler.headers
        kind, _, both = handler.headers.get("Authorization", "").partition(" ")
        name, _, secret = base64.b64decode(both).decode().partition(":")
        quoted = tuple(urllib.parse.quote(each, safe="") for each in (self.CLIENT, self.secret))
        return kind == "Basic" and (name, secret) == quoted

    def exchange(self, handler, form):
        """RFC 6749 4.1.3 and RFC 7636 4.6."""
        grant = self.grants.pop(form.get("code"), None)
        if not self.is_our_client(handler, form):
            return 401, {"error": "invalid_client"}
        if (not grant or form.get("grant_type") != "authorization_code" or form.get("redirect_uri") != grant["redirect_uri"]
                or b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest()) != grant["code_challenge"]):
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "id_token": self.id_token(grant)}

    def id_token(self, grant):
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": grant["subject"], "aud": self.CLIENT, "iat": now, "exp": now + 300,
                  "nonce": grant["nonce"], "email": grant["email"], "email_verified": True} | self.bent.get("claims", {})
        key = self.bent.get("key", self.rsa)
        header = {"alg": key.alg, "kid": key.kid, "typ": "JWT"} | self.bent.get("header", {})
        return token({name: value for name, value in claims.items() if value is not None}, header,
                     self.bent.get("sign", key.sign))

    # --- the person ---

    def grant(self, location, email, subject=None):
        """The person has signed in and agrees: the parameters that the browser carries back."""
        url, _, query = location.partition("?")
        asked = dict(urllib.parse.parse_qsl(query))
        assert url == f"{self.issuer}/authorize" and asked["tenant"] == "1"
        assert asked["response_type"] == "code" and asked["client_id"] == self.CLIENT
        assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
        assert set(asked["scope"].split()) >= {"openid", "email"}
        code = secrets.token_urlsafe(24)
        self.grants[code] = asked | {"email": email, "subject": subject or f"subject of {email}"}
        return {"code": code, "state": asked["state"]}
