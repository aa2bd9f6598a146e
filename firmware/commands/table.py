"""Every command, one line each: `name|arguments|least|most|role|module`.

`least` and `most` count the arguments; most 0: the last one goes to the end of the line. `module` has a function of
the command's name, or one called `run`. Roles: `view` looks, `meter` reads a meter or the like, `setup` changes
settings, `way` those of the way out, too (leave.py), `danger` interrupts the service or deletes; lines for the modem
count as `modem`, some questions to it as `view`. The channels' whitelists (settings *.commands) name commands or
roles. One text for the sake of RAM; what each command is for stands in help.py.
"""

TABLE = """
AT||0|0|view|basic
ATI||0|0|view|basic
ATE0||0|0|view|basic
ATE1||0|0|view|basic
HELP|[command or setting]|0|1|view|help
VERSION||0|0|view|basic
GETSTATUS|[section]|0|1|view|basic
GETLOG||0|0|view|basic
CLEARLOG|[YES]|0|1|danger|basic
DOCTOR|[id or modem or broker]|0|1|meter|doctor
SYNC||0|0|meter|basic
REBOOT||0|0|danger|basic
UPDATE|http[s]://server/file.rel[,FORCE] or STOP|1|0|danger|basic
CONFIRM|code|0|1|view|setup
LOGIN|password|1|0|view|basic
LOGOUT||0|0|view|basic
SETBAUDRATE|port,speed|2|2|setup|basic
GETPARAM|name|1|1|view|setup
SETPARAM|name,value|1|0|setup|setup
GETCONFIG|[prefix]|0|1|view|setup
SAVECONFIG|[TEXT]|0|1|setup|setup
FORCEREAD|[id]|0|1|meter|readings
SETIEC102|id|1|1|meter|readings
GETIEC102|id|1|1|view|readings
SETIEC102_CTAVM2|id,h,m,d,M,yy,h,m,d,M,yy|11|11|meter|readings
GETIEC102_CTAVM2|id|1|1|view|readings
SETIEC102_LC|id,h,m,d,M,yy,h,m,d,M,yy|11|11|meter|readings
GETIEC102_LC|id|1|1|view|readings
SETIEC102_EV|id,h,m,d,M,yy,h,m,d,M,yy|11|11|meter|readings
GETIEC102_EV|id|1|1|view|readings
SETIEC102_TAVC|id|1|1|meter|readings
GETIEC102_TAVC|id|1|1|view|readings
SETIEC102_ID|id|1|1|meter|readings
GETIEC102_ID|id|1|1|view|readings
SETIEC102_CLOCK|id|1|1|meter|readings
GETIEC102_CLOCK|id|1|1|view|readings
SETIEC102_PC|id|1|1|meter|readings
GETIEC102_PC|id|1|1|view|readings
SETIEC102_CFG|id|1|1|meter|readings
GETIEC102_CFG|id|1|1|view|readings
"""


def row(name):
    """[name, arguments, least, most, role, module] of a command in capitals, or None."""
    at = TABLE.find("\n" + name + "|")
    if at < 0:
        return None
    found = TABLE[at + 1 : TABLE.find("\n", at + 1)].split("|")
    return found if found[0] == name else None


def rows():
    """Every row in the order of the table."""
    for line in TABLE.strip().split("\n"):
        yield line.split("|")


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
    names = ("mqtt.commands", "console.commands", "sms.commands", "port.1.commands", "port.2.commands")
    processor.restarts = [name for name in names if allowed("REBOOT", "danger", get(name))]
    processor.guarded = bool(get("device.password"))
    processor.most = get("limit.commands")
