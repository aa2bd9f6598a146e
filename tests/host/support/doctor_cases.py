"""A place for the doctor's patients: the tool as a process, meters behind ports whose speed and parity count."""

import os
import socket
import subprocess
import sys
import time

import serial
from serial import rfc2217

from tests.host.support import tcp_servers
from tools import patience
from tools.meter.model import Meter
from tools.meter.station import Station
from tools.twin.device import ROOT


def doctor(*words, seconds=110, **secrets):
    """(exit code, output) of `python -m tools.doctor`; `secrets`: METER_PASSWORD and the like."""
    environment = {name: value for name, value in os.environ.items() if "LECTOR_" not in name}
    environment.update({"LECTOR_" + name: str(value) for name, value in secrets.items()})
    command = [sys.executable, "-m", "tools.doctor", *map(str, words)]
    done = patience.run(command, seconds, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def station(**options):
    model = Meter(1, time.time)
    model.totals(int(time.time()))
    return Station(
        model,
        options.pop("link", 1),
        options.pop("point", 1),
        options.pop("password", 1),
        **options,
    )


class Served:
    """A station behind a TCP port; `answer(frames) -> bytes` may spoil what it says."""

    def __init__(self, found, answer=b"".join):
        self.station, self.answer = found, answer
        self.frames = []  # times at which something was heard
        self._server = tcp_servers.serve(self._serve)
        self.url = "tcp://127.0.0.1:%d" % self._server.getsockname()[1]

    def _serve(self, peer):
        with peer:
            while self._talk(peer):
                pass

    def _talk(self, peer):
        try:
            data = peer.recv(4096)
            if data:
                self.frames.append(time.monotonic())
                peer.sendall(self.answer(self.station.receive(data)))
            return bool(data)
        except OSError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.close()


class _Uart(serial.SerialBase):
    """The serial side of a device server: a meter that understands one speed and parity only."""

    def __init__(self, found, baud, parity):
        super().__init__()
        self.wanted = baud, parity
        self.station = found
        self.out = b""
        self.is_open = True

    def _reconfigure_port(self, **_):
        pass  # the settings are looked at when bytes come

    def _update_dtr_state(self):
        pass

    _update_rts_state = _update_break_state = _update_dtr_state
    cts = dsr = ri = cd = False

    def reset_input_buffer(self):
        self.out = b""

    reset_output_buffer = reset_input_buffer

    def write(self, data):
        if (self.baudrate, self.parity) == self.wanted:
            self.out += b"".join(self.station.receive(bytes(data)))
        elif self.baudrate == self.wanted[0]:
            return len(data)  # a wrong parity bit: the meter drops every byte
        return len(data)


class DeviceServer:
    """A serial server with RFC 2217: whoever connects sets speed and parity of the meter's line."""

    def __init__(self, found, baud, parity):
        self._uart = _Uart(found, baud, parity)
        self._server = tcp_servers.serve(self._serve)
        self.url = "rfc2217://127.0.0.1:%d" % self._server.getsockname()[1]

    def _serve(self, peer):
        peer.settimeout(0.02)
        with peer:
            manager = rfc2217.PortManager(self._uart, _Writer(peer))
            while True:
                try:
                    data = peer.recv(1024)
                    if not data:
                        return
                    self._uart.write(b"".join(manager.filter(data)))
                except socket.timeout:
                    pass
                except OSError:
                    return
                out, self._uart.out = self._uart.out, b""
                if out:
                    peer.sendall(b"".join(manager.escape(out)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.close()


class _Writer:
    def __init__(self, peer):
        self.write = peer.sendall
