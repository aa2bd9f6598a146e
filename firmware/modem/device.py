"""The modem as a piece of hardware: is it there, at which speed, in which mode; power key and
reset pin.
"""

from firmware import diag
from firmware.modem.at import ModemError, NoAnswer
from firmware.modem.ladder import RESET, Failure
from firmware.port import sleep_ms, ticks_add, ticks_diff, ticks_ms

_BAUDS = (115200, 9600, 57600, 38400, 19200, 230400, 460800, 921600)
# CMUX close-down with the initiator's address (27.010 5.4.6.3.3): ends a multiplexer left over.
_CLOSE_MUX = b"\xf9\x03\xef\x05\xc3\x01\xf2\xf9"


class Device:
    """`set_baud(baud)`, and the pins as functions or None: `power_key(pressed)`, `reset(pressed)`."""

    def __init__(self, uart, channel, profile, baud, set_baud, power_key, reset, timing):
        self.uart = uart
        self.channel = channel
        self.profile = profile
        self.baud = baud
        self._set_baud = set_baud
        self._power_key = power_key
        self._reset = reset
        self._timing = timing
        self.configured = False  # setup is done and the modem has not restarted since

    def ms(self, key):
        """A time of the model, in ms."""
        return self.profile[key] * self._timing["scale"] // 100

    async def answers(self, tries=2):
        try:
            await self.channel.command("AT", self._timing["at"], tries)
            return True
        except NoAnswer:
            return False
        except ModemError:
            return True  # it refuses, so it is there

    async def wake(self):
        """Make it answer AT at our speed: as it is, else by the power key. Raises Failure."""
        self.channel.attach(self.uart)
        if await self.find(False):
            return
        if self._power_key:
            diag.info("modem", "power key")
            await self._press(self._power_key, self.ms("on_ms"))
        if await self.boot():
            return
        if await self.find(True):
            return
        raise Failure("the modem does not answer", RESET)

    async def boot(self):
        """Wait until a modem that was just switched on answers; False when it does not in its
        time.
        """
        self.configured = False
        end = ticks_add(ticks_ms(), self.ms("boot_ms"))
        while ticks_diff(end, ticks_ms()) > 0:
            if await self.answers(1):
                return True
            await sleep_ms(self._timing["at"])
        return False

    async def find(self, thorough):
        """Look for it at every speed; out of data mode and CMUX at ours, with `thorough` at all."""
        if await self.answers():
            return True
        for baud in (self.baud,) + tuple(b for b in _BAUDS if b != self.baud):
            ours = baud == self.baud
            if not ours and not self._set_baud:
                break
            self._speed(baud)
            found = not ours and await self.answers(1)
            if not found and (ours or thorough):
                found = await self._escape()
            if found:
                return ours or await self._renegotiate(baud)
        self._speed(self.baud)
        return False

    def _speed(self, baud):
        if self._set_baud:
            self._set_baud(baud)

    async def _escape(self):
        """Out of CMUX or data mode, if that is what keeps it from answering."""
        await self.channel.raw(_CLOSE_MUX)
        if await self.answers(1):
            diag.info("modem", "was left in multiplexer mode")
            return True
        await sleep_ms(self._timing["guard"])
        await self.channel.raw(b"+++")
        await sleep_ms(self._timing["guard"])
        await self.channel.raw(b"\r")
        if not await self.answers(1):
            return False
        diag.info("modem", "was left in data mode")
        await self.quietly("ATH")
        return True

    async def _renegotiate(self, baud):
        diag.info("modem", "was left at %d baud", baud)
        await self.quietly("AT+IPR=%d" % self.baud)
        self._speed(self.baud)
        await sleep_ms(self._timing["at"])
        return await self.answers(3)

    async def quietly(self, line, deadline_ms=5000):
        """A command whose failure does not matter; its lines, or none."""
        try:
            return await self.channel.command(line, deadline_ms)
        except ModemError as error:
            diag.info("modem", "%s", error)
            return []

    async def _press(self, pin, ms):
        pin(True)
        try:
            await sleep_ms(ms)
        finally:
            pin(False)

    async def restart(self):
        """Reset pulse, or the restart command where there is no pin; then wait for the boot."""
        self.channel.attach(self.uart)
        self._speed(self.baud)
        if self._reset and self.profile["reset_ms"]:
            await self._press(self._reset, self.ms("reset_ms"))
        else:
            await self.quietly(self.profile["restart"])
        await sleep_ms(self._timing["at"])
        await self.boot()

    async def power_cycle(self):
        """Off and on by the power key; without one, the restart command has to do."""
        if not self._power_key:
            await self.restart()
            return
        self.channel.attach(self.uart)
        self._speed(self.baud)
        await self._press(self._power_key, self.ms("off_ms"))
        await sleep_ms(self.ms("down_ms"))
        # It may have been off, so that the press switched it on.
        if not await self.answers():
            await self._press(self._power_key, self.ms("on_ms"))
        await self.boot()
