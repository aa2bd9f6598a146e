"""The AT commands of the simulated modem: TS 27.007 and 27.005, V.250, and the vendors' own."""

import re
import time

_PUK, _PIN, _NO_SIM, _WRONG, _UNKNOWN, _NOT_ALLOWED = 12, 11, 10, 16, 100, 3
_WORDS = {
    3: "operation not allowed",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    16: "incorrect password",
    30: "no network service",
    100: "unknown",
}


class CommandError(Exception):
    """The command fails with this +CME ERROR code, or with a bare ERROR when the code is None."""

    def __init__(self, code=None):
        super().__init__(code)
        self.code = code


_TABLE = {}


def command(*names):
    def keep(function):
        for name in names:
            _TABLE[name] = function
        return function

    return keep


def execute(terminal, line):
    """Run one command line (without its CR) and answer it."""
    text = line.decode("latin-1").strip()
    at = text.upper().rfind("AT")
    if at > 0 and text[:2].upper() != "AT":
        text = text[at:]  # noise before the command: a modem looks for the letters AT
    if text[:2].upper() != "AT":
        return
    terminal.modem.log(terminal.name, "<", text)
    try:
        final = _run(terminal, text[2:])
    except CommandError as error:
        final = _error(terminal, error.code)
    if final:
        terminal.answer(final)


def _error(terminal, code):
    if code is None or terminal.verbose_errors == 0:
        return "ERROR"
    return "+CME ERROR: " + (str(code) if terminal.verbose_errors == 1 else _WORDS[code])


def _run(terminal, body):
    upper = body.upper()
    if not upper:
        return "OK"
    if upper[0] == "D":
        return _dial(terminal, upper[1:])
    if upper[0] in "EVQXSZ&HO" and "+" not in upper:
        return _basic(terminal, upper)
    for part in body.split(";"):
        match = re.match(r"([+*^][A-Za-z0-9]+)\s*(=\?|\?|=)?(.*)$", part.strip(), re.S)
        if not match:
            raise CommandError()
        name, how, rest = match.group(1).upper(), match.group(2) or "", match.group(3)
        modem = terminal.modem
        known = name in _TABLE and (name not in _VENDOR or name in _allowed(modem))
        if not known:
            raise CommandError(_UNKNOWN if name not in _TABLE else None)
        final = _TABLE[name](terminal, name, how, rest)
        if final is not None:
            return final
    return "OK"


_VENDOR = (
    *("+CNMP", "+CMNB", "+CPSI", "+CICCID", "+CCID", "+QCCID", "+QCFG", "+QICSGP", "+QNWINFO"),
    *("+URAT", "+UAUTHREQ", "+CGAUTH", "+CREG", "+CGREG", "+CEREG"),
    *("+CPOF", "+CPOWD", "+QPOWD", "+CPWROFF"),
)


def _allowed(modem):
    profile = modem.profile
    return (*profile["vendor"], profile["ccid"], *profile["reg"], profile["off"])


def _basic(terminal, upper):
    for letter, value in re.findall(r"(&?[A-Z])(\d*)", upper):
        if letter == "E" and ("echo" not in terminal.modem.faults or value == "1"):
            terminal.echo = value == "1"
        elif letter == "H":
            terminal.hang_up()
        elif letter in ("Z", "&F"):
            terminal.echo = True
        elif letter == "O":
            if terminal.peer:
                terminal.resume()
                return None
            return "NO CARRIER"
    return "OK"


def _dial(terminal, number):
    if not number.startswith("*99"):
        return "NO CARRIER"
    terminal.hang_up()
    terminal.modem.dial(terminal)
    return None


@command("+CGDATA")
def _cgdata(terminal, name, how, rest):
    if not rest.upper().startswith('"PPP"'):
        raise CommandError(_NOT_ALLOWED)
    terminal.modem.dial(terminal)
    return ""


# who is there ------------------------------------------------------------------------------------


@command("+CGMI", "+CGMM", "+CGMR", "+CGSN", "+GSN", "+CIMI")
def _identity(terminal, name, how, rest):
    modem = terminal.modem
    if name == "+CIMI":
        _need_sim(modem)
    terminal.answer(
        {
            "+CGMI": modem.profile["maker"],
            "+CGMM": modem.profile["model"],
            "+CGMR": modem.profile["model"] + "R01A01",
            "+CIMI": modem.sim.imsi,
        }.get(name, modem.imei)
    )


