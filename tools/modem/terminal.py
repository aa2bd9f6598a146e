"""The places to type AT commands at, and the SIM card behind them."""

import random

from tools.modem import alphabets, commands, network_commands, pdu, table, unasked  # noqa: F401  some fill the table
from tools.modem.peer import Peer

_GUARD_S = 1.0  # silence before and after +++ (V.250), times the modem's `scale`


class Sim:
    """The card: PIN with three tries, PUK afterwards."""

    def __init__(self, pin="", faults=()):
        self.pin = pin
        self.tries = 3
        self.pin_attempts = 0
        self.opened_at = None
        self.locked = bool(pin)
        self._faults = faults
        self.imsi = "214070000000001"
        self.iccid = "8934071100000000001"
        self.inbox = {}  # index -> [state, number, stamp, text, header]; number None: the text is a PDU
        self.messages = 0
        self.sent = []

    def state(self, now=None):
        """What it says; at `now`, with `pin-again` of the modem between."""
        again = self._faults.get("pin-again", 0) if self._faults else 0
        if self.opened_at is not None and again and (again == 1 or now is not None and now - self.opened_at < again):
            return "SIM PIN"
        if self.tries == 0 or "puk" in self._faults:
            return "SIM PUK"
        return "SIM PIN" if self.locked else "READY"

    def unlock(self, pin, now=None):
        self.pin_attempts += 1
        if pin == self.pin:
            self.locked, self.tries = False, 3
            self.opened_at = now if self.opened_at is None else self.opened_at
            return True
        self.tries = max(0, self.tries - 1)
        return False


class Terminal:
    """One place to type AT commands at: the UART itself or a CMUX channel. In data mode its bytes
    are PPP.
    """

    def __init__(self, modem, write, name):
        self.modem = modem
        self._write = write
        self.name = name
        self.echo = True
        self.line = bytearray()
        self.data = False
        self.peer = None
        self.text_for = None  # AT+CMGS is waiting for the text: the number, or in PDU mode the length
        self.verbose_errors = 0
        self._last = modem.now()
        self._plus_at = None
        self._pluses = 4  # since the last silence; more than three stand for anything else
        self._later = []

    def write(self, data):
        """Bytes towards the host, as they are."""
        self._write(bytes(data))

    def say(self, text):
        self.write(b"\r\n" + text.encode("latin-1", "replace") + b"\r\n")

    def answer(self, text):
        """An answer to a command; the faults `noise` and `slow` touch these."""
        faults = self.modem.faults
        if "noise" in faults:
            self.write(random.randbytes(int(faults["noise"])))
        wait = float(faults.get("slow", 0))
        if "late" in faults and not self.modem.random.randrange(8):
            wait += float(faults["late"])
        if wait or "late" in faults and self._later:
            # In order: what is late holds up what comes behind it.
            self._later.append((max([self.modem.now() + wait, *(due for due, _ in self._later)]), text))
        else:
            self.say(text)

    def receive(self, data):
        now = self.modem.now()
        quiet, self._last = now - self._last, now
        if self.data:
            self._data(data, quiet)
        else:
            self._command(data)

    def _data(self, data, quiet):
        self._plus_at = None
        if quiet >= _GUARD_S * self.modem.scale:
            self._pluses = 0
        # A line brings them in pieces.
        self._pluses = 4 if data.strip(b"+") else self._pluses + len(data)
        if self._pluses == 3:
            self._plus_at = self.modem.now()
            return
        if self.peer and "swallow" not in self.modem.faults:
            self.peer.receive(data)

    def _command(self, data):
        for byte in data:
            if self.text_for is not None:
                self._text(byte)
                continue
            if self.echo and not self.data:
                if not self.line:
                    unasked.say(self, "before-echo")
                self.write(bytes((byte,)))
            if byte == 13:
                line, self.line = bytes(self.line), bytearray()
                table.execute(self, line)
            elif byte == 8:
                del self.line[-1:]
            elif byte != 10:
                self.line.append(byte)
                del self.line[:-600]

    def _text(self, byte):
        if byte == 27:
            self.text_for = None
            self.line.clear()
            self.answer("OK")
        elif byte == 26:
            number, self.text_for = self.text_for, None
            text, self.line = alphabets.typed(self.modem, bytes(self.line)), bytearray()
            if isinstance(number, int):
                length = number
                try:
                    number, text, there = pdu.submitted(text)
                except ValueError:
                    there = None
                if there != length:
                    self.answer("+CMS ERROR: 304")  # invalid PDU mode parameter
                    return
            self.modem.sim.sent.append((number, text))
            self.modem.log("SMS to", number, repr(text))
            self.answer("+CMGS: %d" % len(self.modem.sim.sent))
            self.answer("OK")
        else:
            self.line.append(byte)

    def connect(self, text="CONNECT 115200"):
        """Go into data mode with a fresh PPP peer."""
        self.say(text)
        unasked.say(self, "connected")
        self.data = True
        self.modem.connected_at = self.modem.now()
        self.peer = Peer(self._downlink, self.modem.peer_options(), self.modem.now, self.modem.log)
        self.peer.on_closed = lambda: self.hang_up("NO CARRIER")

    def resume(self):
        self.data = True
        self.say("CONNECT 115200")

    def _downlink(self, data):
        if self.data and "swallow" not in self.modem.faults:
            self.write(data)

    def hang_up(self, say=None):
        """End the call; the terminal takes commands again."""
        peer, self.peer, self.data = self.peer, None, False
        self.line.clear()
        if peer:
            peer.close()
        if say:
            self.say(say)

    def tick(self):
        now = self.modem.now()
        while self._later and self._later[0][0] <= now:
            self.say(self._later.pop(0)[1])
        if self._plus_at is not None and now - self._plus_at >= _GUARD_S * self.modem.scale:
            self._plus_at = None
            if self.modem.faults.get("stuck") != "hard":
                self.data = False
                self.say("OK")
        if self.peer:
            self.peer.tick()
