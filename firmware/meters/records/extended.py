"""The `extended` form of the records: units, validity, direction, quadrants, qualifier names, RFC 3339 times.

Loaded for a session while `logger.profile` asks for it, and let go with it. The modules in firmware/meters/readings
hand over what the codec gave them; each method streams one record into the job's buffer and has it kept
with the kind's EXTENDED bit. docs/json.md shows every record.
"""

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
# Object addresses 1 to 8 (protocol reference 3.3), and the six of object 192 in the same order.
_TOTALS = const("active_import active_export reactive_q1 reactive_q2 reactive_q3 reactive_q4 reserve_7 reserve_8")
_INVALID = const(0x80)
# Value, qualifier, name and unit of each value of a tariff object (TITAN reference 3.3).
_TARIFF = const("""EaA CA active kWh
EiA CA active_increment kWh
EaRi CRi inductive kvarh
EiRi CRi inductive_increment kvarh
EaRc CRc capacitive kvarh
EiRc CRc capacitive_increment kvarh
R7 C7 reserve_7 -
R8 C8 reserve_8 -
MPA CMA max_power kW
EPA CE excess_power kW""")


class Form:
    """The extended records of one Job (firmware/meters/session.py)."""

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

    # --- what a meter tells about itself

    async def events(self, section, events):
        """The new events of one answer (protocol reference 6.7)."""
        out = self.begin()
        out.int("record", section)
        out.open("events", "[")
        for event in events:
            out.item()
            out.raw("{")
            self.time("time", event["time"])
            out.flag("time_valid", not event["time"].iv)
            out.int("point", event["spa"])
            out.int("qualifier", event["spq"])
            out.flag("on", event["spi"])
            out.raw("}")
        out.raw("]")
        await self.keep()

    async def clock(self, tag, drift, was_set):
        """The meter's clock (72) and how many seconds it is ahead."""
        out = self.begin()
        self.meter_time(tag)
        out.key("drift")
        out.raw("null" if drift is None else '{"value":%d,"unit":"s"}' % drift)
        out.flag("set", was_set)
        await self.keep()

    async def identity(self, item):
        """Manufacturer and equipment (71)."""
        out = self.begin()
        for name in ("manufacturer", "equipment"):
            out.int(name, item[name])
        out.text("standard", "%04d-%02d" % (item["standard_year"], item["standard_month"]))
        await self.keep()

    async def power(self, record, answer):
        """Contracted powers (145)."""
        out = self.begin()
        out.int("contract", record - 133)
        self.time("since", answer.time)
        out.open("contracted")
        for item in answer.objects:
            self.value("P%d" % (item["address"] - 20), item["power"], "kW", True)
            out.raw("}")
        out.raw("}")
        await self.keep()

    async def setup(self, item):
        """The meter's configuration (142), names as in the protocol reference 6.6."""
        out = self.begin()
        # MicroPython keeps no order of its own.
        for name in sorted(item):
            value = item[name]
            if isinstance(value, int):
                out.int(name, value)
            elif isinstance(value, str):
                out.text(name, value)
            else:
                self.time(name, value)
        await self.keep()

    # --- what has periods

    async def tariff(self, record, item):
        """One tariff object of a closing or of the current values (135, 136; protocol reference 6.5)."""
        out = self.begin(True)
        out.int("contract", record - 133)
        address = item["DO"]
        out.int("object", address)
        out.text("period", "total" if address == 20 else "P%d" % (address - 20))
        self.time("start", item["DINI"])
        self.time("end", item["DEND"])
        for line in _TARIFF.split("\n"):
            value, bits, title, unit = line.split(" ")
            self.qualified(title, item[value], unit, item[bits])
        self.time("max_power_time", item["FMPA"])
        await self.keep()

    async def period(self, record, seconds, tag, pairs):
        """One period of a load curve; its label is its end (protocol reference 6.3). `seconds` is its length."""
        out = self.begin()
        out.int("record", record)
        out.int("minutes", seconds // 60)
        zone = self.job.clock.zone
        end = tag.to_utc(zone)
        tag_su, start = tag.su, end - seconds
        if zone.is_summer(end) == bool(tag_su):
            # A meter that follows the zone's rule: the start may be on the other side of a switch.
            tag.su = zone.is_summer(start)
        self.time("start", tag, start)
        tag.su = tag_su
        self.time("end", tag)
        out.flag("meter_time_valid", not tag.iv)
        names = _TOTALS.split(" ")
        for address, total in pairs:
            unit = "kWh" if address < 3 else "kvarh" if address < 7 else "-"
            self.qualified(names[address - 1], total["value"], unit, total["qualifier"])
        await self.keep()

    # --- instantaneous values

    async def instant(self, objects):
        """Objects 192, 193 and 194 of a 163 (protocol reference 6.8)."""
        out = self.begin()
        self.meter_time(objects[0]["time"])
        for item in objects:
            if "totals" in item:
                out.open("totals")
                for number, (name, total) in enumerate(zip(_TOTALS.split(" "), item["totals"])):
                    self.value(name, total["value"], "kWh" if number < 2 else "kvarh", not total["invalid"])
                    out.raw("}")
            elif "powers" in item:
                out.open("power")
                for name, power in zip(("total", "l1", "l2", "l3"), item["powers"]):
                    self._power(name, power)
            else:
                out.open("phases")
                for name, phase in zip(("l1", "l2", "l3"), item["phases"]):
                    valid = not phase["invalid"]
                    out.open(name)
                    self.value("current", phase["current"], "A", valid, 1)
                    out.raw("}")
                    self.value("voltage", phase["voltage"], "V", valid, 1)
                    out.raw("}}")
            out.raw("}")
        await self.keep()

    def _power(self, name, power):
        out = self.out
        valid, export, lower = not power["invalid"], power["export"], power["quadrant34"]
        out.open(name)
        self.value("active", power["active"], "kW", valid)
        out.text("direction", "export" if export else "import")
        out.raw("}")
        self.value("reactive", power["reactive"], "kvar", valid)
        # Import is quadrant 1 or 4, export 2 or 3.
        out.int("quadrant", (3 if lower else 2) if export else (4 if lower else 1))
        out.raw("}")
        self.value("power_factor", power["cos_phi"], "1", valid, 3)
        out.raw("}}")

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
