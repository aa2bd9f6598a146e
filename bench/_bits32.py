"""What the firmware's code takes in a board's own bytes: a 32-bit MicroPython imports it (tools/micropython32.py).

Of each package what its modules take; of each class of boards what stays in the heap once the firmware runs, against
the class's budget (tools/micropython.py). Code only: buffers, settings and whatever else a module makes later on are
not in it. Names are counted as their text and their entry in the table, which a board makes twice as large at a time.
"""

import ast
import functools
import json
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench._rows import at_most, row
from tests.host.support.modem_process import Simulator
from tests.host.support.twin_lab import Lab
from tools import build, micropython, micropython32, patience
from tools.board.deploy import UNIX

_HOUR = 3600
_MODEM = {"uplink.type": "modem", "uplink.apn": "internet", "sms.enabled": True, "sms.all_phones": True}
# The meter is read at once, and then not for an hour.
_MODEM["iec102.align"] = False
_EVERYTHING = {"ha.enabled": True, "iec102.trace": "console"}
# Class of boards -> the family of one and what stays of boards/ beside that; the settings that make it keep the most
# (None: whatever was loaded stays); what else it keeps, for which the twin has no second port.
CLASSES = {
    "small": (("rp2",), _MODEM, ()),
    "middle": (("rp2",), {**_MODEM, **_EVERYTHING}, ("firmware.commands.channels.tags",)),
    "roomy": (("esp32", "wiring"), None, ("firmware.net.link",)),
}
# What they run: the full version has line numbers (tools/pack.py).
BASE = ("small",)
_OLDER_BOARDS = Path("firmware/packfs.py")
# What each board has: it chooses a version of the firmware, and its clock is not right from the start.
_BESIDE_TWIN = ("packfs", "firmware.update.safestart")

# Goes before main.py: once the file `look` is there it writes what stays loaded for two seconds.
_LOOK = """
import asyncio, json, os, sys
async def _look():
    while True:
        await asyncio.sleep_ms(50)
        try:
            os.stat("look")
            break
        except OSError:
            pass
    from firmware.core import overlay
    overlay.reclaim()
    kept = set(sys.modules)
    for _ in range(20):
        await asyncio.sleep_ms(100)
        kept &= set(sys.modules)
    with open("kept.tmp", "w") as file:
        json.dump(list(kept), file)
    os.rename("kept.tmp", "kept.json")
asyncio.create_task(_look())
"""
# What a board has and this port has not, as empty as can be; and what comes with MicroPython.
_BEGIN = """
import asyncio, binascii, errno, gc, json, micropython, struct, sys
from asyncio import core, event, funcs, lock
class _Nothing:
    def __getattr__(self, name):
        return _Nothing
for _name in ("machine", "network", "socket", "usocket", "ssl", "esp32", "rp2", "_thread"):
    sys.modules[_name] = _Nothing()
sys.modules["machine"].mem_backup = lambda region: ()
sys.modules["ustruct"], sys.modules["ubinascii"] = struct, binascii
sys.path[:0] = ["/app", "/app/lib"]
"""
# boot.py has run among the names of __main__, and the firmware has taken out what it does not need. Boards know no
# docstrings.
_BEGUN = "__import__('firmware.update.starts', None, None, ('tidy',)).tidy(); del __doc__"
_FORGET = """
for _name in list(sys.modules):
    if _name.split(".")[0] in ("firmware", "umqtt", "microdot", "packfs"):
        del sys.modules[_name]
"""
# Binds no name, which would keep it.
_IMPORT = "__import__('%s')".__mod__
_TIDY = "gc.collect()"
# What few devices ever load: its names count only where it stays. Those of all others do, as MicroPython keeps the
# names of what was loaded once.
_SELDOM = (
    "web boards net.modem update.download net.http update.order update.release update.source update.updater"
    " update.waiting config.text_import config.needs config.password config.help config.words commands.handlers.help"
    " commands.handlers.doctor commands.handlers.log commands.leave meters.frame_trace iec102.frame_text"
    " meters.line_probe delivery.discovery delivery.homeassistant commands.channels.tags app.time_sync net.url"
    " net.tls net.alone security core.error_tls delivery.sender delivery.options delivery.http delivery.ftp"
    " recordlog.kept net.wire net.ethernet"
)
_TELL = "print('used', gc.mem_alloc()); micropython.qstr_info()"
_TOLD = re.compile(r"used (\d+)\s+qstr pool: n_pool=\d+, n_qstr=(\d+), n_str_data_bytes=(\d+), n_total_bytes=(\d+)")
_BEFORE = (16, 528, 1040, 2544, 5008)  # bytes by which the heap is moved, for as many measurements
_ENTRY = 7  # bytes of a name in the table: pointer, hash, length


def rows(quick=False):
    """The table's rows; the quick form leaves out what needs a running twin."""
    build.build()
    sizes = packages()
    whole = ("of all the code", sum(sizes.values()))
    found = [row("  %s, all of it imported, 32 bits" % each, size, "bytes", whole) for each, size in sizes.items()]
    for name, modules in residents(only="roomy" if quick else None).items():
        code, names = taken(modules, device(name))
        what = "code and names that a %s board keeps, 32 bits" % name
        budget = micropython.RESIDENT_CODE[name]
        found.append(at_most(what, code + names, "bytes", "its budget", budget, modules=len(modules), names=names))
    return found


