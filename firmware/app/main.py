"""Watches over the device and its services for ever, once starting.py has made them.

`start()` is what main.py calls; it never returns on a board.

Services are kept running: each restarts alone, with a back-off, and its failure is counted and kept. A service is the
same object in each of its lives: it keeps its counters and queues over a restart of its task. What supervises can run
out of memory itself. So each step here either takes nothing from the heap, or may fail and is then done without, and
what has to succeed has the reserve (firmware/core/overlay.py). The watch, which feeds the watchdog, asks each
Supervised for `trouble()`: a task that died, does not turn any more or never gets memory is no service.
"""

import asyncio
import gc

from firmware.core import log, overlay
from firmware.core.compat import print_exception, sleep_ms, ticks_add, ticks_diff, ticks_ms
from firmware.core.flash_gate import silence
from firmware.core.log import Marked

_TURN_MS = const(100)
# A look at how full the heap is takes 11 ms of a Pico W whose heap has 490 KB, a collection 37 ms.
_NOTE_MS = const(1000)
_TIDY_MS = const(10000)
_REPORT_MS = const(600000)
_FIRST_REPORT_MS = const(20000)
_FAREWELL_MS = const(1500)
# Codes of the board's LED (docs/boards.md).
_LED_WELL = const(1)
_LED_OFFLINE = const(2)
_LED_METER = const(3)
_LED_SETUP = const(4)
_LED_SAFE = const(5)
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
crashes = None


def start():
    """Build this board and run the app on it for ever."""
    asyncio.run(run(*_begin()))


def _begin():
    # In a frame that ends: the others stay, with all they hold.
    with overlay.use("begin"):
        from firmware.app import starting

        return starting.begin()


async def run(board, guard=None):
    """Start every service and watch over them; feeds the watchdog as long as the loop turns in time.

    `guard` is the firmware.update.safestart.Guard where the board keeps versions of the firmware; in its safe mode
    only what it takes to be reached is there (build_base.py).
    """
    await _watch(_build(board, guard), guard)


def _build(board, guard):
    with overlay.use("begin"):
        from firmware.app import starting

        return starting.build(board, guard)


async def _watch(app, guard):
    """Feed the watchdog while every service turns, measure the loop and keep the heap tidy.

    Whatever else is done here may run out of memory: there is another turn.
    """
    last = tidied = noted = reported = ticks_ms()
    wait = _FIRST_REPORT_MS
    while True:
        await sleep_ms(_TURN_MS)
        now = ticks_ms()
        late = ticks_diff(now, last) - _TURN_MS
        if late > app.longest_turn_ms:
            app.longest_turn_ms = late
        last = now
        _look_after(app)
        if ticks_diff(now, noted) > _NOTE_MS:
            noted = now
            overlay.note()
        app.board.led(_led(app))
        app.board.feed()
        if ticks_diff(now, tidied) > _TIDY_MS:
            tidied = now
            overlay.tidy()
            overlay.hold()
            # A session may have the heap; there is another turn in ten seconds. What gets out of here restarts the
            # device, and three such restarts would take back a good version.
            with overlay.attempt:
                await app.note()
                # What follows writes to the flash at times.
                await silence(app)
                last = ticks_ms()
                app.watch_trial()
                await app.report()
                if guard:
                    reason = guard.tick(app.reached())
                    if reason:
                        app.restart(reason)
                if ticks_diff(now, reported) > wait:
                    reported, wait = now, _REPORT_MS
                    text = "heap %d, peak %d, longest turn %d ms"
                    used = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
                    log.info("app", text, used, overlay.peak, app.longest_turn_ms)
        if app.restart_reason:
            # Let the answer to the command that asked for it go out.
            await sleep_ms(_FAREWELL_MS)
            overlay.let_go()
            try:
                await app.before_restart()
            except Exception:  # whatever could not be done is not worth the restart
                overlay.tidy()
            _restart(app, guard)


def _restart(app, guard):
    overlay.let_go()
    try:
        if guard:
            with overlay.attempt:
                guard.restarting()
    except OSError:
        pass  # it counts as a start that failed
    app.board.reset(app.restart_reason)


def _look_after(app):
    """Restart the board for a service that is none any more: at once, waiting for nothing. It counts as a crash."""
    for watched in app.watched:
        trouble = watched.trouble()
        if trouble:
            overlay.let_go()
            try:
                app.ring.flush()
            except Exception:  # what was not durable yet is delivered twice
                overlay.tidy()
            overlay.let_go()
            app.board.reset("%s: %s" % (watched.name, trouble))


def _led(app):
    """What the board's LED shows now. Every turn: nothing here allocates."""
    if app.safe:
        return _LED_SAFE
    reached = app.reached()
    if not app.lines or reached is None:
        return _LED_SETUP
    if not reached:
        return _LED_OFFLINE
    for line in app.lines:
        for meter in line.meters:
            if meter.failing:
                return _LED_METER
    return _LED_WELL


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
                    if crashes:
                        await crashes.keep(error, self.name)
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
            if crashes:
                crashes.keep_now(error, self.name)
        except Exception:  # neither does that keep the service from its next start
            overlay.tidy()

    def _tell(self, wait):
        with overlay.attempt:
            log.error(self.name, "%s; starts again in %d ms", self.last_error, wait)
