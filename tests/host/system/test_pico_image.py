"""Which images the emulated Pico W takes, and what it says to the others; needs nothing of the emulator itself."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tools import patience
from tools.pico.image import FLASH, SRAM, Image, ImageError

ROOT = Path(__file__).resolve().parents[3]
RP2040, RP2350 = 0xE48BFF56, 0xE48BFF59
STOCK_TOP = SRAM + 264 * 1024
GOOD = "v1.29.0"
STORAGE = (0x12C000, 848 * 1024)


def program(version=GOOD, ppp=True, top=STOCK_TOP, name=b"MicroPython"):
    """The flash of a program as MicroPython's build lays it out: vectors, what it tells of itself, its names."""
    strings = {}
    text = bytearray()
    for word in (version.encode(), name):
        strings[word] = FLASH + 0x400 + len(text)
        text += word + b"\0"
    # One entry of each kind: the version (6), the block device (7); pico-sdk, binary_info/structure.h.
    entries = struct.pack("<2H2I", 6, 0x5052, 0x11A9BC3A, strings[version.encode()])
    entries += struct.pack("<2H4IH", 7, 0x504D, strings[name], FLASH + STORAGE[0], STORAGE[1], 0, 0)
    table = struct.pack("<2I", FLASH + 0x300, FLASH + 0x30C)
    flash = bytearray(0x100) + struct.pack("<2I", top, FLASH + 0x1F7)
    flash = flash.ljust(0x1D4, b"\0")
    flash += struct.pack("<5I", 0x7188EBF2, FLASH + 0x200, FLASH + 0x208, 0, 0xE71AA390)
    flash = flash.ljust(0x200, b"\0") + table
    flash = flash.ljust(0x300, b"\0") + entries
    flash = flash.ljust(0x400, b"\0") + text
    return bytes(flash + (b"\0SEC_CHAP\0" if ppp else b"") + b"MicroPython")


def uf2(content, family=RP2040):
    blocks = [content[at : at + 256] for at in range(0, len(content), 256)]
    return b"".join(
        struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, FLASH + 256 * i, 256, i, len(blocks), family)
        + block.ljust(476, b"\0")
        + struct.pack("<I", 0x0AB16F30)
        for i, block in enumerate(blocks)
    )


@pytest.fixture
def file(tmp_path):
    def write(data):
        (tmp_path / "image.uf2").write_bytes(data)
        return str(tmp_path / "image.uf2")

    return write


def test_an_image_tells_its_version_its_memory_and_where_its_files_lie(file):
    image = Image(file(uf2(program())))
    assert image.flash[0x400:].startswith(GOOD.encode())
    assert (image.version, image.ram, image.storage) == (GOOD, 264 * 1024, STORAGE)


def test_one_linked_with_more_memory_gets_it(file):
    assert Image(file(uf2(program(top=SRAM + 512 * 1024)))).ram == 512 * 1024


DAMAGED = bytearray(uf2(program()))
DAMAGED[508] ^= 1

BAD = {
    "empty": (b"", ImageError.NO_UF2),
    "text": (b"MicroPython v1.29.0", ImageError.NO_UF2),
    "cut off": (uf2(program())[:-1], ImageError.NO_UF2),
    "damaged": (bytes(DAMAGED), ImageError.NO_UF2),
    "for a Pico 2 W": (uf2(program(), RP2350), ImageError.NO_RP2040),
    "another program": (uf2(program(name=b"Blink").replace(b"MicroPython", b"C")), ImageError.NO_MICROPYTHON),
    "1.28": (uf2(program("v1.28.0", ppp=False)), ImageError.TOO_OLD),
    "without PPP": (uf2(program(ppp=False)), ImageError.NO_PPP),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_image_for_this_gets_one_sentence(file, case):
    data, code = BAD[case]
    path = file(data)
    with pytest.raises(ImageError) as caught:
        Image(path)
    assert caught.value.code == code and path in str(caught.value)
    done = patience.run([sys.executable, "-m", "tools.pico", "--check", path], 60, cwd=ROOT)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr == "pico: %s\n" % caught.value


@pytest.mark.parametrize("target", ("pico", "test-pico"))
@pytest.mark.parametrize("given", ((), ("IMAGE=no-such-file.uf2",)))
def test_make_says_so_before_anything_is_installed(target, given):
    """With a build and an environment that are there already; the emulator's packages are not asked for."""
    command = ["make", "--no-print-directory", "-o", "build", target, "PY='%s'" % sys.executable, *given]
    done = patience.run(command, 60, cwd=ROOT, stderr=subprocess.PIPE)
    assert done.returncode == 2 and not done.stdout
    sentence, *rest = done.stderr.splitlines()
    assert "IMAGE= is missing" in sentence or "no-such-file.uf2: " in sentence
    assert all(line.startswith(("make", "for example: make")) for line in rest)
