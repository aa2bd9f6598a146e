"""The module network of a Pico W behind a modem, for MicroPython's unix port: PPP alone. Not part of the firmware.

A launcher lays this folder into MicroPython's path (tools/lwip/lay.py). lwIP itself runs beside the simulated modem
(tools/lwip/relay.py); here is what happens in the interpreter. As on the board (extmod/network_ppp_lwip.c; how the
firmware broke on it was seen on an emulated Pico W):

- `irq(None)` of the stream is called with the heap locked, as the collector does when the object is dropped;
- lwIP's timers write into the stream whenever they are due, within any call of the stream or of a socket, with the
  heap locked as in an interrupt; an exception in there, or poll() within an output, would be memory corruption: the
  end;
- what the UART's interrupt has scheduled runs between the bytecodes of a stream that is Python: only one that is
  `compiled` has no room for it;
- a stream that takes less than it was given is ERR_IF: OSError(-1) for who sent.
"""

import struct
import sys
import time

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython (tools/lwip/local.py) has no such lock

    def heap_lock():
        """Nothing to lock."""

    heap_unlock = heap_lock

_EPERM, _EALREADY = 1, 114
_ACTIVE, _ERROR, _CONNECTING = 1, 2, 3
TICK_MS = 20
_READ = 256


def soft_timer(step):
    """What machine.Timer is while C waits: `step()` is called again and again; returns what ends that."""
    chip = PPP.chip or PPP(None).chip
    chip.waiting = step

    def end():
        chip.waiting = None

    return end


def interrupt(handler=None):
    """A moment between two bytecodes: lwIP's timers, and `handler`, which the UART's interrupt has scheduled."""
    chip = PPP.chip
    if chip and not chip.busy:
        chip.tick()
    if handler:
        handler(None)


def fatal(what):
    """What would have crashed the chip ends the process."""
    print("lwip: " + what)
    sys.exit(70)


class Chip:
    """The line to lwIP (tools/lwip/relay.py): one to a process, as a chip has one."""

    state = 0
    owner = None  # the PPP whose control block it is
    waiting = None  # what runs while C waits, as a soft timer of the board does
    away_us = 0  # spent waiting for the other process, which no board has
    busy = False  # a call is under way: on the board lwIP is locked meanwhile

    def __init__(self, port):
        import usocket

        self._line = usocket.socket()
        self._line.connect(usocket.getaddrinfo("127.0.0.1", port)[0][-1])
        self._line.write(b"lwip\n")
        self._mark()

    def _mark(self):
        self._ticked = time.ticks_ms()

    def _due(self):
        return time.ticks_diff(time.ticks_ms(), self._ticked) >= TICK_MS

    def exchange(self, op, handle, data):
        """(number, state, [frame, …], payload)"""
        line, start = self._line, time.ticks_us()
        # In one piece: of two the second waits until the first is confirmed, 40 ms.
        line.write(struct.pack(">BBH", op[0], handle, len(data)) + data)
        number, state, size, length = struct.unpack(">hbHH", line.read(7))
        frames = []
        while size:
            count = struct.unpack(">H", line.read(2))[0]
            frames.append(line.read(count))
            size -= 2 + count
        payload = line.read(length) if length else b""
        self.away_us += time.ticks_diff(time.ticks_us(), start)
        return number, state, frames, payload

    def call(self, op, handle=0, data=b""):
        """(number, payload); -1 when PPP's stream did not take what lwIP put out."""
        self.busy = True
        self._mark()
        try:
            number, self.state, frames, payload = self.exchange(op, handle, data)
            for frame in frames:
                if self.owner is None or not self.owner.output(frame):
                    number = -1
                    break
        finally:
            self.busy = False
        return number, payload

    def tick(self):
        """What an interrupt would do: lwIP's timers, if it is time."""
        if self._due():
            self.call(b"T")

    def wait(self):
        """A moment within a call in C: only what the board's timers run goes on."""
        self.call(b"H")
        if self.waiting:
            self.waiting()
        time.sleep_ms(1)


def _open():
    import os

    return Chip(int(os.getenv("LECTOR_LWIP")))


