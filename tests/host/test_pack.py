"""One file per version: what tools/pack.py writes is what boot.py's helper mounts on MicroPython."""

import hashlib
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import build, micropython, pack, patience, release
from tools.board.deploy import compile_tree

ROOT = Path(__file__).resolve().parents[2]

# The pack's format: firmware/packfs.py.
START, ENTRY = 10, 8
PATHS = st.from_regex(r"(firmware|lib)(/[a-z_]{1,8}){1,3}\.mpy", fullmatch=True)


@given(st.dictionaries(PATHS, st.binary(max_size=5000), min_size=1, max_size=20))
def test_what_is_packed_comes_out_again(files):
    data, spans = pack.build(files)
    assert {path: pack.get(data, path) for path in files} == files
    assert sorted(pack.entries(data).values()) == sorted(spans.values())
    assert pack.get(data, "firmware/not_there.mpy") is None


def test_a_module_compresses_to_what_a_window_of_2_kib_can_inflate():
    """A byte at a time, so that nothing but the window is looked back into."""
    data = b"".join(hashlib.sha256(b"%d" % (n % 90)).digest() for n in range(400))
    for size in (500, 2048, 2049, len(data)):
        inflate = zlib.decompressobj(-11)
        left, found = pack.shrink(data[:size]), b""
        while not inflate.eof:
            found += inflate.decompress(left, 1)
            left = inflate.unconsumed_tail
        assert found == data[:size]


def test_paths_that_would_be_taken_for_each_other_are_refused(monkeypatch):
    monkeypatch.setattr(pack, "key", lambda path: len(path))
    with pytest.raises(pack.PackError, match="same key"):
        pack.build({"firmware/ab.mpy": b"", "firmware/ba.mpy": b""})
    monkeypatch.setattr(pack, "key", lambda path: 5 if path in ("lib/a", "lib/b.mpy") else hash(path))
    with pytest.raises(pack.PackError, match="taken for"):
        pack.build({"lib/a.mpy": b"", "lib/b.mpy": b""})


@pytest.mark.parametrize("data", [b"", b"L102PAK1", b"L102PAK1\0\1\0", b"something else" * 9])
def test_what_is_no_pack_is_refused(data):
    with pytest.raises(pack.PackError):
        pack.entries(data)


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
    except (OSError, ValueError) as error:
        print(type(error).__name__, packfs.mounted)
"""


def broken(what):
    """A pack whose table is wrong."""
    data = bytearray(pack.build({"firmware/a.mpy": b"a" * 9, "firmware/b.mpy": b"b" * 9})[0])
    entry = START + ENTRY * (2 if data[START + 4 : START + 8] == bytes(4) else 0)
    if what == "more entries than bytes":
        data[8:10] = b"\xff\xff"
    elif what == "a module in the table":
        data[entry + 4 : entry + 8] = b"\0\0\0\x18"
    elif what == "a module behind the end":
        data[entry + 4 : entry + 8] = (len(data) << 1).to_bytes(4, "big")
    elif what == "no order":
        first, second = (slice(START + ENTRY * n, START + ENTRY * (n + 1)) for n in (0, 1))
        data[first], data[second] = data[second], data[first]
    else:
        data[START : START + ENTRY] = data[START + ENTRY : START + ENTRY * 2]
    return bytes(data)


TABLES = ("more entries than bytes", "a module in the table", "a module behind the end", "no order", "one key twice")
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
