"""`python -m tools.doctor` against simulators with each fault in turn: it names that fault, and only ends well when
all is well.
"""

import contextlib
import os
import pty
import re
import termios
import threading
import tty

import pytest

from tests.host.support.doctor_cases import DeviceServer, Served, doctor, station
from tests.host.support.together import together
from tools.meter.refusal import Refusal
from tools.twin.device import MeterProcess

pytestmark = pytest.mark.takes(40)


def meter(path, *words, password=1, **more):
    return doctor("meter", "--port", path, *words, METER_PASSWORD=password, **more)


@contextlib.contextmanager
def simulator(*words):
    """`python -m tools.meter` on a pty; yields its path."""
    process = MeterProcess("--pty", *words)
    try:
        yield process.path
    finally:
        process.stop()


@pytest.fixture
def simulated():
    """A function that starts a simulator and returns its path."""
    with contextlib.ExitStack() as running:
        yield lambda *words: running.enter_context(simulator(*words))


def named(result, words):
    code, text = result
    assert code == 1, text
    found = re.search("(?m)^FAULT  .*%s" % words, text)
    assert found, text
    assert re.search("(?m)^do     ", text), "what to do next is missing: " + text
    return text


# --- the meter


@together
def test_a_meter_is_found_read_and_its_settings_told():
    with simulator("--link", "3", "--point", "4", "--password", "77") as path:
        code, text = meter(path, password=77)
    assert code == 0, text
    for line in (
        "ok     the password is right, measuring point 4",
        "meter.0.link = 3",
        "meter.0.point = 4",
    ):
        assert line in text
    assert text.strip().endswith("all is well") and "77" not in text.replace("/77", "")


@pytest.mark.parametrize(
    "options, words, password, fault",
    [
        (("--link", "7"), ("--link", 5), 1, "wrong link address: 5 is set, 7 answers"),
        (
            ("--point", "3"),
            ("--point", 1),
            1,
            "wrong measuring point: 1 was given, the meter has 3",
        ),
        (
            ("--point", "300"),
            (),
            1,
            r"wrong measuring point: the meter has none of 1, 2, 3, 4, 5, 0",
        ),
        ((), (), 99, "wrong password"),
        (("--wrong-password", "nack"), (), 99, "NACK: the meter refuses the frame"),
        (("--wrong-password", "silent"), (), 99, "the meter falls silent at the password"),
        (("--mute",), ("--frames", 20), 1, "the meter is mute: nothing answers"),
        (
            ("--mute", "--echo"),
            ("--frames", 20),
            1,
            "the meter is mute: only our own frames come back",
        ),
        (
            ("--corrupt", "1.0"),
            ("--frames", 20),
            1,
            "noise, or wrong speed or parity: something answers, .* no frame of it is good",
        ),
        (
            ("--drop", "0.15", "--seed", "3"),
            ("--answer-ms", 150),
            1,
            "the meter answers now and then only: .* frames had to be repeated",
        ),
        (("--busy", "100000"), (), 1, "busy: the meter answers but has no data: asked for 20 s"),
        (
            ("--no-type", "162"),
            (),
            1,
            r"instantaneous values .*does not know this ASDU type \(cause 14\)",
        ),
    ],
)
@together
def test_a_fault_of_the_meter_is_named(options, words, password, fault):
    with simulator(*options) as path:
        text = named(meter(path, *words, password=password), fault)
    assert "all is well" not in text


@pytest.mark.parametrize(
    "cause, words",
    [
        (13, "data record is not available"),
        (14, "does not know this ASDU type"),
        (15, "does not know this record address"),
        (16, "wrong measuring point"),
        (17, "information object is not available"),
        (18, "integration period is not available"),
    ],
)
@together
def test_each_cause_of_a_refusal_in_words(cause, words):
    refusing = station()

    def reply(request):
        raise Refusal(cause)

    refusing.answers.reply = reply
    with Served(refusing) as served:
        text = named(meter(served.url), r"instantaneous values .*%s \(cause %d\)" % (words, cause))
    # What a device with the default settings does not read is told, and is no fault.
    assert re.search(r"(?m)^note   load curve .*%s \(cause %d\); \w" % (words, cause), text)


