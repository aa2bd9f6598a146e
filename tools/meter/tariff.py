"""The tariff calendar: six periods, much like the Spanish access tariff 3.0TD on the mainland.

Periods count from 0 here (P1 = 0). Which one an hour belongs to follows from the month and the kind of day.
"""

P1, P2, P3, P4, P5, P6 = range(6)
PERIODS = 6
# National holidays with a fixed date, (month, day): P6 all day.
HOLIDAYS = ((1, 1), (1, 6), (5, 1), (8, 15), (10, 12), (11, 1), (12, 6), (12, 8), (12, 25))

# Kind of a working day by month: the periods of its peak hours and of its shoulder hours.
_HIGH, _HALF_HIGH, _MIDDLE, _LOW = (P1, P2), (P2, P3), (P3, P4), (P4, P5)
_MONTHS = (
    _HIGH, _HIGH, _HALF_HIGH, _LOW, _LOW, _MIDDLE, _HIGH, _MIDDLE, _MIDDLE, _LOW, _HALF_HIGH, _HIGH,
)  # fmt: skip
_NIGHT, _SHOULDER, _PEAK = range(3)
_HOURS = (_NIGHT,) * 8 + (_SHOULDER,) + (_PEAK,) * 5 + (_SHOULDER,) * 4 + (_PEAK,) * 4 + (_SHOULDER,) * 2
_FREE = (P6,) * 24


def _working(kind):
    peak, shoulder = kind
    return tuple((P6, shoulder, peak)[hour] for hour in _HOURS)


_DAYS = {kind: _working(kind) for kind in (_HIGH, _HALF_HIGH, _MIDDLE, _LOW)}
_KINDS = tuple(_DAYS)


def is_free(month, day, weekday):
    """Saturday, Sunday or a national holiday."""
    return weekday > 5 or (month, day) in HOLIDAYS


def hours(month, free):
    """The period of each of the 24 hours of a day."""
    return _FREE if free else _DAYS[_MONTHS[month - 1]]


def day_types():
    """The kinds of days as strings of 24 digits, one an hour, 1 = P1; the last is the free day."""
    return ["".join(str(p + 1) for p in row) for row in (*_DAYS.values(), _FREE)]


def seasons():
    """(first month, number of its working day in `day_types`, counted from 1), one for each change."""
    found = []
    for month, kind in enumerate(_MONTHS, 1):
        number = _KINDS.index(kind) + 1
        if not found or found[-1][1] != number:
            found.append((month, number))
    return found
