"""Cut the power at every flash operation of what is written into the root folder: nothing beside it is hidden.

The files of a device lie on a real littlefs in RAM, in roots that span two metadata pairs, each split at another name.
Everything that the firmware writes there is written, with the power cut at every program and erase, with none or half
of the bytes written. After each cut, before anything is written again: every other file is there with what it had,
what was written anew is the old or the new one, and the settings and the ledger are read without a complaint. Then the
same with a flash that is full. At last the reason for all that: files that a rename in such a root hides. Prints
`ok CUTS FULL HIDDEN` (cuts; writes that a full flash refused; files that renames hid) or what went wrong.

argv: of each root how many small files stand before a device's own (FILLERS). Run on MicroPython by
tests/proof/root_cuts.py with all of them, by tests/host/micropython/test_root.py with a sample.
"""

import os
import sys

import vfs

from firmware.meters.ledger import Ledger
from tests.host.support.mpy.ram import BLOCK, Ram
from tests.host.support.mpy.root_acts import ACTS, NEW, OLD, config, laid, mounted, removed, trial

# The place where littlefs splits the root is another one each time.
FILLERS = [int(word) for word in sys.argv[1:]]


def content():
    """{name: bytes} of what is listed in the root; None for a folder."""
    found = {}
    for name, kind, *_ in os.ilistdir("/f"):
        found[name] = None
        if kind == 0x8000:
            with open("/f/" + name, "rb") as file:
                found[name] = file.read()
    return found


def hidden(before):
    """Names of `before` that are not listed, or listed and cannot be opened."""
    names = [name for name, _, *_ in os.ilistdir("/f")]
    missing = [name for name in before if name not in names]
    for name in names:
        try:
            os.stat("/f/" + name)
        except OSError:
            missing.append(name)
    return missing


def fail(*words):
    print(*words)
    sys.exit(1)


def carried_out(data, act, cut=0, part=0):
    """(flash, whether it came to the cut) after `act`."""
    ram = Ram(data, cut, part)
    mounted(ram)
    try:
        act()
    except OSError:
        if not cut:
            fail(act.__name__, "an error without a cut")
    dead, ram.dead = ram.dead, True
    vfs.umount("/f")
    # Files that the cut left open are closed some time: into memory nobody looks at any more.
    return Ram(ram.data), dead


def good(settings):
    told = [text for text in settings.problems if not text.startswith("not confirmed, taken back")]
    return not told and settings.get("mqtt.broker") in (OLD, NEW)


def looked(where, before, after):
    """See that each file has what it had before or has after."""
    missing = [name for name in hidden(before) if name in after]
    if missing:
        fail(where, "hidden:", missing)
    found = content()
    for name, data in found.items():
        if name not in before and name not in after:
            continue  # .new, which is half or whole
        known = before.get(name, b""), after.get(name, b""), before.get(name[:-4], b"")
        # What is made is empty first.
        if data not in known and name != "m0_result4":
            fail(where, name, data, "was", known)
    settings = config()
    if not good(settings):
        fail(where, "settings", settings.problems, settings.get("mqtt.broker"))
    marks = Ledger("/f/m0_ledger.json")
    if marks.damaged or marks.mark("curve") not in (1, 2):
        fail(where, "ledger", marks.damaged, marks.mark("curve"))


def swept(data, act, where):
    mounted(Ram(data))
    before = content()
    vfs.umount("/f")
    ram, _ = carried_out(data, act)
    mounted(ram)
    after = content()
    vfs.umount("/f")
    cuts = 0
    for part in (0, 1):
        number = 0
        while True:
            number += 1
            ram, dead = carried_out(data, act, number, part)
            if not dead:
                break
            cuts += 1
            mounted(ram)
            looked("%s, %s, cut %d, %d halves:" % (where, act.__name__, number, part), before, after)
            vfs.umount("/f")
    return cuts


def renamed(data):
    """How many files a power cut hides while each file is renamed to another name."""
    mounted(Ram(data))
    names = [name for name, kind, *_ in os.ilistdir("/f") if kind == 0x8000]
    vfs.umount("/f")
    count = 0
    for name in names:
        for other in ("aa", "zz"):

            def act(name=name, other=other):
                os.rename("/f/" + name, "/f/" + other)

            number = 0
            while True:
                number += 1
                ram, dead = carried_out(data, act, number)
                if not dead:
                    break
                mounted(ram)
                count += len([lost for lost in hidden(names) if lost != name])
                vfs.umount("/f")
    return count


def refused(data, act):
    """`act` on a full flash: 1 when it was refused."""
    ram = Ram(data)
    mounted(ram)
    before = content()
    try:
        while True:
            with open("/f/full", "ab") as file:
                file.write(b"f" * BLOCK)
    except OSError:
        pass
    count = 0
    try:
        act()
    except OSError:
        count = 1
    vfs.umount("/f")
    mounted(ram)
    whole = content()
    settings, marks = config(), Ledger("/f/m0_ledger.json")
    if hidden(before) and act not in (trial, removed):
        fail(act.__name__, "on a full flash hides", hidden(before))
    if not good(settings) or marks.mark("curve") not in (1, 2):
        fail(act.__name__, "on a full flash:", settings.problems, marks.damaged, whole["config.json"])
    vfs.umount("/f")
    return count


def main():
    cuts = full = count = 0
    for fill in FILLERS:
        data = laid(fill)
        for act in ACTS:
            cuts += swept(data, act, "%d fillers" % fill)
        count += renamed(data)
        full += sum([refused(data, act) for act in ACTS])
    print("ok %d %d %d" % (cuts, full, count))


main()
