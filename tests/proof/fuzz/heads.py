"""Answers of servers over HTTP to whoever fetches a file: right, or a DownloadError after few tries."""

import socket
import tempfile
from pathlib import Path

from firmware.core import log
from firmware.net.url import DownloadError
from firmware.update.download import Download
from tests.host.support.virtual_time import VirtualLoop
from tests.proof.fuzz.mutator import Mutator

COUNT, SAMPLE, HEAP = 100_000, 300, 100_000
_BODY = bytes(range(256)) * 6
_URL = "http://files.example/a.rel"
# Connections for one file, calls of its sockets, virtual seconds: what gives up has done so by then.
_CONNECTIONS, _CALLS, _LONGEST_S = 80, 5000, 3600


def seeds():
    """Heads of servers of many kinds, with the body behind them."""
    size = len(_BODY)
    heads = (
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n"
        'Last-Modified: Sun, 29 Nov 2026 10:00:00 GMT\r\nETag: "6a-1f"\r\nAccept-Ranges: bytes\r\n\r\n' % size,
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-%d/%d\r\ncontent-length: %d\r\netag: x\r\n\r\n"
        % (size - 1, size, size),
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 500-%d/*\r\n\r\n" % (size - 1),
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        "HTTP/1.0 200 OK\nContent-Length: %d\n\n" % size,
        "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/a.rel?sig=1\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n600\r\n",
        "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */%d\r\n\r\n" % size,
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 120\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\n\r\n",
    )
    return [head.encode() + _BODY for head in heads]


class _Socket:
    """A connection that brings `data` in pieces of up to `piece` bytes, then its end."""

    def __init__(self, data, piece, calls):
        self._data, self._at, self._piece, self._calls = data, 0, piece, calls

    def setsockopt(self, *_):
        """Nothing here waits for an acknowledgement."""

    def setblocking(self, flag):
        assert not flag

    def connect(self, address):
        pass

    def _call(self):
        self._calls[0] += 1
        assert self._calls[0] < _CALLS

    def send(self, data):
        self._call()
        return min(len(data), self._piece)

    def recv_into(self, view):
        self._call()
        if self._calls[0] % 3 == 1:
            raise BlockingIOError(11, "not yet")
        count = min(len(view), self._piece, len(self._data) - self._at)
        view[:count] = self._data[self._at : self._at + count]
        self._at += count
        return count

    def close(self):
        pass


class _Sockets:
    """The link's socket module; each connection is the next of `answers`, the last one for ever."""

    SOCK_STREAM = socket.SOCK_STREAM

    def __init__(self, answers, piece):
        self._answers, self._piece = list(answers), piece
        self.calls, self.connections = [0], 0

    def getaddrinfo(self, host, port, *_):
        return [(0, 0, 0, "", (host, port))]

    def socket(self):
        self.connections += 1
        assert self.connections <= _CONNECTIONS
        data = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return _Socket(data, self._piece, self.calls)


class Target:
    """An input is (answers, bytes of a piece, bytes wanted first or None)."""

    def __init__(self, generator):
        words = (
            b"\r\n", b"\n", b":", b"Content-Length: 9\r\n", b"Content-Range: bytes 0-5/6\r\n",
            b"HTTP/1.1 100 \r\n\r\n", b"x" * 1500, b"x" * 9000, b"content-length: 1536\r\n", b"-", b"/", b"*", b"\xff",
            b"\0",
        )  # fmt: skip
        self._mutator = Mutator(generator, seeds(), words, 12000)
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "download"
        self._loop = VirtualLoop(1795000000)
        self._sink, log.sink = log.sink, lambda text: None

    def close(self):
        log.sink = self._sink
        self._loop.close()
        self._folder.cleanup()

    def make(self):
        mutator = self._mutator
        answers = []
        for _ in range(1 + mutator.below(3)):
            whole = mutator.one_of(mutator.seeds)
            end = len(whole) - len(_BODY)
            head = mutator.make(whole[:end], long=mutator.below(3) == 0)
            answers.append(head + _BODY if mutator.below(4) else mutator.make(head + _BODY))
        return answers, mutator.one_of((100, 536, 2000)), mutator.one_of((None, None, 700))

    def run(self, given):
        answers, piece, upto = given
        for path in Path(self._folder.name).iterdir():
            path.unlink()
        self._loop._limit_us = self._loop._us + _LONGEST_S * 1_000_000
        sockets = _Sockets(answers, piece)
        fetch = Download(_URL, str(self._path), sockets, backoff_s=0)
        if upto is None:
            fetch.size = len(_BODY)
        try:
            self._loop.run_until_complete(fetch.fetch(upto))
        except DownloadError as error:
            assert len(str(error)) < 1500
            became = "refused"
        else:
            became = "fetched"
            assert fetch.got >= min(upto or fetch.got, fetch.total or fetch.got)
        there = self._path.stat().st_size if self._path.exists() else 0
        assert there == fetch.got <= (len(_BODY) if upto is None else upto)
        tag = Path(str(self._path) + ".tag")
        assert not tag.exists() or tag.stat().st_size < 300
        return became
