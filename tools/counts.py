"""Count what the firmware does about memory, one line for each kind of it; `core/overlay.py` is to be the only one.

    python -m tools.counts [FOLDER]     of this checkout, or of another one by its folder
    python -m tools.counts --list       the places, too

An import inside a function counts as an overlay's where it stands in `with overlay.use(...)`, `with await
overlay.turn(...)` or `with overlay.part`.
"""

import ast
from pathlib import Path

from tools.options import Parser

ROOT = Path(__file__).resolve().parent.parent
# Tools that gave the firmware's names another form on their way to a board.
RENAMING = ("shorten", "publicnames", "sharednames", "constants", "passingtexts")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def groups_of(node):
    """The groups (tuple) that a `with` statement loads; "part" for one that is never let go."""
    found = ()
    for item in node.items if isinstance(node, ast.With) else ():
        what = item.context_expr.value if isinstance(item.context_expr, ast.Await) else item.context_expr
        called = what.func if isinstance(what, ast.Call) else what
        if isinstance(called, ast.Attribute) and getattr(called.value, "id", "") == "overlay":
            if called.attr == "part":
                found += ("part",)
            elif called.attr in ("use", "turn"):
                found += (what.args[0].value,)
    return found


def own_imports(tree):
    """Yield (node, whether it stands in a function, the overlay's groups around it) of each import of a module of the
    firmware."""

    def look(node, inside, groups):
        for each in ast.iter_child_nodes(node):
            if isinstance(each, (ast.Import, ast.ImportFrom)):
                named = [getattr(each, "module", None) or "", *(alias.name for alias in each.names)]
                if any(name.split(".")[0] == "firmware" for name in named):
                    yield each, inside, groups
            elif isinstance(each, _FUNCTIONS):
                yield from look(each, True, ())
            else:
                yield from look(each, inside, groups + groups_of(each))

    yield from look(tree, False, ())


def _names(node):
    """The names an `except` catches."""
    for each in ast.walk(node.type) if node.type else ():
        if isinstance(each, ast.Name):
            yield each.id


def _calls(tree, owner, name):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            of = getattr(getattr(called, "value", None), "id", None)
            if (getattr(called, "attr", None) or getattr(called, "id", None)) == name and of == owner:
                yield node


def places(root=ROOT):
    """{what: ["path:line", …]} of the checkout in `root`."""
    found = {
        "imports of own modules inside functions": [],
        "  of them in an overlay": [],
        "MemoryError handlers": [],
        "gc.collect": [],
        "__import__": [],
        "sys.modules": [],
    }

    def note(what, path, node):
        found[what].append("%s:%d" % (path.relative_to(root), node.lineno))

    for path in sorted((root / "firmware").rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node, inside, groups in own_imports(tree):
            if inside:
                note("imports of own modules inside functions", path, node)
                if groups:
                    note("  of them in an overlay", path, node)
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and "MemoryError" in _names(node):
                note("MemoryError handlers", path, node)
            elif isinstance(node, ast.Attribute) and node.attr == "modules" and getattr(node.value, "id", "") == "sys":
                note("sys.modules", path, node)
        for node in _calls(tree, "gc", "collect"):
            note("gc.collect", path, node)
        for node in _calls(tree, None, "__import__"):
            note("__import__", path, node)
    found["renaming tools"] = ["tools/%s.py" % n for n in RENAMING if (root / "tools" / (n + ".py")).exists()]
    return found


def main(argv=None):
    parser = Parser(prog="tools.counts", description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", nargs="?", default=ROOT, type=Path, help="of a checkout (default: this one)")
    parser.add_argument("--list", action="store_true", help="where each of them is")
    args = parser.parse_args(argv)
    for what, where in places(args.folder.resolve()).items():
        print("%5d  %s" % (len(where), what))
        for each in where if args.list else ():
            print("         " + each)


if __name__ == "__main__":
    main()