@command("+CCID", "+QCCID", "+CICCID")
def _iccid(terminal, name, how, rest):
    if "no-sim" in terminal.modem.faults:
        raise CommandError(_NO_SIM)
    label = "+ICCID" if name == "+CICCID" else name
    terminal.answer("%s: %s" % (label, terminal.modem.sim.iccid))


def _need_sim(modem):
    if "no-sim" in modem.faults:
        raise CommandError(_NO_SIM)
    state = modem.sim.state()
    if state != "READY":
        raise CommandError(_PUK if state == "SIM PUK" else _PIN)


@command("+CPIN")
def _cpin(terminal, name, how, rest):
    modem = terminal.modem
    if "no-sim" in modem.faults:
        raise CommandError(_NO_SIM)
    if how == "?":
        terminal.answer("+CPIN: " + modem.sim.state())
    elif modem.sim.state() != "SIM PIN":
        raise CommandError(_PUK if modem.sim.state() == "SIM PUK" else _NOT_ALLOWED)
    elif not modem.sim.unlock(rest.strip('" ')):
        raise CommandError(_WRONG if modem.sim.tries else _PUK)


@command("+CPINR")
def _cpinr(terminal, name, how, rest):
    if "no-pinr" in terminal.modem.faults:
        raise CommandError(_UNKNOWN)
    terminal.answer("+CPINR: SIM PIN,%d,3" % terminal.modem.sim.tries)


@command("+CLCK")
def _clck(terminal, name, how, rest):
    terminal.answer("+CLCK: %d" % bool(terminal.modem.sim.pin))


# settings that are only remembered ---------------------------------------------------------------


_REMEMBERED = (
    *("+CMEE", "+CGDCONT", "+CGAUTH", "+QICSGP", "+UAUTHREQ", "+CTZU", "+CTZR", "+CNMI", "+CSCS"),
    *("+CMGF", "+CPMS", "+IFC", "+ICF", "+CNMP", "+CMNB", "+QCFG", "+URAT", "+CSMP", "+CSDH"),
    *("+CSCLK", "+CPSMS", "+CEDRXS", "+CGEREP", "+CSAS", "+CGSMS", "+ULWM2M", "+UPSV"),
)


@command(*_REMEMBERED)
def _remember(terminal, name, how, rest):
    settings = terminal.modem.settings
    if how == "=":
        key = name
        if name == "+QCFG":
            key += ":" + rest.split(",")[0].strip('"')
        settings[key] = rest
        if name == "+CMEE":
            terminal.verbose_errors = int(rest)
    elif how == "?":
        terminal.answer("%s: %s" % (name, settings.get(name, "0")))


@command("+IPR")
def _ipr(terminal, name, how, rest):
    modem = terminal.modem
    if how == "?":
        terminal.answer("+IPR: %d" % modem.baud)
        return None
    baud = int(rest)
    if baud not in (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600):
        raise CommandError()
    terminal.say("OK")  # at the old speed
    modem.baud = baud
    return ""


# radio and network -------------------------------------------------------------------------------


@command("+CFUN")
def _cfun(terminal, name, how, rest):
    modem = terminal.modem
    if how == "?":
        terminal.answer("+CFUN: %d" % modem.radio)
        return None
    mode, _, restart = rest.partition(",")
    if restart == "1" or mode in ("15", "16"):
        terminal.say("OK")
        modem._boot()
        return ""
    if int(mode) != modem.radio:
        modem.radio = int(mode)
        modem.radio_since = None
        if modem.radio != 1:
            modem.carrier_lost()
    return None


@command("+CREG", "+CGREG", "+CEREG")
def _creg(terminal, name, how, rest):
    modem = terminal.modem
    if how == "=":
        modem.urc_on[name] = int(rest)
        return
    mode, stat = modem.urc_on.get(name, 0), modem.registration()
    extra = ""
    if mode >= 2 and stat in (1, 5):
        extra = ',"1F2A","0123ABCD",7'
    if mode >= 3 and stat == 3:
        extra = ",,,,0,11"  # cause type 0 (MM), cause 11: PLMN not allowed
    terminal.answer("%s: %d,%d%s" % (name, mode, stat, extra))


