"""Every frame on the meters' lines with its meaning beside it: on the console, in a file, or on a topic.

Loaded while the setting `iec102.trace` is not off. What the lines hand over is only put aside; a task of its own
turns it into text (iec102/frame_text.py) and shows it. What is more than the queue holds is counted, not waited for: a
trace must never cost a reading. It ends by itself after `iec102.trace_minutes`.
"""

import asyncio
import os

from firmware.config.config import LONGEST_TOPIC
from firmware.core import log, overlay
from firmware.core.compat import monotonic_s, sleep_ms, ticks_diff, ticks_ms

# Bytes and entries that may wait to be shown.
_MOST_BYTES = const(2048)
_MOST_ENTRIES = const(24)
# Letters that are shown, written or published at a time.
_BATCH = const(1000)
# A line in the air longer than this is no frame; it is handed on in pieces.
_MOST_HEARD = const(522)
_TURN_MS = const(50)
# Silence after which no more of an answer is expected.
_REST_MS = const(500)
# A batch waits so long for a moment in which no meter's answer comes in, and is dropped then.
_GATE_MS = const(60000)
# Bytes of a file after which the other one begins anew.
_FILE_BYTES = const(32768)
_VARIABLE = const(0x68)
_SESSION = const(183)


class Ear:
    """One line: gathers the pieces of an answer. `tracer.put()` has what was heard; the host's doctor is one, too."""

    def __init__(self, tracer, name):
        self._tracer = tracer
        self._name = name
        self._heard = bytearray()
        self._last = 0
        self._opening = False

    def hear(self, direction, data):
        """The `trace` of iec102/link.py. Never raises, whatever the heap is like."""
        with overlay.attempt:
            if direction == "<":
                if len(self._heard) + len(data) > _MOST_HEARD:
                    self.hand_on()
                self._heard = self._heard or bytearray()
                self._heard.extend(data)
                self._last = ticks_ms()
            else:
                self.hand_on()
                if data[0] == _VARIABLE:
                    self._opening = data[7] == _SESSION
                self._tracer.put(self._name, direction, bytes(data), self._opening)
            return
        self._tracer.missed += 1
        self._heard = b""

    def rest(self):
        """Nobody has spoken for a while: what was heard is complete."""
        if self._heard and ticks_diff(ticks_ms(), self._last) > _REST_MS:
            self.hand_on()

    def hand_on(self):
        """What was heard is complete."""
        if self._heard:
            self._tracer.put(self._name, "<", bytes(self._heard), self._opening)
            self._heard = bytearray()


class Tracer:
    """`setup`: (console, file or topic; the topic; minutes). `files`: those of the trace, the newest first."""

    def __init__(self, app, setup):
        self.setup = setup
        self.missed = 0  # frames that were not shown
        self._app = app
        self._queue = []
        self._bytes = 0
        self._since = monotonic_s()
        self._ears = [Ear(self, line.name) for line in app.lines]
        self.files = [app.board.root + "/trace.txt", app.board.root + "/trace.old.txt"]
        for line, ear in zip(app.lines, self._ears):
            line.trace = ear.hear
        self._task = asyncio.create_task(self._run())

    def stop(self):
        self._detach()
        self._task.cancel()

    def _detach(self):
        for line in self._app.lines:
            line.trace = None
        self._queue = None  # a session under way still has the hook

    def put(self, name, direction, data, opening):
        queue = self._queue
        if queue is None:
            return
        if len(queue) >= _MOST_ENTRIES or self._bytes + len(data) > _MOST_BYTES:
            self.missed += 1
            return
        self._bytes += len(data)
        queue.append((ticks_ms(), name, direction, data, opening))

    async def _run(self):
        how, _, minutes = self.setup
        log.info("trace", "frames to the %s for %d minutes (0: until it is switched off)", how, minutes)
        while not minutes or monotonic_s() - self._since < minutes * 60:
            await sleep_ms(_TURN_MS)
            try:
                with overlay.attempt:
                    for ear in self._ears:
                        ear.rest()
                    if self._queue and (how != "topic" or self._can_publish()):
                        await self._show()
                    continue
                self.missed += 1
                await sleep_ms(_REST_MS)
            except OSError as error:
                # The flash is full or broken: what is left of it is for the records.
                self._detach()
                log.error("trace", "ended: %s", error)
                return
        self._detach()
        log.info("trace", "ended after %d minutes", minutes)

    async def _show(self):
        batch = []
        if not self._describe(batch):
            # Not even the words fit just now; without them nobody knows what must not be shown.
            self.missed += 1
        if self.missed and batch:
            batch.append("... %d frames not shown" % self.missed)
            self.missed = 0
        if batch:
            await getattr(self, "to_" + self.setup[0])(batch)

    def _describe(self, batch):
        """Fill `batch` with lines; whether there was memory for it."""
        with overlay.attempt, overlay.use("words"):
            from firmware.iec102 import frame_text

            letters = 0
            while self._queue and letters < _BATCH:
                at, name, direction, data, opening = self._queue.pop(0)
                self._bytes -= len(data)
                for text in frame_text.lines(data, opening):
                    line = "%5d.%03d %s %s %s" % (at // 1000, at % 1000, name, direction, text)
                    letters += len(line)
                    batch.append(line)
            return True
        return False

    async def to_console(self, batch):
        for line in batch:
            log.sink(line)
            await sleep_ms(0)

    async def to_file(self, batch):
        gate = self._app.gate
        await gate.wait(_GATE_MS)
        if not gate.is_open():
            self.missed += len(batch)
            return
        files = self.files
        if _size(files[0]) > _FILE_BYTES:
            files.reverse()
        with open(files[0], "w" if _size(files[0]) > _FILE_BYTES else "a") as file:
            for line in batch:
                file.write(line)
                file.write("\n")

    def _can_publish(self):
        # A trace must not push the answers to commands out of their queue.
        mqtt = self._app.mqtt
        return mqtt and mqtt.connected and not mqtt.replies_wait()

    async def to_topic(self, batch):
        await self._app.mqtt.reply(self.setup[1], "\n".join(batch))


def _size(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return 0


def switch(app):
    """Do as the settings say now."""
    get, expand = app.config.get, app.config.expand
    how = get("iec102.trace")
    topic = expand(get("iec102.trace_topic")) if how == "topic" else ""
    at_topics = "", expand(get("mqtt.at_topic")), expand(get("mqtt.at_topic2"))
    if how == "topic" and (topic in at_topics or len(topic.encode()) > LONGEST_TOPIC):
        # Its lines would be taken for commands, and their answers be more to send.
        log.error("trace", "iec102.trace_topic %r is no topic for it; the trace is off", topic)
        how = "off"
    setup = how, topic, get("iec102.trace_minutes")
    old = app.tracer
    if old and old.setup == setup:
        return
    if old:
        old.stop()
        app.tracer = None
    if how != "off":
        app.tracer = Tracer(app, setup)
