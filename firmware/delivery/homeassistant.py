"""What Home Assistant is told: a device and an entity for each value of each meter, by its MQTT discovery.

One retained message an entity on `<prefix>/sensor/<unique id>/config`, one at a time: each is some 600 bytes, goes out
when no other reply waits, and records go on in between. Keys are Home Assistant's abbreviations. Names, units and
classes: home-assistant.io, "MQTT", "MQTT sensor"; developers.home-assistant.io, "Sensor entity"; reactive_energy needs
Home Assistant 2025.6.

Meters may share one topic, and devices, too: each template takes the records of its meter (IMEI and ID) and says
nothing for the others, which leaves a sensor as it is. Home Assistant takes any message there for a sign of life, so
that of a meter has a topic of its own (discovery.py).
"""

import json

from firmware.core import log, overlay
from firmware.core.compat import sleep_ms, ticks_add, ticks_diff, ticks_ms
from firmware.meters import readings, schedule

_TURN_MS = const(2000)
_STEP_MS = const(20)
_COUNT = const(21)  # entities of a meter
# Begin of the keys|name|device class|unit|factor from the record's unit to this one|ends of the keys.
# The units are those every version knows: kvar was not among those of reactive power at first.
_ENTITIES = const("""VABA|Active energy|energy|kWh||
VABRI|Inductive reactive energy|reactive_energy|kvarh||
VABRC|Capacitive reactive energy|reactive_energy|kvarh||
PA|Active power|power|kW||T,F1,F2,F3
PR|Reactive power|reactive_power|var|*1000|T,F1,F2,F3
FP|Power factor|power_factor||/1000|T,F1,F2,F3
IF|Current|current|A|/10|1,2,3
TF|Voltage|voltage|V|/10|1,2,3""")
_TEMPLATE = const(
    '{%%if value_json.IMEI=="%s" and value_json.ID=="%s" and value_json.%s is defined%s%%}'
    "{{value_json.%s%s}}{%%endif%%}"
)
# What a meter calls invalid is no state: bits of Q (meters/readings/instant.py) where that is there. Without it a
# counter at 0 may be an invalid one: it counts from the first kWh on.
_VALID = const(" and not value_json.Q|default(0)|bitwise_and(%d)")
_COUNTS = const(" and value_json.%s>0")
_PLAIN = const("abcdefghijklmnopqrstuvwxyz0123456789-")
_STATE = const("{{value_json.STATE}}")
# Bytes; what comes behind it has room in a topic then (config.LONGEST_TOPIC).
_LONGEST_PREFIX = const(64)


def plan(service):
    """(prefix to announce under, online topic) as the settings are now; prefix None: nothing is to be said."""
    device = service.device
    get = device.config.get
    prefix = get("ha.prefix") if get("ha.enabled") else ""
    if prefix and device.format.profile == "extended":
        log.error("ha", "Home Assistant gets the titan form: set logger.profile to titan or both")
        prefix = None
    elif prefix and (not device.topics[0] or len(prefix.encode()) > _LONGEST_PREFIX):
        prefix = None  # nothing is delivered: the entities that are there stay as they are
    return prefix, device.mqtt.settings.get("online_topic", "")


async def go_on(service):
    """Say what fits into this turn; True when everything is said.

    What stands under another prefix is taken back first.
    """
    device = service.device
    prefix, online = service.plan
    if prefix is None:
        return True
    end = ticks_add(ticks_ms(), _TURN_MS)
    if service.prefix and service.prefix != prefix:
        while service.watched:
            await device.mqtt.reply(service.watched.pop()[1], b"", True)
        if not await _say(service, service.prefix, online, end, False):
            return False
        log.info("ha", "announcements under %s are taken back", service.prefix)
        service.at = 0
        service.prefix = ""
    if prefix:
        # From here on some of it may be there.
        service.prefix = prefix
        if not await _say(service, prefix, online, end, True):
            return False
        # Told once more: to a broker that has lost it, perhaps.
        service.watched = [
            [meter, _life(device, online, meter), 3 * _interval(meter) + 60, None] for meter in _meters(device)
        ]
        count = len(_meters(device)) * _COUNT + bool(online)
        log.info("ha", "%d entities announced under %s", count, prefix)
    return True


