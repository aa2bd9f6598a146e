"""Gaps closed: the periods and closings that are missing are read from the meters once more.

A reading on demand is answered and not logged (docs/commands.md), so its records come in the answer and are written
here, by the same key as all others. Commands to one device go out one after the other, to several at a time.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

from firmware.core.zone import Zone
from tools.fleet import desk, gaps, records, words
from tools.fleet.faults import Bad
from tools.fleet.store import Message, open_store
from tools.options import between

# Periods asked for at a time: an answer has 20 KB at most, one of them up to 400 bytes.
_PERIODS = 24
_CLOSINGS_S = 40 * 86400
# The device reads in the background: when it is asked for what came of it, in s.
_PAUSES = (2, 3, 5, 10, 20, 30, 60)
# Codes of an answer after which asking again is of no use: no such command, not allowed, no such meter.
_FINAL = (1, 2, 3, 4, 5)
_SUFFIX = {"curve": "_LC", "closings": "_CTAVM2"}


class Backfill:
    """`ask(device, line)` gives a desk.Answer or raises desk.NoAnswer; `pause(seconds)` waits.

    `halt` is set where all of it is to end: no device is asked any more.
    """

    def __init__(self, store, zone, ask, pause=None, halt=None):
        self.store = store
        self.zone = zone
        self.ask = ask
        self.halt = halt or Event()
        self.pause = pause or self.halt.wait
        self._lock = Lock()  # of the store

    def device(self, name, some):
        """Ask `name` for each of its gaps; [(Gap, how many are still missing, why)]."""
        found = []
        for gap in some:
            try:
                if self.halt.is_set():
                    raise desk.NoAnswer("ended before it was asked")
                why = self._gap(gap)
            except desk.NoAnswer as error:
                # It is offline: its other gaps have to wait as well.
                left = some[len(found) :]
                return found + [(each, self._missing(each), str(error)) for each in left]
            found.append((gap, self._missing(gap), why))
        return found

    def _gap(self, gap):
        why = ""
        for start, end, ends in _pieces(gap):
            why = self._piece(gap, start, end, ends) or why
        return why

    def _piece(self, gap, start, end, ends):
        """Have one stretch read and take what comes; why something is missing still, "" when nothing is."""
        command = _SUFFIX[gap.what]
        # An hour more on both sides: in the night in October a local time is not enough to tell where.
        times = "%s,%s" % (gaps.local(start - 3600, self.zone), gaps.local(end + 3600, self.zone))
        order = "%sSETIEC102%s,%s,%s" % (desk.OURS, command, gap.meter, times)
        answer = self.ask(gap.device, order)
        if not answer.ok:
            return _why(answer)
        why = "the meter does not have it"
        for seconds in _PAUSES:
            self.pause(seconds)
            if self.halt.is_set():
                return "ended before it was asked"
            answer = self.ask(gap.device, "%sGETIEC102%s,%s" % (desk.OURS, command, gap.meter))
            taken = self._take(gap, answer)
            if not self._missing(gap._replace(ends=ends)):
                return ""
            why = why if answer.ok else _why(answer)
            # It has answered with this stretch, and what it has is here.
            if answer.code in _FINAL or (answer.ok and taken & set(ends)):
                break
        return why

    def _take(self, gap, answer):
        """Write the records of an answer; their times."""
        found, now = [], int(time.time())
        aside = []
        for line in answer.lines:
            if not line.startswith("{"):
                continue
            message = Message("answer of " + gap.device, line.encode())
            if '"ERR":' in line:
                continue
            rows, faults = records.parse(message.payload, self.zone, now, gap.device)
            found += [(row, message) for row in rows]
            aside += [(message, gap.device, fault) for fault in faults]
        with self._lock:
            self.store.write(found, aside, {}, now, "backfill")
        return {row.at for row, _ in found}

    def _missing(self, gap):
        """How many of a gap are not there."""
        with self._lock:
            if gap.what == "curve":
                sql = "select distinct at from record where device = ? and meter = ? and type = 'IEC102_LC'"
                sql += " and contract = ? and object = '' and form in ('extended', 'titan') and at > ? and at <= ?"
                rows = self.store.all(sql, (gap.device, gap.meter, gap.record, gap.start, gap.end))
                return len(set(gap.ends) - {row[0] for row in rows})
            sql = "select count(distinct object) from record where device = ? and meter = ? and type = 'IEC102_CTAVM2'"
            every = self.store.all(sql, (gap.device, gap.meter))[0][0]
            there = self.store.all(sql + " and at = ?", (gap.device, gap.meter, gap.end))[0][0]
            return every - there


def _why(answer):
    """What an answer that is an error says."""
    told = [line for line in answer.lines if line.startswith("{")]
    for line in told:
        try:
            words = records.load(line.encode()).get("ERR")
        except Bad:
            continue
        if isinstance(words, str):
            return words
    return answer.why or "the device refuses it (the role `meter` in mqtt.commands allows it)"


def _pieces(gap):
    """(start, end, ends) of stretches that an answer has room for."""
    if gap.what == "closings":
        yield gap.end - _CLOSINGS_S, gap.end, gap.ends
        return
    for at in range(0, len(gap.ends), _PERIODS):
        some = gap.ends[at : at + _PERIODS]
        period = (gap.end - gap.start) // gap.missing
        yield some[0] - period, some[-1], some


def add_arguments(parser):
    desk.add_arguments(parser)
    add = parser.add_argument
    add("--device", help="only this one")
    add("--days", type=between(1), default=35, help="how far back (%(default)s)")
    add("--zone", default="Europe/Madrid", help="of the meters (%(default)s)")
    add("--at-once", type=between(1, 1000), default=20, help="devices asked at a time (%(default)s)")
    add(
        "--curve-grace", type=between(0), default=gaps.CURVE_GRACE_S // 3600, metavar="HOURS",
        help="a period of a curve is missed so long after its end (%(default)s)",
    )  # fmt: skip


def main(args):
    store = open_store(args.database, create=False)
    zone = Zone(args.zone)
    found = gaps.find(store, zone, int(time.time()), args.days, args.device, curve_grace=args.curve_grace * 3600)
    todo = {}
    for (name, _), series in sorted(found.items()):
        for each in series:
            todo.setdefault(name, []).extend(each.gaps)
    if not todo:
        print("no meter%s has delivered anything yet" % (" of " + args.device if args.device else ""))
        return 1
    todo = {name: some for name, some in todo.items() if some}
    if not todo:
        print("nothing is missing")
        return 0
    talk = desk.Desk(args)
    fill = Backfill(store, zone, talk.ask, halt=talk.halt)
    left = 0
    try:
        with ThreadPoolExecutor(args.at_once) as pool:
            try:
                for done in pool.map(lambda item: fill.device(*item), todo.items()):
                    for gap, missing, why in done:
                        left += missing
                        print(line(gap, missing, why, zone), flush=True)
            except BaseException:
                fill.halt.set()  # or the pool goes on with hundreds of them first
                raise
    finally:
        talk.close()
    return 1 if left else 0


def line(gap, missing, why, zone):
    times = tuple("%04d-%02d-%02d %02d:%02d" % zone.to_local(at)[:5] for at in (gap.start, gap.end))
    text = "%s %s %s %s to %s: " % (words.shown(gap.device), words.shown(gap.meter), gap.what, *times)
    if not missing:
        return text + "closed, %d" % gap.missing
    return text + "%d of %d still missing: %s" % (missing, gap.missing, words.shown(why))
