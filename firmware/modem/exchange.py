"""A command to the modem and its answer, over an AtChannel (at.py); loaded while there is something to ask."""

from firmware.modem.at import CommandError, NoAnswer
from firmware.port import const, sleep_ms, ticks_add, ticks_diff, ticks_ms

_TURN_MS = const(10)
_RAW_MS = const(1000)
_QUIET_MS = const(100)
_SETTLE_MS = const(1000)
# Codes of errors (core/errors.py).
_NO_END = const(213)
_IN_DATA_MODE = const(214)
_LINE_FULL = const(215)


async def command(channel, line, deadline_ms, tries, dial, text):
    """See AtChannel.command()."""
    async with channel.lock:
        while True:
            tries -= 1
            try:
                return await _exchange(channel, line, deadline_ms, dial, text)
            except NoAnswer:
                if tries <= 0:
                    raise
            finally:
                channel.sent = None
            await _settle(channel)


async def _exchange(channel, line, deadline_ms, dial, text):
    end = ticks_add(ticks_ms(), deadline_ms)
    if channel.stream is None:
        raise NoAnswer(_IN_DATA_MODE)
    channel.poll()
    channel.begin(line, _prefix(line), dial)
    await _send(channel, line.encode() + b"\r", end)
    await _until(channel, lambda: channel.prompt or channel.final, end, line)
    unasked = channel.prompt and not channel.final and text is None
    if unasked:
        # The modem would wait for ever and answer nothing else: Esc takes the command back (TS 27.005 3.5.1).
        await _send(channel, b"\x1b", end)
    elif channel.prompt and not channel.final:
        await _send(channel, text.encode() + b"\x1a", end)
    await _until(channel, lambda: channel.final, end, line)
    lines, final = channel.end()
    if unasked:
        error = CommandError(line, "ERROR: it waits for a text and was taken back")
        error.number = 0  # ours: plain() tells it in words
        raise error
    if dial:
        lines.append(final)
    elif final != "OK":
        raise CommandError(line, final, lines)
    return lines


async def _until(channel, done, end, line):
    while True:
        channel.poll()
        if done():
            return
        if ticks_diff(end, ticks_ms()) <= 0:
            raise NoAnswer(_NO_END, line.split("=")[0])
        await sleep_ms(_TURN_MS)


async def _send(channel, data, end):
    """All of `data`, as fast as the stream takes it."""
    view = memoryview(data)
    at = 0
    while at < len(data):
        at += channel.stream.write(view[at:]) or 0
        if at < len(data):
            if ticks_diff(end, ticks_ms()) <= 0:
                raise NoAnswer(_LINE_FULL)
            await sleep_ms(_TURN_MS)
            if channel.stream is None:
                raise NoAnswer(_IN_DATA_MODE)


async def _settle(channel):
    """Wait for silence, so that a late answer is not taken for the next one's."""
    start = ticks_ms()
    last = start
    while ticks_diff(ticks_ms(), last) < _QUIET_MS:
        if channel.poll():
            last = ticks_ms()
        if ticks_diff(ticks_ms(), start) > _SETTLE_MS:
            return
        await sleep_ms(_TURN_MS)


async def raw(channel, data):
    """See AtChannel.raw()."""
    async with channel.lock:
        await _send(channel, data, ticks_add(ticks_ms(), _RAW_MS))


def _prefix(line):
    """`+CREG` for `AT+CREG?`: lines that begin so belong to the answer."""
    end = 2
    while end < len(line) and line[end] not in "=?;":
        end += 1
    return line[2:end]
