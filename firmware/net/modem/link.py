"""ModemLink: the way out over the modem, and the call under way. The rest of firmware/net/modem/ serves it, and goes.

`run()` brings the link up, watches it and, when it fails, takes the ladder's measures, for ever. Everybody else asks
`is_up()`, waits with `up()`, tells of trouble with `suspect()`, and talks to the modem with `command()`.
"""

import asyncio

from firmware.core import log, overlay
from firmware.core.compat import monotonic_s, sleep_ms, ticks_add, ticks_diff, ticks_ms
from firmware.core.errors import ModemError
from firmware.core.log import Marked

# Codes of errors (core/errors.py).
_HOST_SILENT = const(218)
_ENDED = const(226)
_NOT_LET_IN = const(227)
_CLOSED = const(230)
_MUX_CLOSED = const(231)
_CARRIER_OFF = const(233)
_LOST = const(234)
_DENIED = const(263)
# Into the UART in one turn: what comes in 200 ms at 115200 baud, 640 bytes at a time.
_LOOKS = const(4)
# Turns of the line are shorter while something has come within so long.
_LIVELY_MS = const(150)
_LIVELY_TURN_MS = const(5)
# Unsolicited lines about the network are kept, at most.
_SAID = const(4)
# Of the ladder's measures (describe.py).
_POWER = const(4)
_REBOOT = const(5)
_CONNECTED = const(4)
# Of PPPERR in lwIP's netif/ppp/ppp.h; status() gives it negative.
_PPPERR_AUTHFAIL = const(-7)
_NO_CARRIER = const(b"\nNO CARRIER\r")
# Times `stable`: longer than the uplink waits between two tries. A complaint is forgotten then.
_FORGOTTEN = const(10)
# Each a network.PPP whose control block has not come back in time: lwIP has its address, the collector must not.
unended = []


class Failure(ModemError):
    """The link cannot be brought up or was lost. The reason is a code or the `why` of what was behind it.

    `floor`: the mildest measure (describe.py) that can help. `ceiling`: the roughest that makes sense (restarting the
    board does not help against a refused SIM). `blocked`: nothing helps but a person; wait and look again.
    """

    def __init__(self, reason, floor=0, ceiling=_REBOOT, blocked=False):
        super().__init__(*(reason if isinstance(reason, tuple) else (reason,)))
        self.floor = floor
        self.ceiling = ceiling
        self.blocked = blocked


class Facts:
    """What is known of something: attributes, given by the module that is loaded for it and lets itself go."""


class ModemLink:
    """The Link contract (docs/architecture.md) over a modem; prepare.link() makes one, and says what it has."""

    state = "off"
    why = last_why = None  # it is not up, or was not (core/errors.py)
    session = None  # the call, a Session
    mux = None  # cmux.Mux while it is open
    sms = None  # see sms.py
    aside = False  # data mode was left for a command
    configured = False  # bringup.py is done and the modem has not restarted since
    connects = 0
    said = []  # unsolicited lines about the network that nobody has looked at yet
    reboot = dcd = on_time = execute = tell = known_as = power_key = reset = dtr = set_baud = None

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
        if self.session:
            self.session.suspicions += 1

    def trouble(self):
        """Why it is not up (core/errors.py), as far as that is known; else None."""
        return self.why or ((_DENIED,) if self.cell.stat == 3 else None)

    def status(self):
        """What GETSTATUS and the online topic tell; uptime in s, signal in dBm."""
        with overlay.use("describe"):
            from firmware.net.modem import describe

            return describe.status(self)

    async def command(self, line, deadline_ms=10000):
        """Hand an AT line to the modem; the lines of its answer, the final one included.

        While online it goes over a CMUX channel, or, without CMUX, data mode is left for it (some seconds without
        data). Raises NoAnswer when the modem is busy with something else or silent.
        """
        with overlay.use("aside"):
            from firmware.net.modem import aside

            return await aside.command(self, line, deadline_ms)

    # the watchman --------------------------------------------------------------------------------

    async def run(self):
        """Keep the link up; never returns."""
        pump = asyncio.create_task(_marked(self._pump, "pump"))
        try:
            failure = None  # at first: what a run() that was cancelled has left
            while True:
                await self._steps(False, failure)
                failure = MemoryError()
                try:
                    with overlay.attempt:
                        await self._steps(True)
                        await self.session.watch(self)
                except (ModemError, OSError) as error:
                    failure = error
        finally:
            pump.cancel()

    async def _steps(self, up, failure=None):
        """The way up, or the way out of trouble; in a frame of its own, which would else keep that code while the link
        stands.
        """
        await overlay.room("steps")
        with overlay.use("steps"):
            from firmware.net.modem import bringup

            await (bringup.bring_up(self) if up else bringup.recover(self, failure))

    def poll(self):
        """Move the bytes there are: the multiplexer's, PPP's, and lines, which have room for one such piece only."""
        for _ in range(_LOOKS):
            more = self.mux and self.mux.poll()
            if self.session:
                self.session.poll()
            self.channel.poll()
            if not more:
                break

    async def _pump(self):
        """Move bytes every turn, and take unsolicited lines."""
        while True:
            try:
                self.poll()
            except Exception as error:  # whatever it is: without this task no byte moves any more
                log.warn("modem", "line: %s %s", type(error).__name__, error)
                await sleep_ms(1000)
            # An answer, which something behind it may wait for, is fetched and given without much of a wait.
            lively = self.session and self.session.silent_ms() < _LIVELY_MS
            await sleep_ms(_LIVELY_TURN_MS if lively else self.timing["turn"])

    def heard(self, line):
        """The modem says of its own account that a message has come, or how it is registered; network.py knows what
        that means, and is not loaded here: the bytes of a call would wait for it.
        """
        if line.startswith("+CMTI"):
            if self.sms:
                self.sms.arrived = True
        else:
            self.said = self.said[1 - _SAID :] + [line]

    def enter(self, state):
        self.state = state
        log.info("modem", "%s", state)


