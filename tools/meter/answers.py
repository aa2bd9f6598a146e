"""What the meter says to each request: ASDUs in, ASDUs out. `Refusal` carries the cause of a negative answer."""

from firmware.iec102.asdu import Asdu
from firmware.iec102.errors import AsduError
from firmware.iec102.timetag import TimeTag, from_utc
from tools.meter.model import AE, AI, DAY, PERIODS, QUARTER, R1, R4

NO_RECORD, NO_TYPE, UNKNOWN_RECORD, WRONG_POINT, NO_OBJECT, NO_PERIOD = range(13, 19)
_CURVES = {11: 3600, 12: QUARTER, 21: DAY}
_EVENTS = (52, 53, 54, 55, 128, 129, 130, 131, 132, 133)
_CONTRACTS = (134, 135, 136)
_BLOCKS_A_FRAME = 5
_EVENTS_A_FRAME = 20


class Refusal(Exception):
    def __init__(self, cause):
        super().__init__(cause)
        self.cause = cause


class Answers:
    """The data side of one meter. `reply(request)` gives the list of data ASDUs; Refusal otherwise."""

    def __init__(self, meter, no_types=()):
        self.meter = meter
        self.no_types = set(no_types)
        self._handlers = {
            100: self._identity,
            103: self._clock,
            102: self._events,
            122: self._absolute,
            123: self._increments,
            133: self._tariff_now,
            134: self._tariff_stored,
            141: self._equipment,
            144: self._powers,
            147: self._holidays,
            150: self._calendar,
            156: self._setup,
            162: self._instant,
            182: self._point,
            189: self._block_absolute,
            190: self._block_increments,
        }

    def knows(self, type):
        return type in self._handlers and type not in self.no_types

    def reply(self, request):
        if not self.knows(request.type):
            raise Refusal(NO_TYPE)
        return self._handlers[request.type](request)

    def _data(self, request, type, objects, time=None):
        return Asdu(type, 5, request.point, request.record, objects, time)

    def _tag(self, utc, b=False):
        return from_utc(utc, self.meter.zone, b)

    def _range(self, request):
        item = request.objects[0]
        try:
            start, end = (item[name].to_utc(self.meter.zone) for name in ("start", "end"))
        except AsduError:
            raise Refusal(NO_PERIOD) from None
        if start > end:
            raise Refusal(NO_PERIOD)
        return start, end

    # --- simple reads

    def _identity(self, request):
        item = {
            "standard_month": 4,
            "standard_year": 2002,
            "manufacturer": self.meter.manufacturer,
            "equipment": self.meter.equipment,
        }
        return [self._data(request, 71, [item])]

    def _clock(self, request):
        return [self._data(request, 72, [{"time": self._tag(self.meter.clock(), True)}])]

    def _instant(self, request):
        objects = []
        for item in request.objects:
            address = item["address"]
            if address not in (192, 193, 194):
                raise Refusal(NO_OBJECT)
            fixed = [o for o in self.meter.fixed.get("instant", ()) if o["address"] == address]
            made = fixed[0] if fixed else getattr(self, "_object_%d" % address)()
            objects.append(dict({"time": self._tag(self.meter.clock())}, **made))
        return [self._data(request, 163, objects)]

    def _object_192(self):
        totals = self.meter.totals(self.meter.clock())
        return {"address": 192, "totals": [{"value": value, "invalid": False} for value in totals]}

    def _object_193(self):
        active, reactive, factor, export, capacitive = self.meter.power(self.meter.clock())
        powers = []
        for share in (100, 34, 33, 33):
            power = {
                "active": round(active * share / 100000),
                "reactive": round(reactive * share / 100000),
                "cos_phi": factor,
                "export": export,
                "quadrant34": capacitive,
                "invalid": False,
            }
            powers.append(power)
        return {"address": 193, "powers": powers}

    def _object_194(self):
        active, reactive, *_ = self.meter.power(self.meter.clock())
        apparent = (active**2 + reactive**2) ** 0.5
        phases = []
        for share, volts in ((34, 2301), (33, 2297), (33, 2310)):
            current = round(apparent * share / 100 / volts * 100)
            phases.append({"current": current, "voltage": volts, "invalid": False})
        return {"address": 194, "phases": phases}

    def _powers(self, request):
        if request.record not in range(134, 140):
            raise Refusal(UNKNOWN_RECORD)
        objects = [{"address": 21 + i, "power": kw} for i, kw in enumerate(self.meter.contracted)]
        since = self.meter.zone.to_utc(2024, 1, 1, 0, 0, 0)
        return [self._data(request, 145, objects, self._tag(since))]

    def _holidays(self, request):
        if request.record not in range(134, 140):
            raise Refusal(UNKNOWN_RECORD)
        days = ((1, 1), (1, 6), (5, 1), (8, 15), (10, 12), (11, 1), (12, 6), (12, 8), (12, 25))
        return [self._data(request, 148, [{"time": TimeTag(99, m, d)} for m, d in days])]

    def _equipment(self, request):
        since = self.meter.zone.to_utc(2003, 2, 10, 0, 0, 0)
        item = {
            "manufacturer": self.meter.manufacturer, "model": "S1", "firmware": 3, "equipment": self.meter.equipment,
            "standard": 0x24, "protocol_date": self._tag(since), "battery": 97, "port1_speed": 6, "port1_format": 7,
            "port1_mode": 0, "port1_start": "", "port2_speed": 0, "port2_format": 0, "optical_speed": 6,
            "optical_format": 8, "vt_primary": 1100, "vt_secondary": 1100, "ct_primary": 50, "ct_secondary": 50,
            "period1": 60, "period2": 15, "period3": 0, "contracts": 0x16,
        }  # fmt: skip
        return [self._data(request, 142, [item])]

    def _point(self, request):
        item = {
            "link": 0,
            "points": 1,
            "point": request.point,
            "password": 0,
            "period": 60,
            "depth": 4000,
        }
        return [self._data(request, 129, [item])]

    def _calendar(self, request):
        objects = []
        for item in request.objects:
            address = item["address"]
            if address == 193:
                days = ["666666665333333555533334", "666666666666666666666666"]
                seasons = [{"start": TimeTag(99, 1, 1), "workday": 1, "holiday": 2}]
                made = {"direction": 1, "kind": 2, "seasons": seasons, "days": days}
                made["activation"] = self._tag(self.meter.zone.to_utc(2024, 1, 1, 0, 0, 0))
            elif address == 197:
                now = self.meter.clock()
                period = self.meter.quarter(now // QUARTER)[1] + 1
                made = {
                    "contract1": period,
                    "contract2": 0,
                    "contract3": 0,
                    "time": self._tag(now),
                }
            else:
                raise Refusal(NO_OBJECT)
            objects.append(dict(made, address=address))
        return [self._data(request, 151, objects)]

    def _setup(self, request):
        known = {
            192: {"battery": 97},
            193: {"summer_change": 2},
            194: {"minutes_between_closings": 15},
            195: {"critical_alarms": 0, "alarms": 0},
            196: {"phase1": 1, "phase2": 1, "phase3": 1},
            197: {"curve1": 60, "curve2": 15},
            198: {"vt_primary": 1100, "vt_secondary": 1100, "ct_primary": 50, "ct_secondary": 50},
            199: {"clock_source": 2},
            200: {"program": "LECTOR102 SIMULATOR"},
            201: {"closing_button": 1},
        }
        objects = []
        for item in request.objects:
            if item["address"] not in known:
                raise Refusal(NO_OBJECT)
            objects.append(dict(known[item["address"]], address=item["address"]))
        return [self._data(request, 157, objects)]

    # --- totals

    def _labels(self, request):
        """UTC of the period ends in (start, end] that the meter has closed."""
        if request.record not in _CURVES:
            raise Refusal(UNKNOWN_RECORD)
        start, end = self._range(request)
        labels = self._ends(_CURVES[request.record], start, min(end, self.meter.clock()))
        if not labels:
            raise Refusal(NO_PERIOD)
        return labels

    def _ends(self, step, start, end):
        zone = self.meter.zone
        if step < DAY:
            return list(range((start // step + 1) * step, end + 1, step))
        labels = []
        day = (start + zone.offset(start)) // DAY
        while True:
            day += 1
            local = day * DAY
            utc = local - zone.standard
            utc -= 3600 if zone.is_summer(utc - 3600) else 0
            if utc > end:
                return labels
            if utc > start:
                labels.append(utc)

    def _values(self, label, step, increments):
        now = self.meter.totals(label)
        if increments:
            before = self.meter.totals(self._before(label, step))
            now = [a - b for a, b in zip(now, before, strict=True)]
        return [(value, 0) for value in now] + [(0, 0x80), (0, 0x80)]

    def _before(self, label, step):
        if step < DAY:
            return label - step
        return self._ends(step, label - 2 * DAY, label - 1)[-1]

    def _totals(self, request, type, increments):
        item = request.objects[0]
        first, last = item["first"], item["last"]
        if not 1 <= first <= last <= 8:
            raise Refusal(NO_OBJECT)
        step = _CURVES.get(request.record)
        answers = []
        for label in self._labels(request):
            values = self._values(label, step, increments)
            objects = [
                {"address": a, "value": values[a - 1][0], "qualifier": values[a - 1][1]}
                for a in range(first, last + 1)
            ]
            answers.append(self._data(request, type, objects, self._tag(label)))
        return answers

    def _absolute(self, request):
        return self._totals(request, 8, False)

    def _increments(self, request):
        return self._totals(request, 11, True)

    def _blocks(self, request, type, increments):
        address = request.objects[0]["address"]
        chosen = {9: range(8), 10: range(6), 11: (0, 2, 5)}.get(address)
        if chosen is None:
            raise Refusal(NO_OBJECT)
        step = _CURVES.get(request.record)
        blocks = []
        for label in self._labels(request):
            values = self._values(label, step, increments)
            totals = [{"value": values[i][0], "qualifier": values[i][1]} for i in chosen]
            blocks.append({"address": address, "totals": totals, "time": self._tag(label)})
        frames = range(0, len(blocks), _BLOCKS_A_FRAME)
        return [self._data(request, type, blocks[i : i + _BLOCKS_A_FRAME]) for i in frames]

    def _block_absolute(self, request):
        return self._blocks(request, 139, False)

    def _block_increments(self, request):
        return self._blocks(request, 140, True)

    # --- tariff

    def _tariff_stored(self, request):
        if request.record not in _CONTRACTS:
            raise Refusal(UNKNOWN_RECORD)
        start, end = self._range(request)
        if "closings" in self.meter.fixed:
            return [self._data(request, 136, [item]) for item in self.meter.fixed["closings"]]
        periods = self.meter.closings(start, end)
        if not periods:
            raise Refusal(NO_PERIOD)
        return self._tariff(request, 136, periods)

    def _tariff_now(self, request):
        if request.record not in _CONTRACTS:
            raise Refusal(UNKNOWN_RECORD)
        now = self.meter.clock()
        last = self.meter.closings(0, now)
        return self._tariff(request, 135, [(last[-1][1] if last else now - DAY, now)])

    def _tariff(self, request, type, periods):
        answers = []
        for start, end in periods:
            before, after = self.meter.sums(start), self.meter.sums(end)
            for address in range(20, 21 + PERIODS):
                item = self._tariff_object(request.record, address, start, end, before, after)
                answers.append(self._data(request, type, [item]))
        return answers

    def _tariff_object(self, record, address, start, end, before, after):
        period = None if address == 20 else address - 21
        if record == 136:  # contract III is the export's
            places = (AE, AE, AE) if period is None else None
        else:
            places = (AI, R1, R4) if period is None else (6 + period, 12 + period, 18 + period)
        item = {"DO": address}
        for suffix, index in (("A", 0), ("Ri", 1), ("Rc", 2)):
            use = places is not None and (record != 136 or index == 0)
            now = after[places[index]] // 1000 if use else 0
            item["Ea" + suffix] = now
            item["Ei" + suffix] = now - before[places[index]] // 1000 if use else 0
            item["C" + suffix] = 0
        watts, at = self.meter.maximum(start, end, period) if record != 136 else (0, end)
        kw = watts // 1000
        limit = self.meter.contracted[period] if period is not None else kw
        item.update(
            {"R7": 0, "C7": 0x80, "R8": 0, "C8": 0x80, "MPA": kw, "FMPA": self._tag(at), "CMA": 0}
        )
        item.update({"EPA": max(0, kw - limit), "CE": 0x80 if period is None else 0})
        item.update({"DINI": self._tag(start), "DEND": self._tag(end)})
        return item

    # --- events

    def _events(self, request):
        if request.record not in _EVENTS:
            raise Refusal(UNKNOWN_RECORD)
        start, end = self._range(request)
        objects = [
            {"spa": spa, "spq": spq, "spi": spi, "time": self._tag(utc, True)}
            for utc, spa, spq, spi in self.meter.events_of(request.record, start, end)
        ]
        if not objects:
            raise Refusal(NO_RECORD)
        frames = range(0, len(objects), _EVENTS_A_FRAME)
        return [self._data(request, 1, objects[i : i + _EVENTS_A_FRAME]) for i in frames]
