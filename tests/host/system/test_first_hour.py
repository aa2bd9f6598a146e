"""The first hour as docs/quickstart.md and docs/no-hardware.md have it, with the mistakes people make.

Each answer has to name the cause and the next step; what a person would paste is pasted.
"""

import json
import os
import re
import threading
from pathlib import Path

import pytest

from tests.host.support.together import together
from tools import patience
from tools.board.console import Console
from tools.twin.device import finish, spawn

pytestmark = pytest.mark.takes(35)

ROOT = Path(__file__).resolve().parents[3]
PY = ".venv/bin/python"


def type_in(line, given=None, code=0, seconds=90, **environment):
    """What the shell says to a line, typed in the folder of the project."""
    where = {"cwd": ROOT, "env": dict(os.environ, **environment)}
    done = patience.run(["bash", "-c", line], seconds, input=given or "", **where)
    assert (done.returncode == 0) == (code == 0), "%s\n%s%s" % (line, done.stdout, done.stderr)
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done.stdout + done.stderr


class Run:
    """A command that stays, and what it has said."""

    def __init__(self, line):
        self.text = ""
        pipes = {"stdin": -1, "stdout": -1, "stderr": -2}
        self.process = spawn(["bash", "-c", "exec " + line], cwd=ROOT, text=True, **pipes)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.text += line

    def wait(self, pattern, seconds=60, start=0):
        """The match of a regular expression in what it has said from `start` on."""
        found = patience.until(lambda: re.search(pattern, self.text[start:], re.MULTILINE), seconds)
        assert found, "no %r in:\n%s" % (pattern, self.text)
        return found

    def close(self):
        finish(self.process, 15)
        self._thread.join(5)
        self.process.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Person:
    """Somebody at a console: `ask(line)` gives the answer up to its OK or ERROR."""

    def __init__(self, port):
        self.text = ""
        self._console = Console(port, self._hear)

    def _hear(self, text):
        self.text += text

    def ask(self, line, seconds=40):
        start = len(self.text)
        self._console.send(line)
        found = patience.until(lambda: re.search(r"\n(OK|ERROR)\n", self.text[start:]), seconds)
        assert found, "no answer to %s:\n%s" % (line, self.text[start:])
        return self.text[start : start + found.end()]

    def close(self):
        self._console.close()


def twin(folder, words):
    return "%s -m tools.twin --folder %s %s" % (PY, folder, words)


SITE = """\
uplink.type = host
mqtt.broker = {broker}
mqtt.enabled = on
mqtt.at_topic = lector102/[IMEI]/AT
meter.0.enabled = on
meter.0.id = ID00000
meter.0.link = 1
meter.0.interval = 5
"""


