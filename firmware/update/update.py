"""Remote update: fetch a release, check it, make it the version beside the running one, start it on trial.

Nothing that runs is touched before the very end: one small file is renamed (firmware/update/slots.py),
and the next start is the new version's trial. It ends with `safestart.confirm_online()`, or the
device goes back by itself: after three starts that fail (boot.py) or half an hour without the
broker.
"""

import sys

from firmware import diag
from firmware.gate import silence
from firmware.port import const
from firmware.update import slots
from firmware.update.download import Download
from firmware.update.release import HEAD_MOST, check, free, place, read_head, seal
from firmware.update.source import DownloadError, ReleaseError, read_key

# Room littlefs needs to go on working.
_RESERVE = const(65536)

_ARCHES = (None, "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp")
_ARCHES += ("xtensa", "xtensawin", "rv32imc", "rv64imc")


class UpdateError(Exception):
    """The update did not happen; the device runs on as before. The text says why."""


def _own():
    """(.mpy version, architecture) this MicroPython reads; (None, None) on CPython."""
    mpy = getattr(sys.implementation, "_mpy", None)
    return (None, None) if mpy is None else (mpy & 0xFF, _ARCHES[mpy >> 10 & 15])


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
        self.pace = None  # the source.Pace of the order, when it is more than this one run
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
            self._tidy()
            self.problem = str(error)
        except (DownloadError, UpdateError) as error:
            self.problem = str(error)
        except OSError as error:
            full = error.args and error.args[0] == 28
            self.problem = "the flash is full" if full else "flash: %s" % error
            self._tidy()
        finally:
            if self.state != "ready":
                self.state = "idle"
        diag.error("update", "%s", self.problem)
        raise UpdateError(self.problem)

    async def _run(self, url, force):
        key = read_key(self.root)
        folder, _ = slots.current(self.root)
        if folder is None:
            raise UpdateError("the firmware was not put here by make deploy: no way back")
        self.state = "fetching"
        load = self._download = Download(
            url, self.path, self._sockets, self._feed, self._backoff, self.gate
        )
        load.give_way = self.give_way
        if self.pace:
            load.pace = self.pace
        await load.fetch(HEAD_MOST)
        head = await read_head(self.path, key)
        self._fits(head, folder, force)
        await self._make_room(head, slots.other(folder))
        diag.info("update", "%s: %d bytes, %d there", head.version, head.total, load.got)
        self._size = load.size = load.total = head.total
        await load.fetch(head.total)
        self.state = "checking"
        await self._same(self.path, key, head)
        target = slots.other(folder)
        await silence(self)
        slots.clear(self.root, target)
        await silence(self)
        place(self.path, head, self.root, target)
        self._tidy()
        # Nothing is written to it from here on: what is verified now is what runs.
        checked = await self._same("%s/%s/%s" % (self.root, target, slots.PACK), key, head)
        await silence(self)
        seal(checked, self.root, target)
        await silence(self)
        slots.switch(self.root, target, "trial", "update to %s" % head.version)
        diag.info("update", "%s is ready in %s", head.version, target)
        self.state = "ready"
        return head.version

    async def _same(self, path, key, head):
        """The Head of the file as it lies there, every byte checked; ReleaseError if it is not what was begun with."""
        found = await check(path, key)
        if found.digest != head.digest:
            raise ReleaseError("the server changed to another release on the way: refused")
        return found

    def _tidy(self):
        slots.remove(self.path)
        slots.remove(self.path + ".tag")

    def _fits(self, head, folder, force):
        """Refuse what this device cannot run, and what is older."""
        mpy, arch = _own()
        if mpy is not None and head.mpy != mpy:
            raise UpdateError(
                "the release is for .mpy version %s, this MicroPython reads %s" % (head.mpy, mpy)
            )
        if head.arch and mpy is not None and head.arch != arch:
            raise UpdateError("the release is for %s, this is %s" % (head.arch, arch))
        have = slots.manifest(self.root, folder).get("serial", 0)
        if head.serial < have and not force:
            raise UpdateError("the release is older than what runs; FORCE takes it nevertheless")

    async def _make_room(self, head, target):
        """See that the rest fits; the version before the running one, in `target`, gives way if that is enough."""
        needed = head.total - self._download.got + _RESERVE
        room = free(self.root)
        if room >= needed:
            return
        room += slots.used(self.root, target)
        if room < needed:
            raise UpdateError(
                "not enough room: %d KiB free, %d KiB needed; nothing was changed"
                % (room // 1024, needed // 1024)
            )
        await silence(self)
        slots.clear(self.root, target)
