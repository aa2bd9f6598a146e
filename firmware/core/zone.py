"""Civil dates and the European Union's summer time, in integers only.

Summer time runs from the last Sunday of March to the last Sunday of October, switching at 01:00 UTC everywhere
in the Union (directive 2000/84/EC).
"""

_DAY = const(86400)
_DAYS = const((0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31))
# Names with their standard (winter) offsets in hours east of Greenwich; one text is smaller than a table.
_OFFSETS = const(
    " Europe/Madrid 1 Africa/Ceuta 1 Atlantic/Canary 0 Europe/Lisbon 0 Europe/Dublin 0 Europe/Paris 1"
    " Europe/Berlin 1 Europe/Rome 1 Europe/Athens 2 Europe/Helsinki 2 UTC 0 "
)


def days_from_civil(year, month, day):
    """Days since 1970-01-01 of a Gregorian date."""
    year -= month <= 2
    era = year // 400
    yoe = year - era * 400
    doy = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468


def civil(utc):
    """(year, month, day, hour, minute, second) of seconds since 1970."""
    days, rest = divmod(utc, _DAY)
    era, doe = divmod(days + 719468, 146097)
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    return (
        yoe + era * 400 + (month <= 2),
        month,
        doy - (153 * mp + 2) // 5 + 1,
        rest // 3600,
        rest // 60 % 60,
        rest % 60,
    )


def iso(utc):
    """Seconds since 1970 as ISO 8601 has them in UTC."""
    return "%04d-%02d-%02dT%02d:%02d:%02dZ" % civil(utc)


def days_in_month(year, month):
    return 29 if month == 2 and year % 4 == 0 and (year % 100 or year % 400 == 0) else _DAYS[month]


def weekday(days):
    """1 Monday to 7 Sunday of a day number (days since 1970-01-01, a Thursday)."""
    return (days + 3) % 7 + 1


def _switch(year, month):
    """UTC of 01:00 on the last Sunday of a month with 31 days."""
    last = days_from_civil(year, month, 31)
    return (last - weekday(last) % 7) * _DAY + 3600


def eu_summer(utc):
    """Whether EU summer time is in force at `utc`."""
    year = civil(utc)[0]
    return _switch(year, 3) <= utc < _switch(year, 10)


class Zone:
    """A zone by name; ValueError for one that is not known. "UTC" has no summer time."""

    def __init__(self, name="Europe/Madrid"):
        _, found, rest = _OFFSETS.partition(" %s " % name)
        if not found or not name or " " in name or name.isdigit():
            known = ", ".join(sorted(_OFFSETS.split()[::2]))
            raise ValueError("unknown zone %s; known: %s" % (name, known))
        self.name = name
        self.standard = int(rest[0]) * 3600
        self.has_summer = name != "UTC"

    def is_summer(self, utc):
        return self.has_summer and eu_summer(utc)

    def offset(self, utc):
        """Seconds east of Greenwich at `utc`."""
        return self.standard + (3600 if self.is_summer(utc) else 0)

    def to_local(self, utc):
        """(year, month, day, hour, minute, second, weekday 1 Monday to 7 Sunday, summer)."""
        local = utc + self.offset(utc)
        return civil(local) + (weekday(local // _DAY), self.is_summer(utc))

    def to_utc(self, year, month, day, hour, minute, second, summer=None):
        """UTC of a local time. `summer` tells the two apart in the repeated hour of October.

        With a given `summer` the flag is believed, whatever the date: a meter that stays in winter time all
        year says so by it. With None the zone's rule decides; the repeated hour is then its first passing, and
        a time in the hour that March leaves out is read as winter time, one hour later on the summer clock.
        """
        base = days_from_civil(year, month, day) * _DAY + hour * 3600 + minute * 60 + second
        base -= self.standard
        if summer is None:
            summer = self.is_summer(base - 3600)
        return base - 3600 if summer and self.has_summer else base
