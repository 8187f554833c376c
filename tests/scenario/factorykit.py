"""What a factory has: a CA of its own, keys, certificates and requests, and the CSV files that they come in."""

import csv
import datetime
import io

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def key():
    return ec.generate_private_key(ec.SECP256R1())


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(private):
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption()).decode()


def request(node_id, private=None):
    private = private or key()
    signed = x509.CertificateSigningRequestBuilder().subject_name(name(node_id)).sign(private, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


class Factory:
    """Certificates as the public admin command line makes them: basicConstraints and no other extension."""

    def __init__(self, common_name):
        now = datetime.datetime.utcnow()
        self.key = key()
        self.name = name(common_name)
        self.certificate = (
            x509.CertificateBuilder().subject_name(self.name).issuer_name(self.name).public_key(self.key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + 3650 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def sign(self, node_id, private=None, days=3650, since=-1, ca=False, serial=None):
        now = datetime.datetime.utcnow()
        return pem(
            x509.CertificateBuilder().subject_name(name(node_id)).issuer_name(self.name)
            .public_key((private or key()).public_key()).serial_number(serial or x509.random_serial_number())
            .not_valid_before(now + since * DAY).not_valid_after(now + days * DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


def sheet(columns, rows):
    """A CSV text; rows are dictionaries."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))
