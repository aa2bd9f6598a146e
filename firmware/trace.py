"""The frames on the meters' lines, for a person: hex, and beside it what they say (setting iec102.trace).

Loaded only while it is switched on. Frames are kept raw until the gate lets a write pass, at most 2 KiB of them; what
does not fit is counted. The password never appears: a frame that opens a session, and its answer, end in `**`.
"""

import asyncio
import os
from binascii import hexlify

from firmware import diag
from firmware.port import const, sleep_ms, ticks_diff, ticks_ms

_MOST_BYTES = const(2048)
# A file of so many bytes becomes trace.old.
_FILE_BYTES = const(16384)
_TURN_MS = const(200)
# Pieces of an answer are put together until nothing came for so long.
_QUIET_MS = const(300)
START_SESSION = const(183)
TYPE_AT = const(7)
_SECRET_AT = const(13)
_PRM = const(0x40)
# Functions of the control byte (protocol reference 2.2).
_FROM_MASTER = {0: "reset", 3: "data", 9: "status?", 10: "class 1?", 11: "class 2?"}
_FROM_METER = {0: "ACK", 1: "NACK", 8: "data", 9: "nothing yet", 11: "status"}


class Trace:
    """`target`: "console", "file" or "topic"; `send(text)`, a coroutine function, is what topic uses.

    `hook(name)` gives the function a line's master calls with ">" or "<" and the bytes.
    """

    def __init__(self, target, place, gate, send):
        self._target = target
        self._path = place + "/trace"
        self._gate = gate
        self._send = send
        self._frames = []  # [line, ticks, direction, bytes]
        self._size = 0
        self._secret = {}  # lines on which a password is on its way
        self.dropped = 0
        self.task = asyncio.create_task(self.run())

    def hook(self, name):
        return lambda direction, data: self._take(name, direction, data)

    def _take(self, name, direction, data):
        data = bytes(data)
        last = self._frames[-1] if self._frames else None
        now = ticks_ms()
        if direction == ">":
            if len(data) > 6:
                self._secret[name] = data[TYPE_AT] == START_SESSION
        elif last and last[0] == name and last[2] == "<" and ticks_diff(now, last[1]) < _QUIET_MS:
            # A piece of the same answer.
            if self._size + len(data) <= _MOST_BYTES:
                last[3] += data
                last[1] = now
                self._size += len(data)
            return
        if self._size + len(data) > _MOST_BYTES:
            self.dropped += 1
            return
        self._size += len(data)
        self._frames.append([name, now, direction, data, self._secret.get(name, False)])

    async def run(self):
        while True:
            await sleep_ms(_TURN_MS)
            while self._frames and self._complete():
                frame = self._frames.pop(0)
                self._size -= len(frame[3])
                try:
                    await self._put(text_of(*frame))
                except (OSError, MemoryError):
                    self.dropped += 1
            if self.dropped and not self._frames:
                await self._own_up()

    async def _own_up(self):
        try:
            await self._put("%d frames were left out" % self.dropped)
            self.dropped = 0
        except (OSError, MemoryError):
            return  # told later

    def _complete(self):
        """Whether nothing can be added to the oldest frame any more."""
        first = self._frames[0]
        return first[2] == ">" or len(self._frames) > 1 or ticks_diff(ticks_ms(), first[1]) > _QUIET_MS

    async def _put(self, text):
        if self._target == "topic":
            await self._send(text)
            return
        if self._target == "console":
            diag.info("trace", "%s", text)
            return
        await self._gate.wait()
        with open(self._path + ".txt", "a") as file:
            file.write(text + "\n")
            size = file.tell()
        if size > _FILE_BYTES:
            await self._gate.wait()
            os.rename(self._path + ".txt", self._path + ".old")


def text_of(name, ticks, direction, data, secret=False):
    """One line of text; with `secret` everything from the password on is `**`."""
    shown = data
    # Nobody knows where in a spoilt answer the password stands: nothing of one that is longer than an ACK is shown.
    if secret and len(data) > 6:
        shown = data[:_SECRET_AT] if direction == ">" else b""
    digits = hexlify(shown, " ").decode() if shown else ""
    if len(shown) < len(data):
        digits += " **"
    return "%s %d %s %s | %s" % (name, ticks, direction, digits, words_of(data))


def words_of(data):
    """What a frame says, in short; `?` where it is none. Reads the head only, the decoder on a computer does more."""
    at = 0
    while at < len(data) and data[at] == 0xFF:
        at += 1
    data = data[at:]
    if len(data) == 6 and data[0] == 0x10:
        return _head(data[1], data[2] | data[3] << 8)
    if len(data) < 15 or data[0] != 0x68 or data[3] != 0x68 or len(data) != data[1] + 6:
        return "?"
    if sum(data[4:-2]) & 0xFF != data[-2]:
        return "wrong checksum"
    words = _head(data[4], data[5] | data[6] << 8)
    cause = data[9]
    words += ", ASDU %d, %d objects, cause %d" % (data[7], data[8] & 0x7F, cause & 0x3F)
    if cause & 0x40:
        words += " negative"
    return words + ", point %d, record %d" % (data[10] | data[11] << 8, data[12])


def _head(control, link):
    function = control & 15
    if control & _PRM:
        words = _FROM_MASTER.get(function, "function %d" % function)
        if control & 0x10:
            words += " FCB %d" % (control >> 5 & 1)
    else:
        words = _FROM_METER.get(function, "function %d" % function)
    return "%s, link %d" % (words, link)


def switch(app, target, topic):
    """Trace the lines of `app` to `target`; "off" ends it."""
    if app.tracer:
        app.tracer.task.cancel()
    app.tracer = None
    if target != "off":

        async def send(text):
            # Only while somebody may read it: answers to commands must not wait behind a trace.
            if app.mqtt and app.mqtt.connected:
                await app.mqtt.reply(topic, text)

        app.tracer = Trace(target, app.board.root, app.gate, send)
    for line in app.lines:
        line.trace = app.tracer.hook(line.name) if app.tracer else None
