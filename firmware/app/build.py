"""Builds the device from its settings: every service, joined to the others. Loaded at start-up and then let go.

`build(app)` fills an App (device.py). Settings that are wrong cost the part they belong to, and are told.
"""

import os

from firmware.app import build_base
from firmware.app.device import TimeKeeper
from firmware.commands.dispatcher import Processor
from firmware.config.settings import MAX_METERS, MAX_PORTS
from firmware.core import errors, log, overlay
from firmware.core.clock import HOST, Clock
from firmware.core.flash_gate import Gate
from firmware.core.zone import iso
from firmware.meters import readings
from firmware.meters.ledger import Ledger
from firmware.meters.meter import Meter, MeterLine
from firmware.meters.readings import kinds
from firmware.meters.schedule import Schedule
from firmware.recordlog.ring import Ring

_PARITY = {"none": None, "even": 0, "odd": 1}
_DAY = const(86400)
# What the log leaves of the flash: two versions of the firmware, 64 KiB that an update wants free, files and folders.
# It is no less now that an update needs no third: an older version would drop what is beyond the log's share there.
_VERSIONS = const(552 * 1024)
_LEAST = const(128 * 1024)
# Codes of errors (core/errors.py).
_NO_PORT = const(401)
_NO_SERIAL = const(402)
_NO_TAGS = const(403)


def build(app):
    """Make every part; settings that are wrong cost that part only, and are told."""
    config = app.config
    build_base.settings(app)
    app.gate = Gate()
    app.clock = Clock(app.board.rtc, config.get("device.zone"), app.board.rtc_source)
    log.info("start", "clock: %s (%s)", iso(app.clock.utc()), app.clock.source_name())
    app.ring = Ring(app.board.root + "/log", config.get("logger.segment"), *_segments(app))
    deliveries(app)
    app.ring.mount()
    for each in app.deliveries:
        each.cursor.mount()
    app.ring.order = config.get("logger.order")
    stats = app.ring.stats()
    log.info(
        "log",
        "%d records wait, %d lost, %d damaged",
        stats["depth"],
        stats["lost"],
        stats["damaged"],
    )
    if app.ring.over:
        files = app.ring.newest - app.ring.first + 1
        log.warn("log", "%d files, %d may be kept: the oldest go once they are delivered", files, app.ring.segments)
    app.lines = []
    _build_lines(app)
    app.processor = Processor(app)
    build_base.link(app)
    if app.clock.source != HOST:
        app.keeper = TimeKeeper(app)  # a host looks after its own clock
    build_base.uplink(app)
    build_base.console(app)
    try:
        _build_tags(app)
        discovery(app)
    except ImportError as error:
        # The base version has neither (tools/pack.py).
        log.error("config", "this version has no ports for commands and no Home Assistant: %s", error)
    if config.get("page.password"):
        try:
            with overlay.part:
                from firmware.web import start

            app.page = start.page(app)
        except ImportError:
            log.error("start", "this version has no page")


def discovery(app):
    if app.mqtt and app.config.get("ha.enabled"):
        with overlay.part:
            from firmware.delivery.discovery import Discovery

        app.discovery = Discovery(app)


def deliveries(app):
    """The deliveries beside MQTT, before the log is mounted: it must not give up what they wait for."""
    get = app.config.get
    if get("http.enabled") or get("ftp.enabled"):
        with overlay.use("options"):
            from firmware.delivery import options

            app.deliveries = options.make(app, lambda number: build_base.jitter(app, number))
        # What MQTT does not deliver does not wait for it, since it does for others.
        app.ring.wanted = get("mqtt.enabled")


