"""One round of asking for the time, on behalf of device.TimeKeeper; loaded for it.

`ask()` is one question to an NTP server (RFC 5905, client mode). It never blocks but for the name lookup, and believes
only an answer to its own question: mode, version, leap indicator, stratum, and the originate timestamp, which is
random here and so cannot be guessed from outside.
"""

import os
import struct

from firmware.core import clock, log, overlay
from firmware.core.compat import monotonic_s, sleep_ms, ticks_diff, ticks_ms
from firmware.core.errors import Coded
from firmware.meters import readings
from firmware.net import tcp

_FIRST_S = const(15)
_LONGEST_S = const(3600)
_UNWANTED_S = const(86400)
# A known clock is moved farther than this only when a second answer agrees.
_SUSPECT_S = const(1000)
_AGREE_S = const(5)
_OFTEN = const(3)
_STALE_S = const(3 * 86400)
_METER_S = const(6 * 3600)
_PORT = const(123)
_STEP_MS = const(20)
_LENGTH = const(48)
_MOVED = const(310)  # question and answer, of the name too, with their headers
_CLIENT = const(0x23)  # leap 0, version 4, mode 3
_SERVER = const(4)
# Seconds from 1900 to 1970; the 32 bits of a timestamp run over in 2036.
_ERA_1900 = const(2208988800)
_HALF_ERA = const(0x80000000)


class TimeRefused(Coded, OSError):
    """The server does not want to be asked; the detail is its kiss code ("RATE", "DENY" …)."""

    code = 281


async def once(keeper):
    """Ask once; returns the seconds until the next time."""
    device = keeper.device
    servers = [s for s in (device.config.get("ntp.server"), device.config.get("ntp.server2")) if s]
    if not servers or not device.link.is_up():
        # Without a network this costs nothing: look again soon.
        _ask_meter(keeper)
        return _FIRST_S
    device.time_wanted = False
    host = servers[keeper.second and len(servers) > 1]
    unwanted = False
    try:
        with overlay.attempt:
            await _ask(keeper, host)
            fails, keeper.fails = keeper.fails, 0
            if keeper.alone and not fails:
                keeper.second = not keeper.second
                return _FIRST_S  # what does the other one say, or this one once more?
            hours = device.config.get("ntp.hours") * 3600
            return hours + _random(hours // 8)
        log.warn("time", "%s: not enough memory", host)
    except (OSError, ValueError) as error:
        log.warn("time", "%s: %s", host, error)
        unwanted = isinstance(error, TimeRefused)
    keeper.second = not keeper.second
    _ask_meter(keeper)
    # Another server has done nothing to us.
    return _back_off(keeper, unwanted and len(servers) == 1)


def _back_off(keeper, unwanted):
    wait = _UNWANTED_S if unwanted else min(_FIRST_S << min(keeper.fails, 8), _LONGEST_S)
    keeper.fails += 1
    return wait + _random(wait // 2)


async def _ask(keeper, host):
    device = keeper.device
    # The lookup of the name is the one thing that blocks.
    device.board.feed()
    utc = await ask(device.link.socket, host)
    ours = device.clock.utc()
    moved = utc - ours
    known = device.clock.known
    if known and abs(moved) > _SUSPECT_S and not _confirmed(keeper, moved, ours, host):
        raise ValueError("would move the clock by %d s: not believed" % moved)
    keeper.doubt, keeper.alone = None, not known
    if not device.clock.set(utc, clock.NTP):
        raise ValueError("%d is no possible time" % utc)
    log.info("time", "%s: clock set, it was off by %d s", host, moved if ours else 0)


def _confirmed(keeper, moved, ours, host):
    """A clock that NTP itself has set is moved far when both servers say so again and again; where a single answer
    has set it, or another source, when two answers agree.
    """
    known = keeper.device.clock
    before, server, count = keeper.doubt or (moved, host, 0)
    count = count if abs(before - moved) <= _AGREE_S else 0
    keeper.doubt = moved, host, count + 1
    if known.source == clock.NTP and ours - known.set_at < _STALE_S and not keeper.alone:
        return count >= _OFTEN and server != host
    return count > 0


def _ask_meter(keeper):
    """The last resort: have a meter's clock read; firmware/meters/readings/facts.py takes it."""
    device = keeper.device
    if device.clock.source > clock.METER:
        return
    now = monotonic_s()
    pause = _METER_S if device.clock.known else _FIRST_S * 4
    if keeper.metered is not None and now - keeper.metered < pause:
        return
    keeper.metered = now
    for line in device.lines:
        for meter in line.meters:
            if readings.CLOCK not in meter.pending:
                try:
                    line.ask(meter, readings.CLOCK)
                except ValueError:
                    continue  # its line has enough to do
                if device.clock.known:
                    return


def _random(limit):
    return int.from_bytes(os.urandom(3), "little") * limit >> 24


# --- NTP


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
                if error.args[0] not in tcp.AGAIN:
                    raise
                continue
            tcp.moved[0] += _MOVED
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
