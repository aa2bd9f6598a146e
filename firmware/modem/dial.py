"""From a registered modem to a PPP link with an address, and its end: call, negotiation."""

from firmware import diag
from firmware.core import overlay
from firmware.core.errors import ModemError
from firmware.modem import ppp
from firmware.modem.at import AtChannel
from firmware.modem.link import Failure
from firmware.port import const, monotonic_s, sleep_ms, ticks_add, ticks_diff, ticks_ms

_TURN_MS = const(10)
_TIMERS_MS = const(64)  # lwIP's turn on rp2
_REASON_MS = const(1000)  # PPP may know better why than NO CARRIER does
_LAST_PORT = const(65535)
_REGISTER = const(1)  # of the ladder's measures (describe.py)
# Codes of errors (core/errors.py).
_NO_CALL = const(223)
_NO_PPP = const(225)
_CUT_OFF = const(228)
_NO_ADDRESS = const(229)
# ATD*99***1#: packet call with the first context (27.007 10.2.1.1); AT+CGDATA says the same.
_DIALS = const(("ATD*99***1#", 'AT+CGDATA="PPP",1'))


async def call(link):
    """Dial, over the multiplexer where it is open, and leave a ppp.Session in `link.session`. Raises Failure."""
    line, channel = link.uart, link.channel
    if link.mux:
        line = link.mux.channels[1]
        channel = AtChannel(line)
    await _connect(link, channel)
    channel.attach(None)  # from here on the bytes are PPP's; what came behind CONNECT the network says again
    diag.info("modem", "connected, PPP starts")
    link.session = ppp.Session(line, link.native)
    await negotiate(link)
    link.session.probe = _probe(link)
    diag.info("modem", "address %s", link.session.ip)


async def _connect(link, channel):
    """Dial until CONNECT. Raises Failure."""
    try:
        # With echo, PPP's own packets would come back after the call has ended and hide NO CARRIER.
        await channel.command("ATE0", tries=2)
        for command in _DIALS:
            answer = (await channel.command(command, link.timing["dial"], dial=True))[-1]
            if answer.startswith("CONNECT"):
                return
            if answer != "ERROR" and not answer.startswith("+CME"):
                break
    except ModemError as error:
        raise Failure((_NO_CALL, error.why())) from None
    raise Failure((_NO_CALL, answer.lower()), _REGISTER if answer.startswith("+CME") else 0)


async def negotiate(link):
    """Returns with an address. Raises Failure."""
    overlay.tidy()
    session = link.session
    timed = ticks_ms()
    end = ticks_add(timed, link.timing["ppp"])
    try:
        session.ppp = link.ppp_factory(session.line)
        security, user, key = _security(link.ppp_factory, link.settings)
        session.ppp.connect(security=security, user=user, key=key)
        session.line.irq(None)  # PPP has had itself called by the UART
    except (OSError, ValueError) as error:
        raise Failure((_NO_PPP, str(error))) from None
    while True:
        session.poll()
        status = session.ppp.status()
        if status == ppp.CONNECTED:
            break
        if status < 0:
            raise Failure(ppp.why(status))
        if session.no_carrier(_REASON_MS):
            raise Failure(_CUT_OFF)
        if ticks_diff(end, ticks_ms()) <= 0:
            raise Failure(_NO_ADDRESS)
        if ticks_diff(ticks_ms(), timed) >= _TIMERS_MS:
            timed = ticks_ms()
            run_timers(link.socket)
        await sleep_ms(_TURN_MS)
    session.since = monotonic_s()
    address = session.ppp.ipconfig("addr4")
    session.ip = address[0] if isinstance(address, (tuple, list)) else address


def _security(ppp, settings):
    kind = settings.get("auth") or "none"
    user = settings.get("user") or None
    if not user or kind == "none":
        return getattr(ppp, "SEC_NONE", 0), None, None
    level = getattr(ppp, "SEC_CHAP", 2) if kind == "chap" else getattr(ppp, "SEC_PAP", 1)
    return level, user, settings.get("password") or ""


def _probe(link):
    """The keep-online probe, where one is wanted; else None."""
    settings = link.settings
    host, period = settings.get("keep_online_host"), settings.get("keep_online_period")
    if not host or not period:
        return None
    port = host.partition(":")[2]
    if port.strip("0123456789") or int(port or 0) > _LAST_PORT:
        diag.error("modem", "uplink.ping_host %s is no host and no host:port; nobody is asked", host)
        return None
    with overlay.part:
        from firmware.modem.probe import Probe

    return Probe(link.socket, host, period * 1000, link.timing["probe"])


async def close(session, sockets, deadline_ms):
    """End a call as if the carrier were gone, whether it is or not; True when lwIP gave its control block back in
    time.
    """
    found, session.ppp = session.ppp, None
    if found is None:
        return True
    found.config(stream=None)
    try:
        found.__del__()
    except OSError:
        pass  # "ppp_free failed": it still says goodbye, which is waited for
    end = ticks_add(ticks_ms(), deadline_ms)
    while found.status() and ticks_diff(end, ticks_ms()) > 0:
        run_timers(sockets)
        await sleep_ms(_TIMERS_MS)
    if found.status():
        ppp.unended.append(found)
    return not found.status()


def run_timers(sockets):
    """Have lwIP's timers run once within the next 64 ms: a socket that waits, be it for a millisecond, starts them."""
    try:
        sock = sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM)
    except OSError:
        return  # no memory now; the next turn asks again
    try:
        sock.settimeout(0.001)
        sock.recv(1)
    except OSError:
        pass  # nothing comes
    finally:
        sock.close()