@together
def test_a_simulated_board_from_empty_flash_to_records_with_the_mistakes_on_the_way(tmp_path):
    with Run("make board-sim -- --fresh --folder %s" % (tmp_path / "flash")) as sim:
        port = sim.wait(r"^board +(\S+)$")[1]
        broker = sim.wait(r"^broker +(\S+)$")[1]
        at = "PORT=" + port
        # One flash, one board.
        said = type_in("make board-sim -- --folder %s" % (tmp_path / "flash"), code=1)
        assert "another one uses" in said and "Ctrl-C" in said

        # Settings before the firmware, the firmware without its board's name, with another's, with none's.
        said = type_in("%s -m tools.board --port %s config uplink.apn=a" % (PY, port), code=1)
        assert "make deploy first" in said
        assert "make deploy BOARD=" in type_in("make deploy " + at, code=1)
        assert "is it lilygo_t_sim7600?" in type_in("make deploy BOARD=lilygo_sim7600 " + at, code=1)
        said = type_in("make deploy BOARD=lilygo_t_sim7600 " + at, code=1)
        assert "another BOARD=" in said and "BOARD=unix" in said
        assert "I start: lector102" in type_in("make deploy BOARD=unix " + at)

        # All mistakes of a file at once, and then the file.
        path = tmp_path / "site.txt"
        site = SITE.format(broker=broker)
        path.write_text(site.replace("mqtt.broker", "mqtt.brokr").replace("link = 1", "link = 70000"))
        said = type_in("make config %s FILE=%s" % (at, path), code=1)
        assert "2 mistakes, nothing was written" in said
        assert "line 2: there is no setting mqtt.brokr: is it mqtt.broker?" in said and "line 7: meter.0.link" in said
        path.write_text(site)
        said = type_in("make config %s FILE=%s" % (at, path))
        assert "reads meter ID00000 at port 1" in said and "delivers the records to " + broker in said
        assert "I start: port 1: 9600 baud 8N1: ID00000" in said
        sim.wait(r"^lector102/860000000000002/LOGGER \{.*\"ID\":\"ID00000\"")
        start = len(sim.text)
        said = type_in("%s -m tools.board --port %s config --show" % (PY, port))
        assert "--all shows the others" in said and "meter.0.interval = 5" in said

        sim.wait(r"/ONLINE .*\"STATE\": \"online\"", start=start)
        person = Person(port)
        assert person.ask("AT").endswith("\nOK\n")
        assert "AT^MTXTUNNEL=GETSTATUS" in person.ask("help")
        assert "is it AT^MTXTUNNEL=GETSTATUS" in person.ask("AT^MTXTUNNEL=GETSTAUS,log")
        assert '"ID":"ID00000"' in person.ask("AT^MTXTUNNEL=FORCEREAD,ID00000")
        paste_what_the_doctor_says(person)
        person.close()
        line = "make backup %s FILE=%s" % (at, tmp_path / "site.backup")
        said = type_in(line, LECTOR_BACKUP_PASSWORD="for the safe")
        assert "site.backup" in said and (tmp_path / "site.backup").exists()


def paste_what_the_doctor_says(person):
    """What the device's doctor gives to type is taken by it."""
    for line in person.ask("AT^MTXTUNNEL=DOCTOR").splitlines():
        for command in re.findall(r"AT\^MTXTUNNEL=\S+", line.partition("do: ")[2]):
            assert person.ask(command).endswith("\nOK\n"), line


MISTAKES = {
    "make restore": ["FILE= is missing", "make backup", "make restore FILE=site.backup"],
    "make flash": ["BOARD= is missing", "docs/boards.md", "make flash BOARD=lilygo_t_sim7600 IMAGE="],
    "make flash BOARD=pico_w": ["IMAGE= is missing", "make flash BOARD=pico_w IMAGE=RPI_PICO_W.uf2"],
    "make pico": ["IMAGE= is missing", "make pico IMAGE=RPI_PICO_W.uf2"],
    "make test-pico": ["IMAGE= is missing", "make test-pico IMAGE=RPI_PICO_W.uf2"],
    "make run METER=3": ["no variable METER", "METERS"],
    "make deploy PROT=/dev/ttyUSB0": ["no variable PROT", "PORT"],
    "make run INTERVAL=abc": ["--interval", "a whole number is wanted, not 'abc'"],
    "make run -- --meters 9": ["--meters", "1 to 8 is wanted, not 9"],
    "make run -- --interval=0": ["--interval", "at least 1 is wanted, not 0"],
    "make doctor": ["make doctor -- meter --port /dev/ttyUSB0", "make doctor broker tcp://"],
    "make doctor metre": ["'metre' is none of meter, modem, broker, line: is it meter?"],
    "make decode 10 49": ["not a good frame"],
    "make fleet DEVICES=many": ["--devices", "a whole number is wanted, not 'many'"],
    "make release": ["no private key", ".venv/bin/python -m tools.release keygen"],
    "make config PORT=/dev/ttyNONE FILE=site.txt": ["/dev/ttyNONE", ".venv/bin/python -m serial.tools.list_ports -v"],
    "make console PORT=/dev/ttyNONE": ["/dev/ttyNONE", ".venv/bin/python -m serial.tools.list_ports -v"],
    "make deploy PORT=/dev/ttyNONE": ["/dev/ttyNONE", ".venv/bin/python -m serial.tools.list_ports -v"],
}


