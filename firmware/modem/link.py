"""ModemLink: the way out over the modem, and its watchman. The rest of firmware/modem/ serves it.

`run()` brings the link up, watches it and, when it fails, takes the ladder's measures, for ever.
Everybody else asks `is_up()`, waits with `up()`, tells of trouble with `suspect()`, and talks to
the modem with `command()`.
"""

import asyncio

from firmware import diag
from firmware.core import errors, overlay
from firmware.diag import Marked
from firmware.modem.at import AtChannel, CommandError, ModemError, NoAnswer
from firmware.modem.cell import Cell
from firmware.modem.device import Device
from firmware.modem.failure import MEASURES, Failure, Failures
from firmware.modem.watch import Watch
from firmware.port import const, sleep_ms, ticks_add, ticks_diff, ticks_ms

# Codes of errors (core/errors.py).
_DIALLING = const(216)
_CLOSED = const(236)
_OTHER = const(237)
_DENIED = const(263)
# Into the UART in one turn: what comes in 200 ms at 115200 baud, 640 bytes at a time.
_LOOKS = const(4)

# In the store: the board was restarted for the modem's sake and the link has not been up since; [reason, counters].
RESTARTED = "modem_restarted_board"


class Store(dict):
    """Stands in for the persistent store where none is handed in: forgets at power-off."""

    gate = None

    def set(self, key, value):
        self[key] = value


