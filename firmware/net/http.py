"""What every client of HTTP/1.1 (RFC 9112, RFC 9110) says and reads: the fields of a request, the head of an answer.

A server may be anybody's: nothing but what is wanted of a head is kept, and a length that contradicts itself is none.
"""

from firmware.core.errors import BrokerError

_NOT_UNDERSTOOD = const(333)  # code of an error (core/errors.py)
# Digits of a length: more than any flash has.
_DIGITS = const(9)
_LENGTHS = const((b"content-length", b"content-range"))
_WANTED = const((
    b"content-length", b"content-range", b"transfer-encoding", b"etag", b"last-modified", b"location", b"connection",
    b"retry-after",
))  # fmt: skip


def asked(host, port, secure):
    """A request's head behind its address, as far as all are the same."""
    usual = port == (443 if secure else 80)
    place = host if usual else "%s:%d" % (host, port)
    return " HTTP/1.1\r\nHost: %s\r\nUser-Agent: lector102\r\nAccept-Encoding: identity\r\n" % place


def text(raw):
    """Bytes from a server as printable ASCII."""
    return "".join(chr(c) if 32 <= c < 127 else "?" for c in raw)


def number(raw):
    """A length as a head has it; ValueError for anything but a few digits."""
    if not raw.isdigit() or len(raw) > _DIGITS:
        raise ValueError
    return int(raw)


async def head(wire):
    """(status, {field: value} of those that are wanted) of the answer that `wire` brings. OSError."""
    code = 100
    # What says that the answer is still to come has a head of its own (RFC 9110, 15.2); the wire limits them together.
    while 100 <= code < 200:
        words = (await wire.line()).split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or len(words[1]) != 3 or not words[1].isdigit():
            raise BrokerError(_NOT_UNDERSTOOD, wire.host)
        code = int(words[1])
        found = {b"connection": b"close"} if words[0] == b"HTTP/1.0" else {}
        while True:
            raw = await wire.line()
            if not raw:
                break
            name, _, value = raw.partition(b":")
            name, value = name.lower(), value.strip()
            if name in _WANTED:
                found[name] = b"" if name in _LENGTHS and found.get(name, value) != value else value
    return code, found
