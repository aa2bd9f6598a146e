"""What is missing: the periods of curves and the closings of each meter, expected against present.

Nobody has to tell what a meter delivers: what it has once delivered is expected from then on. Of a curve the length of
its period is the commonest distance of its records; of closings the ends are the beginnings of the months, of all
tariff objects the meter has. Instantaneous values cannot be fetched again; they are counted.
"""

from collections import Counter, namedtuple
from itertools import groupby

from firmware.core.zone import civil

# what: "curve" or "closings". After `start` and up to `end`, UTC seconds, `missing` periods or tariff objects are not
# there; `ends` are those of the periods. `record` is the curve's record address, 0 for closings.
Gap = namedtuple("Gap", "device meter what record start end missing ends")
# present and expected: numbers; gaps: [Gap].
Series = namedtuple("Series", "what record period present expected gaps")

CURVE_GRACE_S = 26 * 3600
CLOSINGS_GRACE_S = 3 * 86400
_DAY = 86400
_USUAL = {11: 3600, 12: 900}


def find(
    store,
    zone,
    now,
    days=35,
    device=None,
    curve_grace=CURVE_GRACE_S,
    closings_grace=CLOSINGS_GRACE_S,
):
    """{(device, meter): [Series]} of the last `days`; `zone`: of the meters."""
    since = now - days * _DAY
    found = {}
    for (name, meter, record), first, ends in _series(store, "IEC102_LC", since, device):
        found.setdefault((name, meter), []).append(
            _curve((name, meter), record, first, ends, since, now - curve_grace)
        )
    for key, first, closed in _closed(store, since, device):
        found.setdefault(key, []).append(_closings(key, first, closed, zone, since, now - closings_grace))
    for (name, meter, _), _, ends in _series(store, "IEC102", since, device):
        found.setdefault((name, meter), []).append(_counted(ends, now))
    return found


def _where(device):
    return (" and device = ?", (device,)) if device else ("", ())


def _series(store, kind, since, device):
    """(device, meter, contract), first time ever, times since then, for each series of one TYPE; both forms count."""
    more, values = _where(device)
    known = store.each(
        "select device, meter, contract, min(at) from record where type = ?%s group by device, meter, contract"
        " order by device, meter, contract" % more, (kind, *values),
    )  # fmt: skip
    first = {row[:3]: row[3] for row in map(tuple, known)}
    rows = store.each(
        "select device, meter, contract, at from record where type = ? and at >= ?%s"
        " order by device, meter, contract, at" % more, (kind, since, *values),
    )  # fmt: skip
    for key, some in groupby(rows, lambda row: tuple(row[:3])):
        yield key, first.pop(key), sorted({row[3] for row in some})
    for key, when in first.items():
        yield key, when, []


def _closed(store, since, device):
    """(device, meter), first end ever, {object: set of ends}."""
    more, values = _where(device)
    rows = store.each(
        "select device, meter, object, at from record where type = 'IEC102_CTAVM2'%s order by device, meter" % more,
        values,
    )
    for key, some in groupby(rows, lambda row: tuple(row[:2])):
        closed, first = {}, None
        for _, _, name, at in some:
            first = at if first is None else min(first, at)
            ends = closed.setdefault(name, set())
            if at >= since - 40 * _DAY:
                ends.add(at)
        yield key, first, closed


def _period(record, ends):
    steps = Counter(b - a for a, b in zip(ends, ends[1:]))
    return steps.most_common(1)[0][0] if steps else _USUAL.get(record, 3600)


def _curve(key, record, first, ends, since, due):
    period = _period(record, ends)
    start = max(first, -(-since // period) * period)
    there = {at for at in ends if start <= at <= due}
    wanted = range(start, due + 1, period)
    missing = [at for at in wanted if at not in there]
    gaps = []
    for at in missing:
        if gaps and gaps[-1][-1] == at - period:
            gaps[-1].append(at)
        else:
            gaps.append([at])
    made = [Gap(*key, "curve", record, run[0] - period, run[-1], len(run), tuple(run)) for run in gaps]
    return Series("curve", record, period, len(wanted) - len(missing), len(wanted), made)


def months(first, due, zone):
    """UTC of the beginnings of the local months in [first, due]."""
    year, month = civil(first)[:2]
    while True:
        at = zone.to_utc(year, month, 1, 0, 0, 0)
        if at > due:
            return
        if at >= first:
            yield at
        month += 1
        if month > 12:
            year, month = year + 1, 1


def _closings(key, first, closed, zone, since, due):
    """A closing that is missing counts with each of its tariff objects."""
    wanted = list(months(max(first, since), due, zone))
    gaps = []
    missing = 0
    for at in wanted:
        lacking = [name for name, ends in closed.items() if at not in ends]
        if lacking:
            missing += len(lacking)
            year, month = civil(at - 15 * _DAY)[:2]
            start = zone.to_utc(year, month, 1, 0, 0, 0)
            gaps.append(Gap(*key, "closings", 0, start, at, len(lacking), (at,)))
    expected = len(wanted) * len(closed)
    return Series("closings", 0, 0, expected - missing, expected, gaps)


def _counted(ends, now):
    if len(ends) < 2:
        return Series("instant", 0, 0, len(ends), len(ends), [])
    period = _period(0, ends)
    expected = max(len(ends), (min(now, ends[-1] + 1) - ends[0]) // period + 1)
    return Series("instant", 0, period, len(ends), expected, [])


def local(utc, zone):
    """`h,m,d,M,yy` as the commands want a time."""
    year, month, day, hour, minute = zone.to_local(utc)[:5]
    return "%d,%d,%d,%d,%02d" % (hour, minute, day, month, year % 100)
