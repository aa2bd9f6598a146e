"""Bytes over the air, and what the device tells of itself each `mqtt.status_minutes`; loaded when one of them is due.

Bytes are counted where a socket takes or gives some (net/tcp.py), with the headers of their packets; on the flash they
are once an hour at most, so a power cut costs an hour of them. Days and months are UTC's.
"""

import gc
import json

from firmware.config.config import LONGEST_TOPIC
from firmware.core import log, overlay
from firmware.core.compat import monotonic_s
from firmware.net import tcp
from firmware.update import slots

_DAY_S = const(86400)
_HOUR_S = const(3600)
_AGAIN_S = const(60)
_MB = const(1000000)
_NEVER = const(0x1FFFFFFF)
# app.data: number of the day, its bytes, number of the month, its bytes (so they stand in the file); what of that is
# on the flash, and of which hour; the day on which the limit was told; when the state is due next, monotonic
# seconds, 0: it was never told.
_DAY = const(0)
_TODAY = const(1)
_MONTH = const(2)
_BYTES = const(3)
_KEPT = const(4)
_WARNED = const(5)
_NEXT = const(6)
_HOUR = const(7)


def data(app):
    """What GETSTATUS tells: `today` and `month` in bytes, `limit` in MB (0: none), `over`: whether that is passed."""
    air = _settled(app)
    limit = app.config.get("data.limit")
    return {"today": air[_TODAY], "month": air[_BYTES], "limit": limit, "over": 0 < limit * _MB <= air[_BYTES]}


def _settled(app):
    """app.data as it is now."""
    utc = app.clock.utc()
    air = app.data
    if air is None:
        air = [0, 0, 0, 0]
        try:
            found = [int(word) for word in slots.read_text(_path(app)).split()]
            air = found if len(found) == 4 and min(found) >= 0 else air
        except ValueError:
            pass  # it is damaged: counted from here on
        app.data = air = air + [air[_BYTES], 0, 0, 0]
        _begin(air, utc)
    moved, tcp.moved[0] = tcp.moved[0], 0
    air[_TODAY] += moved
    air[_BYTES] += moved
    _begin(air, utc)
    return air


def _begin(air, utc):
    """Another day or month has begun, as far as the time is known."""
    if not utc or utc // _DAY_S == air[_DAY]:
        return
    with overlay.use("zone"):
        from firmware.core import zone

        year, month = zone.civil(utc)[:2]
    month += 12 * year
    if air[_DAY]:  # else nothing was known but what has moved since the start
        air[_TODAY] = 0
        if month != air[_MONTH]:
            air[_BYTES] = 0
    air[_DAY], air[_MONTH] = utc // _DAY_S, month


def _path(app):
    return app.board.root + "/data.txt"


async def turn(app):
    """Do what is due, and say in `app.due` when to come again. The flash may be written now."""
    now, utc = monotonic_s(), app.clock.utc()
    full = now + _HOUR_S - utc % _HOUR_S
    app.due = now + _AGAIN_S  # if it ends in between
    found = data(app)
    air = app.data
    if air[_BYTES] != air[_KEPT] and air[_HOUR] != utc // _HOUR_S:
        air[_HOUR] = utc // _HOUR_S
        air[_KEPT] = air[_BYTES]
        try:
            slots.write_text(_path(app), " ".join([str(value) for value in air[:4]]))
        except OSError as error:
            log.warn("data", "what has moved is not kept: %s", error)
    if found["over"] and air[_WARNED] != air[_DAY]:
        air[_WARNED] = air[_DAY]
        log.warn("data", "%d MB this month; data.limit is %d", found["month"] // _MB, found["limit"])
    forgive(app.mqtt)
    minutes = app.config.get("mqtt.status_minutes")
    told = True
    if now >= air[_NEXT] and (minutes or air[_NEXT]):
        told = await _tell(app, found if minutes else None)
        if told:
            air[_NEXT] = now + minutes * 60 if minutes else 0
    app.due = min(full, air[_NEXT] or full) if told else now + _AGAIN_S


def forgive(mqtt):
    """Let pings become rarer again, a while after a loss had them come more often (login.doubt())."""
    session = getattr(mqtt, "session", None)
    until = getattr(session, "until", 0)
    if until and monotonic_s() > until:
        session.most, session.until = _NEVER, 0


async def _tell(app, found):
    """Put the state on its topic, or take it from there; False: not now."""
    mqtt = app.mqtt
    if not mqtt or not mqtt.connected or mqtt.replies_wait():
        return False
    topic = app.config.expand(app.config.get("mqtt.status_topic"))
    if 0 < len(topic.encode()) <= LONGEST_TOPIC:
        await mqtt.reply(topic, json.dumps(_state(app, found)) if found else b"", True)
    return True


def _state(app, found):
    """The dict that goes out; names as on the online topic (docs/json.md). What is not known is left out."""
    with overlay.use("files"):
        from firmware.config import files

        settings = files.digest(app.config)
    clock, link = app.clock, app.link.status()
    state = {
        "IMEI": app.imei,
        "VERSION": app.version,
        "SETTINGS": settings,
        "RESET": app.reset_cause,
        "UTC": clock.utc(),
        "BYTES": found["today"],
        "MONTH": found["month"],
        "PING": app.mqtt.session.pause // 1000,
    }
    if found["over"]:
        state["LIMIT"] = found["limit"]
    if link.get("signal") is not None:
        state["SIGNAL"] = link["signal"]
    if clock.known and abs(clock.step) < _DAY_S:  # else it was the first time that it was set
        state["DRIFT"] = -clock.step
    stats = app.ring.stats()
    if stats:
        state["LOG"] = stats["depth"]
    trust = app.mqtt.settings.get("tls")
    if trust:
        with overlay.use("certificates"):
            from firmware.security import certificates

            days = certificates.left(trust, clock.utc())
        if days is not None:
            state["CERT"] = days
    if hasattr(gc, "mem_alloc"):
        state["HEAP"] = gc.mem_alloc()
    return state
