"""What distinguishes the simulated models: names, boot messages, pins, vendor commands.

`on_s` / `off_s`: how long the power key must be held (a shorter press is ignored, as by the real
ones); `boot_s`: from the press to the first answer; `boot`: what it prints then; `vendor`: the
vendor commands it knows; `ccid`: how it names the SIM's number; `reg`: registration commands it
knows; `n1`: longest CMUX frame it sends. Figures: the hardware design documents named in
firmware/net/modem/profiles.py.
"""

_SIMCOM = {"maker": "SIMCOM INCORPORATED", "off": "+CPOF", "n1": 1500}
_QUECTEL = {"maker": "Quectel", "off": "+QPOWD", "ccid": "+QCCID", "n1": 127}
_UBLOX = {"maker": "u-blox", "off": "+CPWROFF", "ccid": "+CCID", "n1": 31}
_ALL = ("+CREG", "+CGREG", "+CEREG")

PROFILES = {
    "generic": {
        "maker": "ACME",
        "model": "GENERIC LTE",
        "boot": (),
        "on_s": 0.5,
        "off_s": 1.0,
        "boot_s": 4,
        "vendor": ("+CGAUTH",),
        "ccid": "+CCID",
        "off": "+CPWROFF",
        "reg": _ALL,
        "n1": 127,
    },
    "sim7600": {
        **_SIMCOM,
        "model": "SIMCOM_SIM7600E-H",
        "boot": ("RDY", "+CPIN: READY", "SMS DONE", "PB DONE"),
        "on_s": 0.1,
        "off_s": 2.5,
        "boot_s": 11,
        "vendor": ("+CNMP", "+CGAUTH", "+CPSI", "+CICCID"),
        "ccid": "+CICCID",
        "reg": _ALL,
    },
    "a7670": {
        **_SIMCOM,
        "model": "A7670E-FASE",
        "boot": ("*ATREADY: 1", "+CPIN: READY", "SMS DONE", "PB DONE"),
        "on_s": 0.05,
        "off_s": 2.5,
        "boot_s": 8,
        "vendor": ("+CNMP", "+CGAUTH", "+CPSI", "+CICCID"),
        "ccid": "+CICCID",
        "reg": _ALL,
    },
    "sim7000": {
        **_SIMCOM,
        "model": "SIMCOM_SIM7000E",
        "boot": ("RDY", "+CFUN: 1", "+CPIN: READY", "SMS Ready"),
        "on_s": 1.0,
        "off_s": 1.2,
        "boot_s": 4.5,
        "vendor": ("+CNMP", "+CMNB", "+CPSI"),
        "ccid": "+CCID",
        "off": "+CPOWD",
        "reg": _ALL,
    },
    "sim7080": {
        **_SIMCOM,
        "model": "SIMCOM_SIM7080G",
        "boot": ("RDY", "+CFUN: 1", "+CPIN: READY", "SMS Ready"),
        "on_s": 1.0,
        "off_s": 1.2,
        "boot_s": 2.5,
        "vendor": ("+CNMP", "+CMNB", "+CPSI"),
        "ccid": "+CCID",
        "off": "+CPOWD",
        "reg": ("+CREG", "+CEREG"),
    },
    "ec21": {
        **_QUECTEL,
        "model": "EC21",
        "boot": ("RDY", "+CFUN: 1", "+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE"),
        "on_s": 0.5,
        "off_s": 0.65,
        "boot_s": 12,
        "vendor": ("+QCFG", "+QICSGP", "+QNWINFO", "+QURCCFG", "+QSCLK"),
        "reg": _ALL,
    },
    "ec25": {
        **_QUECTEL,
        "model": "EC25",
        "boot": ("RDY", "+CFUN: 1", "+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE"),
        "on_s": 0.5,
        "off_s": 0.65,
        "boot_s": 12,
        "vendor": ("+QCFG", "+QICSGP", "+QNWINFO", "+QURCCFG", "+QSCLK"),
        "reg": _ALL,
    },
    "eg91": {
        **_QUECTEL,
        "model": "EG91",
        "boot": ("RDY", "+CFUN: 1", "+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE"),
        "on_s": 0.5,
        "off_s": 0.65,
        "boot_s": 10,
        "vendor": ("+QCFG", "+QICSGP", "+QNWINFO", "+QURCCFG", "+QSCLK"),
        "reg": _ALL,
    },
    "bg95": {
        **_QUECTEL,
        "model": "BG95-M3",
        "boot": ("RDY", "APP RDY", "+CPIN: READY"),
        "on_s": 0.5,
        "off_s": 0.65,
        "boot_s": 2.5,
        "vendor": ("+QCFG", "+QICSGP", "+QNWINFO", "+QURCCFG", "+QSCLK"),
        "reg": _ALL,
    },
    "sara-r4": {
        **_UBLOX,
        "model": "SARA-R410M-02B",
        "boot": (),
        "on_s": 0.15,
        "off_s": 1.5,
        "boot_s": 4.5,
        "vendor": ("+URAT", "+UAUTHREQ"),
        "reg": ("+CREG", "+CEREG"),
    },
    "lara-r6": {
        **_UBLOX,
        "model": "LARA-R6001",
        "boot": ("+PACSP1",),
        "on_s": 0.15,
        "off_s": 1.5,
        "boot_s": 6,
        "vendor": ("+URAT", "+UAUTHREQ"),
        "reg": _ALL,
    },
}
