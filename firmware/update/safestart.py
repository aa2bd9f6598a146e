"""Safe start: keeps a crash for later, tells a good start from a bad one, and ends an update's trial.

boot.py has chosen the version and counted the start before anything of firmware/ was imported; this is the other half.
It begins with `starts.begin(board)`; the app calls `Guard.tick(online)` every few seconds, main.py
`crashed(exception)` for what nobody else caught. What has to succeed in a full heap is in here; what there is to do
once or twice in the life of the device is in starts.py, loaded for it. Files on the flash: see boot.py; and
`crash.txt`, the last traceback, bounded.
"""

import io

from firmware.core import overlay
from firmware.core.compat import monotonic_s, print_exception
from firmware.core.flash_gate import silence

SAFE = "safe"  # mode of a start: only what it takes to be reached; the others are in starts.py
_TEXT = const(1500)
# What boot.py counts on from after a Ctrl-C: until the firmware starts again nothing is a failed start, however often
# somebody's tool makes a soft reset. Each boot.py takes it, those in the field that count soft resets, too.
_CABLE = const(-200)
# A service that fails again and again must not wear the flash out.
_KEEP_S = const(3600)

guard = None


class Guard:
    """What is known about this start. `root` is the folder of the flash file system.

    starts.look() finds out the rest: `folder` and `state` of the version that runs, `starts` (which one in a row this
    is), `mode`, `pack` (whether the version's pack is what its manifest says: right, wrong or unknown, and why; None:
    a boot.py from before it looked itself), `memory` (boot.py's, that survives a reset, or None).
    """

    def __init__(self, root="", board=None):
        self.root = root
        self.board = board
        self.is_well = False
        self.began = monotonic_s()
        self.app = None  # firmware.app.device.App, once it is made
        self._kept = None  # seconds when the last failure of a service was written
        with overlay.use("guard"):
            from firmware.update import starts

            starts.look(self)

    def write(self, name, text):
        _write(self.root, name, text)

    def count(self, starts):
        """Let the next start be counted on from `starts`."""
        self.write("starts", str(starts))
        if self.memory:
            self.memory[len(self.memory) - 2] = 0

    def _has_kept(self):
        return self._kept is not None and monotonic_s() - self._kept < _KEEP_S

    async def keep(self, error, where):
        """Keep the traceback of a service that will go on: if it is another one than the last, once an hour, and away
        from a meter's answer (firmware.core.flash_gate)."""
        if self._has_kept():
            return
        text = _told(error, where)
        if text == _read(self.root + "/crash.txt"):
            return
        now = monotonic_s()
        await silence(self.app)
        self._kept = now
        self.write("crash.txt", text)

    def keep_now(self, error, where):
        """As keep(), where the heap has no room for the text: straight into the file, whatever comes in. OSError."""
        if self._has_kept():
            return
        self._kept = monotonic_s()
        with open(self.root + "/crash.txt", "w") as file:
            file.write(where)
            file.write(": ")
            print_exception(error, file)

    def restarting(self):
        """A restart in good order is coming: this start does not count as a failed one."""
        words = _read(self.root + "/current").split()
        if words and words[0] in ("app.a", "app.b") and words[0] != self.folder:
            return  # it is the next version's first start that comes, and its count is right
        if self.mode == SAFE:
            # Somebody has mended a setting: the full firmware has another try.
            self.count(0)
        elif not self.is_well and self.state != "trial":
            self.write("starts", str(max(self.starts - 1, 0)))

    def hold(self):
        """Somebody has stopped the firmware: what comes until it starts again is no crash."""
        if self.folder:
            self.count(_CABLE)

    def tick(self, online):
        """Call every few seconds. Returns None, or why the device has to restart now (text)."""
        up = monotonic_s() - self.began
        if up < self.due and not (online and self.state == "trial"):
            return None
        with overlay.use("guard"):
            from firmware.update import starts

            return starts.tick(self, online, up)


def _read(path):
    try:
        with open(path) as file:
            return file.read(_TEXT)
    except (OSError, ValueError):
        return ""


def _write(root, name, text):
    try:
        with open(root + "/" + name, "w") as file:
            file.write(text)
    except OSError as error:
        # Telling about a crash must not cause the next one; a full flash shows up in the log's status.
        print("safestart: cannot write %s: %s" % (name, error))


def _told(error, where):
    """The traceback as text, its end kept when it is long."""
    out = io.StringIO()
    print_exception(error, out)
    text = out.getvalue()
    if len(text) > _TEXT - 100:
        text = "...\n" + text[100 - _TEXT :]
    return ("%s: %s" % (where, text))[:_TEXT]


def crashed(error, where="main"):
    """Keep the traceback of `error` on the flash, whatever has been begun; never raises."""
    _write(guard.root if guard else "", "crash.txt", _told(error, where))


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
