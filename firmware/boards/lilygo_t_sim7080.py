"""LilyGO T-SIM7080G-S3 (ESP32-S3, SIM7080G, power management chip AXP2101).

Pins: the vendor's example for this board and the board support in ESP-IDF projects agree on modem
RX 4, TX 5, PWRKEY 41, DTR 42 and the AXP2101 on I2C 15 (SDA), 7 (SCL). The chip's registers:
AXP2101 data sheet, section "Register Map" (0x80, 0x84: DC3; 0x90, 0x96: BLDO1).
"""

import machine

from firmware.boards import esp32
from firmware.core import log

_AXP2101 = const(0x34)
_DC_ON = const(0x80)
_DC3_LEVEL = const(0x84)
_LDO_ON = const(0x90)
_BLDO1_LEVEL = const(0x96)


class Board(esp32.Board):
    name = "lilygo_t_sim7080"
    firmware = "ESP32_GENERIC_S3"
    # 17 and 18 are U1TXD and U1RXD on the header, 16 beside them is free.
    wiring = ({"uart": 2, "tx": 17, "rx": 18, "de": 16},)
    modem = {"uart": 1, "tx": 5, "rx": 4, "power_key": 41}

    def __init__(self):
        super().__init__()
        bus = machine.I2C(0, sda=machine.Pin(15), scl=machine.Pin(7), freq=100000)
        try:
            # The modem's supply, 3.0 V: 1.6 V is step 88, 100 mV each.
            self._set(bus, _DC3_LEVEL, 0x7F, 102)
            self._set(bus, _DC_ON, 0x04, 0x04)
            # The level shifter of its serial line, 3.3 V: 0.5 V is step 0, 100 mV each.
            self._set(bus, _BLDO1_LEVEL, 0x1F, 28)
            self._set(bus, _LDO_ON, 0x10, 0x10)
        except OSError as error:
            log.error("board", "no answer from the AXP2101 (%s): the modem has no power", error)

    @staticmethod
    def _set(bus, register, mask, value):
        """Change the bits of `mask`; the others carry the supplies of chip and memory."""
        old = bus.readfrom_mem(_AXP2101, register, 1)[0]
        bus.writeto_mem(_AXP2101, register, bytes((old & ~mask & 0xFF | value,)))
