"""Looks at the version that runs: is its pack what was signed, or put there over the cable?

boot.py does that before it starts a version. A device in the field has the boot.py it was installed with, which may
not: there the version does it itself in its first minute, and goes back to the one before when it is wrong.
"""

import asyncio

from firmware import diag
from firmware.core import overlay
from firmware.port import sleep_ms
from firmware.update import slots, starts

# What boot.py says of a pack, too.
_RIGHT = const("right")
_WRONG = const("wrong")
_UNKNOWN = const("unknown")
_PIECE = const(1024)
_TRIES = const(3)
_PAUSE_MS = const(10000)


def begin(app, guard):
    """Let it be looked at in the background."""
    app.own = asyncio.create_task(run(app, guard))


async def run(app, guard):
    """Look, tell it in `guard.pack` (safestart.Guard) and go back if it is wrong. Raises nothing."""
    found, why = _UNKNOWN, "not enough memory"
    for _ in range(_TRIES):
        while app.order:
            await sleep_ms(_PAUSE_MS)  # both together need more room than there may be
        with overlay.attempt, overlay.use("own"):
            found, why = await check(guard.root, guard.folder)
            break
        await sleep_ms(_PAUSE_MS)
    text = guard.pack = found + (": " + why if why else "")
    if found != _WRONG:
        diag.info("start", "the pack in %s: %s", guard.folder, text)
        return
    diag.error("start", "the pack in %s is %s", guard.folder, text)
    try:
        await app.gate.wait()
        with overlay.attempt:
            # Not to the other one where that has failed.
            if guard.state != "fallback" and starts.roll_back(guard, "%s is damaged" % guard.folder):
                app.restart("the firmware is damaged")
            else:
                starts.damaged(guard)
    except OSError as error:
        diag.error("start", "no way back: %s", error)


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
