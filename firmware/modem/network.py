"""What the network says: registration, signal, operator. Parsers of its lines, and the questions to it; loaded when
there is something to ask or to understand, what was heard stays in cell.py.

3GPP TS 27.007: 7.2 +CREG, 10.1.20 +CGREG, 10.1.22 +CEREG, 8.5 +CSQ, 8.69 +CESQ, 7.3 +COPS, 8.15
+CCLK.
"""

from firmware.core import overlay
from firmware.modem.at import ModemError, NoAnswer
from firmware.modem.fields import fields_of
from firmware.port import const

_WORDS = (
    "not registered, not searching",
    "registered, home network",
    "searching for a network",
    "registration denied",
    "out of coverage",
    "registered, roaming",
    "registered for SMS only",
    "registered for SMS only, roaming",
    "emergency calls only",
)
_ACCESS = ("2G", "2G", "3G", "2G", "3G", "3G", "3G", "4G", "Cat-M", "NB-IoT", "4G", "5G")
DENIED = const(3)


def _number(text):
    return int(text) if text.isdigit() else None


def parse_registration(line):
    """(stat, access technology or None, reject cause or None) of a +CREG/+CGREG/+CEREG line.

    Answers begin with the reporting mode, unsolicited ones do not; a line without a status gives
    (None, None, None).
    """
    fields = fields_of(line)
    answer = (
        len(fields) > 1 and fields[1].isdigit() and len(fields[1]) == 1 and '"' not in line[:10]
    )
    at = 1 if answer else 0
    stat = _number(fields[at])
    if stat is None or stat >= len(_WORDS):
        return None, None, None
    access = _number(fields[at + 3]) if len(fields) > at + 3 else None
    cause = _number(fields[at + 5]) if len(fields) > at + 5 else None
    return stat, access, cause


def parse_csq(line):
    """dBm of a +CSQ line, or None when unknown."""
    value = _number(fields_of(line)[0])
    return None if value is None or value > 31 else 2 * value - 113


def parse_cesq(line):
    """(RSRP in dBm, RSRQ in dB) of a +CESQ line; None each when unknown."""
    fields = fields_of(line)
    if len(fields) < 6:
        return None, None
    rsrq, rsrp = _number(fields[4]), _number(fields[5])
    return (
        None if rsrp is None or rsrp > 97 else rsrp - 141,
        None if rsrq is None or rsrq > 34 else (rsrq - 40) // 2,
    )


def describe(cell, status):
    """Put what `cell` knows into a status."""
    status["registration"] = words(cell)
    status["operator"] = cell.operator
    status["technology"] = technology(cell)
    status["signal"] = cell.signal
    status["rsrp"] = cell.rsrp
    status["rsrq"] = cell.rsrq


def technology(cell):
    known = cell.access is not None and cell.access < len(_ACCESS)
    return _ACCESS[cell.access] if known else ""


def words(cell):
    if cell.stat is None:
        return ""
    text = _WORDS[cell.stat]
    if cell.cause and cell.stat == DENIED:
        with overlay.use("modemwords"):
            from firmware.modem import errors

            text += ": " + errors.words("cause", cell.cause)
    return text


def heard(cell, line):
    """A registration line, asked for or not."""
    stat, access, cause = parse_registration(line)
    if stat is None:
        return
    # Circuit switched (+CREG) may be in while packet is not: only its silence is believed when
    # others speak.
    if line.startswith("+CREG") and cell.registered and stat not in (1, 5):
        return
    cell.stat, cell.cause = stat, cause
    if access is not None:
        cell.access = access


async def look(cell, channel, commands):
    """Ask for the registration; returns whether any question was answered."""
    best, answered = None, False
    for command in commands:
        try:
            lines = await channel.command("AT%s?" % command, tries=2)
        except NoAnswer:
            continue
        except ModemError:
            answered = True
            continue
        answered = True
        for line in lines:
            found = parse_registration(line) if line.startswith(command) else (None,)
            if found[0] is not None and (best is None or _rank(found) > _rank(best)):
                best = found
    if best:
        cell.stat, access, cell.cause = best
        cell.access = access if access is not None else cell.access
    return answered


async def measure(cell, channel, deadline_ms):
    """Signal and operator. Raises NoAnswer when the modem is silent; a refusal only leaves a
    gap.
    """
    for command, take in (("+CSQ", _csq), ("+CESQ", _cesq), ("+COPS?", _cops)):
        try:
            lines = await channel.command("AT" + command, deadline_ms, tries=2)
        except NoAnswer:
            raise
        except ModemError:
            continue
        for line in lines:
            if line.startswith(command[:5]):
                take(cell, line)


def _csq(cell, line):
    cell.signal = parse_csq(line)


def _cesq(cell, line):
    cell.rsrp, cell.rsrq = parse_cesq(line)


def _cops(cell, line):
    fields = fields_of(line)
    cell.operator = fields[2] if len(fields) > 2 else ""
    if len(fields) > 3 and fields[3].isdigit():
        cell.access = int(fields[3])


def _rank(found):
    """Registered beats denied beats searching: several domains may say different things."""
    stat = found[0]
    return (4 if stat in (1, 5) else 3 if stat == DENIED else 2 if stat == 2 else 1) * 2 + (
        1 if found[1] is not None or found[2] is not None else 0
    )
