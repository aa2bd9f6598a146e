"""Virtual time: an asyncio loop whose clock jumps to the next timer when it would only wait.

`run(coro, start_utc=…)` runs a coroutine to its end; a month of `await sleep_ms(…)` takes as long
as the work in it. Inside, `firmware.core.compat.ticks_ms()` and `asyncio` timeouts follow the virtual
clock, and so does `utc()`. Real files and sockets still work: while somebody waits for one and no
timer is due the loop waits for real, and time stands still.

A program that waits for something that can never happen does not hang the test: `Stuck` is raised.
"""

import asyncio
import heapq
import selectors
import time
from unittest import mock

# The clock counts whole microseconds so that sums of milliseconds never lose one to rounding.
_US = 1_000_000
# Added to every reading of the clock: `int(time() * 1000)` must not fall to the millisecond
# before.
_EPSILON_S = 1e-7


class Stuck(RuntimeError):
    """Nothing is left that could ever wake the program."""


class TooLong(RuntimeError):
    """The program was still running at the virtual time limit."""


class _Selector(selectors.DefaultSelector):
    """Looks at real files without waiting, then lets the loop's clock jump instead of waiting."""

    loop = None
    own = 0  # files registered by the loop for itself

    def select(self, timeout=None):
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        outside = len(self.get_map()) > self.own or self.loop.outside
        if timeout is None:
            if not outside:
                raise Stuck("nothing left to wait for at %.3f s" % self.loop.time())
            return super().select(None)
        if outside and self.loop.patience:
            # Somebody waits for a real file as well: give it a moment before its deadline passes.
            events = super().select(self.loop.patience)
            if events:
                return events
        self.loop.jump(timeout)
        return events


class JumpingLoop(asyncio.SelectorEventLoop):
    """Where nothing can come from outside, a turn is asyncio's without its look at files: half of what a turn costs.

    Subclasses have `time()`, `jump(seconds)` and `alone()`: whether nobody waits for a file or a thread.
    """

    def _run_once(self):
        scheduled, ready = self._scheduled, self._ready
        while scheduled and scheduled[0]._cancelled:
            self._timer_cancelled_count -= 1
            heapq.heappop(scheduled)._scheduled = False
        if not self.alone() or not (ready or scheduled):
            super()._run_once()
            return
        if not ready and not self._stopping:
            wait = scheduled[0]._when - self.time()
            if wait > 0:
                self.jump(wait)
        end = self.time() + self._clock_resolution
        while scheduled and scheduled[0]._when < end:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        for _ in range(len(ready)):  # what they add has its turn next
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()


class VirtualLoop(JumpingLoop):
    """`patience`: real seconds to wait for registered files before each jump.

    0 where there are none.
    """

    def __init__(self, start_utc=0, limit_s=None, patience=0.0):
        selector = _Selector()
        self._us = 0
        self._limit_us = None if limit_s is None else int(limit_s * _US)
        self.start_utc = start_utc
        self.patience = patience
        self.outside = 0  # threads at work for this loop
        self.jumps = 0
        super().__init__(selector)
        self._clock_resolution = 1 / _US
        selector.loop = self
        selector.own = len(selector.get_map())

    def time(self):
        return self._us / _US + _EPSILON_S

    def utc(self):
        """UTC seconds since 1970 as int."""
        return self.start_utc + self._us // _US

    def alone(self):
        return not self.outside and len(self._selector.get_map()) <= self._selector.own

    def jump(self, seconds):
        self.jumps += 1
        self._us += max(1, round(seconds * _US))
        if self._limit_us is not None and self._us > self._limit_us:
            raise TooLong("still running after %.0f virtual seconds" % (self._us / _US))

    def run_in_executor(self, executor, func, *args):
        """A thread works in real time: the clock stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self.outside += 1
        future.add_done_callback(self._inside)
        return future

    def _inside(self, _):
        self.outside -= 1


def utc():
    """Virtual UTC seconds since 1970 of the running loop (int)."""
    return asyncio.get_running_loop().utc()


def run(coro, start_utc=0, limit_s=None, patience=0.0, wall=False):
    """Run `coro` in virtual time from `start_utc` (UTC seconds) and return its result.

    `limit_s`: virtual seconds after which `TooLong` is raised. `wall`: `time.time()` follows the
    virtual clock, too. Tasks that are still there at the end are cancelled and waited for.
    """
    loop = VirtualLoop(start_utc, limit_s, patience)
    try:
        asyncio.set_event_loop(loop)
        if not wall:
            return loop.run_until_complete(coro)
        with mock.patch.object(time, "time", lambda: start_utc + loop.time()):
            return loop.run_until_complete(coro)
    finally:
        try:
            _cancel_all(loop)
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _cancel_all(loop):
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop._limit_us = loop._us + 3600 * _US  # cleaning up may take its time, too, but not for ever
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    for task in tasks:
        if not task.cancelled() and task.exception() is not None:
            loop.call_exception_handler(
                {
                    "message": "failed while being cancelled",
                    "exception": task.exception(),
                    "task": task,
                }
            )
