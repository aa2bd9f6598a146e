"""What a device's modules `network` and `socket` may ask of a Stack: one byte each, as device/network.py sends them.

An answer is (number, state, frames, payload): the number as MicroPython on rp2 returns or raises it (negative:
-errno), network.PPP's state, and what PPP puts out. Who writes the frames into PPP's stream makes ERR_IF of a short
write.
"""

import struct

from tools.lwip import errors
from tools.lwip.stack import Stack


class Calls:
    """A chip's Stack, with its sockets by number; `now()` in seconds."""

    def __init__(self, now):
        self._frames = []
        self.stack = Stack(self._out, now)
        self._sockets = {}

    def _out(self, frame):
        self._frames.append(frame)
        return True

    def call(self, op, handle, data):
        """Raises ValueError for what is no call."""
        name = self._NAMES.get(op)
        if name is None:
            raise ValueError("no call: %r" % op)
        self.stack.tick()
        result = getattr(self, name)(*((self._sockets[handle],) if handle else ()), data)
        number, payload = result if isinstance(result, tuple) else (result or 0, b"")
        frames, self._frames = self._frames, []
        return number, self.stack.ppp.status(), frames, payload

    # network.PPP -----------------------------------------------------------------------------------

    def _create(self, data):
        return 0 if self.stack.ppp.create() else -1

    def _connect_ppp(self, data):
        security, user, key = data.split(b"\0")
        return 0 if self.stack.ppp.connect(int(security), user.decode(), key.decode()) else -1

    def _disconnect(self, data):
        self.stack.ppp.close(False)

    def _delete(self, data):
        self.stack.ppp.delete()

    def _orphan(self, data):
        self.stack.ppp.orphan()

    def _input(self, data):
        self.stack.ppp.input(data)

    def _addresses(self, data):
        return 0, self.stack.ppp.address + self.stack.ppp.dns

    def _tick(self, data):
        """Nothing but the time."""

    def _hook(self, data):
        self.stack.hook()

    # sockets ---------------------------------------------------------------------------------------

    def _open(self, pcb):
        if pcb is None:
            return -errors.ENOMEM
        # A number fits into a byte: there are ten control blocks, and a few sockets that have lost theirs.
        handle = next(number for number in range(1, 256) if number not in self._sockets)
        self._sockets[handle] = pcb
        return handle

    def _tcp(self, data):
        return self._open(self.stack.tcp())

    def _udp(self, data):
        return self._open(self.stack.udp())

    def _connect(self, pcb, data):
        return self.stack.connect(pcb, (data[:4], struct.unpack("!H", data[4:])[0]))

    def _connected(self, pcb, data):
        return self.stack.connected(pcb)

    def _send(self, pcb, data):
        return self.stack.send(pcb, data)

    def _recv(self, pcb, data):
        got = self.stack.recv(pcb, struct.unpack("!H", data)[0])
        return (len(got), got) if isinstance(got, bytes) else got

    def _no_delay(self, pcb, data):
        pcb.no_delay = bool(data[0])

    def _events(self, pcb, data):
        return self.stack.events(pcb, data[0])

    def _sendto(self, pcb, data):
        return self.stack.sendto(pcb, data[6:], (data[:4], struct.unpack("!H", data[4:6])[0]))

    def _recvfrom(self, pcb, data):
        if not pcb.inbox:
            return -errors.EAGAIN
        packet, src, port = pcb.inbox.pop(0)
        return len(packet), src + struct.pack("!H", port) + packet

    def _close(self, pcb, data):
        self.stack.close(pcb)
        for handle in [number for number, each in self._sockets.items() if each is pcb]:
            del self._sockets[handle]

    def _lookup(self, data):
        found = self.stack.lookup(data.decode())
        return (1, found) if isinstance(found, bytes) else found or 0

    _NAMES = {
        b"N": "_create", b"C": "_connect_ppp", b"D": "_disconnect", b"X": "_delete", b"O": "_orphan", b"I": "_input",
        b"A": "_addresses", b"T": "_tick", b"H": "_hook", b"t": "_tcp", b"u": "_udp", b"c": "_connect",
        b"d": "_connected", b"s": "_send", b"r": "_recv", b"n": "_no_delay", b"e": "_events", b"S": "_sendto",
        b"R": "_recvfrom", b"x": "_close", b"l": "_lookup",
    }  # fmt: skip
