"""Save what only this board has (settings, wiring, records, last crash), encrypted, and bring settings back."""

import contextlib
import io
import json
import os
import time
import zipfile
import zlib
from pathlib import Path

from firmware.config.config import Config
from firmware.config.files import NUMBER
from firmware.core.errors import ConfigError
from tools.board import sealed
from tools.board.deploy import SLOTS
from tools.board.device import BoardError, Progress

CERTIFICATES = tuple("tls/%s.der" % name for name in ("ca", "ca2", "client", "client2"))
# Files on the root that belong to this one device; the log comes on top.
OWN = (
    "config.json",
    "config.json.bak",
    "board.json",
    "board.txt",
    "modem.json",
    *CERTIFICATES,
    "crash.txt",
    "why",
)
_BACK = ("config.json", "board.json", "modem.json", *CERTIFICATES)


def backup(device, path, password, out=print):
    """Write the zip, encrypted with `password` (None: as it is); returns the names in it."""
    path = Path(path)
    device.load(SLOTS, "slots")
    names = [name for name in OWN if device.exists("/" + name)]
    for place in ("log", "audit"):
        if device.exists("/" + place):
            found = device.eval("list(slots.walk('/%s'))" % place)
            names += ["%s/%s" % (place, name) for name, folder in found if not folder]
    sizes = device.eval("[__import__('os').stat('/' + n)[6] for n in %r]" % (names,))
    progress = Progress(sum(sizes))
    if not names:
        raise BoardError("there is nothing on this board to save")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, size in zip(names, sizes):
            progress.step(name, size)
            pack.writestr(name, device.read("/" + name) or b"")
        pack.writestr("about.json", json.dumps({"made": int(time.time()), "files": names}))
    data = made.getvalue()
    _write(path, data if password is None else sealed.seal(data, password))
    progress.end()
    out("%s: %d files, %d bytes" % (path, len(names), sum(sizes)))
    if password is None:
        out("It holds the passwords of broker, SIM and meters in the clear; only you may read it (mode 0600).")
    else:
        out("It is encrypted; make restore FILE=%s asks for its password." % path)
    return names


def _write(path, data):
    # Beside it and then moved: a disk that is full must not cost the backup before.
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        # For nobody else's eyes from the first moment on.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        os.replace(part, path)
    except OSError as error:
        raise BoardError("%s: %s" % (path, error.strerror)) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _read(path, password):
    """{name: bytes} of what restore() brings back. BoardError."""
    if not path.is_file():
        raise BoardError("there is no file %s; the backup to restore: FILE=site.backup" % path)
    try:
        data = path.read_bytes()
        if sealed.is_sealed(data):
            data = sealed.unseal(data, password())
        with zipfile.ZipFile(io.BytesIO(data)) as pack:
            return {name: pack.read(name) for name in (*_BACK, "board.txt") if name in pack.namelist()}
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise BoardError("%s is no backup, or a damaged one: %s" % (path, error)) from None


def restore(device, path, out=print, password=sealed.known):
    """Bring settings and wiring back; records stay where they are. Checked before anything is written.

    `password()` is asked where the backup is encrypted; those of older versions are bare zips.
    """
    found = _read(Path(path), password)
    saved = found.pop("board.txt", b"").decode("ascii", "replace").strip()
    if not found:
        raise BoardError("%s holds no settings" % path)
    for name, data in found.items():
        if name in CERTIFICATES:
            continue
        try:
            table = json.loads(data)
            if not isinstance(table, dict):
                raise ValueError("no table of names and values")
            if name == "config.json":
                Config().set_many({name: table[name] for name in table if name != NUMBER})
        except (ValueError, ConfigError) as error:
            raise BoardError("%s in %s: %s; nothing was changed" % (name, path, error)) from None
    here = (device.read("/board.txt") or b"").decode("ascii", "replace").strip()
    if saved and here and saved != here and found.pop("board.json", None):
        # Pins of another board may be this one's flash.
        out("board.json: left out; its pins are those of a %s, and this is a %s" % (saved, here))
    if any(name in CERTIFICATES for name in found):
        device.exec("import os\ntry:\n os.mkdir('/tls')\nexcept OSError:\n pass")
    for name, data in found.items():
        device.write("/" + name, data)
        out("%s: written" % name)
    device.reset()
    return sorted(found)
