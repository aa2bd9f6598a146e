"""docs/quickstart.md, followed to the letter: its commands are taken from the page, run, and show what it says.

Each fence of the page has a mark `<!-- follow: KIND -->` in front of it:

- shell: run it; `stays`: it goes on running; `console`: the lines of `typed` are its input
- board: run it against MicroPython behind a pty, with that port and the board `unix` put in their places
- file NAME: the content of a file; start: what the board says at its start
- shows: what the command before it shows, line by line in this order; … stands for anything
- hardware: not run; how many there are is counted below

A fence without a mark is a picture and has no language.
"""

import queue
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from tests.host.support import brokers
from tools import micropython, patience
from tools.board import sealed
from tools.board.device import Device
from tools.board.unixboard import UnixBoard
from tools.twin.device import MeterProcess, finish, spawn

pytestmark = pytest.mark.takes(45)

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "quickstart.md").read_text()
FENCE = re.compile(r"(?:<!-- follow: ([^>]+?) -->\n)?```(\w*)\n(.*?)\n```", re.DOTALL)
STEPS = [(kind, language, body) for kind, language, body in FENCE.findall(PAGE)]
PICTURES = 2
HARDWARE = 3


def pattern(line):
    """A line of the page as a regular expression; lines are looked for in order, anything may stand between."""
    return ".*".join(re.escape(piece) for piece in line.split("…"))


def missing(expected, text):
    """The first line of `expected` that `text` does not have behind the ones before it, or None."""
    at = 0
    for line in expected.splitlines():
        found = re.search(pattern(line.strip()), text[at:])
        if not found:
            return line
        at += found.end()
    return None


def shown(expected, text):
    line = missing(expected, text)
    assert line is None, "the page promises %r; there was:\n%s" % (line, text)


def steps(*kinds):
    """[(kind, body, what it shows or "")] of the steps of these kinds, in the order of the page."""
    found = []
    for index, (kind, _, body) in enumerate(STEPS):
        if kind.split(",")[0].split(" ")[0] in kinds:
            after = STEPS[index + 1 :]
            expected = after[0][2] if after and after[0][0] == "shows" else ""
            found.append((kind, body, expected))
    return found


