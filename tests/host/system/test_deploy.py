"""Deployment over mpremote's raw REPL onto a MicroPython board with a real littlefs."""

import hashlib
import sys
from pathlib import Path

import pytest

from tests.host.support import firmware_board, unix_board
from tools import micropython, patience
from tools.board.deploy import Deployment, board_names, compile_tree, rollback
from tools.board.device import BoardError, Device

pytestmark = pytest.mark.takes(25)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def lab(tmp_path):
    with unix_board.Lab(tmp_path) as found:
        yield found


MODULES = """
import hashlib, binascii
for p in %r:
    h = hashlib.sha256()
    f = open('/app/' + p, 'rb')
    while True:
        b = f.read(700)
        if not b:
            break
        h.update(b)
    print(binascii.hexlify(h.digest()).decode(), p)
"""


def on_board(lab, files):
    """{path: sha256} of the modules as the board itself reads them out of the version that runs."""
    with Device(lab.board.path) as device:
        lines = device.exec(MODULES % list(files)).splitlines()
    return {path: digest for digest, path in (line.split(" ") for line in lines if line)}


def test_fresh_board_gets_identical_files_and_starts_the_app(lab):
    source = lab.tree("1.0")
    sent, _ = unix_board.deploy(lab.board, source)
    line = lab.said("APP ")
    assert line.startswith("APP 1.0 normal")
    files = compile_tree(source, "x64", unix=True)
    assert sent == len(files) + 4  # boot.py, packfs.mpy, main.py, board.txt
    lab.said("IDLE 1.0")
    assert on_board(lab, files) == {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}


def test_second_deploy_copies_nothing(lab):
    source = lab.tree("1.0")
    unix_board.deploy(lab.board, source)
    lab.said("IDLE 1.0")
    sent, said = unix_board.deploy(lab.board, source, None)
    assert sent == 0
    assert any("up to date" in line for line in said)


def test_only_what_changed_goes_over_the_cable_and_rollback_returns(lab):
    lab.deploy("1.0")
    lab.said("IDLE 1.0")
    sent, said = lab.deploy("2.0")
    assert sent == 1, said  # app.mpy; the rest is copied on the board
    assert lab.said("APP 2.0").startswith("APP 2.0 normal")
    lab.said("IDLE 2.0")
    start = lab.mark()
    with Device(lab.board.path) as device:
        assert rollback(device, print) == "app.a"
        device.reset()
    line = lab.said("APP ", start)
    assert line.startswith("APP 1.0 normal")
    assert lab.report(line)["why"] == "rolled back by cable"


@pytest.mark.parametrize("place", [0, 360], ids=["no pack", "damaged modules"])
def test_a_version_whose_file_is_damaged_gives_way_to_the_one_before(lab, place):
    lab.deploy("1.0")
    lab.said("IDLE 1.0")
    lab.deploy("2.0")
    lab.said("IDLE 2.0")
    with Device(lab.board.path) as device:
        device.exec("with open('/app.b/firmware.pack', 'r+b') as f:\n f.seek(%d)\n f.write(b'\\x55' * 9000)" % place)
        start = lab.mark()
        device.reset()
    line = lab.said("APP ", start)
    assert line.startswith("APP 1.0 previous")
    assert lab.report(line)["why"] == "app.b is damaged"
    lab.said("IDLE 1.0", start)


def test_rollback_without_an_old_version_says_so(lab):
    lab.deploy("1.0")
    with Device(lab.board.path) as device, pytest.raises(BoardError, match="no complete version"):
        rollback(device, print)


BALLAST = [unix_board.ballast(60000)]


@pytest.fixture(scope="module")
def operations(tmp_path_factory):
    """How many flash operations a second deployment takes, counted by the flash itself."""
    with unix_board.Lab(tmp_path_factory.mktemp("count")) as lab:
        lab.deploy("1.0")
        lab.said("IDLE 1.0")
        source = lab.tree("2.0", extra=BALLAST)
        with Device(lab.board.path) as device:
            Deployment(device, source, print).run("unix")
            return device.eval("__import__('machine').flash.operations")


