"""Does it fit behind a modem? Heap of the twin that dials the simulated modem, and how much of it are stand-ins.

A quarter of a day in half a minute: one meter, instantaneous values every hour, and commands over MQTT in between.
The stand-ins for network.PPP, its sockets and the pins are no part of a board's heap: PPP and lwIP are C there.
"""

import subprocess
import tempfile
import time
from pathlib import Path

from bench import fit
from tests.host.modem_rig import QUICK, Simulator
from tests.host.twinlab import Lab
from tools import build, micropython
from tools.twin.device import DEVICE

# What tests/host/test_twin_modem.py gives.
HEAP = 256 * fit.KIB
_SECONDS = 30
_STAND_INS = """
import gc
from firmware import diag, port, serialport
from firmware.boards import twin
gc.collect()
before = gc.mem_alloc()
from firmware.boards import modem_twin
sockets = modem_twin.Sockets(1)
modem_twin.PPP(1, None), modem_twin.Socket(None, modem_twin.socket.socket())
gc.collect()
print(gc.mem_alloc() - before)
"""


def run():
    build.build()
    with tempfile.TemporaryDirectory() as folder:
        modem = Simulator(folder, "--running", "--scale", "0.1", "--profile", "sim7600")
        try:
            started, state, crashes = _live(Path(folder), modem)
        finally:
            modem.close()
    heap = int(state["heap_peak"])
    return [
        fit.row("heap after start, behind a modem", started, "bytes", "192 KiB", fit.HEAP),
        fit.row("peak heap behind a modem, garbage included", heap, "bytes", "heap given", HEAP),
        {"name": "  stand-ins of the twin in it", "value": _stand_ins(), "unit": "bytes"},
        fit.row("longest time between two turns", int(state["turn_ms"]), "ms", "limit", fit.TURN_MS),
        fit.none("services that crashed, or MemoryErrors", crashes),
    ]


def _live(folder, modem):
    """(bytes after the start, GETSTATUS, how many crashes and MemoryErrors were told)."""
    clock = fit.START.strftime("%Y-%m-%dT%H:%M:%S")
    settings = {"uplink.type": "modem", "uplink.apn": "internet"}
    link = {"pty": modem.pty, "control": modem.control, "timing": QUICK}
    options = {"interval": fit.HOUR, "speed": fit.SPEED, "epoch": int(fit.START.timestamp())}
    meter = ["--baud", fit.BAUD, "--clock", clock, "--clock-speed", fit.SPEED]
    heap = "%dk" % (HEAP // fit.KIB)
    with Lab(folder, meter=meter, settings=settings, heap=heap, modem=link, **options) as lab:
        lab.twin.start()
        line = lab.twin.wait_line("bytes of heap in use")
        lab.record(60)
        answers = fit.live(lab, time.monotonic() + _SECONDS)
        state = fit.status(lab)
        print("  behind a modem: %d records, %s" % (len(lab.records), answers), flush=True)
    text = (folder / "firmware.log").read_text()
    crashes = sum(text.count(word) for word in ("Traceback", "MemoryError", "not enough memory"))
    return fit.number(r"(\d+) bytes of heap", line), state, crashes


def _stand_ins():
    done = subprocess.run(
        micropython.command("-c", _STAND_INS, heap=micropython.HARNESS),
        cwd="/",  # not where the sources are
        env={"MICROPYPATH": "%s:.frozen" % DEVICE},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)
