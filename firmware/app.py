"""The composition root: builds every service from the settings, starts and supervises them.

Nothing else in firmware/ knows more than one service. `start()` is what main.py calls; it never returns on a
board. Start-up is told line by line on the console, so that a look at it says what the device believes.
"""

import asyncio
import gc
import sys

from firmware import boards, diag, supervise
from firmware.gate import silence
from firmware.port import const, sleep_ms, ticks_diff, ticks_ms, unload
from firmware.room import hold, let_go

_TURN_MS = const(100)
# Bytes allocated between two collections: while code is loaded, and afterwards.
_LOADING = const(2048)
_RUNNING = const(8192)
_TIDY_MS = const(10000)
_REPORT_MS = const(600000)
_FIRST_REPORT_MS = const(20000)
_FAREWELL_MS = const(1500)
# The link waits up to 15 minutes and a half more between two attempts (modem/timing.py, backoff_max).
_LINK_MS = const(1500000)
# Codes of the board's LED (docs/boards.md).
_LED_WELL = const(1)
_LED_OFFLINE = const(2)
_LED_METER = const(3)
_LED_SETUP = const(4)
_LED_SAFE = const(5)


def start():
    """Build this board and run the app on it for ever."""
    # Collecting early and often keeps what stays close together: the heap is not moved afterwards.
    if hasattr(gc, "threshold"):
        gc.threshold(_LOADING)
    _take_in_names()
    board = boards.this_board()
    # The large buffers of the flash are in place; now everything else may come.
    from firmware.version import VERSION

    diag.info("start", "lector102 %s on %s, MicroPython %s", VERSION, board.name, sys.version)
    guard = None
    if getattr(board, "versions", True):
        from firmware.update import safestart as guard

        mode = guard.begin(board)
        if mode != guard.NORMAL:
            diag.error("start", "%s version: %s", mode, guard.report().get("why", ""))
    asyncio.run(run(board, guard))


def _take_in_names():
    """Have every name in the heap side by side (names.py): scattered over it they leave no room between them."""
    from firmware import names

    names.take_in(__file__.rpartition("/firmware/")[0])
    unload("firmware.names")


async def run(board, guard=None):
    """Start every service and watch over them; feeds the watchdog as long as the loop turns in time.

    `guard` is firmware.update.safestart where the board keeps versions of the firmware; in its safe mode only what it
    takes to be reached is there (safemode.py).
    """
    from firmware.services import App

    app = App(board, guard)
    app.build()
    if guard:
        supervise.keep = lambda error, name: guard.keep(error, name, app.gate)
        supervise.keep_now = guard.keep_now
    hold()
    gc.collect()
    # Where much is free a collection, which costs a Pico W some 20 ms, may wait longer.
    gc.threshold(max(_RUNNING, gc.mem_free() // 16))
    diag.info("start", "%d bytes of heap in use, %d free", gc.mem_alloc(), gc.mem_free())
    for name, factory in app.services():
        limits = (_LINK_MS,) if name == "link" else ()
        watched = supervise.Supervised(name, factory, app.jitter(len(app.watched)), *limits)
        app.watched.append(watched)
        watched.task = asyncio.create_task(watched.run())
    await _watch(app, guard)


async def _watch(app, guard):
    """Feed the watchdog while every service turns, measure the loop and keep the heap tidy.

    Whatever else is done here may run out of memory: there is another turn.
    """
    last = tidied = reported = ticks_ms()
    wait = _FIRST_REPORT_MS
    while True:
        await sleep_ms(_TURN_MS)
        now = ticks_ms()
        late = ticks_diff(now, last) - _TURN_MS
        if late > app.longest_turn_ms:
            app.longest_turn_ms = late
        last = now
        _look_after(app)
        app.room.note()
        app.board.led(_led(app))
        app.board.feed()
        if ticks_diff(now, tidied) > _TIDY_MS:
            tidied = now
            gc.collect()
            hold()
            try:
                # What follows writes to the flash at times.
                await silence(app)
                last = ticks_ms()
                app.watch_trial()
                if guard:
                    reason = guard.tick(app.mqtt is not None and app.mqtt.connected)
                    if reason:
                        app.restart(reason)
                if ticks_diff(now, reported) > wait:
                    reported, wait = now, _REPORT_MS
                    if guard:
                        guard.check(app)
                    text = "heap %d, peak %d, longest turn %d ms"
                    used = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
                    diag.info("app", text, used, app.room.peak, app.longest_turn_ms)
            except MemoryError:
                # A session has the heap; there is another turn in ten seconds. What gets out of here restarts the
                # device, and three such restarts would take back a good version.
                gc.collect()
        if app.restart_reason:
            # Let the answer to the command that asked for it go out.
            await sleep_ms(_FAREWELL_MS)
            let_go()
            try:
                await app.before_restart()
            except Exception:  # whatever could not be done is not worth the restart
                gc.collect()
            _restart(app, guard)


def _restart(app, guard):
    let_go()
    try:
        if guard:
            guard.restarting()
    except (OSError, MemoryError):
        pass  # it counts as a start that failed
    app.board.reset(app.restart_reason)


def _look_after(app):
    """Restart the board for a service that is none any more: at once, waiting for nothing. It counts as a crash."""
    for watched in app.watched:
        trouble = watched.trouble()
        if trouble:
            let_go()
            try:
                app.ring.flush()
            except Exception:  # what was not durable yet is delivered twice
                gc.collect()
            let_go()
            app.board.reset("%s: %s" % (watched.name, trouble))


def _led(app):
    """What the board's LED shows now. Every turn: nothing here allocates."""
    if app.safe:
        return _LED_SAFE
    if not app.lines or not app.mqtt or app.mqtt.state == "off":
        return _LED_SETUP
    if not app.mqtt.connected:
        return _LED_OFFLINE
    for line in app.lines:
        for meter in line.meters:
            if meter.failing:
                return _LED_METER
    return _LED_WELL
