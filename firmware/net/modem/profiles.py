"""What distinguishes modem models, as data: a function for each maker. Loaded for the bring-up, then let go.

Keys of a profile; the generic value is right for a modem that keeps to 3GPP TS 27.007:

- `on_ms`, `off_ms`: how long the power key is pressed to switch on and off,
- `reset_ms`: the reset pulse, 0 where there is no such pin,
- `boot_ms`: from switch-on to the first answer, at most,
- `down_ms`: from the off press to really off,
- `init`: commands after ATE0 (a refusal is no failure), `iccid`: asks for the SIM's number,
- `reg`: registration commands that exist, `modes`: `network` setting -> commands,
- `auth`: how APN credentials are set, with {apn} {user} {password} {kind} (1 PAP, 2 CHAP), or None: by PPP alone,
- `clock`: lets the network set the modem's clock, `n1`: longest CMUX frame to ask for,
- `restart`: the command that restarts the modem.

Figures marked "read" were looked up in the document named; the others are the usual ones of the family and must be
compared with the data sheet of the module in hand.
"""

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

# What AT+CGMM answers has in it, profile, its maker. The longer ones come first.
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
            profile.update(_MAKERS[maker](name))
            profile["name"] = name
            break
    return profile


def detect(model):
    """The name of the profile for what AT+CGMM answered."""
    model = model.upper()
    for beginning, name, _ in _models():
        if beginning in model:  # the maker may stand before it
            return name
    return "generic"


def _simcom(name):
    return _simcom_4g(name) if name in ("sim7600", "a7670") else _simcom_lpwa(name)


def _simcom_4g(name):
    # SIM7500_SIM7600 Series AT Command Manual (CNMP, CGAUTH, CICCID); SIM7600 Series Hardware Design: on 500 ms (100
    # at least), off 2.5 s, reset 100 to 500 ms, UART after 11 to 13 s.
    modes = {
        "auto": ("AT+CNMP=2",),
        "4g": ("AT+CNMP=38",),
        "3g": ("AT+CNMP=14",),
        "2g": ("AT+CNMP=13",),
    }
    if name == "sim7600":
        return {
            "on_ms": 500,
            "off_ms": 2600,
            "down_ms": 26000,
            "reset_ms": 300,
            "boot_ms": 25000,
            "iccid": "AT+CICCID",
            "modes": modes,
        }
    # A7600 Series AT Command Manual; A7670 Series Hardware Design: on 50 ms, off 2.5 s, reset 2 to 2.5 s. No 3G.
    del modes["3g"]
    return {
        "on_ms": 500,
        "off_ms": 2600,
        "down_ms": 5000,
        "reset_ms": 2200,
        "boot_ms": 20000,
        "iccid": "AT+CICCID",
        "modes": modes,
        # On this family CGAUTH takes the user before the password.
        "auth": 'AT+CGAUTH=1,{kind},"{user}","{password}"',
    }


def _simcom_lpwa(name):
    # SIM7000 Series AT Command Manual (CNMP, CMNB); SIM7000 Hardware Design V1.04 3.3: on 1 s, off 1.2 s and 1.8 to
    # 6.9 s until off (read). SIM7070_SIM7080_SIM7090 Series AT Command Manual and Hardware Design: on 1 s, off 1.2 s.
    both = ("AT+CNMP=2", "AT+CMNB=3")
    modes = {
        "auto": both,
        "4g": ("AT+CNMP=38", "AT+CMNB=3"),
        "catm": ("AT+CNMP=38", "AT+CMNB=1"),
        "nbiot": ("AT+CNMP=38", "AT+CMNB=2"),
    }
    if name == "sim7000":
        modes["2g"] = ("AT+CNMP=13",)
    return {
        "on_ms": 1200,
        "off_ms": 1500,
        "down_ms": 8000,
        # SIM7080 has no reset pin: a press of over 12.6 s restarts it; the power cycle does that job.
        "reset_ms": 300 if name == "sim7000" else 0,
        "boot_ms": 15000,
        "init": ("AT+CSCLK=0",),
        "reg": ("+CREG", "+CGREG", "+CEREG") if name == "sim7000" else ("+CREG", "+CEREG"),
        "modes": modes,
        "auth": None,
    }


