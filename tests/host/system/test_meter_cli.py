"""`python -m tools.meter` as a process: its ports, its faults, its pace, and how it ends."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import tty

import pytest

from firmware.core.zone import Zone
from firmware.iec102 import ft12
from tests.host.support.meter_reader import ACK, DATA, NO_DATA, Reader, fixed, span, split
from tools import patience
from tools.meter.faults import HELP
from tools.twin.device import ROOT, MeterProcess

pytestmark = pytest.mark.takes(15)

ANSWER_S = 100  # how long an answer may take, even on a busy machine
QUIET_S = 0.4  # how long silence is waited for


class Wire:
    """The master's end of a pty or of a TCP connection."""

    def __init__(self, path):
        self._socket = None
        if path.startswith("/"):
            self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(self.fd)
        else:
            host, port = path.rsplit(":", 1)
            self._socket = socket.create_connection((host, int(port)))
            self.fd = self._socket.fileno()

    def send(self, data):
        os.write(self.fd, data)

    def read(self, seconds):
        """What comes within `seconds`, b"" for nothing."""
        return os.read(self.fd, 4096) if select.select([self.fd], [], [], seconds)[0] else b""

    def read_until(self, count):
        """At least `count` bytes."""
        data = b""
        while len(data) < count:
            more = self.read(ANSWER_S)
            assert more, "only %s came" % data.hex()
            data += more
        return data

    def quiet(self):
        """Whatever still comes until the line is quiet."""
        data = b""
        while more := self.read(QUIET_S):
            data += more
        return data

    def ask(self, frame):
        """One good frame in answer to `frame`."""
        self.send(frame)
        parser = ft12.Parser()
        data = b""
        while not parser.next():
            more = self.read(ANSWER_S)
            assert more, "no frame in %s" % data.hex()
            data += more
            parser.feed(more)
        at = data.index(b"\x10" if parser.asdu is None else b"\x68")
        return data[at:]

    def close(self):
        if self._socket:
            self._socket.close()
        else:
            os.close(self.fd)


@pytest.fixture
def start():
    """start(*options) -> (MeterProcess, Wire); everything is ended afterwards."""
    opened = []

    def begin(*options, where=("--pty",)):
        meter = MeterProcess(*where, *options)
        opened.append((meter, Wire(meter.path)))
        return opened[-1]

    yield begin
    for meter, wire in opened:
        wire.close()
        meter.stop()


STATUS, RESET = fixed(0x49), fixed(0x40)


# --- ports


def test_a_pty_with_a_name_of_its_own(start, tmp_path):
    link = tmp_path / "meter"
    meter, _ = start(where=("--pty", link))
    assert meter.banner == "meter listening on %s link=1 point=1" % meter.path
    wire = Wire(str(link))
    assert wire.ask(STATUS) == fixed(0x0B)
    wire.close()
    meter.stop()
    assert not link.is_symlink()


def test_tcp_and_a_second_connection_takes_over(start):
    meter, first = start("--link", 300, where=("--tcp", "127.0.0.1:0"))
    assert first.ask(fixed(0x49, 300)) == fixed(0x0B, 300)
    first.send(b"\x68\x20\x20\x68")  # left behind by the first; it must not swallow the second's frames
    second = Wire(meter.path)
    assert second.ask(fixed(0x49, 300)) == fixed(0x0B, 300)
    assert select.select([first.fd], [], [], ANSWER_S)[0]
    try:
        assert os.read(first.fd, 10) == b""
    except ConnectionResetError:
        pass  # closed with its half frame still unread: the system resets instead of a plain end
    second.close()


def test_a_hang_up_ends_the_session(start):
    meter, wire = start(where=("--tcp", "127.0.0.1:0"))
    reader = Reader(wire.ask)
    reader.login()
    again = Wire(meter.path)
    reader = Reader(again.ask)
    reader.reset()
    assert reader.user_data(reader.request(100)) == 1
    again.close()


