"""The modem as a piece of hardware: is it there, at which speed, in which mode; power key and
reset pin.
"""

from firmware import diag
from firmware.modem.at import ModemError, NoAnswer
from firmware.port import sleep_ms


class Device:
    """`set_baud(baud)`, and the pins as functions or None: `power_key(pressed)`, `reset(pressed)`."""

    def __init__(self, uart, channel, profile, baud, set_baud, power_key, reset, dtr, timing):
        self.uart = uart
        self.channel = channel
        self.profile = profile
        self.baud = baud
        self.set_baud = set_baud
        self._speed = baud  # the UART was opened with it
        self.power_key = power_key
        self.reset = reset
        self.dtr = dtr
        self.timing = timing
        self.configured = False  # setup is done and the modem has not restarted since

    def ms(self, key):
        """A time of the model, in ms."""
        return self.profile[key] * self.timing["scale"] // 100

    async def answers(self, tries=2):
        try:
            await self.channel.command("AT", self.timing["at"], tries)
            return True
        except NoAnswer:
            return False
        except ModemError:
            return True  # it refuses, so it is there

    def speed(self, baud):
        if self.set_baud and baud != self._speed:
            self.set_baud(baud)
            self._speed = baud

    async def quietly(self, line, deadline_ms=5000):
        """A command whose failure does not matter; its lines, or none."""
        try:
            return await self.channel.command(line, deadline_ms)
        except ModemError as error:
            diag.info("modem", "%s", error)
            return []

    async def press(self, pin, ms):
        pin(True)
        try:
            await sleep_ms(ms)
        finally:
            pin(False)
