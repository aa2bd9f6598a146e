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
_ORDER = ("curve", "closings", "instant")


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
    with store.transaction(True) as cursor:
        for (name, meter, kind), some in groupby(_series(store, cursor, device), lambda row: row[:3]):
            key, make = (name, meter), found.setdefault
            some = list(some)
            if kind == "IEC102_LC":
                for record in sorted({row[4] for row in some}):
                    first = min(row[6] for row in some if row[4] == record)
                    ends = _ends(store, cursor, key, kind, record, since)
                    make(key, []).append(_curve(key, record, first, ends, since, now - curve_grace))
            elif kind == "IEC102_CTAVM2":
                closed = _closed(store, cursor, key)
                make(key, []).append(_closings(key, closed, zone, since, now - closings_grace))
            elif kind == "IEC102":
                for contract in sorted({row[4] for row in some}):
                    make(key, []).append(_counted(_ends(store, cursor, key, kind, contract, since), now))
    for some in found.values():
        some.sort(key=lambda each: _ORDER.index(each.what))
    return found


def _series(store, cursor, device):
    """(device, meter, type, form, contract, object, at) of the first record of each series, in the order of the key.

    From one to the next is a jump along the primary key: a year of 10,000 meters is 400 million records, and to read
    all of them takes longer than a database lets a question take.
    """
    last = (device or "", "", "", "", 0)
    while True:
        sql = "select device, meter, type, form, contract, object, at from record"
        sql += " where (device, meter, type, form, contract) >= (?, ?, ?, ?, ?)"
        sql += " order by device, meter, type, form, contract, object, at limit 1"
        row = store.execute(cursor, sql, last).fetchone()
        if not row or (device and row[0] != device):
            return
        # The next contract, not "more than this one": for that SQLite walks through all of the series.
        last = (*row[:4], row[4] + 1)
        yield tuple(row)


def _ends(store, cursor, key, kind, contract, since):
    """The times of a series; both forms of a record tell the same one."""
    sql = "select at from record where device = ? and meter = ? and type = ? and contract = ? and object = ''"
    sql += " and form in ('extended', 'titan') and at >= ?"
    return sorted({row[0] for row in store.execute(cursor, sql, (*key, kind, contract, since)).fetchall()})


def _closed(store, cursor, key):
    """{object: set of ends} of a meter."""
    sql = "select object, at from record where device = ? and meter = ? and type = 'IEC102_CTAVM2'"
    closed = {}
    for name, at in store.execute(cursor, sql, key).fetchall():
        closed.setdefault(name, set()).add(at)
    return closed


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


def _closings(key, closed, zone, since, due):
    """A closing that is missing counts with each of its tariff objects."""
    first = min(min(ends) for ends in closed.values())
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
