"""Bring the firmware onto a board: only what changed, checked by hash, the old version kept.

The new version goes into the folder that does not run (app.a or app.b, see firmware/update/slots.py), as one packed
file (tools/pack.py). Modules that are as in the running version are copied from it on the board, the others go over
the cable. Until the whole was read again and its hash compared on the board itself, the board goes on starting the
old one; then a small file is renamed, and the next start is the new one. `rollback` renames it back.
"""

import hashlib
import re
import subprocess
import time

from firmware.update.slots import PACK
from tools import build, pack
from tools.board import flash
from tools.board.device import ROOT, BoardError, Progress, dumps
from tools.options import nearest

SLOTS = ROOT / "firmware" / "update" / "slots.py"
# boot.py, its helper and main.py choose and start a version, so they lie outside of both.
AROUND = ("boot.py", "main.py")
# Boards of the unix port; real ones need not carry them.
UNIX = ("twin", "modem_twin", "unix")
# Modules with a class Board that only serve as the base of others.
_FAMILIES = ("twin", "modem_twin", "base", "esp32", "rp2")

# Bytes: a board with less has no room for the page beside its work (firmware/web/start.py).
ROOMY_HEAP = 256 * 1024

_VERSION = re.compile(r'(?m)^VERSION = "([^"]+)"$')
# Runs on the board. A pack begins at 0, or behind the signed head of a release.
_HELPERS = """
import hashlib, binascii
def _base(f):
    lead = f.read(12)
    return 12 + (lead[8] << 8) + lead[9] + (lead[10] << 8) + lead[11] if lead[:8] == b'L102REL1' else 0
def _pieces(f, n):
    while n:
        b = f.read(min(n, 1024))
        if not b:
            break
        yield b
        n -= len(b)
def _hash(p, spans=None):
    with open(p, 'rb') as f:
        base = _base(f)
        for at, n in spans or ((0, 1 << 24),):
            f.seek(base + at)
            h = hashlib.sha256()
            for b in _pieces(f, n):
                h.update(b)
            print(binascii.hexlify(h.digest()).decode())
def _head(p):
    with open(p, 'rb') as f:
        base = _base(f)
        f.seek(base)
        b = f.read(10)
        b += f.read(8 * (b[8] << 8 | b[9]))
        print(f.seek(0, 2) - base, binascii.hexlify(b).decode())
def _copy(p, at, n):
    with open(p, 'rb') as f:
        f.seek(_base(f) + at)
        for b in _pieces(f, n):
            w(b)
"""


def board_names(root=ROOT):
    """The boards that firmware/boards/ knows."""
    found = list(flash.tables(root))
    for path in sorted((root / "firmware" / "boards").glob("*.py")):
        if path.stem not in _FAMILIES and "\nclass Board" in path.read_text():
            found.append(path.stem)
    return sorted(found)


def version(root=ROOT):
    """The version a build of `root` carries: the firmware's, "0" where it has none, and the commit if there is one."""
    path = root / "firmware" / "core" / "__init__.py"
    found = _VERSION.search(path.read_text()) if path.exists() else None
    number = found.group(1) if found else "0"
    done = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude", "*"],
        capture_output=True,
        text=True,
    )
    return number + ("+" + done.stdout.strip() if done.returncode == 0 else "")


def compile_tree(root=ROOT, arch=None, out=None, unix=False, full=None):
    """{path on the board: content} of firmware/ and lib/, compiled for `arch` (None: any).

    `unix` keeps the boards in that only MicroPython's unix port can be; `full`: the full version, not the base one
    (tools/pack.py; None: that of the unix port is full), whose tracebacks have lines.
    """
    full = unix if full is None else full
    out = out or _out(root, arch, full)

    def wanted(path):
        if not full and not pack.in_base(path.as_posix()):
            return False
        return unix or path.parent.name != "boards" or path.stem not in UNIX

    try:
        made, _ = build.compile_tree(out, root, arch, wanted, full)
    except build.CompileError as error:
        raise BoardError(str(error)) from None
    if not made:
        raise BoardError("there is no firmware/ in %s" % root)
    return {relative.as_posix(): path.read_bytes() for relative, path in made.items() if relative != build.HELPER}


