"""GETRECORDS: what the log still has, delivered or not, each record behind its number."""

from firmware.commands.executor import CommandError
from firmware.core import overlay
from firmware.core.compat import sleep_ms
from firmware.core.errors import LogError

# Codes of CommandError.
_SYNTAX = const(1)
_FAILED = const(8)
_USUAL = const(20)
_MOST = const(1000)
# Bytes of an answer, which goes out in one piece over MQTT: whoever wants more asks again behind the last number.
_ENOUGH = const(12000)
_LAST = const(0x7FFFFFFF)


async def getrecords(call):
    with overlay.use("settings"):
        from firmware.config.settings import number

        seq = number(call.args[0], 0, _LAST)
        left = number(call.args[1], 1, _MOST) if len(call.args) > 1 else _USUAL
    if seq is None or left is None:
        raise CommandError(
            _SYNTAX, "GETRECORDS,from[,n] is wanted: the number of a record, and how many (1 to %d)" % _MOST
        )
    ring = call.device.ring
    if not ring.stats():
        return  # the safe mode has no log
    sent = 0
    try:
        if ring.first:
            seq = max(seq, ring.finder.begins(ring.first))
        seq = max(seq, 1)
        while seq <= ring.last and left and sent < _ENOUGH:
            try:
                data = bytearray(ring.info(seq)[2])
                ring.read_into(seq, data)
                await call.say(b"%d " % seq + data)
                sent += len(data)
                left -= 1
            except LogError:
                pass  # a number that was never used, or a damaged record
            seq += 1
            await sleep_ms(0)
    except OSError as error:
        raise CommandError(_FAILED, "the log cannot be read: %s" % error) from None
    finally:
        ring.forget_places(True)