class ModemLink:
    """The Link contract (docs/architecture.md) over a modem.

    `uart`: a UART-like object that never waits (timeout 0, rxbuf 8192, txbuf 8192 where PPP writes to it itself).
    `ppp_factory(line)` makes a network.PPP; `native`: it takes nothing but the UART, so there is no
    CMUX. `settings`: a dict with apn, user, password, auth (pap, chap, none), pin,
    network (auto, 4g, 3g, 2g, nbiot, catm), model (auto or a profile), baud, cmux, keep_online_host,
    keep_online_period (s), sms (a dict, see sms.py), timing (overrides of timing.TABLE). Functions or
    None: `power_key(pressed)`, `reset(pressed)`, `dtr(on)`, `dcd() -> carrier`, `set_baud(baud)`,
    `reboot(reason)`, `unmultiplexed(baud)` (this modem has no CMUX: the UART takes what PPP sends), `on_time(utc)`,
    `on_sms(number, text)`, `tell() -> (UTC or 0, words about the device)`, `crowded() -> whether somebody else needs
    what is free of the heap`. `store` has `get(key)` and `set(key, value)` and outlives a restart; its `gate`, where
    it has one, is waited for before set(). `sockets` is the module to use while the link is up.
    """

    def __init__(self, uart, ppp_factory, settings, sockets, store=None, reboot=None, **wires):
        with overlay.use("steps"):
            from firmware.modem import timing

            self.timing = dict(timing.TABLE)
        self.timing.update(settings.get("timing") or {})
        self.settings = settings
        self.native = wires.get("native", False)
        self.socket = sockets
        self.uart = uart
        self.ppp_factory = ppp_factory
        self.dcd = wires.get("dcd")
        self.on_time = wires.get("on_time")
        self.on_sms = wires.get("on_sms")
        self.execute = wires.get("execute")
        self.tell = wires.get("tell")
        self.crowded = wires.get("crowded") or _never
        self.reboot = reboot
        self.store = store if store is not None else Store()
        self.channel = AtChannel(uart)
        self.cell = Cell()
        for command in ("+CREG", "+CGREG", "+CEREG"):
            self.channel.on(command, self.cell.heard)
        self.channel.on("+CMTI", self._message_came)
        self.device = Device(
            uart,
            self.channel,
            _profile(settings),
            settings.get("baud") or 115200,
            wires.get("set_baud") or _set_baud(uart),
            wires.get("power_key"),
            wires.get("reset"),
            wires.get("dtr"),
            self.timing,
        )
        self.ladder = Failures()
        self.state = "off"
        self.facts = {"model": "", "imei": "", "iccid": "", "imsi": ""}
        self.why = None  # it is not up (core/errors.py)
        self.last_why = None
        self._restarted_for, counts = self.store.get(RESTARTED) or ("", ())
        self.last_measure = MEASURES[-1] if counts else ""
        self.ladder.counts[: len(counts)] = counts
        self.connects = 0
        self.session = None
        # Its buffers are taken now, while the heap is in one piece, and kept.
        self.multiplexer = None
        if settings.get("cmux") and not self.native:
            with overlay.part:
                from firmware.modem.cmux import Mux

            self.multiplexer = Mux(uart)
        self.unmultiplexed = wires.get("unmultiplexed")
        self.mux = None  # the same while it is open
        self.sms = None
        self.watch = Watch(self)
        self.aside = False  # data mode was left for a command

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
        self.watch.suspicions += 1

    @property
    def last_reason(self):
        """What was wrong last in words, be it before the board was restarted for it."""
        return errors.text(self.last_why) or self._restarted_for

    def trouble(self):
        """Why it is not up (core/errors.py), as far as that is known; else None."""
        return self.why or ((_DENIED,) if self.cell.stat == 3 else None)

    def status(self):
        """What GETSTATUS and the online topic tell; uptime in s, signal in dBm."""
        with overlay.use("describe"):
            from firmware.modem import describe

            return describe.status(self)

    async def command(self, line, deadline_ms=10000):
        """Hand an AT line to the modem; the lines of its answer, the final one included.

        While online it goes over a CMUX channel, or, without CMUX, data mode is left for it (some
        seconds without data). Raises NoAnswer when the modem is busy with something else or
        silent.
        """
        if self.aside or (self.channel.stream is None and not self.is_up()):
            raise NoAnswer(_DIALLING)
        if self.mux is not None or not self.is_up():
            return await plain(self.channel, line, deadline_ms)
        self.aside = True
        try:
            with overlay.use("aside"):
                from firmware.modem import aside

                return await aside.command(self, line, deadline_ms)
        except ModemError as error:
            self.watch.broken = error.why()  # nobody knows in which mode the line is now
            raise
        finally:
            self.aside = False

    # the watchman --------------------------------------------------------------------------------

    def _message_came(self, line):
        """The modem says +CMTI."""
        if self.sms:
            self.sms.arrived = True

    async def run(self):
        """Keep the link up; never returns."""
        pump = asyncio.create_task(_marked(self._pump, "pump"))
        try:
            await self._take_down()  # what a run() that was cancelled has left
            await self._keep_up()
        finally:
            pump.cancel()

    def poll(self):
        """Move the bytes there are: the multiplexer's and PPP's."""
        for _ in range(_LOOKS):
            more = self.mux and self.mux.poll()
            if self.session:
                self.session.poll()
            if not more:
                break

    async def _pump(self):
        """Move bytes every turn, and take unsolicited lines."""
        while True:
            try:
                self.poll()
                self.channel.poll()
            except Exception as error:  # whatever it is: without this task no byte moves any more
                diag.warn("modem", "line: %s %s", type(error).__name__, error)
                await sleep_ms(1000)
            await sleep_ms(self.timing["turn"])

    async def _keep_up(self):
        while True:
            try:
                failure = Failure((_OTHER, "MemoryError", ""))
                with overlay.attempt:
                    await self._bring_up()
                    await self.watch.online()
                    failure = Failure(_CLOSED)
            except Failure as error:
                failure = error
            except ModemError as error:
                failure = Failure(error.why())
            except OSError as error:
                failure = Failure((_OTHER, type(error).__name__, str(error)))
            await self._recover(failure)

    # Each in a frame of its own, which would else keep that code while the link stands.

    async def _take_down(self):
        with overlay.use("steps"):
            from firmware.modem import steps

            await steps.take_down(self)

    async def _bring_up(self):
        with overlay.use("steps"):
            from firmware.modem import steps

            await steps.bring_up(self)

    async def _recover(self, failure):
        with overlay.use("steps"):
            from firmware.modem import steps

            await steps.recover(self, failure)

    def enter(self, state):
        self.state = state
        diag.info("modem", "%s", state)


async def plain(channel, line, deadline_ms):
    """An AT line as a person types it: the answer's lines with the final one, errors in words."""
    try:
        lines = await channel.command(line, deadline_ms)
    except CommandError as error:
        return ["ERROR" if error.number is None else str(error)]
    return lines + ["OK"]


async def _marked(make, name):
    while True:
        with overlay.attempt:
            await Marked(make(), name)
            return
        await sleep_ms(1000)  # the heap was full for a moment: without this task no byte moves any more


def _never():
    return False


def _profile(settings):
    with overlay.use("profiles"):
        from firmware.modem import profiles

        return profiles.get(settings.get("model") or "generic")


def _set_baud(uart):
    init = getattr(uart, "init", None)
    return (lambda baud: init(baudrate=baud)) if init else None
