"""A board for tests: MicroPython on a real littlefs behind a pty, a small app, a web server."""

import functools
import json
import random
import re
import shutil
import ssl
import time
from pathlib import Path

from tests.host.support import tcp_servers
from tools.board.deploy import Deployment
from tools.board.device import Device
from tools.board.unixboard import UnixBoard

ROOT = Path(__file__).resolve().parents[3]
# What the small app needs of the real firmware.
PARTS = (
    "__init__", "packfs",
    "boards/__init__", "boards/tables", "boards/twin", "boards/unix",
)  # fmt: skip

APP = """
import asyncio, json, os, socket
from firmware import boards
from firmware.core import VERSION
from firmware.update import starts

def start():
    board = boards.this_board()
    guard = starts.begin(board)
    print("APP", VERSION, guard.mode, json.dumps(starts.report(guard)))
    if guard.mode != "safe":
        early(board)
    asyncio.run(run(board, guard))

def early(board):
    %s

async def run(board, guard):
    try:
        with open("/job") as file:
            url = file.read()
        os.remove("/job")
    except OSError:
        url = ""
    if url:
        from firmware.update.source import UpdateError
        from firmware.update.updater import Updater
        try:
            print("UPDATE ready", await Updater("", socket, backoff_s=0).run(url))
            guard.restarting()
            board.reset("update")
        except UpdateError as error:
            print("UPDATE refused:", error)
    while True:
        reason = guard.tick(%s)
        if reason:
            print("TICK", reason)
            board.reset(reason)
        print("IDLE", VERSION)
        await asyncio.sleep(3600)
"""


@functools.cache
def _parts():
    """Source of the parts, read once: somebody may be editing it while the tests run."""
    top = ROOT / "firmware"
    names = list(PARTS)
    for pattern in ("config/**/*.py", "core/*.py", "net/*.py", "security/*.py", "update/*.py"):
        names += [path.relative_to(top).with_suffix("").as_posix() for path in top.glob(pattern)]
    return {name: (top / (name + ".py")).read_text() for name in names}


# The tree made last: most of what it was compiled to is the next one's, too.
_before = {}


def inherit(folder, kind):
    """Let a new tree begin with what the one before it of the same kind was compiled to."""
    old = _before.get(kind)
    if old and old != folder and (old / "build").exists():
        shutil.copytree(old / "build", folder / "build")
    _before[kind] = folder


def set_version(folder, version):
    path = Path(folder) / "firmware" / "core" / "__init__.py"
    path.write_text(re.sub(r'VERSION = "[^"]*"', 'VERSION = "%s"' % version, path.read_text()))


def tree(folder, version, early="pass", online="True", extra=()):
    """A source tree with the real safe start and update around a small app; returns its folder."""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    for part, text in _parts().items():
        target = folder / "firmware" / (part + ".py")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    (folder / "firmware" / "app.py").write_text(APP % (early, online))
    shutil.copyfile(ROOT / "boot.py", folder / "boot.py")
    # The pause before a restart is for people.
    text = (ROOT / "main.py").read_text()
    assert "time.sleep(3)" in text
    (folder / "main.py").write_text(text.replace("time.sleep(3)", "time.sleep(0.2)"))
    set_version(folder, version)
    for path, text in extra:
        (folder / path).write_text(text)
    inherit(folder, "small")
    return folder


def ballast(size):
    """A module that takes `size` bytes packed, whatever packs it, as a path and its source."""
    return "firmware/ballast.py", "X = %r\n" % random.Random(size).randbytes(size)


def deploy(board, folder, name="unix", full=None):
    """Deploy `folder` and start it; returns how many files went over the cable, and what was said. `full`: see
    Deployment."""
    with Device(board.path) as device:
        said = []
        sent = Deployment(device, folder, said.append, full).run(name)
        device.reset()
    return sent, said


def put(board, files, reset=True):
    with Device(board.path) as device:
        for path, data in files.items():
            folder = path.rpartition("/")[0]
            if folder:
                device.exec("import os\ntry:\n os.mkdir(%r)\nexcept OSError:\n pass" % folder)
            device.write(path, data)
        if reset:
            device.reset()


