"""Fakes with the manners of the real thing: a UART as boards have it, a Port in memory, meters."""

import asyncio

from firmware.core.compat import ticks_ms


class FakeUart:
    """machine.UART with `timeout=0`: None when nothing is there, short writes, bytes pushed by the
    test.

    `room`: bytes one write takes; 0 is a full transmit buffer (None). `peer`: called with what was
    written.
    """

    def __init__(self, room=256, peer=None):
        self.room = room
        self.peer = peer
        self.received = bytearray()
        self.written = bytearray()
        self.settings = None
        self.reads = 0

    def init(self, **settings):
        self.settings = settings

    def any(self):
        return len(self.received)

    def readinto(self, buf, count):
        self.reads += 1
        n = min(len(buf), count)
        assert n <= len(self.received), "a machine.UART would wait"
        buf[:n] = self.received[:n]
        del self.received[:n]
        return n or None

    def write(self, buf):
        n = min(len(buf), self.room)
        if not n:
            return None
        self.written += buf[:n]
        if self.peer:
            self.peer(bytes(buf[:n]))
        return n


class MemoryPort:
    """The Port contract in memory; the test (or a meter) is the other end.

    `on_send(data)` gets what the user sends and may answer through `deliver(data, after_ms)`. With
    `paced` a send and a delivery take their time on a line of `baud` with 10 bits a byte.
    """

    def __init__(self, on_send=None, baud=9600, paced=False):
        self.baud = baud
        self.char_bits = 10
        self.paced = paced
        self.on_send = on_send
        self.sent = []
        self.sent_at = []
        self.settings = None
        self.stuck = False  # a line that takes no bytes
        self._received = bytearray()
        self._event = asyncio.Event()
        self._free_at = 0.0

    def wire_ms(self, count):
        return (count * self.char_bits * 1000 + self.baud - 1) // self.baud

    def configure(self, baud, bits=8, parity=None, stop=1):
        self.baud = baud
        self.settings = (baud, bits, parity, stop)

    def deliver(self, data, after_ms=0):
        """`data` arrives `after_ms` from now, on a paced line byte by byte and after what is under
        way.
        """
        loop = asyncio.get_running_loop()
        if not self.paced:
            if after_ms:
                loop.call_later(after_ms / 1000, self._arrive, bytes(data))
            else:
                self._arrive(bytes(data))
            return
        at = max(self._free_at, loop.time() + after_ms / 1000)
        for byte in bytes(data):
            at += self.char_bits / self.baud
            loop.call_at(at, self._arrive, bytes((byte,)))
        self._free_at = at

    def _arrive(self, data):
        self._received += data
        self._event.set()

    async def readinto(self, buf, timeout_ms):
        if not self._received and timeout_ms > 0:
            self._event.clear()
            try:
                await asyncio.wait_for(self._event.wait(), timeout_ms / 1000)
            except asyncio.TimeoutError:
                pass  # the deadline of the contract: 0 bytes
        else:
            await asyncio.sleep(0)
        n = min(len(buf), len(self._received))
        buf[:n] = self._received[:n]
        del self._received[:n]
        return n

    async def send(self, buf):
        data = bytes(buf)
        if self.stuck:
            await asyncio.sleep(1)
            raise OSError(110)
        self.sent.append(data)
        self.sent_at.append(ticks_ms())
        if self.paced:
            await asyncio.sleep(self.wire_ms(len(data)) / 1000)
        else:
            await asyncio.sleep(0)
        if self.on_send:
            self.on_send(data)

    def discard(self):
        self._received.clear()


class ScriptedMeter:
    """A meter that knows one dialogue: `script` is a list of (what the master must send, the
    answers).

    An answer is bytes, or a number of milliseconds to wait before the next one. A master that
    sends anything else gets no answer and `wrong` holds (expected, sent).
    """

    def __init__(self, script, paced=False):
        self.script = list(script)
        self.at = 0
        self.wrong = None
        self.port = MemoryPort(self._on_send, paced=paced)

    @property
    def done(self):
        return self.at == len(self.script) and self.wrong is None

    def _on_send(self, data):
        if self.wrong:
            return
        expected, answers = self.script[self.at] if self.at < len(self.script) else (None, ())
        if data != expected:
            self.wrong = (expected, data)
            return
        self.at += 1
        after = 0
        for answer in answers if isinstance(answers, (list, tuple)) else (answers,):
            if isinstance(answer, int):
                after += answer
            else:
                self.port.deliver(answer, after)


