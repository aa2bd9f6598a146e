"""The Port contract over a UART with a board's manners, in virtual time."""

import pytest

from firmware.core import compat
from firmware.core.serial_port import SerialPort
from tests.host.support import virtual_time
from tests.host.support.fake_ports import FakeUart


def test_read_returns_what_is_there_at_once():
    async def main():
        uart = FakeUart()
        uart.received += b"12345"
        line = SerialPort(uart)
        buf = bytearray(3)
        first = await line.readinto(buf, 1000), bytes(buf)
        second = await line.readinto(buf, 1000), bytes(buf[:2])
        return first, second, compat.ticks_ms()

    assert virtual_time.run(main()) == ((3, b"123"), (2, b"45"), 0)


def test_read_waits_for_the_first_byte_and_not_longer_than_told():
    async def main():
        uart = FakeUart()
        line = SerialPort(uart)
        buf = bytearray(8)
        nothing = await line.readinto(buf, 250), compat.ticks_ms()
        later = virtual_time.asyncio.get_running_loop().call_later
        later(0.1, uart.received.extend, b"x")
        n = await line.readinto(buf, 5000)
        return nothing, n, compat.ticks_ms()

    nothing, n, at = virtual_time.run(main())
    assert nothing == (0, 250)
    assert n == 1
    assert 350 <= at <= 360


def test_short_writes_are_continued():
    async def main():
        uart = FakeUart(room=7)
        await SerialPort(uart).send(bytes(range(100)))
        return bytes(uart.written)

    assert virtual_time.run(main()) == bytes(range(100))


def test_a_line_that_takes_nothing_times_out():
    async def main():
        with pytest.raises(OSError) as caught:
            await SerialPort(FakeUart(room=0)).send(bytes(20))
        return caught.value.args[0], compat.ticks_ms()

    errno, at = virtual_time.run(main())
    assert errno == 110
    assert 1000 <= at < 1200


def test_discard_empties_and_ends_on_a_babbling_line():
    class Babbler(FakeUart):
        def any(self):
            return 1000

        def readinto(self, buf, count):
            self.reads += 1
            return count

    async def main():
        uart = FakeUart()
        uart.received += bytes(1000)
        SerialPort(uart).discard()
        babbler = Babbler()
        SerialPort(babbler).discard()
        return len(uart.received), babbler.reads

    left, reads = virtual_time.run(main())
    assert left == 0
    assert reads < 1000


def test_direction_covers_the_whole_frame():
    async def main(with_txdone):
        uart = FakeUart(room=64)
        seen = []
        if with_txdone:
            uart.txdone = lambda: compat.ticks_ms() >= 30
        line = SerialPort(uart, direction=lambda on: seen.append((on, compat.ticks_ms(), len(uart.written))))
        await line.send(bytes(19))
        return seen

    # 19 bytes of 10 bits at 9600 baud last 19.8 ms.
    assert virtual_time.run(main(False)) == [(True, 0, 0), (False, 20, 19)]
    assert virtual_time.run(main(True)) == [(True, 0, 0), (False, 30, 19)]


def test_direction_is_given_back_when_sending_fails():
    async def main():
        seen = []
        with pytest.raises(OSError):
            await SerialPort(FakeUart(room=0), direction=seen.append).send(b"x")
        return seen

    assert virtual_time.run(main()) == [True, False]


def test_configure_reaches_the_uart():
    async def main():
        uart = FakeUart()
        line = SerialPort(uart)
        line.configure(1200, 7, 0, 1)
        return uart.settings, line.baud, line.wire_ms(120)

    settings, baud, ms = virtual_time.run(main())
    assert settings == {"baudrate": 1200, "bits": 7, "parity": 0, "stop": 1}
    assert (baud, ms) == (1200, 1000)


def test_a_vanished_line_is_silent():
    class Gone(FakeUart):
        def any(self):
            raise OSError(5)

    async def main():
        line = SerialPort(Gone())
        n = await line.readinto(bytearray(4), 100)
        return n, compat.ticks_ms(), line.read_errors > 0

    assert virtual_time.run(main()) == (0, 100, True)