def listing(board):
    """{path: size} of the board's flash."""
    with Device(board.path) as device:
        text = device.exec(
            "import os\n"
            "def w(p):\n"
            " for e in os.ilistdir(p or '/'):\n"
            "  n = p + '/' + e[0]\n"
            "  if n == '/pts': continue\n"
            "  if e[1] == 0x4000: w(n)\n"
            "  else: print(n, e[3])\n"
            "w('')"
        )
    pairs = (line.split() for line in text.splitlines() if line.strip())
    return {path: int(size) for path, size in pairs}


class WebServer:
    """One file over HTTP with ranges. `drops`:
    after how many body bytes each connection breaks. `pace`: seconds for 4 KB, as on a slow network. `certificate`
    (programs.certificate): over HTTPS; `names` has what the clients said whom they want (SNI). `hold()`: the last
    piece is kept back as long as it is true, on each connection for itself.
    """

    def __init__(self, data, drops=(), ranges=True, tag='"one"', pace=0, certificate=None, hold=None):
        self.data = data
        self.drops = list(drops)
        self.ranges = ranges
        self.tag = tag
        self.pace = pace
        self.requests = []
        self.names = []
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certificate)
            self._tls.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self.hold = hold
        self._socket = tcp_servers.serve(self._talk, apart=bool(hold))
        self.url = "http%s://127.0.0.1:%d/firmware.rel"
        self.url %= "s" if certificate else "", self._socket.getsockname()[1]

    def _talk(self, peer):
        with peer:
            try:
                if self._tls:
                    peer.settimeout(60)
                    with self._tls.wrap_socket(peer, server_side=True) as secure:
                        self._answer(secure)
                else:
                    self._answer(peer)
            except OSError:
                return  # the client went away: its right

    def _answer(self, peer):
        peer.settimeout(60)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = peer.recv(4096)
            if not piece:
                return
            head += piece
            if not head.startswith(b"GET "[: len(head)]):
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
        lines = head.decode().split("\r\n")
        fields = {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines[1:])}
        self.requests.append(fields)
        body, reply = self._part(fields)
        reply += ["Content-Length: %d" % len(body), "ETag: " + self.tag, "", ""]
        peer.sendall("\r\n".join(reply).encode())
        if self.drops:
            # A reset, not an end: what a lost carrier looks like.
            body = body[: self.drops.pop(0)]
        while self.pace and body:
            peer.sendall(body[:4096])
            body = body[4096:]
            time.sleep(self.pace)
            while self.hold and len(body) <= 4096 and self.hold():
                time.sleep(0.1)
        peer.sendall(body)

    def _part(self, fields):
        wanted = fields.get("range")
        fresh = fields.get("if-range", self.tag) == self.tag
        if not (wanted and self.ranges and fresh):
            return self.data, ["HTTP/1.1 200 OK"]
        start, _, stop = wanted.partition("=")[2].partition("-")
        start, stop = int(start), min(int(stop or len(self.data)) + 1, len(self.data))
        if start >= len(self.data):
            return b"", ["HTTP/1.1 416 Range Not Satisfiable"]
        where = "Content-Range: bytes %d-%d/%d" % (start, stop - 1, len(self.data))
        return self.data[start:stop], ["HTTP/1.1 206 Partial Content", where]

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Lab:
    """A board with version 1 running; closes everything at the end."""

    def __init__(self, folder, **options):
        self.folder = Path(folder)
        self.board = UnixBoard(self.folder / "board", **options).start()

    def tree(self, version, **options):
        return tree(self.folder / version, version, **options)

    def deploy(self, version, **options):
        return deploy(self.board, self.tree(version, **options))

    def said(self, pattern, start=0, seconds=30):
        """Wait until the app says `pattern`; returns the whole line."""
        self.board.wait_output(pattern.encode(), seconds, start)
        end = self.board.wait_output(b"\n", seconds, self.board.output.find(pattern.encode(), start))
        at = self.board.output.find(pattern.encode(), start)
        return bytes(self.board.output[at:end]).decode().strip()

    def report(self, line):
        return json.loads(line[line.index("{") :])

    def mark(self):
        return len(self.board.output)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.board.close()
