"""The simulated modem on a pty or a TCP port, with a control port next to it."""

import os
import select
import socket
import time
import tty

from tools.lwip.relay import Relay
from tools.modem import control


class Pty:
    """A pty with its slave under `path` (a symbolic link), raw; the master is ours."""

    def __init__(self, path):
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.path = path
        if os.path.islink(path):
            os.unlink(path)
        os.symlink(os.ttyname(self._slave), path)
        self.name = path

    def readers(self):
        return [self.master]

    def read(self, ready):
        if self.master not in ready:
            return b""
        try:
            return os.read(self.master, 4096)
        except (BlockingIOError, OSError):
            return b""

    def write(self, data):
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0

    def close(self):
        if os.path.islink(self.path):
            os.unlink(self.path)


class Tcp:
    """A TCP port on loopback; one host at a time, the latest one wins."""

    def __init__(self, port):
        self.server = socket.create_server(("127.0.0.1", port))
        self.server.setblocking(False)
        self.name = "tcp:%d" % self.server.getsockname()[1]
        self.client = None

    def readers(self):
        return [self.server] + ([self.client] if self.client else [])

    def read(self, ready):
        if self.server in ready:
            self.close()
            self.client, _ = self.server.accept()
            self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.client.setblocking(False)
        if self.client is None or self.client not in ready:
            return b""
        try:
            data = self.client.recv(4096)
        except OSError:
            data = b""
        if not data:
            self.close()
        return data

    def write(self, data):
        if self.client is None:
            return len(data)
        try:
            return self.client.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.close()
            return len(data)

    def close(self):
        if self.client:
            self.client.close()
            self.client = None


class Control:
    """Lines in, one line of answer each (control.py), or a chip's lwIP (tools/lwip/relay.py); for many clients."""

    def __init__(self, modem, port):
        self.modem = modem
        self.server = socket.create_server(("127.0.0.1", port))
        self.port = self.server.getsockname()[1]
        self._clients = {}
        self._relays = {}

    def readers(self):
        return [self.server, *self._clients]

    def serve(self, ready):
        if self.server in ready:
            client, _ = self.server.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._clients[client] = b""
        for client in [c for c in self._clients if c in ready]:
            try:
                data = client.recv(4096)
            except OSError:
                data = b""
            if not data:
                del self._clients[client]
                self._relays.pop(client, None)
                client.close()
                continue
            self._take(client, self._clients[client] + data)

    def _take(self, client, data):
        while client not in self._relays and b"\n" in data:
            line, _, data = data.partition(b"\n")
            self._answer(client, line.decode("latin-1"))
        if client in self._relays:
            self._send(client, self._relays[client].take(data))
            data = b""
        self._clients[client] = data

    def _answer(self, client, line):
        try:
            if line == "lwip":
                self._relays[client] = Relay()
                return
            text = control.control(self.modem, line)
        except (ValueError, IndexError) as error:
            text = "error: %s" % error
        self._send(client, text.encode() + b"\n")

    def _send(self, client, data):
        try:
            if data:
                client.sendall(data)
        except OSError:
            self.modem.log("control: client went away")


class Pacer:
    """How many bytes the line carries: `baud / 10` a second, in small portions; 0 = no limit."""

    def __init__(self, baud, now=time.monotonic):
        self._rate = baud / 10
        self._now = now
        self._credit = 0.0
        self._last = now()

    def allowed(self):
        if not self._rate:
            return None
        now = self._now()
        # Never more than 20 ms worth at once: a real line does not burst either.
        self._credit = min(self._credit + (now - self._last) * self._rate, self._rate * 0.02 + 1)
        self._last = now
        return int(self._credit)

    def used(self, count):
        self._credit -= count


class Host:
    """Runs a modem on a line until `stop()`."""

    def __init__(self, modem, line, control_port=None, pace_baud=0):
        self.modem = modem
        self.line = line
        self.control = control_port
        self._pacer = Pacer(pace_baud)
        self._running = True

    def stop(self, *_):
        self._running = False

    def run(self):
        try:
            while self._running:
                self.turn(0.01)
        finally:
            for peer in self.modem.peers():
                peer.close()
            self.line.close()

    def turn(self, wait_s):
        modem = self.modem
        readers, writers = self.line.readers(), []
        if self.control:
            readers += self.control.readers()
        for peer in modem.peers():
            more_readers, more_writers = peer.network.sockets()
            readers += more_readers
            writers += more_writers
        try:
            ready, writable, _ = select.select(readers, writers, [], wait_s)
        except (OSError, ValueError):
            return  # a socket was closed meanwhile; the next turn has a new list
        if self.control:
            self.control.serve(ready)
        data = self.line.read(ready)
        if data:
            modem.receive(data)
        for peer in modem.peers():
            peer.network.ready(ready, writable)
        modem.tick()
        limit = self._pacer.allowed()
        if modem.out and limit != 0:
            done = self.line.write(bytes(modem.out[:limit]))
            del modem.out[:done]
            self._pacer.used(done)
