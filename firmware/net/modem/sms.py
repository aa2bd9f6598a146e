"""Short messages: commands from allowed numbers, aliases, replies, a status on demand and every so
many hours (TS 27.005, PDU mode: in text mode a stranger's text may be a line of the modem).

A message `mtx at...` runs that AT line; an alias is a word that stands for a whole line; `mtx
status` asks for a short status. Who may: the numbers of the list, or everybody with `all_phones`.
Off unless `enabled`.

`settings["sms"]` of a link: enabled, numbers (list), all_phones, reply, alias (word -> AT line), status (hours between
two reports, 0: none), status_phone (who gets them; empty: the first of `numbers`). Loaded while there is something to
read or to send; what stays is `link.sms`: `arrived`, and `due`, the seconds since the start at which the report wants
to be looked at.
"""

import asyncio

from firmware.core import log, overlay
from firmware.core.compat import monotonic_s, wait_for_ms
from firmware.core.errors import ModemError
from firmware.core.flash_gate import silence
from firmware.net.modem.exchange import CommandError, quietly
from firmware.net.modem.link import Facts

_HEX = const("AT+CMGF=0")
_PART = const(150)  # characters of a message's part; 160 fit, some models count worse
_PARTS = const(4)
_PARTS_MOST = const(8)  # of one that comes
_SEND_MS = const(60000)
_RUN_MS = const(30000)
_LISTS = const(40)  # a SIM keeps 10 to 50 messages
_PREFIX = const("mtx ")
# What a phone number is written with; a sender with anything else is nobody's number.
_WRITTEN = const("0123456789+ -()./")
# In the modem's store: UTC of the last report, so that a restart does not send another.
_KEY = const("sms_status")
_LOOK_S = const(600)
_AGAIN_S = const(900)
_SOON_S = const(60)
_TRIES = const(3)
_NEVER = const(0x3FFFFFFF)


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


# --- what is looked after


async def begin(link):
    """The modem can be asked: messages in hexadecimal, a word when one comes; and those that wait."""
    if link.sms is None:
        link.sms = _state(link.settings["sms"])
    for command in (_HEX, "AT+CNMI=2,1,0,0,0"):
        await quietly(link.channel, command)
    await collect(link)


def _state(setting):
    state = Facts()
    state.arrived = state.again = False
    state.key = None  # of the message whose `parts` have not all come
    state.received = state.refused = 0
    state.due = _NEVER
    state.phone = setting.get("status_phone") or (setting.get("numbers") or [""])[0]
    if setting.get("status") and not state.phone:
        log.error("sms", "nobody to send the status to: set sms.status_phone")
    elif setting.get("status"):
        state.start = state.due = monotonic_s()
        state.tries = 0
    return state


async def turn(link):
    """Messages have arrived, or a report may be due."""
    state = link.sms
    if state.arrived or state.again:
        await collect(link)
    if monotonic_s() >= state.due:
        if link.settings["sms"].get("status"):
            await report(link)
        else:
            state.due = _NEVER


# --- commands


async def collect(link):
    """Read, run and delete every message on the SIM."""
    link.sms.arrived = link.sms.again = False
    channel = link.channel
    if not link.settings["sms"].get("enabled"):
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
                found = _received(link, line)
                if found:
                    await _one(link, *found)
    except ModemError as error:
        log.warn("sms", "%s", error)
        # They are there still, and nobody tells of them again.
        link.sms.again = True
        link.sms.due = min(link.sms.due, monotonic_s() + _SOON_S)


async def _one(link, number, text):
    setting = link.settings["sms"]
    link.sms.received += 1
    line = _meaning(setting, text)
    if line is None:
        return
    if not _allowed(setting, number):
        link.sms.refused += 1
        log.warn("sms", "refused: %s is not on the list", number)
        log.note("sms " + number, line.split("=")[0], "refused: not on the list", "sms refused")
        return
    log.info("sms", "%s: %s", number, line.split("=")[0])
    answer = "ERROR"
    if line.lower() == "status":
        answer = _status_text(link)
    elif link.execute:
        try:
            answer = await wait_for_ms(link.execute(line, number), _RUN_MS)
        except asyncio.TimeoutError:
            pass
    if setting.get("reply") or line.lower() == "status":
        await send(link, number, answer)


def _allowed(setting, number):
    if setting.get("all_phones"):
        # Names and empty senders are nobody, who could not be answered either.
        return same(number, number)
    return any(same(number, known) for known in setting.get("numbers") or ())


