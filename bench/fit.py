"""Does it fit? Flash, heap, the longest turn of the loop and the time to the first record, all in the twin.

The twin is the real firmware on MicroPython's unix port (64 bit: its objects are twice a board's) with 192 KiB of
heap. It lives one simulated day in two minutes: three meters on one line, instantaneous values, load curve and
closings, and commands over MQTT in between. The figures of the heap and the loop are the firmware's own.
"""

import datetime
import json
import re
import tempfile
import time

from tests.host.twinlab import IDENT, LOGGER, Lab
from tools import build, pack
from tools.board.deploy import compile_tree
from tools.twin.device import DEVICE

KIB = 1024
FLASH = 150 * KIB
BLOCK = 4 * KIB  # of littlefs
HEAP = 192 * KIB
TURN_MS = 200
METERS = 3
SPEED = 720
DAY = 86400
HOUR = 3600
BAUD = 9600
BITS = 10  # of a byte on the wire
START = datetime.datetime(2026, 3, 10, 5, 30, tzinfo=datetime.timezone.utc)
_PAUSE_S = 5
COMMANDS = (
    "AT",
    "AT^MTXTUNNEL=GETSTATUS",
    "AT^MTXTUNNEL=GETCONFIG,meter.0",
    "AT^MTXTUNNEL=FORCEREAD,ID00001",
    "AT^MTXTUNNEL=SETPARAM,meter.0.resend,on",
    "AT^MTXTUNNEL=HELP,meter.interval",
    "AT^MTXTUNNEL=GETLOG",
)


def run():
    build.build()
    return sizes() + first_record() + day()


def row(name, value, unit, reference, limit, **more):
    """A row against the most the value may be."""
    ratio = value / limit
    found = {"name": name, "value": value, "unit": unit, "reference": reference}
    found.update(reference_value=limit, ratio=ratio, target="<= 1", met=ratio <= 1, **more)
    return found


def rooms(files):
    """{room: bytes} of {path: bytes}; a room is a folder below firmware/, or what lies beside them."""
    found = {}
    for path, size in files.items():
        parts = path.split("/")
        room = parts[1] if len(parts) > 2 else "(top)"
        found[parts[0] + "/" + room] = found.get(parts[0] + "/" + room, 0) + size
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def sizes():
    """What the code takes in flash: of a board, as it lies there and before it is packed, and of build/device."""
    files = compile_tree()
    packed, spans = pack.build(files)
    board = {path: end - start for path, (start, end) in spans.items()}
    plain = sum(map(len, files.values()))
    blocks = sum(-(-len(data) // BLOCK) * BLOCK for data in files.values())
    everything = {p.relative_to(DEVICE).as_posix(): p.stat().st_size for p in DEVICE.rglob("*.mpy")}
    rows = [
        row(".mpy of a board, packed as they lie in its flash", len(packed), "bytes", "target", FLASH, modules=board),
        row("the same, as blocks of the flash", -(-len(packed) // BLOCK) * BLOCK, "bytes",
            "blocks of the single files", blocks),
        {
            "name": "the same before it is packed, which no board ever holds",
            "value": plain,
            "unit": "bytes",
            "reference": "the target",
            "reference_value": FLASH,
            "ratio": plain / FLASH,
        },
        {
            "name": ".mpy of build/device, twin included",
            "value": sum(everything.values()),
            "unit": "bytes",
        },
    ]
    tell_modules(files, board)
    for room, size in rooms(board).items():
        share = {"reference": "of a board's packed bytes", "reference_value": len(packed)}
        rows.append({"name": "  " + room, "value": size, "unit": "bytes", **share})
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
            lab.record(60)
            took = time.monotonic() - start
            # The end of the session may still be on the wire.
            time.sleep(1)
        with open(wire) as file:
            lines = file.readlines()
    seen = sum(len(json.loads(line)["hex"]) // 2 for line in lines)
    ms = seen * BITS * 1000 / BAUD
    return [
        {
            "name": "power-on to the first record at the broker",
            "value": took * 1000,
            "unit": "ms",
            "reference": "bytes of that session on the wire",
            "reference_value": ms,
            "ratio": took * 1000 / ms,
        }
    ]


def day():
    """A day in the life of a device with three meters."""
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
        answers = live(lab, began + DAY / SPEED)
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
    return [
        row("heap after start", started, "bytes", "heap given", HEAP),
        row("peak heap of the day, garbage included", int(state["heap_peak"]), "bytes",
            "heap given", HEAP),
        row("longest time between two turns", int(state["turn_ms"]), "ms", "limit", TURN_MS),
        none("records or due readings lost in the day", lost, records=records),
        none("services that crashed in the day", crashes),
        {
            "name": "MemoryErrors told in the day",
            "value": text.count("MemoryError") + text.count("not enough memory"),
            "unit": "",
        },
    ]  # fmt: skip


def none(name, value, **more):
    """A row of what must not happen at all."""
    return {"name": name, "value": value, "unit": "", "target": "none", "met": not value, **more}


def number(pattern, line):
    return int(re.search(pattern, line).group(1))


def live(lab, until):
    """Let the day pass, a command now and then; returns how many were answered OK and ERROR."""
    answers = {"OK": 0, "ERROR": 0}
    asked = turn = 0
    while time.monotonic() < until:
        if time.monotonic() > asked + _PAUSE_S:
            lab.client.publish("lector102/%s/AT" % IDENT, COMMANDS[turn % len(COMMANDS)], qos=1)
            asked, turn = time.monotonic(), turn + 1
        drain(lab, answers)
        time.sleep(0.1)
    time.sleep(_PAUSE_S)
    drain(lab, answers)
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
