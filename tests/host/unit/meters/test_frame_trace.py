"""What the frame trace shows and what it never does: no password, no flash write while a meter speaks, no growth."""

import asyncio
import os

import pytest

from firmware.core import log
from firmware.core.flash_gate import Gate
from firmware.iec102 import frame_text
from firmware.iec102.asdu import Asdu
from firmware.meters.frame_trace import Tracer
from tests.host.support import virtual_time
from tests.host.support.meter_reader import fixed, variable

SECRET = 0x12345678
LOGIN = variable(0x73, Asdu(183, 6, 1, 0, [{"password": SECRET}]))
LOGGED_IN = variable(0x08, Asdu(183, 7, 1, 0, [{"password": SECRET}]))
STATUS = fixed(0x49)


class Line:
    name = "port 1"
    trace = None


class Board:
    def __init__(self, root):
        self.root = str(root)


class Mqtt:
    def __init__(self):
        self.connected = True
        self.waiting = False
        self.sent = []

    def replies_wait(self):
        return self.waiting

    async def reply(self, topic, payload):
        self.sent.append((topic, payload))


class App:
    def __init__(self, root):
        self.lines = [Line()]
        self.gate = Gate()
        self.board = Board(root)
        self.mqtt = Mqtt()


@pytest.fixture
def app(tmp_path):
    log.sink = lambda line: None
    return App(tmp_path)


def traced(app, how, play, minutes=0):
    """Run the coroutine function play(tracer, hear)."""

    async def main():
        tracer = Tracer(app, (how, "t", minutes))
        try:
            await play(tracer, app.lines[0].trace)
        finally:
            tracer.stop()

    virtual_time.run(main())


async def until(condition, seconds=20):
    for _ in range(seconds * 100):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within %d s" % seconds)


def texts(data, opening=False):
    return list(frame_text.lines(data, opening))


def test_frames_have_words_and_what_is_between_them_is_shown():
    both = b"\xff\xff" + fixed(0x0B) + fixed(0x01) + b"\x68"
    assert texts(both) == [
        "ffff | no good frame",
        "100b01000c16 | link 1: link status",
        "100101000216 | link 1: NACK",
        "68 | no good frame",
    ]
    assert texts(fixed(0x5B))[0].endswith("link 1: poll, FCB 0")
    refusal = variable(0x08, Asdu(123, 18, 1, 11, [{"first": 1, "last": 8, "start": _tag(), "end": _tag()}]))
    assert "cause 18 the integration period is not available" in texts(refusal)[0]


def _tag():
    from firmware.iec102.timetag import TimeTag

    return TimeTag(26, 1, 1, 0, 0)


@pytest.mark.parametrize("frame", (LOGIN, LOGGED_IN))
def test_a_password_and_its_checksum_are_masked(frame):
    (text,) = texts(frame)
    assert frame[13:17].hex() == "78563412" and "78563412" not in text
    assert text.startswith(frame[:13].hex() + "**********16 | ")


def test_the_password_among_the_parameters_is_masked():
    body = bytes((129, 1, 5, 1, 0, 0)) + bytes((7, 0, 1, 1, 0)) + b"\x78\x56\x34\x12" + bytes(237)
    (text,) = texts(variable(0x08, body))
    assert "78563412" not in text and text.count("**") == 5
    assert len(text.split(" | ")[0]) == 2 * (len(body) + 9)


@pytest.mark.parametrize("flip", range(len(LOGGED_IN)))
def test_a_spoilt_password_is_not_shown(flip):
    """One bit anywhere, and the frame is no frame any more, but its password is as readable as before."""
    data = bytearray(LOGGED_IN)
    data[flip] ^= 0x10
    whole = "".join(texts(bytes(data), opening=True))
    assert "5634" not in whole and "not shown" in whole


