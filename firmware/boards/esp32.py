"""What all ESP32 boards share: watchdog, reset causes, the modem's UART."""

import _thread
import time

import machine

from firmware.boards import common
from firmware.port import const

# Longer than the worst look-up of a name (lwIP asks four times), far shorter than a person's
# patience.
_WATCHDOG_MS = const(60000)
_HOLD_MS = const(24 * 3600 * 1000)
_POLL_S = 0.01


class Sockets:
    """The module `sockets` for `link`, a ModemLink: PPP's bytes go on moving while a name is looked up.

    getaddrinfo() waits inside lwIP and gives the interpreter's lock away; but it is the interpreter that takes PPP's
    bytes out of the UART, so the answer would never come in (MicroPython's issue 18737). A thread does it meanwhile.
    """

    def __init__(self, link, sockets):
        self._link = link
        self._sockets = sockets
        self._waits = False

    def __getattr__(self, name):
        return getattr(self._sockets, name)

    def getaddrinfo(self, *args):
        session = self._link.session
        if session:
            self._waits = True
            _thread.start_new_thread(self._pump, (session,))
        try:
            return self._sockets.getaddrinfo(*args)
        finally:
            self._waits = False

    def _pump(self, session):
        while self._waits:
            session.poll()
            time.sleep(_POLL_S)


class Board(common.Board):
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
    modem_bare = True
    _watchdog = None

    def _modem_link(self, config, network, socket):
        link = super()._modem_link(config, network, socket)
        if link:
            link.socket = Sockets(link, socket)
        return link

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
