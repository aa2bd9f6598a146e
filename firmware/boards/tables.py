"""The boards that are nothing but pins: name -> (family, what its Board has beside that one's); let go afterwards.

Where the pins come from stands above each; base.py says what a board has. Those of the RP2040 and RP2350 stand here,
those of ESP32 in tables_esp32.py.
"""

# UART0 on GP0 and GP1 and the modem's power on GP14, as the examples for the Pico modem boards of this form (SIM868,
# SIM7080G) have it; boards differ, the print on yours decides (board.json). UART1 on GP4 and GP5: RP2040 data sheet,
# table of functions.
_PICO = {
    "wiring": ({"uart": 1, "tx": 4, "rx": 5, "de": 6},),
    "modem": {"uart": 0, "tx": 0, "rx": 1, "power_key": 14},
}
BOARDS = {
    # Raspberry Pi Pico W, Pico 2 W with a Pico-SIM7600 style modem board plugged under it. The LED hangs on the radio
    # chip. The multiplexer's code and buffers beside a session with a meter are more than the heap of a Pico W holds;
    # its flash is small, too.
    "pico_w": ("rp2", dict(_PICO, led_pin="LED", defaults={"uplink.cmux": False, "audit.size": 8})),
    "pico2_w": ("rp2", dict(_PICO, led_pin="LED", firmware="RPI_PICO2_W")),
    # Any RP2040 or RP2350 board, a plain Pico for one, whose usual build has no network: it reads and keeps, and says
    # in one sentence which build it needs.
    "generic_rp2": (
        "rp2",
        dict(_PICO, firmware="your board, made with MICROPY_PY_LWIP=1 and MICROPY_PY_NETWORK_PPP_LWIP=1, or a Pico W"),
    ),
}
try:
    from firmware.boards import tables_esp32

    BOARDS.update(tables_esp32.BOARDS)
except ImportError:
    pass  # the base version (tools/pack.py)
