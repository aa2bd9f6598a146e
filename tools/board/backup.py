"""Save what only this board has (settings, wiring, records, last crash) to a zip, and bring settings back."""

import json
import os
import time
import zipfile

from firmware.config.store import Config, ConfigError
from tools.board.deploy import SLOTS
from tools.board.device import BoardError, Progress

# Files on the root that belong to this one device; the log comes on top.
OWN = (
    "config.json",
    "config.json.bak",
    "board.json",
    "board.txt",
    "modem.json",
    "crash.txt",
    "why",
)
_BACK = ("config.json", "board.json", "modem.json")


def backup(device, path, out=print):
    """Write the zip; returns the names in it."""
    device.load(SLOTS, "slots")
    names = [name for name in OWN if device.exists("/" + name)]
    if device.exists("/log"):
        names += [
            "log/" + name for name, folder in device.eval("list(slots.walk('/log'))") if not folder
        ]
    sizes = device.eval("[__import__('os').stat('/' + n)[6] for n in %r]" % (names,))
    progress = Progress(sum(sizes))
    # Secrets are inside: for nobody else's eyes from the first moment on.
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, size in zip(names, sizes):
            progress.step(name, size)
            pack.writestr(name, device.read("/" + name) or b"")
        pack.writestr("about.json", json.dumps({"made": int(time.time()), "files": names}))
    progress.end()
    out(
        "%s: %d files, %d bytes; it holds passwords, keep it safe" % (path, len(names), sum(sizes))
    )
    return names


def restore(device, path, out=print):
    """Bring settings and wiring back; records stay where they are. Checked before anything is written."""
    try:
        with zipfile.ZipFile(path) as pack:
            found = {name: pack.read(name) for name in _BACK if name in pack.namelist()}
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise BoardError("%s is no backup: %s" % (path, error)) from None
    if not found:
        raise BoardError("%s holds no settings" % path)
    for name, data in found.items():
        try:
            table = json.loads(data)
            if name == "config.json":
                Config().set_many(table)
        except (ValueError, ConfigError) as error:
            raise BoardError("%s in %s: %s; nothing was changed" % (name, path, error)) from None
    for name, data in found.items():
        device.write("/" + name, data)
        out("%s: written" % name)
    device.reset()
    return sorted(found)