def test_the_trace_hides_spoilt_bytes_until_the_session_is_open(app):
    shown = []
    log.sink = shown.append

    async def play(tracer, hear):
        hear(">", LOGIN)
        hear("<", LOGGED_IN[:9])
        hear(">", fixed(0x5B))
        hear("<", b"\x99" + LOGGED_IN[4:])
        hear(">", variable(0x53, Asdu(100, 5, 1, 0, [])))
        hear("<", b"\x99\x98")
        await until(lambda: any("9998" in line for line in shown))

    traced(app, "console", play)
    text = "\n".join(shown)
    assert "5634" not in text and text.count("not shown: a password") == 2


def test_a_file_is_not_written_while_a_meter_speaks(app, tmp_path):
    path = tmp_path / "trace.txt"

    async def play(tracer, hear):
        app.gate.close()
        hear(">", STATUS)
        await asyncio.sleep(0.5)
        assert not path.exists()
        app.gate.open()
        await until(path.exists)

    traced(app, "file", play)
    assert "request link status" in path.read_text()


def test_a_line_that_never_falls_silent_costs_the_trace_not_the_line(app, tmp_path, monkeypatch):
    monkeypatch.setattr("firmware.meters.frame_trace._GATE_MS", 100)

    async def play(tracer, hear):
        app.gate.close()
        hear(">", STATUS)
        await until(lambda: tracer.missed == 1)

    traced(app, "file", play)
    assert os.listdir(tmp_path) == []


def test_two_files_of_bounded_size_take_turns(app, tmp_path):
    frame = variable(0x08, bytes((163, 3, 5, 1, 0, 0)) + bytes(240))

    async def play(tracer, hear):
        for _ in range(300):
            hear(">", frame)
            await until(lambda: len(tracer._queue) < 3)

    traced(app, "file", play)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"trace.txt", "trace.old.txt"}
    assert all(size < 32768 + 2000 for size in sizes.values())


@pytest.mark.parametrize("size, kept", ((100, 100), (33000, 0)))
def test_after_a_restart_it_goes_on_in_the_file_that_is_not_full(app, tmp_path, size, kept):
    """Where both are, one begins anew."""
    first, second = tmp_path / "trace.txt", tmp_path / "trace.old.txt"
    first.write_text("x" * 33000)
    second.write_text("x" * size)

    async def play(tracer, hear):
        hear(">", STATUS)
        await until(lambda: second.stat().st_size != size)

    traced(app, "file", play)
    assert first.stat().st_size == 33000
    text = second.read_text()
    assert text.count("x") == kept and text.endswith("link status\n")


def test_a_full_flash_ends_the_trace_and_nothing_else(app, tmp_path):
    app.board.root = str(tmp_path / "nowhere")

    async def play(tracer, hear):
        hear(">", STATUS)
        await until(lambda: app.lines[0].trace is None)
        hear(">", STATUS)  # a session under way still has the hook

    traced(app, "file", play)


def test_what_nobody_takes_is_counted_and_told(app):
    async def play(tracer, hear):
        app.mqtt.connected = False
        for _ in range(1000):
            hear(">", LOGIN)
        await asyncio.sleep(0.2)
        assert len(tracer._queue) <= 24 and tracer.missed >= 900 and not app.mqtt.sent
        app.mqtt.connected, app.mqtt.waiting = True, True
        await asyncio.sleep(0.2)
        assert not app.mqtt.sent, "answers to commands go first"
        app.mqtt.waiting = False
        await until(lambda: len(app.mqtt.sent) >= 1)

    traced(app, "topic", play)
    topic, text = app.mqtt.sent[0]
    assert topic == "t" and "frames not shown" in text and len(text) < 1500


def test_it_ends_by_itself(app, monkeypatch):
    now = [0]
    monkeypatch.setattr("firmware.meters.frame_trace.monotonic_s", lambda: now[0])

    async def play(tracer, hear):
        await asyncio.sleep(0.1)
        now[0] = 601
        await until(lambda: app.lines[0].trace is None)

    traced(app, "console", play, minutes=10)