def _segments(app):
    """(files the log may have, files the flash has room for): on a small flash the versions of the firmware need their
    room, too."""
    wanted = app.config.get("logger.segments")
    try:
        facts = os.statvfs(app.board.root or "/")
    except (AttributeError, OSError):
        return wanted, 0
    size = app.config.get("logger.segment")
    most = max((facts[1] * facts[2] - _VERSIONS) // size, _LEAST // size, 2)
    found = min(wanted, most)
    if found < wanted:
        log.warn("log", "the flash has room for %d KiB of it, not for %d", found * size >> 10, wanted * size >> 10)
    return found, most


def _build_lines(app):
    config = app.config
    for port in range(1, MAX_PORTS + 1):
        meters = [
            _meter(app, index)
            for index in range(MAX_METERS)
            if config.get("meter.enabled", index) and config.get("meter.port", index) == port
        ]
        if not meters or not config.get("port.enabled", port):
            continue
        if port > app.board.ports:
            _fault(app, port, (_NO_PORT, port, _names(meters)), meters)
            continue
        serial, form = _serial(app, port, "; not read: " + _names(meters), meters)
        if serial is None:
            continue
        line = MeterLine(
            "port %d" % port,
            serial,
            meters,
            app.clock,
            app.keep,
            app.format,
            app.gate,
        )
        app.lines.append(line)
        log.info("start", "port %d: %s: %s", port, form, _names(meters))


def _names(meters):
    return ", ".join(meter.ident for meter in meters)


def _fault(app, port, why, meters=()):
    """Tell it now, and keep it for whoever asks later (GETSTATUS,start and DOCTOR)."""
    log.error("start", "%s", errors.text(why))
    app.faults += ((port, why, tuple([meter.ident for meter in meters])),)


def _serial(app, port, use, meters=()):
    """(the port as its settings want it, these in words); None where the board can't give it, which is told.

    `use`: what is lost without it.
    """

    def get(name):
        return app.config.get("port." + name, port)

    baud, bits, parity, stop = int(get("baud")), int(get("bits")), get("parity"), int(get("stop"))
    flow, rs485 = get("flow") == "hardware", get("type") == "rs485"
    form = "%d baud %d%s%d" % (baud, bits, parity[0].upper(), stop)
    try:
        return app.board.uart(port - 1, baud, bits, _PARITY[parity], stop, flow, rs485), form
    except (ValueError, TypeError, OSError) as error:
        # One wrong pin or format must not keep the other port, the console and the way out from working.
        _fault(app, port, (_NO_SERIAL, port, form, str(error), use), meters)
        return None, form


def _build_tags(app):
    """AT commands in tags on the ports that want them and that no meter hangs on (TITAN reference 2.2)."""
    app.tags = []
    taken = [line.name for line in app.lines]
    for port in range(1, MAX_PORTS + 1):
        local, remote = app.config.get("port.at", port), app.config.get("port.at_remote", port)
        if not (local or remote) or not app.config.get("port.enabled", port):
            continue
        if "port %d" % port in taken or port > app.board.ports:
            _fault(app, port, (_NO_TAGS, port))
            continue
        with overlay.part:
            from firmware.commands.channels.tags import Tagged

        serial, form = _serial(app, port, "; it takes no commands")
        if serial is None:
            continue
        app.tags.append(Tagged(serial, app.processor, port, local, remote))
        log.info("start", "port %d: %s: commands in tags", port, form)


def _meter(app, index):
    get = app.config.get
    address = get("meter.link", index), get("meter.point", index), int(get("meter.password", index) or 0)
    schedules = []
    for kind in kinds.every():
        often = get("meter." + kind.setting, index) if kind.setting else 0
        if often is True:
            schedules.append(Schedule(kind.number, _DAY, kind.once))
        elif often:
            unit = getattr(app.board, "interval_unit", 60) if kind.number == readings.INSTANT else 60
            schedules.append(Schedule(kind.number, often * unit, kind.once, get("iec102.align")))
    wanted = _options(app.config, index)
    for line in app.lines:
        for meter in line.meters:
            if meter.options == wanted:
                wanted = meter.options  # one for all of the same kind
    place = "%s/m%d_" % (app.board.root, index)
    ledger = Ledger(place + "ledger.json")
    if ledger.damaged:
        log.error("meter", "the ledger of meter %d is damaged: its history is read again", index)
    ident = get("meter.id", index) or "ID%05d" % index
    return Meter(ident, address, schedules, get("meter.logger", index), wanted, ledger, place)


def _options(config, index):
    """The options of a meter.Meter, by its number in the settings; those of its LinkAddress in `times`."""
    get = config.get
    return {
        "days": get("meter.closing_days", index),
        "contract": get("meter.contract", index),
        "totals": get("iec102.totals"),
        "invalid": get("iec102.invalid"),
        "resend": get("meter.resend", index),
        "curve_record": int(get("meter.curve_record", index)),
        "curve_minutes": int(get("meter.curve_minutes", index)),
        "curve_days": get("meter.curve_days", index),
        "set_clock": get("meter.set_clock", index),
        "max_step": get("meter.max_step", index),
        "times": {
            "answer_ms": get("iec102.answer_timeout"),
            "gap_ms": get("iec102.gap_timeout"),
            "busy_ms": get("iec102.busy_limit") * 1000,
            "session_ms": get("iec102.session_deadline") * 1000,
            "turnaround_ms": get("iec102.turnaround"),
            "retries": get("iec102.retries"),
        },
    }
