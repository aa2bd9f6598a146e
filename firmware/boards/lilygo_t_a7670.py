"""LilyGO T-A7670 (ESP32-WROVER-E, 4 MB flash, A7670 or A7672 on board).

Pins: libraries/utilities.py of the vendor's LilyGo-Modem-Series-MicroPython repository (the
modem's TX and RX are named as the ESP32 sees them). Unlike the T-SIM7600, 26 sends and 27
receives.
"""

from firmware.boards import esp32


class Board(esp32.Board):
    name = "lilygo_t_a7670"
    wiring = ({"uart": 2, "tx": 22, "rx": 21, "de": 19},)
    modem = {
        "uart": 1,
        "tx": 26,
        "rx": 27,
        "power_key": 4,
        "reset": 5,
        "high": (12,),  # POWERON: the modem's supply. The board's only LED hangs on it, too.
    }
