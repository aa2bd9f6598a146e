"""AT lines into names and arguments (TITAN reference 2.1: any case, blanks around commas).

With `device.separator` both, a semicolon separates as a comma does (TITAN reference 7).

Every command has a line: `name|arguments|least|most|role|module|help`. `least` and `most` count the arguments; most 0:
the last one goes to the end of the line. `module` has a function of the command's name, or one called `run`. Roles:
`view` looks, `meter` reads a meter or the like, `setup` changes settings, `way` those of the way out, too (leave.py),
`danger` interrupts the service or deletes; lines for the modem count as `modem`, some questions to it as `view`. The
channels' whitelists (settings *.commands) name commands or roles. One text for the sake of RAM; the help is told by
handlers/help.py, and a board has it nowhere else (tools/columns.py).
"""

from firmware.commands.dispatcher import LONGEST
from firmware.commands.executor import CommandError, clean
from firmware.commands.private import private_at, separator
from firmware.config import settings

# Codes of CommandError.
_SYNTAX = const(1)
_UNKNOWN = const(2)
_FORBIDDEN = const(3)
_TOO_LONG = const(10)

_OURS = const("AT^MTXTUNNEL")
_SHORT = const(("AT", "ATI", "ATE", "ATE0", "ATE1"))
# What the modem's own commands begin with after AT; the basic ones (ATD, ATH, ATZ) would end the connection.
_MODEM = const("+^#%$*_!")
# These would take away the line we talk over.
_NEVER = const(("+IPR", "+ICF", "+IFC", "+CMUX", "+CGDATA"))
# They wait for a text behind the line, which nobody sends: the modem would answer nothing until it comes (TS 27.005;
# AT manuals of SIMCom, Quectel and u-blox).
_PROMPT = const(
    "+CMGS +CMGW +CMGC +CNMA +CIPSEND +CASEND +CCHSEND +CCERTDOWN +CFTRANRX +CFSWFILE +FSWRITE +HTTPDATA +SHBODY"
    " +SMPUB +CMQTTTOPIC +CMQTTPAYLOAD +CMQTTWILLTOPIC +CMQTTWILLMSG +CMQTTSUBTOPIC +CMQTTUNSUBTOPIC +CMQTTSUB"
    " +CMQTTUNSUB +QISEND +QSSLSEND +QMTPUB +QMTPUBEX +QFUPL +QFWRITE +QHTTPURL +QHTTPPOST +QHTTPPUT +QSMTPBODY"
    " +QFTPPUT +USOWR +USOST +UDWNFILE +UDWNBLOCK +USECMNG "
)
# They only look, so they count as `view`.
_QUESTIONS = const(" AT+CSQ AT+CREG? AT+CEREG? AT+COPS? AT+CGSN AT+CCLK? ")
# What may be done before the password was given.
_OPEN = const(("AT", "ATI", "ATE0", "ATE1", "HELP", "LOGIN", "LOGOUT"))
# They look, too, and yet the audit log has them.
_NOTED = const(("LOGIN", "LOGOUT", "CONFIRM"))
TABLE = """
AT||0|0|view|general|answers OK
ATI||0|0|view|general|what this device is
ATE0||0|0|view|general|answers without the command
ATE1||0|0|view|general|answers begin with the command
HELP|[command or setting]|0|1|view|general|the commands, or one of them, or a setting
VERSION||0|0|view|general|version of the firmware
GETSTATUS|[section]|0|1|view|general|state of the device, or a section: log, deliveries, mqtt, link, meters, \
start, crash, update, data
GETAUDIT|[n]|0|1|view|general|the audit log: the newest 20 entries, or n
GETLOG||0|0|view|general|the log: what waits and was dropped, the oldest and the newest
GETRECORDS|from[,n]|1|2|view|log|records of the log from number from on, n of them (20), delivered ones, too; \
each behind its number
CLEARLOG|[YES]|0|1|danger|general|delete the records that wait; without YES: how many
DOCTOR|[id, modem, broker, http or ftp]|0|1|meter|doctor|what is wrong and what to do; with an id the meter's \
line is tried, up to a minute
SENDNOW|[http or ftp]|0|1|meter|general|deliver what waits now, what is parked, too
SYNC||0|0|meter|general|ask for the time now
REBOOT||0|0|danger|general|start again
UPDATE|http[s]://server/file.rel[,FORCE] or STOP|1|0|danger|general|fetch a signed release and start it on \
trial; FORCE: an older one, too; STOP ends it; GETSTATUS,update
SETCERT|[name,part,of,base64]|0|4|danger|settings|a certificate or key as DER in pieces: ca, ca2, cert, key, cert2, \
key2; 0,0 removes it; alone: what is here
CONFIRM|code|0|1|view|settings|the changed way out stays; the code stood in the answer to the change
LOGIN|password|1|0|view|general|log in on the console, with device.password
LOGOUT||0|0|view|general|end that
SETBAUDRATE|port,speed|2|2|setup|general|speed of a serial port until the next start; port 0 or 1
GETPARAM|name|1|1|view|settings|value of a setting, by our name or the heritage one
SETPARAM|name,value|1|0|setup|settings|change a setting and keep it
GETCONFIG|[prefix]|0|1|view|settings|the settings as NAME: value lines, or those that begin so
SAVECONFIG|[TEXT]|0|1|setup|settings|take over the NAME: value lines behind it in the same message; TEXT: \
typed next, up to END
FORCEREAD|[id]|0|1|meter|readings|read instantaneous values now and show them; nothing is logged
SETIEC102|id|1|1|meter|readings|read the instantaneous values in the background
GETIEC102|id|1|1|view|readings|the instantaneous values last read
SETIEC102_CTAVM2|id,h,m,d,M,yy,h,m,d,M,yy|11|11|meter|readings|read the closings between two local times in \
the background
GETIEC102_CTAVM2|id|1|1|view|readings|the closings last read
SETIEC102_LC|id,h,m,d,M,yy,h,m,d,M,yy|11|11|meter|readings|read the load curve between two local times in \
the background
GETIEC102_LC|id|1|1|view|readings|the load curve last read
SETIEC102_EV|id,h,m,d,M,yy,h,m,d,M,yy|11|11|meter|readings|read the events between two local times in the background
GETIEC102_EV|id|1|1|view|readings|the events last read
SETIEC102_TAVC|id|1|1|meter|readings|read the tariff values in the background
GETIEC102_TAVC|id|1|1|view|readings|the tariff values last read
SETIEC102_ID|id|1|1|meter|readings|read the identity in the background
GETIEC102_ID|id|1|1|view|readings|the identity last read
SETIEC102_CLOCK|id|1|1|meter|readings|read the clock in the background
GETIEC102_CLOCK|id|1|1|view|readings|the clock last read
SETIEC102_PC|id|1|1|meter|readings|read the contracted powers in the background
GETIEC102_PC|id|1|1|view|readings|the contracted powers last read
SETIEC102_CFG|id|1|1|meter|readings|read the configuration in the background
GETIEC102_CFG|id|1|1|view|readings|the configuration last read
"""


