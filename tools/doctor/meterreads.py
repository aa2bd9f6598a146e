"""What an open session with a meter gives: each reading of the firmware once, a refusal in words."""

import time

from firmware.core.zone import Zone
from firmware.iec102 import errors
from firmware.iec102.timetag import from_utc
from tools.doctor import words

_INSTANT, _TARIFF, _EVENTS, _CURVE = 162, 134, 102, 123
_HOUR, _DAY = 3600, 86400
# The meter's clock may be off by so much before it is worth a word.
_DRIFT_S = 60


class Reads:
    """`master` has an open session. Raises BusyError and NoAnswerError; refusals are told."""

    def __init__(self, master, report, args):
        self.master, self.report = master, report
        self.zone = Zone(args.zone)

    async def run(self):
        now = int(time.time())
        await self._try("identity", self._identity)
        await self._try("clock", self._clock)
        # The default settings read this: without it a device that was just installed delivers nothing.
        await self._try("instantaneous values (meter.N.interval)", self._instant, True)
        spans = (
            ("closings (meter.N.closing)", _TARIFF, 134, {}, 40 * _DAY),
            ("load curve (meter.N.curve)", _CURVE, 11, {"first": 1, "last": 8}, 3 * _HOUR),
            ("events (meter.N.events)", _EVENTS, 52, {}, _DAY),
        )
        for name, type, record, more, back in spans:
            span = dict(more, start=from_utc(now - back, self.zone), end=from_utc(now, self.zone))
            await self._try(name, self._count(type, record, span))

    async def _try(self, name, read, needed=False):
        try:
            text = await read()
        except errors.NotAvailableError as refusal:
            self._refused(name, words.cause(refusal.cause), words.refusal(refusal.cause), needed)
        except errors.NackError as refusal:
            self._refused(name, words.of(refusal.why())[0], words.refusal(14), needed)
        except (errors.BusyError, errors.NoAnswerError):
            raise
        except errors.Iec102Error as error:
            self._refused(name, *words.of(error.why()), needed)
        else:
            self.report.ok("%s: %s" % (name, text))

    def _refused(self, name, why, todo, needed):
        if needed:
            self.report.fault("%s: %s" % (name, why), todo)
        else:
            self.report.note("%s: %s; %s" % (name, why, todo))

    async def _identity(self):
        found = (await self.master.read(100)).objects[0]
        return "manufacturer %d, equipment %d" % (found["manufacturer"], found["equipment"])

    async def _clock(self):
        tag = (await self.master.read(103)).objects[0]["time"]
        ahead = tag.to_utc(self.zone) - int(time.time())
        text = "%s, %s" % (
            tag.text(),
            "right" if abs(ahead) <= _DRIFT_S else "not that of this computer",
        )
        if abs(ahead) > _DRIFT_S:
            text += ": %d s %s" % (abs(ahead), "ahead" if ahead > 0 else "behind")
        return text

    async def _instant(self):
        answer = await self.master.read(_INSTANT, 0, (192, 193, 194))
        return "%d of 3 objects" % len(answer.objects)

    def _count(self, type, record, span):
        async def read():
            count = await self.master.stream(type, record, (span,), lambda asdu: None)
            return "%d answers" % count

        return read
