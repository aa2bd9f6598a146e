"""A command in the middle of a call, without CMUX: leave data mode by +++, ask, go back by ATO
(V.250 6.3.7).

Some four seconds without data; TCP bears that. When the call does not come back the watch notices
the silence.
"""

from firmware.modem.at import ModemError, NoAnswer
from firmware.modem.link import plain
from firmware.port import const, sleep_ms

# Codes of errors (core/errors.py).
_STAYS = const(238)
_NOT_BACK = const(239)


async def call_is_over(link):
    """Whether the modem takes commands where packets should go: then nobody is at the other end any more.

    In a call that stands the network takes `AT` for a broken packet, and TCP sends again what is lost meanwhile.
    """
    session, channel = link.session, link.channel
    session.suspend(True)
    channel.attach(link.uart)
    try:
        await channel.command("AT", link.timing["at"], tries=2)
        return True
    except ModemError:
        return False
    finally:
        channel.attach(None)
        session.suspend(False)


async def command(link, line, deadline_ms):
    """The lines of the answer, the final one included. Raises ModemError; then the call is to be
    ended, too.
    """
    session, channel, guard = link.session, link.channel, link.timing["guard"]
    session.suspend(True)
    try:
        await sleep_ms(guard)
        channel.attach(link.uart)
        await channel.raw(b"+++")
        await sleep_ms(guard)
        if not await link.device.answers():
            raise NoAnswer(_STAYS)
        try:
            return await plain(channel, line, deadline_ms)
        finally:
            answer = (await channel.command("ATO", link.timing["dial"], dial=True))[-1]
            if not answer.startswith("CONNECT"):
                raise NoAnswer(_NOT_BACK, answer.lower())
    finally:
        channel.attach(None)
        session.suspend(False)
