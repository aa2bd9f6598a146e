"""UPDATE, GETSTATUS and the safe mode with the real firmware on MicroPython: two versions, a broker, a web server."""

import pytest

from tests.host.support import firmware_board, programs, unix_board
from tests.host.support.twin_lab import meter_settings
from tools import micropython, release
from tools.twin.device import MeterProcess

pytestmark = pytest.mark.takes(60)

NEWER = 1 << 40
# A service that fails each time it is started.
FAILURE = (
    "firmware/delivery/discovery.py",
    "    async def run(self):\n",
    "    async def run(self):\n        raise RuntimeError('nobody at home')\n",
)


@pytest.fixture(scope="module")
def key():
    return release.generate(2048)


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """{name: folder}: the version that is deployed, the one it is updated to, one whose service fails, and one that a
    setting makes crash."""
    top = tmp_path_factory.mktemp("trees")
    head = "def _meter(app, index):\n    get = app.config.get\n"
    crash = ("firmware/app/build.py", head, head + "    1 // (13 - get('meter.point', index))\n")
    return {
        "old": firmware_board.tree(top / "old", "1.0"),
        "new": firmware_board.tree(top / "new", "2.0"),
        "failing": firmware_board.tree(top / "failing", "1.2", [FAILURE]),
        "crashing": firmware_board.tree(top / "crashing", "1.5", [crash]),
    }


@pytest.fixture
def board(tmp_path, key):
    with firmware_board.Board(tmp_path, {"/release.pub": release.public_text(key).encode()}) as found:
        yield found


def made(trees, key, name="new", version="2.0", full=True):
    return release.assemble(firmware_board.compiled(trees[name], full), key, version, NEWER)


@pytest.mark.timeout(600)
def test_an_update_by_command_over_https_after_one_with_a_bad_signature(board, trees, key, tmp_path):
    board.deploy(trees["old"])
    assert "MODE" not in board.online(VERSION="1.0")
    assert board.state("update") == {
        "update.state": "idle", "update.bytes": "0", "update.size": "0", "update.error": "",
    }  # fmt: skip
    refused(board)
    stranger = made(trees, release.generate(2048))
    with unix_board.WebServer(stranger) as web:
        assert board.at("UPDATE," + web.url).endswith("OK\r\n")
        found = board.until("update", "update.state", "failed")
        assert "signature is not right" in found["update.error"]
        assert len(web.requests) == 1
    stopped(board, trees, key)
    assert board.at("UPDATE," + web.url).endswith("OK\r\n")  # nobody is there any more
    assert board.at("UPDATE,STOP").endswith("OK\r\n")
    board.until("update", "update.error", "stopped by a command")
    with unix_board.WebServer(stranger) as web:
        assert board.at("UPDATE," + web.url).endswith("OK\r\n")
        board.until("update", "update.state", "failed")
    # The reason outlives a restart, and the version that ran goes on.
    assert board.at("REBOOT").endswith("OK\r\n")
    board.online(VERSION="1.0")
    assert "signature is not right" in board.state("update")["update.error"]

    data = made(trees, key)
    certificate = programs.certificate(tmp_path)  # which nobody but itself has signed
    assert board.at("SETPARAM,update.verify,off").endswith("OK\r\n")
    with unix_board.WebServer(data, drops=[1 << 20, 60000], certificate=certificate) as web:
        start = len(board.board.output)
        assert board.at("UPDATE," + web.url).endswith("OK\r\n")
        board.said("W update: at", start)
        found = board.state("update")
        # In a full heap it waits for a moment and goes on where it was.
        assert found["update.state"] in ("fetching", "waiting"), found
        assert int(found["update.bytes"]) >= 60000 and found["update.size"] == str(len(data)), found
        # One at a time.
        assert '+MTXERR: 7,"' in board.at("UPDATE," + web.url)
        board.online(180, VERSION="2.0")
        assert [r["range"].startswith("bytes=0-") for r in web.requests] == [True, False, False]
    found = board.until("start", "start.trial", "false")
    assert found["start.version"] == "2.0" and found["start.why"] == "update 2.0 confirmed"
    assert board.state("update")["update.state"] == "idle"


def stopped(board, trees, key):
    """A server that never gets to the end of its answer; and then there is nothing left to stop."""
    with unix_board.WebServer(made(trees, key), pace=0.1, hold=lambda: True) as web:
        assert board.at("UPDATE," + web.url).endswith("OK\r\n")
        board.until("update", "update.state", "fetching")
        assert board.at("UPDATE,stop").endswith("OK\r\n")
        found = board.until("update", "update.state", "failed")
    assert found["update.error"] == "stopped by a command"
    assert '+MTXERR: 8,"no update is under way' in board.at("UPDATE,STOP")


def refused(board):
    """What is no order at all."""
    for line, code in (("UPDATE", 1), ("UPDATE,ftp://x/y", 4), ("UPDATE,http:///y", 4),
                       ("UPDATE,https://x:y/z", 4), ("UPDATE,x/z", 4), ("UPDATE,http://x/a b", 4)):  # fmt: skip
        assert "+MTXERR: %d," % code in board.at(line), line


