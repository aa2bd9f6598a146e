"""Announces the meters to Home Assistant: after each connection to the broker, and again when settings have changed.

A service, there only when `ha.enabled`. What it says is made by homeassistant.py. That is in memory for two seconds at
a time, in turn with sessions and commands: readings must not run short of memory for it.
"""

from firmware.core import log, overlay
from firmware.core.compat import sleep_ms

_LOOK_MS = const(1000)
_PAUSE_MS = const(30000)


class Discovery:
    """`device`: has `mqtt`, `clock`, `processor`, `config`, `lines`, `format`, `imei`, `name`, `version` and
    `topics`, a new list after each change of settings."""

    def __init__(self, device):
        self.device = device
        self.prefix = ""  # where announcements stand; empty: nowhere
        self.plan = None  # what homeassistant.plan() found
        self.at = 0  # number of the next message
        self.watched = []  # [meter, its topic, seconds after which it is not there, what was said]
        self.connection = None  # number of the connection it goes through
        self._topics = None
        self._done = False

    async def run(self):
        device = self.device
        while True:
            await sleep_ms(_LOOK_MS)
            mqtt = device.mqtt
            if not mqtt.connected:
                continue
            if mqtt.connections != self.connection or device.topics is not self._topics:
                self.connection, self._topics = mqtt.connections, device.topics
                self.plan = None
                self._done = False
            if not self._done:
                await self._go_on()
            for each in self.watched:
                there = device.clock.utc() - each[0].last_ok < each[2]
                if there != each[3] and not mqtt.replies_wait():
                    await mqtt.reply(each[1], b"online" if there else b"offline", True)
                    each[3] = there

    async def _go_on(self):
        try:
            with overlay.attempt, await overlay.turn("announce"):
                from firmware.delivery import homeassistant

                if self.plan is None:
                    self.plan = homeassistant.plan(self)
                    self.at = 0
                self._done = await homeassistant.go_on(self)
                return
        finally:
            self.device.processor.release()
        log.warn("ha", "no memory for the announcements just now")
        await sleep_ms(_PAUSE_MS)