def device(name):
    """The folder with what boards of a class run."""
    return build.DEVICE if name in BASE else build.full()


@functools.cache
def every_module():
    """The names (tuple) of all modules a board may have, those first that others import."""
    paths = {}
    for path, relative in build.sources():
        # The packfs.mpy of a version is for boards whose own is older.
        if (path.parent.name != "boards" or path.stem not in UNIX) and relative != _OLDER_BOARDS:
            parts = relative.with_suffix("").parts[relative.parts[0] == "lib" :]
            paths[".".join(parts).replace(".__init__", "")] = path
    found = []

    def add(name):
        if name in paths and name not in found:
            path = paths.pop(name)
            for each in _imported(ast.parse(path.read_text())):
                add(each)
            found.append(name)

    for name in sorted(paths):
        add(name)
    return tuple(found)


def _imported(node):
    """The names of modules that may be imported while `node` is executed and no function of it is called."""
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.ImportFrom) and each.module:
            yield each.module
            yield from ("%s.%s" % (each.module, alias.name) for alias in each.names)
        elif isinstance(each, ast.Import):
            yield from (alias.name for alias in each.names)
        elif not isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from _imported(each)


def packages(folder=build.DEVICE):
    """{package: bytes of heap its modules take when all the firmware's names are there}, the largest first."""
    modules = every_module()
    steps = [_BEGIN, *map(_IMPORT, modules), _FORGET, _TIDY, _TELL]
    for name in modules:
        steps += [_IMPORT(name), _TIDY, _TELL]
    used = [found[0] for found in _measured(steps, folder)]
    sizes = {}
    for name, before, after in zip(modules, used, used[1:]):
        package = _package(name)
        sizes[package] = sizes.get(package, 0) + after - before
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def _package(name):
    parts = name.split(".")
    below = build.DEVICE / "/".join(parts[:2])
    return "/".join(parts[:2]) if len(parts) > 1 and below.is_dir() else parts[0]


def residents(only=None):
    """{class: names of the modules it never lets go}, as the twin has them; a board's own in place of the twin's.

    `only`: of that class alone.
    """
    wanted = {name: CLASSES[name] for name in ([only] if only else CLASSES)}
    live = {name: settings for name, (_, settings, _) in wanted.items() if settings is not None}
    with ThreadPoolExecutor() as pool:
        seen = dict(zip(live, pool.map(_seen, live.values())))
    found = {}
    for name, ((board, *hardware), _, more) in wanted.items():
        kept = {each for each in seen.get(name, every_module()) if not each.startswith("firmware.boards.")}
        boards = ("firmware.boards." + each for each in (board, *hardware))
        found[name] = sorted(kept.union(_BESIDE_TWIN, more, boards))
    return found


def _seen(settings):
    """The modules that stay loaded in the twin behind a modem, once record, answer and announcements are out."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        before = folder / "before"
        before.mkdir()
        for name in ("firmware", "lib"):
            (before / name).symlink_to(build.DEVICE / name)
        (before / "main.py").write_text(_LOOK + (build.DEVICE / "main.py").read_text())
        (folder / "app").symlink_to(before)
        modem = Simulator(folder, "--running", "--scale", "0.1", "--profile", "sim7600")
        link = {"pty": modem.pty, "control": modem.control}
        options = {"settings": settings, "interval": _HOUR, "heap": micropython.MIDDLE, "modem": link}
        try:
            with Lab(folder, **options) as lab:
                lab.twin.start()
                lab.record(60)
                lab.at("AT")
                if "ha.enabled" in settings:
                    lab.twin.wait_line("entities announced", 60)
                (folder / "look").touch()
                if not patience.until((folder / "kept.json").exists, 30):
                    raise RuntimeError("the twin did not look:\n" + "\n".join(lab.twin.lines[-20:]))
                modules = json.loads((folder / "kept.json").read_text())
        finally:
            modem.close()
    return [name for name in modules if name.startswith(("firmware", "umqtt"))]


def taken(modules, folder=build.DEVICE):
    """(bytes of code, bytes of names) of the heap with `modules` of `folder`, and names of what came and went."""
    seldom = tuple("firmware." + each for each in _SELDOM.split())
    # The page, and who alone uses microdot.
    first = [name for name in every_module() if not name.startswith(seldom) and name != "microdot"]
    boot = (folder / "boot.py").read_text()
    steps = [_TIDY, _TELL, *map(_IMPORT, first), boot, _BEGUN, _FORGET, _TIDY]
    steps += [*map(_IMPORT, modules), _TIDY, _TELL]

    def once(bytes_before):
        before, after = _measured([_BEGIN, "_before = bytearray(%d)" % bytes_before, *steps], folder)
        used, names, text, table = (late - early for early, late in zip(before, after))
        return used - table, text + _ENTRY * names

    # The collector takes any word for an address, so that some KB of what was let go may stay by chance. Elsewhere in
    # the heap it is another chance; the least is what there is.
    with ThreadPoolExecutor() as pool:
        return min(pool.map(once, _BEFORE))


def _measured(steps, folder):
    """What `_TELL` has told each time: (bytes in use, number of names, bytes of their texts, bytes of all of that)."""
    return [tuple(map(int, found)) for found in _TOLD.findall(micropython32.run(steps, folder))]
