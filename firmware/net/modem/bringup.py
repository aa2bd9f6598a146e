"""ModemLink's two ways: up (wake, set up, register, dial), and out of trouble: hang up, wait, take a measure.

The measures (describe.py) form a ladder, from mild to rough, with back-off; `link.ladder` counts.
"""

import os

from firmware.core import log, overlay
from firmware.core.compat import monotonic_s, sleep_ms
from firmware.core.errors import ModemError
from firmware.core.flash_gate import silence
from firmware.net.modem.describe import MEASURES, RESTARTED, last_reason
from firmware.net.modem.link import Failure

_REDIAL = const(0)
_REGISTER = const(1)
_RADIO = const(2)
_RESET = const(3)
_POWER = const(4)
_REBOOT = const(5)
# How often each measure is tried in a row before the next one's turn.
TRIES = (3, 2, 2, 2, 3, 1)
_OTHER = const(237)  # code of an error (core/errors.py)


async def bring_up(link):
    link.enter("starting")
    # Each part has a turn of its own and goes with it, also from here: there is no room for it beside a session.
    with await overlay.turn("wake"):
        from firmware.net.modem import power

        await power.wake(link)
    del power
    with await overlay.turn("bringup"):
        from firmware.net.modem import setup

        await setup.setup(link)
    del setup
    link.enter("registering")
    waited = []
    while True:
        # A turn for each look: where there is no network for hours meters are read in between.
        with await overlay.turn("register"):
            from firmware.net.modem import registration

            found = await registration.register(link, waited)
        del registration
        if found:
            break
        await sleep_ms(link.timing["look"])
    await _messages(link)
    if link.multiplexer:
        with await overlay.turn("dial"):
            from firmware.net.modem import dial

            await dial.multiplex(link)
        del dial
    # While online there is a channel for it only with CMUX; and it must go out where no connection comes about.
    if link.sms and monotonic_s() >= link.sms.due and (not link.mux or link.ladder.failures):
        await _report(link)
    link.enter("dialling")
    with await overlay.turn("dial"):
        from firmware.net.modem import dial

        await dial.call(link)
    link.connects += 1
    if link.store.get(RESTARTED):
        await silence(link.store)
        link.store.set(RESTARTED, None)
    link.why = overlay.way_up = None
    link.enter("online")


async def _messages(link):
    """Messages that came while we were away, if SMS is on at all."""
    setting = link.settings.get("sms") or {}
    if setting.get("enabled") or setting.get("status"):
        await overlay.room("sms")
        with overlay.use("sms"):
            from firmware.net.modem import sms

            await sms.begin(link)


async def _report(link):
    await overlay.room("sms")
    with overlay.use("sms"):
        from firmware.net.modem import sms

        await sms.report(link)


async def recover(link, error):
    """Say why, take the link down, wait, take the next measure. Without an `error`: take down what there is."""
    if error is None:
        await _take_down(link)
        return
    failure = error
    if not isinstance(error, Failure):
        coded = isinstance(error, ModemError)
        failure = Failure(error.why() if coded else (_OTHER, type(error).__name__, str(error)))
    overlay.way_up = None
    link.why = link.last_why = failure.why()
    times = link.timing
    if failure.blocked:
        rung, wait, link.last_measure = None, times["blocked"], "wait"
    else:
        rung = failed(link.ladder, failure)
        wait = backoff_ms(link.ladder, times["backoff_min"], times["backoff_max"])
        link.last_measure = MEASURES[rung]
    log.warn("modem", "%s; %s in %d ms", failure, link.last_measure, wait)
    link.enter("blocked" if failure.blocked else "recovering")
    try:
        await _take_down(link)
    except ModemError as error:
        log.info("modem", "hanging up: %s", error)
    await sleep_ms(wait)  # the modem may be talked to meanwhile
    if rung is not None:
        try:
            await _measure(link, rung)
        except ModemError as error:
            log.info("modem", "%s: %s", link.last_measure, error)


def failed(count, failure):
    """The measure to take after `failure`; `count` is a link's ladder."""
    count.failures += 1
    if count.tried >= TRIES[count.rung]:
        count.rung += 1
        count.tried = 0
        if count.rung > _REBOOT:
            # The caller did not restart the board: from the start, but the back-off stays long.
            count.rung = _REDIAL
    if count.rung < failure.floor:
        count.rung = failure.floor
        count.tried = 0
    count.tried += 1
    rung = min(count.rung, failure.ceiling)
    count.counts[rung] += 1
    return rung


def backoff_ms(count, least, most):
    """How long to wait before the measure: doubled with each failure in a row, up to a limit, +-25 %."""
    wait = min(least << min(count.failures - 1, 12), most)
    return wait * (75 + os.urandom(1)[0] * 50 // 255) // 100


async def _take_down(link):
    """Hang up and close the multiplexer; the UART takes commands again, or so one hopes."""
    if link.session or link.mux:
        with await overlay.turn("dial"):
            from firmware.net.modem import dial

            session, link.session = link.session, None
            if session:
                await dial.close(session, link.socket, link.timing["close"])
            mux, link.mux = link.mux, None
            if mux:
                await dial.close_mux(mux, link.timing["mux"])
    link.channel.attach(link.uart)


async def _measure(link, rung):
    if rung in (_REGISTER, _RADIO):
        if rung == _RADIO:
            link.configured = False
        with await overlay.turn("register"):
            from firmware.net.modem import registration

            await registration.leave(link.channel, rung == _REGISTER)
    elif rung == _REBOOT and link.reboot and not link.store.get(RESTARTED):
        # Once: a modem that is broken must not restart the board for ever.
        await silence(link.store)
        link.store.set(RESTARTED, [last_reason(link), list(link.ladder.counts)])
        link.reboot("modem: " + last_reason(link))
    elif rung >= _RESET:
        with await overlay.turn("wake"):
            from firmware.net.modem import power

            await power.restart(link, rung >= _POWER)
