"""What all boards share: wiring from a table, the console at the REPL, LED codes, the choice of
the way out.

A board's own module is a class with tables of pins; `board.json` on the flash may overrule them
without any programming (docs/boards.md), for a meter wired elsewhere or an RS-485 driver:

    {"ports": [{"uart": 2, "tx": 22, "rx": 21, "de": 19, "invert": false}], "modem": {"power_key":
    4}}
"""

import time

import machine

from firmware import diag
from firmware.boards.parts import ReplUart, Rtc
from firmware.clock import clock
from firmware.core import overlay
from firmware.port import const, ticks_ms
from firmware.serialport import SerialPort

_FLASH_MS = const(150)
_PAUSE = const(14)


class Board:
    """Base of all real boards. Tables, to be filled by the board's module:

    `wiring`: one dict per meter port: `uart`, `tx`, `rx`, and if there is one `de` (RS-485 driver
    enable, high while sending) and `invert` (True for an optical head whose light is upside down).
    `modem`: dict or None: `uart`, `tx`, `rx`, `baud`, `power_key`, `reset` (pins that press the
    key when high, or low with `power_key_low`, `reset_low`), `high` (pins that must be high for
    the modem to work), `dcd`. `led`: pin or None, `led_low` when it lights at low.
    """

    name = "?"
    root = ""
    rtc_source = clock.UNKNOWN
    window_ms = 2000  # time to press Ctrl-C before the watchdog runs (firmware/update/safestart.py)
    wiring = ()
    modem = None
    ethernet = None
    modem_native = False  # PPP takes nothing but a UART (firmware/modem/ppp.py)
    led_pin = None
    led_low = False
    _cause = ""

    def __init__(self):
        self._overrule()
        self.ports = len(self.wiring)
        self.rtc = Rtc()
        self._code = 0
        self._led, self._lit = None, False
        if self.led_pin is not None:
            self._led = self._pin("led", self.led_pin, self.led_low)
        # From the start, not when the modem is needed: a floating enable pin lets it boot by
        # chance.
        for pin in (self.modem or {}).get("high", ()):
            self._pin("modem high", pin, True)
        # A driver that can't be switched costs its port only: uart() says so.
        self._directions = [self._direction(index, port) for index, port in enumerate(self.wiring)]

    def _overrule(self):
        """Lay board.json over the tables."""
        with overlay.use("start"):
            from firmware.boards import wiring

            wiring.overrule(self)

    @staticmethod
    def _output(pin, low):
        return machine.Pin(pin, machine.Pin.OUT, value=1 if low else 0)

    def _pin(self, what, pin, high):
        """An output, or None where the chip does not have it: the rest of the board works all the same."""
        try:
            return self._output(pin, high)
        except (ValueError, TypeError, OSError) as error:
            diag.error("board", "%s: pin %s can't be used: %s", what, pin, error)
            return None

    def _direction(self, index, port):
        pin = port.get("de")
        if pin is None:
            return None
        # Listening from the start: a driver left on would hold the bus for everybody.
        enable = self._pin("port %d: de" % (index + 1), pin, False)
        return enable and (lambda sending: enable.value(1 if sending else 0))

    # --- identity and life

    def ident(self):
        import binascii

        return binascii.hexlify(machine.unique_id()).decode()[-15:]

    def reset_cause(self):
        """Text: what the chip knows, why it was after a restart of ours, and what ran last, where that is known.

        The same however often it is asked.
        """
        if self._cause:
            return self._cause
        cause = machine.reset_cause()
        text = "reset cause %s" % cause
        for name, words in self.causes:
            if getattr(machine, name, None) == cause:
                text = words
                break
        with overlay.use("guard"):
            from firmware.update import slots

            reason, last = slots.read_text(self.root + "/reason").strip(), diag.before
            if reason:
                slots.remove(self.root + "/reason")
                text = "%s (%s)" % (text, reason)
        if last:
            text = "%s (last ran: %s)" % (text, last)
        self._cause = text
        return text

    def reset(self, reason):
        """Restart; the reason is told at the next start."""
        try:
            with overlay.attempt:
                print("restart: " + reason)
                with open(self.root + "/reason", "w") as file:
                    file.write(reason[:120])
        except OSError:
            pass  # neither a full flash nor a full heap may keep a device from restarting
        time.sleep(0.2)  # the last words leave the console
        machine.reset()

    # --- LED

    def led(self, code):
        self._code = code

    def blink(self):
        """One step of the LED's pattern; feed() calls it."""
        if self._led:
            phase = ticks_ms() // _FLASH_MS % (2 * self._code + _PAUSE)
            lit = phase < 2 * self._code and not phase & 1
            if lit != self._lit:
                self._lit = lit
                self._led.value(lit != self.led_low)

    # --- serial lines

    def uart(self, index, baud=9600, bits=8, parity=None, stop=1, flow=False, rs485=False):
        """Meter port `index` (from 0) as a SerialPort. `flow`: RTS and CTS, where they are wired.

        ValueError: the chip does not have these pins, this UART or this format, or something else uses them.
        """
        with overlay.use("start"):
            from firmware.boards import wiring

            return wiring.uart(self, index, baud, bits, parity, stop, flow, rs485)

    def console(self):
        return SerialPort(ReplUart(), 115200)

    # --- the way out

    def link(self, config):
        """The link that the settings and the board allow; NoLink with the reason where there is none."""
        with overlay.use("start"):
            from firmware.boards import wiring

            return wiring.link(self, config)
