"""How a TCP connection comes about: its name looked up, its socket connected by a deadline. Loaded for it."""

from firmware.core.compat import sleep_ms, ticks_diff, ticks_ms
from firmware.net.tcp import AGAIN, CONNECTED, REFUSED, moved

_TURN_MS = const(10)
# Bytes of a connection's beginning and end, seven packets, and of the question for its name.
_CONNECTION = const(530)


def look_up(sockets, host, port):
    """The address of `host`; `sockets` is the link's socket module. OSError. This may block: the caller feeds the
    watchdog."""
    # What socket() makes; a name may have IPv6 addresses too.
    return sockets.getaddrinfo(host, port, getattr(sockets, "AF_INET", 0), sockets.SOCK_STREAM)[0][-1]


def reader(sock):
    """What reads from a socket into a buffer, as the port spells it."""
    return getattr(sock, "recv_into", None) or sock.readinto


def refused(error):
    """Whether an OSError of connect() says that somebody is there and refuses."""
    return error.args[0] in REFUSED


async def connect(sock, address, deadline_ms):
    """Connect a new socket, which does not wait from now on; False: nobody has answered in time. OSError."""
    sock.setblocking(False)
    moved[0] += _CONNECTION
    start = ticks_ms()
    while True:
        try:
            sock.connect(address)
            return True
        except OSError as error:
            code = error.args[0]
            if code in CONNECTED:
                return True
            if code not in AGAIN:
                raise
        if ticks_diff(ticks_ms(), start) > deadline_ms:
            return False
        await sleep_ms(_TURN_MS)
