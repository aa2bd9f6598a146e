"""A ModemLink is made, with what stays of it until the next start; loaded for that."""

from firmware.core import overlay

# Of what has come on each channel of the multiplexer: control, data, commands.
_RINGS = const((1, 1536, 640))
# lwIP sends at once what it may, 6,400 bytes (TCP_SND_BUF) in eight segments of 800 (TCP_MSS), and takes a line that
# does not hold it for broken (ERR_IF). Each has 40 bytes of IP and TCP and 8 of PPP, which writes two bytes for some
# of them: in JSON for one of 25 or so. 400 are left for a name that is looked up, or a ping, meanwhile.
_QUEUE = const(7424)
_OUT = const(1024)
_IN = const(640)
# Every wait of the modem, in ms: name -> value. docs/modems.md explains them (a test compares). A setting `timing`
# overrides single ones; tests do. Times that depend on the model (boot, pulses) are in profiles.py and are multiplied
# by `scale` / 100.
TIMING = {
    "turn": 20,
    "at": 300,
    "guard": 1100,
    "sim": 20000,
    "register": 180000,
    "denied": 30000,
    "look": 2000,
    "mux": 1000,
    "dial": 75000,
    "ppp": 30000,
    "close": 15000,
    "stable": 60000,
    "backoff_min": 2000,
    "backoff_max": 900000,
    "blocked": 60000,
    "probe": 10000,
    "watch": 60000,
    "watch_answer": 5000,
    "quiet": 30000,
    "ask": 10000,
    "dcd": 1500,
    "no_carrier": 500,
    "time": 43200000,
    "scale": 100,
}


def options(config, baud):
    """Those of link() from ours."""
    get = config.get
    found = {"baud": baud, "keep_online_host": get("uplink.ping_host")}
    found["keep_online_period"] = get("uplink.ping_minutes") * 60
    for name in ("apn", "user", "password", "auth", "pin", "network", "model", "cmux"):
        found[name] = get("uplink." + name)
    found["sms"] = sms = {"numbers": [number.strip() for number in get("sms.phones").split(",")]}
    for name in ("enabled", "reply", "all_phones", "status"):
        sms[name] = get("sms." + name)
    sms["alias"] = _aliases(get("sms.alias"))
    sms["status_phone"] = get("sms.status_phone").partition(",")[0].strip()
    return found


def _aliases(text):
    """{word: AT line} of `WORD>LINE|WORD>LINE`."""
    pairs = [each.partition(">") for each in text.split("|") if ">" in each]
    return {word.strip(): line.strip() for word, _, line in pairs}


def link(uart, ppp_factory, settings, sockets, store, native=False, buffers=None, **wires):
    """A ModemLink.

    `uart`: a UART-like object that never waits (timeout 0). `buffers`: what its init() has to be told besides a speed;
    `txbuf` is made larger where it turns out that PPP writes to it itself. `ppp_factory(line)` makes a
    network.PPP; `native`: it takes nothing but the UART, so there is no CMUX. `settings`: a dict with apn, user,
    password, auth (pap, chap, none), pin, network (auto, 4g, 3g, 2g, nbiot, catm), model (auto or a profile), baud,
    cmux, keep_online_host, keep_online_period (s), sms (a dict, see sms.py), timing. `sockets` is the module to use
    while the link is up. `store` has `get(key)` and `set(key, value)` and outlives a restart; its `gate`, where it has
    one, is waited for before set().

    `wires`, each of them a function or None: `power_key(pressed)`, `reset(pressed)`, `dtr(on)`, `dcd() -> carrier`,
    `set_baud(baud)` in place of the UART's init(), `reboot(reason)`, `on_time(utc)`, `known_as(imei)`, `execute(line,
    channel)` (both to be awaited) and `tell() -> (UTC or 0, words about the device)` for SMS. They stay: none may be
    from a module that does not.
    """
    with overlay.part:
        from firmware.net.modem.at import AtChannel
        from firmware.net.modem.link import ModemLink
    with overlay.use("describe"):
        from firmware.net.modem.describe import MEASURES, RESTARTED
    with overlay.use("profiles"):
        from firmware.net.modem import profiles

    found = ModemLink()
    found.uart, found.ppp_factory, found.settings, found.socket = uart, ppp_factory, settings, sockets
    found.store, found.native, found.buffers = store, native, buffers
    for name, function in wires.items():
        setattr(found, name, function)
    found.baud = found.speed = settings.get("baud") or 115200
    found.timing = dict(TIMING, **(settings.get("timing") or {}))
    found.facts = {"model": "", "imei": "", "iccid": "", "imsi": ""}
    found.channel = AtChannel(uart)
    for start in ("+CREG", "+CGREG", "+CEREG", "+CMTI"):
        found.channel.on(start, found.heard)
    found.profile = profiles.get(settings.get("model") or "generic")
    found.cell = nothing_heard()
    found.restarted_for, counts = store.get(RESTARTED) or ("", [])
    found.last_measure = MEASURES[-1] if counts else ""
    found.ladder = new_ladder(counts or [0] * len(MEASURES))
    found.multiplexer = None
    if settings.get("cmux") and not native:
        # In use for as long as it may be needed: without CMUX neither code nor buffers of it are in memory.
        found.mux_use = overlay.use("mux")
        found.mux_use.__enter__()
        found.multiplexer = make_mux(uart)
    return found


def nothing_heard():
    """A cell (network.py): what the network has said last; signal in dBm."""
    with overlay.part:
        from firmware.net.modem.link import Facts

    cell = Facts()
    cell.timed = cell.stat = cell.access = cell.cause = cell.signal = cell.rsrp = cell.rsrq = None
    cell.operator = cell.domain = ""
    return cell


def new_ladder(counts):
    """Counts failures in a row, at each rung (steps.py), and of each measure since the start (`counts`)."""
    with overlay.part:
        from firmware.net.modem.link import Facts

    ladder = Facts()
    ladder.rung = ladder.tried = ladder.failures = 0
    ladder.counts = list(counts)
    return ladder


def make_mux(uart):
    """A Mux over `uart`. Its buffers are taken now, while the heap is in one piece, and kept. MemoryError."""
    with overlay.use("mux"):
        from firmware.net.modem.cmux import Channel, Mux

    mux = Mux()
    mux._uart = uart
    mux._table = _crc_table()
    mux._in = bytearray(_IN)
    mux._in_view = memoryview(mux._in)
    mux._out = bytearray(_OUT)
    mux._out_view = memoryview(mux._out)
    mux.channels = tuple([Channel() for _ in _RINGS])
    for dlci, channel in enumerate(mux.channels):
        channel._mux, channel.dlci = mux, dlci
        channel._ring = bytearray(_RINGS[dlci])
        channel._view = memoryview(channel._ring)
    try:
        from micropython import RingIO

        mux.channels[1].buffer = RingIO(_QUEUE)
    except ImportError:
        pass  # CPython has no interrupts
    mux.bad = 0
    return mux


def _crc_table():
    table = bytearray(256)
    for at in range(256):
        value = at
        for _ in range(8):
            value = value >> 1 ^ 0xE0 if value & 1 else value >> 1
        table[at] = value
    return table
