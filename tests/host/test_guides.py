"""The pages for installers: examples that load, messages the firmware really has, links that lead somewhere."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.config import settings
from firmware.net.modem import profiles
from tests.host import fakes_machine
from tests.host.modem_world import World, run_virtual
from tests.host.twinlab import Lab
from tools.build import MPY_CROSS
from tools.doctor.words import cause_text
from tools.modem import profiles as simulated

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


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


def test_every_link_leads_somewhere():
    for page in [*DOCS.glob("*.md"), *ROOT.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), (page.name, target)


def test_a_file_copied_by_mpremote_leaves_the_firmware_running():
    """mpremote stops it and does not start it again."""
    text = "".join(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))
    lines = re.findall(r"`([^`\n]*mpremote[^`\n]* cp [^`\n]*)`", text)
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(".venv/bin/mpremote resume cp ") and line.endswith(" + reset")


def test_what_contributors_are_told_to_run_and_where_to_look_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    tests = re.findall(r"`(test_\w+\.py)`", text)
    assert len(set(tests)) == len(tests) > 30
    for name in tests:
        assert (ROOT / "tests" / "host" / name).exists(), name
    paths = re.findall(r"`((?:firmware|tools|tests|docs|bench|\.ci)/[\w./]*)`", text)
    assert len(paths) > 20
    for path in paths:
        assert (ROOT / path).exists(), path
    rules = "".join(path.read_text() for path in [ROOT / "Makefile", *(ROOT / "make").glob("*.mk")])
    for target in set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)):
        assert re.search(r"(?m)^%s:" % target, rules), target


def test_every_room_has_tests_that_contributors_are_told_of():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "firmware").glob("*/*.py")}
    assert len(rooms) > 10
    for room in rooms:
        assert "`firmware/%s/`" % room in text, room


def test_every_page_is_in_the_index():
    index = (DOCS / "README.md").read_text()
    for page in DOCS.glob("*.md"):
        assert page.name == "README.md" or "(%s)" % page.name in index, page.name


def test_the_board_files_example_compiles_and_opens_its_ports(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chip = fakes_machine.Chip("esp32").install(monkeypatch)
    (source,) = fences("board-file.md", "python")
    board = load(source, "firmware.boards.my_board", tmp_path, monkeypatch).Board()
    assert board.name == "my_board" and board.ports == 1
    uart = board.uart(0, 9600, 8, None, 1).uart
    assert (uart.tx, uart.rx) == (22, 21)
    link = board.link(fakes_machine.config(uplink_apn="internet", uplink_cmux=False))
    assert (link.uart.tx, link.uart.rx) == (26, 27)
    assert chip.value(25) == 1 and chip.value(4) == 0
    link.power_key(True)
    assert chip.value(4) == 1
    board.feed()


def test_the_model_the_installer_sets_is_the_modems(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fakes_machine.Chip("esp32").install(monkeypatch)
    (source,) = fences("board-file.md", "python")
    board = load(source, "firmware.boards.my_board", tmp_path, monkeypatch).Board()
    link = board.link(fakes_machine.config(uplink_model="acme-l1", uplink_baud="57600"))
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


def test_the_modem_profiles_table_has_every_key_with_its_default():
    text = (DOCS / "modem-profile.md").read_text()
    for key, value in profiles.GENERIC.items():
        if key == "name":
            continue
        row = next(line for line in text.splitlines() if line.startswith("|") and "`%s`" % key in line)
        if isinstance(value, int):
            assert str(value) in row, key


# --- troubleshooting

PAGE = (DOCS / "troubleshooting.md").read_text()
QUICK = {"iec102.answer_timeout": 200, "iec102.retries": 1, "iec102.busy_limit": 1}


def headings():
    """Every message the page has in a heading or as its beginning."""
    return [text for line in re.findall(r"(?m)^### (.*)$", PAGE) for text in re.findall(r"`([^`]+)`", line)]


def strings():
    """Every text in the firmware and the board tools, and the tables of words."""
    found = []
    for path in [*(ROOT / "firmware").rglob("*.py"), *(ROOT / "tools" / "board").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
                value = node.value
                found.append(value if isinstance(value, str) else value.decode("latin-1"))
    return "\n".join(found)


# Made of several pieces, or not ours: these are seen in the runs below.
SEEN = (
    "NoAnswerError", "GarbledError", "PasswordError", "NackError", "BusyError", "NotAvailableError", "ECONNREFUSED",
    "addrinfo", "connection lost", "this board has no port", "mqtt.broker 'nowhere'", "make deploy", '"MODE"',
)  # fmt: skip


def test_every_message_is_one_the_firmware_has():
    text = strings()
    for message in headings():
        if not message.startswith(SEEN) and not any(word in message for word in SEEN):
            assert message in text, message
    for message in re.findall(r"connection lost: ([a-z][^`]*)`", PAGE):
        assert message.partition(": login")[0] in text, message


def test_every_setting_and_command_on_the_page_exists():
    names = set(re.findall(r"\b((?:device|port|meter|mqtt|uplink|logger|iec102|ntp)\.[\w.]+)", PAGE))
    for name in names:
        assert not settings.find(name.replace(".N.", ".0."))[2], name


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
    lab = Lab(
        tmp_path, meter=run.get("meter", ()), settings=values, broker=run.get("broker", True)
    )
    with lab:
        lab.twin.start()
        lab.twin.wait_line(re.escape(message), 40)


def test_causes_are_named_as_the_firmware_names_them():
    for cause in range(13, 19):
        assert "| %d | %s |" % (cause, cause_text(cause)) in PAGE