@pytest.mark.parametrize("line", MISTAKES)
@together
def test_what_is_missing_or_wrong_is_named_with_what_to_type(line):
    said = type_in(line, code=1)
    for words in MISTAKES[line]:
        assert words in said, said


def test_make_finds_every_variable_that_its_commands_use():
    """A name that a command uses and that nobody may type would be refused."""
    text = "".join(path.read_text() for path in (ROOT / "Makefile", *(ROOT / "make").glob("*.mk")))
    used = set(re.findall(r"(?m)^(\w+) *\?=", text))
    known = re.search(r"(?m)^VARIABLES := (.*)", text)[1].split()
    assert used == set(known)


@together
def test_another_python_is_told_which_one(tmp_path):
    """A Python without the packages: this one, told to look nowhere but at home."""
    for module in ("tools.twin", "tools.board", "tools.doctor", "tools.fleet", "tools.decode", "bench", "tests.proof"):
        said = type_in("%s -S -E -m %s --help" % (PY, module), code=1)
        assert "run .venv/bin/python -m %s --help" % module in said, said


def test_one_frame_explained_by_make_as_by_the_tool():
    # Where make is called by make, as by `make test`, it would tell the folder as well.
    said = type_in("make --no-print-directory decode 10 49 01 00 4a 16")
    assert "request link status" in said and said.endswith(type_in(PY + " -m tools.decode 10 49 01 00 4a 16"))


@together
def test_records_wait_for_a_broker_that_is_not_there_and_are_no_news_later(tmp_path):
    folder = tmp_path / "flash"
    with Run(twin(folder, "--no-broker --interval 1")) as first:
        assert re.match(r"runs on +MicroPython \d+\.\d+", first.wait(r"^runs on .*$")[0])
        first.wait("^broker +none at .* Enter starts one")
        first.wait("^kept +a record of ID00000; 1 ")
        # The same flash twice at once would be two devices writing it.
        said = type_in(twin(folder, "--once"), code=1)
        assert "another run uses" in said and "Ctrl-C" in said and "--folder" in said
        first.process.stdin.write("\n")
        first.process.stdin.flush()
        first.wait("^--- .*/LOGGER from ID00000$")
    assert "earlier" not in first.text
    type_in(twin(folder, "--no-broker --interval 1 --once"))
    said = type_in(twin(folder, "--interval 1 --once"))
    found = re.findall(r"(?m)^--- .*/LOGGER from ID00000(.*)\n(?:\{.*\}\n)+", said)
    assert found == [", kept since an earlier run", ""], said
    times = [json.loads(record)["TS"] for record in re.findall(r'(?m)^\{"IMEI".*"TS".*\}$', said)]
    assert times == sorted(times) and len(times) >= 2


@together
def test_a_restart_keeps_what_was_set_and_the_clock_goes_on(tmp_path):
    folder = tmp_path / "flash"
    with Run(twin(folder, "--speed 30 --verbose")) as run:
        person = Person(run.wait(r"^console +(\S+);")[1])
        run.wait("mqtt: connected")
        person.ask("AT^MTXTUNNEL=SETPARAM,meter.0.interval,600")
        before = len(run.text)
        person.ask("AT^MTXTUNNEL=REBOOT")
        run.wait("mqtt: connected", start=before)
        assert "\n600\n" in person.ask("AT^MTXTUNNEL=GETPARAM,meter.0.interval")
        person.close()
    first, second = (int(h) * 3600 + int(m) * 60 + int(s) for h, m, s in
                     re.findall(r'clock: \S*T(\d+):(\d+):(\d+)Z ', run.text))  # fmt: skip
    # It took a second at least, which is half a minute there.
    assert (second - first) % 86400 > 20
    # The next run begins where the fast clock stood, not before records that lie in the flash.
    with Run(twin(folder, "--interval 1 --once")) as run:
        run.wait("^clock +[0-9]+ s ahead.*--fresh")
        run.wait("^--- .*/LOGGER from ID00000$")
