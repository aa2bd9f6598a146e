"""Certificates of every kind (trustme), servers that show them, and a Mosquitto with TLS."""

import base64
import datetime
import json
import os
import socket
import ssl
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.host.support import brokers, tcp_servers, twin_lab
from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[3]
DAY = datetime.timedelta(days=1)
NAME = "localhost"
# Cases of servers that are not believed, and the code of the error (firmware/core/error_tls.py).
REFUSED = {
    "wrong name": 341,
    "expired": 342,
    "not yet valid": 343,
    "unknown issuer": 344,
    "swapped chain": 344,
    "no intermediate": 344,
    "self-signed": 345,
    "weak key": 346,
}


def der(pem):
    """The first certificate of a PEM as DER."""
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


class Shown:
    """What a server shows: `chain` (PEM, its own certificate first) and `key` (PEM)."""

    def __init__(self, chain, key):
        self.chain, self.key = chain, key

    def context(self):
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        found.set_ciphers("DEFAULT@SECLEVEL=0")  # OpenSSL itself would not show a weak key
        with _files(self.chain, self.key) as (chain, key):
            found.load_cert_chain(chain, key)
        return found


class _files:  # noqa: N801  a context
    """The two texts as files for the moment."""

    def __init__(self, *texts):
        self.texts = texts

    def __enter__(self):
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        paths = []
        for number, text in enumerate(self.texts):
            path = Path(self.folder.name) / str(number)
            path.write_bytes(text)
            paths.append(str(path))
        return paths

    def __exit__(self, *_):
        self.folder.cleanup()


def _shown(leaf, chain=None):
    own = leaf.cert_chain_pems[0].bytes()
    rest = b"".join(blob.bytes() for blob in leaf.cert_chain_pems[1:]) if chain is None else chain
    return Shown(own + rest, leaf.private_key_pem.bytes())


