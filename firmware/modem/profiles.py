"""What distinguishes modem models, as data; the models themselves are in profiles_simcom.py,
profiles_quectel.py and profiles_ublox.py. Loaded for the bring-up, then dropped from memory.

Keys of a profile; the generic value is right for a modem that keeps to 3GPP TS 27.007:

- `on_ms`, `off_ms`: how long the power key is pressed to switch on and off,
- `reset_ms`: the reset pulse, 0 where there is no such pin,
- `boot_ms`: from switch-on to the first answer, at most,
- `down_ms`: from the off press to really off,
- `init`: commands after ATE0 (a refusal is no failure), `iccid`: asks for the SIM's number,
- `reg`: registration commands that exist, `modes`: `network` setting -> commands,
- `auth`: how APN credentials are set, with {apn} {user} {password} {kind} (1 PAP, 2 CHAP), or
None: by PPP alone,
- `clock`: lets the network set the modem's clock, `n1`: longest CMUX frame to ask for,
- `restart`: the command that restarts the modem.

Figures marked "read" were looked up in the document named; the others are the usual ones of the
family and must be compared with the data sheet of the module in hand.
"""

from firmware.core import overlay

GENERIC = {
    "name": "generic",
    "on_ms": 1000,
    "off_ms": 3000,
    "down_ms": 5000,
    "reset_ms": 300,
    "boot_ms": 25000,
    "init": (),
    "iccid": "AT+CCID",
    "reg": ("+CREG", "+CGREG", "+CEREG"),
    "modes": {},
    "auth": 'AT+CGAUTH=1,{kind},"{password}","{user}"',
    "n1": 127,
    "clock": "AT+CTZU=1",
    "restart": "AT+CFUN=1,1",
}

# Beginning of what AT+CGMM answers, profile, the module that has it. The longer beginnings come
# first.
_MODELS = b"""
SIMCOM_SIM7600|sim7600|simcom
SIM7600|sim7600|simcom
SIMCOM_SIM7500|sim7600|simcom
A7670|a7670|simcom
A7608|a7670|simcom
A7672|a7670|simcom
SIMCOM_SIM7000|sim7000|simcom
SIM7000|sim7000|simcom
SIMCOM_SIM70|sim7080|simcom
SIM70|sim7080|simcom
EC21|ec21|quectel
EC25|ec25|quectel
EG91|eg91|quectel
BG95|bg95|quectel
BG77|bg95|quectel
BG96|bg95|quectel
SARA-R4|sara-r4|ublox
LARA-R6|lara-r6|ublox
"""


def _models():
    """(beginning, profile, module) of each line of the table; one at a time, it is no small one."""
    at = 1
    while at < len(_MODELS):
        end = _MODELS.find(b"\n", at)
        yield _MODELS[at:end].decode().split("|")
        at = end + 1


def names():
    """Every profile there is, the generic one first."""
    found = ["generic"]
    for _, name, _ in _models():
        if name not in found:
            found.append(name)
    return found


def get(name):
    """The profile called `name`; an unknown name gives the generic one."""
    profile = dict(GENERIC)
    for _, known, maker in _models():
        if known == name:
            profile.update(_module(maker).get(name))
            profile["name"] = name
            break
    return profile


def _module(maker):
    with overlay.use("profiles"):
        if maker == "simcom":
            from firmware.modem import profiles_simcom as found
        elif maker == "quectel":
            from firmware.modem import profiles_quectel as found
        else:
            from firmware.modem import profiles_ublox as found
        return found


def detect(model):
    """The name of the profile for what AT+CGMM answered."""
    model = model.upper()
    for beginning, name, _ in _models():
        if model.startswith(beginning):
            return name
    return "generic"
