"""The pages for installers: examples that load, messages the firmware really has, links that lead somewhere."""

import ast
import re
from pathlib import Path

from firmware.config import settings
from firmware.iec102 import frame_text
from firmware.net.modem import profiles

ROOT = Path(__file__).resolve().parents[4]
DOCS = ROOT / "docs"


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
    for name in re.findall(r"`(test_\w+\.py)`", text):
        assert list((ROOT / "tests" / "host").rglob(name)), name
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


def test_causes_are_named_as_the_firmware_names_them():
    for cause in range(13, 19):
        assert "| %d | %s |" % (cause, frame_text.cause_of(cause)) in PAGE
