"""SIMCom models; see profiles.py for the keys. Sources are named where they are used."""


def get(name):
    return _simcom_4g(name) if name in ("sim7600", "a7670") else _simcom_lpwa(name)


def _simcom_4g(name):
    # SIM7500_SIM7600 Series AT Command Manual (CNMP, CGAUTH, CICCID); SIM7600 Series Hardware
    # Design: on 500 ms
    # (100 at least), off 2.5 s, reset 100 to 500 ms, UART after 11 to 13 s.
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
    # A7600 Series AT Command Manual; A7670 Series Hardware Design: on 50 ms, off 2.5 s, reset 2 to
    # 2.5 s. No 3G.
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
    # SIM7000 Series AT Command Manual (CNMP, CMNB); SIM7000 Hardware Design V1.04 3.3: on 1 s, off
    # 1.2 s and 1.8 to
    # 6.9 s until off (read). SIM7070_SIM7080_SIM7090 Series AT Command Manual and Hardware Design:
    # on 1 s, off 1.2 s.
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
        # SIM7080 has no reset pin: a press of over 12.6 s restarts it; the power cycle does that
        # job.
        "reset_ms": 300 if name == "sim7000" else 0,
        "boot_ms": 15000,
        "init": ("AT+CSCLK=0",),
        "reg": ("+CREG", "+CGREG", "+CEREG") if name == "sim7000" else ("+CREG", "+CEREG"),
        "modes": modes,
        "auth": None,
    }
