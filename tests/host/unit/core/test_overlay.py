"""Code comes and goes by one way (firmware/core/overlay.py): its rules over the syntax trees, and what it does."""

import ast
import functools
from pathlib import Path

import pytest

from firmware.commands import grammar
from firmware.core import overlay
from tests.host.support import virtual_time
from tools import counts, house

ROOT = Path(__file__).resolve().parents[4]
TABLE = {}  # group -> (groups used with it, its modules)
for line in overlay.GROUPS.strip().split("\n"):
    name, *words = line.split(" ")
    if name == "part":
        continue  # what is imported in there stays
    below = [word[1:] for word in words if word[0] == "+"]
    modules = []
    for word in words:
        if word[0] != "+":
            folder, point, last = ("firmware." + word).rpartition(".")
            modules += [folder + point + each for each in last.split(",")]
    assert name not in TABLE
    TABLE[name] = (below, modules)
GROUP = {module: name for name, (_, modules) in TABLE.items() for module in modules}
# Not on every device, but never let go where it is: what `with overlay.part` imports.
_PARTS = """
app.device boards.base boards.modem_twin commands.dispatcher commands.channels.console commands.channels.mqtt
commands.channels.tags core.clock core.serial_port delivery.discovery delivery.mqtt.service delivery.sender
meters.meter net.ethernet net.link net.modem.at net.modem.keepalive net.modem.link recordlog.kept recordlog.ring
web.server web.start
"""
PARTS = {"firmware." + word for word in _PARTS.split()}
# Classes of theirs are caught by others, who would not know them again.
RESIDENT = {"firmware." + word for word in ("config.config", "delivery.mqtt.session", "delivery.mqtt.packets")}


@functools.cache
def trees():
    return house.modules()


def with_those_below(names):
    """Groups and all that is used with them."""
    found = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found and name in TABLE:
            found.add(name)
            todo += TABLE[name][0]
    return found


