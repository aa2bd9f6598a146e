"""`tools.doctor modem`: does the modem answer, is its SIM open, is it in the network, does it get an address?"""

import asyncio
import time

from firmware.core.errors import ModemError
from firmware.net.modem import registration
from firmware.net.modem.at import AtChannel
from firmware.net.modem.exchange import CommandError, NoAnswer, raw
from firmware.net.modem.prepare import nothing_heard
from firmware.net.modem.profiles import detect, get
from tools.doctor.call import Call
from tools.doctor.report import Fault
from tools.doctor.words import fault
from tools.doctor.words import of as meaning

BAUDS = (115200, 9600, 57600, 38400, 19200, 230400, 460800, 921600)
_AT_MS = 400
_DENIED = 3  # <stat> of +CREG (TS 27.007 7.2)
_GUARD_S = 1.2  # silence before and after +++ (V.250)
_PIN_MS = 10000
_NO_SIM, _SIM_PIN, _SIM_PUK = 10, 11, 12
_SIM_BROKEN = (13, 15)
_PUKS = ("SIM PUK", "SIM PUK2", "PH-SIM PUK", "PH-NET PUK")
# Codes of firmware/core/errors.py.
_NO_CARD, _CARD_BLOCKED, _WRONG_PIN, _CARD_BROKEN = 201, 202, 204, 207
_SIM_S = 15
_LOOK_S = 1.0
# Tries of the PIN that must be left: the last one is not for us.
_SPARE_TRIES = 2


