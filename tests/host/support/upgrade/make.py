"""`python -m tests.host.support.upgrade.make`: make flashes.tar.xz, the flashes of devices in the field, anew.

Commit f77621f is taken out of git into a folder of its own and does all of it with its own tools: its board on
MicroPython's unix port and a real littlefs, its deployment over the cable, its settings, log and ledgers. Two flashes:

- `fifo`: the defaults but for what it takes to reach the broker; records of the log delivered from the oldest on.
- `lifo`: many settings changed; the log's order is `lifo`, the newest were delivered first, twice.

Both have 200 records waiting with gaps between them, a ledger, passwords, and a setting of the way to the network on
trial that waits for the next start. `expected.json` has what each holds: records (number -> text) and settings.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
FLASHES = HERE / "flashes.tar.xz"
COMMIT = "f77621f"
BLOCKS = 1024
IDENT = "860000000000001"
TOP = "lector102/%s/" % IDENT
# What stands in the place of the broker's port until a test knows its own.
BROKER = "tcp://127.0.0.1:1"
PASSWORD = "opensesame"
_REACHED = {
    "device.imei": IDENT,
    "device.mtxerr": True,
    "mqtt.enabled": True,
    "mqtt.broker": BROKER,
    "mqtt.at_topic": TOP + "AT",
    # What a test keeps on its way is not to be sent anew before it lets it through.
    "mqtt.puback_timeout": 120,
}
_METER = {"meter.0.enabled": True, "meter.0.id": "BAR0001", "meter.0.password": "7", "meter.0.interval": 5}
SETTINGS = {
    "fifo": {**_REACHED, **_METER, "device.password": PASSWORD},
    "lifo": {
        **_REACHED,
        **_METER,
        "device.password": PASSWORD,
        "device.zone": "Atlantic/Canary",
        "device.trial": 30,
        "console.echo": False,
        "logger.id": "PLANT-7",
        "logger.topic": "plant/[IMEI]/log",
        "logger.order": "lifo",
        "logger.time": "classic",
        "logger.profile": "both",
        "logger.extended_topic": "plant/[IMEI]/[P]",
        "logger.segment": 8192,
        "port.1.baud": "19200",
        "port.1.parity": "even",
        "port.2.commands": "view",
        "iec102.retries": 5,
        "iec102.invalid": "mark",
        "meter.0.link": 17,
        "meter.0.closing": True,
        "meter.3.id": "SPARE",
        "uplink.apn": "internet.example",
        "uplink.user": "someone",
        "uplink.password": "guess what",
        "uplink.pin": "4711",
        "sms.commands": "view",
        "sms.phones": "+34600000001,+34600000002",
        "mqtt.user": "plant",
        "mqtt.password": "another word",
        "mqtt.window": 4,
        "mqtt.commands": "view,meter,setup,UPDATE,REBOOT",
        "ntp.hours": 24,
    },
}  # fmt: skip
# On trial: it comes into force with the next start.
TRIAL = {"uplink.ping_minutes": 45}

# The commit's firmware as it lies in app.a of a flash: what is imported behind this is that. Many names in it are
# short ones (that of the Ledger); those of a Ring are not.
DEPLOYED = """
import sys
sys.path.insert(0, "/flash")
import packfs
packfs.mount("/flash/app.a/firmware.pack")
"""
# Runs with the commit's firmware, whose modules have the names of then, on the board's flash. Steps: ("append", count)
# or ("ack", numbers).
_FILL = """
import os
from firmware.config.store import Config
from firmware.log.ring import Ring
from firmware.meter.ledger import Ledger
config = Config("/flash/config.json")
config.load()
config.change(%(settings)r)
config.change(%(trial)r, 600)
config.restage()
ring = Ring("/flash/log", config.get("logger.segment"), config.get("logger.segments"))
ring.mount()
ring.order = config.get("logger.order")
number = 0
def text(number):
    fill = "0123456789" * (number %% 7 * 4)
    return ('{"N":%%d,"ID":"BAR0001","P":"caf\\u00e9","X":"%%s"}' %% (number, fill)).encode()
