"""A ModemLink is made, with what stays of it until the next start; loaded for that."""

from firmware.core import overlay

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


def settings(config, baud):
    """Those of link() from ours."""
    get = config.get
    return {
        "apn": get("uplink.apn"),
        "user": get("uplink.user"),
        "password": get("uplink.password"),
        "auth": get("uplink.auth"),
        "pin": get("uplink.pin"),
        "network": get("uplink.network"),
        "model": get("uplink.model"),
        "baud": baud,
        "cmux": get("uplink.cmux"),
        "keep_online_host": get("uplink.ping_host"),
        "keep_online_period": get("uplink.ping_minutes") * 60,
        "sms": {
            "enabled": get("sms.enabled"),
            "reply": get("sms.reply"),
            "all_phones": get("sms.all_phones"),
            "numbers": [number.strip() for number in get("sms.phones").split(",")],
            "alias": _aliases(get("sms.alias")),
            "status": get("sms.status"),
            "status_phone": get("sms.status_phone").partition(",")[0].strip(),
        },
    }


def _aliases(text):
    """{word: AT line} of `WORD>LINE|WORD>LINE`."""
    pairs = [each.partition(">") for each in text.split("|") if ">" in each]
    return {word.strip(): line.strip() for word, _, line in pairs}


def link(uart, ppp_factory, settings, sockets, store, native=False, buffers=None, **wires):
    """A ModemLink.

    `uart`: a UART-like object that never waits (timeout 0). `buffers`: what its init() has to be told besides a speed;
    `txbuf` is made as large as `rxbuf` where it turns out that PPP writes to it itself. `ppp_factory(line)` makes a
    network.PPP; `native`: it takes nothing but the UART, so there is no CMUX. `settings`: a dict with apn, user,
    password, auth (pap, chap, none), pin, network (auto, 4g, 3g, 2g, nbiot, catm), model (auto or a profile), baud,
    cmux, keep_online_host, keep_online_period (s), sms (a dict, see sms.py), timing. `sockets` is the module to use
    while the link is up. `store` has `get(key)` and `set(key, value)` and outlives a restart; its `gate`, where it has
    one, is waited for before set().

    `wires`, each of them a function or None: `power_key(pressed)`, `reset(pressed)`, `dtr(on)`, `dcd() -> carrier`,
    `set_baud(baud)` in place of the UART's init(), `reboot(reason)`, `on_time(utc)`, `execute(line, channel)` and
    `tell() -> (UTC or 0, words about the device)` for SMS. They stay: none may be from a module that does not.
    """
    with overlay.part:
        from firmware.modem import ppp  # noqa: F401  it has its place before all that comes and goes
        from firmware.modem.at import AtChannel
        from firmware.modem.link import ModemLink

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
    with overlay.use("profiles"):
        from firmware.modem import profiles

        found.profile = profiles.get(settings.get("model") or "generic")
    with overlay.use("steps"):
        from firmware.modem import steps

        steps.remember(found)
    found.multiplexer = None
    if settings.get("cmux") and not native:
        # In use for as long as it may be needed: without CMUX neither code nor buffers of it are in memory.
        found.mux_use = overlay.use("mux")
        found.mux_use.__enter__()
        with overlay.use("dial"):
            from firmware.modem import dial

            found.multiplexer = dial.make_mux(uart)
    return found
