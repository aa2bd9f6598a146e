"""What a unit test may not do: start a process, open a pty, meet a socket. Python tells of each before it does it."""

import os
import sys

import pytest

_EVENTS = {
    "subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.spawn", "os.system", "pty.spawn",
    "socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
}  # fmt: skip
_openpty = os.openpty
refuses = False  # while a unit test runs
_begun = False


def _hook(event, arguments):
    if refuses and event in _EVENTS and not _is_number(event, arguments):
        pytest.fail("a unit test meets no process, pty or socket: %s %r" % (event, arguments[:2]), pytrace=True)


def _is_number(event, arguments):
    """Whether it only reads a numeric address, which asks nobody."""
    return event == "socket.getaddrinfo" and str(arguments[0]).replace(".", "").isdigit()


def _no_pty(*arguments):
    # The one of them that has no event.
    if refuses:
        pytest.fail("a unit test meets no process, pty or socket: os.openpty", pytrace=True)
    return _openpty(*arguments)


def begin():
    """Once a process: hooks cannot be taken out again."""
    global _begun
    if not _begun:
        _begun = True
        sys.addaudithook(_hook)
        os.openpty = _no_pty


def refuse(wanted):
    """From now on, or no longer."""
    global refuses
    refuses = wanted
