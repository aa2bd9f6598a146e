"""One file per version, as tools/pack.py writes it."""

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import deflate, pack

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


FILES = {
    "firmware/__init__.mpy": b"the first",
    "firmware/packfs.mpy": b"what mounts the others",
    "firmware/a.mpy": b"something of the kind" * 9,
    "lib/umqtt/b.mpy": bytes(range(256)) * 20,
}


def test_modules_go_on_from_what_they_have_in_common():
    data, spans = pack.build(FILES)
    assert {path: pack.get(data, path) for path in FILES} == FILES
    start, end = spans["window"]
    head = data[start:end]
    assert head == pack.window().data and pack.window().size == pack.WINDOW
    for path, (at, to) in spans.items():
        behind = at > start
        assert behind == (path not in ("firmware/__init__.mpy", "firmware/packfs.mpy", "window"))
        if behind:
            assert zlib.decompress(head + data[at:to], -15)[pack.WINDOW :] == FILES[path]
    # A pack that does not bring what an older board needs for it has none.
    assert "window" not in pack.build({"firmware/a.mpy": b"a"})[1]


@pytest.mark.parametrize("damage", [0, 1, -1], ids=["the kind of block", "its size", "its codes"])
def test_a_damaged_window_is_told_of_each_module(damage):
    data, spans = pack.build(FILES)
    broken = bytearray(data)
    broken[range(*spans["window"])[damage]] ^= 0xFF
    try:
        found = pack.get(bytes(broken), "firmware/a.mpy")
    except pack.PackError:
        found = None
    assert found != FILES["firmware/a.mpy"]


@given(st.binary(max_size=3000), st.integers(0, 300), st.booleans())
def test_whatever_is_squeezed_comes_out_again_and_looks_back_2_kib_at_most(data, times, behind):
    data = data + data[: len(data) // 2] * (times // 100)
    head = pack.window() if behind else None
    inflate = zlib.decompressobj(-11)
    left, found = (head.data if head else b"") + deflate.squeeze(data, head), b""
    while not inflate.eof:
        found += inflate.decompress(left, 1)
        left = inflate.unconsumed_tail
    assert found[pack.WINDOW if behind else 0 :] == data


@pytest.mark.parametrize("most", [4, 7, 15])
def test_code_lengths_are_a_prefix_code_within_their_limit(most):
    counts = [2**n for n in range(14)] if most > 4 else [1, 0, 900, 3, 3, 70]
    lengths = deflate.code_lengths(counts, most)
    assert max(lengths) <= most and sum(2.0**-n for n in lengths if n) == 1
