"""TLS for a line in memory, both ends real (OpenSSL), and what MicroPython's own takes: handshake and bytes a record.

TLS 1.2, as MicroPython has it, and a certificate of the length that Let's Encrypt shows with an RSA key: a server sent
3,966 bytes in its handshake where that was measured.
"""

import ssl
import tempfile

import trustme

from firmware.net.tcp import AGAIN
from tests.host.support import tcp_servers, tls_lab

_SERVER_SENDS = 3966
_HOST = "broker.example"
_DATA = 23


class End:
    """One end: `come` takes what arrives, `go` has what is to be sent, `tls` reads and writes what is in it."""

    def __init__(self, made, **how):
        self.come, self.go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = made.wrap_bio(self.come, self.go, **how)


class Authority:
    """`root` (DER) is what a device needs, `seal()` makes a server's End."""

    def __init__(self):
        key = trustme.KeyType.RSA
        root = trustme.CA(key_type=key)
        between = root.create_child_ca(key_type=key)
        # Names until it is as long as those of the world, which have lists and signatures of logs in them.
        names = ["name%d.of.this.server.example" % number for number in range(54)]
        leaf = between.issue_cert(_HOST, "localhost", *names, key_type=key)
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        self.root = tls_lab.der(root.cert_pem.bytes())
        self.context = tls_lab.Shown(chain, leaf.private_key_pem.bytes()).context()

    def seal(self):
        return End(self.context, server_side=True)


class Client:
    """In the place of security/context.make(): the same SSLContext for a socket in memory. `said(data)` hears what is
    sent before it is sealed."""

    def __init__(self, make, ciphers, said):
        self._make, self._ciphers, self._said = make, ciphers, said

    def __call__(self, trust):
        made = self._make(trust)
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers(self._ciphers)
        self._made = made
        return self

    def wrap_socket(self, sock, server_hostname, do_handshake_on_connect):
        return _Socket(sock, End(self._made, server_hostname=server_hostname), self._said)


class _Socket:
    """What tls.Covered has of a socket; nothing of it waits."""

    def __init__(self, below, end, said):
        self._below, self._end, self._said = below, end, said
        self._left = b""
        self._shaking = True

    def _carry(self):
        """What has come goes in, what is to go goes out."""
        self._left += self._end.go.read()
        while self._left:
            count = _now(self._below.send, self._left)
            if not count:
                break
            self._left = self._left[count:]
        buffer = bytearray(4096)
        count = _now(self._below.recv_into, buffer)
        while count:
            self._end.come.write(buffer[:count])
            count = _now(self._below.recv_into, buffer)
        if count == 0:
            self._end.come.write_eof()

    def send(self, data):
        self._carry()
        try:
            if self._shaking:
                self._end.tls.do_handshake()
                self._shaking = False
            self._said(bytes(data))
            count = self._end.tls.write(data)
        finally:
            self._carry()
        return count

    def recv_into(self, view):
        self._carry()
        return self._end.tls.read(len(view), view)

    def close(self):
        self._below.close()


def _now(call, data):
    """As tcp.now(), which counts for the device."""
    try:
        return call(data)
    except OSError as error:
        if error.args[0] not in AGAIN:
            raise
        return None


class _Counts:
    """A server that answers "hello" and has counted: bytes of the handshake each way, and of the records' headers."""

    def __init__(self, authority):
        self.up = self.down = 0
        self.a_record = None
        self._authority = authority
        self._listens = tcp_servers.serve(self._talk, apart=True)
        self.port = self._listens.getsockname()[1]

    def _talk(self, peer):
        end, come = self._authority.seal(), b""
        try:
            while True:
                data = peer.recv(65536)
                if not data:
                    return
                come += data
                while len(come) >= 5 and len(come) >= 5 + int.from_bytes(come[3:5], "big"):
                    length = 5 + int.from_bytes(come[3:5], "big")
                    peer.sendall(self._answer(end, come[:length]))
                    come = come[length:]
        except OSError:
            return
        finally:
            peer.close()

    def _answer(self, end, record):
        end.come.write(record)
        plain = self._read(end)
        if plain:
            self.a_record, self.cipher = len(record) - len(plain), end.tls.cipher()[0]
            end.tls.write(b"ok " + plain)
        elif record[0] != _DATA:
            self.up += len(record)
        found = end.go.read()
        self.down += 0 if plain else len(found)
        return found

    def _read(self, end):
        try:
            return end.tls.read(4096)
        except ssl.SSLWantReadError:
            return b""

    def close(self):
        self._listens.close()


def measured(authority):
    """A connection of the firmware on MicroPython: has `up` and `down`, bytes of its handshake, `a_record`, what a
    record has around its content, and `cipher`."""
    counts = _Counts(authority)
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = tls_lab.run(folder, port=counts.port, files={"tls/ca.der": authority.root})
    finally:
        counts.close()
    if "hello" not in found.get("answer", ""):
        raise RuntimeError("no TLS from MicroPython: %s" % found)
    return counts
