"""The `extended` form of the records: units, validity, direction, quadrants, qualifier names, RFC 3339 times.

Loaded for a session while `logger.profile` asks for it, and let go with it. The modules in firmware/readings hand
over what the codec gave them; each method streams one record into the job's buffer and has it kept
with the kind's EXTENDED bit. docs/json.md shows every record.
"""

from firmware.clock.zone import civil
from firmware.core import errors, overlay
from firmware.port import const
from firmware.readings import CLOSINGS, CURVE, EXTENDED, INSTANT, TARIFF
from firmware.record import telemetry

# Bytes of a tariff object.
_SIZE = const(1280)
# Qualifier bits 7 to 0 (protocol reference 5).
_QUALIFIERS = "invalid unsynchronised overflow clock_checked parameters_changed intrusion power_failure reserved"
# Object addresses 1 to 8 (protocol reference 3.3), and the six of object 192 in the same order.
TOTALS = "active_import active_export reactive_q1 reactive_q2 reactive_q3 reactive_q4 reserve_7 reserve_8"
_INVALID = const(0x80)
_PERIODS = (CLOSINGS, CURVE, TARIFF)


def form(job):
    """The Form that can write what `job` reads; only that part of the code is loaded."""
    with overlay.use("session"):
        if job.kind == INSTANT:
            from firmware.record.values import Form
        elif job.kind in _PERIODS:
            from firmware.record.periods import Form
        else:
            from firmware.record.facts import Form
        return Form(job)


class Base:
    """The pieces of the extended records of one Job (firmware/meter/session.py)."""

    def __init__(self, job):
        self.job = job
        # The first form of most records is complete before the second begins: one buffer serves both.
        self.out = job.out
        self._between = job.kind in (CLOSINGS, TARIFF)

    def begin(self, name):
        """Start a record of TYPE `name`: TITAN's envelope, TS always RFC 3339, and what form this is."""
        if self._between:
            # The first form goes on afterwards: this one is written behind it.
            room = self.job.out.rest()
            self.out = telemetry.Writer(room if len(room) >= _SIZE else _SIZE)
        out, envelope = self.out, self.job.envelope
        out.begin()
        out.text("IMEI", envelope.imei)
        out.text("TYPE", name)
        out.key("TS")
        out.raw(telemetry.stamp(self.job.utc()))
        out.text("P", envelope.logger_id)
        out.text("ID", self.job.meter.ident)
        out.text("FORM", "extended")

    async def keep(self):
        await self.job.emit(self.out.end(), self.job.kind | EXTENDED)

    # --- pieces

    def time(self, name, tag, utc=None):
        """The meter's time with its offset as the tag's summer bit says, or null; `utc` overrides the tag's."""
        out = self.out
        out.key(name)
        zone = self.job.clock.zone
        if utc is None:
            try:
                utc = tag.to_utc(zone)
            except errors.AsduError:
                out.raw("null")
                return
        offset = zone.standard + (3600 if tag.su and zone.has_summer else 0)
        out.raw('"%04d-%02d-%02dT%02d:%02d:%02d' % civil(utc + offset))
        if tag.millisecond:
            out.raw(".%03d" % tag.millisecond)
        out.raw('+%02d:%02d"' % (offset // 3600, offset // 60 % 60))

    def meter_time(self, tag):
        """The time the meter gave a reading, and whether it vouches for it."""
        self.time("meter_time", tag)
        self.out.flag("meter_time_valid", not tag.iv and tag.possible())

    def value(self, name, value, unit, valid, decimals=0):
        """`name: {"value", "unit", "valid"`, left open for more; `decimals` of the digits stand behind the point."""
        out = self.out
        out.key(name)
        out.raw('{"value":')
        if decimals:
            scale = 10**decimals
            out.raw("%d.%0*d" % (value // scale, decimals, value % scale))
        else:
            out.raw("%d" % value)
        if unit != "-":
            out.text("unit", unit)
        out.flag("valid", valid)

    def qualified(self, name, value, unit, bits):
        """A value with the names of the qualifier bits that are set."""
        out = self.out
        self.value(name, value, unit, not bits & _INVALID)
        out.key("qualifier")
        out.raw("[")
        at = _INVALID
        for word in _QUALIFIERS.split():
            if bits & at:
                out.item()
                out.string(word)
            at >>= 1
        out.raw("]}")
