"""From a registered modem to a PPP link with an address, and back: multiplexer (3GPP TS 27.010; cmux.py moves its
bytes), call, negotiation. What network.PPP is like, which is why all of this is as it is: docs/modems.md.
"""

from firmware.core import log, overlay
from firmware.core.compat import monotonic_s, sleep_ms, ticks_add, ticks_diff, ticks_ms
from firmware.core.errors import ModemError
from firmware.net.modem.at import AtChannel
from firmware.net.modem.link import Failure, Session, unended, why_no_ppp

_SABM = const(0x3F)  # with P/F
_CLD = const(0xC0)
_TRIES = const(3)
# <port_speed> of AT+CMUX (27.007 5.7).
_SPEEDS = {9600: 1, 19200: 2, 38400: 3, 57600: 4, 115200: 5, 230400: 6}
_TURN_MS = const(10)
_TIMERS_MS = const(64)  # lwIP's turn on rp2
_REASON_MS = const(1000)  # PPP may know better why than NO CARRIER does
_LAST_PORT = const(65535)
_QUEUE = const(7424)  # of lwIP, see prepare.py
# Of the ladder's measures (describe.py).
_REGISTER = const(1)
_RADIO = const(2)
# Codes of errors (core/errors.py).
_NO_CALL = const(223)
_NO_PPP = const(225)
_CUT_OFF = const(228)
_NO_ADDRESS = const(229)
_NO_MUX = const(232)
# ATD*99***1#: packet call with the first context (27.007 10.2.1.1); AT+CGDATA says the same.
_DIALS = const(("ATD*99***1#", 'AT+CGDATA="PPP",1'))


async def multiplex(link):
    """Switch the modem to CMUX and leave it open, for data on channel 1, for commands on 2, in `link.mux`.

    A modem that has none is used without from now on. Raises Failure.
    """
    channel, n1 = link.channel, link.profile["n1"]
    try:
        await channel.command("AT+CMUX=0,0,%s,%d" % (_SPEEDS.get(link.baud, ""), n1))
    except ModemError:
        try:
            await channel.command("AT+CMUX=0")
        except ModemError as error:
            log.warn("modem", "no multiplexer: %s", error)
            _without(link)
            return
        n1 = min(n1, 31)  # the standard's default for N1
    channel.attach(None)
    if await open_mux(link.multiplexer, n1, link.timing["mux"]):
        link.mux = link.multiplexer
        channel.attach(link.mux.channels[2])
        return
    channel.attach(link.uart)
    with overlay.use("wake"):
        from firmware.net.modem import power

        found = await power.find(link, False)
    if not found:
        raise Failure(_NO_MUX, _RADIO)
    log.warn("modem", "the multiplexer does not open")
    _without(link)


def _without(link):
    """From now on PPP has the UART itself, which needs room for all that lwIP sends at once."""
    link.multiplexer = None
    link.mux_use.__exit__(None, None, None)
    if link.buffers:
        link.buffers["txbuf"] = max(link.buffers["rxbuf"], _QUEUE)
        link.speed = 0
        with overlay.use("wake"):
            from firmware.net.modem import power

            power.set_speed(link, link.baud)


def restart_mux(mux, n1):
    """As new, with frames of up to `n1` bytes; the buffers are kept, they would not fit in again."""
    mux._n1 = n1
    mux._fill = mux._out_from = mux._out_to = 0
    mux._stopped = mux._closed = mux.dead = False
    for channel in mux.channels:
        for at in range(len(channel._ring)):
            channel._ring[at] = 0  # nothing of a call before is this one's last word
        channel._head = channel._count = channel.lost = 0
        channel.open = channel.refused = channel.halted = channel.halting = False
        if channel.buffer:
            channel.buffer.read()


async def open_mux(mux, n1, step_ms):
    """SABM on each channel, `step_ms` for each of three tries; whether all are open. If not it is closed again."""
    restart_mux(mux, n1)
    for channel in mux.channels:
        if not await _open(mux, channel, step_ms):
            await close_mux(mux, step_ms)
            return False
        if channel.dlci:
            mux.signal(channel)
    return True


async def _open(mux, channel, step_ms):
    for _ in range(_TRIES):
        mux._frame(channel.dlci, _SABM)
        if await _until(mux, lambda: channel.open or channel.refused, step_ms):
            break
    return channel.open


async def close_mux(mux, step_ms):
    """CLD and a moment for its answer; the modem takes commands on the UART again."""
    if not mux.dead:
        mux._closed = False
        mux._message(_CLD, b"")
        await _until(mux, lambda: mux._closed or mux.dead, step_ms)
    mux.dead = True


async def _until(mux, done, ms):
    until = ticks_add(ticks_ms(), ms)
    while not done():
        mux.poll()
        if done():
            break
        if ticks_diff(until, ticks_ms()) <= 0:
            return False
        await sleep_ms(10)
    return True


# --- PPP


async def call(link):
    """Dial, over the multiplexer where it is open, and leave a link.Session in `link.session`. Raises Failure."""
    line, channel = link.uart, link.channel
    if link.mux:
        line = link.mux.channels[1]
        channel = AtChannel(line)
    await _connect(link, channel)
    channel.attach(None)  # from here on the bytes are PPP's; what came behind CONNECT the network says again
    log.info("modem", "connected, PPP starts")
    link.session = Session(line, link.native)
    await negotiate(link)
    link.session.probe = _probe(link)
    log.info("modem", "address %s", link.session.ip)


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
        why = why_no_ppp(status)
        if not why:
            break
        if status < 0:
            raise Failure(why)
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
        log.error("modem", "uplink.ping_host %s is no host and no host:port; nobody is asked", host)
        return None
    with overlay.part:
        from firmware.net.modem.keepalive import Probe

    return Probe(link.socket, host, period * 1000, link.timing["probe"])


async def close(session, sockets, deadline_ms):
    """End a call as if the carrier were gone, whether it is or not; whether lwIP gave its control block back."""
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
        unended.append(found)
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
