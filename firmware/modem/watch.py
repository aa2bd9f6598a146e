"""Watches a link that is up: PPP's state, NO CARRIER, DCD, the multiplexer, the keep-online probe,
others' suspicions.
"""

from firmware import diag
from firmware.core import overlay
from firmware.modem.at import NoAnswer
from firmware.modem.failure import POWER, RADIO, Failure
from firmware.port import const, sleep_ms, ticks_diff, ticks_ms

# So many in a row without a probe to ask end the call: where nothing came in between, and where something did, be it
# that there is no such name. That one has nothing to do with the link, or with one way of it.
_SUSPICIONS = const(3)
_ANSWERED = const(10)
_LAST_PORT = const(65535)
# Codes of errors (core/errors.py).
_MUX_SILENT = const(217)
_HOST_SILENT = const(218)
_MUX_CLOSED = const(231)
_CARRIER_OFF = const(233)
_NO_CARRIER = const(234)
_NO_TRAFFIC = const(235)
_FORGOTTEN = const(10)  # times `stable`: longer than the uplink waits between two tries


class Watch:
    def __init__(self, link):
        self._link = link
        self.suspicions = 0
        self._dcd_off = None
        self._heard = 0  # complaints that were looked into
        self._heard_at = 0
        self._asked_at = 0
        self._rx = 0
        self.broken = None  # why the call has to be ended, said by somebody else

    async def online(self):
        """Serve the link until it is lost; always ends with a Failure that says why."""
        link, timing = self._link, self._link.timing
        self.suspicions = 0
        self._dcd_off = None
        self._heard = 0
        self.broken = None
        start = last_watch = last_time = self._asked_at = ticks_ms()
        probe = self._probe()
        calm = False
        while True:
            now = ticks_ms()
            self._check()
            if not calm and ticks_diff(now, start) >= timing["stable"]:
                calm = True
                link.ladder.calm()
            if link.mux and ticks_diff(now, last_watch) >= timing["watch"] and not link.crowded():
                await self._measure()
                last_watch = ticks_ms()
                if link.on_time and ticks_diff(now, last_time) >= timing["time"]:
                    last_time = now
                    await self._time()
            if not link.mux and (self.suspicions or (probe and probe.waits())):
                await self._ask()
            if probe:
                probe.turn(self.suspicions > 0)
                if probe.failed:
                    raise Failure(_HOST_SILENT, ceiling=POWER)
                if probe.passed:
                    self.suspicions = 0
            elif self.suspicions:
                await self._suspected()
            if link.sms and link.sms.arrived and link.mux and not link.crowded():
                await link.sms.collect()
            if link.sms and link.mux and link.sms.report and link.sms.report.due():
                await link.sms.report.turn()
            await sleep_ms(timing["turn"])

    def _check(self):
        """See whether the link still stands. Raises Failure."""
        link = self._link
        if link.mux and link.mux.dead:
            raise Failure(_MUX_CLOSED)
        if self.broken:
            raise Failure(self.broken)
        if link.aside:
            return  # somebody talks to the modem in place of the network
        reason = link.session.lost(link.timing["no_carrier"])
        if reason:
            raise Failure(reason)
        if link.dcd:
            self._carrier(link.dcd())

    def _carrier(self, present):
        """The DCD wire, off for a while (some modems blink it)."""
        now = ticks_ms()
        if present or present is None:
            self._dcd_off = None
        elif self._dcd_off is None:
            self._dcd_off = now
        elif ticks_diff(now, self._dcd_off) >= self._link.timing["dcd"]:
            raise Failure(_CARRIER_OFF)

    async def _ask(self):
        """An answer is due and nothing comes: without CMUX NO CARRIER goes to PPP, which does not know these words."""
        link, now = self._link, ticks_ms()
        pause = link.timing["ask"]
        if link.aside or link.session.silent_ms() < pause or ticks_diff(now, self._asked_at) < pause:
            return
        self._asked_at, link.aside = now, True
        try:
            if await _call_is_over(link):
                raise Failure(_NO_CARRIER)
        finally:
            link.aside = False

    async def _measure(self):
        """Signal and operator over the second channel; no answer means the modem forgot the
        multiplexer.
        """
        link = self._link
        try:
            with overlay.use("ask"):  # once for all three questions
                await link.cell.measure(link.channel, link.timing["watch_answer"])
        except NoAnswer:
            raise Failure(_MUX_SILENT) from None

    async def _time(self):
        with overlay.use("register"):
            from firmware.modem import register

            utc = await register.network_time(self._link.channel)
        if utc:
            self._link.on_time(utc)

    async def _suspected(self):
        """No host to ask: a silent line or several complaints in a row settle it.

        It may be the others' fault, a server that is down: nothing rougher than the radio is tried
        for that.
        """
        link, now = self._link, ticks_ms()
        if self.suspicions == self._heard:
            if ticks_diff(now, self._heard_at) >= _FORGOTTEN * link.timing["stable"]:
                self.suspicions = self._heard = 0
            return
        self._heard, self._heard_at = self.suspicions, now
        answered = link.session.rx != self._rx
        self._rx = link.session.rx
        silent = link.session.silent_ms() >= link.timing["quiet"]
        if silent or self.suspicions >= (_ANSWERED if answered else _SUSPICIONS):
            raise Failure(_NO_TRAFFIC, ceiling=RADIO)
        if link.mux:
            await self._measure()

    def _probe(self):
        host = self._link.settings.get("keep_online_host")
        period = self._link.settings.get("keep_online_period") or 0
        if not host or not period:
            return None
        port = host.partition(":")[2]
        if port.strip("0123456789") or int(port or 0) > _LAST_PORT:
            diag.error("modem", "uplink.ping_host %s is no host and no host:port; nobody is asked", host)
            return None
        with overlay.part:
            from firmware.modem.probe import Probe

        return Probe(self._link.socket, host, period * 1000, self._link.timing["probe"])


async def _call_is_over(link):
    with overlay.use("aside"):
        from firmware.modem import aside

        return await aside.call_is_over(link)
