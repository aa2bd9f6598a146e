"""The settings: defaults, a JSON file over them, checks with words, and a file that is never half written.

The file holds flat names and only what differs from the defaults. A damaged or unreadable file falls back to the
last good one (`.bak`), then to the defaults; `problems` says so.
"""

import json
import os

from firmware import settings

_TRUE = ("1", "on", "true", "yes")
_FALSE = ("0", "off", "false", "no")


class ConfigError(ValueError):
    """A setting was refused; the text names it, the value and what is allowed."""


def _split(name):
    """("meter.id", 3) of "meter.3.id"; index None for a setting that exists once."""
    parts = name.split(".")
    if len(parts) == 3 and parts[1].isdigit():
        return parts[0] + "." + parts[2], int(parts[1])
    return name, None


def _row(name):
    """(row, index) of a full name, by our name or by TITAN's (which means the first of several)."""
    base, index = _split(name)
    row = settings.row(base)
    if not row:
        raise ConfigError("there is no setting %s" % name)
    group = settings.GROUPS.get(row[0].split(".")[0])
    if group:
        first, count = group
        index = first if index is None else index
        if not first <= index < first + count:
            raise ConfigError(
                "%s: number %d is not %d to %d" % (name, index, first, first + count - 1)
            )
    elif index is not None:
        raise ConfigError("there is no setting %s" % name)
    return row, index


def _key(row, index):
    if index is None:
        return row[0]
    group, field = row[0].split(".")
    return "%s.%d.%s" % (group, index, field)


def _refuse(row, value, allowed):
    shown = "***" if row[2] == "secret" else value
    raise ConfigError("%s: %s is not allowed; allowed: %s" % (row[0], shown, allowed))


def check(row, value):
    """`value` (text, or what JSON has) as the row's type; ConfigError with the allowed range otherwise."""
    kind, limits = row[2], row[3]
    text = str(value)
    if kind == "bool":
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        _refuse(row, value, "on, off")
    if kind == "int":
        least, most = limits.split(",")
        try:
            number = int(text.strip())
        except ValueError:
            number = None
        if number is None or not int(least) <= number <= int(most):
            _refuse(row, value, "%s to %s" % (least, most))
        return number
    if kind == "choice":
        if text.lower() not in limits.split(","):
            _refuse(row, value, limits)
        return text.lower()
    if len(text) > int(limits) or any(ord(c) < 32 for c in text):
        _refuse(row, value, "up to %s printable characters" % limits)
    return text


def _default(row):
    if row[2] == "bool":
        return row[4] == "on"
    return int(row[4]) if row[2] == "int" else row[4]


class Config:
    """`path` None keeps the settings in memory only."""

    def __init__(self, path=None):
        self._path = path
        self._values = {}
        self.problems = []
        self.expansions = {}  # what [IMEI], [ID] and [P] stand for

    def load(self):
        """Read the file; what is wrong with it is told in `problems` and costs that setting only."""
        if not self._path:
            return
        for path in (self._path, self._path + ".bak"):
            try:
                with open(path) as file:
                    stored = json.load(file)
                if not isinstance(stored, dict):
                    raise ValueError("no object")
            except OSError:
                continue
            except ValueError:
                self.problems.append("%s is damaged; the last good one is used" % path)
                continue
            self._take(stored)
            return

    def _take(self, stored):
        for name in stored:
            try:
                self.set(str(name), stored[name])
            except ConfigError as error:
                self.problems.append(str(error))

    def get(self, name, index=None):
        """The value of `name` ("mqtt.qos", or "meter.id" with its index)."""
        row, found = _row(name)
        key = _key(row, found if index is None else index)
        return self._values[key] if key in self._values else _default(row)

    def text(self, name, masked=True):
        """The value as GETPARAM shows it; secrets as ***."""
        row, index = _row(name)
        value = self.get(name)
        if row[2] == "secret" and masked:
            return "***" if value else ""
        if row[2] == "bool":
            return "on" if value else "off"
        return str(value)

    def set(self, name, value):
        """Check and take one value; returns what the change needs ("", "restart" or "link"). ConfigError."""
        row, index = _row(name)
        value = check(row, value)
        key = _key(row, index)
        if value == _default(row):
            self._values.pop(key, None)
        else:
            self._values[key] = value
        return row[5]

    def set_many(self, values):
        """Take all of a dict or, with a ConfigError, none."""
        before = dict(self._values)
        try:
            for name in values:
                self.set(name, values[name])
        except ConfigError:
            self._values = before
            raise

    def save(self):
        """Write the file; the one before stays as the last good one. A power cut leaves either."""
        if not self._path:
            return
        new = self._path + ".new"
        with open(new, "w") as file:
            json.dump(self._values, file)
        try:
            os.rename(self._path, self._path + ".bak")
        except OSError:
            pass  # there was none yet
        os.rename(new, self._path)

    def changed(self):
        """Names of the settings that differ from their defaults, sorted."""
        return sorted(self._values)

    def is_secret(self, name):
        return _row(name)[0][2] == "secret"

    def expand(self, text):
        """Put what they stand for in the place of [IMEI], [ID] and [P]."""
        for name in self.expansions:
            text = text.replace("[%s]" % name, self.expansions[name])
        return text
