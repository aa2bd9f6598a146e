"""Started by MicroPython first: chooses which version of the firmware runs, and counts the starts.

It stands alone (its helper packfs.mpy aside, nothing of firmware/ is imported) and no remote update
replaces it, so that it works whatever is wrong with a version. Two versions live in two folders, each
as one packed file; docs/update.md tells the whole story. Files:

- `current`: `FOLDER STATE`; the state is `ok`, `trial` (an update not confirmed yet) or `fallback`
  (the other folder was left because it crashed).
- `starts`: how often the device started since the firmware last said it is well.
- `why`: one line about the last change of version.

Three starts in a row that did not end well: back to the previous version; where there is none, or
the previous one fails as well, safe mode (firmware/update/safestart.py) - then `starts` is 4.
"""

import os
import sys

_LIMIT = 3
# What firmware/update/safestart.py looks up: which start in a row this is; 4 is safe mode.
_starts = 0


def _read(name):
    try:
        with open(name) as file:
            return file.read()
    except OSError:
        return ""


def _write(name, text):
    try:
        with open(name + ".tmp", "w") as file:
            file.write(text)
        os.rename(name + ".tmp", name)
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
        memory[len(memory) - 1] = count


def choose():
    """(folder to run from, which start in a row this is); no folder: all lies on the root."""
    words = _read("current").split() or ["app.a", "ok"]
    folder, state = words[0], words[-1]
    other = "app.b" if folder == "app.a" else "app.a"
    if not _complete(folder) and not _complete(other):
        return None, 1
    count = _count(folder, state)
    failed = count >= _LIMIT and state != "fallback"
    if (failed or not _complete(folder)) and _complete(other):
        why = "%s failed %d starts" % (folder, count) if failed else folder + " is not complete"
        _write("why", why + ("; it was an update on trial" if state == "trial" else ""))
        _write("current", other + " fallback")
        print("boot: %s: back to %s" % (why, other))
        folder, count = other, 0
    return folder, min(count, _LIMIT) + 1


def _open(folder):
    """Make the version in `folder` what is imported from."""
    try:
        import packfs

        packfs.mount("/" + folder + "/firmware.pack")
    except Exception as error:  # main.py finds no firmware then and restarts: one more failed start
        print("boot: %s cannot be opened: %r" % (folder, error))


if __name__ == "__main__":
    _folder, _starts = choose()
    if _folder:
        _counted(_folder, _starts)
        _open(_folder)
    elif "/lib" not in sys.path:
        sys.path.insert(0, "/lib")
