"""A command in the middle of a call, without CMUX: leave data mode by +++, ask, go back by ATO
(V.250 6.3.7).

Some four seconds without data; TCP bears that. When the call does not come back the watch notices
NO CARRIER.
"""

from firmware.modem.at import ModemError, NoAnswer
from firmware.modem.ladder import Failure
from firmware.modem.link import plain
from firmware.port import sleep_ms


async def command(link, line, deadline_ms):
    """The lines of the answer, the final one included. Raises NoAnswer when data mode cannot be
    left.
    """
    session, channel, guard = link.session, link.channel, link.timing["guard"]
    session.suspend(True)
    try:
        await sleep_ms(guard)
        channel.attach(link.uart)
        await channel.raw(b"+++")
        await sleep_ms(guard)
        if not await link.device.answers():
            raise NoAnswer("the modem does not leave data mode")
        lines = await plain(channel, line, deadline_ms)
        await _return(channel, link.timing["dial"])
        return lines
    finally:
        channel.attach(None)
        session.suspend(False)


async def _return(channel, deadline_ms):
    try:
        lines = await channel.command("ATO", deadline_ms, dial=True)
    except ModemError as error:
        raise Failure("back to data mode: %s" % error) from None
    if not lines[-1].startswith("CONNECT"):
        raise Failure("back to data mode: " + lines[-1].lower())
