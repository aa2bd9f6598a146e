"""Dial and negotiate: from a registered modem to a PPP link with an address."""

from firmware import diag
from firmware.modem.at import AtChannel, ModemError
from firmware.modem.ladder import REGISTER, Failure
from firmware.modem.ppp import Session

# ATD*99***1#: packet call with the first context (27.007 10.2.1.1); AT+CGDATA says the same.
_DIALS = ("ATD*99***1#", 'AT+CGDATA="PPP",1')


async def call(link, line):
    """Dial on `line` and leave an open Session in `link.session`. Raises Failure."""
    channel = link.channel if line is link.uart else AtChannel(line)
    head = await _connect(link, channel)
    channel.attach(None)  # from here on the bytes are PPP's
    diag.info("modem", "connected, PPP starts")
    link.session = Session(link.ppp_factory, line, head)
    await link.session.open(link.settings, link.timing["ppp"])
    diag.info("modem", "address %s", link.session.ip)


async def _connect(link, channel):
    """Bytes that came behind CONNECT."""
    answer = "no answer"
    for command in _DIALS:
        try:
            lines = await channel.command(command, link.timing["dial"], dial=True)
        except ModemError as error:
            raise Failure("dialling: %s" % error) from None
        answer = lines[-1]
        if answer.startswith("CONNECT"):
            return channel.rest
        if answer != "ERROR" and not answer.startswith("+CME"):
            break
    raise Failure("dialling: " + answer.lower(), REGISTER if answer.startswith("+CME") else 0)
