"""boot.py of devices in the field, on a board: soft resets however many."""

import pytest

from tests.host.support import unix_board
from tests.host.support.upgrade import field
from tools.board.device import Device


@pytest.mark.parametrize("which", ("new", "field"))
def test_no_number_of_soft_resets_takes_a_version_back_or_ends_in_the_safe_mode(tmp_path, which):
    """A stock mpremote without `resume` makes one for each command: boot.py runs, main.py does not."""
    with unix_board.Lab(tmp_path) as lab:
        lab.deploy("1.0")
        lab.said("IDLE 1.0")
        source = lab.tree("2.0")
        if which == "field":
            image = tmp_path / "field" / "flash.img"
            field.unpack("fifo", image)
            (source / "boot.py").write_bytes(field.read(image, "boot.py")["boot.py"])
        unix_board.deploy(lab.board, source)
        lab.said("IDLE 2.0")
        start = lab.mark()
        for _ in range(5):
            with Device(lab.board.path) as device:
                device.link.enter_raw_repl(soft_reset=True)
                device.exec("import os\nos.listdir()")
        with Device(lab.board.path) as device:
            device.link.exec_raw_no_follow("import machine\nmachine.reset()")
            device.link.in_raw_repl = False
        report = lab.report(lab.said("APP ", start))
        assert (report["version"].split("+")[0], report["mode"], report["starts"]) == ("2.0", "normal", 1), report
        assert report["boot"].startswith("old" if which == "field" else "new")
