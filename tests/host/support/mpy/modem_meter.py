"""What the modem must not disturb, for modem_board.py: a meter read every half second, a log, a broker.

All of it is the firmware's own: the protocol over a pty, the log in a folder, the uplink over the link's sockets. Each
reading becomes a record with its number.
"""

import asyncio

from cores import Limit, Waits
from umqtt import simple

from firmware.boards.twin import PtyUart
from firmware.core.compat import ticks_add, ticks_diff, ticks_ms
from firmware.core.serial_port import SerialPort
from firmware.delivery.mqtt.service import MqttService
from firmware.iec102.errors import Iec102Error
from firmware.iec102.master import LinkAddress, Master
from firmware.recordlog.ring import Ring

_PERIOD_MS = 500


class Reading:
    """`setup`: meter (pty), broker (port), topic, folder (of the log)."""

    def __init__(self, setup, link):
        self.read = self.failed = 0
        self._waits = Waits()
        self.pause = 0  # ms, the longest between two readings
        self.ring = Ring(setup["folder"], segment=4096)
        self.ring.mount()
        self._master = Master(SerialPort(PtyUart(setup["meter"]), 9600))
        self._address = LinkAddress(1, 1, 1)
        topic = setup["topic"]
        settings = {"host": "127.0.0.1", "port": setup["broker"], "client_id": topic[-20:]}
        settings.update(keepalive=20, puback_ms=3000, connect_ms=3000, answer_ms=3000)
        self.mqtt = MqttService(simple, settings, self.ring, link, lambda kind: topic, lambda: None)

    async def run(self):
        last = None
        while True:
            start = ticks_ms()
            try:
                await self._master.open(self._address)
                await self._master.read(162, 0, (192, 193, 194))
                self.ring.append(1, 0, b"%d %d" % (self.read + 1, ticks_ms()))
                self.read += 1
                if last is not None:
                    self.pause = max(self.pause, ticks_diff(self._own_ms(), last))
                last = self._own_ms()
            except Iec102Error as error:
                self.failed += 1
                print("# meter:", type(error).__name__, error)
            await self._master.close()
            await asyncio.sleep_ms(max(0, _PERIOD_MS - ticks_diff(ticks_ms(), start)))

    def _own_ms(self):
        """The clock less what this process has stood in line for a core."""
        return ticks_add(ticks_ms(), -self._waits.stood_ms())

    async def settle(self, seconds):
        """Wait until everything read so far has been delivered; how many records still wait."""
        last = self.ring.last
        till = Limit(seconds)
        while self.ring.acks.count(1, last) and not till.ran_out():
            await asyncio.sleep_ms(20)
        return self.ring.acks.count(1, last)