def takes_full(facts):
    """Whether a board (Device.facts()) takes the full version: all but the RP2040 do."""
    return facts["arch"] != pack.BASE


def heap(device):
    """Bytes of the board's heap."""
    return device.eval("(lambda gc: gc.mem_free() + gc.mem_alloc())(__import__('gc'))")


def helper(root, arch):
    """What boot.py opens a version with; the same for both versions."""
    out = _out(root, arch, False) / build.HELPER
    build.compile_one(root / "firmware" / "packfs.py", build.HELPER.with_suffix(".py"), out, arch=arch)
    return out.read_bytes()


def _out(root, arch, full):
    return root / "build" / ("board-" + (arch or "any") + ("-full" if full else ""))


def _path(folder):
    """Where the version in a folder lies on the board."""
    return "/%s/%s" % (folder, PACK)


def packed(files):
    """(pack, {path: (start, end)}) of compiled files; BoardError."""
    try:
        return pack.build(files)
    except pack.PackError as error:
        raise BoardError(str(error)) from None


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def check_micropython(facts):
    """The board must read the .mpy files our compiler writes."""
    text = subprocess.run([str(build.MPY_CROSS), "--version"], capture_output=True, text=True).stdout
    ours = int(text.rsplit("mpy v", 1)[1].split(".")[0])
    if facts["mpy"] != ours:
        raise BoardError(
            "the board's MicroPython %s reads .mpy files of version %s, mpy-cross writes %d: "
            "flash MicroPython 1.29 or newer (make flash)"
            % (".".join(map(str, facts["version"])), facts["mpy"] or "none", ours)
        )


def check_modules(device):
    """What firmware/packfs.py needs is in every standard build of 1.23 and later."""
    done = device.exec("try:\n import deflate, vfs\n print(1)\nexcept ImportError:\n print(0)")
    if done.strip() != "1":
        raise BoardError(
            "the board's MicroPython was built without the modules deflate and vfs, which open the "
            "firmware: flash a standard build of MicroPython 1.29 or newer (make flash)"
        )


