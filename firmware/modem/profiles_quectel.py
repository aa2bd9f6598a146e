"""Quectel models; see profiles.py for the keys. Sources are named where they are used."""


def get(name):
    # Quectel EC2x&EG9x&EG2x-G&EM05 Series AT Commands Manual, QCFG AT Commands Manual
    # (nwscanmode), TCP/IP Application
    # Note (QICSGP); EC25 and EG91 Hardware Design: on 500 ms, off 650 ms, RESET_N 150 to 460 ms,
    # UART after 12 s.
    profile = {
        "on_ms": 600,
        "off_ms": 800,
        "down_ms": 30000,
        "reset_ms": 300,
        "boot_ms": 25000,
        "init": ('AT+QURCCFG="urcport","uart1"',),
        "iccid": "AT+QCCID",
        # 1 would keep CCLK in UTC although it prints the zone; 3 makes it local time, as 27.007
        # has it.
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
    # BG95 Series Hardware Design V1.2, as BG77: off 650 to 1500 ms, RESET_N 2 to 3.8 s (read); on
    # 500 to 1000 ms.
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
