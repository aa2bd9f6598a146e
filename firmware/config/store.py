"""The settings: what was set over the defaults, and changes that have yet to prove themselves.

The file holds flat names and only what differs from the defaults. Only what a running device needs stays in memory:
the tables (settings.py) and what reads, changes and shows settings (the other modules here) are loaded when they are
wanted and dropped afterwards.
"""

import json

from firmware.core.errors import ConfigError
from firmware.port import unload_all

# Which module has which method.
_EDIT = " set set_many save change "
_TRIAL = " trial begin_trial restage confirm expire "
_TEXT = " text row key is_secret changed dump import_text mask "

# What stays: this module, and folders that are empty but for what they hold.
_KEPT = (__name__, "firmware.config.tables", "firmware.config.helptexts")
# Kept between two steps of one piece of work.
_TABLES = (
    "firmware.config.settings",
    "firmware.config.tables.general",
    "firmware.config.tables.network",
    "firmware.config.tables.meters",
)
# Defaults that are kept at hand between two commands.
_MOST_SEEN = 8


def number(text, least, most):
    """`text` as an int from `least` to `most`, or None. Nothing but digits: no sign, no blanks within."""
    if not 0 < len(text) <= 10 or any(c not in "0123456789" for c in text):
        return None
    value = int(text)
    return value if least <= value <= most else None


def _use(name):
    return __import__("firmware.config." + name, None, None, (name,))


class Config:
    """`path` None keeps the settings in memory only.

    `problems`: what was wrong with the files, in words.
    `trying`: seconds the values on trial have to prove themselves (0: none are in force); `staged`: names -> values
    on trial, whether in force or not yet; `code`: what has to come over the new way before they stay. `expansions`:
    what [IMEI], [ID] and [P] stand for.

    Besides get(), expand() and release() a Config has as methods what these modules describe: load (load), edit (set,
    set_many, save, change), trial (trial, begin_trial, restage, confirm, expire) and text (text, row, key,
    is_secret, changed, dump, import_text, mask).
    """

    def __init__(self, path=None):
        self.path = path
        self._values = {}
        # They while nobody works with them: a line `name value-as-JSON` each, in a third of the room. One is found
        # without reading the others.
        self._packed = "\n"
        self.staged = {}
        self.trying = 0
        self.trial_seconds = 0
        self.code = ""
        self.damaged = False  # the file; it must not become the last good one
        self.problems = []
        self.expansions = {}
        self._released = False
        self._seen = {}  # what was asked for since release()

    @property
    def values(self):
        """Full name -> value, where it is not the default; to be changed in place."""
        if self._values is None:
            values = {}
            for line in self._packed.strip().split("\n"):
                name, _, value = line.partition(" ")
                if name:
                    values[name] = json.loads(value)
            self._values = values
        self._seen = {}
        return self._values

    def get(self, name, index=None):
        """The value in force of `name` ("mqtt.qos", "meter.3.id", or "meter.id" with its index). ConfigError."""
        if index is not None:
            group, _, field = name.partition(".")
            name = "%s.%d.%s" % (group, index, field)
        if self.trying and name in self.staged:
            return self.staged[name]
        if name in self._seen:
            return self._seen[name]
        if self._values is None:
            at = self._packed.find("\n%s " % name)
            if at >= 0:
                at += len(name) + 2
                return self._note(name, json.loads(self._packed[at : self._packed.find("\n", at)]))
        elif name in self._values:
            return self._values[name]
        settings = _use("settings")
        row, index, error = settings.find(name)
        if error:
            raise ConfigError(error)
        key = settings.key(row, index)
        if key != name:
            return self.get(key)
        return self._note(name, settings.default(row))

    def _note(self, name, value):
        if self._released and self._values is None:
            # Few are asked for all the time; they must not cost a look at the table each.
            self._seen[name] = value
        return value

    def expand(self, text, meter=None):
        """Put what they stand for in the place of [IMEI], [P] and [ID] (of the meter with that index)."""
        for name in self.expansions:
            value = self.expansions[name]
            if name == "ID" and meter is not None:
                value = self.get("meter.id", meter) or "ID%05d" % meter
            text = text.replace("[%s]" % name, value)
        return text

    def release(self):
        """Take out of memory what is only needed for a moment: when start-up is over, and after each command."""
        _unload()
        self._released = True
        if self._values is not None:
            lines = ["%s %s\n" % (name, json.dumps(value)) for name, value in self._values.items()]
            self._packed = "\n" + "".join(lines)
            self._values = None
        if len(self._seen) > _MOST_SEEN:
            self._seen = {}

    def __getattr__(self, name):
        if " %s " % name in _EDIT:
            module = "edit"
        elif " %s " % name in _TRIAL:
            module = "trial"
        elif name == "load":
            module = "load"
        elif " %s " % name in _TEXT:
            module = "text"
        else:
            raise AttributeError(name)
        return lambda *args, **named: _run(module, name, self, args, named)


def _run(module, name, config, args, named):
    """Call a function of a module that is loaded for it."""
    try:
        return getattr(_use(module), name)(config, *args, **named)
    finally:
        if module != "text":
            _unload(_TABLES)


def _unload(kept=()):
    """Let go of everything in this folder but what is `kept`."""
    unload_all(("firmware.config.",), _KEPT + kept)
