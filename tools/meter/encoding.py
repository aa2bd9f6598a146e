"""ASDUs as a meter sends them. What a master sends the firmware writes itself (firmware/iec102/asdu.py), which only
reads answers: no device has to have this. It is as particular as the firmware, and what one writes the other reads bit
for bit; runs on MicroPython, too.
"""

from firmware.iec102 import asdu as codec
from firmware.iec102 import extensions, setup, simple, timetag, totals
from firmware.iec102.asdu import put32

_TOTALS = 192
_POWERS = 193
_TARIFF = 151
_SEASONS = 193
# Bytes of the body of 129 and 142.
_BODY = 246


def encode(asdu, buf, at=0):
    """Write `asdu` to `buf[at:]`; returns its length. AsduError: the type is unknown or a value does not fit."""
    return codec.encode(asdu, buf, at, _WRITERS.get(asdu.type))


# Each of these writes the objects of a type, and where it has one the common time; returns the position behind them.


def _events(type, objects, time, buf, at):
    for item in objects:
        buf[at] = item["spa"]
        buf[at + 1] = item["spq"] << 1 | item["spi"]
        at = timetag.encode_b(item["time"], buf, at + 2)
    return at


def _identity(type, objects, time, buf, at):
    item = objects[0]
    buf[at] = item["standard_month"] | (item["standard_year"] - 2000) << 4
    buf[at + 1] = item["manufacturer"]
    return put32(buf, at + 2, item["equipment"])


# --- energies (protocol reference 6.3 to 6.6)


def _totals(type, objects, time, buf, at):
    for item in objects:
        buf[at] = item["address"]
        at = _put_total(item, buf, at + 1)
    return timetag.encode_a(time, buf, at)


def _put_total(total, buf, at):
    at = put32(buf, at, total["value"])
    buf[at] = total["qualifier"]
    return at + 1


def _blocks(type, objects, time, buf, at):
    for block in objects:
        if totals.IN_BLOCK.get(block["address"]) != len(block["totals"]):
            raise ValueError("block %d has %d totals" % (block["address"], len(block["totals"])))
        buf[at] = block["address"]
        at += 1
        for total in block["totals"]:
            at = _put_total(total, buf, at)
        at = timetag.encode_a(block["time"], buf, at)
    return at


def _tariff(type, objects, time, buf, at):
    for item in objects:
        at = simple.put_fields(totals.FIELDS, item, buf, at)
    return at


def _contracted(type, objects, time, buf, at):
    for item in objects:
        buf[at] = item["address"]
        at = put32(buf, at + 1, item["power"])
    return timetag.encode_a(time, buf, at)


def _holidays(type, objects, time, buf, at):
    for item in objects:
        at = timetag.encode_a(item["time"], buf, at)
    return at


# --- instantaneous values (6.8)


def _instant(type, objects, time, buf, at):
    for item in objects:
        buf[at] = item["address"]
        at += 1
        if item["address"] == _TOTALS:
            for total in item["totals"]:
                at = put32(buf, at, _word(total["value"], total, "total"))
        elif item["address"] == _POWERS:
            for power in item["powers"]:
                at = _put_power(power, buf, at)
        elif item["address"] == 194:
            for phase in item["phases"]:
                current = _fits(phase["current"], 24, "current")
                buf[at] = current & 0xFF
                buf[at + 1] = current >> 8 & 0xFF
                buf[at + 2] = current >> 16
                at = put32(buf, at + 3, _word(phase["voltage"], phase, "voltage"))
        else:
            raise ValueError("object %d is not 192, 193 or 194" % item["address"])
        at = timetag.encode_a(item["time"], buf, at)
    return at


def _fits(value, bits, name):
    if not 0 <= value < 1 << bits:
        raise ValueError("%s %d does not fit %d bits" % (name, value, bits))
    return value


def _word(value, item, name):
    word = _fits(value, 30, name) | (item.get("reserved", 0) & 1) << 30
    return word | (0x80000000 if item.get("invalid") else 0)


def _put_power(power, buf, at):
    active = _fits(power["active"], 24, "active power")
    reactive = _fits(power["reactive"], 24, "reactive power")
    high = _fits(power["cos_phi"], 10, "power factor") | (power.get("reserved", 0) & 7) << 12
    high |= 0x400 if power.get("export") else 0
    high |= 0x800 if power.get("quadrant34") else 0
    high |= 0x8000 if power.get("invalid") else 0
    at = put32(buf, at, active | (reactive & 0xFF) << 24)
    return put32(buf, at, reactive >> 8 | high << 16)


# --- how it is set up (6.6, 6.9 and 6.10)


def _whole(type, objects, time, buf, at):
    item = objects[0]
    end = _put_fields(extensions.PARAMETERS if type == 129 else setup.FIELDS, item, buf, at)
    rest = bytes.fromhex(item.get("rest", ""))
    buf[end : at + _BODY] = rest + bytes(at + _BODY - end - len(rest))
    return at + _BODY


def _setup(type, objects, time, buf, at):
    for item in objects:
        buf[at] = item["address"]
        at += 1
        if "raw" in item:
            raw = bytes.fromhex(item["raw"])
            buf[at : at + len(raw)] = raw
            at += len(raw)
        elif type != _TARIFF:
            at = _put_fields(extensions.OBJECTS[item["address"]], item, buf, at)
        elif item["address"] == _SEASONS:
            at = _put_seasons(item, buf, at)
        else:
            at = _put_fields(extensions.PERIOD_NOW, item, buf, at)
    return at


def _put_fields(fields, item, buf, at):
    """The inverse of codec.get_fields()."""
    for name, length in fields:
        value = item[name]
        if length == 2:
            buf[at], buf[at + 1] = value & 0xFF, value >> 8
            at += 2
        elif isinstance(length, str):
            length = int(length[1:])
            raw = bytes(ord(c) for c in value)
            buf[at : at + length] = raw + bytes(length - len(raw))
            at += length
        else:
            at = simple.put_fields(((name, length),), item, buf, at)
    return at


def _put_seasons(item, buf, at):
    buf[at] = item["direction"]
    buf[at + 1] = item["kind"]
    buf[at + 2] = len(item["seasons"])
    at += 3
    for season in item["seasons"]:
        at = timetag.encode_a(season["start"], buf, at)
        buf[at] = season["workday"] | season["holiday"] << 4
        at += 1
    buf[at] = len(item["days"])
    at += 1
    for hours in item["days"]:
        for i in range(12):
            buf[at] = int(hours[2 * i], 16) | int(hours[2 * i + 1], 16) << 4
            at += 1
    return timetag.encode_a(item["activation"], buf, at)


_WRITERS = {
    1: _events,
    8: _totals,
    11: _totals,
    71: _identity,
    129: _whole,
    135: _tariff,
    136: _tariff,
    139: _blocks,
    140: _blocks,
    142: _whole,
    145: _contracted,
    148: _holidays,
    151: _setup,
    157: _setup,
    163: _instant,
}
