"""Events: type 1 (protocol reference 6.7): point SPA, qualifier SPQ with SPI in its lowest bit, time tag b."""

from firmware.iec102 import timetag
from firmware.iec102.asdu import HEAD, wrong_length
from firmware.port import const

_EVENT = const(9)


class Events:
    """The objects of a list of events, each made when it is looked at: all at once they take 10 KB of heap."""

    def __init__(self, data):
        self._data = data

    def __len__(self):
        return len(self._data) // _EVENT

    def __getitem__(self, number):
        if not 0 <= number < len(self):
            raise IndexError("there is no event %d" % number)
        at = number * _EVENT
        quality = self._data[at + 1]
        time = timetag.decode_b(self._data, at + 2)
        return {"spa": self._data[at], "spq": quality >> 1, "spi": quality & 1, "time": time}

    def __iter__(self):
        for number in range(len(self)):
            yield self[number]

    def __eq__(self, other):
        return list(self) == list(other)


def decode(type, count, buf):
    if len(buf) != HEAD + _EVENT * count:
        raise wrong_length(type, len(buf))
    events = Events(bytes(buf[HEAD:]))
    for _ in events:
        pass  # an impossible time is told now
    return events, None


def encode(type, objects, time, buf, at):
    for item in objects:
        buf[at] = item["spa"]
        buf[at + 1] = item["spq"] << 1 | item["spi"]
        at = timetag.encode_b(item["time"], buf, at + 2)
    return at
