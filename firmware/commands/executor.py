"""Carries out lines one after the other and writes the answers in TITAN's form.

An answer (TITAN reference 2.3): the command, data lines, an empty line, then OK or ERROR; CR LF ends each. With
`device.mtxerr` a line `+MTXERR: code,"text"` before ERROR says why.
"""

from firmware.core import log, overlay
from firmware.core.compat import monotonic_s, sleep_ms, ticks_diff, ticks_ms

# Codes of CommandError.
_FORBIDDEN = const(3)
_BAD_VALUE = const(4)
_NO_METER = const(5)
_FAILED = const(8)
_TOO_LONG = const(10)
_NO_MEMORY = const(11)

# Wrong lines of a channel in a minute, and the pause after them; it doubles while they go on.
_WRONG = const(10)
_FIRST_PAUSE_S = const(2)
_LAST_PAUSE_S = const(300)
# Lines in one piece of text; every line gets an answer, so what is beyond is refused once.
_MOST_LINES = const(16)
# Bytes one answer may have where it has to be in one piece (an MQTT message).
MOST_BYTES = const(20480)
# A chunk of small pieces.
_CHUNK = const(256)
# A command waits so long for a meter.
_WAIT_MS = const(90000)
_STEP_MS = const(50)


class CommandError(Exception):
    """A command was refused: what a line `+MTXERR: code,"text"` says.

    1: the line is not a command, or its arguments are not those wanted
    2: there is no such command
    3: not allowed on this channel, or not logged in
    4: a value is refused
    5: there is no such meter
    6: nothing was read yet, or the meter has nothing
    7: busy: being read, or too much waits
    8: failed: the meter, the modem or the flash
    9: no modem is attached
    10: the line or the answer is too long
    11: not enough memory
    """

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def clean(text):
    """`text` in printable ASCII."""
    return "".join(c if 32 <= ord(c) < 127 else "?" for c in text)


class TooLong(ValueError):
    """The answer does not fit into one message."""


class Collector:
    """Takes an answer that has to be in one piece. `await write(bytes)` raises TooLong beyond `most` bytes."""

    def __init__(self, most=MOST_BYTES):
        self._most = most
        self.clear()

    def clear(self):
        self._pieces = []
        self.size = 0

    def _grow(self, count):
        self.size += count
        if self.size > self._most:
            raise TooLong("the answer is longer than %d bytes; ask for less" % self._most)

    async def write(self, data):
        self._grow(len(data))
        # Small pieces are gathered into chunks.
        last = self._pieces[-1] if self._pieces else None
        if not isinstance(last, bytearray) or len(last) + len(data) > _CHUNK:
            last = bytearray()
            self._pieces.append(last)
        last.extend(data)

    def later(self, result, number):
        """A record of a firmware.meters.meter.Result, to be read when the answer is taken."""
        self._grow(result.sizes[number])
        self._pieces.append((result, number))

    def take(self):
        """The answer as a bytearray, in the one allocation it needs. OSError: a record can't be read."""
        whole = bytearray(self.size)
        view = memoryview(whole)
        at = 0
        for piece in self._pieces:
            if isinstance(piece, tuple):
                result, number = piece
                end = at + result.sizes[number]
                result.read_into(number, view[at:end])
            else:
                end = at + len(piece)
                view[at:end] = piece
            at = end
        self.clear()
        return whole


