"""What the meter says to each request: ASDUs in, ASDUs out. `Refusal` carries the cause of a negative answer."""

from firmware.iec102.asdu import Asdu
from firmware.iec102.timetag import TimeTag, from_utc
from tools.meter import events, tariff
from tools.meter.billing import Billing
from tools.meter.curves import KEPT, Curves, span_of
from tools.meter.manners import Manners
from tools.meter.refusal import NO_OBJECT, NO_RECORD, NO_TYPE, UNKNOWN_RECORD, Refusal

_CONTRACTS = range(134, 140)  # those of today and the latent ones
_EVENTS_A_FRAME = 20
_EVERY_YEAR = 99
_BATTERY = 97


class Answers:
    """The data side of one meter. `reply(request)` gives the data ASDUs (an iterator); Refusal otherwise.

    `link` and `point`: its addresses, for those who ask. `no_events`: whether a range without events is refused
    (cause 13) or simply ends; meters differ. `manners`: manners.Manners.
    """

    def __init__(self, meter, no_types=(), link=1, no_events="refuse", manners=None):
        self.meter = meter
        self.no_types = set(no_types)
        self.no_events = no_events
        self._link = link
        self.manners = manners or Manners()
        curves, billing = Curves(meter, self.manners), Billing(meter, self.manners)
        self._handlers = {
            100: self._identity,
            103: self._clock,
            102: self._events,
            122: lambda request: curves.totals(request, 8, False),
            123: lambda request: curves.totals(request, 11, True),
            133: billing.current,
            134: billing.stored,
            141: self._equipment,
            144: self._powers,
            147: self._holidays,
            150: self._calendar,
            156: self._setup,
            162: self._instant,
            182: self._point,
            189: lambda request: curves.blocks(request, 139, False),
            190: lambda request: curves.blocks(request, 140, True),
        }

    def reply(self, request):
        """An iterator over the data ASDUs."""
        if request.type not in self._handlers or request.type in self.no_types:
            raise Refusal(NO_TYPE)
        return iter(self._handlers[request.type](request))

    def _data(self, request, type, objects, time=None):
        return [Asdu(type, 5, request.point, request.record, objects, time)]

    def _tag(self, utc, b=False):
        return from_utc(utc, self.meter.zone, b)

    def _each(self, request, known):
        """The objects asked for, each made by its entry in `known` (address -> function)."""
        objects = []
        for item in request.objects:
            if item["address"] not in known:
                raise Refusal(NO_OBJECT)
            objects.append(dict(known[item["address"]](), address=item["address"]))
        return objects

    # --- identity, clock, instantaneous values

    def _identity(self, request):
        item = {
            "standard_month": 4,
            "standard_year": 2002,
            "manufacturer": self.meter.manufacturer,
            "equipment": self.meter.equipment,
        }
        return self._data(request, 71, [item])

    def _clock(self, request):
        tag = self._tag(self.meter.clock(), True)
        tag.millisecond = int(self.meter.now() % 1 * 1000)
        return self._data(request, 72, [{"time": tag}])

    def _instant(self, request):
        now = self.meter.clock()
        known = {
            192: lambda: self._totals(now),
            193: lambda: self._powers_now(now),
            194: lambda: self._phases(now),
        }
        for item in self.meter.fixed.get("instant", ()):
            known[item["address"]] = lambda item=item: item
        objects = [dict({"time": self._tag(now)}, **o) for o in self._each(request, known)]
        return self._data(request, 163, objects)

    def _totals(self, now):
        totals = self.meter.totals(now)
        return {"totals": [{"value": value, "invalid": False} for value in totals]}

    def _powers_now(self, now):
        phases = self.meter.power(now)
        whole = (sum(p for p, _, _ in phases), sum(q for _, q, _ in phases))
        return {"powers": [self._power(p, q) for p, q, *_ in (whole, *phases)]}

    def _power(self, active, reactive):
        """One group of 193 from W and var with their signs."""
        apparent = (active * active + reactive * reactive) ** 0.5
        return {
            "active": (abs(active) + 500) // 1000,
            "reactive": (abs(reactive) + 500) // 1000,
            "cos_phi": round(1000 * abs(active) / apparent) if apparent else 1000,
            "export": active < 0,
            "quadrant34": reactive < 0,
            "invalid": False,
        }

    def _phases(self, now):
        phases = []
        for active, reactive, volts in self.meter.power(now):
            apparent = (active * active + reactive * reactive) ** 0.5
            current = round(apparent * 100 / volts)  # VA over tenths of volts, to tenths of amperes
            phases.append({"current": current, "voltage": volts, "invalid": False})
        return {"phases": phases}

    # --- how it is set up

    def _contract(self, request):
        if request.record not in _CONTRACTS:
            raise Refusal(UNKNOWN_RECORD)

    def _powers(self, request):
        self._contract(request)
        objects = [{"address": 21 + i, "power": kw} for i, kw in enumerate(self.meter.contracted)]
        return self._data(request, 145, objects, self._tag(self.meter.installed))

    def _holidays(self, request):
        self._contract(request)
        days = [{"time": TimeTag(_EVERY_YEAR, m, d)} for m, d in tariff.HOLIDAYS]
        return self._data(request, 148, days)

    def _equipment(self, request):
        since = self.meter.zone.to_utc(2003, 2, 10, 0, 0, 0)
        item = {
            "manufacturer": self.meter.manufacturer, "model": "S1", "firmware": 3, "equipment": self.meter.equipment,
            "standard": 0x24, "protocol_date": self._tag(since), "battery": _BATTERY, "port1_speed": 6,
            "port1_format": 7, "port1_mode": 0, "port1_start": "", "port2_speed": 0, "port2_format": 0,
            "optical_speed": 6, "optical_format": 8, "vt_primary": 2300, "vt_secondary": 2300, "ct_primary": 50,
            "ct_secondary": 50, "period1": 60, "period2": 15, "period3": 0, "contracts": 0x2A,
        }  # fmt: skip
        return self._data(request, 142, [item])

    def _point(self, request):
        item = {
            "link": self._link,
            "points": 1,
            "point": request.point,
            "password": 0,  # kept to itself
            "period": 60,
            "depth": KEPT[11][1] * 24,
        }
        return self._data(request, 129, [item])

    def _calendar(self, request):
        self._contract(request)
        known = {193: self._seasons, 197: self._period_now}
        return self._data(request, 151, self._each(request, known))

    def _seasons(self):
        days = tariff.day_types()
        seasons = [
            {"start": TimeTag(_EVERY_YEAR, month, 1), "workday": number, "holiday": len(days)}
            for month, number in tariff.seasons()
        ]
        activation = self._tag(self.meter.installed)
        return {
            "direction": 1,
            "kind": 2,
            "seasons": seasons,
            "days": days,
            "activation": activation,
        }

    def _period_now(self):
        now = self.meter.clock()
        period = self.meter.period(now) + 1
        contracts = {"contract%d" % i: period for i in (1, 2, 3)}
        return dict(contracts, time=self._tag(now))

    def _setup(self, request):
        values = {
            192: {"battery": _BATTERY},
            193: {"summer_change": 2 if self.meter.zone.has_summer else 1},
            194: {"minutes_between_closings": 15},
            195: {"critical_alarms": 0, "alarms": 0},
            196: {"phase1": 1, "phase2": 1, "phase3": 1},
            197: {"curve1": 60, "curve2": 15},
            198: {"vt_primary": 2300, "vt_secondary": 2300, "ct_primary": 50, "ct_secondary": 50},
            199: {"clock_source": 2},
            200: {"program": "LECTOR102 SIMULATED METER"},
            201: {"closing_button": 1},
        }
        known = {address: lambda value=value: value for address, value in values.items()}
        return self._data(request, 157, self._each(request, known))

    # --- events

    def _events(self, request):
        if request.record not in events.RECORDS:
            raise Refusal(UNKNOWN_RECORD)
        start, end = span_of(request, self.meter.zone)
        self.manners.check(end, self.meter.clock())
        found = self.meter.events.of(request.record, start, end)
        if not found and self.no_events == "refuse":
            raise Refusal(NO_RECORD)
        frames = [found[i : i + _EVENTS_A_FRAME] for i in range(0, len(found), _EVENTS_A_FRAME)]
        return [Asdu(1, 5, request.point, request.record, self._shown(part)) for part in frames]

    def _shown(self, found):
        return [{"spa": spa, "spq": spq, "spi": spi, "time": self._tag(utc, True)} for utc, spa, spq, spi in found]
