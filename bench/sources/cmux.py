# Runs on MicroPython from the sources: argv = packets each way, how often (the fastest counts). Data on its way
# between PPP and a UART in memory, moved as the firmware moves it: link, session, tap and multiplexer are its own.
# Prints JSON:
# for frames of 127 and 31 bytes, and 0 for no multiplexer: us up, bytes on the wire, us down, bytes lost or changed.
import asyncio
import gc
import hashlib
import json
import sys
import time

sys.path.insert(0, "")
from firmware.net.modem import dial, prepare  # noqa: E402
from firmware.net.modem.link import ModemLink, Session  # noqa: E402

PACKETS, TIMES = int(sys.argv[1]), int(sys.argv[2])
PACKET = 600
# Packets that have come in when the loop was held up for 200 ms at 115200 baud.
BURST = 4


class Uart:
    """machine.UART: `source` is what comes in, at most `portion` bytes of it in one call, if that is not 0.

    With a portion every other write finds the buffer full, and takes nothing.
    """

    IRQ_RXIDLE = 1

    def __init__(self, portion=0):
        self.portion = portion
        self.out = 0
        self.kept = None
        self.source = b""
        self.at = 0
        self.full = False

    def write(self, buf):
        count = len(buf)
        if self.portion:
            self.full = not self.full
            count = 0 if self.full else min(count, self.portion)
        self.out += count
        if self.kept is not None:
            self.kept.append(bytes(buf[:count]))
        return count

    def feed(self, source):
        self.source, self.at = source, 0

    def readinto(self, buf, count=-1):
        count = min(len(buf), len(self.source) - self.at, self.portion or 65536)
        if count <= 0:
            return None
        buf[:count] = memoryview(self.source)[self.at : self.at + count]
        self.at += count
        return count

    def any(self):
        return len(self.source) - self.at

    def irq(self, handler=None, trigger=0):
        # The interrupt comes when the line is idle, which it is between two turns: poll() sees the bytes as soon.
        pass


class Ppp:
    """How network.PPP (extmod/network_ppp_lwip.c) goes about its stream: whole packets out, 256 bytes at a time in."""

    def __init__(self, stream):
        self.stream = stream
        self.piece = bytearray(256)
        self.taken = None
        self.got = 0

    def connect(self, security, user, key):
        self.stream.irq(self.poll, self.stream.IRQ_RXIDLE)

    def status(self):
        return 4

    def ipconfig(self, name):
        return "10.0.0.2", "255.255.255.255"

    def poll(self, irq=None):
        got = 0
        while True:
            count = self.stream.readinto(self.piece)
            if not count:
                break
            got += count
            if self.taken:
                self.taken(memoryview(self.piece)[:count])
        self.got += got
        return got


class Link:
    """What of ModemLink its poll() looks at, and what dial.negotiate() wants."""

    ppp_factory, socket, settings, timing = Ppp, None, {}, {"ppp": 1000}

    class channel:
        """Lines of the modem: none come."""

        poll = staticmethod(lambda: None)

    def __init__(self, n1, portion=0):
        self.uart = line = Uart(portion)
        self.mux = None
        if n1:
            self.mux = prepare.make_mux(self.uart)
            dial.restart_mux(self.mux, n1)
            line = self.mux.channels[1]
        self.session = Session(line)
        asyncio.run(dial.negotiate(self))

    def poll(self):
        ModemLink.poll(self)

    def write(self, packet):
        """As lwIP does: what is not taken now is lost."""
        return self.session.line.write(packet)


def settled(link):
    """Move bytes until nothing moves any more."""
    still = 0
    while still < 3:
        before = link.uart.out, link.uart.at, link.session.ppp.got
        link.poll()
        still = still + 1 if before == (link.uart.out, link.uart.at, link.session.ppp.got) else 0


def wrong(n1):
    """Bytes lost or changed on the way out and, from a line that has saved up some packets, in again."""
    link = Link(n1, 64)
    sent, got = hashlib.sha256(), hashlib.sha256()
    link.session.ppp.taken = got.update
    lost = 0
    for first in range(0, 40, BURST):
        link.uart.kept = []
        for number in range(first, first + BURST):
            packet = bytes((number * 7 + at * 13) & 0xFF for at in range(PACKET))
            lost += PACKET - link.write(packet)
            sent.update(packet)
            settled(link)
        arrived, link.uart.kept = b"".join(link.uart.kept), None
        link.uart.feed(arrived)
        settled(link)
    lost += link.mux.channels[1].lost
    return 0 if sent.digest() == got.digest() else max(lost, 1)


def up(link, packet):
    gc.collect()
    start = time.ticks_us()
    for _ in range(PACKETS):
        if link.write(packet) != PACKET:
            raise SystemExit("a packet was not taken")
        link.poll()
    return time.ticks_diff(time.ticks_us(), start)


def down(link, source):
    gc.collect()
    ppp = link.session.ppp
    ppp.got = 0
    start = time.ticks_us()
    for _ in range(PACKETS):
        link.uart.feed(source)
        link.poll()
    took = time.ticks_diff(time.ticks_us(), start)
    if ppp.got != PACKETS * PACKET:
        raise SystemExit("%d bytes of %d came down" % (ppp.got, PACKETS * PACKET))
    return took


def once(n1):
    link = Link(n1)
    packet = bytes(at & 0xFF for at in range(PACKET))
    link.uart.kept = []
    link.write(packet)
    link.poll()
    source, link.uart.kept = b"".join(link.uart.kept), None
    link.uart.out = 0
    took = up(link, packet)
    return took, link.uart.out, down(link, source)


found = {}
for n1 in (0, 127, 31):
    best = min((once(n1) for _ in range(TIMES)), key=lambda one: one[0] + one[2])
    found[n1] = {"up": best[0], "wire": best[1], "down": best[2], "wrong": wrong(n1) if n1 else 0}
print(json.dumps(found))
