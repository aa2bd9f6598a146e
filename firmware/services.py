"""The device as a whole: its parts, what the supervisor runs and what commands do to it.

`App(board)`, then `build()` (assembly.py); `services()` are (name, factory) pairs for the supervisor. The
factories hand out the same object each time: a service keeps its counters and queues over a restart of its task.
"""

import gc
import json

from firmware import diag, readings
from firmware.commands.remote import Remote
from firmware.config import Config
from firmware.port import const, monotonic_s, unload
from firmware.room import release_session_code

VERSION = "0.1.0"
# A changed connection has to hold this long before it counts as good.
_SETTLE_S = const(10)


class App:
    """The device: what the supervisor runs and what the commands act on."""

    version = VERSION
    modem = None

    def __init__(self, board):
        self.board = board
        self.name = "lector102 on " + board.name
        self.config = Config(board.root + "/config.json")
        self.watched = []
        self.longest_turn_ms = 0
        self.peak_heap = 0
        self.restart_reason = ""
        self.time_wanted = False
        self._trial_since = monotonic_s()

    def build(self):
        """Make every part from the settings."""
        from firmware import assembly

        assembly.build(self)
        self.look_up_topics()
        unload("firmware.assembly")
        release_session_code()
        self.config.release()

    def keep(self, batch):
        """Put a batch of (kind, utc, payload) into the log."""
        ring = self.ring
        longest, most = self._limits
        if longest and any(len(record[2]) > longest for record in batch):
            diag.error("log", "a record of more than logger.size %d bytes is not kept", longest)
            batch = [record for record in batch if len(record[2]) <= longest]
        if batch:
            ring.append_many(batch)
        while most:
            stats = ring.stats()
            if stats["depth"] <= most:
                break
            ring.gone(stats["oldest"])

    # --- the way out

    def _answer_topic(self):
        return self._answers

    def mqtt_settings(self):
        """The dict MqttService wants, or None where nothing is to be delivered."""
        get, expand = self.config.get, self.config.expand
        if not get("mqtt.enabled"):
            return None
        scheme, _, rest = get("mqtt.broker").partition("://")
        host, _, port = rest.rstrip("/").partition(":")
        if scheme not in ("tcp", "mqtt") or not host or (port and not port.isdigit()):
            diag.error("config", "mqtt.broker %r: tcp://host:port is wanted", get("mqtt.broker"))
            return None
        state = '{"IMEI":"%s","STATE":"%%s","VERSION":"%s","RESET":"%s"}' % (
            self.imei,
            VERSION,
            self.board.reset_cause(),
        )
        topics = [expand(get(name)) for name in ("mqtt.at_topic", "mqtt.at_topic2") if get(name)]
        return {
            "host": host,
            "port": int(port or 1883),
            "client_id": expand(get("mqtt.id")),
            "user": get("mqtt.user"),
            "password": get("mqtt.password"),
            "keepalive": get("mqtt.keepalive"),
            "qos": get("mqtt.qos"),
            "window": get("mqtt.window"),
            "puback_ms": get("mqtt.puback_timeout") * 1000,
            "subscribe": topics,
            "online_topic": expand(get("mqtt.online_topic")),
            "online": state % "online",
            "offline": state % "offline",
        }

    def look_up_topics(self):
        """Keep the topics and limits at hand: a record on its way must not wait for a look at the settings."""
        get, expand = self.config.get, self.config.expand
        names = ("logger.topic", "logger.extended_topic", "mqtt.status_topic")
        topics = [expand(get(name)) for name in names]
        self._topics = topics if get("logger.enabled") else ["", "", ""]
        self._answers = expand(get("mqtt.atr_topic"))
        self._limits = get("logger.size"), get("logger.registers")

    def topic_for(self, kind):
        """Topic of a record; empty: it is not wanted."""
        if kind == readings.ERROR:
            return self._topics[2]
        return self._topics[1 if kind & readings.EXTENDED else 0]

    # --- for the supervisor

    def jitter(self, number):
        """Milliseconds that tell this device's back-offs from those of its neighbours."""
        return (sum(self.imei.encode()) * 37 + number * 211) % 1000

    def services(self):
        found = [(line.name, lambda line=line: line) for line in self.lines]
        if self.mqtt:
            found.append(("mqtt", lambda: self.mqtt))
            remote = Remote(self.mqtt, self.processor, self._answer_topic)
            found.append(("commands", lambda: remote))
        if self.console:
            found.append(("console", lambda: self.console))
        if self.keeper:
            found.append(("time", lambda: self.keeper))
        if hasattr(self.link, "run"):
            found.append(("link", lambda: self.link))
        return found

    # --- what commands do to the device

    def change(self, values):
        """Take and keep settings, and use them at once where that is possible. ConfigError.

        What could cut the device off is on trial: when the broker is not reached again in `device.trial` minutes
        the old values come back.
        """
        needs = self.config.change(values, self.config.get("device.trial") * 60)
        if "link" in needs:
            self.config.begin_trial()
            self._trial_since = monotonic_s()
        self._apply()

    def _apply(self):
        """Use the settings as they are now."""
        self.look_up_topics()
        self.ring.order = self.config.get("logger.order")
        self.header[2] = self.config.get("logger.time")
        self.header[3] = self.config.get("logger.profile")
        if self.mqtt:
            settings = self.mqtt_settings() or {"enabled": False}
            if settings != self.mqtt.settings:
                self.mqtt.reconfigure(settings)

    def watch_trial(self):
        """Confirm settings on trial once the broker is reached with them, or take them back."""
        if not self.config.trying:
            return
        passed = monotonic_s() - self._trial_since
        if self.mqtt and self.mqtt.connected and passed > _SETTLE_S:
            self.config.confirm()
            diag.info("config", "the changed settings work and stay")
        elif passed > self.config.trying:
            names = ", ".join(self.config.expire())
            diag.error("config", "the broker was not reached; taken back: %s", names)
            self._apply()

    def restart(self, reason):
        """Start again once the answer is out."""
        self.restart_reason = reason

    def sync(self):
        """Ask for the time as soon as possible (firmware/timekeeper.py looks here)."""
        self.time_wanted = True

    def status(self):
        """What GETSTATUS tells."""
        return {
            "version": VERSION,
            "imei": self.imei,
            "utc": self.clock.utc(),
            "clock": self.clock.source_name(),
            "heap": gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0,
            "turn_ms": self.longest_turn_ms,
            "log": self.ring.stats(),
            "mqtt": self.mqtt.status() if self.mqtt else {},
            "link": self.link.status(),
            "meters": [meter.status() for line in self.lines for meter in line.meters],
            "restarts": {w.name: w.restarts for w in self.watched if w.restarts},
        }

    async def before_restart(self):
        """Leave nothing half done: the log is durable at any time, the broker is told."""
        self.ring.flush()
        diag.info("start", "restart: %s; %s", self.restart_reason, json.dumps(self.ring.stats()))
