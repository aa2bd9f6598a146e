"""Streams of a serial port with AT commands in tags: in whatever pieces, the same pairs, each answered in its own."""

import asyncio

from firmware.commands.channels.tags import Scanner, Tagged
from firmware.commands.dispatcher import LONGEST, Processor
from firmware.core import log
from tests.host.support.fake_device import Device
from tests.host.support.virtual_time import VirtualLoop
from tests.proof.fuzz.mutator import Mutator

COUNT, SAMPLE, HEAP = 100_000, 300, 300_000
_TAGS = (b"mtxtunnel", b"mtxtunnelr")
_LONG = b"AT^MTXTUNNEL=HELP," + b"x" * LONGEST


def seeds():
    """Streams as gateways and installers write them."""
    found = []
    for tag in (b"mtxtunnel", b"MTXTunnel", b"MTXTUNNELR"):
        pair = b"<" + tag + b">%s</" + tag + b">"
        found += [pair % command for command in (b"AT", b"AT^MTXTUNNEL=VERSION", b"AT^MTXTUNNEL=GETPARAM,mqtt.qos")]
        found.append(b"\xff\x10noise" + pair % b"AT" + b"\r\n" + pair % b"ATI\r" + b"<html>")
        found.append(pair % (b"AT<mtxtunnel" + pair % b"AT"))
    return [
        *found,
        b"<mtxtunnel>" + _LONG + b"</mtxtunnel><mtxtunnel>AT</mtxtunnel>",
        b"<mtxtunnel>a<b</c></mtxtunnel>",
    ]


class _Port:
    """Brings `pieces`, then nothing more; keeps what is sent."""

    def __init__(self, pieces):
        self._pieces = list(pieces)
        self.sent = bytearray()
        self.idle = asyncio.Event()

    async def readinto(self, buf, timeout_ms):
        if not self._pieces:
            self.idle.set()
            await asyncio.sleep(timeout_ms / 1000)
            return 0
        piece = self._pieces[0][: len(buf)]
        self._pieces[0] = self._pieces[0][len(buf) :]
        if not self._pieces[0]:
            self._pieces.pop(0)
        buf[: len(piece)] = piece
        return len(piece)

    async def send(self, data):
        self.sent += data


class Target:
    """An input is (bytes, size of the pieces, whether the far side's tags are obeyed, too)."""

    def __init__(self, generator):
        words = (b"<", b">", b"</", b"<mtxtunnel>", b"</mtxtunnel>", b"</MTXTUNNELR>", b"\0\xff\xc3", b"x" * 700)
        self._mutator = Mutator(generator, seeds(), words, 2600)
        self._loop = VirtualLoop(1795000000)
        self._sink, log.sink = log.sink, lambda text: None
        device = Device(meters=("ID00000",))
        device.config.set_many({"limit.commands": 6000, "port.1.commands": "view"})
        self._processor = Processor(device)

    def close(self):
        log.sink = self._sink
        self._loop.close()

    def make(self):
        mutator = self._mutator
        return mutator.make(long=mutator.below(4) == 0), mutator.one_of((1, 7, 64, 5000)), mutator.below(2) == 1

    def run(self, given):
        data, size, remote = given
        whole = list(Scanner().feed(data))
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        scanner, found = Scanner(), []
        for piece in pieces:
            found += scanner.feed(piece)
            assert len(scanner._held) <= LONGEST + 2 and len(scanner._tag) < 16
        assert found == whole
        for tag, command in found:
            assert tag.lower() in _TAGS and (command is None or len(command) <= LONGEST + 2)
        self._loop._limit_us = self._loop._us + 3600 * 1_000_000
        sent = self._loop.run_until_complete(self._served(pieces, remote))
        obeyed = [tag for tag, _ in found if tag.lower() in _TAGS[: 1 + remote]]
        for tag in obeyed:
            begin, end = b"<" + tag + b">", b"\r\n</" + tag + b">"
            assert sent.startswith(begin) and end in sent, (obeyed, sent)
            answer, _, sent = sent[len(begin) :].partition(end)
            assert answer.endswith((b"OK", b"ERROR")), answer
        assert not sent
        return "%d pairs" % min(len(obeyed), 3)

    async def _served(self, pieces, remote):
        """What is answered to it, until nothing more comes."""
        port = _Port(pieces)
        served = asyncio.ensure_future(Tagged(port, self._processor, remote=remote).run())
        await asyncio.wait((served, asyncio.ensure_future(port.idle.wait())), return_when=asyncio.FIRST_COMPLETED)
        assert not served.done(), served.exception()
        served.cancel()
        await asyncio.wait((served,))
        return bytes(port.sent)
