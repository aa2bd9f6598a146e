"""The rows of tables.py for boards with an ESP32. Not in the base version.

Pins of an ESP32 that are avoided: 6 to 11 (flash), 16 and 17 (PSRAM of WROVER modules), 0, 2, 12, 15 (strapping), 34
and above (input only). Of an S3: 0, 3, 45, 46 (strapping), 19, 20 (USB), 26 to 37 (flash and PSRAM).
"""

# On an ESP32 UART 1 and 2 may lie on any pin (MicroPython, ESP32 quick reference). 21 and 22 are the free pins of the
# vendor's tables; 19 is on the header and used by nothing.
_ESP32 = {
    "wiring": ({"uart": 2, "tx": 22, "rx": 21, "de": 19},),
    "modem": {"uart": 1, "tx": 27, "rx": 26, "power_key": 4},
}
_LED = {"led_pin": 12, "led_low": True}

BOARDS = {
    # Any ESP32 board with an external modem, or with WiFi only; board.json on the flash says other pins.
    "generic_esp32": ("esp32", _ESP32),
    # LilyGO T-SIM7000G (ESP32-WROVER-E, 4 MB flash, SIM7000G on board): docs/en/esp32/sim7000-esp32/README.MD of the
    # vendor's LilyGo-Modem-Series repository. RING, reset and DCD of the modem are not connected on this board.
    "lilygo_t_sim7000": ("esp32", dict(_ESP32, **_LED)),
    # LilyGO T-SIM7600 (ESP32-WROVER-E, 4 MB flash, SIM7600 on board): docs/en/esp32/sim7600-esp32/README.MD of that
    # repository. The DIP switch must join modem and ESP32: P1 and P2 ON, P4 OFF. 25 is Flight: low takes the modem off
    # the network.
    "lilygo_t_sim7600": ("esp32", dict(_ESP32, modem=dict(_ESP32["modem"], high=(25,)), **_LED)),
    # LilyGO T-A7670 (ESP32-WROVER-E, 4 MB flash, A7670 or A7672 on board): libraries/utilities.py of the vendor's
    # LilyGo-Modem-Series-MicroPython repository (the modem's TX and RX are named as the ESP32 sees them). Unlike the
    # T-SIM7600, 26 sends and 27 receives. 12 is POWERON: the modem's supply. The board's only LED hangs on it, too.
    "lilygo_t_a7670": (
        "esp32",
        dict(_ESP32, modem={"uart": 1, "tx": 26, "rx": 27, "power_key": 4, "reset": 5, "high": (12,)}),
    ),
    # LilyGO T-SIM7080G-S3-Standard (ESP32-S3, SIM7080G; no power management chip):
    # docs/en/esp32s3/sim7080-s3-standard/README.MD of LilyGo-Modem-Series. The camera's pins are free without a
    # camera; three of them are the meter's. 42 is Power Save Mode: high is full power, which sending needs.
    "lilygo_t_sim7080_std": (
        "esp32",
        {
            "firmware": "ESP32_GENERIC_S3",
            "wiring": ({"uart": 2, "tx": 16, "rx": 15, "de": 21},),
            "modem": {"uart": 1, "tx": 4, "rx": 5, "power_key": 46, "high": (42,)},
        },
    ),
    # An ESP32-S3 development board with a modem module wired to it: any signal may lie on any pin (ESP32-S3 data
    # sheet, "IO MUX and GPIO matrix"). Most modules' PWRKEY is pressed through a transistor: high at the pin pulls the
    # key low.
    "esp32s3_modem": (
        "esp32",
        {
            "firmware": "ESP32_GENERIC_S3",
            "wiring": ({"uart": 2, "tx": 4, "rx": 5, "de": 6},),
            "modem": {"uart": 1, "tx": 17, "rx": 18, "power_key": 16, "reset": 15},
        },
    ),
}
