"""A serial port of this computer, a pty, or a TCP serial server, as the firmware's protocol code wants it."""

import sys
from urllib.parse import urlsplit

import serial

from firmware.core.serial_port import SerialPort
from tools import ports
from tools.doctor.report import Fault

try:
    from termios import error as _TermiosError
except ImportError:  # not on Windows
    _TermiosError = OSError


_PARITY = {None: serial.PARITY_NONE, 0: serial.PARITY_EVEN, 1: serial.PARITY_ODD}


class NotPossible(Exception):
    """The port does not know this speed or parity."""


class HostUart:
    """machine.UART's manners over pyserial: nothing waits; `lost` says why the port went away, if it did.

    `fixed`: the speed is somebody else's business (a raw TCP connection).
    """

    def __init__(self, where, baud=9600):
        self.lost = ""
        self.fixed = where.startswith(("tcp://", "socket://"))
        url = "socket://" + where[6:] if where.startswith("tcp://") else where
        try:
            if "://" in url and urlsplit(url).port is None:
                raise ValueError("it names no port")
            # A second program on the port would take half of the answers away. RFC 2217 knows no limit to a write.
            own = {"exclusive": True} if sys.platform != "win32" and "://" not in url else {}
            if not url.startswith("rfc2217:"):
                own["write_timeout"] = 2
            self._serial = serial.serial_for_url(url, baud, timeout=0, do_not_open=True, **own)
            self._serial.open()
        except (OSError, ValueError, _TermiosError) as error:
            raise Fault("%s can't be opened: %s" % (where, ports.reason(error)), *ports.advice(error)) from None
        self._rest = b""

    def init(self, baudrate, bits=8, parity=None, stop=1):
        if self.fixed:
            return
        try:
            self._serial.apply_settings(
                dict(
                    self._serial.get_settings(),
                    baudrate=baudrate,
                    bytesize=bits,
                    parity=_PARITY[parity],
                    stopbits=stop,
                )
            )
        except (OSError, ValueError, _TermiosError) as error:
            raise NotPossible(str(error)) from None

    def readinto(self, buf, count=-1):
        try:
            data = self._serial.read(len(buf) if count < 0 else min(count, len(buf)))
        except (OSError, _TermiosError) as error:
            self.lost = ports.reason(error)
            return None
        buf[: len(data)] = data
        return len(data) or None

    IRQ_RXIDLE = 0

    def irq(self, handler=None, trigger=0):
        """There are no interrupts here: who reads asks."""

    def any(self):
        try:
            return self._serial.in_waiting
        except (OSError, _TermiosError) as error:
            self.lost = ports.reason(error)
            return 0

    def write(self, buf):
        try:
            return self._serial.write(bytes(buf)) or len(buf)
        except (OSError, _TermiosError) as error:
            self.lost = ports.reason(error)
            raise OSError(self.lost) from None

    def close(self):
        try:
            self._serial.close()
        except (OSError, _TermiosError):
            pass  # it has gone already


def port_over(uart, baud=9600):
    return SerialPort(uart, baud)
