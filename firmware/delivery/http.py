"""Delivers over HTTP/1.1 (RFC 9112): records in the body of a POST, an array of some, or one in the address of a GET.

Loaded while something is to be sent (sender.py). What the server has said yes to, any 2xx, is acknowledged in the log
at once, so a power cut costs the repetition of one request. The connection is kept for the next request while more
waits; what an answer has in its body is read past.
"""

from binascii import b2a_base64

from firmware.core.compat import sleep_ms
from firmware.core.errors import BrokerError, LogError
from firmware.net import http
from firmware.net.wire import Wire

# Bytes of records in a request, one that is longer aside: what is repeated when the line breaks.
_MOST_BODY = const(32768)
# An answer that is longer is not read to its end: another connection costs less.
_READ_PAST = const(16384)
_PIECE = const(128)
_LATER = const((408, 425, 429))  # not now: what is asked is not to blame
# Codes of errors (core/errors.py).
_HUNG_UP = const(332)
_ANSWERED = const(334)
_NO_LOGIN = const(335)
_SENT_ON = const(336)


async def drain(sender):
    """Send what waits. OSError: it could not all be sent; `sender.retry_s` is what the server wants to be left."""
    settings = sender.settings
    wire = Wire(sender.sockets(), sender.feed, settings["timeout"] * 1000, sender.device.gate)
    used = False  # this connection has brought an answer
    try:
        while not settings["probe"]:
            batch = sender.batch(1 if settings["mode"] == "get-json" else sender.most, _MOST_BODY)
            if not batch:
                break
            try:
                if not wire.is_open():
                    used = False
                    await wire.open(settings["host"], settings["port"], settings["trust"], settings["trust"])
                await _ask(wire, sender, batch)
                code, fields = await http.head(wire)
                ends = not await _read_past(wire, code, fields)
            except LogError:
                # What was announced cannot be sent as a whole.
                wire.close()
                sender.cursor.release()
                await sleep_ms(0)
                continue
            except OSError as error:
                wire.close()
                if used and (error.args[0] == _HUNG_UP or not isinstance(error, BrokerError)):
                    sender.cursor.release()
                    continue  # the server had ended it: that is its right between two requests
                # A request that is too long for the line, or for the server, goes through in parts.
                sender.most = max(len(batch) // 2, 1)
                raise
            used = True
            if ends:
                wire.close()
            await _judge(sender, batch, code, fields)
            if sender.stops():
                break
        if sender.settings["probe"] or not sender.connected:
            # Nothing may be sent, or nothing is there: is the server?
            await wire.open(settings["host"], settings["port"])
            sender.reached()
    finally:
        wire.close()


async def _judge(sender, batch, code, fields):
    """What becomes of the records that the answer was given for. BrokerError: it has to wait."""
    if code // 100 == 2:
        await sender.done([seq for seq, _ in batch])
        sender.reached()
        sender.most = min(sender.most * 2, sender.settings["batch"])
        return
    sender.cursor.release()
    sender.refused += 1
    if code // 100 == 3:
        raise BrokerError(_SENT_ON, http.text(fields.get(b"location", b"another address")))
    if code // 100 == 4 and code not in _LATER:
        if len(batch) > 1:
            # One of them may be what the server does not like.
            sender.most = len(batch) // 2
            return
        if sender.parks(batch[0][0], code):
            return
        if code in (401, 403, 407):
            raise BrokerError(_NO_LOGIN, code)
    else:
        sender.retry_s = _number(fields.get(b"retry-after", b"")) or 0
    raise BrokerError(_ANSWERED, code)


def _number(raw):
    try:
        return http.number(raw)
    except ValueError:
        return None


# --- the request


async def _ask(wire, sender, batch):
    settings = sender.settings
    sender.requests += 1
    get = settings["mode"] == "get-json"
    await wire.put("%s %s" % ("GET" if get else "POST", settings["path"]))
    if get:
        await _encoded(wire, sender.read(batch[0]))
    lines = []
    if settings["user"]:
        login = b2a_base64(("%s:%s" % (settings["user"], settings["password"])).encode())
        lines.append("Authorization: Basic " + login.decode().strip())
    lines += [settings[name] for name in ("header1", "header2") if settings[name]]
    if not get:
        length = sum([length for _, length in batch]) + len(batch) + 1
        lines += ["Content-Type: application/json", "Content-Length: %d" % length]
    await wire.put(http.asked(settings["host"], settings["port"], settings["trust"]))
    await wire.put("\r\n".join(lines + ["", ""]))
    if not get:
        for number, each in enumerate(batch):
            await wire.put(b"," if number else b"[")
            await wire.put(sender.read(each))
        await wire.put(b"]")
    await wire.flush()


async def _encoded(wire, record):
    """A record as it may stand in an address (RFC 3986, 2.1)."""
    for at in range(0, len(record), _PIECE):
        text = ""
        for byte in record[at : at + _PIECE]:
            plain = 48 <= byte < 58 or 65 <= byte < 91 or 97 <= byte < 123 or byte in b"-._~"
            text += chr(byte) if plain else "%%%02X" % byte
        await wire.put(text)


# --- the answer


async def _read_past(wire, code, fields):
    """Read past the body of an answer, which changes nothing; whether the connection can be used again."""
    goes_on = b"close" not in fields.get(b"connection", b"").lower()
    length = _number(fields.get(b"content-length", b""))
    try:
        if code in (204, 304):
            return goes_on
        if b"transfer-encoding" in fields:
            return await _chunks(wire) and goes_on
        if length is None or length > _READ_PAST:
            return False
        await wire.skip(length)
        return goes_on
    except OSError:
        return False


async def _chunks(wire):
    """Read past a body in chunks (RFC 9112, 7.1); False: it is too long or none."""
    left = _READ_PAST
    while True:
        size = (await wire.line()).split(b";")[0].strip()
        try:
            count = int(size, 16)
        except ValueError:
            return False
        left -= count
        if count < 0 or left < 0:
            return False
        if not count:
            while await wire.line():
                pass
            return True
        await wire.skip(count + 2)
