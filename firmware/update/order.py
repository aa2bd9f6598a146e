"""An update that somebody ordered: runs in the background beside everything else, and can be looked at meanwhile.

Loaded by the order, let go with all the code of the update when it is done. What it came to is kept in `update.txt`
(bytes fetched and why it failed) over a restart; of an update that succeeded the version's own `why` tells.
"""

import asyncio

from firmware.core import log, overlay
from firmware.core.compat import ticks_diff, ticks_ms
from firmware.net.url import DownloadError, split
from firmware.update import slots
from firmware.update.source import (
    GiveWay,
    OrderError,
    ReleaseError,
    lacking,
    read_key,
)
from firmware.update.waiting import Order

# What the update has at least of the heap, in turn with sessions and commands.
_SLICE_MS = const(6000)
_MAKE_WAY_MS = const(1000)
# How long MQTT is there before it makes way once more (net/alone.py).
_STAY_MS = const(30000)
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
    log.info("update", "ordered: %s", url)
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
        secure = split(url)[3]
    except DownloadError as error:
        raise OrderError(_BAD_VALUE, str(error)) from None
    if secure:
        with overlay.use("check"):
            from firmware.config.check import WHO_HAS_TLS, tls_is_here

            if not tls_is_here():
                text = "this version has no TLS, %s; http:// is as safe here: what is fetched is signed" % WHO_HAS_TLS
                raise OrderError(_BAD_VALUE, text)
    root = device.board.root
    folder, state = slots.current(root)
    if not device.guard or folder is None:
        text = "the firmware was not put here by make deploy: no way back"
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


async def step(order):
    """Go on with it; how many ms to wait until the next step, 0: its version is ready, and the device restarts.
    MemoryError."""
    try:
        version = await _fetch(order)
    except GiveWay:
        # A session or a command needs the heap, and has it within the pause; what was fetched is kept.
        order.let_go("fetching", "")
        return _STAY_MS if order.alone else _MAKE_WAY_MS
    # Until the restart there may be a reading yet, which wants the heap.
    order.let_go("ready", "")
    order.device.restart("update to " + version)
    return 0


async def _fetch(order):
    """The version that is ready. GiveWay: somebody wants the room."""
    device = order.device
    await device.link.up(_LINK_MS)
    with await overlay.turn("fetch"):
        overlay.tidy()
        from firmware.update.updater import Updater

        updater = order.updater = Updater(device.board.root, device.link.socket, device.board.feed, gate=device.gate)
        updater.pace = order.pace
        mqtt = device.mqtt
        updater.secure = bool(mqtt and mqtt.settings.get("tls"))
        away = _look_up_trust(order, updater)
        if away:
            await away.begin()
            updater.hurry = away.over
        start = ticks_ms()
        updater.give_way = lambda: overlay.wanted and ticks_diff(ticks_ms(), start) > _SLICE_MS
        order.state = order.error = ""
        try:
            return await updater.run(order.url, order.force)
        finally:
            if away:
                away.end()


def _look_up_trust(order, updater):
    """Whom to believe, where it is fetched with TLS; an Away for which MQTT has to leave meanwhile, or None."""
    device = order.device
    order.alone = False
    if not order.url.startswith("https"):
        return None
    with overlay.use("tls"):
        from firmware.net import alone
        from firmware.security import trust

        updater.trust = trust.of_update(device.board.root, device.clock, device.config.get)
        order.alone = alone.wanted(device.mqtt)
        return alone.Away(device.mqtt) if order.alone else None


async def end(order, error):
    """Nothing comes of it: `error`, or None where it was stopped."""
    device = order.device
    if error is None:
        _forget(device.board.root)
    text = "stopped by a command" if error is None else str(error) or type(error).__name__
    # asyncio's queue may hold on to an ended task for long: what it knows must not keep the code in memory.
    order.let_go("failed", text)
    got = order.at[0]
    log.error("update", "failed at %d bytes: %s", got, text)
    log.note("device", "the update failed", text)
    await device.gate.wait()
    try:
        slots.write_text(device.board.root + "/update.txt", "%d %s" % (got, text[:1100]))
    except OSError as error:
        log.error("update", "that could not be kept: %s", error)
        return  # then the order keeps it
    if device.order is order:
        device.order = None
