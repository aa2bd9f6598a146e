"""Safe start: keeps a crash for later, tells a good start from a bad one, and ends an update's
trial.

boot.py has chosen the version and counted the start before anything of firmware/ was imported;
this is the other half. The app calls `begin(board)` first of all, `tick(online)` every few
seconds, `crashed(exception)` for what nobody else caught. Files on the flash: see boot.py; and
`crash.txt`, the last traceback, bounded.
"""

import asyncio
import io
import os
import sys
import time

import __main__
from firmware.core import overlay
from firmware.port import const, monotonic_s
from firmware.update import slots

NORMAL = "normal"  # the current version
PREVIOUS = "previous"  # the version before, because the newer one crashed
DAMAGED = "damaged"  # a version that is not what it should be, because the other one is no better
SAFE = "safe"  # only what it takes to be reached: console, link, broker, commands

# A start counts as good after this long without a crash.
_WELL_S = const(600)
# An update that is not online by then is taken back.
_TRIAL_S = const(1800)
# Safe mode gives the full firmware another try: what was wrong outside may have passed.
_RETRY_S = const(6 * 3600)
_TEXT = const(1500)
# What boot.py counts on from after a Ctrl-C: until the firmware starts again nothing is a failed start, however often
# somebody's tool makes a soft reset. Each boot.py takes it, those in the field that count soft resets, too.
_CABLE = const(-200)
# A service that fails again and again must not wear the flash out.
_KEEP_S = const(3600)


class Guard:
    """What is known about this start. `root` is the folder of the flash file system."""

    def __init__(self, root="", board=None):
        self.root = root
        self.board = board
        self.folder, self.state = slots.current(root)
        self.starts = _starts(root)
        if self.starts < 0:
            self.starts = 1
            self._write("starts", "1")
        # Whether the version's pack is what its manifest says (right, wrong, unknown, and why); None: a boot.py from
        # before it looked itself, so we have to (own.py).
        self.pack = getattr(__main__, "_pack", None) if self.folder else ""
        self.mode = PREVIOUS if self.state == "fallback" else NORMAL
        if self.starts > 3:
            self.mode = SAFE
        elif self.pack == "wrong":
            self.damaged()
        self.began = monotonic_s()
        self.is_well = False
        self._kept = None  # seconds when the last failure of a service was written

    def _write(self, name, text):
        try:
            slots.write_text(self.root + "/" + name, text)
            return True
        except OSError as error:
            # Telling about a crash must not cause the next one; a full flash shows up in the log's
            # status.
            print("safestart: cannot write %s: %s" % (name, error))
            return False

    def crashed(self, error, where="main"):
        text = "%s: %s" % (where, traceback_text(error))
        self._write("crash.txt", text[:_TEXT])

    async def keep(self, error, where, gate):
        """Keep the traceback of a service that will go on: if it is another one than the last, once an hour."""
        now = monotonic_s()
        if self._kept is not None and now - self._kept < _KEEP_S:
            return
        text = ("%s: %s" % (where, traceback_text(error)))[:_TEXT]
        if text == slots.read_text(self.root + "/crash.txt", _TEXT):
            return
        await gate.wait()
        self._kept = now
        self._write("crash.txt", text)

    def keep_now(self, error, where):
        """As keep(), where the heap has no room for the text: straight into the file, whatever comes in. OSError."""
        now = monotonic_s()
        if self._kept is not None and now - self._kept < _KEEP_S:
            return
        self._kept = now
        path = self.root + "/crash.txt"
        with open(path + ".tmp", "w") as file:
            file.write(where)
            file.write(": ")
            _print(error, file)
        os.rename(path + ".tmp", path)

    def damaged(self):
        """The version is not what it should be, and there is none to go back to: it is told as long as it runs."""
        if self.mode != SAFE:
            self.mode = DAMAGED
            why = "%s is damaged, and there is no other that is whole" % self.folder
            if slots.read_text(self.root + "/why") != why:
                self._write("why", why)

    def well(self):
        """The start was good: the counter begins anew. Costs a flash write once per start."""
        if not self.is_well:
            self.is_well = True
            if self.mode != SAFE:
                self._write("starts", "0")
                _forget()

    def restarting(self):
        """A restart in good order is coming: this start does not count as a failed one."""
        if slots.current(self.root)[0] != self.folder:
            return  # it is the next version's first start that comes, and its count is right
        if self.mode == SAFE:
            # Somebody has mended a setting: the full firmware has another try.
            self._write("starts", "0")
            _forget()
        elif not self.is_well and self.state != "trial":
            self._write("starts", str(max(self.starts - 1, 0)))

    def hold(self):
        """Somebody has stopped the firmware: what comes until it starts again is no crash."""
        if self.folder:
            self._write("starts", str(_CABLE))
            _forget()

    def confirm_online(self):
        """An update has reached the broker: it stays. Returns whether it was on trial."""
        if self.state != "trial":
            return False
        slots.switch(self.root, self.folder, "ok", "update %s confirmed" % self.version())
        self.state = "ok"
        self.well()
        return True

    def roll_back(self, why):
        """Make the previous version the one of the next start; False when there is none."""
        other = slots.other(self.folder) if self.folder else None
        if not slots.complete(self.root, other):
            return False
        slots.switch(self.root, other, "fallback", why)
        return True

    def version(self):
        return slots.manifest(self.root, self.folder).get("version", "") if self.folder else ""

    def tick(self, online):
        """Call every few seconds. Returns None, or why the device has to restart now (text)."""
        up = monotonic_s() - self.began
        if self.state == "trial":
            if online:
                self.confirm_online()
            elif up >= _TRIAL_S:
                why = "update %s was not online within %d min" % (self.version(), _TRIAL_S // 60)
                if self.roll_back(why):
                    return why
                self.state = "ok"
        elif up >= _WELL_S:
            self.well()
        if self.mode == SAFE and up >= _RETRY_S:
            self._write("starts", "0")
            _forget()
            return "leaving safe mode for another try"
        return None

    def report(self):
        """{"mode", "version", "trial", "starts", "why", "crash"}, and with versions "boot" and "pack":
        for the online topic and GETSTATUS.
        """
        crash = slots.read_text(self.root + "/crash.txt", _TEXT).strip().split("\n")[-1][:120]
        why = slots.read_text(self.root + "/why", 200).strip()
        if self.mode == SAFE:
            # What ended a start without a traceback (the watchdog) left none: then this is an older one.
            why = "%d starts in a row failed; last crash: %s" % (self.starts - 1, crash or "unknown")
        found = {
            "mode": self.mode,
            "version": self.version(),
            "trial": self.state == "trial",
            "starts": self.starts,
            "why": why,
            "crash": crash,
        }
        if self.folder:
            found["boot"] = "new" if hasattr(__main__, "_pack") else "old: make deploy renews it"
            found["pack"] = self.pack or "not checked yet"
        return found


def _starts(root):
    """Which start in a row this is: boot.py's own count, which is right even with a full flash."""
    count = getattr(__main__, "_starts", 0)
    try:
        return count or int(slots.read_text(root + "/starts") or "1")
    except ValueError:
        return 1


def _forget():
    """boot.py's copy of the counter in memory that survives a reset."""
    # It has run among the names of __main__.
    look = getattr(__main__, "_memory", None)
    memory = look() if look else None
    if memory:
        memory[len(memory) - 2] = 0


def traceback_text(error):
    """The traceback as text, its end kept when it is long."""
    out = io.StringIO()
    _print(error, out)
    text = out.getvalue()
    return text if len(text) <= _TEXT - 100 else "...\n" + text[100 - _TEXT :]


def _print(error, out):
    if hasattr(sys, "print_exception"):
        sys.print_exception(error, out)
    else:
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__, file=out)


