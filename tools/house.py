"""Figures of the house: files, lines, which room imports which, what goes round in a circle, and how many stations a
record and a command pass, as docs/architecture.md lists them.

    python -m tools.house [FOLDER]      of this checkout, or of another one by its folder
    python -m tools.house --list        the imports and circles, too

A room is a folder of firmware/ with all that lies below it, or a module beside those folders. An import inside a
function counts as much as one at the top: both tie two files together.
"""

import ast
import re
from pathlib import Path

from tools.options import Parser

ROOT = Path(__file__).resolve().parent.parent
# Who may import whom: a room those of the lines below its own. docs/architecture.md says what each holds.
FLOORS = (
    ("app",),
    ("web",),
    ("delivery", "update", "boards", "commands"),
    ("meters", "net"),
    ("iec102", "recordlog", "config", "security"),
    ("core",),
)
FLOOR = {room: at for at, rooms in enumerate(FLOORS) for room in rooms}


def modules(root=ROOT):
    """{module's name: syntax tree} of firmware/ in the checkout `root`."""
    found = {}
    for path in sorted((root / "firmware").rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = ast.parse(path.read_text())
    return found


def imports(trees, top=False):
    """{module: set of modules of the firmware that it imports}; `top`: outside of functions."""
    found = {}
    for name, tree in trees.items():
        found[name] = set()
        for node in tree.body if top else ast.walk(tree):
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                below = ["%s.%s" % (node.module, alias.name) for alias in node.names]
                wanted = [each for each in below if each in trees]
                if len(wanted) < len(below):
                    wanted.append(node.module)
            else:
                continue
            found[name].update(each for each in wanted if each in trees and each != name)
    return found


def room(name):
    """The room of a module: "meters" for firmware.meters.readings.curve."""
    return (name.split(".") + [""])[1] or "firmware"


def between_rooms(found):
    """{(room, room it imports): [(module, module)]} of imports()."""
    ties = {}
    for name, wanted in found.items():
        for each in wanted:
            if room(name) != room(each):
                ties.setdefault((room(name), room(each)), []).append((name, each))
    return ties


def against(ties):
    """[(module, module it imports)] of between_rooms() that go up, or across."""
    wrong = []
    for (start, end), which in ties.items():
        if start != "firmware" and end != "firmware" and FLOOR.get(start, -1) >= FLOOR.get(end, -1):
            wrong += which
    return wrong


def circles(ties):
    """Groups (sorted lists) of names that reach each other by pairs (from, to), each with two members or more."""
    onward = {}
    for start, end in ties:
        onward.setdefault(start, set()).add(end)

    def reached(start):
        seen, todo = set(), [start]
        while todo:
            for each in onward.get(todo.pop(), ()):
                if each not in seen:
                    seen.add(each)
                    todo.append(each)
        return seen

    ways = {each: reached(each) for each in onward}
    found = []
    for each, seen in ways.items():
        group = sorted(other for other in seen if each in ways.get(other, ()))
        if len(group) > 1 and group not in found:
            found.append(group)
    return found


def ways(root=ROOT):
    """{"record": [(path, name of a function), …], "command": …} of docs/architecture.md; empty where it lists none."""
    text = (root / "docs" / "architecture.md").read_text()
    found = {}
    for part in text.split("\n## "):
        title = re.match(r"One (\w+)'s way\n", part)
        stations = re.findall(r"(?m)^\d+\. `(firmware/[\w/]+\.py): ([\w.]+)`", part)
        if title and stations:
            found[title.group(1)] = stations
    return found


def defined(tree):
    """The names of a module's functions, those of its classes as Class.function."""
    found = set()
    for node in tree.body:
        found.add(getattr(node, "name", ""))
        for each in node.body if isinstance(node, ast.ClassDef) else ():
            found.add("%s.%s" % (node.name, getattr(each, "name", "")))
    return found


def _passed(stations):
    """How many moves lie between stations, and through how many rooms they go."""
    return len(stations) - 1, len({path.split("/")[1] for path, _ in stations})


def figures(root=ROOT):
    """{what: number or list} of the checkout in `root`."""
    trees = modules(root)
    found = imports(trees)
    ties = between_rooms(found)
    paths = list((root / "firmware").rglob("*.py"))
    passed = {
        "moves of one %s, through %d rooms" % (what, _passed(stations)[1]): _passed(stations)[0]
        for what, stations in ways(root).items()
    }
    return {
        "files": len(paths),
        "lines": sum(len(path.read_text().splitlines()) for path in paths),
        "rooms": len({room(name) for name in trees} - {"firmware"}),
        "modules beside the rooms": sum(name.count(".") == 1 and not _has_folder(root, name) for name in trees),
        "imports between modules": sum(map(len, found.values())),
        "imports between rooms": sum(map(len, ties.values())),
        "pairs of rooms": sorted("%s > %s (%d)" % (*pair, len(which)) for pair, which in ties.items()),
        "imports against the direction": sorted("%s > %s" % pair for pair in against(ties)),
        "circles of rooms": circles(ties),
        "circles of modules": circles([(name, each) for name, wanted in found.items() for each in wanted]),
        **passed,
    }


def _has_folder(root, name):
    return (root / name.replace(".", "/")).is_dir()


def main(argv=None):
    parser = Parser(prog="tools.house", description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", nargs="?", default=ROOT, type=Path, help="of a checkout (default: this one)")
    parser.add_argument("--list", action="store_true", help="which they are")
    args = parser.parse_args(argv)
    for what, value in figures(args.folder.resolve()).items():
        print("%6d  %s" % (value if isinstance(value, int) else len(value), what))
        for each in value if args.list and not isinstance(value, int) else ():
            print("        " + (each if isinstance(each, str) else " ".join(each)))


if __name__ == "__main__":
    main()
