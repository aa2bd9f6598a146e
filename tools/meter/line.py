"""The line: a pty or a TCP port, with the time that real bytes take on a real wire.

A request reaches the stations only when its last byte would have crossed the wire, and each byte of an answer
leaves at the moment it would; all of it against an absolute schedule, so errors do not add up.
"""

import json
import os
import pty
import select
import socket
import time
import tty

_CHUNK_S = 0.002
_SPIN_S = 0.0004
_QUIET_CHARACTERS = 30


class Pty:
    """A pty; whoever opens `name` is the master's end."""

    def __init__(self, link=None):
        self.fd, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.name = os.ttyname(self._slave)
        if link:
            if os.path.islink(link):
                os.unlink(link)
            os.symlink(self.name, link)

    def fds(self):
        return [self.fd]

    def read(self, ready):
        return os.read(self.fd, 4096)

    def write(self, data):
        os.write(self.fd, data)


class Tcp:
    """One connection at a time; a new one takes the place of the old."""

    def __init__(self, host, port):
        self._server = socket.create_server((host, port))
        self._peer = None
        self.name = "%s:%d" % self._server.getsockname()[:2]

    def fds(self):
        return [self._server] + ([self._peer] if self._peer else [])

    def read(self, ready):
        if self._server in ready:
            if self._peer:
                self._peer.close()
            self._peer, _ = self._server.accept()
            self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return b""
        try:
            data = self._peer.recv(4096)
        except OSError:
            data = b""
        if not data:
            self._peer.close()
            self._peer = None
        return data

    def write(self, data):
        if self._peer:
            try:
                self._peer.sendall(data)
            except OSError:
                self._peer = None


class Line:
    """Stations on one transport. `baud` 0: as fast as it goes. `log`: a file of frames as JSON lines."""

    def __init__(self, transport, stations, faults, baud=0, bits=10, log=None):
        self.transport = transport
        self.stations = stations
        self.faults = faults
        self._character = bits / baud if baud else 0
        self._log = open(log, "a", buffering=1) if log else None  # noqa: SIM115  open as long as the line
        self._free = 0.0  # when the wire is free again
        self._half_heard = False

    def run(self, control=None):
        """Serve for ever; `control` is a file of lines with faults to switch (standard input)."""
        while True:
            wanted = self.transport.fds() + ([control] if control else [])
            quiet = max(_QUIET_CHARACTERS * self._character, 0.05) if self._half_heard else None
            ready, _, _ = select.select(wanted, [], [], quiet)
            if control in ready:
                ready.remove(control)
                line = control.readline()
                if line:
                    print(self.faults.command(line), flush=True)
                else:
                    control = None
                    continue
                if not ready:
                    continue
            if not ready:
                if self._half_heard:
                    self._half_heard = False
                    self._answer([frame for s in self.stations for frame in s.silence()])
                continue
            if any(fd in ready for fd in self.transport.fds()):
                self._heard(self.transport.read(ready))

    def _heard(self, data):
        if not data:
            return
        now = time.monotonic()
        self._free = max(self._free, now) + len(data) * self._character
        self._note("<", data)
        self._wait(self._free)
        if self.faults.echo:
            self.transport.write(data)
        for station in self.stations:
            station.busy = self.faults.busy
        self._answer([frame for station in self.stations for frame in station.receive(data)])
        self._half_heard = any(s.waiting() for s in self.stations)

    def _answer(self, frames):
        for frame in frames:
            delay, data = self.faults.apply(frame)
            self._free = max(self._free, time.monotonic()) + delay / 1000
            self._wait(self._free)
            self._note(">", data)
            if not self._character:
                self.transport.write(data)
                continue
            step = max(1, int(_CHUNK_S / self._character))
            for at in range(0, len(data), step):
                piece = data[at : at + step]
                self._free += len(piece) * self._character
                self._wait(self._free)
                self.transport.write(piece)

    def _wait(self, until):
        """Sleep to within a fraction of a millisecond of `until`, then spin."""
        left = until - time.monotonic()
        if left > _SPIN_S:
            time.sleep(left - _SPIN_S)
        while time.monotonic() < until:
            pass

    def _note(self, direction, data):
        if self._log and data:
            row = {"t": time.monotonic(), "dir": direction, "hex": data.hex()}
            self._log.write(json.dumps(row) + "\n")
