"""Events: type 1 (protocol reference 6.7): point SPA, qualifier SPQ with SPI in its lowest bit, time tag b."""

from firmware.iec102 import timetag
from firmware.iec102.asdu import HEAD, Objects, wrong_length
from firmware.port import const

_EVENT = const(9)


def decode(type, count, buf):
    if len(buf) != HEAD + _EVENT * count:
        raise wrong_length(type, len(buf))
    return Objects(bytes(buf[HEAD:]), _EVENT, _event), None


def _event(data, at):
    quality = data[at + 1]
    time = timetag.decode_b(data, at + 2)
    return {"spa": data[at], "spq": quality >> 1, "spi": quality & 1, "time": time}


def encode(type, objects, time, buf, at):
    for item in objects:
        buf[at] = item["spa"]
        buf[at + 1] = item["spq"] << 1 | item["spi"]
        at = timetag.encode_b(item["time"], buf, at + 2)
    return at
