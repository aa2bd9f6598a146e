"""A version that was changed before its first start, on a board."""

import struct
from pathlib import Path

import pytest

from tests.host.support import hostile_web, unix_board
from tests.host.unit.update.test_first_start import key  # noqa: F401
from tools import build, release
from tools.board.deploy import Deployment, compile_tree
from tools.board.device import Device


@pytest.fixture
def lab(tmp_path, key):
    """A board that runs version 1.0 and knows the key."""
    with unix_board.Lab(tmp_path) as found:
        source = found.tree("1.0")
        (source / "release.pub").write_text(release.public_text(key))
        unix_board.deploy(found.board, source)
        found.said("IDLE 1.0")
        yield found


def test_own_code_in_front_of_a_signed_body_is_not_run(lab, key, tmp_path):
    """The server gives the head of a good release first, then another file whose rest is the good one's body: the lead
    of that file leads to a table of its own."""
    good = release.assemble(compile_tree(lab.tree("2.0"), "x64", unix=True), key, "2.0", 1 << 40)
    app = tmp_path / "app.mpy"
    build.compile_one(None, Path("firmware/app/main.mpy"), app, "def start():\n print('STRANGE')\n while 1: pass\n")
    other = hostile_web.swapped(good, app.read_bytes())
    assert len(other) == len(good) and other != good
    start = struct.unpack(">HH", good[8:12])
    assert other[12 + sum(start) :] == good[12 + sum(start) :]

    class Server(unix_board.WebServer):
        def _part(self, fields):
            if fields.get("range", "").startswith("bytes=0-"):
                return super()._part(fields)
            return other, ["HTTP/1.1 200 OK"]

    with Server(good) as web:
        start = lab.mark()
        unix_board.put(lab.board, {"/job": web.url.encode()})
        assert "signature is not right" in lab.said("UPDATE refused", start)
        assert len(web.requests) == 2
    lab.said("IDLE 1.0", start)
    assert b"STRANGE" not in lab.board.output
    assert not {"/update.bin", "/app.b/firmware.pack"} & set(unix_board.listing(lab.board))


def test_what_came_by_cable_and_changed_before_its_first_start_is_not_run(lab):
    source = lab.tree("2.0", extra=[unix_board.ballast(9000)])
    with Device(lab.board.path) as device:
        Deployment(device, source, print).run("unix")
        device.exec(
            "with open('/app.b/firmware.pack', 'r+b') as f:\n"
            " f.seek(-1000, 2)\n"
            " byte = f.read(1)[0]\n"
            " f.seek(-1000, 2)\n"
            " f.write(bytes([byte ^ 1]))"
        )  # fmt: skip
        start = lab.mark()
        device.reset()
    line = lab.said("APP ", start)
    assert line.startswith("APP 1.0 previous")
    assert lab.report(line)["why"] == "app.b is damaged"
    assert lab.report(line)["boot"] == "new"
    lab.said("IDLE 1.0", start)
