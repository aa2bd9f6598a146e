"""The module socket of a board on an Air (_air.py): sockets that wait, and such that do not."""

import errno


class Sockets:
    """The module socket of a board on this Air. `blocks`: as a socket does without setblocking()."""

    AF_INET, SOCK_STREAM, SOCK_DGRAM, IPPROTO_TCP, TCP_NODELAY = 2, 1, 2, 6, 1

    def __init__(self, air, blocks=False):
        self.air, self.blocks = air, blocks

    def getaddrinfo(self, host, port, *_):
        found = []
        self.air.until(lambda: found.append(self.air.stack.lookup(host)) or found[-1] is not None)
        if not isinstance(found[-1], bytes):
            raise OSError(found[-1])
        return [(2, 1, 0, "", (found[-1], port))]

    def socket(self, family=2, kind=1, *_):
        return _Socket(self.air, kind == self.SOCK_STREAM, self.blocks)


class _Socket:
    def __init__(self, air, stream, blocks):
        self._air, self._stack, self._stream, self._blocks = air, air.stack, stream, blocks
        self._pcb = self._stack.tcp() if stream else self._stack.udp()

    def setblocking(self, flag):
        self._blocks = flag

    def settimeout(self, seconds):
        """It has time."""

    def setsockopt(self, *option):
        self._pcb.no_delay = True

    def connect(self, address):
        self._peer = address
        if not self._stream:
            return
        code = self._stack.connect(self._pcb, address)
        if not code and self._blocks:
            self._air.until(lambda: self._stack.connected(self._pcb))
        if code or self._stack.connected(self._pcb) != 1:
            raise OSError(-code or errno.EINPROGRESS)

    def send(self, data):
        if not self._stream:
            return self._checked(self._stack.sendto(self._pcb, bytes(data), self._peer))
        return self._checked(self._stack.send(self._pcb, bytes(data)))

    def recv(self, count):
        if self._stream:
            return self._checked(self._stack.recv(self._pcb, count))
        if not self._pcb.inbox:
            raise OSError(errno.EAGAIN)
        return self._pcb.inbox.pop(0)[0][:count]

    def _checked(self, found):
        if isinstance(found, int) and found < 0:
            raise OSError(-found)
        return found

    def recv_into(self, view):
        found = self.recv(len(view))
        view[: len(found)] = found
        return len(found)

    def close(self):
        if self._pcb:
            self._stack.close(self._pcb)
        self._pcb = None

    # as umqtt.simple has it

    def write(self, data, length=None):
        data = bytes(data)[:length]
        while data:
            try:
                data = data[self.send(data) :]
            except OSError:
                self._air.until(lambda: self._stack.events(self._pcb, 4))

    def read(self, count):
        found = b""
        while len(found) < count:
            try:
                found += self.recv(count - len(found))
            except OSError:
                if not self._blocks:
                    return found or None
                self._air.until(lambda: self._stack.events(self._pcb, 1))
        return found
