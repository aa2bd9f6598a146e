"""How the multiplexer is made, begins and ends (3GPP TS 27.010); what moves its bytes is cmux.py."""

from firmware import diag
from firmware.core import overlay
from firmware.core.errors import ModemError
from firmware.modem.cmux import Channel, Mux
from firmware.modem.link import Failure
from firmware.port import const, sleep_ms, ticks_add, ticks_diff, ticks_ms

_SABM = const(0x3F)  # with P/F
_CLD = const(0xC0)
_TRIES = const(3)
_DATA_RING = const(1536)
_AT_RING = const(512)
# lwIP sends at once what it may, 6,400 bytes (TCP_SND_BUF) in eight segments of 800 (TCP_MSS), and takes a line that
# does not hold it for broken (ERR_IF). Each has 40 bytes of IP and TCP and 8 of PPP, which writes two bytes for some
# of them: in JSON for one of 25 or so. 400 are left for a name that is looked up, or a ping, meanwhile.
_QUEUE = const(7424)
_RADIO = const(2)  # of the ladder's measures (describe.py)
_NO_MUX = const(232)  # code of an error (core/errors.py)
# <port_speed> of AT+CMUX (27.007 5.7).
_SPEEDS = {9600: 1, 19200: 2, 38400: 3, 57600: 4, 115200: 5, 230400: 6}
_OUT = const(1024)
_IN = const(640)


def make(uart):
    """A Mux over `uart`. Its buffers are taken now, while the heap is in one piece, and kept. MemoryError."""
    mux = Mux()
    mux._uart = uart
    mux._table = _crc_table()
    mux._in = bytearray(_IN)
    mux._in_view = memoryview(mux._in)
    mux._out = bytearray(_OUT)
    mux._out_view = memoryview(mux._out)
    mux.channels = (_channel(mux, 0, 1), _channel(mux, 1, _DATA_RING), _channel(mux, 2, _AT_RING))
    try:
        from micropython import RingIO

        mux.channels[1].buffer = RingIO(_QUEUE)
    except ImportError:
        pass  # CPython has no interrupts
    mux.bad = 0
    restart(mux, 31)
    return mux


def _channel(mux, dlci, size):
    channel = Channel()
    channel._mux = mux
    channel.dlci = dlci
    channel._ring = bytearray(size)
    channel._view = memoryview(channel._ring)
    return channel


def _crc_table():
    table = bytearray(256)
    for at in range(256):
        value = at
        for _ in range(8):
            value = value >> 1 ^ 0xE0 if value & 1 else value >> 1
        table[at] = value
    return table


def restart(mux, n1):
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
            diag.warn("modem", "no multiplexer: %s", error)
            _without(link)
            return
        n1 = min(n1, 31)  # the standard's default for N1
    channel.attach(None)
    if await begin(link.multiplexer, n1, link.timing["mux"]):
        link.mux = link.multiplexer
        channel.attach(link.mux.channels[2])
        return
    channel.attach(link.uart)
    with overlay.use("wake"):
        from firmware.modem import wake

        found = await wake.find(link, False)
    if not found:
        raise Failure(_NO_MUX, _RADIO)
    diag.warn("modem", "the multiplexer does not open")
    _without(link)


def _without(link):
    """From now on PPP has the UART itself, which needs room for all that lwIP sends at once."""
    link.multiplexer = None
    link.mux_use.__exit__(None, None, None)
    if link.buffers:
        link.buffers["txbuf"] = link.buffers["rxbuf"]
        link.speed = 0
        with overlay.use("wake"):
            from firmware.modem import wake

            wake.set_speed(link, link.baud)


async def begin(mux, n1, step_ms):
    """SABM on each channel, `step_ms` for each of three tries; whether all are open. If not it is closed again."""
    restart(mux, n1)
    for channel in mux.channels:
        if not await _open(mux, channel, step_ms):
            await end(mux, step_ms)
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


async def end(mux, step_ms):
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
