"""ModemLink's two ways: up (wake, set up, register, dial) and out of trouble (hang up, wait, take
a measure).
"""

from firmware import diag
from firmware.core import overlay
from firmware.gate import silence
from firmware.modem import ladder
from firmware.modem.at import ModemError
from firmware.modem.failure import MEASURES, POWER, RADIO, REBOOT, REGISTER, RESET
from firmware.modem.link import RESTARTED
from firmware.port import const, sleep_ms

_WAIT_MS = const(100)
_WAITS = const(200)


async def bring_up(link):
    link.enter("starting")
    # Each part goes before the next one comes: beside a meter's session there is no room for all.
    await _wake(link)
    await _setup(link)
    link.enter("registering")
    await _register(link)
    await _messages(link)
    await _room(link)
    line = await _multiplex(link)
    # While online there is a channel for it only with CMUX; and it must go out where no connection comes about.
    if link.sms and link.sms.report and (not link.mux or link.ladder.failures) and link.sms.report.due():
        await link.sms.report.turn()
    link.enter("dialling")
    await _dial(link, line)
    link.connects += 1
    if link.store.get(RESTARTED):
        await silence(link.store)
        link.store.set(RESTARTED, None)
    link.why = None
    link.enter("online")


async def _wake(link):
    await _room(link)
    with overlay.use("wake"):
        from firmware.modem import wake

        await wake.wake(link.device)


async def _setup(link):
    await _room(link)
    with overlay.use("bringup"):
        from firmware.modem import bringup

        await bringup.setup(link.device, link.settings, link.facts, link.store, link.timing)


async def _register(link):
    await _room(link)
    with overlay.use("register"):
        from firmware.modem import register

        await register.register(link.device, link.cell, link.timing, link.on_time)


async def _dial(link, line):
    with overlay.use("dial"):
        from firmware.modem import dial

        await dial.call(link, line)


async def _room(link):
    """Let a meter's session end that needs the rest of the heap; not for longer than one takes."""
    for _ in range(_WAITS):
        if not link.crowded():
            break
        await sleep_ms(_WAIT_MS)


async def _messages(link):
    """Messages that came while we were away, if SMS is on at all."""
    setting = link.settings.get("sms") or {}
    if not (setting.get("enabled") or setting.get("status") or link.on_sms):
        return
    if link.sms is None:
        with overlay.part:
            from firmware.modem.sms import Sms

        link.sms = Sms(link, setting)
    await link.sms.prepare()
    await link.sms.collect()


async def _multiplex(link):
    """The stream to dial on: a CMUX channel where that works, else the UART."""
    link.mux = None
    mux = link.multiplexer
    if not mux:
        return link.uart
    if not await _multiplexed(link, mux):
        link.multiplexer = mux = None
        if link.unmultiplexed:
            overlay.tidy()
            link.unmultiplexed(link.device.baud)
        return link.uart
    link.mux = mux
    link.channel.attach(link.mux.channel(2))
    return link.mux.channel(1)


async def _multiplexed(link, mux):
    with overlay.use("dial"):
        from firmware.modem import dial

        return await dial.multiplex(mux, link.device, link.uart, link.timing)


async def recover(link, failure):
    """Say why, take the link down, wait, take the next measure."""
    link.why = link.last_why = failure.why()
    rung = ladder.failed(link.ladder, failure) if not failure.blocked else None
    times = link.timing
    wait = times["blocked"]
    if rung is not None:
        wait = ladder.backoff_ms(link.ladder, times["backoff_min"], times["backoff_max"])
    link.last_measure = "wait" if rung is None else MEASURES[rung]
    diag.warn("modem", "%s; %s in %d ms", failure, link.last_measure, wait)
    link.enter("blocked" if rung is None else "recovering")
    try:
        await take_down(link)
    except ModemError as error:
        diag.info("modem", "hanging up: %s", error)
    await sleep_ms(wait)  # the modem may be talked to meanwhile
    if rung is not None:
        try:
            await _measure(link, rung)
        except ModemError as error:
            diag.info("modem", "%s: %s", link.last_measure, error)


async def take_down(link):
    """Hang up and close the multiplexer; the UART takes commands again, or so one hopes."""
    session, link.session = link.session, None
    if session:
        await session.close(link.timing["close"])
    mux, link.mux = link.mux, None
    if mux:
        await mux.close(link.timing["mux"])
    link.channel.attach(link.uart)


async def _measure(link, rung):
    if rung in (REGISTER, RADIO):
        if rung == RADIO:
            link.device.configured = False
        await _radio(link.device, rung)
    elif rung == REBOOT and link.reboot and not link.store.get(RESTARTED):
        # Once: a modem that is broken must not restart the board for ever.
        await silence(link.store)
        link.store.set(RESTARTED, [link.last_reason, list(link.ladder.counts)])
        link.reboot("modem: " + link.last_reason)
    elif rung >= RESET:
        await _restart(link.device, rung)


async def _radio(device, rung):
    with overlay.use("register"):
        from firmware.modem import register

        await (register.register_again(device) if rung == REGISTER else register.radio_cycle(device))


async def _restart(device, rung):
    with overlay.use("wake"):
        from firmware.modem import wake

        await (wake.power_cycle(device) if rung >= POWER else wake.restart(device))