@pytest.mark.timeout(600)
def test_a_setting_that_crashes_ends_in_a_safe_mode_that_can_be_mended_and_updated(tmp_path, trees, key):
    files = {"/release.pub": release.public_text(key).encode(), "/unix.json": b'{"console": true}'}
    settings = {"meter.0.enabled": True, "meter.0.point": 13}
    with firmware_board.Board(tmp_path, files, **settings) as board:
        board.deploy(trees["crashing"])
        found = board.online(180, MODE="safe")
        assert found["WHY"].startswith("3 starts in a row failed; last crash: ZeroDivisionError")
        assert "LOG" not in found and found["VERSION"] == "1.5"
        assert board.state("start")["start.mode"] == "safe"
        crash = board.state("crash")
        assert crash["crash.0"].startswith("main: Traceback")
        assert any(line.startswith("crash.") and "firmware.app.build" in text for line, text in crash.items())
        assert board.at("GETSTATUS").endswith("OK\r\n")
        assert '+MTXERR: 8,"the safe mode has no log' in board.at("GETLOG")
        mended_at_the_console(board)
        # The wrong value again, now from afar: after three starts it is back in the safe mode, and there updated.
        assert board.at("SETPARAM,meter.0.point,13").endswith("OK\r\n")
        assert board.at("REBOOT").endswith("OK\r\n")
        board.online(180, MODE="safe")
        with unix_board.WebServer(made(trees, key)) as web:
            assert board.at("UPDATE," + web.url).endswith("OK\r\n")
            found = board.online(180, VERSION="2.0")
        assert "MODE" not in found and "LOG" in found
        # What it was that crashed is still known.
        assert "ZeroDivisionError" in board.state("crash").popitem()[1]


def mended_at_the_console(board):
    """In the safe mode, with nothing but the serial line: look, mend the setting, restart into the whole firmware."""
    assert board.typed("AT").endswith("\r\nOK\r\n")
    start = board.typed("AT^MTXTUNNEL=GETSTATUS,start")
    assert "start.mode: safe\r\n" in start
    assert "start.why: 3 starts in a row failed; last crash: ZeroDivisionError" in start
    crash = board.typed("AT^MTXTUNNEL=GETSTATUS,crash")
    assert "crash.0: main: Traceback" in crash and "firmware.app.build" in crash and ": ZeroDivisionError" in crash
    assert "\r\n13\r\n" in board.typed("AT^MTXTUNNEL=GETPARAM,meter.0.point")
    assert board.typed("AT^MTXTUNNEL=SETPARAM,meter.0.point,1").endswith("OK\r\n")
    assert board.typed("AT^MTXTUNNEL=REBOOT").endswith("OK\r\n")
    found = board.online(120, VERSION="1.5", LOG=0)
    assert "MODE" not in found
    assert "start.mode: normal" in board.typed("AT^MTXTUNNEL=GETSTATUS,start")


@pytest.mark.timeout(600)
def test_the_meter_is_read_beside_a_slow_update(tmp_path, trees, key):
    """They have the heap in turn: no reading runs out of memory, and the update gets to its end."""
    files = {"/release.pub": release.public_text(key).encode()}
    meter = MeterProcess("--pty", "--password", 1)
    files["/unix.json"] = b'{"ports": [%s]}' % meter.path.rsplit("/", 1)[1].encode()
    settings = dict(meter_settings(interval=5), **{"logger.enabled": True})
    try:
        with firmware_board.Board(tmp_path, files, heap=micropython.SMALL_AND_3_KB, **settings) as board:
            board.deploy(trees["old"])
            board.online()
            # However slow all is, it has been read three times before the file is complete.
            late = {"pace": 0.6, "hold": lambda: len(board.logged) < 3}
            with unix_board.WebServer(made(trees, key, full=False), **late) as web:
                board.records()
                start = len(board.board.output)
                assert board.at("UPDATE," + web.url).endswith("OK\r\n")
                board.said("I start: restart: update to 2.0", start, 200)
                assert len(web.requests) > 2  # it made way in between
            said = bytes(board.board.output[start:]).decode("utf-8", "replace")
            print(said)
            before = board.records()
            assert len(before) >= 2
            assert "MemoryError" not in said and "out of memory" not in said, said
            board.online(120, VERSION="2.0")
            board.until("start", "start.trial", "false")
    finally:
        meter.stop()


@pytest.mark.timeout(600)
def test_a_service_that_fails_is_told_also_after_a_restart_and_without_a_key_no_order_is_taken(tmp_path, trees):
    with firmware_board.Board(tmp_path, **{"ha.enabled": True}) as board:
        board.deploy(trees["failing"])
        board.online()
        board.until("crash", "crash.0", "ha: Traceback (most recent call last):")
        board.deploy(trees["old"])
        assert "MODE" not in board.online(VERSION="1.0")
        crash = board.state("crash")
        assert "RuntimeError: nobody at home" in crash.values(), crash
        assert board.state("start")["start.mode"] == "normal"
        answer = board.at("UPDATE,http://127.0.0.1:1/x.rel")
        assert '+MTXERR: 8,"this device has no release key' in answer
