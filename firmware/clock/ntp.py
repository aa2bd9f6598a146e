"""One question to an NTP server (RFC 5905, client mode). Loaded for the question and let go afterwards.

`ask()` never blocks but for the name lookup, and believes only an answer to its own question: mode, version, leap
indicator, stratum, and the originate timestamp, which is random here and so cannot be guessed from outside.
"""

import os
import struct

from firmware.core.errors import Coded
from firmware.port import const, sleep_ms, ticks_diff, ticks_ms

_PORT = const(123)
_STEP_MS = const(20)
_AGAIN = const(11)  # EAGAIN: nothing has come yet
_LENGTH = const(48)
_CLIENT = const(0x23)  # leap 0, version 4, mode 3
_SERVER = const(4)
# Seconds from 1900 to 1970; the 32 bits of a timestamp run over in 2036.
_ERA_1900 = const(2208988800)
_HALF_ERA = const(0x80000000)


class TimeRefused(Coded, OSError):
    """The server does not want to be asked; the detail is its kiss code ("RATE", "DENY" …)."""

    code = 281


async def ask(sockets, host, limit_ms=3000):
    """UTC seconds since 1970 as `host` ("name" or "name:port") says, rounded. OSError: no good answer in `limit_ms`.

    `sockets` is the link's socket module.
    """
    name, _, port = host.partition(":")
    address = sockets.getaddrinfo(name, int(port or _PORT), 0, sockets.SOCK_DGRAM)[0][-1]
    nonce = os.urandom(8)
    query = bytearray(_LENGTH)
    query[0] = _CLIENT
    query[40:] = nonce
    sock = sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        # Connected: the stack drops what comes from anybody else.
        sock.connect(address)
        start = ticks_ms()
        sock.send(query)
        why = "no answer from " + name
        while ticks_diff(ticks_ms(), start) < limit_ms:
            await sleep_ms(_STEP_MS)
            try:
                answer = sock.recv(_LENGTH)
            except OSError as error:
                if error.args[0] != _AGAIN:
                    raise
                continue
            wrong = _check(answer, nonce)
            if not wrong:
                return _seconds(answer, ticks_diff(ticks_ms(), start))
            # Somebody else's packet must not end our waiting for the right one.
            why = "%s: %s" % (name, wrong)
        raise OSError(why)
    finally:
        sock.close()


def _check(answer, nonce):
    """What is wrong with an answer; empty: nothing. TimeRefused when the server says that it does not want us."""
    if len(answer) < _LENGTH:
        return "%d bytes are no NTP answer" % len(answer)
    if answer[0] & 7 != _SERVER or not 1 <= answer[0] >> 3 & 7 <= 4:
        return "not an answer of a server"
    if bytes(answer[24:32]) != nonce:
        return "not the answer to our question"
    if answer[1] == 0:
        code = bytes(answer[12:16])
        raise TimeRefused("".join(chr(c) for c in code if 32 < c < 127) or "kiss of death")
    if answer[1] > 15 or answer[0] >> 6 == 3:
        return "the server's own clock is not set"
    if not any(answer[40:48]):
        return "no time in the answer"
    return ""


def _seconds(answer, took_ms):
    seconds, fraction = struct.unpack(">II", answer[40:48])
    # The answer was half of the way there and back under way.
    ms = (fraction >> 12) * 1000 // 1048576 + took_ms // 2
    if seconds < _HALF_ERA:
        seconds += 4294967296
    return seconds - _ERA_1900 + (ms + 500) // 1000
