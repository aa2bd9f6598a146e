"""LilyGO T-SIM7000G (ESP32-WROVER-E, 4 MB flash, SIM7000G on board).

Pins: docs/en/esp32/sim7000-esp32/README.MD of the vendor's LilyGo-Modem-Series repository. RING,
reset and DCD of the modem are not connected on this board.
"""

from firmware.boards import esp32


class Board(esp32.Board):
    name = "lilygo_t_sim7000"
    wiring = ({"uart": 2, "tx": 22, "rx": 21, "de": 19},)
    modem = {"uart": 1, "tx": 27, "rx": 26, "power_key": 4}
    led_pin = 12
    led_low = True