def imported(node):
    """The modules of the firmware that an import loads."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    below = {"%s.%s" % (node.module, alias.name) for alias in node.names}
    return (below & trees().keys()) or {node.module}


def test_the_table_names_modules_that_exist_each_once():
    modules = [module for _, found in TABLE.values() for module in found]
    assert len(modules) == len(set(modules)) > 60
    assert not (set(modules) | PARTS | RESIDENT) - trees().keys()
    assert not RESIDENT & GROUP.keys() and not PARTS & GROUP.keys()
    for below, _ in TABLE.values():
        assert set(below) <= TABLE.keys()


def test_a_module_of_a_group_is_imported_in_a_use_of_it_or_from_its_group_alone():
    wrong = []
    for name, tree in trees().items():
        own = with_those_below({GROUP[name]}) if name in GROUP else set()
        for node, _, groups in counts.own_imports(tree):
            allowed = own | with_those_below(groups)
            for each in imported(node):
                if each in GROUP and GROUP[each] not in allowed:
                    wrong.append("%s:%d imports %s of %s" % (name, node.lineno, each, GROUP[each]))
    assert not wrong


def test_imports_within_functions_are_those_of_the_overlay():
    wrong = []
    for name, tree in trees().items():
        for node, inside, groups in counts.own_imports(tree):
            if inside and not groups:
                wrong.append("%s:%d" % (name, node.lineno))
            if "part" in groups and not imported(node) <= PARTS:
                wrong.append("%s:%d is no part" % (name, node.lineno))
    assert not wrong


def classes_of(tree):
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def test_no_class_of_a_group_is_caught_by_whoever_does_not_use_the_group():
    """Loaded anew it would be another class, and pass by."""
    wrong = []
    for name, tree in trees().items():
        own = with_those_below({GROUP[name]}) if name in GROUP else set()
        foreign = {}
        for node, _, _ in counts.own_imports(tree):
            module = getattr(node, "module", None)
            if module in GROUP and GROUP[module] not in own:
                for alias in node.names:
                    if alias.name in classes_of(trees()[module]):
                        foreign[alias.asname or alias.name] = module
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and node.type:
                caught = {each.id for each in ast.walk(node.type) if isinstance(each, ast.Name)}
                held = any(set(counts.groups_of(each)) for each in around(tree, node))
                if not held:
                    wrong += ["%s:%d catches %s" % (name, node.lineno, each) for each in caught & foreign.keys()]
    assert not wrong


def around(tree, wanted):
    """The nodes that stand around one."""

    def look(node, way):
        if node is wanted:
            return way
        for each in ast.iter_child_nodes(node):
            found = look(each, [*way, node])
            if found is not None:
                return found
        return None

    return look(tree, [])


def test_no_other_way():
    """The counts that were 64, 33, 26 and 14 when each module had a way of its own."""
    found = counts.places(ROOT)

    def outside(what, *files):
        return [place for place in found[what] if place.split(":")[0] not in files]

    assert not outside("gc.collect", "firmware/core/overlay.py")
    # packfs.py is none of the version's: it imports nothing of it.
    assert not outside("sys.modules", "firmware/core/overlay.py", "firmware/packfs.py")
    # By the name of a board, and by that of a handler in its row.
    assert not outside("__import__", "firmware/boards/__init__.py")
    handlers = {"firmware.commands.handlers." + row[5] for row in grammar.rows()}
    assert handlers <= {module for module, name in GROUP.items() if name == "handlers"}
    assert len(found["MemoryError handlers"]) <= 4
    assert not found["renaming tools"]


def test_a_private_constant_stands_before_its_use():
    """mpy-cross puts it in where it knows it by then, and keeps no variable: before that there is nothing."""
    wrong = []
    for name, tree in trees().items():
        made = {
            node.targets[0].id: node.lineno
            for node in tree.body
            if isinstance(node, ast.Assign) and getattr(getattr(node.value, "func", None), "id", "") == "const"
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id[0] == "_" and node.lineno < made.get(node.id, 0):
                wrong.append("%s:%d %s" % (name, node.lineno, node.id))
    assert not wrong


def test_a_turn_that_is_cancelled_leaves_nothing_behind():
    import asyncio

    async def main():
        async def hold(name, ms):
            with await overlay.turn(name):
                await asyncio.sleep(ms / 1000)

        update = asyncio.ensure_future(hold("fetch", 1000))
        await asyncio.sleep(0.1)
        session = asyncio.ensure_future(hold("session", 1000))
        await asyncio.sleep(0.1)
        assert overlay.running == [1, 0, 1]
        update.cancel()
        session.cancel()
        await asyncio.sleep(0.1)
        waits = asyncio.ensure_future(hold("session", 100))
        await asyncio.sleep(0.01)
        assert overlay.running == [1, 0, 0]
        await waits
        assert overlay.running == [0, 0, 0] and not overlay.wanted

    virtual_time.run(main())


@pytest.mark.parametrize(
    "free, over, waits",
    (
        (60000, 30000, 30),  # it is up, or has failed, after half a minute
        (60000, None, 90),  # no network: meters are read all the same
        (10**6, None, 0),  # there is room for both
    ),
)
def test_the_first_readings_leave_a_short_heap_to_the_modems_way_up(monkeypatch, free, over, waits):
    """Its code and a session's beside each other left no piece in which a module could be loaded."""
    import asyncio

    async def main():
        began = overlay.ticks_ms()
        overlay.way_up = overlay.ticks_ms() + 90000
        reading = asyncio.ensure_future(overlay.turn("session"))
        # The modem has its turns meanwhile, and so have commands.
        with await overlay.turn("wake"):
            assert overlay.ticks_ms() - began < 1000
        if over:
            await asyncio.sleep(over / 1000)
            overlay.way_up = None
        await reading
        assert waits <= (overlay.ticks_ms() - began) / 1000 <= waits + 2

    monkeypatch.setattr(overlay, "_free", lambda: free)
    monkeypatch.setattr(overlay, "note", lambda: None)
    monkeypatch.setattr(overlay, "way_up", None)
    virtual_time.run(main())


@pytest.mark.parametrize("free, most", ((10**6, 1), (0, 20)))
def test_groups_that_are_used_together_ask_once_whether_there_is_room(monkeypatch, free, most):
    """Each look walks through all of the heap: 23 of them, for one command's groups, were a turn of 260 ms."""
    looks = []
    monkeypatch.setattr(overlay, "_free", lambda: looks.append(1) or free)
    monkeypatch.setattr(overlay, "_users", {})
    with overlay.use("rights"):
        assert 1 <= len(looks) <= most
        looks.clear()
    assert len(looks) == 1
    assert not any(users[0] for users in overlay._users.values())


def test_an_attempt_ends_where_memory_does_and_nothing_else_is_swallowed():
    done = []
    with overlay.attempt:
        done.append(1)
        raise MemoryError
    with pytest.raises(OSError), overlay.attempt:
        raise OSError(5)
    assert done == [1]
