"""What all ESP32 boards share: watchdog, reset causes, the modem's UART."""

import _thread
import time

import machine

from firmware.boards import base

# Longer than the worst look-up of a name (lwIP asks four times), far shorter than a person's
# patience.
_WATCHDOG_MS = const(60000)
_HOLD_MS = const(24 * 3600 * 1000)
_POLL_S = 0.01


class Board(base.Board):
    firmware = "ESP32_GENERIC"
    causes = (
        ("PWRON_RESET", "power on"),  # a brown-out looks the same
        ("WDT_RESET", "watchdog"),
        ("HARD_RESET", "restart"),
        ("DEEPSLEEP_RESET", "deep sleep"),
        ("SOFT_RESET", "soft restart"),
    )
    # With less than one character's time the chip interrupts for every byte, and goes on so: at 9600 baud, where a
    # modem is looked for, that is 2 ms (ports/esp32/machine_uart.c).
    modem_uart = {"timeout_char": 2}
    modem_native = True
    _watchdog = None

    def meanwhile(self, step):
        """While the interpreter waits in getaddrinfo() another thread has it."""
        going = [True]

        def run():
            while going:
                step()
                time.sleep(_POLL_S)

        _thread.start_new_thread(run, ())
        return going.clear

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
