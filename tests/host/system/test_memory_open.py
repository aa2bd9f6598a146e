"""What a board with little memory lives with: a port that babbles, and the most that its settings may ask for."""

import os
import random
import re
import threading

import pytest

from firmware.config import needs
from firmware.config.config import Config
from tests.host.support.roles import GRANTED
from tests.host.support.twin_lab import Lab, meter_settings
from tools import micropython, patience
from tools.twin.ptys import Bridge

pytestmark = pytest.mark.takes(30)

# With them and those of twinlab all 22 of a meter are set.
_MORE = {
    "closing": True, "closing_days": 60, "contract": 2, "resend": True, "curve_record": 12, "curve_minutes": 15,
    "curve_days": 30, "set_clock": True, "max_step": 30,
}  # fmt: skip
_KINDS = ("curve", "tariff", "events", "clock", "identity", "power", "setup")


class Babble:
    """A line on which somebody never stops talking: random bytes at 9600 baud."""

    def __init__(self):
        self.bridge = Bridge()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def _talk(self):
        dice = random.Random(102)
        fd = os.open(self.bridge.person, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        while not self._ends.wait(0.05):
            try:
                os.write(fd, dice.randbytes(48))
            except BlockingIOError:
                continue  # nobody listens: the bytes are gone
        os.close(fd)

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join(5)
        self.bridge.close()


@pytest.mark.timeout(200)
def test_babble_on_one_port_does_not_starve_the_meter_on_the_other(tmp_path):
    """Eleven readings were due while nothing good came on port 1, and one was made. Both share one session's code."""
    # What babbles is asked by the same clock and never understood: a session of 12 s.
    settings = {"port.2.enabled": True, "meter.0.port": 2, **meter_settings(1, interval=2, port=1)}
    with Babble() as babble, Lab(tmp_path, interval=2, settings=settings) as lab:
        lab.twin.setup["ports"].insert(0, babble.bridge.device)
        lab.twin.start()
        lab.twin.wait_line("ID00001: GarbledError", 60)
        seen = [record for record in lab.collect(14) if record["ID"] == "ID00000"]
        assert len(seen) >= 5, seen


def everything(count, **more):
    """The settings (dict) of so many meters with all readings and long names."""
    settings = {name.replace("__", "."): value for name, value in more.items()}
    for index in range(count):
        name = "A-METER-WITH-A-LONG-NAME-%d" % index
        settings.update(meter_settings(index, id=name, **_MORE, **dict.fromkeys(_KINDS, 1)))
    return settings


def order(settings):
    """The command that an installer's script would send."""
    return "AT^MTXTUNNEL=SAVECONFIG\n" + "\n".join("%s: %s" % (name, settings[name]) for name in settings)


@pytest.mark.timeout(200)
def test_an_order_for_more_than_there_is_room_for_is_refused_with_the_figure(tmp_path):
    """Any number of meters with all readings in both forms was accepted, and none of them ever read."""
    with Lab(tmp_path, settings={"device.mtxerr": True, **GRANTED}) as lab:
        lab.twin.start()
        lab.record(60)
        much = {"logger.profile": "both", "ha.enabled": "on"}
        for index in range(1, 3):
            much.update({"meter.%d.%s" % (index, name): "1" for name in ("enabled", "curve")})
        answer = lab.at(order(much), 60)
        found = re.search(r'\+MTXERR: 4,"this takes (\d+) bytes of memory more than this board has', answer)
        assert found and answer.endswith("ERROR\r\n"), answer
        assert "\r\noff\r\n" in lab.at("AT^MTXTUNNEL=GETPARAM,meter.1.enabled")
        assert lab.at(order({"meter.1.enabled": "on", "meter.1.curve": "60"}), 60).endswith("OK\r\n")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "meters, settings, more",
    (
        pytest.param(3, everything(3), everything(4), id="meters"),
        pytest.param(1, everything(1, logger__profile="both"), {"ha.enabled": True}, id="forms"),
    ),
)
def test_the_most_that_is_accepted_works(tmp_path, meters, settings, more):
    """Commands are answered and all meters read; an order for more would be refused."""
    settings = {"iec102.align": False, **settings}
    config = Config()
    config.set_many(settings)
    assert needs.taken(config) <= needs._ROOM < needs.taken(config, more)
    with Lab(tmp_path, meters=meters, settings=settings, heap=micropython.SMALL_AND_3_KB) as lab:
        lab.twin.start()
        lab.twin.wait_line("mqtt: connected", 60)
        answers = [lab.at("AT^MTXTUNNEL=GETSTATUS", 40) for _ in range(20)]
        deadline = patience.Limit(60)
        while len({record["ID"] for record in lab.records}) < meters:
            assert not deadline.passed(), lab.twin.lines[-20:]
            lab.collect(1)
        # A heap that is full for a moment costs a try.
        assert sum(answer.endswith("OK\r\n") for answer in answers) >= 18, answers
        words = ("given up", "starts again")
        assert not [line for line in lab.twin.lines if any(word in line for word in words)]
