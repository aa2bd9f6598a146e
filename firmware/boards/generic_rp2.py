"""Any RP2040 or RP2350 board, a plain Pico for one; board.json on the flash says other pins.

A plain Pico's usual build has no network: it reads and keeps, and says in one sentence which build
it needs. Pins: RP2040 data sheet, table of functions.
"""

from firmware.boards import rp2


class Board(rp2.Board):
    name = "generic_rp2"
    firmware = (
        "your board, made with MICROPY_PY_LWIP=1 and MICROPY_PY_NETWORK_PPP_LWIP=1, or a Pico W"
    )
    wiring = ({"uart": 1, "tx": 4, "rx": 5, "de": 6},)
    modem = {"uart": 0, "tx": 0, "rx": 1, "power_key": 14}
