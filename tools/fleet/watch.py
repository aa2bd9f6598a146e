"""How the fleet is: of each device what it last told of itself, of each meter what is missing."""

import json
import sys
import time

from firmware.core.zone import Zone
from tools.fleet import gaps, records, words
from tools.fleet.store import StoreError, open_store
from tools.options import between

# What a device tells of itself, on its online topic or, newer ones, on its status topic: column -> key.
_FACTS = {
    "version": "VERSION", "start": "RESET", "mode": "MODE", "why": "WHY", "signal": "SIGNAL", "log": "LOG",
    "open": "OPEN", "settings": "SETTINGS", "bytes": "BYTES", "drift": "DRIFT", "heap": "HEAP", "certificate": "CERT",
}  # fmt: skip
_COLUMNS = (
    "device",
    "state",
    "seen",
    "version",
    "start",
    "signal",
    "bytes",
    "drift",
    "log",
    "aside",
    "missing",
)


def look(store, zone, now, days=35, device=None, **grace):
    """[dict of a device] in the order of their names; what a device has not told is None."""
    found = gaps.find(store, zone, now, days, device, **grace)
    where, values = (" where device = ?", (device,)) if device else ("", ())
    aside = dict(store.all("select device, count(*) from aside%s group by device" % where, values))
    drifts = _drifts(store, found, now - days * 86400)
    told = store.all(
        "select device, state, state_at, last_seen, online, status, status_at from device%s order by device" % where,
        values,
    )
    devices = {row[0]: _device(row, now) for row in told}
    for name, meter in found:
        entry = devices.setdefault(name, _device((name, "", 0, 0, "", "", 0), now))
        entry["meters"].append(_meter(meter, found[name, meter], drifts.get((name, meter))))
    # One of which all is aside, its clock wrong from the first day, is seen here at least.
    for name in filter(None, aside):
        devices.setdefault(name, _device((name, "", 0, 0, "", "", 0), now))
    for name, entry in devices.items():
        entry["aside"] = aside.get(name, 0)
        entry["missing"] = sum(each["missing"] for each in entry["meters"])
    return [devices[name] for name in sorted(devices)]


def _drifts(store, meters, since):
    """{(device, meter): seconds its clock was ahead when it was last read}."""
    sql = "select data from record where device = ? and meter = ? and type = 'IEC102_CLOCK' and at >= ?"
    sql += " order by at desc limit 1"
    drifts = {}
    with store.transaction(True) as cursor:
        for key in meters:
            for (data,) in store.execute(cursor, sql, (*key, since)).fetchall():
                data = json.loads(data) if isinstance(data, str) else data
                drift = data.get("DRIFT", data.get("drift"))
                drifts[key] = drift.get("value") if isinstance(drift, dict) else drift
    return drifts


def _device(row, now):
    name, state, state_at, seen, online, status, status_at = row
    told = json.loads(online) if online else {}
    newer = json.loads(status) if status else {}
    entry = {
        "device": name,
        "state": state or None,
        "state_at": state_at or None,
        "last_seen": seen or None,
    }
    entry["silent_s"] = now - seen if seen else None
    for column, key in _FACTS.items():
        entry[column] = newer.get(key, told.get(key))
    entry["status_at"] = status_at or None
    entry["meters"] = []
    return entry


def _meter(name, series, drift):
    entry = {"meter": name, "drift": drift, "missing": 0}
    for each in series:
        part = {"present": each.present, "expected": each.expected}
        if each.what != "instant":
            part["gaps"] = [{"start": gap.start, "end": gap.end, "missing": gap.missing} for gap in each.gaps]
            entry["missing"] += each.expected - each.present
        key = each.what if each.what not in entry else "%s_%d" % (each.what, each.record)
        entry[key] = part
    return entry


def keep(store, devices, now):
    """A line an hour and device in the table `watch`; a second look in the same hour replaces it."""
    hour = now // 3600 * 3600
    with store.transaction() as cursor:
        for entry in devices:
            store.execute(
                cursor,
                "insert into watch (hour, device, data) values (?, ?, ?)"
                " on conflict (hour, device) do update set data = excluded.data",
                (hour, entry["device"], records.dump(entry)),
            )


def table(devices, zone):
    """The text of a table: a line a device, below it one for each gap."""
    lines = [_COLUMNS]
    below = {}
    for entry in devices:
        seen = _ago(entry["silent_s"])
        cells = [str(entry[name]) if entry[name] is not None else "" for name in _COLUMNS if name != "seen"]
        cells.insert(2, seen)
        lines.append(cells)
        below[len(lines) - 1] = list(_gap_lines(entry, zone))
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    text = []
    for number, line in enumerate(lines):
        text.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
        text += below.get(number, [])
    return "\n".join(words.shown(each) for each in text)


def _gap_lines(entry, zone):
    if entry["mode"]:
        yield "    start %s: %s" % (entry["mode"], entry["why"] or "")
    if entry["open"]:
        yield "    open: %s" % entry["open"]
    for meter in entry["meters"]:
        if meter["drift"] is not None:
            yield "    %s clock: %s s ahead" % (meter["meter"], meter["drift"])
        for what in sorted(meter):
            part = meter[what]
            if not isinstance(part, dict):
                continue
            yield "    %s %s: %d of %d" % (meter["meter"], what, part["present"], part["expected"])
            for gap in part.get("gaps", ()):
                times = tuple("%04d-%02d-%02d %02d:%02d" % zone.to_local(gap[end])[:5] for end in ("start", "end"))
                yield "        missing %d: %s to %s" % (gap["missing"], *times)


def _ago(seconds):
    if seconds is None:
        return "never"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return "%d %s" % (seconds // size, unit)
    return "%d s" % max(seconds, 0)


def add_arguments(parser):
    add = parser.add_argument
    add("--json", action="store_true", help="JSON, a line a device")
    add(
        "--keep",
        action="store_true",
        help="keep it in the table watch, too: a line an hour and device",
    )
    add("--every", type=between(0), default=0, metavar="MINUTES", help="again and again")
    add("--days", type=between(1), default=35, help="how far back gaps are looked for (%(default)s)")
    add("--device", help="only this one")
    add("--zone", default="Europe/Madrid", help="of the meters (%(default)s)")
    add("--curve-grace", type=between(0), default=gaps.CURVE_GRACE_S // 3600, metavar="HOURS",
        help="a period of a curve is missed so long after its end (%(default)s)")  # fmt: skip


def main(args):
    zone = Zone(args.zone)
    while True:
        try:
            _once(args, zone)
        except StoreError as error:
            # Again and again means: also after the database was away.
            if not args.every:
                raise
            print("fleet: %s; again in %d min" % (error, args.every), file=sys.stderr, flush=True)
        if not args.every:
            return 0
        time.sleep(args.every * 60)


def _once(args, zone):
    store = open_store(args.database, create=False)
    try:
        now = int(time.time())
        devices = look(store, zone, now, args.days, args.device, curve_grace=args.curve_grace * 3600)
        if args.keep:
            keep(store, devices, now)
    finally:
        store.close()
    if args.json:
        for entry in devices:
            print(json.dumps(entry, ensure_ascii=False))
    else:
        print(table(devices, zone) if devices else "no device has been heard of")
    sys.stdout.flush()
