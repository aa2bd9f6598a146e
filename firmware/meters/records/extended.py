"""The `extended` form of the records: units, validity, direction, quadrants, qualifier names, RFC 3339 times.

Loaded for a session while `logger.profile` asks for it, and let go with it: what all records have, and one of the
modules facts, instant and periods beside this one, whose `Form` adds those of the session's kind. The
modules in firmware/meters/readings hand over what the codec gave them; each method streams one record into the job's
buffer and has it kept with the kind's EXTENDED bit. docs/json.md shows every record.
"""

from firmware.core import overlay
from firmware.core.zone import civil
from firmware.iec102 import errors
from firmware.meters.readings import EXTENDED
from firmware.meters.records import titan

# Bytes of a tariff object.
_SIZE = const(1280)
# Qualifier bits 7 to 0 (protocol reference 5).
_QUALIFIERS = const(
    "invalid unsynchronised overflow clock_checked parameters_changed intrusion power_failure reserved"
)
_INVALID = const(0x80)


def form(job, module):
    """The Form of a Job (firmware/meters/session.py) whose reading is in that module of firmware/meters/readings."""
    with overlay.use("session"):
        if module == "facts":
            from firmware.meters.records import facts as found
        elif module == "instant":
            from firmware.meters.records import instant as found
        else:
            from firmware.meters.records import periods as found
        return found.Form(job)


class Form:
    """What the extended records of one Job have in common."""

    def __init__(self, job):
        self.job = job
        # The first form of most records is complete before the second begins: one buffer serves both.
        self.out = job.out

    def begin(self, between=False):
        """Start a record: TITAN's envelope, TS always RFC 3339, and what form this is.

        `between`: the first form goes on afterwards.
        """
        if between:
            # This one is written behind it.
            room = self.job.out.rest()
            self.out = titan.Writer(room if len(room) >= _SIZE else _SIZE)
        out, job = self.out, self.job
        titan.envelope(out, job.format, job.type, job.utc(), job.meter.ident, "unix")
        out.text("FORM", "extended")
        return out

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
        offset = titan.offset_of(tag, zone)
        out.raw('"%04d-%02d-%02dT%02d:%02d:%02d' % civil(utc + offset))
        if tag.millisecond:
            out.raw(".%03d" % tag.millisecond)
        out.raw(titan.offset_text(offset) + '"')

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
        out.open("qualifier", "[")
        at = _INVALID
        for word in _QUALIFIERS.split(" "):
            if bits & at:
                out.item()
                out.string(word)
            at >>= 1
        out.raw("]}")