class StationMeter:
    """A simulated station (anything with `receive(frame) -> bytes or list of bytes`) behind a
    MemoryPort.

    `to_meter(data)` and `to_master(data)` stand for the line: each gets bytes and returns the list
    of (delay in ms, bytes) that comes out at the other end.
    """

    def __init__(self, receive, to_meter=None, to_master=None, answer_ms=20, paced=False):
        self.receive = receive
        self.to_meter = to_meter or _clean
        self.to_master = to_master or _clean
        self.answer_ms = answer_ms
        self._busy_until = [0.0, 0.0]
        self.port = MemoryPort(self._on_send, paced=paced)

    def _on_send(self, data):
        for delay, chunk in self.to_meter(data):
            self._later(0, delay, self._serve, chunk)

    def _serve(self, data):
        answers = self.receive(data) or ()
        for answer in (answers,) if isinstance(answers, (bytes, bytearray)) else answers:
            for delay, chunk in self.to_master(bytes(answer)):
                self._later(1, self.answer_ms + delay, self.port.deliver, chunk)

    def _later(self, way, delay_ms, function, chunk):
        """What goes in first comes out first, however long single frames are held up."""
        loop = asyncio.get_running_loop()
        at = max(self._busy_until[way], loop.time() + delay_ms / 1000)
        self._busy_until[way] = at
        if at > loop.time():
            loop.call_at(at, function, chunk)
        else:
            function(chunk)


def _clean(data):
    return [(0, data)]


def fixed(control, link=1):
    """A fixed FT1.2 frame, built without the codec under test."""
    body = bytes((control, link & 255, link >> 8))
    return b"\x10" + body + bytes((sum(body) & 255, 0x16))


def variable(control, asdu, link=1):
    """A variable FT1.2 frame around `asdu`, built without the codec under test."""
    body = bytes((control, link & 255, link >> 8)) + bytes(asdu)
    n = len(body)
    return bytes((0x68, n, n, 0x68)) + body + bytes((sum(body) & 255, 0x16))


class TinyMeter:
    """A slave station in few lines that does exactly what a test tells it: `receive(frame)` for
    StationMeter.

    `answers`: request type -> list of ASDUs (bytes) that polls will fetch one by one. `seen` holds
    every frame that came in, `executed` the ASDUs that were new (not repetitions by FCB). Knobs:
    `busy` polls answered with "not available" before each ASDU, `nack` (request types), `direct`
    (no ACK: the first ASDU at once), `dfc` (how many answers ask for no more data), `single` (E5
    for ACK), `mute_type` (no answer to that request).
    """

    def __init__(self, answers=None, link=1, password=1):
        self.link = link
        self.password = password
        self.answers = answers or {}
        self.seen = []
        self.executed = []
        self.busy = 0
        self.dfc = 0
        self.nack = ()
        self.mute_type = None
        self.direct = self.single = False
        self._queue = []
        self._wait = 0
        self._fcb = None
        self._last = b""

    def _mark(self):
        if self.dfc:
            self.dfc -= 1
            return 0x10
        return 0

    def receive(self, frame):
        self.seen.append(frame)
        control, link = (frame[1], frame[2:4]) if frame[0] == 0x10 else (frame[4], frame[5:7])
        if int.from_bytes(link, "little") != self.link:
            return b""
        function = control & 15
        if function == 9:
            return fixed(0x0B | self._mark(), self.link)
        if function == 0:
            self._fcb = None
            self._queue.clear()
            return fixed(0, self.link)
        if control & 0x20 == self._fcb:
            return self._last
        self._fcb = control & 0x20
        self._last = self._poll() if function == 11 else self._take(frame[7:-2])
        return self._last

    def _poll(self):
        if self._wait or not self._queue:
            self._wait = max(0, self._wait - 1)
            return fixed(0x09, self.link)
        self._wait = self.busy
        return variable(0x08 | self._mark(), self._queue.pop(0), self.link)

    def _take(self, asdu):
        self.executed.append(bytes(asdu))
        kind = asdu[0]
        if kind == self.mute_type:
            return b""
        if kind in self.nack:
            return fixed(0x01, self.link)
        if kind == 183 and kind not in self.answers:
            good = int.from_bytes(asdu[6:10], "little") == self.password
            answers = [asdu[:2] + bytes((7 if good else 0x47,)) + asdu[3:]]
        elif kind == 187 and kind not in self.answers:
            answers = [asdu[:2] + b"\x07" + asdu[3:]]
        else:
            answers = self.answers.get(kind, ())
        self._queue = [bytes(a) for a in answers]
        self._wait = self.busy
        if self.direct:
            return self._poll()
        return b"\xe5" if self.single else fixed(self._mark(), self.link)
