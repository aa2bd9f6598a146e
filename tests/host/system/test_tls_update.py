"""UPDATE over checked HTTPS beside MQTTS, in the heap of a middle board less what TLS takes of one there."""

import json
import time

import pytest

from tests.host.support import firmware_board, tls_lab, unix_board
from tests.host.support.firmware_board import TOP
from tests.host.support.twin_lab import meter_settings
from tools import micropython, patience, release
from tools.twin.device import MeterProcess

pytestmark = pytest.mark.takes(150)

NEWER = 1 << 40
# KiB that a connection with TLS takes of the heap of an RP2350 (docs/tls.md); here its memory is outside of the heap.
BALLAST = 58
HEAP = "%dk" % ((micropython.size(micropython.MIDDLE) >> 10) - BALLAST)


@pytest.fixture(scope="module")
def authority():
    return tls_lab.Authority()


@pytest.fixture(scope="module")
def key():
    return release.generate(2048)


def certificate(folder, shown):
    """Files (chain, key) for unix_board.WebServer."""
    folder.mkdir(exist_ok=True)
    (folder / "chain.pem").write_bytes(shown.chain)
    (folder / "key.pem").write_bytes(shown.key)
    return str(folder / "chain.pem"), str(folder / "key.pem")


@pytest.mark.timeout(600)
def test_readings_reconnects_and_an_update_over_https_with_one_tls_connection_at_a_time(tmp_path, authority, key):
    meter = MeterProcess("--pty", "--password", 1)
    broker = tls_lab.Mosquitto(authority.show())
    files = {
        "/release.pub": release.public_text(key).encode(),
        "/unix.json": json.dumps({"ports": [int(meter.path.rsplit("/", 1)[1])]}).encode(),
        "/tls/ca.der": authority.root,
    }
    settings = {"mqtt.broker": "mqtts://localhost:%d" % broker.secure, "tls.ca": "own", "logger.enabled": True}
    settings.update(meter_settings(interval=1))
    settings["logger.topic"] = TOP + "LOGGER"
    old, new = (firmware_board.tree(tmp_path / name, version) for name, version in (("old", "1.0"), ("new", "2.0")))
    data = release.assemble(firmware_board.compiled(new), key, "2.0", NEWER, full=True)
    try:
        with firmware_board.Board(tmp_path, files, heap=HEAP, broker=broker, **settings) as board:
            board.deploy(old)
            board.online(VERSION="1.0")
            refusals(board, authority, key, tmp_path, data)
            for _ in range(3):
                broker.stop()
                time.sleep(1)
                broker.start()
                board.online(VERSION="1.0")
            pace = certificate(tmp_path / "web", authority.show())
            with unix_board.WebServer(data, pace=1.3, certificate=pace) as web:
                url = web.url.replace("127.0.0.1", "localhost")
                away(board, url)
                board.online(240, VERSION="2.0")
                assert len(web.requests) > 2  # the second part was fetched when MQTT had been there
            board.until("start", "start.trial", "false")
            assert patience.until(lambda: len({record["TS"] for record in board.logged}) >= 30, 90), board.logged
    finally:
        meter.stop()


def refusals(board, authority, key, folder, data):
    """Servers that are not believed: told, and nothing is fetched from them."""
    for case, words in (("wrong name", "is for another name"), ("unknown issuer", "no root of tls.ca")):
        with unix_board.WebServer(data, certificate=certificate(folder / case, authority.show(case))) as web:
            assert board.at("UPDATE," + web.url.replace("127.0.0.1", "localhost")).endswith("OK\r\n")
            assert words in board.until("update", "update.state", "failed")["update.error"]
            assert not web.requests
    # A release without TLS would never be at the broker again.
    base = release.assemble({"firmware/__init__.mpy": b"x"}, key, "3.0", NEWER, full=False)
    with unix_board.WebServer(base, certificate=certificate(folder / "good", authority.show())) as web:
        assert board.at("UPDATE," + web.url.replace("127.0.0.1", "localhost")).endswith("OK\r\n")
        assert "has no TLS, which mqtt.broker wants" in board.until("update", "update.state", "failed")["update.error"]
    while not board.states.empty():
        board.states.get()


def away(board, url):
    """MQTT says that it is busy, is back within a minute, and has the command that came meanwhile."""
    assert board.at("UPDATE," + url).endswith("OK\r\n")
    limit = patience.Limit(60)
    while patience.get(board.states, limit.left())["STATE"] != "busy":
        pass
    since = time.monotonic()
    answer = board.at("GETSTATUS,update", 90)
    assert "update.state: " in answer
    assert patience.get(board.states, 60)["STATE"] == "online"
    took = time.monotonic() - since
    print("away for %.1f s" % took)
    assert 10 < took < 60