async def _marked(make, name):
    while True:
        with overlay.attempt:
            await Marked(make(), name)
            return
        await sleep_ms(1000)  # the heap was full for a moment: without this task no byte moves any more


def why_no_ppp(status):
    """The `why` of core/errors.py for a status of network.PPP that is no connection; None for one that is."""
    if status == _CONNECTED:
        return None
    return (_NOT_LET_IN,) if status == _PPPERR_AUTHFAIL else (_ENDED, status) if status < 0 else (_CLOSED,)


class Session:
    """A call from CONNECT to its end. `line`: a machine.UART, or a Channel, which notices NO CARRIER.

    `native`: lwIP has a task of its own, in which any Python crashes the chip (ports/esp32; issue 16701 of
    MicroPython). `ppp` is the network.PPP, `rx` counts bytes, `last_rx` are ticks. `suspicions`: complaints of those
    who use the link; `broken`: why the call has to be ended, said by somebody else.
    """

    def __init__(self, line, native=False):
        self.line = line
        self.native = native
        self.ppp = None
        self.since = monotonic_s()  # ticks would wrap within days
        self.ip = ""
        self.rx = 0
        self.last_rx = ticks_ms()
        self.suspicions = 0
        self.broken = None
        self.off_since = None  # DCD
        self.seen = 0  # what of rx was there when a complaint was looked into
        self.probe = None  # see dial.py

    def poll(self):
        ppp = self.ppp
        count = ppp.poll() if ppp and self.line.any() else 0
        if count > 0:
            self.rx += count
            self.last_rx = ticks_ms()

    def silent_ms(self):
        return ticks_diff(ticks_ms(), self.last_rx)

    def no_carrier(self, quiet_ms):
        """Whether the modem has said so: its last words, or lines behind them, and silence since."""
        ends_with = getattr(self.line, "ends_with", None)
        return bool(ends_with) and ends_with(_NO_CARRIER) and self.silent_ms() >= quiet_ms

    def lost(self, quiet_ms):
        """Why the link is gone (core/errors.py) as far as can be seen from here, or None."""
        return why_no_ppp(self.ppp.status()) or ((_LOST,) if self.no_carrier(quiet_ms) else None)

    async def watch(self, link):
        """Serve the link until it is lost; always ends with a Failure that says why."""
        timing = link.timing
        self.suspicions = heard = 0  # `heard` were looked into, the last one at `heard_at`
        start = looked = asked = heard_at = ticks_ms()
        calm, probe, mux = False, self.probe, link.mux
        while True:
            now = ticks_ms()
            self._check(link, now)
            if not calm and ticks_diff(now, start) >= timing["stable"]:
                calm = True
                link.ladder.rung = link.ladder.tried = link.ladder.failures = 0
            look = ask = complaint = message = False
            if mux:
                look = ticks_diff(now, looked) >= timing["watch"] and not overlay.crowded()
                message = link.sms and (link.sms.arrived and not overlay.crowded() or monotonic_s() >= link.sms.due)
            elif (self.suspicions or probe and probe.waits()) and not link.aside:
                # An answer is due: NO CARRIER goes to PPP, which does not know these words.
                pause = timing["ask"]
                ask = self.silent_ms() >= pause and ticks_diff(now, asked) >= pause
            if probe:
                probe.turn(self.suspicions > 0)
                if probe.failed:
                    raise Failure(_HOST_SILENT, ceiling=_POWER)
                if probe.passed:
                    self.suspicions = 0
            elif self.suspicions != heard:
                complaint = True
                heard, heard_at = self.suspicions, now
            elif heard and ticks_diff(now, heard_at) >= _FORGOTTEN * timing["stable"]:
                self.suspicions = heard = 0
            asked = now if ask else asked
            if look or ask or complaint or message:
                await self._aside(link, look, ask, complaint, message)
                if look:
                    looked = ticks_ms()
            await sleep_ms(timing["turn"])

    def _check(self, link, now):
        """See whether the link still stands. Raises Failure."""
        if link.mux and link.mux.dead:
            raise Failure(_MUX_CLOSED)
        if self.broken:
            raise Failure(self.broken)
        if link.aside:
            return  # somebody talks to the modem in place of the network
        reason = self.lost(link.timing["no_carrier"])
        if reason:
            raise Failure(reason)
        present = link.dcd() if link.dcd else None
        if present or present is None:
            self.off_since = None
        elif self.off_since is None:
            self.off_since = now  # some modems blink it
        elif ticks_diff(now, self.off_since) >= link.timing["dcd"]:
            raise Failure(_CARRIER_OFF)

    async def _aside(self, link, *what):
        await overlay.room("aside")  # no turn: a message may be a command, which has one
        with overlay.use("aside"):
            from firmware.net.modem import aside

            await aside.turn(link, self, *what)
