"""Remote update: fetch a release, check it, make it the version beside the running one, start it on trial.

The release is fetched straight into the folder that does not run: two versions on the flash at any time, not three.
The one that was there goes once the new one's head was found good. What runs is not touched; at the very end one small
file is renamed (firmware/update/slots.py), and the next start is the new version's trial. It ends when the broker is
reached (starts.py), or the device goes back by itself: after three starts that fail (boot.py) or half an hour without
the broker.
"""

import gc
import sys

from firmware.core import log
from firmware.core.flash_gate import silence
from firmware.net.url import DownloadError
from firmware.update import safestart, slots
from firmware.update.download import Download
from firmware.update.release import HEAD_MOST, check, read_head, seal
from firmware.update.source import ReleaseError, UpdateError, lacking, read_key

_OTHER = const("another version starts next: wait until it has been online")
# Bytes of a 32-bit heap between those of a Pico W and a Pico 2 W.
_FULL_HEAP = const(300000)
_ARCHES = const((
    None, "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa", "xtensawin",
    "rv32imc", "rv64imc",
))  # fmt: skip


def _own():
    """(.mpy version, architecture) this MicroPython reads; (None, None) on CPython."""
    mpy = getattr(sys.implementation, "_mpy", None)
    return (None, None) if mpy is None else (mpy & 0xFF, _ARCHES[mpy >> 10 & 15])


def _small():
    """Whether all of the heap is less than what boards have that take the full version (tools/pack.py)."""
    if not hasattr(gc, "mem_free"):
        return False
    size = gc.mem_alloc() + gc.mem_free()
    return (size * 78 // 100 if sys.maxsize > 0x7FFFFFFF else size) < _FULL_HEAP


class Updater:
    """`root`: folder of the flash; `sockets`: the link's; `feed`: the watchdog's; `gate`: see Download."""

    def __init__(self, root, sockets, feed=None, backoff_s=2, gate=None):
        self.root = root
        self.path = root + "/update.bin"
        self._sockets = sockets
        self._feed = feed
        self._backoff = backoff_s
        self.gate = gate
        self.give_way = lambda: False  # see Download
        self.hurry = None
        self.trust = None  # see Download
        self.secure = False  # the broker is reached with TLS, so the next version has to have it
        self.pace = None  # the waiting.Pace of the order, when it is more than this one run
        self.state = "idle"
        self.problem = ""
        self._download = None
        self._size = 0

    def status(self):
        """{"state", "got", "size", "problem"}; state is idle, fetching, checking or ready; problem
        is what ended it or, while it is fetching, the last try.
        """
        load = self._download
        got, last = (load.got, load.problem) if load else (0, "")
        problem = self.problem or last
        return {"state": self.state, "got": got, "size": self._size, "problem": problem}

    async def run(self, url, force=False):
        """Fetch and prepare the release at `url`; returns its version, which the next start tries.

        UpdateError when it is refused or cannot be fetched. `force` takes an older release, too.
        """
        if self.state not in ("idle", "ready"):
            raise UpdateError("an update is under way already")
        self.problem = ""
        try:
            return await self._run(url, force)
        except ReleaseError as error:
            # What was fetched is worth nothing; a second try fetches anew.
            self._discard()
            self.problem = str(error)
        except (DownloadError, UpdateError) as error:
            self.problem = str(error)
        except OSError as error:
            full = error.args and error.args[0] == 28
            self.problem = "the flash is full" if full else "flash: %s" % error
            self._discard()
        finally:
            if self.state != "ready":
                self.state = "idle"
        log.error("update", "%s", self.problem)
        raise UpdateError(self.problem)

    async def _run(self, url, force):
        key = read_key(self.root)
        target = self._target()
        pack = "%s/%s/%s" % (self.root, target, slots.PACK)
        # The version before is there until the head is found good.
        begun = slots.exists(pack) and not slots.complete(self.root, target)
        if begun:
            self._tidy()
        self.state = "fetching"
        load = self._download = Download(
            url, pack if begun else self.path, self._sockets, self._feed, self._backoff, self.gate, self.trust
        )
        load.give_way = self.give_way
        load.hurry = self.hurry
        if self.pace:
            load.pace = self.pace
        await load.fetch(HEAD_MOST)
        head = await read_head(load.path, key)
        self._fits(head, slots.other(target), force)
        self._size = head.total
        problem = lacking(self.root, head.total - load.got, None if begun else target)
        if problem:
            raise UpdateError(problem)
        if not begun:
            await silence(self)
            if self._target() != target:
                raise UpdateError(_OTHER)
            slots.clear(self.root, target)
            await silence(self)
            load.move(pack, HEAD_MOST)
        log.info("update", "%s: %d bytes, %d there", head.version, head.total, load.got)
        load.size = load.total = head.total
        await load.fetch(head.total)
        self.state = "checking"
        # Nothing is written to it from here on: what is verified now is what runs.
        checked = await check(pack, key)
        if checked.digest != head.digest:
            raise ReleaseError("the server changed to another release on the way: refused")
        await silence(self)
        self._tidy(pack + ".tag")
        await silence(self)
        # In one turn: who stops the update comes before, and then it is no version yet, or not at all.
        seal(checked, self.root, target)
        slots.switch(self.root, target, "trial", "update to %s" % head.version)
        log.info("update", "%s is ready in %s", head.version, target)
        self.state = "ready"
        return head.version

    def _target(self):
        """The folder for the release: neither what runs nor what starts next or is gone back to. UpdateError."""
        folder, state = slots.current(self.root)
        if not slots.complete(self.root, folder):
            raise UpdateError("the firmware was not put here by make deploy: no way back")
        guard = safestart.guard
        if state == "trial" or (guard and guard.root == self.root and guard.folder != folder):
            raise UpdateError(_OTHER)
        return slots.other(folder)

    def _discard(self):
        if self._download:
            self._download.discard()
        self._tidy()

    def _tidy(self, *names):
        for name in (self.path, self.path + ".tag") + names:
            slots.remove(name)

    def _fits(self, head, folder, force):
        """Refuse what this device cannot run, and what is older."""
        mpy, arch = _own()
        if mpy is not None and head.mpy != mpy:
            raise UpdateError("the release is for .mpy version %s, this MicroPython reads %s" % (head.mpy, mpy))
        if head.arch and mpy is not None and head.arch != arch:
            raise UpdateError("the release is for %s, this is %s" % (head.arch, arch))
        if self.secure and not head.full:
            text = "the release has no TLS, which mqtt.broker wants: order the file whose name ends in -full.rel"
            raise UpdateError(text)
        if head.full and _small():
            raise UpdateError("the release is for boards with more memory: order the file without -full in its name")
        have = slots.manifest(self.root, folder).get("serial", 0)
        if head.serial < have and not force:
            raise UpdateError("the release is older than what runs; FORCE takes it nevertheless")