# --- the table


def row(name):
    """[name, arguments, least, most, role, module] of a command in capitals, or None."""
    at = TABLE.find("\n" + name + "|")
    if at < 0:
        return None
    found = TABLE[at + 1 : TABLE.find("\n", at + 1)].split("|", 6)
    return found if found[0] == name else None


def rows():
    """Every row in the order of the table."""
    for line in TABLE.strip().split("\n"):
        yield line.split("|", 6)


def form(found):
    """How the command of a row is written."""
    name = found[0]
    if name.startswith("AT"):
        return name
    return "AT^MTXTUNNEL=" + name + ("," + found[1] if found[1] else "")


def allowed(name, role, whitelist):
    """Whether a whitelist (`*`, names, roles; a minus forbids) lets a command pass. The last word that fits counts."""
    good = False
    for word in whitelist.upper().split(","):
        word = word.strip()
        forbid = word.startswith("-")
        if forbid:
            word = word[1:].strip()
        if word in ("*", name, role.upper()):
            good = not forbid
    return good


def look_up(processor):
    """What a Processor has at hand: the whitelists (their names) with which REBOOT is allowed, and more."""
    get = processor.device.config.get
    processor.restarts = [name for name in _whitelists() if allowed("REBOOT", "danger", get(name))]
    processor.guarded = bool(get("device.password"))
    processor.most = get("limit.commands")


def _whitelists():
    """The settings that say what a channel may: each list called `commands`."""
    for group in settings.NAMES:
        found = settings.row(group + ".commands")
        if found and found[2] == "list":
            first, count = settings.GROUPS.get(group, (None, 1))
            for number in range(count):
                yield settings.key(found, None if first is None else first + number)


# --- lines


