# The modules network and socket of tools/lwip, on MicroPython's unix port: argv[1] is a JSON file with pty, control,
# port (nobody listens there) and case. Prints what happened as one JSON object; what crashes a chip ends the process.
import io
import json
import socket
import sys
import time

import network

sys.path[:0] = ["tests/host/support/mpy"]
from cores import Limit  # noqa: E402

from firmware.boards.modem_twin import Uart  # noqa: E402


class Line(io.IOBase):
    """A line that does `harm`, one of the methods below, once it is set."""

    IRQ_RXIDLE = 4

    def __init__(self, uart):
        self._uart = uart
        self.harm = self.ppp = None
        self.full = self.forwards = False

    def readinto(self, buf):
        return self._uart.readinto(buf)

    def write(self, buf):
        if self.harm:
            return self.harm(buf)
        return self._uart.write(buf)

    def irq(self, handler=None, trigger=0):
        if handler is None and self.harm:
            self.harm(None)
        if self.forwards:
            self._uart.irq(handler, trigger)

    def allocates(self, buf):
        return len(bytearray(64))

    def polls(self, buf):
        self.ppp.poll()
        return self._uart.write(buf)

    def raises(self, buf):
        raise ValueError("of all things")

    def takes_one_frame(self, buf):
        if self.full:
            return 0
        self.full = True
        return self._uart.write(buf)


def until(condition):
    till = Limit(20)
    while not condition():
        if till.ran_out():
            raise RuntimeError("not in time")
        time.sleep_ms(10)


def dial(uart):
    """Until CONNECT: a modem that has no network yet says NO CARRIER."""
    said, buf = bytearray(), bytearray(64)

    def connected():
        if not said:
            uart.write(b"ATD*99***1#\r")
        count = uart.readinto(buf) or 0
        said.extend(buf[:count])
        if b"CARRIER" in said or b"ERROR" in said:
            said[:] = b""
        at = said.find(b"CONNECT")
        return at >= 0 and said.find(b"\n", at) > 0

    until(connected)


def reason(function, *arguments):
    """What a call raises, or None."""
    try:
        function(*arguments)
    except OSError as error:
        return error.args[0]


with open(sys.argv[1]) as file:
    setup = json.load(file)
uart = Uart(setup["pty"])
line = Line(uart)
dial(uart)
line.forwards = setup["case"] == "python"
line.ppp = ppp = network.PPP(line)
ppp.connect()
until(lambda: ppp.poll() >= 0 and ppp.isconnected())
case, found = setup["case"], None


def connection(port):
    """A socket, and the numbers that connect() raises until it says something else than "later"."""
    sock, said = socket.socket(), []
    sock.setblocking(False)

    def settled():
        ppp.poll()
        said.append(reason(sock.connect, ("10.0.2.2", port)))
        return said[-1] not in (115, 114)

    until(settled)
    return sock, sorted(set(said[:-1])), said[-1]


if case == "refused":
    _, later, last = connection(setup["port"])
    found = {"later": later, "last": last}
elif case == "takes_one_frame":
    sock, _, last = connection(setup["control"])
    line.harm = line.takes_one_frame
    found = {"connected": last, "send": reason(sock.send, bytes(6400))}
elif case == "irq":
    line.harm = line.allocates
    second = network.PPP(Uart(setup["pty"]))
    found = {"second": reason(second.connect)}
elif case == "freed":
    ppp.config(stream=None)
    ppp.__del__()
    found = {"status": ppp.status(), "second": reason(network.PPP(line).connect)}
else:
    line.harm = getattr(line, case)
    sock, _, _ = connection(setup["control"])
    found = {"alive": True}
print(json.dumps(found))
