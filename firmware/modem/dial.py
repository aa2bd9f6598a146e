"""From a registered modem to a PPP link with an address: multiplexer, call, negotiation."""

from firmware import diag
from firmware.core import overlay
from firmware.modem.at import AtChannel, ModemError
from firmware.modem.failure import RADIO, REDIAL, REGISTER, Failure
from firmware.modem.ppp import CONNECTED, TIMERS_MS, Session, why
from firmware.port import const, monotonic_s, sleep_ms, ticks_add, ticks_diff, ticks_ms

_TURN_MS = const(10)
# Codes of errors (core/errors.py).
_NO_CALL = const(223)
_NO_PPP = const(225)
_CUT_OFF = const(228)
_NO_ADDRESS = const(229)
_NO_MUX = const(232)
_REASON_MS = const(1000)  # PPP may know better why than NO CARRIER does

# ATD*99***1#: packet call with the first context (27.007 10.2.1.1); AT+CGDATA says the same.
_DIALS = ("ATD*99***1#", 'AT+CGDATA="PPP",1')


# <port_speed> of AT+CMUX (27.007 5.7).
_SPEEDS = {9600: 1, 19200: 2, 38400: 3, 57600: 4, 115200: 5, 230400: 6}


async def multiplex(mux, device, uart, timing):
    """Switch the modem to CMUX and open channels 1 (data) and 2 (AT); False where it has none."""
    n1 = device.profile["n1"]
    speed = _SPEEDS.get(device.baud)
    first = "AT+CMUX=0,0,%s,%d" % (speed or "", n1)
    try:
        await device.channel.command(first)
    except ModemError:
        try:
            await device.channel.command("AT+CMUX=0")
        except ModemError as error:
            diag.warn("modem", "no multiplexer: %s", error)
            return False
        n1 = min(n1, 31)  # the standard's default for N1
    device.channel.attach(None)
    mux.restart(n1)
    if await mux.open(timing["mux"]):
        return True
    await mux.close(timing["mux"])
    device.channel.attach(uart)
    if await _is_there(device):
        diag.warn("modem", "the multiplexer does not open")
        return False
    raise Failure(_NO_MUX, RADIO)


async def _is_there(device):
    with overlay.use("wake"):
        from firmware.modem import wake

        return await wake.find(device, False)


async def call(link, line):
    """Dial on `line` and leave an open Session in `link.session`. Raises Failure."""
    channel = link.channel if line is link.uart else AtChannel(line)
    await _connect(link, channel)
    channel.attach(None)  # from here on the bytes are PPP's; what came behind CONNECT the network says again
    diag.info("modem", "connected, PPP starts")
    link.session = Session(link.ppp_factory, line, link.socket, link.native)
    await negotiate(link.session, link.settings, link.timing["ppp"])
    diag.info("modem", "address %s", link.session.ip)


async def _connect(link, channel):
    """Dial until CONNECT. Raises Failure."""
    try:
        # With echo, PPP's own packets would come back after the call has ended and hide NO
        # CARRIER.
        await channel.command("ATE0", tries=2)
    except ModemError as error:
        raise Failure((_NO_CALL, error.why())) from None
    for command in _DIALS:
        try:
            lines = await channel.command(command, link.timing["dial"], dial=True)
        except ModemError as error:
            raise Failure((_NO_CALL, error.why())) from None
        answer = lines[-1]
        if answer.startswith("CONNECT"):
            return
        if answer != "ERROR" and not answer.startswith("+CME"):
            break
    raise Failure((_NO_CALL, answer.lower()), REGISTER if answer.startswith("+CME") else 0)


async def negotiate(session, settings, deadline_ms):
    """Negotiate; returns with an address. Raises Failure."""
    overlay.tidy()
    end = ticks_add(ticks_ms(), deadline_ms)
    try:
        session.start(*_security(session.factory, settings))
    except (OSError, ValueError) as error:
        raise Failure((_NO_PPP, str(error))) from None
    ppp, timed = session.ppp, ticks_ms()
    while True:
        session.poll()
        status = ppp.status()
        if status == CONNECTED:
            break
        if status < 0:
            raise Failure(why(status), REDIAL)
        if session.no_carrier(_REASON_MS):
            raise Failure(_CUT_OFF)
        if ticks_diff(end, ticks_ms()) <= 0:
            raise Failure(_NO_ADDRESS)
        if ticks_diff(ticks_ms(), timed) >= TIMERS_MS:
            timed = ticks_ms()
            session.run_timers()
        await sleep_ms(_TURN_MS)
    session.since = monotonic_s()
    session.ip = _first(ppp.ipconfig("addr4"))


def _first(config):
    return config[0] if isinstance(config, (tuple, list)) else config


def _security(ppp, settings):
    kind = settings.get("auth") or "none"
    user = settings.get("user") or None
    if not user or kind == "none":
        return getattr(ppp, "SEC_NONE", 0), None, None
    level = getattr(ppp, "SEC_CHAP", 2) if kind == "chap" else getattr(ppp, "SEC_PAP", 1)
    return level, user, settings.get("password") or ""