class Call:
    """One command under way: what the handlers get."""

    def __init__(self, processor, channel, line, write, collector=None):
        self.device = processor.device
        self.channel = channel
        self.line = line
        self.name = ""
        self.rest = ""  # everything behind the name
        self.args = []
        self.module = ""  # that carries it out
        self.text = None  # lines behind the command in the same message
        self.typed = None  # settings that were typed since SAVECONFIG,TEXT
        self.after = None  # to be called when the answer is out
        self.result = None  # what a meter was asked for; None: it is not there yet
        self.echo = None  # the first line of the answer
        self.masked = "..."  # the line as others may see it, once that is known
        self.view = False  # it changes nothing; the audit log has it only where it was refused
        self.told = False  # the audit log knows
        self.open = False  # something was written
        self._write = write
        self._collector = collector

    async def begin(self):
        if not self.open:
            self.open = True
            if self.echo is not None:
                await self._write(self.echo.encode() + self.channel.end)

    async def say(self, data):
        """One line of the answer, str or bytes, and a turn of the loop: there may be a hundred of them."""
        await self.begin()
        await self._write(data.encode() if isinstance(data, str) else data)
        await self._write(self.channel.end)
        await sleep_ms(0)

    async def say_record(self, result, number):
        """A line with a record of a firmware.meters.meter.Result."""
        await self.begin()
        if self._collector:
            # It is read when the answer is put together: twice in RAM is more than there is.
            self._collector.later(result, number)
        else:
            data = bytearray(result.sizes[number])
            result.read_into(number, data)
            await self._write(data)
        await self._write(self.channel.end)
        await sleep_ms(0)

    def note(self, error=None):
        """For the audit log: the command and what came of it. Refused ones count as the same, whatever they say."""
        if self.told or (self.view and not error):
            return
        self.told = True
        who = (self.channel.name + " " + self.channel.source).strip()
        what, result = self.masked, "ERROR %d" % error.code if error else "OK"
        if self.typed or self.text:
            what = "AT^MTXTUNNEL=SAVECONFIG: " + self.rest  # the names of the settings
        elif error and error.code < _FORBIDDEN:
            # Whatever it was meant to be: a name spelled wrong may have a secret behind it, or be one.
            what = what.replace(";", ",").split(",")[0] + ",***" if what[:2].upper() == "AT" else "***"
        log.note(who, what, result, who + (self.name + result if error else what))

    async def end(self, error=None):
        await self.begin()
        if error and (self.channel.person or self.channel.told or self.device.config.get("device.mtxerr")):
            words = clean(str(error))[:200].replace('"', "'")
            await self._write(('+MTXERR: %d,"%s"' % (error.code, words)).encode() + self.channel.end)
        await self._write(self.channel.end)
        await self._write((b"ERROR" if error else b"OK") + self.channel.end)


async def execute(processor, text, channel, write, collector):
    """See Processor.execute()."""
    _look_up(processor.device.config.get, channel)
    lines = text.replace("\r", "\n").split("\n")
    if channel.text is None:
        lines = [line for line in lines if line.strip()] or [""]
    count = 0
    afters = []
    while lines:
        line = lines.pop(0)
        call = Call(processor, channel, line, write, collector)
        if channel.text is not None:
            if line.strip().upper() != "END":
                channel.text.feed(line)
                continue
            call.name, call.module = "SAVECONFIG", "settings"
            call.typed, channel.text = channel.text, None
        elif count == _MOST_LINES:
            call.line, call.module, lines = "...", "toomany", []
        elif line.upper().replace(" ", "").startswith("AT^MTXTUNNEL=SAVECONFIG"):
            # What follows is not commands but the settings to take over.
            call.text, lines = lines, []
        count += 1
        error = await _one(call, collector)
        if error and error.code == _NO_MEMORY:
            call.after = processor.rescue(line, len(line), channel)
            error = None if call.after else error
        if error and (error.code < _NO_METER or error.code == _TOO_LONG):
            _wrong(channel)
            if channel.person:
                error = _told(call, error)
        call.note(error)
        processor.executed += 1
        processor.failed += error is not None
        if call.after:
            afters.append(call.after)
        if channel.text is None:
            await _end(call, error, collector)
    await processor.device.note()
    with overlay.attempt:
        processor.most = processor.device.config.get("limit.commands")
    # A restart does not forget what is to be tried.
    return (lambda: [after() for after in afters]) if afters else None


