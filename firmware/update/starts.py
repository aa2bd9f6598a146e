"""What the safe start (safestart.py) does once or twice in the life of a device: look how this start came about, find
it good, end the trial of an update, go back to the version before, tell of it.

And look at the version that runs: is its pack what was signed, or put there over the cable? boot.py does that before
it starts a version. A device in the field has the boot.py it was installed with, which may not: there the version
does it itself in its first minute, and goes back to the one before when it is wrong.
"""

import asyncio
import time

import __main__  # pyright: ignore[reportMissingImports]
from firmware.core import log, overlay
from firmware.core.compat import sleep_ms
from firmware.update import safestart, slots
from firmware.update.safestart import SAFE

# Modes of a start, beside SAFE.
NORMAL = "normal"  # the current version
_PREVIOUS = const("previous")  # the version before, because the newer one crashed
_DAMAGED = const("damaged")  # a version that is not what it should be, because the other one is no better

# A start counts as good after this long without a crash.
_WELL_S = const(600)
# An update that is not online by then is taken back.
_TRIAL_S = const(1800)
# Safe mode gives the full firmware another try: what was wrong outside may have passed.
_RETRY_S = const(6 * 3600)
_NEVER_S = const(0x3FFFFFFF)
# Until a boot.py from before it looked itself is helped out with a look at the version's pack.
_LOOK_S = const(20)
# What boot.py has left among the names of __main__ and nobody needs any more, the one of the field and that of today.
_BOOT = const("_read _write _complete _memory _power_on _tag _count _counted choose _open")
# What boot.py says of a pack, too.
_RIGHT = const("right")
_WRONG = const("wrong")
_UNKNOWN = const("unknown")
_PIECE = const(1024)
_TRIES = const(3)
_PAUSE_MS = const(10000)


