"""A serial line for asyncio: the Port contract (docs/architecture.md) over any UART-like object.

The object has `any()` -> bytes that are there, `readinto(buf, count)` and `write(buf)` -> count or None, neither of
which waits then (machine.UART with `timeout=0`). Optional: `init(baudrate=, bits=, parity=, stop=)` and `txdone()`.

`direction(sending)` switches an RS-485 driver: called with True before the first byte goes out and
with False after the last one has left the wire.
"""

from errno import ETIMEDOUT

from firmware.core.compat import sleep_ms, take, ticks_add, ticks_diff, ticks_ms

# A line is looked at again after a sixteenth of the time it has been silent for, within these limits. Waiting in
# asyncio.wait_for takes a task for each wait, which a full heap may not have; half of it would stay behind then.
_SHORTEST_MS = const(1)
_LONGEST_MS = const(20)
# Room for the other tasks, on top of the time the bytes need, before a send is called stuck.
_SEND_SLACK_MS = const(1000)

_JUNK = bytearray(64)


class SerialPort:
    """`uart` as a Port.

    `bits`, `parity` (None, 0 even, 1 odd) and `stop` only serve to know how long a byte takes. `keep`: what init()
    has to be told each time, or it is lost.
    """

    def __init__(self, uart, baud=9600, bits=8, parity=None, stop=1, direction=None, keep={}):  # noqa: B006  only read
        self.uart = uart
        self._direction = direction
        self._keep = keep
        self._shape(baud, bits, parity, stop)
        self.read_errors = 0

    def _shape(self, baud, bits, parity, stop):
        self.baud = baud
        self.char_bits = 1 + bits + (0 if parity is None else 1) + stop

    def configure(self, baud, bits=8, parity=None, stop=1):
        """Set speed and format of the line; what was received so far is not touched."""
        init = getattr(self.uart, "init", None)
        if init:
            init(baudrate=baud, bits=bits, parity=parity, stop=stop, **self._keep)
        self._shape(baud, bits, parity, stop)

    def wire_ms(self, count):
        """Milliseconds that `count` bytes need on the wire, rounded up."""
        return (count * self.char_bits * 1000 + self.baud - 1) // self.baud

    def _take(self, buf):
        try:
            return take(self.uart, buf)
        except OSError:
            # The other end of a pty went away. It may come back; until then the line is silent.
            self.read_errors += 1
            return 0

    async def readinto(self, buf, timeout_ms):
        """Wait up to `timeout_ms` for the first byte, then return the count of what is there.

        0 at the deadline.
        """
        n = self._take(buf)
        if n or timeout_ms <= 0:
            # Give way even when there is always something to read.
            await sleep_ms(0)
            return n
        start = ticks_ms()
        while True:
            silent = ticks_diff(ticks_ms(), start)
            if silent >= timeout_ms:
                return self._take(buf)
            pause = min(max(silent >> 4, _SHORTEST_MS), _LONGEST_MS)
            await sleep_ms(min(pause, timeout_ms - silent))
            n = self._take(buf)
            if n:
                return n

    async def send(self, buf):
        """Hand all of `buf` to the line.

        OSError(ETIMEDOUT) when it does not take it in twice its time + 1 s.
        """
        view = memoryview(buf)
        total = len(view)
        deadline = ticks_add(ticks_ms(), 2 * self.wire_ms(total) + _SEND_SLACK_MS)
        if self._direction:
            self._direction(True)
        try:
            sent = 0
            while sent < total:
                sent += self.uart.write(view[sent:] if sent else view) or 0
                if sent < total:
                    if ticks_diff(deadline, ticks_ms()) <= 0:
                        raise OSError(ETIMEDOUT)
                    await sleep_ms(max(1, self.wire_ms(min(total - sent, 16))))
            if self._direction:
                await self._drained(total, deadline)
        finally:
            if self._direction:
                self._direction(False)

    async def _drained(self, total, deadline):
        """Wait until the last byte has left.

        As the UART says or, where it cannot say, as long as it takes.
        """
        txdone = getattr(self.uart, "txdone", None)
        if txdone is None:
            await sleep_ms(self.wire_ms(total))
            return
        while not txdone():
            if ticks_diff(deadline, ticks_ms()) <= 0:
                raise OSError(ETIMEDOUT)
            await sleep_ms(1)

    def discard(self):
        """Throw away what has been received; bounded, even on a line that babbles."""
        for _ in range(128):
            if not self._take(_JUNK):
                return
