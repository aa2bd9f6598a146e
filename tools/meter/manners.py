"""Odd manners of real meters, each switched on by its name: what it refuses and how, what it repeats or leaves out.

`faults` spoil what is on the wire; here the meter itself means what it says. Where each was seen stands in HELP.
"""

import copy
import datetime as dt

from firmware.iec102.timetag import TimeTag
from tools.meter.refusal import NO_PERIOD, Refusal

# Ways to refuse beside a cause: by a NACK, by taking the request and having no data for it for ever, by silence.
NACK, BUSY, SILENT = WAYS = ("nack", "busy", "silent")
# Name -> (what stands behind it, for a person).
HELP = {
    "refuse": ("TYPE[/RECORD][.OBJECT]=CAUSE|nack|busy|silent", "a request it refuses, such as 190=18, 102/53=nack or "
               "162.192=17; busy: polls get 09 for ever; more with commas [gisce/reemote]"),
    "short": ("on|off", "refusals and confirmations are cut to their head [field captures]"),
    "twice": ("on|off", "each frame of data comes twice, as a new one"),
    "again": ("on|off", "the whole answer comes a second time behind the first"),
    "leave-out": ("OBJECT", "objects it leaves out of its answers; more with commas"),
    "vsq": ("N", "how many objects it says there are, whatever there are (-1: as many as there are)"),
    "shift": ("N", "added to the object addresses of totals (types 8 and 11)"),
    "midnight24": ("on|off", "the end of a day is 24:00 of that day, not 00:00 of the next"),
    "blank": ("on|off", "the first label of each answer is all zeros"),
    "strict": ("on|off", "a range whose end lies ahead is refused (cause 18)"),
    "stop": ("N", "falls silent behind so many frames of one answer, until the link is reset (0: never)"),
    "no-end": ("on|off", "an answer has no termination (cause 10), polls get 09 for ever [simulador_IEC102]"),
    "no-confirm": ("on|off", "183 is acknowledged and never confirmed, polls get 09 for ever [simulador_IEC102]"),
    "invalid": ("on|off", "the absolute energies of object 192 are 0 and invalid [home-assistant/core 182493]"),
    "daily": ("on|off", "a closing each day, as under some contracts [gisce/reemote]"),
}  # fmt: skip
_DEFAULTS = {"refuse": "", "leave-out": "", "vsq": -1, "shift": 0, "stop": 0}


def _spec(text):
    """[(type, record or None, object or None, cause or one of WAYS)] of `refuse`; ValueError."""
    found = []
    for word in text.split(",") if text else ():
        what, _, cause = word.strip().partition("=")
        what, _, item = what.partition(".")
        type, _, record = what.partition("/")
        cause = cause.lower() if cause.lower() in WAYS else int(cause)
        if cause not in WAYS and not 13 <= cause <= 18:
            raise ValueError("a refusal has a cause of 13 to 18, not %s" % cause)
        found.append((int(type), int(record) if record else None, int(item) if item else None, cause))
    return found


class Manners:
    """What of HELP is on: `manners.set("twice", "on")`, or as keywords: Manners(refuse="190=18", no_end=True)."""

    def __init__(self, **wanted):
        self.clear()
        for name, value in wanted.items():
            self.set(name.replace("_", "-"), value)

    def clear(self):
        self._is = {name: _DEFAULTS.get(name, False) for name in HELP}
        self._refused = []
        self._left_out = ()

    def __getattr__(self, name):
        try:
            return self.__dict__["_is"][name.replace("_", "-")]
        except KeyError:
            raise AttributeError(name) from None

    def set(self, name, value):
        """Take a value, or the text of one; ValueError if it makes no sense."""
        if name not in HELP:
            raise ValueError("there is no %s" % name)
        default = _DEFAULTS.get(name, False)
        if isinstance(default, bool):
            if value not in (True, False, "on", "off"):
                raise ValueError("%s is on or off, not %s" % (name, value))
            value = value in (True, "on")
        elif isinstance(default, int):
            value = int(value)
        elif name == "refuse":
            self._refused = _spec(value)
        else:
            self._left_out = tuple(int(word) for word in value.split(",") if word)
        self._is[name] = value

    def show(self):
        on = [(name, value) for name, value in self._is.items() if value != _DEFAULTS.get(name, False)]
        return " ".join("%s=%s" % (name, "on" if value is True else value) for name, value in on)

    # --- what the station asks

    def cause(self, request):
        """The cause `request` is refused with, one of WAYS, or None."""
        for type, record, item, cause in self._refused:
            objects = [o.get("address") for o in request.objects]
            if request.type == type and record in (None, request.record) and (item is None or item in objects):
                return cause
        return None

    def check(self, end, now):
        """Refusal where a range ends ahead and that is minded."""
        if self.strict and end > now:
            raise Refusal(NO_PERIOD)

    def head(self, mirrored):
        """A mirrored request as it goes out."""
        return mirrored[:6] if self.short else mirrored

    def data(self, asdus):
        """The data ASDUs of an answer as this meter gives them; None: from here on it is silent."""
        asdus = [self._asdu(asdu, not number) for number, asdu in enumerate(asdus)]
        if self.again:
            asdus += asdus
        if self.twice:
            asdus = [asdu for asdu in asdus for _ in range(2)]
        return asdus[: self.stop] + [None] if 0 < self.stop < len(asdus) else asdus

    def _asdu(self, asdu, first):
        asdu = copy.deepcopy(asdu)
        if self._left_out:
            asdu.objects = [o for o in asdu.objects if o.get("address", o.get("DO")) not in self._left_out]
        if self.shift and asdu.type in (8, 11):
            for item in asdu.objects:
                item["address"] += self.shift
        if self.invalid:
            for item in asdu.objects:
                for total in item["totals"] if item.get("address") == 192 else ():
                    total.update(value=0, invalid=True)
        for holder, key in _labels(asdu):
            if self.midnight24:
                _set(holder, key, _at_24(_get(holder, key)))
            if self.blank and first:
                _set(holder, key, TimeTag())
        if self.vsq >= 0:
            asdu.count = self.vsq
        return asdu


def _labels(asdu):
    """(holder, key) of each label that ends a period."""
    if asdu.type in (8, 11):
        yield asdu, "time"
    for item in asdu.objects:
        for key in ("DINI", "DEND") if "DO" in item else ("time",) if asdu.type in (139, 140) else ():
            yield item, key


def _get(holder, key):
    return holder[key] if isinstance(holder, dict) else getattr(holder, key)


def _set(holder, key, value):
    if isinstance(holder, dict):
        holder[key] = value
    else:
        setattr(holder, key, value)


def _at_24(tag):
    """00:00 as 24:00 of the day before."""
    if tag.hour or tag.minute or not tag.day:
        return tag
    before = dt.date(2000 + tag.year, tag.month, tag.day) - dt.timedelta(1)
    tag = copy.copy(tag)
    tag.year, tag.month, tag.day, tag.hour = before.year - 2000, before.month, before.day, 24
    tag.weekday = before.isoweekday() if tag.weekday else 0
    return tag
