"""The network: what it says of registration, signal, operator and time, and the way into it; loaded when there is
something to ask or to understand. What is known of it stays in `link.cell`.

3GPP TS 27.007: 7.2 +CREG, 10.1.20 +CGREG, 10.1.22 +CEREG, 8.5 +CSQ, 8.69 +CESQ, 7.3 +COPS, 8.15 +CCLK.
"""

from firmware.core import clock, errors, log
from firmware.core.compat import sleep_ms, ticks_diff, ticks_ms
from firmware.core.errors import ModemError
from firmware.net.modem.exchange import NoAnswer, fields_of, quietly
from firmware.net.modem.link import Failure

_RADIO_MS = const(15000)
_MORE = const(2)  # a wait is doubled with a failure, so many times
# Of the ladder's measures (describe.py).
_REGISTER = const(1)
_RADIO = const(2)
# Codes of errors (core/errors.py).
_STOPPED = const(212)
_NO_NETWORK = const(221)

# What core/error_network.py has for a state of the registration, from 0 to the last one, and for none.
_STATES = const(260)
_LAST_STATE = const(11)
# Those without words of their own: in without calls is in, limited service is as for emergencies.
_SAME = {9: 1, 10: 5, 11: 8}
_NO_STATE = const(269)
_ACCESS = ("2G", "2G", "3G", "2G", "3G", "3G", "3G", "4G", "Cat-M", "NB-IoT", "4G", "5G")
_SEARCHING = const(2)
_DENIED = const(3)
_IN = (1, 5, 9, 10)


def registered(cell):
    return cell.stat in _IN


def _number(text):
    return int(text) if text.isdigit() else None


def parse_registration(line, asked=False):
    """(stat, access technology or None, reject cause or None) of a +CREG/+CGREG/+CEREG line.

    Answers begin with the reporting mode and have a number behind it, lines that come of the modem's own account begin
    with the status, and an area (quoted, or of four digits) or nothing is behind that; with `asked` these are none,
    as is a line without a status: (None, None, None).
    """
    fields = fields_of(line)
    second = fields[1] if len(fields) > 1 and line.partition(",")[2][:1] != '"' else ""
    at = 1 if second.isdigit() and (asked or len(second) < 3) else 0
    stat = None if asked and not at else _number(fields[at])
    if stat is None or stat > _LAST_STATE:
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


def describe(link, status):
    """Put what is known of the network into a status."""
    catch_up(link)
    cell = link.cell
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
    return "" if cell.stat is None else errors.text(why(cell))


def why(cell):
    """The registration as a `why` of core/errors.py."""
    if cell.stat is None:
        return (_NO_STATE,)
    denied = cell.cause and cell.stat == _DENIED
    state = _STATES + _SAME.get(cell.stat, cell.stat)
    return (state, cell.cause) if denied else (state,)


def catch_up(link):
    """Understand the lines that have come unasked, which has waited until somebody wants to know."""
    said, link.said = link.said, []
    for line in said:
        heard(link.cell, line)


def heard(cell, line):
    """A registration line that nobody has asked for."""
    stat, access, cause = parse_registration(line)
    if stat is None:
        return
    domain = line.partition(":")[0]
    # One domain may be out while another one is in: only that one's word of the end is believed.
    if registered(cell) and stat not in _IN and domain != cell.domain:
        return
    cell.stat, cell.cause, cell.domain = stat, cause, domain
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
            found = parse_registration(line, True) if line.startswith(command) else (None,)
            # Of equals the last one counts: packets come behind calls.
            if found[0] is not None and (best is None or _rank(found) >= _rank(best)):
                best, cell.domain = found, command
    if best:
        cell.stat, access, cell.cause = best
        cell.access = access if access is not None else cell.access
    return answered


async def measure(cell, channel, deadline_ms):
    """Signal and operator. Raises NoAnswer when the modem is silent; a refusal only leaves a gap."""
    for command in ("+CSQ", "+CESQ", "+COPS?"):
        try:
            lines = await channel.command("AT" + command, deadline_ms, tries=2)
        except NoAnswer:
            raise
        except ModemError:
            continue
        for line in lines:
            if line.startswith("+CSQ"):
                cell.signal = parse_csq(line)
            elif line.startswith("+CESQ"):
                cell.rsrp, cell.rsrq = parse_cesq(line)
            elif line.startswith("+COPS"):
                fields = fields_of(line)
                cell.operator = fields[2] if len(fields) > 2 else ""
                if len(fields) > 3 and fields[3].isdigit():
                    cell.access = int(fields[3])