def _meaning(setting, text):
    """The AT line a message stands for, `status`, or None when it is not for us."""
    text = text.strip()
    for word, line in (setting.get("alias") or {}).items():
        if text.lower() == word.strip().lower():
            return line
    if text[: len(_PREFIX)].lower() != _PREFIX:
        return None
    line = text[len(_PREFIX) :].strip()
    if line[:2].lower() == "at" or line.lower() == "status":
        return line
    return None


def _status_text(link, most=_PART * _PARTS):
    """At most `most` characters; what matters least is left out."""
    status = link.status()
    words = [status["imei"], status["operator"], status["technology"]]
    if status["signal"] is not None:
        words.append("%d dBm" % status["signal"])
    if link.tell:
        words += link.tell()[1]
    words.append(status["ip"] or "no IP")
    words.append("up %d s" % status["uptime"])
    if status["last_reason"]:
        words.append("last: " + status["last_reason"])
    text = ""
    for word in words:
        if word and len(text) + len(word) + 2 <= most:
            text += ", " + word if text else word
    return text


async def send(link, number, text):
    """Send `text`, in up to four parts; whether all went out."""
    text = "".join(c if " " <= c <= "~" else " " for c in text).strip()[: _PART * _PARTS]
    await quietly(link.channel, _HEX)
    for length, data in _to_send(normal(number), text):
        try:
            await link.channel.command("AT+CMGS=%d" % length, _SEND_MS, text=data)
        except CommandError as error:
            log.warn("sms", "not sent: %s", error)
            return False
    return True


def _received(link, line):
    """(number, text) of a message in hexadecimal, or None: it is none, or not all of it is there yet."""
    with overlay.use("pdu"):
        from firmware.net.modem import pdu

        found = pdu.received(line)
        part = found and pdu.part_of(line)
    if not part or not _allowed(link.settings["sms"], found[0]):
        return found
    return _join(link.sms, found[0], found[1], *part)


def _join(state, number, text, reference, count, which):
    """One message at a time is put together; a new one takes the place of one that has never become whole."""
    key = (number, reference)
    if state.key != key:
        state.key, state.parts = key, [None] * min(count, _PARTS_MOST)
    if not 0 < which <= len(state.parts):
        return None
    state.parts[which - 1] = text
    if None in state.parts:
        return None
    state.key = None
    return number, "".join(state.parts)


def _to_send(number, text):
    """[(length, message in hexadecimal), …] of the parts of a text."""
    with overlay.use("pdu"):
        from firmware.net.modem import pdu

        return [pdu.to_send(number, part) for part in list(pdu.parts(text, _PART))[:_PARTS]]


def parse_list(lines):
    """(index, message in hexadecimal) of each in the answer to AT+CMGL."""
    found = []
    index = ""
    for line in lines:
        if line.startswith("+CMGL:"):
            index = line[6:].partition(",")[0].strip()
        elif index and not index.strip("0123456789") and not line.strip("0123456789ABCDEFabcdef"):
            found.append((int(index), line))
            index = ""
    return found


# --- reports


async def report(link):
    """Send the status if it is time. The first one as soon as there is a network.

    What cannot be sent is tried three times, then it is left for the next one. While the time is not known the hours
    count from the start. Never raises a ModemError or MemoryError.
    """
    state, utc, sent, why = link.sms, 0, False, "out of memory"
    try:
        with overlay.attempt:
            utc = link.tell()[0] if link.tell else 0  # 0: the time is not known
            wait = _wait(link, utc)
            if wait > 0:
                state.due = monotonic_s() + wait
                return
            sent = await send(link, state.phone, _status_text(link, _PART))
            why = ""
    except ModemError as error:
        why = error
    if why:
        log.warn("sms", "status: %s", why)
    state.tries = 0 if sent else state.tries + 1
    wait = _AGAIN_S
    if not 0 < state.tries < _TRIES:
        # Whether it went out or not: this one is over.
        wait = _period(link)
        state.tries = 0
        state.start = monotonic_s()
    state.due = monotonic_s() + wait
    if utc and sent:
        await silence(link.store)
        link.store.set(_KEY, utc)


def _period(link):
    return link.settings["sms"]["status"] * 3600


def _wait(link, utc):
    """Seconds until the next one is due, or until it makes sense to look again."""
    if utc:
        last = link.store.get(_KEY) or 0
        # A time to come: the clock was wrong then.
        return last + _period(link) - utc if last <= utc else 0
    return min(_LOOK_S, link.sms.start + _period(link) - monotonic_s())
