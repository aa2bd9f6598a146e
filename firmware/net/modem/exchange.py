"""A command to the modem and its answer, over an AtChannel (at.py); loaded while there is something to ask."""

from firmware.core import log
from firmware.core.compat import sleep_ms, ticks_add, ticks_diff, ticks_ms
from firmware.core.errors import ModemError

_TURN_MS = const(10)
_RAW_MS = const(1000)
_QUIET_MS = const(100)
_IN_STEP_MS = const(5000)
_NAMED = const("AT+CMEE?")  # its answer has its name
_LINES = const(64)  # longer answers lose their end
_GOOD = const("OK")
_BAD = const(("ERROR", "ABORTED"))
_NO_CALL = const(("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE"))
# Codes of errors (core/errors.py).
_NO_END = const(213)
_IN_DATA_MODE = const(214)
_LINE_FULL = const(215)


class NoAnswer(ModemError):
    """The command had no end within its deadline (codes 212 to 217, 238, 239)."""


class CommandError(ModemError):
    """The modem refused. `number` is that of +CME/+CMS ERROR or None, `lines` what came before."""

    code = 219

    def __init__(self, command, final, lines=()):
        super().__init__()
        self.number = None
        self.lines = lines
        # What comes after the = may be a PIN or a password: it is not for the log.
        self._name = command.split("=")[0]
        self._kind, colon, number = final.partition(": ")
        self._final = number if colon else final
        if colon and number.isdigit():
            self.number = int(number)

    def why(self):
        return (self.code, self._name, self._kind, int(self._final) if self._final.isdigit() else self._final)


class Asked:
    """A command under way, and what has come of its answer."""

    def __init__(self, line, dial, late=False):
        self._sent = line
        self._late = late  # what comes before the name belongs to others
        self._dial = dial
        self._prefix = _prefix(line)
        self.lines = []
        self.final = None
        self.prompt = False

    def take(self, channel, text):
        """One line: part of the answer, its end, or unsolicited. True for CONNECT."""
        if text.startswith(self._prefix):
            self._late = False
        if self.final is not None or self._late:
            channel.told(text)
            return False
        if text.endswith(self._sent):
            return False  # the echo
        if text == _GOOD or text in _BAD or text.startswith(("+CME ERROR", "+CMS ERROR")):
            self.final = text
            return False
        connected = text.startswith("CONNECT")
        if self._dial and (connected or text in _NO_CALL):
            self.final = text
            return connected
        if not channel.told(text, self._prefix) and len(self.lines) < _LINES:
            self.lines.append(text)
        return False


async def command(channel, line, deadline_ms, tries, dial, text):
    """See AtChannel.command()."""
    async with channel.lock:
        try:
            # Any answer, be it an old one, tells that somebody is there.
            if channel.owed and line != "AT":
                try:
                    await _exchange(channel, _NAMED, _IN_STEP_MS, Asked(_NAMED, False, True))
                    channel.owed = False
                except ModemError:
                    pass
            asked = Asked(line, dial)
            while True:
                tries -= 1
                try:
                    return await _exchange(channel, line, deadline_ms, asked, dial, text)
                except NoAnswer:
                    channel.owed = True
                    if tries <= 0:
                        raise
                await sleep_ms(_QUIET_MS)
        finally:
            channel.asked = None


async def _exchange(channel, line, deadline_ms, asked, dial=False, text=None):
    """`asked` may be that of the try before, whose answer is as good."""
    end = ticks_add(ticks_ms(), deadline_ms)
    if channel.stream is None:
        raise NoAnswer(_IN_DATA_MODE)
    channel.poll()
    channel.fill = 0
    channel.asked = asked
    await _send(channel, line.encode() + b"\r", end)
    await _until(channel, lambda: asked.prompt or asked.final, end, line)
    unasked = asked.prompt and not asked.final and text is None
    if unasked:
        # The modem would wait for ever and answer nothing else: Esc takes the command back (TS 27.005 3.5.1).
        await _send(channel, b"\x1b", end)
    elif asked.prompt and not asked.final:
        await _send(channel, text.encode() + b"\x1a", end)
    await _until(channel, lambda: asked.final, end, line)
    if unasked:
        error = CommandError(line, "ERROR: it waits for a text and was taken back")
        error.number = 0  # ours: plain() tells it in words
        raise error
    if dial:
        asked.lines.append(asked.final)
    elif asked.final != _GOOD:
        raise CommandError(line, asked.final, asked.lines)
    return asked.lines


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


async def raw(channel, data):
    """Send bytes that are no command (`+++`, a CMUX frame); their answer is not waited for. Raises NoAnswer."""
    async with channel.lock:
        await _send(channel, data, ticks_add(ticks_ms(), _RAW_MS))


async def answers(link, tries=2):
    """Whether the modem is there."""
    try:
        await link.channel.command("AT", link.timing["at"], tries)
        return True
    except NoAnswer:
        return False
    except ModemError:
        return True  # it refuses, so it is there


async def quietly(channel, line, deadline_ms=5000):
    """A command whose failure does not matter; its lines, or none."""
    try:
        return await channel.command(line, deadline_ms)
    except ModemError as error:
        log.info("modem", "%s", error)
        return []


async def plain(channel, line, deadline_ms):
    """An AT line as a person types it: the answer's lines with the final one, errors in words."""
    try:
        lines = await channel.command(line, deadline_ms)
    except CommandError as error:
        return ["ERROR" if error.number is None else str(error)]
    return lines + ["OK"]


# --- the fields of a line (V.250 5.7, TS 27.007)


def _prefix(line):
    """`+CREG` for `AT+CREG?`: lines that begin so belong to the answer."""
    end = 2
    while end < len(line) and line[end] not in "=?;":
        end += 1
    return line[2:end]


def is_quotable(*texts):
    """Whether each of `texts` may stand between quotes in a line: no quote ends it, nothing ends the line."""
    return all(" " <= c <= "~" and c != '"' for text in texts for c in text)


def fields_of(line):
    """What follows the colon, split at commas outside quotes, quotes removed."""
    rest = line.partition(":")[2]
    fields, quoted, field = [], False, ""
    for char in rest:
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            fields.append(field.strip())
            field = ""
        else:
            field += char
    fields.append(field.strip())
    return fields
