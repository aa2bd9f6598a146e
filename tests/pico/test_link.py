"""What a modem, its network and a broker do to a device in the field; nothing of it may lose a record."""

import contextlib
import socket
import threading

import pytest

from tests.pico.conftest import LOGIN_S, ONLINE_S, healthy, lost_and_back
from tests.pico.readout import arrived, caught_up

# docs/modems.md, "How long a fault lasts": seconds until the link stands, and a model's boot, off and pulse times.
_RESTART_S, _OFF_S = 100, 120
_BOOT_S, _KEYS_S = 25, 30
# Pause between two tries to reach a broker, after some minutes without: at most 300 s (delivery/mqtt/service.py).
_PAUSE_S = 300


def test_a_modem_that_restarts(online, figures):
    rig = online()
    limit = _RESTART_S + _BOOT_S + LOGIN_S
    figures("back_s", lost_and_back(rig, limit, lambda: rig.modem.tell("restart")))
    caught_up(rig)
    healthy(rig)


def test_a_modem_that_is_switched_off(online, figures):
    rig = online()

    def press():
        rig.modem.tell("power 1")
        rig.board.sleep(4)
        rig.modem.tell("power 0")

    figures("back_s", lost_and_back(rig, _OFF_S + _BOOT_S + _KEYS_S + LOGIN_S, press))
    assert rig.modem.state()["boots"] >= 1
    caught_up(rig)
    healthy(rig)


def test_a_broker_that_restarts(online, broker, figures):
    rig = online()

    def restart():
        broker.stop()
        rig.board.sleep(2)
        broker.start()

    figures("back_s", lost_and_back(rig, 60, restart))
    assert rig.modem.state()["dials"] == 1
    caught_up(rig)
    healthy(rig)


def test_a_broker_that_refuses_for_minutes(online, broker, figures):
    """Each try is answered with a reset: the modem's link works and is left alone."""
    rig = online()
    broker.stop()
    rig.board.sleep(180)
    figures("back_s", lost_and_back(rig, _PAUSE_S, broker.start))
    assert rig.modem.state()["dials"] == 1
    caught_up(rig)
    healthy(rig)


class Names:
    """A name server for the modem's network: `mode` is `good`, `unknown` (there is no such name) or `silent`."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.mode = "good"
        self.asked = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        from tools.modem.net import dns_answer

        with contextlib.suppress(OSError):
            while True:
                query, back = self._socket.recvfrom(2048)
                self.asked += 1
                answer = dns_answer(query)
                if self.mode == "unknown":
                    # RFC 1035 4.1.1: RCODE 3, no answer.
                    answer = query[:2] + b"\x81\x83" + query[4:6] + bytes(6) + query[12:]
                if answer and self.mode != "silent":
                    self._socket.sendto(answer, back)

    def close(self):
        self._socket.close()


@pytest.mark.parametrize("mode", ("unknown", "silent"))
def test_names_that_are_not_found(bench, figures, mode):
    """From the start: lwIP keeps an answer it once had."""
    with contextlib.closing(Names()) as names:
        names.mode = mode
        values = {"mqtt.puback_timeout": 5}
        rig = bench(modem=["--running", "--map", "53:%d" % names.port], values=values)
        rig.board.on()
        rig.board.sleep(ONLINE_S + 60)
        assert names.asked > 1 and not rig.states()

        def mend():
            names.mode = "good"

        figures("back_s", lost_and_back(rig, _PAUSE_S, mend))
        if mode == "unknown":
            assert rig.modem.state()["dials"] == 1
        caught_up(rig)
        healthy(rig)
        assert arrived(rig)