for what, value in %(steps)r:
    if what == "append":
        batch = []
        for _ in range(value):
            number += 1
            batch.append((1, 1790000000 + number * 60, text(number)))
            if number %% 5 == 0 or number %% 7 == 0:
                ring.append_many(batch)
                batch = []
        ring.append_many(batch)
    else:
        for seq in value:
            ring.ack(seq)
        ring.flush()
ledger = Ledger("/flash/m0_ledger.json")
ledger.set_mark("curve", 1790012345)
ledger.set_mark("done1", 1790012400)
for key in range(40):
    ledger.add(key * 2654435761 & 0xffffffff)
ledger.save()
print(ring.stats(), os.statvfs("/flash"))
"""


def steps(name):
    """(steps of the log's past, numbers that wait after them)."""
    if name == "fifo":
        found = [("append", 150), ("ack", list(range(1, 36))), ("append", 70), ("ack", [38, 41, 40, 60, 61, 62, 100])]
        found += [("append", 30), ("ack", [150, 149, 36, 220, 221, 199, 200, 201])]
    else:
        found = [("append", 90), ("ack", list(range(90, 74, -1))), ("append", 60)]
        found += [("ack", [*range(150, 130, -1), 128]), ("append", 95), ("ack", [245, 244, 243, 240, 236, 12, 74, 2])]
    last = sum(value for what, value in found if what == "append")
    gone = {seq for what, value in found if what == "ack" for seq in value}
    return found, [seq for seq in range(1, last + 1) if seq not in gone]


def text(number):
    """The text of a record, as the board makes it."""
    return '{"N":%d,"ID":"BAR0001","P":"caf\u00e9","X":"%s"}' % (number, "0123456789" * (number % 7 * 4))


def inside(folder, heap):
    """Bring the commit onto both boards in `folder`, with its own tools."""
    from tools.board.deploy import Deployment
    from tools.board.device import Device
    from tools.board.unixboard import UnixBoard

    for name in SETTINGS:
        board = UnixBoard(Path(folder) / name, blocks=BLOCKS, heap=heap).start()
        try:
            with Device(board.path) as device:
                Deployment(device, Path.cwd()).run("unix")
                device.write("/unix.json", b'{"console": true}')
        finally:
            board.cut_power()
            board.close()


def on_flash(image, script, root=ROOT):
    """What `script` prints that runs on MicroPython with the flash `image` at /flash and the firmware of `root`."""
    from tools import micropython

    path = image.with_suffix(".script")
    path.write_text(script)
    command = micropython.command(HERE / "onflash.py", image, path, heap=micropython.HARNESS)
    environment = dict(os.environ, MICROPYPATH="%s:%s/lib:.frozen" % (root, root))
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return done.stdout


def main():
    from tools import micropython

    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        tree.mkdir()
        archive = subprocess.run(["git", "-C", ROOT, "archive", COMMIT], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            packed.extractall(tree, filter="data")
        if (tree / "lib.lock").read_bytes() != (ROOT / "lib.lock").read_bytes():
            sys.exit("%s wants other libraries than those in lib/: lay its own there first" % COMMIT)
        subprocess.run(["cp", "-r", ROOT / "lib", tree], check=True)
        command = [sys.executable, __file__, "--inside", name, micropython.MIDDLE]
        subprocess.run(command, check=True, cwd=tree, env=dict(os.environ, PYTHONPATH=str(tree)))
        for flash, values in SETTINGS.items():
            script = _FILL % {"settings": values, "trial": TRIAL, "steps": steps(flash)[0]}
            print(on_flash(Path(name) / flash / "flash.img", script, tree))
        expected = {
            flash: {"records": {seq: text(seq) for seq in steps(flash)[1]}, "settings": values}
            for flash, values in SETTINGS.items()
        }
        with tarfile.open(FLASHES, "w:xz", preset=9) as made:
            for flash in SETTINGS:
                _add(made, flash + ".img", (Path(name) / flash / "flash.img").read_bytes())
            _add(made, "expected.json", json.dumps(expected).encode())
    print("%s: %d bytes" % (FLASHES.name, FLASHES.stat().st_size))


def _add(made, name, data):
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    made.addfile(entry, io.BytesIO(data))


if __name__ == "__main__":
    inside(*sys.argv[2:]) if sys.argv[1:2] == ["--inside"] else main()
