"""Commands and questions to a modem whose link stands: for somebody who asks, once a minute, for a complaint.

With CMUX they have a channel of their own. Without it data mode is left by +++, and ATO leads back (V.250 6.3.7): some
four seconds without data; TCP bears that. When the call does not come back the watch notices the silence.
"""

import io

from firmware.core import overlay
from firmware.core.compat import sleep_ms, ticks_diff, ticks_ms
from firmware.core.errors import ModemError
from firmware.net.modem.exchange import NoAnswer, answers, plain, raw
from firmware.net.modem.link import Failure

# So many in a row without a probe to ask end the call: where nothing came in between, and where something did, be it
# that there is no such name. That one has nothing to do with the link, or with one way of it.
_SUSPICIONS = const(3)
_ANSWERED = const(10)
_RADIO = const(2)  # of the ladder's measures (describe.py)
# Codes of errors (core/errors.py).
_DIALLING = const(216)
_MUX_SILENT = const(217)
_NO_CARRIER = const(234)
_NO_TRAFFIC = const(235)
_STAYS = const(238)
_NOT_BACK = const(239)


async def turn(link, session, look, ask, complaint, message):
    """What the watch has found due (link.py). Raises Failure: the call is over."""
    if ask and await _is_over(link, session):
        raise Failure(_NO_CARRIER)
    if complaint:
        _suspected(session, link.timing["quiet"])
    if link.mux and (look or complaint):
        await _measure(link, look)
    if message:
        with overlay.use("sms"):
            from firmware.net.modem import sms

            await sms.turn(link)


def _suspected(session, quiet_ms):
    """No host to ask: a silent line or several complaints in a row settle it. Raises Failure.

    It may be the others' fault, a server that is down: nothing rougher than the radio is tried for that.
    """
    answered = session.rx != session.seen
    session.seen = session.rx
    if session.silent_ms() >= quiet_ms or session.suspicions >= (_ANSWERED if answered else _SUSPICIONS):
        raise Failure(_NO_TRAFFIC, ceiling=_RADIO)


async def _measure(link, look):
    """Signal and operator over the second channel, the time at times; a modem that does not answer forgot the
    multiplexer. Raises Failure.
    """
    with overlay.use("register"):
        from firmware.net.modem import registration

        try:
            await registration.measure(link.cell, link.channel, link.timing["watch_answer"])
        except NoAnswer:
            raise Failure(_MUX_SILENT) from None
        timed = link.cell.timed
        if look and (timed is None or ticks_diff(ticks_ms(), timed) >= link.timing["time"]):
            await registration.take_time(link)


async def _is_over(link, session):
    """Whether the modem takes commands where packets should go: then nobody is at the other end any more.

    In a call that stands the network takes `AT` for a broken packet, and TCP sends again what is lost meanwhile.
    """
    channel = link.channel
    link.aside = True
    suspend(session, True)
    channel.attach(link.uart)
    try:
        await channel.command("AT", link.timing["at"], tries=2)
        return True
    except ModemError:
        return False
    finally:
        channel.attach(None)
        suspend(session, False)
        link.aside = False


async def command(link, line, deadline_ms):
    """See ModemLink.command(). What goes wrong where there is no CMUX ends the call."""
    session, channel, guard = link.session, link.channel, link.timing["guard"]
    if link.aside or (channel.stream is None and not link.is_up()):
        raise NoAnswer(_DIALLING)
    if link.mux is not None or not link.is_up():
        return await plain(channel, line, deadline_ms)
    link.aside = True
    suspend(session, True)
    try:
        await sleep_ms(guard)
        channel.attach(link.uart)
        await raw(channel, b"+++")
        await sleep_ms(guard)
        if not await answers(link):
            raise NoAnswer(_STAYS)
        try:
            return await plain(channel, line, deadline_ms)
        finally:
            answer = (await channel.command("ATO", link.timing["dial"], dial=True))[-1]
            if not answer.startswith("CONNECT"):
                raise NoAnswer(_NOT_BACK, answer.lower())
    except ModemError as error:
        session.broken = error.why()  # nobody knows in which mode the line is now
        raise
    finally:
        channel.attach(None)
        suspend(session, False)
        link.aside = False


def suspend(session, suspended):
    """Keep PPP off the line while the modem is talked to, and let it go on."""
    aside = None if session.native else Nowhere()
    session.ppp.config(stream=aside if suspended else session.line)
    if not suspended:
        session.line.irq(None)  # PPP has had itself called by the UART


class Nowhere(io.IOBase):
    """PPP's line while the modem is talked to: what it sends is lost on the way, and TCP sends it again.

    Without a line lwIP takes its own for broken (ERR_IF), which ends the connection of whoever sends meanwhile.
    """

    IRQ_RXIDLE = 0

    def readinto(self, buf):
        return None

    def write(self, buf):
        return len(buf)

    def irq(self, handler=None, trigger=0):
        """Nothing comes."""
