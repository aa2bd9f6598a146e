"""The power may fail at any flash operation while this version starts for the first time on a device in the field."""

import functools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.host.support import firmware_board
from tests.host.support.upgrade import cuts, field
from tools import patience, release


def proof():
    key = release.generate(2048)
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        files = firmware_board.compiled(firmware_board.tree(top / "new", field.NEW))
        data = release.assemble(files, key, field.NEW, field.NEWER)
        operations = hit = 0
        for flash in ("fifo", "lifo"):
            made = cuts.arranged(top / flash, key, data, flash)
            one = functools.partial(_one, top, key, made, flash)
            # Each of them mostly waits.
            with ThreadPoolExecutor(4 * patience.cores()) as pool:
                hit += sum(pool.map(one, range(1, made[3] + 1)))
            operations += made[3]
    # A moment later is not the same operation each time: of the last few some come after the confirmation.
    assert hit > 0.9 * operations, (hit, operations)
    return {"operations": operations, "cuts": hit}


def _one(top, key, made, flash, number):
    return cuts.cut(top / ("%s%d" % (flash, number)), key, made, number, flash)
