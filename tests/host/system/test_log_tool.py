"""`python -m tools.log` on real flash images, whole and damaged."""

import json
import sys
from pathlib import Path

import pytest

from tests.host.support import unix_board
from tools import micropython, patience
from tools.board.device import Device
from tools.log.source import fetch

ROOT = Path(__file__).resolve().parents[3]
MAKE = """
import sys
sys.path[:0] = [%r, "."]
import vfs
from firmware.boards.twin import FileFlash
flash = FileFlash(sys.argv[1], 64)
vfs.VfsLfs2.mkfs(flash, progsize=32)
vfs.mount(vfs.VfsLfs2(flash, progsize=32), "/m")
from firmware.recordlog.ring import Ring
ring = Ring("/m/log")
ring.mount()
def record(number):
    kind = 1 if number else 200
    return (kind, 1790000000 + number * 900, b'{"ID":"ID%%05d","VABA":%%d}' %% (number, number))
ring.append_many([record(number) for number in range(20)])
for number in range(20, 30):
    ring.append(*record(number))
for _ in range(25):
    ring.ack(ring.take())
ring.flush()
ring.append(2, 0, b"\\xff no JSON")
"""


def tool(*arguments):
    return patience.run([sys.executable, "-m", "tools.log", *map(str, arguments)], 60, cwd=ROOT)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "flash.img"
    script = path.with_name("make.py")
    script.write_text(MAKE % str(ROOT))
    command = micropython.command(script, path, heap=micropython.HARNESS)
    patience.run(command, 60, cwd=ROOT, check=True, stdout=None)
    return path


def test_a_line_for_each_record(image):
    before = image.read_bytes()
    done = tool(image)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "       1  2026-09-21T14:13:20Z  kind 200               25 bytes  delivered"
    assert lines[1] == "       2  2026-09-21T14:28:20Z  instant                25 bytes  delivered"
    assert lines[29].endswith("26 bytes  waiting")
    assert "unknown time  closings" in lines[30]
    assert lines[31:] == ["31 records: 6 waiting, 25 delivered", "damaged places: 0"]
    assert image.read_bytes() == before


def test_export_of_what_waits(image, tmp_path):
    out = tmp_path / "records.jsonl"
    done = tool("export", "--waiting", image, "-o", out)
    assert done.returncode == 0 and "6 records exported" in done.stderr
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["seq"] for line in lines] == [26, 27, 28, 29, 30, 31]
    assert lines[0] == {
        "seq": 26,
        "utc": 1790022500,
        "kind": "instant",
        "delivered": False,
        "payload": {"ID": "ID00025", "VABA": 25},
    }
    assert lines[-1]["payload"] == {"base64": "/yBubyBKU09O"} and lines[-1]["kind"] == "closings"
    everything = tool("export", image).stdout.splitlines()
    assert len(everything) == 31 and json.loads(everything[0])["kind"] == "kind 200"


def test_damage_is_told_and_costs_what_it_hit(image, tmp_path):
    data = bytearray(image.read_bytes())
    at = data.index(b'{"ID":"ID00007"')
    while at >= 0:
        data[at + 5] ^= 1
        at = data.find(b'{"ID":"ID00007"', at + 1)
    broken = tmp_path / "broken.img"
    broken.write_bytes(data)
    done = tool("check", broken)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "30 records: 6 waiting, 24 delivered"
    assert "00000001.log: record 8 at byte" in lines[1]
    assert lines[2:] == ["damaged: records 8 to 8 are missing", "damaged places: 2"]


def test_a_folder_will_do(image, tmp_path):
    from firmware.recordlog.ring import Ring

    ring = Ring(str(tmp_path / "log"))
    ring.mount()
    assert tool("check", tmp_path).stdout.splitlines()[0] == "0 records: 0 waiting, 0 delivered"
    ring.append_many([(1, 5, b"{}")] * 5)
    assert tool("check", tmp_path).stdout.splitlines()[0] == "5 records: 5 waiting, 0 delivered"
    with open(tmp_path / "log" / "00000001.log", "ab") as file:
        file.write(b"torn")
    assert "damaged: 00000001.log: bytes" in tool("check", tmp_path / "log").stdout


@pytest.mark.parametrize("content", (b"", b"\xff" * 65536, b"no file system " * 9999))
def test_what_is_no_image_is_refused_in_words(tmp_path, content):
    path = tmp_path / "x.img"
    path.write_bytes(content)
    done = tool(path)
    assert done.returncode == 2 and done.stdout == ""
    assert "no littlefs file system with blocks of 4096 bytes begins here" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_not_there_is_told(tmp_path):
    done = tool(tmp_path / "nothing.img")
    assert done.returncode == 2 and "nothing.img: No such file or directory" in done.stderr
    assert tool().returncode == 2


def test_a_board_gives_its_log_and_goes_on_with_its_work(image, tmp_path):
    copied = tmp_path / "copy"
    copied.mkdir()
    fetch(str(image), copied, print)
    with unix_board.Lab(tmp_path / "lab") as lab:
        lab.deploy("1.0")
        lab.said("IDLE 1.0")
        start = lab.mark()
        done = tool(lab.board.path)
        assert done.returncode == 2 and "no folder log" in done.stderr and not done.stdout
        lab.said("IDLE 1.0", start)
        with Device(lab.board.path) as device:
            device.exec("import os\nos.mkdir('/log')")
            for path in sorted((copied / "log").rglob("*")):
                name = "/log/" + path.relative_to(copied / "log").as_posix()
                if path.is_dir():
                    device.exec("os.mkdir(%r)" % name)
                else:
                    device.write(name, path.read_bytes())
            device.reset()
        start = lab.mark()
        done = tool("export", "--waiting", lab.board.path)
        assert done.returncode == 0, done.stderr
        assert [json.loads(line)["seq"] for line in done.stdout.splitlines()] == list(range(26, 32))
        assert "starts again" in done.stderr
        lab.said("IDLE 1.0", start)
