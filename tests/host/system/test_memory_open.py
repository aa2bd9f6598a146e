"""What a board with little memory cannot do yet: both come true when a session's code and data fit beside the others'.

Strict: whoever mends the memory has to take the marks away.
"""

import os
import random
import threading

import pytest

from tests.host.support.twin_lab import Lab, meter_settings
from tools import patience
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


@pytest.mark.timeout(200)
@pytest.mark.xfail(
    strict=True,
    reason="eight meters with all readings are more than the smallest heap holds: the issue on memory",
)
def test_an_order_that_the_settings_accept_fits(tmp_path):
    """Commands are answered and meters read all the while; settings that ask for more would have to be refused."""
    # At once, not at the next full minute: the second of it would tell how much is read while it is asked.
    settings = {"logger.profile": "both", "ha.enabled": True, "iec102.trace": "topic", "iec102.align": False}
    for index in range(8):
        name = "A-METER-WITH-A-LONG-NAME-%d" % index
        settings.update(meter_settings(index, id=name, **_MORE, **dict.fromkeys(_KINDS, 1)))
    with Lab(tmp_path, meters=8, settings=settings) as lab:
        lab.twin.start()
        lab.twin.wait_line("mqtt: connected", 60)
        asked = patience.Limit(20)
        while not asked.passed():
            assert lab.at("AT^MTXTUNNEL=GETSTATUS", 20).endswith("OK\r\n")
        assert not [line for line in lab.twin.lines if "MemoryError" in line]
