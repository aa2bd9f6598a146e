"""Commands of the simulated modem about the network, calls and short messages (TS 27.007, 27.005)."""

import time

from tools.modem import alphabets, pdu
from tools.modem.table import NOT_ALLOWED, CommandError, command


@command("+CGDATA")
def _cgdata(terminal, name, how, rest):
    if not rest.upper().startswith('"PPP"'):
        raise CommandError(NOT_ALLOWED)
    terminal.modem.dial(terminal)
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
    mode, stat = modem.urc_on.get(name, 0), modem.stated(name)
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
            terminal.answer('+COPS: 0,0,"%s",7' % alphabets.shown(modem, "LOOPBACK TELECOM").decode("latin-1"))
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
        '+QNWINFO: "FDD LTE","21407","LTE BAND 20",6300' if terminal.modem.registered() else "+QNWINFO: No Service"
    )


@command("+CCLK")
def _cclk(terminal, name, how, rest):
    """Local time with its offset in quarters of an hour (27.007, 8.15): Spanish winter, +04."""
    modem = terminal.modem
    own, late = modem.faults.get("epoch"), modem.faults.get("late-clock", 0)
    waits = late and modem.now() - (modem.radio_since or modem.now()) < late
    if own or waits or not modem.registered() or "+CTZU" not in modem.settings:
        terminal.answer('+CCLK: "%s"' % (own or "80/01/06,00:00:12+00"))
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


# short messages (27.005) --------------------------------------------------------------------------


def _in_text(modem):
    """Whether AT+CMGF has asked for text mode; a modem begins with the other (27.005 3.2.3)."""
    return modem.settings.get("+CMGF", "0") == "1"


def _shown(modem, message):
    """A message as its mode shows it: what is in its text stands there as it is, line by line."""
    state, number, stamp, text, *header = message
    if _in_text(modem):
        number, text = [alphabets.shown(modem, each).decode("latin-1") for each in (number, text)]
        return '"%s","%s",,"%s"\r\n%s' % (state, number, stamp, text)
    data = text if number is None else pdu.deliver(number, text, modem.utc(), *header)
    return "%d,,%d\r\n%s" % (state == "REC READ", len(data) // 2 - 1 - int(data[:2] or "0", 16), data)


@command("+CMGL")
def _cmgl(terminal, name, how, rest):
    modem = terminal.modem
    # Each mode has its own names of states, and takes no other (27.005 3.4.2, 4.1).
    if rest not in (('"ALL"', '"REC UNREAD"', '"REC READ"') if _in_text(modem) else ("0", "1", "2", "3", "4")):
        raise CommandError()
    for index, message in sorted(modem.sim.inbox.items()):
        terminal.answer("+CMGL: %d,%s" % (index, _shown(modem, message)))


@command("+CMGR")
def _cmgr(terminal, name, how, rest):
    message = terminal.modem.sim.inbox.get(int(rest))
    if message:
        terminal.answer("+CMGR: " + _shown(terminal.modem, message))
        message[0] = "REC READ"


@command("+CMGD")
def _cmgd(terminal, name, how, rest):
    index, _, flag = rest.partition(",")
    if flag == "4":
        terminal.modem.sim.inbox.clear()
    else:
        terminal.modem.sim.inbox.pop(int(index), None)


@command("+CMGW")
def _cmgw(terminal, name, how, rest):
    _prompt(terminal, rest)
    return ""


def _prompt(terminal, what):
    terminal.text_for = what
    terminal.line.clear()
    terminal.write(b"\r\n> ")


@command("+CMGS")
def _cmgs(terminal, name, how, rest):
    modem = terminal.modem
    if not modem.registered():
        terminal.answer("+CMS ERROR: 331")
        return ""
    if not _in_text(modem) and not rest.isdigit():
        terminal.answer("+CMS ERROR: 304")  # invalid PDU mode parameter
        return ""
    number = rest.split(",")[0].strip('"')
    _prompt(terminal, alphabets.typed(modem, number.encode()) if _in_text(modem) else int(rest))
    return ""