def _rank(found):
    """Registered beats searching beats denied: while one domain still searches, nothing is decided."""
    stat = found[0]
    rank = 4 if stat in _IN else 3 if stat == _SEARCHING else 2 if stat == _DENIED else 1
    return rank * 2 + (found[1] is not None or found[2] is not None)


def parse_clock(line):
    """UTC seconds since 1970 of a +CCLK line (local time and zone in quarters), or None: nobody has set that clock."""
    text = line.partition(":")[2].strip(' "')
    if text[4:5] == "/":
        text = text[2:]
    if len(text) < 17:
        return None
    try:
        year, month, day, hour, minute, second = [int(text[at : at + 2]) for at in range(0, 18, 3)]
        quarters = int(text[17:20]) if len(text) > 17 else 0
    except ValueError:
        return None
    last = 29 - (year % 4 > 0) if month == 2 else 31 - (month - 1) % 7 % 2
    if not (1 <= month <= 12 and 1 <= day <= last and hour < 24 and minute < 60 and second < 61):
        return None
    # Days since 1970 with the year beginning in March, so that the leap day comes last.
    year += 2000 - (month < 3)
    days = 365 * year + year // 4 - year // 100 + year // 400
    days += (153 * ((month + 9) % 12) + 2) // 5 + day - 719469
    utc = days * 86400 + hour * 3600 + minute * 60 + second - quarters * 900
    return utc if clock.EARLIEST <= utc < clock.LATEST else None


async def register(link, waited):
    """Look for the network; once it is there see how good it is and what time it has.

    Returns whether it is; else it is to be asked again in a while, with the same `waited`: an empty list at first,
    which gets [start, refused since or None, silent]. Raises Failure with the reason.
    """
    cell, channel = link.cell, link.channel
    if not await _is_in(link, cell, channel, waited):
        return False
    try:
        await measure(cell, channel, 5000)
    except ModemError as error:
        raise Failure(error.why(), _RADIO) from None
    log.info("modem", "%s, %s %s, %s dBm", words(cell), cell.operator, technology(cell), cell.signal)
    await take_time(link)
    return True


async def _is_in(link, cell, channel, waited):
    timing = link.timing
    # What did not come in time may need more of it: to begin again from the start does not help then.
    more = min(link.ladder.failures, _MORE)
    if not waited:
        waited += [ticks_ms(), None, 0]
    catch_up(link)
    if await look(cell, channel, link.profile["reg"]):
        waited[2] = 0
        link.said = []  # what came meanwhile is older than the answers
    else:
        waited[2] += 1
    if waited[2] >= 3:
        raise Failure(_STOPPED, _RADIO)
    now = ticks_ms()
    if registered(cell):
        return True
    if cell.stat != _DENIED:
        waited[1] = None
    elif waited[1] is None:
        waited[1] = now
    elif ticks_diff(now, waited[1]) >= timing["denied"] << more:
        raise Failure(why(cell), _REGISTER, _RADIO)
    if ticks_diff(now, waited[0]) >= timing["register"] << more:
        raise Failure((_NO_NETWORK, why(cell)), _REGISTER)
    return False


async def take_time(link):
    """Hand on what time the network has told the modem, where somebody wants to know."""
    lines = ()
    if link.on_time:
        try:
            lines = await link.channel.command("AT+CCLK?", tries=2)
        except ModemError:
            pass  # it is asked again in some hours
    for line in lines:
        utc = parse_clock(line) if line.startswith("+CCLK") else None
        if utc:
            link.cell.timed = ticks_ms()
            link.on_time(utc)
            break


async def leave(channel, network=False):
    """Leave and come back: the network alone, or by flight mode."""
    off, on = ("AT+COPS=2", "AT+COPS=0") if network else ("AT+CFUN=4", "AT+CFUN=1")
    await quietly(channel, off, _RADIO_MS)
    await sleep_ms(500)
    await quietly(channel, on, _RADIO_MS)
