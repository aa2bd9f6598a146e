"""MQTTS and an update over HTTPS on an image with more RAM: its Mbed TLS lives in the firmware's own heap, as on an
RP2350, and its handshake is the chip's own arithmetic. The full version wants more than the stock image has.
"""

import hashlib
from pathlib import Path

import pytest

from tests.host.support import tls_lab, unix_board
from tests.pico.conftest import ONLINE_S
from tools import certificates, release
from tools.board import deploy
from tools.pico.rig import BROKER, Rig

# Readings of four meters, one a minute each, and how often the broker goes away meanwhile.
_READINGS = 30
_METERS = 4
_AWAY = 3
# A handshake, with all that its server and the modem take beside it.
_SHAKEN_S = 40
_UPDATE_S = 600
_NEWER = 1 << 40


@pytest.fixture
def made(tmp_path, image, figures):
    """(rig, web server with the next version, authority): online over MQTTS."""
    authority = tls_lab.Authority()
    shown = authority.show(name=BROKER)
    broker = tls_lab.Mosquitto(shown)
    key = release.generate(2048)
    files = deploy.compile_tree(arch="armv6m", full=True)
    data = release.assemble(files, key, "9.9.9", _NEWER, arch="armv6m", full=True)
    for name, text in (("chain.pem", shown.chain), ("key.pem", shown.key)):
        (tmp_path / name).write_bytes(text)

    def lay(folder):
        for path, content in (("tls/ca.der", authority.root), ("release.pub", release.public_text(key).encode())):
            place = Path(folder) / path
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content)

    values = {
        "mqtt.broker": "mqtts://%s:%d" % (BROKER, broker.secure),
        "tls.ca": "own",
        "mqtt.commands": "view,meter,UPDATE,SETCERT",
        "uplink.cmux": True,
    }
    rig = Rig(
        tmp_path / "rig", image, broker, meters=_METERS, modem=["--running"], values=values, records=lay, full=True
    )
    web = unix_board.WebServer(data, certificate=(str(tmp_path / "chain.pem"), str(tmp_path / "key.pem")))
    try:
        with web:
            rig.board.on()
            rig.online(ONLINE_S + _SHAKEN_S)
            figures("release", "%d bytes, %s" % (len(data), hashlib.sha256(data).hexdigest()[:8]))
            yield rig, web, authority
    finally:
        rig.close()
        broker.stop()


def test_readings_reconnects_and_an_update_over_https(made, figures):
    rig, web, authority = made
    board = rig.board
    answer = rig.at("\r\n".join(certificates.pieces("ca2", authority.other_root)), 90)
    assert "is here, until" in answer, answer
    assert rig.at("AT^MTXTUNNEL=SETCERT").count(", until ") == 2
    times = []
    for _ in range(_AWAY):
        rig.record(180)
        since, start = len(rig.listener.messages), board.now
        rig.broker.stop()
        board.sleep(2)
        rig.broker.start()
        rig.online(_SHAKEN_S + 60, since)
        times.append(round(board.now - start, 1))
    figures("back_s", times)
    since, start = len(rig.listener.messages), board.now
    board.may_restart = True
    url = web.url.replace("127.0.0.1", BROKER)
    assert rig.at("AT^MTXTUNNEL=UPDATE," + url).endswith("OK\r\n")
    board.until(lambda: [state for state in rig.states(since) if state["STATE"] == "busy"], 60, "busy")
    board.until(
        lambda: [state for state in rig.states(since) if state.get("VERSION") == "9.9.9"], _UPDATE_S, "the new version"
    )
    figures("update_s", round(board.now - start, 1))
    rig.record(60 * _READINGS, _READINGS)
    figures("readings", len(rig.records()))
    assert not board.said("MemoryError|not enough memory|Traceback|starts again"), board.trouble()
