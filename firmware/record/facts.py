"""The extended form of what a meter tells about itself: events, clock, identity, powers, setup; see extended.py."""

from firmware.record.extended import Base


class Form(Base):
    async def events(self, section, events):
        """The new events of one answer (protocol reference 6.7)."""
        self.begin("IEC102_EV")
        out = self.out
        out.int("record", section)
        out.key("events")
        out.raw("[")
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
        self.begin("IEC102_CLOCK")
        self.meter_time(tag)
        self.out.key("drift")
        if drift is None:
            self.out.raw("null")
        else:
            self.out.raw('{"value":%d,"unit":"s"}' % drift)
        self.out.flag("set", was_set)
        await self.keep()

    async def identity(self, item):
        """Manufacturer and equipment (71)."""
        self.begin("IEC102_ID")
        for name in ("manufacturer", "equipment"):
            self.out.int(name, item[name])
        self.out.text("standard", "%04d-%02d" % (item["standard_year"], item["standard_month"]))
        await self.keep()

    async def power(self, record, answer):
        """Contracted powers (145)."""
        self.begin("IEC102_PC")
        out = self.out
        out.int("contract", record - 133)
        self.time("since", answer.time)
        out.key("contracted")
        out.raw("{")
        for item in answer.objects:
            self.value("P%d" % (item["address"] - 20), item["power"], "kW", True)
            out.raw("}")
        out.raw("}")
        await self.keep()

    async def setup(self, item):
        """The meter's configuration (142), names as in the protocol reference 6.6."""
        self.begin("IEC102_CFG")
        # MicroPython keeps no order of its own.
        for name in sorted(item):
            value = item[name]
            if isinstance(value, int):
                self.out.int(name, value)
            elif isinstance(value, str):
                self.out.text(name, value)
            else:
                self.time(name, value)
        await self.keep()