async def _say(service, prefix, online, end, wanted):
    """Queue message after message from `service.at` on; False if the turn was over before the last one."""
    device = service.device
    mqtt = device.mqtt
    while True:
        found = message(device, prefix, online, service.at)
        if not found:
            return True
        while mqtt.replies_wait() or overlay.crowded():
            gone = not mqtt.connected or mqtt.connections != service.connection
            if gone or ticks_diff(end, ticks_ms()) < 0:
                return False
            await sleep_ms(_STEP_MS)
        topic, payload = found
        payload = json.dumps(payload, separators=(",", ":")) if wanted else b""
        await mqtt.reply(topic, payload, True)
        service.at += 1
        if ticks_diff(end, ticks_ms()) < 0:
            return False
        await sleep_ms(_STEP_MS)


def message(device, prefix, online, number):
    """(topic, dict) of message `number`, None behind the last one: whether the device is online, then the values of
    each meter that is read.

    `online`: the topic that says so, empty where there is none.
    """
    box = "lector102_" + _plain(device.imei)
    origin = {"name": "lector102", "sw": device.version}
    if online:
        if not number:
            return _box(device, prefix, online, box, origin)
        number -= 1
    meters = _meters(device)
    if number >= len(meters) * _COUNT:
        return None
    meter = meters[number // _COUNT]
    ident = box + "_" + _plain(meter.ident)
    about = {"ids": ident, "name": meter.ident, "mdl": "IEC 60870-5-102 meter"}
    found = _entity(device.imei, meter.ident, ident, number % _COUNT)
    found["stat_t"] = device.topics[0].replace("[ID]", meter.ident)
    found["qos"] = 1
    # Three readings that do not arrive: the meter is not there, whatever the online topic says.
    found["exp_aft"] = 3 * _interval(meter) + 60
    found["avty"] = [{"t": _life(device, online, meter)}]
    if online:
        about["via_device"] = box
        found["avty"].append({"t": online, "val_tpl": _STATE})
        found["avty_mode"] = "all"
    found["dev"] = about
    found["o"] = origin
    return _topic(prefix, "sensor", found["uniq_id"]), found


def _box(device, prefix, online, box, origin):
    return _topic(prefix, "binary_sensor", box + "_online"), {
        "name": "Online",
        "uniq_id": box + "_online",
        "dev_cla": "connectivity",
        "ent_cat": "diagnostic",
        "stat_t": online,
        "val_tpl": _STATE,
        "pl_on": "online",
        "pl_off": "offline",
        "qos": 1,
        "dev": {"ids": box, "name": device.name, "sn": device.imei, "sw": device.version},
        "o": origin,
    }


def _life(device, online, meter):
    """The topic that says online or offline of a meter: below the device's, where there is one that has room."""
    if not online or len(online.encode()) > _LONGEST_PREFIX:
        online = "lector102/%s/ONLINE" % _plain(device.imei)
    return online + "/" + _plain(meter.ident)


def _entity(imei, meter, ident, number):
    bit = 1
    for row in _ENTITIES.split("\n"):
        start, name, kind, unit, factor, ends = row.split("|")
        ends = ends.split(",")
        if number >= len(ends):
            number -= len(ends)
            # Q has a bit for each counter, then one for all that is of one phase.
            bit = {"VABA": 2, "VABRI": 4, "FP": 128, "IF": 128}.get(start, 8)
            continue
        end = ends[number]
        key = start + end
        more = (_COUNTS % key if "energy" in kind else "") + _VALID % (bit << number)
        found = {
            "name": name + (" L" + end[-1] if end[-1:].isdigit() else ""),
            "uniq_id": ident + "_" + key,
            "dev_cla": kind,
            "stat_cla": "total_increasing" if "energy" in kind else "measurement",
            "val_tpl": _TEMPLATE % (imei, meter, key, more, key, factor),
        }
        if unit:
            found["unit_of_meas"] = unit
        return found
    raise IndexError("no such entity")


def _meters(device):
    return [meter for line in device.lines for meter in line.meters if _interval(meter)]


def _interval(meter):
    """Seconds between two readings of the instantaneous values that are delivered; 0: there are none."""
    for number in range(schedule.count(meter.plan)):
        plan = schedule.take(meter.plan, number)
        if plan.kind == readings.INSTANT and meter.log:
            return plan.interval
    return 0


def _topic(prefix, component, ident):
    return "%s/%s/%s/config" % (prefix, component, ident)


def _plain(text):
    """`text` in letters, digits and hyphens: anything else becomes _ and its code, so that no two become the same."""
    return "".join(c if c.lower() in _PLAIN else "_%02x" % ord(c) for c in text)
