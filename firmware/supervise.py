"""Keeps services running: each restarts alone, with a back-off, and its failure is counted and kept.

A service is made anew for each life by its factory, so that nothing broken survives into the next one; a
factory may hand out the same object if the service says so itself.
"""

import asyncio
import gc
import sys

from firmware import diag
from firmware.lastrun import Marked
from firmware.port import const, sleep_ms, ticks_diff, ticks_ms

_FIRST_MS = const(1000)
_LAST_MS = const(60000)
# A service that ran this long is well again: its next failure starts at the first back-off.
_WELL_MS = const(60000)
# Where the board keeps crashes: `await keep(error, name)` (app.py).
keep = None


class Supervised:
    """One service's record: `name`, `restarts`, `last_error`."""

    def __init__(self, name, factory, jitter=0):
        self.name = name
        self.factory = factory
        self.restarts = 0
        self.last_error = ""
        self._jitter = jitter

    async def run(self):
        """Run the service for ever; only cancellation ends this."""
        wait = _FIRST_MS
        while True:
            start = ticks_ms()
            try:
                await Marked(self.factory().run(), self.name)
                self.last_error = "ended"
            except asyncio.CancelledError:
                raise
            except Exception as error:  # whatever it is must not reach the other services
                self._failed(error)
                await self._keep(error)
            self.restarts += 1
            if ticks_diff(ticks_ms(), start) > _WELL_MS:
                wait = _FIRST_MS
            self._tell(wait + self._jitter)
            await sleep_ms(wait + self._jitter)
            wait = min(wait * 2, _LAST_MS)

    def _failed(self, error):
        # A service that ran out of memory leaves none for words; it has to start again all the same.
        self.last_error = "out of memory"
        try:
            _show(error)
            self.last_error = "%s: %s" % (type(error).__name__, error)
        except MemoryError:
            gc.collect()

    async def _keep(self, error):
        """Have the traceback kept where it survives a reset."""
        try:
            if keep:
                await keep(error, self.name)
        except Exception:  # no memory, or a flash that fails: the service has to start again all the same
            gc.collect()

    def _tell(self, wait):
        try:
            diag.error(self.name, "%s; starts again in %d ms", self.last_error, wait)
        except MemoryError:
            gc.collect()


def _show(error):
    """Print the traceback where diagnostic lines go on MicroPython: the system console."""
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    else:
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__)
