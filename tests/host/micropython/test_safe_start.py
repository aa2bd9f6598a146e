"""Power cuts of an update, on littlefs; what boot.py leaves, that of the field, too."""

import os
import random
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from firmware.update import starts
from tests.host.support.upgrade import field
from tests.host.unit.update.test_safe_start import flash, install, start  # noqa: F401
from tools import micropython, patience, release

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("which", ("new", "field"))
def test_of_boot_nothing_stays_but_what_it_has_found_out(flash, monkeypatch, which):
    text = (ROOT / "boot.py").read_text()
    if which == "field":
        field.unpack("fifo", Path("field.img"))
        text = field.read(Path("field.img"), "boot.py")["boot.py"].decode()
    install(flash, "app.a")
    monkeypatch.setitem(sys.modules, "packfs", SimpleNamespace(mount=lambda path: None))
    main = ModuleType("__main__")
    exec(text, vars(main))
    main._keep = main._interrupted = start  # main.py's
    monkeypatch.setattr(starts, "__main__", main)
    board = SimpleNamespace(root=flash.root, feed=lambda: None)
    guard = starts.begin(board)
    assert (guard.starts, guard.mode, guard.memory) == (1, "normal", flash.machine.words)
    assert [name for name, value in vars(main).items() if callable(value)] == ["_keep", "_interrupted"]
    assert main._starts == 1


@pytest.mark.timeout(300)
def test_power_cut_at_every_flash_operation_of_an_update_leaves_a_version_that_starts(tmp_path):
    key = release.generate(2048)
    files = {"firmware/a.mpy": random.Random(1).randbytes(11000), "firmware/b.mpy": b"b" * 900}
    (tmp_path / "x.rel").write_bytes(release.assemble(files, key, "2.0", 1 << 40))
    (tmp_path / "release.pub").write_text(release.public_text(key))
    field.unpack("fifo", tmp_path / "flash.img")
    (tmp_path / "fieldboot.py").write_bytes(field.read(tmp_path / "flash.img", "boot.py")["boot.py"])
    words = [tmp_path / name for name in ("x.rel", "release.pub", "fieldboot.py")]
    command = micropython.command("tests/host/support/mpy/slots_cut.py", *words, heap=micropython.HARNESS)
    done = patience.run(command, 200, cwd=ROOT, env=dict(os.environ, MICROPYPATH=".:.frozen"))
    # Before it: words of files that the cut left open and the collector closed later.
    last = done.stdout.strip().split("\n")[-1]
    assert last.startswith("ok "), done.stdout + done.stderr
    # Were a file written beside and renamed, there would be a fifth more operations.
    assert int(last.split()[1]) > 90
    # Both outcomes must have been met, or the sweep has missed the moment of the switch.
    assert "['app.a', 'app.b']" in last
    # What was fetched before a cut was not fetched again.
    assert int(last.split()[-1]) > 20, last
