"""Started by MicroPython first: chooses which version of the firmware runs, and counts the starts.

It stands alone (its helper packfs.mpy aside, nothing of firmware/ is imported) and no remote update
replaces it, so that it works whatever is wrong with a version. Two versions live in two folders, each
as one packed file; docs/update.md tells the whole story. Files:

- `current`: `FOLDER STATE`; the state is `ok`, `trial` (an update not confirmed yet) or `fallback`
  (the other folder was left because it crashed).
- `starts`: how often the device started since the firmware last said it is well; below zero: somebody
  has stopped the firmware over the cable (firmware/update/safestart.py).
- `why`: one line about the last change of version.

Three starts in a row that did not end well: back to the previous version; where there is none, or
the previous one fails as well, safe mode (firmware/update/safestart.py) - then `starts` is 4. A version
whose pack is not what its manifest says is left at once. Whatever is in any of these files, something starts.
"""

import gc
import os
import sys
import time

_FOLDERS = ("app.a", "app.b")
_LIMIT = 3
_LEAST = -200
_MOST = 256  # letters of a small file
_PIECE = 1024
# A chip is here long before that after its reset. rp2 names no soft reset; its clock goes on through one.
_SOFT_MS = 15000
# What firmware/update/safestart.py looks up: which start in a row this is; 4 is safe mode.
_starts = 0
# And whether the version's pack is what its manifest says: right, wrong, or unknown.
_pack = ""


def _read(name):
    try:
        with open(name) as file:
            return file.read(_MOST)
    except (OSError, ValueError):  # ValueError: what lies there is no text
        return ""


def _write(name, text):
    try:
        # No rename: see firmware/update/slots.py.
        with open(name, "w") as file:
            file.write(text)
        return True
    except OSError as error:
        # A full or broken flash must not keep the device from starting.
        print("boot: cannot write %s: %s" % (name, error))
        return False


def _complete(folder):
    """The manifest is the last file a deployment or an update writes."""
    try:
        os.stat(folder + "/firmware.pack")
        os.stat(folder + "/manifest.json")
        return True
    except OSError:
        return False


def _memory():
    """RAM that survives a reset (MicroPython 1.29), for when the flash cannot be written; or
    None.
    """
    try:
        import machine

        return machine.mem_backup()
    except (ImportError, AttributeError):
        return None


def _power_on():
    try:
        import machine

        return machine.reset_cause() == machine.PWRON_RESET
    except (ImportError, AttributeError):
        return False


def _soft():
    """Whether this is a soft reset: somebody works over the cable. No crash ends in one: main.py and the watchdog
    reset the chip.
    """
    try:
        import machine

        cause = machine.reset_cause()
        return cause == getattr(machine, "SOFT_RESET", None) or time.ticks_ms() > _SOFT_MS
    except (ImportError, AttributeError):
        return False


def _check(folder):
    """Whether a version's pack has the SHA-256 that its manifest tells of it: right, wrong or unknown."""
    try:
        import binascii
        import hashlib
        import json

        with open(folder + "/manifest.json") as file:
            wanted = json.load(file)["sha256"]
        digest = hashlib.sha256()
    except Exception:  # whatever lies there: older tools told no hash
        return "unknown"
    try:
        piece = memoryview(bytearray(_PIECE))
        with open(folder + "/firmware.pack", "rb") as file:
            while True:
                count = file.readinto(piece)
                if not count:
                    break
                digest.update(piece[:count])
        return "right" if binascii.hexlify(digest.digest()).decode() == wanted else "wrong"
    except OSError:
        return "wrong"


def _tag(folder):
    return 0xA5 if folder == "app.a" else 0xB5


def _count(folder, state):
    """How many starts in a row did not end well."""
    # Somebody who pulls the plug is no crash, and plugging it in again means: try once more. An
    # update on trial has to prove itself through that, too.
    if _power_on() and state != "trial":
        return 0
    try:
        count = int(_read("starts") or "0")
    except ValueError:
        count = 0
    if not _LEAST <= count <= _LIMIT + 1:
        count = 0  # nobody has written that
    memory = _memory()
    if memory and memory[len(memory) - 2] == _tag(folder):
        count = max(count, memory[len(memory) - 1] & 0xFF)
    return count


def _counted(folder, count):
    """Keep the count: on the flash or, when that cannot be written, in memory."""
    kept = _write("starts", str(count))
    memory = _memory()
    if memory:
        memory[len(memory) - 2] = 0 if kept else _tag(folder)
        memory[len(memory) - 1] = max(count, 0)


def _current():
    """(folder, state) as firmware/update/slots.py tells them, too."""
    words = _read("current").split()
    if words and words[0] in _FOLDERS:
        return words[0], words[1] if len(words) > 1 else "ok"
    return _FOLDERS[0] if _complete(_FOLDERS[0]) else _FOLDERS[1], "ok"


def choose(soft=False):
    """(folder to run from, which start in a row this is); no folder: all lies on the root.

    `soft`: it is no start to be counted, nor one to lose patience at.
    """
    global _pack
    folder, state = _current()
    other = _FOLDERS[folder == _FOLDERS[0]]
    if not _complete(folder) and not _complete(other):
        return None, 1
    count = _count(folder, state)
    if soft and _complete(folder):
        return folder, count or 1
    why = ""
    if not _complete(folder):
        why = folder + " is not complete"
    else:
        _pack = _check(folder)
        if _pack == "wrong":
            why = folder + " is damaged"
        elif count >= _LIMIT and state != "fallback":
            why = "%s failed %d starts" % (folder, count)
    if why and _complete(other):
        found = _check(other)
        if found != "wrong" or not _complete(folder):
            _write("why", why + ("; it was an update on trial" if state == "trial" else ""))
            _write("current", other + " fallback")
            print("boot: %s: back to %s" % (why, other))
            folder, count, _pack = other, 0, found
    return folder, min(count, _LIMIT) + 1


def _open(folder):
    """Make the version in `folder` what is imported from."""
    try:
        import packfs

        packfs.mount("/" + folder + "/firmware.pack")
    except Exception as error:  # main.py finds no firmware then and restarts: one more failed start
        print("boot: %s cannot be opened: %r" % (folder, error))


if __name__ == "__main__":
    _again = _soft()
    _folder, _starts = choose(_again)
    if _folder:
        if not _again:
            _counted(_folder, _starts)
        _open(_folder)
    elif "/lib" not in sys.path:
        sys.path.insert(0, "/lib")
    # main.py runs among these names: what the firmware looks up stays, the others only take its memory.
    del _again, _check, _complete, _count, _counted, _current, _open, _power_on, _read, _soft, _tag, _write, choose
    gc.collect()
