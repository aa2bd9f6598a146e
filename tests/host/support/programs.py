"""Programs of the system that tests of services need: where one is, and what becomes of a test when it is missing.

Such a test has the mark `services` (pyproject.toml): `make test` leaves it out, `make test-services` has it.
"""

import datetime
import os
import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

# Program -> the Debian package it comes with; .ci/run installs them.
PACKAGES = {
    "mosquitto": "mosquitto", "mosquitto_passwd": "mosquitto", "openssl": "openssl", "chromium": "chromium",
    "nginx": "nginx-light", "vsftpd": "vsftpd",
}  # fmt: skip
_DAY = datetime.timedelta(days=1)


def all_there():
    """Whether no part may be missing: .ci/run says so, and CI services set CI by themselves."""
    return bool(os.environ.get("LECTOR_NO_SKIP")) or os.environ.get("CI", "").lower() in ("1", "true")


def find(name):
    """Path of a program, or None."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def need(name):
    """Path of a program; where it is missing the test fails and says what to install. Nothing is ever skipped."""
    found = find(name)
    if not found:
        pytest.fail("%s is missing: apt-get install %s" % (name, PACKAGES[name]))
    return found


def certificate(folder):
    """Files (certificate, key) for localhost, signed by itself, good for two days."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().issuer_name(name).subject_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - _DAY).not_valid_after(now + 2 * _DAY)
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    # As openssl makes one that is its own authority.
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = made.sign(key, hashes.SHA256())
    form = serialization.PrivateFormat.TraditionalOpenSSL
    text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(text)
    return str(folder / "cert.pem"), str(folder / "key.pem")
