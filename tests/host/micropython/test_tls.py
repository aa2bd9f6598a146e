"""TLS on MicroPython itself: who is believed, what is said of who is not, and a server that stalls."""

import hashlib
import random
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.host.support import tls_lab
from tools import roots

pytestmark = pytest.mark.takes(20)
MILLIONS = 3_000_000


@pytest.fixture(scope="module")
def authority():
    return tls_lab.Authority()


def key_of(shown):
    """SHA-256 of the public key, as tls.pins has it."""
    key = x509.load_pem_x509_certificate(shown.chain).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()


def reached(tmp_path, authority, shown, context=None, **order):
    """(what MicroPython says, what the server got) of one connection; our root is the device's own."""
    files = {"tls/ca.der": authority.root, **order.pop("files", {})}
    with tls_lab.Server(context or shown.context()) as server:
        found = tls_lab.run(tmp_path, port=server.port, files=files, **order)
        return found, server


@pytest.mark.parametrize("case", ["good", "chain"])
def test_a_server_whose_root_is_known_is_believed(tmp_path, authority, case):
    shown = authority.show(case)
    found, server = reached(tmp_path, authority, shown)
    assert found["answer"] == "ok hello" and not found["shaking"] and server.got == [b"hello"]
    assert found["fed"] > 1  # the watchdog, before each step of the handshake
    assert found["held"] == 2  # the room for the next connection's records
    # STATUS tells the days until then.
    assert found["ends"] == x509.load_pem_x509_certificate(shown.chain).not_valid_after_utc.timestamp()


def test_what_a_connection_moves_is_counted_with_what_tls_adds(tmp_path, authority):
    found, _ = reached(tmp_path, authority, authority.show())
    # "hello", and "ok hello" in one read or more; the beginning of the connection and the handshake beside.
    assert 5 + 8 + 2 * (29 + 80) <= found["moved"] - 530 - 5000 <= 5 + 8 + 4 * (29 + 80)


def test_an_address_is_a_name_when_the_certificate_says_so(tmp_path, authority):
    assert reached(tmp_path, authority, authority.show(), host="127.0.0.1")[0]["answer"] == "ok hello"
    found, server = reached(tmp_path, authority, authority.show("wrong name"), host="127.0.0.1")
    assert found["code"] == 341 and not server.got


@pytest.mark.parametrize("case", tls_lab.REFUSED)
def test_who_is_not_believed_gets_no_byte_of_ours_and_is_named(tmp_path, authority, case):
    found, server = reached(tmp_path, authority, authority.show(case))
    assert found["code"] == tls_lab.REFUSED[case], found
    assert found["shaking"] and not server.got
    assert "localhost" in found["words"] and found["advice"][0].startswith("FAULT TLS: ") and found["advice"][1]
    if case in ("expired", "not yet valid"):  # what the certificate says and what the device thinks
        assert found["words"].count("20") >= 2
    if case == "unknown issuer":
        assert "Testing CA" in found["words"]


def test_a_certificate_that_signed_itself_can_be_the_root(tmp_path, authority):
    shown = authority.show("self-signed")
    found, _ = reached(tmp_path, authority, shown, files={"tls/ca.der": tls_lab.der(shown.chain)})
    assert found["answer"] == "ok hello"


def test_the_roots_of_the_version_do_not_vouch_for_a_stranger(tmp_path, authority):
    found, server = reached(tmp_path, authority, authority.show("unknown issuer"), roots=["auto"])
    assert found["code"] == 344 and not server.got
    # They are tried together with the device's own.
    assert reached(tmp_path, authority, authority.show(), roots=["auto"])[0]["answer"] == "ok hello"
    found, server = reached(tmp_path, authority, authority.show(), roots=["isrg-x1"])
    assert found["code"] == 344 and not server.got


def test_each_root_of_the_version_is_one_that_micropython_takes(tmp_path, authority):
    from firmware.security import context

    assert list(roots.ROOTS) == list(context.ROOTS)
    for name in roots.ROOTS:
        found, _ = reached(tmp_path, authority, authority.show(), roots=["own", name])
        assert found["answer"] == "ok hello", name


