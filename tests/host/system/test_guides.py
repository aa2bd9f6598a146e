"""What the pages for installers show, on the twin and as they are typed."""

import importlib.util
import re
import subprocess
import sys

import pytest

from firmware.net.modem import profiles
from tests.host.support import fake_machine
from tests.host.support.twin_lab import Lab
from tests.host.support.virtual_modem import World, run_virtual
from tests.host.unit.tools.test_guides import DOCS, PAGE
from tools.build import MPY_CROSS
from tools.modem import profiles as simulated


def fences(page, language):
    return re.findall(r"```%s\n(.*?)\n```" % language, (DOCS / page).read_text(), re.DOTALL)


def load(source, name, folder, monkeypatch):
    """Compile `source` for a device and import it as module `name`."""
    path = folder / (name.rpartition(".")[2] + ".py")
    path.write_text(source + "\n")
    subprocess.run([str(MPY_CROSS), str(path)], check=True)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_the_board_files_example_compiles_and_opens_its_ports(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chip = fake_machine.Chip("esp32").install(monkeypatch)
    (source,) = fences("board-file.md", "python")
    board = load(source, "firmware.boards.my_board", tmp_path, monkeypatch).Board()
    assert board.name == "my_board" and board.ports == 1
    uart = board.uart(0, 9600, 8, None, 1).uart
    assert (uart.tx, uart.rx) == (22, 21)
    link = board.link(fake_machine.config(uplink_apn="internet", uplink_cmux=False))
    assert (link.uart.tx, link.uart.rx) == (26, 27)
    assert chip.value(25) == 1 and chip.value(4) == 0
    link.power_key(True)
    assert chip.value(4) == 1
    board.feed()


def test_the_model_the_installer_sets_is_the_modems(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fake_machine.Chip("esp32").install(monkeypatch)
    (source,) = fences("board-file.md", "python")
    board = load(source, "firmware.boards.my_board", tmp_path, monkeypatch).Board()
    link = board.link(fake_machine.config(uplink_model="acme-l1", uplink_baud="57600"))
    assert link.settings["model"] == "acme-l1" and link.settings["baud"] == 57600
    assert link.uart.baudrate == 57600


def test_the_modem_profiles_example_goes_online(tmp_path, monkeypatch):
    (source,) = fences("modem-profile.md", "python")
    (line,) = fences("modem-profile.md", "text")
    row = line.strip().split("|")
    maker = getattr(load(source, "firmware.net.modem.acme", tmp_path, monkeypatch), "_" + row[2])
    assert set(maker(row[1])) <= set(profiles.GENERIC)
    monkeypatch.setattr(profiles, "_MODELS", b"\n%s\n" % line.encode() + profiles._MODELS[1:])
    monkeypatch.setitem(profiles._MAKERS, row[2], maker)
    # What the simulator is then: a modem with those commands that calls itself so.
    model = dict(simulated.PROFILES["sim7600"], maker="ACME", model="ACME L1 R2", off_s=1.5)
    monkeypatch.setitem(simulated.PROFILES, row[1], model)

    async def main():
        options = {"model": "auto", "user": "u", "password": "p", "auth": "chap"}
        world = World(row[1], settings=dict(options, network="4g"))
        await world.online(120)
        return world.log

    log = run_virtual(main)
    assert any("ACME L1 R2: profile acme-l1" in line for line in log), log


QUICK = {"iec102.answer_timeout": 200, "iec102.retries": 1, "iec102.busy_limit": 1}


RUNS = {
    "NoAnswerError: the meter does not answer": {"meter": ("--mute",)},
    "GarbledError: something answers, but no frame of it is good": {"meter": ("--corrupt", "1")},
    "PasswordError: the meter does not accept the password": {"set": {"meter.0.password": 9}},
    "NackError: the meter refuses the frame": {
        "meter": ("--wrong-password", "nack"), "set": {"meter.0.password": 9},
    },
    "BusyError: the meter was busy too long": {"meter": ("--busy", "1000")},
    "NotAvailableError: the meter does not know this ASDU type (cause 14, type 162)": {
        "meter": ("--no-type", "162"),
    },
    "connection lost: ECONNREFUSED by": {"broker": False},
    "connection lost: [addrinfo error -2]": {"set": {"mqtt.broker": "tcp://broker.invalid:1883"}},
    "this board has no port 2; its meters are not read": {"set": {"meter.0.port": 2}},
}  # fmt: skip


@pytest.mark.parametrize("message", RUNS)
def test_the_twin_says_what_the_page_says(tmp_path, message):
    assert message in PAGE
    run = RUNS[message]
    values = dict(QUICK, **run.get("set", {}))
    lab = Lab(tmp_path, meter=run.get("meter", ()), settings=values, broker=run.get("broker", True))
    with lab:
        lab.twin.start()
        lab.twin.wait_line(re.escape(message), 40)
