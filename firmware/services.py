"""What the app consists of: every service built from the settings and joined to the others.

`App(board)` then `build()`; `services()` are (name, factory) pairs for the supervisor. The factories hand out
the same object each time: a service keeps its counters and queues over a restart of its task.
"""

import gc
import json

from firmware import diag, meterline, readings, telemetry
from firmware.clock import Clock
from firmware.config import Config
from firmware.gate import Gate
from firmware.iec102.address import LinkAddress
from firmware.iec102.master import Master
from firmware.ledger import Ledger
from firmware.log.ring import Ring
from firmware.meter import Meter
from firmware.schedule import Schedule
from firmware.settings import MAX_METERS, MAX_PORTS
from firmware.uplink.service import MqttService
from firmware.zone import Zone

VERSION = "0.1.0"
_PARITY = {"none": None, "even": 0, "odd": 1}
_DAY = 86400
# Setting of a schedule -> kind of reading; all in minutes.
_SCHEDULES = (
    ("meter.curve", readings.CURVE, True),
    ("meter.tariff", readings.TARIFF, False),
    ("meter.events", readings.EVENTS, True),
    ("meter.clock", readings.CLOCK, False),
    ("meter.identity", readings.IDENTITY, False),
    ("meter.power", readings.POWER, False),
    ("meter.setup", readings.SETUP, False),
)


class App:
    def __init__(self, board):
        self.board = board
        self.config = Config(board.root + "/config.json")
        self.watched = []
        self.longest_turn_ms = 0
        self.peak_heap = 0
        self.restart_reason = ""

    def build(self):
        """Make every part; settings that are wrong cost that part only, and are told."""
        config = self.config
        config.load()
        for problem in config.problems:
            diag.error("config", "%s", problem)
        preset = getattr(self.board, "preset", None)
        if preset:
            config.set_many(preset())
        self._identify()
        self.gate = Gate()
        self.clock = Clock(self.board.rtc, Zone(config.get("device.zone")), self.board.rtc_source)
        diag.info(
            "start", "clock: %s (%s)", telemetry.stamp(self.clock.utc()), self.clock.source_name()
        )
        self.ring = Ring(self.board.root + "/log")
        self.ring.mount()
        self.ring.order = config.get("logger.order")
        stats = self.ring.stats()
        diag.info(
            "log",
            "%d records wait, %d lost, %d damaged",
            stats["depth"],
            stats["lost"],
            stats["damaged"],
        )
        logger_id = config.expand(config.get("logger.id"))
        self.envelope = telemetry.Envelope(self.imei, logger_id, config.get("logger.time"))
        self.lines = []
        self._build_lines()
        self.link = self.board.link(config)
        self._build_uplink()

    def _identify(self):
        """The device's identity: the setting, or the board's own number."""
        config = self.config
        self.imei = config.get("device.imei") or self.board.ident()
        config.expansions["IMEI"] = self.imei
        config.expansions["P"] = config.expand(config.get("logger.id"))
        config.expansions["ID"] = config.get("meter.id", 0)
        diag.info("start", "identity %s", self.imei)

    # --- meters

    def _build_lines(self):
        config = self.config
        for port in range(1, MAX_PORTS + 1):
            meters = [
                self._meter(index)
                for index in range(MAX_METERS)
                if config.get("meter.enabled", index) and config.get("meter.port", index) == port
            ]
            if not meters or not config.get("port.enabled", port):
                continue
            if port > self.board.ports:
                diag.error("start", "this board has no port %d; its meters are not read", port)
                continue
            parity = config.get("port.parity", port)
            bits, stop = int(config.get("port.bits", port)), int(config.get("port.stop", port))
            baud = int(config.get("port.baud", port))
            serial = self.board.uart(port - 1, baud, bits, _PARITY[parity], stop)
            line = meterline.MeterLine(
                "port %d" % port,
                Master(serial, gate=self.gate),
                meters,
                self.clock,
                self.keep,
                self.envelope,
                self.gate,
            )
            self.lines.append(line)
            names = ", ".join(meter.ident for meter in meters)
            diag.info(
                "start",
                "port %d: %d baud %d%s%d: %s",
                port,
                baud,
                bits,
                parity[0].upper(),
                stop,
                names,
            )

    def _meter(self, index):
        get = self.config.get
        address = LinkAddress(
            get("meter.link", index),
            get("meter.point", index),
            int(get("meter.password", index) or 0),
            answer_ms=get("iec102.answer_timeout"),
            gap_ms=get("iec102.gap_timeout"),
            busy_ms=get("iec102.busy_limit") * 1000,
            session_ms=get("iec102.session_deadline") * 1000,
            turnaround_ms=get("iec102.turnaround"),
            retries=get("iec102.retries"),
        )
        schedules = []
        unit = getattr(self.board, "interval_unit", 60)
        if get("meter.interval", index):
            schedules.append(Schedule(readings.INSTANT, get("meter.interval", index) * unit))
        if get("meter.closing", index):
            schedules.append(Schedule(readings.CLOSINGS, _DAY, True))
        for name, kind, once in _SCHEDULES:
            if get(name, index):
                schedules.append(Schedule(kind, get(name, index) * 60, once))
        options = {
            "days": get("meter.closing_days", index),
            "contract": get("meter.contract", index),
            "resend": get("meter.resend", index),
            "curve_record": int(get("meter.curve_record", index)),
            "curve_days": get("meter.curve_days", index),
            "set_clock": get("meter.set_clock", index),
            "max_step": get("meter.max_step", index),
        }
        ledger = Ledger("%s/ledger%d.json" % (self.board.root, index))
        if ledger.damaged:
            diag.error(
                "meter", "the ledger of meter %d is damaged: its history is read again", index
            )
        ident = get("meter.id", index) or "ID%05d" % index
        return Meter(ident, address, schedules, get("meter.logger", index), options, ledger)

    def keep(self, batch):
        """Put a batch of (kind, utc, payload) into the log."""
        self.ring.append_many(batch)

    # --- the way out

    def _build_uplink(self):
        self.mqtt = None
        settings = self._mqtt_settings()
        if settings is None:
            return
        from umqtt import simple

        self.mqtt = MqttService(
            simple,
            settings,
            self.ring,
            self.link,
            self._topic_for,
            self.board.feed,
            self.gate,
            self.jitter(0),
        )

    def _mqtt_settings(self):
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

    def _topic_for(self, kind):
        get = self.config.get
        if kind == readings.ERROR:
            name = "mqtt.status_topic"
        elif kind & readings.EXTENDED:
            name = "logger.extended_topic"
        else:
            name = "logger.topic"
        return self.config.expand(get(name)) if get("logger.enabled") else None

    # --- for the supervisor

    def jitter(self, number):
        """Milliseconds that tell this device's back-offs from those of its neighbours."""
        return (sum(self.imei.encode()) * 37 + number * 211) % 1000

    def services(self):
        found = [(line.name, lambda line=line: line) for line in self.lines]
        if self.mqtt:
            found.append(("mqtt", lambda: self.mqtt))
        return found

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
