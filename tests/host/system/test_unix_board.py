"""The board without a board: what it says is handed on whole, however late somebody looks."""

import time

import pytest

from tools.board import unixboard
from tools.board.device import Device


class Late(unixboard.UnixBoard):
    """On a busy machine all that MicroPython says on its way up is there at the first look."""

    def _swallow(self, *arguments, **options):
        time.sleep(0.5)
        return super()._swallow(*arguments, **options)


@pytest.fixture(params=(unixboard.UnixBoard, Late))
def board(request, tmp_path):
    with request.param(tmp_path) as found:
        found.wait_output(b">>> ")
        yield found


def test_the_raw_repl_survives_a_soft_reset_and_no_prompt_is_waited_for_twice(board):
    with Device(board.path) as device:
        device.exec("with open('/boot.py', 'w') as f: f.write('print(\"booted\")')")
        start = len(board.output)
        device.link.enter_raw_repl(soft_reset=True)
        assert device.eval("6 * 7") == 42
    said = bytes(board.output[start:])
    assert b"soft reboot" in said and b"booted" in said and b"Use Ctrl-D" not in said
    assert board.stalls == 0 and board.starts == 2


def test_a_soft_reset_by_hand_ends_at_the_prompt(board):
    start = len(board.output)
    with Device(board.path) as device:
        device.link.exit_raw_repl()
        device.link.serial.write(b"\x04")
        board.wait_output(b">>> ", start=board.wait_output(b"soft reboot", start=start))
    assert board.stalls == 0 and board.starts == 2
