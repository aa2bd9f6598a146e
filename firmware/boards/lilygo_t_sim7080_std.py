"""LilyGO T-SIM7080G-S3-Standard (ESP32-S3, SIM7080G; no power management chip).

Pins: docs/en/esp32s3/sim7080-s3-standard/README.MD of the vendor's LilyGo-Modem-Series repository.
The camera's pins are free without a camera; three of them are the meter's.
"""

from firmware.boards import esp32


class Board(esp32.Board):
    name = "lilygo_t_sim7080_std"
    firmware = "ESP32_GENERIC_S3"
    wiring = ({"uart": 2, "tx": 16, "rx": 15, "de": 21},)
    modem = {
        "uart": 1,
        "tx": 4,
        "rx": 5,
        "power_key": 46,
        "high": (42,),  # Power Save Mode: high is full power, which sending needs
    }
