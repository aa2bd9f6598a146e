"""The last column of a table, what each row is for in words, moves into a module of its own on the way to a board.

In the source a row of the settings or of the commands says all there is to say, so a new one is one line in one place.
A board looks at its rows all the time and at their words only for HELP, and has no room for both. The module that
tells the words imports the table; what a board gets has rows without words in the one module, and rows `name|words` in
the place of that import in the other. No line moves: a traceback has the lines of the source.
"""

import ast

# Module that tells the words -> module of the rows, what the table is called in both: a text, or a dict of them.
TABLES = {
    "firmware/config/words.py": ("firmware/config/settings_table.py", "TABLES"),
    "firmware/commands/handlers/help.py": ("firmware/commands/grammar.py", "TABLE"),
}
# How many fields stand before the words, as the module that tells these counts them.
BEFORE = "_BEFORE"


def text(relative, root):
    """The source of a module of `root` as a board gets it; None: as it stands. ValueError: a table is not whole."""
    name = relative.as_posix()
    for words, (rows, table) in TABLES.items():
        if name in (words, rows):
            source, teller = _read(root / rows), _read(root / words)
            whole, count = _assigned(source, table), _assigned(teller, BEFORE)
            short, long = split(ast.literal_eval(whole.value), count.value.args[0].value)
            if name == rows:
                return _with(source, {whole: "%s = %r" % (table, short)})
            place = _imported(teller, rows, table)
            return _with(teller, {place: "%s = %r" % (table, long), count: BEFORE + " = const(1)"})
    return None


def split(table, before):
    """(table without the words, table of `name|words`) of one whose words follow `before` fields. ValueError."""
    if isinstance(table, dict):
        pairs = {group: split(rows, before) for group, rows in table.items()}
        return tuple({group: pair[at] for group, pair in pairs.items()} for at in (0, 1))
    short, long = ["", ""], ["", ""]
    for row in table.strip("\n").split("\n"):
        fields = row.split("|", before)
        if len(fields) <= before or not fields[-1]:
            raise ValueError("the row %r lacks a field: %d are wanted, the last in words" % (row, before + 1))
        short.insert(-1, "|".join(fields[:before]))
        long.insert(-1, fields[0] + "|" + fields[before])
    return "\n".join(short), "\n".join(long)


def _read(path):
    """(lines, syntax tree) of a source."""
    source = path.read_text()
    return source.split("\n"), ast.parse(source)


def _assigned(source, name):
    """The statement at the top of a source that gives `name` its value."""
    for node in source[1].body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return node
    raise ValueError("%s is wanted" % name)


def _imported(source, path, name):
    """The statement at the top of a source that imports nothing but `name` of the module in `path`."""
    module = path.removesuffix(".py").replace("/", ".")
    for node in source[1].body:
        if isinstance(node, ast.ImportFrom) and node.module == module and [a.name for a in node.names] == [name]:
            return node
    raise ValueError("from %s import %s is wanted, alone" % (module, name))


def _with(source, changes):
    """The text of a source in which statements are other ones, of one line each; those behind them stay in theirs."""
    lines = list(source[0])
    for node, line in changes.items():
        lines[node.lineno - 1 : node.end_lineno] = [line] + [""] * (node.end_lineno - node.lineno)
    return "\n".join(lines)
