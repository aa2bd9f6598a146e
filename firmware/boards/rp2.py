"""What all RP2040 and RP2350 boards share:
watchdog, reset causes, no network without the right build.
"""

import machine

from firmware.boards import base
from firmware.core.compat import ticks_diff, ticks_ms

# The chip's own limit is 8388 ms. A name look-up may take longer than that in one call, so a timer
# feeds the chip in between - as long as the app has fed it within the last half minute.
_WATCHDOG_MS = const(8000)
_TIMER_MS = const(2000)
_PATIENCE_MS = const(30000)
_POLL_MS = const(10)


class Board(base.Board):
    firmware = "RPI_PICO_W"
    causes = (
        ("PWRON_RESET", "power on"),
        ("WDT_RESET", "watchdog or restart"),  # the chip cannot tell machine.reset() from it
    )
    # Made at least a character's time at each init(), and never less again by itself.
    modem_uart = {"timeout_char": 1}

    def __init__(self):
        super().__init__()
        self._watchdog = None
        self._fed = ticks_ms()
        self._held = False

    def feed(self):
        self._fed = ticks_ms()
        if self._watchdog is None:
            self._watchdog = machine.WDT(timeout=_WATCHDOG_MS)
            self._timer = self._start_timer()
        self._watchdog.feed()
        self.blink()

    def meanwhile(self, step):
        """Callbacks of timers run while the interpreter waits in getaddrinfo()."""
        kind = machine.Timer
        return kind(-1, period=_POLL_MS, mode=kind.PERIODIC, callback=lambda _: step()).deinit

    def _start_timer(self):
        """Hard where the port can: a callback that waits for the interpreter would not come
        through."""
        kind = machine.Timer
        options = {"period": _TIMER_MS, "mode": kind.PERIODIC, "callback": self._on_timer}
        try:
            return kind(-1, hard=True, **options)
        except TypeError:
            return kind(-1, **options)

    def _on_timer(self, _timer):
        # In an interrupt: nothing here may allocate.
        if self._held or ticks_diff(ticks_ms(), self._fed) < _PATIENCE_MS:
            self._watchdog.feed()

    def hold(self):
        """The timer goes on for as long as the board is at the REPL."""
        self._held = True
        return self
