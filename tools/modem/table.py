"""How the simulated modem reads a command line: V.250 syntax, the table of commands, errors."""

import re

from tools.modem import unasked

PUK, PIN, NO_SIM, WRONG, UNKNOWN, NOT_ALLOWED = 12, 11, 10, 16, 100, 3
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


TABLE = {}


def command(*names):
    def keep(function):
        for name in names:
            TABLE[name] = function
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
    if told(terminal, text):
        return
    unasked.say(terminal, "first")
    try:
        final = _run(terminal, text[2:])
    except CommandError as error:
        final = _error(terminal, error.code)
    if final:
        unasked.say(terminal, "inside")
        terminal.answer(final)


def told(terminal, text):
    """Answer a line as `script` has it: lines of text, None: nothing at all, "*": its own. Whether it has it."""
    script = terminal.modem.script
    answer = script.get(text.upper(), terminal)
    if answer is terminal:
        return False
    if isinstance(answer, list):
        answer, script[text.upper()] = answer[0], answer[1:] or answer[0]
    if answer == "*":
        return False
    for each in (answer or "").split("\n"):
        if each:
            terminal.answer(each)
    return True


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
    for part in _parts(body):
        if re.match(r"&?[A-Z]", part.strip().upper()):
            # V.250 5.2.1: behind a semicolon basic commands may stand, too.
            upper = part.strip().upper()
            final = _dial(terminal, upper[1:]) if upper[0] == "D" else _basic(terminal, upper)
            if final != "OK":
                return final
            continue
        match = re.match(r"([+*^][A-Za-z0-9]+)\s*(=\?|\?|=)?(.*)$", part.strip(), re.S)
        if not match:
            raise CommandError()
        name, how, rest = match.group(1).upper(), match.group(2) or "", match.group(3)
        modem = terminal.modem
        known = name in TABLE and (name not in _VENDOR or name in _allowed(modem))
        if not known:
            raise CommandError(UNKNOWN if name not in TABLE else None)
        final = TABLE[name](terminal, name, how, rest)
        if final is not None:
            return final
    return "OK"


def _parts(body):
    """The commands of a line: a semicolon ends one unless it stands in quotes (V.250 5.4.2.2)."""
    parts, quoted = [""], False
    for letter in body:
        quoted ^= letter == '"'
        if letter == ";" and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


_VENDOR = (
    *("+CNMP", "+CMNB", "+CPSI", "+CICCID", "+CCID", "+QCCID", "+QCFG", "+QICSGP", "+QNWINFO"),
    *("+QURCCFG", "+QSCLK"),
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
    if "no-atd" in terminal.modem.faults:
        raise CommandError()
    if not number.startswith("*99"):
        return "NO CARRIER"
    terminal.hang_up()
    terminal.modem.dial(terminal)
    return None
