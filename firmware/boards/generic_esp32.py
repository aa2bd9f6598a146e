"""Any ESP32 board with an external modem, or with WiFi only; board.json on the flash says other
pins.

Pins: UART 1 and 2 may lie on any pin (MicroPython, ESP32 quick reference). Avoided: 6 to 11
(flash), 16 and 17 (PSRAM of WROVER modules), 0, 2, 12, 15 (strapping), 34 and above (input only).
"""

from firmware.boards import esp32


class Board(esp32.Board):
    name = "generic_esp32"
    wiring = ({"uart": 2, "tx": 22, "rx": 21, "de": 19},)
    modem = {"uart": 1, "tx": 27, "rx": 26, "power_key": 4}
