"""A web server that says whatever it likes, as the module `socket` sees it; in virtual time, without any network.

As unkind as the real ones: connect() goes on for a while, a request is taken in pieces (as much as lwIP's send buffer
has room for), an answer arrives in pieces of any length, and recv_into() mostly has nothing yet.
"""

import errno
import itertools
import random
import struct

from firmware.core.compat import ticks_ms
from tools import pack

# What ends an answer.
END, RESET, OPEN = "end", "reset", "open"
_WAY_MS = 60


class Server:
    """`talk(number, asked)` answers the request with that number (0 is the first): yields (ms to wait, bytes), and
    END, RESET or, with nothing, leaves the connection open. `asked` is (first byte, last byte or None); None while
    there is no request yet: talk() says by None that no connection comes about.
    """

    SOCK_STREAM = 1

    def __init__(self, talk, seed=1):
        self.talk = talk
        self.requests = []
        self.sent = 0
        self.open = 0
        self.chance = random.Random(seed)

    def getaddrinfo(self, host, port, *_):
        return [(2, 1, 0, "", (host, port))]

    def socket(self):
        self.open += 1
        return _Socket(self)


class _Socket:
    def __init__(self, server):
        self.server = server
        self.request = b""
        self.answer = None
        self.waiting = b""
        self.connects = 0
        self.due = 0

    def setblocking(self, on):
        assert not on

    def setsockopt(self, *_):
        """Nothing here waits for an acknowledgement."""

    def connect(self, _address):
        self.connects += 1
        dead = self.server.talk(len(self.server.requests), None) is None
        if dead or self.connects < 3:
            raise OSError(errno.EINPROGRESS if self.connects == 1 else errno.EALREADY)
        raise OSError(errno.EISCONN)

    def send(self, data):
        if self.server.chance.random() < 0.3:
            raise OSError(errno.EAGAIN)
        count = self.server.chance.randint(1, len(data))
        self.request += data[:count]
        if b"\r\n\r\n" in self.request and self.answer is None:
            lines = self.request.decode().split("\r\n")
            fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
            self.server.requests.append(fields)
            first, _, last = fields.get("range", "bytes=0-").partition("=")[2].partition("-")
            asked = int(first), (int(last) if last else None)
            self.answer = iter(self.server.talk(len(self.server.requests) - 1, asked))
            self.due = ticks_ms() + _WAY_MS
        return count

    def recv_into(self, buffer):
        if not self.waiting:
            if ticks_ms() < self.due:
                raise OSError(errno.EAGAIN)
            self.fill()
        if not self.waiting or ticks_ms() < self.due:
            raise OSError(errno.EAGAIN)
        if self.waiting == END:
            return 0
        if self.waiting == RESET:
            raise OSError(errno.ECONNRESET, "ECONNRESET")
        count = min(len(buffer), len(self.waiting), self.server.chance.randint(1, 3000))
        buffer[:count] = self.waiting[:count]
        self.waiting = self.waiting[count:]
        self.server.sent += count
        return count

    def fill(self):
        found = next(self.answer, OPEN)
        if found == OPEN:
            self.due = 1 << 60
        elif found in (END, RESET):
            self.waiting = found
        else:
            self.due += found[0]
            self.waiting = found[1]

    def close(self):
        self.server.open -= 1


def head(status, *fields):
    return "\r\n".join(["HTTP/1.1 " + status, *fields, "", ""]).encode("latin-1")


def span(data, asked):
    """(first, last) of what there is of a range."""
    return asked[0], min(len(data) - 1, len(data) - 1 if asked[1] is None else asked[1])


def ranged(data, asked, *fields, body=None, length=None, where=None, tag='"one"'):
    """206 with what was asked for of `data`; `body`, `length`, `where` and `tag` in the place of what is right."""
    first, last = span(data, asked)
    body = data[first : last + 1] if body is None else body
    where = where or "bytes %d-%d/%d" % (first, last, len(data))
    told = () if length == "" else ("Content-Length: %s" % (len(body) if length is None else length),)
    yield 0, head("206 Partial Content", "Content-Range: " + where, "ETag: " + tag, *told, *fields)
    yield 0, body
    yield END


def whole(data, *fields, length=None, tag='"one"'):
    """200 with all of `data`."""
    told = () if length == "" else ("Content-Length: %s" % (len(data) if length is None else length),)
    yield 0, head("200 OK", "ETag: " + tag, *told, *fields)
    yield 0, data
    yield END


def said(data, ending=END):
    yield 0, data
    if ending != OPEN:
        yield ending


def slowly(data, ms, size=1):
    """`data` for ever so slowly."""
    for at in range(0, len(data), size):
        yield ms, data[at : at + size]
    yield END


def endless(piece, ms=0, before=b""):
    yield 0, before
    for _ in itertools.count():
        yield ms, piece


def swapped(good, app):
    """Something else in front of the body that was signed: a lead that leads to a table of its own, and `app`."""
    lead, signature = struct.unpack(">HH", good[8:12])
    start = 12 + lead + signature
    body, _ = pack.build({"firmware/app/main.mpy": app})
    other = b"L102REL1" + struct.pack(">HH", 0, 0) + body
    assert len(other) <= start
    return other + good[len(other) : start] + good[start:]
