"""Put MicroPython itself onto a board, with the chip vendor's own tool."""

import ast
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

from tools.board.device import ROOT, BoardError

# Where the image begins in flash (docs of esptool and of MicroPython's ports).
_OFFSET = {"esp32": "0x1000", "esp32s3": "0x0"}
_PAGES = "https://micropython.org/download/%s/"


def tables(root=ROOT):
    """BOARDS of firmware/boards/tables.py in `root`; nothing where that is an older version."""
    path = root / "firmware" / "boards" / "tables.py"
    return runpy.run_path(str(path))["BOARDS"] if path.exists() else {}


def facts(board, root=ROOT):
    """{"family": "esp32" | "rp2", "firmware": name of the MicroPython build} from the board's row or module."""
    names = {"family": None, "firmware": None}
    name = board
    if board in tables(root):
        name, more = tables(root)[board]
        names["firmware"] = more.get("firmware")
    while name not in ("esp32", "rp2", None):
        path = root / "firmware" / "boards" / (name + ".py")
        if not path.exists():
            raise BoardError("no board %r" % board)
        base = None
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "firmware":
                names["firmware"] = names["firmware"] or ast.literal_eval(node.value)
            if isinstance(node, ast.ClassDef) and node.name == "Board" and node.bases:
                base = node.bases[0].value.id
        name = base
    names["family"] = name
    default = {"esp32": "ESP32_GENERIC", "rp2": "RPI_PICO_W"}
    names["firmware"] = names["firmware"] or default.get(name)
    return names


def check_chip(board, found, root=ROOT):
    """Refuse a board with another chip than the one of `found` (Device.facts()): it would not get through a start."""
    what = facts(board, root)
    there = "esp32s3" if "ESP32S3" in found["machine"].upper() else found["platform"]
    wanted = "esp32s3" if what["firmware"] and what["firmware"].endswith("S3") else what["family"]
    if wanted and wanted != there:
        text = "BOARD=%s is a board with %s, what answers is %s (%s): another BOARD= or another PORT=?%s"
        sim = " The board of make board-sim is BOARD=unix" if there == "linux" else ""
        raise BoardError(text % (board, wanted, there, found["machine"], sim))


def tool(*names):
    """The command line of the first of `names` that is installed, or None."""
    for name in names:
        found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
        if found:
            return [found]
    return None


def flash(board, port, image, out=print, run=subprocess.call):
    """Write `image` onto the board at `port`; everything on its flash is lost."""
    what = facts(board)
    page = _PAGES % what["firmware"] if " " not in what["firmware"] else _PAGES[:-3]
    if not image:
        raise BoardError("IMAGE=FILE is missing: the MicroPython image for %s, 1.29 or newer, from %s" % (board, page))
    image = Path(image)
    if not image.is_file():
        raise BoardError("there is no file %s; images for %s: %s" % (image, board, page))
    steps = _esp32(what, port, image) if what["family"] == "esp32" else _rp2(image)
    for command in steps:
        out("$ " + " ".join(command))
        if run(command):
            raise BoardError(
                "%s failed; hold the BOOT button while the board is plugged in and try again" % Path(command[0]).name
            )
    out("MicroPython is on the board; next: make deploy BOARD=%s%s" % (board, " PORT=" + port if port else ""))


def _esp32(what, port, image):
    if image.suffix != ".bin":
        raise BoardError("an ESP32 takes a .bin, not %s" % image.name)
    command = tool("esptool", "esptool.py")
    if not command:
        raise BoardError("esptool is not installed: `.venv/bin/python -m pip install esptool`, then again")
    chip = "esp32s3" if what["firmware"].endswith("S3") else "esp32"
    head = command + ["--chip", chip, "--port", port]
    return [
        head + ["erase_flash"],
        head + ["--baud", "460800", "write_flash", "-z", _OFFSET[chip], str(image)],
    ]


def _rp2(image):
    if image.suffix != ".uf2":
        raise BoardError("a Pico takes a .uf2, not %s" % image.name)
    command = tool("picotool")
    if not command:
        raise BoardError(
            "picotool is not installed (package picotool). Without it: hold BOOTSEL while plugging "
            "the board in and copy %s onto the drive that appears" % image.name
        )
    return [command + ["load", "-f", "-x", str(image)]]
