"""The RP2040's UART: FIFOs, the time each byte takes, overrun, the interrupt of a line that fell silent.

Registers and behaviour: RP2040 data sheet 4.2 (ARM PrimeCell UART, PL011). Not modelled: DMA, modem lines, breaks, and
errors of the format: a byte at the wrong speed arrives as it was sent.
"""

from collections import deque

from rp2040py.peripherals.peripheral import BasePeripheral

# Offsets of registers.
_DR, _RSR, _FR, _IBRD, _FBRD, _LCR, _CR = 0x00, 0x04, 0x18, 0x24, 0x28, 0x2C, 0x30
_IFLS, _IMSC, _RIS, _MIS, _ICR, _DMACR = 0x34, 0x38, 0x3C, 0x40, 0x44, 0x48
# What says which peripheral it is.
_ID = {0xFE0: 0x11, 0xFE4: 0x10, 0xFE8: 0x34, 0xFEC: 0, 0xFF0: 0x0D, 0xFF4: 0xF0, 0xFF8: 0x05, 0xFFC: 0xB1}

_RX, _TX, _TIMEOUT, _OVERRUN = 1 << 4, 1 << 5, 1 << 6, 1 << 10
_ENABLED, _TX_ON, _RX_ON = 1 << 0, 1 << 8, 1 << 9
# Bytes in the FIFO at which an interrupt comes, by the three bits of IFLS.
_LEVELS = (4, 8, 16, 24, 28, 16, 16, 16)
_DEPTH = 32
# Line idle for so many bits with bytes waiting: 4.2.5.
_SILENCE_BITS = 32
# clk_peri from the PLL of USB, where it does not come from the core's: data sheet 2.15.7, CLK_PERI_CTRL.
_FROM_USB, _USB_HZ = 2, 48000000


class Uart(BasePeripheral):
    """`feed(data)`: bytes of whoever is at the other end, they come at the line's speed; `out`: what was sent to it.

    `counters`: bytes received and sent, `overrun`: lost because nobody fetched them, `refused`: came while it was off.
    """

    def __init__(self, chip, name, irq):
        super().__init__(chip, name)
        self.irq = irq
        self.out = bytearray()
        self.counters = {"received": 0, "sent": 0, "overrun": 0, "refused": 0}
        self._line = deque()
        self._rx = deque()
        self._tx = deque()
        alarm = chip.clock.create_alarm
        self._arrival = alarm(self._arrived)
        self._departure = alarm(self._departed)
        self._silence = alarm(self._silent)
        self._arriving = False
        self.reset()

    def reset(self):
        self._control = _TX_ON | _RX_ON
        self._format = self._mask = self._raw = self._whole = self._fraction = 0
        self._levels = 0x12
        self._rx.clear()
        self._tx.clear()
        self._departure.cancel()
        self._silence.cancel()
        self.rp2040.set_interrupt(self.irq, False)

    # --- the line

    @property
    def baud(self):
        """Bits a second (int), 0 before it was set."""
        divider = self._whole + self._fraction / 64
        source = self.rp2040.clocks.peri_ctrl >> 5 & 7
        clock = _USB_HZ if source == _FROM_USB else self.rp2040.clk_peri
        return round(clock / (16 * divider)) if divider else 0

    def _bit_ns(self):
        return 1e9 / (self.baud or 115200)

    def _byte_ns(self):
        data = 5 + (self._format >> 5 & 3)
        bits = 1 + data + (self._format >> 1 & 1) + (2 if self._format & 8 else 1)
        return bits * self._bit_ns()

    def _depth(self):
        return _DEPTH if self._format & 0x10 else 1

    def _level(self, shift, without):
        """Bytes at which an interrupt comes; `without`: when the FIFOs are off."""
        return _LEVELS[self._levels >> shift & 7] if self._format & 0x10 else without

    def _interrupt(self):
        self.rp2040.set_interrupt(self.irq, bool(self._raw & self._mask))

    def feed(self, data):
        self._line += data
        if self._line and not self._arriving:
            self._arriving = True
            self._arrival.schedule(self._byte_ns())

    def waiting(self):
        """Bytes that the other end has sent and the line has not carried yet."""
        return len(self._line)

    def _arrived(self):
        byte = self._line.popleft()
        if self._control & _ENABLED and self._control & _RX_ON:
            self._take(byte)
        else:
            self.counters["refused"] += 1
        self._arriving = bool(self._line)
        if self._arriving:
            self._arrival.schedule(self._byte_ns())

    def _take(self, byte):
        if len(self._rx) >= self._depth():
            self.counters["overrun"] += 1
            self._raw |= _OVERRUN
        else:
            self._rx.append(byte)
            self.counters["received"] += 1
            if len(self._rx) >= self._level(3, 1):
                self._raw |= _RX
            self._silence.schedule(_SILENCE_BITS * self._bit_ns())
        self._interrupt()

    def _silent(self):
        if self._rx:
            self._raw |= _TIMEOUT
            self._interrupt()

    def _departed(self):
        if not self._tx:
            return
        self.out.append(self._tx.popleft())
        self.counters["sent"] += 1
        if self._tx:
            self._departure.schedule(self._byte_ns())
        # The one that is being shifted out is in the FIFO no longer.
        if max(0, len(self._tx) - 1) <= self._level(0, 0):
            self._raw |= _TX
            self._interrupt()

    # --- the registers

    def _fetch(self):
        byte = self._rx.popleft() if self._rx else 0
        if len(self._rx) < self._level(3, 1):
            self._raw &= ~_RX
        if self._rx:
            self._silence.schedule(_SILENCE_BITS * self._bit_ns())
        else:
            self._raw &= ~_TIMEOUT
            self._silence.cancel()
        self._interrupt()
        return byte

    def _send(self, byte):
        if not (self._control & _ENABLED and self._control & _TX_ON) or len(self._tx) > self._depth():
            return
        self._tx.append(byte)
        if len(self._tx) == 1:
            self._departure.schedule(self._byte_ns())
        if len(self._tx) - 1 > self._level(0, 0):
            self._raw &= ~_TX
            self._interrupt()

    def _flags(self):
        sending, here = len(self._tx), len(self._rx)
        return (
            (sending > 0) << 3
            | (here == 0) << 4
            | (sending > self._depth()) << 5
            | (here >= self._depth()) << 6
            | (sending <= 1) << 7
        )

    def read_uint32(self, offset):
        if offset == _DR:
            return self._fetch()
        if offset == _FR:
            return self._flags()
        values = {
            _RSR: 0,
            _IBRD: self._whole,
            _FBRD: self._fraction,
            _LCR: self._format,
            _CR: self._control,
            _IFLS: self._levels,
            _IMSC: self._mask,
            _RIS: self._raw,
            _MIS: self._raw & self._mask,
            _ICR: 0,
            _DMACR: 0,
        }
        return values[offset] if offset in values else _ID.get(offset, 0)

    def write_uint32(self, offset, value):
        if offset == _DR:
            self._send(value & 0xFF)
        elif offset == _IBRD:
            self._whole = value & 0xFFFF
        elif offset == _FBRD:
            self._fraction = value & 0x3F
        elif offset == _LCR:
            self._format = value & 0xFF
        elif offset == _CR:
            self._control = value & 0xFFFF
        elif offset == _IFLS:
            self._levels = value & 0x3F
        elif offset == _IMSC:
            self._mask = value & 0x7FF
            self._interrupt()
        elif offset == _ICR:
            # Written through the alias that sets bits it means the bits, not what they give with the old ones.
            self._raw &= ~self.raw_write_value
            self._interrupt()
