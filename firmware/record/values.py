"""The extended form of the instantaneous values; see extended.py."""

from firmware.record.extended import TOTALS, Base


class Form(Base):
    async def instant(self, objects):
        """Objects 192, 193 and 194 of a 163 (protocol reference 6.8)."""
        self.begin("IEC102")
        out = self.out
        self.meter_time(objects[0]["time"])
        for item in objects:
            if "totals" in item:
                self._six(item["totals"])
            elif "powers" in item:
                out.key("power")
                out.raw("{")
                for name, power in zip(("total", "l1", "l2", "l3"), item["powers"]):
                    self._power(name, power)
                out.raw("}")
            elif "phases" in item:
                out.key("phases")
                out.raw("{")
                for name, phase in zip(("l1", "l2", "l3"), item["phases"]):
                    self._phase(name, phase)
                out.raw("}")
        await self.keep()

    def _six(self, totals):
        out = self.out
        out.key("totals")
        out.raw("{")
        for number, name in enumerate(TOTALS.split()[:6]):
            total = totals[number]
            unit = "kWh" if number < 2 else "kvarh"
            self.value(name, total["value"], unit, not total["invalid"])
            out.raw("}")
        out.raw("}")

    def _power(self, name, power):
        out = self.out
        valid, export, lower = not power["invalid"], power["export"], power["quadrant34"]
        out.key(name)
        out.raw("{")
        self.value("active", power["active"], "kW", valid)
        out.text("direction", "export" if export else "import")
        out.raw("}")
        self.value("reactive", power["reactive"], "kvar", valid)
        # Import is quadrant 1 or 4, export 2 or 3.
        out.int("quadrant", (3 if lower else 2) if export else (4 if lower else 1))
        out.raw("}")
        self.value("power_factor", power["cos_phi"], "1", valid, 3)
        out.raw("}}")

    def _phase(self, name, phase):
        out = self.out
        valid = not phase["invalid"]
        out.key(name)
        out.raw("{")
        self.value("current", phase["current"], "A", valid, 1)
        out.raw("}")
        self.value("voltage", phase["voltage"], "V", valid, 1)
        out.raw("}}")
