"""Which public names of the firmware may be short on the device, and what they become.

A name that only the firmware's own modules know can be any other, as long as it is the same in all of them. Left as
they are: what MicroPython or a library has a name for, what a string or a keyword mentions, what boot.py, main.py or
an object of the hardware is asked for, and what stands in for one has; modules, and exceptions, whose names stand in
messages.
"""

import ast
import builtins
import importlib
import keyword
import re
import string
import subprocess
import zlib
from functools import lru_cache
from pathlib import Path

from tools import micropython, sharednames

# What runs beside the firmware on the device, tests and benches, too.
BESIDE = ("boot.py", "main.py", "lib", "tests/host/mpy", "tests/proof/mpy", "bench/device")
# What has strings that are sent to it.
_SENT = ("tools/board/settings.py", "bench/decode.py")
_ROOT = Path(__file__).resolve().parent.parent
_HARDWARE = "boards"
# In its place where there is none: boards have objects with the same names.
_STAND_INS = ("modem_twin",)
_MODULES = """asyncio binascii collections errno gc hashlib io json math os random select socket ssl struct sys time
zlib"""
_LETTERS = string.ascii_letters
# So many short names are enough for all but those that may meet every other one.
_SHARED = 32


# Tells how many names there are after each line: what MicroPython has itself adds none.
_COUNT = """
import gc, micropython, sys
while True:
    line = sys.stdin.readline()
    if not line:
        break
    hasattr(gc, line[:-1])
    micropython.qstr_info()
"""


def _interpreter(names):
    """Those of `names` that MicroPython's unix port, its frozen modules included, has a name for."""
    names = sorted(names)
    done = subprocess.run(
        micropython.command("-c", _COUNT, heap=None),
        input="\n".join(["gc", *names]) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    counts = [int(found) for found in re.findall(r"n_qstr=(\d+)", done.stdout)]
    return {name for name, before, after in zip(names, counts, counts[1:]) if before == after}


@lru_cache
def _builtins():
    """What CPython's namesakes of MicroPython's modules and types have."""
    found = set(dir(builtins))
    for kind in (
        str,
        bytes,
        bytearray,
        memoryview,
        list,
        tuple,
        dict,
        set,
        int,
        float,
        BaseException,
    ):
        found.update(dir(kind))
    for name in _MODULES.split():
        module = importlib.import_module(name)
        for each in dir(module):
            found.add(each)
            if isinstance(getattr(module, each), type):
                found.update(dir(getattr(module, each)))
    return found


def _is_prose(text):
    """A message or a help text, not a name or a list of names."""
    if " " not in text.strip() or "_" in text or text[0] == " ":
        return " " in text and "\n" not in text and re.search(r"[^\w .,-]", text)
    return "\n" not in text


def _said(text):
    """The words of a string that may be names: in a table with `|` each field is looked at on its own."""
    for line in text.split("\n") if "|" in text else [text]:
        for field in line.split("|"):
            if not _is_prose(field):
                yield from re.findall(r"\w+", field)


def words(tree, strings_only=False):
    """Every identifier of a syntax tree, and every word in its strings."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                found.update(_said(node.value))
        elif not strings_only:
            for field in ("id", "attr", "arg", "name", "asname"):
                found.update(re.findall(r"\w+", getattr(node, field, None) or ""))
    return found


def _exceptions(trees):
    """Names of classes that are exceptions."""
    bases = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                named = {getattr(base, "id", getattr(base, "attr", "")) for base in node.bases}
                bases.setdefault(node.name, set()).update(named)
    found = set()
    more = True
    while more:
        more = {
            name
            for name in bases.keys() - found
            if any(base in found or base.endswith(("Error", "Exception")) for base in bases[name])
        }
        found |= more
    # And what they have from elsewhere: a name that others have, too, would make one family of all of them.
    return found | {base for name in found for base in bases[name] if base in bases}


def _defined(tree):
    """Public names that a module, its classes or its objects have."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            found.add(node.attr)
        if isinstance(node, (ast.Module, ast.ClassDef)):
            for each in node.body:
                for target in ast.walk(each) if isinstance(each, (ast.Assign, ast.For)) else ():
                    if isinstance(target, ast.Name) and not isinstance(target.ctx, ast.Load):
                        found.add(target.id)
    return {name for name in found if not name.startswith("_")}


def mentioned(root, trees):
    """Words that a string of the firmware has, or what runs beside it on the device."""
    found = set().union(*(words(tree, strings_only=True) for tree in trees.values()))
    for each in BESIDE:
        each = root / each
        for path in sorted(each.rglob("*.py")) if each.is_dir() else [each]:
            if path.exists():
                found |= words(ast.parse(path.read_text()))
    for each in _SENT:
        found |= words(ast.parse((_ROOT / each).read_text()), strings_only=True)
    return found


def _kept(root, trees):
    kept = mentioned(root, trees)
    for path, tree in trees.items():
        kept.update(path.relative_to(root).with_suffix("").parts)
        hardware = path.parent.name == _HARDWARE
        if path.stem in _STAND_INS:
            kept |= _defined(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg:
                kept.add(node.arg)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and hardware:
                kept.add(node.attr)
    return kept | _exceptions(trees)


def plan(root, trees):
    """{public name: short name}; `trees`: {path: syntax tree} of the firmware, without docstrings.

    Names that never meet (tools/sharednames.py) may become the same. What a name becomes depends on the name: few
    others change when one comes or goes, so few files have to be sent.
    """
    kept = _kept(root, trees)
    # A command's handler is found by its word in small letters, others by the beginning of their names.
    small = {word.lower() for word in kept if word.isupper()}
    starts = tuple(word for word in kept if word.endswith("_") and len(word) > 1)
    used = set().union(*(words(tree) for tree in trees.values())) | kept | small
    pool = [first + second for first in _LETTERS for second in _LETTERS + string.digits]
    names = {
        name
        for name in set().union(*map(_defined, trees.values())) - kept - small
        if len(name) > 2 and not name.startswith(starts)
    }
    known = _builtins() | _interpreter(names.union(pool))
    free = [n for n in pool if n not in used and not keyword.iskeyword(n) and n not in known]
    names -= known
    meetings = sharednames.meetings(trees, names)
    found = {}
    # Who may meet everybody comes last, behind what the others have.
    for name in sorted(names, key=lambda name: (len(meetings[name]) + 1 == len(names), name)):
        taken = {found[other] for other in meetings[name] if other in found}
        at = zlib.crc32(name.encode()) % _SHARED
        order = free[at:_SHARED] + free[:at] + free[_SHARED:]
        found[name] = next(short for short in order if short not in taken)
    return found


class Rename(ast.NodeTransformer):
    """Gives every identifier in `names` its new name, whatever it names."""

    def __init__(self, names):
        self.names = names

    def visit(self, node):
        for field in ("id", "attr", "arg", "name", "asname"):
            old = getattr(node, field, None)
            if isinstance(old, str):
                setattr(node, field, self.names.get(old, old))
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            node.names = [self.names.get(name, name) for name in node.names]
        return self.generic_visit(node)
