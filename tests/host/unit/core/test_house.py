"""The house's direction (docs/architecture.md): a room imports those below its own, nothing goes round in a circle."""

import functools
import re
from pathlib import Path

import pytest

from tools import house

ROOT = Path(__file__).resolve().parents[4]


@functools.cache
def trees():
    return house.modules()


@functools.cache
def ties():
    return house.between_rooms(house.imports(trees()))


def test_every_folder_of_the_firmware_is_a_room_with_its_place():
    folders = {path.name for path in (ROOT / "firmware").iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(house.FLOOR)
    # Beside the rooms: boot.py's helper alone.
    assert {name for name in trees() if name.count(".") == 1} - {"firmware." + each for each in folders} == {
        "firmware.packfs",
    }


def test_no_import_goes_against_the_direction():
    assert not house.against(ties())


def test_no_circle_of_rooms():
    assert not house.circles({pair for pair in ties() if "firmware" not in pair})


def test_what_is_imported_at_the_top_goes_round_in_no_circle():
    """Code that is loaded for the moment may name who loads it: that import is within a function."""
    tops = house.imports(trees(), top=True)
    assert not house.circles([(name, each) for name, wanted in tops.items() for each in wanted])


def test_every_room_says_what_lives_there_and_what_it_may_import():
    for room in house.FLOOR:
        tree = trees().get("firmware." + room)
        text = tree and (tree.body[0].value.value if tree.body else "")
        assert tree is None or "ay import" in text or "imports" in text, room


@pytest.mark.parametrize(("what", "most"), [("record", 8), ("command", 11)])
def test_every_station_of_a_way_is_a_function_that_a_reader_can_open(what, most):
    stations = house.ways()[what]
    assert 3 < len(stations) <= most
    for path, name in stations:
        tree = trees()[path.removesuffix(".py").replace("/", ".")]
        assert name in house.defined(tree), "%s: %s" % (path, name)


def test_the_page_says_of_each_room_what_it_imports():
    page = (ROOT / "docs" / "architecture.md").read_text()
    told = dict(re.findall(r"(?m)^\| `firmware/(\w+)/` \|.*\| ([^|]+) \|$", page))
    assert {"firmware." + name for name in told} == {
        name for name in trees() if name.count(".") == 1 and name != "firmware.packfs"
    }
    for start, end in ties():
        if start != "firmware" and told[start] != "every room":
            assert end in told[start].split(", "), "%s imports %s" % (start, end)


def test_an_import_against_the_direction_is_found():
    ties = {("core", "app"): [("firmware.core.clock", "firmware.app.main")], ("app", "core"): []}
    assert house.against(ties) == [("firmware.core.clock", "firmware.app.main")]
    assert house.against({("meters", "net"): [("a", "b")]}) == [("a", "b")]