class Authority:
    """An authority of ours, one of a stranger, and what both have signed."""

    def __init__(self):
        self.ca, self.stranger = trustme.CA(), trustme.CA()
        self.root = der(self.ca.cert_pem.bytes())
        self.other_root = der(self.stranger.cert_pem.bytes())

    def show(self, case="good", name=NAME):
        """A Shown: good, or one of REFUSED."""
        now = datetime.datetime.now(datetime.timezone.utc)
        issue = self.ca.issue_cert
        if case == "good":
            return _shown(issue(name, "127.0.0.1"))
        if case == "wrong name":
            return _shown(issue("other.example"))
        if case == "expired":
            return _shown(issue(name, not_before=now - 9 * DAY, not_after=now - DAY))
        if case == "not yet valid":
            return _shown(issue(name, not_before=now + DAY, not_after=now + 9 * DAY))
        if case == "unknown issuer":
            return _shown(self.stranger.issue_cert(name))
        if case in ("chain", "swapped chain", "no intermediate"):
            leaf = self.ca.create_child_ca().issue_cert(name, "127.0.0.1")
            other = self.ca.create_child_ca().cert_pem.bytes()
            return _shown(leaf, {"swapped chain": other, "no intermediate": b""}.get(case))
        if case == "self-signed":
            return self._made(2048, None)
        assert case == "weak key", case
        return self._made(1024, self.ca)

    def until(self, end):
        """A good one that ends at `end` (UTC seconds)."""
        end = datetime.datetime.fromtimestamp(end, datetime.timezone.utc)
        return _shown(self.ca.issue_cert(NAME, "127.0.0.1", not_after=end))

    def _made(self, bits, ca):
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
        signer, issuer = key, name
        if ca:
            signer = serialization.load_pem_private_key(ca.private_key_pem.bytes(), None)
            issuer = x509.load_pem_x509_certificate(ca.cert_pem.bytes()).subject
        now = datetime.datetime.now(datetime.timezone.utc)
        made = x509.CertificateBuilder().issuer_name(issuer).subject_name(name).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + DAY)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        return Shown(
            made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def client(self, ca=None):
        """(certificate as DER, key as DER) for a device, P-256, signed by `ca` (ours)."""
        leaf = (ca or self.ca).issue_cert("device.example", common_name="device")
        key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
        form = serialization.PrivateFormat.TraditionalOpenSSL
        return der(leaf.cert_chain_pems[0].bytes()), key.private_bytes(
            serialization.Encoding.DER, form, serialization.NoEncryption()
        )


class Server:
    """Takes TLS connections; `got` has the bytes of each, `ended` with what the handshakes ended that failed.

    `talk(peer)` in the place of reading to the end; `context`: of a Shown; `room`: bytes the kernel takes for us.
    """

    def __init__(self, context, talk=None, room=0):
        self.got, self.ended = [], []
        self._context, self._talk = context, talk or self._read
        self._socket = tcp_servers.serve(self._take, apart=True)
        self.port = self._socket.getsockname()[1]
        if room:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)

    def _take(self, peer):
        peer.settimeout(60)
        try:
            with self._context.wrap_socket(peer, server_side=True) as secure:
                self._talk(secure)
        except (OSError, ValueError) as error:
            self.ended.append(error)

    def _read(self, peer):
        data = peer.recv(4096)
        self.got.append(data)
        peer.sendall(b"ok " + data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()


def run(folder, **order):
    """What tests/host/support/mpy/tls_run.py prints (a dict) for an order; `files` of it are laid into `folder`."""
    folder = Path(folder)
    for name, data in order.pop("files", {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "order.json").write_text(json.dumps(dict(order, folder=str(folder))))
    env = dict(os.environ, MICROPYPATH="%s:.frozen" % (ROOT / "build" / "device"))
    script = ROOT / "tests/host/support/mpy/tls_run.py"
    command = micropython.command(script, folder / "order.json", heap=micropython.MIDDLE)
    done = patience.run(command, 120, cwd=folder, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


class Mosquitto(brokers.Mosquitto):
    """A Mosquitto with TLS on `secure` and without on `port`; `client_ca`: wants certificates that this one signed."""

    def __init__(self, shown, client_ca=None):
        self.secure = brokers.free_port()
        self._shown, self._client = shown, client_ca
        super().__init__()

    def start(self):
        folder = Path(self._folder.name)
        (folder / "chain.pem").write_bytes(self._shown.chain)
        (folder / "key.pem").write_bytes(self._shown.key)
        # OpenSSL itself would not show a weak key.
        text = "listener %d 127.0.0.1\nciphers DEFAULT:@SECLEVEL=0\ncertfile %s/chain.pem\nkeyfile %s/key.pem\n" % (
            self.secure,
            folder,
            folder,
        )
        if self._client:
            (folder / "ca.pem").write_bytes(self._client)
            text += "cafile %s/ca.pem\nrequire_certificate true\n" % folder
        before = self._config.read_text().partition("# TLS\n")[0]
        self._config.write_text(before + "# TLS\n" + text + "log_dest file %s/log\nlog_type all\n" % folder)
        super().start()

    def log(self):
        path = Path(self._folder.name) / "log"
        return path.read_text() if path.exists() else ""


class Lab(twin_lab.Lab):
    """A twin_lab.Lab whose firmware reaches its broker with TLS; our root is the device's own."""

    def __init__(self, folder, authority, *, shown=None, client_ca=None, settings=None, files=None, **more):
        self.authority = authority
        broker = Mosquitto(shown or authority.show(), client_ca)
        values = {"mqtt.broker": "mqtts://localhost:%d" % broker.secure, "tls.ca": "own", **(settings or {})}
        laid = {"tls/ca.der": authority.root, **(files or {})}
        laid = {path: base64.b64encode(data).decode() for path, data in laid.items()}
        more.setdefault("heap", micropython.MIDDLE)
        super().__init__(folder, broker=False, settings=values, files=laid, **more)
        self.broker, self.port = broker, broker.port
        self.listen()
