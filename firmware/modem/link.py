"""ModemLink: the way out over the modem. What stays in memory of it; the rest of firmware/modem/ serves it.

`run()` brings the link up, watches it and, when it fails, takes the ladder's measures, for ever. Everybody else asks
`is_up()`, waits with `up()`, tells of trouble with `suspect()`, and talks to the modem with `command()`.
"""

import asyncio

from firmware import diag
from firmware.core import overlay
from firmware.core.errors import ModemError
from firmware.diag import Marked
from firmware.port import sleep_ms, ticks_add, ticks_diff, ticks_ms

# Code of an error (core/errors.py).
_DENIED = const(263)
# Into the UART in one turn: what comes in 200 ms at 115200 baud, 640 bytes at a time.
_LOOKS = const(4)
# The last of the ladder's measures (describe.py), a restart of the board.
_REBOOT = const(5)


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
    session = None  # the call, ppp.Session
    mux = None  # cmux.Mux while it is open
    sms = None  # see sms.py
    aside = False  # data mode was left for a command
    configured = False  # bringup.py is done and the modem has not restarted since
    connects = 0
    reboot = dcd = on_time = execute = tell = power_key = reset = dtr = set_baud = None

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
            from firmware.modem import describe

            return describe.status(self)

    async def command(self, line, deadline_ms=10000):
        """Hand an AT line to the modem; the lines of its answer, the final one included.

        While online it goes over a CMUX channel, or, without CMUX, data mode is left for it (some seconds without
        data). Raises NoAnswer when the modem is busy with something else or silent.
        """
        with overlay.use("aside"):
            from firmware.modem import aside

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
        with overlay.use("steps"):
            from firmware.modem import steps

            await (steps.bring_up(self) if up else steps.recover(self, failure))

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

    def heard(self, line):
        """The modem says of its own account that a message has come, or how it is registered."""
        if line.startswith("+CMTI"):
            if self.sms:
                self.sms.arrived = True
            return
        with overlay.use("register"):
            from firmware.modem import network

            network.heard(self.cell, line)

    def enter(self, state):
        self.state = state
        diag.info("modem", "%s", state)


async def _marked(make, name):
    while True:
        with overlay.attempt:
            await Marked(make(), name)
            return
        await sleep_ms(1000)  # the heap was full for a moment: without this task no byte moves any more
