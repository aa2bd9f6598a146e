"""Shorter private names for the device: MicroPython keeps every name it has ever loaded in RAM.

Each module's private names (`_like_this`) and the arguments nobody passes by name become `_a`, `_b`, … on the way to
mpy-cross; the modules share these few. Public names only the firmware knows get two letters, the same in all modules
(tools/publicnames.py). What a string may mean stays as it is. Names in a traceback from a device are turned back by

    python -m tools.shorten < TRACEBACK

which needs the same version of the source.
"""

import ast
import re
import string
import sys
from pathlib import Path

from tools import constants, passingtexts, publicnames

ROOT = Path(__file__).resolve().parent.parent
# Whoever calls the firmware on a device; what they pass by name keeps its name.
CALLERS = ("firmware", *publicnames.BESIDE)


def _private(name):
    return name.startswith("_") and not name.startswith("__") and name != "_"


def _short():
    letters = string.ascii_lowercase
    for name in letters:
        yield "_" + name
    for first in letters:
        for second in letters:
            yield "_" + first + second


class _Facts(ast.NodeVisitor):
    """What one module defines, uses, passes by name and mentions in strings."""

    def __init__(self, tree):
        self.defined, self.used, self.passed, self.strings = set(), set(), set(), set()
        self.imports, self.bases = set(), set()
        self.spreads = False  # whether it calls something with **
        self.visit(tree)

    def visit_FunctionDef(self, node):
        self.defined.add(node.name)
        self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node):
        for base in node.bases:
            self.bases.add(base.id if isinstance(base, ast.Name) else getattr(base, "attr", ""))
        self.visit_FunctionDef(node)

    def _name(self, name, node):
        (self.used if isinstance(node.ctx, ast.Load) else self.defined).add(name)

    def visit_Name(self, node):
        self._name(node.id, node)

    def visit_Attribute(self, node):
        self._name(node.attr, node)
        self.generic_visit(node)

    def visit_arg(self, node):
        self.defined.add(node.arg)

    def visit_ImportFrom(self, node):
        for alias in node.names:
            self.imports.update((alias.name, alias.asname or alias.name))

    visit_Import = visit_ImportFrom

    def visit_keyword(self, node):
        self.passed.add(node.arg)
        self.spreads = self.spreads or node.arg is None
        self.generic_visit(node)

    def visit_Constant(self, node):
        if isinstance(node.value, str):
            self.strings.update(re.findall(r"\w+", node.value))


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class _Bare(ast.NodeTransformer):
    """Takes the docstrings out: mpy-cross drops them, and words in them are no names."""

    def visit(self, node):
        node = self.generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _is_docstring(each)]
            if not node.body and not isinstance(node, ast.Module):
                node.body = [ast.Pass()]
        return node


class _Rename(ast.NodeTransformer):
    def __init__(self, names, fixed):
        self.names = names  # of the module
        self.fixed = fixed  # arguments that must keep their names
        self.scope = [names]

    def _of(self, name):
        return self.scope[-1].get(name, name)

    def visit_Name(self, node):
        node.id = self._of(node.id)
        return node

    def visit_Attribute(self, node):
        self.generic_visit(node)
        node.attr = self.names.get(node.attr, node.attr)
        return node

    def visit_Global(self, node):
        node.names = [self._of(name) for name in node.names]
        return node

    visit_Nonlocal = visit_Global

    def visit_ExceptHandler(self, node):
        node.name = node.name and self._of(node.name)
        return self.generic_visit(node)

    def visit_ClassDef(self, node):
        node.name = self._of(node.name)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node):
        node.name = self._of(node.name)
        arguments = node.args
        # Defaults belong to the scope around the function.
        arguments.defaults = [self.visit(each) for each in arguments.defaults]
        arguments.kw_defaults = [each and self.visit(each) for each in arguments.kw_defaults]
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        scope = dict(self.scope[-1])
        plain = arguments.posonlyargs + arguments.args
        inner = {a.arg for each in ast.walk(node) if each is not node for a in _arguments(each)}
        bound = {name for each in ast.walk(node) for name in _declared(each)}
        taken = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} | set(
            scope.values()
        )
        free = (name for name in _short() if name not in taken)
        for each in _arguments(node):
            scope.pop(each.arg, None)
        for each in plain:
            if each.arg not in self.fixed | inner | bound and each.arg != "self":
                scope[each.arg] = next(free)
                each.arg = scope[each.arg]
        self.scope.append(scope)
        node.body = [self.visit(each) for each in node.body]
        self.scope.pop()
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        scope = dict(self.scope[-1])
        for each in _arguments(node):
            scope.pop(each.arg, None)
        node.args.defaults = [self.visit(each) for each in node.args.defaults]
        self.scope.append(scope)
        node.body = self.visit(node.body)
        self.scope.pop()
        return node


