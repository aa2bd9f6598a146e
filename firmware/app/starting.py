"""What happens once, when the firmware starts: the board, the device and its services are made. Loaded for that alone,
and then let go: nothing that stays may hold one of its functions.

`begin()` comes first, with the large buffers of the flash; `build(board, guard)` within the loop. Start-up is told
line by line on the console, so that a look at it says what the device believes.
"""

import asyncio
import gc
import sys

from firmware import boards
from firmware.app import main as watch
from firmware.core import VERSION, log, overlay

# Bytes allocated between two collections: while code is loaded, and afterwards.
_LOADING = const(2048)
_RUNNING = const(8192)
# What else is to be free for that, so that garbage does not make code go and come (core/overlay.py, _RESERVE).
_RESERVED = const(131072)
# The link waits up to 15 minutes and a half more between two attempts (net/modem/prepare.py, backoff_max).
_LINK_MS = const(1500000)
# Of core/log.py.
_WORDS = const(4)
_MAGIC = const(0x1D2)


def begin():
    """(this board, the firmware.update.safestart.Guard of this start or None)."""
    # Before the first line of this start is said.
    log.cells = _cells()
    log.before = _told()
    # Collecting early and often keeps what stays close together: the heap is not moved afterwards.
    if hasattr(gc, "threshold"):
        gc.threshold(_LOADING)
    board = boards.this_board()
    # The large buffers of the flash are in place; now everything else may come.
    log.info("start", "lector102 %s on %s, MicroPython %d.%d.%d", VERSION, board.name, *sys.implementation.version[:3])
    if not getattr(board, "versions", True):
        return board, None
    with overlay.use("guard"):
        from firmware.update import starts

        guard = starts.begin(board)
        if guard.mode != starts.NORMAL:
            log.error("start", "%s version: %s", guard.mode, starts.report(guard)["why"])
    return board, guard


