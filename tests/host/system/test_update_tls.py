"""The update over HTTPS: a real TLS server against MicroPython's own TLS, and every way in which there is none."""

import asyncio
import socket
import time
from types import SimpleNamespace

import pytest

from firmware.net import tls
from firmware.net.url import DownloadError
from firmware.security import context
from firmware.update.download import Download
from firmware.update.source import GiveWay
from tests.host.support import programs, tcp_servers, unix_board
from tests.host.system.test_update import begin, key, made, order  # noqa: F401
from tools import patience, release

pytestmark = pytest.mark.takes(15)

DOWNLOAD = "firmware/update/download.py"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return programs.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def lab(tmp_path, key):  # noqa: F811
    """A board that runs version 1.0, knows the key and loses patience with a handshake early."""
    text = (unix_board.ROOT / DOWNLOAD).read_text()
    patient = "_SILENCE_MS = const(30000)"
    assert text.count(patient) == 1
    with unix_board.Lab(tmp_path) as found:
        impatient = text.replace(patient, "_SILENCE_MS = const(700)")
        begin(found, key, extra=[(DOWNLOAD, impatient)])
        yield found


class Mute:
    """Takes connections and their bytes; sends the first `upto` bytes of what the server on `port` answers.

    `words`: sends that instead. `taken` connections, `left`: closed by the client before it was asked to.
    """

    def __init__(self, port=0, upto=0, words=b""):
        self.port, self.upto, self.words = port, upto, words
        self.taken = self.left = 0
        self._socket = tcp_servers.serve(self._take)
        self.url = "https://127.0.0.1:%d/x.rel" % self._socket.getsockname()[1]

    def _take(self, peer):
        self.taken += 1
        with peer:
            self._hold(peer)

    def _hold(self, peer):
        try:
            hello = peer.recv(4096)
            if self.upto:
                with socket.create_connection(("127.0.0.1", self.port)) as far:
                    far.sendall(hello)
                    peer.sendall(far.recv(self.upto, socket.MSG_WAITALL))
            peer.sendall(self.words)
            peer.settimeout(10)
            while peer.recv(4096):
                pass
            self.left += 1
        except ConnectionError:
            self.left += 1  # with bytes of ours unread
        except OSError:
            return  # it never went

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()


def test_a_whole_release_over_https_with_drops_in_the_middle(lab, key, certificate):  # noqa: F811
    with unix_board.WebServer(made(lab, key), drops=[700, 3000, 9000], certificate=certificate) as web:
        start = order(lab, web.url.replace("127.0.0.1", "localhost"))
        lab.said("UPDATE ready 2.0", start)
        begins = [int(r["range"][6:].split("-")[0]) for r in web.requests]
        assert begins[0] == 0 and begins == sorted(begins) and len(set(begins)) >= 4
        assert set(web.names) == {"localhost"}
    report = lab.report(lab.said("APP 2.0", start))
    assert report["trial"] and report["version"] == "2.0"
    lab.said("IDLE 2.0", start)


def test_a_plain_server_behind_https_is_told_and_a_stranger_s_release_is_refused(lab, key, certificate):  # noqa: F811
    with unix_board.WebServer(made(lab, key)) as web:
        start = order(lab, web.url.replace("http://", "https://"))
        assert "127.0.0.1 does not speak TLS on that port" in lab.said("UPDATE refused", start)
    with Mute(words=b"HTTP/1.1 400 Bad Request\r\n\r\n") as mute:
        start = order(lab, mute.url)
        assert "does not speak TLS" in lab.said("UPDATE refused", start)
        deadline = patience.Limit(5)
        while not mute.left and not deadline.passed():
            time.sleep(0.05)
        assert (mute.taken, mute.left) == (1, 1)  # and it holds no connection
    # The certificate is checked by nobody: the signature is.
    stranger = made(lab, release.generate(2048))
    with unix_board.WebServer(stranger, certificate=certificate) as web:
        start = order(lab, web.url)
        assert "signature is not right" in lab.said("UPDATE refused", start)
        assert web.names == [None]  # an address is no name
    lab.said("IDLE 1.0", start)
    assert "/update.bin" not in unix_board.listing(lab.board)


@pytest.mark.parametrize("upto", [0, 300])
def test_a_server_that_never_ends_its_handshake_is_given_up(lab, certificate, upto):
    web = unix_board.WebServer(b"", certificate=certificate)
    port = int(web.url.split(":")[2].split("/")[0])
    with web, Mute(port, upto) as mute:
        start = order(lab, mute.url)
        words = "127.0.0.1 does not end its handshake"
        lab.said("W update: at 0 bytes: " + words, start)
        assert "gave up at 0 bytes: " + words in lab.said("UPDATE refused", start, 60)
        assert mute.taken == 8
    lab.said("IDLE 1.0", start)


