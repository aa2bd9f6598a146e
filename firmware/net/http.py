"""For download.py: the head of an answer over HTTP/1.1 (RFC 9112, RFC 9110).

A server may be anybody's: every length in a head has its limit, and what contradicts itself is refused; nothing but
what download.py wants of it is kept.
"""

from firmware.net.url import DownloadError

# What a head has altogether; those of the large file hosts have 2 to 5 KB.
HEAD_MOST = const(8192)
# What is kept of one line: an address that is sent on to may be long.
LINE_MOST = const(1024)
# Digits of a length: more than any flash has.
_DIGITS = const(9)
_TAG_MOST = const(128)
_WANTED = const((
    b"content-length", b"content-range", b"transfer-encoding", b"etag", b"last-modified", b"location",
))  # fmt: skip


class Answer:
    """`code`: the status (int); `length`: bytes of the body (int), None if that was not told; `tag`: what names this
    content (text, "" for none). Of a range also the `first` byte and the size of the `whole` file (int, 0: not told).
    """

    length = first = None
    whole = 0
    tag = ""


def text(raw):
    """Bytes from a server as printable ASCII."""
    return "".join(chr(c) if 32 <= c < 127 else "?" for c in raw)


def _number(raw):
    """A length as a head has it; ValueError for anything but a few digits."""
    if not raw.isdigit() or len(raw) > _DIGITS:
        raise ValueError
    return int(raw)


async def read(line, host):
    """The Answer whose lines `await line()` gives (bytes without their ends).

    DownloadError when it is none, and for a status with which another try would end as well: all but 200, 206, 416 and
    those of a server in trouble.
    """
    code = 100
    # What says that the answer is still to come has a head of its own (RFC 9110, 15.2); `line` limits them together.
    while 100 <= code < 200:
        words = (await line()).split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or len(words[1]) != 3 or not words[1].isdigit():
            raise DownloadError("%s does not speak HTTP" % host)
        code = int(words[1])
        found = await _fields(line, host)
    answer = Answer()
    answer.code = code
    try:
        if b"content-length" in found:
            answer.length = _number(found[b"content-length"])
        if code == 206:
            _range(answer, found.get(b"content-range", b""))
    except ValueError:
        raise DownloadError("%s tells a length that is none" % host) from None
    if b"transfer-encoding" in found:
        answer.length = None
    tag = found.get(b"etag") or found.get(b"last-modified", b"")
    if len(tag) <= _TAG_MOST and not tag.startswith(b"W/"):
        answer.tag = text(tag)
    if code // 100 == 3:
        # Not followed: whoever gives the order says from where.
        place = text(found.get(b"location", b"another address"))
        raise DownloadError("the server answers %d: order it from %s" % (code, place))
    if code not in (200, 206, 416) and code < 500:
        raise DownloadError("%s answers %d for that address" % (host, code))
    return answer


async def _fields(line, host):
    """{name: value} of the fields that are wanted, up to the empty line."""
    found = {}
    while True:
        raw = await line()
        if not raw:
            return found
        name, _, value = raw.partition(b":")
        name, value = name.lower(), value.strip()
        if name in _WANTED:
            if found.get(name, value) != value:
                raise DownloadError("%s tells %s twice" % (host, text(name)))
            found[name] = value


def _range(answer, raw):
    """`bytes first-last/whole` (RFC 9110, 14.4); ValueError."""
    unit, _, rest = raw.partition(b" ")
    part, _, whole = rest.partition(b"/")
    first, _, last = part.partition(b"-")
    answer.first, last = _number(first), _number(last)
    answer.whole = 0 if whole == b"*" else _number(whole)
    length = last + 1 - answer.first
    if unit.lower() != b"bytes" or length < 1 or (answer.whole and last >= answer.whole):
        raise ValueError
    if answer.length is None:
        answer.length = length
    elif answer.length != length:
        raise ValueError
