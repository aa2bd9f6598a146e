"""u-blox models; see profiles.py for the keys. Sources are named where they are used."""


def get(name):
    # SARA-R4 Series AT Commands Manual UBX-17003787 (URAT 7 Cat M1, 8 NB1, 9 2G; UAUTHREQ);
    # SARA-R4 Series Data Sheet:
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
    # LARA-R6 Series AT Commands Manual and System Integration Manual; URAT values 3 LTE, 2 3G, 0
    # 2G, and that CMUX frames
    # of 127 bytes arrive with a bad FCS while the default 31 is right: Zephyr,
    # drivers/modem/modem_cellular.c (read).
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
