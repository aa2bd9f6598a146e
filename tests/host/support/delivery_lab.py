"""The firmware's deliveries over HTTP and FTP with the real log and real servers on this machine.

`Web` is http.server, whose answers a test decides; `Cutter` stands between, counts what passes and cuts the line.
`run(folder, …)` is the device for a while: a log, one Sender or more, and what a power cut leaves of them.
"""

import asyncio
import contextlib
import http.server
import json
import socket
import threading
import time
import urllib.parse

from firmware.core.flash_gate import Gate
from firmware.delivery import sender
from firmware.delivery.sender import Sender
from firmware.recordlog.kept import Kept
from firmware.recordlog.ring import Ring
from tests.host.support import tcp_servers

HTTP = {
    "enabled": True, "probe": False, "host": "127.0.0.1", "port": 0, "path": "/in", "trust": None, "user": "",
    "password": "", "form": "titan", "timeout": 2, "mode": "post-json", "batch": 20, "order": "fifo", "tries": 3,
    "header1": "", "header2": "",
}  # fmt: skip
FTP = {
    "enabled": True, "probe": False, "host": "127.0.0.1", "port": 0, "path": "/", "trust": None, "user": "meter",
    "password": "secret", "form": "titan", "timeout": 2, "folder": "", "imei": "860000000000001", "period": 0,
}  # fmt: skip
DAY = 86400
# A day's beginning.
UTC = 1_795_000_000 // DAY * DAY


def hasty(monkeypatch):
    """No sender waits before its next attempt."""
    for name in ("_FIRST_S", "_LAST_S"):
        monkeypatch.setattr(sender, name, 0)


def record(number, filler=60):
    return json.dumps({"IMEI": "860000000000001", "N": number, "X": "é &%+" + "x" * filler}).encode()


class Web(http.server.ThreadingHTTPServer):
    """`answers`: a function of (number of the request, its records) gives (status, headers, body), or None to hang up,
    or a number of seconds to be silent; `context`: with TLS. `got`: N of each record that was taken, in order;
    `requests`: each with method, path, headers, records and connection."""

    daemon_threads = True

    def __init__(self, answers=None, context=None):
        self.answers = answers or (lambda number, records: (200, {}, b"ok"))
        self.got = []
        self.requests = []
        self.connections = 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = self.server_address[1]
        if context:
            # The handshake is the connection's own thread's.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def process_request(self, request, client_address):
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request, client_address):
        """Who hangs up in the middle is what is tested."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20

    def log_message(self, *_):
        """Not on the tests' output."""

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) == length:
            self._answer(json.loads(body))

    def do_GET(self):
        query = urllib.parse.urlsplit(self.path).query
        self._answer([json.loads(urllib.parse.unquote(query.partition("=")[2]))])

    def _answer(self, records):
        server = self.server
        with server.lock:
            server.requests.append((self.command, self.path, dict(self.headers), records, self.client_address))
            found = server.answers(len(server.requests), records)
            if isinstance(found, tuple) and found[0] // 100 == 2:
                server.got += [each["N"] for each in records]
        if isinstance(found, (int, float)):
            time.sleep(found)
            found = None
        if found is None:
            self.close_connection = True
            return
        status, headers, body = found
        self.send_response(status)
        if isinstance(body, list):
            headers = dict(headers, **{"Transfer-Encoding": "chunked"})
        elif body is not None and "Content-Length" not in headers:
            headers = dict(headers, **{"Content-Length": str(len(body))})
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if isinstance(body, list):
            for piece in body:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\nX-Trailer: yes\r\n\r\n")
        elif body:
            self.wfile.write(body)


class Cutter:
    """Passes bytes between who connects and `port`; the `cut`-th piece that passes (of any connection, either way) and
    all behind it are lost, and both ends are closed. A piece has `size` bytes at most. 0: nothing is cut."""

    def __init__(self, port, size=256):
        self._target = port
        self._size = size
        self.cut = 0
        self.pieces = 0
        self.hits = 0
        self._lock = threading.Lock()
        self._server = tcp_servers.serve(self._talk, apart=True)
        self.port = self._server.getsockname()[1]

    def _talk(self, peer):
        try:
            there = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            tcp_servers.end(peer)
            return
        threading.Thread(target=self._pass, args=(there, peer), daemon=True).start()
        self._pass(peer, there)

    def _pass(self, source, target):
        try:
            while data := source.recv(self._size):
                with self._lock:
                    self.pieces += 1
                    hit = self.pieces == self.cut
                    self.hits += hit
                if hit:
                    break
                target.sendall(data)
        except OSError:
            pass  # the other end has gone
        tcp_servers.end(source, target)

    def close(self):
        self._server.close()


class Link:
    """The way out: this machine's network."""

    socket = socket

    def __init__(self):
        self.suspected = 0

    def is_up(self):
        return True

    def suspect(self):
        self.suspected += 1


class _Clock:
    known = True

    def __init__(self, utc):
        self.now = utc

    def utc(self):
        return self.now


class _Board:
    def feed(self):
        """No watchdog."""


class Device:
    """A log in `folder` with deliveries: `senders`, each (name, settings). Made anew it is what a power cut leaves."""

    def __init__(self, folder, *senders, utc=UTC, **options):
        self.board = _Board()
        self.mqtt = None
        self.link = Link()
        self.gate = Gate()
        self.clock = _Clock(utc)
        self.ring = Ring(str(folder), **options)
        cursors = [Kept(self.ring, name, 3 * (name == "ftp")) for name, _ in senders]
        self.ring.mount()
        for each in cursors:
            each.mount()
        self.senders = [
            Sender(name, settings, cursor, self) for (name, settings), cursor in zip(senders, cursors, strict=True)
        ]

    def fill(self, count, utc=UTC, kind=1, filler=60):
        first = self.ring.last + 1
        batch = [(kind, utc + number, record(number, filler)) for number in range(first, first + count)]
        for at in range(0, count, 10):
            self.ring.append_many(batch[at : at + 10])

    async def live(self, until, seconds=8):
        """Run every sender until `until()` is true."""
        tasks = [asyncio.create_task(each.run()) for each in self.senders]
        try:
            end = time.monotonic() + seconds
            while not until():
                for task in tasks:
                    assert not task.done(), task.exception()
                assert time.monotonic() < end, [each.status() for each in self.senders]
                await asyncio.sleep(0.01)
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def run(self, until=None, seconds=8):
        asyncio.run(self.live(until or self.idle, seconds))
        return self.senders[0]

    def delivered(self):
        return self.idle() and not any(each.cursor.depth() for each in self.senders)

    def idle(self):
        return all(each.state == "idle" for each in self.senders)