def understand(call):
    """Fill in name, rest, args and module of an executor.Call from its line. CommandError: it is not carried out."""
    config, channel = call.device.config, call.channel
    both = config.get("device.separator") == "both"
    name, rest = split(call.line, both)
    # Lines for the modem have no row of their own.
    role = "view" if " %s " % rest.upper().replace(" ", "") in _QUESTIONS else "modem"
    found = row(name) if name else ["AT+", "", "0", "0", role, "general"]
    if not found:
        raise CommandError(_UNKNOWN, "there is no command %s" % clean(name[:40]))
    if both and name:
        # What is behind the last one belongs to the value: a password may have semicolons.
        rest = rest.replace(";", ",", found[1].count(","))
    call.name, call.rest = name, rest
    if not allowed(found[0], found[4], config.get(channel.whitelist)):
        raise CommandError(_FORBIDDEN, "%s is not allowed on this channel" % found[0])
    locked = channel.person and not channel.known and name not in _OPEN
    if locked and config.get("device.password"):
        raise CommandError(_FORBIDDEN, "log in first: AT^MTXTUNNEL=LOGIN,password")
    call.module = found[5]
    call.view = found[4] == "view" and name not in _NOTED
    if name:
        call.args = _arguments(rest)
        least, most = int(found[2]), int(found[3])
        if len(call.args) < least or (len(call.args) > most and (most or not least)):
            raise CommandError(_SYNTAX, "%s is wanted" % form(found))


def _arguments(rest):
    """The arguments as a list; empty ones at the end do not count."""
    args = [word.strip() for word in rest.split(",")]
    while args and not args[-1]:
        args.pop()
    return args


def split(line, both=False):
    """(name, rest) of one line; `both`: a semicolon may end the name, too; CommandError.

    `AT^MTXTUNNEL=NAME,a,b` gives ("NAME", "a,b"); `AT`, `ATI`, `ATE0`, `ATE1` give themselves; what the modem is to
    answer gives ("", the line).
    """
    text = line.strip()
    if len(text) > LONGEST:
        raise CommandError(_TOO_LONG, "a line has at most %d characters" % LONGEST)
    upper = text.upper().replace(" ", "")
    if upper in _SHORT:
        return "ATE0" if upper == "ATE" else upper, ""
    if upper[:2] != "AT":
        raise CommandError(_SYNTAX, "a command begins with AT")
    if not upper.startswith(_OURS):
        return "", _for_modem(text, upper)
    _, equals, rest = text.partition("=")
    # Nothing but blanks may stand between the name and the equals sign.
    if not equals or not upper.startswith(_OURS + "="):
        raise CommandError(_SYNTAX, "AT^MTXTUNNEL=COMMAND is wanted")
    at = separator(rest, 0, both)
    name, rest = rest[:at].strip().upper(), rest[at + 1 :]
    if not name:
        raise CommandError(_SYNTAX, "AT^MTXTUNNEL=COMMAND is wanted")
    return name, rest.strip()


def _for_modem(text, upper):
    if upper[2:3] not in _MODEM or len(upper) < 4:
        raise CommandError(_UNKNOWN, "there is no command %s" % clean(upper[:20]))
    for name in _NEVER:
        if name in upper:
            raise CommandError(_FORBIDDEN, "AT%s would cut the modem off" % name)
    if any(not 32 <= ord(c) < 127 for c in text):
        raise CommandError(_SYNTAX, "a modem command is plain ASCII")
    end = 3
    while end < len(upper) and ("A" <= upper[end] <= "Z" or "0" <= upper[end] <= "9"):
        end += 1
    rest = upper[end:]
    # Of what stands in quotes the modem reads nothing; a semicolon outside of them begins the next command.
    pieces = rest.split('"')
    if end < 4 or len(pieces) % 2 == 0 or any(";" in piece for piece in pieces[::2]):
        raise CommandError(_SYNTAX, "one command a line, its texts in quotes")
    if rest not in ("", "?") and rest[0] != "=":
        raise CommandError(_SYNTAX, "AT%s, AT%s? or AT%s=... is wanted" % ((upper[2:end],) * 3))
    if rest not in ("?", "=?") and upper[2:end] + " " in _PROMPT:
        raise CommandError(_FORBIDDEN, "AT%s waits for a text behind it, which cannot be sent" % upper[2:end])
    return text


def masked(line, config):
    """`line` as it may be repeated: printable, what is secret as ***, no longer than a line may be."""
    line = clean(line.strip()[:LONGEST])
    at = private_at(line, config)
    return line if at >= len(line) else line[:at] + "***"
