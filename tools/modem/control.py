"""What the outside does to the simulated modem and learns of it: pins, faults, messages, its
state.
"""

import json


def state(modem):
    """What the outside may want to know, for the control line."""
    return {
        "profile": modem.profile_name,
        "powered": modem.powered,
        "ready": bool(modem.powered and modem.booted),
        "boots": modem.boots,
        "dials": modem.dials,
        "mux": bool(modem.mux),
        "dcd": modem.dcd(),
        "registration": modem.registration() if modem.powered else 0,
        "ppp": [p.state_name() for p in modem.peers()],
        "pin_attempts": modem.sim.pin_attempts,
        "sent": modem.sim.sent,
        "settings": modem.settings,
        "faults": dict(modem.faults),
    }


def control(modem, line):
    """One line of the control port; returns the answer's text.

    `power 0|1`, `reset 0|1`, `dtr 0|1`, `baud N`, `fault NAME [VALUE]`, `drop-carrier`,
    `forget-mux`, `restart`, `sms NUMBER TEXT`, `urc TEXT`, `dcd`, `state` (JSON). `lwip` is the
    twin's (host.py).
    """
    word, _, rest = line.strip().partition(" ")
    wires = {"power": modem.power_key, "reset": modem.reset, "dtr": modem.dtr}
    if word in wires:
        wires[word](rest == "1")
    elif word == "baud":
        modem.host_baud = int(rest)
    elif word == "fault":
        name, _, value = rest.partition(" ")
        modem.faults.set(name, value or "1")
    elif word == "drop-carrier":
        modem.carrier_lost()
    elif word == "forget-mux":
        modem.forget_mux()
    elif word == "restart":
        modem._boot()
    elif word == "sms":
        number, _, text = rest.partition(" ")
        modem.sms(number, text)
    elif word == "urc":
        modem.urc(rest)
    elif word == "dcd":
        return "1" if modem.dcd() else "0"
    elif word == "state":
        return json.dumps(state(modem))
    else:
        return "unknown: " + word
    return "ok"