guard = None


def _guard():
    global guard
    if guard is None:
        guard = Guard()
    return guard


def begin(board):
    """Call once, first of all; returns the mode of this start.

    Waits `board.window_ms` for a Ctrl-C (a KeyboardInterrupt leaves through here), then the first
    `board.feed()` starts the watchdog.
    """
    global guard
    guard = Guard(board.root, board)
    # In steps: a Ctrl-C that arrives during one long sleep is noticed only at its end on some
    # ports.
    for _ in range(getattr(board, "window_ms", 0) // 100):
        time.sleep(0.1)
    board.feed()
    return guard.mode


def crashed(error, where="main"):
    """Keep the traceback of `error` on the flash; never raises."""
    _guard().crashed(error, where)


async def keep(error, where, gate):
    """As crashed(), for a service that starts again; bounded, and away from a meter's answer (firmware.gate)."""
    await _guard().keep(error, where, gate)


def keep_now(error, where):
    _guard().keep_now(error, where)


def well():
    _guard().well()


def restarting():
    """Call before an orderly restart."""
    _guard().restarting()


def confirm_online():
    return _guard().confirm_online()


def tick(online):
    return _guard().tick(online)


def report():
    return _guard().report()


def last_crash():
    """The last crash's traceback, "" when there was none."""
    return slots.read_text(_guard().root + "/crash.txt", _TEXT)


def forget_crash():
    return slots.remove(_guard().root + "/crash.txt")


def interrupted():
    """Somebody pressed Ctrl-C, the REPL is theirs: keep the watchdog quiet from here on.

    Returns what has to be kept alive for that (the board's timer), or None.
    """
    if not guard:
        return None
    hold = getattr(guard.board, "hold", None)
    held = hold() if hold else None
    guard.hold()
    return held


def check(app):
    """Where boot.py does not look at the version's pack, have it looked at now, in the background."""
    if guard and guard.pack is None:
        guard.pack = ""
        with overlay.use("own"):
            from firmware.update import own

            app.own = asyncio.create_task(own.run(app, guard))