@pytest.mark.parametrize(
    "baud, parity, given, faults",
    [
        (9600, "E", (), ()),
        (
            19200,
            "N",
            ("--baud", 9600),
            ("wrong speed or parity: the meter answers at 19200 baud 8N1",),
        ),
        (
            2400,
            "E",
            ("--baud", 9600, "--format", "8N1"),
            ("wrong speed or parity: the meter answers at 2400 baud 8E1",),
        ),
    ],
)
@together
def test_speed_and_parity_are_found(baud, parity, given, faults):
    """A serial server with RFC 2217 in front of the meter: the settings of the line count there."""
    with DeviceServer(station(), baud, parity) as server:
        result = meter(server.url, *given)
    assert result[0] == (1 if faults else 0), result[1]
    for words in faults:
        named(result, words)
    assert "port.1.baud = %d" % baud in result[1]
    assert "port.1.parity = %s" % {"N": "none", "E": "even"}[parity] in result[1]


@together
def test_the_wrong_speed_on_a_pty():
    """A pty keeps the speed the other end has set: this meter hears nothing but rubbish at another one."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    found = station()

    def serve():
        while True:
            try:
                data = os.read(master, 4096)
            except OSError:
                return
            right = termios.tcgetattr(master)[5] == termios.B4800
            answer = b"".join(found.receive(data)) if right else b"\xf8\x80\x00\xf8\xe6\x98\x00\x1e"
            os.write(master, answer)

    threading.Thread(target=serve, daemon=True).start()
    result = meter(os.ttyname(slave), "--baud", 9600)
    named(result, "wrong speed or parity: the meter answers at 4800 baud 8N1")
    os.close(slave)


def test_the_scan_is_polite():
    """Bounded in number, with silence between two frames, and nothing but requests for the link status."""
    heard = []
    deaf = station(link=999)
    receive = deaf.receive
    deaf.receive = lambda data: heard.append(bytes(data)) or receive(data)
    with Served(deaf) as served:
        words = ("--frames", 12, "--pause-ms", 150, "--answer-ms", 50)
        text = named(meter(served.url, *words, password=1), "the meter is mute")
        times = served.frames
    assert len(heard) <= 15 and "combinations were left out for --frames 12" in text
    assert all(frame[0] == 0x10 and frame[1] == 0x49 for frame in heard)
    assert all(later - earlier > 0.14 for earlier, later in zip(times, times[1:]))


def test_a_wrong_password_is_tried_once():
    locked = station(password=5)
    with Served(locked) as served:
        named(meter(served.url), "wrong password")
    assert locked.executed == 1


def test_the_trace_shows_the_frames_and_no_password(simulated):
    code, text = meter(simulated("--password", "305419896"), "--trace", password=305419896)
    assert code == 0, text
    assert ">      104901004a16 | link 1: request link status" in text
    assert "password (type 183)" in text and "78563412" not in text and "305419896" not in text


@pytest.mark.parametrize(
    "port, fault",
    [
        ("/dev/no-such-port", "/dev/no-such-port can't be opened: No such file"),
        ("tcp://127.0.0.1:1", "can't be opened: Connection refused"),
        ("tcp://nowhere", "tcp://nowhere can't be opened: it names no port"),
    ],
)
def test_a_port_that_cannot_be_opened(port, fault):
    named(meter(port), fault)


@together
def test_a_serial_server_that_hangs_up():
    dying = station()

    def answer(frames):
        raise OSError("gone")

    with Served(dying, answer) as served:
        named(meter(served.url), "the port went away")


# --- the command line


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("teapot",),
        ("meter",),
        ("meter", "--port", "x", "--link", "70000"),
        ("meter", "--port", "x", "--links", "9-1"),
        ("meter", "--port", "x", "--frames", "0"),
        ("broker",),
        ("broker", "http://broker.example"),
        ("broker", "tcp://user:secret@broker.example"),
        ("broker", "tcp://broker.example:99999"),
        ("meter", "--port", "x"),  # nobody to ask for the password
        ("meter", "--port", "x", "--password-file", "/no/such/file"),
    ],
)
def test_bad_usage_is_code_2(words):
    code, text = doctor(*words)
    assert code == 2 and "Traceback" not in text, text


def test_help_tells_where_passwords_come_from():
    code, text = doctor("--help")
    assert code == 0
    for word in ("LECTOR_METER_PASSWORD", "meter", "modem", "broker", "Exit code"):
        assert word in text


def test_a_password_from_a_file(simulated, tmp_path):
    path = tmp_path / "password"
    path.write_text("4711\n")
    words = ("meter", "--port", simulated("--password", "4711"), "--password-file", path)
    code, text = doctor(*words)
    assert code == 0 and "4711" not in text, text