class Running:
    """A command that stays; what it prints is collected."""

    def __init__(self, line):
        self.text = ""
        self.process = spawn(
            ["bash", "-c", "exec " + line], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.text += line

    def wait(self, expected, seconds=90):
        deadline = patience.Limit(seconds)
        while missing(expected, self.text) is not None and not deadline.passed():
            time.sleep(0.1)
        shown(expected, self.text)

    def close(self):
        finish(self.process, 15)
        self.process.stdin.close()


def run(line, given="", seconds=300):
    done = patience.run(["bash", "-c", line], seconds, cwd=ROOT, input=given)
    assert done.returncode == 0, line + "\n" + done.stdout + done.stderr
    return done.stdout + done.stderr


def test_no_command_escapes():
    kinds = [kind.split(",")[0].split(" ")[0] for kind, _, _ in STEPS]
    known = ("shell", "board", "file", "shows", "start", "typed", "hardware")
    assert [kind for kind in kinds if kind and kind not in known] == []
    unmarked = [(language, body) for kind, language, body in STEPS if not kind]
    assert len(unmarked) == PICTURES and not any(language for language, _ in unmarked)
    assert kinds.count("hardware") == HARDWARE
    # Every one of them is said to be one, and every command is in a fence.
    assert PAGE.count("**(hardware)**") == HARDWARE + 1
    assert all(language == "sh" for kind, language, _ in STEPS if kind[:5] in ("shell", "board"))
    assert PAGE.count("```") == 2 * len(STEPS)
    for _, body, _ in steps("hardware"):
        assert re.match(r"(make (flash|console)|\.venv/bin/python -m tools\.board) ", body)


@pytest.mark.timeout(600)
def test_the_twin_does_what_the_page_says():
    commands = steps("shell", "typed")
    (_, once, expected), *rest = commands
    shown(expected, run(once))

    (_, line, expected), (_, console, _), *talks = rest[:4]
    twin = Running(line)
    try:
        twin.wait(expected)
        pty = re.search(r"(?m)^console +(\S+);", twin.text)[1]
        port = re.search(r"(?m)^broker +tcp://127\.0\.0\.1:(\d+)", twin.text)[1]
        # FORCEREAD takes its time at 9600 baud: lines are sent when there was silence for a second.
        assert "/dev/pts/4" in console
        tool = console.replace("/dev/pts/4", pty)
        for _, typed, answers in talks:
            shown(answers, "".join(run(tool, word + "\n") for word in typed.splitlines()))

        (_, listen, _), (_, send, expected) = rest[4:6]
        assert "-p 40123" in listen and "-p 40123" in send
        shown(expected, over_mqtt(listen, send, port))
    finally:
        twin.close()

    (_, decode, expected), (_, meter, meter_shows) = rest[6:8]
    shown(expected, run(decode))
    alone = Running(meter)
    try:
        alone.wait(meter_shows)
    finally:
        alone.close()
    assert len(rest) == 8


def over_mqtt(listen, send, port):
    """What `listen` shows after `send`; the two programs themselves where they are installed."""
    if shutil.which("mosquitto_sub"):
        hearing = Running(listen.replace("40123", port))
        try:
            # Nothing tells when it has subscribed: who types sends once more, too.
            for _ in range(10):
                time.sleep(1)
                run(send.replace("40123", port))
                if patience.until(lambda: "OK" in hearing.text, 5):
                    break
            hearing.wait("OK", 1)
            return hearing.text
        finally:
            hearing.close()
    words = re.fullmatch(r"mosquitto_pub -h (\S+) -p 40123 -t (\S+) -m (\S+)", send)
    topic = re.fullmatch(r"mosquitto_sub -h \S+ -p 40123 -t (\S+)", listen)[1]
    heard = queue.Queue()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda c, *_: c.subscribe(topic, 1)
    client.on_subscribe = lambda c, *_: c.publish(words[2], words[3], 1)
    # The embedded broker also hands out what is retained on other topics.
    client.on_message = lambda _c, _u, m: m.topic == topic and heard.put(m.payload.decode())
    client.connect(words[1], int(port))
    client.loop_start()
    try:
        return patience.get(heard, 60)
    finally:
        client.loop_stop()


@pytest.mark.timeout(600)
def test_a_board_gets_as_far_as_the_page_says(tmp_path, monkeypatch):
    """The board is MicroPython with littlefs behind a pty, the meter a simulated one, the broker a real one."""
    monkeypatch.setenv(sealed.VARIABLE, "for the safe")  # here is no terminal
    broker = brokers.start_broker()
    meter = MeterProcess("--pty", "--password", 1)
    board = UnixBoard(tmp_path / "board", heap=micropython.MIDDLE).start()
    try:
        follow(board, meter, broker, tmp_path)
    finally:
        board.close()
        meter.stop()
        broker.stop()


def follow(board, meter, broker, folder):
    (_, name), site = steps("file")[0][0].split(" "), steps("file")[0][1]
    # Only what differs from one place to the next: the broker, and here nobody waits a quarter of an hour.
    assert "tcp://broker.example:1883" in site and "interval = 15" in site
    site = site.replace("broker.example:1883", "127.0.0.1:%d" % broker.port)
    (folder / name).write_text(site.replace("interval = 15", "interval = 1"))
    with Device(board.path) as device:
        # The wiring: which pty is the meter's port.
        device.write("/unix.json", b'{"ports": [%s]}' % meter.path.rsplit("/", 1)[1].encode())
    commands = steps("board")
    for _, body, expected in commands:
        assert body.count("/dev/ttyUSB0") == 1
        line = body.replace("/dev/ttyUSB0", board.path).replace("lilygo_t_sim7600", "unix")
        for file in (name, "site.backup"):
            line = re.sub(r"(?<![\w/])%s" % re.escape(file), str(folder / file), line)
        at = len(board.output)
        text = run(" && ".join(line.splitlines()))
        shown(expected, text)
        if name in body:
            start = steps("start")[0][1]
            wait_start(board, start, at)
    assert (folder / "site.backup").exists() and len(commands) == 5


def wait_start(board, expected, at, seconds=150):
    deadline = patience.Limit(seconds)
    while not deadline.passed():
        text = bytes(board.output[at:]).decode("utf-8", "replace")
        if missing(expected, text) is None:
            return
        time.sleep(0.2)
    shown(expected, text)
