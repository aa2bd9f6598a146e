"""Builds what it takes to reach the device: identity, link, broker, console. Loaded at start-up and then let go.

Apart from build.py because the safe mode builds this and nothing else (`build()`): there are no meters and no log,
as one of them may be what crashes, and what is imported here may not need them. Each part that fails there costs
itself only.
"""

from firmware.app import apply_settings
from firmware.commands.dispatcher import Processor
from firmware.config import password
from firmware.core import log, overlay
from firmware.core.clock import Clock
from firmware.core.flash_gate import Gate
from firmware.meters.records import RecordFormat
from firmware.update.safestart import crashed

_NOT_MADE = const(258)  # code of an error (core/errors.py)


def settings(app):
    """Load the settings, tell what is wrong with them, and find out who the device is."""
    config = app.config
    config.load()
    for problem in config.problems:
        log.error("config", "%s", problem)
        log.note("config", problem)
    preset = getattr(app.board, "preset", None)
    if preset:
        config.set_many(preset())
    app.unsealed = password.typed(config)
    # The identity: the setting, or what the board knows: the modem's from before, or its own number.
    app.imei = config.get("device.imei") or app.board.ident()
    config.expansions["IMEI"] = app.imei
    app.format = RecordFormat()
    apply_settings.write_format(app)
    config.expansions["ID"] = config.get("meter.id", 0)
    log.info("start", "identity %s", app.imei)


def jitter(app, number):
    """Milliseconds that tell this device's back-offs from those of its neighbours."""
    return (sum(app.imei.encode()) * 37 + number * 211) % 1000


def link(app):
    """The way out, and the modem if it is one."""
    app.link = app.board.link(app.config)
    if hasattr(app.link, "command"):
        app.modem = app.link
        app.modem.store.gate = app.gate
        app.modem.on_time = app.clock.set  # no function of ours: it would keep this module
        app.modem.execute = app.processor.answer  # of a short message
        app.modem.tell = app.brief
        app.modem.known_as = app.known_as


def uplink(app):
    """The client of the broker; where none is set it waits for that."""
    try:
        from umqtt import simple
    except ImportError as error:
        # MicroPython was built without sockets: what the link says about that says the rest.
        log.error("start", "nothing is delivered: %s", error)
        return
    with overlay.part:
        from firmware.delivery.mqtt.service import MqttService

    app.mqtt = MqttService(
        simple,
        apply_settings.mqtt_settings(app),
        app.ring,
        app.link,
        app.topic_for,
        app.board.feed,
        app.gate,
        jitter(app, 0),
        deaf=getattr(app.board, "deaf", False),
    )
    app.mqtt.cursor = app.ring
    app.deliveries.insert(0, app.mqtt)


def console(app):
    """The local console, where it is wanted and the board has one."""
    port = app.board.console() if app.config.get("console.enabled") else None
    if port:
        with overlay.part:
            from firmware.commands.channels.console import Console

        app.console = Console(port, app.processor, app.config.get("console.echo"))


# --- the safe mode


class NoLog:
    """In the place of the log: keeps nothing, gives nothing and knows nothing."""

    order = ""
    lost = 0

    def stats(self):
        return {}

    def depth(self):
        return 0

    def take(self):
        """No record ever waits."""

    def release(self, seq=None):
        """None is on its way."""

    def flush(self):
        """None was acknowledged."""


def build(app):
    """Fill an App (device.py) like build.build()."""
    log.error("start", "safe mode: no meter is read, nothing is logged; commands and updates are taken")
    settings(app)
    app.gate = Gate()
    app.clock = Clock(app.board.rtc, app.config.get("device.zone"), app.board.rtc_source)
    app.ring = NoLog()
    app.processor = Processor(app)
    _part(link, app)
    if app.link is None:
        with overlay.part:
            from firmware.net.link import NoLink

        app.link = NoLink(_NOT_MADE)
    _part(uplink, app)
    _part(console, app)


def _part(make, app):
    try:
        make(app)
    except Exception as error:  # what is left of the device has to go on
        crashed(error, "safe mode")
        log.error("start", "safe mode: %s: %s", type(error).__name__, error)
