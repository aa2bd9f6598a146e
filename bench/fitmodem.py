"""Does it fit behind a modem? Heap of the twin that dials the simulated modem, and how much of it are stand-ins.

A quarter of a day in half a minute: one meter, instantaneous values every hour, and commands over MQTT in between.
The stand-ins for network, socket and the pins are no part of a board's heap: PPP and lwIP are C there.
"""

import subprocess
import tempfile
import time
from pathlib import Path

from bench import fit
from bench._rows import at_most, none, row
from tests.host.support.modem_process import QUICK, Simulator
from tests.host.support.twin_lab import Lab
from tools import build, micropython
from tools.lwip import lay
from tools.twin.device import DEVICE

# The class in which a modem and everything else run. Where so much is free no code is let go, it is in the figures;
# what the small class keeps is in bench/_bits32.py.
HEAP = micropython.MIDDLE
_SECONDS, _QUICK_S = 30, 6
_STAND_INS = """
import gc
from firmware.core import log as diag, compat as port, serial_port as serialport
from firmware.boards import twin
gc.collect()
before = gc.mem_alloc()
from firmware.boards import modem_twin
ppp = modem_twin.network.PPP(None), modem_twin.socket.socket()
gc.collect()
print(gc.mem_alloc() - before)
"""


def run(quick=False):
    build.build()
    with tempfile.TemporaryDirectory() as folder:
        modem = Simulator(folder, "--running", "--scale", "0.1", "--profile", "sim7600")
        try:
            started, state, crashes, unanswered = _live(Path(folder), modem, _QUICK_S if quick else _SECONDS)
            stand_ins = _stand_ins(modem)
        finally:
            modem.close()
    heap, turn = int(state["heap_peak"]), int(state["turn_ms"])
    middle = ("heap of the middle class", micropython.size(HEAP))
    return [
        at_most("heap after start, behind a modem", started, "bytes", *middle),
        at_most("peak heap behind a modem, garbage included", heap, "bytes", *middle),
        row("  stand-ins of the twin in it", stand_ins, "bytes"),
        at_most("longest time between two turns", turn, "ms", "limit", fit.TURN_MS, timed=True),
        none("services that crashed, or MemoryErrors", crashes),
        none("commands without an answer", unanswered),
    ]


def _live(folder, modem, seconds):
    """(bytes after the start, GETSTATUS, how many crashes and MemoryErrors were told, commands without an answer)."""
    clock = fit.START.strftime("%Y-%m-%dT%H:%M:%S")
    settings = {"uplink.type": "modem", "uplink.apn": "internet"}
    link = {"pty": modem.pty, "control": modem.control, "timing": QUICK}
    options = {"interval": fit.HOUR, "speed": fit.SPEED, "epoch": int(fit.START.timestamp())}
    meter = ["--baud", fit.BAUD, "--clock", clock, "--clock-speed", fit.SPEED]
    with Lab(folder, meter=meter, settings=settings, heap=HEAP, modem=link, **options) as lab:
        lab.twin.start()
        line = lab.twin.wait_line("bytes of heap in use")
        lab.record(60)
        answers = fit.live(lab, time.monotonic() + seconds)
        state = fit.status(lab)
        print("  behind a modem: %d records, %s" % (len(lab.records), answers), flush=True)
    text = (folder / "firmware.log").read_text()
    crashes = sum(text.count(word) for word in ("Traceback", "MemoryError", "not enough memory"))
    unanswered = answers["asked"] - answers["OK"] - answers["ERROR"]
    return fit.number(r"(\d+) bytes of heap", line), state, crashes, unanswered


def _stand_ins(modem):
    done = subprocess.run(
        micropython.command("-c", _STAND_INS, heap=micropython.HARNESS),
        cwd="/",  # not where the sources are
        env=lay.environment(modem.control, "%s:.frozen" % DEVICE),
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)
