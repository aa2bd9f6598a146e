"""Builds the device of the safe mode: what it takes to be reached, looked at and updated, and nothing else.

There are no meters and no log: one of them may be what crashes. Each part that fails here costs itself only.
"""

from firmware import diag, reach
from firmware.clock.clock import Clock
from firmware.commands.processor import Processor
from firmware.core import overlay
from firmware.gate import Gate
from firmware.port import const
from firmware.update.safestart import crashed

_NOT_MADE = const(258)  # code of an error (core/errors.py)


class NoLog:
    """In the place of the log: keeps nothing, gives nothing and knows nothing."""

    order = ""

    def stats(self):
        return {}

    def take(self):
        """No record ever waits."""

    def release(self, seq=None):
        """None is on its way."""

    def flush(self):
        """None was acknowledged."""


def build(app):
    """Fill an App (services.py) like assembly.build()."""
    diag.error("start", "safe mode: no meter is read, nothing is logged; commands and updates are taken")
    reach.settings(app)
    app.gate = Gate()
    app.clock = Clock(app.board.rtc, app.config.get("device.zone"), app.board.rtc_source)
    app.ring = NoLog()
    app.processor = Processor(app)
    _part(reach.link, app)
    if app.link is None:
        with overlay.part:
            from firmware.boards.netlink import NoLink

        app.link = NoLink(_NOT_MADE)
    _part(reach.uplink, app)
    _part(reach.console, app)


def _part(make, app):
    try:
        make(app)
    except Exception as error:  # what is left of the device has to go on
        crashed(error, "safe mode")
        diag.error("start", "safe mode: %s: %s", type(error).__name__, error)
