"""GETRECORDS: what the log still has, delivered or not, each record behind its number."""

from firmware.commands.executor import CommandError
from firmware.core.errors import LogError

# Codes of CommandError.
_BAD_VALUE = const(4)
_FAILED = const(8)
_USUAL = const("20")
# Bytes of an answer, which goes out in one piece over MQTT: whoever wants more asks again behind the last number.
_ENOUGH = const(12000)


async def getrecords(call):
    first, count = (call.args + [_USUAL])[:2]
    for word in (first, count):
        if not 0 < len(word) < 10 or word.strip("0123456789"):
            raise CommandError(_BAD_VALUE, "numbers are wanted: GETRECORDS,from[,n]")
    seq, left, room = max(int(first), 1), int(count), _ENOUGH
    ring = call.device.ring
    if not ring.stats():
        return  # the safe mode has no log
    try:
        if ring.first:
            seq = max(seq, ring.finder.begins(ring.first))
        while seq <= ring.last and left and room > 0:
            damaged = ring.damaged
            try:
                data = bytearray(ring.info(seq)[2])
                ring.read_into(seq, data)
                left -= 1
                room -= len(data)
                await call.say(b"%d " % seq + data)
            except LogError:
                # A number that was never used, or one that delivery counts.
                ring.damaged = damaged
            seq += 1
    except OSError as error:
        raise CommandError(_FAILED, "the log cannot be read: %s" % error) from None
    finally:
        ring.forget_places(True)