class PPP:
    SEC_NONE = 0
    SEC_PAP = 1
    SEC_CHAP = 2
    chip = None  # opened with the first object
    scheduled = None  # the handler of the UART's interrupt

    def __init__(self, stream):
        if PPP.chip is None and self.chip is None:
            PPP.chip = _open()
        self._stream = stream
        self._chunk = bytearray(_READ)
        self._view = memoryview(self._chunk)
        self._sending = False

    def _mine(self):
        return self.chip.owner is self

    def status(self):
        return self.chip.state if self._mine() else 0

    def isconnected(self):
        return self.status() == 4

    def connect(self, security=0, user=None, key=None):
        chip = self.chip
        if not self._mine():
            if chip.owner is not None:
                chip.owner.collected()
            if chip.call(b"N")[0]:
                raise OSError("pppos_create failed")
            chip.owner = self
            self._irq_on()
        elif self.status() >= _CONNECTING:
            raise OSError(_EALREADY)
        words = (str(security), user or "", key or "")
        if chip.call(b"C", 0, "\0".join(words).encode())[0]:
            raise OSError("ppp_connect failed")
        self.poll()

    def disconnect(self):
        if self.status() >= _CONNECTING:
            self.chip.call(b"D")
            self._freed()

    def _freed(self):
        if self._mine() and self.chip.state == 0:
            self._irq_off()
            self.chip.owner = None

    def __del__(self):
        if self._mine():
            self._irq_off()
            self.chip.call(b"X")
            self._freed()

    def collected(self):
        """Dropped without an end: the collector calls __del__, and what goes wrong in there nobody hears of."""
        try:
            self.__del__()
        except Exception as error:
            print("%s:" % type(error).__name__)
        if self._mine():
            self.chip.call(b"O")
            self.chip.owner = None

    def ipconfig(self, name):
        found = self.chip.call(b"A")[1] if self._mine() else bytes(8)
        if name == "addr4":
            return "%d.%d.%d.%d" % tuple(found[:4]), "255.255.255.255"
        if name == "dns":
            return "%d.%d.%d.%d" % tuple(found[4:])
        raise ValueError("unknown config param")

    def config(self, name=None, stream=False):
        """`stream=None` stops polling, `stream=s` starts it again."""
        if stream is False:
            return self._stream
        if self.status():
            self._irq_off()
        self._stream = stream
        if self.status():
            self._irq_on()
        return None

    def poll(self, irq=None):
        """How many bytes came. The UART's interrupt has it scheduled, between any two bytecodes."""
        self._alone("PPP.poll within its own output")
        total = 0
        while self.status() > _ERROR or self.status() == _ACTIVE:
            count = self._stream.readinto(self._chunk) if self._stream is not None else 0
            if not count:
                break
            self.chip.call(b"I", 0, self._view[:count])
            total += count
        self.chip.tick()
        self._freed()
        return total if self.status() > _ERROR else -_EPERM

    def _alone(self, what):
        """Ends the process where an output is under way, with the heap locked."""
        if self._sending:
            heap_unlock()
            fatal(what)

    def output(self, frame):
        """Put a frame into the stream as mp_stream_rw() does; whether all of it was taken."""
        stream, at, size = self._stream, 0, len(frame)
        if stream is None:
            return False
        self._alone("output within output")
        self._sending = True
        view = memoryview(frame)
        while at < size:
            rest = view[at:]
            heap_lock()
            try:
                if self.scheduled and not getattr(stream, "compiled", False):
                    self.scheduled(None)
                count = stream.write(rest)
            except SystemExit:
                raise  # said already
            except BaseException as error:
                heap_unlock()
                sys.print_exception(error) if hasattr(sys, "print_exception") else None
                fatal("%s in write() of PPP's stream" % type(error).__name__)
            heap_unlock()
            if not count:
                break
            at += count
        self._sending = False
        return at == size

    def _irq_on(self):
        if self._stream is not None:
            self._stream.irq(self.poll, self._stream.IRQ_RXIDLE)

    def _irq_off(self):
        stream = self._stream
        if stream is not None:
            heap_lock()
            try:
                stream.irq(None)
            finally:
                heap_unlock()
