"""What all ESP32 boards share: watchdog, reset causes, the modem's UART."""

import machine

from firmware.boards import common
from firmware.port import const

# Longer than the worst look-up of a name (lwIP asks four times), far shorter than a person's
# patience.
_WATCHDOG_MS = const(60000)
_HOLD_MS = const(24 * 3600 * 1000)


class Board(common.Board):
    firmware = "ESP32_GENERIC"
    causes = (
        ("PWRON_RESET", "power on"),  # a brown-out looks the same
        ("WDT_RESET", "watchdog"),
        ("HARD_RESET", "restart"),
        ("DEEPSLEEP_RESET", "deep sleep"),
        ("SOFT_RESET", "soft restart"),
    )
    # A gap of 1 ms ends a read. With less than one character's time the chip interrupts for every
    # byte.
    modem_uart = {"timeout_char": 1}
    _watchdog = None

    def feed(self):
        if self._watchdog is None:
            self._watchdog = machine.WDT(timeout=_WATCHDOG_MS)
        self._watchdog.feed()
        self.blink()

    def hold(self):
        """A watchdog made anew takes the new time; it cannot be stopped."""
        if self._watchdog is not None:
            self._watchdog = machine.WDT(timeout=_HOLD_MS)
        return self._watchdog
