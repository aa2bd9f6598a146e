"""The house's direction (docs/architecture.md): a room imports those below its own, nothing goes round in a circle."""

from pathlib import Path

from tools import house

ROOT = Path(__file__).resolve().parents[2]
TREES = house.modules()
TIES = house.between_rooms(house.imports(TREES))


def test_every_folder_of_the_firmware_is_a_room_with_its_place():
    folders = {
        path.name for path in (ROOT / "firmware").iterdir() if (path / "__init__.py").exists()
    }
    assert folders <= set(house.FLOOR)
    # Beside the rooms: boot.py's helper alone.
    assert {name for name in TREES if name.count(".") == 1} - {
        "firmware." + each for each in folders
    } == {
        "firmware.packfs",
    }


def test_no_import_goes_against_the_direction():
    assert not house.against(TIES)


def test_no_circle_of_rooms():
    assert not house.circles({pair for pair in TIES if "firmware" not in pair})


def test_what_is_imported_at_the_top_goes_round_in_no_circle():
    """Code that is loaded for the moment may name who loads it: that import is within a function."""
    tops = house.imports(TREES, top=True)
    assert not house.circles([(name, each) for name, wanted in tops.items() for each in wanted])


def test_every_room_says_what_lives_there_and_what_it_may_import():
    for room in house.FLOOR:
        tree = TREES.get("firmware." + room)
        text = tree and (tree.body[0].value.value if tree.body else "")
        assert tree is None or "ay import" in text or "imports" in text, room


def test_an_import_against_the_direction_is_found():
    ties = {("core", "app"): [("firmware.core.clock", "firmware.app.main")], ("app", "core"): []}
    assert house.against(ties) == [("firmware.core.clock", "firmware.app.main")]
    assert house.against({("meters", "net"): [("a", "b")]}) == [("a", "b")]
