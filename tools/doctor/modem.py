"""`tools.doctor modem`: does the modem answer, is its SIM open, is it in the network, does it get an address?"""

import asyncio
import time

from firmware.commands.handlers.doctor_texts import closer, signal
from firmware.core.errors import ModemError
from firmware.net.modem import registration, setup
from firmware.net.modem.at import AtChannel
from firmware.net.modem.exchange import CommandError, NoAnswer, fields_of, raw
from firmware.net.modem.link import Failure
from firmware.net.modem.prepare import nothing_heard
from firmware.net.modem.profiles import detect, get
from tools.doctor.call import Call
from tools.doctor.report import Fault
from tools.doctor.words import fault

BAUDS = (115200, 9600, 57600, 38400, 19200, 230400, 460800, 921600)
_AT_MS = 400
_GUARD_S = 1.2  # silence before and after +++ (V.250)
_PIN_MS = 10000
# Numbers of +CME ERROR.
_PIN_WANTED, _PUK_WANTED = 11, 12
# Codes of firmware/core/errors.py.
_NO_CARD, _CARD_BLOCKED, _NO_PIN, _WRONG_PIN, _CARD_BROKEN, _NOT_READY, _SILENT = 201, 202, 203, 204, 207, 208, 211
_NO_NETWORK, _NO_SIGNAL, _DENIED = 221, 222, 263
_PUK_LETTER = "the PUK is on the carrier's letter"
# What to do beside what the device says: here somebody stands before the modem.
_MORE = {
    _NO_CARD: ("which way round it goes is drawn at the holder",),
    _CARD_BROKEN: ("try it in a telephone; ask for another one",),
    _NO_NETWORK: ("the first registration may take minutes: --wait 300", "a card of another carrier"),
    _NO_SIGNAL: ("does the modem have the bands of your carrier? uplink.network auto",),
    _DENIED: (
        "give the carrier the number printed on the card",
        "a card for machines may be bound to one device (IMEI) or one network",
    ),
}
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
            self._port_is_there()
            raise fault(
                silence.why(),
                "does the supply break down while it sends? A fat capacitor next to the modem",
            ) from None

    command = ask  # as an AtChannel has it: firmware/net/modem/setup.py asks with it

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
        self._port_is_there()
        raise fault(
            (_SILENT,),
            "is it switched on? Its power key has to be held for a second; a LED shows that it runs",
            "5 V logic, or another port of the modem (USB modems have several)",
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
        try:
            model = await setup.model(self, detect)
        except CommandError:
            model = ""
        model = model or "unknown model"
        self.profile = get(detect(model))
        self.report.ok("modem %s%s (profile %s)" % (model, " at %d baud" % baud if baud else "", self.profile["name"]))
        if self.args.baud and baud != self.args.baud:
            self.report.fault(
                "wrong baud rate: %d was given, the modem speaks %d" % (self.args.baud, baud),
                "SETPARAM,uplink.baud,%d" % baud,
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
            elif state in setup.PUKS:
                raise fault((_CARD_BLOCKED,), _PUK_LETTER)
            elif time.monotonic() > end:
                raise fault((_NOT_READY, state))
            await asyncio.sleep(0.5)

    async def _sim_state(self):
        """As the device asks, see firmware/net/modem/setup.py; "SIM PIN" also where a refusal says so."""
        try:
            state = await setup.state(self)
        except Failure as failure:
            why = failure.why()
            raise fault(why, *_MORE.get(why[0], ())) from None
        return "SIM PIN" if isinstance(state, tuple) and state[-1] == _PIN_WANTED else state

    def _port_is_there(self):
        if self.uart.lost:
            raise Fault("the port went away: %s" % self.uart.lost)

    async def _enter_pin(self):
        if not self.pin:
            raise fault(
                (_NO_PIN,),
                "give it here, too: --pin-file FILE or LECTOR_SIM_PIN",
                "or switch the PIN off with a telephone",
            )
        left, _ = await setup.pin_tries(self)
        if left.isdigit() and int(left) < _SPARE_TRIES:
            raise Fault(
                "the SIM has one try of its PIN left: it is not taken",
                "enter the PIN with a telephone; that gives three tries again",
            )
        pin, self.pin = self.pin, ""  # never a second time
        self.report.doing("the PIN, once")
        try:
            await self.ask('AT+CPIN="%s"' % pin, _PIN_MS, 1)
        except CommandError as error:
            if error.number == _PUK_WANTED:
                raise fault((_CARD_BLOCKED,), _PUK_LETTER) from None
            raise fault(
                (_WRONG_PIN,),
                "look it up on the carrier's letter; three wrong ones in a row block the card",
                "correct it before the device is switched on",
            ) from None

    # --- the network

    async def signal(self):
        await self._measure()
        # Right after the start nothing has been measured yet; the registration tells whether there is a network.
        tell = self.report.note if self.cell.signal is None else self.report.ok
        tell("signal: %s" % signal_words(self.cell.signal))

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
                self.report.ok("%s%s, %s" % (words, ": " + name if name else "", signal_words(self.cell.signal)))
                return
            if words != told:
                told = words
                self.report.doing("registration: %s" % words)
            if time.monotonic() > end:
                raise await self._not_registered(words)
            await asyncio.sleep(_LOOK_S)

    async def _not_registered(self, words):
        await self._measure()
        why = closer((_NO_NETWORK, registration.why(self.cell)), self.cell.signal)
        seen = "not within %d s (%s; signal: %s)" % (self.args.wait, words, signal_words(self.cell.signal))
        return fault(why, *_MORE[why[0]], seen="" if why[0] == _DENIED else seen)

    async def attach(self):
        for line in await self.quietly("AT+CGATT?", 10000):
            if line.startswith("+CGATT:"):
                if fields_of(line)[0] == "1":
                    self.report.ok("attached: the network carries data")
                    return
                raise Fault(
                    "not attached: the network does not carry data for this card",
                    "ask the carrier whether data is booked for it; check uplink.apn",
                )
        self.report.note("the modem does not tell whether it is attached")


def signal_words(dbm):
    """How good a signal of so many dBm is, None: nothing was measured."""
    return "none, or not known" if dbm is None else signal(dbm)
