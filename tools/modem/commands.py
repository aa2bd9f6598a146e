"""Commands of the simulated modem about itself and its SIM, and settings it only remembers."""

from tools.modem.table import NO_SIM, NOT_ALLOWED, PIN, PUK, UNKNOWN, WRONG, CommandError, command

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
        raise CommandError(NO_SIM)
    label = "+ICCID" if name == "+CICCID" else name
    terminal.answer("%s: %s" % (label, terminal.modem.sim.iccid))


def _need_sim(modem):
    if "no-sim" in modem.faults:
        raise CommandError(NO_SIM)
    state = modem.sim.state(modem.now())
    if state != "READY":
        raise CommandError(PUK if state == "SIM PUK" else PIN)


@command("+CPIN")
def _cpin(terminal, name, how, rest):
    modem = terminal.modem
    if "no-sim" in modem.faults:
        raise CommandError(NO_SIM)
    if how == "?":
        terminal.answer("+CPIN: " + modem.sim.state(modem.now()))
    elif modem.sim.state(modem.now()) != "SIM PIN":
        raise CommandError(PUK if modem.sim.state() == "SIM PUK" else NOT_ALLOWED)
    elif not modem.sim.unlock(rest.strip('" '), modem.now()):
        raise CommandError(WRONG if modem.sim.tries else PUK)


@command("+CPINR")
def _cpinr(terminal, name, how, rest):
    if "no-pinr" in terminal.modem.faults:
        raise CommandError(UNKNOWN)
    sim = terminal.modem.sim
    left = 0 if sim.state() == "SIM PUK" else sim.tries
    terminal.answer("+CPINR: SIM PIN,%d,3" % left)


@command("+CLCK")
def _clck(terminal, name, how, rest):
    terminal.answer("+CLCK: %d" % bool(terminal.modem.sim.pin))


# settings that are only remembered ---------------------------------------------------------------


_REMEMBERED = (
    *("+CMEE", "+CGDCONT", "+CGAUTH", "+QICSGP", "+UAUTHREQ", "+CTZU", "+CTZR", "+CNMI"),
    *("+CMGF", "+CPMS", "+IFC", "+ICF", "+CNMP", "+CMNB", "+QCFG", "+URAT", "+CSMP", "+CSDH"),
    *("+CSCLK", "+CPSMS", "+CEDRXS", "+CGEREP", "+CSAS", "+CGSMS", "+ULWM2M", "+UPSV"),
    *("+QURCCFG", "+QSCLK"),
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
