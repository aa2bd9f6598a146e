"""A look at a line on which a meter does not answer: is it there at another speed, parity or link address?

Only requests for the status of the link go out (protocol reference 2.2: they change nothing in a meter), some thirty
of them with pauses, the likely settings first. Loaded for the moment; the line is as it was afterwards. The host's
doctor, which has more time, asks in the same way and goes on from these speeds and addresses.
"""

from firmware.core.compat import sleep_ms
from firmware.iec102 import errors
from firmware.iec102.link import Link, LinkAddress

BAUDS = (9600, 19200, 4800, 2400, 1200, 38400)
LINKS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0)
_PAUSE_MS = const(100)
_ANSWER_MS = const(400)
_DEADLINE_MS = const(30000)
# Codes of what was found.
_RIGHT = const(141)
_LINE = const(142)
_LINK = const(143)
_NOISE = const(144)
_MUTE = const(145)
_TRIES = const(3)  # of the settings as they are


async def run(line, meter, settings):
    """`settings`: (baud, bits, parity, stop, number of the port) of the line. Returns what was found as a `why`
    of core/errors.py: it answers now, at another speed or parity, at another address; noise, or nothing.
    """
    link = Link(line.port)
    link.trace, link.gate = line.trace, line.gate
    heard = [0]
    own = meter.address[0]
    try:
        for _ in range(_TRIES):
            found = await ask(link, own, heard)
            if found is not None:
                return _address(found, own)
        for number in LINKS:
            found = await ask(link, number, heard) if number != own else None
            if found is not None:
                return _address(found, own)
        for baud in BAUDS:
            for parity in (None, 0):
                if (baud, parity) == (settings[0], settings[2]):
                    continue
                line.port.configure(baud, 8, parity, 1)
                if await ask(link, own, heard) is not None:
                    return (_LINE, "%d baud 8%s1" % (baud, "N" if parity is None else "E"), settings[4])
    finally:
        line.port.configure(*settings[:4])
        line.clean = False
    return (_NOISE if heard[0] else _MUTE,)


def _address(found, own):
    return (_RIGHT,) if found == own else (_LINK, found, own)


async def ask(link, number, heard, answer_ms=_ANSWER_MS, pause_ms=_PAUSE_MS):
    """The link address that answers to a request for `number`, or None; counts answers that were no frames."""
    # At 300 baud six bytes take a fifth of a second.
    wire = 24 * 11000 // link.port.baud
    address = LinkAddress(
        number,
        0,
        0,
        answer_ms=answer_ms + wire,
        gap_ms=60 + wire,
        session_ms=_DEADLINE_MS,
        retries=0,
    )
    link.clean = True
    await link.begin(address)
    await sleep_ms(pause_ms)
    try:
        await link.status()
        return number
    except errors.WrongLinkError:
        return link.parser.link
    except errors.GarbledError:
        heard[0] += 1
    except errors.SessionError:
        pass  # nothing came: the next one
    return None