def test_a_session_over_the_pty(start):
    _, wire = start("--clock", "2026-06-15T10:00:00Z", "--password", 77, "--point", 3)
    reader = Reader(wire.ask, point=3)
    assert reader.login(77).cause == 7
    assert reader.ask(162, objects=(192, 193, 194))[0].type == 163
    assert len(reader.data(123, 11, span("2026-06-14 00:00", "2026-06-15 00:00", first=1, last=8))) == 24
    assert reader.ask(103)[0].objects[0]["time"].text() == "2026-06-15T12:00-1"


@pytest.mark.parametrize("links", [("--link", 5, "--link", 9), ("--link", 5, "--meters", 2)])
def test_several_meters_share_a_line(start, links):
    meter, wire = start(*links, "--password", 10)
    second = 9 if "--meters" not in links else 6
    assert "link=5,%d " % second in meter.banner
    readers = [Reader(wire.ask, 5), Reader(wire.ask, second)]
    numbers = []
    for reader, password in zip(readers, (10, 11), strict=True):
        assert reader.login(password).cause == 7
        numbers.append(reader.ask(100)[0].objects[0]["equipment"])
    assert len(set(numbers)) == 2
    # Their sessions are their own: both are open.
    assert [reader.ask(103)[0].type for reader in readers] == [72, 72]
    wire.send(fixed(0x49, 7))
    assert wire.quiet() == b""
    assert meter.control("unplug 5") == "link=5 unplugged"
    wire.send(fixed(0x49, 5))
    assert wire.quiet() == b""
    assert wire.ask(fixed(0x49, second)) == fixed(0x0B, second)
    assert meter.control("plug 5") == "link=5 plugged"
    assert wire.ask(fixed(0x49, 5)) == fixed(0x0B, 5)


def test_time_starts_where_it_is_told_and_runs_at_its_own_speed(start):
    zone = Zone("Europe/Madrid")

    def shown(*speed):
        _, wire = start("--clock", "2026-03-29T00:30:00Z", *speed)
        reader = Reader(wire.ask)
        reader.login()
        return lambda: reader.ask(103)[0].objects[0]["time"]

    still = shown("--clock-speed", "0.0001")()
    assert still.text() == "2026-03-29T01:30-0"
    began = time.monotonic()
    running = shown("--clock-speed", 10000)
    first = running().to_utc(zone)
    deadline = patience.Limit(ANSWER_S)
    while running().to_utc(zone) - first < 3600 and not deadline.passed():
        time.sleep(0.05)
    passed = running().to_utc(zone) - first
    assert 3600 <= passed < 10000 * (time.monotonic() - began + 1)
    assert running().su == 1


def test_fixed_values_from_a_file(start):
    _, wire = start("--values", "tools/meter/samples/app-note-51.json")
    reader = Reader(wire.ask)
    reader.login()
    phases = reader.ask(162, objects=(194,))[0].objects[0]["phases"]
    assert [phase["voltage"] for phase in phases] == [1115, 1127, 3]
    closings = reader.data(134, 134, span("2022-07-01 00:00", "2022-07-13 00:00"))
    assert [a.objects[0]["DO"] for a in closings] == list(range(20, 27))
    assert closings[0].objects[0]["DINI"].text() == "2022-06-22T15:14-1"


# --- faults


def test_mute_and_clear(start):
    meter, wire = start("--mute")
    wire.send(STATUS)
    assert wire.quiet() == b""
    assert meter.control("clear").endswith("mute=off echo=off")
    assert wire.ask(STATUS) == fixed(0x0B)
    meter.control("mute on")
    wire.send(STATUS)
    assert wire.quiet() == b""


def test_answers_are_lost(start):
    meter, wire = start("--drop", "2x")
    for _ in range(2):
        wire.send(STATUS)
        assert wire.quiet() == b""
    assert wire.ask(STATUS) == fixed(0x0B)
    meter.control("drop 1")
    wire.send(STATUS)
    assert wire.quiet() == b""


def test_answers_are_corrupted(start):
    _, wire = start("--corrupt", 1, "--seed", 5)
    for _ in range(5):
        wire.send(STATUS)
        answer = wire.read_until(6)
        assert len(answer) == 6 and answer != fixed(0x0B)


