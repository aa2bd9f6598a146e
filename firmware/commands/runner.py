"""Carries out lines one after the other and writes the answers in TITAN's form.

An answer (TITAN reference 2.3): the command, data lines, an empty line, then OK or ERROR; CR LF ends each. With
`device.mtxerr` a line `+MTXERR: code,"text"` before ERROR says why.
"""

from firmware import diag
from firmware.commands import parser, table
from firmware.commands.parser import CommandError
from firmware.commands.processor import TooLong
from firmware.port import const

END = b"\r\n"
# Lines in one piece of text; every line gets an answer, so what is beyond is refused once.
_MOST_LINES = const(16)
_MODEM_MS = const(20000)
# What may be done before the password was given.
_OPEN = ("AT", "ATI", "ATE0", "ATE1", "HELP", "LOGIN", "LOGOUT")


class Call:
    """One command under way: what the handlers get."""

    def __init__(self, processor, channel, line, write):
        self.processor = processor
        self.device = processor.device
        self.channel = channel
        self.name = ""
        self.rest = ""  # everything behind the name
        self.args = []
        self.text = None  # lines behind the command in the same message
        self.after = None  # to be called when the answer is out
        self.line = line
        self.open = False  # something was written
        self._write = write

    async def begin(self):
        if not self.open:
            self.open = True
            if self.channel.echo:
                await self._write(parser.masked(self.line, self.device.config).encode() + END)

    async def say(self, data):
        """One line of the answer, str or bytes."""
        await self.begin()
        await self._write(data.encode() if isinstance(data, str) else data)
        await self._write(END)

    async def end(self, error=None):
        await self.begin()
        if error and self.device.config.get("device.mtxerr"):
            words = parser.clean(str(error))[:200].replace('"', "'")
            await self._write(('+MTXERR: %d,"%s"' % (error.code, words)).encode() + END)
        await self._write(END)
        await self._write((b"ERROR" if error else b"OK") + END)


async def execute(processor, text, channel, write, collector):
    """See Processor.execute()."""
    if channel.text is not None:
        return await _typed(processor, text, channel, write)
    lines = [line for line in text.replace("\r", "\n").split("\n") if line.strip()]
    if not lines:
        lines = [""]
    count = 0
    after = None
    while lines:
        line = lines.pop(0)
        call = Call(processor, channel, line, write)
        count += 1
        if count > _MOST_LINES:
            lines = []
            call.line = "..."
        if _saves(line):
            # What follows is not commands but the settings to take over.
            call.text, lines = lines, []
        error = await _one(call, collector, count > _MOST_LINES)
        processor.executed += 1
        processor.failed += error is not None
        after = call.after or after
        if channel.text is None:
            await _end(call, error, collector)
    return after


def _saves(line):
    return line.upper().replace(" ", "").startswith("AT^MTXTUNNEL=SAVECONFIG")


async def _one(call, collector, beyond):
    """Run the command; the CommandError it came to, or None."""
    try:
        if beyond:
            raise CommandError(parser.TOO_LONG, "at most %d lines at a time" % _MOST_LINES)
        await _run(call)
        return None
    except CommandError as error:
        return error
    except TooLong as error:
        return _too_much(call, collector, CommandError(parser.TOO_LONG, str(error)))
    except MemoryError:
        error = CommandError(parser.NO_MEMORY, "not enough memory for this")
        return _too_much(call, collector, error)
    except ValueError as error:
        return CommandError(parser.BAD_VALUE, str(error))
    except OSError as error:
        return CommandError(parser.FAILED, "%s: %s" % (type(error).__name__, error))
    except (
        Exception
    ) as error:  # a command must never take its channel along; it is told and logged
        diag.error("commands", "%s: %s: %s", call.name, type(error).__name__, error)
        return CommandError(parser.FAILED, "%s: %s" % (type(error).__name__, error))


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
        await call.end(CommandError(parser.TOO_LONG, str(excess)))


async def _run(call):
    name, rest = parser.split(call.line)
    config = call.device.config
    if not name:
        await _modem(call, rest)
        return
    call.name = name
    call.rest = rest
    row = table.row(name)
    if not row:
        raise CommandError(parser.UNKNOWN, "there is no command %s" % parser.clean(name[:40]))
    if not table.allowed(name, row[4], config.get(call.channel.whitelist)):
        raise CommandError(parser.FORBIDDEN, "%s is not allowed on this channel" % name)
    _check_login(call)
    call.args = parser.arguments(rest)
    least, most = int(row[2]), int(row[3])
    if len(call.args) < least or (len(call.args) > most and (most or not least)):
        raise CommandError(parser.SYNTAX, "%s is wanted" % table.form(row))
    module = __import__("firmware.commands." + row[5], None, None, ("run",))
    await module.run(call)


def _check_login(call):
    channel = call.channel
    locked = channel.login and not channel.known and call.name not in _OPEN
    if locked and call.device.config.get("device.password"):
        raise CommandError(parser.FORBIDDEN, "log in first: AT^MTXTUNNEL=LOGIN,password")


async def _modem(call, line):
    config = call.device.config
    _check_login(call)
    if not table.allowed("AT+", "modem", config.get(call.channel.whitelist)):
        raise CommandError(parser.FORBIDDEN, "modem commands are not allowed on this channel")
    modem = call.device.modem
    if modem is None:
        raise CommandError(parser.NO_MODEM, "no modem is attached")
    try:
        lines = await modem.command(line, _MODEM_MS)
    except Exception as error:  # the modem's own errors; this package does not know their classes
        raise CommandError(parser.FAILED, config.mask(str(error))) from None
    final = lines.pop() if lines else "ERROR"
    for text in lines:
        await call.say(config.mask(text))
    if final != "OK":
        raise CommandError(parser.FAILED, config.mask(final))


async def _typed(processor, text, channel, write):
    """A line of the settings that are typed behind SAVECONFIG,TEXT; END takes them over."""
    call = Call(processor, channel, "END", write)
    call.open = True  # what was typed is not repeated
    for line in text.replace("\r", "\n").split("\n"):
        if line.strip().upper() == "END":
            call.name, call.text, channel_text = "SAVECONFIG", [], channel.text
            channel.text = None
            error = await _one_typed(call, channel_text)
            processor.executed += 1
            processor.failed += error is not None
            await call.end(error)
            return call.after
        channel.text.feed(line)
    return None


async def _one_typed(call, typed):
    setup = __import__("firmware.commands.setup", None, None, ("run",))
    try:
        await setup.finish(call, typed)
        return None
    except CommandError as error:
        return error
    except ValueError as error:
        return CommandError(parser.BAD_VALUE, str(error))
    except (OSError, MemoryError) as error:
        return CommandError(parser.FAILED, "%s: %s" % (type(error).__name__, error))