@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_power_cut_while_deploying_leaves_the_old_version(lab, share, operations, monkeypatch):
    lab.deploy("1.0")
    lab.said("IDLE 1.0")
    source = lab.tree("2.0", extra=BALLAST)
    lab.board.cut_power()
    start = lab.mark()
    lab.board.power_on(cut=int(operations * share))
    lab.said("IDLE 1.0", start)
    with monkeypatch.context() as patch, pytest.raises(BoardError):
        # A dead board need not be waited for long; one that is only slow must not be taken for dead below.
        patch.setattr(Device, "silence_s", 1)
        unix_board.deploy(lab.board, source)
    lab.board.cut_power()  # a busy machine may have given it up before its time
    start = lab.mark()
    lab.board.power_on()
    assert lab.said("APP ", start).startswith("APP 1.0 normal")
    unix_board.deploy(lab.board, source)
    assert lab.said("APP 2.0", start).startswith("APP 2.0 normal")


def test_full_flash_keeps_the_old_version_and_says_so(lab):
    lab.deploy("1.0")
    lab.said("IDLE 1.0")
    with Device(lab.board.path) as device:
        device.exec(
            "b = bytes(4096)\n"
            "try:\n"
            " for i in range(1000):\n"
            "  with open('/big%d' % i, 'wb') as f: f.write(b); f.write(b)\n"
            "except OSError: pass"
        )
        device.reset()
    start = lab.mark()
    source = lab.tree("2.0")
    with pytest.raises(BoardError, match="room|full"):
        unix_board.deploy(lab.board, source)
    lab.board.cut_power()
    lab.board.power_on()
    assert lab.said("APP ", start).startswith("APP 1.0 normal")


def test_unknown_board_name_is_refused_with_the_list(lab):
    with pytest.raises(BoardError, match="there are: .*unix"):
        unix_board.deploy(lab.board, lab.tree("1.0"), "nonsense")


def test_a_board_that_does_not_know_what_it_is_asks(lab):
    with pytest.raises(BoardError, match="BOARD="):
        unix_board.deploy(lab.board, lab.tree("1.0"), None)


def test_a_build_that_could_not_open_the_firmware_is_refused(lab):
    with Device(lab.board.path) as device:
        real = device.exec
        device.exec = lambda source: real(source.replace("import deflate", "import deflate_absent"))
        with pytest.raises(BoardError, match="built without"):
            Deployment(device, lab.tree("1.0"), print).run("unix")
        assert not device.exists("/app.a")


def test_no_board_at_the_port():
    with pytest.raises(BoardError, match="no board at"):
        Device("/dev/does-not-exist")


def test_names_of_boards_are_found_by_their_class():
    names = board_names()
    assert "unix" in names
    assert "netlink" not in names


def test_the_real_firmware_from_the_command_line(tmp_path):
    """What `make deploy` does, with the whole firmware in a board's heap; twice, over the running
    app. The flash is a Pico W's, the log as large as it gets there.
    """
    with unix_board.Lab(tmp_path, blocks=212) as lab:
        command = [
            sys.executable,
            "-m",
            "tools.board",
            "--port",
            lab.board.path,
            "deploy",
            "--board",
            "unix",
            "--flavour",
            "base",
        ]
        first = patience.run(command, 90, cwd=ROOT)
        assert first.returncode == 0, first.stderr
        assert "start: lector102" in first.stdout  # shown by the tool itself
        assert "heap in use" in first.stdout
        assert "the flash has room for 288 KiB of it" in first.stdout
        assert lab.board.heap == micropython.SMALL
        again = patience.run(command, 90, cwd=ROOT)
        assert again.returncode == 0, again.stderr
        assert "up to date" in again.stdout and "sent" not in again.stdout
        with Device(lab.board.path) as device:
            device.exec("b = bytes(4096)\nwith open('/log/ballast', 'wb') as f:\n for _ in range(72): f.write(b)")
            Deployment(device, firmware_board.tree(tmp_path / "next", "9.9"), print, False).run()
            assert device.eval("slots.complete('', 'app.a') and slots.complete('', 'app.b')")
            # A release takes the room of the older of them (firmware/update/updater.py) and asks for 64 KiB more; it
            # may be larger by so much.
            assert device.eval("(lambda v: v[0] * v[3])(os.statvfs('/'))") >= 65536 + 8192
