"""The alphabets a modem shows texts in and takes them in, as AT+CSCS sets them (27.007 5.5; GSM: 23.038 6.2.1).

What an alphabet lacks is lost: that is how `^` and `_` come to grief. In "GSM" a terminal sees the codes themselves,
so `_` is 11h, `^` 1Bh 14h and `@` 00h (SIM7600 Series AT Command Manual, AT+CSCS; arduino-libraries/MKRGSM 102).
"""

from tools.modem import pdu
from tools.modem.table import NOT_ALLOWED, CommandError, command

_ALL = "GSM/IRA/UCS2/HEX/8859-1"


def _known(modem):
    return str(modem.faults.get("alphabets", _ALL)).split("/")


def current(modem):
    return modem.settings.get("+CSCS", _known(modem)[0])


def shown(modem, text):
    """`text` as bytes on the line, in the alphabet that is set."""
    name = current(modem)
    codes = bytes(code for letter in text for code in pdu.septets(letter) or [63])
    if name == "UCS2":
        return text.encode("utf-16-be").hex().upper().encode()
    if name == "HEX":
        return codes.hex().upper().encode()
    if name == "GSM":
        return codes
    return text.encode("latin-1" if name == "8859-1" else "ascii", "replace")


def typed(modem, data):
    """The text of bytes from the line."""
    name = current(modem)
    if "+CMGF" not in modem.settings or modem.settings["+CMGF"] == "0":
        return data.decode("latin-1")  # a PDU
    try:
        if name == "UCS2":
            return bytes.fromhex(data.decode()).decode("utf-16-be")
        if name in ("HEX", "GSM"):
            return pdu.letters(bytes.fromhex(data.decode()) if name == "HEX" else data)
    except (ValueError, KeyError):
        return "?"
    return data.decode("latin-1" if name == "8859-1" else "ascii", "replace")


@command("+CSCS")
def _cscs(terminal, name, how, rest):
    modem = terminal.modem
    if how == "=":
        if rest.strip('"') not in _known(modem):
            raise CommandError(NOT_ALLOWED)
        modem.settings["+CSCS"] = rest.strip('"')
    elif how == "=?":
        terminal.answer("+CSCS: (%s)" % ",".join('"%s"' % each for each in _known(modem)))
    else:
        terminal.answer('+CSCS: "%s"' % current(modem))
