"""An update that somebody ordered: runs in the background beside everything else, and can be looked at meanwhile.

Loaded by the order, let go with all the code of the update when it is done. What it came to is kept in `update.txt`
(bytes fetched and why it failed) over a restart; of an update that succeeded the version's own `why` tells.
"""

import asyncio

from firmware import diag
from firmware.core import overlay
from firmware.core.errors import OrderError
from firmware.port import sleep_ms, ticks_diff, ticks_ms
from firmware.update import slots
from firmware.update.source import (
    DownloadError,
    GiveWay,
    Pace,
    ReleaseError,
    lacking,
    read_key,
    split,
)

# What the update has at least of the heap, in turn with sessions and commands.
_SLICE_MS = const(6000)
_MAKE_WAY_MS = const(1000)
# Tries when the heap is full; drops of the connection are download.py's own affair.
_TRIES = const(5)
_PAUSE_MS = const(10000)
_LINK_MS = const(60000)
# Bytes that each release has at least.
_LEAST = const(1024)
_BAD_VALUE = const(4)
_BUSY = const(7)
_FAILED = const(8)


def begin(device, url, force=False):
    """Take the order and let it run; OrderError. `device.order` is the Order from then on until it has ended.

    `device`: has `board`, `guard` (firmware.update.safestart.Guard or None), `link`, `gate`, `restart(reason)`.
    """
    if device.order and device.order.state != "failed":
        raise OrderError(_BUSY, "an update is under way: GETSTATUS,update")
    _check(device, url)
    slots.remove(device.board.root + "/update.txt")
    order = device.order = Order(device, url, force)
    diag.info("update", "ordered: %s", url)
    order.task = asyncio.create_task(order.run())


def stop(device):
    """End the update that is under way, and forget what was fetched of it; OrderError when there is none.

    It ends at its next turn; GETSTATUS,update tells that it was stopped.
    """
    order = device.order
    if not order or order.state in ("failed", "stopping"):
        raise OrderError(_FAILED, "no update is under way")
    if order.state == "ready":
        raise OrderError(_BUSY, "the update is ready, the device restarts")
    order.state = "stopping"
    if order.begun:
        order.task.cancel()


def _check(device, url):
    try:
        split(url)
    except DownloadError as error:
        raise OrderError(_BAD_VALUE, str(error)) from None
    root = device.board.root
    folder, state = slots.current(root)
    if not device.guard or folder is None:
        text = "the firmware was not put here by make deploy: there would be no way back"
        raise OrderError(_FAILED, text)
    if state == "trial":
        text = "what runs is on trial itself: wait until it has been online"
        raise OrderError(_BUSY, text)
    try:
        read_key(root)
    except ReleaseError as error:
        raise OrderError(_FAILED, str(error)) from None
    # How large the release is nobody knows yet; but without room for this much there is none for any.
    if lacking(root, _LEAST, slots.other(folder)):
        likely = max(slots.used(root, folder), _LEAST)
        raise OrderError(_FAILED, lacking(root, likely, slots.other(folder)))


def _forget(root):
    """Remove what was fetched; a version that is complete stays."""
    names = ["update.bin", "update.bin.tag"]
    folder = slots.current(root)[0]
    if folder and not slots.complete(root, slots.other(folder)):
        place = slots.other(folder) + "/" + slots.PACK
        names += [place, place + ".tag"]
    for name in names:
        slots.remove(root + "/" + name)


class Order:
    task = None
    begun = False  # run() has had a turn; a task that is cancelled before never gets one, and nobody would tidy up

    def __init__(self, device, url, force):
        self.state = "waiting"
        self.error = ""
        self._device = device
        self._url = url
        self._force = force
        self._updater = None
        self._pace = Pace()
        self._at = 0, 0  # bytes and size when the updater was last let go

    def status(self):
        """{"state", "bytes", "size", "error"}: state is waiting (for room in the heap or the link), fetching,
        checking, ready (restarts at once), stopping or failed; size is 0 until it is known."""
        found = {"state": self.state, "bytes": self._at[0], "size": self._at[1], "error": self.error}
        if self._updater:
            at = self._updater.status()
            found["bytes"], found["size"] = at["got"], at["size"]
            found["error"] = self.error or at["problem"]
            if not self.state:
                found["state"] = "waiting" if at["state"] == "idle" else at["state"]
        return found

    async def run(self):
        """Fetch, check and unpack; then the device restarts into the new version. Raises nothing."""
        with overlay.use("update"):
            await self._run()

    async def _run(self):
        device = self._device
        self.begun = True
        try:
            if self.state == "stopping":
                raise asyncio.CancelledError
            version = await self._insist()
            # Until the restart there may be a reading yet, which wants the heap.
            self._let_go("ready", "")
            device.restart("update to " + version)
        except asyncio.CancelledError:  # stop()
            _forget(device.board.root)
            await self._end(None)
        except Exception as error:  # whatever it is must not stay untold
            await self._end(error)

    async def _insist(self):
        pause = _PAUSE_MS
        tries = 0
        while True:
            tries += 1
            try:
                with overlay.attempt:
                    return await self._once()
            except GiveWay:
                # A session or a command needs the heap, and has it within the pause; what was fetched is kept.
                self._let_go("fetching", "")
                tries = 0
                await sleep_ms(_MAKE_WAY_MS)
                continue
            if tries == _TRIES:
                raise MemoryError("not enough memory")
            self._let_go("waiting", "not enough memory")
            diag.warn("update", "not enough memory; again in %d s", pause // 1000)
            await sleep_ms(pause)
            pause *= 2

    def _let_go(self, state, error):
        found = self.status()
        self._at = found["bytes"], found["size"]
        self.state, self.error = state, error
        self._updater = None

    async def _once(self):
        """The version that is ready. GiveWay: somebody wants the room."""
        device = self._device
        await device.link.up(_LINK_MS)
        with await overlay.turn("fetch"):
            overlay.tidy()
            from firmware.update.update import Updater

            self._updater = Updater(device.board.root, device.link.socket, device.board.feed, gate=device.gate)
            start = ticks_ms()
            self._updater.pace = self._pace
            self._updater.give_way = lambda: overlay.wanted and ticks_diff(ticks_ms(), start) > _SLICE_MS
            self.state = self.error = ""
            return await self._updater.run(self._url, self._force)

    async def _end(self, error):
        """Nothing comes of it: `error`, or None where it was stopped."""
        with overlay.attempt:
            await self._failed("stopped by a command" if error is None else str(error) or type(error).__name__)
            return
        self.state = "failed"  # the next order is taken, and this one can be looked at

    async def _failed(self, text):
        device = self._device
        # asyncio's queue may hold on to an ended task for long: what it knows must not keep the code in memory.
        self._let_go("failed", text)
        got = self._at[0]
        diag.error("update", "failed at %d bytes: %s", got, text)
        await device.gate.wait()
        try:
            slots.write_text(device.board.root + "/update.txt", "%d %s" % (got, text[:1100]))
        except OSError as error:
            diag.error("update", "that could not be kept: %s", error)
            return  # then this object keeps it
        if device.order is self:
            device.order = None
