"""Public constants of the firmware as numbers in every module that uses them.

mpy-cross puts `_NAME = const(1)` into the code where its own module uses it and keeps no variable. Here the same is
done for `NAME = const(1)` and the modules that import it, and for `const` itself, which the compiler knows anyway.
"""

import ast


def _is_const(node):
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const"
    )


def _bound(tree):
    """Every name a module binds in whatever way, once for each time; of imports those that get another name."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, (ast.arg, ast.keyword)) and node.arg:
            yield node.arg
        elif isinstance(node, ast.alias) and node.asname:
            yield node.name


def find(trees, kept):
    """{name: int} of the constants that can be put in; not those in `kept`, and none whose name is bound twice."""
    bound = {}
    for tree in trees.values():
        for name in _bound(tree):
            bound[name] = bound.get(name, 0) + 1
    assigned = [
        (node.targets[0].id, node.value.args[0])
        for tree in trees.values()
        for node in tree.body
        if isinstance(node, ast.Assign) and _is_const(node.value)
    ]
    return {
        name: value.value
        for name, value in assigned
        if isinstance(value, ast.Constant)
        and type(value.value) is int
        and not name.startswith("_")
        and bound[name] == 1
        and "_" + name not in bound
        and name not in kept
    }


class Put(ast.NodeTransformer):
    """Puts `numbers` in where their names are used; what is left of an empty import is nothing."""

    def __init__(self, numbers):
        self.numbers = numbers
        self.gone = set(numbers)

    def visit_Module(self, node):
        calls = [
            each
            for each in ast.walk(node)
            if isinstance(each, ast.Assign) and _is_const(each.value)
        ]
        uses = [
            each for each in ast.walk(node) if isinstance(each, ast.Name) and each.id == "const"
        ]
        if len(calls) == len(uses):
            self.gone.add("const")
        self.generic_visit(node)
        self.gone.discard("const")
        return node

    def visit(self, node):
        node = super().visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list) and not body and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]
        return node

    def visit_ImportFrom(self, node):
        if (node.module or "").split(".")[0] == "firmware":
            node.names = [each for each in node.names if each.name not in self.gone]
        return node if node.names else None

    def visit_Name(self, node):
        if node.id in self.numbers:
            if isinstance(node.ctx, ast.Load):
                return ast.Constant(self.numbers[node.id])
            node.id = "_" + node.id  # the compiler keeps no variable for it
        return node

    def visit_Attribute(self, node):
        self.generic_visit(node)
        if node.attr in self.numbers and isinstance(node.value, ast.Name):
            return ast.Constant(self.numbers[node.attr])
        return node
