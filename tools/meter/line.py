"""The line: stations on one transport, with the time that real bytes take on a real wire.

A request reaches the stations only when its last byte would have crossed the wire, and the last byte of each answer
leaves at the moment it would; all of it against an absolute schedule, so errors do not add up.
"""

import json
import select
import time

from tools.meter.transport import Pty, Tcp  # noqa: F401  for those who build a line

_PIECE_S = 0.004  # answers leave in pieces of this time
_SPIN_S = 0.0003
_QUIET_CHARACTERS = 30
_QUIET_S = 0.05


class Line:
    """`baud` 0: as fast as it goes; `bits` a byte. `log`: a file of what was on the wire as JSON lines.

    A line of the log is {"t": when, "due": when by the schedule, "dir": "<" to or ">" from the meters, "hex": …};
    times are seconds of a clock of their own, and the last byte's.
    """

    def __init__(self, transport, stations, faults, baud=0, bits=10, log=None):
        self.transport = transport
        self.stations = stations
        self.faults = faults
        self._character = bits / baud if baud else 0
        self._log = open(log, "a", buffering=1) if log else None  # noqa: SIM115  open as long as the line
        self._free = 0.0  # when the wire is free again
        self._half_heard = False

    def run(self, control=None):
        """Serve for ever. `control` (control.Control) is served between frames."""
        while True:
            line, orders = self.transport.fds(), control.fds() if control else []
            quiet = max(_QUIET_CHARACTERS * self._character, _QUIET_S) if self._half_heard else None
            ready, _, _ = select.select(line + orders, [], [], quiet)
            if not ready:
                self._half_heard = False
                self._answer(frame for s in self.stations for frame in s.silence())
            if control:
                control.handle(ready)
            if any(fd in ready for fd in line):
                self._serve(ready)

    def close(self):
        self.transport.close()
        if self._log:
            self._log.close()

    def _serve(self, ready):
        data, new = self.transport.read(ready)
        if new:
            self._half_heard = False
            for station in self.stations:
                station.hang_up()
        if data:
            self._heard(data)

    def _heard(self, data):
        self._take(len(data))
        self._wait(self._free)
        self._note("<", data)
        if self.faults.echo:
            self._note(">", data)
            self.transport.write(data)
        for station in self.stations:
            station.busy = self.faults.busy
        self._answer(frame for station in self.stations for frame in station.receive(data))
        self._half_heard = any(s.waiting() for s in self.stations)

    def _take(self, count):
        """Book the wire for `count` bytes from now, or from when it is free."""
        self._free = max(self._free, time.monotonic()) + count * self._character

    def _answer(self, frames):
        for frame in frames:
            delay, data = self.faults.apply(frame)
            if not data:
                continue
            self._free = max(self._free, time.monotonic()) + delay / 1000
            self._send(data)

    def _send(self, data):
        """Each piece leaves when its last byte would arrive."""
        step = max(1, int(_PIECE_S / self._character)) if self._character else len(data)
        for at in range(0, len(data), step):
            piece = data[at : at + step]
            last = at + step >= len(data)
            self._free += len(piece) * self._character
            self._wait(self._free, last)
            if last:  # in the log before anybody can have seen it
                self._note(">", data)
            self.transport.write(piece)

    def _wait(self, until, exactly=True):
        """Sleep until `until`; exactly: to within a fraction of a millisecond, then spin."""
        left = until - time.monotonic() - (_SPIN_S if exactly else 0)
        if left > 0:
            time.sleep(left)
        while exactly and time.monotonic() < until:
            pass

    def _note(self, direction, data):
        if self._log:
            row = {"t": time.monotonic(), "due": self._free, "dir": direction, "hex": data.hex()}
            self._log.write(json.dumps(row) + "\n")
