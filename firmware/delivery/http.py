"""Delivers over HTTP/1.1 (RFC 9112): records in the body of a POST, an array of some, or one in the address of a GET.

Loaded while something is to be sent (sender.py). What the server has said yes to, any 2xx, is acknowledged in the log
at once, so a power cut costs the repetition of one request. The connection is kept for the next request while more
waits; what an answer has in its body is read past.
"""

from binascii import b2a_base64

from firmware.core.compat import sleep_ms
from firmware.core.errors import BrokerError, LogError
from firmware.net.wire import Wire

# Bytes of records in a request, one that is longer aside: what is repeated when the line breaks.
_MOST_BODY = const(32768)
# An answer that is longer is not read to its end: another connection costs less.
_READ_PAST = const(16384)
_HEAD_LINES = const(100)
_PIECE = const(128)
_LATER = const((408, 425, 429))  # not now: what is asked is not to blame
# Codes of errors (core/errors.py).
_HUNG_UP = const(335)
_NO_HTTP = const(336)
_ANSWERED = const(337)
_NO_LOGIN = const(338)
_SENT_ON = const(339)


async def drain(sender):
    """Send what waits. OSError: it could not all be sent; `sender.retry_s` is what the server wants to be left."""
    settings = sender.settings
    wire = Wire(sender.sockets(), sender.feed, settings["timeout_ms"])
    used = False  # this connection has brought an answer
    try:
        while not settings["probe"]:
            batch = sender.batch(1 if settings["get"] else sender.most, _MOST_BODY)
            if not batch:
                break
            try:
                if not wire.is_open():
                    used = False
                    await wire.open(settings["host"], settings["port"], settings["trust"])
                await _ask(wire, sender, batch)
                answer = await _answer(wire)
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
            if answer.ends:
                wire.close()
            await _judge(sender, batch, answer)
            if sender.stops():
                break
        if sender.settings["probe"] or not sender.connected:
            # Nothing may be sent, or nothing is there: is the server?
            await wire.open(settings["host"], settings["port"])
            sender.reached()
    finally:
        wire.close()


async def _judge(sender, batch, answer):
    """What becomes of the records that `answer` was given for. BrokerError: it has to wait."""
    code = answer.code
    if code // 100 == 2:
        await sender.done([seq for seq, _ in batch])
        sender.reached()
        sender.most = min(sender.most * 2, sender.settings["batch"])
        return
    sender.cursor.release()
    sender.refusals += 1
    if code // 100 == 3:
        raise BrokerError(_SENT_ON, answer.place or code)
    if code // 100 == 4 and code not in _LATER:
        if len(batch) > 1:
            # One of them may be what the server does not like.
            sender.most = len(batch) // 2
            return
        if sender.parks(batch[0][0], code):
            return
        if code in (401, 403, 407):
            raise BrokerError(_NO_LOGIN, code)
    elif answer.retry_s:
        sender.retry_s = answer.retry_s
    raise BrokerError(_ANSWERED, code)


# --- the request


async def _ask(wire, sender, batch):
    settings = sender.settings
    sender.requests += 1
    get = settings["get"]
    await wire.put("%s %s" % ("GET" if get else "POST", settings["path"]))
    if get:
        await _encoded(wire, sender.read(batch[0]))
    usual = settings["port"] == (443 if settings["trust"] else 80)
    lines = [" HTTP/1.1", "Host: " + settings["host"] + ("" if usual else ":%d" % settings["port"])]
    lines += ["User-Agent: lector102", "Accept-Encoding: identity"]
    if settings["user"]:
        login = b2a_base64(("%s:%s" % (settings["user"], settings["password"])).encode())
        lines.append("Authorization: Basic " + login.decode().strip())
    lines += [header for header in settings["headers"] if header]
    if not get:
        length = sum([length for _, length in batch]) + len(batch) + 1
        lines += ["Content-Type: application/json", "Content-Length: %d" % length]
    await wire.put("\r\n".join(lines) + "\r\n\r\n")
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


class _Answer:
    """`code`: the status; `ends`: the connection does; `retry_s`: seconds it asks us to wait; `place`: another one;
    `length`: of its body, None: not told; or it comes in `chunks`."""

    retry_s = 0
    place = ""
    ends = chunks = False
    length = None


async def _answer(wire):
    """The _Answer to a request, its body read past. OSError."""
    answer = await _head(wire)
    while answer.code < 200:
        answer = await _head(wire)
    # What it says in its body changes nothing: where that can't be read the connection ends.
    try:
        if answer.code in (204, 304):
            return answer
        if answer.chunks:
            answer.ends = not await _chunks(wire) or answer.ends
        elif answer.length is None or answer.length > _READ_PAST:
            answer.ends = True
        else:
            await wire.skip(answer.length)
    except OSError:
        answer.ends = True
    return answer


async def _head(wire):
    words = (await wire.line()).split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or len(words[1]) != 3 or not words[1].isdigit():
        raise BrokerError(_NO_HTTP, wire.host)
    answer = _Answer()
    answer.code = int(words[1])
    answer.ends = words[0] == b"HTTP/1.0"
    for _ in range(_HEAD_LINES):
        raw = await wire.line()
        if not raw:
            return answer
        name, _, value = raw.partition(b":")
        name, value = name.lower(), value.strip()
        if name == b"content-length" and value.isdigit():
            answer.length = int(value[:9])
        elif name == b"transfer-encoding":
            answer.chunks = True
        elif name == b"connection":
            value = value.lower()
            answer.ends = b"close" in value or (answer.ends and b"keep-alive" not in value)
        elif name == b"retry-after" and value.isdigit():
            answer.retry_s = int(value[:6])
        elif name == b"location":
            answer.place = "".join(chr(c) if 32 < c < 127 else "?" for c in value[:120])
    raise BrokerError(_NO_HTTP, wire.host)


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
