"""Raspberry Pi Pico W with a Pico-SIM7600 style modem board plugged under it.

Pins: UART0 on GP0 and GP1 and the modem's power on GP14, as the examples for the Pico modem boards
of this form (SIM868, SIM7080G) have it; boards differ, the print on yours decides (board.json).
UART1 on GP4 and GP5: RP2040 data sheet, table of functions.
"""

from firmware.boards import rp2


class Board(rp2.Board):
    name = "pico_w"
    wiring = ({"uart": 1, "tx": 4, "rx": 5, "de": 6},)
    modem = {"uart": 0, "tx": 0, "rx": 1, "power_key": 14}
    # The multiplexer's code and buffers beside a session with a meter are more than the heap of this one holds.
    defaults = {"uplink.cmux": False}
    led_pin = "LED"  # hangs on the radio chip