class Deployment:
    """`full`: whether to bring the full version (tools/pack.py); None: what the board's chip takes.

    After run(): `first`, whether there was no firmware before; `files`, those of the version.
    """

    def __init__(self, device, root=ROOT, out=print, full=None):
        self.full = full
        self.device = device
        self.root = root
        self.out = out

    def prepare(self):
        device = self.device
        facts = device.facts()
        check_micropython(facts)
        check_modules(device)
        device.load(SLOTS, "slots")
        device.exec(_HELPERS)
        self.folder, self.state = device.eval("slots.current()")
        self.files = compile_tree(
            self.root,
            facts["arch"],
            unix=facts["platform"] == "linux",
            full=takes_full(facts) if self.full is None else self.full,
        )
        self.pack, self.spans = packed(self.files)
        self.helper = helper(self.root, facts["arch"])
        return facts

    def hash(self, path):
        """SHA-256 of the version that really lies at `path`, read and hashed by the board."""
        return self.device.exec("_hash(%r)" % path).strip()

    def modules(self, folder):
        """{SHA-256 of a module as it is packed: its (position, length)} of the version in a folder."""
        path = _path(folder)
        if not folder or not self.device.exists(path):
            return {}
        size, head = self.device.exec("_head(%r)" % path).split()
        try:
            table = pack.entries(bytes.fromhex(head), int(size))
        except pack.PackError:
            return {}  # another format: nothing of it can be used
        spans = [(at, end - at) for at, end in table.values()]
        digests = self.device.exec("_hash(%r, %r)" % (path, spans)).split()
        return dict(zip(digests, spans))

    def around(self, board):
        """Files outside the versions: {path: content}."""
        found = {name: (self.root / name).read_bytes() for name in AROUND}
        found[str(build.HELPER)] = self.helper
        if board:
            found["board.txt"] = board.encode()
        for key in (self.root / "release.pub",):
            if key.exists():
                found["release.pub"] = key.read_bytes()
        return found

    def check_board(self, board):
        if board and board not in board_names(self.root):
            names = board_names(self.root)
            raise BoardError("no board %r; there are: %s%s" % (board, ", ".join(names), nearest(board, names)))
        if not board and not self.device.exists("/board.txt"):
            raise BoardError(
                "this board does not know yet what it is: make deploy BOARD=lilygo_t_sim7600, or which it is of: "
                + ", ".join(board_names(self.root))
            )

    def run(self, board=None):
        """Deploy; returns how many modules and files were sent over the cable."""
        facts = self.prepare()
        self.check_board(board)
        if board:
            flash.check_chip(board, facts, self.root)
        sent = 0
        self.first = not self.folder
        complete = self.folder and self.device.eval("slots.complete('', %r)" % self.folder)
        if complete and self.hash(_path(self.folder)) == sha256(self.pack):
            self.out("firmware: up to date (%d modules in %s)" % (len(self.files), self.folder))
        else:
            sent += self.new_version()
        return sent + self.send_around(board)

    def new_version(self):
        device = self.device
        before = self.folder
        here = self.modules(before)
        target = device.eval("slots.other(%r)" % before) if before else "app.a"
        self.check_room(target)
        device.exec("slots.clear('', %r)" % target)
        path = _path(target)
        device.exec("f = open(%r, 'wb')\nw = f.write" % (path + ".tmp"))
        sent = self.compose(_path(before), here)
        device.exec("f.close()")
        if self.hash(path + ".tmp") != sha256(self.pack):
            raise BoardError(
                "what was written differs from what was sent (bad cable?); the old version goes on running"
            )
        device.exec("import os\nos.rename(%r, %r)" % (path + ".tmp", path))
        table = {"version": version(self.root), "serial": int(time.time()), "sha256": sha256(self.pack)}
        device.write("/%s/manifest.json" % target, dumps(table).encode())
        device.exec("slots.switch('', %r, 'ok', 'deployed by cable')" % target)
        self.folder = target
        self.out(
            "firmware: %d modules sent, %d copied on the board -> %s; before: %s"
            % (sent, len(self.files) - sent, target, before or "nothing")
        )
        return sent

    def check_room(self, target):
        """Refuse before anything is touched; what lies in the target will go first."""
        free = self.device.eval("(lambda v: v[0] * v[3])(__import__('os').statvfs('/'))")
        free += self.device.eval("slots.used('', %r)" % target)
        # littlefs wants some to breathe.
        needed = len(self.pack) + 32768
        if free < needed:
            raise BoardError(
                "not enough room: %d KiB free, %d KiB needed. The old version goes on running. "
                "`make backup`, then reduce the log (its size is a setting) and try again."
                % (free // 1024, needed // 1024)
            )

    def compose(self, source, here):
        """Write the pack on the board out of what is there and what is not; returns how many modules were sent."""
        sent = 0
        at = min(start for start, _ in self.spans.values())
        self.device.append(self.pack[:at])
        progress = Progress(len(self.pack) - at)
        copied = None  # what is to be copied next: [position, length], as far as it is in one piece
        for path, (start, end) in sorted(self.spans.items(), key=lambda item: item[1]):
            data = self.pack[start:end]
            span = here.get(sha256(data))
            if span and copied and sum(copied) == span[0]:
                copied[1] += span[1]
            else:
                self.copy(source, copied)
                copied = list(span) if span else None
            if not span:
                self.device.append(data)
                sent += path in self.files  # the window is no module
            progress.step(path, len(data))
        self.copy(source, copied)
        progress.end()
        return sent

    def copy(self, source, span):
        """What did not change since the running version needs no cable."""
        if span:
            self.device.exec("_copy(%r, %d, %d)" % (source, *span))

    def send_around(self, board):
        sent = 0
        for name, data in self.around(board).items():
            if self.device.read("/" + name) != data:
                self.device.write("/" + name, data)
                sent += 1
                self.out("%s: written" % name)
        return sent


def rollback(device, out=print):
    """Go back to the version before; one step, and a second rollback undoes the first."""
    device.load(SLOTS, "slots")
    folder, state = device.eval("slots.current()")
    target = device.eval("slots.other(%r)" % folder) if folder else None
    if not target or not device.eval("slots.complete('', %r)" % target):
        raise BoardError("there is no complete version to go back to")
    device.exec("slots.switch('', %r, 'ok', 'rolled back by cable')" % target)
    back = device.eval("slots.manifest('', %r).get('version')" % target)
    out("back to %s in %s (was %s)" % (back, target, folder))
    return target
