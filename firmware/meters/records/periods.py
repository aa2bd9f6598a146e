"""The extended form of what has periods: tariff objects and load curves."""

from firmware.meters.records import extended

# Object addresses 1 to 8 (protocol reference 3.3).
_TOTALS = const("active_import active_export reactive_q1 reactive_q2 reactive_q3 reactive_q4 reserve_7 reserve_8")
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


class Form(extended.Form):
    """Those of one Job."""

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