def _quectel(name):
    # Quectel EC2x&EG9x&EG2x-G&EM05 Series AT Commands Manual, QCFG AT Commands Manual (nwscanmode), TCP/IP Application
    # Note (QICSGP); EC25 and EG91 Hardware Design: on 500 ms, off 650 ms, RESET_N 150 to 460 ms, UART after 12 s.
    profile = {
        "on_ms": 600,
        "off_ms": 800,
        "down_ms": 30000,
        "reset_ms": 300,
        "boot_ms": 25000,
        "init": ('AT+QURCCFG="urcport","uart1"',),
        "iccid": "AT+QCCID",
        # 1 would keep CCLK in UTC although it prints the zone; 3 makes it local time, as 27.007 has it.
        "clock": "AT+CTZU=3",
        "modes": {
            "auto": ('AT+QCFG="nwscanmode",0,1',),
            "4g": ('AT+QCFG="nwscanmode",3,1',),
            "3g": ('AT+QCFG="nwscanmode",2,1',),
            "2g": ('AT+QCFG="nwscanmode",1,1',),
        },
        "auth": 'AT+QICSGP=1,1,"{apn}","{user}","{password}",{kind}',
    }
    if name != "bg95":
        return profile
    # BG95 Series Hardware Design V1.2, as BG77: off 650 to 1500 ms, RESET_N 2 to 3.8 s (read); on 500 to 1000 ms.
    profile["down_ms"] = 5000
    profile["reset_ms"] = 2500
    profile["boot_ms"] = 15000
    profile["init"] = ("AT+QSCLK=0",)
    scan = 'AT+QCFG="nwscanmode",%d,1'
    lte = 'AT+QCFG="iotopmode",%d,1'
    profile["modes"] = {
        "auto": (scan % 0, lte % 2),
        "4g": (scan % 3, lte % 2),
        "catm": (scan % 3, lte % 0),
        "nbiot": (scan % 3, lte % 1),
        "2g": (scan % 1,),
    }
    return profile


def _ublox(name):
    # SARA-R4 Series AT Commands Manual UBX-17003787 (URAT 7 Cat M1, 8 NB1, 9 2G; UAUTHREQ); SARA-R4 Series Data Sheet:
    # PWR_ON low 0.15 to 3.2 s on, 1.5 s off; RESET_N low for at least 10 s.
    if name == "sara-r4":
        return {
            "on_ms": 1000,
            "off_ms": 1800,
            "down_ms": 10000,
            "reset_ms": 10500,
            "boot_ms": 15000,
            "init": ("AT+CPSMS=0",),
            "reg": ("+CREG", "+CEREG"),
            "modes": {
                "auto": ("AT+COPS=2", "AT+URAT=7,8", "AT+COPS=0"),
                "4g": ("AT+COPS=2", "AT+URAT=7,8", "AT+COPS=0"),
                "catm": ("AT+COPS=2", "AT+URAT=7", "AT+COPS=0"),
                "nbiot": ("AT+COPS=2", "AT+URAT=8", "AT+COPS=0"),
                "2g": ("AT+COPS=2", "AT+URAT=9", "AT+COPS=0"),
            },
            "auth": 'AT+UAUTHREQ=1,{kind},"{password}","{user}"',
            "restart": "AT+CFUN=15",
        }
    # LARA-R6 Series AT Commands Manual and System Integration Manual; URAT values 3 LTE, 2 3G, 0 2G, and that CMUX
    # frames of 127 bytes arrive with a bad FCS while the default 31 is right: Zephyr, drivers/modem/modem_cellular.c
    # (read).
    return {
        "on_ms": 1000,
        "off_ms": 1800,
        "down_ms": 10000,
        "reset_ms": 100,
        "boot_ms": 20000,
        "init": ("AT+ULWM2M=1",),
        "n1": 31,
        "modes": {
            "auto": ("AT+COPS=2", "AT+URAT=3,2,0", "AT+COPS=0"),
            "4g": ("AT+COPS=2", "AT+URAT=3", "AT+COPS=0"),
            "3g": ("AT+COPS=2", "AT+URAT=2", "AT+COPS=0"),
            "2g": ("AT+COPS=2", "AT+URAT=0", "AT+COPS=0"),
        },
        "auth": 'AT+UAUTHREQ=1,{kind},"{user}","{password}"',
        "restart": "AT+CFUN=16",
    }


_MAKERS = {"simcom": _simcom, "quectel": _quectel, "ublox": _ublox}
