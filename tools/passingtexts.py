"""Short texts of modules that are loaded for a moment, so that they go when the module goes.

The compiler makes a name of every text of up to ten characters, and MicroPython keeps names for ever: `AT+CGMM` of the
modem's bring-up would be in memory as long as the device runs. Of `b"AT+CGMM".decode()` nothing is left.
"""

import ast

from firmware.modem import lazy

_LONGEST = 10  # MICROPY_ALLOC_PARSE_INTERN_STRING_LEN
_SHORTEST = 3


# Below firmware/, beside the modem's.
_MODULES = [
    "boards/modem_settings",
    "commands/doctor",
    "commands/doctorwords",
    "commands/help",
    "commands/update",
    "config/settings_help",
    "config/takeover",
    "framewords",
    "homeassistant",
    "meterprobe",
    "update/download",
    "update/order",
    "update/release",
    "update/source",
    "update/update",
]


def passes(path):
    """Whether the module at `path` is in memory for a moment only."""
    if path.parent.name == "modem":
        return path.stem in lazy.BRING_UP or path.stem.startswith("profiles_")
    return path.with_suffix("").as_posix().partition("firmware/")[2] in _MODULES


class Texts(ast.NodeTransformer):
    """Texts that are no identifiers, in code that runs; `kept` are names anyway."""

    def __init__(self, kept):
        self.kept = kept

    def visit_JoinedStr(self, node):
        return node

    def visit_Constant(self, node):
        text = node.value
        if not isinstance(text, str) or not _SHORTEST <= len(text) <= _LONGEST:
            return node
        if text.isidentifier() or not text.isascii() or text in self.kept:
            return node
        return ast.Call(ast.Attribute(ast.Constant(text.encode()), "decode", ast.Load()), [], [])


def texts(trees):
    """The short texts of the modules that stay."""
    found = set()
    for path, tree in trees.items():
        if not passes(path):
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found