def build(board, guard):
    """The App of this board, each of whose services runs."""
    app = make(board, guard)
    log.note("device", "start", VERSION + ", " + app.reset_cause + _why(guard))
    if guard:
        guard.app = app
        watch.crashes = guard
    overlay.hold()
    overlay.tidy()
    # Where much is free a collection, which costs a Pico W 20 to 40 ms, may wait longer.
    free = gc.mem_free()
    gc.threshold(max(_RUNNING, min(free // 4, (free - _RESERVED) // 2)))
    log.info("start", "%d bytes of heap in use, %d free", gc.mem_alloc(), gc.mem_free())
    with overlay.use("start"):
        from firmware.app.build_base import jitter

        for name, service in _services(app):
            limits = (_LINK_MS,) if name == "link" else ()
            watched = watch.Supervised(name, service, jitter(app, len(app.watched)), *limits)
            app.watched.append(watched)
            watched.task = asyncio.create_task(watched.run())
    return app


def _why(guard):
    """How this start came about, where it is no usual one."""
    with overlay.use("guard"):
        from firmware.update import starts

        if not guard or guard.mode == starts.NORMAL:
            return ""
        return ", %s version: %s" % (guard.mode, starts.report(guard)["why"])


def make(board, guard=None):
    """The App with every part, made from the settings; in the safe mode only what it takes to be reached."""
    with overlay.part:
        from firmware.app.device import App

    app = App(board, guard)
    # While so much is free in one piece.
    overlay.give_back(bytearray(overlay.LARGEST))
    # Where all of it fits at least once, names lie in nobody's way.
    if overlay.tight(0):
        _load()
        if not app.safe:
            _stays(board)
    app.audit = _audit()
    with overlay.use("start"):
        if app.safe:
            from firmware.app import build_base as parts
        else:
            from firmware.app import build as parts
        parts.build(app)
        app.look_up_topics()
    app.config.release()
    return app


def _services(app):
    """(name, object with run()) of each service, for the supervisor."""
    found = [(each.name, each) for each in list(app.lines) + app.deliveries]
    if app.mqtt:
        with overlay.part:
            from firmware.commands.channels.mqtt import Remote

        remote = Remote(app.mqtt, app.processor, app.answer_topic)
        app.mqtt.paused = remote.paused
        found.append(("commands", remote))
    if app.discovery:
        found.append(("ha", app.discovery))
    found += [(tagged.name, tagged) for tagged in app.tags]
    found += [("console", app.console), ("time", app.keeper)]
    if hasattr(app.link, "run"):
        found.append(("link", app.link))
    return [each for each in found if each[1]]


# --- what ran last before the reset (core/log.py)


def _cells():
    """[(region, first cell, cells to a word), …], one for each word; empty where nothing survives a reset."""
    try:
        import machine

        regions = machine.mem_backup(-1)
    except (ImportError, AttributeError):
        return ()
    found = []
    for at, region in enumerate(regions):
        size = 4 // region.itemsize
        # boot.py, which is never replaced, has the last two cells of the first region.
        last = len(region) - (0 if at else 2)
        found += [(region, first, size) for first in range(0, last - size + 1, size)][:_WORDS]
    return found[:_WORDS] if len(found) >= _WORDS else ()


def _told():
    """In words; "" where nothing is known."""
    if not log.cells:
        return ""
    task, source, number, seconds = map(_word, log.cells)
    if number >> 16 != _MAGIC:
        return ""
    log.put(2, 0)
    said = "%s %04X" % (_letters(source), number & 0xFFFF)
    return "task %s, line %s, %d s after the start" % (_letters(task), said, seconds)


def _word(cell):
    region, first, size = cell
    return sum(region[first + at] << (8 * at) for at in range(size))


def _letters(value):
    return "".join(chr(value >> 7 * at & 0x7F) for at in range(3, -1, -1)).strip()


# --- where code comes and goes: names side by side


def _load():
    """Load what comes and goes all the time once, before anything else is in the heap.

    MicroPython keeps each name it has ever loaded, in small pieces where there just was room. With the first session
    and the first command those would come to lie between what was in use then, and leave no large piece for the next
    ones.
    """
    # Each in a frame of its own, which holds what it has loaded.
    for step in (_session, _readings, _grammar, _commands, _rights, _settings, _audit, _rest):
        step()
        overlay.reclaim()


def _stays(board):
    """Load what stays behind the names: beside what is in memory for the start, holes would come to lie between it."""
    with overlay.part:
        from firmware.commands import dispatcher  # noqa: F401
        from firmware.core import clock  # noqa: F401
        from firmware.delivery.mqtt import service  # noqa: F401
        from firmware.meters import meter  # noqa: F401
        from firmware.recordlog import ring  # noqa: F401

        if getattr(board, "modem", None):
            from firmware.net.modem import at, link  # noqa: F401


def _audit():
    """What is kept of the audit log."""
    with overlay.use("audit"):
        from firmware.security import audit

        return audit.new()


def _session():
    with overlay.use("session"):
        from firmware.iec102 import instant, simple, totals  # noqa: F401
        from firmware.meters import ledger, session  # noqa: F401


def _readings():
    with overlay.use("session"), overlay.use("kinds"):
        from firmware.meters.readings import kinds

        for kind in kinds.every():
            if kind.module:
                kinds.reader(kind)


def _grammar():
    with overlay.use("grammar"):
        from firmware.commands import grammar  # noqa: F401


def _commands():
    with overlay.use("command"):
        from firmware.commands import executor  # noqa: F401


def _rights():
    with overlay.use("rights"):
        from firmware.commands import leave  # noqa: F401


def _settings():
    with overlay.use("change"):
        from firmware.config import changes  # noqa: F401


def _rest():
    with overlay.use("login"):
        from firmware.delivery.mqtt import login  # noqa: F401
    with overlay.use("segments"):
        from firmware.recordlog import segments  # noqa: F401
    with overlay.use("find"):
        from firmware.recordlog import find  # noqa: F401
    with overlay.use("status"):
        from firmware.app import status  # noqa: F401
