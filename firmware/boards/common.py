"""What all boards share: wiring from a table, the console at the REPL, LED codes, the choice of
the way out.

A board's own module is a class with tables of pins; `board.json` on the flash may overrule them
without any programming (docs/boards.md), for a meter wired elsewhere or an RS-485 driver:

    {"ports": [{"uart": 2, "tx": 22, "rx": 21, "de": 19, "invert": false}], "modem": {"power_key":
    4}}
"""

import gc
import json
import time

import machine

from firmware import diag, lastrun
from firmware.boards.parts import ReplUart, Rtc, Sockets
from firmware.clock import clock
from firmware.port import const, ticks_ms, unload
from firmware.serialport import SerialPort
from firmware.update import slots

# Codes of errors (core/errors.py).
_NO_NETWORK = const(251)
_NO_PPP = const(252)
_NO_MODEM = const(253)
_WRONG_WIRING = const(254)
_NO_WIFI = const(255)
_NO_ETHERNET = const(256)
_NOTHING = const(257)

_FLASH_MS = const(150)
_PAUSE = const(14)

# The longest frame has 261 bytes, an AT line 256: a whole one must fit, or rp2 writes only part of
# it. At each init() rp2 takes new buffers, of 256 bytes where it is not told (ports/rp2/machine_uart.c).
_METER = {"rxbuf": 1024, "txbuf": 512}
# What the other end may send at once (lwIP's TCP_WND, 6,400 bytes) comes while a flash commit holds up the loop, half
# a second; and without the multiplexer lwIP wants room for all that it sends at once (firmware/modem/cmux.py).
_MODEM_BUFFER = const(8192)
_MUX_BUFFER = const(1024)


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
        try:
            with open(self.root + "/board.json" if self.root else "board.json") as file:
                table = json.load(file)
        except OSError:
            return
        except ValueError as error:
            diag.error("board", "board.json is not JSON (%s): ignored", error)
            return
        if not isinstance(table, dict):
            diag.error("board", "board.json is no {...}: ignored")
            return
        ports = table.get("ports", self.wiring)
        if isinstance(ports, (list, tuple)) and all(isinstance(port, dict) for port in ports):
            self.wiring = ports
        else:
            diag.error("board", 'board.json: "ports" is no list of {...}: ignored')
        modem = table.get("modem", {})
        if modem is None or isinstance(modem, dict):
            self.modem = None if not modem and "modem" in table else dict(self.modem or {}, **modem) or None
        else:
            diag.error("board", 'board.json: "modem" is no {...}: ignored')
        self.ethernet = table.get("ethernet")
        self.led_pin = table.get("led", self.led_pin)

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
        reason, last = slots.read_text(self.root + "/reason").strip(), lastrun.before
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
            print("restart: " + reason)
            slots.write_text(self.root + "/reason", reason[:120])
        except (OSError, MemoryError):
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
        pins = self.wiring[index]
        if pins.get("de") is not None and not self._directions[index]:
            raise ValueError("pin %s can't be used" % pins["de"])
        more = {}
        if flow and "rts" in pins and "cts" in pins:
            kind = machine.UART
            more = {"rts": machine.Pin(pins["rts"]), "cts": machine.Pin(pins["cts"]), "flow": kind.RTS | kind.CTS}
        elif flow:
            diag.error("board", "port %d has no RTS and CTS: no flow control", index + 1)
        if rs485 and not self._directions[index]:
            diag.warn("board", "port %d: no direction pin; its RS-485 driver has to switch by itself", index + 1)
        if pins.get("invert"):
            more["invert"] = machine.UART.INV_TX | machine.UART.INV_RX
        uart = self._open(pins, baud, bits, parity, stop, **_METER, **more)
        return SerialPort(uart, baud, bits, parity, stop, self._directions[index], _METER)

    def _open(self, pins, baud, bits, parity, stop, **more):
        """A machine.UART. ValueError says which wiring is no good, whatever the chip raised."""
        try:
            return machine.UART(
                pins["uart"],
                baudrate=baud,
                bits=bits,
                parity=parity,
                stop=stop,
                tx=machine.Pin(pins["tx"]),
                rx=machine.Pin(pins["rx"]),
                timeout=0,
                **more,
            )
        except KeyError as error:
            raise ValueError("the wiring has no %s" % error) from None
        except (ValueError, TypeError, OSError) as error:
            wiring = tuple(pins.get(name) for name in ("uart", "tx", "rx"))
            raise ValueError("UART %s, tx %s, rx %s: %s" % (wiring + (error,))) from None

    def console(self):
        return SerialPort(ReplUart(), 115200)

    # --- the way out

    def link(self, config):
        """The link that the settings and the board allow; NoLink with the reason where there is
        none."""
        from firmware.boards import netlink

        kind = config.get("uplink.type")
        if kind == "auto":
            kind = "modem" if self.modem and not config.get("uplink.ssid") else "wifi"
        try:
            import network
        except ImportError:
            return netlink.NoLink(_NO_NETWORK, self.firmware)
        import socket

        if kind == "modem":
            try:
                return self._modem_link(config, network, socket) or netlink.NoLink(*self.no_ppp())
            except (ValueError, TypeError) as error:
                return netlink.NoLink(_WRONG_WIRING, str(error))
        if kind == "wifi":
            if not hasattr(network, "WLAN"):
                return netlink.NoLink(_NO_WIFI, self.name)
            ssid = config.get("uplink.ssid")
            return netlink.WifiLink(network, socket, ssid, config.get("uplink.key"))
        if kind == "ethernet":
            return self._ethernet_link(network, socket, netlink)
        return netlink.NoLink(_NOTHING, kind, self.name)

    def no_ppp(self):
        """Why there is no link over a modem (core/errors.py)."""
        return (_NO_PPP, self.firmware) if self.modem else (_NO_MODEM, self.name)

    def _modem_link(self, config, network, socket):
        modem = self.modem
        if not modem or not hasattr(network, "PPP"):
            return None
        from firmware.boards.modem_settings import modem_settings

        baud = modem.get("baud") or int(config.get("uplink.baud"))
        settings = modem_settings(config, baud)
        # The tables of the settings and the modem's code together are more than there is room for.
        unload("firmware.boards.modem_settings")
        config.release()
        from firmware.boards.filestore import FileStore
        from firmware.modem.link import ModemLink

        # The multiplexer has a buffer of its own for what PPP sends, and gives the UART what it takes.
        multiplexed = settings["cmux"] and not self.modem_native
        keep = dict(self.modem_uart, rxbuf=_MODEM_BUFFER, txbuf=_MUX_BUFFER if multiplexed else _MODEM_BUFFER)
        uart = self._open(modem, baud, 8, None, 1, **keep)

        def set_baud(baud):
            # The large buffers go before new ones are taken: beside them there may be no room.
            uart.init(baudrate=baud)
            gc.collect()
            uart.init(baudrate=baud, **keep)

        def unmultiplexed(baud):
            keep["txbuf"] = _MODEM_BUFFER
            set_baud(baud)

        dcd = modem.get("dcd")
        carrier = machine.Pin(dcd, machine.Pin.IN) if dcd is not None else None
        link = ModemLink(
            uart,
            network.PPP,
            settings,
            socket,
            FileStore(self.root + "/modem.json"),
            self.reset,
            power_key=self._key("power_key"),
            reset=self._key("reset"),
            # The line is low while there is a carrier (V.24 at logic level).
            dcd=(lambda: not carrier.value()) if carrier else None,
            set_baud=set_baud,
            unmultiplexed=unmultiplexed,
            native=self.modem_native,
        )
        link.socket = Sockets(link, socket, self.meanwhile)
        return link

    def _key(self, name):
        """A function that presses one of the modem's keys, or None where it is not wired."""
        pin = self.modem.get(name)
        if pin is None:
            return None
        low = bool(self.modem.get(name + "_low"))
        key = self._pin(name, pin, low)
        return key and (lambda pressed: key.value(1 if bool(pressed) != low else 0))

    ethernet = None

    def _ethernet_link(self, network, socket, netlink):
        if not self.ethernet or not hasattr(network, "LAN"):
            return netlink.NoLink(_NO_ETHERNET)
        return netlink.EthLink(network, socket, self.ethernet)
