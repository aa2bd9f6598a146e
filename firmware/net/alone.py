"""One TLS connection at a time, where memory has no room for two: MQTT makes way for another and comes back.

It says STATE: busy on its retained topic and leaves with DISCONNECT, so its will is not sent; its session is a kept
one (app/apply_settings.py), so commands wait at the broker.
"""

import json

from firmware.core import log, overlay
from firmware.core.compat import ticks_diff, ticks_ms

# With the farewell before and the handshake behind it MQTT is back within a minute.
_AWAY_MS = const(40000)


def wanted(mqtt):
    """Whether MQTT (a MqttService or None) would have to make way for a connection with TLS."""
    return bool(mqtt and mqtt.settings.get("tls")) and overlay.tight()


async def meanwhile(mqtt, owner, work):
    """`await work()`, without MQTT where it has to make way; `owner.turn` is the Away for that long. OSError."""
    if not wanted(mqtt):
        await work()
        return
    turn = owner.turn = Away(mqtt)
    try:
        await turn.begin()
        await work()
    finally:
        turn.end()
        owner.turn = None


class Away:
    """The time MQTT is away for somebody else; `await begin()` and in any case `end()`."""

    def __init__(self, mqtt):
        self._mqtt = mqtt
        self._since = 0

    async def begin(self):
        """Let MQTT leave; within 6 s."""
        mqtt = self._mqtt
        if mqtt.connected:
            settings = mqtt.settings
            offline = settings["offline"]
            told = json.loads(offline)
            told["STATE"] = "busy"
            settings["offline"] = json.dumps(told)
            try:
                await mqtt.leave()
            finally:
                settings["offline"] = offline
        else:
            await mqtt.leave()
        mqtt.settings["tls"].let_go()  # the room it holds for itself
        log.info("mqtt", "makes way for another TLS connection")
        self._since = ticks_ms()

    def over(self):
        """Whether it is time for MQTT to come back."""
        return ticks_diff(ticks_ms(), self._since) > _AWAY_MS

    def end(self):
        self._mqtt.reconfigure(self._mqtt.settings)