def _look_up(get, channel):
    """How the answers of the broker's channel are to look. ATE0 counts for the rest of its message only: two platforms
    must not change each other's answers. Where there is no memory for that, as with the message before."""
    if not channel.way:
        return
    with overlay.attempt:
        channel.echo = get("mqtt.echo")
        channel.end = b"\n" if get("mqtt.lines") == "lf" else b"\r\n"


def _told(call, error):
    """The error with what a person may have wanted to type."""
    with overlay.attempt, overlay.use("help"):
        from firmware.commands.handlers import help

        return CommandError(error.code, str(error) + help.words(call))
    return error


def _wrong(channel):
    """A line was no command, or none for this channel: the tenth in a minute makes all of it wait, a person aside."""
    channel.bad += 1
    if channel.bad >= _WRONG and not channel.person:
        channel.pause = min(2 * channel.pause or _FIRST_PAUSE_S, _LAST_PAUSE_S)
        # The second that has begun does not count.
        channel.since = monotonic_s() + channel.pause + 1
        channel.lines = channel.bad = 0


async def _one(call, collector):
    """Run the command; the CommandError it came to, or None."""
    try:
        with overlay.attempt:
            await _run(call)
            return None
        error = CommandError(_NO_MEMORY, "not enough memory for this")
        return _too_much(call, collector, error)
    except CommandError as error:
        return error
    except TooLong as error:
        return _too_much(call, collector, CommandError(_TOO_LONG, str(error)))
    except ValueError as error:
        return CommandError(_BAD_VALUE, str(error))
    except Exception as error:  # a command must never take its channel along; it is told and logged
        text = "%s: %s" % (type(error).__name__, error)
        log.error("commands", "%s: %s", call.name, text)
        return CommandError(_FAILED, text)


def _too_much(call, collector, error):
    """Take back what there is of an answer that has to be in one piece."""
    if collector:
        collector.clear()
        call.open = False
    return error


async def _end(call, error, collector):
    try:
        await call.end(error)
    except TooLong as excess:
        _too_much(call, collector, None)
        await call.end(CommandError(_TOO_LONG, str(excess)))


def _understand(call):
    """Read the line. No part of a coroutine: its frame would keep the grammar in memory."""
    with overlay.use("grammar"):
        from firmware.commands import grammar

        call.masked = grammar.masked(call.line, call.device.config)
        if call.channel.echo:
            call.echo = call.masked
        grammar.understand(call)


async def _run(call):
    """In turns of the loop: each module takes a Pico W 20 to 90 ms to load."""
    if not call.module:
        await sleep_ms(0)
        _understand(call)
        await sleep_ms(0)
    if call.module == "toomany":
        raise CommandError(_TOO_LONG, "at most %d lines at a time" % _MOST_LINES)
    next = call.name.lower() or "run"
    while next:
        await sleep_ms(0)
        next = await _handler(call, next)(call)
        if next:
            call.result, next = next
            await _wait(call)


async def _wait(call):
    """Until `call.result` is there, or it becomes None. The session needs the room more than we who only wait for it:
    there is none of the handler's code, which is loaded again.
    """
    start = ticks_ms()
    call.device.config.release()
    overlay.aside("command")
    try:
        while call.result.running:
            if ticks_diff(ticks_ms(), start) > _WAIT_MS:
                call.result = None
                break
            await sleep_ms(_STEP_MS)
    finally:
        await overlay.back("command")


def _handler(call, name):
    """The function `name` of the module that the command's row names, or its run(). A function of its own, whose frame
    ends: the one of a coroutine would keep the module in memory.
    """
    module = _module(call.module)
    return getattr(module, name, None) or module.run


def _module(name):
    """The module that a row of the table names, with a function of the command's name or run()."""
    with overlay.use("handlers"):
        if name == "general":
            from firmware.commands.handlers import general as found
        elif name == "settings":
            from firmware.commands.handlers import settings as found
        elif name == "readings":
            from firmware.commands.handlers import readings as found
        elif name == "log":
            from firmware.commands.handlers import log as found
        else:
            from firmware.commands.handlers import doctor as found
        return found
