"""`machine`, `network`, `esp32` and `rp2` for CPython, with the manners of the chips.

What a chip refuses these refuse: pins that cannot be outputs, a UART on pins of another UART, a
pin used twice, buffers out of range. `Chip("esp32")` or `Chip("rp2")`; `install(monkeypatch)` puts
it in place.
"""

import sys
import time as real_time
from types import ModuleType, SimpleNamespace

# RP2040 data sheet, section 1.4.3: which pins a UART may send and receive on.
RP2_TX = {0: {0, 12, 16, 28}, 1: {4, 8, 20, 24}}
RP2_RX = {0: {1, 13, 17, 29}, 1: {5, 9, 21, 25}}


class Chip:
    def __init__(self, family, *, s3=False, psram=True, ppp=True, wifi=True, network=True, lan=False):
        self.family = family
        self.s3 = s3
        self.psram = psram
        self.pins = {}  # number -> Pin, last made
        self.uarts = {}
        self.watchdogs = []
        self.timers = []
        self.resets = 0
        self.cause = 1
        self.i2c = []
        self.rtc_set = None
        self.wlan = None
        self.lans = []
        self.ppps = []
        self.machine = self._machine()
        self.network = self._network(ppp, wifi, lan) if network else None

    def install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "machine", self.machine)
        # None makes an import fail, as a build without the module does.
        monkeypatch.setitem(sys.modules, "network", self.network)
        if self.network is None:
            monkeypatch.setitem(sys.modules, "socket", None)
        monkeypatch.setitem(sys.modules, self.family, ModuleType(self.family))
        from firmware import boards

        for name in [n for n in sys.modules if n.startswith("firmware.boards.")]:
            monkeypatch.delitem(sys.modules, name)
            monkeypatch.delattr(boards, name.split(".")[2], raising=False)
        return self

    def value(self, number):
        """Level of an output."""
        return self.pins[number].level

    def check_pin(self, number, output):
        if self.family == "rp2":
            good = number == "LED" or (isinstance(number, int) and 0 <= number <= 29)
        elif self.s3:
            good = 0 <= number <= 48 and not 22 <= number <= 25
        else:
            good = 0 <= number <= 39 and number not in (20, 24, 28, 29, 30, 31)
        if not good:
            raise ValueError("invalid pin")
        if self.family == "esp32":
            flash = range(26, 33) if self.s3 else range(6, 12)
            if number in flash or (not self.s3 and self.psram and number in (16, 17)):
                raise AssertionError("pin %s belongs to flash or PSRAM" % number)
            if output and not self.s3 and number >= 34:
                raise ValueError("pin can only be input")

    def _machine(self):  # noqa: C901  the classes of one module
        chip = self
        module = ModuleType("machine")

        class Pin:
            IN, OUT = 0, 1

            def __init__(self, number, mode=-1, *, value=None):
                chip.check_pin(number, mode == self.OUT)
                self.number = number
                self.mode = mode
                self.level = value
                self.levels = [value]
                if mode == self.OUT:
                    old = chip.pins.get(number)
                    assert old is None or old.mode != self.OUT, "pin %s driven twice" % number
                chip.pins[number] = self

            def value(self, level=None):
                if level is None:
                    return self.level or 0
                assert self.mode == self.OUT, "pin %s is no output" % self.number
                self.level = 1 if level else 0
                self.levels.append(self.level)
                return None

        class Signal:
            def __init__(self, pin, invert=False):
                self.pin, self.invert = pin, invert

            def value(self, level=None):
                return self.pin.value(None if level is None else bool(level) != self.invert)

        class UART:
            INV_TX, INV_RX = (4, 8) if chip.family == "esp32" else (1, 2)

            def __init__(self, number, baudrate=115200, bits=8, parity=None, stop=1, **options):
                limit = 3 if chip.family == "esp32" else 2
                if not 0 <= number < limit:
                    raise ValueError("UART(%d) does not exist" % number)
                if chip.family == "esp32" and number == 0:
                    raise OSError("REPL UART buffer size is fixed")
                self.tx, self.rx = options.pop("tx").number, options.pop("rx").number
                chip.check_pin(self.tx, True)
                if chip.family == "rp2":
                    if self.tx not in RP2_TX[number]:
                        raise ValueError("bad TX pin")
                    if self.rx not in RP2_RX[number]:
                        raise ValueError("bad RX pin")
                    for name in ("rxbuf", "txbuf"):
                        assert 32 <= options.get(name, 256) <= 32766
                taken = {pin for u in chip.uarts.values() for pin in (u.tx, u.rx)}
                assert not taken & {self.tx, self.rx}, "pins used by two UARTs"
                assert number not in chip.uarts, "UART %d opened twice" % number
                known = {"rxbuf", "txbuf", "timeout", "timeout_char", "invert", "flow"}
                assert set(options) <= known, options
                self.number, self.options = number, options
                self.baudrate, self.bits, self.parity, self.stop = baudrate, bits, parity, stop
                self.received, self.sent = bytearray(), bytearray()
                self.every_byte = False  # esp32: an interrupt for each, for ever
                self._time()
                chip.uarts[number] = self

            def init(self, baudrate=None, bits=None, parity=None, stop=None, **options):
                self.baudrate = baudrate or self.baudrate
                if chip.family == "rp2":
                    # ports/rp2/machine_uart.c: new ones each time, of a size of their own where none is said.
                    self.options.update(rxbuf=256, txbuf=256)
                self.options.update(options)
                self._time()

            def _time(self):
                """What a character lasts, in whole ms; nothing makes it less again by itself."""
                if chip.family == "rp2":
                    least = 13000 // self.baudrate + 1
                    self.options["timeout_char"] = max(self.options.get("timeout_char", 0), least)
                elif self.options.get("timeout_char", 0) // (12000 // self.baudrate + 1) < 1:
                    self.every_byte = True

            def any(self):
                return len(self.received)

            def readinto(self, buf, count=-1):
                n = len(buf) if count < 0 else count
                assert n <= len(self.received), "rp2: waits a millisecond for what has not come"
                buf[:n] = self.received[:n]
                del self.received[:n]
                return n or None

            def write(self, buf):
                self.sent += buf
                return len(buf)

            def txdone(self):
                return True

            def irq(self, *_):
                pass

        class WDT:
            def __init__(self, timeout=5000):
                if chip.family == "rp2":
                    assert timeout <= 8388, "rp2: 8388 ms at most"
                    assert not chip.watchdogs, "rp2: the watchdog cannot be changed"
                self.timeout, self.feeds = timeout, 0
                chip.watchdogs.append(self)

            def feed(self):
                self.feeds += 1

        class Timer:
            PERIODIC = 1

            def __init__(self, number, *, period, mode, callback, hard=False):
                assert number == -1 and chip.family == "rp2"
                self.period, self.callback, self.hard = period, callback, hard
                chip.timers.append(self)

            def deinit(self):
                chip.timers.remove(self)

        class RTC:
            def datetime(self, value=None):
                chip.rtc_set = value

        class I2C:
            def __init__(self, number, *, sda, scl, freq):
                self.registers = {}
                chip.i2c.append(self)

            def readfrom_mem(self, address, register, count):
                return bytes([self.registers.get((address, register), 0x80)])

            def writeto_mem(self, address, register, data):
                self.registers[address, register] = data[0]

        def reset():
            chip.resets += 1

        module.Pin, module.Signal, module.UART, module.WDT, module.Timer = Pin, Signal, UART, WDT, Timer
        module.RTC, module.I2C, module.reset = RTC, I2C, reset
        module.PWRON_RESET, module.WDT_RESET = 1, 3
        if chip.family == "esp32":
            module.HARD_RESET, module.DEEPSLEEP_RESET, module.SOFT_RESET = 2, 4, 5
        module.reset_cause = lambda: chip.cause
        module.unique_id = lambda: bytes(range(1, 7 if chip.family == "esp32" else 9))
        return module

    def _network(self, ppp, wifi, lan):  # noqa: C901  the same
        chip = self
        module = ModuleType("network")
        module.STA_IF = 0
        module.STAT_WRONG_PASSWORD, module.STAT_NO_AP_FOUND = -3, -2

        class Wlan:
            PM_NONE = 0

            def __init__(self, interface):
                self.on, self.connected, self.calls, self.code = False, False, [], 0
                chip.wlan = self

            def active(self, on):
                self.on = on

            def config(self, **options):
                if "reconnects" in options and chip.family == "rp2":
                    raise ValueError("unknown config param")
                self.calls.append(options)

            def connect(self, ssid, key=None):
                if not self.on:
                    raise OSError("WiFi not started")
                self.calls.append((ssid, key))

            def disconnect(self):
                self.calls.append("disconnect")
                self.connected = False

            def isconnected(self):
                return self.connected

            def status(self, name=None):
                return -61 if name == "rssi" else self.code

            def ifconfig(self):
                return ("10.0.0.7", "255.0.0.0", "10.0.0.1", "10.0.0.1")

        class Lan(Wlan):
            def __init__(self, **options):
                super().__init__(None)
                self.options = options
                chip.lans.append(self)

        class Ppp:
            def __init__(self, stream):
                chip.ppps.append(self)
                self.stream = stream

        if wifi:
            module.WLAN = Wlan
        if lan:
            module.LAN = Lan
            module.PHY_LAN8720 = 7
        if ppp:
            module.PPP = Ppp
        return module


def config(**values):
    """A stand-in for firmware.config.config.Config:
    defaults of the table, changed by `a_b=` for `a.b`.
    """
    from firmware.config.config import Config

    found = Config("/does/not/exist")
    changed = {name.replace("_", ".", 1): value for name, value in values.items()}
    get = lambda name, index=None: changed.get(name, found.get(name))  # noqa: E731
    return SimpleNamespace(get=get, release=found.release)


def gmtime_2000(monkeypatch):
    """Let `time` count from 2000, as the ESP32 port does."""
    shift = 946684800
    gmtime, now = real_time.gmtime, real_time.time
    fake = SimpleNamespace(
        gmtime=lambda s=0: (*gmtime(s + shift)[:8], 0)[:8],
        time=lambda: int(now()) - shift,
        sleep=lambda s: None,
    )
    monkeypatch.setitem(sys.modules, "time", fake)
    return shift


def board_of(name, monkeypatch, tmp_path):
    """The class of a board, with its flash in `tmp_path`; on the chip that is installed."""
    from firmware import boards

    kind = boards.board(name)
    monkeypatch.setattr(kind, "root", str(tmp_path))
    return kind
