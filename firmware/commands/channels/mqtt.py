"""The MQTT channel: each message on an AT topic is a line (or several), the answer is one message.

Commands are carried out one after the other, so answers come in the order of the commands (TITAN reference 2.3).
"""

from firmware.commands.dispatcher import Channel, decode
from firmware.core import overlay
from firmware.core.compat import monotonic_s, sleep_ms, ticks_diff, ticks_ms

_TURN_MS = const(50)
# A pause for wrong lines (executor.py) from which on messages beyond the eight that are kept are read and dropped. The
# shorter ones before it take half a minute together.
_LONG_S = const(32)
# The restart a command asked for waits until its answer is at the broker, or this long.
_LEAST_MS = const(500)
_MOST_MS = const(5000)
_MEMORY_TRIES = const(40)
_ERROR = const(b"\r\nERROR\r\n")
_OK = const(b"\r\nOK\r\n")


class Remote:
    """`mqtt` offers `next_message()`, `await reply(topic, payload)` and `replies_wait()`; `answer_topic()` gives
    the topic of answers, empty for none."""

    def __init__(self, mqtt, processor, answer_topic):
        self._mqtt = mqtt
        self._processor = processor
        self._topic = answer_topic
        self._channel = Channel("mqtt", "mqtt.commands", way=True)

    def paused(self):
        """Whether the channel is in a pause so long that nobody can wait for its end; allocates nothing."""
        channel = self._channel
        return channel.pause >= _LONG_S and monotonic_s() < channel.since

    async def run(self):
        self._processor.release()
        while True:
            if getattr(self._mqtt, "cut", None):
                # Too long: its first line is told, or as much as cannot hold a secret.
                line = self._mqtt.cut.pop(0).split(b"\n")[0].split(b",")[0].strip()
                await self._reply(None, line + b"\r\n" + _ERROR)
            message = self._mqtt.next_message()
            if message is None:
                await sleep_ms(_TURN_MS)
                continue
            self._channel.source = decode(message[0])
            await self._carry_out(message[1])

    async def _carry_out(self, payload):
        """Execute a message; each gets an answer, whatever there is of the heap."""
        for _ in range(_MEMORY_TRIES):
            execution = None
            with overlay.attempt:
                execution = self._execute(payload)
            if execution is None:
                # Nothing of it has been done yet, so it may be tried again.
                await sleep_ms(_LEAST_MS)
                continue
            with overlay.attempt:
                await execution
                return
            break
        after = self._processor.rescue(payload, len(payload), self._channel)
        for _ in range(_MEMORY_TRIES):
            with overlay.attempt:
                await self._conclude(None, after)
                return
            await sleep_ms(_LEAST_MS)
        if after:  # a restart
            after()

    async def _execute(self, payload):
        channel = self._channel
        text = decode(payload)
        if text.strip():  # else somebody has cleared a retained message
            after, collector = await self._processor.collect(text, channel)
            await self._conclude(collector, after)

    async def _conclude(self, collector, after):
        """Send the answer; a restart does not depend on whether there is memory for one."""
        if not after:
            await self._reply(collector, _ERROR)
            return
        with overlay.attempt:
            await self._reply(collector, _OK)
            start = ticks_ms()
            while ticks_diff(ticks_ms(), start) < _MOST_MS:
                await sleep_ms(_LEAST_MS)
                if not self._mqtt.replies_wait():
                    break
        after()

    async def _reply(self, collector, answer):
        topic = self._topic()
        if not topic:
            return
        if collector:
            whole = None
            try:
                with overlay.attempt:
                    whole = collector.take()
            except OSError:
                pass  # a record can't be read
            collector.clear()
            answer = whole or answer
        await self._mqtt.reply(topic, answer)
