"""Which public names of the firmware can never meet, so that they may be the same on the device.

MicroPython keeps every name it has ever loaded, in tables that double when they are full: the eighth name too many
costs 14 KB of the twin's heap, 9 KB of a board's, in one piece. Two names may be one where no module and no object
has both: `link.wake` and `ring.depth` are found in different places, whatever they are called.
"""

import ast

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _in_module(tree):
    """Whatever a module may have as a global or a local, and what tracebacks from it may name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, _SCOPES):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.name
            yield node.asname
        elif isinstance(node, ast.ExceptHandler):
            yield node.name
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            yield from node.names


def _is_own(node):
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def _in_class(node):
    """Whatever a class or its objects have as far as the class itself shows."""
    for each in node.body:
        if isinstance(each, _SCOPES):
            yield each.name
        else:
            for target in ast.walk(each):
                if isinstance(target, ast.Name):
                    yield target.id
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and _is_own(each):
            yield each.attr


def _from_outside(tree):
    """Attributes that somebody else sets: nobody knows on what."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and not _is_own(node):
            yield node.attr


def _families(trees):
    """Sets of names that classes have which inherit from each other; classes of the same name count as one."""
    names, family = {}, {}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                names.setdefault(node.name, set()).update(_in_class(node))
                bases = {getattr(base, "id", getattr(base, "attr", "")) for base in node.bases}
                for each in {node.name} | bases:
                    family.setdefault(each, {each})
                for base in bases:
                    merged = family[node.name] | family[base]
                    for each in merged:
                        family[each] = merged
    for each in {id(group): group for group in family.values()}.values():
        yield set().union(*(names.get(name, ()) for name in each))


def meetings(trees, names):
    """{name: the others of `names` it may meet}."""
    outside = set().union(*map(_from_outside, trees.values()))
    places = [set(_in_module(tree)) for tree in trees.values()]
    places += _families(trees)
    found = {name: set() for name in names}
    for place in places:
        place &= names
        for name in place:
            found[name] |= place
    for name in outside & names:
        found[name] |= names
        for other in names:
            found[other].add(name)
    for name, others in found.items():
        others.discard(name)
    return found
