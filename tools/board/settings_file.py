"""Settings from a file that a person has written: all that is wrong in it at once, with the numbers of the lines."""

import json
from pathlib import Path

from firmware.config import settings as table
from firmware.config.config import Config
from firmware.config.text_import import Importer
from firmware.core.errors import ConfigError
from tools.board.device import BoardError
from tools.options import nearest


def parse_file(path, out=print):
    """{name: value} of a settings file: JSON, or lines `name = value` or `NAME: value` with # comments.

    The latter may be those of a TITAN or MTX-Tunnel, as SAVECONFIG takes them; `out` hears what of that is not here.
    BoardError: with every mistake.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8-sig")  # Windows editors begin with a mark
    except OSError as error:
        raise BoardError("%s: %s; the file with the settings: FILE=site.txt" % (path, error.strerror)) from None
    except UnicodeDecodeError:
        raise BoardError("%s is no text in UTF-8: save it as such" % path) from None
    if text.lstrip().startswith("{"):
        values, wrong = _json(path, text)
    else:
        values, wrong = _lines(text, out)
    if not wrong:
        wrong = check(values)
    if wrong:
        many = "%d mistakes" % len(wrong) if len(wrong) > 1 else "one mistake"
        raise BoardError("%s: %s, nothing was written\n  %s" % (path, many, "\n  ".join(wrong)))
    return values


def check(values):
    """What is wrong with the values together, a list of texts."""
    try:
        Config().set_many(values)
    except ConfigError as error:
        return [str(error)]
    return []


def unknown(name):
    """What to say of a name there is no setting for, with the nearest one."""
    index = next((part for part in name.split(".") if part.isdigit()), None)
    names = []
    for row in table.rows():
        numbers = table.GROUPS.get(row[0].split(".")[0])
        number = (int(index) if index else numbers[0]) if numbers else None
        names.append(table.key(row, number))
    return "there is no setting %s%s" % (name[:40], nearest(name, names))


def _json(path, text):
    try:
        values = json.loads(text)
    except ValueError as error:
        raise BoardError("%s is not JSON: %s; nothing was written" % (path, error)) from None
    wrong = []
    for name, value in values.items():
        if table.find(name)[2]:
            wrong.append(unknown(name))
        else:
            wrong += check({name: value})
    return values, wrong


class _Line(Importer):
    """One line; `wrong` has what is wrong with it, without its number."""

    def __init__(self, line):
        self.wrong = []
        super().__init__(Config())
        self.feed(line)

    def _wrong(self, text):
        self.wrong.append(text.removeprefix("line 1: "))


def _lines(text, out):
    lines = text.splitlines()
    wrong = []
    for number, line in enumerate(lines, 1):
        one = _Line(line)
        # A name in small letters or with a dot is none of the other product's: it is mistyped.
        ours = [unknown(name) for name in one.unknown if "." in name or name == name.lower()]
        wrong += ["line %d: %s" % (number, fault) for fault in one.wrong + ours]
    if wrong:
        return {}, wrong
    importer = Importer(Config())
    for line in lines:
        importer.feed(line)
    try:
        values = importer.finish()
    except ConfigError as error:  # too many of them
        return {}, [str(error)]
    for note in importer.notes + ["unknown: " + name for name in importer.unknown]:
        out(note)
    if importer.unknowns > len(importer.unknown):
        out("unknown: %d more" % (importer.unknowns - len(importer.unknown)))
    return values, []