class ModemDoctor:
    """`uart` is a HostUart; `pin` and `password` texts, "" for none."""

    def __init__(self, uart, args, pin, password, report):
        self.uart, self.args, self.pin, self.password = uart, args, pin, password
        self.report = report
        self.channel = AtChannel(uart)
        self.cell = nothing_heard()
        self.profile = get("generic")

    async def run(self):
        steps = [
            ("modem", self.find),
            ("SIM", self.sim),
            ("signal", self.signal),
            ("registration", self.register),
            ("attach", self.attach),
        ]
        call = None
        if not self.args.no_dial:
            call = Call(self)
            steps.append(("data connection", call.dial))
        await self.report.steps(steps)
        if call:
            await call.hang_up()

    async def ask(self, line, ms=5000, tries=2):
        """The lines of the answer; Fault when the modem has fallen silent, CommandError when it refuses."""
        try:
            return await self.channel.command(line, ms, tries)
        except NoAnswer as silence:
            if self.uart.lost:
                raise Fault("the port went away: %s" % self.uart.lost) from None
            raise Fault(
                "the modem stopped answering (%s)" % silence,
                "a supply that breaks down while it sends: 2 A peaks; a fat capacitor next to the modem",
            ) from None

    async def quietly(self, line, ms=5000):
        try:
            return await self.ask(line, ms)
        except CommandError:
            return []

    # --- the modem itself

    async def find(self):
        bauds = [self.args.baud] if self.args.baud else []
        if not self.uart.fixed:
            bauds += [baud for baud in BAUDS if baud not in bauds]
        for hang in (False, True):
            if hang:
                await self.escape(bauds[0] if bauds else None)
            for baud in bauds[:2] if hang else bauds or [None]:
                if await self.at(baud):
                    await self._found(baud)
                    return
        if self.uart.lost:
            raise Fault("the port went away: %s" % self.uart.lost)
        raise Fault(
            "the modem does not answer to AT",
            "is it switched on? Its power key has to be held for a second; a LED shows that it runs",
            "RX and TX exchanged, or 5 V logic; another port of the modem (USB modems have several)",
            "its supply: most need 3.8 V and 2 A for a moment",
        )

    async def at(self, baud):
        if baud:
            self.report.doing("AT at %d baud" % baud)
            self.uart.init(baudrate=baud)
        try:
            await self.channel.command("AT", _AT_MS, tries=2)
        except CommandError:
            return True  # it refuses, so it is there
        except NoAnswer:
            return False
        return True

    async def escape(self, baud):
        """A modem in data mode hears no AT: +++ with silence around it (V.250)."""
        self.report.doing("it may be in data mode: +++")
        if baud:
            self.uart.init(baudrate=baud)
        await asyncio.sleep(_GUARD_S)
        try:
            await raw(self.channel, b"+++")
        except (ModemError, OSError):
            return
        await asyncio.sleep(_GUARD_S)

    async def _found(self, baud):
        await self.quietly("ATE0")
        await self.quietly("AT+CMEE=1")
        words = [line for line in await self.quietly("AT+CGMM") if line.strip()]
        model = words[-1].rpartition(":")[2].strip().strip('"') if words else "unknown model"
        self.profile = get(detect(model))
        self.report.ok(
            "modem %s%s (profile %s)"
            % (model, " at %d baud" % baud if baud else "", self.profile["name"])
        )
        if self.args.baud and baud != self.args.baud:
            self.report.fault(
                "wrong baud rate: %d was given, the modem speaks %d" % (self.args.baud, baud),
                "set uplink.baud to %d" % baud,
            )
        await self.quietly("AT+CFUN=1", 15000)

    # --- the card

    async def sim(self):
        end = time.monotonic() + _SIM_S
        while True:
            state = await self._sim_state()
            if state == "READY":
                self.report.ok("the SIM is ready")
                return
            if state == "SIM PIN":
                await self._enter_pin()
            elif state in _PUKS:
                raise fault((_CARD_BLOCKED,), "the PUK is on the carrier's letter")
            elif time.monotonic() > end:
                raise Fault(
                    "the SIM is not ready: %s" % state, "take it out, clean it, try another one"
                )
            await asyncio.sleep(0.5)

    async def _sim_state(self):
        try:
            lines = await self.ask("AT+CPIN?")
        except CommandError as error:
            if error.number == _NO_SIM:
                raise fault((_NO_CARD,), "which way round it goes is drawn at the holder") from None
            if error.number in _SIM_BROKEN:
                raise fault((_CARD_BROKEN,), "try it in a telephone; ask for another one") from None
            return {_SIM_PIN: "SIM PIN", _SIM_PUK: "SIM PUK"}.get(error.number, str(error))
        for line in lines:
            if line.startswith("+CPIN:"):
                return line[6:].strip()
        return "no answer"

    async def _enter_pin(self):
        if not self.pin:
            raise Fault(
                "the SIM wants a PIN and none was given",
                "give it with --pin-file FILE or LECTOR_SIM_PIN, and set uplink.pin in the device",
                "or switch the PIN off with a telephone",
            )
        left = await self._tries_left()
        if left is not None and left < _SPARE_TRIES:
            raise Fault(
                "the SIM has one try of its PIN left: it is not taken",
                "enter the PIN with a telephone; that gives three tries again",
            )
        pin, self.pin = self.pin, ""  # never a second time
        self.report.doing("the PIN, once")
        try:
            await self.ask('AT+CPIN="%s"' % pin, _PIN_MS, 1)
        except CommandError as error:
            if error.number == _SIM_PUK:
                raise fault((_CARD_BLOCKED,), "the PUK is on the carrier's letter") from None
            found, todo = meaning((_WRONG_PIN,))
            raise Fault(
                found,
                todo,
                "look it up on the carrier's letter; three wrong ones in a row block the card",
                "correct uplink.pin before the device is switched on: it tries each PIN once only",
            ) from None

    async def _tries_left(self):
        for line in await self.quietly("AT+CPINR"):
            if line.startswith("+CPINR: SIM PIN,"):
                left = line[16:].partition(",")[0].strip()
                return int(left) if left.isdigit() else None
        return None

    # --- the network

    async def signal(self):
        await self._measure()
        words = signal_words(self.cell.signal)
        # Right after the start nothing has been measured yet; the registration tells whether there is a network.
        self.report.ok("signal: %s" % words) if self.cell.signal is not None else self.report.note(
            "signal: %s" % words
        )

    async def _measure(self):
        try:
            await registration.measure(self.cell, self.channel, 5000)
        except ModemError:
            return

    async def register(self):
        end = time.monotonic() + self.args.wait
        told = None
        while True:
            if not await registration.look(self.cell, self.channel, self.profile["reg"]):
                await self.ask("AT")
            words = registration.words(self.cell) or "no answer"
            if registration.registered(self.cell):
                await self._measure()
                name = " ".join(w for w in (self.cell.operator, registration.technology(self.cell)) if w)
                self.report.ok(
                    "%s%s, %s"
                    % (words, ": " + name if name else "", signal_words(self.cell.signal))
                )
                return
            if words != told:
                told = words
                self.report.doing("registration: %s" % words)
            if time.monotonic() > end:
                raise await self._not_registered(words)
            await asyncio.sleep(_LOOK_S)

    async def _not_registered(self, words):
        if self.cell.stat == _DENIED:
            return Fault(
                "registration denied by the network (%s)" % words,
                "is the card activated and paid? Ask the carrier with the number printed on it",
                "a card for machines may be bound to one device (IMEI) or one network: ask the carrier",
            )
        await self._measure()
        if self.cell.signal is None:
            return Fault(
                "no signal: the modem finds no network (%s)" % words,
                "is the antenna screwed on, to the connector MAIN? Out of the cabinet, and try again",
                "does the modem have the bands of your carrier? uplink.network auto",
            )
        return Fault(
            "no network within %d s (%s; signal: %s)"
            % (self.args.wait, words, signal_words(self.cell.signal)),
            "the first registration may take minutes: --wait 300",
            "uplink.network to auto; a card of another carrier",
        )

    async def attach(self):
        for line in await self.quietly("AT+CGATT?", 10000):
            if line.startswith("+CGATT:"):
                if line[7:].strip() == "1":
                    self.report.ok("attached: the network carries data")
                    return
                raise Fault(
                    "not attached: the network does not carry data for this card",
                    "ask the carrier whether data is booked for it; check uplink.apn",
                )
        self.report.note("the modem does not tell whether it is attached")


def signal_words(dbm):
    """How good a signal of so many dBm (AT+CSQ) is."""
    if dbm is None:
        return "none, or not known"
    for least, word in ((-75, "very good"), (-85, "good"), (-95, "fair"), (-105, "weak")):
        if dbm >= least:
            return "%s (%d dBm)" % (word, dbm)
    return "very weak (%d dBm)" % dbm
