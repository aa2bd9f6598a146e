"""The twin's side of the simulated modem (tools/modem): a pty for the UART, and the pins.

`network` and `socket` are modules in MicroPython's path, as on a board; whoever starts the twin lays them there.
"""

import socket

import network
import usocket

from firmware.boards.base import Sockets
from firmware.boards.twin import PtyUart
from firmware.core import overlay
from firmware.core.compat import ticks_diff, ticks_ms

_LOOK_MS = const(250)
_TXBUF = const(8192)
_BYTES_MS = const(92)  # 921600 baud: tests have no time


class Uart(PtyUart):
    """machine.UART as PPP has it: interrupts come while it is used; what does not fit has them run, and is refused."""

    IRQ_RXIDLE = const(4)
    compiled = True  # it stands for C

    def __init__(self, path):
        super().__init__(path)
        self._handler = None
        self._level = 0  # bytes that a real line would not have sent yet
        self._since = ticks_ms()

    def irq(self, handler=None, trigger=0):
        self._handler = network.PPP.scheduled = handler

    def any(self):
        network.interrupt()
        return super().any()

    def write(self, buf):
        network.interrupt()
        now = ticks_ms()
        self._level = max(0, self._level - ticks_diff(now, self._since) * _BYTES_MS)
        self._since = now
        if self._level + len(buf) > _TXBUF:
            network.interrupt(self._handler)
            return 0
        self._level += len(buf)
        return super().write(buf)


class Wires:
    """The pins of the simulated modem: lines on the control port of tools/modem.

    `power_key(pressed)`, `reset(pressed)`, `dtr(on)`, `dcd()`, `set_baud(baud)`; `ask(line)` sends any control line.
    """

    def __init__(self, port):
        self._socket = usocket.socket()
        self._socket.connect(usocket.getaddrinfo("127.0.0.1", port)[0][-1])
        self._socket.settimeout(2)
        self._dcd = True
        self._asked = None

    def ask(self, line):
        self._socket.send(line.encode() + b"\n")
        return self._socket.readline().decode().strip()

    def power_key(self, pressed):
        self.ask("power %d" % pressed)

    def reset(self, pressed):
        self.ask("reset %d" % pressed)

    def dtr(self, on):
        self.ask("dtr %d" % on)

    def set_baud(self, baud):
        self.ask("baud %d" % baud)

    def dcd(self):
        """The wire's level, looked at four times a second."""
        now = ticks_ms()
        if self._asked is None or ticks_diff(now, self._asked) > _LOOK_MS:
            self._asked = now
            self._dcd = self.ask("dcd") == "1"
        return self._dcd


def link(setup, config, store, reboot):
    """The ModemLink of a twin: `setup` has `pty` and `control` (a port) of a tools.modem, perhaps `timing`."""
    with overlay.use("start"):
        from firmware.net.modem import prepare

        settings = prepare.options(config, int(config.get("uplink.baud")))
    settings["timing"] = setup.get("timing")
    # The tables of the settings and the modem's code together are more than there is room for.
    overlay.reclaim()
    config.release()
    wires = Wires(setup["control"])
    pins = {name: getattr(wires, name) for name in ("power_key", "reset", "dcd", "set_baud")}
    found = prepare.link(Uart(setup["pty"]), network.PPP, settings, socket, store, reboot=reboot, **pins)
    found.socket = Sockets(found, socket, network.soft_timer)
    return found