def test_a_server_that_wants_what_we_cannot_is_named(lab, certificate, monkeypatch):
    web = unix_board.WebServer(b"a" * 5000, certificate=certificate)
    # It ends each connection in the handshake with an alert.
    web._tls.sni_callback = lambda *_: 40
    with web:
        start = order(lab, web.url.replace("127.0.0.1", "localhost"))
        assert "gave up at 0 bytes: localhost refuses us: " in lab.said("UPDATE refused", start, 60)
    lab.said("IDLE 1.0", start)


# --- the download alone, on CPython


def download(tmp_path, url, **options):
    return Download(url, str(tmp_path / "file"), socket, backoff_s=0, **options)


def test_the_watchdog_is_fed_before_each_step_of_the_handshake(tmp_path, certificate):
    fed = []
    data = bytes(range(256)) * 400
    with unix_board.WebServer(data, drops=[50000], certificate=certificate) as web:
        load = download(tmp_path, web.url, feed=lambda: fed.append(load._wire.shaking()))
        asyncio.run(load.fetch())
        assert len(web.requests) == 2
    assert (tmp_path / "file").read_bytes() == data
    assert fed.count(True) >= 2  # two handshakes


def test_who_waits_for_the_heap_is_let_in_but_no_handshake_is_in_vain(tmp_path, certificate):
    data = bytes(range(256)) * 200
    with unix_board.WebServer(data, certificate=certificate) as web:
        steps = [0]
        while steps[-1] < len(data):
            load = download(tmp_path, web.url)
            load.give_way = lambda: True  # always
            try:
                asyncio.run(load.fetch())
            except GiveWay:
                pass
            assert load.got >= min(steps[-1] + 8192, len(data))
            steps.append(load.got)
    assert (tmp_path / "file").read_bytes() == data
    assert len(steps) > 3  # and in between it did make way
    # Between two tries there is no handshake to lose.
    (tmp_path / "file").unlink()
    with unix_board.WebServer(data, drops=[100] * 50, certificate=certificate) as web:
        load = Download(web.url, str(tmp_path / "file"), socket, backoff_s=1)
        load.give_way = lambda: True
        with pytest.raises(GiveWay):
            asyncio.run(load.fetch())
        assert len(web.requests) == 1
    with unix_board.WebServer(data) as web:
        (tmp_path / "file").unlink()
        load = download(tmp_path, web.url)
        load.give_way = lambda: True
        with pytest.raises(GiveWay):
            asyncio.run(load.fetch())
        assert load.got == 0


@pytest.mark.parametrize(
    "error",
    [OSError(12), OSError(-0x7F00), OSError(-0x3F80, "MBEDTLS_ERR_PK_ALLOC_FAILED")],
)
def test_a_handshake_without_memory_is_no_matter_of_the_connection(tmp_path, certificate, error, monkeypatch):
    """firmware/update/order.py takes a MemoryError for what passes, and tries again later."""

    class Full:
        def send(self, data):
            raise error

        recv_into = send

        def close(self):
            closed.append(True)

    closed = []
    with unix_board.WebServer(b"a" * 5000, certificate=certificate) as web:
        made = SimpleNamespace(wrap_socket=lambda sock, **_: sock.close() or Full())
        monkeypatch.setattr(context, "make", lambda trust: made)
        with pytest.raises(MemoryError):
            asyncio.run(download(tmp_path, web.url).fetch())
    assert closed == [True]


def test_a_build_without_tls_says_so(tmp_path, certificate, monkeypatch):
    with unix_board.WebServer(b"a" * 5000, certificate=certificate) as web:
        monkeypatch.setitem(__import__("sys").modules, "ssl", None)
        with pytest.raises(DownloadError, match="this MicroPython is built without TLS"):
            asyncio.run(download(tmp_path, web.url).fetch())


def test_what_breaks_later_is_a_drop_in_words():
    def named(error, shaking):
        covered = tls.Covered.__new__(tls.Covered)
        covered._host, covered._trust, covered.shaking = "a.b", None, shaking
        return covered._named(error)

    broken = named(OSError(-0x7200, "MBEDTLS_ERR_SSL_INVALID_RECORD"), False)
    assert type(broken) is OSError and str(broken) == "TLS: the connection broke: MBEDTLS_ERR_SSL_INVALID_RECORD"
    assert str(named(OSError(104, "ECONNRESET"), True)) == "TLS: the handshake with a.b failed: ECONNRESET"
    assert "does not speak TLS" in str(named(OSError(-0x7200), True))
