"""Short messages: commands from allowed numbers, aliases, replies, a status on demand and every so
many hours (TS 27.005, PDU mode: in text mode a stranger's text may be a line of the modem).

A message `mtx at...` runs that AT line; an alias is a word that stands for a whole line; `mtx
status` asks for a short status. Who may: the numbers of the list, or everybody with `all_phones`.
Off unless `enabled`.
"""

import asyncio

from firmware import diag
from firmware.core import overlay
from firmware.modem.at import CommandError, ModemError
from firmware.port import const, wait_for_ms

_HEX = "AT+CMGF=0"
_PART = const(150)  # characters of a message's part; 160 fit, some models count worse
_PARTS = const(4)
_SEND_MS = const(60000)
_RUN_MS = const(30000)
_LISTS = const(40)  # a SIM keeps 10 to 50 messages
_PREFIX = "mtx "
# What a phone number is written with; a sender with anything else is nobody's number.
_WRITTEN = "0123456789+ -()./"


def normal(number):
    """A phone number without blanks and punctuation, `00` as `+`."""
    kept = "".join(c for c in number if c.isdigit() or c == "+")
    return "+" + kept[2:] if kept.startswith("00") else kept


def same(one, other):
    """Whether two numbers are the same phone; the country code may be missing in one of them."""
    if any(c not in _WRITTEN for c in one + other):
        return False
    one, other = normal(one), normal(other)
    if one == other:
        return bool(one)
    short, long = sorted((one.lstrip("+"), other.lstrip("+")), key=len)
    return len(short) >= 9 and long.endswith(short) and not (one[:1] == "+" and other[:1] == "+")


class Sms:
    """`setting`: enabled, numbers (list), all_phones, reply, alias (word -> AT line), status
    (hours between two reports, 0: none), status_phone (who gets them; empty: the first of
    `numbers`). `link` is the ModemLink.
    """

    def __init__(self, link, setting):
        self._link = link
        self._setting = setting
        self.arrived = False
        self.received = 0
        self.refused = 0
        self.sent = 0
        self.report = None
        number = setting.get("status_phone") or (setting.get("numbers") or [""])[0]
        if setting.get("status") and not number:
            diag.error("sms", "nobody to send the status to: set sms.status_phone")
        elif setting.get("status"):
            with overlay.part:
                from firmware.modem.report import Report

            self.report = Report(self, link, setting["status"], number)

    async def prepare(self):
        """Messages in hexadecimal, a word when one comes."""
        for command in (_HEX, "AT+CNMI=2,1,0,0,0"):
            await self._link.device.quietly(command)

    async def collect(self):
        """Read, run and delete every message on the SIM."""
        self.arrived = False
        channel = self._link.channel
        if not (self._setting.get("enabled") or self._link.on_sms):
            return  # we only send: what comes is not for us, and stays
        try:
            # Longer lists lose their end: what is behind it comes with the next one.
            for _ in range(_LISTS):
                await channel.command(_HEX)  # somebody may have asked the modem for another form
                messages = parse_list(await channel.command("AT+CMGL=4", 10000))
                if not messages:
                    return
                for index, line in messages:
                    # Deleted first: a message that breaks the device must not do so again after the restart.
                    await channel.command("AT+CMGD=%d" % index)
                    found = _received(line)
                    if found:
                        await self._one(*found)
        except ModemError as error:
            diag.warn("sms", "%s", error)

    async def _one(self, number, text):
        self.received += 1
        link = self._link
        if link.on_sms:
            link.on_sms(number, text)
        if not self._setting.get("enabled"):
            return
        line = self.meaning(text)
        if line is None:
            return
        if not self.allowed(number):
            self.refused += 1
            diag.warn("sms", "refused: %s is not on the list", number)
            return
        diag.info("sms", "%s: %s", number, line.split("=")[0])
        if line.lower() == "status":
            answer = self.status_text()
        elif link.execute:
            answer = await self._run(line)
        else:
            answer = "ERROR"
        if self._setting.get("reply") or line.lower() == "status":
            await self.send(number, answer)

    async def _run(self, line):
        try:
            return await wait_for_ms(self._link.execute(line, "sms"), _RUN_MS)
        except asyncio.TimeoutError:
            return "ERROR"

    def allowed(self, number):
        if self._setting.get("all_phones"):
            # Names and empty senders are nobody, who could not be answered either.
            return same(number, number)
        return any(same(number, known) for known in self._setting.get("numbers") or ())

    def meaning(self, text):
        """The AT line a message stands for, `status`, or None when it is not for us."""
        text = text.strip()
        for word, line in (self._setting.get("alias") or {}).items():
            if text.lower() == word.strip().lower():
                return line
        if text[: len(_PREFIX)].lower() != _PREFIX:
            return None
        line = text[len(_PREFIX) :].strip()
        if line[:2].lower() == "at" or line.lower() == "status":
            return line
        return None

    def status_text(self, most=_PART * _PARTS):
        """At most `most` characters; what matters least is left out."""
        status = self._link.status()
        words = [status["imei"], status["operator"], status["technology"]]
        if status["signal"] is not None:
            words.append("%d dBm" % status["signal"])
        if self._link.tell:
            words += self._link.tell()[1]
        words.append(status["ip"] or "no IP")
        words.append("up %d s" % status["uptime"])
        if status["last_reason"]:
            words.append("last: " + status["last_reason"])
        text = ""
        for word in words:
            if word and len(text) + len(word) + 2 <= most:
                text += ", " + word if text else word
        return text

    async def send(self, number, text):
        """Send `text`, in up to four parts; whether all went out."""
        text = "".join(c if " " <= c <= "~" else " " for c in text).strip()[: _PART * _PARTS]
        number = normal(number)
        await self._link.device.quietly(_HEX)
        for length, data in _to_send(number, text):
            try:
                await self._link.channel.command("AT+CMGS=%d" % length, _SEND_MS, text=data)
            except CommandError as error:
                diag.warn("sms", "not sent: %s", error)
                return False
            self.sent += 1
        return True


def _received(line):
    """(number, text) of a message in hexadecimal, or None."""
    with overlay.use("pdu"):
        from firmware.modem import pdu

        return pdu.received(line)


def _to_send(number, text):
    """[(length, message in hexadecimal), …] of the parts of a text."""
    with overlay.use("pdu"):
        from firmware.modem import pdu

        return [pdu.to_send(number, part) for part in list(pdu.parts(text, _PART))[:_PARTS]]


def parse_list(lines):
    """(index, message in hexadecimal) of each in the answer to AT+CMGL."""
    found = []
    index = ""
    for line in lines:
        if line.startswith("+CMGL:"):
            index = line[6:].partition(",")[0].strip()
        elif index.isdigit() and not line.strip("0123456789ABCDEFabcdef"):
            found.append((int(index), line))
            index = ""
    return found
