"""How a TCP connection comes about: its name looked up, its socket connected by a deadline. Loaded for it."""

from firmware.core.compat import sleep_ms, ticks_diff, ticks_ms
from firmware.core.errors import BrokerError
from firmware.net.tcp import AGAIN, CONNECTED, FULL, REFUSED, moved

_TURN_MS = const(10)
# Bytes of a connection's beginning and end, seven packets, and of the question for its name.
_CONNECTION = const(530)
# Codes of errors (core/errors.py).
_NOBODY_LISTENS = const(308)
_NO_ANSWER = const(309)
_NO_NAME = const(317)


def look_up(sockets, host, port):
    """The address of `host`; `sockets` is the link's socket module. OSError. This may block: the caller feeds the
    watchdog."""
    try:
        # What socket() makes; a name may have IPv6 addresses too.
        return sockets.getaddrinfo(host, port, getattr(sockets, "AF_INET", 0), sockets.SOCK_STREAM)[0][-1]
    except OSError as error:
        # The ports have numbers of their own for it, or none but in a text. No memory is no answer about a name.
        if error.args[0] in FULL:
            raise
        raise BrokerError(_NO_NAME, str(error)) from None


def reader(sock):
    """What reads from a socket into a buffer, as the port spells it."""
    return getattr(sock, "recv_into", None) or sock.readinto


def new(sockets):
    """A socket that is not connected yet. OSError."""
    # No Nagle's algorithm: with it what follows a short piece waits for that one's acknowledgement, which servers
    # put off by 40 ms. Whoever sends gives whole segments instead, since each piece has memory of its own in lwIP,
    # and where that runs out send() of MicroPython waits, up to ten seconds, also in a socket that does not
    # (extmod/modlwip.c).
    sock = sockets.socket()
    sock.setsockopt(getattr(sockets, "IPPROTO_TCP", 6), getattr(sockets, "TCP_NODELAY", 1), 1)
    return sock


async def connect(sock, address, deadline_ms, host, port):
    """Connect a new socket, which does not wait from now on. OSError; BrokerError where `host`, as it was looked up,
    refuses or does not answer in time."""
    sock.setblocking(False)
    moved[0] += _CONNECTION
    start = ticks_ms()
    while True:
        try:
            sock.connect(address)
            return
        except OSError as error:
            code = error.args[0]
            if code in CONNECTED:
                return
            if code in REFUSED:
                raise BrokerError(_NOBODY_LISTENS, "%s:%d" % (host, port)) from None
            if code not in AGAIN:
                raise
        if ticks_diff(ticks_ms(), start) > deadline_ms:
            raise BrokerError(_NO_ANSWER, "%s:%d" % (host, port))
        await sleep_ms(_TURN_MS)
