"""Where the bytes go: a pty or a TCP port. Both drop what nobody takes, as a wire would."""

import os
import pty
import socket
import tty

_PIECE = 4096
_SEND_S = 2


class Pty:
    """A pty; whoever opens `name` is the master's end. `link` is the path of a symlink to make to it."""

    def __init__(self, link=None):
        self.fd, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.fd, False)
        self.name = os.ttyname(self._slave)
        self._link = link
        if link:
            if os.path.islink(link):
                os.unlink(link)
            os.symlink(self.name, link)

    def fds(self):
        return [self.fd]

    def read(self, ready):
        """(bytes received, whether somebody new is at the other end)."""
        return os.read(self.fd, _PIECE), False

    def write(self, data):
        try:
            os.write(self.fd, data)
        except BlockingIOError:
            pass  # nobody reads: bytes on a wire are lost then too

    def close(self):
        if self._link and os.path.islink(self._link):
            os.unlink(self._link)


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
            self._drop()
            self._peer, _ = self._server.accept()
            self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peer.settimeout(_SEND_S)
            return b"", True
        try:
            data = self._peer.recv(_PIECE)
        except OSError:
            data = b""
        if not data:
            self._drop()
        return data, not data

    def write(self, data):
        if self._peer:
            try:
                self._peer.sendall(data)
            except OSError:
                self._drop()

    def _drop(self):
        if self._peer:
            self._peer.close()
        self._peer = None

    def close(self):
        self._drop()
        self._server.close()
