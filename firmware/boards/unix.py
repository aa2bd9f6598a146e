"""MicroPython's unix port dressed as a board by tools/board/unixboard.py: "/" is a real littlefs.

For tests of everything that happens on a board's own flash: deployment, updates, crash loops.
`unix.json` on that flash may say {"ports": [pty numbers], "ident": text, "console": true}; all may be missing.
"""

import json
import time

from firmware.boards import twin
from firmware.core import overlay


class Board(twin.Board):
    name = "unix"
    root = ""
    versions = True
    console_is_repl = True

    def __init__(self):
        try:
            with open("unix.json") as file:
                setup = json.load(file)
        except OSError:
            setup = {}
        self._setup = {"ident": setup.get("ident", "unix-board-0001")}
        self._setup["console"] = setup.get("console")
        self._setup["ports"] = ["/pts/%s" % number for number in setup.get("ports", ())]
        self.ports = len(self._setup["ports"])
        self.rtc = twin.HostRtc(time.time(), 1)
        self.speed = 1
        self.fed = 0

    def reset_cause(self):
        import machine

        names = {machine.PWRON_RESET: "power on", machine.WDT_RESET: "watchdog or reset"}
        return names.get(machine.reset_cause(), "unknown")

    def console(self):
        """The REPL's own line, as on a real board; where it is not looked at the heap is better used otherwise."""
        if not self._setup["console"]:
            return None
        with overlay.part:
            from firmware.boards.base import ReplUart
            from firmware.core.serial_port import SerialPort

        return SerialPort(ReplUart(), 115200)

    def hold(self):
        return self

    def reset(self, reason):
        import machine

        print("unix: restart:", reason)
        machine.reset()
