"""What the bytes of a message are for: of MQTT (3.1.1, 2.2 and 3.3)."""

_PUBLISH = 3


def mqtt(way, come):
    """Take a whole packet out of `come`: {what for: bytes}, {}: there is none yet."""
    length = shift = 0
    at = 1
    while at < len(come):
        length |= (come[at] & 127) << shift
        shift += 7
        at += 1
        if not come[at - 1] & 128:
            break
    else:
        return {}
    if len(come) < at + length:
        return {}
    payload = 0
    if come[0] >> 4 == _PUBLISH:
        topic = int.from_bytes(come[at : at + 2], "big")
        payload = length - 2 - topic - (2 if come[0] & 6 else 0)
    del come[: at + length]
    return {"payload": payload, "MQTT": at + length - payload}
