"""One file per version, mounted and imported on MicroPython."""

import hashlib
from pathlib import Path

import pytest

from tests.host.unit.tools.test_pack import TABLES, broken
from tools import build, micropython, pack, patience, release
from tools.board.deploy import compile_tree

ROOT = Path(__file__).resolve().parents[3]


def carried_out(folder, script):
    """What a script prints that has packfs.py beside it."""
    (folder / "s.py").write_text(script)
    (folder / "packfs.py").write_text((ROOT / "firmware" / "packfs.py").read_text())
    done = patience.run(micropython.command("s.py"), 60, cwd=folder)
    assert not done.returncode, done.stderr
    return done.stdout


IMPORTS = """
import packfs
packfs.mount(%r)
import firmware.deep.down
from firmware import top
from umqtt import simple
print(firmware.deep.down.X, top.X, simple.X)
try:
    import firmware.absent
except ImportError as error:
    print("ImportError", error)
import os
for path, mode in (("/app/firmware/top.mpy", "wb"), ("/app/firmware", "rb"), ("/app/firmware/x.mpy", "rb")):
    try:
        open(path, mode)
    except OSError as error:
        print("OSError", error.errno)
print(os.stat("/app/firmware/deep")[0], os.listdir("/app"), os.statvfs("/app")[3])
"""


@pytest.mark.parametrize("signed", [False, True], ids=["deployed", "a release as it was fetched"])
def test_a_version_is_imported_from_its_file(tmp_path, signed):
    source = tmp_path / "source"
    for path in ("firmware/deep/down.py", "firmware/top.py", "lib/umqtt/simple.py"):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text("X = %r\n" % path)
    files = compile_tree(source, out=tmp_path / "out")
    data = pack.build(files)[0]
    if signed:
        data = release.assemble(files, release.generate(2048), "2.0", 1)
    (tmp_path / "v.pack").write_bytes(data)
    assert carried_out(tmp_path, IMPORTS % "v.pack").splitlines() == [
        "firmware/deep/down.py firmware/top.py lib/umqtt/simple.py",
        "ImportError no module named 'firmware.absent'",
        "OSError 30", "OSError 2", "OSError 2",
        "16384 [] 0",
    ]  # fmt: skip


NO_PACK = """
import packfs
for path in ("short", "other", "absent"):
    try:
        packfs.mount(path)
    except OSError as error:
        print(type(error).__name__, packfs.mounted)
"""
LEADS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\x05\0\0")


def test_a_table_that_leads_outside_of_the_pack_is_not_mounted(tmp_path):
    whole = pack.build({"firmware/a.mpy": b"a"})[0]
    files = [broken(what) for what in TABLES] + [b"L102REL1" + lead + b"x" * 9 + whole for lead in LEADS]
    names = []
    for data in files:
        names.append("f%d" % len(names))
        (tmp_path / names[-1]).write_bytes(data)
    script = NO_PACK.replace('("short", "other", "absent")', repr(tuple(names)))
    assert carried_out(tmp_path, script).count("Error None") == len(files)


def test_a_file_that_is_no_version_is_not_mounted(tmp_path):
    (tmp_path / "short").write_bytes(b"L102REL1\0")
    (tmp_path / "other").write_bytes(b"x" * 5000)
    assert carried_out(tmp_path, NO_PACK).count("Error None") == 3


WHOLE = """
import binascii, hashlib, packfs
packfs.mount("v.pack")
for path in %r:
    digest = hashlib.sha256()
    with packfs.mounted.open("/" + path, "rb") as stream:
        while True:
            piece = stream.read(333)
            if not piece:
                break
            digest.update(piece)
    print(binascii.hexlify(digest.digest()).decode())
print(sum(1 for stream in packfs.mounted if stream.read(2) == b"M\\x06"))
"""


def test_the_whole_firmware_in_a_small_heap(tmp_path):
    files = {path: (build.DEVICE / path).read_bytes() for path in build.sizes()}
    assert len(files) > 100
    (tmp_path / "v.pack").write_bytes(pack.build(files)[0])
    *digests, wanted = carried_out(tmp_path, WHOLE % list(files)).split()
    assert digests == [hashlib.sha256(data).hexdigest() for data in files.values()]
    assert int(wanted) == 0  # a mark that nobody looks at any more


def test_a_version_packs_into_what_a_flash_has_room_for_twice():
    """Of a board, as `make deploy` and `tools.release make` pack it. More: find what can go before the figure does."""
    data, spans = pack.build(compile_tree())
    largest = sorted((end - start, path) for path, (start, end) in spans.items())[-5:]
    assert len(data) <= pack.MOST == 172032, "%d bytes; the largest: %s" % (len(data), largest)


def test_a_version_cut_in_its_head_is_not_mounted(tmp_path):
    """What the power left of a file: found by tests/proof/fuzz."""
    whole = pack.build({"firmware/a.mpy": b"a"})[0]
    release = b"L102REL1\0\5\0\7" + b"x" * 12
    files = [(head + whole)[:size] for head in (b"", release) for size in range(len(head) + 20)]
    names = tuple("f%d" % number for number in range(len(files)))
    for name, data in zip(names, files, strict=True):
        (tmp_path / name).write_bytes(data)
    script = NO_PACK.replace('("short", "other", "absent")', repr(names))
    assert carried_out(tmp_path, script).count("OSError None") == len(files)