def test_answers_are_cut(start):
    _, wire = start("--half", 1)
    lengths = []
    for _ in range(5):
        wire.send(STATUS)
        answer = wire.read_until(1) + wire.quiet()
        assert fixed(0x0B).startswith(answer)
        lengths.append(len(answer))
    assert max(lengths) < 6


def test_rubbish_comes_before_answers(start):
    _, wire = start("--noise", 1, "--seed", 3)
    for _ in range(10):
        wire.send(STATUS)
        answer = wire.read_until(7)
        assert answer.endswith(fixed(0x0B))


def test_busy(start):
    _, wire = start("--busy", 2)
    reader = Reader(wire.ask)
    reader.reset()
    assert reader.user_data(reader.request(183, objects=[{"password": 1}])) == ACK
    assert [reader.poll()[0] for _ in range(4)] == [NO_DATA, NO_DATA, DATA, NO_DATA]


def test_an_optical_head_repeats_what_it_hears(start):
    _, wire = start("--echo")
    wire.send(STATUS)
    assert wire.read_until(12) == STATUS + fixed(0x0B)


def test_what_the_flags_leave_open_is_an_option(start):
    _, wire = start(
        *("--wrong-password", "nack", "--before-session", "allow", "--no-events", "end"),
        *("--no-type", 144, "--no-type", 190, "--clock", "2026-06-15T10:00:00"),
    )
    reader = Reader(wire.ask)
    reader.reset()
    assert reader.user_data(reader.request(183, objects=[{"password": 9}])) == 1
    assert reader.ask(100)[0].type == 71
    assert reader.refusal(144, 134) == 14
    assert reader.refusal(190, 11, span("2026-06-14 00:00", "2026-06-15 00:00", address=9)) == 14
    assert reader.data(102, 55, span("2026-06-14 00:00", "2026-06-14 00:01")) == []


def test_orders_on_standard_input(start):
    meter, wire = start("--seed", 4)
    assert meter.control("drop 0.25").startswith("drop=0.25 corrupt=0.0")
    assert meter.control("delay 30").endswith("delay=30 busy=0 mute=off echo=off")
    assert meter.control("nonsense").startswith(HELP)
    assert meter.control("drop 1.5").startswith(HELP)
    assert meter.control("busy -1").startswith(HELP)
    assert "drop=0.25" in meter.control("show")
    meter.control("clear")
    wire.ask(STATUS)
    assert meter.control("stats") == "link=1 executed=0 repeated=0 refused=0"
    assert meter.control("ahead 100") == "ahead=100"
    # Two lines in one write are two orders.
    assert meter.control("noise 0.5\nmute on").startswith("drop=0.0 corrupt=0.0 noise=0.5")
    assert meter.process.stdout.readline().strip().endswith("mute=on echo=off")


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_orders_over_a_socket(start, tmp_path, kind):
    path = str(tmp_path / "orders")
    meter, wire = start("--control", path if kind == "unix" else "127.0.0.1:0")
    where = meter.banner.rsplit("control=", 1)[1]
    if kind == "unix":
        assert where == path
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(path)
    else:
        host, port = where.rsplit(":", 1)
        peer = socket.create_connection((host, int(port)))
    with peer, peer.makefile("rw") as orders:
        orders.write("mute on\n")
        orders.flush()
        assert orders.readline().endswith("mute=on echo=off\n")
        wire.send(STATUS)
        assert wire.quiet() == b""
        orders.write("clear\n")
        orders.flush()
        assert orders.readline().endswith("mute=off echo=off\n")
    assert wire.ask(STATUS) == fixed(0x0B)
    meter.stop()
    assert not os.path.exists(path)


# --- pace, log, end


