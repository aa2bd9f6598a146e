"""Does it fit? Flash, heap, the longest turn of the loop and the time to the first record, all in the twin.

What code takes of a heap is measured apart from that, in a board's own bytes (_bits32.py).

The twin is the real firmware on MicroPython's unix port with the heap of the small class (tools/micropython.py says
what a 64-bit heap tells of a board's). It lives one simulated day in two minutes: three meters on one line,
instantaneous values, load curve and closings, and commands over MQTT in between. The figures of the heap and the loop
are the firmware's own.
"""

import datetime
import json
import re
import tempfile
import time

from bench import _bits32
from bench._rows import at_most, none, row
from tests.host.support.twin_lab import IDENT, LOGGER, Lab
from tools import build, micropython, pack, patience
from tools.board.deploy import compile_tree
from tools.twin.device import DEVICE

KIB = 1024
FLASH = pack.MOST
BLOCK = 4 * KIB  # of littlefs
HEAP = micropython.size(micropython.SMALL)
TURN_MS = 200
METERS = 3
SPEED = 720
DAY = 86400
HOUR = 3600
BAUD = 9600
BITS = 10  # of a byte on the wire
START = datetime.datetime(2026, 3, 10, 5, 30, tzinfo=datetime.timezone.utc)
_PAUSE_S = 5
# Seconds of the real clock that a quick day lasts: some of its hours, and each command once.
_QUICK_S = 8
COMMANDS = (
    "AT",
    "AT^MTXTUNNEL=GETSTATUS",
    "AT^MTXTUNNEL=GETCONFIG,meter.0",
    "AT^MTXTUNNEL=FORCEREAD,ID00001",
    "AT^MTXTUNNEL=SETPARAM,meter.0.resend,on",
    "AT^MTXTUNNEL=HELP,meter.interval",
    "AT^MTXTUNNEL=GETLOG",
)


def run(quick=False):
    build.build()
    return sizes(quick) + _bits32.rows(quick) + first_record() + day(_QUICK_S if quick else DAY / SPEED)


