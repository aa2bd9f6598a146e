"""LilyGO T-SIM7600 (ESP32-WROVER-E, 4 MB flash, SIM7600 on board).

Pins: docs/en/esp32/sim7600-esp32/README.MD of the vendor's LilyGo-Modem-Series repository. The DIP
switch must join modem and ESP32: P1 and P2 ON, P4 OFF.
"""

from firmware.boards import esp32


class Board(esp32.Board):
    name = "lilygo_t_sim7600"
    # 21 and 22 are the free pins of the vendor's table; 19 is on the header and used by nothing.
    # 16 and 17 belong to the WROVER's PSRAM, 34 and above can only listen.
    wiring = ({"uart": 2, "tx": 22, "rx": 21, "de": 19},)
    modem = {
        "uart": 1,
        "tx": 27,
        "rx": 26,
        "power_key": 4,
        "high": (25,),  # Flight: low takes the modem off the network
    }
    led_pin = 12
    led_low = True
