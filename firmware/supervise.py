"""Keeps services running: each restarts alone, with a back-off, and its failure is counted and kept.

A service is the same object in each of its lives: it keeps its counters and queues over a restart of its task.

What supervises can run out of memory itself. So each step here either takes nothing from the heap, or may fail and is
then done without, and what has to succeed has the reserve (firmware/core/overlay.py). Whoever feeds the watchdog asks
each Supervised for `trouble()`: a task that died, does not turn any more or never gets memory is no service.
"""

import asyncio

from firmware import diag
from firmware.core import overlay
from firmware.diag import Marked
from firmware.port import const, print_exception, sleep_ms, ticks_add, ticks_diff, ticks_ms

_FIRST_MS = const(1000)
_LAST_MS = const(60000)
# A service that ran this long is well again: its next failure starts at the first back-off.
_WELL_MS = const(60000)
# Services wait a minute in one piece at most: for a network that is not there, after a wrong password.
_LIMIT_MS = const(180000)
# Lives in a row that ended for want of memory, a quarter of an hour with the waits between them: what takes the memory
# does not give it back.
_STARVED = const(20)
# The firmware.update.safestart.Guard that keeps crashes, where the board has one: `await keep(error, name)`, and
# `keep_now(error, name)` for a heap without room for the first, which writes without waiting for a silent line.
guard = None


class Supervised:
    """One service's record: `name`, `restarts`, `last_error`. `limit_ms`: how long it may be without a turn."""

    def __init__(self, name, service, jitter=0, limit_ms=_LIMIT_MS):
        self.name = name
        self.service = service
        self.restarts = 0
        self.last_error = ""
        self.task = None  # that runs run(), for whoever looks after it
        self._jitter = jitter
        self._limit = limit_ms
        self._starved = 0
        self._due = ticks_ms()  # since when a turn is awaited
        self._turned = self._turn  # made once: each look at a method makes one

    def trouble(self):
        """Why this is no service any more, in words, or None. Allocates nothing."""
        if self.task is not None and self.task.done():
            return "its task has died"
        if self._starved >= _STARVED:
            return "never enough memory"
        if ticks_diff(ticks_ms(), self._due) > self._limit:
            return "stands still"
        return None

    def _turn(self):
        self._due = ticks_ms()

    async def run(self):
        """Run the service for ever; only cancellation ends this."""
        wait = _FIRST_MS
        while True:
            start = ticks_ms()
            try:
                # Each part is made in the room that is let go for it, and in one turn.
                overlay.let_go()
                life = self._life()
                overlay.hold()
                await life
                self.last_error = "ended"
                self._starved = 0
            except asyncio.CancelledError:
                raise
            except Exception as error:  # whatever it is must not reach the other services
                life = None
                self._failed(error)
                try:
                    if guard:
                        await guard.keep(error, self.name)
                except MemoryError:
                    self._keep_now(error)
                except Exception:  # a flash that fails: the service has to start again all the same
                    overlay.tidy()
            overlay.hold()
            self.restarts += 1
            if ticks_diff(ticks_ms(), start) > _WELL_MS:
                wait = _FIRST_MS
                self._starved = 0
            self._tell(wait + self._jitter)
            self._due = ticks_add(ticks_ms(), wait + self._jitter)
            await sleep_ms(wait + self._jitter)
            wait = min(wait * 2, _LAST_MS)

    def _life(self):
        self._turn()
        return Marked(self.service.run(), self.name, self._turned)

    def _failed(self, error):
        self._starved = self._starved + 1 if isinstance(error, MemoryError) else 0
        if self._starved:
            overlay.reclaim()
        # A service that ran out of memory leaves none for words; it has to start again all the same.
        self.last_error = "out of memory"
        with overlay.attempt:
            # Where diagnostic lines go on MicroPython: on the system console.
            print_exception(error)
            self.last_error = "%s: %s" % (type(error).__name__, error)

    def _keep_now(self, error):
        overlay.let_go()
        try:
            if guard:
                guard.keep_now(error, self.name)
        except Exception:  # neither does that keep the service from its next start
            overlay.tidy()

    def _tell(self, wait):
        with overlay.attempt:
            diag.error(self.name, "%s; starts again in %d ms", self.last_error, wait)
