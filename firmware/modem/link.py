"""ModemLink: the way out over the modem, and its watchman. The rest of firmware/modem/ serves it.

`run()` brings the link up, watches it and, when it fails, takes the ladder's measures, for ever.
Everybody else asks `is_up()`, waits with `up()`, tells of trouble with `suspect()`, and talks to
the modem with `command()`.
"""

import asyncio
import gc

from firmware import diag
from firmware.modem import bringup, ladder, timing
from firmware.modem.at import AtChannel, CommandError, ModemError, NoAnswer
from firmware.modem.device import Device
from firmware.modem.ladder import Failure, Ladder
from firmware.modem.network import Cell
from firmware.modem.watch import Watch
from firmware.port import sleep_ms, ticks_add, ticks_diff, ticks_ms


class Store(dict):
    """Stands in for the persistent store where none is handed in: forgets at power-off."""

    def set(self, key, value):
        self[key] = value


class ModemLink:
    """The Link contract (docs/architecture.md) over a modem.

    `uart`: a UART-like object that never waits (rxbuf and txbuf 8192, timeout 0).
    `ppp_factory(stream)` makes a network.PPP. `settings`: a dict with apn, user, password, auth
    (pap, chap, none), pin, network (auto, 4g, 3g, 2g, nbiot, catm), model (auto or a profile),
    baud, cmux, keep_online_host, keep_online_period (s), sms (a dict, see sms.py), timing
    (overrides of timing.TABLE). Functions or None: `power_key(pressed)`, `reset(pressed)`, `dcd()
    -> carrier`, `set_baud(baud)`, `reboot(reason)`, `on_time(utc)`, `on_sms(number, text)`.
    `store` has `get(key)` and `set(key, value)` and outlives a restart. `sockets` is the module to
    use while the link is up.
    """

    def __init__(self, uart, ppp_factory, settings, sockets, store=None, reboot=None, **wires):
        self.timing = dict(timing.TABLE)
        self.timing.update(settings.get("timing") or {})
        self.settings = settings
        self.socket = sockets
        self.uart = uart
        self.ppp_factory = ppp_factory
        self.dcd = wires.get("dcd")
        self.on_time = wires.get("on_time")
        self.on_sms = wires.get("on_sms")
        self.execute = wires.get("execute")
        self._reboot = reboot
        self._store = store if store is not None else Store()
        self.channel = AtChannel(uart)
        self.cell = Cell()
        self.device = Device(
            uart,
            self.channel,
            _profile(settings),
            settings.get("baud") or 115200,
            wires.get("set_baud") or _set_baud(uart),
            wires.get("power_key"),
            wires.get("reset"),
            self.timing,
        )
        self.ladder = Ladder(self.timing["backoff_min"], self.timing["backoff_max"])
        self.state = "off"
        self.facts = {"model": "", "imei": "", "iccid": "", "imsi": ""}
        self.problem = ""
        self.last_reason = ""
        self.last_measure = ""
        self.connects = 0
        self.session = None
        self.mux = None
        self.sms = None
        self._watch = Watch(self)
        self.aside = False  # data mode was left for a command
        self._busy = False

    # what others call ----------------------------------------------------------------------------

    def is_up(self):
        return self.state == "online"

    async def up(self, deadline_ms):
        """Wait for the link, at most `deadline_ms`; whether it is up."""
        end = ticks_add(ticks_ms(), deadline_ms)
        while not self.is_up() and ticks_diff(end, ticks_ms()) > 0:
            await sleep_ms(50)
        return self.is_up()

    def suspect(self):
        """A user of the link lost its peer: have a look whether the link is to blame."""
        self._watch.suspicions += 1

    def status(self):
        """What GETSTATUS and the online topic tell; uptime in s, signal in dBm."""
        session = self.session
        status = {
            "uplink": "modem",
            "up": self.is_up(),
            "state": self.state,
            "ip": session.ip if session else "",
            "uptime": ticks_diff(ticks_ms(), session.since) // 1000 if self.is_up() else 0,
            "cmux": self.mux is not None,
            "profile": self.device.profile["name"],
            "problem": self.problem,
            "connects": self.connects,
            "last_reason": self.last_reason,
            "last_measure": self.last_measure,
        }
        status.update(self.facts)
        self.cell.describe(status)
        status["measures"] = dict(zip(ladder.MEASURES, self.ladder.counts))
        return status

    async def command(self, line, deadline_ms=10000):
        """Hand an AT line to the modem; the lines of its answer, the final one included.

        While online it goes over a CMUX channel, or, without CMUX, data mode is left for it (some
        seconds without data). Raises NoAnswer when the modem is busy with something else or
        silent.
        """
        if self._busy:
            raise NoAnswer("the modem is being set up")
        self._busy = True
        try:
            if self.is_up() and self.mux is None:
                from firmware.modem import aside

                self.aside = True
                try:
                    return await aside.command(self, line, deadline_ms)
                finally:
                    self.aside = False
            return await plain(self.channel, line, deadline_ms)
        finally:
            self._busy = False

    # the watchman --------------------------------------------------------------------------------

    async def run(self):
        """Keep the link up; never returns."""
        pump = asyncio.create_task(self._pump())
        try:
            await self._keep_up()
        finally:
            pump.cancel()

    async def _pump(self):
        """Move bytes every turn: the multiplexer's, PPP's, and unsolicited lines."""
        while True:
            try:
                if self.mux:
                    self.mux.poll()
                if self.session:
                    self.session.poll()
                self.channel.poll()
            except OSError as error:
                diag.warn("modem", "line: %s", error)
                await sleep_ms(1000)
            await sleep_ms(self.timing["turn"])

    async def _keep_up(self):
        while True:
            try:
                await self._bring_up()
                await self._watch.online()
                failure = Failure("the link was closed")
            except Failure as error:
                failure = error
            except ModemError as error:
                failure = Failure(str(error))
            await self._recover(failure)

    def _enter(self, state):
        self.state = state
        diag.info("modem", "%s", state)

    async def _bring_up(self):
        self._enter("starting")
        self._busy = True
        device = self.device
        await device.wake()
        await bringup.setup(device, self.settings, self.facts, self._store, self.timing)
        self._listen()
        self._enter("registering")
        await bringup.register(device, self.cell, self.timing, self.on_time)
        await self._messages()
        line = await self._multiplex()
        self._enter("dialling")
        from firmware.modem import dial

        await dial.call(self, line)
        self._busy = False
        self.connects += 1
        self.problem = ""
        gc.collect()
        self._enter("online")

    def _listen(self):
        """Handlers for what the modem says unasked; once for each channel."""
        if not getattr(self.channel, "listening", False):
            self.channel.listening = True
            for command in ("+CREG", "+CGREG", "+CEREG"):
                self.channel.on(command, self.cell.heard)
            self.channel.on("+CMTI", self._message_came)

    def _message_came(self, line):
        if self.sms:
            self.sms.arrived = True

    async def _messages(self):
        """Messages that came while we were away, if SMS is on at all."""
        setting = self.settings.get("sms") or {}
        if not (setting.get("enabled") or self.on_sms):
            return
        if self.sms is None:
            from firmware.modem.sms import Sms

            self.sms = Sms(self, setting)
        await self.sms.prepare()
        await self.sms.collect()

    async def _multiplex(self):
        """The stream to dial on: a CMUX channel where that works, else the UART."""
        self.mux = None
        if not self.settings.get("cmux"):
            return self.uart
        from firmware.modem import cmux

        self.mux = await cmux.start(self.device, self.uart, self.timing)
        if self.mux is None:
            return self.uart
        self.channel.attach(self.mux.channel(2))
        return self.mux.channel(1)

    async def _recover(self, failure):
        """Say why, take the link down, wait, take the next measure."""
        self._busy = True
        self.problem = self.last_reason = str(failure)
        rung = self.ladder.failed(failure) if not failure.blocked else None
        wait = self.timing["blocked"] if rung is None else self.ladder.backoff_ms()
        self.last_measure = "wait" if rung is None else ladder.MEASURES[rung]
        diag.warn("modem", "%s; %s in %d ms", failure, self.last_measure, wait)
        self._enter("blocked" if rung is None else "recovering")
        try:
            await self._take_down()
        except ModemError as error:
            diag.info("modem", "hanging up: %s", error)
        self._busy = False
        await sleep_ms(wait)  # the modem may be talked to meanwhile
        self._busy = True
        if rung is not None:
            try:
                await self._measure(rung)
            except ModemError as error:
                diag.info("modem", "%s: %s", self.last_measure, error)

    async def _take_down(self):
        session, self.session = self.session, None
        if session:
            await session.close(self.timing["close"])
        mux, self.mux = self.mux, None
        if mux:
            await mux.close(self.timing["mux"])
        self.channel.attach(self.uart)

    async def _measure(self, rung):
        if rung == ladder.REGISTER:
            await bringup.register_again(self.device)
        elif rung == ladder.RADIO:
            self.device.configured = False
            await bringup.radio_cycle(self.device)
        elif rung == ladder.RESET:
            await self.device.restart()
        elif rung == ladder.POWER or (rung == ladder.REBOOT and not self._reboot):
            await self.device.power_cycle()
        elif rung == ladder.REBOOT:
            self._reboot("modem: " + self.last_reason)


async def plain(channel, line, deadline_ms):
    """An AT line as a person types it: the answer's lines with the final one, errors in words."""
    try:
        lines = await channel.command(line, deadline_ms)
    except CommandError as error:
        return ["ERROR" if error.code is None else str(error)]
    return lines + ["OK"]


def _profile(settings):
    from firmware.modem import profiles

    profile = profiles.get(settings.get("model") or "generic")
    profiles.forget()
    return profile


def _set_baud(uart):
    init = getattr(uart, "init", None)
    return (lambda baud: init(baudrate=baud)) if init else None
