"""What every channel hands its lines to, and what a channel is.

The code that carries commands out is loaded while one runs: commands are rare and RAM is not. `device` offers what
they need:

- `config` (firmware.config.config.Config), `ring` (the log), `clock`, `name`, `version`, `imei`;
- `change(values, code)`: take, keep and use settings, all or none; ConfigError, OSError. With a code they are only
  tried after `begin_trial()`, and stay after `confirm(code, console)`, which gives "" or why not;
- `lines`: each with `name` ("port 1"), `meters` (each with `ident` and `results`, `pending`: kind -> Result),
  `ask(meter, kind, args) -> Result` (ValueError: too many waiting), and `port` (a Port);
- `await note(now)`: write what log.note() was told; all of it at once with `now`;
- `status() -> dict` of values, or functions that give one; `restart(reason)`; `sync()`: ask for the time soon;
- `modem`: None or something with `await command(line, ms) -> lines`, the final one included.
"""

from firmware.core import overlay
from firmware.core.compat import monotonic_s, sleep_ms
from firmware.core.log import apart

# Letters of one line; what is longer is refused as a whole.
LONGEST = const(512)
# What is more than limit.commands in such a time waits; where nothing is read meanwhile nothing is lost.
_MINUTE_S = const(60)
_LOOK_MS = const(200)
_MOST_LINES = const(16)
_USUAL = const(120)
# What is understood in a heap that is too full for the grammar.
_RESTART = const("AT^MTXTUNNEL=REBOOT")
_LONGEST_RESTART = const(64)
_OK = const(b"\r\nOK\r\n")


class Channel:
    """One way commands come in; all are equals but for what is said here.

    `name`: mqtt, console, serial or sms, for a person to read; `source`: topic, number or port that a command comes
    from just now; `whitelist`: the setting that says what it may, one called `commands`; `echo`: answers begin with
    the command. `person`: somebody stands before the device, who is asked for device.password, may type settings line
    by line, is not made to wait for wrong lines and needs no code for another way out; `way`: commands come by the
    way out, so such a code counts here. `most`: bytes of an answer in one piece (0: executor.MOST_BYTES).
    `told`: an ERROR always says why, as it does to a person.
    """

    told = False

    def __init__(self, name, whitelist, echo=True, person=False, way=False, most=0):
        self.name = name
        self.source = ""
        self.whitelist = whitelist
        self.echo = echo
        self.end = b"\r\n"  # of each line of an answer
        self.person = person
        self.way = way
        self.most = most
        self.known = False  # who is there has logged in
        self.wrong = 0  # passwords in a row
        self.text = None  # settings that are being typed (SAVECONFIG,TEXT)
        # Monotonic seconds: begin of the minute that is counted, or end of a pause. The first line begins one.
        self.since = -_MINUTE_S
        # In it: lines, and those of them that were none (executor.py); seconds of the pause before.
        self.lines = self.bad = self.pause = 0


class Processor:
    def __init__(self, device):
        self.device = device
        self.executed = self.failed = 0
        self.most = _USUAL  # lines a minute and channel
        self._running = 0
        self.restarts = ()  # whitelists that allow REBOOT
        self.guarded = False  # the console wants a password
        self._sms = Channel("sms", "sms.commands", False, most=600)
        self.look_up()

    def look_up(self):
        """Keep at hand who may restart the device, which has to be known in a full heap; after changes of settings."""
        with overlay.attempt, overlay.use("grammar"):
            from firmware.commands import grammar

            grammar.look_up(self)
            return
        self.restarts = ()

    def rescue(self, text, count, channel):
        """In a heap too full for commands: a function that restarts, if that is what so many characters or bytes of
        `text` ask for and the channel may; else None."""
        if channel.whitelist not in self.restarts or (channel.person and self.guarded and not channel.known):
            return None
        overlay.let_go()
        try:
            with overlay.attempt:
                if count > _LONGEST_RESTART or decode(text[:count]).strip().upper().replace(" ", "") != _RESTART:
                    return None
                device, reason = self.device, "command on " + channel.name
                return lambda: device.restart(reason)
        finally:
            overlay.hold()
        return None

    async def _pace(self, text, channel):
        """Wait until it is the channel's turn; ends by itself, after a pause and a minute at most."""
        if channel.text is not None:
            return  # settings that are typed are no commands
        text = text.strip().replace("\r\n", "\n")
        lines = min(text.count("\n") + text.count("\r") + 1, _MOST_LINES)
        while True:
            now = monotonic_s()
            if now - channel.since >= _MINUTE_S:
                channel.since = now
                channel.lines = channel.bad = channel.pause = 0
            if now >= channel.since and (not channel.lines or channel.lines + lines <= self.most):
                break
            await sleep_ms(_LOOK_MS)
        channel.lines += lines

    async def execute(self, text, channel, write, collector=None):
        """Carry out every line of `text` (str) in order; each gets an answer through `await write(bytes)`.

        `collector`: where `write` belongs to one, so that an answer that gets too long can be taken back. Returns
        None, or a function to call when the answer is out (a restart). Raises nothing a command could cause.
        """
        await self._pace(text, channel)
        try:
            with await overlay.turn("command"):
                return await self._execute(text, channel, write, collector)
        finally:
            self.release()

    async def collect(self, text, channel):
        """As execute(), for channels whose answers have to be in one piece.

        A message is complete in itself: settings can't be typed in the next one. Returns (what execute() returns, the
        Collector with the answer or None: there is no memory even for that).
        """
        text = decode(text)
        await self._pace(text, channel)
        try:
            with overlay.attempt, await overlay.turn("command"):
                from firmware.commands import executor

                collector = executor.Collector(channel.most or executor.MOST_BYTES)
                return await self._execute(text, channel, collector.write, collector), collector
            self.failed += 1
            return self.rescue(text, len(text), channel), None
        finally:
            channel.text = None
            self.release()

    async def _execute(self, text, channel, write, collector):
        # What the channel wanted to know of the settings was loaded in this turn.
        await sleep_ms(0)
        self._running += 1
        try:
            with overlay.attempt, overlay.use("command"):
                from firmware.commands import executor

                return await apart(executor.execute(self, text, channel, write, collector))
        finally:
            self._running -= 1
        # Not even the code that says so fits: give the answer every line gets.
        if collector:
            collector.clear()
        after = self.rescue(text, len(text), channel)
        self.failed += after is None
        await write(_OK if after else b"\r\nERROR\r\n")
        return after

    def release(self):
        """Give back the memory settings were looked up in, when the last command has ended."""
        if not self._running:
            # Else they stay unpacked until the next command has ended.
            with overlay.attempt:
                self.device.config.release()

    async def answer(self, line, name):
        """The answer to one line as text, for the channel that has no session: SMS, of which `name` is the number."""
        self._sms.source = name
        after, collector = await self.collect(line, self._sms)
        if after:
            after()
        return collector.take().decode().strip() if collector else "ERROR"


def decode(raw):
    """Bytes of a channel as text, without NUL and BOM; what is no UTF-8 becomes question marks."""
    if not isinstance(raw, str):
        data = bytearray(raw)
        try:
            raw = data.decode()
        except ValueError:
            for at in range(len(data)):
                if not 32 <= data[at] < 127 and data[at] not in b"\0\r\n":
                    data[at] = 63
            raw = data.decode()
    return raw.replace("\0", "").replace("\ufeff", "")
