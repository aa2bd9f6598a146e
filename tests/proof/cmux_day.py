"""CMUX: packets both ways about every five seconds for a day, a command every half minute; no byte is lost.

In virtual time, through a UART that takes 64 bytes at a time.
"""

import asyncio
import random

from firmware.net.modem import dial, prepare
from firmware.net.modem.at import AtChannel
from tests.host.support.virtual_modem import Uart, run_virtual
from tools.modem.engine import Modem

DAY = 86400


class _Counted(Uart):
    """Counts how often it has taken less than it was given."""

    shortened = 0

    def write(self, buf):
        count = super().write(buf)
        self.shortened += (count or 0) < len(buf)
        return count


def read(channel, count=256):
    """What has come on a channel of the multiplexer, up to `count` bytes; b"" for nothing."""
    buf = bytearray(count)
    return bytes(buf[: channel.readinto(buf) or 0])


def carried(seed, seconds):
    """The traffic of `seconds`: bytes `up` and `down`, `commands`, `short writes`. Raises AssertionError."""
    generator = random.Random(seed)
    sums = {"up": 0, "down": 0, "commands": 0, "short writes": 0}

    async def main():
        loop = asyncio.get_running_loop()
        modem = Modem("generic", now=loop.time, epoch=1795000000)
        modem.start(running=True)
        modem.tick()
        uart = _Counted(modem)
        uart.short = 64
        raw = AtChannel(uart)
        await raw.command("ATE0", tries=3)
        await raw.command("AT+CMUX=0,0,5,127")
        mux = prepare.make_mux(uart)
        assert await dial.open_mux(mux, 127, 1000)
        modem.mux.channels[1].echo = False
        data, at = mux.channels[1], AtChannel(mux.channels[2])
        pump = asyncio.ensure_future(_pumping(mux))
        # Channel 1 is in data mode with a peer that we play.
        upstream, downstream = bytearray(), bytearray()
        terminal = modem.mux.channels[1]
        terminal.data = True
        terminal._data = lambda piece, quiet: upstream.extend(piece)
        sent_up, sent_down, got = bytearray(), bytearray(), bytearray()
        end = loop.time() + seconds
        next_poll = loop.time()
        while loop.time() < end:
            packet = generator.randbytes(generator.randint(40, 600))
            sent_up += packet
            while packet:
                packet = packet[data.write(packet) :]
                mux.poll()
            packet = generator.randbytes(generator.randint(40, 600))
            sent_down += packet
            terminal.write(packet)
            if loop.time() >= next_poll:
                next_poll += 30
                assert (await at.command("AT+CSQ", 2000))[0] == "+CSQ: 19,99"
                sums["commands"] += 1
            await asyncio.sleep(generator.uniform(1, 9))
            got += read(data, 8192)
            if len(sent_up) > 100000:
                sums["up"] += len(sent_up)
                sums["down"] += len(sent_down)
                assert (upstream, got) == (sent_up, sent_down)
                for buffer in (upstream, sent_up, got, sent_down):
                    buffer.clear()
        assert (upstream, got) == (sent_up, sent_down)
        assert downstream == b""
        sums["up"] += len(sent_up)
        sums["down"] += len(sent_down)
        sums["short writes"] = uart.shortened
        assert mux.bad == modem.mux.bad == data.lost == 0
        pump.cancel()

    run_virtual(main)
    return sums


async def _pumping(mux):
    while True:
        mux.poll()
        await asyncio.sleep(0.2)


def proof():
    found = carried(1, DAY)
    assert found["commands"] == DAY // 30, found
    assert found["up"] > 4000000 and found["down"] > 4000000, found
    return found
