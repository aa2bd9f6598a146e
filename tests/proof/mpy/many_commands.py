# Runs on MicroPython: argv = folder of the flash, count. The app takes so many SETPARAMs and as many GETPARAMs at its
# console, of every setting in turn that may change: to another value, and back. Then REBOOT in a heap of which the
# rest is too little for the code of any command. Prints JSON: bytes of heap in use after the first hundred of each and
# after the last, how many answers were ERROR, the reason of the restart.
import gc
import json
import sys

from rig import Ballast, Board, Reset, Uart, asyncio, skip, use

ROOT, COUNT = sys.argv[1], int(sys.argv[2])
REST = 3000
OURS = "AT^MTXTUNNEL="
# What would take the commands away, or the way they come.
LEFT = ("console.commands", "device.password", "device.separator", "limit.commands", "iec102.trace")

NUMBERS = {"meter": range(8), "port": range(1, 3)}


class Loop:
    def wait_io_event(self, ms):
        skip(ms)


class Typed(Uart):
    """The console's line: what is typed, and what came for it."""

    def __init__(self, board):
        super().__init__(board, "console")
        self.typing = b""
        self.heard = b""

    def any(self):
        return len(self.typing)

    def readinto(self, buf, count):
        buf[:count] = self.typing[:count]
        self.typing = self.typing[count:]
        return count

    def write(self, data):
        self.heard += bytes(data)
        return len(data)

    async def ask(self, line):
        self.heard = b""
        self.typing = line.encode() + b"\r"
        while not self.heard.endswith((b"OK\r\n", b"ERROR\r\n")):
            await asyncio.sleep_ms(50)
        return self.heard


class Console(Board):
    def console(self):
        from firmware.core.serial_port import SerialPort

        self.typed = Typed(self)
        return SerialPort(self.typed, 115200)


def values():
    """[(name, another value than the default, the default)] of the settings, as text."""
    from firmware.config import settings

    found = []
    for name, _, kind, limits, default, needs in (row[:6] for row in settings.rows()):
        if name in LEFT or needs in ("link", "way"):
            continue
        other = {"int": limits.split(",")[0], "bool": "off" if default == "on" else "on"}.get(kind)
        if kind == "choice":
            other = [word for word in limits.split(",") if word != default][0]
        if kind in ("str", "secret", "word", "topic", "list"):
            other = "x" * min(24, int(limits))
        if other and other != default:
            group, _, field = name.partition(".")
            names = ["%s.%d.%s" % (group, number, field) for number in NUMBERS.get(group, ())] or [name]
            found += [(name, other, default) for name in names]
    return found


ballast = Ballast()
found = {"errors": 0}


async def main():
    from firmware.app import main as app

    board = Console(ROOT, {"limit.commands": 6000, "console.echo": False})
    device = asyncio.create_task(app.run(board))
    await asyncio.sleep_ms(1000)
    ask = board.typed.ask
    every = values()
    found["settings"] = len(every)
    number = 0
    while number < COUNT:
        for name, other, default in every:
            for value in (other, default):
                answer = await ask("%sSETPARAM,%s,%s" % (OURS, name, value))
                found["errors"] += not answer.endswith(b"OK\r\n")
                answer = await ask("%sGETPARAM,%s" % (OURS, name))
                found["errors"] += not answer.endswith(b"OK\r\n")
                number += 1
                if number == 100 or number == COUNT:
                    gc.collect()
                    found["first" if number == 100 else "last"] = gc.mem_alloc()
            if number >= COUNT:
                break
    print(json.dumps(found))
    ballast.fill(REST)
    board.typed.typing = (OURS + "REBOOT\r").encode()
    await asyncio.sleep_ms(120000)
    raise device.data if device.done() else RuntimeError("no restart")


use(Loop())
try:
    asyncio.run(main())
except Reset as reset:
    ballast.empty()
    print(json.dumps(dict(found, restart=str(reset))))