def begin(board):
    """Call once, first of all; returns the Guard of this start.

    Waits `board.window_ms` for a Ctrl-C (a KeyboardInterrupt leaves through here), then the first
    `board.feed()` starts the watchdog.
    """
    guard = safestart.guard = safestart.Guard(board.root, board)
    tidy()
    # In steps: a Ctrl-C that arrives during one long sleep is noticed only at its end on some
    # ports.
    for _ in range(getattr(board, "window_ms", 0) // 100):
        time.sleep(0.1)
    board.feed()
    return guard


def tidy():
    """Take boot.py's functions out of __main__, where it has run: they are not needed before the next start."""
    if hasattr(__main__, "_starts"):
        for name in _BOOT.split(" "):
            if hasattr(__main__, name):
                delattr(__main__, name)


def look(guard):
    """Find out about this start."""
    guard.folder, guard.state = slots.current(guard.root)
    # boot.py has run among the names of __main__.
    memory = getattr(__main__, "_memory", None)
    guard.memory = memory() if memory else None
    guard.pack = getattr(__main__, "_pack", None) if guard.folder else ""
    guard.starts = _starts(guard.root)
    if guard.starts < 0:
        guard.starts = 1
        guard.write("starts", "1")
    guard.mode = _PREVIOUS if guard.state == "fallback" else NORMAL
    if guard.starts > 3:
        guard.mode = SAFE
    elif guard.pack == "wrong":
        damaged(guard)
    _plan(guard)


def _starts(root):
    """Which start in a row this is: boot.py's own count, which is right even with a full flash."""
    count = getattr(__main__, "_starts", 0)
    try:
        return count or int(slots.read_text(root + "/starts") or "1")
    except ValueError:
        return 1


def _plan(guard):
    """Note after how many seconds there is something to do again."""
    if guard.pack is None:
        guard.due = _LOOK_S
    elif guard.state == "trial":
        guard.due = _TRIAL_S
    elif not guard.is_well:
        guard.due = _WELL_S
    else:
        guard.due = _RETRY_S if guard.mode == SAFE else _NEVER_S


def tick(guard, online, up):
    """See Guard.tick; `up` seconds after the start."""
    if guard.pack is None:
        guard.pack = ""
        if guard.app:
            guard.app.own = asyncio.create_task(look_at_pack(guard.app, guard))
    if guard.state == "trial":
        if online:
            why = "update %s confirmed" % version(guard)
            slots.switch(guard.root, guard.folder, "ok", why)
            log.note("device", why)
            guard.state = "ok"
            _well(guard)
        elif up >= _TRIAL_S:
            why = "update %s was not online within %d min" % (version(guard), _TRIAL_S // 60)
            if roll_back(guard, why):
                return why
            guard.state = "ok"
    elif up >= _WELL_S:
        _well(guard)
    if guard.mode == SAFE and up >= _RETRY_S:
        guard.count(0)
        return "leaving safe mode for another try"
    _plan(guard)
    return None


def _well(guard):
    """The start was good: the counter begins anew. Costs a flash write once per start."""
    if not guard.is_well:
        guard.is_well = True
        if guard.mode != SAFE:
            guard.count(0)


def damaged(guard):
    """The version is not what it should be, and there is none to go back to: it is told as long as it runs."""
    if guard.mode != SAFE:
        guard.mode = _DAMAGED
        why = "%s is damaged, and there is no other that is whole" % guard.folder
        if slots.read_text(guard.root + "/why") != why:
            guard.write("why", why)


def roll_back(guard, why):
    """Make the previous version the one of the next start; False when there is none."""
    other = slots.other(guard.folder) if guard.folder else None
    if not slots.complete(guard.root, other):
        return False
    slots.switch(guard.root, other, "fallback", why)
    log.note("device", "back to the version before", why)
    return True


def version(guard):
    return slots.manifest(guard.root, guard.folder).get("version", "") if guard.folder else ""


def last_crash(guard):
    """The last crash's traceback, "" when there was none."""
    return slots.read_text(guard.root + "/crash.txt", 1500)


def report(guard):
    """{"mode", "version", "trial", "starts", "why", "crash"}, and with versions "boot" and "pack":
    for the online topic and GETSTATUS.
    """
    crash = last_crash(guard).strip().split("\n")[-1][:120]
    why = slots.read_text(guard.root + "/why", 200).strip()
    if guard.mode == SAFE:
        # What ended a start without a traceback (the watchdog) left none: then this is an older one.
        why = "%d starts in a row failed; last crash: %s" % (guard.starts - 1, crash or "unknown")
    found = {
        "mode": guard.mode,
        "version": version(guard),
        "trial": guard.state == "trial",
        "starts": guard.starts,
        "why": why,
        "crash": crash,
    }
    if guard.folder:
        found["boot"] = "new" if hasattr(__main__, "_pack") else "old: make deploy renews it"
        found["pack"] = guard.pack or "not checked yet"
    return found


# --- the version that runs, under an older boot.py


async def look_at_pack(app, guard):
    """Look, tell it in `guard.pack` (safestart.Guard) and go back if it is wrong. Raises nothing."""
    found, why = _UNKNOWN, "not enough memory"
    for _ in range(_TRIES):
        while app.order:
            await sleep_ms(_PAUSE_MS)  # both together need more room than there may be
        with overlay.attempt, overlay.use("guard"):
            found, why = await check(guard.root, guard.folder)
            break
        await sleep_ms(_PAUSE_MS)
    text = guard.pack = found + (": " + why if why else "")
    if found != _WRONG:
        log.info("start", "the pack in %s: %s", guard.folder, text)
        return
    log.error("start", "the pack in %s is %s", guard.folder, text)
    try:
        await app.gate.wait()
        with overlay.attempt:
            # Not to the other one where that has failed.
            if guard.state != "fallback" and roll_back(guard, "%s is damaged" % guard.folder):
                app.restart("the firmware is damaged")
            else:
                damaged(guard)
    except OSError as error:
        log.error("start", "no way back: %s", error)


async def check(root, folder):
    """Whether the pack of a version is what its manifest or, where that is older and has no hash, its own signed head
    says: (right, wrong or unknown, why or ""). MemoryError."""
    path = "%s/%s/%s" % (root, folder, slots.PACK)
    wanted = slots.manifest(root, folder).get("sha256")
    try:
        if wanted:
            return (_RIGHT, "") if await _hash(path) == wanted else (_WRONG, "not what its manifest says")
        with open(path, "rb") as file:
            if file.read(8) != b"L102REL1":
                return _UNKNOWN, "it was deployed without its hash"
        return await _signed(root, path)
    except OSError as error:
        return _WRONG, str(error)


async def _signed(root, path):
    """check() of a release."""
    with overlay.use("fetch"):
        from firmware.update import release
        from firmware.update.source import ReleaseError, read_key

        try:
            key = read_key(root)
        except ReleaseError as error:
            return _UNKNOWN, str(error)
        try:
            await release.check(path, key)
        except ReleaseError as error:
            return _WRONG, str(error)
        return _RIGHT, ""


async def _hash(path):
    import binascii
    import hashlib

    digest = hashlib.sha256()
    piece = memoryview(bytearray(_PIECE))
    with open(path, "rb") as file:
        while True:
            count = file.readinto(piece)
            if not count:
                return binascii.hexlify(digest.digest()).decode()
            digest.update(piece[:count])
            await sleep_ms(0)
