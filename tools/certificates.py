"""Keys and certificates of devices, on this computer: a key with its request, and what SETCERT wants of a file.

    python -m tools.certificates request 860000000000001    a P-256 key and a request for its certificate, in keys/
    python -m tools.certificates pieces ca root.pem          the lines that bring a file to a device over the air

A board reads DER alone; what is PEM here is turned into it. docs/tls.md says what goes where.
"""

import base64
import datetime
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firmware.security import certificates
from tools.options import Parser

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "keys"
# Bytes in a line of SETCERT, which has 512 characters at most.
PIECE = 300
_DAY = datetime.timedelta(days=1)


class CertificateError(Exception):
    """What went wrong and what to do."""


def _read(path):
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CertificateError("%s: %s" % (path, error.strerror)) from None


def certificate(path):
    """The (first) certificate in a file, PEM or DER, as DER. CertificateError."""
    data = _read(path)
    try:
        load = x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate
        return load(data).public_bytes(serialization.Encoding.DER)
    except ValueError:
        raise CertificateError("%s has no certificate, neither PEM nor DER" % path) from None


def key(path):
    """The private key in a file, PEM or DER and without a password, as DER with its public half. CertificateError."""
    data = _read(path)
    try:
        load = serialization.load_pem_private_key if b"-----BEGIN" in data else serialization.load_der_private_key
        form = serialization.PrivateFormat.TraditionalOpenSSL
        return load(data, None).private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
    except TypeError:
        raise CertificateError("%s is encrypted; `openssl pkey -in %s` shows it without" % (path, path)) from None
    except ValueError:
        raise CertificateError("%s has no private key, neither PEM nor DER" % path) from None


def files(ca=None, cert=None, secret=None, now=None):
    """{path on a board: content} of a root, and of a certificate with its key, each a path here or None; checked by
    the device's own code. CertificateError.
    """
    if (cert is None) != (secret is None):
        raise CertificateError("a certificate and its key go together: CERT= and KEY=")
    with tempfile.TemporaryDirectory() as folder:
        for name, path, load in (("ca", ca, certificate), ("cert", cert, certificate), ("key", secret, key)):
            if path is not None:
                try:
                    certificates.put(folder, int(time.time() if now is None else now), name, load(path))
                except ValueError as error:
                    raise CertificateError("%s: %s" % (path, error)) from None
        return {"/tls/" + path.name: path.read_bytes() for path in Path(folder).glob("tls/*.der")}


def pieces(name, data):
    """The lines of SETCERT that bring `data` (DER)."""
    parts = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    text = "AT^MTXTUNNEL=SETCERT,%s,%d,%d,%s"
    return [text % (name, at + 1, len(parts), base64.b64encode(part).decode()) for at, part in enumerate(parts)]


def pin(der):
    """The value of tls.pins for a certificate (DER)."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = x509.load_der_x509_certificate(der).public_key()
    return hashlib.sha256(public.public_bytes(serialization.Encoding.DER, form)).hexdigest()


def request(name, folder=FOLDER):
    """Make a P-256 key and the request for its certificate (CSR); their paths. CertificateError: one is there."""
    folder = Path(folder)
    paths = folder / (name + ".key"), folder / (name + ".csr")
    for path in paths:
        if path.exists():
            raise CertificateError("%s exists: move it away first" % path)
    made = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(_name(name)).sign(made, hashes.SHA256())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    number = os.open(paths[0], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(_pem(made))
    paths[1].write_bytes(csr.public_bytes(serialization.Encoding.PEM))
    return paths


def on_the_spot(*names):
    """(root as DER, server's certificate and key as PEM) for a week, of an authority that is forgotten at once."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def builder(subject, issuer, public):
        made = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer)).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now - _DAY).not_valid_after(now + 7 * _DAY)

    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = builder("lector102 on the spot", "lector102 on the spot", authority.public_key())
    root = root.add_extension(x509.BasicConstraints(True, None), critical=True).sign(authority, hashes.SHA256())
    leaf = builder(names[0], "lector102 on the spot", server.public_key())
    leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    leaf = leaf.sign(authority, hashes.SHA256())
    return root.public_bytes(serialization.Encoding.DER), leaf.public_bytes(serialization.Encoding.PEM), _pem(server)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(made):
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def main(argv=None):
    parser = Parser(prog="tools.certificates", description=__doc__.split("\n\n")[0])
    sub = parser.add_subparsers(dest="what", required=True)
    one = sub.add_parser("request", help="a P-256 key and the request for its certificate")
    one.add_argument("name", help="who the device is: its IMEI, or what the authority wants")
    one.add_argument("--folder", type=Path, default=FOLDER, help="where they go (keys/)")
    one = sub.add_parser("pieces", help="the lines of SETCERT for a file")
    one.add_argument("name", choices=[each[0] for each in certificates.NAMES])
    one.add_argument("file", type=Path)
    args = parser.parse_args(argv)
    try:
        if args.what == "request":
            secret, csr = request(args.name, args.folder)
            print("private key: %s - keep it secret" % secret)
            print("request:     %s - the authority signs it; then make config CERT=… KEY=%s" % (csr, secret))
        else:
            load = key if args.name.startswith("key") else certificate
            print("\n".join(pieces(args.name, load(args.file))))
    except CertificateError as error:
        print("certificates: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
