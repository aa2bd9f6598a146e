"""Keeps flash writes away from the moments in which a meter's answer comes in.

On RP2040 a flash write stops interrupts for tens of milliseconds, long enough to lose received bytes. A meter
never speaks unasked, so between two exchanges of a session there is always a safe moment: the master closes the
gate while it waits for an answer and opens it in between; whoever wants to write to flash waits for the gate.
"""

from firmware.core.compat import sleep_ms, ticks_diff, ticks_ms

# A waiter looks every millisecond; it gets a few to notice that the gate is open.
_LOOK_MS = const(1)
_LOOKS = const(16)


class Gate:
    """Closed by any number of masters, open when none of them listens."""

    def __init__(self):
        self._closed = 0
        self._waiting = 0
        self.forced = 0  # waits that ended by their deadline

    def close(self):
        self._closed += 1

    def open(self):
        self._closed -= 1

    def is_open(self):
        return not self._closed

    async def pause(self):
        """For a master between two exchanges: let those who wait for a flash write go first."""
        for _ in range(_LOOKS):
            if not self._waiting or self._closed:
                return
            await sleep_ms(_LOOK_MS)

    async def wait(self, limit_ms=2000):
        """Return as soon as no answer is being received; after `limit_ms` in any case.

        The limit keeps the log moving if some line never falls silent: a lost frame is asked for again, a
        lost record is not.
        """
        start = ticks_ms()
        self._waiting += 1
        try:
            while self._closed:
                if ticks_diff(ticks_ms(), start) >= limit_ms:
                    self.forced += 1
                    return
                await sleep_ms(_LOOK_MS)
        finally:
            self._waiting -= 1


async def silence(owner):
    """Wait for the gate of `owner`, where it has one: the flash may be written in the same turn afterwards."""
    gate = getattr(owner, "gate", None)
    if gate:
        await gate.wait()
