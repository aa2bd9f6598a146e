"""AT lines over every channel: each gets an answer that ends in OK or ERROR, and no handler stumbles."""

import json
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

from firmware.commands import grammar
from firmware.commands.channels.line_editor import Line
from firmware.commands.dispatcher import LONGEST, Processor
from firmware.core import log
from firmware.meters import readings
from firmware.security import audit
from tests.host.support.fake_device import Device, Modem, channel_of
from tests.host.support.virtual_time import VirtualLoop
from tests.proof.fuzz.mutator import Mutator

COUNT, SAMPLE, HEAP = 100_000, 400, 600_000
ROOT = Path(__file__).resolve().parents[3]
_OURS = b"AT^MTXTUNNEL="
# A device is a new one after so many lines: some of them end what the others need.
_LIVES = 40
# Virtual seconds an answer may take: a reading on demand has ninety, a channel that is made to wait five minutes.
_LONGEST_S = 600
_VALUES = (
    b"mqtt.commands,*", b"device.password,secret99", b"uplink.pin,1234", b"meter.1.id,ID00001", b"meter.1.enabled,on",
    b"limit.commands,1000", b"device.separator,both", b"device.mtxerr,on", b"mqtt.echo,off", b"IEC102_link,7",
)  # fmt: skip
_ARGUMENTS = {
    b"SETPARAM": _VALUES, b"GETPARAM": tuple(value.split(b",")[0] for value in _VALUES),
    b"SETBAUDRATE": (b"1,9600",), b"CONFIRM": (b"123456",), b"LOGIN": (b"secret99",),
    b"HELP": (b"SETPARAM", b"mqtt.qos"),
    b"GETSTATUS": (b"log", b"meters"), b"GETCONFIG": (b"mqtt", b"METER"), b"CLEARLOG": (b"YES",),
    b"UPDATE": (b"https://h.example/a.rel,FORCE", b"STOP"), b"DOCTOR": (b"ID00000", b"broker", b"modem"),
}  # fmt: skip
_SETTINGS = {"device.mtxerr": "on", "mqtt.commands": "*", "sms.commands": "*", "limit.commands": 1000}
_RANGE = b",0,0,1,1,26,23,59,31,1,26"


def seeds():
    """Each command of the table as it should be, lines for the modem, and a few at once."""
    found = []
    for row in grammar.rows():
        name = row[0].encode()
        if name.startswith(b"AT"):
            found.append(name)
            continue
        argument = b",ID00000" if b"IEC102" in name or name == b"FORCEREAD" else b""
        found.append(_OURS + name + argument + (_RANGE if row[2] == "11" else b""))
        found += [_OURS + name + b"," + each for each in _ARGUMENTS.get(name, ())]
    found += [b"AT+CSQ", b"AT+COPS?", b'AT+CGDCONT=1,"IP","apn;x"', b"AT+CPIN=1234", b"AT^SYSINFO"]
    found.append(b"AT\r\nATI\r\n" + _OURS + b"GETSTATUS\r\n" * 3)
    config = json.loads((ROOT / "tests/corpus/configs/mtx-tunnel-serial-sms.json").read_text())["text"]
    found.append(_OURS + b"SAVECONFIG\r\n" + "\r\n".join(config).encode())
    found.append(_OURS + b"SAVECONFIG,TEXT\rmqtt.qos: 1\rEND\r")
    return found


class _Port:
    """What a console's answers go to."""

    def __init__(self):
        self.out = bytearray()

    async def send(self, data):
        self.out += data


class _Console:
    """What a Line wants of channels/console.py."""

    def __init__(self, processor):
        self.processor = processor
        self.channel = channel_of("console")
        self.port = _Port()
        self.echo, self.last = True, 0


class Target:
    """An input is (channel, bytes)."""

    def __init__(self, generator):
        words = [b",", b";", b"\r\n", b"=", b'"', b"*", b"\xff", b"\0", b"\xc3\xa1", b"AT^MTXTUNNEL=", b"x" * 600]
        words += [key.encode() for key in ("meter.9.id", "mqtt.broker", "console.commands", "ID00000", "***", "YES")]
        self._mutator = Mutator(generator, seeds(), words, 2000)
        self._loop = VirtualLoop(1795000000)
        self._said = []
        self._sink, log.sink = log.sink, self._heard
        self._left = 0
        self._folder = tempfile.TemporaryDirectory()

    def close(self):
        log.sink = self._sink
        log.notes.clear()
        self._loop.close()
        self._folder.cleanup()

    async def _noted(self, now=False):
        """As app.device.App does."""
        audit.write(self._device, now)

    def _heard(self, text):
        if " E commands: " in text:
            self._said.append(text)

    def _anew(self):
        device = self._device = Device(meters=("ID00000", "ID00001"))
        # The flash, for certificates and the audit log.
        shutil.rmtree(self._folder.name)
        Path(self._folder.name).mkdir()
        device.board, device.audit, device.restart_reason = SimpleNamespace(root=self._folder.name), None, ""
        device.note, device.clock.utc = self._noted, self._loop.utc
        device.config.set_many(
            {"device.mtxerr": "on", "mqtt.commands": "*", "sms.commands": "*", "limit.commands": 1000}
        )
        device.modem = Modem() if self._mutator.below(2) else None
        device.lines[0].answers = {readings.INSTANT: [b'{"x":1}'], readings.CURVE: "NoAnswerError: mute"}
        self._processor = Processor(device)
        self._channels = {name: channel_of(name) for name in ("mqtt", "sms")}
        self._console = _Console(self._processor)
        self._left = _LIVES

    def make(self):
        given = self._mutator.one_of(self._mutator.seeds)
        # What a handler gets to see, or all of it.
        at = self._mutator.one_of((0, len(_OURS), given.find(b",") + 1))
        given = given[:at] + self._mutator.make(given[at:], long=self._mutator.below(3) == 0)
        return self._mutator.one_of(("mqtt", "sms", "console")), given

    def run(self, given):
        if not self._left:
            self._anew()
        self._left -= 1
        self._loop._limit_us = self._loop._us + _LONGEST_S * 1_000_000
        name, raw = given
        answer = self._loop.run_until_complete(
            self._typed(raw) if name in ("console", "keys") else self._sent(name, raw)
        )
        assert not self._said, self._said
        config = self._device.config
        for lines in config.dump(False):
            assert all(len(line) < LONGEST for line in lines)
        assert len(config.problems) < 30
        return answer

    async def _sent(self, name, raw):
        channel = self._channels[name]
        after, collector = await self._processor.collect(raw, channel)
        whole = bytes(collector.take())
        assert len(whole) <= (channel.most or 20480)
        assert whole.endswith((b"OK\r\n", b"ERROR\r\n")), whole
        whole.decode()
        if after:
            after()
        return _became(whole)

    async def _typed(self, raw):
        console = self._console
        line = Line(console)
        await line.take(raw + b"\r")
        assert len(line.text) <= LONGEST + 1
        out = bytes(console.port.out)
        console.port.out.clear()
        if console.channel.text is not None:
            await line.take(b"END\r")
        return _became(out)


def _became(answer):
    """Done, or the code of what was refused last."""
    if answer.endswith(b"OK\r\n"):
        return "done"
    code = answer.rpartition(b"+MTXERR: ")[2].partition(b",")[0]
    return "refused with %s" % code.decode() if code.isdigit() else "typed"
