"""Time tags a (5 bytes) and b (7 bytes) with every bit kept (protocol reference 4)."""

from firmware.core.zone import days_in_month
from firmware.iec102 import errors

LENGTH_A = const(5)
LENGTH_B = const(7)
_CENTURY = const(2000)
_NO_DATE = const(128)  # code of an error (core/errors.py)


class TimeTag:
    """One tag, its fields as on the wire.

    `minute` 0..63, `hour` 0..31, `day` 0..31, `weekday` 0 (not given) or 1 Monday..7 Sunday, `month` 0..15,
    `year` 0..127 (since 2000), `su` 1 = summer time, `iv` 1 = invalid, `tis`, `res1`, `eti`, `pti`, `res2`;
    for tag b `second` 0..63 and `millisecond` 0..1023, otherwise 0.
    """

    def __init__(self, year=0, month=0, day=0, hour=0, minute=0, second=0, millisecond=0):
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
        self.millisecond = millisecond
        self.weekday = self.su = self.iv = self.tis = self.res1 = self.eti = self.pti = self.res2 = 0

    def __eq__(self, other):
        return isinstance(other, TimeTag) and self.__dict__ == other.__dict__

    def text(self):
        """TITAN's form: local wall clock to the minute and the summer-time bit, `2022-07-11T13:49-1`."""
        return "%04d-%02d-%02dT%02d:%02d-%d" % (self.date() + (self.minute, self.su))

    def date(self):
        """(year, month, day, hour); some meters call the end of a day 24:00: it is 00:00 of the next one."""
        year, month, day, hour = _CENTURY + self.year, self.month, self.day, self.hour
        if hour == 24 and not (self.minute or self.second) and 1 <= month <= 12:
            last = days_in_month(year, month)
            if 0 < day <= last:
                hour = 0
                day = day % last + 1
                if day == 1:
                    month = month % 12 + 1
                    year += month == 1
        return year, month, day, hour

    def possible(self):
        """Whether this is a date and time at all; day 0 stands for "never"."""
        year, month, day, hour = self.date()
        if not 1 <= month <= 12 or hour > 23 or self.minute > 59 or self.second > 59:
            return False
        return 1 <= day <= days_in_month(year, month)

    def to_utc(self, zone):
        """UTC seconds since 1970, the summer-time bit deciding; AsduError for an impossible date."""
        if not self.possible():
            raise errors.AsduError(_NO_DATE, self.text())
        return zone.to_utc(*self.date() + (self.minute, self.second, bool(self.su)))


def decode_a(buf, at=0):
    """The tag a at `buf[at:at + 5]`; any five bytes are one."""
    tag = TimeTag()
    b = buf[at]
    tag.minute = b & 0x3F
    tag.tis = b >> 6 & 1
    tag.iv = b >> 7
    b = buf[at + 1]
    tag.hour = b & 0x1F
    tag.res1 = b >> 5 & 3
    tag.su = b >> 7
    b = buf[at + 2]
    tag.day = b & 0x1F
    tag.weekday = b >> 5
    b = buf[at + 3]
    tag.month = b & 0x0F
    tag.eti = b >> 4 & 3
    tag.pti = b >> 6
    b = buf[at + 4]
    tag.year = b & 0x7F
    tag.res2 = b >> 7
    return tag


def decode_b(buf, at=0):
    """The tag b at `buf[at:at + 7]`: milliseconds (10 bits) and seconds (6 bits), then a tag a."""
    tag = decode_a(buf, at + 2)
    low = buf[at] | buf[at + 1] << 8
    tag.millisecond = low & 0x3FF
    tag.second = low >> 10
    return tag


def encode_a(tag, buf, at=0):
    """Write 5 bytes; returns the position behind them."""
    buf[at] = tag.minute | tag.tis << 6 | tag.iv << 7
    buf[at + 1] = tag.hour | tag.res1 << 5 | tag.su << 7
    buf[at + 2] = tag.day | tag.weekday << 5
    buf[at + 3] = tag.month | tag.eti << 4 | tag.pti << 6
    buf[at + 4] = tag.year | tag.res2 << 7
    return at + LENGTH_A


def encode_b(tag, buf, at=0):
    """Write 7 bytes; returns the position behind them."""
    low = tag.millisecond | tag.second << 10
    buf[at] = low & 0xFF
    buf[at + 1] = low >> 8
    return encode_a(tag, buf, at + 2)


def from_utc(utc, zone, b=False):
    """The tag of `utc` in `zone`'s local time; seconds only where `b` (tag b) wants them."""
    year, month, day, hour, minute, second, weekday, summer = zone.to_local(utc)
    tag = TimeTag(year - _CENTURY, month, day, hour, minute, second if b else 0)
    tag.weekday = weekday
    tag.su = 1 if summer else 0
    return tag
