"""What the App (device.py) tells of its state: on the online topic, in GETSTATUS and in short messages."""

import gc
import json

from firmware.app import report
from firmware.core import errors, overlay
from firmware.update import slots, starts

# Of a meter's plan (meters/schedule.py).
_NEVER = const(0xFFFFFFFF)
_FIELDS = const(7)
# What the online topic tells of the way out, where it is known; the name in the message is in capitals.
_LINK_FACTS = const((
    "uplink", "operator", "technology", "signal", "ip", "uptime", "connects", "last_reason", "last_measure",
    "measures",
))  # fmt: skip
# What GETSTATUS,deliveries tells of each.
_OF_EACH = const("state connected delivered dropped last_error")


def online_text(app):
    """What stands on the online topic while we are connected."""
    text = {
        "IMEI": app.imei,
        "STATE": "online",
        "VERSION": app.version,
        "RESET": app.reset_cause,
    }
    stats = app.ring.stats()
    if stats:  # in the safe mode there is no log
        text["LOG"] = stats["depth"]
    report = _start(app)
    if report["mode"] != "normal":
        text["MODE"] = report["mode"]
        text["WHY"] = report["why"]
    if app.open:
        text["OPEN"] = app.open
    link = app.link.status()
    for name in _LINK_FACTS:
        if link.get(name) not in (None, ""):
            text[name.upper()] = link[name]
    return json.dumps(text)


def _start(app):
    """How the device started, as starts.report() tells it; without versions there is one way only."""
    return starts.report(app.guard) if app.guard else {"mode": "normal"}


def crash(app):
    """The lines of the last crash's traceback."""
    text = starts.last_crash(app.guard).strip() if app.guard else ""
    return text.split("\n") if text else []


def _update(app):
    if app.order:
        return app.order.status()
    text = ""
    if app.guard:
        text = slots.read_text(app.board.root + "/update.txt", 1200)
    got, _, error = text.partition(" ")
    state = "failed" if text else "idle"
    return {"state": state, "bytes": int(got or "0"), "size": 0, "error": error}


def _due(plan):
    """UTC of what is read next of itself; 0: nothing is."""
    # Of each schedule the first number is its time.
    first = min(list(plan)[::_FIELDS] or (_NEVER,))
    return 0 if first == _NEVER else first


def _meter(meter):
    return {
        "id": meter.ident,
        "link": meter.address[0],
        "reads": meter.reads,
        "errors": meter.errors,
        "missed": meter.missed,
        "last_ok": meter.last_ok,
        "last_error": meter.last_error,
        "drift": meter.drift,
        "next": _due(meter.plan),
    }


def status(app):
    """What GETSTATUS tells: a dict, or functions of values that take long to find out."""
    start = _start(app)
    last_crash = start.pop("crash", "")
    if app.faults:
        start["faults"] = [errors.text(why) for _, why, _ in app.faults]
    found = {
        "version": app.version,
        "imei": app.imei,
        "reset": app.reset_cause,
        "utc": app.clock.utc(),
        "clock": app.clock.source_name(),
        "heap": gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0,
        "heap_peak": overlay.peak,
        "turn_ms": app.longest_turn_ms,
        "log": app.ring.stats(),
        "mqtt": {},
        "link": app.link.status,
        "meters": [_meter(meter) for line in app.lines for meter in line.meters],
        "restarts": {w.name: w.restarts for w in app.watched if w.restarts},
        "start": start,
        "crash": last_crash or "none",
        "update": _update(app),
        "data": report.data(app),
    }
    for each in app.deliveries:
        found[each.name] = each.status()
    found["deliveries"] = {each.name: delivery(each, found[each.name]) for each in app.deliveries}
    return found


def delivery(each, state):
    """What is the same of each."""
    found = {name: state[name] for name in _OF_EACH.split()}
    return dict(found, waiting=each.cursor.depth(), lost=each.cursor.lost)


def brief(app):
    """(UTC, 0 where the time is not known; words about records and meters) for a short message."""
    utc = app.clock.utc()
    words = ["%d records wait" % app.ring.stats()["depth"]]
    meters = [meter for line in app.lines for meter in line.meters]
    last = max([meter.last_ok for meter in meters] or (0,))
    words.append("last reading %d min ago" % ((utc - last) // 60) if last else "nothing read yet")
    failing = len([meter for meter in meters if meter.failing])
    if failing:
        words.append("%d of %d meters fail" % (failing, len(meters)))
    return utc if app.clock.known else 0, words
