"""The extended form of what a meter tells about itself: events, clock, identity, contracted powers, configuration."""

from firmware.meters.records import extended


class Form(extended.Form):
    """Those of one Job."""

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
