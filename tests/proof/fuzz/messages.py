"""Short messages as a modem lists them: PDUs of strangers, read, joined, carried out and answered."""

import asyncio

from firmware.core import log
from firmware.core.errors import ModemError
from firmware.net.modem import pdu, sms
from firmware.net.modem.exchange import CommandError
from tests.proof.fuzz.mutator import Mutator
from tools.modem import pdu as phone

COUNT, SAMPLE, HEAP = 100_000, 600, 120_000
_ME, _OTHER = "+34600123456", "+34600999999"
_TEXTS = ("mtx at+csq", "mtx status", "reboot", "mtx at^mtxtunnel=setparam,logger.id,Calle Alcalá", "[€] {x}")
_UTC = 1795000000
# Commands to the modem for one list: each message is deleted and may be answered in four parts, and what is around it.
_COMMANDS = 40
# Letters that the messages of a list may come to: 8 parts of 160 each.
_LONGEST = 8 * 160


def seeds():
    """Messages as phones make them: short and long, every alphabet, with and without a header."""
    found = []
    for number in (_ME, _OTHER, "600123456"):
        for text in (
            "mtx at+csq",
            "mtx status",
            "reboot",
            "mtx at^mtxtunnel=setparam,logger.id,Calle Alcalá",
            "[€] {x}",
        ):
            found.append(phone.deliver(number, text, _UTC))
            found += [
                phone.deliver(number, text, _UTC, coding=coding) for coding in (4, 8) if coding == 8 or text.isascii()
            ]
    long = "mtx at^mtxtunnel=setparam,logger.id," + "x" * 300
    found += [phone.deliver(_ME, text, _UTC, header) for text, header in phone.parts(long, 7)]
    found += [phone.deliver(_ME, text, _UTC, header) for text, header in phone.parts(long + "á", 8)]
    # A sender with a name, a report, and what is stored to be sent.
    found.append("0791" + "3" * 12 + "040DD0CDB0B90D4AB3010000" + "6" * 14 + "04D4F29C0E")
    found.append("00" + "060F0B91" + "4" * 12 + "6" * 28 + "00")
    found.append(pdu.to_send(_ME, "mtx at")[1])
    return [bytes.fromhex(each) for each in found]


class _Channel:
    """A modem with what stands in its list."""

    def __init__(self):
        self.lists, self.sent, self.count = [], [], 0

    async def command(self, line, ms=0, text=None):
        self.count += 1
        assert self.count < _COMMANDS and len(line) < 100
        if line.startswith("AT+CMGL"):
            return self.lists.pop(0) if self.lists else ["OK"]
        if text is not None:
            data = bytes.fromhex(text)
            assert len(data) - 1 - data[0] == int(line.rpartition("=")[2]) and len(data) < 200
            self.sent.append(line)
            if self.count % 7 == 0:
                raise CommandError(line, "+CMS ERROR: 500")
        return ["OK"]


class _Link:
    """What sms.py wants of link.Link."""

    def __init__(self, setting):
        self.settings = {"sms": setting}
        self.channel = _Channel()
        self.ran = []
        self.tell = None
        self.sms = sms._state(setting)

    async def execute(self, line, name):
        self.ran.append(line)
        return "OK"

    def status(self):
        keys = ("imei", "operator", "technology", "signal", "ip", "last_reason")
        return dict(dict.fromkeys(keys), uptime=5, imei="860000000000001")


class Target:
    """An input is the lines of a list."""

    def __init__(self, generator):
        self._mutator = Mutator(generator, seeds(), (b"\x05\x00\x03\x07\x02\x01", b"\x1b", b"\x41\x06\x08\x04"), 400)
        self._loop = asyncio.new_event_loop()
        self._sink, log.sink = log.sink, lambda text: None
        setting = {"enabled": True, "numbers": [_ME], "reply": True, "alias": {"reboot": "AT^MTXTUNNEL=REBOOT"}}
        self._links = [_Link(setting), _Link(dict(setting, all_phones=True))]

    def close(self):
        log.sink = self._sink
        self._loop.close()

    def make(self):
        lines = []
        for number in range(1 + self._mutator.below(3)):
            message = self._mutator.make(long=self._mutator.below(2) == 0)
            lines += ["+CMGL: %d,1,,%d" % (number, len(message)), message.hex().upper()]
        if self._mutator.below(5) == 0:
            words = Mutator.make(self._mutator, "\n".join(lines).encode()).decode("latin-1")
            lines = words.split("\n")
        return lines + ["OK"]

    def run(self, given):
        link = self._mutator.one_of(self._links)
        link.channel.lists, link.channel.count = [given], 0
        link.ran.clear()
        link.sms.due = 0
        try:
            self._loop.run_until_complete(sms.collect(link))
        except ModemError:
            return "the modem failed"
        assert all(len(line) <= _LONGEST for line in link.ran)
        assert link.sms.key is None or len(link.sms.parts) <= 8
        for line in given:
            try:
                found = pdu.received(line)
            except TypeError:
                continue
            assert found is None or len(found[1]) <= 256 and len(found[0]) <= 400
        return "carried out" if link.ran else "passed over"
