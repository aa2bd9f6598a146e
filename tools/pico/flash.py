"""The flash's file system as `make deploy` and `make config` leave it, in a file; and files out of it."""

import functools
import json
import tempfile
import time
from pathlib import Path

from firmware.config.config import Config
from firmware.update import slots
from tools.board import deploy

BOARD = "pico_w"
_ARCH = "armv6m"
_BLOCK = 4096
# As MicroPython makes it: ports/rp2/modules/_boot.py; its littlefs reads 2.0.
_PROGRAM = 256
_DISK = 0x00020000
_FOLDER = "app.a"


@functools.lru_cache(maxsize=2)
def _built(root, full):
    """(the packed firmware, boot.py's helper): half a minute's work that many flashes share."""
    packed, _ = deploy.packed(deploy.compile_tree(root, _ARCH, full=full))
    return packed, deploy.helper(root, _ARCH)


def deployed(folder, values, board_json=None, root=deploy.ROOT, full=False):
    """Write into `folder` what a board's flash has after `make deploy BOARD=pico_w` and `make config` with `values`.

    `board_json`: content of board.json (dict), or None for none; `full`: the full version, which wants an image with
    more memory. BoardError, ConfigError.
    """
    top = str(folder)
    work = deploy.Deployment(None, root)
    packed, work.helper = _built(root, full)
    slots.clear(top, _FOLDER)
    (Path(folder) / _FOLDER / slots.PACK).write_bytes(packed)
    slots.seal(top, _FOLDER, {"version": deploy.version(root), "serial": int(time.time())})
    slots.switch(top, _FOLDER, "ok", "deployed by cable")
    for name, data in work.around(BOARD).items():
        (Path(folder) / name).write_bytes(data)
    if board_json is not None:
        (Path(folder) / "board.json").write_text(json.dumps(board_json))
    config = Config(top + "/config.json")
    config.load()
    config.change(values)


def pack(folder, path, size):
    """A file system of `size` bytes with the content of `folder`, into the file `path`."""
    from littlefs import LittleFS, UserContext

    context = UserContext(size)
    options = {"block_size": _BLOCK, "block_count": size // _BLOCK, "prog_size": _PROGRAM, "disk_version": _DISK}
    system = LittleFS(context, **options)
    for found in sorted(Path(folder).rglob("*")):
        name = found.relative_to(folder).as_posix()
        if found.is_dir():
            system.mkdir(name)
        else:
            with system.open(name, "wb") as file:
                file.write(found.read_bytes())
    system.unmount()
    Path(path).write_bytes(bytes(context.buffer))


def make(path, size, values, board_json=None, records=None, full=False):
    """Both of the above: the flash of a board that was just deployed. `records(folder)` may add to it."""
    with tempfile.TemporaryDirectory() as folder:
        deployed(folder, values, board_json, full=full)
        if records:
            records(folder)
        pack(folder, path, size)
