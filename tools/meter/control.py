"""Orders to a running simulator, a line each, answered with a line: from standard input or from a local socket."""

import os
import socket

from tools.meter import manners
from tools.meter.faults import HELP

_HELP = HELP + ", stats, unplug LINK, plug LINK, ahead SECONDS, "
_HELP += ", ".join("%s %s" % (name, values) for name, (values, _) in manners.HELP.items())


class Orders:
    """Understands the lines: faults of the line, and what concerns its meters."""

    def __init__(self, faults, stations, odd=None):
        self._faults = faults
        self._stations = stations
        self._manners = odd or manners.Manners()

    def execute(self, line):
        words = line.split()
        name = words[0] if words else ""
        try:
            if name == "stats":
                return " ".join(self._stats(s) for s in self._stations)
            if name in ("plug", "unplug"):
                return self._plug(int(words[1]), name == "plug")
            if name == "ahead":
                return self._ahead(int(words[1]))
            if name in manners.HELP:
                self._manners.set(name, words[1] if len(words) > 1 else "")
                return self._manners.show() or "no odd manners"
            if name == "clear":
                self._manners.clear()
        except (ValueError, IndexError):
            return _HELP
        answer = self._faults.command(line)
        return _HELP if answer == HELP else answer

    def _stats(self, station):
        values = (station.link, station.executed, station.repeated, station.refused)
        return "link=%d executed=%d repeated=%d refused=%d" % values

    def _plug(self, link, plugged):
        found = [s for s in self._stations if s.link == link]
        for station in found:
            station.plugged = plugged
        state = "plugged" if plugged else "unplugged"
        return "link=%d %s" % (link, state) if found else "no meter with link=%d" % link

    def _ahead(self, seconds):
        """Put the meters' clocks ahead of (or, negative, behind) the true time."""
        for station in self._stations:
            station.meter.set_clock(int(station.meter.now()) + seconds)
        return "ahead=%d" % seconds


class Control:
    """The places orders come from. `stdin` is a file descriptor; `address` HOST:PORT or the path of a UNIX socket."""

    def __init__(self, orders, stdin=None, address=None):
        self._orders = orders
        self._server = None
        self._path = None
        self._sources = {}  # fd or socket -> what of a line has come
        self.name = None
        if stdin is not None:
            self._sources[stdin] = b""
        if address:
            self._listen(address)

    def _listen(self, address):
        host, colon, port = address.rpartition(":")
        if colon and port.isdigit():
            self._server = socket.create_server((host, int(port)))
            self.name = "%s:%d" % self._server.getsockname()[:2]
            return
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(address)
        self._server.listen()
        self.name = self._path = address

    def fds(self):
        return [*self._sources] + ([self._server] if self._server else [])

    def handle(self, ready):
        """Carry out what has come at the ready ones of `fds()`."""
        for source in ready:
            if source is self._server:
                peer, _ = self._server.accept()
                peer.settimeout(1)
                self._sources[peer] = b""
            elif source in self._sources:
                self._read(source)

    def _read(self, source):
        try:
            data = os.read(source, 4096) if isinstance(source, int) else source.recv(4096)
        except OSError:
            data = b""
        if not data:
            self._sources.pop(source)
            if not isinstance(source, int):
                source.close()
            return
        *lines, rest = (self._sources[source] + data).split(b"\n")
        self._sources[source] = rest[-200:]
        for line in lines:
            self._tell(source, self._orders.execute(line.decode("utf-8", "replace")))

    def _tell(self, source, answer):
        if isinstance(source, int):
            print(answer, flush=True)
            return
        try:
            source.sendall(answer.encode() + b"\n")
        except OSError:
            pass  # whoever asked has gone; the order is carried out

    def close(self):
        if self._server:
            self._server.close()
        if self._path:
            os.unlink(self._path)
