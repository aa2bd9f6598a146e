"""The safe start on a board."""

from tests.host.support import unix_board


def test_crash_loop_on_a_board_previous_version_then_safe_mode(tmp_path):
    """The whole way on MicroPython, with real resets; ends with a device that answers."""
    with unix_board.Lab(tmp_path) as lab:
        crash = "raise RuntimeError('meter of version ' + VERSION)"
        lab.deploy("1.0", early=crash)
        lab.said("main: restarting")
        lab.deploy("2.0", early=crash)
        start = lab.mark()
        report = lab.report(lab.said("APP 1.0 previous", start, 60))
        assert report["why"] == "app.b failed 3 starts"
        assert "meter of version 2.0" in report["crash"]
        report = lab.report(lab.said("APP 1.0 safe", start, 60))
        assert "meter of version 1.0" in report["crash"]
        lab.said("IDLE 1.0", start)
        lab.deploy("3.0")
        assert lab.said("APP 3.0", start).startswith("APP 3.0 normal")


def test_ctrl_c_stops_the_app_and_gives_its_memory_back(tmp_path):
    with unix_board.Lab(tmp_path) as lab:
        lab.deploy("1.0")
        lab.said("IDLE 1.0")
        start = lab.mark()
        import os as host

        fd = host.open(lab.board.path, host.O_RDWR | host.O_NOCTTY)
        try:
            host.write(fd, b"\x03")
            lab.said("main: stopped", start)
            host.write(fd, b"import sys; print('LEFT', [m for m in sys.modules if 'firm' in m])\r")
            assert lab.said("LEFT [", start) == "LEFT []"
        finally:
            host.close(fd)
