"""Bring the firmware onto a board: only what changed, checked by hash, the old version kept.

The new version goes into the folder that does not run (app.a or app.b, see firmware/update/slots.py).
Until its last file is written and every hash was compared on the board itself, the board goes on
starting the old one; then a small file is renamed, and the next start is the new one. `rollback`
renames it back.
"""

import hashlib
import subprocess
import time

from tools import build
from tools.board.device import ROOT, BoardError, Progress, dumps

SLOTS = ROOT / "firmware" / "update" / "slots.py"
# boot.py and main.py choose and start a version, so they lie outside of both.
AROUND = ("boot.py", "main.py")
# Boards of the unix port; real ones need not carry them.
_UNIX = ("twin", "modem_twin", "ppp_standin", "unix")
# Modules with a class Board that only serve as the base of others.
_FAMILIES = ("twin", "modem_twin", "common", "esp32", "rp2")

_HASHES = """
import hashlib, binascii
def _hash(p):
    h = hashlib.sha256()
    with open(p, 'rb') as f:
        while True:
            b = f.read(1024)
            if not b:
                break
            h.update(b)
    return binascii.hexlify(h.digest()).decode()
"""


def board_names(root=ROOT):
    """The boards that firmware/boards/ knows."""
    found = []
    for path in sorted((root / "firmware" / "boards").glob("*.py")):
        if path.stem not in _FAMILIES and "\nclass Board" in path.read_text():
            found.append(path.stem)
    return found


def version(root=ROOT):
    """The version a build carries: the project's, and the commit where there is one."""
    number = "0"
    for line in (
        (root / "pyproject.toml").read_text().splitlines()
        if (root / "pyproject.toml").exists()
        else ()
    ):
        if line.startswith("version"):
            number = line.split('"')[1]
            break
    done = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude", "*"],
        capture_output=True,
        text=True,
    )
    return number + ("+" + done.stdout.strip() if done.returncode == 0 else "")


def compile_tree(root=ROOT, arch=None, out=None, unix=False):
    """{path on the board: content} of firmware/ and lib/, compiled for `arch` (None: any).

    `unix` keeps the boards in that only MicroPython's unix port can be.
    """
    out = out or root / "build" / ("board-" + (arch or "any"))

    def wanted(path):
        return unix or path.parent.name != "boards" or path.stem not in _UNIX

    try:
        made, _ = build.compile_tree(out, root, arch, wanted)
    except build.CompileError as error:
        raise BoardError(str(error)) from None
    if not made:
        raise BoardError("there is no firmware/ in %s" % root)
    return {relative.as_posix(): path.read_bytes() for relative, path in made.items()}


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


class Deployment:
    def __init__(self, device, root=ROOT, out=print):
        self.device = device
        self.root = root
        self.out = out

    def prepare(self):
        device = self.device
        facts = device.facts()
        check_micropython(facts)
        device.load(SLOTS, "slots")
        device.exec(_HASHES)
        self.folder, self.state = device.eval("slots.current()")
        self.files = compile_tree(self.root, facts["arch"], unix=facts["platform"] == "linux")
        self.wanted = {path: sha256(data) for path, data in self.files.items()}
        return facts

    def hashes(self, folder):
        """{path: sha256} of what really lies in a folder, read and hashed by the board."""
        text = self.device.exec(
            "for p, d in slots.walk(%r):\n"
            " if not d and p != 'manifest.json': print(_hash(%r + p), p)"
            % ("/" + folder, "/" + folder + "/")
        )
        pairs = (line.split(" ", 1) for line in text.replace("\r", "").splitlines() if line)
        return {path: digest for digest, path in pairs}

    def around(self, board):
        """Files outside the versions: {path: content}."""
        found = {name: (self.root / name).read_bytes() for name in AROUND}
        if board:
            found["board.txt"] = board.encode()
        for key in (self.root / "release.pub",):
            if key.exists():
                found["release.pub"] = key.read_bytes()
        return found

    def check_board(self, board):
        if board and board not in board_names(self.root):
            raise BoardError(
                "no board %r; there are: %s" % (board, ", ".join(board_names(self.root)))
            )
        if not board and not self.device.exists("/board.txt"):
            raise BoardError(
                "this board does not know yet what it is: BOARD=NAME (or --board NAME) with one of: "
                + ", ".join(board_names(self.root))
            )

    def run(self, board=None):
        """Deploy; returns how many files were sent over the cable."""
        self.prepare()
        self.check_board(board)
        here = self.hashes(self.folder) if self.folder else {}
        sent = 0
        if here == self.wanted and self.device.eval("slots.complete('', %r)" % self.folder):
            self.out("firmware: up to date (%d files in %s)" % (len(here), self.folder))
        else:
            sent += self.new_version(here)
        return sent + self.send_around(board)

    def new_version(self, here):
        device = self.device
        target = device.eval("slots.other(%r)" % self.folder) if self.folder else "app.a"
        there = self.hashes(target)
        same = [path for path in self.wanted if there.get(path) == self.wanted[path]]
        missing = [path for path in sorted(self.wanted) if path not in same]
        local = [path for path in missing if here.get(path) == self.wanted[path]]
        send = [path for path in missing if path not in local]
        self.check_room(missing, len(there) - len(same))
        device.exec("slots.clear('', %r, %r)" % (target, same))
        self.copy_on_board(target, local)
        progress = Progress(sum(len(self.files[path]) for path in send))
        for path in send:
            progress.step(path, len(self.files[path]))
            device.exec("slots.make_folders(%r, %r)" % ("/" + target, path))
            device.write("/%s/%s" % (target, path), self.files[path])
        progress.end()
        before, self.folder = self.folder, target
        self.switch(target)
        self.out(
            "firmware: %d sent, %d copied on the board, %d kept -> %s; before: %s"
            % (len(send), len(local), len(same), target, before or "nothing")
        )
        return len(send)

    def check_room(self, missing, stale):
        """Refuse before anything is touched; `stale` files of the target will go first."""
        free = self.device.eval("(lambda v: v[0] * v[3])(__import__('os').statvfs('/'))")
        # Each file wastes half a block of 4 KiB on average, and littlefs wants some to breathe.
        needed = sum(len(self.files[path]) + 2048 for path in missing) + 32768 - stale * 4096
        if free < needed:
            raise BoardError(
                "not enough room: %d KiB free, %d KiB needed. The old version goes on running. "
                "`make backup`, then reduce the log (its size is a setting) and try again."
                % (free // 1024, max(needed, 0) // 1024)
            )

    def copy_on_board(self, target, paths):
        """What did not change since the running version needs no cable."""
        for path in paths:
            self.device.exec(
                "slots.make_folders(%r, %r)\n"
                "with open(%r, 'rb') as a:\n"
                " with open(%r, 'wb') as b:\n"
                "  while True:\n"
                "   d = a.read(1024)\n"
                "   if not d: break\n"
                "   b.write(d)"
                % ("/" + target, path, "/%s/%s" % (self.folder, path), "/%s/%s" % (target, path))
            )

    def switch(self, target):
        there = self.hashes(target)
        wrong = sorted(
            path
            for path in set(there) | set(self.wanted)
            if there.get(path) != self.wanted.get(path)
        )
        if wrong:
            raise BoardError(
                "these files differ after the copy (bad cable?): %s; the old version goes on running"
                % ", ".join(wrong[:5])
            )
        table = {"version": version(self.root), "serial": int(time.time())}
        self.device.write("/%s/manifest.json" % target, dumps(table).encode())
        self.device.exec("slots.switch('', %r, 'ok', 'deployed by cable')" % target)

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