class _Relative(ast.NodeTransformer):
    """Imports from the firmware by the way from here, which is shorter than that from the top."""

    def __init__(self, package):
        self.package = package  # of this module, as a list of names

    def visit_ImportFrom(self, node):
        wanted = (node.module or "").split(".")
        if node.level or wanted[0] != self.package[0]:
            return node
        common = 0
        while wanted[common : common + 1] == self.package[common : common + 1] != []:
            common += 1
        node.level = len(self.package) - common + 1
        node.module = ".".join(wanted[common:]) or None
        return node


def _arguments(node):
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return []
    a = node.args
    extra = [each for each in (a.vararg, a.kwarg) if each]
    return a.posonlyargs + a.args + a.kwonlyargs + extra


def _declared(node):
    return node.names if isinstance(node, (ast.Global, ast.Nonlocal)) else ()


class Shortener:
    """Knows all modules under `root`/firmware; `text(path)` is the source as the device gets it."""

    def __init__(self, root=ROOT):
        self.root = Path(root)
        self.trees = {}
        for path in sorted((self.root / "firmware").rglob("*.py")):
            self.trees[path] = _Bare().visit(ast.parse(path.read_text()))
        numbers = constants.find(self.trees, publicnames.mentioned(self.root, self.trees))
        for tree in self.trees.values():
            constants.Put(numbers).visit(tree)
        self.public = publicnames.plan(self.root, self.trees)
        self.said = {path: publicnames.words(tree) for path, tree in self.trees.items()}
        for tree in self.trees.values():
            publicnames.Rename(self.public).visit(tree)
        self.facts = {path: _Facts(tree) for path, tree in self.trees.items()}
        self.fixed = self._passed_by_name()
        for path, facts in self.facts.items():
            # What is passed by ** has its names from strings.
            if facts.spreads or path.parent.name == "boards":
                self.fixed |= facts.strings
        self.names = {}
        self.lasting = passingtexts.texts(self.trees)
        self._plan()

    def _passed_by_name(self):
        passed = {"self"}
        for top in CALLERS:
            top = self.root / top
            for path in [top] if top.suffix else sorted(top.rglob("*.py")):
                if not path.exists():
                    continue
                passed |= _Facts(ast.parse(path.read_text())).passed
        return passed

    def _plan(self):
        kept = set(self.fixed)
        for facts in self.facts.values():
            kept |= facts.strings
            kept |= facts.used - facts.defined
            kept |= facts.imports
        for group in self._groups():
            mine = set()
            every = set()
            for path in group:
                facts = self.facts[path]
                mine |= {name for name in facts.defined if _private(name) and name not in kept}
                every |= facts.defined | facts.used | facts.imports
            free = (name for name in _short() if name not in every - mine)
            # Short names that exist already may be given to somebody else: all of `mine` is renamed.
            names = dict(zip(sorted(mine), free))
            for path in group:
                self.names[path] = names

    def _groups(self):
        """Modules whose classes inherit from each other share one set of names."""
        where = {}
        for path, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    where.setdefault(node.name, set()).add(path)
        group = {path: {path} for path in self.trees}
        for path, facts in self.facts.items():
            for base in facts.bases:
                for other in where.get(base, ()):
                    if group[other] is not group[path]:
                        merged = group[other] | group[path]
                        for each in merged:
                            group[each] = merged
        return {id(each): sorted(each) for each in group.values()}.values()

    def text(self, path):
        if path not in self.trees:
            return Path(path).read_text()
        tree = ast.parse(ast.unparse(self.trees[path]))
        if passingtexts.passes(path):
            tree = passingtexts.Texts(self.lasting).visit(tree)
        tree = _Relative(list(path.parent.relative_to(self.root).parts)).visit(tree)
        return ast.unparse(_Rename(self.names[path], self.fixed).visit(tree)) + "\n"

    def module(self, path):
        name = ".".join(path.relative_to(self.root).with_suffix("").parts)
        return name.removesuffix(".__init__")

    def restore(self, line):
        """A line of a traceback with the names of the source."""
        found = re.match(r'(\s*File ")([\w.]+)(".* in )(\w+)(.*)', line, re.S)
        if found:
            for path, names in self.names.items():
                if self.module(path) == found.group(2):
                    mine = [n for n in self.public.items() if n[0] in self.said[path]]
                    back = {short: name for name, short in [*mine, *names.items()]}
                    start, module, between, name, end = found.groups()
                    return start + module + between + back.get(name, name) + end
        return line


def main():
    if sys.argv[1:]:
        raise SystemExit(__doc__)
    shortener = Shortener()
    for line in sys.stdin:
        sys.stdout.write(shortener.restore(line))


if __name__ == "__main__":
    main()
