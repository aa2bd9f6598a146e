"""Watches over the device and its services for ever, once starting.py has made them.

`start()` is what main.py calls; it never returns on a board.
"""

import asyncio
import gc

from firmware import diag
from firmware.core import overlay
from firmware.gate import silence
from firmware.port import const, sleep_ms, ticks_diff, ticks_ms

_TURN_MS = const(100)
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


def start():
    """Build this board and run the app on it for ever."""
    asyncio.run(run(*_begin()))


def _begin():
    # In a frame that ends: the others stay, with all they hold.
    with overlay.use("begin"):
        from firmware import starting

        return starting.begin()


async def run(board, guard=None):
    """Start every service and watch over them; feeds the watchdog as long as the loop turns in time.

    `guard` is the firmware.update.safestart.Guard where the board keeps versions of the firmware; in its safe mode
    only what it takes to be reached is there (reach.py).
    """
    await _watch(_build(board, guard), guard)


def _build(board, guard):
    with overlay.use("begin"):
        from firmware import starting

        return starting.build(board, guard)


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
                    text = "heap %d, peak %d, longest turn %d ms"
                    used = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
                    diag.info("app", text, used, overlay.peak, app.longest_turn_ms)
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
    if not app.lines or not app.mqtt or app.mqtt.state == "off":
        return _LED_SETUP
    if not app.mqtt.connected:
        return _LED_OFFLINE
    for line in app.lines:
        for meter in line.meters:
            if meter.failing:
                return _LED_METER
    return _LED_WELL