def test_a_root_that_is_not_there_or_no_der_is_named_before_anything_is_sent(tmp_path, authority):
    found, server = reached(tmp_path, authority, authority.show(), roots=["isrg-x9"])
    assert found["code"] == 352 and "isrg-x9" in found["words"]
    found, server = reached(tmp_path, authority, authority.show(), files={"tls/ca.der": b"no DER"})
    assert found["code"] == 353 and not server.got


# --- pins


def test_a_pinned_key_is_compared_before_the_first_byte_of_ours(tmp_path, authority):
    """Whoever signed it, whatever name and date it has."""
    for case in ("unknown issuer", "wrong name", "self-signed"):
        shown = authority.show(case)
        found, server = reached(tmp_path, authority, shown, verify="pin", pins=["0" * 64, key_of(shown)])
        assert found["answer"] == "ok hello" and found["pinned"] == 1


def test_another_key_gets_nothing_and_is_told(tmp_path, authority):
    shown = authority.show()
    found, server = reached(tmp_path, authority, shown, verify="pin", pins=["0" * 64])
    assert found["code"] == 347 and key_of(shown) in found["words"] and found["pinned"] == 1
    assert not server.got


def test_without_a_look_at_the_key_nothing_is_sent(tmp_path, authority):
    """The count is what says it: with CERT_NONE the callback would never be called, and the bytes would go."""
    found, server = reached(tmp_path, authority, authority.show(), verify="none")
    assert found["answer"] == "ok hello" and found["pinned"] == 0


# --- the time, the other side


def test_without_the_time_no_handshake_is_begun(tmp_path, authority):
    found, server = reached(tmp_path, authority, authority.show(), known=False)
    assert found["code"] == 350 and "shaking" not in found and not server.got and not server.ended
    shown = authority.show()
    found, _ = reached(tmp_path, authority, shown, known=False, verify="pin", pins=[key_of(shown)])
    assert found["answer"] == "ok hello"  # a key has no date


@pytest.mark.parametrize("client", ["ours", "none", "a stranger's"])
def test_a_server_that_wants_to_know_us(tmp_path, authority, client):
    context = authority.show().context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authority.ca.cert_pem.bytes().decode())
    files = {}
    if client != "none":
        cert, key = authority.client(None if client == "ours" else authority.stranger)
        files = {"tls/client.der": len(cert).to_bytes(2, "big") + cert + key}
    found, server = reached(tmp_path, authority, None, context, files=files, client="own" if files else "off")
    if client == "ours":
        assert found["answer"] == "ok hello"
    else:
        assert found["code"] == 349 and not server.got


def test_a_server_with_tls_13_alone_or_without_tls(tmp_path, authority):
    context = authority.show().context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    found, server = reached(tmp_path, authority, None, context)
    assert found["code"] == 349 and not server.got
    from tests.host.support import tcp_servers

    plain = tcp_servers.serve(lambda peer: (peer.recv(999), peer.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"), peer.close()))
    with plain:
        found = tls_lab.run(tmp_path, port=plain.getsockname()[1])
    assert found["code"] == 351


# --- a server that takes nothing for a while


class Stalling:
    """Reads everything, by pieces and with pauses of chance, so that writes are refused at every place."""

    def __init__(self, seed):
        self.count = 0
        self.wrong = None
        self._chance = random.Random(seed)

    def __call__(self, peer):
        period = bytes(index * 7 & 0xFF for index in range(256)) * 300
        while self.wrong is None:
            try:
                data = peer.recv(self._chance.randrange(1, 16384))
            except OSError:
                return  # MicroPython's close() says no farewell
            if not data:
                return
            at = self.count % 256
            if data != period[at : at + len(data)]:
                self.wrong = self.count
            self.count += len(data)
            if not self._chance.randrange(20):
                time.sleep(0.003)


@pytest.mark.parametrize("what", ["pour", "guarded"])
def test_millions_of_bytes_arrive_each_once_and_in_order(tmp_path, authority, what):
    stalling = Stalling(19)
    context = authority.show().context()
    with tls_lab.Server(context, stalling, room=16384) as server:
        found = tls_lab.run(
            tmp_path, port=server.port, what=what, bytes=MILLIONS, seed=19, seconds=100,
            files={"tls/ca.der": authority.root},
        )  # fmt: skip
    assert found.get("refused", 0) > 20, found  # else nothing was shown
    assert stalling.wrong is None
    assert MILLIONS <= found["total"] == stalling.count, (found, stalling.count)
