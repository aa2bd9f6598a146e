"""Why a serial port can't be opened, and what to do about it; the same for the doctor, the console and deployment."""

import errno
import os

LIST = ".venv/bin/python -m serial.tools.list_ports -v"


def number(error):
    """The operating system's number of an error, None where there is none; pyserial raises its own after it."""
    while error is not None:
        if getattr(error, "errno", None) is not None:
            return error.errno
        error = error.__cause__ or error.__context__
    return None


def reason(error):
    """The shortest words for what an operating system said: pyserial puts its own sentence around them."""
    found = number(error)
    return str(error) if found is None else os.strerror(found)


def advice(error):
    """Lines of what to do; what is to be typed stands in a line of its own."""
    found = number(error)
    if found in (errno.EACCES, errno.EPERM):
        return ("give yourself the right to the port, then log in again:", "sudo usermod -a -G dialout $USER")
    if found in (errno.EAGAIN, errno.EBUSY):
        return ("another program has the port: close it (a console, a terminal program)",)
    if found in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return ("plug it in, or name another port; those there are:", LIST)
    if found == errno.ECONNREFUSED:
        return ("check address and port of the serial server, and that its raw TCP mode is on",)
    return ("check the name of the port: /dev/ttyUSB0, COM3, tcp://HOST:PORT or rfc2217://HOST:PORT",)


def trouble(port, error):
    """One text for a person: the port, why, what to do. `error`: an exception; mpremote's own tells no reason."""
    if number(error) is None and "://" not in port:
        try:
            os.close(os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
            error = OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        except OSError as own:
            error = own
    return "%s: %s\n  %s" % (port, reason(error), "\n  ".join(advice(error)))
