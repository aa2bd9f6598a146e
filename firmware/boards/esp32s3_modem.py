"""An ESP32-S3 development board with a modem module wired to it.

Pins: free to choose on the S3 (any signal on any pin, ESP32-S3 data sheet, "IO MUX and GPIO
matrix"). Avoided: 0, 3, 45, 46 (strapping), 19, 20 (USB), 26 to 37 (flash and PSRAM).
"""

from firmware.boards import esp32


class Board(esp32.Board):
    name = "esp32s3_modem"
    firmware = "ESP32_GENERIC_S3"
    wiring = ({"uart": 2, "tx": 4, "rx": 5, "de": 6},)
    # Most modules' PWRKEY is pressed through a transistor: high at the pin pulls the key low.
    modem = {"uart": 1, "tx": 17, "rx": 18, "power_key": 16, "reset": 15}
