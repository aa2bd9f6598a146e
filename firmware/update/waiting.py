"""What stays of an update while it waits: for the link, for memory, or because a reading or a command has the heap.

The rest of the code comes for each step and goes with it.
"""

import asyncio

from firmware.core import log, overlay
from firmware.core.compat import sleep_ms, ticks_diff, ticks_ms

# A server has to bring so many bytes more in so much time. GPRS at its worst brings them in half a minute; by this one
# the slowest update there may be takes five hours.
_LEAST = const(8192)
_SPAN_MS = const(900000)
# How often a file may be begun anew: by a server without ranges after each drop, or by one that says it has changed.
_ANEW = const(8)
# Tries when the heap is full; drops of the connection are download.py's own affair.
_TRIES = const(5)
_PAUSE_MS = const(10000)


class Pace:
    """Tells what does not get on, however the server goes about it; one for all connections of an order.

    Only the time between begin() and the looks that follow counts: not that in which the device had something else to
    do.
    """

    def __init__(self):
        self._most = 0  # bytes of the file that were there when the time began anew
        self._spent = self._last = self.anew = 0

    def begin(self):
        self._last = ticks_ms()

    def slow(self, got):
        """Whether `got` bytes of the file are too few for the time that was taken."""
        now = ticks_ms()
        self._spent += ticks_diff(now, self._last)
        self._last = now
        if got >= self._most + _LEAST:
            self._most, self._spent = got, 0
        return self._spent > _SPAN_MS

    def again(self):
        """The file begins anew; whether it did so too often."""
        if self.anew == _ANEW:
            return True
        self.anew += 1
        return False


class Order:
    """An update under way; order.py does its steps."""

    task = None
    alone = False  # MQTT has to leave for it
    begun = False  # run() has had a turn; a task that is cancelled before never gets one, and nobody would tidy up
    updater = None
    tries = 0  # that ended for want of memory, one after the other

    def __init__(self, device, url, force):
        self.state = "waiting"
        self.error = ""
        self.device = device
        self.url = url
        self.force = force
        self.pace = Pace()
        self.at = 0, 0  # bytes and size when the updater was last let go

    def status(self):
        """{"state", "bytes", "size", "error"}: state is waiting (for room in the heap or the link), fetching,
        checking, ready (restarts at once), stopping or failed; size is 0 until it is known."""
        found = {"state": self.state, "bytes": self.at[0], "size": self.at[1], "error": self.error}
        if self.updater:
            at = self.updater.status()
            found["bytes"], found["size"] = at["got"], at["size"]
            found["error"] = self.error or at["problem"]
            if not self.state:
                found["state"] = "waiting" if at["state"] == "idle" else at["state"]
        return found

    def let_go(self, state, error):
        """Of the Updater, and so of its code."""
        found = self.status()
        self.at = found["bytes"], found["size"]
        self.state, self.error = state, error
        self.updater = None

    async def _step(self):
        """Go on; how many ms to wait until the next step, 0: it is ready. MemoryError: it finds no room."""
        # In a frame that ends: run()'s would hold on to the module while it waits.
        with overlay.attempt, overlay.use("update"):
            from firmware.update import order

            pause = await order.step(self)
            self.tries = 0
            return pause
        self.tries += 1
        if self.tries == _TRIES:
            raise MemoryError("not enough memory")
        self.let_go("waiting", "not enough memory")
        pause = _PAUSE_MS << self.tries - 1
        log.warn("update", "not enough memory; again in %d s", pause // 1000)
        return pause

    async def run(self):
        """Fetch, check and unpack; then the device restarts into the new version. Raises nothing."""
        error = None
        self.begun = True
        try:
            pause = self.state != "stopping"
            while pause:
                pause = await self._step()
                await sleep_ms(pause)
            if self.state == "ready":
                return
        except asyncio.CancelledError:  # it was stopped
            pass
        except Exception as failed:  # whatever it is must not stay untold
            error = failed
        with overlay.attempt, overlay.use("update"):
            from firmware.update import order

            await order.end(self, error)
            return
        self.state = "failed"  # the next order is taken, and this one can be looked at
