"""The extended form of instantaneous values."""

from firmware.meters.records import extended

# The six of object 192, in the order of object addresses 1 to 6 (protocol reference 3.3).
_TOTALS = const("active_import active_export reactive_q1 reactive_q2 reactive_q3 reactive_q4")


class Form(extended.Form):
    """That of one Job."""

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