def rooms(files):
    """{room: bytes} of {path: bytes}; a room is a folder below firmware/, or what lies beside them."""
    found = {}
    for path, size in files.items():
        parts = path.split("/")
        room = parts[1] if len(parts) > 2 else "(top)"
        found[parts[0] + "/" + room] = found.get(parts[0] + "/" + room, 0) + size
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def sizes(quick):
    """What the code takes in flash: of a board, as it lies there and before it is packed, and of build/device."""
    files = compile_tree()
    packed, spans = pack.build(files)
    board = {path: end - start for path, (start, end) in spans.items()}
    plain = sum(map(len, files.values()))
    blocks = sum(-(-len(data) // BLOCK) * BLOCK for data in files.values())
    everything = {p.relative_to(DEVICE).as_posix(): p.stat().st_size for p in DEVICE.rglob("*.mpy")}
    rows = [
        at_most(".mpy of a board, packed as they lie in its flash", len(packed), "bytes", "target", FLASH,
                modules=board),
        at_most("the same, as blocks of the flash", -(-len(packed) // BLOCK) * BLOCK, "bytes",
                "blocks of the single files", blocks),
        row("the same before it is packed, which no board ever holds", plain, "bytes", ("the target", FLASH)),
        row(".mpy of build/device, twin included", sum(everything.values()), "bytes"),
    ]  # fmt: skip
    if not quick:
        tell_modules(files, board)
    for room, size in rooms(board).items():
        rows.append(row("  " + room, size, "bytes", ("of a board's packed bytes", len(packed))))
    return rows


def tell_modules(files, packed):
    """Print each module's bytes as compiled and as packed."""
    for path, data in sorted(files.items()):
        print("  %-42s %6d bytes, packed %5d" % (path, len(data), packed[path]))
    print("  %-42s %6d bytes" % ("total", sum(map(len, files.values()))), flush=True)


def first_record():
    """Power-on to the first record at the broker, against the time the session's bytes take on the wire."""
    with tempfile.TemporaryDirectory() as folder:
        wire = folder + "/wire"
        # The hour is full a moment after the start, so nothing is waited for but the device itself.
        clock = START.replace(minute=0).timestamp() - 0.3
        meter = ["--baud", BAUD, "--log", wire]
        with Lab(folder, meter=meter, interval=HOUR, epoch=clock) as lab:
            start = time.monotonic()
            lab.twin.start()
            found = lab.record(60)
            took = time.monotonic() - start
            # The end of the session may still be on the wire.
            time.sleep(1)
        with open(wire) as file:
            lines = file.readlines()
    seen = sum(len(json.loads(line)["hex"]) // 2 for line in lines)
    ms = seen * BITS * 1000 / BAUD
    wire_time = ("bytes of that session on the wire", ms)
    return [
        row("power-on to the first record at the broker", took * 1000, "ms", wire_time),
        none("first record without its meter", found.get("ID") != "ID00000"),
    ]


def day(seconds):
    """A day in the life of a device with three meters, or what of it passes in `seconds` of the real clock."""
    schedules = {}
    for index in range(METERS):
        schedules["meter.%d.closing" % index] = True
        schedules["meter.%d.curve" % index] = 60
    meter = ["--baud", BAUD, "--clock", START.strftime("%Y-%m-%dT%H:%M:%S"), "--clock-speed", SPEED]
    twin = {"speed": SPEED, "epoch": int(START.timestamp())}
    options = {"meter": meter, "meters": METERS, "interval": HOUR, "settings": schedules, **twin}
    with tempfile.TemporaryDirectory() as folder, Lab(folder, **options) as lab:
        lab.twin.start()
        began = time.monotonic()
        started = number(r"(\d+) bytes of heap", lab.twin.wait_line("bytes of heap in use"))
        lab.twin.wait_line("mqtt: connected")  # a command from before that reaches nobody
        answers = live(lab, began + seconds)
        state = status(lab)
        with open(folder + "/firmware.log") as file:
            text = file.read()
    crashes = text.count("Traceback")
    records = len(lab.records)
    print("  the day: %d records, %s" % (records, answers), flush=True)
    for index in range(METERS):
        print("  meter %d:" % index, state["meters.%d.reads" % index], "reads", flush=True)
    lost = int(state["log.lost"]) + int(state["log.damaged"])
    lost += sum(int(state["meters.%d.missed" % index]) for index in range(METERS))
    short = text.count("MemoryError") + text.count("not enough memory")
    return [
        at_most("heap after start", started, "bytes", "heap of the small class", HEAP),
        at_most("peak heap of the day, garbage included", int(state["heap_peak"]), "bytes",
                "heap of the small class", HEAP),
        at_most("longest time between two turns", int(state["turn_ms"]), "ms", "limit", TURN_MS, timed=True),
        none("records or due readings lost in the day", lost, records=records),
        none("commands without an answer", answers["asked"] - answers["OK"] - answers["ERROR"]),
        none("services that crashed in the day", crashes),
        row("MemoryErrors told in the day", short),
    ]  # fmt: skip


def number(pattern, line):
    return int(re.search(pattern, line).group(1))


def live(lab, until):
    """Let the day pass, a command now and then; returns how many were asked, and answered OK and ERROR."""
    answers = {"asked": 0, "OK": 0, "ERROR": 0}
    last = 0
    while time.monotonic() < until:
        if time.monotonic() > last + _PAUSE_S:
            command = COMMANDS[answers["asked"] % len(COMMANDS)]
            lab.client.publish("lector102/%s/AT" % IDENT, command, qos=1)
            last = time.monotonic()
            answers["asked"] += 1
        drain(lab, answers)
        time.sleep(0.1)

    def complete():
        drain(lab, answers)
        return answers["OK"] + answers["ERROR"] >= answers["asked"]

    patience.until(complete, 30)
    return answers


def drain(lab, answers):
    """Sort what came from the broker: records into the lab's list, answers counted by their last word."""
    while not lab.inbox.empty():
        topic, payload = lab.inbox.get()
        if topic == LOGGER:
            lab.records.append(json.loads(payload))
        elif topic.endswith("/ATR"):
            answers[payload.decode().split()[-1]] += 1


def status(lab):
    """GETSTATUS as a dict of texts."""
    pairs = (line.partition(": ") for line in lab.at("AT^MTXTUNNEL=GETSTATUS", 60).splitlines())
    return {name: value for name, _, value in pairs}