def test_the_pace_of_the_wire_by_its_log(start, tmp_path):
    """The schedule in the log, not this machine's clock, says when bytes cross: 11 bits each at 2400 baud."""
    log = tmp_path / "log"
    _, wire = start("--baud", 2400, "--format", "8E1", "--log", log, "--delay", 20)
    reader = Reader(wire.ask)
    reader.login()
    began = time.monotonic()
    reader.ask(162, objects=(192, 193, 194))
    took = time.monotonic() - began
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    character = 11 / 2400
    assert [row["dir"] for row in rows] == ["<", ">"] * 6
    for request, answer in zip(rows[::2], rows[1::2], strict=True):
        length = len(answer["hex"]) // 2
        # The answer follows its request at once, 20 ms later as ordered; later only if the machine was.
        assert answer["due"] - request["due"] >= 0.02 + length * character - 1e-6
    for row in rows:
        assert row["t"] >= row["due"] - 1e-6  # nothing comes early
    exchanged = sum(len(row["hex"]) // 2 for row in rows[-4:])
    assert took >= exchanged * character + 0.04
    frame = bytes.fromhex(rows[-1]["hex"])
    assert split(frame)[2][0] == 163 and len(frame) == 110


def test_without_a_baud_rate_it_is_as_fast_as_it_goes(start, tmp_path):
    log = tmp_path / "log"
    _, wire = start("--log", log)
    Reader(wire.ask).login()
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    sent = b"".join(bytes.fromhex(row["hex"]) for row in rows if row["dir"] == "<")
    # Status, reset, 183 and a poll: four frames, four answers.
    assert len(rows) == 8 and len(sent) == 6 + 6 + 19 + 6


def test_the_log_has_every_byte_of_the_wire(start, tmp_path):
    log = tmp_path / "log"
    _, wire = start("--log", log, "--noise", 1, "--echo")
    wire.send(STATUS)
    heard = wire.read_until(13) + wire.quiet()
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert bytes.fromhex("".join(r["hex"] for r in rows if r["dir"] == ">")) == heard
    assert bytes.fromhex("".join(r["hex"] for r in rows if r["dir"] == "<")) == STATUS


def test_nobody_reading_does_not_stop_it(start):
    meter, wire = start()
    parts = [STATUS] * 200
    for _ in range(20):
        wire.send(b"".join(parts))
        assert meter.control("show").startswith("drop=")
    wire.quiet()
    assert wire.ask(STATUS).endswith(fixed(0x0B))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly(start, how):
    meter, _ = start()
    meter.process.send_signal(how)
    assert patience.wait(meter.process, ANSWER_S) == 0


def test_it_ends_with_its_parent():
    code = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-u', '-m', 'tools.meter', '--pty',"
        " '--die-with-parent'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True);"
        " p.stdout.readline(); print(p.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = patience.Limit(ANSWER_S)
    while running(pid) and not deadline.passed():
        time.sleep(0.05)
    assert not running(pid)


def running(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--pty", "--drop", "2"),
        ("--pty", "--link", "70000"),
        ("--pty", "--link", "1", "--link", "1"),
        ("--pty", "--link", "1", "--link", "2", "--meters", "2"),
        ("--pty", "--meters", "0"),
        ("--tcp", "nowhere"),
        ("--pty", "--zone", "Europe/Nowhere"),
        ("--pty", "--clock", "yesterday"),
        ("--pty", "--clock-speed", "0"),
        ("--pty", "--clock", "2150-01-01T00:00:00"),
        ("--pty", "--baud", "-1"),
        ("--pty", "--point", "70000"),
        ("--pty", "--password", "4294967295", "--meters", "2"),
        ("--pty", "--peak", "0"),
        ("--tcp", "127.0.0.1:70000"),
    ],
)
def test_bad_options_are_refused(options):
    command = [sys.executable, "-m", "tools.meter", *options]
    done = patience.run(command, 60, cwd=ROOT, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and " (--help tells more)\n" in done.stderr


@pytest.mark.parametrize("content", ["[]", "{", '{"other": []}', '{"instant": 5}', '{"closings": [{"DO": 20}]}'])
def test_a_bad_file_of_values_is_refused(tmp_path, content):
    path = tmp_path / "values.json"
    path.write_text(content)
    command = [sys.executable, "-m", "tools.meter", "--pty", "--values", path]
    done = patience.run(command, 60, cwd=ROOT, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and done.stderr.startswith("meter: ")