@command("+CEER")
def _ceer(terminal, name, how, rest):
    terminal.answer("+CEER: No cause information available")


@command("+CSQ")
def _csq(terminal, name, how, rest):
    terminal.answer("+CSQ: %d,99" % terminal.modem.rssi())


@command("+CESQ")
def _cesq(terminal, name, how, rest):
    known = terminal.modem.rssi() != 99
    terminal.answer("+CESQ: 99,99,255,255,%s" % ("22,45" if known else "255,255"))


@command("+COPS")
def _cops(terminal, name, how, rest):
    modem = terminal.modem
    if how == "?":
        if modem.registered():
            terminal.answer('+COPS: 0,0,"LOOPBACK TELECOM",7')
        else:
            terminal.answer("+COPS: 0")
    elif how == "=" and not rest.startswith("3"):
        modem.cops = int(rest[0])
        modem.radio_since = None
        if modem.cops == 2:
            modem.carrier_lost()


@command("+CGATT")
def _cgatt(terminal, name, how, rest):
    modem = terminal.modem
    if how == "?":
        terminal.answer("+CGATT: %d" % (modem.attached and modem.registered()))
    else:
        modem.attached = rest == "1"


@command("+CGACT", "+CGPADDR")
def _cgact(terminal, name, how, rest):
    if how == "?":
        terminal.answer(name + ": 1,1")


@command("+CPSI")
def _cpsi(terminal, name, how, rest):
    modem = terminal.modem
    terminal.answer(
        "+CPSI: LTE,Online,214-07,0x1F2A,19088743,257,EUTRAN-BAND20,6300,3,3,-101,-1052,-735,14"
        if modem.registered()
        else "+CPSI: NO SERVICE,Online"
    )


@command("+QNWINFO")
def _qnwinfo(terminal, name, how, rest):
    terminal.answer(
        '+QNWINFO: "FDD LTE","21407","LTE BAND 20",6300'
        if terminal.modem.registered()
        else "+QNWINFO: No Service"
    )


@command("+CCLK")
def _cclk(terminal, name, how, rest):
    """Local time with its offset in quarters of an hour (27.007, 8.15): Spanish winter, +04."""
    modem = terminal.modem
    if not modem.registered() or "+CTZU" not in modem.settings:
        terminal.answer('+CCLK: "80/01/06,00:00:12+00"')
        return
    local = time.gmtime(modem.utc() + 3600)
    terminal.answer('+CCLK: "%s+04"' % time.strftime("%y/%m/%d,%H:%M:%S", local))


@command("+CPOF", "+CPOWD", "+QPOWD", "+CPWROFF")
def _power_off(terminal, name, how, rest):
    terminal.say("OK")
    terminal.modem._off()
    return ""


@command("+CMUX")
def _cmux(terminal, name, how, rest):
    modem = terminal.modem
    if "no-cmux" in modem.faults or modem.mux:
        raise CommandError()
    fields = [int(f) if f.strip() else None for f in rest.split(",")]
    if fields[0] != 0:
        raise CommandError()
    terminal.say("OK")
    modem.start_mux(fields[3] if len(fields) > 3 and fields[3] else 31)
    return ""


# short messages (27.005, text mode) --------------------------------------------------------------


@command("+CMGL")
def _cmgl(terminal, name, how, rest):
    for index, (state, number, stamp, text) in sorted(terminal.modem.sim.inbox.items()):
        terminal.answer('+CMGL: %d,"%s","%s",,"%s"\r\n%s' % (index, state, number, stamp, text))


@command("+CMGR")
def _cmgr(terminal, name, how, rest):
    message = terminal.modem.sim.inbox.get(int(rest))
    if message:
        terminal.answer('+CMGR: "%s","%s",,"%s"\r\n%s' % tuple(message))
        message[0] = "REC READ"


@command("+CMGD")
def _cmgd(terminal, name, how, rest):
    index, _, flag = rest.partition(",")
    if flag == "4":
        terminal.modem.sim.inbox.clear()
    else:
        terminal.modem.sim.inbox.pop(int(index), None)


@command("+CMGS")
def _cmgs(terminal, name, how, rest):
    if not terminal.modem.registered():
        terminal.answer("+CMS ERROR: 331")
        return ""
    terminal.text_for = rest.split(",")[0].strip('"')
    terminal.line.clear()
    terminal.write(b"\r\n> ")
    return ""
